"""The courier: carries queued messages to their provider, outside of all decisions, and reports as commands.

It keeps nothing of its own. What it may do twice is safe to do twice: a lease makes it rare, the provider knows a
message again by its idempotency key (the message's id), and the report has an id that follows from message and attempt.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_random,
)

from contracts.codes import CodeForm
from contracts.messages import Actor, ActorKind
from contracts.notifications import DeferMessage, MessageChannel, MessageStatus, RecordDelivery
from contracts.values import Reference
from runtime.documents import Document
from runtime.publishing import Unsent
from runtime.serve import Beside
from runtime.store import Away
from runtime.vault import NO_VAULT, Vault
from workers.notifications.breaker import Breaker
from workers.notifications.documents import OPEN, Message

D = TypeVar("D", bound=Document)

COURIER: Final = Actor(kind=ActorKind.WORKER, id="notifications-courier")
POLL_SECONDS: Final = 0.2
CARRIERS: Final = 32
"""Messages on the way to a provider at once."""
PAGE: Final = 200
"""Messages looked for beyond those at hand."""
MOST_AT_HAND: Final = 2_000
"""Messages whose report the worker has yet to take in; beyond that the courier waits for it."""
LEASE_SECONDS: Final = 60.0
"""Longer than one attempt can take; what was lost with a process is taken up after that."""
REQUEST_SECONDS: Final = 10.0
REQUESTS: Final = 3
"""Requests in one attempt."""
NOT_TAKEN: Final = (401, 403, 404, 429, 503)
"""Answers that say nothing against a message: the provider is busy, or our account or address there is wrong."""
AWAY: Final = (Away, Unsent)
"""The database or the broker is away: wait, and do it again."""
AWAY_SECONDS: Final = 1.0
STATUSES: Final = [status.value for status in OPEN]


class Finds(Protocol):
    """Finds documents outside of transactions."""

    async def find(
        self,
        document_class: type[D],
        filter: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 100,
    ) -> list[D]:
        """Documents that a MongoDB filter matches."""


Publish = Callable[..., Awaitable[object]]
"""`publish(command, id=…, actor=…, correlation_id=…)`: the broker has it when it returns."""
TakeLease = Callable[[str, float], Awaitable[bool]]
"""Takes a name for so many seconds; False where somebody holds it."""


class Provider(Protocol):
    """Takes messages towards members."""

    breaker: Breaker

    async def send(self, message: Message) -> str | None:
        """Hand a message over and return the provider's reference for it.

        Raises:
            ProviderAway: it could not be handed over now.
            ProviderRefused: it never will be.
        """


class ProviderAway(Exception):
    """The provider can't take a message now; `is_taken` is None where it may have taken it all the same."""

    def __init__(self, code: str, *, is_taken: bool | None) -> None:
        super().__init__(code)
        self.code = code
        self.is_taken = is_taken


class ProviderRefused(Exception):
    """The provider will never take this message."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Accepted(BaseModel):
    """What an SMS provider answers when it takes a message."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reference: Reference


class SmsProvider:
    """An SMS provider over HTTP: a few requests with back-off for each attempt, and a breaker over all of them."""

    def __init__(self, client: httpx.AsyncClient, breaker: Breaker | None = None, *, first_wait: float = 0.1) -> None:
        self.breaker = breaker or Breaker()
        self._client = client
        self._first_wait = first_wait

    async def send(self, message: Message) -> str | None:
        """Hand a message over and return the provider's reference for it.

        Raises:
            ProviderAway: it could not be handed over now.
            ProviderRefused: it never will be.
        """
        is_doubtful = False
        requests = AsyncRetrying(
            stop=stop_after_attempt(REQUESTS),
            wait=wait_exponential(self._first_wait, max=2) + wait_random(0, self._first_wait),
            retry=retry_if_exception(lambda error: isinstance(error, ProviderAway) and not self._is_resting()),
            reraise=True,
        )
        try:
            async for request in requests:
                with request:
                    try:
                        return await self._request(message)
                    except ProviderAway as away:
                        is_doubtful = is_doubtful or away.is_taken is None
                        raise
        except ProviderAway as away:
            raise ProviderAway(away.code, is_taken=None if is_doubtful else False) from away
        raise AssertionError("tenacity ends with an answer or an exception")

    def _is_resting(self) -> bool:
        return self.breaker.is_resting(time.monotonic())

    async def _request(self, message: Message) -> str | None:
        body = {"to": message.recipient, "text": message.text, "from": message.sender}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                response = await self._client.post("/messages", json=body, headers={"Idempotency-Key": message.id})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._away("provider_unreachable", is_taken=False) from error
        except (httpx.HTTPError, TimeoutError) as error:  # an answer that can't be decoded is none, too
            raise self._away("provider_silent", is_taken=None) from error

        code = f"provider_answered_{response.status_code}"
        if response.status_code in NOT_TAKEN:
            raise self._away(code, is_taken=False)
        if response.is_server_error:
            raise self._away(code, is_taken=None)
        self.breaker.worked()
        if not response.is_success:
            raise ProviderRefused(code)
        try:
            return Accepted.model_validate_json(response.content).reference
        except ValidationError:
            return None  # taken all the same, only without a reference that we can read

    def _away(self, code: str, *, is_taken: bool | None) -> ProviderAway:
        self.breaker.broke(time.monotonic())
        return ProviderAway(code, is_taken=is_taken)


