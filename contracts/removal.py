"""What can be said about a member who is removed: all that is personal goes, and nothing that stays leads to them."""

from contracts.calls import CareCommand
from contracts.messages import Event
from contracts.values import Code, Instant, MemberId, Reference


class RemoveMember(CareCommand, right="registration.removal.removers"):
    """Remove a member for good, with whom they absorbed: nobody can take it back, and they may join as a stranger."""

    reason: Code
    """Theirs or ours: one of the programme's."""


class MemberRemoved(Event, worker="registration", key="member_id", about=("RemovedMember", "member_id")):
    """A member is gone; who keeps something personal of them erases it."""

    member_id: MemberId
    absorbed_ids: tuple[MemberId, ...]
    """Members whom they had absorbed, who are gone with them."""
    former_ids: tuple[Reference, ...]
    """What they waited under before they were members."""
    reason: Code
    removed_at: Instant
