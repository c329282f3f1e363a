"""The programme file: what is right is read, what is wrong is named."""

from pathlib import Path

import pytest
import yaml

from contracts.programme import InvalidProgramme, Programme
from contracts.registration import Channel

DEMO = Path("programme.yaml").read_text(encoding="utf-8")


def problem(tmp_path: Path, text: str) -> str:
    file = tmp_path / "programme.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidProgramme) as caught:
        Programme.read(file)
    assert str(file) in str(caught.value)
    return "\n".join(caught.value.problems)


def changed(**sections: object) -> str:
    tree = {key: value for key, value in parsed().items() if key not in sections}
    return yaml.safe_dump({**tree, **{key: value for key, value in sections.items() if value is not None}})


def parsed() -> dict[str, object]:
    tree: dict[str, object] = Programme.read(Path("programme.yaml")).model_dump(mode="json", by_alias=True)
    return tree


def registration(**changes: object) -> str:
    section = parsed()["registration"]
    assert isinstance(section, dict)
    return changed(registration={**section, **changes})


def question(**fields: object) -> dict[str, object]:
    return {"code": "drink", "type": "text", "label": {"en": "Drink?", "de": "Getränk?"}, **fields}


class TestProgramme:
    def test_of_the_demo_is_right(self) -> None:
        programme = Programme.read(Path("programme.yaml"))

        assert programme.name == "Corner Coffee"
        assert set(programme.registration.channels) == set(Channel)
        assert not programme.registration.channels[Channel.SMS].is_open

    def test_can_be_written_and_read_again(self, tmp_path: Path) -> None:
        file = tmp_path / "programme.yaml"
        file.write_text(changed(), encoding="utf-8")
        assert Programme.read(file) == Programme.read(Path("programme.yaml"))

    def test_names_a_time_zone_that_does_not_exist(self, tmp_path: Path) -> None:
        assert problem(tmp_path, changed(time_zone="Europe/Atlantis")) == (
            "time_zone: is not a time zone of the IANA database"
        )

    @pytest.mark.parametrize("zone", ["", "../../etc/passwd", "/etc/localtime"])
    def test_takes_no_path_for_a_time_zone(self, tmp_path: Path, zone: str) -> None:
        assert problem(tmp_path, changed(time_zone=zone)).startswith("time_zone: ")

    def test_names_a_section_that_is_missing(self, tmp_path: Path) -> None:
        assert problem(tmp_path, changed(cards=None)) == "cards: Field required"

    def test_names_what_it_does_not_know(self, tmp_path: Path) -> None:
        assert problem(tmp_path, DEMO + "\ncolour: red\n") == "colour: Extra inputs are not permitted"

    def test_names_every_problem_at_once(self, tmp_path: Path) -> None:
        problems = problem(tmp_path, changed(time_zone="Mars", languages=[], name=""))
        assert [line.split(":")[0] for line in problems.splitlines()] == ["name", "time_zone", "languages"]

    def test_refuses_a_name_that_stands_twice(self, tmp_path: Path) -> None:
        assert "name stands twice" in problem(tmp_path, DEMO + "\nname: Another\n")

    @pytest.mark.parametrize("text", ["", "just words", "- a\n- list"])
    def test_is_a_mapping(self, tmp_path: Path, text: str) -> None:
        assert problem(tmp_path, text).startswith("programme: ")

    def test_refuses_a_day_that_no_calendar_has(self, tmp_path: Path) -> None:
        file = tmp_path / "programme.yaml"
        file.write_text(DEMO.replace("2026-11-01", "2026-02-30"), encoding="utf-8")
        with pytest.raises(InvalidProgramme, match="day is out of range"):
            Programme.read(file)

    def test_says_where_it_is_no_yaml(self, tmp_path: Path) -> None:
        assert "line 2" in problem(tmp_path, "name: a\n  b: [c\n")

    def test_is_never_code(self, tmp_path: Path) -> None:
        assert "constructor" in problem(tmp_path, "name: !!python/object/apply:os.getcwd []\n")

    def test_keeps_on_and_no_as_words(self, tmp_path: Path) -> None:
        label = {"en": "Drink?", "de": "Getränk?", "no": "Drikke?"}
        text = registration(questions=[question(label=label, type="choice", options=["on", "off"])])
        file = tmp_path / "programme.yaml"
        bare = text.replace("'on'", "on").replace("'off'", "off").replace("'no'", "no")
        assert bare != text
        file.write_text(bare, encoding="utf-8")

        read = Programme.read(file).registration.questions[0]
        assert read.label == label


class TestCardRules:
    @pytest.mark.parametrize("field", ["categories", "block_reasons", "unblock_reasons"])
    def test_name_nothing_twice(self, tmp_path: Path, field: str) -> None:
        text = changed(cards={field: ["lost", "lost"]})
        assert problem(tmp_path, text) == f"cards: {field} names something twice"

    def test_allow_a_card(self, tmp_path: Path) -> None:
        text = changed(cards={"max_linked_cards": 0})
        assert problem(tmp_path, text).startswith("cards.max_linked_cards: ")


class TestRegistrationRules:
    def test_name_no_question_twice(self, tmp_path: Path) -> None:
        text = registration(questions=[question(), question()])
        assert problem(tmp_path, text) == "registration: questions names drink twice"

    def test_name_no_consent_twice(self, tmp_path: Path) -> None:
        consent = {"kind": "offer", "text_versions": ["1"]}
        text = registration(consents=[consent, consent])
        assert problem(tmp_path, text) == "registration: consents names offer twice"

    def test_ask_in_every_language(self, tmp_path: Path) -> None:
        text = registration(questions=[question(label={"en": "Drink?"})])
        assert problem(tmp_path, text) == "programme: registration.questions: drink has no label in de"

    def test_know_the_channel(self, tmp_path: Path) -> None:
        text = registration(channels={"pigeon": {"actors": ["pos"]}})
        assert problem(tmp_path, text).startswith("registration.channels.pigeon")

    def test_know_the_actor(self, tmp_path: Path) -> None:
        text = registration(channels={"call": {"actors": ["boss"]}})
        assert problem(tmp_path, text).startswith("registration.channels.call.actors.0: ")

    def test_have_wallets_bring_a_card(self, tmp_path: Path) -> None:
        text = registration(channels={"wallet": {"actors": ["wallet"]}})
        assert "must name card_number" in problem(tmp_path, text)

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({"type": "riddle"}, "'text', 'number', 'yes_no', 'choice', 'choices', 'date'"),
            ({"type": "choice"}, "options: Field required"),
            ({"type": "choice", "options": ["a", "a"]}, "options names something twice"),
            ({"type": "choices", "options": ["a", "a"]}, "options names something twice"),
            ({"type": "choices", "options": ["a", "b"], "at_least": 3}, "at_least must not exceed"),
            ({"type": "choices", "options": ["a", "b"], "at_least": 2, "at_most": 1}, "at_least must not exceed"),
            ({"type": "number", "minimum": 2, "maximum": 1}, "minimum must not exceed maximum"),
            ({"type": "date", "earliest": "2026-01-02", "latest": "2026-01-01"}, "earliest must not be later"),
            ({"code": "Drink"}, "code: String should match pattern"),
        ],
    )
    def test_ask_what_can_be_answered(self, tmp_path: Path, fields: dict[str, object], rule: str) -> None:
        found = problem(tmp_path, registration(questions=[question(**fields)]))
        assert found.startswith("registration.questions.0")
        assert rule in found
