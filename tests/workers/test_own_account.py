"""Nobody works on what is their own: every command that an operator may ask is tried by the member whom it names."""

from functools import cache
from operator import attrgetter
from typing import Any, Final

import pytest

from contracts.cards import ChangeCardCategory, LinkCard
from contracts.catalogue import COMMANDS
from contracts.merging import MergeMembers
from contracts.messages import Actor, ActorKind, Command
from contracts.naming import OfSomebody
from contracts.operators import TieOperator
from services.gateway.examples import EXAMPLES
from tests.contracts.golden.examples import example
from tests.workers.test_merging import NUMBERS, opened
from tests.workers.town import DEMO, OPERATOR, WORKERS, Town
from workers.cards.documents import Operator as CardsOperator
from workers.rewards.adjustment_documents import Operator as RewardsOperator

OTTO: Final = Actor(kind=ActorKind.OPERATOR, id="otto")
ASKED: Final = {name: command for name, command in COMMANDS.items() if ActorKind.OPERATOR in command.actors}
"""What an operator can ask."""
GIVES_NOTHING: Final = {
    "RecordLook": "it changes nothing",
    "RegisterMember": "whoever joins is nobody yet",
    "TieOperator": "who may say it of whom it says itself: nobody of themselves",
    "ChangeSubscriptions": "a choice, as in the app",
    "StopMailings": "a choice, as in the app",
    "ResendMessage": "a text that they had",
    "ResendPhoneCode": "of somebody who isn't a member yet",
    "VerifyPhone": "of somebody who isn't a member yet",
    **dict.fromkeys(
        ("OpenCall", "CloseCall", "RecordConsentToLook", "AttachTicket"), "a call, in which nothing is done"
    ),
    **dict.fromkeys(("IdentifyByCode", "IdentifyByDetails", "IdentifyByPassword"), "who calls"),
    "SendIdentificationCode": "who calls",
}
"""What operators may ask though it is about themselves, and why."""
HELD: Final = sorted(name for name in ASKED if name not in GIVES_NOTHING)


def town() -> tuple[Town, list[str]]:
    """A town where Ana has a card and Ben another, and all is settled; their ids."""
    made, people = opened()
    made.settle()
    return made, people


@cache
def towns() -> tuple[Town, Town, str]:
    """One where nobody knows whose card an operator has, one where everybody does, and the operator's id."""
    free, people = town()
    held, same = town()
    assert people == same
    assert held.ask(TieOperator(operator_id=OPERATOR.id, member_id=people[0]), OTTO) == "done"
    held.settle()
    return free, held, people[0]


def body(name: str, **facts: Any) -> Command:
    """A valid command of this name about what is there."""
    fields = {**example(COMMANDS[name]).model_dump(mode="json"), **EXAMPLES.get(name, {}), **facts}
    return COMMANDS[name].model_validate(
        {key: each for key, each in fields.items() if key in COMMANDS[name].model_fields}
    )


def may_ask(command: type[Command]) -> bool:
    """Whether the demo programme lets operators ask it."""
    return command.right is None or ActorKind.OPERATOR in attrgetter(command.right)(DEMO)


class TestEveryCommand:
    @pytest.mark.parametrize("name", HELD)
    def test_of_an_operator_is_refused_on_what_is_their_own_before_any_other_rule(self, name: str) -> None:
        assert issubclass(COMMANDS[name], OfSomebody), "a command of an operator says whose it is: contracts/naming.py"
        assert WORKERS[COMMANDS[name].worker].handlers[name].guards
        if not may_ask(COMMANDS[name]):
            return
        free, held, ana = towns()
        own = body(name, card_number=NUMBERS[0], member_id=ana, operator_id=OPERATOR.id)
        assert free.ask(own) != "own_account"
        assert held.ask(own) == "own_account"
        assert held.ask(body(name, card_number=NUMBERS[0], member_id=ana, operator_id=OTTO.id), OTTO) != "own_account"

    def test_is_many(self) -> None:
        assert sum(may_ask(COMMANDS[name]) for name in HELD) > 40

    def test_names_cards_and_members_by_fields_that_are_called_so(self) -> None:
        """Else the rule would not see them."""
        for name, command in COMMANDS.items():
            if issubclass(command, OfSomebody):
                numbers = {field for field in command.model_fields if "number" in field and "card" in field}
                members = {field for field in command.model_fields if "member" in field or "absorbed" in field}
                assert all(field.endswith("card_number") for field in numbers), name
                assert members <= {"member_id", "absorbed_id"}, name
                assert numbers or members, name


class TestTied:
    def test_an_operator_takes_nobody_into_their_own_record_nor_lets_it_go_into_anothers(self) -> None:
        made, (ana, ben, *_) = town()
        assert made.ask(TieOperator(operator_id=OPERATOR.id, member_id=ana), OTTO) == "done"
        for pair in ((ana, ben), (ben, ana)):
            command = MergeMembers(member_id=pair[0], absorbed_id=pair[1])
            assert made.ask(command) == "own_account"
        assert made.ask(MergeMembers(member_id=ana, absorbed_id=ben), OTTO) == "done"

    def test_to_one_whom_another_absorbed_is_that_one(self) -> None:
        made, (ana, ben, *_) = town()
        assert made.ask(MergeMembers(member_id=ben, absorbed_id=ana), OTTO) == "done"
        assert made.ask(TieOperator(operator_id=OPERATOR.id, member_id=ana), OTTO) == "done"
        made.settle()
        for number in NUMBERS[:2]:
            assert made.ask(ChangeCardCategory(card_number=number, category="employee")) == "own_account"
        assert made.ask(LinkCard(card_number=NUMBERS[4], member_id=ana)) == "own_account"
        assert made.ask(body("AdjustBalance", card_number=NUMBERS[1], operator_id=OPERATOR.id)) == "own_account"

    def test_before_a_merge_is_the_survivor_after_it_in_whatever_order_that_is_heard(self) -> None:
        for turned in (False, True):
            made, (ana, ben, *_) = town()
            assert made.ask(TieOperator(operator_id=OPERATOR.id, member_id=ana), OTTO) == "done"
            assert made.ask(MergeMembers(member_id=ben, absorbed_id=ana), OTTO) == "done"
            while made.underway:
                made.deliver(-1 if turned else 0)
            for number in NUMBERS[:2]:
                for name in ("ChangeCardCategory", "AdjustBalance", "IssueCoupon"):
                    assert made.ask(body(name, card_number=number, operator_id=OPERATOR.id)) == "own_account"

    def test_and_untied_in_any_order_ends_with_the_last_word(self) -> None:
        made, (ana, *_) = town()
        tie = TieOperator(operator_id=OPERATOR.id, member_id=ana)
        for each in (tie, tie.model_copy(update={"member_id": None})):
            assert made.ask(each, OTTO) == "done"
        while made.underway:
            made.deliver(-1)
        assert made.all("cards", CardsOperator)[OPERATOR.id].member_id is None
        assert made.all("rewards", RewardsOperator)[OPERATOR.id].member_id is None

    def test_an_operator_may_do_anything_to_others_cards(self) -> None:
        _, held, _ = towns()
        assert held.ask(body("RecordPurchase", card_number=NUMBERS[1], receipt_number="another")) == "done"
