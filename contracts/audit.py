"""What can be said to the audit trail itself: that somebody looked."""

from typing import Annotated

from pydantic import Field

from contracts.messages import ANYBODY, Command
from contracts.values import Code, Reference


class RecordLook(Command, worker="audit", key="subject", actors=ANYBODY):
    """Note that somebody looked at a member, a card or an account without changing anything, or wasn't let."""

    subject: Reference
    """The id of what was looked at."""
    what: Code
    """What of it was shown: `profile`, `balance`, `timeline`."""
    also: Annotated[tuple[Reference, ...], Field(max_length=100)] = ()
    """What else was looked at with it: everybody whom a search showed besides."""
    by: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    """By which keys it was searched; never what was searched for."""
    hits: Annotated[int, Field(ge=0)] | None = None
    """Of a search: how many it showed."""
    code: Code | None = None
    """Why nothing was shown, or done: of who was refused at the door."""
    scope: Reference | None = None
    """Of who was refused: what they would have needed, a command's name or a read's."""
