"""The doors of the fuzz: that all of each is attacked, and that what isn't is said."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from random import Random
from typing import Any
from urllib.error import HTTPError

import pytest

from contracts.programme import Programme
from runtime.local import LocalError, free_port
from runtime.settings import Settings
from services import bulk
from services.bulk import InvalidFile, outcome_file_of
from services.gateway.search_shapes import KEYS, Search
from tests.fuzz import __main__ as fuzz
from tests.fuzz import http_door
from tests.fuzz.campaign import AttackFailed
from tests.fuzz.cli_door import CommandLine
from tests.fuzz.http_door import Order, Report
from tests.fuzz.http_shots import Requests
from tests.fuzz.tables import KINDS, FileKind, Torn, account_for, spoilt, valid

SEED = 1
PROGRAMME = Programme.read(Path("programme.yaml"))
SEARCH = {
    "paths": {
        "/v1/members/search": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Search"}}}}
            }
        }
    },
    "components": {"schemas": {"Search": Search.model_json_schema()}},
}


def made(document: dict[str, Any], count: int) -> list[bytes]:
    """So many of our own requests for a document."""
    requests = Requests(document, ["pk_a_b"], "fuzz", Random(SEED))
    return [requests.next() for _ in range(count)]


class TestRequests:
    def test_at_a_door_that_is_added_are_made_of_its_document(self) -> None:
        requests = made(
            {"paths": {"/v9/new/{thing}": {"delete": {"parameters": [{"name": "thing", "in": "path"}]}}}}, 50
        )
        assert all(b" /v9/new/" in each for each in requests)
        assert b"{thing}" not in b"".join(requests)

    def test_name_every_field_of_a_body_and_some_are_right(self) -> None:
        bodies = [each.partition(b"\r\n\r\n")[2] for each in made(SEARCH, 600)]

        right = [search for body in bodies if (search := _search(body)) is not None]
        assert len(right) > 100
        assert {key for search in right for key in search.keys} == set(KEYS)

    def test_name_a_field_that_is_added(self) -> None:
        document = json.loads(json.dumps(SEARCH))
        document["components"]["schemas"]["Search"]["properties"]["shoe_size"] = {"type": "integer", "minimum": 30}
        assert any(b'"shoe_size"' in each for each in made(document, 50))


def _search(body: bytes) -> Search | None:
    try:
        return Search.model_validate_json(body)
    except ValueError:
        return None


class Nobody(BaseHTTPRequestHandler):
    """Takes everything, and says nothing of what it takes."""

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """Where nobody in particular answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nobody)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def cases_of(url: str, **operations: Any) -> Report:
    """What comes of cases for these operations."""
    responses = {"responses": {"204": {"description": "Done."}}}
    paths = {f"/{name}": {"post": {**operation, **responses}} for name, operation in operations.items()}
    document = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}
    report = Report("door")
    http_door._cases(Order("door", url, "fuzz", SEED, requests=0, cases=4, sockets=0), document, report)
    return report


