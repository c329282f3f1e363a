"""What can be said about surveys and games: answered and played, so often in a period, and what was won."""

from contracts.coupons import KnownCouponCode
from contracts.registration import Answers
from contracts.rewards import BalanceEvent, RewardsCommand, UnitChange
from contracts.values import Code, Personal


class AnswerSurvey(RewardsCommand, right="rewards.survey_takers"):
    """Answer a survey's questions, once a period; what comes with it is given at once."""

    survey: Code
    answers: Personal[Answers]


class PlayGame(RewardsCommand, right="rewards.players"):
    """Draw in a game, as often in a period as the programme says."""

    game: Code


class SurveyAnswered(BalanceEvent):
    """A survey was answered; the answers themselves are kept, and told to nobody."""

    survey: Code
    given: tuple[UnitChange, ...] = ()
    coupon_code: KnownCouponCode | None = None


class GamePlayed(BalanceEvent):
    """A draw came to a prize, or to a blank."""

    game: Code
    prize: Code | None
    """None: a blank."""
    given: tuple[UnitChange, ...] = ()
    coupon_code: KnownCouponCode | None = None
