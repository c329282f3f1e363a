"""The books: what the ledger, claims, copies and the trail of a history must add up to, reckoned anew."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from contracts.catalogue import EVENTS
from contracts.values import comparable_email
from tests.proof.case import Case, Found, Raw, Violation

Slot = tuple[str, str]
"""An account and a unit."""


class Identified(msgspec.Struct):
    """What has an id, whatever else it has."""

    id: str


IDENTIFIED: Final = msgspec.json.Decoder(Identified)

IN_USE: Final = ("active", "blocked")
"""States in which a card takes one of the places that its holder has for cards."""


def the_ledger_adds_up(case: Case) -> Found:
    """For each account and unit: entries = balance = lots less debt; pending and held likewise; held = outstanding."""
    sums, outstanding = _entered(case), _outstanding(case)
    for name, account in case.documents("rewards", "accounts").items():
        for holding in account.get("holdings", ()):
            slot = (name, holding["unit"])
            for text in _unsound(holding, sums.pop(slot, [0, 0, 0]), outstanding.pop(slot, 0)):
                yield Violation("ledger", f"{slot}: {text}")
    for slot, entered in sums.items():
        if any(entered):
            yield Violation("ledger", f"{slot}: entries {entered} of an account that holds nothing")
    for slot in outstanding:
        yield Violation("ledger", f"{slot}: rewards of an account that holds nothing")


def _entered(case: Case) -> dict[Slot, list[int]]:
    sums: dict[Slot, list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in case.documents("rewards", "ledger_entries").values():
        for place, name in enumerate(("amount", "pending", "held")):
            sums[entry["account_id"], entry["unit"]][place] += entry.get(name, 0)
    return sums


def _outstanding(case: Case) -> dict[Slot, int]:
    prices: dict[Slot, int] = defaultdict(int)
    accounts = case.documents("rewards", "accounts")
    for reward in case.documents("rewards", "rewards").values():
        if reward["state"] == "outstanding":
            own = reward["account_id"]
            prices[accounts.get(own, {}).get("merged_into") or own, reward["unit"]] += reward["price"]
    return prices


def _unsound(holding: Raw, entered: list[int], price: int) -> Iterator[str]:
    held = [holding.get(each, 0) for each in ("balance", "pending", "held")]
    if entered != held:
        yield f"entries sum up to {entered}, the account holds {held}"
    kept = holding.get("lots", ())
    parts = msgspec.msgpack.decode(kept) if isinstance(kept, bytes) else kept
    lots = sum(lot["amount"] for lot in parts) - holding.get("debt", 0)
    if lots != held[0]:
        yield f"lots less debt are {lots}, the balance is {held[0]}"
    if price != held[2]:
        yield f"{held[2]} held, outstanding rewards cost {price}"


def receipts_count_once(case: Case) -> Found:
    """A purchase has at most one entry that records it for each unit, and no entry is ever changed."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for entry in case.documents("rewards", "ledger_entries").values():
        if entry["version"] != 1:
            yield Violation("ledger", f"entry {entry['_id']} was changed")
        if entry["cause"] == "purchase":
            counted[entry["purchase_id"], entry["unit"]] += 1
    for slot, count in counted.items():
        if count > 1:
            yield Violation("doubled", f"{slot} was counted {count} times")


def claims_agree(case: Case) -> Found:
    """A phone or email belongs to the one person who says it; a linked card to the member who lists it."""
    members = case.documents("registration", "members")
    for field, collection in (("phone", "phone_claims"), ("email", "email_claims")):
        yield from _addresses_agree(members, field, case.documents("registration", collection))
    listed = {
        (number, name)
        for name, each in case.documents("cards", "linked_cards").items()
        for number in each["card_numbers"]
    }
    held = {
        (number, card["member_id"])
        for number, card in case.documents("cards", "cards").items()
        if card["state"] in IN_USE and card.get("member_id") is not None
    }
    for number, name in listed ^ held:
        yield Violation("claim", f"card {number} is {name}'s, or listed by them, and not both")


def _addresses_agree(members: Mapping[str, Raw], field: str, claims: Mapping[str, Raw]) -> Found:
    """Every address is claimed, for whoever says it; one who was absorbed is the same person as who absorbed them."""
    owners: dict[str, set[str]] = defaultdict(set)
    for name, member in members.items():
        address = member.get(field)
        if address is not None:
            owners[comparable_email(address) if field == "email" else address].add(member.get("merged_into") or name)
    for address in owners.keys() | claims.keys():
        holder = claims.get(address, {}).get("member_id")
        person = members.get(holder or "", {}).get("merged_into") or holder
        if owners.get(address) != {person}:
            yield Violation("claim", f"the {field} of {owners.get(address)} is claimed for {holder}")


def no_card_of_a_blocked_member_works(case: Case) -> Found:
    """A card in use is suspended exactly while its holder is blocked."""
    members = case.documents("registration", "members")
    for number, card in case.documents("cards", "cards").items():
        holder = members.get(card.get("member_id") or "")
        if holder is None or card["state"] not in IN_USE:
            continue
        is_blocked = holder.get("state") == "blocked"
        if is_blocked is not (card.get("suspended_at") is not None):
            yield Violation("suspension", f"card {number} of a member who is {holder.get('state')}")


