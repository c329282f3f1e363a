"""The page on undoing: every command that an operator may give, and what takes it back."""

from collections.abc import Iterator

from contracts.catalogue import COMMANDS
from contracts.messages import WORKERS, ActorKind
from contracts.undoing import UNDOING

INTRODUCTION = """\
Made from the code by `make docs`; don't edit. Every action of an operator can be taken back by another command, or
says why not. Nothing is edited or deleted: taking back is an entry of its own, with actor, reason and time, that names
what it undoes; done twice it is refused. It stands in the ledger, in what explains the balance and in the
timeline, where `taken_back_by` of a command that was done says the same as this page.
"""


def undoing_page() -> str:
    """The page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Undoing"
    yield ""
    yield from INTRODUCTION.splitlines()
    for worker in WORKERS:
        commands = [each for each in COMMANDS.values() if each.worker == worker and ActorKind.OPERATOR in each.actors]
        rows = [(each.__name__, UNDOING[each.__name__]) for each in commands if each.__name__ in UNDOING]
        if rows:
            yield from ("", f"## {worker}", "", "| done | taken back by | |", "|---|---|---|")
        for name, undo in rows:
            by = " or ".join(f"[`{each}`](messages.md#{each.lower()})" for each in undo.by) or "nothing"
            yield f"| [`{name}`](messages.md#{name.lower()}) | {by} | {undo.how} |"
