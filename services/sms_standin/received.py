"""What the stand-in has received, in memory and bounded; and how it is told to misbehave."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from contracts.values import Instant, Phone, Reference, Text

MOST_KEPT: Final = 10_000


class Outgoing(BaseModel):
    """A text to send."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    to: Phone
    text: str = Field(min_length=1, max_length=1_600)
    sender: Text | None = Field(None, alias="from", max_length=16)


class Taken(BaseModel):
    """A text as it was taken, and the reference by which the stand-in knows it."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, populate_by_name=True)

    reference: Reference
    to: str
    text: str
    sender: str | None = Field(None, alias="from")
    received_at: Instant
    requests: int = 1
    """How often it was asked for under the same key; it is kept once."""


class Behaviour(BaseModel):
    """How to misbehave, for tests of those who send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fail_next: int = Field(0, ge=0, le=100_000)
    """How many of the next requests to send are answered with `status`."""
    status: int = Field(503, ge=400, le=599)
    is_taken: bool = False
    """Whether a text is kept although the answer says that something failed."""
    delay_ms: int = Field(0, ge=0, le=60_000)
    """How long every request to send waits for its answer."""


class KeyReused(Exception):
    """An idempotency key that came with another text before."""


@dataclass(slots=True)
class Inbox:
    """The texts, by idempotency key, oldest first; the oldest go when there are too many."""

    most: int = MOST_KEPT
    behaviour: Behaviour = field(default_factory=Behaviour)
    _texts: OrderedDict[str, Taken] = field(default_factory=OrderedDict)

    def take(self, key: str, text: Outgoing) -> Taken:
        """Keep a text; the same key again gives what it gave.

        Raises:
            KeyReused: the key came with another text.
        """
        earlier = self._texts.get(key)
        if earlier is not None:
            if (earlier.to, earlier.text, earlier.sender) != (text.to, text.text, text.sender):
                raise KeyReused
            again = earlier.model_copy(update={"requests": earlier.requests + 1})
            self._texts[key] = again
            return again

        taken = Taken(
            reference=f"standin-{uuid4().hex}",
            to=text.to,
            text=text.text,
            sender=text.sender,
            received_at=datetime.now(UTC),
        )
        self._texts[key] = taken
        while len(self._texts) > self.most:
            self._texts.popitem(last=False)
        return taken

    def newest(self, to: str | None = None, limit: int = 100) -> list[Taken]:
        """The newest texts, to one number if it is given."""
        newest = reversed(self._texts.values())
        return list(islice((text for text in newest if to is None or text.to == to), limit))

    def counts(self) -> dict[str, int]:
        """How many texts were taken and how many requests came for them."""
        return {"texts": len(self._texts), "requests": sum(text.requests for text in self._texts.values())}

    def fails_now(self) -> bool:
        """Whether this request is one of those that fail; counts it."""
        if self.behaviour.fail_next == 0:
            return False
        self.behaviour = self.behaviour.model_copy(update={"fail_next": self.behaviour.fail_next - 1})
        return True
