"""People, cards and actors that the tests of the registration worker play with."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from contracts.cards import CardState
from contracts.messages import Actor, ActorKind
from contracts.programme import Programme
from contracts.programme.registration import (
    ChannelRules,
    ChoiceQuestion,
    ChoicesQuestion,
    ConsentRule,
    DateQuestion,
    NumberQuestion,
    RegistrationRules,
    TextQuestion,
    YesNoQuestion,
)
from contracts.registration import Channel, Consent, RegisterMember
from runtime.decisions import Context
from tests.decisions import NOON, TILL, context
from workers.registration.documents import KnownCard, Member

ANA, BEN = "ana", "ben"
PHONE, OTHER_PHONE = "+4915112345678", "+4915112345679"
EMAIL = "Ana@Example.org"
NUMBER = "4111111111111111"
MORNING = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

OPERATOR = Actor(kind=ActorKind.OPERATOR, id="olga")
APP = Actor(kind=ActorKind.APP, id="shop-app")
ITSELF = Actor(kind=ActorKind.WORKER, id="registration")
WALLET = Actor(kind=ActorKind.WALLET, id="wallet")
ACTORS = {
    Channel.PERSONAL_ACCOUNT: APP,
    Channel.MOBILE_APP: APP,
    Channel.POINT_OF_SALE: TILL,
    Channel.CALL: OPERATOR,
    Channel.PAPER_FORM: OPERATOR,
    Channel.WALLET: WALLET,
}
STAFFED = [channel for channel in ACTORS if not channel.is_self_service]
SELF_SERVICE = [channel for channel in ACTORS if channel.is_self_service]

LABEL = {"en": "?", "de": "?"}
QUESTIONS = (
    TextQuestion(code="nickname", type="text", label=LABEL, max_length=10),
    NumberQuestion(code="cups", type="number", label=LABEL, minimum=0, maximum=30),
    YesNoQuestion(code="children", type="yes_no", label=LABEL),
    ChoiceQuestion(code="drink", type="choice", label=LABEL, options=("latte", "tea")),
    ChoicesQuestion(code="milk", type="choices", label=LABEL, options=("cow", "oat", "soy"), at_least=1, at_most=2),
    DateQuestion(code="wedding", type="date", label=LABEL, earliest=date(1940, 1, 1), latest=date(2026, 12, 31)),
    TextQuestion(code="remark", type="text", label=LABEL, editors=(ActorKind.OPERATOR,)),
)
RULES = RegistrationRules(
    channels={
        Channel.PERSONAL_ACCOUNT: ChannelRules(actors=(ActorKind.APP,), required=("email",)),
        Channel.MOBILE_APP: ChannelRules(actors=(ActorKind.APP,)),
        Channel.POINT_OF_SALE: ChannelRules(actors=(ActorKind.POS,), required=("card_number",)),
        Channel.CALL: ChannelRules(actors=(ActorKind.OPERATOR,)),
        Channel.PAPER_FORM: ChannelRules(actors=(ActorKind.OPERATOR,), required=("first_name", "last_name")),
        Channel.WALLET: ChannelRules(actors=(ActorKind.WALLET,), required=("card_number",)),
        Channel.SMS: ChannelRules(is_open=False, actors=(ActorKind.SMS,)),
    },
    consents=(
        ConsentRule(kind="personal_data", text_versions=("2026-01", "2026-09")),
        ConsentRule(kind="offer", text_versions=("2026-01",)),
        ConsentRule(kind="mailings", is_required=False, text_versions=("2026-01",)),
    ),
    questions=QUESTIONS,
    repeat_notice_hours=24,
)
DEMO = Programme.read(Path("programme.yaml")).model_copy(update={"registration": RULES})


def consent(kind: str, text_version: str = "2026-01", given_at: datetime = MORNING) -> Consent:
    """An agreement, given in the morning."""
    return Consent(kind=kind, text_version=text_version, given_at=given_at)


CONSENTS = (consent("personal_data", "2026-09"), consent("offer"))


def joining(channel: Channel = Channel.POINT_OF_SALE, **changes: Any) -> RegisterMember:
    """What Ana says when she joins."""
    said: dict[str, Any] = {
        "channel": channel,
        "phone": PHONE,
        "email": EMAIL,
        "first_name": "Ana",
        "last_name": "Alvarez",
        "card_number": NUMBER,
        "consents": CONSENTS,
    }
    return RegisterMember(**{**said, **changes})


def at(
    channel: Channel = Channel.POINT_OF_SALE,
    *,
    actor: Actor | None = None,
    now: datetime = NOON,
    version: int | None = None,
    message_id: str = "m-1",
    **rules: Any,
) -> Context[Any]:
    """A context of the actor of a channel, under these rules with some of them changed."""
    programme = DEMO.model_copy(update={"registration": RULES.model_copy(update=rules)})
    return context(programme, actor=actor or ACTORS[channel], now=now, version=version, message_id=message_id)


def known(state: CardState = CardState.TO_ISSUE, **changes: Any) -> KnownCard:
    """A card as registration knows it."""
    return KnownCard(**{"id": NUMBER, "state": state, **changes})


def member(member_id: str = ANA, **changes: Any) -> Member:
    """A member as the worker keeps them."""
    kept: dict[str, Any] = {
        "id": member_id,
        "channel": Channel.POINT_OF_SALE,
        "phone": PHONE,
        "email": EMAIL,
        "first_name": "Ana",
        "last_name": None,
        "born_on": None,
        "home_store": None,
        "language": "en",
        "consents": (),
        "answers": (),
        "registered_at": MORNING,
    }
    return Member(**{**kept, **changes})
