"""Members hear of a higher tier, and of no lower one."""

import pytest

from contracts.tiers import TierCause, TierChanged
from tests.decisions import decide
from tests.workers.notifications.programmes import ANA, at
from workers.notifications.documents import Message
from workers.notifications.queueing import tell_of_tier

CHANGED = TierChanged(
    account_id="acc-1",
    card_number="4000000000000002",
    member_id="ana",
    balances=(),
    system="status",
    before=None,
    tier="gold",
    cause=TierCause.REACHED,
    is_higher=True,
)


class TestTierChanged:
    @pytest.mark.parametrize(("system", "text"), [("status", "You are Gold"), ("gone", "You are gold")])
    def test_upwards_is_told(self, system: str, text: str) -> None:
        event = CHANGED.model_copy(update={"system": system})
        assert decide(tell_of_tier, event, contact=ANA, context=at()).document(Message).text == text

    @pytest.mark.parametrize("change", [{"is_higher": False}, {"member_id": None}])
    def test_downwards_or_of_a_guest_is_not(self, change: dict[str, object]) -> None:
        assert decide(tell_of_tier, CHANGED.model_copy(update=change), contact=ANA, context=at()).documents == []
