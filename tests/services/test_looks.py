"""Every read of the gateway, out of its OpenAPI document: the consent that it wants, and the note of the look."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from contracts.audit import RecordLook
from contracts.calls import CallDirection
from contracts.cards import CardState
from contracts.coupons import IssueCoupon
from contracts.messages import ActorKind
from contracts.programme import Programme
from contracts.rewards import RedeemReward, RewardIssued
from services.gateway.app import Gateway, create_app
from services.gateway.keys import Keys, create_key
from services.gateway.scopes import DEFAULT_SCOPES, NAMED
from services.gateway.shapes import ActorShown, LineShown, Timeline
from tests.decisions import NOON, TILL
from tests.services.gateway import FakeEdge, FakeLibrary
from tests.services.test_offer_reads import Shelf
from tests.workers.cards import deck
from tests.workers.registration.people import member
from tests.workers.rewards.counter import ANA, NUMBER, OTHER, adjust, coffees, receipt
from tests.workers.rewards.offers import BEN, only
from tests.workers.rewards.test_tiers import tier_shop
from workers.registration.call_documents import Call, Desk
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, LedgerEntry

PROGRAMME: Final = Programme.read(Path("programme.yaml"))
FREE: Final = frozenset({"/v1/knowledge", "/v1/calls/open"})
"""What shows nothing of members, or what the operator did themselves."""
OF_ANYBODY: Final = frozenset({"/v1/adjustments/waiting", "/v1/offers/{offer}/timeline"})
"""Lists of whatever members."""
ANAS_CALL, BENS_CALL, LETTERS = ("a" * 32, "b" * 32, "c" * 32)


def reads() -> list[str]:
    """The paths of all reads."""
    app = create_app(FakeEdge(), FakeLibrary(), Keys(Path("no-keys.yaml")), PROGRAMME)  # type: ignore[arg-type]
    paths = app.rest.openapi()["paths"]
    return [path for path in paths if path.startswith("/v1/") and "get" in paths[path] and "commands" not in path]


READS: Final = reads()


def call(call_id: str, **changes: Any) -> Call:
    now = datetime.now(UTC).replace(microsecond=0)
    kept: dict[str, Any] = {
        "id": call_id,
        "operator_id": "desk",
        "direction": CallDirection.INBOUND,
        "opened_at": now,
        "ends_at": now + timedelta(hours=1),
    }
    return Call(**{**kept, **changes})


class Office:
    """A shop with two members who have everything, and an operator's window on it."""

    def __init__(self, shelf: Shelf, edge: FakeEdge, app: Gateway, client: httpx.AsyncClient, key: str) -> None:
        self.shelf, self.edge, self.app, self.client, self.key = shelf, edge, app, client, key

    async def get(self, path: str, call_id: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | ({} if call_id is None else {"Punchcard-Call": call_id})
        return await self.client.get(path, headers=headers)

    async def noted(self) -> list[RecordLook]:
        """The looks that were noted."""
        await self.app.looks.end(5)
        return [look for look, _, _ in self.edge.sent if isinstance(look, RecordLook)]

    def account(self, number: str) -> str:
        return next(each.id for each in self.shelf.shop.all(Account) if each.card_number == number)

    def path(self, template: str, member_id: str, number: str) -> str:
        """An address about one of the two."""
        shop, account_id = self.shelf.shop, self.account(number)
        values = {
            "member_id": member_id,
            "card_number": number,
            "account_id": account_id,
            "coupon_code": next(each.id for each in shop.all(Coupon) if each.account_id == account_id),
            "reward_id": self.rewards[number],
            "entry_id": next(each.id for each in shop.all(LedgerEntry) if each.account_id == account_id),
            "call_id": ANAS_CALL if member_id == ANA else BENS_CALL,
            "receipt_number": number[-4:],
            "offer": "coffee",
        }
        filled = re.sub(r"{(\w+)}", lambda match: values[match[1]], template)
        return f"{filled}?absorbed_id={member_id}" if "merge-preview" in template else filled

    rewards: dict[str, str]


@asynccontextmanager
async def office(tmp_path: Path, *, calls_required: bool) -> AsyncIterator[Office]:
    shelf = Shelf(tier_shop())
    rewards: dict[str, str] = {}
    for member_id, number, call_id in ((ANA, NUMBER, ANAS_CALL), (BEN, OTHER, BENS_CALL)):
        shelf.readers["registration"].put(
            member(member_id, card_numbers=(number,)),
            call(call_id, member_id=member_id, consented_at=NOON, operator_id="desk" if member_id == ANA else "otto"),
        )
        shelf.readers["cards"].put(deck.card(CardState.ACTIVE, member_id, id=number, linked_at=NOON))
        shelf.say(receipt(coffees(12), card_number=number, receipt_number=number[-4:]), TILL)
        rewards[number] = only(RewardIssued, shelf.say(RedeemReward(card_number=number, reward="coffee"))).reward_id
        shelf.say(IssueCoupon(card_number=number, campaign="cake_on_us"))
        shelf.say(adjust(25, card_number=number))
    letters = call(LETTERS, direction=CallDirection.NONE)
    shelf.readers["registration"].put(letters, Desk(id="desk", call_id=ANAS_CALL))
    file = tmp_path / "keys.yaml"
    key = create_key(file, "desk", ActorKind.OPERATOR, DEFAULT_SCOPES[ActorKind.OPERATOR] | NAMED)
    rules = PROGRAMME.registration.calls.model_copy(update={"is_required": calls_required})
    registration = PROGRAMME.registration.model_copy(update={"calls": rules})
    programme = PROGRAMME.model_copy(update={"rewards": shelf.shop.programme.rewards, "registration": registration})
    edge = FakeEdge()
    app = create_app(edge, shelf, Keys(file), programme)  # type: ignore[arg-type]  # stand for an Edge and a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        opened = Office(shelf, edge, app, client, key)
        opened.rewards = rewards
        yield opened


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, calls_required=True) as opened:
        yield opened


