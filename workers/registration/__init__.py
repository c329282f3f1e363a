"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import (
    calls,
    codes,
    contact_changes,
    identification,
    joining,
    linking,
    passwords,
    profiles,
    verification,
)
from workers.registration.worker import worker

__all__ = [
    "calls",
    "codes",
    "contact_changes",
    "identification",
    "joining",
    "linking",
    "passwords",
    "profiles",
    "verification",
    "worker",
]
