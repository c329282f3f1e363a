"""Writes to members: welcomes, news of cards and rewards; each message once, and how far it came."""

from workers.notifications import codes, courier, delivery, forgetting, merging, queueing, subscriptions
from workers.notifications.worker import worker

worker.beside(courier.run)

__all__ = ["codes", "delivery", "forgetting", "merging", "queueing", "subscriptions", "worker"]
