"""The generated pages: AsyncAPI, JSON Schemas, the message catalogue and the settings, all from the code itself."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import CommandEnded, Message
from runtime.asyncapi import describe
from runtime.settings import DAY_SECONDS, Settings
from services.docs.message_page import message_page
from services.docs.settings_page import settings_page
from services.docs.undoing_page import undoing_page

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = "docs/generated"


def write(root: Path = ROOT) -> list[Path]:
    """Write the pages under `root`/docs/generated and remove those that nothing makes any more; says which it wrote."""
    pages = {root / FOLDER / name: text for name, text in _pages(root)}
    for file, text in pages.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for file in _present(root) - pages.keys():
        file.unlink()
    return sorted(pages)


def stale(root: Path = ROOT) -> list[Path]:
    """The pages that are missing, say something else than the code does, or have nothing to say any more."""
    pages = {root / FOLDER / name: text for name, text in _pages(root)}
    changed = {file for file, text in pages.items() if not file.is_file() or file.read_text(encoding="utf-8") != text}
    return sorted(changed | (_present(root) - pages.keys()))


def _present(root: Path) -> set[Path]:
    return {file for file in (root / FOLDER).rglob("*") if file.is_file()}


def _pages(root: Path) -> Iterator[tuple[str, str]]:
    """Every page's name and text. What the environment says plays no part: these are the defaults."""
    prefix, partitions, days = (
        Settings.model_fields[name].default for name in ("prefix", "partitions", "retention_days")
    )
    messages: dict[str, type[Message]] = {**COMMANDS, **EVENTS}
    document = describe(
        messages.values(),
        prefix=prefix,
        partitions=partitions,
        retention_seconds=days * DAY_SECONDS,
        version=version("punchcard"),
    )
    yield "asyncapi.json", _json(document)
    messages["CommandEnded"] = CommandEnded
    for name, message in messages.items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **message.model_json_schema(mode="validation"),
            "x-worker": message.worker,
            "x-key": message.key,
            "x-personal": sorted(message.personal),
        }
        yield f"schemas/{name}.json", _json(schema)
    yield "messages.md", message_page(root)
    yield "undoing.md", undoing_page()
    yield "settings.md", settings_page()


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
