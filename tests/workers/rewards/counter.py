"""Cards, receipts and a small programme that the tests of the rewards worker play with, and a ledger run in memory."""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from contracts.adjustments import AdjustBalance, UndoAdjustment
from contracts.cards import CardIssued, CardKind, CardLinked, CardState
from contracts.messages import OURS, Actor, ActorKind, Command, Envelope, Event, Message
from contracts.programme import Programme
from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import RewardRules, Shortfall
from contracts.rewards import PurchaseLine, RecordPurchase, RefundLine, RefundPurchase
from runtime.decisions import Context, Decision, NotLoaded, decide
from runtime.documents import Document, Erase, View
from runtime.sayings import aggregate_version
from tests.decisions import NOON, TILL, VAULT, context
from workers.rewards import worker
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.documents import Account, Card, Holding, LedgerEntry, Lot, Purchase, Terms

D = TypeVar("D", bound=Document)

ANA = "ana"
NUMBER, OTHER = "4111111111111111", "5500005555555559"
ACCOUNT = "account-1"
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="olga")
OTTO = Actor(kind=ActorKind.OPERATOR, id="otto")
APP = Actor(kind=ActorKind.APP, id="app-1")
BUSINESS_DAY = date(2026, 11, 22)
ISSUED = CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal")
PURCHASE_ID = "s1 t1 17 2026-11-22"

RULES = RewardRules.model_validate(
    {
        "currency": "EUR",
        "units": ["stamps", "points"],
        "earning": [
            {"code": "coffee_stamp", "unit": "stamps", "rate": {"amount": 1, "per_items": 1}, "categories": ["coffee"]},
            {
                "code": "points_per_euro",
                "unit": "points",
                "rate": {"amount": 1, "per_minor": 100},
                "expires_after_months": 12,
            },
        ],
        "offers": [
            {"code": "coffee", "text": "A coffee", "unit": "stamps", "price": 10, "expires_after_days": 90},
            {"code": "cake", "text": "Cake", "unit": "points", "price": 50},
        ],
        "recorders": ["pos", "system"],
        "adjustments": {
            "reasons": [{"code": "goodwill", "comment": "From us"}, {"code": "mistake", "comment": "Put right"}],
            "caps": [{"unit": "stamps", "each": 20, "per_day": 30}],
            "expires_after_months": 12,
        },
    }
)
PROGRAMME = Programme.read(Path("programme.yaml")).model_copy(update={"rewards": RULES})


def by(actor: Actor = TILL, now: datetime = NOON, version: int | None = None, **rules: Any) -> Context[Any]:
    """A context of these rules, some of them changed."""
    changed = RULES.model_copy(update=rules) if rules else RULES
    return context(PROGRAMME.model_copy(update={"rewards": changed}), actor=actor, now=now, version=version)


def card(state: CardState | None = CardState.ACTIVE, **changes: Any) -> Card:
    """A card as the worker knows it."""
    fields = {"id": NUMBER, "state": state, "account_id": ACCOUNT, "member_id": ANA}
    return Card(**{**fields, **changes})


def account(*holdings: Holding, **changes: Any) -> Account:
    """An account that holds this."""
    fields = {"id": ACCOUNT, "card_number": NUMBER, "opened_at": NOON, "holdings": holdings}
    return Account(**{**fields, **changes})


def holding(unit: str = "stamps", amount: int = 0, *, expires_at: datetime | None = None, **changes: Any) -> Holding:
    """So much of a unit, in one lot."""
    terms = Terms(id="never" if expires_at is None else f"{expires_at:%Y-%m-%d}", expires_at=expires_at)
    lots = (Lot(terms=terms, amount=amount),) if amount else ()
    return Holding(**{"unit": unit, "balance": amount, "lots": lots, **changes})


def coffees(quantity: int = 1, price_minor: int | None = None, line: int = 1) -> PurchaseLine:
    """A receipt line of coffees, at 3.50 each."""
    price = 350 * quantity if price_minor is None else price_minor
    return PurchaseLine(line=line, product="latte", category="coffee", quantity=quantity, price_minor=price)


