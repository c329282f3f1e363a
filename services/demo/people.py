"""People who join: who they are, through which door they come, what they bring; and those who get it wrong."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any, Final

from contracts.messages import Actor, ActorKind
from contracts.programme import Programme
from contracts.programme.registration import (
    ChoiceQuestion,
    ChoicesQuestion,
    DateQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
)
from contracts.registration import Channel, Consent, RegisterMember
from services.demo.phones import phone_of
from services.demo.scale import Scale
from services.demo.sending import APP, DESKS, OFFICE, WALLET, Sending, till_actor

FIRST_NAMES: Final = (
    *("Ana", "Ben", "Clara", "Deniz", "Emil", "Frida", "Goran", "Hanna", "Ilse", "Jonas", "Kaya", "Lena", "Milo"),
    *("Nora", "Oskar", "Paula", "Quirin", "Rosa", "Sami", "Tilda", "Ugur", "Vera", "Wanda", "Xaver", "Yara", "Zoé"),
)
LAST_NAMES: Final = (
    *("Albers", "Brandt", "Çelik", "Dorn", "Ehlers", "Falk", "Groß", "Horvat", "Issel", "Jansen", "Kovač", "Lorenz"),
    *("Meyer", "Novak", "Ott", "Petersen", "Quast", "Richter", "Sørensen", "Thiel", "Ulrich", "Vogt", "Weber", "Zahn"),
)
NICKNAMES: Final = ("Bean", "Captain", "Doc", "Espresso Lady", "Flat White", "Keks", "Milk Foam", "The Boss")
SHARES: Final = {
    Channel.MOBILE_APP: 30,
    Channel.POINT_OF_SALE: 25,
    Channel.PERSONAL_ACCOUNT: 15,
    Channel.WALLET: 10,
    Channel.CALL: 10,
    Channel.PAPER_FORM: 10,
    Channel.SMS: 5,
}
"""How many of a hundred people come through each door."""
CARD_SHARE: Final = 0.6
"""How many of those who needn't have a card bring one."""


