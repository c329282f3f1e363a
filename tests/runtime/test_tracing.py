"""Tracing: off unless an address is given, and then spans arrive there."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from contracts.messages import Outcome
from runtime.edge import Edge
from runtime.serve import Process
from runtime.settings import Settings
from tests.decisions import TILL
from tests.runtime.counting import Count, worker
from tests.runtime.machine import until


class Collector(HTTPServer):
    """An OTLP collector's door that notes what comes."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, int]] = []
        super().__init__(("127.0.0.1", 0), Door)


class Door(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append((self.path, len(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's output."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, daemon=True)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


class TestTracing:
    async def test_sends_spans_of_what_is_consumed(self, settings: Settings, collector: Collector) -> None:
        endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        traced = settings.model_copy(update={"tracing_endpoint": endpoint})
        process = Process(worker, None, traced)
        running = asyncio.create_task(process.run())
        async with Edge(traced, "test") as edge:
            ended = await edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=20)
        assert ended is not None
        assert ended.outcome is Outcome.DONE
        process.stop()
        await running

        await until(lambda: bool(collector.posts), "exported")
        assert {path for path, _ in collector.posts} == {"/v1/traces"}
        assert all(size > 100 for _, size in collector.posts)
