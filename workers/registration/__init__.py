"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import calls, codes, identification, joining, linking, passwords
from workers.registration.worker import worker

__all__ = ["calls", "codes", "identification", "joining", "linking", "passwords", "worker"]
