"""What the report of an experiment says: the answer first, then the evidence, then how far to trust it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import date, timedelta

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.pairing import Effect, effects
from market.experiments.tell.show import answer, caveats, tell
from market.experiments.tell.wording import amount, count
from market.report.figures import Figure
from market.report.figures.effects import by_name, changes, fan, name_in, of_one
from market.report.page import Number, Page, Section
from market.report.trust import sources_of_parameters

HEADLINE = "supply.installed_h100e"
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
        sections=[*sections, Section("Every metric", [], extra=full)],
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


def _section(results: Results, policy: str, mine: list[Effect], key: str) -> Section:
    figures: list[Figure] = [
        fan(results, policy, headline(results, policy, mine), f"{key}-time"),
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
        yield Number(f"Lab that loses most: {name_in(e.metric)}", amount(e.mean, "H100e", sign=True),
                     f"baseline {amount(e.base, 'H100e')}; {sure}; {count(e.pairs, 'pair')}")  # fmt: skip
