"""The search for members: a POST, as addresses end up in logs; what was searched for is noted nowhere."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError

from services.gateway.asgi import read_json
from services.gateway.problems import Problem, invalid
from services.gateway.reads import Visit, visiting
from services.gateway.scopes import SEARCH_MEMBERS
from services.gateway.search_shapes import Found, HitShown, Search
from workers.registration.views import FoundMembers, Hit, Match, UnfitSearch, Wanted

router: Final = APIRouter(prefix="/v1")
SearchVisit = Annotated[Visit, Depends(visiting(SEARCH_MEMBERS))]
ONE_AT_A_TILL: Final = ({"phone"}, {"card_number"})
BODY: Final = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Search"}}}}


async def asked(request: Request, visit: SearchVisit) -> Search:
    """What is looked for, by the request's body, which nobody reads before it is known who asks.

    FastAPI would read a body before any key is looked at, however long it is; so no route has one of its own.

    Raises:
        Problem: 400, it is no JSON; 413, it is too large; 415, it is something else; 422, fields break rules.
        ClientGone: it never came.
    """
    del visit  # it was let in
    body = await read_json(dict(request.scope["headers"]), request.receive)
    try:
        return Search.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error, within="body") from None


Asked = Annotated[Search, Depends(asked)]


@router.post("/members/search", tags=["members"], openapi_extra={"requestBody": BODY})
async def search(search: Asked, visit: SearchVisit) -> Found:
    """Members by what is known of them, few, the closest first; that it was searched, and who was shown, is noted.

    Whoever serves members rather than works on them finds one by a whole phone or a whole card that works, alone.
    """
    most = visit.doors.programme.registration.search.most_hits
    try:
        found = await found_by_office(search, visit, most) if visit.is_office else await found_by_till(search, visit)
    except UnfitSearch as unfit:
        problems = [{"field": unfit.field, "rule": unfit.rule}]
        detail = f"{unfit.field}: {unfit.rule}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, problems=problems) from None
    visit.searched(search.keys, [hit.member.id for hit in found.hits])
    return Found(members=tuple(map(HitShown.of, found.hits)), is_cut=found.is_cut, text=text_of(found, most))


async def found_by_office(search: Search, visit: Visit, most: int) -> FoundMembers:
    """Whoever fits all that is given.

    Raises:
        UnfitSearch: a key is too short, or can't be.
    """
    rewards, led_to = visit.doors.rewards, None
    if search.receipt_number is not None:
        store, day = search.store, search.business_day
        led_to = await rewards.cards_by_receipt(search.receipt_number, store=store, business_day=day)
    if search.coupon_code is not None:
        cards = await rewards.cards_by_coupon(search.coupon_code)
        led_to = cards if led_to is None else tuple(card for card in cards if card in led_to)
    wanted = Wanted(
        name=search.name,
        phone=search.phone,
        email=search.email,
        card_number=search.card_number,
        member_id=search.member_id,
        birthday=search.birthday,
        led_to=led_to,
    )
    return await visit.doors.registration.search(wanted, most=most, region=visit.doors.programme.region)


async def found_by_till(search: Search, visit: Visit) -> FoundMembers:
    """The one member with a whole phone, or with a card that identifies them.

    Raises:
        Problem: 403, it looks for more than one, or by another key.
        UnfitSearch: the key can't be.
    """
    if set(search.keys) not in ONE_AT_A_TILL:
        detail = "Only the office searches otherwise than by one whole phone or card number."
        raise Problem(HTTPStatus.FORBIDDEN, "office_only", detail)
    views = visit.doors.registration
    wanted = Wanted(phone=search.phone, card_number=search.card_number)
    found = await views.search(wanted, most=1, region=visit.doors.programme.region)
    hits = [hit for hit in found.hits if hit.match is Match.WHOLE]
    if search.card_number is not None:
        hits = [hit for hit in hits if await views.identified_by(search.card_number) is not None]
    return FoundMembers(tuple(hits), is_cut=False)


def text_of(found: FoundMembers, most: int) -> str:
    """How a search went, in words."""
    if found.is_cut and len(found.hits) < most:
        return "There may be more: say more about whom you look for."
    if found.is_cut:
        return f"More than {most} members match: say more about whom you look for."
    if not found.hits:
        return "Nobody matches."
    return "These match." if any(_is_sure(hit) for hit in found.hits) else "Nobody matches wholly; these are near."


def _is_sure(hit: Hit) -> bool:
    return hit.match is not Match.NEAR
