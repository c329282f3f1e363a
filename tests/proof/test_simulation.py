"""The simulation as a test: some seeds are clean, a seed replays exactly, and each mutant is caught."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest


def simulated(*options: str) -> dict[str, Any]:
    """The report of a simulation in a process of its own, as only a fixed hash seed lets one replay."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.simulation", *options],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**report, "said": done.stderr}


class TestSimulation:
    @pytest.mark.long
    def test_finds_the_machine_sound_and_every_mutant_broken(self) -> None:
        report = simulated("--seeds", "6", "--commands", "200", "--processes", "1")

        assert report["violations"] == 0, report["said"]
        assert report["skews"] == {}, report["said"]
        assert report["seeds"] == 6
        assert sum(report["faults"].values()) > 50
        caught, mutants = map(int, report["mutants_caught"].split("/"))
        assert caught == mutants, report["said"]
        assert mutants >= 12

    def test_says_the_same_alone_and_among_others(self) -> None:
        together = simulated("--first", "5", "--seeds", "4", "--commands", "60", "--fingerprints", "--no-mutants")
        alone = {seed: simulated("--seed", seed, "--commands", "60") for seed in ("5", "8")}

        assert together["violations"] == 0, together["said"]
        assert {seed: together["fingerprints"][seed] for seed in alone} == {
            seed: each["fingerprint"] for seed, each in alone.items()
        }

    def test_replays_a_seed_exactly(self) -> None:
        first, second = (simulated("--seed", "7", "--commands", "80") for _ in range(2))

        assert first == second
        assert first["fingerprint"]
        assert first["ended"]["done"] > 10
        assert first["ended"]["refused"] > 10
