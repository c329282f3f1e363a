"""Cards, members and actors that the tests of the cards worker play with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.cards import CardKind, CardState
from contracts.messages import Actor, ActorKind
from contracts.programme import Programme
from contracts.programme.cards import CardRules, NumberRange
from contracts.registration import Channel, MemberRegistered
from runtime.decisions import Context
from tests.decisions import NOON, TILL, context
from workers.cards.documents import Card

ANA, BEN = "ana", "ben"
NUMBER, OTHER = "4111111111111111", "5500005555555559"
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="olga")
SMS = Actor(kind=ActorKind.SMS, id="gate-1")
MORNING = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

RULES = CardRules(
    max_linked_cards=2,
    categories=("normal", "employee"),
    block_reasons=("lost", "stolen"),
    unblock_reasons=("found",),
    issuers=(ActorKind.OPERATOR, ActorKind.POS),
    blockers=(ActorKind.OPERATOR, ActorKind.POS),
    unblockers=(ActorKind.OPERATOR,),
    replacers=(ActorKind.OPERATOR,),
    deleters=(ActorKind.OPERATOR,),
    restorers=(ActorKind.OPERATOR,),
    categorisers=(ActorKind.OPERATOR,),
    linkers=(ActorKind.OPERATOR,),
    virtual_issuers=(ActorKind.OPERATOR,),
    virtual_numbers=NumberRange(prefix="978", digits=16),
)
PROGRAMME = Programme.read(Path("programme.yaml")).model_copy(update={"cards": RULES})


def by(actor: Actor = TILL) -> Context[Any]:
    """A context of these rules."""
    return context(PROGRAMME, actor=actor)


def card(state: CardState = CardState.TO_ISSUE, member_id: str | None = None, **changes: Any) -> Card:
    """A card as the worker keeps it."""
    fields = {
        "id": NUMBER,
        "kind": CardKind.PHYSICAL,
        "category": "normal",
        "state": state,
        "issued_at": MORNING,
        "member_id": member_id,
    }
    return Card(**{**fields, **changes})


def registered(card_number: str | None = NUMBER, member_id: str = ANA) -> MemberRegistered:
    """The event of a member who gave a card."""
    return MemberRegistered(
        member_id=member_id,
        channel=Channel.POINT_OF_SALE,
        phone="+4915112345678",
        email=None,
        first_name="Ana",
        language="en",
        card_number=card_number,
        home_store=None,
        registered_at=NOON,
    )
