"""Short stories of accounts: what is owed, capped and adjusted, and what becomes of cards and the news of them."""

from tests.workers.rewards.against_model import LAST_OF_ALL
from tests.workers.rewards.counter import ANA, OPERATOR, OTTO
from tests.workers.rewards.directed import COFFEES, FOOD, give, lost, opened
from tests.workers.rewards.stories import AgainstModel

# what is owed, what has expired, what is not ripe


def a_debt_is_paid_by_what_comes_next(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, True, False)
    machine.redeem(0, "coffee")
    machine.refund_some("3", 0, 12)
    machine.record("4", 0, COFFEES, True, False)


def what_comes_back_expired_pays_no_debt(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "points", 60, OTTO, None)
    machine.redeem(0, "cake")
    machine.owe()
    machine.wait(400 * 24, is_noticed=False)
    machine.end_reward(LAST_OF_ALL, "remove", None, 0)


def a_sale_comes_back_before_what_it_earned_is_ripe(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, FOOD, True, False)
    machine.refund_some("3", 0, 2)


def a_sale_comes_back_when_part_of_what_it_earned_has_expired(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, FOOD, True, False)
    machine.wait(70 * 24, is_noticed=True)
    machine.refund_some("3", 0, 2)


def more_is_deducted_than_there_is_and_given_back(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "points", 10, OTTO, None)
    machine.adjust(0, "points", -40, OTTO, None)
    machine.go_on(0, LAST_OF_ALL, OTTO, "undo")


def part_is_deducted_of_what_is_ripe_and_what_is_not(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, FOOD, True, False)
    machine.adjust(0, "points", -20, OTTO, None)


def what_is_over_is_spent_before_it_is_noticed(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "points", 60, OTTO, None)
    machine.wait(400 * 24, is_noticed=False)
    machine.redeem(0, "cake")


def what_ends_at_this_very_moment_is_spent(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "points", 60, OTTO, None)
    machine.wait_for_an_end(0, is_noticed=False)
    machine.redeem(0, "cake")


def what_is_not_ripe_is_spent(machine: AgainstModel) -> None:
    opened(machine)
    for number in ("3", "4"):
        machine.record(number, 0, ((12, 0, False),), True, False)
    machine.redeem(0, "cake")


def something_is_bought_on_the_last_of_a_month(machine: AgainstModel) -> None:
    opened(machine)
    machine.wait(8 * 24, is_noticed=True)
    machine.record("3", 0, COFFEES, True, False)


# by hand


def somebody_approves_their_own(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "stamps", 21, OPERATOR, None)
    machine.go_on(0, LAST_OF_ALL, OPERATOR, "approve")


def who_asked_takes_back_what_two_agreed_to(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "stamps", 21, OPERATOR, None)
    machine.go_on(0, LAST_OF_ALL, OTTO, "approve")
    machine.go_on(0, LAST_OF_ALL, OPERATOR, "undo")
    machine.go_on(0, LAST_OF_ALL, OTTO, "undo")


