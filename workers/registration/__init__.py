"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import (
    calls,
    codes,
    contact_changes,
    courier,
    identification,
    joining,
    linking,
    passwords,
    profiles,
    tickets,
    verification,
)
from workers.registration.worker import worker

worker.beside(courier.run)

__all__ = [
    "calls",
    "codes",
    "contact_changes",
    "identification",
    "joining",
    "linking",
    "passwords",
    "profiles",
    "tickets",
    "verification",
    "worker",
]
