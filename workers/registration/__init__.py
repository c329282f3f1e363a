"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import joining, linking, merging
from workers.registration.worker import worker

__all__ = ["joining", "linking", "merging", "worker"]
