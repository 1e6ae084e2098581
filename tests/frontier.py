"""Put seeds of the default world beside the record of 2024 and 2025: `python -m tests.frontier --seeds 20`; kept.

Every seed runs the catalogue's own values: nothing is drawn or fitted. Rows of the record and their ranges are those of
`market/catalogue/observed`, read by the definitions there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any

from agents.simulation import begin
from market.catalogue.tables import observed
from market.kernel import few_collections
from market.scenario.load import load_scenario
from market.truth.answers import quarterly
from market.truth.definitions import definitions
from market.truth.queryable import QueryableLog
from market.units import to_date, to_day
from tests.campaign import Verdict, arguments, outcomes, over_seeds

WORLD = "frontier-2024"
WEEKS = 78  # to January 2026, past the last quarter of the record
LARGE = "SELECT COUNT(*) FROM contracts WHERE gpus >= 100000 AND end_day - start_day >= 3 * 365"
PRICES = "SELECT day, h100_on_demand_usd_per_hour, h100_usd_per_hour FROM prices ORDER BY day"
WAITING = """
    SELECT SUM(CASE l.type WHEN 'ShipmentDelivered' THEN l.gpus ELSE -l.gpus END * c.h100e) FROM log l
    JOIN (SELECT chip, MAX(h100e) AS h100e FROM log WHERE type = 'ChipAnnounced' GROUP BY chip) c ON l.chip = c.chip
    WHERE l.type IN ('ShipmentDelivered', 'GpusInstalled') AND l.org = 'xai' AND l.day <= {day}
"""
LABS = ("openai", "xai", "anthropic", "google_deepmind")
SERIES = (
    "nvda_dc_revenue",
    "coreweave_backlog",
    "coreweave_active_power",
    "oracle_rpo",
    *(f"{lab}_h100e" for lab in LABS),
)
START, END = "2024Q3", "2025Q4"

Outcome = Mapping[str, Any]


def run(seed: int) -> dict[str, Any]:
    """Run a seed; give its series by quarter, how many large contracts it signed, its posted prices by month.

    And the H100e that xAI had at the end of 2024 in GPUs without power.
    """
    log = QueryableLog()
    scenario = load_scenario(WORLD, {}).scenario
    model = begin(scenario, seed, log)
    with few_collections():
        for _ in range(WEEKS):
            model.step()
    log.finish()
    start = scenario.start
    end = start + timedelta(weeks=WEEKS)
    series = {name: quarterly(log, definitions()[name], start, end) for name in SERIES}
    prices = log.query(PRICES).rows()
    posted, yearly = ({f"{to_date(row[0]):%Y-%m}": row[kind] for row in prices} for kind in (1, 2))
    waiting = log.query(WAITING.format(day=to_day(date(2024, 12, 31)))).item()
    large = log.query(LARGE).item()
    return {"series": series, "large": large, "posted": posted, "yearly": yearly, "waiting": waiting or 0.0}


def recorded(series: str, quarter: str) -> float:
    """What was observed of a series at a quarter."""
    return next(o.row.number for o in observed("series") if (o.row.id, o.row.field) == (series, quarter))


def within_factor(series: str, factor: float) -> Callable[[Outcome], Verdict]:
    """Whether a level at the end of 2025 is within a factor of the record; the figure is their ratio.

    A series whose definition compares changes is compared by its change since the third quarter of 2024.
    """
    is_change = definitions()[series].compare == "change"
    observed_value = recorded(series, END) - (recorded(series, START) if is_change else 0.0)

    def law(seed: Outcome) -> Verdict:
        levels = seed["series"][series]
        ratio = (levels.get(END, 0.0) - (levels.get(START, 0.0) if is_change else 0.0)) / observed_value
        return Verdict(1 / factor <= ratio <= factor, ratio)

    return law


def inside(lab: str, year: str, beside: str = "") -> Callable[[Outcome], Verdict]:
    """Whether a lab's compute at the end of a year lies in the record's own range; the figure is H100e.

    `beside` : a further amount of the outcome that is counted with it.
    """
    name = f"{lab.replace('_', '-')}-h100e"
    row = next(o.row for o in observed("milestones") if o.row.id == name and str(o.row.as_of) == f"{year}-12-31")
    assert row.low is not None
    assert row.high is not None
    low, high = row.low, row.high

    def law(seed: Outcome) -> Verdict:
        value = seed["series"][f"{lab}_h100e"].get(f"{year}Q4", 0.0) + (seed[beside] if beside else 0.0)
        return Verdict(low <= value <= high, value)

    return law


def nvidia(seed: Outcome) -> Verdict:
    """Whether NVIDIA's revenue is off by less than a tenth, on average from 2024Q4 on; the figure is that."""
    quarters = {
        quarter: value for quarter, value in seed["series"]["nvda_dc_revenue"].items() if "2024Q4" <= quarter <= END
    }
    off = fmean(abs(math.log(value / recorded("nvda_dc_revenue", quarter))) for quarter, value in quarters.items())
    return Verdict(off < 0.1, off)


def moves(seed: Outcome) -> Verdict:
    """Whether the posted price of an H100 moves by a cent or more in most months; the figure is the share of months."""
    prices = list(seed["posted"].values())
    share = fmean(abs(later - sooner) >= 0.01 for sooner, later in pairwise(prices))
    return Verdict(share > 0.5, share)


def year_of_h100(seed: Outcome) -> Verdict:
    """Whether an H100 for a year costs within 25 % of the record in October 2025; the figure is USD an hour."""
    row = next(o.row for o in observed("milestones") if o.row.id == "h100-one-year-contract")
    value = seed["yearly"][row.field]
    return Verdict(abs(value / row.number - 1) <= 0.25, value)


LAWS: dict[str, Callable[[Outcome], Verdict]] = {
    "NVIDIA's revenue, mean error from 2024Q4 on under 10 %": nvidia,
    "contracts of 100,000 GPUs and three years": lambda seed: Verdict(seed["large"] >= 1, seed["large"]),
    "CoreWeave's obligations, end of 2025, within a factor of 3": within_factor("coreweave_backlog", 3),
    "Oracle's obligations, change to the end of 2025, within a factor of 3": within_factor("oracle_rpo", 3),
    "CoreWeave's power, end of 2025, within 40 %": within_factor("coreweave_active_power", 1.4),
    "H100 for a year, October 2025, within 25 %": year_of_h100,
    "H100 posted moves in most months, share of months": moves,
    **{f"{lab}: compute at the end of 2024 inside the range": inside(lab, "2024") for lab in LABS},
    "xai: the same with GPUs that are delivered and wait for power": inside("xai", "2024", "waiting"),
    "xai: compute at the end of 2025 inside the range": inside("xai", "2025"),
}


def table(seeds: Sequence[Outcome]) -> str:
    """One line each: in how many seeds it holds, the median figure, its range."""
    return "\n".join(f"{over_seeds([law(seed) for seed in seeds])}  {name}" for name, law in LAWS.items())


def main() -> int:
    """Run what is missing and print how each figure stands to the record; a fleet counts in half of the seeds."""
    seeds = [runs["base"] for runs in outcomes(arguments("frontier", __doc__, 20).parse_args(), {"base": run})]
    print(table(seeds))
    return int(any(2 * sum(law(seed).holds for seed in seeds) < len(seeds) for law in LAWS.values()))


if __name__ == "__main__":
    sys.exit(main())
