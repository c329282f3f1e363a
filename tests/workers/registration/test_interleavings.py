"""Whatever comes in whatever order, a phone, an email and a card have one owner at most."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cards import BlockCard, CardState, IssueCard
from contracts.codes import CodeRequested
from contracts.messages import Actor, Command, Envelope, Event, Message, without_personal
from contracts.programme import Programme
from contracts.programme.registration import Verification
from contracts.registration import Channel, RegisterMember
from contracts.values import comparable_email, luhn_digit
from contracts.verification import EndRegistration, ResendPhoneCode, VerifyPhone
from runtime.decisions import Context, NotLoaded, Refused, decide
from runtime.documents import Document, View
from runtime.vault import with_seals
from tests.decisions import NOON, VAULT
from tests.workers.registration.people import ACTORS, CONSENTS, DEMO, ITSELF, OPERATOR, RULES
from workers import cards, registration
from workers.cards.documents import Card, LinkedCards
from workers.registration.documents import EmailClaim, KnownCard, Member, PhoneClaim, Registration

PHONES = ("+4915112345678", "+4915112345679", "+4915112345670")
EMAILS = (None, "ana@example.org", "ANA@example.org", "jos\u00e9@example.org", "JOSE\u0301@example.org")
NUMBERS = tuple(digits + luhn_digit(digits) for digits in ("411111111111", "411111111112", "411111111113"))
WORKERS = {"cards": cards.worker, "registration": registration.worker}

registrations = st.builds(
    RegisterMember,
    channel=st.sampled_from(sorted(ACTORS)),
    phone=st.sampled_from(PHONES),
    email=st.sampled_from(EMAILS),
    first_name=st.just("Ana"),
    last_name=st.just("Alvarez"),
    card_number=st.sampled_from((None, *NUMBERS)),
    consents=st.just(CONSENTS),
)
blocks = st.builds(BlockCard, card_number=st.sampled_from(NUMBERS), reason=st.just("lost"))
probes = registrations.filter(lambda command: command.channel.is_self_service)


@dataclass
class House:
    """Two workers, each with a view of its own, and one queue for each of them per author, in the author's order."""

    views: dict[str, View] = field(default_factory=lambda: {name: View() for name in WORKERS})
    queues: dict[tuple[str, str], list[tuple[Envelope, Message]]] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    """What each message's sender is shown: the code, or the events less what is personal in them."""
    programme: Programme = DEMO
    now: datetime = NOON
    texts: list[CodeRequested] = field(default_factory=list)
    """The codes that were sent to phones."""

    def ask(self, message_id: str, command: Command, actor: Actor) -> None:
        """Put a command of an edge into its worker's queue."""
        envelope = Envelope(id=message_id, type="Test", time=NOON, actor=actor, correlation_id=message_id)
        sealed = with_seals(command, message_id, VAULT)
        self.queues.setdefault((command.worker, message_id), []).append((envelope, sealed))

    def work(self, queue: tuple[str, str]) -> None:
        """Let a worker decide the next message of a queue."""
        waiting = self.queues[queue]
        envelope, message = waiting.pop(0)
        if not waiting:
            del self.queues[queue]
        worker, view = WORKERS[queue[0]], self.views[queue[0]]
        handler = worker.handlers[type(message).__name__]
        while True:
            try:
                decision = decide(handler, message, Context[Any](envelope, self.now, self.programme, VAULT), view)
            except NotLoaded as missing:
                for slot in missing.slots:
                    view.loaded(slot, None)
                continue
            except Refused as refusal:
                assert not isinstance(message, Event), "an event's handler never refuses"
                self.answers[envelope.id] = (refusal.code, refusal.details)
                return
            break
        view.take(decision.documents, decision.erased)
        events = [said for said in decision.messages if isinstance(said, Event)]
        self.answers[envelope.id] = [(type(event), without_personal(event)) for event in events]
        self.texts += [each for each in events if isinstance(each, CodeRequested) and each.phone is not None]
        for number, said in enumerate(decision.messages):
            follows = envelope.model_copy(update={"id": f"{envelope.id}/x-{number}", "causation_id": envelope.id})
            for name, other in WORKERS.items():
                if type(said).__name__ in other.handlers:
                    author = queue[0] if isinstance(said, Event) else f"{queue[0]} asks"
                    self.queues.setdefault((name, author), []).append((follows, said))

    def all(self, worker: str, document_class: type[Any]) -> list[Any]:
        """Every document of a class that a worker holds."""
        held: list[Document] = [after for _, _, after in self.views[worker].written()]
        return [each for each in held if isinstance(each, document_class)]


