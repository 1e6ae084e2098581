"""Quarters as words: 2024Q3, their days, and how far apart they lie."""

from __future__ import annotations

from datetime import date, timedelta


def quarter_of(day: date) -> str:
    """Name the calendar quarter of a day."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def first_day(quarter: str) -> date:
    """First day of a quarter."""
    return date(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1)


def last_day(quarter: str) -> date:
    """Last day of a quarter."""
    return first_day(shifted(quarter, 1)) - timedelta(1)


def shifted(quarter: str, by: int) -> str:
    """Name the quarter so many after this one."""
    number = int(quarter[:4]) * 4 + int(quarter[5]) - 1 + by
    return f"{number // 4}Q{number % 4 + 1}"


def distance(start: str, end: str) -> int:
    """Count quarters from one to another."""
    return (int(end[:4]) - int(start[:4])) * 4 + int(end[5]) - int(start[5])


def origin_quarter(start: date) -> str:
    """The last quarter that has ended at a start; horizons are counted from it."""
    quarter = quarter_of(start)
    return quarter if start == last_day(quarter) else shifted(quarter, -1)
