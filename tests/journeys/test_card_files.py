"""A card file on real servers: interrupted, gone on with, and sent again."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from contracts.messages import Actor, ActorKind, CommandEnded, Outcome
from contracts.programme import Programme
from contracts.programme.cards import NumberRange
from runtime.settings import Settings
from runtime.store import Library
from services.bulk import NumberKey, Sending, card_rows, draw, read_table, sending
from services.bulk.cards import COLUMNS, NEEDED
from tests.journeys.running import everything
from workers.cards.documents import Card

OFFICE = Actor(kind=ActorKind.SYSTEM, id="cli-test")
COUNT = 300


async def cards(settings: Settings) -> int:
    library = Library(settings)
    try:
        return len(await library.worker("cards").find(Card, {}, limit=0))
    finally:
        library.close()


async def test_a_card_file_can_be_interrupted_gone_on_with_and_sent_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "AT_ONCE", 50)
    monkeypatch.setattr(sending, "IN_FLIGHT", 100)
    file = tmp_path / "cards.csv"
    draw(file, NumberKey(b"k" * 32).walk(NumberRange(prefix="977"), 0, COUNT), None)
    rows = card_rows(read_table(file, COLUMNS, NEEDED), Programme.read(Path("programme.yaml")))
    tasks: list[asyncio.Task[None]] = []

    def interrupt(_: int) -> None:
        if len(first) == 100:
            tasks[0].cancel()

    first: dict[str, CommandEnded] = {}
    second: dict[str, CommandEnded] = {}
    third: dict[str, CommandEnded] = {}
    async with everything(settings):
        async with Sending(settings, OFFICE, first, interrupt) as begun:
            tasks.append(asyncio.create_task(begun.send(rows)))
            await asyncio.wait(tasks)
        assert 100 <= len(first) < COUNT

        for answers in (second, third):
            async with Sending(settings, OFFICE, answers, lambda _: None) as again:
                await again.send(rows)
            assert Counter(each.outcome for each in answers.values()) == {Outcome.DONE: COUNT}
        assert await cards(settings) == COUNT
    assert first.items() <= second.items()
    assert second == third


async def test_nobody_who_answers_is_said_in_one_line(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    draw(file, NumberKey(b"k" * 32).walk(NumberRange(prefix="977"), 0, 3), None)
    rows = card_rows(read_table(file, COLUMNS, NEEDED), Programme.read(Path("programme.yaml")))

    with pytest.raises(sending.Unanswered, match=r"3 rows have no outcome after 0 s: do all workers run\?"):
        async with Sending(settings, OFFICE, {}, lambda _: None, patience_seconds=0.1) as begun:
            await begun.send(rows)
