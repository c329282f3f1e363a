"""Reads: members, cards, balances, purchases, messages and timelines, through the workers' views alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final, Protocol, TypeVar

from fastapi import APIRouter, Depends, Query, Request

from contracts.card_life import Act, may
from contracts.cards import CardState
from contracts.messages import ActorKind, Outcome
from contracts.programme import Programme
from contracts.programme.cards import OFFICE
from contracts.rewards import RewardState
from contracts.undoing import UNDOING
from contracts.values import CardNumber, Code, Instant, MemberId, Reference
from runtime.store import Library
from services.gateway.calls import HEADER, OpenCalls, named_call, not_agreed
from services.gateway.holders import Holders
from services.gateway.keys import Caller, Keys
from services.gateway.looks import NOBODY, Looks
from services.gateway.problems import Problem
from services.gateway.scopes import READ_CARD, READ_MEMBER, READ_MESSAGES, READ_TIMELINE
from services.gateway.shapes import (
    BalanceShown,
    CardShown,
    LineShown,
    MemberShown,
    MessageShown,
    PurchaseShown,
    RewardShown,
    Timeline,
)
from workers.audit.views import AuditViews, InvalidCursor
from workers.cards.views import CardsViews
from workers.notifications.views import NotificationViews
from workers.registration.views import Call, RegistrationViews
from workers.rewards.views import NEWEST_PURCHASE, OLDEST_PURCHASE, RewardsViews

T = TypeVar("T")
NAMING: Final = frozenset(
    {"member_id", "card_number", "account_id", "coupon_code", "reward_id", "entry_id", "call_id", "offer"}
)
"""What of an address says what it is about."""
WITHHELD: Final = {"member_id": None, "replaces": None, "replaced_by": None, "newest": None}
"""What a till isn't told of a lost card: its holder, and the number that works instead."""


