"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import (
    blocking,
    calls,
    codes,
    contact_changes,
    courier,
    favourites,
    identification,
    joining,
    linking,
    merging,
    operators,
    passwords,
    profiles,
    removing,
    tickets,
    verification,
)
from workers.registration.worker import worker

worker.beside(courier.run)

__all__ = [
    "blocking",
    "calls",
    "codes",
    "contact_changes",
    "favourites",
    "identification",
    "joining",
    "linking",
    "merging",
    "operators",
    "passwords",
    "profiles",
    "removing",
    "tickets",
    "verification",
    "worker",
]
