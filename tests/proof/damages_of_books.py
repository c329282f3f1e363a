"""Damages to what versions, the ledger, claims, copies, the trail and offers must add up to."""

from tests.proof.case import Raw
from tests.proof.damages import (
    all_copies,
    case_of,
    document,
    first,
    found_as,
    headers,
    instead,
    keeping,
    once_more,
    one_of,
    said_by_one,
    without,
)
from tests.proof.history import History, Record

# -- versions


def _events_of_an_account(history: History) -> list[Record]:
    """At least three events about one account, the first copies, as they lie there."""
    by_account: dict[str, list[Record]] = {}
    for record in case_of(history).first_events:
        said = record.attributes
        if record.topic.endswith("rewards.events") and said["ce_subject"] in _names(history, "accounts"):
            by_account.setdefault(said["ce_subject"], []).append(record)
    return first(each for each in by_account.values() if len(each) >= 3)


def _names(history: History, collection: str) -> set[str]:
    return {each["_id"] for each in history.workers["rewards"].documents.get(collection, ())}


@found_as("out_of_order")
def two_events_change_their_versions(history: History) -> History:
    case = case_of(history)
    latest: dict[tuple[str, str], Record] = {}
    for record in case.first_events:
        if not record.topic.endswith("cards.events") or "ce_sequence" not in record.attributes:
            continue
        place = str(case.arrivals["cards"].get(record.cause or "")), record.attributes["ce_subject"]
        earlier = latest.setdefault(place, record)
        if earlier is not record and earlier.attributes["ce_sequence"] != record.attributes["ce_sequence"]:
            swapped = headers(earlier, ce_sequence=record.attributes["ce_sequence"])
            history = instead(history, earlier, headers=swapped)
            return instead(history, record, headers=headers(record, ce_sequence=earlier.attributes["ce_sequence"]))
    raise LookupError("no two events about one card")


@found_as("gap")
def a_version_is_left_out(history: History) -> History:
    last = _events_of_an_account(history)[-1]
    return instead(history, last, headers=headers(last, ce_sequence=str(int(last.attributes["ce_sequence"]) + 1)))


@found_as("gap")
def an_event_says_no_version(history: History) -> History:
    last = _events_of_an_account(history)[-1]
    return instead(history, last, headers=headers(last, ce_sequence=None))


@found_as("doubled")
def a_version_is_made_twice(history: History) -> History:
    one, another, *_ = _events_of_an_account(history)
    return instead(history, another, headers=headers(another, ce_sequence=one.attributes["ce_sequence"]))


@found_as("version")
def a_change_is_not_told(history: History) -> History:
    account = one_of(history, "rewards", "accounts")
    return document(history, "rewards", "accounts", account["_id"], version=account["version"] + 1)


@found_as("version")
def a_class_of_documents_is_nowhere(history: History) -> History:
    collections = {**history.workers["cards"].collections}
    del collections["Card"]
    return keeping(history, "cards", collections=collections)


@found_as("lost_document")
def a_document_is_lost(history: History) -> History:
    return document(history, "rewards", "accounts", one_of(history, "rewards", "accounts")["_id"])


# -- the ledger


@found_as("ledger")
def an_entry_is_of_another_amount(history: History) -> History:
    entry = one_of(history, "rewards", "ledger_entries")
    return document(history, "rewards", "ledger_entries", entry["_id"], amount=entry["amount"] + 1)


@found_as("ledger")
def an_entry_is_written_anew(history: History) -> History:
    entry = one_of(history, "rewards", "ledger_entries")
    return document(history, "rewards", "ledger_entries", entry["_id"], version=2)


@found_as("ledger")
def a_balance_is_other_than_its_lots(history: History) -> History:
    account = _account_that_holds(history)
    one, *others = account["holdings"]
    return document(
        history,
        "rewards",
        "accounts",
        account["_id"],
        holdings=[{**one, "balance": one.get("balance", 0) + 1}, *others],
    )


def _account_that_holds(history: History) -> Raw:
    several = history.workers["rewards"].documents["accounts"]
    return first(x for x in several if x.get("holdings") and x["holdings"][0].get("balance", 0))


@found_as("ledger")
def an_account_holds_nothing_of_what_was_booked(history: History) -> History:
    return document(history, "rewards", "accounts", _account_that_holds(history)["_id"], holdings=[])


@found_as("ledger")
def a_reward_waits_whose_price_is_not_held(history: History) -> History:
    account = _account_that_holds(history)
    reward = {"state": "outstanding", "account_id": account["_id"], "unit": account["holdings"][0]["unit"], "price": 7}
    return document(history, "rewards", "rewards", "made up", **reward)


@found_as("ledger")
def a_reward_is_of_an_account_that_holds_nothing(history: History) -> History:
    return document(
        history, "rewards", "rewards", "made up", state="outstanding", account_id="nobody", unit="points", price=7
    )


@found_as("doubled")
def a_receipt_counts_twice(history: History) -> History:
    entry = one_of(history, "rewards", "ledger_entries", cause="purchase")
    return document(history, "rewards", "ledger_entries", "made up", **{**entry, "_id": "made up"})


# -- claims, blocks, copies


@found_as("claim")
def a_phone_is_not_claimed(history: History) -> History:
    return document(history, "registration", "phone_claims", one_of(history, "registration", "phone_claims")["_id"])


@found_as("claim")
def an_email_is_claimed_for_another(history: History) -> History:
    claim = one_of(history, "registration", "email_claims")
    return document(history, "registration", "email_claims", claim["_id"], member_id="nobody")


@found_as("claim")
def a_linked_card_is_not_listed(history: History) -> History:
    return document(history, "cards", "linked_cards", _holder(history)["_id"], card_numbers=[])


