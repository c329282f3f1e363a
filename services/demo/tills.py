"""What tills say in a day: sales, and everything that goes wrong with receipts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.programme import Programme
from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseLine,
    RecordPurchase,
    RefundLine,
    RefundPurchase,
    Stage,
)
from services.demo.scale import Scale
from services.demo.sending import Sending, till_actor

STORES: Final = ("harbour", "station", "market", "park", "museum")
MENU: Final = (
    ("espresso", "coffee", 220),
    ("cappuccino", "coffee", 340),
    ("latte", "coffee", 380),
    ("filter", "coffee", 250),
    ("tea-mint", "tea", 290),
    ("croissant", "bakery", 210),
    ("cheesecake", "cake", 420),
    ("beans-250", "beans", 790),
    ("beans-1000", "beans", 2_490),
)
WEIGHTS: Final = (5, 9, 7, 6, 3, 5, 3, 1, 1)
REGULARS_SHARE: Final = 0.8
"""How many receipts are of the few cards that come every day."""
ONE_LATTE: Final = (PurchaseLine(line=1, product="latte", category="coffee", quantity=1, price_minor=380),)
WAITING: Final = 3
"""Cards that a till knows before anybody else does, of every kind."""


class Twist:
    """What is special about a receipt, by its number's last two digits: even a small day has every kind."""

    SAME_ID = frozenset({0, 50})
    """The till sends it twice, as it is."""
    NEW_ID = frozenset({5, 35, 65})
    """The till didn't hear the answer and sends it again under a new id."""
    REVISED = frozenset({10})
    REFUNDED = frozenset({15, 45, 75})
    REFUNDED_FIRST = frozenset({20})
    """The refund overtakes its sale."""
    CONFIRMED = frozenset({25, 55, 85, 95})
    """Pending, and confirmed later."""
    CANCELLED = frozenset({30})
    OTHER_MONEY = frozenset({40})
    REFUNDED_TOO_MUCH = frozenset({60})
    OTHER_CARD = frozenset({80})
    """Sent once more for somebody else's card."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt with what the till would say about it."""

    number: int
    card: int
    place: dict[str, Any]
    """The fields by which every message about it names it."""
    sale: RecordPurchase
    till: str

    @property
    def twist(self) -> int:
        """Its number's last two digits."""
        return self.number % 100

    def evolved(self, **changes: Any) -> RecordPurchase:
        """The sale with other content, checked anew."""
        return RecordPurchase(**{**dict(self.sale), **changes})


