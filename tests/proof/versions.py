"""Versions: what events say of how often an aggregate changed, held against each other and against its document."""

from collections import defaultdict
from typing import Final

from contracts.catalogue import EVENTS
from tests.proof.case import Case, Found, Violation
from tests.proof.history import Place, Record

Kind = tuple[str, str]
"""A worker, and the class of one of its documents."""

QUIET: Final[frozenset[Kind]] = frozenset(
    {
        *(("registration", kind) for kind in ("Member", "Call", "Ticket", "Registration")),
        *(("notifications", "Contact"), ("rewards", "Card"), ("rewards", "Adjustment")),
    }
)
"""Aggregates that also change without a word about them: their document is at least as new as their last event.

An adjustment that is applied or undone is told of as its account's; how often is held against it among what is kept.
"""
MORTAL: Final[frozenset[Kind]] = frozenset(
    {
        *(("registration", kind) for kind in ("Member", "Password", "Favourites", "Registration", "Challenge")),
        *(("notifications", "Message"), ("rewards", "Purchase")),
    }
)
"""Aggregates whose documents go: with the member, or when what they wait for is over. Any other's has to be there."""
REBORN: Final[frozenset[Kind]] = frozenset({("registration", "Challenge"), ("rewards", "Purchase")})
"""Those that may begin anew under the same id, at version 1 and without a word: the events of an earlier life stand in
the same topic, and nothing in them says which life it was. So their events' versions say nothing for certain."""
UNCHANGING: Final = ("Refused", "Repeated", "Parked")
"""How the names of events end that may be about an unchanged document, or about none."""


def versions_have_no_gaps(case: Case) -> Found:
    """Per aggregate the versions of events go up by one, up to the document's, one change each.

    Within a partition the first copies go up in order, too, as far as their causes came from one:
    of a coupon that was given away is told under another key.
    """
    for (kind, name), events in _histories(case).items():
        what = f"{kind[0]} {kind[1]} {name}"
        numbered = [each for each in events if "ce_sequence" in each.attributes]
        if numbered:
            yield from _out_of_order(case, kind[0], what, numbered)
            yield from _unlike_its_document(case, kind, name, max(_version(each) for each in numbered))
        if kind in QUIET:
            continue
        for record in events:
            if record not in numbered and not (record.type or "").endswith(UNCHANGING):
                yield Violation("gap", f"{what}: {record.type} {record.id} says no version")
        if numbered:
            yield from _incomplete(what, numbered)


def crossings(case: Case) -> Found:
    """Events of one aggregate whose first copies stand in one partition in another order than their versions.

    Their causes came from different partitions, and whoever committed the earlier one died before it was published.
    """
    for (kind, name), events in _histories(case).items():
        last: dict[int, int] = defaultdict(int)
        for record in events:
            version = _version(record)
            if 0 < version < last[record.partition]:
                text = (
                    f"{kind[0]} {kind[1]} {name}: {record.type} {record.id}: {version} after {last[record.partition]}"
                )
                yield Violation("crossed", text)
            last[record.partition] = max(last[record.partition], version)


def _version(record: Record) -> int:
    return int(record.attributes.get("ce_sequence", 0))


def _histories(case: Case) -> dict[tuple[Kind, str], list[Record]]:
    """By class and id of an aggregate, the first copies of the events about it, as they lie there."""
    histories: dict[tuple[Kind, str], list[Record]] = defaultdict(list)
    for record in case.first_events:
        event = EVENTS[record.type or ""]
        kind = (event.worker, event.about[0])
        if kind not in REBORN:
            histories[kind, record.attributes.get("ce_subject", "")].append(record)
    return histories


def _out_of_order(case: Case, worker: str, what: str, events: list[Record]) -> Found:
    last: dict[tuple[Place | None, int], int] = defaultdict(int)
    for record in events:
        origin = case.arrivals[worker].get(record.cause or "")
        version, way = _version(record), (origin, record.partition)
        if version < last[way]:
            text = f"{what}: {record.type} {record.id} is {version} after {last[way]}, both from {origin}"
            yield Violation("out_of_order", text)
        last[way] = max(last[way], version)


def _unlike_its_document(case: Case, kind: Kind, name: str, last: int) -> Found:
    worker, document_class = kind
    kept = case.history.workers.get(worker)
    if kept is None or document_class not in kept.collections:
        yield Violation("version", f"{worker} {document_class} {name}: nobody says where such documents are kept")
        return
    document = case.documents(worker, kept.collections[document_class]).get(name)
    if document is None:
        if kind not in MORTAL:
            yield Violation("lost_document", f"{worker} {document_class} {name} is gone; its events say {last}")
        return
    version = document["version"]
    if version < last or (version > last and kind not in QUIET):
        yield Violation("version", f"{worker} {document_class} {name} has version {version}, its events say {last}")


def _incomplete(what: str, events: list[Record]) -> Found:
    changes: dict[int, list[str]] = defaultdict(list)
    for record in events:
        changes[_version(record)] += [] if (record.type or "").endswith(UNCHANGING) else [record.id or ""]
    if sorted(changes) != list(range(1, max(changes) + 1)):
        yield Violation("gap", f"{what}: events say only {sorted(changes)}")
    for version, ids in changes.items():
        if len(ids) > 1:
            yield Violation("doubled", f"{what}: version {version} was made by {ids}")
