"""What others may read about surveys and games: what a card may answer and play now, and why not."""

from datetime import date, datetime
from typing import NamedTuple

from contracts.programme import Programme
from contracts.programme.pastimes import Game, Pastime, Survey
from contracts.programme.periods import Period
from contracts.programme.questions import Question
from runtime.store import Reader
from workers.rewards.caps import times_done
from workers.rewards.documents import Account, Card
from workers.rewards.pastime_documents import GameStock
from workers.rewards.receipts import why_not_earning


class PrizeView(NamedTuple):
    """What can be won in a game."""

    prize: str
    campaign: str | None
    """Of which a coupon is won, or else units."""
    unit: str | None
    amount: int | None
    is_gone: bool
    """Whether all that there were have been won: it is a blank now."""


class PastimeView(NamedTuple):
    """A survey or a game, and whether a card may do it now."""

    kind: str
    """`survey` or `game`."""
    code: str
    text: str
    per: Period
    most: int
    """How often an account may do it in such a period."""
    done: int
    """How often it did in this one."""
    is_open: bool
    refusal: str | None
    """Why it may not be done, as a refusal would say it."""
    starts_on: date | None
    ends_on: date | None
    again_on: date | None
    """When it may be done again, where it was done as often as it may be and the period ends."""
    questions: tuple[Question, ...] = ()
    """Of a survey."""
    prizes: tuple[PrizeView, ...] = ()
    """Of a game; how likely each is stays with the programme."""


class PastimeViews:
    """Read-only queries over surveys and games.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def pastimes(self, card_number: str, programme: Programme, now: datetime) -> list[PastimeView] | None:
        """Every survey and game that isn't over, for a card; None if nobody knows the card."""
        card = await self._reader.get(Card, card_number)
        account = None if card is None or card.account_id is None else await self._reader.get(Account, card.account_id)
        if card is None or account is None:
            return None
        rules, today = programme.rewards, now.astimezone(programme.zone).date()
        stopped = why_not_earning(card, None)
        found = [
            _seen(each, "survey", 1, account, stopped, today) for each in rules.surveys if not _is_over(each, today)
        ]
        surveys = {each.code: each for each in rules.surveys}
        shown = [each._replace(questions=surveys[each.code].questions) for each in found]
        games = [each for each in rules.games if not _is_over(each, today)]
        for game in games:
            stock = await self._reader.get(GameStock, game.code) or GameStock(id=game.code)
            seen = _seen(game, "game", game.plays, account, stopped, today)
            shown.append(seen._replace(prizes=_prizes(game, stock)))
        return shown


def _is_over(pastime: Survey | Game, today: date) -> bool:
    return pastime.ends_on is not None and pastime.ends_on < today


def _seen(pastime: Pastime, kind: str, most: int, account: Account, stopped: str | None, today: date) -> PastimeView:
    done = times_done(pastime, account, today)
    is_done = done >= most
    already = "survey_already_answered" if kind == "survey" else "game_already_played"
    refusal = stopped or (f"{kind}_not_running" if not pastime.runs(today) else already if is_done else None)
    next_day = pastime.per.next_day(today)
    comes_again = (
        is_done and pastime.per is not Period.EVER and (pastime.ends_on is None or next_day <= pastime.ends_on)
    )
    return PastimeView(
        kind=kind,
        code=pastime.code,
        text=pastime.text,
        per=pastime.per,
        most=most,
        done=done,
        is_open=refusal is None,
        refusal=refusal,
        starts_on=pastime.starts_on,
        ends_on=pastime.ends_on,
        again_on=next_day if comes_again else None,
    )


def _prizes(game: Game, stock: GameStock) -> tuple[PrizeView, ...]:
    return tuple(
        PrizeView(
            prize=each.code,
            campaign=each.prize.campaign,
            unit=None if each.prize.units is None else each.prize.units.unit,
            amount=None if each.prize.units is None else each.prize.units.amount,
            is_gone=each.stock is not None and stock.count(each.code) >= each.stock,
        )
        for each in game.prizes
    )
