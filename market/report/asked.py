"""Scenarios and policies as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from market.catalogue.vintages import rows_left_out
from market.report.console import console, para

if TYPE_CHECKING:
    from collections.abc import Iterator

    from market.policies.schema import Permit, Policy
    from market.scenario.load import Resolved

SIGNS = {"+": "higher", "-": "lower", "0": "as without it"}
STARTER = """\
# A scenario of your own: what is not said here is as in {base}.
# `market scenario show {base}` lists every number with its source; `market scenario schema` is for editors.
name: {name}
extends: {base}
title: What if ...
description: Say here what differs, and why.

# parameters:
#   price.margin: 0.2
# orgs:
#   xai: {{cash_usd: {{value: 12000000000, source: assumption, note: twice the round}}}}
"""


def sourced(found: Resolved) -> list[dict[str, Any]]:
    """Every value of a scenario that comes from a row of the catalogue or a line of a file."""
    return [
        {
            "key": key, "value": row.value, "unit": row.unit, "as_of": row.as_of, "published": row.published,
            "kind": row.kind, "source": row.source, "confidence": row.confidence, "where": row.where,
        }
        for key, row in found.sources.items()
    ]  # fmt: skip


def show_scenario(found: Resolved) -> None:
    """Print a scenario: what it is, what it holds, every number with its date and source."""
    out, scenario = console(), found.scenario
    out.print(f"{scenario.name}: {scenario.title}", style="bold")
    out.print(scenario.description)
    counts = [(name, len(getattr(scenario, name))) for name in type(scenario).model_fields
              if isinstance(getattr(scenario, name), dict | list)]  # fmt: skip
    out.print(f"from {scenario.start}, {scenario.years:g} years: " + ", ".join(f"{n:,} {name}" for name, n in counts))
    out.print(f"sha256 {found.sha256}")
    left = rows_left_out(scenario.start)
    out.print(
        f"vintage {found.vintage}; rows of the catalogue left out: revised {left['revised']:,}, strict"
        f" {left['strict']:,}; figures carried back from later days: {len(found.carried)}"
    )
    for row in sourced(found):
        date = f"{row['as_of']}" if row["as_of"] else "always"
        text = f"{row['key']}  {row['value']} {row['unit']}  [{date}, {row['kind']}] {row['source']}"
        para(out, text, indent="    ")


def _does(policy: Policy) -> Iterator[str]:
    """What a policy does at each hook, a line each."""
    for name, change in policy.set_.items():
        to = f"to {change.to:g}" if change.to is not None else f"times {change.multiply:g} plus {change.add:g}"
        collar = (("at least", change.at_least), ("at most", change.at_most))
        yield f"sets {name} {to}" + "".join(f", {word} {value:g}" for word, value in collar if value is not None)
    for permit in (rule for rule in policy.permit if rule.enabled):
        yield f"refuses {', '.join(permit.refuse)}{_but(permit)}: {permit.reason}"
    for report in (rule for rule in policy.report if rule.enabled):
        yield f"asks for a report of {', '.join(report.on)} at {report.usd:,.0f} USD: {report.reason}"
    for verb, levies in (("takes", policy.levy), ("pays", policy.subsidy)):
        for levy in (rule for rule in levies if rule.enabled):
            part = f"{levy.rate:.0%}" if levy.rate else f"{levy.usd:,.0f} USD"
            part = f"{levy.usd_per_unit:g} USD a {levy.unit}" if levy.usd_per_unit else part
            yield f"{verb} {part} of {', '.join(levy.on)}"


def _but(permit: Permit) -> str:
    """What lifts a refusal, and where it holds at all."""
    said = ""
    if (quota := permit.quota) is not None:
        limit = f"{quota.limit:g}" if quota.limit is not None else f"{quota.share_of_output:.0%} of output in"
        said = f" beyond {limit} {quota.of} a {quota.per}"
    if permit.licence is not None:
        said += f" without a licence that takes {permit.licence.days:g} days"
    if permit.adopted is not None:
        said += f" in {permit.adopted.share:.0%} of all by {permit.adopted.by}"
    return said


def show_policy(policy: Policy) -> None:
    """Print a policy: dates, settings, what each hook does, sources, what theory expects."""
    out = console()
    out.print(f"{policy.name}: {policy.title}", style="bold")
    para(out, policy.description)
    until = f"until {policy.until_day}" if policy.until_day else "for good"
    para(out, f"from {policy.from_day} {until}")
    lines = []
    for name, setting in policy.parameters.items():
        given = _said(policy.given.get(name, setting.value))
        lines.append(f"{name} = {given}{f' ({setting.unit})' if setting.unit else ''}: {setting.meaning}")
    lines += dict.fromkeys(_does(policy))  # hooks that differ in whom they touch alone are said once
    lines += [f"source: {source.source} ({source.confidence})" for source in policy.sources]
    lines += [f"theory expects {x.metric} {SIGNS[x.sign]}: {x.reason}" for x in policy.expects]
    for line in lines:
        para(out, f"  {line}", indent="    ")


def _said(value: object) -> str:
    """A setting as one writes it behind the policy's name."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
