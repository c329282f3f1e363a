"""Brings what documents keep besides their fields up to date, over all workers."""

from collections.abc import Iterable
from typing import Any

from runtime.decisions import Worker
from runtime.documents import Document
from runtime.settings import Settings
from runtime.store import Store


async def derive_anew(settings: Settings, workers: Iterable[Worker[Any]]) -> int:
    """Derive keys anew in every document that has some, and make their indexes; how many had others.

    Raises:
        Away: MongoDB can't be reached.
    """
    changed = 0
    for worker in workers:
        classes = [each for each in worker.documents.values() if each.derived is not Document.derived]
        if not classes:
            continue
        store = Store(settings, worker.name, classes)
        try:
            await store.open()
            for document_class in classes:
                changed += await store.derive_anew(document_class)
        finally:
            store.close()
    return changed
