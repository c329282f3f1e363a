"""What can be said about members' favourite products."""

from typing import Annotated

from pydantic import Field

from contracts.calls import CareCommand
from contracts.messages import Event
from contracts.values import MemberId, Reference

Products = Annotated[tuple[Reference, ...], Field(max_length=50)]


class ChangeFavourites(CareCommand, right="registration.favourite_editors"):
    """Choose a member's favourite products anew: these and no others; none, and they have none."""

    products: Products


class FavouritesChanged(Event, worker="registration", key="member_id", about=("Favourites", "member_id")):
    """A member has other favourite products."""

    member_id: MemberId
    products: Products
