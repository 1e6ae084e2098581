"""A decision that was asked for: every option in a strategist's terms, and as a table for a terminal."""

from __future__ import annotations

from typing import Any

from market.report.console import Column, console, para, show
from market.units import DAYS_PER_YEAR, WEEK_DAYS

WEEKS_PER_MONTH = DAYS_PER_YEAR / WEEK_DAYS / 12  # of the calendar

HANGS_ON = {
    "own site": "power and halls, {region}",
    "brownfield": "power, a shell that stands",
    "greenfield": "power, a new building",
    "leased shell": "its developer in time, {region}",
    "contract": "{counterparty} in time, {region}",
    "lease": "{counterparty} having them free",
    "sublease": "{counterparty}, the owner behind it",
    "on demand": "what is free each week",
}  # parts between commas: a narrow table breaks the line there
GATES = {
    "finance": "more money",
    "power": "more power",
    "permission": "a permission",
    "lost to another": "another buyer",
}
HEADS = (Column("option", True), Column("USD/h"), Column("months"), Column("late"), Column("left for", True, 5),
         Column("hangs on", True, 4))  # fmt: skip


def in_terms(found: dict[str, Any]) -> dict[str, Any]:
    """Add to each option what a strategist asks of it.

    usd_per_gpu_hour : cost of what the target's GPU does in an hour that is used. months_to_power : until it can be
    used. hangs_on : the gates that it fails, else what must come true for it.
    """
    each = found["target"]["h100e"] / found["target"]["gpus"]
    rows = [
        {
            **row,
            "usd_per_gpu_hour": row["cost_usd_per_h100e_hour"] * each,
            "months_to_power": row["wait_weeks"] / WEEKS_PER_MONTH,
            "hangs_on": hangs_on(row),
        }
        for row in found["options"]
    ]
    return {**found, "options": rows}


def hangs_on(row: dict[str, Any]) -> str:
    """Name the gates that an option fails, else what must come true for it."""
    if row["failed"]:
        return ", ".join(GATES[gate] for gate in row["failed"])
    said = HANGS_ON[row["way"]].format(region=row["region"], counterparty=row["counterparty"])
    return f"{said}, its own plant" if row["option"].endswith(" with own plant") else said


def asked_words(found: dict[str, Any]) -> str:
    """Say what was asked."""
    target = found["target"]
    where = f" in {target['region']}" if target["region"] else ""
    return f"{target['gpus']:,} {target['chip']} by {target['by']}{where}, for {target['years']:g} years"


def decision(found: dict[str, Any]) -> None:
    """Print a decision, `in_terms`."""
    out, chip = console(), found["target"]["chip"]
    para(out, f"{found['org']} on {found['day']} ({found['scenario']}): {asked_words(found)}.")
    show(out, HEADS, [
        (row["option"], f"{row['usd_per_gpu_hour']:.2f}", f"{row['months_to_power']:.1f}", f"{row['slip_share']:.0%}",
         row["reason"] or "(taken)", row["hangs_on"])
        for row in found["options"]
    ])  # fmt: skip
    para(out, f"USD/h: what one {chip} does in an hour that is used, on any chip, levies and the owner's capital in it;"
              " months: until it can be used; late: chance that it comes more than a quarter after that.")  # fmt: skip
