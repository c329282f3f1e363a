"""Registration: who is a member, how they joined, and what they agreed to."""

from workers.registration import blocking, codes, favourites, joining, linking, merging, removing, verification
from workers.registration.worker import worker

__all__ = ["blocking", "codes", "favourites", "joining", "linking", "merging", "removing", "verification", "worker"]
