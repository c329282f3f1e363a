"""What can be said about making one member of two: with a code that the other one was sent, or by a stronger right."""

from contracts.calls import CareCommand
from contracts.codes import TryCode
from contracts.messages import Event
from contracts.values import Instant, MemberId, Reference


class MergeCommand(CareCommand):
    """Something to do with two members who are to be one: `member_id` stays, or whoever absorbed them by now."""

    absorbed_id: MemberId
    """Whose cards, balances and history become theirs."""


class MergeMembers(MergeCommand, right="registration.merging.mergers_without_consent"):
    """Make one member of two without asking the other one; for good: nobody can take it back."""


class ProposeMerge(MergeCommand, right="registration.merging.mergers"):
    """Send the member who is to be absorbed a code by which they say yes."""


class ConfirmMerge(MergeCommand, right="registration.merging.mergers"):
    """Make one member of two by the code that the absorbed one was sent; for good."""

    challenge_id: Reference
    code: TryCode


class MembersMerged(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """Two members are one: what was the absorbed one's is the other's, and what comes late for them goes there, too."""

    member_id: MemberId
    absorbed_id: MemberId
    merge_id: Reference
    """Under which the state before is kept."""
    is_confirmed: bool
    """Whether the absorbed one said yes by a code; else somebody with the stronger right did it."""
    merged_at: Instant
