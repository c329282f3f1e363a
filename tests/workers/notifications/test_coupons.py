"""Members hear of their coupons: the code, as people read it, once for each time that it is sent."""

from contracts.coupons import CouponIssued, CouponResent, CouponShared, Gift, GiftKind
from tests.decisions import decide
from tests.workers.notifications.programmes import ANA, at
from tests.workers.notifications.test_queueing import registered
from workers.notifications.documents import Contact, Message
from workers.notifications.queueing import tell_of_coupon, tell_of_coupon_again, tell_of_shared_coupon, welcome_member

CODE, READABLE = "7KQ42M9XTB3C8RWJ", "7KQ4-2M9X-TB3C-8RWJ"
FIELDS = {
    "coupon_code": CODE,
    "account_id": "acc-1",
    "card_number": "4000000000000002",
    "member_id": "ana",
    "campaign": "cake_on_us",
    "expires_at": None,
}
ISSUED = CouponIssued.model_validate({**FIELDS, "gives": Gift(kind=GiftKind.ITEM, product="cake")})
RESENT = CouponResent.model_validate(FIELDS)
SHARED = CouponShared.model_validate({**FIELDS, "from_account_id": "acc-2"})


class TestCouponIssued:
    def test_tells_its_holder_the_code_and_what_it_is_for(self) -> None:
        assert decide(tell_of_coupon, ISSUED, contact=ANA, context=at()).document(Message).text == (
            f"Ana: Cake on us, {READABLE}"
        )

    def test_of_a_campaign_that_is_gone_is_told_by_its_name(self) -> None:
        gone = ISSUED.model_copy(update={"campaign": "gone"})
        text = decide(tell_of_coupon, gone, contact=ANA, context=at()).document(Message).text
        assert text == f"Ana: gone, {READABLE}"

    def test_tells_nobody_of_a_guests_coupon(self) -> None:
        guests = ISSUED.model_copy(update={"member_id": None})
        assert decide(tell_of_coupon, guests, context=at()).documents == []

    def test_waits_for_a_registration_that_is_under_way(self) -> None:
        known = decide(tell_of_coupon, ISSUED, context=at(message_id="e-1")).document(Contact)
        told = decide(welcome_member, registered(), known=known, context=at(message_id="e-2"))
        assert [each.text for each in told.all(Message)] == ["Hallo Ana", f"Ana: Cake on us, {READABLE}"]


class TestCouponResent:
    def test_is_a_message_of_its_own_each_time(self) -> None:
        first = decide(tell_of_coupon_again, RESENT, contact=ANA, context=at(message_id="e-1")).document(Message)
        again = decide(tell_of_coupon_again, RESENT, contact=ANA, context=at(message_id="e-2")).document(Message)
        assert first.text == again.text == f"Again {READABLE}"
        assert first.id != again.id


class TestCouponShared:
    def test_tells_who_has_it_now(self) -> None:
        assert decide(tell_of_shared_coupon, SHARED, contact=ANA, context=at()).document(Message).text == (
            f"From a friend: {READABLE}"
        )
