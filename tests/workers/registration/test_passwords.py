"""Passwords: renewed by a link that works once and for a time, or generated; kept as a keyed hash alone."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.identification import IdentificationMethod
from contracts.notifications import MessageChannel
from contracts.passwords import (
    PURPOSE,
    PasswordRenewed,
    PasswordSet,
    RenewalWay,
    RenewPassword,
    SetPassword,
    StretchTerms,
    proof_of,
    unstretched,
)
from contracts.programme.identification import PasswordRules
from runtime.decisions import Context
from runtime.vault import with_seals
from tests.decisions import NOON, TILL, VAULT, Told, decide, refused
from tests.workers.registration.people import ANA, APP, EMAIL, OPERATOR, PHONE, at, member
from tests.workers.registration.test_calls import CALL, CALLING, REQUIRED, talking
from workers.registration.documents import Member
from workers.registration.password_documents import Password, Stretch
from workers.registration.passwords import is_right_proof, renew_password, set_password

RULES = PasswordRules(link_minutes=60, renewals_an_hour=3)
TERMS = StretchTerms(memory_kib=8, passes=1, lanes=1)
PROOF, SALT = "5e" * 32, "5a" * 16


def by(actor: Any = APP, **more: Any) -> Context[Any]:
    return at(actor=actor, passwords=RULES, **more)


def renewed(way: RenewalWay = RenewalWay.LINK, password: Password | None = None, **more: Any) -> Told:
    return decide(
        renew_password, RenewPassword(member_id=ANA, way=way), member=member(), password=password, context=by(**more)
    )


def token_of(password: Password) -> str:
    return VAULT.token(PURPOSE, str(password.renewal_id), PHONE)


def setting(token: str, **changes: Any) -> SetPassword:
    said: dict[str, Any] = {"member_id": ANA, "token": token, "salt": SALT, "terms": TERMS, "proof": PROOF}
    return with_seals(SetPassword(**{**said, **changes}), "m-1", VAULT)


class TestRenewPassword:
    def test_by_a_link_leaves_the_password_as_it_is_until_it_is_set(self) -> None:
        held = Password(id=ANA, salt=SALT, hash="a-hash", set_at=NOON)
        said = renewed(password=held)

        password = said.document(Password)
        assert (password.hash, password.salt) == (held.hash, held.salt)
        assert password.renewal_ends_at == NOON + timedelta(minutes=60)
        assert said.events == [
            PasswordRenewed(
                member_id=ANA,
                renewal_id=password.renewal_id,
                way=RenewalWay.LINK,
                phone=PHONE,
                first_name="Ana",
                language="en",
                ends_at=password.renewal_ends_at,
            )
        ]

    @pytest.mark.parametrize("way", RenewalWay)
    def test_writes_the_member_too_so_that_their_removal_in_that_moment_is_a_conflict(self, way: RenewalWay) -> None:
        assert renewed(way).document(Member) == member()

    def test_keeps_and_says_nothing_of_what_is_sent(self) -> None:
        for way in RenewalWay:
            said = renewed(way)
            renewal = said.events[0]
            assert isinstance(renewal, PasswordRenewed)
            secrets = [
                VAULT.token(PURPOSE, renewal.renewal_id, PHONE),
                VAULT.password(PURPOSE, renewal.renewal_id, PHONE),
            ]
            kept = msgspec.json.encode(said.document(Password)) + renewal.encoded()
            assert not [secret for secret in secrets if secret.encode() in kept]

    def test_by_one_that_is_generated_holds_at_once(self) -> None:
        said = renewed(RenewalWay.GENERATED)
        password, renewal = said.document(Password), said.events[0]
        assert isinstance(renewal, PasswordRenewed)
        assert (password.stretch, password.renewal_id, password.set_at) == (None, None, NOON)
        sent = VAULT.password(PURPOSE, renewal.renewal_id, PHONE)
        proof = proof_of(unstretched(sent, str(password.salt)))
        assert is_right_proof(password, proof, by())
        assert not is_right_proof(password, proof_of(unstretched("another-one", str(password.salt))), by())

    def test_is_limited_in_an_hour(self) -> None:
        held = Password(id=ANA, renewed_at=(NOON - timedelta(hours=1), *[NOON - timedelta(minutes=30)] * 3))
        with refused("password_renewed_too_often", most=3, again_at="2026-11-22T12:30:00+00:00"):
            renewed(password=held)
        later = renewed(password=held, now=NOON + timedelta(minutes=30))
        assert len(later.document(Password).renewed_at) == 1

    def test_by_an_operator_is_done_in_a_call_where_the_programme_wants_that(self) -> None:
        command = RenewPassword(member_id=ANA, way=RenewalWay.LINK)
        with refused("call_missing"):
            decide(renew_password, command, member=member(), context=by(OPERATOR, calls=REQUIRED))
        in_call = command.model_copy(update={"call_id": CALL})
        said = decide(renew_password, in_call, member=member(), call=talking(), context=by(CALLING, calls=REQUIRED))
        assert isinstance(said.events[0], PasswordRenewed)

    def test_by_whoever_has_no_calls_names_none(self) -> None:
        command = RenewPassword(member_id=ANA, way=RenewalWay.LINK, call_id=CALL)
        proven = talking(member_id=ANA, identified_by=IdentificationMethod.DETAILS)
        with refused("call_not_the_senders"):
            decide(renew_password, command, member=member(), call=proven, context=by(APP))

    def test_by_text_alone_does_not_open_an_account_that_slept(self) -> None:
        later = NOON + timedelta(days=31)
        with refused("account_slept", days=30):
            renewed(now=later, sleep_days=30)
        proven = talking(member_id=ANA, identified_by=IdentificationMethod.DETAILS, ends_at=later + timedelta(hours=1))
        command = RenewPassword(member_id=ANA, way=RenewalWay.LINK, call_id=CALL)
        asleep = by(CALLING, now=later, sleep_days=30)
        assert decide(renew_password, command, member=member(), call=proven, context=asleep).events

    def test_is_refused_to_tills(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            renewed(actor=TILL)


class TestRenewalByEmail:
    """What is sent to an email derives from it, and counts for no other address."""

    def mailed(self, way: RenewalWay = RenewalWay.LINK, *, is_offered: bool = True, **changes: Any) -> Told:
        command = RenewPassword(member_id=ANA, way=way, channel=MessageChannel.EMAIL)
        context = by()
        if not is_offered:
            silent = context.programme.notifications.model_copy(update={"email": None})
            context.programme = context.programme.model_copy(update={"notifications": silent})
        return decide(renew_password, command, member=member(**changes), context=context)

    def test_says_where_it_goes(self) -> None:
        renewal = self.mailed().events[0]
        assert isinstance(renewal, PasswordRenewed)
        assert (renewal.channel, renewal.email) == (MessageChannel.EMAIL, EMAIL)

    def test_by_a_link_is_set_with_the_token_that_the_email_had(self) -> None:
        password = self.mailed().document(Password)
        right = VAULT.token(PURPOSE, str(password.renewal_id), EMAIL)
        with refused("password_link_invalid"):
            decide(set_password, setting(token_of(password)), member=member(), password=password, context=by())
        said = decide(set_password, setting(right), member=member(), password=password, context=by())
        assert said.events == [PasswordSet(member_id=ANA)]
        with refused("password_link_invalid"):
            elsewhere = member(email="new@example.org")
            decide(set_password, setting(right), member=elsewhere, password=password, context=by())

    def test_by_one_that_is_generated_is_the_one_in_the_email(self) -> None:
        said = self.mailed(RenewalWay.GENERATED)
        password, renewal = said.document(Password), said.events[0]
        assert isinstance(renewal, PasswordRenewed)
        sent = VAULT.password(PURPOSE, renewal.renewal_id, EMAIL)
        assert is_right_proof(password, proof_of(unstretched(sent, str(password.salt))), by())

    def test_is_refused_to_who_has_none_and_where_none_is_sent(self) -> None:
        with refused("email_missing"):
            self.mailed(email=None)
        with refused("email_not_offered"):
            self.mailed(is_offered=False)


class TestSetPassword:
    def test_takes_the_links_token_once(self) -> None:
        asked = renewed().document(Password)
        said = decide(set_password, setting(token_of(asked)), member=member(), password=asked, context=by())

        password = said.document(Password)
        assert (password.salt, password.stretch) == (SALT, Stretch(memory_kib=8, passes=1, lanes=1))
        assert (password.renewal_id, password.renewal_ends_at, password.set_at) == (None, None, NOON)
        assert is_right_proof(password, PROOF, by())
        assert said.events == [PasswordSet(member_id=ANA)]
        with refused("password_link_invalid"):
            decide(set_password, setting(token_of(asked)), member=member(), password=password, context=by())

    def test_keeps_a_keyed_hash_and_nothing_else_of_the_proof(self) -> None:
        asked = renewed().document(Password)
        said = decide(set_password, setting(token_of(asked)), member=member(), password=asked, context=by())
        assert PROOF not in str(said)
        assert said.document(Password).hash == VAULT.hashed(PURPOSE, f"{ANA}\n{PROOF}")

    def test_is_refused_once_the_links_time_is_over(self) -> None:
        asked = renewed().document(Password)
        with refused("password_link_invalid"):
            decide(
                set_password,
                setting(token_of(asked)),
                member=member(),
                password=asked,
                context=by(now=NOON + timedelta(minutes=60)),
            )

    def test_is_refused_with_the_token_of_an_earlier_link(self) -> None:
        first = renewed().document(Password)
        second = first.evolve(renewal_id="another")
        with refused("password_link_invalid"):
            decide(set_password, setting(token_of(first)), member=member(), password=second, context=by())

    @pytest.mark.parametrize("token", ["a" * 26, "7" * 26])
    def test_is_refused_with_a_guess_and_says_no_more_where_there_is_no_such_member(self, token: str) -> None:
        asked = renewed().document(Password)
        for known in ({"member": member(), "password": asked}, {"member": member()}, {}):
            with refused("password_link_invalid"):
                decide(set_password, setting(token), **known, context=by())

    def test_is_refused_once_the_phone_is_another(self) -> None:
        asked = renewed().document(Password)
        moved = member(phone="+4915112345679")
        with refused("password_link_invalid"):
            decide(set_password, setting(token_of(asked)), member=moved, password=asked, context=by())

    def test_is_refused_where_the_proof_came_in_clear(self) -> None:
        asked = renewed().document(Password)
        clear = SetPassword(member_id=ANA, token=token_of(asked), salt=SALT, terms=TERMS, proof=PROOF)
        with refused("not_sealed", field="token"):
            decide(set_password, clear, member=member(), password=asked, context=by())
