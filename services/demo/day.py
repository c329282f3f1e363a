"""The day: what is said in which order, and what has to be known before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from contracts.cards import BlockCard, CardKind, IssueCard, UnblockCard
from contracts.messages import CommandEnded
from contracts.programme import Programme
from contracts.rewards import RecordPurchase, RedeemReward, RemoveReward, UseReward
from runtime.settings import Settings
from services.demo.people import People
from services.demo.scale import Scale
from services.demo.sending import APP, DESKS, OFFICE, Sending, Stray, till_actor
from services.demo.strays import Strays
from services.demo.tills import WAITING, Tills

Answers = Mapping[str, CommandEnded]
"""Outcomes by command id."""
VIRTUAL_EVERY: Final = 4
EMPLOYEE_EVERY: Final = 50


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the day."""

    name: str
    say: Callable[[Answers], Iterable[Sending | Stray]]
    """What is said, given the answers so far."""
    needs: tuple[str, ...] = ()
    """Workers that must have taken in everything before the next step begins."""


class Day:
    """A day in a coffee chain, on a day that is known."""

    def __init__(self, scale: Scale, programme: Programme, settings: Settings) -> None:
        self.scale = scale
        self._programme = programme
        self._people = People(scale, programme)
        self._strays = Strays(scale, settings)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The day's parts in order."""
        return (
            Step("cards", lambda _: self.cards(), needs=("registration", "rewards")),
            Step("registrations", lambda _: self.registrations(), needs=("registration", "cards", "rewards")),
            Step("mistakes", lambda _: self._people.mistakes()),
            Step("morning", lambda _: self._tills.day(0, self._noon, is_online=True)),
            Step("strays", lambda _: self._strays.all(self._plain_sales())),
            Step("blocks", lambda _: self.blocks(), needs=("rewards",)),
            Step("rewards", lambda _: self.redemptions()),
            Step("handing out", self.uses),
            Step("afternoon", lambda _: self.afternoon()),
            Step("late cards", lambda _: self.late_cards(), needs=("rewards",)),
            Step("evening", lambda _: self.evening()),
        )

    def first_card(self) -> Sending:
        """The command from which the demo's day is known."""
        return self._issue(0)

    def cards(self) -> Iterator[Sending]:
        """All cards, some of them issued twice by mistake."""
        for place in range(self.scale.cards):
            yield self._issue(place)
        for turn in range(max(1, self.scale.cards // 200)):
            again = IssueCard(card_number=self.scale.card_number(turn))
            yield Sending(self.scale.id(f"issued-again/{turn}"), again, OFFICE)

    def registrations(self) -> Iterator[Sending]:
        """Everybody who joins."""
        for number in range(self.scale.registrations):
            yield self._people.registration(number)

    def blocks(self) -> Iterator[Sending]:
        """Cards that are lost, some reported twice, and one that can't be blocked."""
        reasons = self._programme.cards.block_reasons
        for turn, card in enumerate(self._lost):
            command = BlockCard(card_number=self.scale.card_number(card), reason=reasons[turn % len(reasons)])
            actor = APP if turn % 3 == 0 else DESKS[turn % len(DESKS)]
            yield Sending(self.scale.id(f"block/{turn}"), command, actor)
            if turn % 4 == 0:
                yield Sending(self.scale.id(f"block-again/{turn}"), command, DESKS[0])
        guest = BlockCard(card_number=self.scale.card_number(self.scale.registrations), reason=reasons[0])
        yield Sending(self.scale.id("block/guest"), guest, DESKS[0])

    def redemptions(self) -> Iterator[Sending]:
        """Regulars buy rewards: those who collected most, a few who collected least, a guest, a stranger."""
        offers = self._programme.rewards.offers
        keen = self._tills.keenest(self._noon)
        count = max(3, len(keen) // 3)
        buyers = keen[:count] + keen[-max(1, count // 10) :]
        buyers += [self.scale.registrations + 1, self.scale.cards + WAITING]
        for turn, card in enumerate(buyers):
            offer = offers[0] if turn % 3 else offers[turn // 3 % len(offers)]
            command = RedeemReward(card_number=self.scale.card_number(card), reward=offer.code)
            yield Sending(self.scale.id(f"redeem/{turn}"), command, APP if turn % 2 else till_actor("station-1"))

    def uses(self, answers: Answers) -> Iterator[Sending]:
        """Most rewards are handed out, one in ten twice, some are removed, some wait."""
        for turn, sending in enumerate(self.redemptions()):
            reward_id = issued_reward(answers.get(sending.id))
            if reward_id is None:
                continue
            card_number = str(sending.command.key_value)
            till = till_actor("harbour-1")
            if turn % 10 == 8:
                remove = RemoveReward(card_number=card_number, reward_id=reward_id, reason="changed_their_mind")
                yield Sending(self.scale.id(f"remove/{turn}"), remove, DESKS[turn % len(DESKS)])
            if turn % 10 < 8:
                use = UseReward(card_number=card_number, reward_id=reward_id, store="harbour")
                yield Sending(self.scale.id(f"use/{turn}"), use, till)
                if turn % 10 == 0:
                    yield Sending(self.scale.id(f"use-again/{turn}"), use, till)
        nothing = UseReward(card_number=self.scale.card_number(0), reward_id="0" * 32)
        yield Sending(self.scale.id("use/nothing"), nothing, till_actor("harbour-1"))

    def afternoon(self) -> Iterator[Sending]:
        """Sales on, blocked cards among them; the morning's refunds; purchases on cards that nobody knows."""
        yield from self._tills.on_cards(self._lost, "blocked")
        yield from self._tills.day(self._noon, self.scale.receipts, is_online=True)
        yield from self._tills.later(self._noon)
        yield from self._tills.early()

    def late_cards(self) -> Iterator[Sending]:
        """The cards that tills knew before anybody else are issued; what was bought on others is cancelled."""
        for place in range(WAITING):
            yield self._issue(self.scale.cards + place)
        yield from self._tills.given_up()

    def evening(self) -> Iterator[Sending]:
        """Tills without a connection send their day; some cards were found."""
        yield from self._tills.day(0, self.scale.receipts, is_online=False)
        reasons = self._programme.cards.unblock_reasons
        for turn, card in enumerate(self._lost):
            if turn % 2 == 0:
                command = UnblockCard(card_number=self.scale.card_number(card), reason=reasons[0])
                yield Sending(self.scale.id(f"unblock/{turn}"), command, DESKS[turn % len(DESKS)])

    @property
    def _noon(self) -> int:
        return self.scale.receipts // 2

    @cached_property
    def _tills(self) -> Tills:
        return Tills(self.scale, self._programme, self._regulars)

    @cached_property
    def _regulars(self) -> tuple[int, ...]:
        """The cards of members, by their places among all cards."""
        return tuple(number for number in range(self.scale.registrations) if self._people.has_card(number))

    @cached_property
    def _lost(self) -> tuple[int, ...]:
        count = max(2, len(self._regulars) // 40)
        return tuple(self.scale.chance("lost").sample(self._regulars, count))

    def _issue(self, place: int) -> Sending:
        categories = self._programme.cards.categories
        category = categories[-1] if place % EMPLOYEE_EVERY == EMPLOYEE_EVERY - 1 else categories[0]
        kind = CardKind.VIRTUAL if place % VIRTUAL_EVERY == VIRTUAL_EVERY - 1 else CardKind.PHYSICAL
        command = IssueCard(card_number=self.scale.card_number(place), kind=kind, category=category)
        return Sending(self.scale.card_id(place), command, OFFICE)

    def _plain_sales(self) -> Iterator[Sending]:
        said = self._tills.day(0, self._noon, is_online=True)
        return (sending for sending in said if isinstance(sending.command, RecordPurchase))


def issued_reward(ended: CommandEnded | None) -> str | None:
    """The id of the reward that a command came to, if it did."""
    if ended is None:
        return None
    issued = (said.body for said in ended.events if said.type == "RewardIssued")
    return next((str(body["reward_id"]) for body in issued), None)