def an_operator_has_a_card(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust_and_go_on(0, 15, OPERATOR, "undo", ANA)


# cards that become one


def an_owing_card_takes_a_lost_ones_place(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "points", 60, OTTO, None)
    machine.card_life(2, "issue", is_late=False)
    machine.adjust(2, "points", -40, OTTO, None)
    lost(machine)


def a_card_spends_before_it_is_heard_whose_place_it_has(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    give(machine, 15, card=2)
    machine.record("4", 2, COFFEES, False, False)
    lost(machine, is_late=True)
    machine.hear(-1)
    machine.redeem(2, "coffee")


# caps and tiers


def more_is_bought_than_a_cap_allows(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, ((12, 4_000, False),), True, False)
    machine.refund_some("3", 0, 4)


def a_receipt_that_fills_a_cap_is_corrected(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, ((6, 4_000, False),), True, False)
    machine.record("3", 0, ((6, 4_000, False), (1, 350, True)), True, False)


def what_filled_a_cap_comes_back_and_is_bought_again(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, ((6, 4_000, False),), True, False)
    machine.refund_some("3", 0, 12)
    machine.record("4", 0, ((6, 4_000, False),), True, False)


def two_cards_fill_a_cap_and_become_one(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    machine.record("3", 0, ((4, 0, False),), True, False)
    machine.record("4", 2, ((2, 0, False),), True, False)
    lost(machine)
    machine.bought_at["1"] = machine.shop.now
    machine.record("1", 0, ((6, 0, False),), True, False)


def a_tier_is_reached_and_kept_for_the_next_month(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, True, False)
    machine.wait(15 * 24, is_noticed=True)


def a_tier_is_reached_twice_in_one_month(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 0, COFFEES, True, False)
    machine.refund_some("3", 0, 12)
    machine.record("4", 0, COFFEES, True, False)


def a_tier_is_set_by_hand(machine: AgainstModel) -> None:
    opened(machine)
    machine.assign(0, "gold", 5, gives_rewards=False)
    machine.record("3", 0, COFFEES, True, False)


def two_cards_are_enough_for_a_tier_together(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    machine.record("3", 0, ((1, 1_500, True),), True, False)
    machine.record("4", 2, ((1, 1_500, True),), True, False)
    lost(machine)


def the_other_card_has_the_higher_tier(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    machine.assign(2, "gold", 40, gives_rewards=False)
    lost(machine)


# adjustments


def a_balance_is_not_what_was_seen(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "stamps", 5, OTTO, 1)


def one_operator_adjusts_again_and_again(machine: AgainstModel) -> None:
    opened(machine)
    for amount in (15, 15, 7):
        machine.adjust(0, "stamps", amount, OPERATOR, None)


def an_adjustment_is_taken_back(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 5)
    machine.go_on(0, LAST_OF_ALL, OTTO, "undo")


def a_deduction_is_taken_back_later(machine: AgainstModel) -> None:
    opened(machine)
    machine.adjust(0, "points", 15, OTTO, None)
    machine.wait(40 * 24, is_noticed=True)
    machine.adjust(0, "points", -7, OTTO, None)
    machine.go_on(0, LAST_OF_ALL, OTTO, "undo")


# cards that are lost, and news of them in another order


def a_card_with_several_lots_takes_a_lost_ones_place(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    machine.adjust(2, "points", 15, OTTO, None)
    machine.record("3", 2, FOOD, True, False)
    lost(machine)


def a_card_with_expired_units_takes_an_owing_ones_place(machine: AgainstModel) -> None:
    opened(machine)
    machine.card_life(2, "issue", is_late=False)
    machine.adjust(2, "points", 15, OTTO, None)
    machine.owe()
    machine.wait(400 * 24, is_noticed=False)
    lost(machine)


def a_card_that_is_nobodys_spends(machine: AgainstModel) -> None:
    machine.card_life(1, "issue", is_late=False)
    give(machine, 10, card=1)
    machine.redeem(1, "coffee")


def a_replacement_is_heard_of_before_either_card(machine: AgainstModel) -> None:
    for move in ("issue", "link", "block", "replace"):
        machine.card_life(0, move, is_late=True)
    while machine.office.mail:
        machine.hear(-1)


def a_purchase_waits_for_a_card_that_takes_a_lost_ones_place(machine: AgainstModel) -> None:
    opened(machine)
    machine.record("3", 2, COFFEES, True, False)
    lost(machine, is_late=True)
    for place in (0, 1):
        machine.hear(place)


def a_block_is_heard_of_after_its_end(machine: AgainstModel) -> None:
    opened(machine)
    for move in ("block", "unblock"):
        machine.card_life(0, move, is_late=True)
    for _ in range(2):
        machine.hear(-1)
    machine.record("3", 0, COFFEES, True, False)


def a_deleted_card_gets_a_price_back(machine: AgainstModel) -> None:
    opened(machine)
    give(machine, 15)
    machine.redeem(0, "coffee")
    machine.card_life(0, "delete", is_late=False)
    machine.end_reward(LAST_OF_ALL, "remove", None, 0)
