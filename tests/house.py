"""The house rules as pure functions: each takes a name or a source and says what is wrong, one line per fault."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MAX_FILE_LINES: Final = 400
MAX_HANDLER_LINES: Final = 40

BANNED_WORDS: Final = frozenset(
    {"util", "utils", "helper", "helpers", "common", "manager", "processor", "cmd", "evt", "msg", "ctx"}
)
BANNED_FIELDS: Final = frozenset({"data", "payload", "extra"})
BANNED_IN_HANDLERS: Final = frozenset(
    {"asyncio", "time", "random", "secrets", "logging", "structlog", "os", "socket", "httpx", "motor", "faststream"}
)
CLOCKS: Final = frozenset({"now", "utcnow", "today", "uuid4", "uuid7"})
IRREGULAR_PASTS: Final = frozenset(
    {
        *("begun", "bound", "broken", "brought", "bought", "built", "chosen", "come", "cut", "done", "drawn", "found"),
        *("forgiven", "given", "gone", "held", "kept", "known", "left", "lent", "lost", "made", "met", "paid", "put"),
        *(
            "read",
            "resent",
            "risen",
            "run",
            "said",
            "seen",
            "sent",
            "set",
            "shown",
            "spent",
            "split",
            "spoken",
            "sold",
            "stolen",
        ),
        *("swept", "taken", "told", "thrown", "understood", "undone", "withdrawn", "won", "written"),
    }
)


@dataclass(frozen=True)
class FiledHandler:
    """A function that a worker's source files under a message."""

    message: str
    function: str
    worker: str
    file: str
    line: int
    lines: int
    is_generator: bool
    is_async: bool


def words_of(name: str) -> list[str]:
    """`CardLinkRefused` and `card_link_refused` as `card`, `link`, `refused`."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", name)]


def snake(name: str) -> str:
    """A class's name as a function's."""
    return "_".join(words_of(name))


def is_past_tense(event: str) -> bool:
    """Whether a name says that something happened: its last word is a past participle."""
    last = words_of(event)[-1]
    return last in IRREGULAR_PASTS or (last.endswith("ed") and last not in {"need", "seed", "feed", "speed", "bed"})


def filed_handlers(file: str, source: str) -> Iterator[FiledHandler]:
    """The handlers in a worker's module: functions under `@worker.handles(<message>)`."""
    worker = file.split("/")[1] if file.startswith("workers/") else ""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "worker.handles"):
                continue
            yield FiledHandler(
                message=ast.unparse(decorator.args[0]).rpartition(".")[2],
                function=node.name,
                worker=worker,
                file=file,
                line=node.lineno,
                lines=(node.end_lineno or node.lineno) - node.lineno + 1,
                is_generator=any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node)),
                is_async=isinstance(node, ast.AsyncFunctionDef),
            )


def misfiled(commands: Mapping[str, str], handlers: Iterable[FiledHandler]) -> Iterator[str]:
    """Commands (name to worker) that aren't handled exactly once, there, by a function of their own name."""
    found = [handler for handler in handlers if handler.message in commands]
    for command, worker in commands.items():
        own = [handler for handler in found if handler.message == command]
        if len(own) != 1:
            yield f"{command} is handled {len(own)} times"
        for handler in own:
            if handler.worker != worker:
                yield f"{command} belongs to {worker} and is handled in {handler.file}"
            if handler.function != snake(command):
                yield f"{command} is handled by {handler.function}, not by {snake(command)}"


def unfit(handler: FiledHandler) -> Iterator[str]:
    """What is wrong with a handler's form."""
    where = f"{handler.file}:{handler.line} {handler.function}"
    if handler.is_async:
        yield f"{where} is async"
    if not handler.is_generator:
        yield f"{where} is no generator function"
    if handler.lines > MAX_HANDLER_LINES:
        yield f"{where} has {handler.lines} lines, more than {MAX_HANDLER_LINES}"


def impure(file: str, source: str) -> Iterator[str]:
    """What a file of decisions may not do: I/O, clocks, chance, logging, waiting, catching."""
    for node in ast.walk(ast.parse(source)):
        for module in _imported(node):
            if module.split(".")[0] in BANNED_IN_HANDLERS:
                yield f"{file}:{getattr(node, 'lineno', 0)} imports {module}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            yield f"{file}:{node.lineno} calls {ast.unparse(node.func)}"
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"{file}:{node.lineno} is asynchronous"


def catching(file: str, source: str) -> Iterator[str]:
    """Handlers that catch: a refusal is an answer and anything else is a bug, and both are the runtime's."""
    for function in _functions(source):
        if not any(ast.unparse(each).startswith("worker.handles(") for each in function.decorator_list):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Try):
                yield f"{file}:{node.lineno} {function.name} catches"


def needless_else(file: str, source: str) -> Iterator[str]:
    """An `else` after a branch that refuses."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and node.orelse and isinstance(node.body[-1], ast.Raise):
            raised = node.body[-1].exc
            if isinstance(raised, ast.Call) and ast.unparse(raised.func) == "Refused":
                yield f"{file}:{node.orelse[0].lineno} goes on after a refusal with an else"


def _functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        yield node.module


def refusal_codes(source: str) -> Iterator[str]:
    """The codes that a source refuses with, where they stand as text: `Refused("…")`, `code="…"`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func).rpartition(".")[2] == "Refused" and node.args:
            yield from _texts(node.args[0])
        for keyword in node.keywords:
            if keyword.arg == "code":
                yield from _texts(keyword.value)


def _texts(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value:
            yield inner.value


def texts(source: str) -> frozenset[str]:
    """Every string that stands in a source."""
    return frozenset(
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def too_long(file: str, source: str) -> Iterator[str]:
    """Files that nobody reads in one sitting."""
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{file} has {lines} lines, more than {MAX_FILE_LINES}"


def opening(file: str, source: str) -> Iterator[str]:
    """Modules that don't open with one line that says what they are for."""
    docstring = ast.get_docstring(ast.parse(source), clean=True)
    if not docstring:
        yield f"{file} doesn't say what it is for"
    elif not docstring.splitlines()[0].rstrip().endswith((".", "?", "!", ":")):
        yield f"{file} opens with a line that is no sentence: {docstring.splitlines()[0]}"


def banned_names(file: str, source: str) -> Iterator[str]:
    """Names that say nothing, of modules, classes, functions, parameters and variables; fields called `data`."""
    for word in re.split(r"[/_.]", file.removesuffix(".py")):
        if word in BANNED_WORDS:
            yield f"{file}: {word} is no name for a place"
    for node in ast.walk(ast.parse(source)):
        for name in _given(node):
            for word in set(words_of(name)) & BANNED_WORDS:
                yield f"{file}:{getattr(node, 'lineno', 0)} {name}: {word} says nothing"
        if isinstance(node, ast.ClassDef):
            for field in _fields(node):
                if field in BANNED_FIELDS:
                    yield f"{file}:{node.lineno} {node.name}.{field}: a field is called by what it holds"


def _given(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        # What overrides a library's method has the library's name.
        if not any(isinstance(each, ast.Name) and each.id == "override" for each in node.decorator_list):
            yield node.name
    elif isinstance(node, ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def sentence(name: str, docstring: str | None) -> Iterator[str]:
    """Contract classes whose first paragraph is not one sentence: it becomes the catalogue."""
    first = (docstring or "").strip().split("\n\n")[0]
    if not first:
        yield f"{name} has no sentence"
    elif not ((first[0].isupper() or first[0] == "{") and first.endswith(".")):
        yield f"{name} is described by no sentence: {first}"
