"""Mutants: the rewards worker with one rule broken on purpose, in one line.

A short story notices each of them, in every run of the tests (`noticed.py`). `make histories MUTANTS=1` says which one
does; with HISTORIES=300 also after how many random histories each is caught. MUTANTS="these two" tries these.
"""

import inspect
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.workers.rewards.mutations import MUTATIONS
from tests.workers.rewards.noticed import NOTICED_BY
from tests.workers.rewards.stories import AgainstModel
from workers.rewards import worker

EVERYDAY: Final = 60
"""Histories that every run of the tests tries."""
STEPS: Final = 30


class Uncut(Exception):
    """A mutant whose line isn't in the code, or is there more than once: the code has moved on."""


@dataclass(frozen=True)
class Mutant:
    """A function of the worker with one piece of its text replaced."""

    name: str
    where: Callable[..., Any]
    old: str
    new: str

    def made(self) -> Callable[..., Any]:
        """The broken function.

        Raises:
            Uncut: what it replaces isn't there exactly once.
        """
        source = textwrap.dedent(inspect.getsource(self.where))
        source = source[re.search(r"^def ", source, re.MULTILINE).start() :]  # type: ignore[union-attr]  # a function
        if source.count(self.old) != 1:
            raise Uncut(f"{self.name}: {self.old!r} stands {source.count(self.old)} times in {self.where.__qualname__}")
        made: dict[str, Any] = {}
        exec(compile(source.replace(self.old, self.new), self.name, "exec"), self.where.__globals__, made)
        broken: Callable[..., Any] = made[self.where.__name__]
        return broken


MUTANTS: Final = {name: Mutant(name, *mutation) for name, mutation in MUTATIONS.items()}


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The worker as the mutant has it: wherever the function is known by its name, and where it is filed."""
    made = mutant.made()
    with ExitStack() as patches:
        owner, _, _ = mutant.where.__qualname__.rpartition(".")
        if owner:
            known = getattr(sys.modules[mutant.where.__module__], owner)
            patches.enter_context(patch.object(known, mutant.where.__name__, made))
        for module in _modules():
            for name, thing in list(vars(module).items()):
                if thing is mutant.where:
                    patches.enter_context(patch.object(module, name, made))
        for message, handler in list(worker.handlers.items()):
            if handler.function is mutant.where:
                filed = {message: replace(handler, function=made)}
                patches.enter_context(patch.dict(worker.handlers, filed))
        _forget()
        yield
    _forget()


def _modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.startswith("workers.rewards")]


def _forget() -> None:
    """Drop what functions remember: a broken one would leave wrong answers behind, or be hidden by right ones."""
    for module in _modules():
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


def is_noticed(mutant: Mutant) -> bool:
    """Whether the story that is told for it doesn't come out as the rules say."""
    with broken(mutant):
        try:
            NOTICED_BY[mutant.name].tell()
        except Exception:  # noqa: BLE001 - whatever a broken rule leads to, it was noticed
            return True
    return False


def caught(mutant: Mutant, most: int) -> int | None:
    """After how many histories, the same each time, a mutant is caught; None: it isn't."""
    tried = 0

    class Counted(AgainstModel):
        def __init__(self) -> None:
            nonlocal tried
            tried += 1
            super().__init__()

    with broken(mutant):
        try:
            run_state_machine_as_test(Counted, settings=histories(most, phases=[Phase.generate], derandomize=True))
        except Exception:  # noqa: BLE001 - whatever a broken rule leads to, it was noticed
            return tried
    return None


def histories(most: int, **changes: Any) -> settings:
    """So many random histories; by default the worst is made small."""
    fields = {
        "max_examples": most,
        "stateful_step_count": STEPS,
        "deadline": None,
        "suppress_health_check": [HealthCheck.too_slow],
        "database": None,
        "verbosity": Verbosity.quiet,
    }
    return settings(**{**fields, **changes})


def main(names: list[str]) -> int:
    """Try every mutant, or these.

    Raises:
        KeyError: there is no mutant of a name.
    """
    most = int(os.environ.get("HISTORIES", "0"))
    tried = [MUTANTS[name] for name in names] or list(MUTANTS.values())
    start, missed = time.monotonic(), []
    for number, mutant in enumerate(tried, start=1):
        story = NOTICED_BY[mutant.name].story.__name__ if is_noticed(mutant) else None
        after = caught(mutant, most) if most else None
        chance = f", by chance {'not' if after is None else f'after {after} histories'}" if most else ""
        print(f"{number:3} {mutant.name:60} {'noticed by ' + story if story else 'NOT NOTICED'}{chance}", flush=True)
        if story is None and after is None:
            missed.append(mutant.name)
    print(f"caught {len(tried) - len(missed)}/{len(tried)} in {time.monotonic() - start:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
