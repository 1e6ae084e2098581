"""The first lines of a report: who has most compute, what held it back, the prices and their unit, what is assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from market.analytics.prices import prices
from market.analytics.refusals import BETTER, refusals
from market.catalogue.tables import table
from market.runs.outcome import Outcome

if TYPE_CHECKING:
    from market.state import State


def first_lines(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Label and text of each line."""
    log = outcome.run.log.filter(pl.col("seq") < outcome.events)
    path = prices(log).collect()
    yield "Compute", _most(outcome.summary(), outcome.state)
    yield "Held back", _held_back(outcome.state, path, log)
    if path.height:
        yield "Prices", _prices(outcome.state, path)
        yield "Tightness", _tightness(path)
    yield "Assumed", _assumed()


def _most(summary: dict[str, Any], state: State) -> str:
    held = {name: row["h100e"] for role in ("clouds", "labs") for name, row in summary[role].items()}
    labs = {name: row["h100e"] for name, row in summary["labs"].items()}
    total = sum(h.held * state.chips.chips[h.chip].h100e for h in state.chips.holdings.values())
    if not total:
        return "no GPU is installed"
    first = max(held, key=lambda name: (held[name], name), default="")
    text = f"{_millions(total)} in use."
    if first:
        text += f" {first} has most: {_millions(held[first])} ({held[first] / total:.0%})"
    lab = max(labs, key=lambda name: (labs[name], name), default=first)
    return f"{text}; of the labs, {lab}: {_millions(labs[lab])}." if lab != first else f"{text}."


def _millions(h100e: float) -> str:
    return f"{h100e / 1e6:,.2f} million H100e" if h100e >= 1e6 else f"{h100e:,.0f} H100e"


def _held_back(state: State, path: pl.DataFrame, log: pl.LazyFrame) -> str:
    """Say what was short: chips by their lead time, power by what waits for it, and why talks on leases failed."""
    parts = []
    if path.height:
        weeks = path["lead_time_weeks"].to_list()
        lead, worst = weeks[-1], max(weeks)
        parts.append(f"chips, {lead:.0f} weeks from order to allocation at the end, {worst:.0f} at worst")
    waiting = sum(gpus for store in state.chips.warehouse.values() for gpus in store.values())
    queued = sum(building.power_kw for building in state.sites.buildings.values() if not building.granted) / 1e6
    parts.append(f"power, {waiting:,} GPUs wait for it and {queued:.1f} GW are asked of the grid and not granted")
    failed = refusals(log).filter(pl.col("type") == "LeaseTalksFailed").collect()["why"].to_list()
    alone = [why for why in failed if not why.startswith(BETTER)]
    if failed:
        parts.append(f"{len(failed) - len(alone):,} of {len(failed):,} talks on leases were lost to a better offer")
    if alone:
        reason, count = Counter(alone).most_common(1)[0]
        parts.append(f"of the other {len(alone):,} most ended with {reason!r} ({count:,})")
    return "; ".join(parts) + "."


def _prices(state: State, path: pl.DataFrame) -> str:
    first, last = path.row(0, named=True), path.row(-1, named=True)
    contract, spot = "price_usd_per_h100e_hour", "spot_usd_per_h100e_hour"
    text = (
        f"per H100e-hour, not per GPU: one-year contract {last[contract]:.2f} USD, on demand {last[spot]:.2f} USD "
        f"(at the start {first[contract]:.2f} and {first[spot]:.2f})."
    )
    largest = _most_used(state)
    if largest is None:
        return text
    name, h100e = largest
    each = f" One {name} is {h100e:.2f} H100e, so {last[contract] * h100e:.2f} USD an hour on contract."
    return f"{text} H100e are H100 equivalents by dense BF16 and FP8 rates.{each}"


def _most_used(state: State) -> tuple[str, float] | None:
    """The chip other than an H100 that holds most compute, with its H100 equivalents."""
    chips = state.chips.chips
    held = dict.fromkeys(chips, 0)
    for holding in state.chips.holdings.values():
        held[holding.chip] += holding.owned
    ranked = sorted((count * chips[name].h100e, name) for name, count in held.items() if count and name != "H100")
    return (ranked[-1][1], chips[ranked[-1][1]].h100e) if ranked else None


def _tightness(path: pl.DataFrame) -> str:
    values = path["tightness"].to_list()
    return (
        f"compute wanted over compute free, smoothed: {values[-1]:.2f} at the end, {max(values):.2f} at most; "
        "above 1 more is wanted than is free, and the contract price rises above cost and margin."
    )


def _assumed() -> str:
    rows = table("parameters")
    assumed = sum(row.kind == "assumption" for row in rows)
    return (
        f"{assumed} of {len(rows)} parameters are assumptions (`market scenario show`); the others have a source. "
        "One seed is one history, not a forecast; `market experiment` runs many."
    )
