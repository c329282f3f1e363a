"""Surveys and games: so often in a period, drawn the same when redone, and no prize given that isn't there."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.cards import CardBlocked
from contracts.coupons import CouponIssued
from contracts.pastimes import AnswerSurvey, GamePlayed, PlayGame, SurveyAnswered
from contracts.programme import Programme
from contracts.programme.pastimes import Game
from contracts.programme.rewards import RewardRules
from contracts.rewards import UnitChange
from runtime.decisions import Refused
from runtime.vault import Vault
from tests.decisions import NOON, TILL, context, decide, refused
from tests.workers.rewards.counter import ANA, APP, NUMBER, OTHER, PROGRAMME, RULES, Shop, account, by, card
from tests.workers.rewards.offers import CAMPAIGNS, DAY, offer_rules, offer_shop, only, use
from tests.workers.rewards.test_tiers import REPLACED
from workers.rewards.documents import Account, Cause, LedgerEntry
from workers.rewards.pastime_documents import GameStock, SurveyResponse, Won
from workers.rewards.pastimes import answer_survey, drawn, play_game

LABEL = {"en": "?", "de": "?"}
SURVEY: dict[str, Any] = {
    "code": "how_was_it",
    "text": "How was it?",
    "per": "month",
    "prize": {"campaign": "cake_on_us"},
    "questions": [
        {"code": "stars", "type": "number", "label": LABEL, "is_required": True, "minimum": 1, "maximum": 5},
        {"code": "remark", "type": "text", "label": LABEL},
    ],
}
POINTS = {"units": {"kind": "units", "unit": "points", "amount": 5}}
GAME: dict[str, Any] = {
    "code": "wheel",
    "text": "Wheel",
    "per": "day",
    "plays": 2,
    "blanks": 0,
    "prizes": [{"code": "five_points", "odds": 1, "prize": POINTS}],
}
RARE = {"code": "rare", "odds": 1, "prize": {"campaign": "cake_on_us"}, "stock": 3}


def pastime_shop(survey: dict[str, Any] | None = None, game: dict[str, Any] | None = None) -> Shop:
    """A shop with a survey and a game, some of them changed."""
    return offer_shop(surveys=[{**SURVEY, **(survey or {})}], games=[{**GAME, **(game or {})}])


def rules(**changes: Any) -> dict[str, Any]:
    """What of the rules a context needs."""
    changed = offer_rules(surveys=[SURVEY], games=[GAME], **changes)
    return {"surveys": changed.surveys, "games": changed.games, "campaigns": changed.campaigns}


def answer(number: str = NUMBER, **answers: Any) -> AnswerSurvey:
    """Ana's answers."""
    return AnswerSurvey.model_validate(
        {"card_number": number, "survey": "how_was_it", "answers": answers or {"stars": 5}}
    )


PLAY = PlayGame(card_number=NUMBER, game="wheel")


