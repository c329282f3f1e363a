"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import calls, codes, joining, linking
from workers.registration.worker import worker

__all__ = ["calls", "codes", "joining", "linking", "worker"]
