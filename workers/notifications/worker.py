"""The notifications worker itself; the package's capability modules file their handlers under it."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.notifications.documents import Contact, Erasure, Message

worker = Worker[Programme](
    "notifications", documents=(Contact, Message, Erasure), pace_seconds=0.1, opens_personal=True
)