@dataclass
class Tills:
    """The tills of a demo."""

    scale: Scale
    programme: Programme
    regulars: tuple[int, ...]
    """Numbers of the cards that come every day."""
    _receipts: dict[int, Receipt] = field(default_factory=dict)

    def day(self, first: int, end: int, *, is_online: bool) -> Iterator[Sending]:
        """All that the tills, those with or those without a connection, say about the receipts in a range."""
        for number in range(first, end):
            receipt = self.receipt(number)
            if self.is_online(number) is is_online:
                yield from self._said_about(receipt)

    def is_online(self, number: int) -> bool:
        """Whether the receipt's till has a connection: one in twenty has none all day."""
        offline = max(1, self.scale.tills // 20)
        return number % self.scale.tills < self.scale.tills - offline

    def receipt(self, number: int) -> Receipt:
        """The n-th receipt of the day."""
        if number not in self._receipts:
            self._receipts[number] = self._throw(number)
        return self._receipts[number]

    def _throw(self, number: int) -> Receipt:
        chance = self.scale.chance(f"receipt/{number}")
        is_regular = chance.random() < REGULARS_SHARE
        card = chance.choice(self.regulars) if is_regular else chance.randrange(self.scale.cards)
        till = number % self.scale.tills
        bought = Counter(chance.choices(MENU, WEIGHTS, k=chance.choice((1, 1, 2, 2, 3, 4))))
        lines = tuple(
            PurchaseLine(line=line, product=product, category=category, quantity=quantity, price_minor=price * quantity)
            for line, ((product, category, price), quantity) in enumerate(bought.items(), start=1)
        )
        return self._receipt(number, card, till, lines, is_offline=not self.is_online(number))

    def early(self) -> Iterator[Sending]:
        """Purchases on cards that nobody knows yet; some of those will never be known."""
        for place, receipt in enumerate(self._early_receipts()):
            yield self._named(f"early/{place}", receipt.sale, receipt)

    def given_up(self) -> Iterator[Sending]:
        """The tills cancel what was bought on cards that don't exist."""
        for place, receipt in enumerate(self._early_receipts()):
            if place % (2 * WAITING) >= WAITING:
                yield self._named(f"given-up/{place}", CancelPurchase(**receipt.place), receipt)

    def _early_receipts(self) -> list[Receipt]:
        """Two on each of the cards that come after those of the morning: half of them late, half of them never."""
        count = 2 * WAITING
        places = [(place, self.scale.cards + place % count) for place in range(2 * count)]
        return [self._receipt(self.scale.receipts + place, card, place % 2, ONE_LATTE) for place, card in places]

    def keenest(self, end: int) -> list[int]:
        """The places of the regulars' cards, those with the most coffees on the receipts before `end` first."""
        coffees = Counter[int]()
        for number in range(end):
            receipt = self.receipt(number)
            if self.is_online(number) and receipt.twist not in Twist.CANCELLED | Twist.REFUNDED_FIRST:
                coffees[receipt.card] += sum(line.quantity for line in receipt.sale.lines if line.category == "coffee")
        return sorted(self.regulars, key=lambda card: (-coffees[card], card))

    def later(self, end: int) -> Iterator[Sending]:
        """What comes hours after the sales before `end`: refunds, and receipts read for the wrong card."""
        for number in range(end):
            receipt = self.receipt(number)
            if not self.is_online(number):
                continue
            if receipt.twist in Twist.REFUNDED:
                yield self._refund(receipt, is_whole=number % 2 == 0)
            if receipt.twist in Twist.REFUNDED_TOO_MUCH:
                yield self._refund(receipt, is_whole=True, lines=(RefundLine(line=1, quantity=9, price_minor=9_999),))
            if receipt.twist in Twist.OTHER_CARD:
                stolen = receipt.evolved(card_number=self.scale.card_number((number + 7) % self.scale.cards))
                yield self._named(f"other-card/{number}", stolen, receipt)

    def on_cards(self, cards: tuple[int, ...], name: str) -> Iterator[Sending]:
        """One more purchase on each of these cards, online."""
        for place, card in enumerate(cards):
            receipt = self._receipt(self.scale.receipts + 1_000 + place, card, 0, ONE_LATTE)
            yield self._named(f"{name}/{place}", receipt.sale, receipt)

    def _said_about(self, receipt: Receipt) -> Iterator[Sending]:
        number, twist = receipt.number, receipt.twist
        name = f"sale/{number}"
        if twist in Twist.OTHER_MONEY:
            yield self._named(f"other-money/{number}", receipt.evolved(currency="CHF"), receipt)
        if twist in Twist.REFUNDED_FIRST:
            yield self._refund(receipt, is_whole=True)
        if twist in Twist.CONFIRMED | Twist.CANCELLED:
            yield self._named(name, receipt.evolved(stage=Stage.PENDING), receipt)
            end = ConfirmPurchase if twist in Twist.CONFIRMED else CancelPurchase
            yield self._named(f"end/{number}", end(**receipt.place), receipt)
            return
        yield self._named(name, receipt.sale, receipt)
        if twist in Twist.SAME_ID:
            yield self._named(name, receipt.sale, receipt)
        if twist in Twist.NEW_ID:
            yield self._named(f"retry/{number}", receipt.sale, receipt)
        if twist in Twist.REVISED:
            extra = PurchaseLine(line=90, product="croissant", category="bakery", quantity=1, price_minor=210)
            changed = receipt.evolved(lines=(*receipt.sale.lines, extra), revision=1)
            yield self._named(f"revision/{number}", changed, receipt)

    def _refund(self, receipt: Receipt, *, is_whole: bool, lines: tuple[RefundLine, ...] = ()) -> Sending:
        sold = receipt.sale.lines if is_whole else receipt.sale.lines[:1]
        back = tuple(RefundLine(line=each.line, quantity=each.quantity, price_minor=each.price_minor) for each in sold)
        refund = RefundPurchase(
            **receipt.place,
            refund_number=f"{receipt.place['receipt_number']}-R",
            refunded_at=receipt.sale.purchased_at,
            lines=lines or back,
        )
        return self._named(f"refund/{receipt.number}", refund, receipt)

    def _named(self, name: str, command: Any, receipt: Receipt) -> Sending:
        return Sending(self.scale.id(name), command, till_actor(receipt.till))

    def _receipt(
        self, number: int, card: int, till: int, lines: tuple[PurchaseLine, ...], *, is_offline: bool = False
    ) -> Receipt:
        store = STORES[till % len(STORES)]
        name = f"{store}-{till // len(STORES) + 1}"
        place = {
            "card_number": self.scale.card_number(card),
            "store": store,
            "till": name,
            "receipt_number": f"{self.scale.code}-{number:06d}",
            "business_day": self.scale.day,
        }
        sale = RecordPurchase(
            **place,
            purchased_at=self.scale.at(min(1.0, number / self.scale.receipts), self.programme.zone),
            currency=self.programme.rewards.currency,
            lines=lines,
            is_offline=is_offline,
        )
        return Receipt(number, card, place, sale, name)
