"""Dependencies: every one is pinned by version and hash, and none has a known hole, where advisories can be asked."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("constraints.txt", "constraints-dev.txt")
ADVISORIES = "https://api.osv.dev/v1/querybatch"
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)
AT_ONCE = 500


def pins(text: str) -> list[tuple[str, str]]:
    """Names and versions in a lock."""
    return PIN.findall(text)


def question(found: list[tuple[str, str]]) -> dict[str, Any]:
    """What the advisories' service is asked, as its documentation has it."""
    return {"queries": [{"package": {"name": name, "ecosystem": "PyPI"}, "version": each} for name, each in found]}


def holes(found: list[tuple[str, str]], answer: dict[str, Any]) -> list[str]:
    """Packages with advisories, and which."""
    return [
        f"{name} {version}: {', '.join(each['id'] for each in result['vulns'])}"
        for (name, version), result in zip(found, answer["results"], strict=True)
        if result.get("vulns")
    ]


@pytest.mark.parametrize("lock", LOCKS)
class TestLocks:
    def test_pin_every_package_by_version_and_hash(self, lock: str) -> None:
        text = (ROOT / lock).read_text(encoding="utf-8")
        blocks = re.split(r"\n(?=[^\s#])", text.strip())
        packages = [block for block in blocks if not block.startswith("#")]
        assert len(packages) == len(pins(text)) > 50
        assert [block.splitlines()[0] for block in packages if "--hash=sha256:" not in block] == []

    def test_have_no_known_hole(self, lock: str) -> None:
        found = pins((ROOT / lock).read_text(encoding="utf-8"))
        broken: list[str] = []
        for start in range(0, len(found), AT_ONCE):
            part = found[start : start + AT_ONCE]
            try:
                answer = httpx.post(ADVISORIES, json=question(part), timeout=5)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                pytest.skip(f"advisories can't be asked from here: {type(error).__name__}")
            broken += holes(part, answer.json())
        assert broken == []


class TestHoles:
    def test_are_named(self) -> None:
        found = pins("jinja2==2.4.1 \\\n    --hash=sha256:0\nrich==14.0.0 ; x\n")
        assert found == [("jinja2", "2.4.1"), ("rich", "14.0.0")]
        assert question(found)["queries"][0] == {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}
        assert holes(found, {"results": [{"vulns": [{"id": "GHSA-1"}, {"id": "PYSEC-2"}]}, {}]}) == [
            "jinja2 2.4.1: GHSA-1, PYSEC-2"
        ]
