"""The topics: names, partitions, retention and who reads them, in one place."""

from dataclasses import dataclass

from contracts.messages import WORKERS


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic as it has to exist."""

    name: str
    partitions: int
    retention_seconds: float
    purpose: str


def commands_topic(prefix: str, worker: str) -> str:
    """The topic on which `worker` is asked."""
    return f"{prefix}.{worker}.commands"


def events_topic(prefix: str, worker: str) -> str:
    """The topic on which `worker` says what happened."""
    return f"{prefix}.{worker}.events"


def dead_topic(prefix: str, worker: str) -> str:
    """The topic of what `worker` could not process, with the reason."""
    return f"{prefix}.{worker}.dead"


def results_topic(prefix: str) -> str:
    """The topic of the outcomes of commands."""
    return f"{prefix}.results"


def all_topics(prefix: str, partitions: int, retention_seconds: float) -> tuple[Topic, ...]:
    """Every topic there is; those of one worker have equal partition counts, so equal keys meet in one process."""
    dead_retention_seconds = 4 * retention_seconds
    topics = [Topic(results_topic(prefix), partitions, retention_seconds, "The outcome of every command.")]
    for worker in WORKERS:
        topics += [
            Topic(commands_topic(prefix, worker), partitions, retention_seconds, f"What {worker} is asked to do."),
            Topic(events_topic(prefix, worker), partitions, retention_seconds, f"What happened in {worker}."),
            Topic(dead_topic(prefix, worker), 1, dead_retention_seconds, f"What {worker} could not process, and why."),
        ]
    return tuple(topics)
