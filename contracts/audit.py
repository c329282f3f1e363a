"""What can be said to the audit trail itself: that somebody looked."""

from contracts.messages import ANYBODY, Command
from contracts.values import Code, Reference


class RecordLook(Command, worker="audit", key="subject", actors=ANYBODY):
    """Note that somebody looked at a member, a card or an account without changing anything."""

    subject: Reference
    """The id of what was looked at."""
    what: Code
    """What of it was shown: `profile`, `balance`, `timeline`."""
