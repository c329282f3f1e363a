"""Timelines, and that no change to the trail goes unnoticed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cards import CardBlocked
from contracts.codes import CodePurpose, CodeRejected
from contracts.messages import Actor, ActorKind, CommandEnded, Message, Outcome, Said
from runtime.documents import Document
from tests.decisions import NOON, context, decide
from tests.workers.memory_reader import MemoryReader
from workers.audit.chains import chain_name, chain_of, entry_hash
from workers.audit.documents import Chain, Entry
from workers.audit.recording import record, record_outcome
from workers.audit.views import AuditViews, InvalidCursor, InvalidHeads, read_heads, unrecorded, verify

CARD = "4000000000000002"
OTHER_CARD = "4000000000000010"
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="olga", call_id="call-7")
CHAIN = chain_of(CardBlocked(card_number=CARD, member_id=None, reason="lost"))


def trail(*messages: Message) -> MemoryReader:
    """The trail after these messages, a second apart."""
    reader = MemoryReader()
    heads: dict[str, Document] = {}
    for second, message in enumerate(messages):
        now = context(message_id=f"m-{second}", actor=OPERATOR, now=NOON + timedelta(seconds=second))
        handler = record_outcome if isinstance(message, CommandEnded) else record
        told = decide(handler, message, context=now, chain=heads.get(chain_of(message)))
        heads[chain_of(message)] = told.document(Chain)
        reader.put(*told.documents)
    return reader


def blocked(card_number: str = CARD, member_id: str | None = "m1", reason: str = "lost") -> CardBlocked:
    return CardBlocked(card_number=card_number, member_id=member_id, reason=reason)


def refusal(card_number: str) -> CommandEnded:
    return CommandEnded(
        command_id="c-9", command="RecordPurchase", subject=card_number, outcome=Outcome.REFUSED, code="card_blocked"
    )


class Growing(MemoryReader):
    """A trail to whose chain an entry is added just after its head was read."""

    def __init__(self, *messages: Message) -> None:
        super().__init__()
        self.raw, self.later = trail(*messages).raw, trail(*messages, blocked())

    async def get(self, document_class: type[Any], document_id: str) -> Any:
        found = await super().get(document_class, document_id)
        if document_id == CHAIN:
            self.raw = self.later.raw
        return found


class TestTimeline:
    async def test_shows_what_happened_newest_first_with_who_and_in_which_call(self) -> None:
        views = AuditViews(trail(blocked(), refusal(CARD), blocked(OTHER_CARD, "m2")))

        lines = await views.timeline([CARD, "m1"])

        assert [line.what for line in lines] == ["RecordPurchase", "CardBlocked"]
        assert (lines[0].outcome, lines[0].code) == (Outcome.REFUSED, "card_blocked")
        assert lines[1].facts == {"card_number": CARD, "member_id": "m1", "reason": "lost"}
        assert {line.actor for line in lines} == {OPERATOR}
        assert lines[1].happened_at == NOON

    async def test_shows_a_member_that_a_code_was_wrong(self) -> None:
        rejected = CodeRejected(challenge_id="c-1", purpose=CodePurpose.VERIFY_PHONE, tries_left=4, subject_id="m1")
        said = Said(type="CodeRejected", body=rejected.model_dump(mode="json"))
        ended = CommandEnded(
            command_id="c-9", command="ConfirmPhone", subject="m1", outcome=Outcome.DONE, events=(said,)
        )

        lines = await AuditViews(trail(rejected, ended)).timeline(["m1"])
        assert [line.what for line in lines] == ["ConfirmPhone", "CodeRejected"]

    async def test_finds_a_member_by_the_cards_that_the_caller_names(self) -> None:
        views = AuditViews(trail(blocked(member_id=None), refusal(CARD)))

        assert len(await views.timeline(["m1", CARD])) == 2
        assert await views.timeline(["m1"]) == []

    async def test_nobody_is_found_by_nothing(self) -> None:
        assert await AuditViews(trail(blocked())).timeline([]) == []

    async def test_goes_on_where_a_page_ended(self) -> None:
        views = AuditViews(trail(*[blocked(reason=f"r{n}") for n in range(7)]))

        seen: list[Any] = []
        cursor = None
        while page := await views.timeline([CARD], limit=3, before=cursor):
            seen += [line.facts["reason"] for line in page]
            cursor = page[-1].cursor

        assert seen == [f"r{n}" for n in reversed(range(7))]

    async def test_shows_what_happened_between_two_instants(self) -> None:
        views = AuditViews(trail(*[blocked(reason=f"r{n}") for n in range(7)]))
        since, until = NOON + timedelta(seconds=2), NOON + timedelta(seconds=5)

        first = await views.timeline([CARD], 2, since=since, until=until)
        rest = await views.timeline([CARD], 2, first[-1].cursor, since=since, until=until)

        assert [line.facts["reason"] for line in (*first, *rest)] == ["r4", "r3", "r2"]

    @pytest.mark.parametrize(
        "cursor", ["0001-01-01T00:00:00+14:00|x", "", "now", "2026-11-22T12:00:00Z", "2026-11-22T12:00:00|07/1"]
    )
    async def test_knows_a_cursor_that_no_line_has(self, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            await AuditViews(trail(blocked())).timeline([CARD], before=cursor)


class TestUnrecorded:
    async def test_are_those_without_an_entry(self) -> None:
        assert await unrecorded(trail(blocked(), blocked()), {"m-0", "m-1", "m-2"}) == {"m-2"}

    @pytest.mark.parametrize("content", ["{", "[]", "7", '{"id":[]}', None, 7])
    async def test_passes_by_what_can_not_be_read(self, content: Any) -> None:
        reader = trail(blocked(), blocked())
        reader.collection(Entry)[f"{CHAIN}/{1:012d}"]["content"] = content

        assert await unrecorded(reader, {"m-0", "m-1"}) == {"m-0"}


class TestNotedHeads:
    @settings(max_examples=40, deadline=None)
    @given(length=st.integers(1, 6), added=st.integers(0, 4))
    async def test_are_gone_through_by_a_trail_that_only_grew(self, length: int, added: int) -> None:
        noted = read_heads(json.dumps((await verify(trail(*[blocked()] * length))).heads))

        assert (await verify(trail(*[blocked()] * (length + added)), noted)).is_whole

    async def test_tell_of_a_chain_that_was_cut(self) -> None:
        noted = read_heads(json.dumps((await verify(trail(*[blocked()] * 5))).heads))

        (found,) = (await verify(trail(*[blocked()] * 3), noted)).breaks
        assert (found.sequence, found.reason) == (4, "the chain had 5 entries when its head was noted")

    async def test_tell_of_a_chain_that_is_gone(self) -> None:
        noted = read_heads(json.dumps((await verify(trail(blocked()))).heads))

        (found,) = (await verify(MemoryReader(), noted)).breaks
        assert (found.chain, found.sequence) == (CHAIN, 1)

    async def test_tell_of_a_chain_that_was_written_anew(self) -> None:
        noted = read_heads(json.dumps((await verify(trail(blocked(), blocked()))).heads))
        forged = trail(blocked(reason="other"), blocked(), blocked())

        assert (await verify(forged)).is_whole
        (found,) = (await verify(forged, noted)).breaks
        assert (found.sequence, found.reason) == (2, "the entry had another hash when noted")

    @pytest.mark.parametrize("text", ["", "[]", '{"07":7}', '{"07":"7"}', '{"07":"x:y"}', '{"48":"1:x"}'])
    def test_that_are_none_are_told(self, text: str) -> None:
        with pytest.raises(InvalidHeads):
            read_heads(text)


class TestVerify:
    async def test_finds_an_untouched_trail_whole(self) -> None:
        verdict = await verify(trail(*[blocked(reason=f"r{n}") for n in range(5)], refusal(OTHER_CARD)))

        assert verdict.is_whole
        assert verdict.entries == 6
        assert verdict.heads[CHAIN].startswith("5:")

    async def test_finds_no_trail_whole(self) -> None:
        assert (await verify(MemoryReader())).is_whole

    @settings(max_examples=60, deadline=None)
    @given(length=st.integers(1, 6), picked=st.data())
    async def test_finds_any_change_to_any_field(self, length: int, picked: st.DataObject) -> None:
        reader = trail(*[blocked(reason=f"r{n}") for n in range(length)])
        at = picked.draw(st.integers(1, length))
        entry = reader.collection(Entry)[f"{CHAIN}/{at:012d}"]
        field = picked.draw(st.sampled_from(["content", "hash", "subjects", "happened_at"]))
        changes: dict[str, Any] = {
            "content": entry["content"].replace("olga", "otto"),
            "hash": "0" * 64,
            "subjects": (CARD,),
            "happened_at": entry["happened_at"] + timedelta(milliseconds=1),
        }
        if picked.draw(st.booleans()):
            entry[field] = changes[field]
        else:
            del entry[field]

        (found,) = (await verify(reader)).breaks
        assert (found.chain, found.sequence) == (CHAIN, at)

    @settings(max_examples=40, deadline=None)
    @given(length=st.integers(1, 6), picked=st.data())
    async def test_finds_any_removal(self, length: int, picked: st.DataObject) -> None:
        reader = trail(*[blocked(reason=f"r{n}") for n in range(length)])
        at = picked.draw(st.integers(1, length))
        del reader.collection(Entry)[f"{CHAIN}/{at:012d}"]

        (found,) = (await verify(reader)).breaks
        assert (found.chain, found.sequence) == (CHAIN, at)

    @settings(max_examples=40, deadline=None)
    @given(length=st.integers(2, 6), picked=st.data())
    async def test_finds_any_two_that_changed_places(self, length: int, picked: st.DataObject) -> None:
        reader = trail(*[blocked(reason=f"r{n}") for n in range(length)])
        one, other = picked.draw(st.lists(st.integers(1, length), min_size=2, max_size=2, unique=True))
        entries = reader.collection(Entry)
        first, second = f"{CHAIN}/{one:012d}", f"{CHAIN}/{other:012d}"
        entries[first], entries[second] = {**entries[second], "_id": first}, {**entries[first], "_id": second}

        (found,) = (await verify(reader)).breaks
        assert (found.chain, found.sequence) == (CHAIN, min(one, other))

    async def test_finds_a_change_whose_hash_was_made_to_fit(self) -> None:
        reader = trail(blocked(), blocked(), blocked())
        entry = reader.collection(Entry)[f"{CHAIN}/{2:012d}"]
        before = reader.collection(Entry)[f"{CHAIN}/{1:012d}"]
        entry["content"] = entry["content"].replace("olga", "otto")
        entry["hash"] = entry_hash(before["hash"], entry["_id"], entry["content"])

        (found,) = (await verify(reader)).breaks
        assert found.sequence == 3

    async def test_finds_an_entry_beyond_the_head(self) -> None:
        reader = trail(blocked(), blocked())
        reader.collection(Chain)[CHAIN] = trail(blocked()).collection(Chain)[CHAIN]

        (found,) = (await verify(reader)).breaks
        assert (found.sequence, found.reason) == (2, "the entry is beyond the chain's head")

    async def test_finds_a_chain_without_its_head(self) -> None:
        reader = trail(blocked(), blocked())
        reader.collection(Chain).clear()

        (found,) = (await verify(reader)).breaks
        assert found.sequence == 1

    async def test_finds_a_head_with_another_hash(self) -> None:
        reader = trail(blocked())
        reader.collection(Chain)[CHAIN]["hash"] = "0" * 64

        assert not (await verify(reader)).is_whole

    @pytest.mark.parametrize(
        "stray",
        [
            "48/000000000001",
            "99/000000000001",
            "",
            "07",
            "07/~1",
            f"{CHAIN}/1",
            f"{CHAIN}/000000000001\n",
            "~",
            7,
            b"07/1",
        ],
    )
    async def test_finds_an_entry_outside_of_all_chains(self, stray: Any) -> None:
        reader = trail(blocked())
        entry = reader.collection(Entry)[f"{CHAIN}/{1:012d}"]
        reader.collection(Entry)[stray] = {**entry, "_id": stray}

        assert repr(stray) in [each.where for each in (await verify(reader)).breaks]

    @pytest.mark.parametrize("sequence", [0, 2, 3, 99, 10**12])
    async def test_finds_an_entry_in_a_chain_that_its_head_does_not_lead_to(self, sequence: int) -> None:
        reader = trail(blocked())
        entry = reader.collection(Entry)[f"{CHAIN}/{1:012d}"]
        stray = f"{CHAIN}/{sequence:012d}"
        reader.collection(Entry)[stray] = {**entry, "_id": stray}

        assert not (await verify(reader)).is_whole

    @pytest.mark.parametrize("stray", ["48", "7", "", 7])
    async def test_finds_a_head_of_no_chain(self, stray: Any) -> None:
        reader = trail(blocked())
        reader.collection(Chain)[stray] = {**reader.collection(Chain)[CHAIN], "_id": stray}

        (found,) = (await verify(reader)).breaks
        assert (found.where, found.reason) == (repr(stray), "the head of no chain that there is")

    async def test_finds_a_head_that_can_not_be_read(self) -> None:
        reader = trail(blocked())
        reader.collection(Chain)[CHAIN]["length"] = "1"

        (found,) = (await verify(reader)).breaks
        assert (found.where, found.reason) == (CHAIN, "the chain's head can't be read")

    async def test_is_not_misled_by_entries_that_are_added_meanwhile(self) -> None:
        reader = Growing(blocked())

        assert (await verify(reader)).is_whole

    async def test_finds_an_entry_beyond_the_head_of_a_chain_that_grows(self) -> None:
        reader = Growing(blocked())
        stray = f"{CHAIN}/{99:012d}"
        for raw in (reader.raw, reader.later.raw):
            raw["entries"][stray] = {**raw["entries"][f"{CHAIN}/{1:012d}"], "_id": stray}

        assert not (await verify(reader)).is_whole

    async def test_leaves_other_chains_readable(self) -> None:
        reader = trail(blocked(), refusal(OTHER_CARD))
        reader.collection(Entry)[f"{CHAIN}/{1:012d}"]["hash"] = "0" * 64

        verdict = await verify(reader)

        assert [each.chain for each in verdict.breaks] == [CHAIN]
        assert verdict.entries == 1
        assert chain_name(7) == "07"
