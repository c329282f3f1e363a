"""Stretches of the calendar that rules are about: days, weeks, months, quarters, years."""

from datetime import date, timedelta
from enum import StrEnum


class Period(StrEnum):
    """A stretch of the calendar, in the programme's zone; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    EVER = "ever"
    """All of time, which has no end."""

    def first_day(self, day: date) -> date:
        """The first day of the period that a day lies in."""
        if self is Period.WEEK:
            return day - timedelta(days=day.weekday())
        if self is Period.MONTH:
            return day.replace(day=1)
        if self is Period.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        if self is Period.YEAR:
            return day.replace(month=1, day=1)
        return date.min if self is Period.EVER else day

    def next_day(self, day: date) -> date:
        """The first day after the period that a day lies in; the calendar's last one if it has no end."""
        if self is Period.EVER:
            return date.max
        longest = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92, Period.YEAR: 366}[self]
        return self.first_day(self.first_day(day) + timedelta(days=longest))