class People:
    """The people of a demo; the n-th is the same person whenever they are asked for."""

    def __init__(self, scale: Scale, programme: Programme) -> None:
        self._scale = scale
        self._programme = programme
        rules = programme.registration.channels
        self._doors = [channel for channel in SHARES if channel in rules and rules[channel].is_open]
        self._order = [door for door in self._doors for _ in range(SHARES[door])]
        scale.chance("doors").shuffle(self._order)

    def registration(self, number: int) -> Sending:
        """How the n-th person joins."""
        # The first few come through every door once, so that a small demo has seen them all.
        doors = self._doors if number < len(self._doors) else self._order
        channel = doors[number % len(doors)]
        fields = self.person(number, channel)
        return self._sending(f"registration/{number}", self._actor(channel, number), **fields)

    def person(self, number: int, channel: Channel) -> dict[str, Any]:
        """What the n-th person says at a door, as fields of `RegisterMember`."""
        chance = self._scale.chance(f"person/{number}")
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        plain = f"{first}.{last}.{self._scale.seed}.{number}".lower()
        required = self._programme.registration.channels[channel].required
        has_card = "card_number" in required or chance.random() < CARD_SHARE
        has_email = "email" in required or chance.random() < 0.7
        is_born = "born_on" in required or self._programme.registration.minimum_age is not None
        actor = self._actor(channel, number)
        return {
            "channel": channel,
            "phone": phone_of(self._scale.seed, number),
            "email": f"{plain}@example.com" if has_email else None,
            "first_name": first,
            "last_name": last,
            "born_on": f"{chance.randint(1945, 2004)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
            if is_born or chance.random() < 0.4
            else None,
            "card_number": self._scale.card_number(number) if has_card else None,
            "home_store": chance.choice(("harbour", "station", "market", "park", "museum")),
            "language": chance.choice(self._programme.languages),
            "consents": tuple(self._consents(number, chance)),
            "answers": dict(self._answers(actor.kind, chance)),
        }

    def mistakes(self) -> Iterator[Sending]:
        """Registrations that are refused, and some by people who forgot that they are members."""
        for turn in range(max(1, self._scale.registrations // 100)):
            number = turn * 9 % self._scale.registrations
            guest = self._scale.registrations + turn % 5
            fresh = {"phone": phone_of(self._scale.seed, self._scale.registrations + turn)}
            at_the_desk = self.person(number, self._door(Channel.CALL)) | {"card_number": None}
            at_the_till = self.person(number, self._door(Channel.POINT_OF_SALE)) | fresh | {"email": None}
            strange = {"card_number": self._scale.card_number(self._scale.cards + 5_000 + turn)}
            free = {"card_number": self._scale.card_number(guest)}
            desk, till, wallet = DESKS[turn % len(DESKS)], till_actor("harbour-1"), WALLET
            taken = {"card_number": self._scale.card_number(self._first_with_card())}
            app = self.person(number, self._door(Channel.MOBILE_APP)) | {"card_number": None}
            yield self._sending(f"again/desk/{turn}", desk, **at_the_desk)
            yield self._sending(f"again/app/{turn}", APP, **app)
            yield self._sending(f"unknown-card/{turn}", till, **(at_the_till | strange))
            yield self._sending(f"taken-card/{turn}", till, **(at_the_till | taken))
            yield self._sending(f"no-consent/{turn}", till, **(at_the_till | free | {"consents": ()}))
            yield self._sending(f"wrong-door/{turn}", wallet, **(at_the_till | free))

    def has_card(self, number: int) -> bool:
        """Whether the n-th person brings a card."""
        command = self.registration(number).command
        assert isinstance(command, RegisterMember)
        return command.card_number is not None

    def _first_with_card(self) -> int:
        return next(number for number in range(self._scale.registrations) if self.has_card(number))

    def _door(self, wanted: Channel) -> Channel:
        return wanted if wanted in self._doors else self._doors[0]

    def _sending(self, name: str, actor: Actor, **fields: Any) -> Sending:
        return Sending(self._scale.id(name), RegisterMember(**fields), actor)

    def _actor(self, channel: Channel, number: int) -> Actor:
        kinds = self._programme.registration.channels[channel].actors
        if ActorKind.OPERATOR in kinds:
            call = self._scale.id(f"call/{number}") if channel is Channel.CALL else None
            return DESKS[number % len(DESKS)].model_copy(update={"call_id": call})
        named = {ActorKind.APP: APP, ActorKind.WALLET: WALLET, ActorKind.SYSTEM: OFFICE}
        return named.get(kinds[0], Actor(kind=kinds[0], id=f"harbour-{number % 4 + 1}"))

    def _consents(self, number: int, chance: Random) -> Iterator[Consent]:
        said_at = self._scale.at(number / self._scale.registrations, self._programme.zone)
        for rule in self._programme.registration.consents:
            if rule.is_required or chance.random() < 0.6:
                given_at = said_at - timedelta(seconds=chance.randint(5, 90))
                yield Consent(kind=rule.kind, text_version=rule.text_versions[-1], given_at=given_at)

    def _answers(self, actor: ActorKind, chance: Random) -> Iterator[tuple[str, object]]:
        for question in self._programme.registration.questions:
            if actor in question.editors and (question.is_required or chance.random() < 0.5):
                yield question.code, answer_to(question, chance)


def answer_to(question: Question, chance: Random) -> object:
    """Something that a person might answer."""
    if isinstance(question, ChoiceQuestion):
        return chance.choice(question.options)
    if isinstance(question, ChoicesQuestion):
        count = max(question.at_least, min(question.at_most or len(question.options), 2))
        return tuple(chance.sample(question.options, count))
    if isinstance(question, NumberQuestion):
        lowest = 0 if question.minimum is None else question.minimum
        highest = lowest + 10 if question.maximum is None else question.maximum
        return chance.randint(lowest, min(highest, lowest + 10))
    if isinstance(question, DateQuestion):
        earliest = 2000 if question.earliest is None else question.earliest.year + 1
        return f"{earliest}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    if isinstance(question, TextQuestion):
        return chance.choice(NICKNAMES)[: question.max_length]
    return chance.random() < 0.5
