"""Surveys and games: each account so often in a period, by a counter of its own; limited prizes by a stock."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from contracts.pastimes import AnswerSurvey, GamePlayed, PlayGame, SurveyAnswered
from contracts.programme.pastimes import Game, GamePrize, Pastime, Survey
from contracts.programme.periods import Period
from contracts.programme.questions import broken_rule
from contracts.registration import AnswerValue
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.caps import local_day, name_of, times_done, what_is_done
from workers.rewards.counters import Move, counted
from workers.rewards.coupons import refuse_holder
from workers.rewards.documents import Account, Card, Cause
from workers.rewards.ledger import balances
from workers.rewards.pastime_documents import GameStock, SurveyAnswer, SurveyResponse, Won
from workers.rewards.prizes import Awarded, awarding
from workers.rewards.worker import worker


@worker.handles(AnswerSurvey)
def answer_survey(
    command: AnswerSurvey,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    refuse_holder(card)
    survey = context.programme.rewards.survey(command.survey)
    if account is None:
        raise Refused("unknown_card")
    if survey is None:
        raise Refused("unknown_survey")
    if not survey.runs(local_day(context)):
        raise Refused("survey_not_running")
    if times(survey, account, context):
        raise Refused("survey_already_answered")
    refuse_answers(survey, command.answers)

    awarded = done_once_more(survey, account, context)
    if survey.prize is not None:
        code = awarded.award(survey.prize, Cause.SURVEY_ANSWERED, survey.code, context).coupon_code
        codes = () if code is None else (code,)
        once = counted(awarded.account, [done(survey, 0, context, codes)], local_day(context))
        awarded.account = awarded.account.evolve(counters=once)
    answers = tuple(SurveyAnswer(question=code, value=value) for code, value in command.answers.items())
    response = SurveyResponse(
        id=context.new_id(),
        account_id=account.id,
        survey=survey.code,
        answers=answers,
        answered_at=context.now,
        actor=context.actor,
    )
    yield card.evolve()  # whoever forgets its holder in this moment meets a conflict, or would miss the answers
    yield awarded.account, *awarded.entries, *awarded.coupons, response
    yield SurveyAnswered(survey=survey.code, **told(awarded, card, context))
    yield awarded.told(card)


def refuse_answers(survey: Survey, answers: Mapping[str, AnswerValue]) -> None:
    """Hold answers against a survey's questions.

    Raises:
        Refused: `answer_unknown`, `answer_invalid` or `answer_missing`; named by the question, the answer isn't shown.
    """
    by_code = {question.code: question for question in survey.questions}
    for code, value in answers.items():
        if code not in by_code:
            raise Refused("answer_unknown", question=code)
        rule = broken_rule(by_code[code], value)
        if rule is not None:
            raise Refused("answer_invalid", question=code, rule=rule)
    for question in survey.questions:
        if question.is_required and question.code not in answers:
            raise Refused("answer_missing", question=question.code)


@worker.handles(PlayGame)
def play_game(
    command: PlayGame,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    stock: Annotated[GameStock | None, Key("game")],
    context: Context,
) -> Changes:
    refuse_holder(card)
    game = context.programme.rewards.game(command.game)
    if account is None:
        raise Refused("unknown_card")
    if game is None:
        raise Refused("unknown_game")
    if not game.runs(local_day(context)):
        raise Refused("game_not_running")
    if times(game, account, context) >= game.plays:
        raise Refused("game_already_played", most=game.plays)

    kept = stock or GameStock(id=game.code)
    prize = drawn(game, kept, context)
    awarded = done_once_more(game, account, context)
    if prize is not None:
        awarded.award(prize.prize, Cause.GAME_PLAYED, game.code, context)
    if prize is not None and prize.stock is not None:
        yield one_less(kept, prize.code)
    yield awarded.account, *awarded.entries, *awarded.coupons
    yield GamePlayed(game=game.code, prize=None if prize is None else prize.code, **told(awarded, card, context))
    yield awarded.told(card)


def drawn(game: Game, stock: GameStock, context: Context) -> GamePrize | None:
    """What the message's id draws, by a key that only we have, so that redoing draws the same and nobody foresees it.

    A prize that is out is a blank.
    """
    number = hmac.digest(context.vault.key("draws"), f"{context.id} {game.code}".encode(), "sha256")
    prize = game.drawn(int.from_bytes(number) % game.total_odds)
    is_out = prize is not None and prize.stock is not None and stock.count(prize.code) >= prize.stock
    return None if is_out else prize


def one_less(stock: GameStock, prize: str) -> GameStock:
    """The stock after one more of a prize was won; two draws of the last one meet in this document."""
    others = tuple(each for each in stock.won if each.prize != prize)
    return stock.evolve(won=(*others, Won(prize=prize, count=stock.count(prize) + 1)))


def times(pastime: Pastime, account: Account, context: Context) -> int:
    """How often an account did it in this period."""
    return times_done(pastime, account, local_day(context))


def done_once_more(pastime: Pastime, account: Account, context: Context) -> Awarded:
    """The account with one more in this period's counter, ready for prizes."""
    return awarding(account.evolve(counters=counted(account, [done(pastime, 1, context)], local_day(context))))


def done(pastime: Pastime, amount: int, context: Context, coupon_codes: tuple[str, ...] = ()) -> Move:
    """By how much this period's counter moves, and which coupons came of it."""
    today = local_day(context)
    kept_until = None if pastime.per is Period.EVER else pastime.per.next_day(today) - timedelta(days=1)
    return Move(what_is_done(pastime), name_of(pastime.per, today), amount, kept_until, coupon_codes)


def told(awarded: Awarded, card: Card, context: Context) -> dict[str, object]:
    """What an event says of prizes and of the account after them."""
    account = awarded.account
    return {
        "account_id": account.id,
        "card_number": card.id,
        "member_id": card.member_id,
        "given": tuple(awarded.given),
        "coupon_code": next(iter(awarded.coupon_codes), None),
        "balances": balances(account, context.now, context.programme.rewards.shortfall),
    }
