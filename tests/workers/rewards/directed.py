"""Short stories that chance seldom tells: of sales and what is used in them.

Each is said to the worker and to the model, as random histories are, and some broken rule doesn't survive it:
`noticed.py` says which.
"""

from collections.abc import Callable
from typing import Final

from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from tests.workers.rewards.against_model import FIRST, LAST_OF_ALL
from tests.workers.rewards.counter import OTTO
from tests.workers.rewards.stories import AgainstModel

Story = Callable[[AgainstModel], None]
COFFEES: Final = ((12, 4_000, True),)
FOOD: Final = ((4, 4_000, False),)


def told(
    story: Story,
    shortfall: Shortfall = Shortfall.DEBT,
    exceeding: Exceeding = Exceeding.REFUSE,
    together: bool = False,
) -> None:
    """Tell a story, and look at what both hold after it.

    Raises:
        Exception: they differ, in an answer or in what they hold.
    """
    machine = AgainstModel()
    machine.begin(shortfall, exceeding, is_known=False, together=together)
    story(machine)
    machine.holds_what_the_model_holds()
    machine.teardown()


def opened(machine: AgainstModel, card: int = 1) -> None:
    """A card is issued and linked."""
    for move in ("issue", "link"):
        machine.card_life(card, move, is_late=False)


def lost(machine: AgainstModel, *, is_late: bool = False) -> None:
    """The first card is blocked, and another one has its place."""
    for move in ("block", "replace"):
        machine.card_life(0, move, is_late=is_late)


def give(machine: AgainstModel, stamps: int, card: int = 0) -> None:
    machine.adjust(card, "stamps", stamps, OTTO, None)


# what is bought


def the_last_stamps_buy(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 9)
    machine.redeem(0, "coffee")
    give(machine, 1)
    machine.redeem(0, "coffee")


def a_reward_is_paid_from_two_lots(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 5)
    machine.wait(40 * 24, is_noticed=True)
    give(machine, 15)
    machine.redeem(0, "coffee")
    machine.holds_what_the_model_holds()
    machine.end_reward(LAST_OF_ALL, "remove", None, 0)
    machine.holds_what_the_model_holds()
    machine.end_reward(LAST_OF_ALL, "restore", None, 0)


def a_reward_is_used_when_its_time_is_just_over(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 10)
    machine.redeem(0, "coffee")
    machine.wait(90 * 24, is_noticed=False)
    machine.end_reward(LAST_OF_ALL, "use", None, 0)


def a_reward_expires(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 10)
    machine.redeem(0, "coffee")
    machine.wait(91 * 24, is_noticed=True)


def a_sale_with_all_that_can_be_used_comes_back(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 10)
    machine.adjust(0, "points", 60, OTTO, None)
    machine.record("3", 0, COFFEES, True, False)
    for campaign in ("points_to_begin", "cake_on_us", "sorry"):
        machine.issue_coupon(0, campaign)
        machine.coupon(LAST_OF_ALL, "use", "3", 0, "t1")
    for code in ("coffee", "cake"):
        machine.redeem(0, code)
        machine.end_reward(LAST_OF_ALL, "use", "3", 0)
    machine.refund_some("3", 0, 12)
    machine.holds_what_the_model_holds()
    machine.redeem(0, "coffee")
    machine.end_reward(LAST_OF_ALL, "use", "3", 0)


def a_use_is_taken_back(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 10)
    machine.reuse("3")
    machine.end_reward(LAST_OF_ALL, "use", None, 0)


# coupons


def a_coupon_is_open_at_a_till(machine: AgainstModel) -> None:
    opened(machine)
    machine.issue_coupon(0, "cake_on_us")
    machine.coupon(LAST_OF_ALL, "reserve", "3", 0, "t2")
    machine.coupon(LAST_OF_ALL, "cancel", "3", 0, "t1")
    machine.wait(1, is_noticed=False)
    machine.coupon(LAST_OF_ALL, "use", "3", 0, "t1")


def a_coupon_goes_from_hand_to_hand(machine: AgainstModel) -> None:
    for card in (1, 2, 3):
        opened(machine, card)
    machine.issue_coupon(1, "cake_on_us")
    machine.coupon(LAST_OF_ALL, "share", "3", 1, "t1", 1)
    machine.coupon(LAST_OF_ALL, "share", "3", 2, "t1", 2)


def a_coupon_of_a_card_that_is_nobodys_is_shared(machine: AgainstModel) -> None:
    machine.card_life(1, "issue", is_late=False)
    opened(machine, 2)
    machine.issue_coupon(1, "cake_on_us")
    machine.coupon(LAST_OF_ALL, "share", "3", 1, "t1", 1)


