"""The settings page: every setting, its variable, its default and what it is for."""

import inspect
import re
import textwrap
from collections.abc import Iterator

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from runtime.settings import Settings


def settings_page() -> str:
    """The page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    prefix = Settings.model_config.get("env_prefix", "")
    remarks = _remarks()
    yield "# Settings"
    yield ""
    yield "Made from `runtime/settings.py` by `make docs`; don't edit. Every process reads them once, at its start, as"
    yield "environment variables; one that breaks its rule stops the process with a line that names it."
    yield ""
    yield "| variable | default | rule | what for |"
    yield "|---|---|---|---|"
    for name, field in Settings.model_fields.items():
        yield f"| `{prefix}{name.upper()}` | {_default(field)} | {_rule(name)} | {remarks.get(name, '')} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value}`"


def _rule(name: str) -> str:
    schema = Settings.model_json_schema()
    field = schema["properties"][name]
    options = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    rules: list[str] = []
    for option in options:
        if "enum" in option:
            rules.append(", ".join(f"`{each}`" for each in option["enum"]))
        else:
            rules.append(str(option.get("format", option.get("type", ""))))
        words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}
        rules += [f"{text} {option[word]}" for word, text in words.items() if word in option]
        if "pattern" in option:
            rules.append(f"`{option['pattern']}`")
    return " ".join(rules).replace("|", "\\|")


def _remarks() -> dict[str, str]:
    """By setting, the text that stands under it in the source."""
    source = textwrap.dedent(inspect.getsource(Settings))
    found = re.findall(r'^    (\w+): [^\n]*\n    """(.*?)"""', source, re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()).replace("|", "\\|") for name, text in found}
