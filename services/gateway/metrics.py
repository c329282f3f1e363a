"""What the gateway counts, for Prometheus."""

import asyncio
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS: Final = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Requests by what they were and how they ended, their times, and what waits."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "punchcard_gateway_requests", "Requests that were answered.", ("what", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "punchcard_gateway_request_seconds",
            "From a request's last byte to its answer's first.",
            ("what",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "punchcard_gateway_waiting_commands", "Commands whose callers wait now.", registry=self.registry
        )
        self.answers_from_journal = Counter(
            "punchcard_gateway_answers_from_journal",
            "Commands whose answer was not heard in time though the journal had it.",
            registry=self.registry,
        )
        self.looks_lost = Counter(
            "punchcard_gateway_looks_lost", "Looks that could not be noted in the audit trail.", registry=self.registry
        )
        self.keys_refused = Gauge(
            "punchcard_gateway_keys_refused",
            "1 while the keys file can't be used: keys stay as they were, those that were taken out of it, too.",
            registry=self.registry,
        )
        self.loop_lag = Histogram(
            "punchcard_gateway_loop_lag_seconds",
            "How late the event loop gets to what is due.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        # Looking a child up by its labels costs more than counting does.
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def answered(self, what: str, status: int, seconds: float) -> None:
        """Count an answer: what it was about, its status and its time."""
        counter = self._counters.get((what, status // 100))
        if counter is None:
            counter = self._requests.labels(what, f"{status // 100}xx")
            self._counters[what, status // 100] = counter
        counter.inc()
        histogram = self._histograms.get(what)
        if histogram is None:
            histogram = self._histograms[what] = self._seconds.labels(what)
        histogram.observe(seconds)

    def shown(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    async def watch_loop(self, every_seconds: float = 1.0) -> None:
        """Measure the event loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + every_seconds
            await asyncio.sleep(every_seconds)
            self.loop_lag.observe(max(0.0, loop.time() - due))