def a_shared_coupon_is_cancelled_and_goes_on(machine: AgainstModel) -> None:
    for card in (1, 2, 3):
        opened(machine, card)
    machine.issue_coupon(1, "cake_on_us")
    machine.coupon(LAST_OF_ALL, "share", "3", 1, "t1", 1)
    for what in ("cancel", "resend", "share"):
        machine.coupon(LAST_OF_ALL, what, "3", 2, "t1", 2)


def a_cancelled_coupon_is_sent_twice(machine: AgainstModel) -> None:
    opened(machine)
    machine.issue_coupon(0, "cake_on_us")
    for what in ("cancel", "resend", "resend"):
        machine.coupon(0, what, "3", 0, "t1")


def a_coupon_comes_back_is_used_elsewhere_and_its_first_sale_counts_again(machine: AgainstModel) -> None:
    opened(machine)
    for number in ("3", "4"):
        machine.record(number, 0, COFFEES, True, False)
    machine.issue_coupon(0, "points_to_begin")
    machine.coupon(LAST_OF_ALL, "use", "3", 0, "t1")
    machine.refund_some("3", 0, 12)
    machine.coupon(LAST_OF_ALL, "use", "4", 0, "t1")
    machine.undo("3", 0, FIRST, OTTO)
    machine.coupon(LAST_OF_ALL, "unuse", "4", 0, "t1")
    machine.holds_what_the_model_holds()
    machine.undo("3", 0, FIRST, OTTO)


# sales


def more_comes_back_than_there_was(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, ((2, 700, True),), True, False)
    machine.refund("3", 0, ((1, 3, 700),), "r1")
    machine.refund("3", 0, ((1, 2, 701),), "r2")


def a_receipt_comes_from_after_its_card_was_blocked(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(0, "block", is_late=False)
    machine.wait(1, is_noticed=True)
    machine.record("3", 0, COFFEES, True, True)
    machine.record("1", 0, COFFEES, True, True)


def a_refund_outlives_the_purchase_that_waited(machine: AgainstModel) -> None:
    machine.record("3", 1, COFFEES, True, False)
    machine.refund("3", 1, ((1, 2, 0),), "r1")
    machine.wait(1, is_noticed=True)
    opened(machine)
    machine.record("3", 1, COFFEES, True, False)


# what becomes of a receipt


def a_pending_sale_is_cancelled_and_confirmed(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, False, False)
    for is_paid in (False, True):
        machine.end("3", 0, is_paid)


def a_sale_that_is_paid_for_is_cancelled(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, True, False)
    machine.end("3", 0, False)


def nobody_confirms_a_sale(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, False, False)
    machine.wait(25, is_noticed=True)


def a_receipt_is_corrected_and_its_first_content_comes_late(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, True, False)
    machine.record("3", 0, ((3, 700, True),), False, False)
    machine.record("3", 0, COFFEES, True, False)


def a_receipt_earns_as_much_by_another_rule(machine: AgainstModel) -> None:
    opened(machine)
    machine.swap("3")


def all_items_come_back_for_less_than_they_cost(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, ((2, 700, True), (1, 350, True)), True, False)
    machine.refund("3", 0, ((1, 2, 100),), "r1")


def a_reward_is_used_in_a_sale_that_came_back(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 20)
    machine.redeem(0, "coffee")
    machine.record("3", 0, ((1, 350, True),), True, False)
    machine.refund_some("3", 0, 12)
    machine.end_reward(LAST_OF_ALL, "use", "3", 0)


def a_sale_whose_reward_came_back_is_corrected(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 10)
    machine.record("3", 0, ((1, 350, True),), True, False)
    machine.redeem(0, "coffee")
    machine.end_reward(LAST_OF_ALL, "use", "3", 0)
    machine.refund_some("3", 0, 12)
    machine.record("3", 0, ((2, 700, True),), True, False)


def a_purchase_overtakes_its_card_and_is_paid_for_meanwhile(machine: AgainstModel) -> None:
    machine.record("3", 1, COFFEES, False, False)
    machine.end("3", 1, True)
    machine.card_life(1, "issue", is_late=False)


def a_purchase_waits_for_a_card_and_is_said_of_another(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 2, COFFEES, True, False)
    machine.record("3", 1, COFFEES, True, False)
    machine.card_life(2, "issue", is_late=False)


def a_card_comes_too_late_for_its_purchase(machine: AgainstModel) -> None:
    machine.record("3", 1, COFFEES, True, False)
    machine.wait(1, is_noticed=True)
    machine.card_life(1, "issue", is_late=False)
