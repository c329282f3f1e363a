"""The books: what versions, the ledger and the trail of a history must add up to, reckoned anew from its documents."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from contracts.catalogue import EVENTS
from tests.proof.case import Case, Found, Violation
from tests.proof.history import Place, Record

Raw = Mapping[str, Any]
Slot = tuple[str, str]
"""An account and a unit."""


class Identified(msgspec.Struct):
    """What has an id, whatever else it has."""

    id: str


IDENTIFIED: Final = msgspec.json.Decoder(Identified)

COLLECTIONS: Final = {"Card": "cards", "Account": "accounts", "Message": "messages", "Member": "members"}
"""Where documents of a class stand, as far as their versions are reckoned."""
QUIET: Final = frozenset(
    {
        *(("registration", kind) for kind in ("Member", "Call", "Ticket")),
        *(("notifications", "Contact"), ("rewards", "Card")),
    }
)
"""Aggregates that also change without a word, so that their events' versions have gaps."""
MORTAL: Final = frozenset({("registration", "Registration"), ("registration", "Challenge"), ("rewards", "Purchase")})
"""Aggregates that end and may begin anew, and change without a word: their events' versions say little."""
IN_USE: Final = ("active", "blocked")
"""States in which a card takes one of the places that its holder has for cards."""
UNCHANGING: Final = ("Refused", "Repeated", "Parked")
"""How the names of events end that may be about an unchanged document."""


def versions_have_no_gaps(case: Case) -> Found:
    """Per aggregate the versions of events go up by one, up to the document's, one change each.

    In the order of first copies they go up, too, as far as their causes came from one partition.
    """
    for (worker, kind, name), events in _histories(case).items():
        yield from _out_of_order(case, worker, f"{worker} {kind} {name}", events)
        if (worker, kind) not in QUIET:
            yield from _incomplete(case, worker, kind, name, events)


def crossings(case: Case) -> Found:
    """Events of one aggregate whose first copies stand in another order than their versions.

    Their causes came from different partitions, and whoever committed the earlier one died before it was published.
    """
    for (worker, kind, name), events in _histories(case).items():
        last = 0
        for record in events:
            version = int(record.attributes["ce_sequence"])
            if version < last:
                yield Violation("crossed", f"{worker} {kind} {name}: {record.type} {record.id}: {version} after {last}")
            last = max(last, version)


def _histories(case: Case) -> dict[tuple[str, str, str], list[Record]]:
    """By worker, class and id of an aggregate, the first copies of the events about it, as they lie there."""
    histories: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    seen: set[str] = set()
    for record in case.history.records:
        event = EVENTS.get(record.type or "")
        if event is None or not record.topic.endswith(".events") or record.id is None or record.id in seen:
            continue
        seen.add(record.id)
        if "ce_sequence" in record.attributes and (event.worker, event.about[0]) not in MORTAL:
            histories[event.worker, event.about[0], record.attributes["ce_subject"]].append(record)
    return histories


def _out_of_order(case: Case, worker: str, what: str, events: list[Record]) -> Found:
    last: dict[Place | None, int] = defaultdict(int)
    for record in events:
        origin = case.arrivals[worker].get(record.cause or "")
        version = int(record.attributes["ce_sequence"])
        if version < last[origin]:
            text = f"{what}: {record.type} {record.id} is {version} after {last[origin]}, both from {origin}"
            yield Violation("out_of_order", text)
        last[origin] = max(last[origin], version)


def _incomplete(case: Case, worker: str, kind: str, name: str, events: list[Record]) -> Found:
    changes: dict[int, list[str]] = defaultdict(list)
    for record in events:
        version = int(record.attributes["ce_sequence"])
        changes[version] += [] if (record.type or "").endswith(UNCHANGING) else [record.id or ""]
    last = max(changes)
    if sorted(changes) != list(range(1, last + 1)):
        yield Violation("gap", f"{worker} {kind} {name}: events say only {sorted(changes)}")
    for version, ids in changes.items():
        if len(ids) > 1:
            yield Violation("doubled", f"{worker} {kind} {name}: version {version} was made by {ids}")
    document = _documents(case, worker, COLLECTIONS.get(kind, "")).get(name)
    if document is not None and document["version"] != last:
        yield Violation("version", f"{worker} {kind} {name} has version {document['version']}, its events say {last}")


def _documents(case: Case, worker: str, collection: str) -> dict[str, Raw]:
    kept = case.history.workers.get(worker)
    return {} if kept is None else {each["_id"]: each for each in kept.documents.get(collection, ())}


def the_ledger_adds_up(case: Case) -> Found:
    """For each account and unit: entries = balance = lots less debt; pending and held likewise; held = outstanding."""
    sums, outstanding = _entered(case), _outstanding(case)
    for name, account in _documents(case, "rewards", "accounts").items():
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
    for entry in _documents(case, "rewards", "ledger_entries").values():
        for place, name in enumerate(("amount", "pending", "held")):
            sums[entry["account_id"], entry["unit"]][place] += entry.get(name, 0)
    return sums


