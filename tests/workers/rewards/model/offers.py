"""What units buy, and coupons: what may be done with them, and how they come back with their sale."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tests.workers.rewards.model.books import Books
from tests.workers.rewards.model.sales import Sale
from tests.workers.rewards.model.switches import DAY, RESERVATION, Switches, local, months_after
from tests.workers.rewards.model.units import Lots, Terms

PRICES: dict[str, tuple[str, int, timedelta | None, bool]] = {
    "coffee": ("stamps", 10, 90 * DAY, True),
    "cake": ("points", 50, None, False),
}
"""Unit, price, how long it may be used, and whether it comes back with its sale."""
CAMPAIGNS: dict[str, tuple[int, timedelta | None, bool, bool]] = {
    "cake_on_us": (0, 30 * DAY, True, True),
    "points_to_begin": (20, None, True, False),
    "sorry": (0, None, False, False),
}
"""Points that it gives, how long it may be used, whether it comes back with its sale, whether it may be shared."""
Use = dict[str, tuple[str, list[int]]]
"""By sale: the account that used something in it last, and what was used in it."""


@dataclass
class Prize:
    """A reward that was bought."""

    account: str
    code: str
    paid: Lots
    expires_at: datetime | None
    state: Literal["outstanding", "used", "removed", "expired"] = "outstanding"
    sale: str | None = None

    @property
    def unit(self) -> str:
        """What it cost."""
        return PRICES[self.code][0]

    @property
    def price(self) -> int:
        """How much."""
        return PRICES[self.code][1]


@dataclass
class Coupon:
    """A coupon."""

    account: str
    campaign: str
    expires_at: datetime | None
    state: Literal["issued", "used", "cancelled", "expired"] = "issued"
    till: str | None = None
    till_until: datetime | None = None
    sale: str | None = None
    given: tuple[Terms, int] | None = None
    taken: tuple[Terms, int] | None = None
    """What was taken back of what it had given, when it came back."""
    is_shared: bool = False
    is_replaced: bool = False


class Offers(Books):
    """Rewards and coupons."""

    def __init__(self, now: datetime, switches: Switches, numbers: tuple[str, ...]) -> None:
        super().__init__(now, switches, numbers)
        self.prizes: list[Prize] = []
        self.coupons: list[Coupon] = []
        self.prizes_in: Use = {}
        self.coupons_in: Use = {}

    def is_late(self, what: Prize | Coupon) -> bool:
        """Whether its time is over."""
        return what.expires_at is not None and what.expires_at <= self.now

    def fits(self, number: str, sale: str, known: Use) -> bool:
        """Whether something of a card can be used in a sale: not in another's, nor in one that is over."""
        there = self.sales.get(sale)
        owners = [known[sale][0]] if sale in known else []
        owners += [there.account] if there is not None and there.account is not None else []
        return all(self.owns(number, each) for each in owners) and not (there is not None and there.is_over)

    def note(self, number: str, sale: str, known: Use, index: int) -> None:
        """Remember what was used in a sale, by whom."""
        account = self.cards[number].account
        assert account is not None
        others = [each for each in known.get(sale, ("", []))[1] if each != index]
        known[sale] = (account, [*others, index])

    # rewards

    def redeem(self, number: str, code: str) -> bool:
        card = self.cards[number]
        unit, price, lasts, _ = PRICES[code]
        if not card.spends or card.account is None or self.unit(card.account, unit).spendable(self.now) < price:
            return False
        paid = self.unit(card.account, unit).spend(price, self.now)
        self.prizes.append(Prize(card.account, code, paid, None if lasts is None else self.now + lasts))
        self.hold(self.prizes[-1], 1)
        return True

    def hold(self, prize: Prize, sign: int) -> None:
        """Hold its price, or release it."""
        self.unit(prize.account, prize.unit).held += sign * prize.price

    def give_price(self, prize: Prize) -> None:
        """The price goes back where it came from."""
        for terms, part in prize.paid.items():
            self.unit(prize.account, prize.unit).add(terms, part, self.now)

    def use(self, number: str, index: int, sale: str | None) -> bool:
        prize = self.prizes[index]
        is_fit = sale is None or self.fits(number, sale, self.prizes_in)
        if not (self.owns(number, prize.account) and self.cards[number].spends and is_fit):
            return False
        if prize.state != "outstanding" or self.is_late(prize):
            return False
        prize.state, prize.sale = "used", sale
        self.hold(prize, -1)
        if sale is not None:
            self.note(number, sale, self.prizes_in, index)
        return True

    def remove(self, number: str, index: int) -> bool:
        prize = self.prizes[index]
        if not self.owns(number, prize.account) or prize.state != "outstanding" or self.is_late(prize):
            return False
        prize.state = "removed"
        self.hold(prize, -1)
        self.give_price(prize)
        return True

    def restore(self, number: str, index: int) -> bool:
        prize = self.prizes[index]
        if not self.owns(number, prize.account) or self.cards[number].is_gone:
            return False
        unit = self.unit(prize.account, prize.unit)
        if prize.state != "removed" or self.is_late(prize) or unit.spendable(self.now) < prize.price:
            return False
        prize.state, prize.paid = "outstanding", unit.spend(prize.price, self.now)
        self.hold(prize, 1)
        return True

    def unuse(self, number: str, index: int) -> bool:
        prize = self.prizes[index]
        if not self.owns(number, prize.account) or self.cards[number].is_gone:
            return False
        if prize.state != "used" or self.is_late(prize):
            return False
        prize.state, prize.sale = "outstanding", None
        self.hold(prize, 1)
        return True

    # coupons

    def issue(self, number: str, campaign: str) -> bool:
        card = self.cards[number]
        if card.account is None or card.state not in ("to_issue", "active"):
            return False
        lasts = CAMPAIGNS[campaign][1]
        self.coupons.append(Coupon(card.account, campaign, None if lasts is None else self.now + lasts))
        return True

    def is_free(self, number: str, coupon: Coupon, till: str | None) -> bool:
        """Whether a coupon of a card is there to be used, and no other till has it open."""
        is_open = coupon.till_until is not None and coupon.till_until > self.now and coupon.till != till
        is_there = coupon.state == "issued" and not self.is_late(coupon)
        return self.owns(number, coupon.account) and is_there and not is_open

    def reserve(self, number: str, index: int, till: str) -> bool:
        coupon = self.coupons[index]
        if not self.is_free(number, coupon, till) or not self.cards[number].spends:
            return False
        until = self.now + RESERVATION
        coupon.till, coupon.till_until = till, min(until, coupon.expires_at or until)
        return True

    def release(self, number: str, index: int, till: str) -> bool:
        coupon = self.coupons[index]
        if not self.is_free(number, coupon, till) or coupon.till is None:
            return False
        coupon.till = coupon.till_until = None
        return True

    def redeem_coupon(self, number: str, index: int, till: str, sale: str) -> bool:
        coupon = self.coupons[index]
        if self.owns(number, coupon.account) and coupon.state == "used" and coupon.sale == sale:
            return True
        is_fit = self.fits(number, sale, self.coupons_in)
        if not (self.is_free(number, coupon, till) and self.cards[number].spends and is_fit):
            return False
        coupon.state, coupon.sale, coupon.till, coupon.till_until = "used", sale, None, None
        self.note(number, sale, self.coupons_in, index)
        points = CAMPAIGNS[coupon.campaign][0]
        if points:
            coupon.given = ((None, months_after(local(self.now), 6)), points)
            self.unit(self.cards[number].account, "points").add(*coupon.given, self.now)
        return True

    def cancel_coupon(self, number: str, index: int) -> bool:
        coupon = self.coupons[index]
        if not self.is_free(number, coupon, None):
            return False
        coupon.state, coupon.till, coupon.till_until = "cancelled", None, None
        return True

    def resend(self, number: str, index: int) -> bool:
        coupon = self.coupons[index]
        if not self.owns(number, coupon.account) or coupon.is_replaced or self.is_late(coupon):
            return False
        if coupon.state == "cancelled":
            coupon.is_replaced = True
            self.coupons.append(Coupon(coupon.account, coupon.campaign, coupon.expires_at, is_shared=coupon.is_shared))
        return coupon.state in ("issued", "cancelled")

    def share(self, number: str, index: int, to: str) -> bool:
        coupon, card = self.coupons[index], self.cards[to]
        if not self.is_free(number, coupon, None) or not self.cards[number].spends:
            return False
        if card.account is None or card.state not in ("to_issue", "active") or self.owns(to, coupon.account):
            return False
        if not CAMPAIGNS[coupon.campaign][3] or coupon.is_shared:
            return False
        coupon.account, coupon.is_shared, coupon.till, coupon.till_until = card.account, True, None, None
        return True

    def unuse_coupon(self, number: str, index: int) -> bool:
        coupon = self.coupons[index]
        if not self.owns(number, coupon.account) or self.cards[number].is_gone or coupon.state != "used":
            return False
        self.come_back(coupon, self.cards[number].account)
        return True

    # what comes back with a sale

    def come_back(self, coupon: Coupon, account: str | None) -> None:
        """A coupon can be used again, or ends if its own time is over; what it gave goes."""
        coupon.taken = None
        if coupon.given is not None:
            terms, points = coupon.given
            took = self.unit(account, "points").take_back(terms, points, self.now, owes=self.switches.owes)
            coupon.taken = (terms, points - took.waived)
        coupon.sale = coupon.given = None
        coupon.state = "expired" if self.is_late(coupon) else "issued"

    def bring_back(self, number: str, sale: Sale) -> None:
        """Of a sale that is over, what was used in it can be used again, or ends if its own time is over."""
        if not sale.is_over:
            return
        account, used = self.coupons_in.get(number, ("", []))
        coupons = [each for each in used if self.coupons[each].state == "used" and self.coupons[each].sale == number]
        coupons = [each for each in coupons if CAMPAIGNS[self.coupons[each].campaign][2]]
        for index in coupons:
            self.come_back(self.coupons[index], account)
        used = self.prizes_in.get(number, ("", []))[1]
        prizes = [each for each in used if self.prizes[each].state == "used" and self.prizes[each].sale == number]
        prizes = [each for each in prizes if PRICES[self.prizes[each].code][3]]
        for prize in [self.prizes[each] for each in prizes]:
            prize.sale = None
            if self.is_late(prize):
                prize.state = "removed"
                self.give_price(prize)
            else:
                prize.state = "outstanding"
                self.hold(prize, 1)
        sale.coupons_back, sale.prizes_back = coupons or sale.coupons_back, prizes or sale.prizes_back

    def may_reuse(self, number: str, sale: Sale) -> bool:
        """Whether nothing that came back with a sale was used since, or given away, or is open at a till."""
        coupons = [self.coupons[each] for each in sale.coupons_back]
        are_there = all(self.owns(number, each.account) and not each.is_replaced for each in coupons)
        are_open = any(each.till_until is not None and each.till_until > self.now for each in coupons)
        are_used = any(each.state == "used" for each in coupons)
        return (
            are_there
            and not are_open
            and not are_used
            and not any(self.prizes[each].state == "used" for each in sale.prizes_back)
        )

    def reuse(self, name: str, sale: Sale) -> None:
        """What came back with a sale that counts again is used in it again."""
        for prize in [self.prizes[each] for each in sale.prizes_back]:
            if prize.state == "outstanding":
                self.hold(prize, -1)
            if prize.state == "removed":
                unit = self.unit(prize.account, prize.unit)
                for terms, part in prize.paid.items():
                    unit.take_back(terms, part, self.now, owes=self.switches.owes)
            prize.state, prize.sale = "used", name
        for coupon in [self.coupons[each] for each in sale.coupons_back]:
            coupon.given, coupon.taken = coupon.taken if coupon.taken and coupon.taken[1] else None, None
            if coupon.given is not None:
                self.unit(coupon.account, "points").add(*coupon.given, self.now)
            coupon.state, coupon.sale, coupon.till, coupon.till_until = "used", name, None, None
        sale.prizes_back, sale.coupons_back = [], []

    def end_offers(self) -> None:
        """What isn't used in time is expired, and what a till had open is free again."""
        for coupon in self.coupons:
            if coupon.till_until is not None and coupon.till_until <= self.now:
                coupon.till = coupon.till_until = None
            if coupon.state == "issued" and self.is_late(coupon):
                coupon.state = "expired"
        for prize in self.prizes:
            if prize.state == "outstanding" and self.is_late(prize):
                prize.state = "expired"
                self.hold(prize, -1)
