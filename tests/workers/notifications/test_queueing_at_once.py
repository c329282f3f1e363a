"""News of a member come in while another process takes in their registration: they are told of it all the same."""

from contextlib import AsyncExitStack

from contracts.messages import Event
from contracts.topics import events_topic
from runtime.batch import Batches
from runtime.settings import Settings
from runtime.store import Transaction
from tests.runtime import faults
from tests.runtime.machine import Bench, letters, message
from tests.workers.notifications.test_queueing import BLOCKED, registered
from tests.workers.registration.people import DEMO
from workers.notifications.documents import Message
from workers.notifications.worker import worker


class Desk(Bench):
    """Notifications."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, worker)
        self.batches = Batches(worker, DEMO, self.store, settings, self.telemetry)

    async def hear(self, id: str, event: Event) -> None:
        """Let an event be handled."""
        topic = events_topic(self.settings.prefix, event.worker)
        assert letters(await self.settle(message(self.settings, id, event, topic=topic))) == []


class TestNews:
    async def test_that_come_while_the_registration_is_taken_in_are_told(self, settings: Settings) -> None:
        async with AsyncExitStack() as stack:
            desk, other = [await stack.enter_async_context(Desk(settings)) for _ in range(2)]

            async def join(_: Transaction) -> None:
                await other.hear("joined", registered())

            faults.interfere(desk.store, join)
            await desk.hear("blocked", BLOCKED)
            told = await desk.store.reader.find(Message, {})
            assert sorted(each.template for each in told) == ["card_blocked", "welcome"]
