"""What is kept of what a sale used besides money: the rewards in it."""

from typing import ClassVar

from runtime.documents import Document


class SaleRewards(Document):
    """The rewards that were used in one sale; its id is the purchase's, which need not be known yet."""

    collection: ClassVar = "sale_rewards"

    account_id: str
    reward_ids: tuple[str, ...]
