"""What this process remembers of the commands that it sent: enough to tell a retry from another, and whose it is."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from contracts.messages import Actor

MOST_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A command that was sent: by whom, of what type, with what content."""

    sender: Actor
    type: str
    digest: bytes


class Memory:
    """The newest commands by id; the workers' journals remember the rest."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self._most = most

    def get(self, command_id: str) -> Sent | None:
        """What was sent under an id, if it is remembered."""
        return self._sent.get(command_id)

    def note(self, command_id: str, sent: Sent) -> None:
        """Remember what is sent under an id, and forget the oldest if there are too many."""
        self._sent[command_id] = sent
        self._sent.move_to_end(command_id)
        if len(self._sent) > self._most:
            self._sent.popitem(last=False)

    def forget(self, command_id: str, sent: Sent) -> None:
        """Forget what was not sent after all; what is remembered since, or was before, stays."""
        if self._sent.get(command_id) is sent:
            del self._sent[command_id]
