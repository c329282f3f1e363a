"""Round trips through the gateway while everything runs: broker, database, five workers, doors, load generator."""

import asyncio
import json
import pickle
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from uuid_utils import uuid7

from contracts.cards import IssueCard
from contracts.messages import WORKERS, Command
from contracts.programme import Programme
from runtime.admin import create_topics
from runtime.edge import stamped
from runtime.local import free_port
from runtime.local.child import Child, last_words
from runtime.local.supervisor import http_is_ready
from runtime.publishing import Publisher
from runtime.settings import Settings
from runtime.store import connect
from services.gateway.keys import ensure_demo_keys
from tests.bench.commands import FUNDING_ITEMS, MESSAGES_PER_CARD, TILL, Shop, card_number
from tests.bench.load import Request
from tests.bench.ways import Stuck, cpu_times

READY_SECONDS: Final = 60.0
WARM_UP_SECONDS: Final = 3.0
REST_SECONDS: Final = 2.0
"""Between two rates: what notifications and audit still have to do with one is not to slow the next."""
KEY: Final = "demo-till"
MIX: Final[Mapping[str, float]] = {
    "RecordPurchase": 0.8,
    "RedeemReward": 0.1,
    "RegisterMember": 0.05,
    "IssueCard": 0.05,
}
"""What a till sends, by share."""
Say = Callable[[str], None]


