"""Commands over HTTP, written to ASGI itself: at 500 a second the layers that are not there are the fast ones."""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from pydantic import ValidationError
from pydantic_core import from_json

from contracts.catalogue import COMMANDS
from contracts.messages import WORKERS, Actor, ActorKind, Command, CommandEnded
from contracts.values import REGION
from runtime.edge import Away as KafkaAway
from runtime.store import Away as MongoAway
from runtime.store import JournalRecord, ended
from runtime.vault import NO_VAULT, Vault, digest_of, with_seals
from services.gateway.answers import PATH, Answer, done_or_problem, pending, reused, shown, unavailable, unknown_command
from services.gateway.asgi import AsgiScope, ClientGone, Receive, Send, answer, read_json
from services.gateway.calls import HEADER, OpenCalls, named_call
from services.gateway.keys import Caller, Keys
from services.gateway.memory import Memory, Sent
from services.gateway.metrics import Metrics
from services.gateway.passwords import Passwords
from services.gateway.preferences import Headers, Wait, id_for, trace_of, wait_of
from services.gateway.problems import LACKS_A_RIGHT, PROBLEM_JSON, Problem, bug, invalid
from services.gateway.scopes import scope_beyond

log = structlog.get_logger(__name__)

HEADER_NAME: Final = HEADER.lower().encode()
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Asks(Protocol):
    """Who brings commands to the workers and answers back: `runtime.edge.Edge`."""

    @property
    def ready(self) -> bool:
        """Whether commands can be sent and answers heard."""

    def missed(self, asked_at: float) -> None:
        """Note that the outcome of a command sent then (`time.monotonic`) was found in the journal and not heard."""

    async def ask(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        correlation_id: str | None = None,
        time: datetime | None = None,
        traceparent: str | None = None,
        wait_seconds: float,
    ) -> CommandEnded | None:
        """Send a command and wait for its end; None if it doesn't come in time."""

    async def submit(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        correlation_id: str | None = None,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Send a command; back when Kafka has it."""


class Journals(Protocol):
    """Where the ends of commands are kept."""

    async def find(self, worker: str, command_id: str) -> JournalRecord | None:
        """How a command ended, if it has."""


class Notes(Protocol):
    """Where it is noted who was refused: `services.gateway.looks.Looks`."""

    @property
    def metrics(self) -> Metrics:
        """What is counted."""

    def refused(self, caller: Caller, problem: Problem, *, subject: object, scope: str) -> None:
        """Note that somebody was not let do what they asked for."""


class Commands:
    """`POST /v1/commands/{type}` and `GET /v1/commands/{id}`."""

    def __init__(
        self,
        edge: Asks,
        journals: Journals,
        keys: Keys,
        looks: Notes,
        *,
        calls: OpenCalls,
        passwords: Passwords,
        vault: Vault = NO_VAULT,
        region: str | None = None,
    ) -> None:
        self._calls = calls
        self._passwords = passwords
        self._edge = edge
        self._journals = journals
        self._keys = keys
        self._looks = looks
        self._metrics = looks.metrics
        self._vault = vault
        self._local = {REGION: region}
        self._memory = Memory()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request below `/v1/commands/`."""
        began = time.perf_counter()
        name: str = scope["path"].removeprefix(PATH)
        what = name if name in COMMANDS else "command"
        kind = b"application/json"
        try:
            status, content, more = await self._answer(scope["method"], name, dict(scope["headers"]), receive)
        except Problem as problem:
            status, content, more, kind = problem.status, problem.encoded(), problem.headers, PROBLEM_JSON
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  # a bug of ours is the caller's 500
            log.error("gateway_bug", what=what, error=type(error).__name__, where=where(error))  # noqa: TRY400  # no values
            status, content, more, kind = bug().status, bug().encoded(), {}, PROBLEM_JSON
        self._metrics.answered(what, status, time.perf_counter() - began)
        await answer(send, status, content, kind, more)

    async def _answer(self, method: str, name: str, headers: Headers, receive: Receive) -> Answer:
        caller = self._keys.caller(headers.get(b"authorization"))
        if method == "POST":
            return await self._let_in(caller, command_named(name), headers, receive)
        if method == "GET":
            return await self._get(caller, name)
        detail = "POST a command to its type, or GET it by its id."
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers={"Allow": "GET, POST"})

    async def _let_in(self, caller: Caller, command_class: type[Command], headers: Headers, receive: Receive) -> Answer:
        """Take a command of who may say it; of who may not it is noted, under whom it was about."""
        name, body = command_class.__name__, None
        try:
            caller.must_have(name)
            body = await read_json(headers, receive)
            return await self._post(caller, command_class, body, headers)
        except Problem as problem:
            if problem.code in LACKS_A_RIGHT:
                with suppress(Problem, ClientGone):
                    body = body or await read_json(headers, receive)
                self._looks.refused(caller, problem, subject=about(command_class, body), scope=name)
            raise

    async def _post(self, caller: Caller, command_class: type[Command], body: bytes, headers: Headers) -> Answer:
        command_id, is_repeatable = id_for(caller.actor, command_class.__name__, headers)
        if "proof" in command_class.model_fields:
            body = await self._proven(command_class, body, command_id)
        command, call_id = in_call(self._read(caller, command_class, body), caller, headers)
        command = with_seals(command, command_id, self._vault)
        sent = Sent(caller.actor, command_class.__name__, digest_of(command, self._vault))
        wait = wait_of(headers)
        more = {"Preference-Applied": wait.applied} if wait.applied else {}
        before = self._memory.get(command_id)
        if before is not None and before.digest != sent.digest:
            return done_or_problem(await self._first_of_two(command, command_id, sent), more)
        if not self._edge.ready:
            raise unavailable(command_id)  # nothing is sent, so nothing is remembered: the key is free for another body
        self._memory.note(command_id, before or sent)  # before it waits for anything: another body may come meanwhile
        is_named = call_id is not None and "call_id" not in command_class.model_fields
        if is_named or self._calls.is_needed(caller, command_class):
            try:
                done_before = await self._in_open_call(caller, call_id, command, command_id, sent)
            except Problem:
                self._memory.forget(command_id, sent)
                raise
            if done_before is not None:
                return done_or_problem(done_before, more)

        asked_at = time.monotonic()
        outcome = await self._send(command, command_id, caller.within(call_id), wait, trace_of(headers))
        if outcome is not None and outcome.body_digest is not None and is_repeatable:
            self._must_be_of(sent, bytes.fromhex(outcome.body_digest), command_id)
        if outcome is None and (is_repeatable or wait.seconds > 0):
            outcome = await self._ended_before(command, command_id, sent)
            if outcome is not None and wait.seconds > 0:
                self._metrics.answers_from_journal.inc()
                self._edge.missed(asked_at)
        return pending(command_id, sent.type, more) if outcome is None else done_or_problem(outcome, more)

    def _read(self, caller: Caller, command_class: type[Command], body: bytes) -> Command:
        """A command in a body.

        Raises:
            Problem: 400 or 422, it is none; 403, the caller may not say that.
        """
        try:
            command: Command = command_class.__pydantic_validator__.validate_json(
                body, extra="forbid", context=self._local
            )
        except ValidationError as error:
            raise invalid(error, command_class.personal) from None
        more_needed = scope_beyond(command)
        if more_needed is not None:
            caller.must_have(more_needed)
        return command

    async def _first_of_two(self, command: Command, command_id: str, sent: Sent) -> CommandEnded:
        """How a command ended though this process remembers another body under its key: what counts is the journal.

        This process may have been too young to know better, and have remembered the wrong one of the two.

        Raises:
            Problem: 422, the other came first, or none has ended yet; 503, nobody can say.
        """
        try:
            record = await self._journals.find(command.worker, command_id)
        except MongoAway:
            raise unavailable(command_id) from None
        outcome = ended(record) if record is not None and record.digest == sent.digest else None
        if outcome is None:
            raise reused(command_id)
        self._memory.note(command_id, sent)
        return outcome

    def _must_be_of(self, sent: Sent, digest: bytes, command_id: str) -> None:
        """Let pass the outcome of what was sent; else remember what it is the outcome of.

        Raises:
            Problem: 422, it is that of another body.
        """
        if digest != sent.digest:
            self._memory.note(command_id, replace(sent, digest=digest))
            raise reused(command_id)

    async def _in_open_call(
        self, caller: Caller, call_id: str | None, command: Command, command_id: str, sent: Sent
    ) -> CommandEnded | None:
        """Let pass what is done in an open call; what was done before it was over has the same answer for ever.

        Raises:
            Problem: 409, the call is over or not named, and nothing was done; 503, nobody can say.
        """
        try:
            await self._calls.must_be_open(caller, call_id)
        except MongoAway:
            raise unavailable(command_id) from None
        except Problem:
            done_before = await self._ended_before(command, command_id, sent)
            if done_before is None:
                raise
            return done_before
        return None

    async def _proven(self, command_class: type[Command], body: bytes, command_id: str) -> bytes:
        try:
            return await self._passwords.proven(command_class, body, command_id)
        except MongoAway:
            raise unavailable(command_id) from None

    async def _send(
        self, command: Command, command_id: str, actor: Actor, wait: Wait, traceparent: str | None
    ) -> CommandEnded | None:
        try:
            if wait.seconds == 0:
                await self._edge.submit(command, id=command_id, actor=actor, traceparent=traceparent)
                return None
            with self._metrics.waiting.track_inprogress():
                return await self._edge.ask(
                    command, id=command_id, actor=actor, traceparent=traceparent, wait_seconds=wait.seconds
                )
        except KafkaAway:
            raise unavailable(command_id) from None

    async def _ended_before(self, command: Command, command_id: str, sent: Sent) -> CommandEnded | None:
        """What the journal says when no answer came: the answer may be lost, or the key stand for another body.

        A worker gives a second body no answer, and this process may be too young to remember the first.
        """
        try:
            record = await self._journals.find(command.worker, command_id)
        except MongoAway:
            return None
        if record is None:
            return None
        self._must_be_of(sent, record.digest, command_id)
        return ended(record)

    async def _get(self, caller: Caller, command_id: str) -> Answer:
        """Where a command of the caller's is; somebody else's is not there."""
        sent = self._memory.get(command_id)
        is_others = sent is not None and sent.sender != caller.actor
        if is_others or not _ID.fullmatch(command_id):
            raise unknown_command()
        workers = WORKERS if sent is None else (COMMANDS[sent.type].worker,)
        try:
            found = await asyncio.gather(*(self._journals.find(worker, command_id) for worker in workers))
        except MongoAway:
            raise unavailable() from None
        for record in found:
            is_theirs = record is not None and record.actor.model_copy(update={"call_id": None}) == caller.actor
            outcome = ended(record) if record is not None and is_theirs else None
            if outcome is not None:
                return HTTPStatus.OK, shown(outcome), {}
        if sent is None:
            raise unknown_command()
        return pending(command_id, sent.type, {})


