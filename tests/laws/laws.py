"""The laws of the market, each over paired seeds: what is compared, and what holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import mean, median
from typing import Any

from market.units import QUARTER_DAYS
from tests.campaign import Verdict, over_seeds
from tests.laws.measure import Change

type Runs = Mapping[str, Mapping[str, Any]]  # change -> figures of one seed

YEAR, CUT = 53, 13
CHANGES: dict[str, Change] = {
    "base": Change(156),
    "no customers": Change(CUT + YEAR, CUT, (("demand.factor", 0.0),)),
    "customers x3": Change(CUT + YEAR, CUT, (("demand.factor", 3.0),)),
    "growth x0.7": Change(156, 0, (("demand.growth_factor", 0.7),)),
    "growth x1.3": Change(156, 0, (("demand.growth_factor", 1.3),)),
    "supply x2": Change(YEAR, 0, (("supply.factor", 2.0),)),
    "supply x0.5": Change(YEAR, 0, (("supply.factor", 0.5),)),
    "supply x0": Change(YEAR, 0, (("supply.factor", 0.0),)),
    "power x0.5": Change(YEAR, 0, (("sites.power_factor", 0.5),)),
    "power x0": Change(YEAR, 0, (("sites.power_factor", 0.0),)),
    "demand x0": Change(YEAR, 0, (("demand.factor", 0.0),)),
    "demand x0.5": Change(YEAR, 0, (("demand.factor", 0.5),)),
    "demand x3": Change(YEAR, 0, (("demand.factor", 3.0),)),
    "chip tariff 100 %": Change(104, policies=("chip-tariff:rate=1,exempt=AQ,from=2024-07-15",)),
    "carbon 500": Change(104, policies=("carbon-price:usd_per_mwh=500,plant_usd_per_mwh=500,from=2024-07-15",)),
}


def _ratio(runs: Runs, change: str, name: str, quarter: int) -> float:
    base, other = runs["base"][name], runs[change][name]
    return float(other.get(str(quarter), 0.0)) / max(1e-12, float(base.get(str(quarter), 0.0)))


def _year_ratio(runs: Runs, change: str, name: str) -> float:
    """Sum over the second to fifth quarter, which are the first year in which orders of the start are past."""
    base, other = (sum(runs[key][name].get(str(quarter), 0.0) for quarter in range(1, 5)) for key in ("base", change))
    return float(other / max(1e-12, base))


def orders_stop(runs: Runs) -> Verdict:
    """1a Without customers new orders fall by over 80 % within four quarters."""
    least = min(_ratio(runs, "no customers", "orders_usd", quarter) for quarter in (2, 3, 4))
    return Verdict(least < 0.2, least)


def starts_stop(runs: Runs) -> Verdict:
    """1b Without customers new building starts fall by over 80 % within four quarters."""
    least = min(_ratio(runs, "no customers", "starts_gw", quarter) for quarter in (2, 3, 4))
    return Verdict(least < 0.2, least)


def work_is_paused(runs: Runs) -> Verdict:
    """1c Without customers sites are paused or given up (GW)."""
    paused = sum(runs["no customers"]["paused_gw"].values())
    return Verdict(paused > 0.5, paused)


def some_default(runs: Runs) -> Verdict:
    """1d Without customers some orgs default (number)."""
    count = len(runs["no customers"]["defaults"])
    return Verdict(count > 0, count)


def more_customers_build(runs: Runs) -> Verdict:
    """1e With three times the customers starts or prices rise by over 30 % in a year."""
    starts = sum(_ratio(runs, "customers x3", "starts_gw", quarter) for quarter in (1, 2, 3, 4)) / 4
    price = runs["customers x3"]["index"][-1] / runs["base"]["index"][CUT + YEAR - 1]
    return Verdict(max(starts, price) > 1.3, max(starts, price))


def growth_moves_power(runs: Runs) -> Verdict:
    """1f Growth 30 % up or down moves energised power at year 3 by over 3 % (the lesser of both moves)."""
    base = runs["base"]["energised_gw"][-1]
    down = 1 - runs["growth x0.7"]["energised_gw"][-1] / base
    up = runs["growth x1.3"]["energised_gw"][-1] / base - 1
    return Verdict(min(down, up) > 0.03, min(down, up))


def _mean(figures: Mapping[str, Any]) -> float:
    window = figures["index"][26:53]
    return float(sum(window) / len(window))


def _monotone(runs: Runs, changes: Sequence[str]) -> Verdict:
    """Prices rise along the changes, with 2 % of slack, and the extremes differ."""
    means = [_mean(runs[change]) for change in changes]
    steps = [b / a for a, b in pairwise(means)]
    return Verdict(min(steps) >= 0.98 and means[-1] > means[0], min(steps))


def price_answers_supply(runs: Runs) -> Verdict:
    """2a The one-year price, weeks 26-52, rises as supply falls 2, 1, 0.5, 0."""
    return _monotone(runs, ("supply x2", "base", "supply x0.5", "supply x0"))


def price_answers_power(runs: Runs) -> Verdict:
    """2b The one-year price rises as energised power falls 1, 0.5, 0."""
    return _monotone(runs, ("base", "power x0.5", "power x0"))


def price_answers_demand(runs: Runs) -> Verdict:
    """2c The one-year price rises with demand 0, 0.5, 1, 3."""
    return _monotone(runs, ("demand x0", "demand x0.5", "base", "demand x3"))


def trades_are_near_the_index(runs: Runs) -> Verdict:
    """3 Last month's index predicts the median signed price of a class and term within 10 % (part of class-months)."""
    base = runs["base"]
    months: dict[tuple[str, int], list[tuple[str, float]]] = defaultdict(list)
    for week, kind, lessor, price in base["signed"]:
        months[(kind, week // 4)].append((lessor, price))
    near = []
    for (kind, month), signed in months.items():
        if month and len(signed) >= 5 and len({lessor for lessor, _ in signed}) >= 3 and kind.endswith(" 1"):
            said = base["index"][4 * month - 1]
            near.append(abs(median(price for _, price in signed) / said - 1) <= 0.1)
    share = sum(near) / len(near) if near else 0.0
    return Verdict(share >= 0.9, share)


def tariff_cuts_orders(runs: Runs) -> Verdict:
    """4a A tariff of 100 % on all chips cuts the GPUs ordered in a year (ratio)."""
    ratio = _year_ratio(runs, "chip tariff 100 %", "ordered_gpus")
    return Verdict(ratio < 0.95, ratio)


def tariff_raises_quotes(runs: Runs) -> Verdict:
    """4b A tariff of 100 % raises the index at a year (ratio)."""
    ratio = runs["chip tariff 100 %"]["index"][52] / runs["base"]["index"][52]
    return Verdict(ratio > 1.02, ratio)


def carbon_raises_quotes(runs: Runs) -> Verdict:
    """4c 500 USD a MWh of carbon, of the grid and of own plant, raises the index at a year (ratio)."""
    ratio = runs["carbon 500"]["index"][52] / runs["base"]["index"][52]
    return Verdict(ratio > 1.0, ratio)


def carbon_cuts_orders(runs: Runs) -> Verdict:
    """4d 500 USD a MWh of carbon, of the grid and of own plant, cuts the GPUs ordered in a year (ratio)."""
    ratio = _year_ratio(runs, "carbon 500", "ordered_gpus")
    return Verdict(ratio < 1.0, ratio)


def research_does_not_idle(runs: Runs) -> Verdict:
    """7 Under 5 % of the research compute of any lab idles while projects wait (mean of the worst lab)."""
    idle = [mean(weeks) for weeks in runs["base"]["idle"].values()]
    return Verdict(len(idle) >= 10 and max(idle) < 0.05, max(idle, default=1.0))


def chips_do_not_wait_beside_power(runs: Runs) -> Verdict:
    """7 Chips of an org wait beside idle power of its own for no more than two quarters (most weeks)."""
    longest = max(runs["base"].get("side_by_side", {}).values(), default=0)
    return Verdict(longest <= 26, longest)


def chips_come_where_power_is(runs: Runs) -> Verdict:
    """7 Chips that wait for power draw less than a fifth of what is energised, at year 3 (ratio)."""
    share = runs["base"]["waiting_gw"][-1] / runs["base"]["energised_gw"][-1]
    return Verdict(share < 0.2, share)


TO_APRIL_USD, TO_JULY_USD = 22.6e9, 26.3e9  # NVIDIA data centre, fiscal quarters to 28 April and 28 July 2024
DAYS_ON = 77  # from the middle of the latter, 13 June, to that of the first quarter of the run, 29 August


def revenue_starts_where_it_stood(runs: Runs) -> Verdict:
    """9a Revenue of the first quarter lies within 10 % of the straight line through the two quarters observed last."""
    step = (TO_JULY_USD - TO_APRIL_USD) / QUARTER_DAYS
    expected = TO_JULY_USD + DAYS_ON * step
    found = float(runs["base"]["nvidia_usd"])
    return Verdict(abs(found / expected - 1) < 0.1, found / expected)


def prices_do_not_jump(runs: Runs) -> Verdict:
    """9b The index moves by less than 5 % in the first four weeks."""
    move = runs["base"]["index"][3] / runs["base"]["start_usd_per_h100e_hour"] - 1
    return Verdict(abs(move) < 0.05, move)


LAWS: tuple[Callable[[Runs], Verdict], ...] = (
    orders_stop, starts_stop, work_is_paused, some_default, more_customers_build, growth_moves_power,
    price_answers_supply, price_answers_power, price_answers_demand, trades_are_near_the_index,
    tariff_cuts_orders, tariff_raises_quotes, carbon_raises_quotes, carbon_cuts_orders,
    research_does_not_idle, chips_do_not_wait_beside_power, chips_come_where_power_is,
    revenue_starts_where_it_stood, prices_do_not_jump,
)  # fmt: skip


def table(seeds: Iterable[Runs]) -> str:
    """Each law with the seeds in which it holds, the median figure and its range."""
    every = list(seeds)
    return "\n".join(f"{over_seeds([law(runs) for runs in every])}  {law.__doc__}" for law in LAWS)
