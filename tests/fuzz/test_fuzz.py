"""A short fuzz with a fixed seed in every test run, and the account itself: what is lost or doubled is found."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import WORKERS, ActorKind
from contracts.programme import Programme
from contracts.topics import events_topic
from runtime.arrivals import Problem
from runtime.serve import listen_topics
from runtime.settings import Settings
from services.gateway.keys import create_key
from tests.fuzz.account import Account, Aftermath
from tests.fuzz.campaign import reports
from tests.fuzz.files_door import Files
from tests.fuzz.http_door import Order
from tests.fuzz.memory import InMemory
from tests.fuzz.mutations import MUTATIONS
from tests.fuzz.shots import Shot, Valid
from tests.fuzz.topics_door import Shooter, Topics, aftermath_of, all_workers, until_quiet, watching
from tests.journeys.running import everything
from tests.servers import Servers

SETTINGS = Settings(prefix="fuzz")
SEED = 1
SHOTS = 4_000
AT_ONCE = 100


async def played(shots: list[Shot]) -> tuple[Account, Aftermath, Counter[str]]:
    """All workers in memory take these; what came of it, and why letters were written."""
    programme = Programme.read(Path("programme.yaml"))
    workers = {name: InMemory(name, programme, SETTINGS) for name in WORKERS}
    account, aftermath, reasons = Account(SETTINGS.prefix), Aftermath(), Counter[str]()
    for offset, shot in enumerate(shots):
        account.note((shot.topic, 0, offset), shot)
    for name, worker in workers.items():
        topics = listen_topics(worker.worker, SETTINGS.prefix)
        mine = {offset: shot for offset, shot in enumerate(shots) if shot.topic in topics}
        for start in range(0, len(mine), AT_ONCE):
            part = dict(list(mine.items())[start : start + AT_ONCE])
            for settled in await asyncio.wait_for(worker.settle(part), 30):
                for each in settled.outgoing:
                    if each.topic.endswith(".dead"):
                        aftermath.take_letter(name, each, worker.letters_key)
                        reasons[dict(each.headers)["dead_reason"].decode()] += 1
                    elif each.topic.endswith(".results"):
                        aftermath.take_answer(each)
    aftermath.journals = {
        name: {each.id: each.outcome.value for each in worker.notebook.journal.values()}
        for name, worker in workers.items()
    }
    return account, aftermath, reasons


class TestInMemory:
    async def test_accounts_for_every_message_and_finds_no_bug(self) -> None:
        account, aftermath, reasons = await played(Shooter(SETTINGS, SEED).shots(SHOTS))

        outcomes, unaccounted = account.judge(all_workers(), aftermath)

        assert unaccounted == []
        assert sum(sum(each.values()) for each in outcomes.values()) == SHOTS
        assert reasons[Problem.BUG] == reasons[Problem.UNWRITABLE] == 0
        assert {Problem.MALFORMED, Problem.UNKNOWN_TYPE, Problem.TOO_OLD, Problem.REUSED, Problem.TOO_MANY_HOPS} <= set(
            reasons
        )
        ended = Counter[str]()
        for each in outcomes.values():
            ended += each
        assert min(ended[kind] for kind in ("done", "refused", "failed", "dead letter")) > 20

    @pytest.mark.parametrize(
        "value", [b'{"a":' * 5_000, b'{"a":' + b"[" * 5_000, b'{"personal":"\xff"}', b"\xff", None]
    )
    async def test_buries_of_every_kind_what_can_not_be_read(self, value: bytes | None) -> None:
        valid = Valid(SETTINGS.prefix, Random(SEED))
        shots = [valid.shot(name) for name in [*COMMANDS, *EVENTS]]
        for shot in shots:
            shot.value = value

        account, aftermath, reasons = await played(shots)

        assert account.judge(all_workers(), aftermath)[1] == []
        assert set(reasons) == {Problem.MALFORMED}

    async def test_takes_what_is_valid(self) -> None:
        valid = Valid(SETTINGS.prefix, Random(SEED))
        _, aftermath, reasons = await played([valid.shot(name) for name in [*COMMANDS, *EVENTS] * 3])

        assert set(reasons) <= {Problem.REFUSED_EVENT}
        assert set(aftermath.answers.values()) <= {"done", "refused"}


class TestShots:
    def test_come_of_every_command_and_event_and_meet_every_mutation(self) -> None:
        shots = Shooter(SETTINGS, SEED).shots(SHOTS)

        marks = {mark for shot in shots for mark in shot.marks}
        types = {(dict(shot.headers).get("ce_type") or b"").decode(errors="replace") for shot in shots}

        assert marks == {each.__name__ for each in MUTATIONS} | {"strays", "repeats", "ages"}
        assert types >= {*COMMANDS, *EVENTS, "CommandEnded"}

    def test_are_the_same_with_the_same_seed(self) -> None:
        first, second = (Shooter(SETTINGS, SEED).shots(200) for _ in range(2))
        assert [(each.topic, each.marks, each.key) for each in first] == [
            (each.topic, each.marks, each.key) for each in second
        ]
        assert [each.marks for each in Shooter(SETTINGS, 2).shots(200)] != [each.marks for each in first]


def _lose_a_letter(aftermath: Aftermath) -> None:
    name = next(name for name, letter in aftermath.letters.items() if letter.reason == Problem.MALFORMED)
    aftermath.letters.pop(name)
    aftermath.buried.clear()


def _lose_reused_ids(aftermath: Aftermath) -> None:
    # All of them: one whose body is its twin's, and only a header is spoilt, isn't missed by itself.
    for name in [name for name, letter in aftermath.letters.items() if letter.reason == Problem.REUSED]:
        aftermath.letters.pop(name)


def _change_a_letter(aftermath: Aftermath) -> None:
    name = next(iter(aftermath.letters))
    aftermath.letters[name] = replace(aftermath.letters[name], digest=b"other")


def _lose_an_answer(aftermath: Aftermath) -> None:
    aftermath.answers.pop(next(name for name, outcome in aftermath.answers.items() if outcome == "refused"))


def _forget_events(aftermath: Aftermath) -> None:
    aftermath.journals = {**aftermath.journals, "audit": {}}


def _answer_twice(aftermath: Aftermath) -> None:
    aftermath.torn_answers.add(("cards", "c-1"))


class TestAccount:
    @pytest.mark.parametrize(
        "damage", [_lose_a_letter, _lose_reused_ids, _change_a_letter, _lose_an_answer, _forget_events, _answer_twice]
    )
    async def test_finds_what_is_missing_or_torn(self, damage: Callable[[Aftermath], None]) -> None:
        account, aftermath, _ = await played(Shooter(SETTINGS, SEED).shots(600))
        assert account.judge(all_workers(), aftermath)[1] == []

        damage(aftermath)

        assert account.judge(all_workers(), aftermath)[1] != []

    async def test_a_command_that_strayed_first_and_is_malformed_is_answered_or_buried(self) -> None:
        valid = Valid(SETTINGS.prefix, Random(SEED)).shot("EraseTexts")
        valid.value = b"{}"
        strayed = valid.copied()
        strayed.topic = events_topic(SETTINGS.prefix, "cards")

        account, aftermath, _ = await played([strayed, valid])

        assert account.judge(all_workers(), aftermath)[1] == []


class TestFiles:
    def test_are_taken_or_refused_in_words(self, tmp_path: Path) -> None:
        keys = tmp_path / "the-keys.yaml"
        for kind in ActorKind:
            create_key(keys, f"key-{kind.value}", kind)
        files = Files(tmp_path, SEED)

        files.attack(60, Path("programme.yaml").read_text(encoding="utf-8"), keys.read_text(encoding="utf-8"))

        assert files.faults == []
        assert sum(files.outcomes.values()) == 60


class TestRealServers:
    async def test_everything_comes_to_rest_and_is_accounted_for(
        self, servers: Servers, settings: Settings, tmp_path: Path
    ) -> None:
        if not servers.kafka_is_apache:
            pytest.skip("takes a while; runs where Apache Kafka is under test, in .ci/run")
        settings = settings.model_copy(update={"dead_letter_limit": 10**9})
        account = Account(settings.prefix)
        async with (
            everything(settings) as whole,
            Topics(settings, account, takes_any_time=False) as topics,
            watching(settings) as look,
        ):
            keys = [create_key(settings.keys_file, f"fuzz-{kind}", kind) for kind in ActorKind]
            order = Order("gateway", whole.url, settings.prefix, SEED, requests=150, cases=40, sockets=16, keys=keys)
            await topics.send(Shooter(settings, SEED).shots(500))
            [report] = [each async for each in reports(tmp_path, [order])]
            await until_quiet(look, 30)
            aftermath = await aftermath_of(settings)

        assert (report["faults"], report["unanswered"], report["not_attacked"]) == ([], [], [])
        assert report["sent"] >= 190
        outcomes, unaccounted = account.judge(all_workers(), aftermath)
        assert unaccounted == []
        assert sum(sum(each.values()) for each in outcomes.values()) == 500
