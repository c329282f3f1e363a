"""What the workers' sources say about themselves: who handles what, where, and which refusals stand there."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.catalogue import COMMANDS
from contracts.messages import WORKERS
from contracts.refusals import REFUSALS
from runtime.decisions import snake_case


@dataclass(frozen=True, slots=True)
class HandlerPlace:
    """Where a message is handled."""

    worker: str
    message: str
    function: str
    file: str


def handler_places(root: Path) -> dict[str, list[HandlerPlace]]:
    """By message, its handlers in all workers: functions under `@worker.handles(<message>)`."""
    places: dict[str, list[HandlerPlace]] = {}
    for worker in WORKERS:
        for file, tree in _modules(root, worker):
            for function, message in _filed(tree):
                place = HandlerPlace(worker, message, function.name, file)
                places.setdefault(message, []).append(place)
    return places


def refusals_of(root: Path, worker: str) -> list[str]:
    """The codes of the catalogue that a worker may refuse with: those that its sources name, or its documents imply."""
    said = {"actor_not_allowed", "id_used_before"}  # the runtime says them for every worker
    if any(command.sealed for command in COMMANDS.values() if command.worker == worker):
        said.add("not_sealed")
    for _, tree in _modules(root, worker):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "context.opened":
                said.add("not_sealed")  # said by the runtime, where a handler opens what a door sealed
            elif isinstance(node, ast.ClassDef):
                said.add(f"unknown_{snake_case(node.name)}")
    return sorted(said & REFUSALS.keys())


def _modules(root: Path, worker: str) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted((root / "workers" / worker).glob("*.py")):
        yield file.relative_to(root).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def _filed(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "worker.handles":
                yield node, ast.unparse(decorator.args[0]).rpartition(".")[2]
