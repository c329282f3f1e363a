"""The vault derives the same from the same secret, nothing without one, and keeps nothing."""

import stat
from collections import Counter
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from contracts.messages import Command
from contracts.values import Personal, Sealed
from runtime.decisions import Refused
from runtime.settings import Settings
from runtime.vault import NO_VAULT, NoSecret, Vault, ensure_secret, with_seals
from tests.decisions import VAULT, context

OTHER = Vault(b"another secret, as long as it has to be")
PHONE = "+4915112345678"


class Whisper(Command, worker="cards", key="subject"):
    """Say something that only its worker may read."""

    subject: str
    secret: Sealed[str]
    remark: Sealed[str | None] = None
    name: Personal[str] = "Ana"


class TestCode:
    def test_is_six_digits_always_the_same_ones(self) -> None:
        code = VAULT.code("verify_phone", "c-1", PHONE)

        assert len(code) == 6
        assert code.isdecimal()
        assert Vault(b"for-tests-and-benchmarks-never-elsewhere").code("verify_phone", "c-1", PHONE) == code

    def test_is_another_for_another_purpose_id_address_or_secret(self) -> None:
        codes = [
            VAULT.code("verify_phone", "c-1", PHONE),
            VAULT.code("change_contact", "c-1", PHONE),
            VAULT.code("verify_phone", "c-2", PHONE),
            VAULT.code("verify_phone", "c-1", PHONE[:-1] + "9"),
            OTHER.code("verify_phone", "c-1", PHONE),
        ]

        assert len(set(codes)) == len(codes)

    def test_is_any_of_the_million_and_none_much_oftener(self) -> None:
        codes = [VAULT.code("verify_phone", str(number), PHONE) for number in range(4_000)]

        assert any(code.startswith("0") for code in codes), "leading zeros are kept"
        assert max(Counter(codes).values()) <= 4
        for place in range(6):
            assert all(300 < count < 500 for count in Counter(code[place] for code in codes).values())


class TestTokenAndPassword:
    def test_are_always_the_same_and_others_for_others(self) -> None:
        for derive in (VAULT.token, VAULT.password):
            assert derive("reset", "t-1", PHONE) == derive("reset", "t-1", PHONE)
            assert len({derive("reset", f"t-{number}", PHONE) for number in range(500)}) == 500
            assert derive("reset", "t-1", PHONE) not in {derive("other", "t-1", PHONE), derive("reset", "t-1", "")}

    def test_are_long_enough_to_be_nobody_s_guess(self) -> None:
        assert len(VAULT.token("reset", "t-1", PHONE)) == 26
        password = VAULT.password("reset", "t-1", PHONE)
        assert (len(password), set(password) & set("01ilo")) == (12, set())


class TestHash:
    def test_needs_the_secret(self) -> None:
        assert VAULT.hashed("calls", "1234") == VAULT.hashed("calls", "1234")
        assert len({VAULT.hashed("calls", "1234"), VAULT.hashed("x", "1234"), OTHER.hashed("calls", "1234")}) == 3


class TestSeal:
    def test_opens_where_it_was_bound_to_alone(self) -> None:
        sealed = VAULT.sealed("123456", "m-1/code")

        assert "123456" not in sealed
        assert VAULT.opened(sealed, "m-1/code") == "123456"
        assert VAULT.opened(sealed, "m-2/code") is None
        assert OTHER.opened(sealed, "m-1/code") is None

    def test_is_the_same_each_time_so_that_a_retry_is_the_same_command(self) -> None:
        assert VAULT.sealed("123456", "m-1/code") == VAULT.sealed("123456", "m-1/code")
        assert VAULT.sealed("123456", "m-2/code") != VAULT.sealed("123456", "m-1/code"), "equal codes don't show"

    @pytest.mark.parametrize(
        "text", ["123456", "sealed.", "sealed.x", "sealed.AAAA", "sealed.äöü", "sealed." + "A" * 40]
    )
    def test_that_is_none_opens_nothing(self, text: str) -> None:
        assert VAULT.opened(text, "m-1/code") is None

    def test_covers_what_a_contract_marks_and_nothing_else(self) -> None:
        whisper = Whisper(subject="x", secret="psst")
        sealed = with_seals(whisper, "m-1", VAULT)

        assert Whisper.sealed == {"secret", "remark"}
        assert Whisper.personal == {"secret", "remark", "name"}, "it is in no log and no answer either"
        assert (sealed.subject, sealed.name, sealed.remark) == ("x", "Ana", None)
        assert context().opened(sealed, "secret") == "psst"

    def test_is_refused_in_clear_or_from_another_command(self) -> None:
        for whisper in (
            Whisper(subject="x", secret="psst"),
            with_seals(Whisper(subject="x", secret="psst"), "m-2", VAULT),
            with_seals(Whisper(subject="x", secret="psst"), "m-1", OTHER),
        ):
            with pytest.raises(Refused) as caught:
                context().opened(whisper, "secret")
            assert (caught.value.code, caught.value.details) == ("not_sealed", {"field": "secret"})


class TestKey:
    def test_of_each_purpose_is_another(self) -> None:
        assert len({VAULT.key("codes"), VAULT.key("draws"), VAULT.key("seals"), OTHER.key("codes")}) == 4
        assert VAULT.key("codes") == VAULT.key("codes")

    def test_is_none_without_a_secret(self) -> None:
        assert not NO_VAULT.is_open
        with pytest.raises(NoSecret, match="PUNCHCARD_SECRET"):
            NO_VAULT.key("codes")


class TestSecret:
    def test_is_the_settings_own_before_the_file_s(self, tmp_path: Path) -> None:
        file = tmp_path / "deep" / "secret"
        assert ensure_secret(file)
        given = Settings(secret=SecretStr("x" * 32), secret_file=file)

        assert Vault.of(given).key("codes") == Vault(b"x" * 32).key("codes")
        assert "x" * 32 not in repr(given)

    def test_is_made_once_for_its_owner_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PUNCHCARD_SECRET")
        file = tmp_path / "secret"
        settings = Settings(secret_file=file)
        assert not Vault.of(settings).is_open

        assert ensure_secret(file)
        first = Vault.of(settings).key("codes")
        assert not ensure_secret(file), "there is one"
        assert Vault.of(settings).key("codes") == first
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_is_long_enough(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ValidationError):
            Settings(secret=SecretStr("short"))
        monkeypatch.delenv("PUNCHCARD_SECRET")
        file = tmp_path / "secret"
        file.write_text("short\n")
        with pytest.raises(NoSecret, match="fewer than 32"):
            Vault.of(Settings(secret_file=file))
