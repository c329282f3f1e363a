"""What others may read about the ledger: why a balance is what it is, its history by pages, adjustments, receipts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from contracts.adjustments import AdjustmentState
from contracts.rewards import PurchaseState, RewardState
from runtime.context import made_id
from runtime.store import Reader
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment, Operator
from workers.rewards.documents import Account, Card, LedgerEntry, Purchase, Reward
from workers.rewards.explaining import UnitExplained, explained

WINDOW: Final = 1_000
"""Entries by which a balance is explained; more than a batch writes at one time."""
MOST_SHOWN: Final = 500
AT_ONCE: Final = 5_000
"""Commands that are looked up in one query."""
NEWEST: Final = (("at", -1), ("_id", -1))
"""In the order of the index, the other way round: a page of a long history is read, not sorted."""


class InvalidPage(ValueError):
    """A page's cursor that no page gave."""


class Explanation(NamedTuple):
    """Why an account holds what it does."""

    account: Account
    since: datetime | None
    """What is older is one part; None: there is nothing older."""
    units: tuple[UnitExplained, ...]


class LedgerViews:
    """Read-only queries over the ledger and the adjustments; none costs more on a long history.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def explanation(self, account_id: str) -> Explanation | None:
        """Each part of an account's balances: its origin, its rule, its time, and what became of the rest."""
        account = await self._reader.get(Account, account_id)
        if account is None:
            return None
        owned = {"account_id": {"$in": [account.id, *account.absorbed]}}
        newest = await self._reader.find(LedgerEntry, owned, sort=NEWEST, limit=WINDOW)
        is_cut = len(newest) == WINDOW
        # Of a time that the window cuts through some entries are missing.
        entries = [each for each in newest if not is_cut or each.at > newest[-1].at]
        entries.reverse()
        pending = {each.purchase_id: each for each in entries if each.pending > 0 and each.purchase_id is not None}
        where: Mapping[str, Any] = {"_id": {"$in": list(pending)}, "state": PurchaseState.PENDING.value}
        purchases = await self._reader.find(Purchase, where, limit=WINDOW) if pending else []
        wanted = {**owned, "state": RewardState.OUTSTANDING.value}
        rewards = await self._reader.find(Reward, wanted, limit=MOST_SHOWN)
        since = (entries or newest)[0].at if is_cut else None
        return Explanation(account, since, explained(account, entries, purchases, rewards))

    async def ledger(self, account_id: str, limit: int = 100, before: str | None = None) -> list[LedgerEntry]:
        """An account's movements, the newest first; those after `before`, a cursor of an earlier page, if it is given.

        Raises:
            InvalidPage: `before` is from nowhere.
        """
        account = await self._reader.get(Account, account_id)
        owned = [account_id] if account is None else [account.id, *account.absorbed]
        where: dict[str, Any] = {"account_id": {"$in": owned}}
        if before is not None:
            at, entry_id = _read_cursor(before)
            # Said twice: the first bounds the index, without it all that is newer would be read again for each page.
            where["at"] = {"$lte": at}
            where["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry_id}}]
        return await self._reader.find(LedgerEntry, where, sort=NEWEST, limit=_at_most(limit))

    async def entry(self, entry_id: str) -> LedgerEntry | None:
        """The movement with an id."""
        return await self._reader.get(LedgerEntry, entry_id)

    async def comments(self, entries: Sequence[LedgerEntry]) -> dict[str, str]:
        """What the member is told of the adjustments among these movements, by the adjustments' ids."""
        ids = sorted({each.adjustment_id for each in entries if each.adjustment_id is not None})
        found = await self._reader.find(Adjustment, {"_id": {"$in": ids}}, limit=MOST_SHOWN) if ids else []
        return {each.id: each.comment for each in await with_comments(self._reader, found)}

    async def adjustments(self, account_id: str, limit: int = 100) -> list[Adjustment]:
        """What was adjusted on an account, the newest first."""
        account = await self._reader.get(Account, account_id)
        owned = [account_id] if account is None else [account.id, *account.absorbed]
        where = {"account_id": {"$in": owned}}
        found = await self._reader.find(Adjustment, where, sort=(("submitted_at", -1),), limit=_at_most(limit))
        return await with_comments(self._reader, found)

    async def adjuster_of(self, command_ids: Sequence[str], besides: str) -> str | None:
        """Who adjusted a balance by any of these commands, if anybody did besides this one."""
        for start in range(0, len(command_ids), AT_ONCE):
            ids = [made_id(command_id, 1) for command_id in command_ids[start : start + AT_ONCE]]
            others = {"_id": {"$in": ids}, "actor.id": {"$ne": besides}}
            for each in await self._reader.find(Adjustment, others, limit=1):
                return each.actor.id
        return None

    async def accounts_by_card(self, card_numbers: Sequence[str]) -> dict[str, Account]:
        """The accounts that cards lead to, by the cards' numbers; cards that nobody knows are missing."""
        found: dict[str, Account] = {}
        for start in range(0, len(card_numbers), MOST_SHOWN):
            numbers = list(card_numbers[start : start + MOST_SHOWN])
            cards = await self._reader.find(Card, {"_id": {"$in": numbers}}, limit=0)
            ids = sorted({card.account_id for card in cards if card.account_id is not None})
            accounts = {each.id: each for each in await self._reader.find(Account, {"_id": {"$in": ids}}, limit=0)}
            found |= {card.id: accounts[card.account_id] for card in cards if card.account_id in accounts}
        return found

    async def holders_by_card(self, card_numbers: Sequence[str]) -> dict[str, str]:
        """The members whose cards these are, by the cards' numbers; cards that are nobody's are missing."""
        found: dict[str, str] = {}
        for start in range(0, len(card_numbers), MOST_SHOWN):
            numbers = list(card_numbers[start : start + MOST_SHOWN])
            cards = await self._reader.find(Card, {"_id": {"$in": numbers}}, limit=0)
            found |= {card.id: card.member_id for card in cards if card.member_id is not None}
        return found

    async def operator(self, operator_id: str) -> Operator | None:
        """Which member an operator is, and what they have adjusted today; None if nothing is known of them."""
        return await self._reader.get(Operator, operator_id)

    async def waiting_adjustments(self, limit: int = 100) -> list[tuple[Adjustment, Account | None]]:
        """What waits for a second person, the oldest first, with its account."""
        where = {"state": AdjustmentState.WAITING.value}
        found = await self._reader.find(Adjustment, where, sort=(("submitted_at", 1),), limit=_at_most(limit))
        found = await with_comments(self._reader, found)
        ids = sorted({each.account_id for each in found})
        accounts = await self._reader.find(Account, {"_id": {"$in": ids}}, limit=MOST_SHOWN) if ids else []
        by_id = {each.id: each for each in accounts}
        return [(each, by_id.get(each.account_id)) for each in found]


async def with_comments(reader: Reader, found: Sequence[Adjustment]) -> list[Adjustment]:
    """Adjustments with what operators wrote in the place of the reasons' own words, in one query.

    Raises:
        Away: MongoDB can't be reached.
    """
    ids = [each.id for each in found]
    written = await reader.find(AdjustmentComment, {"_id": {"$in": ids}}, limit=0) if ids else []
    texts = {each.id: each.text for each in written}
    return [each.evolve(comment=texts.get(each.id, each.comment)) for each in found]


def cursor_of(entry: LedgerEntry) -> str:
    """Where the page after this entry begins."""
    return f"{entry.at.timestamp() * 1000:.0f}.{entry.id}"


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    milliseconds, _, entry_id = cursor.partition(".")
    if not (milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) < 15 and entry_id):
        raise InvalidPage(cursor)
    at = datetime.fromtimestamp(int(milliseconds) // 1000, UTC).replace(microsecond=int(milliseconds) % 1000 * 1000)
    return at, entry_id


def _at_most(limit: int) -> int:
    return max(1, min(limit, MOST_SHOWN))