class System:
    """The whole system, running."""

    def __init__(self, settings: Settings, logs: Path, programme: Programme, server_pids: Mapping[str, int]) -> None:
        self._settings = settings
        self._logs = logs
        self._shop = Shop(programme, seed=3)
        self._random = Random(4)
        self._key = ensure_demo_keys(settings)[KEY]
        self._pids = dict(server_pids)
        self._children: list[Child] = []
        self._held: list[str] = []
        """Cards that can pay: each as often as it can."""
        self._new: list[str] = []
        """Cards to be given to members."""
        self._next_card = 0

    def _child(self, name: str, *arguments: str, port: int) -> Child:
        environment = {
            "PUNCHCARD_PREFIX": self._settings.prefix,
            "PUNCHCARD_KAFKA_SERVERS": self._settings.kafka_servers,
            "PUNCHCARD_MONGO_URL": self._settings.mongo_url.get_secret_value(),
            "PUNCHCARD_HEALTH_PORT": str(port),
            "PUNCHCARD_GATEWAY_PORT": str(self._settings.gateway_port),
            "PUNCHCARD_SMS_PORT": str(self._settings.sms_port),
            "PUNCHCARD_SMS_URL": f"http://{self._settings.host}:{self._settings.sms_port}",
            "PUNCHCARD_KEYS_FILE": str(self._settings.keys_file),
            "PUNCHCARD_STATE_DIR": str(self._settings.state_dir),
        }
        command = [sys.executable, "-m", "services.cli", *arguments]
        return Child(name, command, self._logs / f"{name}.log", environment)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Five workers, the gateway and the stand-in for the SMS provider, for as long as the context is open."""
        host = self._settings.host
        await create_topics(self._settings)
        ports = {name: free_port(host) for name in WORKERS}
        doors = {"gateway": self._settings.gateway_port, "sms-standin": self._settings.sms_port}
        async with AsyncExitStack() as stack:
            for name, port in {**ports, **doors}.items():
                arguments = ("worker", name) if name in ports else (name,)
                child = self._child(name, *arguments, port=port)
                stack.push_async_callback(asyncio.to_thread, child.stop)
                child.start()
                self._children.append(child)
                assert child.pid is not None
                self._pids[name] = child.pid
            for child, port in zip(self._children, [*ports.values(), *doors.values()], strict=True):
                await _until(lambda port=port: http_is_ready(host, port), child)  # type: ignore[misc]  # mypy reads no defaults here
            yield

    async def prepare(self, purchases: int) -> None:
        """Issue cards, give some to members, and let these collect enough for what they will redeem."""
        paying = -(-int(purchases * MIX["RedeemReward"] * 1.2) // MESSAGES_PER_CARD)
        giving = int(purchases * MIX["RegisterMember"] * 1.2) + 10
        cards = [card_number(number) for number in range(paying + giving)]
        self._next_card = len(cards)
        self._new, payers = cards[:giving], cards[giving:]
        self._held = payers * MESSAGES_PER_CARD
        self._random.shuffle(self._held)
        commands: list[Command] = [IssueCard(card_number=card) for card in cards]
        await self._publish(commands)
        await self._until_stands("registration", "known_cards", len(cards))
        await self._until_stands("rewards", "accounts", len(cards))
        await self._publish([self._shop.member(10**6 + number, card) for number, card in enumerate(payers)])
        await self._until_stands("rewards", "cards", len(payers), state="active")
        await self._publish([self._shop.purchase(card, items=FUNDING_ITEMS) for card in payers])
        await self._until_stands("rewards", "purchases", len(payers), state="confirmed")

    async def _publish(self, commands: Sequence[Command]) -> None:
        publisher = Publisher(self._settings, "bench-latency")
        messages = [stamped(self._settings, "bench", each, str(uuid7()), TILL, None) for each in commands]
        for start in range(0, len(messages), 500):
            await publisher.publish(messages[start : start + 500])
        await publisher.stop()

    async def _until_stands(self, worker: str, collection: str, count: int, **fields: str) -> None:
        client = connect(self._settings)
        there = 0
        end = time.monotonic() + READY_SECONDS
        try:
            while (there := await client[self._settings.database(worker)][collection].count_documents(fields)) < count:
                if time.monotonic() > end:
                    raise Stuck(f"{there} of {count} {collection} of {worker} after {READY_SECONDS:.0f} s")
                await asyncio.sleep(0.1)
        finally:
            client.close()

    async def load(self, rate: int, seconds: float) -> dict[str, Any]:
        """So many requests a second for so long, after a warm-up at that rate; what came back, and processor shares.

        Raises:
            Stuck: the generator ended without an answer.
        """
        total = WARM_UP_SECONDS + seconds
        schedule = [
            Request(number / rate, self._request(), number / rate >= WARM_UP_SECONDS)
            for number in range(int(rate * total))
        ]
        file = self._logs / "schedule.pickle"
        file.write_bytes(pickle.dumps(schedule))
        before, began = cpu_times(self._pids), time.monotonic()
        generator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.load", str(file)),
            *(self._settings.host, str(self._settings.gateway_port)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            output, _ = await generator.communicate()
        finally:
            if generator.returncode is None:
                generator.kill()
        if generator.returncode != 0:
            raise Stuck("the load generator ended without an answer")
        passed = time.monotonic() - began
        found: dict[str, Any] = json.loads(output)
        after = cpu_times(self._pids)
        found["cpu_percent"] = {name: round(100 * (after[name] - before[name]) / passed) for name in after}
        return found

    def _request(self) -> bytes:
        kind = self._random.choices(list(MIX), list(MIX.values()))[0]
        if kind == "RedeemReward" and self._held:
            command: Command = self._shop.redemption(self._held.pop())
        elif kind == "RegisterMember" and self._new:
            command = self._shop.member(len(self._new), self._new.pop())
        elif kind == "IssueCard":
            self._next_card += 1
            command = IssueCard(card_number=card_number(self._next_card))
        else:
            command = self._shop.purchase(card_number(self._random.randrange(100)))
        body = command.encoded()
        head = (
            f"POST /v1/commands/{type(command).__name__} HTTP/1.1\r\nHost: {self._settings.host}\r\n"
            f"Authorization: Bearer {self._key}\r\nIdempotency-Key: {uuid7()}\r\nPrefer: wait=10\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def _until(is_ready: Callable[[], bool], child: Child) -> None:
    end = time.monotonic() + READY_SECONDS
    while not await asyncio.to_thread(is_ready):
        if child.ended() is not None or time.monotonic() > end:
            raise Stuck(f"{child.name} is not ready: {last_words(child.log)}")
        await asyncio.sleep(0.1)


async def measure_latency(
    settings: Settings,
    programme: Programme,
    logs: Path,
    rates: Sequence[int],
    seconds: float,
    server_pids: Mapping[str, int],
    say: Say,
) -> dict[int, dict[str, Any]]:
    """By rate, what came back."""
    assert urlsplit(settings.mongo_url.get_secret_value()).hostname
    system = System(settings, logs, programme, server_pids)
    found: dict[int, dict[str, Any]] = {}
    say("latency: starting five workers and the doors")
    async with system.running():
        say("latency: issuing cards")
        await system.prepare(int(sum(rates) * (seconds + WARM_UP_SECONDS)))
        for rate in rates:
            say(f"latency: {rate} commands/s")
            found[rate] = await system.load(rate, seconds)
            await asyncio.sleep(REST_SECONDS)
    return found
