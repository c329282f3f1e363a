"""What the programme may choose, and the calendar that it goes by."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
PARK = timedelta(minutes=5)
PENDING = DAY
REFUND_WAIT = 30 * DAY
APPROVAL = 3 * DAY
RESERVATION = timedelta(minutes=15)
CAP_MEMORY = 7 * DAY


@dataclass(frozen=True)
class Switches:
    """What is chosen: what becomes of a shortfall, and whether deductions may make one."""

    shortfall: str
    may_exceed: bool

    @property
    def owes(self) -> bool:
        """Whether what is missing is owed; else it is waived."""
        return self.shortfall != "waive"


def local(at: datetime) -> date:
    """The day in Berlin."""
    return at.astimezone(BERLIN).date()


def midnight_after(day: date) -> datetime:
    """The instant at which a day in Berlin is over."""
    return datetime.combine(day + DAY, time(), BERLIN).astimezone(UTC)


def months_after(day: date, months: int, *, to_month_end: bool = False) -> datetime:
    """When what lasts so many months ends: after that day, or the last one of a month that is too short for it."""
    month = day.month - 1 + months
    for number in range(31 if to_month_end else day.day, 0, -1):
        try:
            return midnight_after(date(day.year + month // 12, month % 12 + 1, number))
        except ValueError:
            continue
    raise AssertionError


def month_of(day: date) -> tuple[int, int]:
    """A month by year and number."""
    return day.year, day.month


def month_before(month: tuple[int, int]) -> tuple[int, int]:
    """The one before."""
    year, number = month
    return (year, number - 1) if number > 1 else (year - 1, 12)
