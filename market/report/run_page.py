"""What the report of one run says."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from market.analytics.base import events
from market.report.figures import FIGURES, Figure
from market.report.page import Number, Page, Section
from market.report.trust import sources_of_parameters
from market.report.web import lease_web
from market.runs.reading import Run
from market.runs.summary import iso

SECTIONS = (
    ("Who can use how much compute", ("compute", "concentration")),
    ("Prices and contracts", ("prices", "index", "backlog", "demand")),
    ("Supply and what holds it back", ("supply", "lead-time", "builders", "inputs")),
    ("Power", ("power", "regions")),
    ("Training and money", ("training", "cash", "recoveries")),
    ("What was decided, and what did not come about", ("choices", "failures")),
)


def run_page(run: Run, title: str | None = None) -> Page:
    """Read a run into a page.

    Raises events.LogDamaged where the log does not hold.
    """
    log = run.log.collect().lazy()
    drawn = {name: make(log) for name, make in FIGURES.items()}
    begun = events(log, "RunStarted").collect().row(0, named=True)
    last = int(events(log, "WeekClosed").select(pl.col("day").max()).collect().item())
    manifest = run.reader.manifest
    under = f" under {', '.join(manifest.policies)}" if manifest.policies else ""
    span = f"{begun['kind']}, {iso(begun['start_day'])} to {iso(last)}, seed {begun['seed']}{under}"
    return Page(
        title=title or drawn["compute"].title,
        question=f"What comes of {span}?",
        answer=[f"{drawn['prices'].title}. {drawn['power'].title}."],
        numbers=list(_numbers(drawn)),
        sections=[Section(name, [drawn[figure] for figure in figures]) for name, figures in SECTIONS],
        trust=list(_trust()),
        reproduce=[
            f"{run.folder}",
            f"head {run.reader.head}",
            f"code {manifest.code}",
            f"market verify {run.folder} --head {run.reader.head}",
        ],
        web=lease_web(log),
    )


def _numbers(drawn: dict[str, Figure]) -> Iterator[Number]:
    """The first screen's numbers: compute, price, power, concentration, each beside its value at the start."""
    compute = drawn["compute"].table.group_by("date").agg(pl.col("h100e").sum()).sort("date")["h100e"]
    yield Number("Compute in use, million H100e", f"{compute[-1]:.1f}", f"{compute[0]:.1f} at the start")
    contract = drawn["prices"].table.filter(pl.col("price") == "one-year contract").sort("date")["usd_per_h100e_hour"]
    yield Number("One-year price, USD per H100e-hour", f"{contract[-1]:.2f}", f"{contract[0]:.2f} at the start")
    power = drawn["power"].table.filter(pl.col("step") == "energised").sort("date")["power_gw"]
    yield Number("Energised IT power, GW", f"{power[-1]:.1f}", f"{power[0]:.1f} at the start")
    hhi = drawn["concentration"].table["hhi"]
    yield Number("Concentration, HHI", f"{hhi[-1]:,.0f}", f"{hhi[0]:,.0f} at the start")


def _trust() -> Iterator[str]:
    yield (
        "This is one run with one seed: it shows how events can follow each other and is no evidence of an effect. "
        "`market experiment --policy P --runs 20` compares over many seeds."
    )
    yield sources_of_parameters()
    yield "H100 equivalents weigh GPUs by dense throughput over that of an H100; prices of leases are per GPU-hour."
    yield "A conditional forecast under the scenario's assumptions, not a prediction."
