"""Seeds: run one, judge it, say what came of it; in two processes, as many as are wanted."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from typing import Final

from tests.proof.case import Case, Violation
from tests.proof.checker import compare, crossed
from tests.proof.checker import judge as judged_by_rules
from tests.proof.history import History
from tests.proof.simulation.forgetting import revived
from tests.proof.simulation.machine import Run
from tests.proof.simulation.mutants import KNOWN, MUTANTS, REPLAYED

REPLAY_EVERY: Final = 5
"""Every so many seeds the whole input is delivered once more in the end: nothing may change."""
FORGET_EVERY: Final = 10
"""Of these the ones that aren't divisible by this forget first: nothing may be done that is too old."""
SEEDS_OF_A_CHILD: Final = 10
"""After so many a child ends, and its memory with it: looking for what could be freed took an eighth of the time."""


MISHAP: Final = "mishap"
"""The violation that isn't the checker's: a process ended, or the machine didn't come to rest."""


@dataclass(frozen=True)
class Judged:
    """What came of a seed."""

    seed: int
    commands: int
    faults: dict[str, int]
    violations: list[Violation] = field(default_factory=list)
    skews: list[str] = field(default_factory=list)
    """Which messages could slip past each other, by what they read and wrote; nothing has to have come of it."""
    fingerprint: str = ""
    """The same for the same seed, or it would be no replay."""
    empty_parcels: int = 0
    letters_on_trust: int = 0
    """Dead letters that nobody can open any more: of these the length alone was judged."""
    crossed: int = 0
    """Events that passed others about the same aggregate."""
    ended: dict[str, int] = field(default_factory=dict)
    """How many commands ended how."""


def judge(seed: int, commands: int, mutant: str | None = None, *, is_replay: bool = False) -> Judged:
    """Run a seed, of the machine or of one of its mutants."""
    gc.disable()
    is_replayed = seed % REPLAY_EVERY == 0 and (mutant is None or mutant in REPLAYED)
    run = Run(seed, commands, is_replayed=is_replayed, is_forgotten=is_replayed and seed % FORGET_EVERY != 0)
    try:
        with MUTANTS[mutant]() if mutant is not None else nullcontext():
            history = run.history()
        case = Case(run.remembered or run.before or history, run.readers.envelope, run.readers.body)
        violations = judged_by_rules(case)
        if run.remembered is not None and run.before is not None:
            violations += revived(run.before, history)
        elif run.before is not None:
            violations += compare(run.before, history)
    except RuntimeError as error:
        run.mishaps.append(str(error))
        return Judged(seed, commands, run.world.faults, [Violation(MISHAP, text) for text in run.mishaps])
    violations += [Violation(MISHAP, text) for text in run.mishaps]
    outcomes = Counter(each.outcome for kept in history.workers.values() for each in kept.journal if each.result)
    return Judged(
        seed=seed,
        commands=len(history.sent),
        faults=run.world.faults,
        violations=violations,
        skews=[] if mutant is not None else sorted(set(run.world.footprints.skews.values())),
        fingerprint=fingerprint(history) if is_replay else "",
        crossed=len(crossed(case)),
        empty_parcels=history.notes["empty_parcels"],
        letters_on_trust=case.letters_on_trust,
        ended=dict(outcomes),
    )


def fingerprint(history: History) -> str:
    """A hash of everything that was said, where and in which order, and of everything that was kept."""
    digest = blake2b(digest_size=12)
    for record in history.records:
        digest.update(repr((record.topic, record.partition, record.content, record.sequence)).encode())
    for worker, kept in sorted(history.workers.items()):
        documents = {name: sorted(map(repr, each)) for name, each in sorted(kept.documents.items())}
        digest.update(repr((worker, documents, kept.journal, kept.commits)).encode())
    return digest.hexdigest()


def judged(seeds: range, commands: int, processes: int = 2, *, is_replay: bool = False) -> Iterator[Judged]:
    """Many seeds, in any order; with their fingerprints, if they are to be compared with a replay."""
    # Every process is fresh: what one imports, and how it hashes, is as in a replay.
    forks = get_context("forkserver")
    forks.set_forkserver_preload([__name__, "rich.progress", "typer"])
    with forks.Pool(processes, maxtasksperchild=SEEDS_OF_A_CHILD) as pool:
        yield from pool.imap_unordered(partial(judge, commands=commands, is_replay=is_replay), seeds)


def caught(mutant: str, seeds: int, commands: int) -> Judged | None:
    """The first seed in which the checker catches a mutant, the one that caught it before first.

    A process that ended or never came to rest shows that something is broken, but not that a rule saw it.
    """
    known = KNOWN.get(mutant, (0, 150))
    for seed, count in (known, *((seed, max(commands, known[1])) for seed in range(seeds))):
        found = judge(seed, count, mutant)
        if any(each.code != MISHAP for each in found.violations):
            return found
    return None
