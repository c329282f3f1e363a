"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import calls, joining, linking
from workers.registration.worker import worker

__all__ = ["calls", "joining", "linking", "worker"]
