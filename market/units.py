"""Calendar, money and rounding: every number of this kind once.

Days are counted from 1970-01-01, weeks from the start of a run. Rent, salaries and revenue move every fourth week, here
called a month; a quarter has 13 weeks and a year 52. Money is whole US cents, prices are float USD.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

EPOCH = date(1970, 1, 1)
SECONDS_PER_DAY = 86_400
HOURS_PER_DAY = 24
HOURS_PER_YEAR = 8760
WEEK_DAYS = 7
HOURS_PER_WEEK = HOURS_PER_DAY * WEEK_DAYS
DAYS_PER_YEAR = 365.25
MONTH_WEEKS = 4
MONTH_DAYS = WEEK_DAYS * MONTH_WEEKS
MONTH_HOURS = HOURS_PER_DAY * MONTH_DAYS
MONTH_YEARS = MONTH_DAYS / DAYS_PER_YEAR
QUARTER_WEEKS = 13
QUARTER_DAYS = WEEK_DAYS * QUARTER_WEEKS
YEAR_WEEKS = 52
YEAR_MONTHS = YEAR_WEEKS // MONTH_WEEKS
CENTS = 100  # in a US dollar


def to_day(when: date) -> int:
    """Count days since 1970-01-01."""
    return (when - EPOCH).days


def to_date(day: int) -> date:
    """Give the date of a day."""
    return EPOCH + timedelta(day)


def to_year(day: int) -> float:
    """Give the calendar year of a day with its fraction: 1970.0 is day 0."""
    return EPOCH.year + day / DAYS_PER_YEAR


def weeks_in(years: float) -> int:
    """Whole weeks in so many years: the length of a run."""
    return math.floor(years * DAYS_PER_YEAR / WEEK_DAYS)


def ends_month(week: int) -> bool:
    """Whether a week is the last of its month."""
    return week % MONTH_WEEKS == MONTH_WEEKS - 1


def ends_quarter(week: int) -> bool:
    """Whether a week is the last of its quarter."""
    return week % QUARTER_WEEKS == QUARTER_WEEKS - 1


def clip(x: float, low: float, high: float) -> float:
    """Bound x."""
    return low if x < low else high if x > high else x


def digits(x: float) -> float:
    """Round physics to 9 significant digits before it becomes an event."""
    return float(f"{x:.9g}")


def finite(x: float) -> float:
    """Read a number that an org sent: 0 for what is none or endless, which no event may hold."""
    return x if math.isfinite(x) else 0.0


def annuity(rate: float, life_years: float) -> float:
    """Part of a price that capital costs in a year, until it is written off."""
    return rate / (1 - (1 + rate) ** -life_years) if rate > 0 else 1 / life_years
