"""Tell what an experiment found: the answer first, then how it spreads, then what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results, open_results
from market.experiments.statistics.pairing import Effect, effects
from market.experiments.tell import sections
from market.experiments.tell.wording import amount, count, percent
from market.layout import wrapped

if TYPE_CHECKING:
    from market.experiments.experiment import Estimate

PAIRS_FEW = 10
WIDE = 10_000
"""Columns where nothing need be broken: text that goes elsewhere than to a terminal."""


def show(url: str, week: int | None = None) -> str:
    """Read a finished experiment and tell it in words. ResultMissing when there is none."""
    return tell(open_results(url, week))


def tell(results: Results, width: int = WIDE) -> str:
    """Tell an experiment in words, in lines of a width."""
    found = effects(results)
    parts = [
        list(unfinished(results)),
        list(answer(results, found)),
        list(sections.levels(results, width))
        if len(results.policies) == 1
        else list(sections.spread(results, found, width)),
        list(sections.expectations(results, found, width)),
        list(sections.robust(results, width)),
        list(sections.sensitive(results, found, width)),
        list(sections.discovered(results)),
        list(sections.tipping(results)),
        list(caveats(results, found)),
    ]
    return "\n\n".join("\n".join(fitted(part, width)) for part in parts if part) + "\n"


def fitted(lines: Iterable[str], width: int) -> list[str]:
    """Break lines that are too long between words; what goes on stands below the text of its line."""
    found: list[str] = []
    for line in lines:
        text = line.lstrip(" -")
        indent = " " * (len(line) - len(text))
        found += wrapped(line, width, indent) if len(line) > width else [line]
    return found


def unfinished(results: Results) -> Iterator[str]:
    """Say of an interrupted experiment how far it is."""
    if results.missing:
        total = results.values.shape[0] * results.values.shape[1] * results.values.shape[2]
        yield f"Interrupted: {total - results.missing:,} of {total:,} runs are done; what follows is of these alone."
        yield "The same command with --resume goes on."


def answer(results: Results, found: list[Effect]) -> Iterator[str]:
    """Say in one sentence a policy what it does, and over what that was asked."""
    for lever in results.about["levers"]:
        if lever["name"] != BASELINE:
            mine = [e for e in found if e.policy == lever["name"]]
            yield _sentence(lever["name"], mine, {said["metric"] for said in lever["expects"]}, _horizon(results))
    if len(results.policies) == 1:
        yield f"The world without any policy, {_horizon(results)}."
    start = date.fromisoformat(results.about["job"]["scenario"]["start"])
    end = start + timedelta(days=7 * results.weeks)
    futures = f"{count(results.about['futures'], 'future')} times " if results.uncertain else ""
    seeds = count(results.about["seeds"][1], "seed")
    scenario = results.about["job"]["scenario"]["name"]
    yield f"{scenario}, {start} to {end}; {futures}{seeds}, the same for every policy."


def _sentence(policy: str, mine: list[Effect], aims: set[str], horizon: str) -> str:
    """Say what a policy does to the market, to what it aims at before all else, and to which lab most."""
    pairs = max((e.pairs for e in mine), default=0)
    if not pairs:
        return f"{policy}: no pair of runs finished."
    clear = [e for e in mine if e.is_clear and not e.is_slight and not e.metric.startswith("policy.")]
    market = [e for e in clear if not e.metric.startswith("labs.")]
    labs = [e for e in clear if e.metric.startswith("labs.")]
    if not clear:
        is_nothing = all(e.low == e.high == 0 for e in mine if not e.metric.startswith("policy."))
        what = "changes nothing that was measured" if is_nothing else "has no effect that can be told from chance"
        return f"{policy} {what} {horizon} ({count(pairs, 'paired run')})."
    as_expected = [e for e in market if e.metric in aims]
    said = [_moves(max(as_expected or market, key=_size), " than without it")] if market else []
    said += [f"{'of the labs most: ' if said else ''}{_moves(max(labs, key=_size))}"] if labs else []
    return f"{policy}: {horizon}, {'; '.join(said)}."


def _size(effect: Effect) -> float:
    return abs(effect.relative) if effect.relative is not None else float("inf")


def _moves(effect: Effect, than: str = "") -> str:
    """Say a change: relative where there is a base to relate it to."""
    about = describe(effect.metric)
    head, _, rest = effect.metric.partition(".")
    whose = f"{rest.rpartition('.')[0]}: " if head in ("labs", "clouds", "regions", "countries") else ""
    way = "higher" if effect.mean > 0 else "lower"
    if effect.relative is None or effect.relative_interval is None:
        low, high = (amount(x, about.unit, sign=True) for x in (effect.low, effect.high))
        size = amount(abs(effect.mean), about.unit)
    else:
        low, high = (percent(x, sign=True) for x in effect.relative_interval)
        size = percent(abs(effect.relative))
    return f"{whose}{about.meaning} is {size} {way}{than} (95 % interval {low} to {high})"


def _horizon(results: Results) -> str:
    years = results.about["job"]["scenario"]["years"]
    if results.week is not None or years < 1:
        return f"after {results.weeks} weeks"
    return f"after {years:g} year{'' if years == 1 else 's'}"


def caveats(results: Results, found: list[Effect]) -> Iterator[str]:
    """Say how far to trust it."""
    futures, (first, seeds) = results.about["futures"], results.about["seeds"]
    pairs = futures * seeds
    yield "What to keep in mind"
    yield "  - These are conditional forecasts of a model under its assumptions, not predictions."
    if not results.uncertain:
        yield (
            "  - No parameter of the world was varied: intervals show chance between seeds, not doubt about the world "
            "itself. A design with uncertainties shows both."
        )
    unit = "futures" if futures > 1 else "seeds"
    said = f"seeds {first} to {first + seeds - 1}; intervals by bootstrap over {unit}"
    yield f"  - n = {count(pairs, 'pair')} for each policy, {said}."
    if pairs < PAIRS_FEW:
        yield f"  - {count(pairs, 'pair')} is few: read the direction, not the size."
    tests = sum(1 for e in found if not e.low == e.high == 0)
    if tests > 1:
        chance = max(1, round(tests / 20))
        yield f"  - * marks intervals without zero; by chance alone about {chance} of {tests} would leave it out."
    if results.failed:
        yield f"  - {count(len(results.failed), 'run')} failed; their pairs are left out:"
        yield from (f"      {policy}, future {f}, seed {s}: {error}" for policy, f, s, error in results.failed[:10])
    spent = f"{amount(results.cpu_s / 60, '')} CPU minutes"
    yield f"  - Data: {results.url} (wide.parquet, long.parquet, runs.parquet); {spent}."


def estimated(found: Estimate, metrics: Iterable[str], out: str, left: int) -> str:
    """Say how many runs a design makes, how long they take, where they would be kept, and how many are there."""
    there = "" if left == found.runs else f"; {found.runs - left:,} runs are there already"
    return (
        f"{count(found.runs, 'run')}: {', '.join(found.levers)}; {count(found.futures, 'future')}, "
        f"{count(found.seeds, 'seed')}\n"
        f"about {found.minutes:.1f} minutes on {count(found.workers, 'worker')} "
        f"({found.run_cpu_s:.1f} CPU seconds a run, from a probe of its first weeks)\n"
        f"metrics: {', '.join(metrics)}\n"
        f"would write to {out}{there}"
    )
