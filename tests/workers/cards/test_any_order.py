"""Whatever is done with cards, and in whatever order others hear of it, all workers end with the same picture."""

from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cards import (
    BlockCard,
    CardState,
    ChangeCardCategory,
    DeleteCard,
    IssueCard,
    IssueVirtualCard,
    LinkCard,
    ReplaceCard,
    RestoreCard,
    UnblockCard,
)
from contracts.member_life import BlockMember, UnblockMember
from contracts.messages import Actor, ActorKind, Command, Envelope, Event
from contracts.values import luhn_digit
from runtime.decisions import Context, NotLoaded, Refused, decide
from runtime.documents import Document, View
from runtime.sayings import aggregate_version
from tests.decisions import NOON, VAULT
from tests.workers.cards.deck import ANA, BEN, OPERATOR, PROGRAMME, registered
from tests.workers.registration.people import member
from workers import cards, registration, rewards
from workers.cards.documents import Card, LinkedCards
from workers.registration.documents import KnownCard, Member, MemberState
from workers.rewards.documents import Account
from workers.rewards.documents import Card as RewardsCard

NUMBERS = tuple(digits + luhn_digit(digits) for digits in (f"97700000000{place}" for place in range(5)))
WORKERS: dict[str, Any] = {each.name: each for each in (cards.worker, registration.worker, rewards.worker)}
IN_USE = (CardState.ACTIVE, CardState.BLOCKED)

number = st.sampled_from(NUMBERS)


def lost(card_number: str, new_card_number: str) -> tuple[Command, ...]:
    """A card is blocked and replaced."""
    block = BlockCard(card_number=card_number, reason="lost")
    return block, ReplaceCard(card_number=card_number, new_card_number=new_card_number)


single = st.one_of(
    st.builds(LinkCard, card_number=number, member_id=st.sampled_from((ANA, BEN))),
    st.builds(BlockCard, card_number=number, reason=st.just("lost")),
    st.builds(UnblockCard, card_number=number, reason=st.just("found")),
    st.builds(ReplaceCard, card_number=number, new_card_number=number),
    st.builds(DeleteCard, card_number=number),
    st.builds(RestoreCard, card_number=number),
    st.builds(ChangeCardCategory, card_number=number, category=st.sampled_from(("normal", "employee"))),
    st.builds(IssueVirtualCard, member_id=st.sampled_from((ANA, BEN))),
    st.builds(BlockMember, member_id=st.sampled_from((ANA, BEN)), reason=st.just("abuse")),
    st.builds(UnblockMember, member_id=st.sampled_from((ANA, BEN)), reason=st.just("cleared")),
)
steps = st.one_of(single.map(lambda command: (command,)), st.builds(lost, number, number))


class Desk:
    """Three workers, each with what it keeps; what one says is handed to the others when a test says so."""

    def __init__(self) -> None:
        self.views = {name: View() for name in WORKERS}
        self.said: list[tuple[Event, int | None, str]] = []
        """Events of the cards worker with the version of their card, and their ids."""
        self._count = 0

    def ask(self, command: Command) -> bool:
        """Let its worker decide a command; whether it was done. The cards worker hears of members at once."""
        self._count += 1
        try:
            self._take(command.worker, command, f"m-{self._count}", OPERATOR, None)
        except Refused:
            return False
        return True

    def tell(self, worker: str, event: Event, version: int | None, event_id: str) -> None:
        """Let a worker hear an event."""
        if type(event).__name__ in WORKERS[worker].handlers:
            self._take(worker, event, f"{worker}/{event_id}", OPERATOR, version)

    def _take(self, name: str, message: Command | Event, message_id: str, actor: Actor, version: int | None) -> None:
        worker, view = WORKERS[name], self.views[name]
        envelope = Envelope(
            id=message_id,
            type="Test",
            time=NOON,
            actor=actor,
            correlation_id="c",
            causation_id=None if message_id.count("/") == 0 else "c",
            version=version,
        )
        while True:
            try:
                decision = decide(
                    worker.handlers[type(message).__name__],
                    message,
                    Context[Any](envelope, NOON, PROGRAMME, VAULT),
                    view,
                )
            except NotLoaded as missing:
                for slot in missing.slots:
                    view.loaded(slot, None)
                continue
            break
        view.take(decision.documents, decision.erased)
        for place, said in enumerate(decision.messages):
            said_id = f"{message_id}/{place}"
            if isinstance(said, Command):
                self._take(name, said, said_id, Actor(kind=ActorKind.SYSTEM, id="us"), None)
            elif name == "cards":
                self.said.append((said, aggregate_version(worker, said, decision, view), said_id))
            elif name == "registration":
                self.tell("cards", said, aggregate_version(worker, said, decision, view), said_id)

    def all(self, name: str, document_class: type[Any]) -> dict[str, Any]:
        """Every document of a class that a worker holds, by id."""
        held: list[Document] = [after for _, _, after in self.views[name].written()]
        return {each.id: each for each in held if isinstance(each, document_class)}


