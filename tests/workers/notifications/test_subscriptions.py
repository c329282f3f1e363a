"""Which mailings members get through which channels; by default all, and service messages anyway."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.cards import CardBlocked
from contracts.messages import Actor, ActorKind
from contracts.notifications import MessageChannel
from contracts.programme.notifications import NotificationRules
from contracts.subscriptions import ChangeSubscriptions, StopMailings, SubscriptionChange, SubscriptionsChanged
from contracts.tiers import TierChanged
from tests.contracts.golden.examples import example
from tests.decisions import NOON, TILL, Told, decide, refused
from tests.workers.notifications.programmes import ANA, PROGRAMME, RULES, at
from workers.notifications.documents import Choice, Contact, Message
from workers.notifications.queueing import tell_of_blocked_card, tell_of_tier
from workers.notifications.subscriptions import change_subscriptions, stop_mailings

SMS = MessageChannel.SMS
APP = Actor(kind=ActorKind.APP, id="app-1")
GOLD = example(TierChanged).model_copy(
    update={"member_id": "ana", "is_higher": True, "system": "status", "tier": "gold"}
)


def change(mailing: str = "status", is_on: bool = False) -> SubscriptionChange:
    return SubscriptionChange(mailing=mailing, channel=SMS, is_on=is_on)


def choice(mailing: str = "status", is_on: bool = False) -> Choice:
    return Choice(mailing=mailing, channel=SMS, is_on=is_on, chosen_at=NOON)


def changed(*changes: SubscriptionChange, contact: Contact = ANA) -> Told:
    command = ChangeSubscriptions(member_id="ana", changes=changes)
    return decide(change_subscriptions, command, contact=contact, context=at(actor=APP))


def under(**rules: Any) -> Any:
    programme = type(PROGRAMME)(**{**vars(PROGRAMME), "notifications": RULES.model_copy(update=rules)})
    return at(programme, actor=APP)


class TestMailing:
    def test_comes_by_default(self) -> None:
        assert decide(tell_of_tier, GOLD, contact=ANA, context=at()).all(Message)

    def test_does_not_by_default_where_the_law_wants_members_to_ask_first(self) -> None:
        asked_first = under(mailings_are_on=False)
        assert decide(tell_of_tier, GOLD, contact=ANA, context=asked_first).all(Message) == []
        wanted = ANA.evolve(choices=(choice(is_on=True),))
        assert decide(tell_of_tier, GOLD, contact=wanted, context=asked_first).all(Message)

    def test_does_not_come_to_who_does_not_want_it(self) -> None:
        unwanted = ANA.evolve(choices=(choice(),))
        assert decide(tell_of_tier, GOLD, contact=unwanted, context=at()).documents == []
        other = ANA.evolve(choices=(choice("offers"),))
        assert decide(tell_of_tier, GOLD, contact=other, context=at()).all(Message)


class TestServiceMessage:
    def test_comes_whatever_somebody_wants(self) -> None:
        nothing = ANA.evolve(choices=(choice(), choice("offers")))
        blocked = CardBlocked(card_number="4000000000000002", member_id="ana", reason="lost")
        for context in (at(), under(mailings_are_on=False)):
            assert decide(tell_of_blocked_card, blocked, contact=nothing, context=context).all(Message)


class TestChangeSubscriptions:
    def test_keeps_what_the_member_wants(self) -> None:
        said = changed(change())

        assert said.document(Contact) == ANA.evolve(choices=(choice(),))
        assert said.events == [SubscriptionsChanged(member_id="ana", changes=(change(),))]

    def test_leaves_what_is_not_named(self) -> None:
        said = changed(change("offers"), contact=ANA.evolve(choices=(choice(),)))
        assert said.document(Contact).choices == (choice(), choice("offers"))

    def test_can_be_taken_back(self) -> None:
        said = changed(change(is_on=True), contact=ANA.evolve(choices=(choice(),)))
        assert said.document(Contact).choices == (choice(is_on=True),)

    def test_keeps_what_is_wanted_even_where_it_is_the_default(self) -> None:
        assert changed(change(is_on=True)).document(Contact).choices == (choice(is_on=True),)

    def test_takes_the_last_of_two_words_and_says_only_what_changed(self) -> None:
        contact = ANA.evolve(choices=(choice("offers"),))
        said = changed(change(is_on=True), change(), change("offers"), contact=contact)

        assert said.events == [SubscriptionsChanged(member_id="ana", changes=(change(),))]

    def test_is_refused_where_nothing_changes(self) -> None:
        with refused("subscriptions_unchanged"):
            changed(change(), contact=ANA.evolve(choices=(choice(),)))

    def test_is_refused_for_what_the_programme_does_not_send(self) -> None:
        with refused("mailing_unknown", mailing="gossip"):
            changed(change("gossip"))
        command = ChangeSubscriptions(member_id="ana", changes=(change(),))
        silent = RULES.mailings[1].model_copy(update={"channels": ()})
        with refused("mailing_not_through_channel", mailing="status", channel="sms"):
            decide(change_subscriptions, command, contact=ANA, context=under(mailings=(silent,)))

    def test_is_for_those_whom_the_programme_names(self) -> None:
        command = ChangeSubscriptions(member_id="ana", changes=(change(),))
        with refused("actor_not_allowed", actor="pos"):
            decide(change_subscriptions, command, contact=ANA, context=at(actor=TILL))


class TestStopMailings:
    @pytest.mark.parametrize("channel", [None, SMS])
    def test_turns_every_mailing_off(self, channel: MessageChannel | None) -> None:
        sms = at(actor=Actor(kind=ActorKind.SMS, id="gate"))
        said = decide(stop_mailings, StopMailings(member_id="ana", channel=channel), contact=ANA, context=sms)

        assert said.document(Contact).choices == (choice("offers"), choice())
        assert decide(tell_of_tier, GOLD, contact=said.document(Contact), context=at()).all(Message) == []

    def test_is_refused_where_all_are_off(self) -> None:
        off = ANA.evolve(choices=(choice("offers"), choice()))
        with refused("subscriptions_unchanged"):
            decide(stop_mailings, StopMailings(member_id="ana"), contact=off, context=at(actor=APP))


class TestProgramme:
    def test_names_mailings_that_exist_and_never_one_for_a_code(self) -> None:
        tree = RULES.model_dump(mode="json")
        tree["templates"]["tier_reached"]["mailing"] = "gossip"
        with pytest.raises(ValidationError, match="no mailing gossip"):
            NotificationRules.model_validate(tree)
        tree = RULES.model_dump(mode="json")
        tree["templates"]["phone_code"]["mailing"] = "offers"
        with pytest.raises(ValidationError, match="never part of a mailing"):
            NotificationRules.model_validate(tree)
