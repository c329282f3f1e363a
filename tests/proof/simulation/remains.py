"""What a simulated run leaves behind, as a history."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runtime.journal import Outgoing, unpack
from runtime.serve import listen_topics
from runtime.settings import Settings
from tests.proof.history import History, Journaled, Kept, Saying, Sent
from tests.proof.simulation.world import World

OURS = frozenset({"journal", "outbox", "leases"})


def gathered(
    world: World, settings: Settings, workers: Iterable[Any], sent: Sequence[Sent], notes: Mapping[str, Any]
) -> History:
    """The history of a world."""
    records = tuple(record for log in world.brokers.logs.values() for record in log)
    kept = {worker.name: _kept(world, settings, worker) for worker in workers}
    return History(settings.prefix, tuple(sent), records, kept, notes)


def _kept(world: World, settings: Settings, worker: Any) -> Kept:
    database = settings.database(worker.name)
    collections = {
        name: tuple(world.replicas.scan((database, name), {}, world.replicas.majority_time))
        for owner, name in list(world.replicas.collections)
        if owner == database
    }
    parcels = {each["_id"]: each["parts"] for each in collections.get("outbox", ())}
    journal = tuple(_journaled(each, parcels) for each in collections.get("journal", ()))
    group = world.brokers.groups.get(settings.group(worker.name))
    topics = listen_topics(worker, settings.prefix)
    ends = {place: len(log) for place, log in world.brokers.logs.items() if place[0] in topics}
    return Kept(
        handles=frozenset(worker.handlers),
        collections={name: each.collection for name, each in worker.documents.items()},
        documents={name: documents for name, documents in collections.items() if name not in OURS},
        journal=journal,
        committed=dict(group.committed) if group is not None else {},
        ends=ends,
        outbox_remains=sum(len(parts) for parts in parcels.values()),
        commits=tuple(group.commits) if group is not None else (),
        promised=tuple(saying(each) for part in world.promised.get(database, ()) for each in unpack(part)),
    )


def _journaled(raw: Mapping[str, Any], parcels: Mapping[str, Mapping[str, bytes]]) -> Journaled:
    part = parcels.get(raw["parcel"], {}).get(str(raw["part"]))
    return Journaled(
        id=raw["_id"],
        type=raw["type"],
        outcome=raw["outcome"],
        result=None if raw["result"] is None else saying(unpack(raw["result"])[0]),
        pending=() if part is None else tuple(saying(each) for each in unpack(part)),
    )


def saying(outgoing: Outgoing) -> Saying:
    """A message as the history has it."""
    return Saying(outgoing.topic, outgoing.key, outgoing.value, tuple(outgoing.headers))
