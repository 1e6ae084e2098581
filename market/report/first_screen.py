"""The first screen of an experiment: what each policy changes, where the load goes, who loses, how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.pairing import Effect
from market.experiments.tell.show import PAIRS_FEW
from market.experiments.tell.wording import count, number, scale
from market.report.figures.effects import called, capital, name_in, spelled
from market.report.page import Cell, Grid
from market.report.trust import in_short

FIRST_METRICS = ("power.energised_kw", "prices.h100_contract", "supply.installed_h100e")
POLICIES_SHOWN = 4
CHANCE = "may be chance"
EXPLAINED = {"H100e": " (H100e: H100 equivalents)"}


def first_grid(results: Results, found: list[Effect]) -> Grid:
    """The change of power, price and compute by policy; the regions that gain and lose load; the labs that do."""
    policies = [name for name in results.policies if name != BASELINE][:POLICIES_SHOWN]
    by = {policy: {e.metric: e for e in found if e.policy == policy and e.pairs} for policy in policies}
    rows = []
    for metric in FIRST_METRICS:
        if any(metric in mine for mine in by.values()):
            effects = [by[policy].get(metric) for policy in policies]
            base = next(_level(e) for e in effects if e is not None)
            cells = [Cell("not measured") if e is None else _change(e) for e in effects]
            rows.append((capital(describe(metric).meaning) + EXPLAINED.get(describe(metric).unit, ""), base, cells))
    for what, kind, field in (
        ("Where the load goes: energised power by region", "regions", "energised_kw"),
        ("Who loses, who gains: compute that labs can use", "labs", "h100e"),
    ):
        groups = [_of_kind(by[policy], kind, field) for policy in policies]
        if any(groups):
            rows.append((what, "", [_both_ends(group, kind[:-1]) for group in groups]))
    titles = called(results)
    return Grid([f"change by {titles[policy]}" for policy in policies], rows)


def _level(effect: Effect) -> str:
    unit, size = scale(effect.base, describe(effect.metric).unit)
    return f"{number(effect.base / size)} {spelled(unit)}"


def _of_kind(mine: dict[str, Effect], kind: str, field: str) -> list[Effect]:
    return [e for m, e in mine.items() if m.startswith(f"{kind}.") and m.endswith(f".{field}")]


def _change(effect: Effect) -> Cell:
    if effect.low == effect.high == 0:
        return Cell("no change", "in any pair of runs", is_clear=False)
    mean, span = _said(effect)
    return Cell(mean, f"95 % interval {span}" + ("" if effect.is_clear else f"; {CHANCE}"), effect.is_clear)


def _said(effect: Effect) -> tuple[str, str]:
    """Write a change with its unit, and its interval in the same unit and decimals."""
    unit, size = scale(effect.mean, describe(effect.metric).unit)
    values = [x / size for x in (effect.mean, effect.low, effect.high)]
    most = max(abs(x) for x in values)
    digits = max(0, 2 - math.floor(math.log10(most))) if most > 0 else 0
    mean, low, high = (f"{x:+,.{digits}f}" for x in values)
    return f"{mean} {spelled(unit)}", f"{low} to {high}"


def _both_ends(effects: Sequence[Effect], what: str) -> Cell:
    """Name who falls and who rises most; where chance could be all, who does on average, said as such."""
    moved = [e for e in effects if not e.low == e.high == 0]
    if not moved:
        return Cell("no change", f"of any {what}", is_clear=False)
    clear = [e for e in moved if e.is_clear]
    ranked = sorted(clear or moved, key=lambda e: (e.mean, e.metric))
    ends = {sign: list(group) for sign, group in groupby(ranked, key=lambda e: e.mean > 0)}
    named = [*ends.get(False, [])[:1], *ends.get(True, [])[-1:]]
    said = ["{} {} ({})".format(name_in(e.metric), *_said(e)) for e in named]
    if not clear:
        return Cell(f"no {what} beyond chance", f"most on average: {', '.join(said)}", is_clear=False)
    missing = [] if len(named) > 1 else [f"no {what} {'loses' if named[0].mean > 0 else 'gains'} beyond chance"]
    return Cell(said[0], "; ".join([*said[1:], *missing]))


def further(results: Results) -> list[tuple[str, str]]:
    """Name the policies for which the table has no column."""
    titles = called(results)
    left = [titles[name] for name in results.policies if name != BASELINE][POLICIES_SHOWN:]
    return [("Further policies, below", ", ".join(left))] if left else []


def trust(results: Results) -> tuple[str, str]:
    """How many pairs of runs, what was varied, what past forecasts were worth, and how much is assumed."""
    runs = results.about["futures"] * results.about["seeds"][1]
    varied = f"{count(len(results.uncertain), 'parameter')} varied" if results.uncertain else "only the seed varied"
    few = ": few, read the direction alone" if runs < PAIRS_FEW else ""
    return "How far to trust it", (
        f"{count(runs, 'pair')} of runs{few}, {varied}; 95 % intervals of the mean difference. {in_short()}"
    )
