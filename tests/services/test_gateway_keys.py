"""The gateway's keys: made, kept hashed, found, withdrawn, refused."""

import stat
from pathlib import Path

import pytest
import yaml

from contracts.catalogue import COMMANDS
from contracts.messages import ActorKind
from runtime.settings import Settings
from services.gateway.keys import Keys, KeysError, create_key, ensure_demo_keys, read_keys, remove_key
from services.gateway.problems import Problem
from services.gateway.scopes import DEFAULT_SCOPES, FROM_FORM, KNOWN_SCOPES, NAMED, OURS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys.yaml"


def bearer(key: str) -> bytes:
    return f"Bearer {key}".encode()


def change(file: Path, content: bytes) -> None:
    """Put another file in the place of one: what is written twice within a tick of the clock looks unchanged."""
    other = file.with_name("other")
    other.write_bytes(content)
    other.replace(file)


class TestCreateKey:
    def test_says_a_key_that_its_file_does_not_hold(self, file: Path) -> None:
        key = create_key(file, "till-1", ActorKind.POS)

        assert key.startswith("pk_till-1_")
        assert key.split("_", 2)[2] not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_makes_keys_that_are_let_in_as_their_kind(self, file: Path) -> None:
        key = create_key(file, "till-1", ActorKind.POS)

        caller = Keys(file).caller(bearer(key))

        assert (caller.actor.kind, caller.actor.id) == (ActorKind.POS, "till-1")
        assert caller.scopes == DEFAULT_SCOPES[ActorKind.POS]

    def test_keeps_scopes_of_its_own(self, file: Path) -> None:
        key = create_key(file, "reader", ActorKind.APP, ["read:card"])

        caller = Keys(file).caller(bearer(key))

        caller.must_have("read:card")
        with pytest.raises(Problem, match="scope_missing"):
            caller.must_have("RecordPurchase")

    @pytest.mark.parametrize(
        ("key_id", "scopes", "said"),
        [("till-1", None, "already"), ("Till 2", None, "id: "), ("till-2", ["Everything"], "is not a scope")],
    )
    def test_refuses_what_breaks_a_rule(self, file: Path, key_id: str, scopes: list[str] | None, said: str) -> None:
        create_key(file, "till-1", ActorKind.POS)

        with pytest.raises(KeysError, match=said):
            create_key(file, key_id, ActorKind.POS, scopes)


