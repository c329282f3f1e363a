"""The usual way, as competent people write it: a typed FastStream handler per message, a transaction per message.

`python -m tests.bench.usual WORKER`: FastStream parses a message into its class and calls the subscriber that is meant
for it; one MongoDB transaction (snapshot, majority) checks the inbox, loads the documents that the decision needs one
by one, writes what changed, the inbox record and the outbox; then the outbox's messages are published and taken out,
and the message is acknowledged. The decisions are the very functions that ours calls, indexes, acknowledgements and
idempotence the same; only the way around them differs.
"""

import asyncio
import signal
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.read_concern import ReadConcern

from contracts.messages import (
    Command,
    CommandEnded,
    Envelope,
    Event,
    Message,
    Outcome,
    Said,
    public_json,
    read_envelope,
)
from contracts.programme import Programme
from contracts.topics import commands_topic, events_topic, results_topic
from runtime.decisions import Context, Decision, Handler, Refused, Worker, decide
from runtime.documents import Slot, View
from runtime.mongo import CODEC, MAJORITY, from_raw, to_raw
from runtime.sayings import aggregate_version
from runtime.settings import Settings
from runtime.store import connect
from runtime.wire import _ask_politely
from services.cli.session import run

INBOX: Final = "usual_inbox"
OUTBOX: Final = "usual_outbox"


