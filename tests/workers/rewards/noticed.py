"""Which story notices which broken rule: every run of the tests holds that none goes unnoticed."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from tests.workers.rewards import directed, directed_accounts, directed_members
from tests.workers.rewards.directed import Story, told


class Telling(NamedTuple):
    """A story, and the programme's switches under which it is told."""

    story: Story
    shortfall: Shortfall = Shortfall.DEBT
    exceeding: Exceeding = Exceeding.REFUSE
    together: bool = False

    def tell(self) -> None:
        """Tell it.

        Raises:
            Exception: the worker and the model differ.
        """
        told(self.story, self.shortfall, self.exceeding, self.together)


MAY_OWE: Final = (Shortfall.DEBT, Exceeding.SHORTFALL)
WAIVES: Final = (Shortfall.WAIVE, Exceeding.SHORTFALL)

NOTICED_BY: Final[Mapping[str, Telling]] = {
    "a_debt_is_not_paid_by_the_next_earnings": Telling(directed_accounts.a_debt_is_paid_by_what_comes_next),
    "what_has_expired_pays_a_debt": Telling(directed_accounts.what_comes_back_expired_pays_no_debt, *MAY_OWE),
    "the_last_to_expire_is_spent_first": Telling(directed.a_reward_is_paid_from_two_lots),
    "a_refund_takes_what_is_available_before_what_is_pending": Telling(
        directed_accounts.a_sale_comes_back_before_what_it_earned_is_ripe
    ),
    "a_refund_takes_other_units_for_what_has_expired": Telling(
        directed_accounts.a_sale_comes_back_when_part_of_what_it_earned_has_expired
    ),
    "what_has_expired_is_owed": Telling(directed_accounts.a_sale_comes_back_when_part_of_what_it_earned_has_expired),
    "what_is_missing_vanishes": Telling(directed_accounts.a_debt_is_paid_by_what_comes_next),
    "what_is_missing_is_always_waived": Telling(directed_accounts.a_debt_is_paid_by_what_comes_next),
    "what_is_missing_is_never_waived": Telling(directed_accounts.a_debt_is_paid_by_what_comes_next, *WAIVES),
    "a_deduction_forgets_what_it_left_owing": Telling(
        directed_accounts.more_is_deducted_than_there_is_and_given_back, *MAY_OWE
    ),
    "a_deduction_takes_what_is_not_available_first": Telling(
        directed_accounts.part_is_deducted_of_what_is_ripe_and_what_is_not
    ),
    "what_has_expired_is_spent": Telling(directed_accounts.what_is_over_is_spent_before_it_is_noticed),
    "what_is_not_available_yet_is_spent": Telling(directed_accounts.what_is_not_ripe_is_spent),
    "units_expire_a_moment_late": Telling(directed_accounts.what_ends_at_this_very_moment_is_spent),
    "what_is_pending_is_never_released": Telling(directed.a_pending_sale_is_cancelled_and_confirmed),
    "a_lot_loses_its_dates_in_a_merge": Telling(directed_accounts.a_card_with_several_lots_takes_a_lost_ones_place),
    "a_merge_loses_the_debt": Telling(directed_accounts.an_owing_card_takes_a_lost_ones_place, *MAY_OWE),
    "a_merge_loses_what_is_held": Telling(directed_accounts.a_card_spends_before_it_is_heard_whose_place_it_has),
    "a_merge_loses_what_is_pending": Telling(directed_accounts.a_card_spends_before_it_is_heard_whose_place_it_has),
    "expired_units_pay_debts_in_a_merge": Telling(
        directed_accounts.a_card_with_expired_units_takes_an_owing_ones_place, *MAY_OWE
    ),
    "an_entry_says_the_balance_before": Telling(directed.a_reward_is_paid_from_two_lots),
    "as_many_units_with_other_dates_stay_where_they_were": Telling(directed.a_receipt_earns_as_much_by_another_rule),
    "what_takes_a_sale_back_is_not_linked_to_it": Telling(directed.a_pending_sale_is_cancelled_and_confirmed),
    "a_refund_takes_nothing_back": Telling(directed.a_refund_outlives_the_purchase_that_waited),
    "a_refund_takes_one_too_few": Telling(directed.a_refund_outlives_the_purchase_that_waited),
    "a_refund_leaves_more_than_a_cap_had_given": Telling(directed_accounts.more_is_bought_than_a_cap_allows),
    "the_last_refund_does_not_take_the_remainder": Telling(directed.all_items_come_back_for_less_than_they_cost),
    "a_receipt_that_is_said_again_counts_twice": Telling(directed.more_comes_back_than_there_was),
    "a_late_repeat_of_an_older_content_counts": Telling(
        directed.a_receipt_is_corrected_and_its_first_content_comes_late
    ),
    "a_new_content_applies_whole": Telling(directed.a_receipt_is_corrected_and_its_first_content_comes_late),
    "a_new_content_takes_a_confirmation_back": Telling(
        directed.a_receipt_is_corrected_and_its_first_content_comes_late
    ),
    "a_sale_counts_again_without_what_came_back_with_it": Telling(directed.a_sale_whose_reward_came_back_is_corrected),
    "a_cancelled_purchase_is_confirmed": Telling(directed.a_pending_sale_is_cancelled_and_confirmed),
    "a_confirmed_purchase_is_cancelled": Telling(directed.a_sale_that_is_paid_for_is_cancelled),
    "a_pending_purchase_never_ends": Telling(directed.nobody_confirms_a_sale),
    "what_is_pending_can_be_spent": Telling(directed_accounts.a_card_spends_before_it_is_heard_whose_place_it_has),
    "more_comes_back_than_was_sold": Telling(directed.more_comes_back_than_there_was),
    "a_refund_that_is_said_again_counts_twice": Telling(directed.a_refund_outlives_the_purchase_that_waited),
    "a_refund_before_its_sale_is_dropped": Telling(directed.a_refund_outlives_the_purchase_that_waited),
    "a_refund_is_dropped_with_a_purchase_that_waited": Telling(directed.a_refund_outlives_the_purchase_that_waited),
    "a_purchase_that_overtakes_its_card_is_dropped": Telling(
        directed.a_purchase_overtakes_its_card_and_is_paid_for_meanwhile
    ),
    "a_purchase_waits_for_ever": Telling(directed.a_card_comes_too_late_for_its_purchase),
    "a_confirmation_is_lost_while_a_purchase_waits": Telling(
        directed.a_purchase_overtakes_its_card_and_is_paid_for_meanwhile
    ),
    "what_waits_for_a_card_counts_on_another": Telling(directed.a_purchase_waits_for_a_card_and_is_said_of_another),
    "a_purchase_counts_on_a_card_that_was_blocked_before": Telling(
        directed.a_receipt_comes_from_after_its_card_was_blocked
    ),
    "a_blocked_card_takes_no_receipt_from_before": Telling(directed.a_receipt_comes_from_after_its_card_was_blocked),
    "months_forget_their_last_days": Telling(directed_accounts.something_is_bought_on_the_last_of_a_month),
    "instants_ignore_the_programmes_zone": Telling(directed.a_reward_is_paid_from_two_lots),
    "a_rewards_price_is_not_held": Telling(directed.a_reward_is_paid_from_two_lots),
    "the_last_stamps_buy_nothing": Telling(directed.a_reward_is_used_when_its_time_is_just_over),
    "more_is_bought_than_is_there": Telling(directed.the_last_stamps_buy),
    "a_used_rewards_price_stays_held": Telling(directed.a_use_is_taken_back),
    "an_expired_rewards_price_stays_held": Telling(directed.a_reward_expires),
    "a_removed_reward_gives_nothing_back": Telling(directed.a_reward_is_paid_from_two_lots),
    "a_removed_rewards_price_comes_back_fresh": Telling(directed.a_reward_is_paid_from_two_lots),
    "a_rewards_undo_is_not_linked": Telling(directed.a_reward_is_paid_from_two_lots),
    "a_reward_works_a_moment_longer": Telling(directed.a_reward_is_used_when_its_time_is_just_over),
    "a_card_that_is_not_active_spends": Telling(directed_accounts.a_card_that_is_nobodys_spends),
    "what_was_used_does_not_come_back_with_its_sale": Telling(directed.a_sale_with_all_that_can_be_used_comes_back),
    "a_reward_comes_back_though_the_programme_says_no": Telling(directed.a_sale_with_all_that_can_be_used_comes_back),
    "a_reward_that_comes_back_is_not_held": Telling(directed.a_sale_with_all_that_can_be_used_comes_back),
    "a_reward_that_is_unused_is_not_held": Telling(directed.a_use_is_taken_back),
    "a_reward_is_used_in_a_sale_that_is_over": Telling(directed.a_reward_is_used_in_a_sale_that_came_back),
    "a_coupon_does_not_come_back": Telling(directed.a_sale_with_all_that_can_be_used_comes_back),
    "a_coupon_comes_back_though_its_campaign_says_no": Telling(directed.a_sale_with_all_that_can_be_used_comes_back),
    "half_of_what_a_coupon_gave_is_taken_back": Telling(directed.a_sale_with_all_that_can_be_used_comes_back),
    "a_coupon_that_a_till_has_open_is_cancelled": Telling(directed.a_coupon_is_open_at_a_till),
    "a_till_has_a_coupon_open_for_ever": Telling(directed.a_coupon_is_open_at_a_till),
    "a_coupon_is_shared_twice": Telling(directed.a_coupon_goes_from_hand_to_hand),
    "a_card_that_is_not_active_shares": Telling(directed.a_coupon_of_a_card_that_is_nobodys_is_shared),
    "a_coupon_is_shared_again_once_it_was_replaced": Telling(directed.a_shared_coupon_is_cancelled_and_goes_on),
    "a_cancelled_coupon_is_replaced_twice": Telling(directed.a_cancelled_coupon_is_sent_twice),
    "what_a_coupon_gave_is_not_given_again": Telling(
        directed.a_coupon_comes_back_is_used_elsewhere_and_its_first_sale_counts_again
    ),
    "a_changed_balance_is_not_told": Telling(directed_accounts.a_balance_is_not_what_was_seen),
    "more_is_deducted_than_is_held": Telling(directed_accounts.what_comes_back_expired_pays_no_debt),
    "the_cap_of_one_adjustment_is_ignored": Telling(directed_accounts.somebody_approves_their_own),
    "the_cap_of_a_day_is_ignored": Telling(directed_accounts.one_operator_adjusts_again_and_again),
    "a_day_forgets_what_was_adjusted_before": Telling(directed_accounts.one_operator_adjusts_again_and_again),
    "the_second_person_is_the_first": Telling(directed_accounts.somebody_approves_their_own),
    "one_takes_back_what_two_agreed_to": Telling(directed_accounts.who_asked_takes_back_what_two_agreed_to),
    "operators_adjust_their_own_account": Telling(directed_accounts.an_operator_has_a_card),
    "an_adjustment_is_undone_twice": Telling(directed_accounts.an_adjustment_is_taken_back),
    "an_adjustments_undo_is_not_linked": Telling(directed_accounts.an_adjustment_is_taken_back),
    "what_was_owed_is_not_given_back": Telling(
        directed_accounts.more_is_deducted_than_there_is_and_given_back, *MAY_OWE
    ),
    "an_undo_gives_back_without_dates": Telling(directed_accounts.a_deduction_is_taken_back_later),
    "a_rules_cap_is_ignored": Telling(directed_accounts.what_is_not_ripe_is_spent),
    "a_revision_is_capped_by_itself": Telling(directed_accounts.a_receipt_that_fills_a_cap_is_corrected),
    "a_cap_is_not_given_back": Telling(directed_accounts.what_filled_a_cap_comes_back_and_is_bought_again),
    "a_cap_is_given_back_for_what_was_waived": Telling(
        directed_accounts.what_filled_a_cap_comes_back_and_is_bought_again, *WAIVES
    ),
    "caps_begin_anew_in_a_merge": Telling(directed_accounts.two_cards_fill_a_cap_and_become_one),
    "a_tier_counts_what_came_back": Telling(directed_accounts.what_filled_a_cap_comes_back_and_is_bought_again),
    "a_tier_counts_what_is_not_paid_for": Telling(directed.a_pending_sale_is_cancelled_and_confirmed),
    "a_tier_ends_with_its_month": Telling(directed_accounts.a_tier_is_reached_and_kept_for_the_next_month),
    "a_tier_is_not_recomputed_after_a_merge": Telling(directed_accounts.two_cards_are_enough_for_a_tier_together),
    "a_merge_keeps_the_lower_tier": Telling(directed_accounts.the_other_card_has_the_higher_tier),
    "a_hand_set_tier_does_not_hold": Telling(directed_accounts.a_tier_is_set_by_hand),
    "a_tiers_reward_comes_twice": Telling(directed_accounts.a_tier_is_reached_twice_in_one_month),
    "a_cards_own_account_is_left_behind": Telling(directed_accounts.an_owing_card_takes_a_lost_ones_place),
    "an_account_forgets_what_went_into_it": Telling(
        directed_accounts.a_card_spends_before_it_is_heard_whose_place_it_has
    ),
    "a_replaced_card_forgets_who_waits_for_it": Telling(directed_accounts.a_replacement_is_heard_of_before_either_card),
    "what_waited_for_a_new_card_is_dropped": Telling(
        directed_accounts.a_purchase_waits_for_a_card_that_takes_a_lost_ones_place
    ),
    "older_news_of_a_card_overrules_newer": Telling(directed_accounts.a_block_is_heard_of_after_its_end),
    "a_deleted_cards_balance_is_shown": Telling(directed_accounts.a_deleted_card_gets_a_price_back),
    "a_merged_members_card_goes_on_by_itself": Telling(directed_members.two_members_become_one),
    "a_second_card_goes_on_by_itself": Telling(directed_members.a_member_gets_a_second_card, together=True),
    "cards_stay_with_an_account_that_went_into_another": Telling(
        directed_members.a_member_with_two_cards_is_absorbed, together=True
    ),
    "what_went_into_an_account_stays_there_when_that_goes": Telling(
        directed_members.a_member_with_two_cards_is_absorbed, together=True
    ),
    "older_news_of_a_cards_holder_overrules_newer": Telling(directed_members.a_merge_is_heard_of_before_a_link),
    "operators_adjust_whom_their_own_record_absorbed": Telling(directed_members.an_operator_absorbs_somebody),
}
"""By the name of a mutant."""
