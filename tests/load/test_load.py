"""How a measurement ends that breaks off: with its reason as a line of JSON."""

import json
import sys
from typing import Any

import pytest

from runtime.local import LocalError
from tests.bench.ways import Stuck
from tests.chaos.servers import NoKafka
from tests.load import __main__ as load


class TestMain:
    @pytest.mark.parametrize(
        ("error", "code"), [(LocalError("it is away"), 1), (Stuck("it is away"), 1), (NoKafka("it is away"), 2)]
    )
    def test_says_as_json_why_it_failed(
        self, error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def breaks_off(*_: Any) -> None:
            raise error

        monkeypatch.setattr(load, "measure", breaks_off)
        monkeypatch.setattr(load, "check_apache", lambda: None)
        monkeypatch.setattr(sys, "argv", ["load", "--minutes", "0"])

        with pytest.raises(SystemExit) as ended:
            load.main()

        assert ended.value.code == code
        assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"failed": "it is away"}
