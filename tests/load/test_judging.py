"""A run that grows is not flat, whatever it is that grows; one that was healthy is, and a short one says nothing."""

from collections.abc import Callable, Mapping

import pytest

from runtime.admin import Backlog
from tests.load.judging import LIMITS, Course, judged
from tests.load.watching import Look, Watch

RATE = 351.4
HEALTHY_MIB = {
    "broker": (722.9, 116.3),
    "database": (3_120.6, 1_486.0),
    "registration-0": (125.6, 12.9),
    "rewards-0": (137.5, 17.7),
    "notifications-0": (157.4, 57.1),
    "audit-0": (143.8, 41.8),
}
HEALTHY_LAG = {"registration": (110, 0.2), "rewards": (2_293, -2.1), "audit": (2_934, -4.0)}
"""What 30 minutes at 351 commands a second came to (docs/reliability.md)."""


def course(
    seconds: float = 1_800.0,
    rss_mib: Mapping[str, tuple[float, float]] = HEALTHY_MIB,
    lag: Mapping[str, tuple[int, float]] = HEALTHY_LAG,
    gone: tuple[str, ...] = (),
) -> Course:
    return Course(RATE, seconds, rss_mib, lag, gone)


class TestJudged:
    def test_takes_a_healthy_run_for_flat(self) -> None:
        found = judged(course())
        assert (found["is_flat"], found["not_flat"]) == (True, [])
        assert found["limits"] == {"bytes_a_command": 64.0, "lag_seconds": 5.0, "least_seconds": 1_200.0}

    def test_finds_a_process_that_keeps_something_of_every_command(self) -> None:
        kept_mib_an_hour = 100 * RATE * 3_600 / 2**20
        found = judged(course(rss_mib=HEALTHY_MIB | {"rewards-0": (400.0, 17.7 + kept_mib_an_hour)}))
        assert found["is_flat"] is False
        assert found["not_flat"] == ["rewards-0 grew by 115 bytes a command, 138 MiB an hour"]

    @pytest.mark.parametrize("grown", [3_000.0, 59.0])
    def test_finds_a_worker_that_falls_behind(self, grown: float) -> None:
        found = judged(course(lag=HEALTHY_LAG | {"rewards": (9_000, grown)}))
        assert found["is_flat"] is False
        (line,) = found["not_flat"]
        assert line.startswith(f"rewards fell behind by {30 * grown:,.0f} records")

    def test_finds_a_process_that_went(self) -> None:
        assert judged(course(gone=("audit-1",)))["not_flat"] == ["audit-1 is not there any more"]

    def test_says_nothing_of_a_short_run(self) -> None:
        leaking = {"rewards-0": (400.0, 9_000.0)}
        found = judged(course(seconds=LIMITS.least_seconds - 1, rss_mib=leaking))
        assert (found["is_flat"], found["not_flat"]) == (None, [])
        assert judged(course(seconds=LIMITS.least_seconds, rss_mib=leaking))["is_flat"] is False


def watched(rss: Callable[[float], float], lag: Callable[[float], int]) -> Watch:
    """Half an hour of looks."""

    async def nothing() -> dict[str, Backlog]:
        return {}

    watch = Watch({"rewards-0": 1}, nothing)
    watch.looks = [Look(at, {"rewards-0": rss(at)}, {"rewards": lag(at)}) for at in range(0, 1_800, 5)]
    return watch


def flat(watch: Watch) -> bool | None:
    found: bool | None = judged(Course(RATE, 1_800.0, watch.memory(), watch.lags(), watch.gone))["is_flat"]
    return found


class TestWatched:
    def test_is_flat_where_caches_fill_at_first_and_a_lag_goes_up_and_down(self) -> None:
        assert flat(watched(lambda at: 100 + min(50.0, at / 6), lambda at: 500 + int(at) % 60 * 20)) is True

    def test_is_not_flat_where_memory_goes_up_and_up(self) -> None:
        assert flat(watched(lambda at: 100 + at / 30, lambda at: 500)) is False

    def test_is_not_flat_where_a_lag_does(self) -> None:
        assert flat(watched(lambda at: 100, lambda at: int(2 * at))) is False

    def test_is_not_flat_where_the_process_is_gone(self) -> None:
        watch = watched(lambda at: 100, lambda at: 500)
        watch.looks[-1] = Look(1_800, {}, {"rewards": 500})
        assert watch.gone == ["rewards-0"]
        assert flat(watch) is False
