"""What can be said about which mailings members get through which channels."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.messages import ANYBODY, Command, Event
from contracts.notifications import MessageChannel
from contracts.values import Code, MemberId


class SubscriptionChange(BaseModel):
    """Whether a mailing is to come through a channel."""

    model_config = ConfigDict(frozen=True)

    mailing: Code
    channel: MessageChannel
    is_on: bool


class ChangeSubscriptions(
    Command, worker="notifications", key="member_id", actors=ANYBODY, right="notifications.subscribers"
):
    """Have mailings come, or come no more, through channels; what isn't named stays as it is."""

    member_id: MemberId
    changes: Annotated[tuple[SubscriptionChange, ...], Field(min_length=1, max_length=100)]


class StopMailings(Command, worker="notifications", key="member_id", actors=ANYBODY, right="notifications.subscribers"):
    """Have no mailing come any more, through one channel or through any; service messages still do."""

    member_id: MemberId
    channel: MessageChannel | None = None


class SubscriptionsChanged(Event, worker="notifications", key="member_id", about=("Contact", "member_id")):
    """A member gets other mailings than before."""

    member_id: MemberId
    changes: tuple[SubscriptionChange, ...]
    """Only what is not as it was."""
