"""What every worker keeps after a while: one member, card and account with many documents of each kind, and others."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.adjustments import AdjustmentState
from contracts.calls import CallDirection, CallState
from contracts.cards import CardKind, CardState
from contracts.coupons import CouponState, Gift, GiftKind
from contracts.messages import wire_time
from contracts.notifications import MessageChannel, MessageStatus
from contracts.programme import Programme
from contracts.registration import Channel
from contracts.rewards import PurchaseState, RewardState
from runtime.documents import Document
from tests.decisions import NOON, TILL
from workers.audit.documents import Entry
from workers.cards import documents as cards
from workers.notifications.documents import Contact, Message
from workers.registration.call_documents import Call, Desk, Ticket
from workers.registration.documents import KnownCard, Member
from workers.registration.merge_documents import Merge, Side
from workers.registration.password_documents import Password
from workers.rewards.adjustment_documents import Adjustment, Operator
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Card, Cause, Earning, LedgerEntry, Purchase, Reward, Terms
from workers.rewards.pastime_documents import SurveyResponse

PROGRAMME: Final = Programme.read(Path("programme.yaml"))
CARD, OLD_CARD = "4111111111111111", "5500005555555559"
LATER = NOON + timedelta(hours=1)
OPEN_CALL = "0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c"
MANY: Final = 100
"""Documents of each kind that the one member, card, account has; others have as many again."""


def at(number: int) -> datetime:
    """A time of its own for each."""
    return NOON + timedelta(minutes=number)


def entry(number: int, account_id: str) -> LedgerEntry:
    return LedgerEntry(
        id=f"{account_id}-e{number}",
        account_id=account_id,
        unit="stamps",
        amount=1,
        balance_after=number,
        cause=Cause.PURCHASE,
        actor=TILL,
        at=at(number),
    )


def purchase(number: int, account_id: str) -> Purchase:
    terms, rate = Terms(id="never"), PROGRAMME.rewards.earning[0].rate
    return Purchase(
        id=f"{account_id}-p{number}",
        state=PurchaseState.PENDING,
        account_id=account_id,
        due_at=at(number),
        store=f"s{number % 3}",
        till="t1",
        receipt_number="17",
        business_day=NOON.date(),
        purchased_at=at(number),
        earnings=(Earning(rule="r", unit="points", amount=1, lines=(1,), rate=rate, terms=terms),),
    )


def reward(number: int, account_id: str) -> Reward:
    states = list(RewardState)
    return Reward(
        id=f"{account_id}-r{number}",
        account_id=account_id,
        reward="coffee",
        unit="stamps",
        price=10,
        state=states[number % len(states)],
        issued_at=at(number),
        due_at=at(number),
        paid=(),
        entry_id="e",
    )


def adjustment(number: int, account_id: str) -> Adjustment:
    return Adjustment(
        id=f"{account_id}-a{number}",
        account_id=account_id,
        unit="stamps",
        amount=1,
        reason="goodwill",
        comment="",
        state=AdjustmentState.WAITING,
        actor=TILL,
        submitted_at=at(number),
        due_at=at(number),
    )


def coupon(number: int, account_id: str) -> Coupon:
    states = list(CouponState)
    return Coupon(
        id=f"{account_id}-c{number}",
        account_id=account_id,
        campaign="free_cake",
        gives=Gift(kind=GiftKind.ITEM, product="cake"),
        state=states[number % len(states)],
        issued_at=at(number),
        due_at=at(number),
    )


def response(number: int, account_id: str) -> SurveyResponse:
    return SurveyResponse(
        id=f"{account_id}-s{number}",
        account_id=account_id,
        survey="how_was_it",
        answers=(),
        answered_at=at(number),
        actor=TILL,
    )


def card(number: int, member_id: str) -> cards.Card:
    return cards.Card(
        id=f"{member_id}-{number}",
        kind=CardKind.PHYSICAL,
        category="normal",
        state=CardState.ACTIVE,
        issued_at=NOON,
        member_id=member_id,
        linked_at=at(number),
    )


def member(number: int) -> Member:
    return Member(
        id=f"m{number}",
        channel=Channel.CALL,
        phone=f"+4915112{number:05d}",
        email=None,
        first_name=None,
        last_name=None,
        born_on=None,
        home_store=None,
        language="en",
        consents=(),
        answers=(),
        registered_at=NOON,
        card_numbers=(CARD,) if number == 1 else (f"{number}",),
    )


def message(number: int, member_id: str) -> Message:
    statuses = list(MessageStatus)
    status = statuses[number % len(statuses)]
    return Message(
        id=f"{member_id}-{number}",
        member_id=member_id,
        channel=MessageChannel.SMS,
        template="welcome",
        language="en",
        cause="c",
        correlation_id="c",
        sender="s",
        recipient="r",
        text="t",
        status=status,
        queued_at=at(number),
        due_at=at(number),
        expires_at=at(number),
        status_at=NOON,
    )


def line(number: int, subject: str) -> Entry:
    said = {
        "what": "CardBlocked",
        "worker": "cards",
        "body": {},
        "actor": {"kind": "pos", "id": "till-1"},
        "recorded_at": wire_time(at(number)),
        "correlation_id": "c",
    }
    content = json.dumps(said)
    return Entry(
        id=f"{subject}/{number:06d}", content=content, hash="", subjects=(subject, "coffee"), happened_at=at(number)
    )


def call(number: int, member_id: str) -> Call:
    """A call about a member, long closed."""
    return Call(
        id=f"{member_id}-call-{number}",
        operator_id="olga",
        member_id=member_id,
        direction=CallDirection.INBOUND,
        state=CallState.CLOSED,
        opened_at=at(number),
        ends_at=at(number),
    )


def merge(number: int, member_id: str) -> Merge:
    """A merge into a member."""
    gone = Side(member_id=f"{member_id}-x{number}", card_numbers=(), absorbed=())
    return Merge(
        id=f"{member_id}-x{number}",
        survivor_id=member_id,
        survivor=Side(member_id=member_id, card_numbers=(), absorbed=()),
        absorbed=gone,
        actor=TILL,
        is_confirmed=True,
        merged_at=at(number),
    )


def history() -> dict[str, list[Document]]:
    """By worker, what its documents are after a while, as far as views ask for them."""
    accounts = ("a-1", "a-2", "a-3")
    kinds = (entry, purchase, reward, adjustment, coupon, response)
    collected: list[Document] = [make(number, each) for make in kinds for each in accounts for number in range(MANY)]
    opened = [
        Account(id=f"a-{number}", card_number=str(number), opened_at=NOON, expires_at=at(number))
        for number in range(3, MANY)
    ]
    known: list[Document] = [Card(id=account.card_number or "", account_id=account.id) for account in opened]
    joined = Account(id="a-1", card_number=CARD, opened_at=NOON, absorbed=("a-2",))
    known += [Card(id=CARD, state=CardState.ACTIVE, account_id="a-1", member_id="m1"), joined, *opened]
    chain = [
        card(1, "m1").evolve(id=OLD_CARD, first_number=OLD_CARD, replaced_by=CARD),
        card(2, "m1").evolve(id=CARD, first_number=OLD_CARD, replaces=OLD_CARD),
    ]
    known.append(Operator(id="olga", member_id="m1"))
    return {
        "rewards": [*collected, *known],
        "cards": [*chain, *(card(number, f"m{number % 30 + 2}") for number in range(MANY))],
        "registration": [
            KnownCard(id=CARD, state=CardState.ACTIVE),
            *(member(number) for number in range(MANY)),
            *(call(number, each) for each in ("m1", "m2") for number in range(MANY)),
            call(MANY, "m1").evolve(id=OPEN_CALL, state=CallState.OPEN, ends_at=LATER, due_at=LATER),
            Desk(id="olga", call_id=OPEN_CALL),
            Ticket(id=OPEN_CALL, ticket_id="T-1", operator_id="olga"),
            Password(id="m1", salt="s", hash="h"),
            *(merge(number, each) for each in ("m1", "m2") for number in range(3)),
        ],
        "notifications": [
            *(message(number, each) for each in ("m1", "m2") for number in range(MANY)),
            *(Contact(id=f"m{number}", phone=f"+4915112{number:05d}", language="en") for number in range(MANY)),
        ],
        "audit": [line(number, each) for each in ("m1", CARD, "a-1", "m2") for number in range(MANY)],
    }
