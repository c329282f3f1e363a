"""What is personal in events and dead letters is shut with a key, and nobody opens it once that key is gone."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Final

import pytest

from contracts.messages import ANYBODY, Command, Malformed, Outcome, read_body
from contracts.persons import PersonalEvent
from contracts.topics import commands_topic
from contracts.values import Personal
from runtime.batch import Settled
from runtime.decisions import Changes, Key, Refused, Worker
from runtime.documents import Document, Erase
from runtime.journal import Outgoing
from runtime.letters import DEAD_HEADERS
from runtime.persons import (
    DEAD_LETTERS,
    PersonKey,
    blind,
    bound,
    new_key,
    opened,
    read_open,
    shut,
    shut_event,
    token_in,
)
from runtime.settings import Settings
from tests.runtime import faults
from tests.runtime.machine import Bench, answers, events, letters, message, reasons, replaced, texts, whole

RARE: Final = "Zqxäöü"
WANTED: Final = "Wanted"


class Join(Command, worker="registration", key="person_id", actors=ANYBODY):
    """Become somebody."""

    person_id: str
    name: Personal[str]


class Wave(Command, worker="registration", key="person_id", actors=ANYBODY):
    """Be seen once more."""

    person_id: str


class Leave(Command, worker="registration", key="person_id", actors=ANYBODY):
    """Be nobody any more."""

    person_id: str


class PersonJoined(
    PersonalEvent,
    worker="registration",
    key="person_id",
    about=("Person", "person_id"),
    person="person_id",
    begins=True,
):
    """Somebody is here."""

    person_id: str
    name: Personal[str]
    place: str = "here"


class Person(Document):
    collection: ClassVar = "people"

    name: str


class Greeting(Document):
    collection: ClassVar = "greetings"

    name: str | None


def joining() -> Worker[None]:
    """Who says it."""
    worker = Worker[None]("registration", documents=(Person,))

    @worker.handles(Join)
    def join(command: Join, person: Annotated[Person | None, Key("person_id")]) -> Changes:
        if command.name == "nobody":
            raise ZeroDivisionError
        known = person or Person(id=command.person_id, name=command.name)
        yield known.evolve(name=command.name)
        yield PersonJoined(person_id=command.person_id, name=command.name)

    @worker.handles(Wave)
    def wave(command: Wave, person: Annotated[Person, Key("person_id")]) -> Changes:
        yield person.evolve()
        yield PersonJoined(person_id=person.id, name=person.name, place="there")

    @worker.handles(Leave)
    def leave(command: Leave, person: Annotated[Person | None, Key("person_id")]) -> Changes:
        if person is not None and person.name == WANTED:
            raise Refused("has_to_stay")
        yield Erase(Person, command.person_id), Erase(PersonKey, command.person_id), Erase(PersonKey, DEAD_LETTERS)

    return worker


def greeting(*, opens_personal: bool) -> Worker[None]:
    """Who hears of it."""
    name = "notifications" if opens_personal else "audit"
    worker = Worker[None](name, documents=(Greeting,), opens_personal=opens_personal)

    @worker.handles(PersonJoined)
    def greet(event: PersonJoined) -> Changes:
        yield Greeting(id=event.person_id, name=event.name)

    return worker


ANA: Final = PersonJoined(person_id="ana", name=RARE)


def written(key: bytes, event: PersonalEvent = ANA, message_id: str = "m-1") -> bytes:
    return shut_event(event, message_id)[1](key)


class TestShut:
    def test_opens_with_its_key_where_it_was_bound_to_and_nowhere_else(self) -> None:
        key, other = new_key("ana").key, new_key("ana").key
        closed = shut(key, b"psst", "here")

        assert opened(key, closed, "here") == b"psst"
        assert [opened(other, closed, "here"), opened(key, closed, "there"), opened(key, closed[:-1], "here")] == [
            None
        ] * 3
        assert opened(key, b"", "here") is None

    def test_is_the_same_for_the_same_and_has_another_nonce_for_anything_else(self) -> None:
        key = new_key("ana").key
        closed = [shut(key, plain, place) for plain in (b"a", b"b") for place in ("x", "y")]

        assert shut(key, b"a", "x") == closed[0]
        assert len({each[:12] for each in closed}) == 4


class TestShutEvent:
    def test_says_what_is_not_personal_and_nothing_else(self) -> None:
        public, write = shut_event(ANA, "m-1")
        value = write(new_key("ana").key)

        assert public == b'{"person_id":"ana","place":"here"}'
        assert value.startswith(b'{"person_id":"ana","place":"here","personal":"')
        assert RARE.encode() not in value

    def test_is_read_whole_with_the_key(self) -> None:
        key = new_key("ana").key
        value = written(key)
        token = token_in(value)
        assert token is not None
        assert read_open(PersonJoined, value, token, key, bound(ANA, "m-1")) == ANA
        with pytest.raises(Malformed, match="personal"):
            read_open(PersonJoined, value, token, key, bound(ANA, "m-2"))
        with pytest.raises(Malformed, match="personal"):
            read_open(PersonJoined, value, "no base64 at all", key, bound(ANA, "m-1"))

    def test_is_read_blind_without_one_and_in_clear_too(self) -> None:
        for value in (written(new_key("ana").key), ANA.encoded()):
            seen: Any = read_body(blind(PersonJoined), value)
            assert (type(seen).__name__, seen.person_id, seen.place, seen.name) == ("PersonJoined", "ana", "here", None)
        assert token_in(ANA.encoded()) is None

    @pytest.mark.parametrize(
        "value", [b"[", b'{"a":' + b"[" * 5_000, b'{"personal":"\xff"}'], ids=["cut", "deep", "text"]
    )
    def test_holds_nothing_shut_where_it_is_no_json(self, value: bytes) -> None:
        assert token_in(value) is None


def asked(settings: Settings, id: str, command: Command) -> Outgoing:
    """A command to who joins people."""
    return message(settings, id, command, topic=commands_topic(settings.prefix, "registration"))


def heard(settled: Iterable[Settled]) -> list[Outgoing]:
    """What was said, as others hear it."""
    return events(settled)


class TestPersonalEvent:
    async def test_is_shut_wherever_it_lies_and_opened_for_whom_it_is_meant(self, settings: Settings) -> None:
        async with Bench(settings, joining()) as bench:
            settled = await bench.settle(
                asked(settings, "c1", Join(person_id="ana", name=RARE)), asked(settings, "c2", Wave(person_id="ana"))
            )
            again = await bench.settle(asked(settings, "c1", Join(person_id="ana", name=RARE)))
            said = heard(settled)
            assert heard(again) == said[:1]
            assert all(RARE not in str(each) and b"personal" in (each.value or b"") for each in said)
            assert [each.events[0].body for each in answers(settled)] == [
                {"person_id": "ana", "place": "here"},
                {"person_id": "ana", "place": "there"},
            ]
            later = heard(await bench.settle(asked(settings, "c3", Wave(person_id="ana"))))

        async with Bench(settings, greeting(opens_personal=True)) as friend:
            assert letters(await friend.settle(*said, *later)) == []
            greeted = await friend.store.reader.get(Greeting, "ana")
            assert greeted is not None
            assert (greeted.name, greeted.version) == (RARE, 3)
        async with Bench(settings, greeting(opens_personal=False)) as stranger:
            assert letters(await stranger.settle(*said)) == []
            seen = await stranger.store.reader.get(Greeting, "ana")
            assert seen is not None
            assert seen.name is None

    async def test_is_passed_over_when_its_person_is_gone(self, settings: Settings) -> None:
        async with Bench(settings, joining()) as bench:
            said = heard(await bench.settle(asked(settings, "c1", Join(person_id="ana", name=RARE))))
            await bench.settle(asked(settings, "c2", Leave(person_id="ana")))
            assert await bench.store.reader.get(PersonKey, "ana") is None

        async with Bench(settings, greeting(opens_personal=True)) as friend:
            settled = await friend.settle(*said)
            assert [each.outgoing for each in settled] == [()]
            assert await friend.store.reader.get(Greeting, "ana") is None
            journaled = await friend.store.reader.journal(texts(said[0].headers)["ce_id"])
            assert journaled is not None
            assert journaled.outcome is Outcome.DONE

    @pytest.mark.parametrize("is_commit_lost", [False, True])
    async def test_of_who_goes_in_the_same_batch_is_shut_for_good(
        self, settings: Settings, *, is_commit_lost: bool
    ) -> None:
        async with Bench(settings, joining()) as bench:
            if is_commit_lost:
                faults.unknown_commit(bench.store, is_applied=True)
            settled = await bench.settle(
                asked(settings, "c1", Join(person_id="ana", name=RARE)),
                asked(settings, "c2", Wave(person_id="ana")),
                asked(settings, "c3", Leave(person_id="ana")),
                asked(settings, "c4", Join(person_id="ben", name="B")),
            )
            said = heard(settled)
            assert [each.value for each in said] == [each.value for each in await bench.store.undispatched()]
            kept = await bench.store.reader.find(PersonKey, {})
            assert [each.id for each in kept] == ["ben"]

        async with Bench(settings, greeting(opens_personal=True)) as friend:
            assert letters(await friend.settle(*said)) == []
            greeted = await friend.store.reader.find(Greeting, {})
            assert [(each.id, each.name) for each in greeted] == [("ben", "B")]

    async def test_of_who_has_a_key_already_and_goes_in_the_same_batch_is_shut_for_good(
        self, settings: Settings
    ) -> None:
        async with Bench(settings, joining()) as bench:
            await bench.settle(asked(settings, "c1", Join(person_id="ana", name=RARE)))
            key = await bench.store.reader.get(PersonKey, "ana")
            assert key is not None
            settled = await bench.settle(
                asked(settings, "c2", Wave(person_id="ana")), asked(settings, "c3", Leave(person_id="ana"))
            )
            [said] = heard(settled)
            assert await bench.store.reader.find(PersonKey, {}) == []
            token = token_in(said.value)
            assert token is not None
            with pytest.raises(Malformed, match="personal"):
                read_open(PersonJoined, said.value or b"", token, key.key, bound(ANA, texts(said.headers)["ce_id"]))

    async def test_that_no_key_opens_is_a_dead_letter_with_its_bytes(self, settings: Settings) -> None:
        async with Bench(settings, joining()) as bench:
            said = heard(await bench.settle(asked(settings, "c1", Join(person_id="ana", name=RARE))))
        moved = Outgoing(said[0].topic, said[0].key, said[0].value, replaced(said[0].headers, "ce_id", b"another"))
        async with Bench(settings, greeting(opens_personal=True)) as friend:
            settled = await friend.settle(moved)
            assert reasons(settled) == ["malformed"]
            assert letters(settled)[0].value == moved.value


class TestDeadLetter:
    async def test_of_a_command_that_says_something_personal_is_shut_until_somebody_is_removed(
        self, settings: Settings
    ) -> None:
        broken = asked(settings, "c1", Join(person_id="ana", name="nobody"))
        stranger = Outgoing(broken.topic, None, RARE.encode(), [("ce_id", b"no good id")])
        harmless = asked(settings, "c3", Wave(person_id="ana"))
        harmless = Outgoing(harmless.topic, harmless.key, b'{"person_id":1}', harmless.headers)
        async with Bench(settings, joining()) as bench:
            settled = await bench.settle(broken, stranger, harmless)
            found = letters(settled)
            assert reasons(settled) == ["bug", "malformed", "malformed"]
            assert [b"nobody" in (each.value or b"") or RARE.encode() in (each.value or b"") for each in found] == [
                False
            ] * 3
            reader = bench.store.reader
            kept = [await whole(reader, each) for each in found]
            assert [each and each.value for each in kept] == [broken.value, stranger.value, harmless.value]
            assert found[2].value == harmless.value

            await bench.settle(asked(settings, "c4", Leave(person_id="ben")))
            assert await reader.get(PersonKey, DEAD_LETTERS) is None
            await bench.settle(asked(settings, "c5", Join(person_id="ana", name="nobody")))
            assert [await whole(reader, each) for each in found] == [None, None, found[2]]

    @pytest.mark.parametrize("value", [b'{"name":1}', None])
    async def test_tells_of_a_shut_one_by_the_envelope_alone(self, settings: Settings, value: bytes | None) -> None:
        """A till may have published under somebody's phone, and written it into headers of its own."""
        sent = asked(settings, "c1", Join(person_id="ana", name=RARE))
        null: Any = None
        headers = [("first", RARE.encode()), *sent.headers, ("last", RARE.encode()), ("dead_body", b"1"), ("", null)]
        spoilt = Outgoing(sent.topic, RARE.encode(), value, headers)
        async with Bench(settings, joining()) as bench:
            [letter] = letters(await bench.settle(spoilt))
            assert letter.key is None
            assert RARE.encode() not in b"".join(text or b"" for _, text in letter.headers) + (letter.value or b"")
            assert {name.partition("_")[0] for name, _ in letter.headers} == {"ce", "dead"}
            assert texts(letter.headers)["ce_id"] == "c1"
            kept = await whole(bench.store.reader, letter)

        assert kept is not None
        assert (kept.key, kept.value, kept.headers[: len(headers)]) == (spoilt.key, spoilt.value, headers)
        assert {name for name, _ in kept.headers[len(headers) :]} < set(DEAD_HEADERS)

    @pytest.mark.parametrize("is_commit_lost", [False, True])
    async def test_of_a_batch_that_removes_somebody_is_shut_for_good(
        self, settings: Settings, *, is_commit_lost: bool
    ) -> None:
        """Whether a journal keeps it or not, before the removal and after it."""
        stranger = Outgoing(commands_topic(settings.prefix, "registration"), None, RARE.encode(), [("ce_id", b"no id")])
        async with Bench(settings, joining()) as bench:
            if is_commit_lost:
                faults.unknown_commit(bench.store, is_applied=True)
            settled = await bench.settle(
                *(stranger, asked(settings, "c1", Join(person_id="ana", name="nobody"))),
                asked(settings, "c2", Leave(person_id="ben")),
                *(asked(settings, "c3", Join(person_id="ana", name="nobody")), stranger),
                asked(settings, "c1", Join(person_id="ana", name="somebody else")),
            )
            found = letters(settled)
            assert reasons(settled) == ["malformed", "bug", "bug", "malformed", "id_reused"]
            reader = bench.store.reader
            assert await reader.find(PersonKey, {}) == []

            later = letters(await bench.settle(stranger))
            assert [each and each.value for each in [await whole(reader, one) for one in later]] == [stranger.value]
            assert [await whole(reader, each) for each in found] == [None] * 5

    @pytest.mark.parametrize("how", ["conflict", "lost and not applied", "by another process"])
    async def test_of_a_batch_that_would_have_removed_somebody_opens_when_that_was_refused(
        self, settings: Settings, how: str
    ) -> None:
        stranger = Outgoing(commands_topic(settings.prefix, "registration"), None, RARE.encode(), [("ce_id", b"no id")])
        leave = asked(settings, "c2", Leave(person_id="ben"))
        async with Bench(settings, joining()) as bench, Bench(settings, joining()) as other:
            await bench.settle(asked(settings, "c1", Join(person_id="ben", name="B")))

            async def meddle(_: object) -> None:
                await other.settle(asked(settings, "c3", Join(person_id="ben", name=WANTED)))
                if how == "by another process":
                    await other.settle(leave)

            faults.interfere(bench.store, meddle)
            if how == "lost and not applied":
                faults.unknown_commit(bench.store, is_applied=False)
            settled = await bench.settle(stranger, leave, stranger)
            assert [each.code for each in answers(settled)] == ["has_to_stay"]
            found = letters(settled)
            assert [each and each.value for each in [await whole(bench.store.reader, one) for one in found]] == [
                stranger.value
            ] * 2


class TestDigest:
    async def test_of_what_is_personal_is_nothing_that_can_be_guessed(self, settings: Settings) -> None:
        command = Join(person_id="ana", name=RARE)
        async with Bench(settings, joining()) as bench:
            await bench.settle(asked(settings, "c1", command), asked(settings, "c2", Wave(person_id="ana")))
            journaled = await bench.store.finished(["c1", "c2"])
            assert journaled["c1"].digest != command.digest()
            assert journaled["c2"].digest == Wave(person_id="ana").digest()