class TestAnswerSurvey:
    def test_keeps_the_answers_and_gives_what_comes_with_them(self) -> None:
        shop = pastime_shop()
        said = shop.say(answer(stars=4, remark="More oat milk"), APP)
        told = only(SurveyAnswered, said)
        issued = only(CouponIssued, said)
        assert (told.survey, told.coupon_code, told.member_id) == ("how_was_it", issued.coupon_code, ANA)
        assert issued.member_id == ANA
        assert {each.question: each.value for each in shop.only(SurveyResponse).answers} == {
            "stars": 4,
            "remark": "More oat milk",
        }
        assert shop.say(use(issued.coupon_code))

    def test_tells_nobody_the_answers(self) -> None:
        said = pastime_shop().say(answer(stars=4, remark="More oat milk"), APP)
        assert "oat" not in "".join(each.model_dump_json() for each in said)

    def test_gives_units_by_the_ledger_where_the_programme_says_so(self) -> None:
        shop = pastime_shop({"prize": POINTS})
        told = only(SurveyAnswered, shop.say(answer(), APP))
        assert told.given == (UnitChange(unit="points", amount=5),)
        entry = shop.only(LedgerEntry)
        assert (entry.cause, entry.source, entry.amount) == (Cause.SURVEY_ANSWERED, "how_was_it", 5)

    def test_counts_once_for_an_account_and_period(self) -> None:
        shop = pastime_shop()
        shop.say(answer(), APP)
        with refused("survey_already_answered"):
            shop.say(answer(stars=1), APP)
        shop.say(answer(OTHER), APP)
        shop.now = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
        with refused("survey_already_answered"):
            shop.say(answer(), APP)
        shop.now = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
        assert shop.say(answer(), APP)

    def test_counts_once_for_ever_where_no_period_is_named(self) -> None:
        shop = pastime_shop({"per": "ever"})
        shop.say(answer(), APP)
        shop.now += 10_000 * DAY
        with refused("survey_already_answered"):
            shop.say(answer(), APP)

    def test_counts_once_for_accounts_that_became_one(self) -> None:
        shop = pastime_shop()
        shop.say(answer(), APP)
        shop.say(REPLACED)
        with refused("survey_already_answered"):
            shop.say(answer(OTHER), APP)

    @pytest.mark.parametrize(
        ("answers", "code", "details"),
        [
            ({"remark": "Nice"}, "answer_missing", {"question": "stars"}),
            ({"stars": 6}, "answer_invalid", {"question": "stars", "rule": "must be at most 5"}),
            ({"stars": 5, "shoe_size": 43}, "answer_unknown", {"question": "shoe_size"}),
        ],
    )
    def test_is_refused_where_an_answer_is_wrong(
        self, answers: dict[str, Any], code: str, details: dict[str, Any]
    ) -> None:
        shop = pastime_shop()
        with refused(code, **details):
            shop.say(answer(**answers), APP)
        assert shop.say(answer(), APP)

    def test_is_refused_for_a_survey_that_is_unknown_or_does_not_run(self) -> None:
        with refused("unknown_survey"):
            pastime_shop({"code": "other"}).say(answer(), APP)
        for days in ({"starts_on": "2026-11-23"}, {"ends_on": "2026-11-21"}):
            with refused("survey_not_running"):
                pastime_shop(days).say(answer(), APP)

    def test_is_refused_without_an_account_and_to_who_may_not(self) -> None:
        with refused("unknown_card"):
            decide(answer_survey, answer(), card=card(), context=by(APP, **rules()))
        with refused("actor_not_allowed", actor="pos"):
            decide(answer_survey, answer(), card=card(), account=account(), context=by(TILL, **rules()))