def command_named(name: str) -> type[Command]:
    """The class of a command.

    Raises:
        Problem: 404, with the names that are near.
    """
    command_class = COMMANDS.get(name)
    if command_class is not None:
        return command_class
    by_letters = {known.lower(): known for known in COMMANDS}
    near = [by_letters[each] for each in get_close_matches(name[:100].lower(), by_letters, n=3)]
    detail = f"There is no such command; did you mean {' or '.join(near)}?" if near else "There is no such command."
    raise Problem(HTTPStatus.NOT_FOUND, "unknown_command_type", detail, near=near)


def about(command_class: type[Command], body: bytes | None) -> object:
    """Whom or what a command that isn't let in was about, as far as its body says that."""
    try:
        said = from_json(body or b"")
    except ValueError:
        return None
    return said.get(command_class.key) if isinstance(said, dict) else None


def in_call(command: Command, caller: Caller, headers: Headers) -> tuple[Command, str | None]:
    """A command with the call in which it is done, named by the body or the header, and that call.

    Where a command has a place for its call, its worker looks at that; the actor names it to all others.

    Raises:
        Problem: 400, the header is no call's id; 422, it names another call than the body.
    """
    call_id = named_call(caller, headers.get(HEADER_NAME))
    own: str | None = getattr(command, "call_id", None)
    if caller.actor.kind is not ActorKind.OPERATOR or (own is None and call_id is None):
        return command, None
    if own is None and "call_id" in type(command).model_fields:
        return command.model_copy(update={"call_id": call_id}), call_id
    if own is not None and call_id not in (None, own):
        problems = [{"field": "call_id", "rule": f"must be the call of the header {HEADER}"}]
        detail = f"call_id: must be the call of the header {HEADER}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, problems=problems)
    return command, own or call_id


def where(error: BaseException) -> str:
    """File, line and function in which an error arose: what a log may have of it, as its text may hold values."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    code = frame.tb_frame.f_code if frame is not None else None
    return "unknown" if code is None or frame is None else f"{code.co_filename}:{frame.tb_lineno} {code.co_name}"