class Order(StrEnum):
    """How purchases are sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    STORE = "store"
    """The newest, and of those the ones of a store together."""
    PROGRAMME = "programme"
    """The newest, and of those the ones together that earned the same units."""


class HeldCard(Protocol):
    """A card as some worker knows it."""

    @property
    def state(self) -> CardState | None:
        """What it is by itself."""

    @property
    def suspended_at(self) -> datetime | None:
        """Since when its holder is blocked."""


class Doors:
    """What reads need: views of every worker, the keys of callers, and the notes of looks."""

    def __init__(self, library: Library, keys: Keys, looks: Looks, programme: Programme) -> None:
        self.programme = programme
        self.rewards = RewardsViews(library.worker("rewards"))
        self.registration = RegistrationViews(library.worker("registration"))
        self.cards = CardsViews(library.worker("cards"))
        self.audit = AuditViews(library.worker("audit"))
        self.notifications = NotificationViews(library.worker("notifications"))
        self.calls = OpenCalls(self.registration, programme.registration.calls)
        self.holders = Holders(self.cards, self.rewards)
        self.keys = keys
        self.looks = looks


class Visit:
    """One authorized read: who reads, through which doors, and in which call, if its caller must have agreed."""

    def __init__(self, doors: Doors, caller: Caller, call: Call | None = None) -> None:
        self.doors = doors
        self._caller = caller
        self._call = call

    @property
    def operator_id(self) -> str:
        """Who reads."""
        return self._caller.actor.id

    @property
    def is_office(self) -> bool:
        """Whether who reads works on members, rather than serving one."""
        return self._caller.actor.kind in OFFICE

    @property
    def is_the_holders(self) -> bool:
        """Whether who reads is, or speaks to, the card's holder, rather than whoever stands at a till."""
        return self.is_office or self._caller.actor.kind in (ActorKind.APP, ActorKind.WALLET)

    def may_name_holder(self, card: HeldCard) -> bool:
        """Whether a card tells who reads whose it is: one that doesn't work identifies nobody."""
        works = card.state is not None and may(card.state, Act.IDENTIFY) and card.suspended_at is None
        return self.is_office or works

    async def must_let_see(
        self, *, members: Sequence[str] = (), cards: Sequence[str] = (), accounts: Sequence[str] = ()
    ) -> None:
        """Let pass if all of it may be shown: it is nobody's, nobody is to be asked, or who is asked agreed.

        Raises:
            Problem: 409, it is somebody's who didn't agree.
            Away: MongoDB can't be reached.
        """
        if self._call is not None:
            held_by = await self.doors.holders.of(cards, accounts)
            await self.doors.calls.must_have_agreed(self._call, {*members, *held_by})

    def must_let_see_anybody(self) -> None:
        """Let pass where nobody is to be asked: what is shown is of any members.

        Raises:
            Problem: 409, there is a caller, who can't agree for others.
        """
        if self._call is not None:
            raise not_agreed()

    async def must_let_see_call(self, call: Call) -> None:
        """Let pass if a call may be shown: it is one's own, or about whoever agreed.

        Raises:
            Problem: 409, it is about somebody who didn't agree, or nobody knows about whom.
            Away: MongoDB can't be reached.
        """
        if self._call is None or self._call.id == call.id:
            return
        if call.member_id is None:
            raise not_agreed()
        await self.must_let_see(members=[call.member_id])

    def looked_at_member(self, member_id: str, what: str) -> None:
        """Note that a member was shown."""
        self.doors.looks.note(self._caller, member_id, what)

    def searched(self, keys: Sequence[str], shown: Sequence[str]) -> None:
        """Note by which keys it was searched and which members were shown; what was searched for is personal."""
        first, *others = shown or (NOBODY,)
        self.doors.looks.note(self._caller, first, "search", also=others, by=keys, hits=len(shown))

    def looked_at_card(self, subject: str, what: str, *, also: Sequence[str] = ()) -> None:
        """Note that a card was shown, or something of one, and of whom; a till that asks for a balance is at work."""
        if self.is_office:
            self.doors.looks.note(self._caller, subject, what, also=also)

    def looked_at_cards(self, subjects: Sequence[str], what: str) -> None:
        """Note that cards, or accounts, were shown in a list; of an empty one nothing."""
        for first in subjects[:1]:
            self.looked_at_card(first, what, also=subjects[1:])


def visiting(scope: str, *, of_members: bool = True) -> Callable[[Request], Awaitable[Visit]]:
    """A dependency that lets in who has the scope, if looks can be noted; to members only as calls let them.

    What isn't said to show nothing of members is taken to. Whose it is is known here where the address names a member,
    a card or an account; else the read has to ask, once it knows (`Visit.must_let_see`).
    """

    async def let_in(request: Request) -> Visit:
        doors: Doors = request.app.state.doors
        authorization = request.headers.get("authorization")
        caller = doors.keys.caller(authorization.encode("latin-1") if authorization else None)
        request.state.asked = (caller, scope)
        caller.must_have(scope)
        doors.looks.must_be_possible()
        header = request.headers.get(HEADER)
        call_id = named_call(caller, None if header is None else header.encode("latin-1"))
        call = await doors.calls.call_to_look(caller, call_id, of_members=of_members)
        caller = replace(caller, actor=caller.within(call_id))
        request.state.asked = (caller, scope)
        visit = Visit(doors, caller, call)
        named = {name: [value] for name, value in request.path_params.items()}
        await visit.must_let_see(
            members=named.get("member_id", ()), cards=named.get("card_number", ()), accounts=named.get("account_id", ())
        )
        return visit

    return let_in


def note_refusal(looks: Looks, request: Request, problem: Problem) -> None:
    """Note that who reads was not let, under what the address names."""
    if hasattr(request.state, "asked"):
        caller, scope = request.state.asked
        subject = next((value for name, value in request.path_params.items() if name in NAMING), None)
        looks.refused(caller, problem, subject=subject, scope=scope)


def there(found: T | None, what: str) -> T:
    """What was found.

    Raises:
        Problem: 404, it wasn't.
    """
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"unknown_{what}", f"There is no {what} with this id.")
    return found