class TestKeys:
    @pytest.mark.parametrize(
        "header",
        [None, b"", b"Basic abc", b"Bearer x", b"Bearer pk_till-1_", b"Bearer pk_nobody_" + b"a" * 43, b"\xff\xfe"],
    )
    def test_let_nobody_else_in(self, file: Path, header: bytes | None) -> None:
        create_key(file, "till-1", ActorKind.POS)

        with pytest.raises(Problem) as caught:
            Keys(file).caller(header)

        assert caught.value.status == 401
        assert "WWW-Authenticate" in caught.value.headers

    def test_do_not_let_in_a_secret_under_another_id(self, file: Path) -> None:
        key = create_key(file, "till-1", ActorKind.POS)
        create_key(file, "till-2", ActorKind.POS)

        with pytest.raises(Problem, match="unauthorized"):
            Keys(file).caller(bearer(key.replace("till-1", "till-2")))

    def test_that_are_withdrawn_stop_working_at_once(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key = create_key(file, "till-1", ActorKind.POS)
        keys = Keys(file)
        keys.caller(bearer(key))
        monkeypatch.setattr("services.gateway.keys.LOOK_AGAIN_SECONDS", -1.0)

        assert remove_key(file, "till-1")

        with pytest.raises(Problem, match="unauthorized"):
            keys.caller(bearer(key))

    @pytest.mark.parametrize("broken", [b"- id: [broken", b"- id: caf\xe9\n", b"- id: 2026-99-99\n", b"\x00"])
    def test_stay_as_they_were_when_the_file_breaks(
        self, file: Path, monkeypatch: pytest.MonkeyPatch, broken: bytes
    ) -> None:
        key = create_key(file, "till-1", ActorKind.POS)
        keys = Keys(file)
        monkeypatch.setattr("services.gateway.keys.LOOK_AGAIN_SECONDS", -1.0)

        change(file, broken)

        assert keys.caller(bearer(key)).actor.id == "till-1"

    def test_say_once_that_the_file_broke_and_take_it_again_when_it_is_mended(
        self, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        key = create_key(file, "till-1", ActorKind.POS)
        keys, whole = Keys(file), file.read_bytes()
        monkeypatch.setattr("services.gateway.keys.LOOK_AGAIN_SECONDS", -1.0)

        change(file, b"- id: [broken")
        for _ in range(3):
            keys.caller(bearer(key))
            assert keys.is_refused
        printed = capsys.readouterr()
        assert (printed.out + printed.err).count("keys_file_refused") == 1
        assert "is not YAML" in printed.out + printed.err

        change(file, whole)
        assert not keys.is_refused
        assert keys.caller(bearer(key)).actor.id == "till-1"

    @pytest.mark.parametrize(
        ("entries", "said"),
        [
            ([{"id": "a", "kind": "pos"}], "0.hash: is required"),
            ([{"id": "a", "kind": "king", "hash": "0" * 64}], "0.kind: "),
            ([{"id": "a", "kind": "pos", "hash": "0" * 64, "scopes": ["Nope"]}], "Nope is not a scope"),
            ([{"id": "a", "kind": "pos", "hash": "0" * 64}] * 2, "stands there twice"),
            ("text", "body: "),
        ],
    )
    def test_say_which_entry_of_the_file_breaks_which_rule(self, file: Path, entries: object, said: str) -> None:
        file.parent.mkdir()
        file.write_text(yaml.safe_dump(entries))

        with pytest.raises(KeysError, match=said):
            read_keys(file)

    @pytest.mark.parametrize(
        ("content", "said"),
        [(b"- id: caf\xe9\n", "is not UTF-8"), (b"\xff\xfe", "is not UTF-8"), (b"- id: 2026-99-99\n", "is not YAML")],
    )
    def test_say_that_the_file_is_no_text_or_no_yaml(self, file: Path, content: bytes, said: str) -> None:
        file.parent.mkdir()
        file.write_bytes(content)

        with pytest.raises(KeysError, match=said):
            Keys(file)


class TestDemoKeys:
    def test_are_made_once_and_found_again(self, tmp_path: Path) -> None:
        settings = Settings(state_dir=tmp_path, keys_file=tmp_path / "keys.yaml")

        first = ensure_demo_keys(settings)

        assert ensure_demo_keys(settings) == first
        assert len(read_keys(settings.keys_file)) == len(first)
        assert {Keys(settings.keys_file).caller(bearer(key)).actor.kind for key in first.values()} >= {
            ActorKind.POS,
            ActorKind.OPERATOR,
        }
        assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in tmp_path.iterdir())

    def test_are_made_anew_where_the_clear_ones_are_gone(self, tmp_path: Path) -> None:
        settings = Settings(state_dir=tmp_path, keys_file=tmp_path / "keys.yaml")
        first = ensure_demo_keys(settings)
        other = create_key(settings.keys_file, "till-9", ActorKind.POS)
        (tmp_path / "demo-keys.yaml").unlink()

        second = ensure_demo_keys(settings)

        assert second.keys() == first.keys()
        assert not set(second.values()) & set(first.values())
        assert Keys(settings.keys_file).caller(bearer(other)).actor.id == "till-9"


class TestScopes:
    def test_name_commands_that_exist(self) -> None:
        assert set(COMMANDS) >= OURS
        for scopes in DEFAULT_SCOPES.values():
            assert scopes <= KNOWN_SCOPES

    def test_keep_what_our_own_processes_say_from_everybody_else(self) -> None:
        for kind, scopes in DEFAULT_SCOPES.items():
            assert kind is ActorKind.SYSTEM or not scopes & OURS

    def test_keep_the_second_persons_right_from_operators_who_are_not_given_it(self) -> None:
        assert not DEFAULT_SCOPES[ActorKind.OPERATOR] & NAMED

    def test_keep_the_paper_form_from_operators_who_are_not_given_it(self) -> None:
        assert FROM_FORM not in DEFAULT_SCOPES[ActorKind.OPERATOR]
        assert FROM_FORM in KNOWN_SCOPES