class Usual:
    """One worker the usual way."""

    def __init__(self, settings: Settings, worker: Worker[Programme], programme: Programme, concurrency: int) -> None:
        self._settings = settings
        self._worker = worker
        self._programme = programme
        self._client = connect(settings)
        self._database = self._client.get_database(
            settings.database(worker.name),
            codec_options=CODEC,
            write_concern=MAJORITY,
            read_concern=ReadConcern("majority"),
        )
        self.broker = KafkaBroker(settings.kafka_servers, acks="all", enable_idempotence=True, logger=None)
        subscriber = self.broker.subscriber(
            commands_topic(settings.prefix, worker.name),
            group_id=settings.group(worker.name),
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            max_workers=concurrency,
        )
        for name, handler in worker.handlers.items():
            if issubclass(handler.message, Command):
                subscriber(self._subscribed(handler), filter=_is_of(name))

    def _subscribed(self, handler: Handler) -> Any:
        async def handle(command: Any, message: KafkaMessage) -> None:
            await self._process(handler, command, message)

        handle.__annotations__["command"] = handler.message
        return handle

    async def _process(self, handler: Handler, command: Command, message: KafkaMessage) -> None:
        raw = message.raw_message
        assert not isinstance(raw, tuple)
        envelope = read_envelope(raw.headers)
        async with await self._client.start_session() as session:
            outgoing = await session.with_transaction(
                lambda current: self._decide_once(handler, command, envelope, current),
                ReadConcern("snapshot"),
                MAJORITY,
            )
        for each in outgoing:
            await self.broker.publish(
                each["value"], each["topic"], key=each["key"], headers={n: v.decode() for n, v in each["headers"]}
            )
        await self._database[OUTBOX].delete_many({"message_id": envelope.id})
        await message.ack()

    async def _decide_once(
        self, handler: Handler, command: Command, envelope: Envelope, session: AsyncIOMotorClientSession
    ) -> list[dict[str, Any]]:
        """What is to be published for a message, decided now or before; done again when its transaction conflicts."""
        known = await self._database[INBOX].find_one({"_id": envelope.id}, session=session)
        if known is not None:
            return await self._left(envelope.id, session)
        return await self._decide(handler, command, envelope, session)

    async def _left(self, message_id: str, session: AsyncIOMotorClientSession) -> list[dict[str, Any]]:
        """What of a message that was processed before is still to be published."""
        found = self._database[OUTBOX].find({"message_id": message_id}, session=session).sort("_id")
        return [dict(each) for each in await found.to_list(None)]

    async def _decide(
        self, handler: Handler, command: Command, envelope: Envelope, session: AsyncIOMotorClientSession
    ) -> list[dict[str, Any]]:
        """Load, decide, write; what is to be published, as it stands in the outbox."""
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1_000 * 1_000)
        view = await self._load(handler, command, session)
        decision, refusal = Decision(), None
        try:
            decision = decide(handler, command, Context(envelope, now, self._programme), view)
        except Refused as refused:
            refusal = refused
        for (document_class, document_id), document in decision.documents.items():
            collection = self._database[document_class.collection]
            slot: Slot = (document_class, document_id)
            if view.knows(slot) and view.at(slot) is not None:
                await collection.replace_one({"_id": document_id}, to_raw(document), session=session)
            else:
                await collection.insert_one(to_raw(document), session=session)

        outgoing = [
            *self._spoken(envelope, decision, view, now),
            self._answer(envelope, command, decision, refusal, now),
        ]
        outcome = Outcome.DONE if refusal is None else Outcome.REFUSED
        inbox = {"_id": envelope.id, "type": envelope.type, "outcome": outcome.value, "at": now}
        await self._database[INBOX].insert_one(inbox, session=session)
        await self._database[OUTBOX].insert_many(outgoing, session=session)
        return outgoing

    async def _load(self, handler: Handler, command: Command, session: AsyncIOMotorClientSession) -> View:
        view = View()
        for depth in range(1 + max((need.depth for need in handler.needs), default=0)):
            for slot in handler.slots_at(depth, command, view):
                document_class, document_id = slot
                raw = await self._database[document_class.collection].find_one({"_id": document_id}, session=session)
                view.loaded(slot, None if raw is None else from_raw(document_class, raw))
        return view

    def _spoken(self, cause: Envelope, decision: Decision, view: View, now: datetime) -> Iterable[dict[str, Any]]:
        for number, said in enumerate(decision.messages, start=1):
            is_event = isinstance(said, Event)
            version = aggregate_version(self._worker, said, decision, view) if isinstance(said, Event) else None
            subject = said.aggregate_id if isinstance(said, Event) else None
            topic = events_topic if is_event else commands_topic
            yield self._outbox_record(
                cause, said, number, topic(self._settings.prefix, said.worker), now, subject, version
            )

    def _answer(
        self, cause: Envelope, command: Command, decision: Decision, refusal: Refused | None, now: datetime
    ) -> dict[str, Any]:
        ended = CommandEnded(
            command_id=cause.id,
            command=cause.type,
            subject=command.key_value,
            outcome=Outcome.DONE if refusal is None else Outcome.REFUSED,
            code=None if refusal is None else refusal.code,
            details={} if refusal is None else refusal.details,
            events=_public(decision.messages),
        )
        number = len(decision.messages) + 1
        return self._outbox_record(cause, ended, number, results_topic(self._settings.prefix), now, cause.id, None)

    def _outbox_record(
        self,
        cause: Envelope,
        said: Message,
        number: int,
        topic: str,
        now: datetime,
        subject: str | None,
        version: int | None,
    ) -> dict[str, Any]:
        envelope = Envelope(
            id=f"{cause.id}/usual-{number}",
            type=type(said).__name__,
            time=now,
            actor=cause.actor,
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
            hops=cause.hops + 1,
            schema_version=said.schema_version,
            subject=subject,
            version=version,
        )
        key = said.key_value
        return {
            "_id": envelope.id,
            "message_id": cause.id,
            "topic": topic,
            "key": None if key is None else key.encode(),
            "value": said.encoded(),
            "headers": envelope.headers(f"/{self._settings.prefix}/{self._worker.name}"),
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Run until asked to stop."""
        await self._database.create_collection(INBOX)
        await self._database.create_collection(OUTBOX)
        await self._database[OUTBOX].create_index("message_id")
        app = FastStream(self.broker, logger=None)
        await app.start()
        for subscriber in self.broker.subscribers:
            # The local default's broker holds no fetch that finds nothing, and aiokafka would ask without end.
            alone = getattr(subscriber, "consumer", None)
            for consumer in getattr(subscriber, "consumer_subgroup", None) or [alone]:
                _ask_politely(consumer, lambda: False)
        await stop.wait()
        await app.stop()
        self._client.close()


def _is_of(name: str) -> Any:
    async def is_of(message: KafkaMessage) -> bool:
        return message.headers.get("ce_type") == name

    return is_of


def _public(messages: Sequence[Event | Command]) -> tuple[Said, ...]:
    from pydantic_core import from_json

    return tuple(
        Said(type=type(each).__name__, body=from_json(public_json(each, each.encoded())))
        for each in messages
        if isinstance(each, Event)
    )


async def main(worker: str, concurrency: int) -> None:
    """Run until SIGTERM."""
    settings = Settings()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    module = import_module(f"workers.{worker}")
    await Usual(settings, module.worker, Programme.read(settings.programme_file), concurrency).run(stop)


if __name__ == "__main__":
    run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
