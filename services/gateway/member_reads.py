"""Reads of what members choose: their favourite products, and which mailings they get."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter

from contracts.programme import Programme
from contracts.values import MemberId
from services.gateway.member_shapes import FavouritesShown, SubscriptionShown
from services.gateway.reads import MemberVisit, there
from workers.notifications.views import Contact
from workers.registration.views import Favourites

router: Final = APIRouter(prefix="/v1")


@router.get("/members/{member_id}/favourites", tags=["members"])
async def favourites(member_id: MemberId, visit: MemberVisit) -> FavouritesShown:
    """A member's favourite products, how many there can be, and how often they can still be changed."""
    member = there(await visit.doors.registration.member(member_id), "member")
    found = await visit.doors.registration.favourites(member.id)
    visit.looked_at_member(member.id, "favourites")
    return favourites_shown(found, visit.doors.programme)


@router.get("/members/{member_id}/subscriptions", tags=["members"])
async def subscriptions(member_id: MemberId, visit: MemberVisit) -> list[SubscriptionShown]:
    """Every mailing of the programme through each of its channels, and whether it comes to the member."""
    member = there(await visit.doors.registration.member(member_id), "member")
    contact = await visit.doors.notifications.contact(member.id)
    visit.looked_at_member(member.id, "subscriptions")
    return subscriptions_shown(contact, visit.doors.programme)


def favourites_shown(found: Favourites, programme: Programme) -> FavouritesShown:
    """What is shown of a member's favourite products: how many there can be, while the programme offers it."""
    rules = programme.registration.favourites
    today = datetime.now(UTC).astimezone(programme.zone).date()
    if rules is None or not rules.is_on(today):
        return FavouritesShown(
            products=found.products,
            changed_at=found.changed_at,
            is_offered=False,
            most=0,
            changes_left=0,
            again_on=None,
        )
    return FavouritesShown(
        products=found.products,
        changed_at=found.changed_at,
        is_offered=True,
        most=rules.most,
        changes_left=max(0, rules.changes - found.changes_in(rules.per.first_day(today).isoformat())),
        again_on=rules.per.next_day(today),
    )


def subscriptions_shown(contact: Contact | None, programme: Programme) -> list[SubscriptionShown]:
    """Every mailing through each of its channels; by the programme's default where the member has said nothing."""
    rules = programme.notifications
    shown: list[SubscriptionShown] = []
    for mailing in rules.mailings:
        for channel in mailing.channels:
            choice = None if contact is None else contact.choice(mailing.code, channel)
            shown.append(
                SubscriptionShown(
                    mailing=mailing.code,
                    text=mailing.text,
                    channel=channel,
                    is_on=rules.mailings_are_on if choice is None else choice.is_on,
                    chosen_at=None if choice is None else choice.chosen_at,
                )
            )
    return shown
