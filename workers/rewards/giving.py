"""Gifts of units: a lot with terms of its own by a ledger entry that says what gave it; and how it is taken back."""

from typing import NamedTuple

from contracts.coupons import Gift
from contracts.programme.rewards import ValidUntil
from workers import Context
from workers.rewards.caps import local_day
from workers.rewards.coupon_documents import Given
from workers.rewards.documents import Account, Cause, LedgerEntry, Terms
from workers.rewards.earning import lot_terms
from workers.rewards.ledger import Tally, settled


class Gave(NamedTuple):
    """What came of giving units, or of taking them back."""

    account: Account
    entry: LedgerEntry
    given: Given


def gift_terms(gift: Gift, context: Context) -> Terms:
    """Until when a gift's units can be spent, if they are given today."""
    months = gift.expires_after_months
    return lot_terms(local_day(context), 0, months, ValidUntil.END_OF_DAY, context.programme.time_zone)


def give(account: Account, gift: Gift, cause: Cause, source: str, context: Context) -> Gave:
    """Credit a gift's units; a debt is paid first. The gift must be one of units."""
    unit, amount, terms = gift.unit or "", gift.amount or 0, gift_terms(gift, context)
    tally = Tally(account.holding(unit))
    tally.credit(terms, amount)
    entry = tally.entry(account.id, cause, context).evolve(source=source)
    return Gave(settled(account, [tally]), entry, Given(unit=unit, amount=amount, terms=terms, entry_id=entry.id))


def take_back(account: Account, given: Given, cause: Cause, source: str, context: Context) -> Gave:
    """Take back what was given: what is spent becomes what the programme makes of a shortfall."""
    tally = Tally(account.holding(given.unit))
    tally.take_back(given.terms, given.amount, context.now, context.programme.rewards.shortfall, None)
    entry = tally.entry(account.id, cause, context, undoes=given.entry_id).evolve(source=source)
    return Gave(settled(account, [tally]), entry, given)