router: Final = APIRouter(prefix="/v1")
CardVisit = Annotated[Visit, Depends(visiting(READ_CARD))]
MemberVisit = Annotated[Visit, Depends(visiting(READ_MEMBER))]
MessagesVisit = Annotated[Visit, Depends(visiting(READ_MESSAGES))]
TimelineVisit = Annotated[Visit, Depends(visiting(READ_TIMELINE))]
Limit = Annotated[int, Query(ge=1, le=500)]
StoreGiven = Annotated[Reference | None, Query(description="Only of this store.")]
UnitGiven = Annotated[Code | None, Query(description="Only what earned this unit, of the first 5,000 purchases.")]
Before = Annotated[str | None, Query(max_length=200, description="`before` of the page before.")]
Since = Annotated[Instant | None, Query(description="Only what happened from then on.")]
Until = Annotated[Instant | None, Query(description="Only what happened before then.")]


@router.get("/members/{member_id}", tags=["members"])
async def member(member_id: MemberId, visit: MemberVisit) -> MemberShown:
    """A member's profile; that it was looked at is noted. Where another absorbed them it is that one's."""
    found = there(await visit.doors.registration.member(member_id), "member")
    visit.looked_at_member(found.id, "profile")
    return MemberShown.model_validate(found)


@router.get("/members/{member_id}/cards", tags=["members"])
async def cards(member_id: MemberId, visit: MemberVisit) -> list[CardShown]:
    """A member's cards, the first linked first, those that were replaced too."""
    member = there(await visit.doors.registration.member(member_id), "member")
    found = await visit.doors.cards.cards_of(member.id)
    visit.looked_at_member(member.id, "cards")
    return [CardShown.among(each, found) for each in found]


@router.get("/members/{member_id}/messages", tags=["members"])
async def messages(member_id: MemberId, visit: MessagesVisit) -> list[MessageShown]:
    """What a member was sent, and whom they absorbed, newest first."""
    member = await visit.doors.registration.member(member_id)
    ids = (member_id, ()) if member is None else (member.id, member.absorbed)
    found = await visit.doors.notifications.messages_of(ids[0], absorbed=ids[1])
    visit.looked_at_member(ids[0], "messages")
    return [MessageShown.model_validate(each) for each in found]


@router.get("/cards/{card_number}", tags=["cards"])
async def card(card_number: CardNumber, visit: CardVisit) -> CardShown:
    """A card and its state; of one that works no more only the office is told whose it is and what replaced it."""
    found = there(await visit.doors.cards.card(card_number), "card")
    visit.looked_at_card(card_number, "card")
    shown = CardShown.among(found, await visit.doors.cards.chain_of(found))
    return shown if visit.may_name_holder(found) else shown.model_copy(update=WITHHELD)


@router.get("/cards/{card_number}/balance", tags=["cards"])
async def balance(card_number: CardNumber, visit: CardVisit) -> BalanceShown:
    """What the card's account holds of each unit now: to spend, pending, held by rewards, owed."""
    views, rules = visit.doors.rewards, visit.doors.programme.rewards
    found = there(await views.balance(card_number, datetime.now(UTC), rules.shortfall), "card")
    visit.looked_at_card(card_number, "balance")
    return BalanceShown(
        card_number=card_number,
        member_id=found.card.member_id if visit.may_name_holder(found.card) else None,
        account_id=found.account.id,
        balances=found.balances,
        is_hidden=found.is_hidden,
    )


@router.get("/cards/{card_number}/purchases", tags=["cards"])
async def purchases(
    card_number: CardNumber,
    visit: CardVisit,
    limit: Limit = 100,
    order: Order = Order.NEWEST,
    store: StoreGiven = None,
    unit: UnitGiven = None,
) -> list[PurchaseShown]:
    """What was bought with the card's account: newest, oldest, or newest by store or programme; of one of those."""
    sort = OLDEST_PURCHASE if order is Order.OLDEST else NEWEST_PURCHASE
    account_id = await account_of(card_number, visit)
    found = await visit.doors.rewards.purchases(account_id, sort=sort, store=store, unit=unit, limit=limit)
    if order is Order.STORE:
        found.sort(key=lambda each: each.store)
    if order is Order.PROGRAMME:
        found.sort(key=lambda each: sorted({earning.unit for earning in each.earnings}))
    visit.looked_at_card(card_number, "purchases")
    return [PurchaseShown.model_validate(each) for each in found]