class Courier:
    """Finds messages that are due, carries each to its channel's provider, and reports how it went."""

    def __init__(
        self,
        reader: Finds,
        publish: Publish,
        take_lease: TakeLease,
        providers: Mapping[MessageChannel, Provider],
        vault: Vault = NO_VAULT,
    ) -> None:
        self._vault = vault
        self._reader = reader
        self._publish = publish
        self._take_lease = take_lease
        self._providers = providers
        self._due: asyncio.Queue[Message | None] = asyncio.Queue()
        self._at_hand: dict[str, float] = {}
        """Attempts that are on their way or reported but not yet taken in by the worker, and when they were found."""

    async def run(self, stop: asyncio.Event, poll_seconds: float = POLL_SECONDS) -> None:
        """Carry until told to stop, then end what is on its way; while the servers are away, wait for them."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CARRIERS):
                group.create_task(self._carry_on())
            while not stop.is_set():
                try:
                    await self._look()
                except AWAY:
                    await _wait(stop, AWAY_SECONDS)
                await _wait(stop, poll_seconds)
            self._drop_queue()

    async def _look(self) -> None:
        """Put what is due and not at hand in the queue."""
        now = time.monotonic()
        self._at_hand = {name: at for name, at in self._at_hand.items() if now - at < LEASE_SECONDS}
        channels = [channel.value for channel, each in self._providers.items() if not each.breaker.is_resting(now)]
        if not channels or self._due.qsize() >= PAGE or len(self._at_hand) >= MOST_AT_HAND:
            return

        limit = PAGE + len(self._at_hand)
        found = await self._reader.find(
            Message,
            {"status": {"$in": STATUSES}, "due_at": {"$lte": datetime.now(UTC)}, "channel": {"$in": channels}},
            sort=(("due_at", 1),),
            limit=limit,
        )
        new = [message for message in found if attempt_name(message) not in self._at_hand]
        if len(found) < limit:
            still_due = {attempt_name(message) for message in found}
            self._at_hand = {name: at for name, at in self._at_hand.items() if name in still_due}
        for message in new:
            self._at_hand[attempt_name(message)] = now
            self._due.put_nowait(message)

    def _drop_queue(self) -> None:
        while not self._due.empty():
            self._due.get_nowait()
        for _ in range(CARRIERS):
            self._due.put_nowait(None)

    async def _carry_on(self) -> None:
        while (message := await self._due.get()) is not None:
            try:
                await self.carry(message)
            except AWAY:
                # It is carried again, at the latest when its lease runs out: the provider knows it by its key.
                await asyncio.sleep(AWAY_SECONDS)
                self._at_hand.pop(attempt_name(message), None)

    async def carry(self, message: Message) -> None:
        """Carry one message, if its provider is well and nobody else carries it, and report how it went."""
        provider = self._providers[message.channel]
        if not provider.breaker.lets_pass(time.monotonic()):
            self._at_hand.pop(attempt_name(message), None)
            return
        try:
            is_ours = await self._take_lease(f"send/{attempt_name(message)}", LEASE_SECONDS)
        except AWAY:
            provider.breaker.let_go()  # else a breaker whose trial this was would rest for good
            raise
        if not is_ours:
            provider.breaker.let_go()
            return
        if message.expires_at <= datetime.now(UTC):
            provider.breaker.let_go()
            await self._report(message, RecordDelivery(message_id=message.id, status=MessageStatus.EXPIRED))
            return
        await self._report(message, await self._handed_over(message, provider))

    async def _handed_over(self, message: Message, provider: Provider) -> RecordDelivery | DeferMessage:
        try:
            reference = await provider.send(self._with_code(message))
        except ProviderRefused as refused:
            return RecordDelivery(message_id=message.id, status=MessageStatus.FAILED, error=refused.code)
        except ProviderAway as away:
            attempt = message.attempts + 1
            return DeferMessage(message_id=message.id, attempt=attempt, error=away.code, is_taken=away.is_taken)
        return RecordDelivery(message_id=message.id, status=MessageStatus.SENT, provider_reference=reference)

    def _with_code(self, message: Message) -> Message:
        """The message as its recipient reads it: its code stands in it here alone, until it is handed over."""
        if message.code_id is None or message.code_purpose is None:
            return message
        forms = {
            CodeForm.DIGITS: self._vault.code,
            CodeForm.TOKEN: self._vault.token,
            CodeForm.PASSWORD: self._vault.password,
        }
        derived = forms[message.code_form](message.code_purpose, message.code_id, message.recipient)
        return message.with_code(derived)

    async def _report(self, message: Message, report: RecordDelivery | DeferMessage) -> None:
        tries = AsyncRetrying(
            stop=stop_after_delay(LEASE_SECONDS),
            wait=wait_exponential(0.1, max=5) + wait_random(0, 0.1),
            retry=retry_if_exception_type(AWAY),
            reraise=True,
        )
        name = report_id(message, report)
        await tries(self._publish, report, id=name, actor=COURIER, correlation_id=message.correlation_id)


def attempt_name(message: Message) -> str:
    """Names the next attempt to send a message."""
    return f"{message.id}/{message.attempts + 1}"


def report_id(message: Message, report: RecordDelivery | DeferMessage) -> str:
    """A report's id: who repeats the attempt and meets the same end says the same thing again."""
    if isinstance(report, DeferMessage):
        doubt = "doubted" if report.is_taken is None else "deferred"
        return f"{message.id}/{doubt}/{report.attempt}/{report.error}"
    return "/".join(part for part in (message.id, report.status.value, str(message.attempts + 1), report.error) if part)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def run(beside: Beside) -> None:
    """Carry messages beside the worker's batches until the process ends."""
    async with httpx.AsyncClient(base_url=beside.settings.sms_url, timeout=REQUEST_SECONDS) as client:
        providers = {MessageChannel.SMS: SmsProvider(client)}
        vault = Vault.of(beside.settings)
        await Courier(beside.reader, beside.publish, beside.take_lease, providers, vault).run(beside.stop)
