"""News of a member come in while another process takes in their registration: they are told of it all the same."""

from runtime.settings import Settings
from runtime.store import Transaction
from tests.runtime import faults
from tests.runtime.machine import two
from tests.workers.notifications.test_queueing import BLOCKED, registered
from tests.workers.registration.people import DEMO
from workers.notifications.documents import Message
from workers.notifications.worker import worker


class TestNews:
    async def test_that_come_while_the_registration_is_taken_in_are_told(self, settings: Settings) -> None:
        async with two(settings, worker, programme=DEMO) as (desk, other):

            async def join(_: Transaction) -> None:
                assert await other.ask("joined", registered()) == ("done", None)

            faults.interfere(desk.store, join)
            assert await desk.ask("blocked", BLOCKED) == ("done", None)
            told = await desk.store.reader.find(Message, {})
            assert sorted(each.template for each in told) == ["card_blocked", "welcome"]