def opened() -> Desk:
    """Ana and Ben are members; five cards are known, and each of them has one."""
    desk = Desk()
    for name in (ANA, BEN):
        desk.views["registration"].take({(Member, name): member(name)}, [])
        desk.tell("cards", registered(None, name), 1, f"r-{name}")
    for place, each in enumerate(NUMBERS):
        assert desk.ask(IssueCard(card_number=each))
        if place < 2:
            assert desk.ask(LinkCard(card_number=each, member_id=(ANA, BEN)[place]))
    return desk


def every_card_is_known_as_it_is(desk: Desk) -> None:
    kept = desk.all("cards", Card)
    for worker, kind in (("rewards", RewardsCard), ("registration", KnownCard)):
        known = desk.all(worker, kind)
        assert known.keys() == kept.keys()
        for each in kept.values():
            assert (known[each.id].state, known[each.id].member_id) == (each.state, each.member_id)
    paying = desk.all("rewards", RewardsCard).values()
    assert {(each.id, each.category, each.suspended_at) for each in paying} == {
        (each.id, each.category, each.suspended_at) for each in kept.values()
    }


def no_card_of_a_blocked_member_works(desk: Desk) -> None:
    for name, each in desk.all("registration", Member).items():
        for card in desk.all("cards", Card).values():
            if card.member_id == name and card.state in IN_USE:
                assert (card.suspended_at is not None) is (each.state is MemberState.BLOCKED)


def members_have_their_cards(desk: Desk) -> None:
    for name in (ANA, BEN):
        mine = [each for each in desk.all("cards", Card).values() if each.member_id == name]
        linked = desk.all("cards", LinkedCards)[name].card_numbers
        assert sorted(linked) == sorted(each.id for each in mine if each.state in IN_USE)
        assert len(linked) <= PROGRAMME.cards.max_linked_cards
        assert sorted(desk.all("registration", Member)[name].card_numbers) == sorted(each.id for each in mine)


def a_chain_has_one_account(desk: Desk) -> None:
    accounts = desk.all("rewards", Account)
    chains: dict[str, set[str]] = {}
    for each in desk.all("cards", Card).values():
        leads_to = desk.all("rewards", RewardsCard)[each.id].account_id
        assert accounts[leads_to].merged_into is None
        chains.setdefault(each.first_number or each.id, set()).add(leads_to)
    assert all(len(ids) == 1 for ids in chains.values())
    assert len({next(iter(ids)) for ids in chains.values()}) == len(chains)


class TestAnyOrder:
    @settings(max_examples=120, deadline=None)
    @given(st.lists(steps, max_size=25), st.randoms(use_true_random=False))
    def test_ends_in_the_same_picture_for_all(self, doings: list[tuple[Command, ...]], chance: Any) -> None:
        desk = opened()
        for command in chain.from_iterable(doings):
            desk.ask(command)
        for worker in ("rewards", "registration"):
            news = list(desk.said)
            chance.shuffle(news)
            for event, version, event_id in news:
                desk.tell(worker, event, version, event_id)

        every_card_is_known_as_it_is(desk)
        no_card_of_a_blocked_member_works(desk)
        members_have_their_cards(desk)
        a_chain_has_one_account(desk)


def test_these_steps_come_to_every_state() -> None:
    desk = opened()
    first, second, third, fourth, _ = NUMBERS
    done = [
        desk.ask(each)
        for each in (
            BlockCard(card_number=first, reason="lost"),
            ReplaceCard(card_number=first, new_card_number=third),
            BlockCard(card_number=third, reason="lost"),
            ReplaceCard(card_number=third, new_card_number=fourth),
            IssueVirtualCard(member_id=BEN),
            BlockCard(card_number=second, reason="lost"),
        )
    ]
    virtual = next(each.id for each in desk.all("cards", Card).values() if each.id not in NUMBERS)
    done += [desk.ask(DeleteCard(card_number=virtual)), desk.ask(IssueVirtualCard(member_id=BEN))]
    done += [desk.ask(RestoreCard(card_number=virtual))]

    assert done == [True] * 8 + [False]
    assert {each.state for each in desk.all("cards", Card).values()} == set(CardState)
