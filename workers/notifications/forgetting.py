"""How notifications forgets a member who was removed: how they are reached, what they chose, all texts to them.

What is left of them says that they are gone, so that no late news brings them back. A text that another process
queued in the very same moment is found a little later: the erasure is done once more then.
"""

from datetime import timedelta
from typing import Annotated, Final

from contracts.notifications import EraseTexts
from contracts.removal import MemberRemoved
from runtime.decisions import Key
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from workers import Changes, Context
from workers.notifications.documents import Contact, Erasure, Message
from workers.notifications.worker import worker

ONCE_MORE: Final = timedelta(minutes=10)
"""After how long texts are erased once more: longer than any batch takes."""


@worker.handles(MemberRemoved)
def forget_member(
    event: MemberRemoved,
    contact: Annotated[Contact | None, Key("member_id", as_is=True)],
    absorbed: Annotated[tuple[Contact, ...], Key("absorbed_ids")],
    erasure: Annotated[Erasure | None, Key("member_id")],
    context: Context,
) -> Changes:
    everybody = (event.member_id, *event.absorbed_ids, *event.former_ids)
    yield Contact(id=event.member_id, is_removed=True)
    # Of whom nothing is known yet, too: news of them that come in in this moment or later are told to nobody.
    led = {each.id for each in absorbed if each.merged_into is not None}
    yield tuple(Contact(id=each, merged_into=event.member_id) for each in event.absorbed_ids if each not in led)
    later = erasure or Erasure(id=event.member_id, texts_of=(), due_at=context.now)
    yield later.evolve(texts_of=everybody, due_at=context.now + ONCE_MORE)
    yield tuple(Erase(Message, each, field="member_id") for each in everybody)
    yield Erase(PersonKey, DEAD_LETTERS)


@worker.handles(EraseTexts)
def erase_texts(command: EraseTexts, erasure: Annotated[Erasure | None, Key("member_id")], context: Context) -> Changes:
    if erasure is not None and erasure.due_at <= context.now:
        yield Erase(Erasure, erasure.id)
        yield tuple(Erase(Message, each, field="member_id") for each in erasure.texts_of)


worker.due(Erasure, field="due_at", command=lambda erasure: EraseTexts(member_id=erasure.id))
