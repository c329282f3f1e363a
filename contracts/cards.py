"""What can be said about cards: their life, their links to members, their categories."""

from enum import StrEnum

from contracts.messages import ANYBODY, OURS, Command, Event
from contracts.naming import OfSomebody
from contracts.values import CardNumber, Code, Instant, MemberId, Personal, Text


class CardKind(StrEnum):
    """What a card is made of."""

    PHYSICAL = "physical"
    VIRTUAL = "virtual"


class CardState(StrEnum):
    """Where a card is in its life."""

    TO_ISSUE = "to_issue"
    ACTIVE = "active"
    BLOCKED = "blocked"
    REPLACED = "replaced"
    DELETED = "deleted"


class CardCommand(OfSomebody, worker="cards", key="card_number", actors=ANYBODY):
    """Something to do with one card."""

    card_number: CardNumber


class IssueCard(CardCommand, right="cards.issuers"):
    """Make a card known: it can be given to a member, and earns from now on."""

    kind: CardKind = CardKind.PHYSICAL
    category: Code = "normal"


class BlockCard(CardCommand, right="cards.blockers"):
    """Stop a card from earning, spending and identifying."""

    reason: Code
    comment: Personal[Text] | None = None


class UnblockCard(CardCommand, right="cards.unblockers"):
    """Let a blocked card work again."""

    reason: Code
    comment: Personal[Text] | None = None


class ReplaceCard(CardCommand, right="cards.replacers"):
    """Let a new card take the place of a blocked one: its holder, category, history and balance go with it."""

    new_card_number: CardNumber
    comment: Personal[Text] | None = None


class DeleteCard(CardCommand, right="cards.deleters"):
    """Take a card out of use and hide what it collected; it can be restored."""

    comment: Personal[Text] | None = None


class RestoreCard(CardCommand, right="cards.restorers"):
    """Make a deleted card what it was, with what it had collected."""

    comment: Personal[Text] | None = None


class ChangeCardCategory(CardCommand, right="cards.categorisers"):
    """Put a card into another category: it earns by that from now on, and what was earned stays."""

    category: Code
    comment: Personal[Text] | None = None


class LinkCard(CardCommand, right="cards.linkers"):
    """Give a card that is to issue to somebody who is a member already: it works at once."""

    member_id: MemberId


class IssueVirtualCard(OfSomebody, worker="cards", key="member_id", actors=ANYBODY, right="cards.virtual_issuers"):
    """Make a card without plastic for a member, who can use it at once; its number is drawn."""

    member_id: MemberId
    category: Code = "normal"


class DrawVirtualCard(Command, worker="cards", key="member_id", actors=OURS):
    """Make that card by numbers that were drawn anew, as those before were taken (said by the worker itself)."""

    member_id: MemberId
    category: Code


class SettleCard(CardCommand, actors=OURS):
    """Let a card work or not as its holder may; said by the worker itself when a card comes to or back to somebody."""


class CardEvent(Event, worker="cards", key="card_number", about=("Card", "card_number")):
    """Something that happened to one card."""

    card_number: CardNumber


class CardIssued(CardEvent):
    """A card became known; it is to issue and linked to nobody."""

    kind: CardKind
    category: Code


class VirtualCardIssued(CardEvent):
    """A card without plastic was made for a member, who can use it."""

    member_id: MemberId
    category: Code
    pool_number: CardNumber | None = None
    """The card in whose account all of the member's cards collect, where they do so."""


class CardLinked(CardEvent):
    """A card was activated for a member."""

    member_id: MemberId
    category: Code
    replaces: CardNumber | None = None
    """The card whose place it took, where it did."""
    pool_number: CardNumber | None = None
    """As in `VirtualCardIssued`."""


class CardMerged(CardEvent):
    """Two members were merged: whose one of their cards is from now on, and with which other card it collects."""

    member_id: MemberId
    from_member_id: MemberId
    """Whose it was; the same where it is the survivor's own."""
    state: CardState
    pool_number: CardNumber | None
    """None for a card that is out of use: what it collected comes along when it is restored."""


class CardLinkRefused(CardEvent):
    """A member asked for a card that can't be linked."""

    member_id: MemberId
    code: Code


class CardBlocked(CardEvent):
    """A card stopped working."""

    member_id: MemberId | None
    reason: Code


class CardUnblocked(CardEvent):
    """A blocked card works again."""

    member_id: MemberId | None
    reason: Code


class CardReplaced(CardEvent):
    """A blocked card works no more, for good: another has its place."""

    member_id: MemberId
    new_card_number: CardNumber
    first_card_number: CardNumber
    """Where its chain of replacements began: all of them lead to that card's account."""
    stopped_at: Instant
    """When it was blocked: what was bought before that counts."""


class CardDeleted(CardEvent):
    """A card was taken out of use, and what it collected is hidden."""

    member_id: MemberId | None
    stopped_at: Instant
    """When it stopped working, by this or by a block: what was bought before that counts."""


class CardRestored(CardEvent):
    """A deleted card is what it was."""

    member_id: MemberId
    state: CardState
    stopped_at: Instant | None
    """When it was blocked, where it is."""
    pool_number: CardNumber | None = None
    """As in `VirtualCardIssued`."""


class CardRetired(CardEvent):
    """A card is nobody's any more and works no more, for good, as its holder was removed; its number stays taken."""

    state: CardState
    """What it is from now on: deleted, where it wasn't replaced before."""
    stopped_at: Instant
    """When it stopped working: what was bought before that counts."""


class CardCategoryChanged(CardEvent):
    """A card earns by another category from now on."""

    member_id: MemberId | None
    category: Code
    earlier: Code
    """The category that it had."""


class CardSuspended(CardEvent):
    """A card doesn't work, whatever it is by itself, as its holder is blocked."""

    member_id: MemberId
    suspended_at: Instant
    """When its holder was blocked: what was bought before that counts."""


class CardResumed(CardEvent):
    """A card is again what it is by itself, as its holder is not blocked any more."""

    member_id: MemberId