@pytest.fixture
async def free(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path, calls_required=False) as opened:
        yield opened


def told(answer: httpx.Response) -> tuple[int, str | None]:
    shown = answer.json()
    return answer.status_code, shown.get("code") if isinstance(shown, dict) else None


@pytest.mark.parametrize("template", READS)
class TestEveryRead:
    async def test_needs_a_call_where_one_is_required(self, strict: Office, template: str) -> None:
        answer = await strict.get(strict.path(template, BEN, OTHER))
        assert told(answer) == ((200, None) if template in FREE else (409, "call_missing"))

    async def test_shows_nothing_of_who_did_not_agree(self, strict: Office, template: str) -> None:
        answer = await strict.get(strict.path(template, BEN, OTHER), ANAS_CALL)
        assert told(answer) == ((200, None) if template in FREE else (409, "consent_to_look_missing"))

    async def test_shows_what_is_of_who_agreed(self, strict: Office, template: str) -> None:
        answer = await strict.get(strict.path(template, ANA, NUMBER), ANAS_CALL)
        assert told(answer) == ((409, "consent_to_look_missing") if template in OF_ANYBODY else (200, None))

    async def test_shows_anything_where_there_is_nobody_to_ask(self, strict: Office, template: str) -> None:
        strict.shelf.readers["registration"].put(Desk(id="desk", call_id=LETTERS))
        assert told(await strict.get(strict.path(template, BEN, OTHER), LETTERS)) == (200, None)

    async def test_is_noted_with_whom_it_showed(self, free: Office, template: str) -> None:
        assert (await free.get(free.path(template, BEN, OTHER))).status_code == 200

        looks = await free.noted()
        of_ben = {BEN, OTHER, free.account(OTHER)}
        assert {bool(of_ben & {look.subject, *look.also}) for look in looks} == (set() if template in FREE else {True})