def others_know_the_same(case: Case) -> Found:
    """What other workers know of a card, from events, is what the cards worker says of it."""
    own = case.documents("cards", "cards")
    for worker, collection in (("rewards", "cards"), ("registration", "known_cards")):
        for number, known in case.documents(worker, collection).items():
            card = own.get(number, {})
            if known.get("state") is None:
                continue
            names = ("state", "member_id", "suspended_at") if worker == "rewards" else ("state", "member_id")
            for name in names:
                if known.get(name) != card.get(name):
                    text = f"{worker} has {name} {known.get(name)} for {number}, the cards worker {card.get(name)}"
                    yield Violation("stale_copy", text)


def merged_members_are_one(case: Case) -> Found:
    """Whoever was absorbed leads to one who stays, in one step and alike in all workers, and has no cards left."""
    members = case.documents("registration", "members")
    linked, contacts = case.documents("cards", "linked_cards"), case.documents("notifications", "contacts")
    for name, member in members.items():
        into = member.get("merged_into")
        for worker, kept in (("cards", linked), ("notifications", contacts)):
            if name in kept and kept[name].get("merged_into") != into:
                yield Violation("merge", f"{worker} lets {name} lead to {kept[name].get('merged_into')}, not to {into}")
        if into is None:
            continue
        stays = members.get(into, {})
        if stays.get("merged_into") is not None or name not in stays.get("absorbed", ()):
            yield Violation("merge", f"{name} leads to {into}, who was absorbed, too, or didn't absorb them")
        if linked.get(name, {}).get("card_numbers"):
            yield Violation("merge", f"{name} was absorbed and has cards left")


def merged_accounts_are_one(case: Case) -> Found:
    """No card leads to an account that was left, and whoever absorbed others collects in one."""
    members, cards = case.documents("registration", "members"), case.documents("cards", "cards")
    accounts = case.documents("rewards", "accounts")
    left = {name: each["merged_into"] for name, each in accounts.items() if each.get("merged_into") is not None}
    for name, into in left.items():
        if into in left:
            yield Violation("merge", f"account {name} leads to {into}, which was left, too")
    pools: dict[str, set[str]] = defaultdict(set)
    for number, known in case.documents("rewards", "cards").items():
        card, account_id = cards.get(number, {}), str(known.get("account_id"))
        if account_id in left:
            yield Violation("merge", f"card {number} leads to the account {account_id}, which was left")
        holder = str(card.get("member_id"))
        if card.get("state") in IN_USE and members.get(holder, {}).get("absorbed"):
            pools[holder].add(account_id)
    for holder, ids in pools.items():
        if len(ids) > 1:
            yield Violation("merge", f"{holder}, who absorbed others, collects in {len(ids)} accounts")


def the_trail_is_whole(case: Case) -> Found:
    """Audit's chains hold together, and have one entry for every event and every outcome."""
    kept = case.history.workers.get("audit")
    if kept is None:
        return
    entries = sorted(kept.documents.get("entries", ()), key=lambda each: str(each["_id"]))
    lengths: dict[str, int] = defaultdict(int)
    hashes: dict[str, str] = defaultdict(str)
    recorded: dict[str, int] = defaultdict(int)
    for entry in entries:
        chain, _, number = entry["_id"].partition("/")
        lengths[chain] += 1
        if int(number) != lengths[chain]:
            yield Violation("trail", f"chain {chain} has a gap before {number}")
            return
        text = f"{hashes[chain]}\n{entry['_id']}\n{entry['content']}"
        hashes[chain] = blake2b(text.encode(), digest_size=32).hexdigest()
        if hashes[chain] != entry["hash"]:
            yield Violation("trail", f"entry {entry['_id']} doesn't hang on the one before")
        recorded[IDENTIFIED.decode(entry["content"]).id] += 1
    for chain in kept.documents.get("chains", ()):
        if (chain["length"], chain["version"]) != (lengths[chain["_id"]], lengths[chain["_id"]]):
            yield Violation("trail", f"the head of chain {chain['_id']} doesn't fit its entries")
    yield from _each_once(recorded, set(_to_be_recorded(case)))


def _to_be_recorded(case: Case) -> Iterator[str]:
    for record in case.history.records:
        if record.topic.endswith(".events") and record.id is not None and record.type in EVENTS:
            yield record.id
    for name, ended in case.ended.items():
        if ended.command == "RecordLook" and ended.outcome.value == "done":
            yield name
        else:
            yield case.answers[name][0].id or ""


def _each_once(recorded: Mapping[str, int], wanted: Iterable[str]) -> Found:
    for name in wanted:
        if recorded.get(name, 0) != 1:
            yield Violation("trail", f"{name} was recorded {recorded.get(name, 0)} times")
    for name in recorded.keys() - set(wanted):
        yield Violation("trail", f"{name} was recorded and never happened")


BOOKS: Final[list[Callable[[Case], Found]]] = [
    the_ledger_adds_up,
    receipts_count_once,
    claims_agree,
    no_card_of_a_blocked_member_works,
    others_know_the_same,
    merged_members_are_one,
    merged_accounts_are_one,
    the_trail_is_whole,
]
