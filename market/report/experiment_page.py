"""What the report of an experiment says: the answer first, then the evidence, then how far to trust it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import date, timedelta

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.pairing import Effect, effects
from market.experiments.tell.show import PAIRS_FEW, answer, caveats, tell
from market.experiments.tell.wording import amount, count
from market.report.figures import Figure
from market.report.figures.effects import by_name, changes, fan, name_in, of_one
from market.report.page import Number, Page, Section
from market.report.trust import sources_of_parameters

HEADLINE = "supply.installed_h100e"
ENDS = 2  # named at either end of gains and losses
FIRST_NUMBERS = ("power.energised_kw", "prices.h100_contract", "supply.installed_h100e")


def experiment_page(results: Results, title: str | None = None) -> Page:
    """Read a finished experiment into a page."""
    found = effects(results)
    policies = [name for name in results.policies if name != BASELINE]
    said = list(answer(results, found))
    sections = [
        _section(results, policy, [e for e in found if e.policy == policy], f"p{number}")
        for number, policy in enumerate(policies)
    ]
    full = f"<details><summary>All figures as text</summary><pre>{html.escape(tell(results))}</pre></details>"
    return Page(
        title=title or said[0],
        question=_question(results, policies),
        answer=said[1:],
        numbers=list(_numbers([e for e in found if not policies or e.policy == policies[0]])),
        brief=[*(line for policy in policies for line in _brief(found, policy)), _trust(results)],
        sections=[*(sections or [_alone(results)]), Section("Every metric", [], extra=full)],
        trust=[*_points(list(caveats(results, found))[1:]), sources_of_parameters()],
        reproduce=[
            f"{results.url}", f"digest {results.about['digest']}", f"code {results.about['code']}",
            f"market experiment show {results.url}",
        ],
    )  # fmt: skip


def _question(results: Results, policies: list[str]) -> str:
    start = date.fromisoformat(results.about["job"]["scenario"]["start"])
    end = start + timedelta(days=7 * results.about["job"]["weeks"][-1])
    world = f"{results.about['job']['scenario']['name']} by {end}"
    if not policies:
        return f"What comes of {world} without a policy?"
    return f"What {'does' if len(policies) == 1 else 'do'} {', '.join(policies)} change in {world}?"


def _points(lines: list[str]) -> list[str]:
    """Join the lines of a text list into its points."""
    points: list[str] = []
    for line in lines:
        if line.startswith("  - "):
            points.append(line[4:])
        else:
            points[-1] += f" {line.strip()}"
    return points


def headline(results: Results, policy: str, mine: list[Effect]) -> str:
    """The metric of the first picture: the clearest that the policy aims at, else of the market, else compute."""
    aims = {said["metric"] for lever in results.about["levers"] if lever["name"] == policy for said in lever["expects"]}
    clear = [e for e in mine if e.is_clear and not e.metric.startswith("policy.")]
    for group in ([e for e in clear if e.metric in aims], [e for e in clear if not of_one(e.metric)]):
        if group:
            return max(group, key=lambda e: (abs(e.relative or 0.0), e.metric)).metric
    return HEADLINE if HEADLINE in results.metrics else results.metrics[0]


def pictured(results: Results, policy: str, mine: list[Effect]) -> tuple[str, ...]:
    """Metrics whose course is drawn: the one of the headline, then those of the first numbers that were measured."""
    wanted = (headline(results, policy, mine), *FIRST_NUMBERS)
    return tuple(metric for metric in dict.fromkeys(wanted) if metric in results.metrics)


def _alone(results: Results) -> Section:
    """The world without a policy over time."""
    metrics = pictured(results, BASELINE, [])
    return Section("Over time", [fan(results, BASELINE, metric, f"time-{n}") for n, metric in enumerate(metrics)])


def _brief(found: list[Effect], policy: str) -> Iterator[tuple[str, str]]:
    """Where the load goes and who loses under a policy, in a line each."""
    mine = [e for e in found if e.policy == policy and e.pairs and not e.low == e.high == 0]
    power = [e for e in mine if e.metric.startswith("regions.") and e.metric.endswith(".energised_kw")]
    labs = [e for e in mine if e.metric.startswith("labs.") and e.metric.endswith(".h100e")]
    yield f"Where the load goes under {policy}", _both_ends(power, "region", "energised power at the end")
    yield f"Who loses, who gains under {policy}", _both_ends(labs, "lab", "compute at the end")


def _both_ends(effects_: list[Effect], what: str, of: str) -> str:
    """Name who falls and who rises most, with intervals; say so where chance could be all."""
    clear = [e for e in effects_ if e.is_clear]
    if not effects_:
        return f"no {what}'s {of} changes"
    down = sorted((e for e in clear or effects_ if e.mean < 0), key=lambda e: (e.mean, e.metric))[:ENDS]
    up = sorted((e for e in clear or effects_ if e.mean > 0), key=lambda e: (-e.mean, e.metric))[:ENDS]
    said = "; ".join(", ".join(_moved(e) for e in side) for side in (down, up) if side)
    if not clear:
        return f"no {what}'s {of} changes by more than chance; most, on average: {said}"
    return f"{of}: {said}" + ("" if down and up else f"; no {what} {'gains' if down else 'loses'} by more than chance")


def _moved(effect: Effect) -> str:
    unit = describe(effect.metric).unit
    mean, low, high = (amount(x, unit, sign=True) for x in (effect.mean, effect.low, effect.high))
    return f"{name_in(effect.metric)} {mean} ({low} to {high})"


def _trust(results: Results) -> tuple[str, str]:
    runs = results.about["futures"] * results.about["seeds"][1]
    varied = f"{count(len(results.uncertain), 'parameter')} varied" if results.uncertain else "only the seed varied"
    few = ": few, read the direction alone" if runs < PAIRS_FEW else ""
    return "How far to trust it", (
        f"{count(runs, 'pair')} of runs{few}, {varied}. A conditional forecast of a model, not a prediction. "
        f"{sources_of_parameters().split(';')[0]}. Intervals hold the mean difference in 95 of 100 such experiments."
    )


def _section(results: Results, policy: str, mine: list[Effect], key: str) -> Section:
    by = {e.metric: e for e in mine}
    figures: list[Figure] = [
        *(
            fan(results, policy, metric, f"{key}-time-{n}", by.get(metric))
            for n, metric in enumerate(pictured(results, policy, mine))
        ),
        changes(policy, mine, f"{key}-changes"),
        by_name(policy, mine, "h100e", "labs", f"{key}-labs"),
        by_name(policy, mine, "energised_kw", "regions", f"{key}-regions"),
    ]
    return Section(f"What {policy} does", figures)


def _numbers(mine: list[Effect]) -> Iterator[Number]:
    """Baseline and change of energised power, price and compute, and the lab that loses most."""
    by = {e.metric: e for e in mine}
    for metric in FIRST_NUMBERS:
        if (e := by.get(metric)) is not None and e.pairs:
            unit = describe(metric).unit
            low, high = amount(e.low, unit, sign=True), amount(e.high, unit, sign=True)
            yield Number(
                f"{describe(metric).meaning}, change",
                amount(e.mean, unit, sign=True),
                f"baseline {amount(e.base, unit)}; 95 % interval {low} to {high}",
            )
    labs = [e for e in mine if e.metric.startswith("labs.") and e.metric.endswith(".h100e")]
    if losing := [e for e in labs if e.pairs and e.mean < 0]:
        e = min(losing, key=lambda e: ((e.relative or 0.0), e.metric))
        sure = f"95 % interval {amount(e.low, 'H100e', sign=True)} to {amount(e.high, 'H100e', sign=True)}"
        could = "" if e.is_clear else ", perhaps by chance"
        yield Number(f"Lab that loses most{could}: {name_in(e.metric)}", amount(e.mean, "H100e", sign=True),
                     f"baseline {amount(e.base, 'H100e')}; {sure}; {count(e.pairs, 'pair')}")  # fmt: skip
