"""Keeps the trail: who did what to whom, when and with what outcome; append-only, and any change to it is found."""

from workers.audit import recording
from workers.audit.worker import worker

__all__ = ["recording", "worker"]