@router.get("/cards/{card_number}/rewards", tags=["cards"])
async def rewards(
    card_number: CardNumber, visit: CardVisit, state: RewardState | None = None, limit: Limit = 100
) -> list[RewardShown]:
    """What the card's account bought with stamps and points, newest first."""
    found = await visit.doors.rewards.rewards(await account_of(card_number, visit), state=state, limit=limit)
    visit.looked_at_card(card_number, "rewards")
    return [RewardShown.model_validate(each) for each in found]


async def account_of(card_number: str, visit: Visit) -> str:
    """The id of the account that a card collects in.

    Raises:
        Problem: 404, nobody knows the card.
    """
    card = await visit.doors.rewards.card(card_number)
    return there(None if card is None else card.account_id, "card")


@router.get("/members/{member_id}/timeline", tags=["members"])
async def member_timeline(
    member_id: MemberId,
    visit: TimelineVisit,
    limit: Limit = 100,
    before: Before = None,
    since: Since = None,
    until: Until = None,
) -> Timeline:
    """Everything that happened to a member, whom they absorbed and their cards, newest first, with who did it."""
    member = there(await visit.doors.registration.member(member_id), "member")
    cards = [card.number for card in await visit.doors.cards.cards_of(member.id)]
    known = [await visit.doors.rewards.card(number) for number in cards]
    led_to = dict.fromkeys(card.account_id for card in known if card is not None and card.account_id is not None)
    accounts = [each for account_id in led_to for each in await visit.doors.rewards.accounts_of(account_id)]
    visit.looked_at_member(member.id, "timeline")
    subjects = [member.id, *member.absorbed, *cards, *accounts]
    return await timeline(visit.doors.audit, subjects, limit, before, since, until)


@router.get("/cards/{card_number}/timeline", tags=["cards"])
async def card_timeline(
    card_number: CardNumber,
    visit: TimelineVisit,
    limit: Limit = 100,
    before: Before = None,
    since: Since = None,
    until: Until = None,
) -> Timeline:
    """Everything that happened to a card and those whose place it took, newest first; of nobody who was removed."""
    found = await visit.doors.cards.card(card_number)
    # The trail stays as it is, and would tell whose the card was, by which account and with which others.
    found = there(None if found is not None and found.is_retired else found, "card")
    chain = [card.number for card in await visit.doors.cards.chain_of(found)]
    visit.looked_at_card(card_number, "timeline")
    return await timeline(visit.doors.audit, chain, limit, before, since, until)


async def timeline(
    audit: AuditViews,
    subjects: list[str],
    limit: int,
    before: str | None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Timeline:
    """A page of a timeline, or of what of it happened between two instants.

    Raises:
        Problem: 422, `before` is from nowhere.
    """
    try:
        lines = await audit.timeline(subjects, limit, before, since=since, until=until)
    except InvalidCursor:
        problems = [{"field": "query.before", "rule": "must be the `before` of an earlier page"}]
        detail = "query.before: must be the `before` of an earlier page"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, problems=problems) from None
    shown = tuple(
        LineShown.model_validate(line).model_copy(update={"taken_back_by": taken_back_by(line.what, line.outcome)})
        for line in lines
    )
    return Timeline(lines=shown, before=lines[-1].cursor if len(lines) == limit else None)


def taken_back_by(command: str, outcome: Outcome | None) -> tuple[str, ...]:
    """The commands that take back what was done by one; none of what was refused, and of what isn't a command."""
    undo = UNDOING.get(command)
    return undo.by if undo is not None and outcome is Outcome.DONE else ()
