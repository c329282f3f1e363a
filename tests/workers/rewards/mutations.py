"""What the mutants change: in which function, which text, to what; each breaks a sentence of the rules."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.rewards import (
    accounts,
    adjusting,
    approving,
    booking,
    caps,
    counts,
    coupon_use,
    coupons,
    documents,
    earning,
    giving,
    joining,
    ledger,
    own_account,
    parking,
    purchases,
    receipts,
    reckoning,
    redemption,
    refunds,
    returning,
    tiers,
    undoing,
    waiting,
)

Tally = ledger.Tally
Mutation = tuple[Callable[..., Any], str, str]

LEDGER: Final[Mapping[str, Mutation]] = {
    "a_debt_is_not_paid_by_the_next_earnings": (Tally.credit, "min(self.debt, amount)", "0"),
    "what_has_expired_pays_a_debt": (Tally.credit, "0 if now is not None and has_expired(terms, now) else ", ""),
    "the_last_to_expire_is_spent_first": (Tally.spend, "for lot in self.lots if", "for lot in self.lots[::-1] if"),
    "a_refund_takes_what_is_available_before_what_is_pending": (
        Tally.take_back,
        "key=lambda lot: is_available",
        "key=lambda lot: not is_available",
    ),
    "a_refund_takes_other_units_for_what_has_expired": (Tally.take_back, "if not has_expired(terms, now):", "if True:"),
    "what_has_expired_is_owed": (
        Tally.take_back,
        "Shortfall.WAIVE if has_expired(terms, now) else shortfall",
        "shortfall",
    ),
    "what_is_missing_vanishes": (Tally._lack, "self.debt += missing", "pass"),
    "what_is_missing_is_always_waived": (Tally._lack, "shortfall is Shortfall.WAIVE", "True"),
    "what_is_missing_is_never_waived": (Tally._lack, "shortfall is Shortfall.WAIVE", "False"),
    "a_deduction_forgets_what_it_left_owing": (Tally._lack, "self.owed += missing", "pass"),
    "a_deduction_takes_what_is_not_available_first": (
        Tally.deduct,
        "key=lambda lot: not is_available",
        "key=lambda lot: is_available",
    ),
    "what_has_expired_is_spent": (documents.is_spendable, " and not has_expired(terms, now)", ""),
    "what_is_not_available_yet_is_spent": (documents.is_spendable, "is_available(terms, now) and ", ""),
    "units_expire_a_moment_late": (documents.has_expired, "<= now", "< now"),
    "what_is_pending_is_never_released": (Tally.promise, "+= amount", "+= max(0, amount)"),
    "a_lot_loses_its_dates_in_a_merge": (Tally.take_over, "self.credit(lot.terms,", "self.credit(other.lots[0].terms,"),
    "a_merge_loses_the_debt": (Tally.take_over, "if other.debt:", "if False:"),
    "a_merge_loses_what_is_held": (Tally.take_over, "self.held += other.held", "pass"),
    "a_merge_loses_what_is_pending": (Tally.take_over, "self.pending += other.pending", "pass"),
    "expired_units_pay_debts_in_a_merge": (Tally.take_over, "lot.amount, now=now", "lot.amount"),
    "an_entry_says_the_balance_before": (Tally.entry, "self.before.balance + self.amount", "self.before.balance"),
    "as_many_units_with_other_dates_stay_where_they_were": (
        ledger.settled,
        "if tally.has_moved",
        "if tally.amount or tally.pending or tally.held",
    ),
    "what_takes_a_sale_back_is_not_linked_to_it": (
        booking._undone,
        "posted.get(unit) if cause in TAKING_BACK else None",
        "None",
    ),
}
PURCHASES: Final[Mapping[str, Mutation]] = {
    "a_refund_takes_nothing_back": (booking.shares, "still_earned(earning, left)", "earning.amount"),
    "a_refund_takes_one_too_few": (
        earning.still_earned,
        "earning.rate.earned(items, price_minor))",
        "earning.rate.earned(items, price_minor) + 1)",
    ),
    "a_refund_leaves_more_than_a_cap_had_given": (
        earning.still_earned,
        "min(earning.amount, earning.rate.earned(items, price_minor))",
        "earning.rate.earned(items, price_minor)",
    ),
    "the_last_refund_does_not_take_the_remainder": (
        earning.what_is_left,
        "prices[number] if items[number] else 0",
        "prices[number]",
    ),
    "a_receipt_that_is_said_again_counts_twice": (
        purchases.record_purchase,
        "purchase is not None and purchase.account_id is not None",
        "False",
    ),
    "a_late_repeat_of_an_older_content_counts": (
        purchases.recorded_again,
        "same or digest(command) in purchase.superseded",
        "same",
    ),
    "a_new_content_applies_whole": (purchases.revised, "book(account, purchase, now", "book(account, None, now"),
    "a_new_content_takes_a_confirmation_back": (purchases.revised, "purchase.is_confirmed or ", ""),
    "a_sale_counts_again_without_what_came_back_with_it": (purchases.revised, "refuse_reopened(purchase, now)", "pass"),
    "a_cancelled_purchase_is_confirmed": (
        purchases.confirm_purchase,
        "purchase.state is PurchaseState.CANCELLED",
        "False",
    ),
    "a_confirmed_purchase_is_cancelled": (purchases.cancel_purchase, "    if purchase.is_confirmed:", "    if False:"),
    "a_pending_purchase_never_ends": (
        purchases.opened,
        "context.now + timedelta(seconds=rules.pending_seconds)",
        "None",
    ),
    "what_is_pending_can_be_spent": (
        booking._moved,
        "purchase is not None and purchase.state is PurchaseState.PENDING",
        "False",
    ),
    "more_comes_back_than_was_sold": (
        refunds.refuse_lines,
        "back.quantity > line.items or back.price_minor > line.price_minor",
        "False",
    ),
    "a_refund_that_is_said_again_counts_twice": (refunds.is_known, "return True", "return False"),
    "a_refund_before_its_sale_is_dropped": (receipts.receipt_of, "() if earlier is None else earlier.refunds", "()"),
    "a_refund_is_dropped_with_a_purchase_that_waited": (parking.unparked, "if purchase.refunds:", "if False:"),
    "a_purchase_that_overtakes_its_card_is_dropped": (
        accounts.opened,
        "for purchase_id in card.waiting",
        "for purchase_id in ()",
    ),
    "a_purchase_waits_for_ever": (waiting.resume_purchase, "purchase.due_at <= context.now", "False"),
    "a_confirmation_is_lost_while_a_purchase_waits": (
        parking.confirmed_while_parked,
        "yield purchase.evolve(is_confirmed=True)",
        "yield purchase",
    ),
    "what_waits_for_a_card_counts_on_another": (
        parking.with_what_waited,
        "waited.awaited_card != command.card_number",
        "False",
    ),
    "a_purchase_counts_on_a_card_that_was_blocked_before": (
        receipts.why_not_earning,
        "purchased_at < card.blocked_at",
        "True",
    ),
    "a_blocked_card_takes_no_receipt_from_before": (
        receipts.why_not_earning,
        "purchased_at < card.blocked_at",
        "False",
    ),
    "months_forget_their_last_days": (
        earning.months_later,
        "min(day.day, monthrange(year, month + 1)[1])",
        "min(day.day, 28)",
    ),
    "instants_ignore_the_programmes_zone": (earning.midnight, "ZoneInfo(time_zone)", "UTC"),
}
REWARDS: Final[Mapping[str, Mutation]] = {
    "a_rewards_price_is_not_held": (redemption.held_back, "tally.held += price", "pass"),
    "the_last_stamps_buy_nothing": (redemption.held_back, "spendable < price", "spendable <= price"),
    "more_is_bought_than_is_there": (redemption.held_back, "spendable < price", "spendable < price - 1"),
    "a_used_rewards_price_stays_held": (redemption.use_reward, "tally.held -= reward.price", "pass"),
    "an_expired_rewards_price_stays_held": (redemption.expire_reward, "tally.held -= reward.price", "pass"),
    "a_removed_reward_gives_nothing_back": (
        redemption.remove_reward,
        "tally.credit(lot.terms, lot.amount, now=context.now)",
        "pass",
    ),
    "a_removed_rewards_price_comes_back_fresh": (
        redemption.remove_reward,
        "tally.credit(lot.terms,",
        "tally.credit(reward.paid[-1].terms,",
    ),
    "a_rewards_undo_is_not_linked": (redemption.remove_reward, "undoes=reward.entry_id", "undoes=None"),
    "a_reward_works_a_moment_longer": (
        redemption.refuse_ended,
        "reward.expires_at <= context.now",
        "reward.expires_at < context.now",
    ),
    "a_card_that_is_not_active_spends": (receipts.why_not_spending, "if not may(card.state, Act.SPEND)", "if False"),
    "what_was_used_does_not_come_back_with_its_sale": (
        booking.returned_with,
        "(*coupons_back(before, after, context), ReturnRewards(purchase_id=after.id))",
        "coupons_back(before, after, context)",
    ),
    "a_reward_comes_back_though_the_programme_says_no": (returning.return_rewards, "if each.returns", "if True"),
    "a_reward_that_comes_back_is_not_held": (returning.brought_back, "tally.held += reward.price", "pass"),
    "a_reward_that_is_unused_is_not_held": (returning.unuse_reward, "tally.held += reward.price", "pass"),
    "a_reward_is_used_in_a_sale_that_is_over": (
        receipts.refuse_sale,
        "purchase is not None and purchase.state is PurchaseState.REFUNDED",
        "False",
    ),
    "a_coupon_does_not_come_back": (coupon_use.coupons_back, "(ReturnCoupons(purchase_id=after.id),)", "()"),
    "a_coupon_comes_back_though_its_campaign_says_no": (coupon_use.return_coupons, "if each.returns", "if True"),
    "half_of_what_a_coupon_gave_is_taken_back": (giving.take_back, "given.amount,", "given.amount // 2,"),
    "a_coupon_that_a_till_has_open_is_cancelled": (coupons.refuse_reserved, "held is None or ", "True or "),
    "a_till_has_a_coupon_open_for_ever": (coupons.refuse_reserved, "held.until <= now or ", ""),
    "a_coupon_is_shared_twice": (coupons.share_coupon, "coupon.shared_from is not None", "False"),
    "a_card_that_is_not_active_shares": (coupons.share_coupon, "refuse_spending(card, context)", "pass"),
    "a_coupon_is_shared_again_once_it_was_replaced": (
        coupons.replaced,
        "shared_from=coupon.shared_from",
        "shared_from=None",
    ),
    "what_a_coupon_gave_is_not_given_again": (
        undoing.unuse_coupon,
        "unused.evolve(taken=taken_by(took))",
        "unused",
    ),
    "a_cancelled_coupon_is_replaced_twice": (coupons.resend_coupon, "coupon.replaced_by is not None", "False"),
}
BY_HAND: Final[Mapping[str, Mutation]] = {
    "a_changed_balance_is_not_told": (adjusting.refuse_changed, "expected != held", "False"),
    "more_is_deducted_than_is_held": (adjusting.refuse_exceeding, "-amount > held", "False"),
    "the_cap_of_one_adjustment_is_ignored": (adjusting.is_above, "amount > cap.each", "False"),
    "the_cap_of_a_day_is_ignored": (
        adjusting.is_above,
        "operator.done(command.unit, today(context)) + amount > cap.per_day",
        "False",
    ),
    "a_day_forgets_what_was_adjusted_before": (adjusting.counted, "operator.done(command.unit, day) + ", ""),
    "the_second_person_is_the_first": (approving.waiting_on, "adjustment.actor.id == context.actor.id", "False"),
    "one_takes_back_what_two_agreed_to": (adjusting.undo_adjustment, "refuse_alone(adjustment, context)", "pass"),
    "operators_adjust_their_own_account": (own_account.is_own, "card.member_id in names", "False"),
    "an_adjustment_is_undone_twice": (adjusting.undo_adjustment, "state=AdjustmentState.UNDONE, ", ""),
    "an_adjustments_undo_is_not_linked": (adjusting.undo_adjustment, "undoes=adjustment.entry_id", "undoes=None"),
    "what_was_owed_is_not_given_back": (adjusting.taken_back, "if adjustment.owed:", "if False:"),
    "an_undo_gives_back_without_dates": (
        adjusting.taken_back,
        "tally.credit(lot.terms, lot.amount",
        "tally.credit(terms_of_added(context), lot.amount",
    ),
}
CAPS_TIERS_CARDS: Final[Mapping[str, Mutation]] = {
    "a_rules_cap_is_ignored": (caps.Allowance.__call__, "amount = min(amount, max(0, spare + own))", "pass"),
    "a_revision_is_capped_by_itself": (caps.Allowance.__call__, "own = mine if", "own = 0 if"),
    "a_cap_is_not_given_back": (caps.cap_moves, "rules.shortfall is Shortfall.WAIVE", "True"),
    "a_cap_is_given_back_for_what_was_waived": (caps.cap_moves, "rules.shortfall is Shortfall.WAIVE", "False"),
    "caps_begin_anew_in_a_merge": (
        joining.moved,
        "counters=summed(account.counters, left.counters)",
        "counters=account.counters",
    ),
    "a_tier_counts_what_came_back": (
        reckoning.measured,
        "what_is_left(purchase.lines, purchase.refunds) if purchase.refunds else None",
        "None",
    ),
    "a_tier_counts_what_is_not_paid_for": (reckoning.measured, "purchase.state not in PAID", "False"),
    "a_tier_ends_with_its_month": (
        reckoning.reached,
        "max(progress(system, account, today))",
        "progress(system, account, today)[0]",
    ),
    "a_tier_is_not_recomputed_after_a_merge": (joining.moved, "yield all_reckonings(changed, context)", "pass"),
    "a_merge_keeps_the_lower_tier": (reckoning.joined_tiers, "max(both", "min(both"),
    "a_hand_set_tier_does_not_hold": (counts.HeldTier.is_by_hand, "self.held_until is not None and ", "False and "),
    "a_tiers_reward_comes_twice": (tiers.climbed, "awarded.account.counted(what, period)", "False"),
    "a_cards_own_account_is_left_behind": (joining.joined, "if leaves is not None", "if False"),
    "an_account_forgets_what_went_into_it": (
        joining.moved,
        "(*account.absorbed, left.id, *left.absorbed)",
        "account.absorbed",
    ),
    "a_replaced_card_forgets_who_waits_for_it": (accounts.opened, "for heir in card.heirs", "for heir in ()"),
    "what_waited_for_a_new_card_is_dropped": (
        joining.joined,
        "for purchase_id in card.waiting",
        "for purchase_id in ()",
    ),
    "older_news_of_a_card_overrules_newer": (documents.Card.told, "version <= self.news", "False"),
    "a_deleted_cards_balance_is_shown": (receipts.shown, "card.state is CardState.DELETED", "False"),
}
MEMBERS: Final[Mapping[str, Mutation]] = {
    "a_merged_members_card_goes_on_by_itself": (
        joining.pooled,
        "pool_number is not None and pool_number != card.id",
        "False",
    ),
    "a_second_card_goes_on_by_itself": (joining.pooled, "pool_number is not None and pool_number != card.id", "False"),
    "cards_stay_with_an_account_that_went_into_another": (
        joining.joined,
        "for each in led if each.id != card.id",
        "for each in ()",
    ),
    "what_went_into_an_account_stays_there_when_that_goes": (
        joining.redirected,
        "for each in closed",
        "for each in ()",
    ),
    "older_news_of_a_cards_holder_overrules_newer": (joining.held_by, "version <= card.holder_news", "False"),
    "operators_adjust_whom_their_own_record_absorbed": (own_account.is_own, "{own.id, *own.absorbed}", "{own.id}"),
}
MUTATIONS: Final[Mapping[str, Mutation]] = {
    **LEDGER,
    **PURCHASES,
    **REWARDS,
    **BY_HAND,
    **CAPS_TIERS_CARDS,
    **MEMBERS,
}