def _outstanding(case: Case) -> dict[Slot, int]:
    prices: dict[Slot, int] = defaultdict(int)
    accounts = _documents(case, "rewards", "accounts")
    for reward in _documents(case, "rewards", "rewards").values():
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
    for entry in _documents(case, "rewards", "ledger_entries").values():
        if entry["version"] != 1:
            yield Violation("ledger", f"entry {entry['_id']} was changed")
        if entry["cause"] == "purchase":
            counted[entry["purchase_id"], entry["unit"]] += 1
    for slot, count in counted.items():
        if count > 1:
            yield Violation("doubled", f"{slot} was counted {count} times")


def claims_agree(case: Case) -> Found:
    """A phone or email belongs to the one member who says it; a linked card to the member who lists it."""
    members = _documents(case, "registration", "members")
    claims = _documents(case, "registration", "phone_claims")
    for phone, claim in claims.items():
        if members.get(claim["member_id"], {}).get("phone") != phone:
            yield Violation("claim", f"a phone claim of {claim['member_id']} fits no member")
    if len(claims) != len(members):
        yield Violation("claim", f"{len(members)} members have {len(claims)} phones")
    linked = {
        number: name
        for name, each in _documents(case, "cards", "linked_cards").items()
        for number in each["card_numbers"]
    }
    for number, card in _documents(case, "cards", "cards").items():
        holder = card.get("member_id") if card["state"] in IN_USE else None
        if linked.get(number) != holder:
            yield Violation("claim", f"card {number} is not listed by whose it is")


def no_card_of_a_blocked_member_works(case: Case) -> Found:
    """A card in use is suspended exactly while its holder is blocked."""
    members = _documents(case, "registration", "members")
    for number, card in _documents(case, "cards", "cards").items():
        holder = members.get(card.get("member_id") or "")
        if holder is None or card["state"] not in IN_USE:
            continue
        is_blocked = holder.get("state") == "blocked"
        if is_blocked is not (card.get("suspended_at") is not None):
            yield Violation("suspension", f"card {number} of a member who is {holder.get('state')}")


def others_know_the_same(case: Case) -> Found:
    """What other workers know of a card, from events, is what the cards worker says of it."""
    own = _documents(case, "cards", "cards")
    for worker, collection in (("rewards", "cards"), ("registration", "known_cards")):
        for number, known in _documents(case, worker, collection).items():
            card = own.get(number)
            if card is None or known.get("state") is None:
                continue
            names = ("state", "member_id", "suspended_at") if worker == "rewards" else ("state", "member_id")
            for name in names:
                if known.get(name) != card.get(name):
                    text = f"{worker} has {name} {known.get(name)} for {number}, the cards worker {card.get(name)}"
                    yield Violation("stale_copy", text)


def merged_members_are_one(case: Case) -> Found:
    """Whoever was absorbed leads to one who stays, in one step and alike in all workers, and has no cards left."""
    members = _documents(case, "registration", "members")
    linked, contacts = _documents(case, "cards", "linked_cards"), _documents(case, "notifications", "contacts")
    for name, member in members.items():
        into = member.get("merged_into")
        for worker, kept in (("cards", linked), ("notifications", contacts)):
            if name in kept and kept[name].get("merged_into") != into:
                yield Violation("merge", f"{worker} lets {name} lead to {kept[name].get('merged_into')}, not to {into}")
        if into is None:
            continue
        if members[into].get("merged_into") is not None or name not in members[into].get("absorbed", ()):
            yield Violation("merge", f"{name} leads to {into}, who was absorbed, too, or didn't absorb them")
        if linked[name]["card_numbers"]:
            yield Violation("merge", f"{name} was absorbed and has cards left")


def merged_accounts_are_one(case: Case) -> Found:
    """No card leads to an account that was left, and whoever absorbed others collects in one."""
    members, cards = _documents(case, "registration", "members"), _documents(case, "cards", "cards")
    accounts = _documents(case, "rewards", "accounts")
    left = {name: each["merged_into"] for name, each in accounts.items() if each.get("merged_into") is not None}
    for name, into in left.items():
        if into in left:
            yield Violation("merge", f"account {name} leads to {into}, which was left, too")
    pools: dict[str, set[str]] = defaultdict(set)
    for number, known in _documents(case, "rewards", "cards").items():
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
    versions_have_no_gaps,
    the_ledger_adds_up,
    receipts_count_once,
    claims_agree,
    no_card_of_a_blocked_member_works,
    others_know_the_same,
    merged_members_are_one,
    merged_accounts_are_one,
    the_trail_is_whole,
]
