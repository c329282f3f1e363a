"""The courier against the stand-in, over real sockets: every message arrives once, whatever goes wrong."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from contracts.messages import Actor, Command
from contracts.notifications import DeferMessage, MessageChannel, MessageStatus, RecordDelivery
from contracts.registration import Channel, MemberRegistered
from contracts.topics import commands_topic, events_topic
from runtime.batch import Batches
from runtime.breaker import Breaker
from runtime.mongo import from_raw
from runtime.publishing import Unsent
from runtime.settings import Settings
from runtime.smtp import SmtpServer
from runtime.store import Away
from services.sms_standin.app import create_app
from services.sms_standin.received import Behaviour, Inbox
from tests.decisions import VAULT, decide
from tests.mailbox import listening
from tests.runtime.machine import Bench, fresh_id
from tests.runtime.machine import message as machine_message
from tests.workers.memory_reader import MemoryReader
from tests.workers.notifications.programmes import PROGRAMME, at, message
from workers.notifications import worker
from workers.notifications.courier import COURIER, Courier, EmailProvider, SmsProvider
from workers.notifications.delivery import defer_message, record_delivery
from workers.notifications.documents import CODE_MASK, Message
from workers.notifications.views import NotificationViews

NUMBER = "+4915112345678"


def due(number: int = 0, **wanted: Any) -> Message:
    now = datetime.now(UTC)
    times = {"queued_at": now, "due_at": now, "status_at": now, "expires_at": now + timedelta(hours=1)}
    return message(**{"id": f"{number:032x}", **times, **wanted})


@dataclass
class World:
    """The worker's documents, its topic of commands and its leases, in memory."""

    reader: MemoryReader = field(default_factory=MemoryReader)
    published: dict[str, Command] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)
    rounds: int = 0
    """How often leases were asked for."""
    publishes: Counter[str] = field(default_factory=Counter)
    is_worker_away: bool = False
    broken: list[Exception] = field(default_factory=list)
    """What the next calls to the servers raise."""

    def trouble(self) -> None:
        if self.broken:
            raise self.broken.pop()

    async def publish(self, command: Command, *, id: str, actor: Actor, correlation_id: str) -> None:
        self.trouble()
        assert (actor, correlation_id) == (COURIER, "c-1")
        self.publishes[id] += 1
        assert self.published.setdefault(id, command) == command, "the same id with another body"
        if self.publishes[id] == 1 and not self.is_worker_away:
            self.take_in(command)

    def take_in(self, command: Command) -> None:
        """What the worker does with a report."""
        assert isinstance(command, RecordDelivery | DeferMessage)
        handler = record_delivery if isinstance(command, RecordDelivery) else defer_message
        known = self.of(command.message_id)
        told = decide(handler, command, message=known, context=at(now=datetime.now(UTC)))
        self.reader.put(*told.documents)

    async def take_leases(self, names: Sequence[str], seconds: float) -> set[str]:
        self.trouble()
        self.rounds += 1
        now = asyncio.get_running_loop().time()
        taken = {name for name in names if self.leases.get(name, 0) <= now}
        self.leases.update(dict.fromkeys(taken, now + seconds))
        return taken

    def of(self, message_id: str) -> Message:
        return from_raw(Message, self.reader.collection(Message)[message_id])

    def statuses(self) -> Counter[str]:
        return Counter(str(raw["status"]) for raw in self.reader.collection(Message).values())


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def client(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a stand-in that listens on loopback."""
    config = uvicorn.Config(create_app(inbox), port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    await asyncio.to_thread(config.load)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=1) as client:
        yield client
    await server.shutdown()


def provider(client: httpx.AsyncClient, breaker: Breaker | None = None) -> SmsProvider:
    return SmsProvider(client, breaker, first_wait=0.001)


@contextlib.asynccontextmanager
async def running(
    world: World,
    provider: SmsProvider | EmailProvider,
    processes: int = 1,
    channel: MessageChannel = MessageChannel.SMS,
) -> AsyncIterator[None]:
    """So many couriers, each as in a process of its own."""
    stop = asyncio.Event()
    couriers = [
        Courier(world.reader, world.publish, world.take_leases, {channel: provider}, VAULT) for _ in range(processes)
    ]
    tasks = [asyncio.create_task(courier.run(stop, poll_seconds=0.01)) for courier in couriers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def until(condition: Any, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is another process's state
            await asyncio.sleep(0.01)


class TestCourier:
    async def test_carries_every_message_once(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        world = World(MemoryReader(due(number) for number in range(300)))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"sent": 300})

        assert inbox.counts() == {"texts": 300, "requests": 300}
        taken = inbox.newest()[0]
        assert (taken.to, taken.text, taken.sender) == (NUMBER, "Hallo Ana", "Cafe")
        assert world.of(f"{0:032x}").provider_reference is not None

    async def test_puts_a_code_into_its_text_and_nowhere_else(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        world = World(
            MemoryReader([due(text=f"{CODE_MASK} is your code", code_id="code-1", code_purpose="verify_phone")])
        )

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"sent": 1})

        code = VAULT.code("verify_phone", "code-1", NUMBER)
        assert inbox.newest()[0].text == f"{code} is your code"
        assert code not in repr(world.reader.collection(Message)) + repr(world.published)
        assert world.of(f"{0:032x}").text == f"{CODE_MASK} is your code"

    async def test_shares_the_work_between_processes(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        world = World(MemoryReader(due(number) for number in range(100)))

        async with running(world, provider(client), processes=3):
            await until(lambda: world.statuses() == {"sent": 100})

        assert inbox.counts() == {"texts": 100, "requests": 100}

    async def test_does_not_carry_again_what_the_worker_has_not_taken_in(
        self, client: httpx.AsyncClient, inbox: Inbox
    ) -> None:
        world = World(MemoryReader([due()]), is_worker_away=True)

        async with running(world, provider(client)):
            await until(lambda: bool(world.published))
            await asyncio.sleep(0.1)

        assert inbox.counts() == {"texts": 1, "requests": 1}

    async def test_says_the_same_again_after_a_process_was_lost(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        world = World(MemoryReader([due()]), is_worker_away=True)
        async with running(world, provider(client)):
            await until(lambda: world.publishes.total() == 1)
        world.leases.clear()
        async with running(world, provider(client)):
            await until(lambda: world.publishes.total() == 2)

        assert list(world.publishes.values()) == [2]
        assert inbox.counts() == {"texts": 1, "requests": 2}

    async def test_leaves_what_is_not_due(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        later = datetime.now(UTC) + timedelta(minutes=1)
        settled = due(1, status=MessageStatus.FAILED, due_at=None)
        world = World(MemoryReader([due(0, due_at=later), settled]))

        async with running(world, provider(client)):
            await asyncio.sleep(0.1)

        assert inbox.counts()["requests"] == 0

    async def test_does_not_send_what_is_not_worth_sending_any_more(
        self, client: httpx.AsyncClient, inbox: Inbox
    ) -> None:
        world = World(MemoryReader([due(expires_at=datetime.now(UTC))]))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"expired": 1})

        assert inbox.counts()["requests"] == 0

    async def test_tries_again_at_once_when_the_provider_stumbles(
        self, client: httpx.AsyncClient, inbox: Inbox
    ) -> None:
        inbox.behaviour = Behaviour(fail_next=2, status=503)
        world = World(MemoryReader([due()]))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"sent": 1})

        assert world.of(f"{0:032x}").attempts == 0

    async def test_defers_what_the_provider_can_not_take(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        inbox.behaviour = Behaviour(fail_next=3, status=503)
        world = World(MemoryReader([due()]))

        async with running(world, provider(client)):
            await until(lambda: bool(world.published))

        known = world.of(f"{0:032x}")
        assert (known.status, known.attempts, known.error) == (MessageStatus.QUEUED, 1, "provider_answered_503")
        assert known.due_at is not None
        assert known.due_at > datetime.now(UTC)

    async def test_takes_up_what_was_deferred(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        inbox.behaviour = Behaviour(fail_next=3, status=503)
        world = World(MemoryReader([due()]))

        async with running(world, provider(client)):
            await until(lambda: bool(world.published))
            world.reader.put(world.of(f"{0:032x}").evolve(due_at=datetime.now(UTC)))
            await until(lambda: world.statuses() == {"sent": 1})

        assert inbox.counts() == {"texts": 1, "requests": 1}

    async def test_sends_once_though_the_answer_was_lost(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        inbox.behaviour = Behaviour(fail_next=3, status=504, is_taken=True)
        world = World(MemoryReader([due()]))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"unknown": 1})
            world.reader.put(world.of(f"{0:032x}").evolve(due_at=datetime.now(UTC)))
            await until(lambda: world.statuses() == {"sent": 1})

        assert inbox.counts() == {"texts": 1, "requests": 4}

    async def test_gives_up_what_the_provider_refuses(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        world = World(MemoryReader([due(recipient="nowhere")]))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"failed": 1})

        assert world.of(f"{0:032x}").error == "provider_answered_422"

    async def test_waits_while_the_servers_are_away(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        world = World(MemoryReader([due()]), broken=[Unsent("away"), Unsent("away")])

        async with running(world, provider(client)):
            await until(lambda: not world.broken)
        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"sent": 1})

        assert inbox.counts() == {"texts": 1, "requests": 1}

    async def test_asks_for_many_leases_at_once(self, client: httpx.AsyncClient) -> None:
        world = World(MemoryReader(due(number) for number in range(100)))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"sent": 100})

        assert world.rounds <= 10

    async def test_carries_what_was_leased_when_it_is_told_to_stop(
        self, client: httpx.AsyncClient, inbox: Inbox
    ) -> None:
        world = World(MemoryReader(due(number) for number in range(40)))

        async with running(world, provider(client)):
            await until(lambda: bool(world.leases))

        assert inbox.counts()["texts"] == len(world.leases)

    async def test_goes_on_looking_when_the_database_is_back(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        class Stumbling(MemoryReader):
            stumbles = 1

            async def find(self, *arguments: Any, **named: Any) -> Any:
                if self.stumbles:
                    self.stumbles = 0
                    raise Away("away")
                return await super().find(*arguments, **named)

        world = World(Stumbling([due()]))

        async with running(world, provider(client)):
            await until(lambda: world.statuses() == {"sent": 1})

    async def test_leaves_a_provider_alone_that_is_down(self, client: httpx.AsyncClient, inbox: Inbox) -> None:
        inbox.behaviour = Behaviour(fail_next=4, status=503)
        world = World(MemoryReader(due(number) for number in range(40)))

        async with running(world, provider(client, Breaker(limit=2, rest_seconds=0.3))):
            await until(lambda: inbox.behaviour.fail_next == 0)
            await until(lambda: world.statuses()["sent"] > 30)

        assert inbox.counts()["texts"] == inbox.counts()["requests"] == world.statuses()["sent"]

    async def test_is_not_kept_from_emails_by_one_that_can_not_be_written(self) -> None:
        breaker = Breaker(limit=1, rest_seconds=0.05)
        breaker.broke(time.monotonic())
        unfit, fit = (due(number, channel=MessageChannel.EMAIL, subject="s") for number in range(2))
        world = World(MemoryReader([unfit.evolve(recipient="eve@x.org,ana@x.org"), fit.evolve(recipient="ana@x.org")]))
        async with listening() as box:
            emails = EmailProvider(SmtpServer("127.0.0.1", box.port, "none"), breaker)
            async with running(world, emails, channel=MessageChannel.EMAIL):
                await until(lambda: world.statuses() == {"failed": 1, "sent": 1})


class TestOnServers:
    async def test_a_member_who_registered_is_welcomed_once(
        self, client: httpx.AsyncClient, inbox: Inbox, settings: Settings
    ) -> None:
        registered = MemberRegistered(
            member_id="ana",
            channel=Channel.CALL,
            phone=NUMBER,
            email=None,
            first_name="Ana",
            language="de",
            card_number=None,
            home_store=None,
            registered_at=datetime.now(UTC),
        )
        async with Bench(settings, worker) as bench:
            bench.batches = Batches(
                worker, PROGRAMME, bench.store, settings, bench.telemetry, lambda: datetime.now(UTC)
            )
            deciding = asyncio.Lock()
            reported = asyncio.Event()

            async def publish(command: Command, *, id: str, actor: Actor, **_: Any) -> None:
                topic = commands_topic(settings.prefix, worker.name)
                async with deciding:
                    await bench.settle(machine_message(settings, id, command, topic=topic, actor=actor))
                reported.set()

            views = NotificationViews(bench.store.reader)
            await bench.settle(
                machine_message(
                    settings, fresh_id(), registered, topic=events_topic(settings.prefix, registered.worker)
                )
            )
            (queued,) = await views.messages_of("ana")
            assert (queued.status, queued.text) == (MessageStatus.QUEUED, "Hallo Ana")

            stop = asyncio.Event()
            couriers = [
                Courier(bench.store.reader, publish, bench.store.take_leases, {MessageChannel.SMS: provider(client)})
                for _ in range(2)
            ]
            tasks = [asyncio.create_task(courier.run(stop, poll_seconds=0.02)) for courier in couriers]
            await asyncio.wait_for(reported.wait(), 20)
            stop.set()
            await asyncio.gather(*tasks)
            known = await views.message(queued.id)

        assert known is not None
        assert known.status is MessageStatus.SENT
        assert inbox.newest()[0].reference == known.provider_reference
        assert inbox.counts() == {"texts": 1, "requests": 1}
