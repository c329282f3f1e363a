"""A near match of a card's number is never activated: numbers carry a check digit and are matched as a whole."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from pydantic import ValidationError

from contracts.cards import IssueCard, LinkCard, ReplaceCard
from contracts.messages import Command
from contracts.registration import RegisterMember
from runtime.decisions import decide as run
from runtime.documents import View
from tests.decisions import decide, refused
from tests.workers.cards.deck import ANA, NUMBER, OPERATOR, OTHER, by, card, registered
from tests.workers.registration.people import joining
from workers.cards import worker
from workers.cards.documents import Card, LinkedCards, Operator
from workers.cards.linking import know_member

TAKING: Mapping[str, Callable[[str], Command]] = {
    "IssueCard": lambda number: IssueCard(card_number=number),
    "LinkCard": lambda number: LinkCard(card_number=number, member_id=ANA),
    "ReplaceCard": lambda number: ReplaceCard(card_number=OTHER, new_card_number=number),
    "RegisterMember": lambda number: RegisterMember.model_validate({**joining().model_dump(), "card_number": number}),
}
"""What makes a card somebody's, or known, by its number."""


def one_digit_off(number: str) -> Iterator[str]:
    for place, digit in enumerate(number):
        for other in "0123456789":
            if other != digit:
                yield f"{number[:place]}{other}{number[place + 1 :]}"


def two_digits_swapped(number: str) -> Iterator[str]:
    """Neighbours swapped; a 0 beside a 9 is what check digits of this kind don't find."""
    for place in range(len(number) - 1):
        pair = number[place : place + 2]
        if pair[0] != pair[1] and pair not in {"09", "90"}:
            yield f"{number[:place]}{pair[::-1]}{number[place + 2 :]}"


@pytest.mark.parametrize("taking", TAKING)
def test_a_number_with_a_slip_is_no_number(taking: str) -> None:
    number = "9771234567890127"
    make = TAKING[taking]
    assert isinstance(make(number), Command)
    for near in (*one_digit_off(number), *two_digits_swapped(number)):
        with pytest.raises(ValidationError):
            make(near)


@pytest.mark.parametrize("near", [f" {NUMBER}", f"{NUMBER} ", NUMBER[:4] + " " + NUMBER[4:], NUMBER.replace("1", "१")])
def test_a_number_is_not_guessed_from_something_like_it(near: str) -> None:
    with pytest.raises(ValidationError):
        LinkCard(card_number=near, member_id=ANA)


def test_a_right_number_beside_a_card_s_is_nobody_s() -> None:
    beside = "4111111111111129"
    view = View()
    view.loaded((Card, NUMBER), card())
    view.loaded((Card, beside), None)
    view.loaded((LinkedCards, ANA), LinkedCards(id=ANA, card_numbers=()))
    view.loaded((Operator, OPERATOR.id), None)

    with refused("unknown_card"):
        run(worker.handlers["LinkCard"], LinkCard(card_number=beside, member_id=ANA), by(OPERATOR), view)
    said = decide(know_member, registered(beside), card=None, context=by())
    assert [getattr(event, "code", None) for event in said.events] == ["unknown_card"]
