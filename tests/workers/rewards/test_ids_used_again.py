"""Ids that are used again once the journal has forgotten them, over MongoDB: refused, or done rightly; never half."""

from datetime import UTC, datetime, timedelta

from contracts.cards import CardIssued
from contracts.messages import Message
from contracts.topics import commands_topic, events_topic
from runtime.settings import Settings
from runtime.store import Outgoing
from tests.runtime.machine import Bench, message, outcomes, reasons
from tests.workers.rewards.counter import ISSUED, NUMBER, OPERATOR, OTHER, PROGRAMME, adjust
from workers.rewards import worker
from workers.rewards.documents import Account, LedgerEntry

LATER = datetime.now(UTC)
BEFORE = LATER - timedelta(days=10)


class Rewards(Bench):
    """The rewards worker, whose journal a test makes forget."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, worker)
        self.batches._programme = PROGRAMME

    def asked(self, id: str, body: Message) -> Outgoing:
        """A command of an operator."""
        return message(self.settings, id, body, topic=commands_topic(self.settings.prefix, "rewards"), actor=OPERATOR)

    def told(self, id: str, body: Message, at: datetime) -> Outgoing:
        """An event of the cards worker."""
        said = message(self.settings, id, body, topic=events_topic(self.settings.prefix, "cards"), time=at)
        return Outgoing(said.topic, said.key, said.value, [*said.headers, ("ce_causationid", b"c-1")])

    async def forget(self) -> None:
        """Let the journal forget everything, as it does after its days."""
        for name in ("journal", "outbox"):
            await self.store.reader._database[name].delete_many({})


class TestACommand:
    async def test_of_a_forgotten_id_is_refused_whatever_it_says(self, settings: Settings) -> None:
        async with Rewards(settings) as bench:
            await bench.settle(bench.told("c-1/cards-1", ISSUED, BEFORE))
            assert outcomes(await bench.settle(bench.asked("x", adjust(5)))) == [("done", None)]
            entries = await bench.store.reader.find(LedgerEntry, {})
            for body in (adjust(3), adjust(5)):
                await bench.forget()
                for _ in range(2):
                    settled = await bench.settle(bench.asked("x", body), bench.asked(f"y-{body.amount}", adjust(1)))
                    assert outcomes(settled) == [("refused", "id_used_before"), ("done", None)]
                    assert reasons(settled) == []
            kept = await bench.store.reader.find(LedgerEntry, {})
            assert [each for each in kept if each.amount != 1] == entries


class TestACardsAccount:
    async def test_is_opened_though_the_event_has_the_id_of_a_forgotten_one(self, settings: Settings) -> None:
        other = CardIssued(card_number=OTHER, kind=ISSUED.kind, category="normal")
        async with Rewards(settings) as bench:
            await bench.settle(bench.told("c-1/cards-1", ISSUED, BEFORE))
            await bench.forget()
            assert reasons(await bench.settle(bench.told("c-1/cards-1", other, LATER))) == []
            accounts = await bench.store.reader.find(Account, {})
            assert {each.card_number for each in accounts} == {NUMBER, OTHER}

    async def test_is_the_same_when_the_event_is_handled_again(self, settings: Settings) -> None:
        async with Rewards(settings) as bench:
            for _ in range(2):
                await bench.settle(bench.told("c-1/cards-1", ISSUED, BEFORE))
            assert len(await bench.store.reader.find(Account, {})) == 1