def holding(schema: dict[str, Any]) -> dict[str, Any]:
    """An operation whose body has a schema."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


class TestCases:
    def test_are_sent_to_all_that_takes_any(self, url: str) -> None:
        report = cases_of(url, takes_nothing={}, takes_a_number=holding({"type": "integer"}))

        assert report.not_attacked == []
        assert report.sent >= 3

    def test_what_takes_none_that_is_valid_is_said(self, url: str) -> None:
        report = cases_of(url, fine=holding({"type": "integer"}), never=holding({"type": "integer", "enum": ["text"]}))

        assert [each.partition(":")[0] for each in report.not_attacked] == ["POST /never, positive"]

    @pytest.mark.parametrize(
        "torn", [holding({"$ref": "#/components/schemas/Nowhere"}), {"parameters": [{"in": "query", "schema": {}}]}]
    )
    def test_what_can_not_be_read_is_said(self, torn: dict[str, Any], url: str) -> None:
        report = cases_of(url, fine={}, torn=torn)

        assert [each.partition(":")[0] for each in report.not_attacked][:1] == ["POST /torn"]
        assert not any("/fine" in each for each in report.not_attacked)

    def test_what_no_case_can_be_sent_to_is_said(self) -> None:
        assert cases_of("nowhere://here", fine={}).not_attacked == ["POST /fine: no case was sent"]

    def test_a_door_that_says_no_more_what_it_takes_is_not_taken_for_one_that_never_did(self, url: str) -> None:
        assert "/live" in http_door.described(url, must_say=False)["paths"]
        with pytest.raises(HTTPError):
            http_door.described(url, must_say=True)

    def test_a_door_that_nobody_keeps_any_more_is_a_fault(self) -> None:
        order = Order("door", f"http://127.0.0.1:{free_port()}", "fuzz", SEED, requests=8, cases=8, sockets=8)
        assert http_door.attack(order).unanswered == ["/openapi.json"]


class TestTables:
    def test_are_of_every_kind_that_there_is(self) -> None:
        modules = [import_module(f"services.bulk.{each.name}") for each in iter_modules(bulk.__path__)]
        there = {each.COLUMNS for each in modules if hasattr(each, "COLUMNS")}
        assert there == {kind.columns for kind in KINDS}

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
    def test_are_right_before_they_are_spoilt(self, kind: FileKind, tmp_path: Path) -> None:
        random = Random(SEED)
        for _ in range(30):
            text, right = valid(random, kind)
            (tmp_path / "x.csv").write_bytes(text.encode())
            assert len(account_for(kind, tmp_path / "x.csv", PROGRAMME, right)) == right

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
    def test_are_refused_or_taken_with_right_rows_and_wrong_ones(self, kind: FileKind, tmp_path: Path) -> None:
        random, refused, right, wrong = Random(SEED), 0, 0, 0
        for _ in range(150):
            (tmp_path / "x.csv").write_bytes(spoilt(random, kind))
            try:
                rows = account_for(kind, tmp_path / "x.csv", PROGRAMME)
            except InvalidFile:
                refused += 1
                continue
            right += sum(row.problem is None for row in rows)
            wrong += sum(row.problem is not None for row in rows)
        assert min(refused, right, wrong) > 30

    @pytest.mark.parametrize("damage", [lambda rows: rows[:-1], lambda rows: [*rows, rows[0]], lambda _: []])
    def test_that_lose_a_row_are_noticed(self, damage: Any, tmp_path: Path) -> None:
        kind = KINDS[0]
        text, right = valid(Random(SEED), kind)
        (tmp_path / "x.csv").write_bytes(text.encode())
        torn = FileKind(
            kind.name,
            kind.asked,
            kind.columns,
            kind.needed,
            kind.example,
            lambda table, programme: damage(kind.rows(table, programme)),
        )
        with pytest.raises(Torn):
            account_for(torn, tmp_path / "x.csv", PROGRAMME, right)


class TestCommandLine:
    @pytest.mark.parametrize(
        ("outcome", "is_right", "faults"),
        [
            ("no outcome", False, 1),
            ("invalid", True, 1),
            ("", True, 1),
            ("", False, 0),
            ("invalid", False, 0),
            ("refused", True, 0),
        ],
    )
    def test_notices_rows_without_an_outcome(
        self, outcome: str, is_right: bool, faults: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def write(_: CommandLine, arguments: tuple[str, ...]) -> None:
            if outcome:
                outcome_file_of(Path(arguments[2])).write_text(f"row,outcome\n2,{outcome}\n", encoding="utf-8")

        monkeypatch.setattr(CommandLine, "_ask", write)
        line = CommandLine(Settings(), tmp_path, SEED)
        line._carry_out(KINDS[0], b"", is_right=is_right)
        assert len(line.faults) == faults


class TestMain:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (AttackFailed("it fell"), "it fell"),
            (LocalError("it fell"), "it fell"),
            (OSError("it fell"), "OSError: it fell"),
        ],
    )
    def test_says_as_json_that_the_attack_broke_off(
        self, error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def breaks_off(*_: Any) -> None:
            raise error

        monkeypatch.setattr(fuzz, "attack", breaks_off)
        monkeypatch.setattr(sys, "argv", ["fuzz"])

        with pytest.raises((SystemExit, OSError)):
            fuzz.main()

        assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"failed": reason}
