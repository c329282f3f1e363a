"""How everything that an operator does is taken back: by which command, and how that names what it takes back.

Nothing is edited or deleted: what is taken back stays readable, beside what took it back. A command that is added later
must stand here (`tests/workers/test_undoing_everything.py` walks the contracts, and does and undoes each of them).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Undo(NamedTuple):
    """What takes a command back, and how the one is found from the other."""

    by: tuple[str, ...]
    """The commands that do it; none where nothing can."""
    how: str
    """How it is linked; where nothing takes it back, why."""


def _by(*commands: str, how: str) -> Undo:
    return Undo(commands, how)


def _never(why: str) -> Undo:
    return Undo((), why)


UNDOING: Final[Mapping[str, Undo]] = {
    # what is done to cards
    "IssueCard": _never(
        "A number that is known stays known; a card that is to issue spends nothing. Don't hand it out."
    ),
    "IssueVirtualCard": _by("DeleteCard", how="The card's timeline; what it collected is hidden."),
    "BlockCard": _by("UnblockCard", how="The card's timeline, with both reasons."),
    "UnblockCard": _by("BlockCard", how="The card's timeline, with both reasons."),
    "ReplaceCard": _never(
        "The old card may be in other hands. The new one is blocked and replaced in turn; balance and history go on."
    ),
    "DeleteCard": _by("RestoreCard", how="The card's timeline; it is what it was, with what it had collected."),
    "RestoreCard": _by("DeleteCard", how="The card's timeline."),
    "ChangeCardCategory": _by("ChangeCardCategory", how="`CardCategoryChanged.earlier` names the category before."),
    "LinkCard": _by(
        "DeleteCard", how="The card's timeline. A card never goes to another member: give that one a new one."
    ),
    # what is done to sales
    "RecordPurchase": _by(
        "CancelPurchase",
        "RefundPurchase",
        how="`undoes` of their entries; what is pending is cancelled, else refunded.",
    ),
    "ConfirmPurchase": _by("RefundPurchase", how="`undoes` of its entries."),
    "CancelPurchase": _by("UndoCancellation", how="`undoes` of its entries; the sale is pending again."),
    "UndoCancellation": _by("CancelPurchase", how="`undoes` of its entries."),
    "RefundPurchase": _by("UndoRefund", how="`undoes` of its entries; the refund stays with the sale, marked."),
    "UndoRefund": _by("RefundPurchase", how="`undoes` of its entries; under another refund number."),
    # what is bought and given
    "RedeemReward": _by("RemoveReward", how="`undoes` of its entry."),
    "RemoveReward": _by("RestoreReward", how="`undoes` of its entry."),
    "RestoreReward": _by("RemoveReward", how="`undoes` of its entry."),
    "UseReward": _by("UnuseReward", how="`undoes` of its entry."),
    "UnuseReward": _by("UseReward", how="The reward's timeline."),
    "IssueCoupon": _by("CancelCoupon", how="The code's timeline."),
    "CancelCoupon": _by(
        "ResendCoupon", how="`replaces` and `replaced_by`: a code that was cancelled is never good again."
    ),
    "ResendCoupon": _by(
        "CancelCoupon", how="`replaces`, where it issued another; a text that is out can't be called back."
    ),
    "ReserveCoupon": _by("ReleaseCoupon", how="The code's timeline."),
    "ReleaseCoupon": _by("ReserveCoupon", how="The code's timeline."),
    "UseCoupon": _by("UnuseCoupon", how="`undoes` of its entry, where it gave units; the code's timeline."),
    "UnuseCoupon": _by("UseCoupon", how="The code's timeline."),
    "ShareCoupon": _by("CancelCoupon", how="The code's timeline. It moved once; its giver is issued another."),
    "AnswerSurvey": _never("An answer is the member's. What came with it is adjusted, or its coupon cancelled."),
    "PlayGame": _never("A draw stands. What was won is adjusted, or its coupon cancelled."),
    "AssignTier": _by(
        "UndoTierAssignment", how="`undoes` of the entries of what came with it; the tier's own history."
    ),
    "UndoTierAssignment": _by("AssignTier", how="The account's timeline."),
    # what is done by hand
    "AdjustBalance": _by("UndoAdjustment", how="`undoes` of its entry."),
    "ApproveAdjustment": _by("UndoAdjustment", how="`undoes` of its entry."),
    "DeclineAdjustment": _never("Nothing has moved: whoever asked asks again."),
    "UndoAdjustment": _by("AdjustBalance", how="The account's ledger: another adjustment, with its own reason."),
    "TieOperator": _by("TieOperator", how="The operator's own history: who said what when."),
    # what is done to members, and what they choose
    "BlockMember": _by("UnblockMember", how="The member's timeline, with both reasons; their cards' timelines."),
    "UnblockMember": _by("BlockMember", how="The member's timeline, with both reasons; their cards' timelines."),
    "ChangeSubscriptions": _by("ChangeSubscriptions", how="The member's timeline: what changed, each time."),
    "StopMailings": _by("ChangeSubscriptions", how="The member's timeline: `SubscriptionsChanged` names what stopped."),
    "ProposeMerge": _never("Nothing has happened: a code that nobody gives back ends by itself."),
    "ConfirmMerge": _never("Two members are one for good. What both were before is kept."),
    "MergeMembers": _never("Two members are one for good. What both were before is kept."),
    # what is sent
    "ResendMessage": _never("What is on its way can't be called back."),
}
"""By the command that an operator gave."""
