"""Who may join, through which door, and what they have to bring."""

from datetime import date, timedelta
from typing import Final

from contracts.cards import CardState
from contracts.programme.registration import RegistrationRules
from contracts.registration import RegisterMember
from runtime.decisions import Refused
from workers import Context
from workers.registration.application_form import check_answers
from workers.registration.documents import KnownCard

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""
OLDEST_YEARS: Final = 130


def check_admission(command: RegisterMember, context: Context) -> None:
    """Hold a registration against the programme; knows nothing of who is a member already.

    Raises:
        Refused: the first rule that it breaks.
    """
    rules = context.programme.registration
    _check_channel(command, context, rules)
    if command.language is not None and command.language not in context.programme.languages:
        raise Refused("language_not_offered", language=command.language)
    check_birthday(command.born_on, context, rules)
    _check_consents(command, context, rules)
    check_answers(command.answers, rules.questions, context.actor.kind)


def check_card(command: RegisterMember, card: KnownCard | None) -> None:
    """Hold the card that a registration gives against what is known of it.

    Raises:
        Refused: it is unknown, somebody's already, or not to issue.
    """
    if command.card_number is None:
        return
    if card is None:
        raise Refused("unknown_card")
    if card.member_id is not None or card.claimed_by is not None:
        raise Refused("card_already_linked")
    if card.state is not CardState.TO_ISSUE:
        raise Refused("card_not_to_issue", state=card.state.value)


def check_birthday(born_on: date | None, context: Context, rules: RegistrationRules) -> None:
    """Hold a birthday, or that none is given, against the programme.

    Raises:
        Refused: it is missing, impossible, or too late.
    """
    if born_on is None:
        if rules.minimum_age is not None:
            raise Refused("field_missing", field="born_on")
        return
    years = age(born_on, context.now.astimezone(context.programme.zone).date())
    if not 0 <= years <= OLDEST_YEARS:
        raise Refused("born_on_impossible")
    if rules.minimum_age is not None and years < rules.minimum_age:
        raise Refused("too_young", minimum_age=rules.minimum_age)


def age(born_on: date, today: date) -> int:
    """Full years lived; who is born on 29 February has a birthday on 1 March in common years."""
    return today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))


def _check_channel(command: RegisterMember, context: Context, rules: RegistrationRules) -> None:
    channel = rules.channels.get(command.channel)
    if channel is None or not channel.is_open:
        raise Refused("channel_not_open", channel=command.channel.value)
    if context.actor.kind not in channel.actors:
        raise Refused("channel_not_allowed", channel=command.channel.value, actor=context.actor.kind.value)
    for field in channel.required:
        if getattr(command, field) is None:
            raise Refused("field_missing", field=field)


def _check_consents(command: RegisterMember, context: Context, rules: RegistrationRules) -> None:
    by_kind = {rule.kind: rule for rule in rules.consents}
    given: set[str] = set()
    for consent in command.consents:
        if consent.kind not in by_kind:
            raise Refused("consent_unknown", consent=consent.kind)
        if consent.kind in given:
            raise Refused("consent_repeated", consent=consent.kind)
        if consent.text_version not in by_kind[consent.kind].text_versions:
            raise Refused("consent_version_unknown", consent=consent.kind, text_version=consent.text_version)
        if consent.given_at > context.now + CLOCK_SKEW:
            raise Refused("consent_in_future", consent=consent.kind)
        given.add(consent.kind)
    for rule in rules.consents:
        if rule.is_required and rule.kind not in given:
            raise Refused("consent_missing", consent=rule.kind)
