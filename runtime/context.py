"""What a decision may know besides its message, and how it says no: Context, Refused, and who may ask at all."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Generic, TypeVar

from contracts.messages import Actor, Command, Envelope, wire_time
from runtime.vault import NO_VAULT, Vault

C_co = TypeVar("C_co", bound=Command, covariant=True)
P = TypeVar("P")


class Refused(Exception):
    """A business answer: no, with a code from the catalogue and the facts that explain it (none of them personal)."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


class Context(Generic[P]):
    """What a decision may know besides the message: who, when, under which programme, and ids that redoing repeats."""

    __slots__ = (
        *("_ids", "_said_at", "actor", "asked_by", "correlation_id"),
        *("id", "now", "programme", "time", "vault", "version"),
    )

    def __init__(self, envelope: Envelope, now: datetime, programme: P, vault: Vault = NO_VAULT) -> None:
        self.id = envelope.id
        self.version = envelope.version
        """Of an event: the version of its aggregate it tells of. News may come in another order than they happened."""
        self.actor: Actor = envelope.actor
        self.asked_by = envelope.asked_by
        self.correlation_id = envelope.correlation_id
        self.time = envelope.time
        """When the sender says that it happened."""
        self.now = now
        """When it is decided, in UTC with milliseconds; the same for a whole batch."""
        self.programme = programme
        self.vault = vault
        """Derives what nobody may foresee and nobody has to keep: codes, keys of a purpose."""
        self._ids = 0
        self._said_at = envelope.time if envelope.causation_id is not None else None

    def new_id(self) -> str:
        """An id that nothing else has, derived from the message's: 32 hexadecimal digits.

        A command whose id was used longer ago than the journal remembers makes the same ids again, and so is refused
        instead of done once more. What follows from another message can't be refused: its ids are of its time, too.
        """
        self._ids += 1
        return made_id(self.id, self._ids, self._said_at)

    def opened(self, message: Command, field: str) -> str:
        """What a door sealed into a field of the command that is decided.

        Raises:
            Refused: `not_sealed`, it came in clear, or sealed for another command or with another secret.
        """
        text = self.vault.opened(getattr(message, field), f"{self.id}/{field}")
        if text is None:
            raise Refused("not_sealed", field=field)
        return text


def made_id(message_id: str, number: int, said_at: datetime | None = None) -> str:
    """The id that the decision of a message makes as its first, second or later one."""
    said = message_id if said_at is None else f"{message_id} {wire_time(said_at)}"
    return blake2b(f"{said}/{number}".encode(), digest_size=16, person=b"punchcard-id").hexdigest()


@dataclass(frozen=True, slots=True)
class Asked(Generic[C_co]):
    """A command and who asks it: where a guard's documents are found, by `Key("actor.id")`, `Key("command.card")`."""

    command: C_co
    actor: Actor


def refuse_asker(command: Command, context: Context[Any]) -> None:
    """Let pass who may ask a command: by its contract, and where that leaves it to the programme by the programme.

    Raises:
        Refused: `actor_not_allowed`.
    """
    asked_by = context.asked_by
    is_allowed = asked_by in command.actors
    if is_allowed and command.right is not None:
        is_allowed = asked_by in attrgetter(command.right)(context.programme)
    if not is_allowed:
        raise Refused("actor_not_allowed", actor=asked_by.value)
