"""Rights at the worker: every command by every kind of actor, forged straight into Kafka."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import uuid_utils
from pymongo import MongoClient

from contracts.catalogue import COMMANDS
from contracts.messages import Actor, ActorKind, Command, Envelope, Outcome
from contracts.programme import Programme
from contracts.registration import Channel, RegisterMember
from runtime.decisions import Context, NotLoaded, Refused, decide
from runtime.documents import View
from runtime.edge import stamped
from runtime.journal import JournalRecord
from runtime.publishing import Publisher
from runtime.settings import Settings
from runtime.store import Library, ended
from services.gateway.examples import EXAMPLES
from tests.contracts.golden.examples import example
from tests.journeys.running import Punchcard, eventually, everything
from tests.journeys.test_journey import card_number, join, receipt

DEMO = Programme.read(Path("programme.yaml"))
PAGE = Path(__file__).parents[2] / "docs" / "security.md"
KINDS = tuple(ActorKind)
NO_RIGHT = frozenset({"actor_not_allowed", "channel_not_allowed", "channel_not_open"})


def rights(table: str) -> dict[str, frozenset[ActorKind]]:
    """Who may do what under the demo programme, as a table in docs/security.md says it to people."""
    found: dict[str, frozenset[ActorKind]] = {}
    for line in PAGE.read_text(encoding="utf-8").split(f"<!-- {table} -->")[1].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 1 + len(KINDS) and cells[0].startswith("`"):
            yes = [kind for kind, cell in zip(KINDS, cells[1:], strict=True) if cell == "yes"]
            found[cells[0].strip("`")] = frozenset(yes)
    return found


RIGHTS = rights("rights")
CHANNELS = rights("channels")
"""Who may register members, by channel."""


def body_of(name: str, **changes: Any) -> Command:
    """A valid command of this name, whatever was added to the contracts."""
    body = {**example(COMMANDS[name]).model_dump(mode="json"), **EXAMPLES.get(name, {}), **changes}
    return COMMANDS[name].model_validate(
        {key: each for key, each in body.items() if key in COMMANDS[name].model_fields}
    )


def by(kind: ActorKind, causation_id: str | None = None, programme: Programme = DEMO) -> Context[Programme]:
    now = datetime.now(UTC)
    envelope = Envelope(
        id="m-1",
        type="x",
        time=now,
        actor=Actor(kind=kind, id="x"),
        correlation_id="m-1",
        causation_id=causation_id,
    )
    return Context(envelope, now, programme)


def answer_to(command: Command, context: Context[Programme]) -> str:
    """What the runtime's own decision comes to where nothing is kept yet: `done`, or the refusal's code."""
    handler = import_module(f"workers.{command.worker}").worker.handlers[type(command).__name__]
    view = View()
    while True:
        try:
            decide(handler, command, context, view)
        except NotLoaded as missing:
            for slot in missing.slots:
                view.loaded(slot, None)
        except Refused as refusal:
            return refusal.code
        else:
            return "done"


class TestTable:
    def test_names_every_command(self) -> None:
        assert RIGHTS.keys() == COMMANDS.keys(), "say in docs/security.md who may ask it"

    def test_names_every_channel(self) -> None:
        assert CHANNELS.keys() == {each.value for each in Channel}, "say in docs/security.md who may register there"
        assert frozenset().union(*CHANNELS.values()) == RIGHTS["RegisterMember"]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_a_contract_says_who_may_ask(self, name: str) -> None:
        assert COMMANDS[name].actors, "class X(Command, …, actors=…)"
        assert RIGHTS[name] <= COMMANDS[name].actors

    def test_is_closed_for_a_command_that_says_nothing(self) -> None:
        class Forgotten(Command, worker="cards", key="card_number"):
            card_number: str

        assert Forgotten.actors == frozenset()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", COMMANDS)
class TestContract:
    def test_is_held_before_anything_is_looked_at(self, name: str, kind: ActorKind) -> None:
        if kind in COMMANDS[name].actors:
            return
        assert answer_to(body_of(name), by(kind)) == "actor_not_allowed"

    def test_what_follows_from_a_message_is_asked_by_a_worker_whoever_caused_it(
        self, name: str, kind: ActorKind
    ) -> None:
        is_refused = answer_to(body_of(name), by(kind, causation_id="m-0")) == "actor_not_allowed"
        assert is_refused or ActorKind.WORKER in COMMANDS[name].actors


def without(rules: Any, right: str) -> Any:
    """The rules in which nobody has a right."""
    first, _, rest = right.partition(".")
    return rules.model_copy(update={first: without(getattr(rules, first), rest) if rest else ()})


@pytest.mark.parametrize("name", sorted(name for name, each in COMMANDS.items() if each.right is not None))
class TestRight:
    """Whoever the contract lets ask: the worker asks the programme, before it looks at anything else."""

    def test_is_refused_by_the_worker_to_whom_the_programme_does_not_give_it(self, name: str) -> None:
        right = str(COMMANDS[name].right)
        given = attrgetter(right)(DEMO)
        for kind in COMMANDS[name].actors:
            refusal = answer_to(body_of(name), by(kind))
            assert (refusal == "actor_not_allowed") == (kind not in given), kind

    def test_is_nobody_s_where_the_programme_gives_it_to_nobody(self, name: str) -> None:
        nobody_s = without(DEMO, str(COMMANDS[name].right))
        for kind in COMMANDS[name].actors:
            assert answer_to(body_of(name), by(kind, programme=nobody_s)) == "actor_not_allowed"


@dataclass(frozen=True)
class Forged:
    """A command that somebody wrote into Kafka themselves."""

    id: str
    kind: ActorKind
    command: Command

    @property
    def name(self) -> str:
        return type(self.command).__name__


def forgeries(facts: dict[str, Any]) -> Iterator[Forged]:
    """Every command by every kind, about what is there; registrations at every channel."""
    now = datetime.now(UTC)
    for name, command_class in COMMANDS.items():
        fields = {key: value for key, value in facts.items() if key in command_class.model_fields}
        fields |= {key: now for key in ("purchased_at", "refunded_at") if key in command_class.model_fields}
        for kind in KINDS:
            at = command_class.model_fields.get("channel")
            is_at_any = at is not None and at.annotation is Channel
            changes = [{"channel": each} for each in Channel] if is_at_any else [{}]
            for change in changes:
                yield Forged(str(uuid_utils.uuid7()), kind, body_of(name, **fields, **change))


async def prepared(punchcard: Punchcard) -> dict[str, Any]:
    """A member with a card, a purchase and a reward: what commands can be about."""
    card = card_number(7)
    member_id = await join(punchcard, card)
    sale = receipt(card, 1, coffees=12)
    await punchcard.done(ActorKind.POS, "RecordPurchase", **sale)
    issued = await punchcard.done(ActorKind.POS, "RedeemReward", card_number=card, reward="coffee")
    reward = issued["RewardIssued"]
    facts = {"card_number": card, "member_id": member_id, "account_id": reward["account_id"]}
    return facts | {"reward_id": reward["reward_id"], "subject": member_id}


async def sent(settings: Settings, forged: list[Forged]) -> dict[str, JournalRecord]:
    """How each of these ended."""
    publisher = Publisher(settings, "forger")
    await publisher.start()
    library = Library(settings)
    try:
        actors = {kind: Actor(kind=kind, id="forger") for kind in KINDS}
        await publisher.publish(
            [stamped(settings, "forger", each.command, each.id, actors[each.kind], None) for each in forged]
        )
        found: dict[str, JournalRecord] = {}

        async def look() -> int:
            for each in forged:
                if each.id not in found:
                    record = await library.worker(each.command.worker).journal(each.id)
                    if record is not None:
                        found[each.id] = record
            return len(found)

        await eventually(look, lambda count: count == len(forged), "every outcome")
    finally:
        await publisher.stop()
        library.close()
    return found


def code_of(record: JournalRecord) -> str | None:
    outcome = ended(record)
    assert outcome is not None
    return outcome.code if record.outcome is Outcome.REFUSED else None


class TestForged:
    async def test_is_refused_by_the_worker_where_the_table_says_no_and_that_is_in_the_audit(
        self, settings: Settings
    ) -> None:
        async with everything(settings) as punchcard:
            forged = list(forgeries(await prepared(punchcard)))
            records = await sent(settings, forged)
            let_in = [each for each in forged if code_of(records[each.id]) not in NO_RIGHT]
            failed = [each for each in forged if records[each.id].outcome is Outcome.FAILED]
            refused = {each.id for each in forged if code_of(records[each.id]) in NO_RIGHT}
            audit = await recorded(settings, refused)

        assert failed == []
        assert {(each.name, each.kind) for each in let_in} == pairs(RIGHTS)
        at_channels = {
            (each.command.channel.value, each.kind) for each in let_in if isinstance(each.command, RegisterMember)
        }
        assert at_channels == pairs(CHANNELS)
        assert audit == refused


def pairs(table: dict[str, frozenset[ActorKind]]) -> set[tuple[str, ActorKind]]:
    """A table's cells that say yes."""
    return {(name, kind) for name, kinds in table.items() for kind in kinds}


async def recorded(settings: Settings, refused: set[str]) -> set[str]:
    """Which of these refusals the trail tells of, each with the actor who was refused and the code."""

    def look() -> set[str]:
        with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
            contents = [json.loads(raw["content"]) for raw in client[settings.database("audit")]["entries"].find()]
        return {
            each["body"]["command_id"]
            for each in contents
            if each["what"] == "CommandEnded" and each["actor"]["id"] == "forger" and each["body"]["code"] in NO_RIGHT
        } & refused

    return await eventually(lambda: asyncio.to_thread(look), lambda found: found == refused, "the audit", 0.5)