class TestLooks:
    async def test_of_a_system_are_noted_as_an_operators_are(self, free: Office, tmp_path: Path) -> None:
        free.key = create_key(tmp_path / "keys.yaml", "office", ActorKind.SYSTEM)
        free.app.rest.state.doors.keys = Keys(tmp_path / "keys.yaml")
        await free.get(f"/v1/cards/{OTHER}/balance")
        assert await free.noted() == [RecordLook(subject=OTHER, what="balance")]

    async def test_of_a_till_at_work_are_not(self, free: Office, tmp_path: Path) -> None:
        free.key = create_key(tmp_path / "keys.yaml", "till", ActorKind.POS)
        free.app.rest.state.doors.keys = Keys(tmp_path / "keys.yaml")
        assert (await free.get(f"/v1/cards/{OTHER}/balance")).status_code == 200
        assert await free.noted() == []

    async def test_of_a_coupon_are_in_its_holders_timeline(self, free: Office) -> None:
        path = free.path("/v1/coupons/{coupon_code}", BEN, OTHER)
        await free.get(path)
        assert await free.noted() == [
            RecordLook(subject=path.rpartition("/")[2], what="coupon", also=(free.account(OTHER),))
        ]

    async def test_that_show_many_are_noted_in_parts(self, free: Office) -> None:
        caller = free.app.rest.state.doors.keys.caller(f"Bearer {free.key}".encode())
        free.app.looks.note(caller, "coffee", "timeline", also=[f"m{number}" for number in range(250)] + ["coffee"])

        looks = await free.noted()
        assert [len(look.also) for look in looks] == [100, 100, 50]
        assert {each for look in looks for each in look.also} == {f"m{number}" for number in range(250)}


class TestAMergeInACall:
    async def test_leaves_the_member_the_same(self, strict: Office) -> None:
        strict.shelf.readers["registration"].put(
            member(ANA, merged_into="eva"), member("eva", absorbed=(ANA,), card_numbers=(NUMBER,))
        )
        strict.shelf.readers["cards"].put(deck.card(CardState.ACTIVE, "eva", id=NUMBER, linked_at=NOON))

        assert told(await strict.get(f"/v1/cards/{NUMBER}", ANAS_CALL)) == (200, None)
        assert told(await strict.get("/v1/members/eva", ANAS_CALL)) == (200, None)
        assert told(await strict.get(f"/v1/members/{BEN}", ANAS_CALL)) == (409, "consent_to_look_missing")

    async def test_leads_from_what_was_collected_before_to_whose_it_is_now(self, strict: Office) -> None:
        bens = strict.account(OTHER)
        left = Account(id="left", card_number=None, opened_at=NOON, merged_into=bens)
        strict.shelf.readers["rewards"].put(left)
        answer = await strict.get("/v1/accounts/left/explanation", ANAS_CALL)
        assert told(answer) == (409, "consent_to_look_missing")


class TestACardOfNobody:
    async def test_needs_a_call_and_no_consent(self, strict: Office) -> None:
        strict.shelf.readers["cards"].put(deck.card(id="4000000000000002"))
        assert told(await strict.get("/v1/cards/4000000000000002")) == (409, "call_missing")
        assert told(await strict.get("/v1/cards/4000000000000002", ANAS_CALL)) == (200, None)


def line(what: str, **changes: Any) -> LineShown:
    actor = ActorShown(kind=ActorKind.OPERATOR, id="olga", call_id=None)
    kept: dict[str, Any] = {
        "id": "07/1",
        "what": what,
        "worker": "rewards",
        "happened_at": NOON,
        "recorded_at": NOON,
        "actor": actor,
        "outcome": None,
        "code": None,
        "correlation_id": "c",
        "subjects": (),
        "facts": {},
    }
    return LineShown(**{**kept, **changes})


class TestHolders:
    def test_are_whom_lines_are_about_and_not_whom_looks_name(self) -> None:
        lines = (
            line("CouponIssued", facts={"account_id": "a-1", "card_number": None, "campaign": "cake"}),
            line("RedeemReward", outcome="refused", subjects=("4000000000000002", "coffee")),
            line("RecordPurchase", outcome="done", subjects=("s1 t1 17 2026-11-22",)),
            line("RecordLook", subjects=("coffee", "m-1"), facts={"subject": "coffee", "also": ["m-1"]}),
        )
        assert Timeline(lines=lines, before=None).holders == ("a-1", "4000000000000002")
