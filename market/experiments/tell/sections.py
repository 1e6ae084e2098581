"""The parts of an experiment's account that follow the answer: spread, robustness, what it hangs on, where it tips."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE, Goal
from market.experiments.results.dataset import Results
from market.experiments.statistics.discovery import Limit, discoveries
from market.experiments.statistics.pairing import Effect, expected
from market.experiments.statistics.robustness import Robustness, robustness
from market.experiments.statistics.sensitivity import Morris, Rank, Sensitivity, Sobol, sensitivity
from market.experiments.statistics.tipping import tipping_points
from market.experiments.tell.wording import amount, count, indented, number, percent, scale, together
from market.layout import Column, table

SENSITIVE_SHOWN = 5
INDENT = 2
SPREAD = (
    Column("metric", is_text=True), Column("unit", is_text=True), Column("baseline"), Column("change"),
    Column("%", keep=4), Column("95 % interval"), Column("90 % of pairs", keep=2), Column("fell/rose", keep=3),
    Column("saved", keep=1),
)  # fmt: skip
EXPECTED = (
    Column("metric", is_text=True), Column("expected", is_text=True),
    Column("found", is_text=True), Column("because", is_text=True),
)  # fmt: skip
LEVELS = (
    Column("metric", is_text=True), Column("unit", is_text=True), Column("mean"), Column("50 % of runs", keep=3),
    Column("90 % of runs"),
)  # fmt: skip
ROBUST = (
    Column("policy", is_text=True), Column("mean"), Column("worst"), Column("regret at most", keep=3),
    Column("in 90 % at most"), Column("futures that meet it"),
)  # fmt: skip


def spread(results: Results, found: list[Effect], width: int) -> Iterator[str]:
    """Tabulate what each policy moves: mean, interval, how pairs differ, what pairing saved."""
    for policy in results.policies:
        mine = [e for e in found if e.policy == policy and e.pairs]
        still = [e.metric for e in mine if e.low == e.high == 0]
        slight = [e.metric for e in mine if e.is_slight and e.metric not in still]
        moved = sorted((e for e in mine if e.metric not in (*still, *slight)), key=lambda e: not e.is_clear)
        if len(still) == len(mine):
            continue
        yield f"Change by {policy}"
        if moved:
            yield from indented(table(SPREAD, list(map(_row, moved)), width - INDENT, apart=True))
        for words, names in (("by less than 0.05 %", slight), ("exactly as without it", still)):
            if names:
                yield f"  {words}: {', '.join(together(names, results.metrics))}"


def _row(e: Effect) -> tuple[str, ...]:
    unit = describe(e.metric).unit
    name, size = scale(max(abs(e.base), abs(e.mean)), unit)
    low, high, least, most = (number(x / size, sign=True) for x in (e.low, e.high, e.bands[0], e.bands[4]))
    return (
        f"{e.metric}{' *' if e.is_clear else ''}",
        "" if name == "1" else name,
        number(e.base / size),
        number(e.mean / size, sign=True),
        "" if e.relative is None else percent(e.relative, sign=True),
        f"{low} to {high}" if e.pairs > 1 else "of one pair none",
        f"{least} to {most}",
        f"{round(e.share_down * e.pairs)}/{round(e.share_up * e.pairs)} of {e.pairs}",
        f"{number(e.variance_ratio)} x" if e.variance_ratio else "",
    )


def expectations(results: Results, found: list[Effect], width: int) -> Iterator[str]:
    """Hold what was found against what the policies' files expect."""
    verdicts = expected(results, found)
    if verdicts:
        yield "Against what theory expects, as the policies' files state it"
    for policy in dict.fromkeys(v.policy for v in verdicts):
        rows = [
            (v.metric, {"+": "higher", "-": "lower", "0": "equal"}[v.sign], v.verdict, v.reason)
            for v in verdicts if v.policy == policy
        ]  # fmt: skip
        yield f"  {policy}"
        yield from indented(indented(table(EXPECTED, rows, width - 2 * INDENT, apart=True)))


def levels(results: Results, width: int) -> Iterator[str]:
    """Tabulate the outcomes of the baseline, with bands at 50 and 90 %."""
    rows = []
    for metric in results.metrics:
        values = results.outcome(BASELINE, metric)
        values = values[~np.isnan(values)]
        if values.size:
            name, size = scale(float(values.mean()), describe(metric).unit)
            q5, q25, q75, q95 = (number(float(x) / size) for x in np.quantile(values, [0.05, 0.25, 0.75, 0.95]))
            mean = number(float(values.mean()) / size)
            rows.append((metric, "" if name == "1" else name, mean, f"{q25} to {q75}", f"{q5} to {q95}"))
    yield from table(LEVELS, rows, width, apart=True)


