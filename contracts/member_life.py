"""What can be said about a member who may take part no more, or again."""

from contracts.calls import CareCommand
from contracts.messages import Event
from contracts.values import Code, Instant, MemberId, Personal, Text


class BlockMember(CareCommand, right="registration.blocking.blockers"):
    """Stop a member from taking part: none of their cards earns, spends or identifies them."""

    reason: Code
    comment: Personal[Text] | None = None


class UnblockMember(CareCommand, right="registration.blocking.unblockers"):
    """Let a blocked member take part again: their cards are what they are by themselves."""

    reason: Code
    comment: Personal[Text] | None = None


class MemberBlocked(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """A member takes part no more; what was bought before that counts."""

    member_id: MemberId
    reason: Code
    blocked_at: Instant


class MemberUnblocked(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """A blocked member takes part again."""

    member_id: MemberId
    reason: Code
