"""Which mailings members get through which channels: what they said, else what the programme has by default."""

from typing import Annotated

from contracts.notifications import MessageChannel
from contracts.programme.notifications import NotificationRules
from contracts.subscriptions import ChangeSubscriptions, StopMailings, SubscriptionChange, SubscriptionsChanged
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.notifications.documents import Choice, Contact
from workers.notifications.worker import worker


@worker.handles(ChangeSubscriptions)
def change_subscriptions(
    command: ChangeSubscriptions, contact: Annotated[Contact, Key("member_id")], context: Context
) -> Changes:
    for change in command.changes:
        mailing = context.programme.notifications.mailing(change.mailing)
        if mailing is None:
            raise Refused("mailing_unknown", mailing=change.mailing)
        if change.channel not in mailing.channels:
            raise Refused("mailing_not_through_channel", mailing=change.mailing, channel=change.channel.value)

    yield from chosen(contact, command.changes, context)


@worker.handles(StopMailings)
def stop_mailings(command: StopMailings, contact: Annotated[Contact, Key("member_id")], context: Context) -> Changes:
    yield from chosen(contact, all_off(context.programme.notifications, command.channel), context)


def all_off(rules: NotificationRules, channel: MessageChannel | None) -> tuple[SubscriptionChange, ...]:
    """Every mailing turned off, through one channel or all."""
    channels = tuple(MessageChannel) if channel is None else (channel,)
    return tuple(
        SubscriptionChange(mailing=mailing.code, channel=each, is_on=False)
        for mailing in rules.mailings
        for each in mailing.channels
        if each in channels
    )


def chosen(contact: Contact, wanted: tuple[SubscriptionChange, ...], context: Context) -> Changes:
    """Keep what a member wants: of two words about one thing the last counts.

    What they say is kept even where it is the programme's default: it holds when that changes.

    Raises:
        Refused: `unknown_contact`, they are gone or not here yet; `subscriptions_unchanged`, they have said all of that
            before.
    """
    if not contact.is_known:
        raise Refused("unknown_contact")
    last = {(change.mailing, change.channel): change for change in wanted}
    known = {(choice.mailing, choice.channel): choice for choice in contact.choices}
    changes = tuple(
        change for place, change in last.items() if place not in known or known[place].is_on != change.is_on
    )
    if not changes:
        raise Refused("subscriptions_unchanged")

    for change in changes:
        known[change.mailing, change.channel] = Choice(
            mailing=change.mailing, channel=change.channel, is_on=change.is_on, chosen_at=context.now
        )
    yield contact.evolve(choices=tuple(known.values()))
    yield SubscriptionsChanged(member_id=contact.id, changes=changes)
