"""Nobody works on their own account: every command that the contracts know is tried by the member whose card it is."""

from typing import Annotated, Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.adjustments import TieOperator
from contracts.catalogue import COMMANDS
from contracts.coupons import ShareCoupon
from contracts.messages import ActorKind, Command
from contracts.naming import NamesCards
from contracts.rewards import PurchaseRecorded
from runtime.decisions import Refused
from services.gateway.examples import EXAMPLES
from tests.contracts.golden.examples import example
from tests.decisions import TILL, refused
from tests.workers.rewards.counter import (
    ANA,
    NUMBER,
    OPERATOR,
    OTHER,
    OTTO,
    PROGRAMME,
    RULES,
    Shop,
    adjust,
    adjusting,
    receipt,
)
from tests.workers.rewards.offers import issue, offer_shop
from workers.rewards import worker
from workers.rewards.adjustment_documents import Operator

ASKED: Final = {
    name: command
    for name, command in COMMANDS.items()
    if command.worker == "rewards" and ActorKind.OPERATOR in command.actors
}
"""What an operator can ask of the worker."""
OF_NO_CARD: Final = {"TieOperator"}
"""What names no card; who may say it of whom it says itself."""


def asked(name: str, card_number: str) -> Command:
    """A valid command of this name about a card."""
    body = {**example(COMMANDS[name]).model_dump(mode="json"), **EXAMPLES.get(name, {})}
    fields: dict[str, Any] = {key: each for key, each in body.items() if key in COMMANDS[name].model_fields}
    changes = {"card_number": card_number, "operator_id": OPERATOR.id}
    return COMMANDS[name].model_validate({**fields, **{key: changes[key] for key in changes if key in fields}})


def open_to_all() -> Shop:
    """A shop where Ana's card is hers, and operators may do whatever there is."""
    counter = adjusting()
    office = (ActorKind.OPERATOR,)
    rights = {
        name: office for name, value in RULES if isinstance(value, tuple) and value and isinstance(value[0], ActorKind)
    }
    changed = RULES.model_copy(update=rights)
    counter.programme = PROGRAMME.model_copy(update={"rewards": changed})
    return counter


def is_card_number(command: type[Command], field: str) -> bool:
    """Whether a field takes a card's number, and nothing that has a wrong check digit."""
    info = command.model_fields[field]
    adapter: TypeAdapter[Any] = TypeAdapter(
        Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    )
    for text, is_right in (("4000000000000002", True), ("4000000000000003", False)):
        try:
            adapter.validate_python(text)
        except ValidationError:
            if is_right:
                return False
        else:
            if not is_right:
                return False
    return True


def code_of(counter: Shop, command: Command) -> str:
    """`done`, or why an operator was refused."""
    try:
        counter.say(command, OPERATOR)
    except Refused as refusal:
        return refusal.code
    return "done"


class TestEveryCommand:
    @pytest.mark.parametrize("name", sorted(ASKED))
    def test_of_an_operator_is_looked_at_before_any_other_rule(self, name: str) -> None:
        if name in OF_NO_CARD:
            assert not issubclass(ASKED[name], NamesCards)
            return
        assert issubclass(ASKED[name], NamesCards), "a command that an operator may ask names its cards"
        counter = open_to_all()
        assert code_of(counter, asked(name, NUMBER)) != "own_account"
        counter.say(TieOperator(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        assert code_of(counter, asked(name, NUMBER)) == "own_account"
        counter.say(TieOperator(operator_id=OPERATOR.id, member_id="ben"), OTTO)
        assert code_of(counter, asked(name, NUMBER)) != "own_account"

    def test_is_one_of_many(self) -> None:
        assert len(ASKED) > 25

    def test_names_its_cards_by_fields_that_are_called_so(self) -> None:
        """Else the rule would not see them."""
        for name, command in COMMANDS.items():
            if issubclass(command, NamesCards):
                called = {field for field in command.model_fields if field.endswith("card_number")}
                assert called == {field for field in command.model_fields if is_card_number(command, field)}, name


class TestRecordPurchase:
    def test_of_a_till_costs_no_look_at_who_is_an_operator(self) -> None:
        """A till is nobody's account: nothing more is loaded for it than before."""
        counter = adjusting()
        counter.say(receipt(), TILL)
        assert not counter.view.knows((Operator, TILL.id))
        assert [need.document for need in worker.handlers["RecordPurchase"].needs].count(Operator) == 0

    def test_of_an_operator_on_a_card_of_somebody_else_counts(self) -> None:
        counter = open_to_all()
        said = counter.say(receipt(), OPERATOR)
        assert isinstance(said[0], PurchaseRecorded)


class TestShareCoupon:
    def test_to_ones_own_card_is_refused(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(TieOperator(operator_id=OPERATOR.id, member_id="ben"), OTTO)
        with refused("own_account"):
            counter.say(ShareCoupon(card_number=NUMBER, coupon_code=code, to_card_number=OTHER), OPERATOR)


def test_who_was_never_tied_to_a_member_works_on_any_card() -> None:
    counter = adjusting()
    counter.say(adjust(), OPERATOR)
    assert counter.only(Operator).member_id is None
