"""What a fork changed: its end beside that of the run that it left, where that run lies beside it."""

from __future__ import annotations

import polars as pl

from events import LogDamaged, LogMissing
from market.analytics.capacity import capacity
from market.analytics.power import power
from market.analytics.prices import prices
from market.report.page import Cell, Grid
from market.runs.reading import Run, open_run

CHANCE = "one seed: part of it is chance"


def parent_of(run: Run) -> Run | None:
    """Open the run that a fork left; None for what is no fork, and where the parent is not there or another by now."""
    parent = run.reader.manifest.parent
    if parent is None:
        return None
    try:
        found = open_run(run.folder.resolve().parent / parent.run)
        return found if found.reader.head == parent.head else None
    except (LogMissing, LogDamaged, ValueError):
        return None


def fork_grid(log: pl.LazyFrame, parent: pl.LazyFrame, name: str, column: str) -> Grid | None:
    """Compute, price and power on the fork's last day beside the parent's; regions and orgs that differ most."""
    day = int(log.select(pl.col("day").max()).collect().item())
    held, held_before = (_at(capacity(which), day, "org", "h100e") for which in (log, parent))
    load, load_before = (_at(power(which), day, "region", "energised_kw") for which in (log, parent))
    price, price_before = (_price(which, day) for which in (log, parent))
    if not held or not held_before or price is None or price_before is None:
        return None  # the parent ends before the fork does
    totals = (
        ("Energised IT power", sum(load.values()), sum(load_before.values()), 1e6, "GW", 2),
        ("One-year price", price, price_before, 1.0, "USD per H100e-hour", 3),
        ("Compute in use", sum(held.values()), sum(held_before.values()), 1e6, "million H100e", 2),
    )
    rows = [
        (what, f"{base / size:,.{digits}f} {unit}", [_change(now - base, size, unit, digits)])
        for what, now, base, size, unit, digits in totals
    ]
    rows.append(("Where the load goes", "", [_ends(load, load_before, 1e3, "MW", "region")]))
    rows.append(("Who loses, who gains", "", [_ends(held, held_before, 1e3, "thousand H100e", "org")]))
    return Grid([column], rows, name)


def _at(table: pl.LazyFrame, day: int, by: str, amount: str) -> dict[str, float]:
    found = table.filter(pl.col("day") == day).group_by(by).agg(pl.col(amount).sum().cast(pl.Float64)).sort(by)
    return dict(found.collect().iter_rows())


def _price(log: pl.LazyFrame, day: int) -> float | None:
    found = prices(log).filter(pl.col("day") <= day).select("price_usd_per_h100e_hour").tail(1).collect()
    return float(found.item()) if found.height else None


def _change(difference: float, size: float, unit: str, digits: int) -> Cell:
    if abs(difference) / size < 0.5 * 10**-digits:
        return Cell("no change", "", is_clear=False)
    return Cell(f"{difference / size:+,.{digits}f} {unit}", CHANCE)


def _ends(now: dict[str, float], before: dict[str, float], size: float, unit: str, what: str) -> Cell:
    """Name who is furthest below and above the parent."""
    names = sorted(now.keys() | before.keys())
    moved = sorted((round((now.get(name, 0.0) - before.get(name, 0.0)) / size, 1), name) for name in names)
    ends = [end for end in moved[:1] if end[0] < 0] + [end for end in moved[-1:] if end[0] > 0]
    said = [f"{name} {by:+,.1f} {unit}" for by, name in ends]
    return Cell(", ".join(said), CHANCE) if said else Cell("no change", f"of any {what}", is_clear=False)
