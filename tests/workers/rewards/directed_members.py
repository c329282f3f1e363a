"""Short stories of members who have several cards, or become one with another: what they collected becomes one, too."""

from contracts.operators import OperatorTied
from tests.workers.rewards.counter import ANA, OPERATOR, OTTO
from tests.workers.rewards.directed import COFFEES, give, opened
from tests.workers.rewards.stories import AgainstModel


def merged(machine: AgainstModel, stays: str) -> None:
    """Ana and Ben are one; the news of that are still on their way."""
    machine.office.merge(stays, machine.shop.now)


def tied(machine: AgainstModel, member: str) -> None:
    """An operator is said to be a member."""
    machine.tied = member
    machine.shop.say(OperatorTied(operator_id=OPERATOR.id, member_id=member), OTTO)
    machine.model.tie(OPERATOR.id, member)


def heard(machine: AgainstModel) -> None:
    """All news arrive, in their order."""
    while machine.office.mail:
        machine.hear(0)


def two_members_become_one(machine: AgainstModel) -> None:
    for card in (1, 2):
        opened(machine, card)
        give(machine, 8, card)
    merged(machine, ANA)
    heard(machine)
    machine.redeem(2, "coffee")


def a_member_gets_a_second_card(machine: AgainstModel) -> None:
    for card in (2, 3):
        opened(machine, card)
        give(machine, 8, card)
    machine.redeem(3, "coffee")
    machine.card_life(3, "delete", is_late=False)
    machine.redeem(2, "coffee")


def a_member_with_two_cards_is_absorbed(machine: AgainstModel) -> None:
    """Of one card it is heard sooner than of the other, which leads to the same account."""
    for card in (1, 2, 3):
        machine.card_life(card, "issue", is_late=False)
        give(machine, 5, card)
    for card in (1, 2, 3):
        machine.card_life(card, "link", is_late=False)
    merged(machine, ANA)
    for _ in range(2):
        machine.hear(0)
    machine.holds_what_the_model_holds()
    machine.record("3", 3, COFFEES, True, False)
    heard(machine)


def a_merge_is_heard_of_before_a_link(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    machine.card_life(2, "link", is_late=True)
    merged(machine, ANA)
    while machine.office.mail:
        machine.hear(-1)


def an_operator_absorbs_somebody(machine: AgainstModel) -> None:
    for card in (1, 2):
        opened(machine, card)
    tied(machine, ANA)
    merged(machine, ANA)
    machine.hear(0)
    machine.adjust(2, "stamps", 5, OPERATOR, None)
