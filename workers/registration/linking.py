"""What registration learns about cards, and what becomes of the cards that members gave."""

from typing import Annotated

from contracts.cards import (
    CardBlocked,
    CardDeleted,
    CardIssued,
    CardLinked,
    CardLinkRefused,
    CardReplaced,
    CardRestored,
    CardState,
    CardUnblocked,
    VirtualCardIssued,
)
from contracts.registration import MemberCardRefused
from runtime.decisions import Key
from workers import Changes, Context
from workers.registration.documents import KnownCard, Member, RefusedCard
from workers.registration.worker import worker


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
    known = card or KnownCard(id=event.card_number, state=CardState.ACTIVE)
    yield known.told(context.version, CardState.ACTIVE).evolve(member_id=event.member_id, claimed_by=None)
    if member is not None and event.card_number not in member.card_numbers:
        yield member.evolve(card_numbers=(*member.card_numbers, event.card_number))


@worker.handles(VirtualCardIssued)
def give_virtual_card(
    event: VirtualCardIssued,
    card: Annotated[KnownCard | None, Key("card_number")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    known = card or KnownCard(id=event.card_number, state=CardState.ACTIVE)
    yield known.told(context.version, CardState.ACTIVE).evolve(member_id=event.member_id)
    if member is not None and event.card_number not in member.card_numbers:
        yield member.evolve(card_numbers=(*member.card_numbers, event.card_number))


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
    known = card or KnownCard(id=event.card_number, state=CardState.BLOCKED, member_id=event.member_id)
    yield known.told(context.version, CardState.BLOCKED)


@worker.handles(CardUnblocked)
def note_unblock(
    event: CardUnblocked, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    known = card or KnownCard(id=event.card_number, state=CardState.ACTIVE, member_id=event.member_id)
    yield known.told(context.version, CardState.ACTIVE)


@worker.handles(CardReplaced)
def note_replacement(
    event: CardReplaced, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    known = card or KnownCard(id=event.card_number, state=CardState.REPLACED, member_id=event.member_id)
    yield known.told(context.version, CardState.REPLACED)


@worker.handles(CardDeleted)
def note_deletion(
    event: CardDeleted, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    known = card or KnownCard(id=event.card_number, state=CardState.DELETED, member_id=event.member_id)
    yield known.told(context.version, CardState.DELETED)


@worker.handles(CardRestored)
def note_restoration(
    event: CardRestored, card: Annotated[KnownCard | None, Key("card_number")], context: Context
) -> Changes:
    known = card or KnownCard(id=event.card_number, state=event.state, member_id=event.member_id)
    yield known.told(context.version, event.state)