class TestPlayGame:
    def test_gives_what_was_drawn(self) -> None:
        shop = pastime_shop()
        told = only(GamePlayed, shop.say(PLAY, APP))
        assert (told.prize, told.given) == ("five_points", (UnitChange(unit="points", amount=5),))
        assert shop.only(LedgerEntry).cause is Cause.GAME_PLAYED

    def test_may_be_played_so_often_a_period(self) -> None:
        shop = pastime_shop()
        shop.say(PLAY, APP)
        shop.say(PLAY, APP)
        with refused("game_already_played", most=2):
            shop.say(PLAY, APP)
        shop.now += DAY
        assert shop.say(PLAY, APP)

    def test_draws_the_same_when_it_is_redone(self) -> None:
        fair = Game.model_validate({**GAME, "blanks": 50, "prizes": [{**GAME["prizes"][0], "odds": 50}]})
        for number in range(50):
            redone = [context(message_id=f"m-{number}", now=NOON + times * DAY) for times in (0, 1)]
            assert len({drawn(fair, GameStock(id="wheel"), each) for each in redone}) == 1

    def test_draws_what_nobody_foresees_who_has_not_the_secret(self) -> None:
        fair = Game.model_validate({**GAME, "blanks": 50, "prizes": [{**GAME["prizes"][0], "odds": 50}]})

        def won(vault: Vault) -> list[bool]:
            plays = [context(message_id=f"m-{number}") for number in range(200)]
            for each in plays:
                each.vault = vault
            return [drawn(fair, GameStock(id="wheel"), each) is not None for each in plays]

        first, other = won(Vault(b"one secret of the platform's own")), won(Vault(b"another, of another deployment's"))
        assert first == won(Vault(b"one secret of the platform's own"))
        assert 60 < sum(one is two for one, two in zip(first, other, strict=True)) < 140

    def test_draws_by_the_odds_of_the_programme(self) -> None:
        prizes = [{"code": "one", "odds": 10, "prize": POINTS}, {"code": "two", "odds": 30, "prize": POINTS}]
        game = Game.model_validate({**GAME, "blanks": 60, "prizes": prizes})
        draws = Counter[str | None]()
        for number in range(4_000):
            prize = drawn(game, GameStock(id="wheel"), context(message_id=f"0193-{number}"))
            draws[None if prize is None else prize.code] += 1
        # Five standard deviations, and always the same ids: it fails only if the odds are wrong.
        for code, share in ((None, 0.6), ("one", 0.1), ("two", 0.3)):
            assert abs(draws[code] - 4_000 * share) < 5 * (4_000 * share * (1 - share)) ** 0.5

    def test_gives_no_more_of_a_limited_prize_than_there_are(self) -> None:
        shop = pastime_shop(game={"plays": 10, "prizes": [RARE]})
        won = [only(GamePlayed, shop.say(PLAY, APP)).prize for _ in range(6)]
        assert won == ["rare"] * 3 + [None] * 3
        assert shop.only(GameStock).won == (Won(prize="rare", count=3),)

    def test_is_refused_for_a_game_that_is_unknown_or_does_not_run_or_a_card_that_is_blocked(self) -> None:
        with refused("unknown_game"):
            pastime_shop(game={"code": "other"}).say(PLAY, APP)
        with refused("game_not_running"):
            pastime_shop(game={"ends_on": "2026-11-21"}).say(PLAY, APP)
        shop = pastime_shop()
        shop.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"))
        with refused("card_blocked"):
            shop.say(PLAY, APP)
        with refused("unknown_card"):
            decide(play_game, PLAY, card=card(), context=by(APP, **rules()))

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from([NUMBER, OTHER]), st.sampled_from([0, 0, 1])), max_size=30),
        st.integers(1, 3),
        st.integers(0, 2),
    )
    def test_whatever_is_played_when_is_bounded_by_plays_and_stock(
        self, moves: list[tuple[str, int]], plays: int, blanks: int
    ) -> None:
        shop = pastime_shop(game={"plays": plays, "blanks": blanks, "prizes": [RARE, GAME["prizes"][0]]})
        played, prizes = Counter[tuple[str, date]](), Counter[str | None]()
        for number, days in moves:
            shop.now += days * DAY
            try:
                said = shop.say(PlayGame(card_number=number, game="wheel"), APP)
            except Refused:
                continue
            played[number, shop.now.date()] += 1
            prizes[only(GamePlayed, said).prize] += 1
        assert all(times <= plays for times in played.values())
        assert prizes["rare"] <= 3
        points = sum(each.holding("points").balance for each in shop.all(Account))
        assert points == 5 * prizes["five_points"]


class TestPastimes:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"surveys": [{**SURVEY, "questions": SURVEY["questions"][:1] * 2}]}, "a code stands there twice"),
            ({"surveys": [{**SURVEY, "starts_on": "2027-01-01", "ends_on": "2026-01-01"}]}, "must not be later"),
            (
                {"surveys": [{**SURVEY, "questions": [{**SURVEY["questions"][0], "editors": ["operator"]}]}]},
                "none has editors",
            ),
            ({"surveys": [{**SURVEY, "prize": {"campaign": "none"}}]}, "none is not among the campaigns"),
            ({"games": [{**GAME, "prizes": GAME["prizes"] * 2}]}, "a code stands there twice"),
            ({"games": [{**GAME, "prizes": [{**RARE, "prize": {"campaign": "none"}}]}]}, "not among the campaigns"),
            ({"games": [{**GAME, "code": "how_was_it"}]}, "stands there twice"),
        ],
    )
    def test_are_refused_when_they_contradict_themselves(self, changes: dict[str, Any], rule: str) -> None:
        tree = {**RULES.model_dump(), "campaigns": CAMPAIGNS, "surveys": [SURVEY], "games": [GAME]}
        with pytest.raises(ValidationError, match=rule):
            RewardRules.model_validate({**tree, **changes})

    def test_have_labels_in_every_language(self) -> None:
        questions = [{**SURVEY["questions"][0], "label": {"en": "?"}}]
        tree = PROGRAMME.model_dump(mode="json")
        tree["rewards"] = offer_rules(surveys=[{**SURVEY, "questions": questions}]).model_dump(mode="json")
        with pytest.raises(ValidationError, match="stars has no label in de"):
            Programme.model_validate(tree)
