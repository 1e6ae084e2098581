"""What the report of an experiment says: the answer first, then the evidence, then how far to trust it."""

from __future__ import annotations

import html
from datetime import date, timedelta

from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.pairing import Effect, effects
from market.experiments.tell.show import answer, caveats, tell
from market.report.figures import Figure
from market.report.figures.effects import begins, by_name, called, changes, fan, of_one
from market.report.first_screen import FIRST_METRICS, first_grid, further, trust
from market.report.page import Page, Section
from market.report.trust import past_accuracy, sources_of_parameters

HEADLINE = "supply.installed_h100e"


def experiment_page(results: Results, title: str | None = None) -> Page:
    """Read a finished experiment into a page."""
    found, titles = effects(results), called(results)
    policies = [name for name in results.policies if name != BASELINE]
    said = [_renamed(line, titles) for line in answer(results, found)]
    sections = [
        _section(results, policy, [e for e in found if e.policy == policy], f"p{number}")
        for number, policy in enumerate(policies)
    ]
    full = f"<details><summary>All figures as text</summary><pre>{html.escape(tell(results))}</pre></details>"
    return Page(
        title=title or said[0],
        question=_question(results, [_dated(results, policy, titles) for policy in policies]),
        answer=said[1:],
        numbers=[],
        grid=first_grid(results, found) if policies else None,
        brief=[*further(results), trust(results)],
        sections=[*(sections or [_alone(results)]), Section("Every metric", [], extra=full)],
        trust=[*_points(list(caveats(results, found))[1:]), past_accuracy(), sources_of_parameters()],
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


def _dated(results: Results, policy: str, titles: dict[str, str]) -> str:
    """Name a policy with the day from which it holds."""
    since = [day for day, what in begins(results, policy) if what != "Announced"]
    return titles[policy] + (f" (from {since[0]})" if since and ":" not in titles[policy] else "")


def _renamed(line: str, titles: dict[str, str]) -> str:
    """Say policies in a sentence as a reader is to see them."""
    for name, title in titles.items():
        line = line.replace(f"{name}: ", f"{title}: ", 1) if line.startswith(name) else line
    return line


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
    wanted = (headline(results, policy, mine), *FIRST_METRICS)
    return tuple(metric for metric in dict.fromkeys(wanted) if metric in results.metrics)


def _alone(results: Results) -> Section:
    """The world without a policy over time."""
    metrics = pictured(results, BASELINE, [])
    return Section("Over time", [fan(results, BASELINE, metric, f"time-{n}") for n, metric in enumerate(metrics)])


def _section(results: Results, policy: str, mine: list[Effect], key: str) -> Section:
    by, title = {e.metric: e for e in mine}, called(results)[policy]
    figures: list[Figure] = [
        *(
            fan(results, policy, metric, f"{key}-time-{n}", by.get(metric))
            for n, metric in enumerate(pictured(results, policy, mine))
        ),
        changes(title, mine, f"{key}-changes"),
        by_name(title, mine, "h100e", "labs", f"{key}-labs"),
        by_name(title, mine, "energised_kw", "regions", f"{key}-regions"),
    ]
    return Section(f"What {title} does", figures)
