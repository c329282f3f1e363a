"""The commands that are measured, as tills send them: a member joins, a receipt counts, stamps buy a coffee."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from uuid_utils import uuid7

from contracts.cards import CardIssued, CardKind, CardLinked
from contracts.messages import Actor, ActorKind, Command, Envelope, Event
from contracts.programme import Programme
from contracts.registration import Channel, Consent, RegisterMember
from contracts.rewards import PurchaseLine, RecordPurchase, RedeemReward
from contracts.topics import events_topic
from contracts.values import luhn_digit
from runtime.edge import stamped
from runtime.journal import Outgoing
from runtime.settings import Settings

WORKLOADS: Final = ("registration", "purchase", "redeem")
BEGAN: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
TODAY: Final = BEGAN.date()
TILL: Final = Actor(kind=ActorKind.POS, id="till-1")
CARDS_WORKER: Final = Actor(kind=ActorKind.WORKER, id="cards")
MESSAGES_PER_CARD: Final = 2
"""Purchases and redemptions that a card sees on average: in a batch of 500 a few meet on one account, most don't."""
FUNDING_ITEMS: Final = 20
"""Items of the one purchase by which each account can pay for what it will redeem: twice ten stamps."""
FIRST_NAMES: Final = ("Ana", "Ben", "Chiara", "Deniz", "Elif", "Finn", "Greta", "Hugo")


@dataclass(slots=True)
class Plan:
    """For one worker: what happened before, and the commands of each kind."""

    before: list[Outgoing] = field(default_factory=list)
    workloads: dict[str, list[Outgoing]] = field(default_factory=dict)


class Shop:
    """Makes commands that the programme accepts."""

    def __init__(self, programme: Programme, seed: int = 1) -> None:
        self._random = Random(seed)
        self._rules = programme.rewards
        self._consents = tuple(
            Consent(kind=rule.kind, text_version=rule.text_versions[-1], given_at=BEGAN)
            for rule in programme.registration.consents
        )
        stamps = self._rules.offers[0]
        earning = next(rule for rule in self._rules.earning if rule.unit == stamps.unit)
        self._reward = stamps.code
        self._product = min(earning.products, default="espresso")
        self._category = min(earning.categories, default=None)
        self._receipts = 0

    def member(self, number: int, card_number: str) -> RegisterMember:
        """Somebody joins at a till with the card that they were given."""
        return RegisterMember(
            channel=Channel.POINT_OF_SALE,
            phone=f"+491511{number:07d}",
            email=f"member.{number}@example.org",
            first_name=self._random.choice(FIRST_NAMES),
            last_name="Beispiel",
            card_number=card_number,
            home_store=f"store-{number % 20}",
            language="en",
            consents=self._consents,
            answers={"favourite_drink": "cappuccino", "cups_a_day": number % 7},
        )

    def purchase(self, card_number: str, items: int | None = None) -> RecordPurchase:
        """A receipt of one to four lines."""
        self._receipts += 1
        count = 1 if items else self._random.randint(1, 4)
        store = self._receipts % 20
        return RecordPurchase(
            card_number=card_number,
            store=f"store-{store}",
            till=f"till-{store}",
            receipt_number=f"r-{self._receipts:08d}",
            business_day=TODAY,
            purchased_at=BEGAN,
            currency=self._rules.currency,
            lines=tuple(
                PurchaseLine(
                    line=number,
                    product=self._product if number == 1 else f"article-{self._random.randint(1, 200)}",
                    category=self._category if number == 1 else None,
                    quantity=items or self._random.randint(1, 2),
                    price_minor=self._random.randint(180, 950),
                )
                for number in range(1, count + 1)
            ),
        )

    def redemption(self, card_number: str) -> RedeemReward:
        """Stamps buy the programme's first reward."""
        return RedeemReward(card_number=card_number, reward=self._reward)


def card_number(number: int) -> str:
    """The number of the n-th card, with its check digit."""
    digits = f"4000{number:011d}"
    return digits + luhn_digit(digits)


def plans(programme: Programme, settings: Settings, count: int) -> dict[str, Plan]:
    """By worker, what happened before and so many commands of each kind."""
    shop, random = Shop(programme), Random(2)
    joining = Plan()
    joining.before = [_issued(settings, card_number(number)) for number in range(count)]
    joining.workloads["registration"] = asked(
        settings, [shop.member(number, card_number(number)) for number in range(count)]
    )

    collecting = Plan()
    cards = [card_number(number) for number in range(-(-count // MESSAGES_PER_CARD))]
    for number, card in enumerate(cards):
        linked = CardLinked(card_number=card, member_id=f"member-{number}", category="normal")
        collecting.before += [_issued(settings, card), happened(settings, linked)]
    collecting.before += asked(settings, [shop.purchase(card, items=FUNDING_ITEMS) for card in cards])
    purchases = [shop.purchase(random.choice(cards)) for _ in range(count)]
    spending = (cards * MESSAGES_PER_CARD)[:count]
    random.shuffle(spending)
    redemptions = [shop.redemption(card) for card in spending]
    collecting.workloads = {"purchase": asked(settings, purchases), "redeem": asked(settings, redemptions)}
    return {"registration": joining, "rewards": collecting}


def asked(settings: Settings, commands: Sequence[Command]) -> list[Outgoing]:
    """Commands as a till sends them."""
    return [stamped(settings, "bench", command, str(uuid7()), TILL, None) for command in commands]


def _issued(settings: Settings, number: str) -> Outgoing:
    return happened(settings, CardIssued(card_number=number, kind=CardKind.PHYSICAL, category="normal"))


def happened(settings: Settings, event: Event) -> Outgoing:
    """An event of the cards worker as a message."""
    event_id = str(uuid7())
    envelope = Envelope(id=event_id, type=type(event).__name__, time=BEGAN, actor=CARDS_WORKER, correlation_id=event_id)
    key = event.key_value
    assert key is not None
    topic = events_topic(settings.prefix, event.worker)
    return Outgoing(topic, key.encode(), event.encoded(), envelope.headers(f"/{settings.prefix}/{event.worker}"))
