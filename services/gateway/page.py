"""The page at `/docs`: the OpenAPI document as plain HTML, which needs nothing from anywhere else."""

import json
from collections import defaultdict
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template


def rendered(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    operations: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            operations[tag].append({"path": path, "method": method.upper(), **operation})
    return _template().render(document=document, operations=dict(operations), fields=fields_of, pretty=_pretty)


def fields_of(schema: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema's fields for a table: name, kind, whether it is required, and what is said of it."""
    schemas = document["components"]["schemas"]
    target = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    required = set(target.get("required", ()))
    return [
        {"name": name, "kind": _kind(field), "is_required": name in required, "text": field.get("description", "")}
        for name, field in target.get("properties", {}).items()
    ]


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}"
    if "enum" in field:
        return " | ".join(str(each) for each in field["enum"])
    if "pattern" in field:
        return f"{field.get('type', 'any')} {field['pattern']}"
    return str(field.get("format") or field.get("type") or "any")


def _pretty(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


@cache
def _template() -> Template:
    return Environment(loader=PackageLoader("services.gateway", "templates"), autoescape=True).get_template("docs.html")