def receipt(*lines: PurchaseLine, **changes: Any) -> RecordPurchase:
    """A receipt of these lines on Ana's card."""
    fields = {
        "card_number": NUMBER,
        "store": "s1",
        "till": "t1",
        "receipt_number": "17",
        "business_day": BUSINESS_DAY,
        "purchased_at": NOON,
        "currency": "EUR",
        "lines": lines or (coffees(2),),
    }
    return RecordPurchase.model_validate({**fields, **changes})


def refund(*lines: RefundLine, **changes: Any) -> RefundPurchase:
    """A refund of that receipt; one coffee if no lines are given."""
    fields = {
        "card_number": NUMBER,
        "store": "s1",
        "till": "t1",
        "receipt_number": "17",
        "business_day": BUSINESS_DAY,
        "refund_number": "r1",
        "refunded_at": NOON,
        "lines": lines or (RefundLine(line=1, quantity=1, price_minor=350),),
    }
    return RefundPurchase.model_validate({**fields, **changes})


def adjust(amount: int = 5, operator: Actor = OPERATOR, **changes: Any) -> AdjustBalance:
    """An adjustment of Ana's stamps."""
    fields = {
        "card_number": NUMBER,
        "operator_id": operator.id,
        "unit": "stamps",
        "amount": amount,
        "reason": "goodwill",
    }
    return AdjustBalance.model_validate({**fields, **changes})


class Shop:
    """The rewards worker over documents in memory: messages one after the other, each checked to keep the sums."""

    def __init__(self, programme: Programme = PROGRAMME, now: datetime = NOON) -> None:
        self.programme = programme
        self.now = now
        self.view = View()
        self.ids: dict[type[Document], list[str]] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.sums: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.count = 0

    def say(
        self, message: Message, actor: Actor = TILL, version: int | None = None, at: datetime | None = None
    ) -> list[Event | Command]:
        """Handle a message, and then the commands to itself that came of it.

        Args:
            message: what is said.
            actor: by whom.
            version: that of an event's card.
            at: when it was said, if that is earlier.
        """
        self.count += 1
        envelope = Envelope(
            id=f"m-{self.count}",
            type=type(message).__name__,
            time=at or self.now,
            actor=actor,
            correlation_id="m",
            version=version,
            # What workers ask of themselves follows from something that another was the actor of.
            causation_id="m" if isinstance(message, Command) and message.actors == OURS else None,
        )
        decision = self._decided(message, envelope)
        self.refuse_rewriting([*decision.documents.values(), *decision.erased])
        self._take(decision)
        self._check_versions(decision)
        self.check()
        said = list(decision.messages)
        for each in decision.messages:
            if isinstance(each, Command):
                said += self.say(each)
        return said

    def _decided(self, message: Message, envelope: Envelope) -> Decision:
        handler = worker.handlers[type(message).__name__]
        while True:
            try:
                return decide(handler, message, Context(envelope, self.now, self.programme, VAULT), self.view)
            except NotLoaded as missing:
                for slot in missing.slots:
                    self.view.loaded(slot, None)

    def _take(self, decision: Decision) -> None:
        self.view.take(decision.documents, decision.erased)
        for (kind, document_id), document in decision.documents.items():
            ids = self.ids.setdefault(kind, [])
            place = bisect_left(ids, document_id)
            if ids[place : place + 1] != [document_id]:
                ids.insert(place, document_id)
            if isinstance(document, LedgerEntry):
                amount, pending, held = self.sums.get((document.account_id, document.unit), (0, 0, 0))
                sums = (amount + document.amount, pending + document.pending, held + document.held)
                assert document.balance_after == sums[0], "not the balance after"
                assert sum(part.amount for part in document.parts) == document.amount, "parts that don't add up"
                self.sums[document.account_id, document.unit] = sums

    def wait(self, time: timedelta, *, only: Collection[type[Document]] | None = None) -> list[Event | Command]:
        """Let time pass, and handle what comes due, as the runtime's timers do; those of some documents if named."""
        self.now += time
        said: list[Event | Command] = []
        for timer in worker.timers:
            if only is not None and timer.document not in only:
                continue
            for document in self.all(timer.document):
                due_at = getattr(document, timer.field)
                if due_at is not None and due_at <= self.now:
                    said += self.say(timer.command(document), Actor(kind=ActorKind.SYSTEM, id="timer"))
        return said

    def all(self, document_class: type[D]) -> list[D]:
        """Every document of a class."""
        found = (self.view.at((document_class, each)) for each in self.ids.get(document_class, ()))
        return [document for document in found if isinstance(document, document_class)]

    def only(self, document_class: type[D]) -> D:
        """The only document of a class."""
        (document,) = self.all(document_class)
        return document

    def holding(self, unit: str) -> Holding:
        """What the only account holds of a unit."""
        return self.only(Account).holding(unit)

    def refuse_rewriting(self, changes: Iterable[Document | Erase]) -> None:
        """No entry of the ledger is written twice, and none erased."""
        for change in changes:
            if isinstance(change, Erase):
                assert change.document is not LedgerEntry, "an entry of the ledger is deleted"
            elif isinstance(change, LedgerEntry):
                known = self.view.knows((LedgerEntry, change.id)) and self.view.at((LedgerEntry, change.id))
                assert not known, "an entry of the ledger is edited"

    def _check_versions(self, decision: Decision) -> None:
        """An account's events are as many as its versions: no gap, none twice."""
        about: set[tuple[str, str]] = set()
        for event in decision.messages:
            if not isinstance(event, Event):
                continue
            place = (event.about[0], event.aggregate_id)
            assert place not in about, f"two events about {place}"
            about.add(place)
            if place[0] == "Account":
                version = aggregate_version(worker, event, decision, self.view)
                assert version == self.versions.get(place, 0) + 1
                self.versions[place] = version
        changed = {("Account", slot[1]) for slot in decision.documents if slot[0] is Account}
        assert changed == {place for place in about if place[0] == "Account"}

    def check(self) -> None:
        """The ledger adds up: entries are the balance, lots less debt are too, and nothing is below zero."""
        for each in self.all(Account):
            for unit in self.programme.rewards.units:
                held = each.holding(unit)
                sums = self.sums.get((each.id, unit), (0, 0, 0))
                assert sums == (held.balance, held.pending, held.held), "entries that aren't the balance"
                assert min(held.pending, held.held, held.debt) >= 0
                assert sum(lot.amount for lot in held.lots) - held.debt == held.balance
                assert all(lot.amount > 0 for lot in held.lots)
                ends = [lot.terms.expires_at or datetime.max.replace(tzinfo=UTC) for lot in held.lots]
                assert ends == sorted(ends)


