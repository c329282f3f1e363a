"""The generated pages: what is committed is what the code says, twice the same, and complete."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import ActorKind, Envelope
from contracts.refusals import REFUSALS
from contracts.topics import all_topics
from runtime.arrivals import Problem
from runtime.asyncapi import HEADERS
from runtime.decisions import snake_case
from runtime.settings import Settings
from services.docs import FOLDER, ROOT, stale, write
from services.docs.message_page import PROBLEMS
from tests.contracts.golden import MESSAGES, Golden, file_of
from tests.contracts.golden.examples import example_envelope


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose pages were just written."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "workers").symlink_to(ROOT / "workers")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def asyncapi(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    return document


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


class TestTheCommittedPages:
    def test_say_what_the_code_says(self) -> None:
        late = [file.relative_to(ROOT).as_posix() for file in stale(ROOT)]
        assert late == [], f"`make docs` writes them anew: {late}"


class TestLinks:
    @pytest.mark.parametrize("file", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda file: file.name)
    def test_lead_somewhere(self, file: Path) -> None:
        links = re.findall(r"\]\((?!https?://|#)([^)#]+)", file.read_text(encoding="utf-8"))
        assert [link for link in links if not (file.parent / link).exists()] == []

    def test_to_tests_name_classes_that_stand_there(self) -> None:
        page = ROOT / "docs" / "architecture.md"
        named = re.findall(r"\[(Test\w+)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        assert len(named) > 10
        for name, file in named:
            assert f"class {name}:" in (page.parent / file).read_text(encoding="utf-8"), f"{name} is not in {file}"


class TestStale:
    def test_is_nothing_when_they_were_just_written(self, root: Path) -> None:
        assert stale(root) == []

    @pytest.mark.long
    def test_is_what_was_changed_removed_or_left_over(self, tmp_path: Path) -> None:
        (tmp_path / "workers").symlink_to(ROOT / "workers")
        write(tmp_path)
        pages = tmp_path / FOLDER
        (pages / "messages.md").write_text("older", encoding="utf-8")
        (pages / "settings.md").unlink()
        (pages / "schemas" / "Gone.json").write_text("{}", encoding="utf-8")

        assert {file.name for file in stale(tmp_path)} == {"messages.md", "settings.md", "Gone.json"}
        write(tmp_path)
        assert stale(tmp_path) == []


class TestAsyncapi:
    def test_has_every_topic_with_its_partitions(self, asyncapi: dict[str, Any]) -> None:
        expected = {topic.name: topic.partitions for topic in all_topics("punchcard", Settings().partitions, 1)}
        found = {name: each["bindings"]["kafka"]["partitions"] for name, each in asyncapi["channels"].items()}
        assert found == expected

    def test_has_every_message_on_its_topic(self, asyncapi: dict[str, Any]) -> None:
        for name, message in {**COMMANDS, **EVENTS}.items():
            kind = "commands" if name in COMMANDS else "events"
            assert name in asyncapi["channels"][f"punchcard.{message.worker}.{kind}"]["messages"]
        assert set(asyncapi["channels"]["punchcard.results"]["messages"]) == {"CommandEnded"}

    def test_receives_commands_and_sends_the_rest(self, asyncapi: dict[str, Any]) -> None:
        for name, operation in asyncapi["operations"].items():
            assert operation["action"] == ("receive" if name.endswith(".commands") else "send")

    def test_refers_to_nothing_that_is_not_there(self, asyncapi: dict[str, Any]) -> None:
        for ref in set(refs(asyncapi)):
            node = asyncapi
            for part in ref.removeprefix("#/").split("/"):
                assert part in node, ref
                node = node[part]

    def test_describes_the_headers_that_are_sent(self, asyncapi: dict[str, Any]) -> None:
        described = asyncapi["components"]["messageTraits"]["cloudEvent"]["headers"]
        sent = {name for name, _ in example_envelope(EVENTS["CardIssued"]).headers("x")}
        assert sent - {"content-type"} <= set(described["properties"])
        assert {field for field, _, _ in HEADERS.values()} - {""} == set(Envelope.model_fields) - {"actor"}
        assert described["properties"]["ce_actorkind"]["enum"] == [kind.value for kind in ActorKind]


@pytest.mark.parametrize("name", MESSAGES)
class TestSchemas:
    def test_fit_what_is_sent(self, name: str, root: Path) -> None:
        schema = json.loads((root / FOLDER / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
        for body in Golden.read(file_of(name)).bodies:
            jsonschema.Draft202012Validator(schema).validate(json.loads(body))


class TestMessages:
    def test_names_every_message_refusal_and_failure(self, root: Path) -> None:
        page = (root / FOLDER / "messages.md").read_text(encoding="utf-8")
        for name in (*COMMANDS, *EVENTS, "CommandEnded"):
            assert f"\n#### {name}\n" in page
        for code in (*REFUSALS, *Problem):
            assert f"| `{code}` |" in page, f"{code} belongs to no worker"
        assert set(PROBLEMS) == set(Problem)

    def test_links_every_command_to_its_handler(self, root: Path) -> None:
        page = (root / FOLDER / "messages.md").read_text(encoding="utf-8")
        for name in COMMANDS:
            section = page.split(f"\n#### {name}\n")[1].split("\n#### ")[0]
            assert f"Handled by [`{snake_case(name)}`](../../" in section
            file = section.split("](../../")[1].split(")")[0]
            assert f"def {snake_case(name)}(" in (ROOT / file).read_text(encoding="utf-8")

    def test_marks_what_is_personal(self, root: Path) -> None:
        page = (root / FOLDER / "messages.md").read_text(encoding="utf-8")
        section = page.split("\n#### RegisterMember\n")[1].split("\n#### ")[0]
        marked = {line.split("`")[1] for line in section.splitlines() if "*personal*" in line}
        assert marked == set(COMMANDS["RegisterMember"].personal)


class TestSettings:
    def test_names_every_setting(self, root: Path) -> None:
        page = (root / FOLDER / "settings.md").read_text(encoding="utf-8")
        for name in Settings.model_fields:
            assert f"`PUNCHCARD_{name.upper()}`" in page
