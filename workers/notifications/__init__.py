"""Writes to members: welcomes, news of cards and rewards; each message once, and how far it came."""

from workers.notifications import (
    codes,
    contacts,
    courier,
    delivery,
    forgetting,
    merging,
    passwords,
    queueing,
    subscriptions,
)
from workers.notifications.worker import worker

worker.beside(courier.run)

__all__ = [
    "codes",
    "contacts",
    "delivery",
    "forgetting",
    "merging",
    "passwords",
    "queueing",
    "subscriptions",
    "worker",
]