def shop(issued: bool = True) -> Shop:
    """A shop where Ana's card is known."""
    opened = Shop()
    if issued:
        opened.say(ISSUED)
    return opened


def recorded_purchase(**changes: object) -> Purchase:
    """A confirmed purchase of two coffees."""
    said = decide(worker.handlers["RecordPurchase"], receipt(), by(), seen(card(), account()))
    bought = next(each for each in said.documents.values() if isinstance(each, Purchase))
    return bought.evolve(**changes)


def seen(*documents: Document) -> View:
    """A view that holds these documents, and no purchase."""
    view = View()
    for document in documents:
        view.loaded((type(document), document.id), document)
    view.loaded((Purchase, PURCHASE_ID), None)
    return view


def adjusting(exceeding: Exceeding = Exceeding.REFUSE, shortfall: Shortfall = Shortfall.DEBT, **rules: Any) -> Shop:
    """A shop under other rules for adjustments, where Ana's card is hers."""
    changed = RULES.adjustments.model_copy(update={"exceeding": exceeding, **rules})
    rewards = RULES.model_copy(update={"adjustments": changed, "shortfall": shortfall})
    opened = Shop(PROGRAMME.model_copy(update={"rewards": rewards}))
    opened.say(ISSUED)
    opened.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    return opened


def undo(adjustment: Adjustment, operator: Actor = OPERATOR, **changes: Any) -> UndoAdjustment:
    """Take it back."""
    fields = {"card_number": NUMBER, "operator_id": operator.id, "adjustment_id": adjustment.id, "reason": "mistake"}
    return UndoAdjustment.model_validate({**fields, **changes})
