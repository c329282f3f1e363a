"""Cards as they are heard of, and purchases on them, whatever comes first."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.workers.rewards.model.books import CardState, Purse
from tests.workers.rewards.model.hand import Hand
from tests.workers.rewards.model.offers import Offers
from tests.workers.rewards.model.sales import EARNS, UNIT_OF, Back, Line, Sale
from tests.workers.rewards.model.switches import PARK, PENDING, REFUND_WAIT
from tests.workers.rewards.model.units import Taken


@dataclass
class Before:
    """How a sale was: what it was worth by each rule, which of them gave anything, and whether it was paid for."""

    worth: dict[str, int]
    rules: set[str] = field(default_factory=set)
    is_paid: bool = field(kw_only=True)


class Model(Offers, Hand):
    """Everything, by the rules."""

    # cards

    def heard(self, number: str, version: int, state: CardState, stopped_at: datetime | None = None) -> None:
        """News of a card; older ones than there have been change nothing."""
        card = self.cards[number]
        if version > card.news:
            card.news, card.state, card.stopped_at = version, state, stopped_at

    def issued(self, number: str, version: int) -> None:
        self.heard(number, version, "to_issue")
        card = self.cards[number]
        if card.account is None:
            card.account = number
            self.purses[number] = Purse()
            self.go_on(number)

    def linked(self, number: str, version: int, member: str, pool: str | None) -> None:
        self.heard(number, version, "active")
        self.held(number, version, member, pool)

    def held(self, number: str, version: int, member: str, pool: str | None) -> None:
        """Whose a card is; and with which other it collects, if its holder absorbed somebody."""
        card = self.cards[number]
        if version > card.member_news:
            card.member, card.member_news = member, version
        if pool is not None and pool != number:
            self.lead(pool, number)

    def replaced(self, number: str, version: int, stopped_at: datetime, by: str, first: str) -> None:
        self.heard(number, version, "replaced", stopped_at)
        self.lead(first, by)

    def lead(self, first: str, heir: str) -> None:
        """A card is to lead to another's account, as soon as there is one."""
        if self.cards[first].account is not None:
            self.join(heir, first)
        elif heir not in self.cards[first].heirs:
            self.cards[first].heirs.append(heir)

    def join(self, number: str, first: str) -> None:
        """A card leads to another's account, with all that its own had collected."""
        own, account = self.cards[number].account, self.cards[first].account
        assert account is not None
        self.cards[number].account = account
        if own is not None and own != account:
            self.move(own, account)
        self.go_on(number)
        if own is not None and own != account:
            self.reckon(account)

    def go_on(self, number: str) -> None:
        """Whatever waited for a card to have an account goes on."""
        self.resume(number)
        heirs, self.cards[number].heirs = self.cards[number].heirs, []
        for heir in heirs:
            self.join(heir, number)

    def resume(self, number: str) -> None:
        """What waited for a card counts, if it was bought while the card worked."""
        for name in [name for name, sale in self.sales.items() if sale.awaits == number]:
            sale = self.sales[name]
            if self.cards[number].earns(sale.at):
                self.open(name, sale, self.cards[number].account)
            else:
                self.give_up(name)

    def give_up(self, name: str) -> None:
        """Forget a purchase that waited; refunds of it go on waiting."""
        sale = self.sales.pop(name)
        if sale.refunds:
            self.sales[name] = Sale(self.now, refunds=sale.refunds, ends_at=self.now + REFUND_WAIT)

    # purchases

    def open(self, name: str, sale: Sale, account: str | None) -> None:
        """A sale counts for the first time."""
        assert account is not None
        sale.earned = self.earned(account, sale.at, sale.lines, 0)
        sale.account, sale.awaits = account, None
        sale.ends_at = None if sale.is_paid else self.now + PENDING
        self.change(name, sale, Before(dict.fromkeys(EARNS, 0), is_paid=sale.is_paid))

    def earned(self, account: str, at: datetime, lines: tuple[Line, ...], own: int) -> dict[str, int]:
        """What lines earn by each rule that gives anything, less what caps leave out."""
        earned = {rule: amount(lines) for rule, amount in EARNS.items()}
        earned["capped"] = self.capped(account, at, earned["capped"], own)
        return {rule: amount for rule, amount in earned.items() if amount}

    def before(self, sale: Sale) -> Before:
        """How a sale is before it changes."""
        return Before({rule: sale.worth(rule) for rule in EARNS}, set(sale.earned), is_paid=sale.is_paid)

    def change(
        self, name: str, sale: Sale, old: Before, undone: dict[str, Taken] | None = None, *, is_reused: bool = False
    ) -> dict[str, Taken]:
        """Move the difference between what a sale was worth, pending or not, and what it is worth now.

        It says what it took. What is undone is given back as it was taken.
        """
        more: dict[str, int] = {}
        for rule in sorted(EARNS, key=lambda rule: old.is_paid and rule not in old.rules):
            was, now = old.worth[rule], sale.worth(rule)
            if rule == "capped" and undone is None:
                sale.granted += max(0, now - was)
            self.unit(sale.account, UNIT_OF[rule]).pending += (not sale.is_paid) * now - (not old.is_paid) * was
            more[rule] = sale.is_paid * now - old.is_paid * was
        for rule, amount in more.items():
            unit, terms = self.unit(sale.account, UNIT_OF[rule]), sale.terms(rule)
            if amount > 0 and undone is not None and UNIT_OF[rule] in undone:
                unit.give_back(undone[UNIT_OF[rule]], terms, self.added_terms(), amount, self.now)
            elif amount > 0:
                unit.add(terms, amount, self.now)
        took = {name: Taken() for name in UNIT_OF.values()}
        for rule, amount in more.items():
            if amount < 0:
                unit = self.unit(sale.account, UNIT_OF[rule])
                part = unit.take_back(sale.terms(rule), -amount, self.now, owes=self.switches.owes)
                took[UNIT_OF[rule]].join(part)
        if is_reused:
            self.reuse(name, sale)
        self.bring_back(name, sale)
        account = self.owner(sale.account)
        assert account is not None
        self.reckon(account)
        return took

    def record(
        self, number: str, name: str, at: datetime, lines: tuple[Line, ...], *, is_paid: bool, is_offline: bool
    ) -> bool:
        card, sale = self.cards[number], self.sales.get(name)
        if card.account is None:
            return self.park(number, name, at, lines, is_paid=is_paid)
        if sale is not None and sale.account is not None:
            return self.record_again(number, name, sale, lines, is_paid=is_paid, is_offline=is_offline)
        waits_for_another = sale is not None and sale.awaits not in (None, number)
        if waits_for_another or not card.earns(at if is_offline else None):
            return False
        refunds = {} if sale is None else sale.refunds
        self.sales[name] = Sale(at, lines, is_paid=is_paid, refunds=refunds)
        self.open(name, self.sales[name], card.account)
        return True

    def record_again(
        self, number: str, name: str, sale: Sale, lines: tuple[Line, ...], *, is_paid: bool, is_offline: bool
    ) -> bool:
        """The same again is answered, or confirms; another content applies the difference."""
        if not self.owns(number, sale.account):
            return False
        if lines == sale.lines and is_paid and not sale.is_paid and not sale.is_cancelled:
            return self.confirm(number, name)
        if lines == sale.lines or lines in sale.past:
            return True
        if sale.is_cancelled or not self.cards[number].earns(sale.at if is_offline else None):
            return False
        is_over = replace(sale, lines=lines, is_paid=sale.is_paid or is_paid).is_over
        if sale.is_over and not is_over and (sale.prizes_back or sale.coupons_back):
            return False
        old, account = self.before(sale), self.owner(sale.account)
        assert account is not None
        sale.earned = self.earned(account, sale.at, lines, old.worth["capped"])
        sale.past.append(sale.lines)
        sale.lines, sale.is_paid = lines, sale.is_paid or is_paid
        sale.ends_at = None if sale.is_paid else self.now + PENDING
        self.change(name, sale, old)
        return True

    def park(self, number: str, name: str, at: datetime, lines: tuple[Line, ...], *, is_paid: bool) -> bool:
        """Keep a purchase until its card has an account."""
        sale = self.sales.get(name)
        if sale is not None and (sale.account is not None or sale.awaits not in (None, number)):
            return False
        if sale is None or sale.awaits is None:
            refunds = {} if sale is None else sale.refunds
            self.sales.pop(name, None)
            self.sales[name] = Sale(at, lines, None, number, is_paid, refunds=refunds, ends_at=self.now + PARK)
        elif lines == sale.lines:
            sale.is_paid = sale.is_paid or is_paid
        elif lines not in sale.past:
            sale.past.append(sale.lines)
            sale.lines, sale.is_paid = lines, sale.is_paid or is_paid
        return True

    def confirm(self, number: str, name: str) -> bool:
        sale = self.sales.get(name)
        if sale is not None and sale.awaits == number:
            sale.is_paid = True
            return True
        if sale is None or not self.owns(number, sale.account) or sale.is_cancelled:
            return False
        if not sale.is_paid:
            old = self.before(sale)
            sale.is_paid, sale.ends_at = True, None
            self.change(name, sale, old)
        return True

    def cancel(self, number: str, name: str) -> bool:
        sale = self.sales.get(name)
        if sale is not None and sale.awaits == number:
            self.give_up(name)
            return True
        if sale is None or not self.owns(number, sale.account) or sale.is_paid:
            return False
        self.cancelled(name, sale)
        return True

    def cancelled(self, name: str, sale: Sale) -> None:
        """A pending sale doesn't come to be."""
        if not sale.is_cancelled:
            old = self.before(sale)
            sale.is_cancelled, sale.ends_at = True, None
            self.change(name, sale, old)

    def refund(self, number: str, name: str, refund: str, back: tuple[Back, ...]) -> bool:
        sale = self.sales.get(name)
        if sale is None or sale.account is None:
            kept = self.sales.setdefault(name, Sale(self.now, ends_at=self.now + REFUND_WAIT))
            return kept.refunds.setdefault(refund, back) == back
        if not self.owns(number, sale.account):
            return False
        if refund in sale.refunds:
            return sale.refunds[refund] == back
        left = sale.left()
        fits = all(
            line <= len(left) and items <= left[line - 1][0] and price <= left[line - 1][1]
            for line, items, price in back
        )
        if sale.is_cancelled or not fits:
            return False
        old = self.before(sale)
        sale.refunds[refund] = back
        sale.took[refund] = self.change(name, sale, old)
        return True

    # taking that back

    def may_correct(self, number: str, name: str, operator: str) -> bool:
        """Whether an operator may take something of a sale back."""
        sale = self.sales.get(name)
        is_theirs = sale is not None and self.owns(number, sale.account)
        return is_theirs and not self.is_own(number, operator) and not self.cards[number].is_gone

    def undo_refund(self, number: str, name: str, refund: str, operator: str) -> bool:
        sale = self.sales.get(name)
        if sale is None or not self.may_correct(number, name, operator):
            return False
        if sale.is_cancelled or refund not in sale.refunds or refund in sale.undone:
            return False
        old, was_over = self.before(sale), sale.is_over
        sale.undone.add(refund)
        is_reused = was_over and not sale.is_over
        if is_reused and not self.may_reuse(number, sale):
            sale.undone.remove(refund)
            return False
        self.change(name, sale, old, sale.took.get(refund, {}), is_reused=is_reused)
        return True

    def undo_cancellation(self, number: str, name: str, operator: str) -> bool:
        sale = self.sales.get(name)
        if sale is None or not self.may_correct(number, name, operator) or not sale.is_cancelled:
            return False
        if not self.may_reuse(number, sale):
            return False
        old = self.before(sale)
        sale.is_cancelled, sale.ends_at = False, self.now + PENDING
        self.change(name, sale, old, {}, is_reused=True)
        return True

    # time

    def ends(self) -> list[datetime]:
        """The moments at which something ends."""
        lots = [terms[1] for purse in self.purses.values() for unit in purse.units.values() for terms in unit.lots]
        waiting = [*(each.ends_at for each in self.sales.values()), *(each.ends_at for each in self.changes)]
        offers = [*(each.expires_at for each in self.prizes), *(each.expires_at for each in self.coupons)]
        tills = [each.till_until for each in self.coupons]
        return [each for each in (*lots, *waiting, *offers, *tills) if each is not None]

    def wait(self, for_so_long: timedelta, *, is_noticed: bool = True) -> None:
        """Let time pass; what is over is noticed at once or, but for tiers, later."""
        self.now += for_so_long
        if is_noticed:
            self.end_waits()
            self.end_offers()
            self.expire_lots()
        for account, purse in self.purses.items():
            if purse.into is None:
                self.reckon(account)
        for name in sorted(self.sales) if is_noticed else ():
            sale = self.sales[name]
            if sale.ends_at is None or sale.ends_at > self.now:
                continue
            if sale.account is not None:
                self.cancelled(name, sale)
            elif sale.awaits is not None:
                self.give_up(name)
            else:
                del self.sales[name]
