"""The workers as their packages define them."""

from importlib import import_module
from typing import Any

from contracts.messages import WORKERS
from runtime.decisions import Worker


def all_workers() -> list[Worker[Any]]:
    """Every worker there is."""
    return [import_module(f"workers.{name}").worker for name in WORKERS]