def each_has_one_owner(house: House) -> None:
    members: list[Member] = house.all("registration", Member)
    phones = Counter(member.phone for member in members)
    emails = Counter(comparable_email(member.email) for member in members if member.email)
    linked = Counter(number for member in members for number in member.card_numbers)
    assert not [each for each, owners in (phones + emails + linked).items() if owners > 1]

    assert {claim.id: claim.member_id for claim in house.all("registration", PhoneClaim)} == {
        member.phone: member.id for member in members
    }
    assert {claim.id: claim.member_id for claim in house.all("registration", EmailClaim)} == {
        comparable_email(member.email): member.id for member in members if member.email
    }


def both_workers_agree(house: House) -> None:
    members: list[Member] = house.all("registration", Member)
    owners = {card.number: card.member_id for card in house.all("cards", Card) if card.member_id is not None}
    assert owners == {number: member.id for member in members for number in member.card_numbers}
    assert owners == {number: linked.id for linked in house.all("cards", LinkedCards) for number in linked.card_numbers}
    assert not any(member.refused_cards for member in members), "a claimed card is always linked"
    known: dict[str, KnownCard] = {card.id: card for card in house.all("registration", KnownCard)}
    for card in house.all("cards", Card):
        assert (known[card.number].member_id, known[card.number].state) == (card.member_id, card.state)
        assert (card.state is CardState.TO_ISSUE) == (card.member_id is None)


class TestAnyInterleaving:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(registrations, max_size=10), st.lists(blocks, max_size=2), st.data())
    def test_leaves_each_phone_email_and_card_with_one_owner_at_most(
        self, joining: list[RegisterMember], blocking: list[BlockCard], data: st.DataObject
    ) -> None:
        house = House()
        for number in NUMBERS:
            house.ask(f"issue-{number}", IssueCard(card_number=number), OPERATOR)
        if data.draw(st.booleans(), "cards are known before anybody joins"):
            while house.queues:
                house.work(min(house.queues))
        for place, command in enumerate(joining):
            house.ask(f"join-{place}", command, ACTORS[command.channel])
        for place, block in enumerate(blocking):
            house.ask(f"block-{place}", block, OPERATOR)

        while house.queues:
            house.work(data.draw(st.sampled_from(sorted(house.queues)), "next"))
            each_has_one_owner(house)

        both_workers_agree(house)
        assert house.all("registration", Registration) == [], "nobody waits for ever"

    def test_lets_people_in_at_all(self) -> None:
        house = House()
        house.ask("issue", IssueCard(card_number=NUMBERS[0]), OPERATOR)
        house.work(("cards", "issue"))
        while house.queues:
            house.work(min(house.queues))
        for number, channel in enumerate((Channel.MOBILE_APP, Channel.CALL, Channel.CALL)):
            command = RegisterMember(
                channel=channel,
                phone=PHONES[min(number, 1)],
                last_name="Alvarez",
                first_name="Ana",
                card_number=None if number else NUMBERS[0],
                consents=CONSENTS,
            )
            house.ask(f"join-{number}", command, ACTORS[channel])
        while house.queues:
            house.work(min(house.queues))

        channels = {member.channel for member in house.all("registration", Member)}
        assert channels == {Channel.CALL, Channel.MOBILE_APP}
        assert house.answers["join-2"] == ("phone_already_registered", {})
        both_workers_agree(house)
        assert [card.state for card in house.all("cards", Card)] == [CardState.ACTIVE]


VERIFYING = DEMO.model_copy(
    update={
        "registration": RULES.model_copy(
            update={
                "channels": {
                    channel: rules.model_copy(update={"verification": Verification.REQUIRED})
                    for channel, rules in RULES.channels.items()
                },
                "verifiers": tuple({actor.kind for actor in ACTORS.values()}),
            }
        )
    }
)


def typed(house: House, text: CodeRequested, is_wrong: bool) -> VerifyPhone:
    """What somebody types who reads a text, rightly or wrongly."""
    code = VAULT.code(text.purpose.value, text.code_id, text.phone or "")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    return VerifyPhone(registration_id=text.challenge_id, code=wrong if is_wrong else code)


