"""Two runs side by side, in the quantities that experiments measure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from events import EVENTS
from market.experiments.design.metrics import DEFAULT, describe, metric_names, select
from market.experiments.results.measure import measure
from market.experiments.results.tally import SUMMED, Begun, Tally
from market.units import to_date

if TYPE_CHECKING:
    import polars as pl

    from market.runs.reading import Run
    from market.state import State

MORE = (
    "concentration.top_share", "prices.tightness", "supply.lead_time_weeks", "supply.warehouse_h100e", "power.used_kw",
    "power.begun_kw", "leases.in_force", "finance.raised_usd", "models.released", "policy.refused", "policy.levied_usd",
)  # fmt: skip
"""What is compared beside what an experiment measures when its design does not say."""


class Row(NamedTuple):
    """A quantity at the end of the last week that both runs closed."""

    metric: str
    unit: str
    a: float
    b: float

    @property
    def difference(self) -> float:
        """How much more it is in the second."""
        return self.b - self.a


class Pair(NamedTuple):
    """Two runs compared at a day; whether they share scenario's name, start and seed."""

    rows: tuple[Row, ...]
    day: date
    same_seed: bool


class Side(NamedTuple):
    """A run with its state at a day."""

    run: Run
    state: State
    last_day: int


def pair(a: Run, b: Run, known: Side | None = None) -> Pair:
    """Compare two runs at the end of the last week that both closed.

    `known` is the state of one of them, so that it need not be rebuilt.
    """
    last = min(last_day(a), last_day(b))
    one, two = (_side(run, last, known) for run in (a, b))
    names = [name for name in _names(a) if name in set(_names(b))]
    values = [measure(side.state, tally_of(side), names) for side in (one, two)]
    rows = tuple(Row(name, describe(name).unit, x, y) for name, x, y in zip(names, *values, strict=True))
    return Pair(rows, to_date(last), _asked(a) == _asked(b))


def last_day(run: Run) -> int:
    """Day on which the last week closed."""
    days = run.events("WeekClosed").select("day").tail(1).collect()["day"]
    if days.is_empty():
        from market.runs.reading import Usage

        raise Usage(f"{run.folder}: no week has closed yet")
    return int(days[0])


def _asked(run: Run) -> tuple[int, date, str]:
    scenario = run.question.scenario
    return run.question.seed, scenario.start, scenario.name


def _side(run: Run, last: int, known: Side | None) -> Side:
    if known is not None and known.run.folder == run.folder and known.last_day == last:
        return known
    return Side(run, run.state(until=to_date(last)), last)


def _names(run: Run) -> tuple[str, ...]:
    return select((*DEFAULT, *MORE), metric_names(run.question.scenario))


def tally_of(side: Side) -> Tally:
    """Count the events of a log up to a day as an experiment counts them while they pass."""
    import polars as pl

    tally = Tally()
    log = side.run.log.filter(pl.col("day") <= side.last_day)
    passed = log.filter(pl.col("cause_seq") >= 0)
    amounts = [pl.col(name).sum().alias(name) for name in sorted(set(SUMMED.values()))]
    for row in passed.group_by("type").agg(pl.len().alias("count"), *amounts).collect().iter_rows(named=True):
        kind = EVENTS[row["type"]]
        tally.counts[kind] = row["count"]
        if kind in SUMMED:
            tally.sums[kind] = row[SUMMED[kind]]
    left = passed.filter((pl.col("type") == "OptionRejected") & pl.col("policy").is_not_null())
    tally.foreseen = left.select(pl.len()).collect().item()
    seats = log.filter(pl.col("type") == "OrgRegistered").select("org", "country").collect()
    tally.countries.update(seats.iter_rows())
    during = passed.filter(pl.col("day") > side.state.run.start_day)  # what a start holds is said on its first day
    given = during.filter(pl.col("type") == "ChipsAllocated").group_by("org", "chip").agg(pl.col("gpus").sum())
    tally.allocated.update({(org, chip): gpus for org, chip, gpus in given.collect().iter_rows()})
    tally.begun.update(_begun(during))
    return tally


def _begun(during: pl.LazyFrame) -> dict[str, Begun]:
    """Buildings begun, by id, with the day of their power."""
    import polars as pl

    powered = during.filter(pl.col("type") == "PowerEnergised").select("building_id", "day").collect()
    energised = dict(powered.iter_rows())
    columns = ("building_id", "kind", "region", "power_kw_it", "day")
    begun = during.filter(pl.col("type") == "BuildingStarted").select(columns).collect()
    return {
        name: Begun(kind, region, power_kw, day, energised.get(name))
        for name, kind, region, power_kw, day in begun.iter_rows()
    }