def _holder(history: History) -> Raw:
    return first(each for each in history.workers["cards"].documents["linked_cards"] if each["card_numbers"])


@found_as("suspension")
def a_card_is_suspended_and_its_member_is_not_blocked(history: History) -> History:
    number = _holder(history)["card_numbers"][0]
    card = one_of(history, "cards", "cards", _id=number)
    suspended_at = None if card.get("suspended_at") is not None else "now"
    return document(history, "cards", "cards", number, suspended_at=suspended_at)


@found_as("stale_copy")
def a_copy_is_stale(history: History) -> History:
    number = _holder(history)["card_numbers"][0]
    return document(history, "rewards", "cards", number, member_id="nobody")


@found_as("sale_over")
def a_reward_stays_used_in_a_sale_that_is_over(history: History) -> History:
    purchase, reward = one_of(history, "rewards", "purchases")["_id"], one_of(history, "rewards", "rewards")["_id"]
    history = document(history, "rewards", "purchases", purchase, state="refunded")
    return document(history, "rewards", "rewards", reward, state="used", purchase_id=purchase, returns=True)


# -- merges


@found_as("merge")
def a_member_leads_to_one_who_knows_nothing_of_it(history: History) -> History:
    into = first(
        each for each in history.workers["registration"].documents["members"] if each["_id"] != _holder(history)["_id"]
    )
    return document(history, "registration", "members", _holder(history)["_id"], merged_into=into["_id"])


@found_as("merge")
def two_accounts_lead_to_each_other(history: History) -> History:
    numbers = [each for each in history.workers["rewards"].documents["cards"] if each.get("account_id")]
    one, another = sorted({each["account_id"] for each in numbers})[:2]
    history = document(history, "rewards", "accounts", one, merged_into=another)
    return document(history, "rewards", "accounts", another, merged_into=one)


@found_as("merge")
def who_absorbed_others_collects_in_two_accounts(history: History) -> History:
    numbers: dict[str, str] = {}
    for each in history.workers["rewards"].documents["cards"]:
        if each.get("account_id"):
            numbers.setdefault(each["account_id"], each["_id"])
    member = one_of(history, "registration", "members", merged_into=None)
    history = document(history, "registration", "members", member["_id"], absorbed=["somebody"])
    for number in sorted(numbers.values())[:2]:
        history = document(history, "cards", "cards", number, state="active", member_id=member["_id"])
    return history


# -- the trail


def _entry(history: History, place: int) -> Raw:
    entries = sorted(history.workers["audit"].documents["entries"], key=lambda each: str(each["_id"]))
    chain = entries[0]["_id"].partition("/")[0]
    return [each for each in entries if each["_id"].startswith(f"{chain}/")][place]


@found_as("trail")
def an_entry_of_the_trail_is_lost(history: History) -> History:
    return document(history, "audit", "entries", _entry(history, 1)["_id"])


@found_as("trail")
def the_last_entry_of_a_chain_is_lost(history: History) -> History:
    return document(history, "audit", "entries", _entry(history, -1)["_id"])


@found_as("trail")
def a_hash_is_another(history: History) -> History:
    return document(history, "audit", "entries", _entry(history, 1)["_id"], hash="0" * 64)


@found_as("trail")
def something_recorded_never_happened(history: History) -> History:
    _, _, events = said_by_one(history)
    return without(history, *all_copies(history, events[-1]))


# -- coupons, prizes, adjustments


def _coupon(history: History) -> tuple[str, Record]:
    issued = first(case_of(history).events["CouponIssued"])
    return issued.attributes["ce_subject"], issued


@found_as("coupon")
def a_coupon_is_used_twice(history: History) -> History:
    _, issued = _coupon(history)
    for number in (2, 3):
        said = headers(issued, ce_type="CouponUsed", ce_id=f"made up/{number}", ce_sequence=str(100 + number))
        history = once_more(history, issued, headers=said)
    return history


@found_as("coupon")
def a_coupon_is_used_in_a_sale_that_does_not_list_it(history: History) -> History:
    name, issued = _coupon(history)
    said = headers(issued, ce_type="CouponUsed", ce_id="made up/1", ce_sequence="100")
    history = once_more(history, issued, headers=said)
    return document(history, "rewards", "coupons", name, state="used", purchase_id="nothing", given=None)


@found_as("coupon")
def a_coupon_gives_though_it_is_not_used(history: History) -> History:
    name = one_of(history, "rewards", "coupons")["_id"]
    entry = one_of(history, "rewards", "ledger_entries")
    return document(history, "rewards", "ledger_entries", entry["_id"], source=name, cause="coupon_used")


@found_as("stock")
def a_prize_is_gone_that_nobody_won(history: History) -> History:
    return document(history, "rewards", "game_stocks", "wheel", won=[{"prize": "nothing", "count": 1}])


@found_as("adjustment")
def an_adjustment_moved_nothing(history: History) -> History:
    return document(history, "rewards", "adjustments", "made up", state="applied", amount=5)


@found_as("adjustment")
def an_adjustment_moved_another_amount(history: History) -> History:
    history = an_adjustment_moved_nothing(history)
    entry = one_of(history, "rewards", "ledger_entries")
    said = {"cause": "adjustment", "adjustment_id": "made up", "amount": 4, "forgone": 0}
    return document(history, "rewards", "ledger_entries", entry["_id"], **said)


@found_as("adjustment")
def an_entry_is_of_no_adjustment(history: History) -> History:
    entry = one_of(history, "rewards", "ledger_entries")
    return document(history, "rewards", "ledger_entries", entry["_id"], adjustment_id="made up")