def robust(results: Results, width: int) -> Iterator[str]:
    """Tabulate how policies stand over futures in every goal."""
    found = robustness(results)
    for metric, goal in results.goals.items():
        mine = [r for r in found if r.metric == metric]
        if not mine:
            continue
        unit = describe(metric).unit
        yield f"{metric}, wanted {goal.want}{_threshold(goal, unit)}: over {count(results.about['futures'], 'future')}"
        rows = [_robust_row(r, unit) for r in mine]
        yield from indented(table(ROBUST, rows, width - INDENT, apart=True))
        best = max if goal.want == "high" else min
        maximin, least = best(mine, key=lambda r: r.worst), min(mine, key=lambda r: r.regret_p90)
        yield f"  best worst case: {maximin.policy}; least regret in nine futures of ten: {least.policy}"


def _threshold(goal: Goal, unit: str) -> str:
    if goal.threshold is None:
        return ""
    return f" ({'at least' if goal.want == 'high' else 'at most'} {amount(goal.threshold, unit)})"


def _robust_row(r: Robustness, unit: str) -> tuple[str, ...]:
    amounts = (amount(x, unit) for x in (r.mean, r.worst, r.regret_max, r.regret_p90))
    return (r.policy, *amounts, "" if r.starr is None else percent(r.starr))


def sensitivities(results: Results, found: list[Effect]) -> Iterator[tuple[str, str, list[Sensitivity]]]:
    """Analyse the baseline in the first goal or metric, and every policy in its largest clear effect."""
    asked = [(BASELINE, next(iter(results.goals), results.metrics[0]))]
    for policy in results.policies:
        clear = [e for e in found if e.policy == policy and e.is_clear]
        if clear:
            asked.append((policy, max(clear, key=lambda e: abs(e.relative or 0.0)).metric))
    for policy, metric in asked:
        if rows := sensitivity(results, policy, metric):
            yield policy, metric, rows


def sensitive(results: Results, found: list[Effect], width: int) -> Iterator[str]:
    """Tabulate which uncertain parameters outcomes hang on."""
    for policy, metric, rows in sensitivities(results, found):
        what = f"{metric} without policy" if policy == BASELINE else f"the effect of {policy} on {metric}"
        yield f"What {what} hangs on"
        unit = describe(metric).unit
        first, *others = _HEADS[type(rows[0])]
        heads = [Column(first, is_text=True), *map(Column, others)]
        shown = [_sensitive_row(r, unit) for r in rows[:SENSITIVE_SHOWN]]
        yield from indented(table(heads, shown, width - INDENT, apart=True))


_HEADS: dict[type, tuple[str, str, str]] = {
    Morris: ("parameter (Morris)", "mean size of its effect", "spread"),
    Sobol: ("parameter (Sobol)", "share of variance alone", "with interactions"),
    Rank: ("parameter", "rank correlation", "p"),
}


def _sensitive_row(row: Sensitivity, unit: str) -> tuple[str, str, str]:
    if isinstance(row, Morris):
        size = f"{amount(row.mu_star, unit)} ± {number(row.mu_star_interval / scale(row.mu_star, unit)[1])}"
        return row.parameter, size, amount(row.sigma, unit)
    if isinstance(row, Sobol):
        total = f"{row.total:.2f} ± {row.total_interval:.2f}"
        return row.parameter, f"{row.first:.2f} ± {row.first_interval:.2f}", total
    return row.parameter, f"{row.correlation:+.2f}", f"{row.p:.2g}"


def discovered(results: Results) -> Iterator[str]:
    """Say in which futures goals are missed."""
    for d in discoveries(results):
        goal = results.goals[d.metric]
        side = "below" if goal.want == "high" else "above"
        limit = amount(goal.threshold or 0.0, describe(d.metric).unit)
        yield f"{d.policy}: {d.metric} is {side} {limit} in {d.cases} of {d.futures} futures"
        yield f"  mostly where {' and '.join(map(_limit, d.limits)) or 'no parameter tells them apart'}"
        yield f"  ({percent(d.box.density)} of the futures there, and {percent(d.box.coverage)} of all such futures)"


def _limit(limit: Limit) -> str:
    low, high = number(limit.low), number(limit.high)
    if limit.low == -np.inf:
        return f"{limit.parameter} <= {high}"
    return f"{limit.parameter} >= {low}" if limit.high == np.inf else f"{limit.parameter} from {low} to {high}"


def tipping(results: Results) -> Iterator[str]:
    """Say at which values of a lever the ranking changes."""
    points = tipping_points(results)
    if points:
        yield "Where the ranking changes"
    same: dict[tuple[str, str, str], list[str]] = {}
    for p in points:
        if p.rises is None:
            same.setdefault((p.setting, number(p.value), p.other), []).append(p.metric)
    for (setting, value, other), metrics in same.items():
        told = ", ".join(together(metrics, results.metrics))
        yield f"  {setting} from {value} on does the same as {other} in {told}"
    for p in points:
        if p.rises is None:
            continue
        side = "above" if p.rises else "below"
        interval = f"95 % interval {number(p.low)} to {number(p.high)}" if p.share else "no interval"
        sure = "" if p.share > 0.995 else f"; it does in {percent(p.share)} of resamples"
        yield f"  {p.metric}: {p.setting} beyond {number(p.value)} lies {side} {p.other} ({interval}{sure})"
