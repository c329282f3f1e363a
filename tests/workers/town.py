"""Four workers in memory, each with what it keeps: what one says reaches the others in whatever order a test wants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from contracts.messages import Actor, ActorKind, Command, Envelope, Event, Message
from contracts.programme import Programme
from runtime.decisions import Context, NotLoaded, Refused, decide
from runtime.documents import Document, View
from runtime.sayings import aggregate_version
from tests.decisions import NOON, VAULT
from workers import cards, notifications, registration, rewards

D = TypeVar("D", bound=Document)
OPERATOR: Final = Actor(kind=ActorKind.OPERATOR, id="olga")
WORKERS: Final[Mapping[str, Any]] = {
    each.name: each for each in (registration.worker, cards.worker, rewards.worker, notifications.worker)
}
DEMO: Final = Programme.read(Path("programme.yaml"))


@dataclass(frozen=True)
class Letter:
    """A message on its way to a worker."""

    worker: str
    message: Message
    envelope: Envelope


@dataclass
class Town:
    """The workers, what is on its way to them, and what was said so far."""

    programme: Programme = DEMO
    views: dict[str, View] = field(default_factory=lambda: {name: View() for name in WORKERS})
    underway: list[Letter] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    finished: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0

    def ask(self, command: Command, actor: Actor = OPERATOR) -> str:
        """Let the worker decide a command now; `done` or why it was refused."""
        self.count += 1
        name = f"m-{self.count}"
        envelope = Envelope(id=name, type=type(command).__name__, time=NOON, actor=actor, correlation_id=name)
        try:
            self.decide(Letter(command.worker, command, envelope))
        except Refused as refusal:
            return refusal.code
        return "done"

    def deliver(self, place: int, *, again: bool = False) -> None:
        """Let a message that is on its way arrive; if it comes again later, it is known by its id."""
        letter = self.underway[place] if again else self.underway.pop(place)
        if (letter.worker, letter.envelope.id) in self.finished:
            return
        try:
            self.decide(letter)
        except Refused:
            if isinstance(letter.message, Event):
                raise

    def settle(self) -> None:
        """Let all arrive, in the order in which it was said."""
        while self.underway:
            self.deliver(0)

    def decide(self, letter: Letter) -> None:
        """Handle a message, and send on what comes of it."""
        worker, view, envelope = WORKERS[letter.worker], self.views[letter.worker], letter.envelope
        self.finished.add((letter.worker, envelope.id))
        handler = worker.handlers[type(letter.message).__name__]
        while True:
            try:
                decision = decide(handler, letter.message, Context[Any](envelope, NOON, self.programme, VAULT), view)
            except NotLoaded as missing:
                for slot in missing.slots:
                    view.loaded(slot, None)
                continue
            break
        versions = [
            aggregate_version(worker, each, decision, view) if isinstance(each, Event) else None
            for each in decision.messages
        ]
        view.take(decision.documents, decision.erased)
        for place, (each, version) in enumerate(zip(decision.messages, versions, strict=True)):
            follows = envelope.model_copy(
                update={
                    "id": f"{envelope.id}/{letter.worker}-{place}",
                    "causation_id": envelope.id,
                    "version": version,
                    "hops": envelope.hops + 1,
                }
            )
            self._send(each, follows)

    def _send(self, message: Message, envelope: Envelope) -> None:
        if isinstance(message, Command):
            self.underway.append(Letter(message.worker, message, envelope))
            return
        assert isinstance(message, Event)
        self.said.append(message)
        for name, other in WORKERS.items():
            if name != message.worker and type(message).__name__ in other.handlers:
                self.underway.append(Letter(name, message, envelope))

    def all(self, worker: str, document_class: type[D]) -> dict[str, D]:
        """Every document of a class that a worker holds, by id."""
        held: list[Document] = [after for _, _, after in self.views[worker].written()]
        return {each.id: each for each in held if isinstance(each, document_class)}

    def events(self, kind: type[Event]) -> list[Any]:
        """What was said of a kind, in the order in which it was decided."""
        return [each for each in self.said if isinstance(each, kind)]