class TestAnyInterleavingWithCodes:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(registrations, max_size=7), st.data())
    def test_leaves_each_phone_email_and_card_with_one_owner_at_most(
        self, joining: list[RegisterMember], data: st.DataObject
    ) -> None:
        house = House(programme=VERIFYING)
        for number in NUMBERS:
            house.ask(f"issue-{number}", IssueCard(card_number=number), OPERATOR)
        if data.draw(st.booleans(), "cards are known before anybody joins"):
            while house.queues:
                house.work(min(house.queues))
        for place, command in enumerate(joining):
            house.ask(f"join-{place}", command, ACTORS[command.channel])
        asked = 0
        while house.queues or (house.texts and asked < 20):
            if house.texts and asked < 20 and (not house.queues or data.draw(st.booleans(), "somebody types a code")):
                asked += 1
                text = data.draw(st.sampled_from(house.texts), "which")
                resent = ResendPhoneCode(registration_id=text.challenge_id)
                answer = data.draw(st.sampled_from(("right", "right", "wrong", "again")), "how")
                said = resent if answer == "again" else typed(house, text, answer == "wrong")
                house.ask(f"code-{asked}", said, OPERATOR)
                continue
            house.work(data.draw(st.sampled_from(sorted(house.queues)), "next"))
            each_has_one_owner(house)

        self.nobody_is_a_member_without_a_code(house)
        self.waits_end(house)
        both_workers_agree(house)

    def nobody_is_a_member_without_a_code(self, house: House) -> None:
        verified = {text.phone for text in house.texts}
        for each in house.all("registration", Member):
            assert each.phone in verified
            assert each.phone_verified_at == NOON

    def waits_end(self, house: House) -> None:
        """A day later what still waits is forgotten, and its cards are free for others."""
        house.now = NOON + timedelta(days=1)
        for place, each in enumerate(house.all("registration", Registration)):
            house.ask(f"end-{place}", EndRegistration(registration_id=each.id), ITSELF)
        while house.queues:
            house.work(min(house.queues))
        assert house.all("registration", Registration) == []
        members = {member.id for member in house.all("registration", Member)}
        claims = {card.claimed_by for card in house.all("registration", KnownCard)} - {None}
        assert claims <= members

    def test_lets_people_in_at_all(self) -> None:
        house = House(programme=VERIFYING)
        for channel, phone in ((Channel.MOBILE_APP, PHONES[0]), (Channel.CALL, PHONES[1])):
            command = RegisterMember(
                channel=channel, phone=phone, first_name="Ana", last_name="Alvarez", consents=CONSENTS
            )
            house.ask(f"join-{channel}", command, ACTORS[channel])
        while house.queues:
            house.work(min(house.queues))
        assert house.all("registration", Member) == []

        for place, text in enumerate(house.texts):
            house.ask(f"code-{place}", typed(house, text, is_wrong=False), OPERATOR)
        while house.queues:
            house.work(min(house.queues))
        assert {each.phone for each in house.all("registration", Member)} == set(PHONES[:2])


class TestAStranger:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(probes, min_size=1, max_size=8))
    def test_learns_from_no_answer_who_is_a_member(self, asking: list[RegisterMember]) -> None:
        assert answers_to(asking, members=()) == answers_to(asking, members=PHONES[:2])


def answers_to(asking: list[RegisterMember], members: tuple[str, ...]) -> list[object]:
    """What somebody is shown who tries these registrations one after the other, where some are members already."""
    house = House()
    for number in NUMBERS:
        house.ask(f"issue-{number}", IssueCard(card_number=number), OPERATOR)
    for place, phone in enumerate(members):
        said = {"first_name": "Ana", "last_name": "Alvarez", "email": EMAILS[2 * place + 1], "consents": CONSENTS}
        house.ask(f"member-{place}", RegisterMember(channel=Channel.CALL, phone=phone, **said), OPERATOR)
    for place, command in enumerate(asking):
        while house.queues:
            house.work(min(house.queues))
        house.ask(f"probe-{place}", command, ACTORS[command.channel])
    while house.queues:
        house.work(min(house.queues))
    assert len(house.all("registration", Member)) >= len(members)
    return [house.answers[f"probe-{place}"] for place in range(len(asking))]
