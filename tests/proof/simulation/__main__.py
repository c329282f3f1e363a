"""`python -m tests.proof.simulation`: seeds, mutants, or one seed again; ends with a line of JSON."""

import json
import os
import signal
import sys
import time
from collections import Counter
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.proof.simulation.mutants import MUTANTS
from tests.proof.simulation.seeds import Judged, caught, judge, judged

SKEW: Final = "write_skew"
console = Console(stderr=True, highlight=False)


def simulate(
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 100,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Only this one, to look at it again.")] = None,
    commands: Annotated[int, typer.Option(help="Commands in each.")] = 500,
    processes: Annotated[int, typer.Option(help="Processes to run them in.")] = 2,
    mutants: Annotated[bool, typer.Option(help="Then see whether each mutant is caught.")] = True,
    fingerprints: Annotated[bool, typer.Option(help="Say a hash of all that each seed said.")] = False,
    mutant: Annotated[str | None, typer.Option(help="With --seed: that mutant of the machine.")] = None,
) -> None:
    """Run the whole machine on simulated servers, break what can break, and judge what it left behind."""
    if seed is not None:
        _again(seed, commands, mutant)
    # Whoever ends it early gets the report of what ran.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    start = time.monotonic()
    total = Counter[str]()
    faults = Counter[str]()
    failing: list[Judged] = []
    skews = Counter[str]()
    said: dict[int, str] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, refresh_per_second=1) as progress:
            bar = progress.add_task("seeds", total=seeds)
            for each in judged(range(first, first + seeds), commands, processes, is_replay=fingerprints):
                said[each.seed] = each.fingerprint
                total.update(
                    seeds=1,
                    commands=each.commands,
                    violations=len(each.violations),
                    crossed=each.crossed,
                    parcels=each.empty_parcels,
                    letters_on_trust=each.letters_on_trust,
                )
                faults.update(each.faults)
                if each.violations:
                    failing.append(each)
                if each.violations or not skews.keys() >= {*each.skews}:
                    _show(each, commands)
                skews.update(each.skews)
                progress.update(bar, advance=1, description=f"seeds ({total['violations']} violations)")
    except KeyboardInterrupt:
        console.print("interrupted")
        mutants = False
    seconds = time.monotonic() - start
    found = _mutants(commands) if mutants else None
    report = {
        "seeds": total["seeds"],
        "commands": total["commands"],
        "faults": dict(sorted(faults.items())),
        "violations": total["violations"],
        "skews": dict(skews),
        "crossed": total["crossed"],
        "empty_parcels": total["parcels"],
        "letters_on_trust": total["letters_on_trust"],
        "failing_seeds": sorted(each.seed for each in failing),
        "mutants_caught": None if found is None else f"{len(found)}/{len(MUTANTS)}",
        "seconds": round(seconds, 1),
        **({"fingerprints": dict(sorted(said.items()))} if fingerprints else {}),
    }
    print(json.dumps(report))
    raise SystemExit(1 if failing or skews or (found is not None and len(found) < len(MUTANTS)) else 0)


def _again(seed: int, commands: int, mutant: str | None) -> None:
    found = judge(seed, commands, mutant, is_replay=True)
    _show(found, commands)
    report = {"seed": seed, "faults": found.faults, "ended": found.ended, "violations": len(found.violations)}
    report["skews"] = found.skews
    print(json.dumps({**report, "fingerprint": found.fingerprint}))
    raise SystemExit(1 if found.violations or found.skews else 0)


def _show(found: Judged, commands: int) -> None:
    codes = Counter([*(each.code for each in found.violations), *(SKEW for _ in found.skews)])
    if codes:
        console.print(f"seed {found.seed}: {dict(codes)}; again: make simulate SEED={found.seed} COMMANDS={commands}")
    for each in found.violations[:5]:
        console.print(f"  {each.code}: {each.text[:300]}", markup=False)
    for text in found.skews:
        console.print(f"  {SKEW}: {text}", markup=False)


def _mutants(commands: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in MUTANTS:
        hit = caught(name, 40, commands)
        if hit is None:
            console.print(f"{name}: not caught")
            continue
        found[name] = hit.seed
        codes = sorted({each.code for each in hit.violations})
        console.print(f"{name}: caught by seed {hit.seed}: {', '.join(codes)[:120]}")
    return found


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of text are walked in an order that follows from it: without, no seed would replay.
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.proof.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    typer.run(simulate)
