"""What registration learns about cards, and what becomes of the cards that members gave."""

from typing import Annotated

from contracts.cards import (
    CardBlocked,
    CardDeleted,
    CardIssued,
    CardLinked,
    CardLinkRefused,
    CardMerged,
    CardReplaced,
    CardRestored,
    CardRetired,
    CardState,
    CardUnblocked,
    VirtualCardIssued,
)
from contracts.registration import MemberCardRefused
from runtime.decisions import Key
from workers import Changes, Context
from workers.registration.documents import KnownCard, Member, RefusedCard
from workers.registration.worker import worker

News = (
    CardLinked
    | VirtualCardIssued
    | CardBlocked
    | CardUnblocked
    | CardReplaced
    | CardDeleted
    | CardRestored
    | CardMerged
)
"""Events that tell in which state a card is, and whose."""


@worker.handles(CardIssued)
def know_card(event: CardIssued, card: Annotated[KnownCard | None, Key("card_number")]) -> Changes:
    if card is None:
        yield KnownCard(id=event.card_number, state=CardState.TO_ISSUE)


@worker.handles(CardLinked)
def give_card(
    event: CardLinked,
    card: Annotated[KnownCard | None, Key("card_number")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from given(event, card, member, context)


@worker.handles(VirtualCardIssued)
def give_virtual_card(
    event: VirtualCardIssued,
    card: Annotated[KnownCard | None, Key("card_number")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from given(event, card, member, context)


def given(
    event: CardLinked | VirtualCardIssued, card: KnownCard | None, member: Member | None, context: Context
) -> Changes:
    """Let a card be a member's."""
    known = heard(card, event, CardState.ACTIVE, context).held_by(context.version, event.member_id)
    yield known.evolve(claimed_by=None)
    yield from listed(member, event.card_number)


def listed(member: Member | None, card_number: str) -> Changes:
    """Have a card among its holder's."""
    if member is not None and card_number not in member.card_numbers:
        yield member.evolve(card_numbers=(*member.card_numbers, card_number))


@worker.handles(CardMerged)
def move_card(
    event: CardMerged,
    card: Annotated[KnownCard | None, Key("card_number")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield heard(card, event, event.state, context).held_by(context.version, event.member_id)
    yield from listed(member, event.card_number)


def heard(card: KnownCard | None, event: News, state: CardState, context: Context) -> KnownCard:
    """The card as an event tells, whatever was heard of it before."""
    known = card or KnownCard(id=event.card_number, state=state, member_id=event.member_id)
    return known.told(context.version, state)


@worker.handles(CardLinkRefused)
def release_card(
    event: CardLinkRefused,
    card: Annotated[KnownCard | None, Key("card_number")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    if card is not None and card.claimed_by == event.member_id:
        yield card.evolve(claimed_by=None)
    if member is None:
        return

    refused = RefusedCard(card_number=event.card_number, code=event.code, refused_at=context.now)
    yield member.evolve(refused_cards=(*member.refused_cards, refused))
    yield MemberCardRefused(member_id=member.id, card_number=event.card_number, code=event.code)


@worker.handles(CardBlocked)
def note_block(event: CardBlocked, card: Annotated[KnownCard | None, Key("card_number")], context: Context) -> Changes:
    yield heard(card, event, CardState.BLOCKED, context)


@worker.handles(CardUnblocked)
def note_unblock(
    event: CardUnblocked, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    yield heard(card, event, CardState.ACTIVE, context)


@worker.handles(CardReplaced)
def note_replacement(
    event: CardReplaced, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    yield heard(card, event, CardState.REPLACED, context)


@worker.handles(CardDeleted)
def note_deletion(
    event: CardDeleted, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    yield heard(card, event, CardState.DELETED, context)


@worker.handles(CardRetired)
def note_retirement(
    event: CardRetired, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    known = (card or KnownCard(id=event.card_number, state=event.state)).told(context.version, event.state)
    yield known.evolve(member_id=None, claimed_by=None, holder_news=max(known.holder_news, context.version or 0))


@worker.handles(CardRestored)
def note_restoration(
    event: CardRestored, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    yield heard(card, event, event.state, context)
