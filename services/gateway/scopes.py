"""Scopes: what a key may do. A scope is a command's name, or one of the reads."""

from collections.abc import Mapping
from typing import Final

from contracts.catalogue import COMMANDS
from contracts.messages import OURS as OUR_PROCESSES
from contracts.messages import ActorKind, Command
from contracts.registration import Channel, RegisterMember

READ_CALL: Final = "read:call"
READ_CARD: Final = "read:card"
READ_MEMBER: Final = "read:member"
READ_COUPON: Final = "read:coupon"
READ_KNOWLEDGE: Final = "read:knowledge"
READ_LEDGER: Final = "read:ledger"
PREVIEW_MERGE: Final = "preview:merge"
READ_PAGE: Final = "read:page"
READ_TIMELINE: Final = "read:timeline"
READ_MESSAGES: Final = "read:messages"
SEARCH_MEMBERS: Final = "search:members"
READS: Final = frozenset(
    {
        *(PREVIEW_MERGE, READ_CALL, READ_CARD, READ_COUPON, READ_KNOWLEDGE, READ_LEDGER),
        *(READ_MEMBER, READ_MESSAGES, READ_PAGE, READ_TIMELINE, SEARCH_MEMBERS),
    }
)

OURS: Final = frozenset(name for name, command in COMMANDS.items() if command.actors <= OUR_PROCESSES) | {"RecordLook"}
"""Commands that our own processes give each other: only a system's key may send them from outside."""

SECOND_PERSON: Final = frozenset(
    {"ApproveAdjustment", "DeclineAdjustment", "IdentifyByDetails", "MergeMembers", "RemoveMember", "TieOperator"}
)
"""What a key of an operator may do only if it names it: the stronger right, of the second person for one."""

FROM_FORM: Final = "RegisterMember:paper_form"
"""To register from a paper form, without the person: beside the scope of the command, and only where a key names it."""
BULK_ADJUSTMENTS: Final = "bulk:adjustments"
"""To adjust many balances by one file (`punchcard adjust`)."""

NAMED: Final = SECOND_PERSON | {BULK_ADJUSTMENTS, FROM_FORM}
"""What no key of an operator has by default: it must be named."""

KNOWN_SCOPES: Final = READS | NAMED | frozenset(COMMANDS)

_CODES: Final = frozenset({"ResendPhoneCode", "VerifyPhone", "SendPhoneCode", "ConfirmPhone"})
_CHOICES: Final = frozenset({"ChangeFavourites", "ChangeSubscriptions", "StopMailings"})
_TILL: Final = _CODES | frozenset(
    {
        "IssueCard",
        "BlockCard",
        "RegisterMember",
        "RecordPurchase",
        "ConfirmPurchase",
        "CancelPurchase",
        "RefundPurchase",
        "RedeemReward",
        "UseReward",
        "IssueCoupon",
        "ReserveCoupon",
        "ReleaseCoupon",
        "UseCoupon",
        "PlayGame",
        READ_CARD,
        READ_COUPON,
    }
)
_APP: Final = (
    _CODES
    | _CHOICES
    | frozenset(
        {
            "RegisterMember",
            "BlockCard",
            "LinkCard",
            "IssueVirtualCard",
            "ChangeProfile",
            "RenewPassword",
            "SetPassword",
            "RedeemReward",
            "ShareCoupon",
            "AnswerSurvey",
            "PlayGame",
            READ_CARD,
            READ_MEMBER,
            READ_MESSAGES,
        }
    )
)
DEFAULT_SCOPES: Final[Mapping[ActorKind, frozenset[str]]] = {
    ActorKind.POS: _TILL,
    ActorKind.APP: _APP,
    ActorKind.OPERATOR: KNOWN_SCOPES - OURS - NAMED,
    ActorKind.WALLET: _CODES
    | _CHOICES
    | {"RegisterMember", "RedeemReward", "ShareCoupon", "AnswerSurvey", "PlayGame", READ_CARD},
    ActorKind.SMS: _CODES | {"RegisterMember", "ChangeSubscriptions", "StopMailings"},
    ActorKind.SYSTEM: KNOWN_SCOPES,
    ActorKind.WORKER: frozenset(),
}
"""What a key may do that names no scopes of its own, by the kind of caller."""


BEYOND: Final = {RegisterMember.__name__: f" At the channel `{Channel.PAPER_FORM}` it needs `{FROM_FORM}`, too."}
"""What `scope_beyond` says, in words, by the command's name."""


def scope_beyond(command: Command) -> str | None:
    """What a key needs beside the scope of the command's name, because of what the command says."""
    if isinstance(command, RegisterMember) and command.channel is Channel.PAPER_FORM:
        return FROM_FORM
    return None
