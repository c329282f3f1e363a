"""What flat means: how far memory and lag may grow while a rate is held, and who went beyond that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

SERVERS: Final = frozenset({"broker", "database"})
"""They have limits of their own, a heap and a cache, and fill them first: what they grow by in an hour says nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a healthy run keeps; the figures that they were taken from stand in docs/reliability.md."""

    bytes_a_command: float = 64.0
    """By how much a worker's process may grow with every command: less than the smallest thing that Python can keep of
    each, an entry of a dict with its key."""
    lag_seconds: float = 5.0
    """By how much a worker's lag may grow over the whole run, in seconds of the rate."""
    least_seconds: float = 1_200.0
    """What is shorter can't be judged: caches fill, and a lag goes up and down by more than it grows."""


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Course:
    """How a rate was held."""

    rate: float
    """Commands a second."""
    seconds: float
    rss_mib: Mapping[str, tuple[float, float]]
    """By process, MiB at the end and MiB more with every hour."""
    lag: Mapping[str, tuple[int, float]]
    """By worker, the longest lag in records and how many records it grew by every minute."""
    gone: Iterable[str] = ()
    """Processes that were there at the beginning and not at the end."""


def judged(course: Course, limits: Limits = LIMITS) -> dict[str, Any]:
    """Whether it was flat (None: too short to tell), what wasn't, and by which limits."""
    wrong = list(_wrong(course, limits)) if course.seconds >= limits.least_seconds else None
    return {"is_flat": None if wrong is None else not wrong, "not_flat": wrong or [], "limits": asdict(limits)}


def _wrong(course: Course, limits: Limits) -> Iterator[str]:
    for name in course.gone:
        yield f"{name} is not there any more"
    for name, (_, grown) in course.rss_mib.items():
        a_command = grown * 2**20 / (3_600 * course.rate)
        if name not in SERVERS and a_command > limits.bytes_a_command:
            yield f"{name} grew by {a_command:,.0f} bytes a command, {grown:,.0f} MiB an hour"
    for name, (_, grown) in course.lag.items():
        records, most = grown * course.seconds / 60, limits.lag_seconds * course.rate
        if records > most:
            yield f"{name} fell behind by {records:,.0f} records over the run, more than {most:,.0f}"
