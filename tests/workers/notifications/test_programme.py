"""The programme's texts: what is checked when they are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.codes import CodePurpose
from contracts.programme.notifications import PLACEHOLDERS, NotificationRules, placeholders
from tests.workers.notifications.programmes import RULES


def rules(**changes: Any) -> NotificationRules:
    return NotificationRules.model_validate({**RULES.model_dump(), **changes})


def on_block(*, texts: dict[str, str], event: str = "CardBlocked") -> dict[str, Any]:
    return {"templates": {"card_blocked": {"event": event, "texts": texts}}}


class TestTemplates:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            (on_block(texts={"en": "Hi {reward}"}), "{reward} is not known on CardBlocked"),
            (on_block(texts={"en": "Hi {card.number}"}), "must be a plain name"),
            (on_block(texts={"en": "Hi {card!r}"}), "must be a plain name"),
            (on_block(texts={"en": "Hi {card:>9}"}), "must be a plain name"),
            (on_block(texts={"en": "Hi {}"}), "must be a plain name"),
            (on_block(texts={"en": "Hi {0}"}), "must be a plain name"),
            (on_block(texts={"en": "Hi {card"}), "templates.card_blocked"),
            (on_block(texts={"en": "Hi }"}), "templates.card_blocked"),
            (on_block(texts={"en": "Hi", "xx-y": "Hi"}), "templates.card_blocked.texts"),
            (on_block(texts={"en": " "}), "templates.card_blocked.texts.en"),
            (on_block(texts={"de": "Hallo"}), "card_blocked has no text in the default language, en"),
            (on_block(texts={"en": "Hi"}, event="CardEaten"), "must be one of CardBlocked"),
            ({"nameless": {"de": "du"}}, "nameless has no text in the default language, en"),
            ({"sender": "Much too long a name"}, "sender"),
            ({"attempts": 0}, "attempts"),
            ({"quiet_hours": "always"}, "quiet_hours"),
        ],
    )
    def test_are_checked_when_they_are_read(self, changes: dict[str, Any], rule: str) -> None:
        with pytest.raises(ValidationError) as caught:
            rules(**changes)

        assert rule in str(caught.value)

    def test_are_one_for_each_event(self) -> None:
        template = {"event": "CardBlocked", "texts": {"en": "Hi"}}

        with pytest.raises(ValidationError, match="CardBlocked has more than one"):
            rules(templates={"one": template, "two": template})

    def test_may_have_braces_of_their_own(self) -> None:
        assert placeholders("{{not}} {card}") == {"card"}

    @given(st.text(max_size=80))
    def test_that_are_let_in_can_be_filled(self, text: str) -> None:
        try:
            names = placeholders(text)
        except ValueError:
            return
        assert isinstance(text.format_map(dict.fromkeys(names, "x")), str)

    def test_know_only_events_that_exist(self) -> None:
        from contracts.catalogue import EVENTS

        assert {event.partition(".")[0] for event in PLACEHOLDERS} <= EVENTS.keys()
        codes = {
            purpose for event, _, purpose in (each.partition(".") for each in PLACEHOLDERS) if event == "CodeRequested"
        }
        assert codes == set(CodePurpose)


class TestWaitSeconds:
    @given(st.integers(1, 10_000))
    def test_never_shrinks_and_has_an_end(self, attempt: int) -> None:
        assert RULES.wait_seconds(attempt) <= RULES.wait_seconds(attempt + 1) <= RULES.longest_wait_seconds
