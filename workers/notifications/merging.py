"""Who is written to when two members became one: the survivor, of whatever the other was to be told of."""

from typing import Annotated

from contracts.merging import MembersMerged
from runtime.decisions import Key
from runtime.documents import Erase
from workers import Changes, Context
from workers.notifications.documents import Contact, Message
from workers.notifications.queueing import told_or_kept
from workers.notifications.worker import worker


@worker.handles(MembersMerged)
def write_to_survivor(
    event: MembersMerged,
    left: Annotated[Contact | None, Key("absorbed_id", as_is=True)],
    held: Annotated[Contact | None, Key("member_id")],
    earlier: Annotated[tuple[Contact, ...], Key("left.absorbed")],
    context: Context,
) -> Changes:
    gone = left or Contact(id=event.absorbed_id)
    stays = held or Contact(id=event.member_id)
    if gone.merged_into is not None or gone.id == stays.id:
        return

    now = stays.evolve(absorbed=(*stays.absorbed, gone.id, *gone.absorbed))
    # How to reach the absorbed one isn't kept here: nothing is sent there any more.
    yield now, Contact(id=gone.id, merged_into=stays.id)
    yield tuple(each.evolve(merged_into=stays.id) for each in earlier)
    if stays.is_removed:
        yield Erase(Message, gone.id, field="member_id")
    yield from told_or_kept(gone.notices, now, context)
