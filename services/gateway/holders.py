"""Whose it is that a read shows: the members behind cards and accounts, for calls in which they must have agreed."""

from collections.abc import Sequence

from workers.cards.views import CardsViews
from workers.rewards.views import RewardsViews


class Holders:
    """Finds the members whose cards, or whose cards' accounts, they are."""

    def __init__(self, cards: CardsViews, rewards: RewardsViews) -> None:
        self._cards = cards
        self._rewards = rewards

    async def of(self, cards: Sequence[str], accounts: Sequence[str]) -> set[str]:
        """The members who hold any of these cards or accounts; what is nobody's leads to none.

        Raises:
            Away: MongoDB can't be reached.
        """
        led_by = await self._rewards.cards_of_accounts(accounts) if accounts else ()
        numbers = sorted({*cards, *led_by})
        return await self._cards.holders_of(numbers) if numbers else set()
