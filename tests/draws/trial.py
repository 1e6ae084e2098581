"""One draw: every estimated parameter within 30 % of its value, run, audited, and looked at for an explosion."""

from __future__ import annotations

import math
import traceback
import warnings
from typing import NamedTuple

import numpy as np

from agents.simulation import begin
from events import MemoryLog
from market.analytics.audit import audit
from market.catalogue.bounds import bounds_of
from market.experiments.design.paths import with_values
from market.experiments.design.sampling import unit_points
from market.kernel import few_collections
from market.runs.question import Question, checked
from market.scenario.load import load_scenario
from market.state import State
from market.truth.futures import ranges
from tests.worlds import WORLD, as_table

SPREAD = 0.3
TIMES = 30.0  # a price that leaves its start by more, or power that grows by more a year, has exploded


class Outcome(NamedTuple):
    """How a draw went: "held", or what went wrong and where; the last index and energised power (GW)."""

    number: int
    kind: str  # held, refused, exception, exploded, audit
    text: str
    index_usd: float
    energised_gw: float


def values(number: int, count: int) -> dict[str, float]:
    """Values of a draw: all parameters that futures draw, by Latin hypercube, within 30 % and their bounds.

    What is 0 has no hundredth of itself, and is drawn from the catalogue's range.
    """
    drawn = ranges(load_scenario(WORLD, {}))
    names = sorted(drawn)
    point = unit_points("lhs", names, count)[number]
    found = {}
    for name, u in zip(names, point, strict=True):
        value = drawn[name].median
        if not value:
            found[name] = float(f"{drawn[name].quantile(np.float64(u)):.9g}")
            continue
        _, is_trait, trait = name.partition(".traits.")
        least, most = bounds_of(f"traits.{trait}" if is_trait else name)[:2]
        found[name] = float(f"{np.clip(value * (1 + SPREAD * (2 * u - 1)), least, most):.9g}")
    return found


def outcome(number: int, count: int, weeks: int) -> Outcome:
    """Run a draw for some weeks, with its number as seed."""
    scenario = with_values(load_scenario(WORLD, {}).scenario, values(number, count))
    log, model = MemoryLog(), None
    try:
        checked(Question(scenario, number))
        with warnings.catch_warnings(), few_collections():
            warnings.simplefilter("error", RuntimeWarning)
            model = begin(scenario, number, log)
            start_gw = _gw(model.state)
            for week in range(weeks):
                if model.is_over:
                    break
                model.step()
                if text := _explosion(model.state, start_gw, (week + 1) / 52):
                    return _ended(number, "exploded", f"week {week + 1}: {text}", model.state)
            if model.is_over:
                model.kernel.end()
    except Exception:
        text = " | ".join(line.strip() for line in traceback.format_exc().splitlines()[-3:])
        return _ended(number, "exception", text, model.state if model is not None else None)
    found = list(audit(as_table(list(log.entries())).lazy()))
    said = f"{len(found)} findings: {found[0]}" if found else f"{weeks} weeks"
    return _ended(number, "audit" if found else "held", said, model.state)


def _ended(number: int, kind: str, text: str, state: State | None) -> Outcome:
    price = state.leases.price_usd_per_h100e_hour if state is not None else math.nan
    return Outcome(number, kind, text, round(price, 4), round(_gw(state), 3) if state is not None else math.nan)


def _gw(state: State) -> float:
    return sum(site.energised_kw for site in state.sites.sites.values()) / 1e6


def _explosion(state: State, start_gw: float, years: float) -> str:
    """Say which figure is no number, or has left its start by more than a factor; empty where none has."""
    p = state.run.parameters
    pairs = {
        "index": (state.leases.price_usd_per_h100e_hour, p["price.start_usd_per_h100e_hour"]),
        "spot": (state.demand.clearing_usd_per_h100e_hour, p["price.start_usd_per_h100e_hour"]),
        "posted": (state.leases.spot_usd_per_h100e_hour, p["price.spot_start_usd_per_h100e_hour"]),
    }
    for name, (now, start) in pairs.items():
        if not math.isfinite(now) or not 1 / TIMES < now / start < TIMES:
            return f"{name} is {now:g}, was {start:g}"
    if not start_gw <= 0 and _gw(state) / start_gw > TIMES ** max(1.0, years):
        return f"energised {_gw(state):g} GW, was {start_gw:g}"
    cash = state.finance.ledger.accounts.values()
    return "" if all(math.isfinite(cents) for cents in cash) else "a balance is no number"
