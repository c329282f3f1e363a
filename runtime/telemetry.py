"""Telemetry: a process's logs, metrics and traces; none of them ever hold what is personal."""

import collections
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from runtime.journal import JournalRecord
from runtime.settings import Settings

STEP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
SIZE_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


def set_up_logs(settings: Settings) -> None:
    """Structured logs on standard error, one JSON object a line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    # Its errors quote the records that they are about.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def log(**context: Any) -> structlog.stdlib.BoundLogger:
    """A logger with some context."""
    return structlog.get_logger(**context)  # type: ignore[no-any-return]  # structlog types it as Any


def where_from(bug: BaseException) -> str:
    """An exception's type and place; never its text, which may quote what is personal."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(bug).__name__
    code = trace.tb_frame.f_code
    return f"{type(bug).__name__} in {code.co_name}, line {trace.tb_lineno}"


class Telemetry:
    """One worker process's metrics and state of health."""

    def __init__(self, worker: str, slot: int = 0) -> None:
        self.registry = CollectorRegistry()
        self.log = log(worker=worker, slot=slot)
        self.database_is_away = False
        self.kafka_is_away = False
        self.is_stopped_by_dead_letters = False
        labels: dict[str, Any] = {"namespace": "punchcard", "registry": self.registry}
        self._messages = Counter("messages", "Messages that ended, by type and outcome.", ["type", "outcome"], **labels)
        self._sizes = Histogram("batch_records", "Records in a batch.", buckets=SIZE_BUCKETS, **labels)
        self._steps = Histogram("step_seconds", "Time in a step of a batch.", ["step"], buckets=STEP_BUCKETS, **labels)
        self._conflicts = Counter("conflicts", "Attempts at a batch that met a conflict.", **labels)
        self._dead = Counter("dead_letters", "Records that became dead letters.", **labels)
        self._bugs = Counter("bugs", "Handlers that raised what they should not.", ["type"], **labels)
        self._trips = Histogram(
            "transaction_round_trips", "Round trips in a transaction.", buckets=(2, 4, 6, 8, 10, 15, 20, 50), **labels
        )
        self._lag = Gauge(
            "lag_records", "Records not yet settled, by topic and partition.", ["topic", "partition"], **labels
        )
        self._ready = Gauge("ready", "1 where the process is ready.", **labels)
        self._ready.set_function(lambda: float(not self.obstacles()))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step of a batch."""
        start = perf_counter()
        try:
            yield
        finally:
            self._steps.labels(name).observe(perf_counter() - start)

    def obstacles(self) -> list[str]:
        """Why the process is not ready; empty when it is."""
        states = {
            "MongoDB is away": self.database_is_away,
            "Kafka is away": self.kafka_is_away,
            "too many dead letters": self.is_stopped_by_dead_letters,
        }
        return [name for name, holds in states.items() if holds]

    def batch(self, size: int) -> None:
        """A batch begins."""
        self._sizes.observe(size)

    def ended(self, records: Iterable[JournalRecord]) -> None:
        """These messages came to their ends."""
        counts = collections.Counter((record.type, record.outcome.value) for record in records)
        for (message_type, outcome), count in counts.items():
            self._messages.labels(message_type, outcome).inc(count)

    def conflict(self) -> None:
        """An attempt met a conflict."""
        self._conflicts.inc()

    def dead_letters(self, count: int) -> None:
        """So many dead letters were published."""
        self._dead.inc(count)

    def bug(self, message_type: str, place: str) -> None:
        """A handler raised what it should not."""
        self._bugs.labels(message_type).inc()
        self.log.error("handler failed", type=message_type, place=place)

    def round_trips(self, count: int) -> None:
        """A transaction took so many round trips."""
        self._trips.observe(count)

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """So many records of these partitions are not settled yet; of no others does this process know."""
        self._lag.clear()
        for (topic, partition), records in lags.items():
            self._lag.labels(topic, str(partition)).set(records)
