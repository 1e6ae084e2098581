"""The laws of the market, each over paired seeds: what is compared, and what holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from market.units import QUARTER_DAYS
from tests.campaign import Verdict, over_seeds
from tests.laws.measure import Change

type Runs = Mapping[str, Mapping[str, Any]]  # change -> figures of one seed

YEAR, CUT = 53, 13
GLUT = CUT + 60  # weeks until spot has come down to running cost, by 6 % a week
THRESHOLD_FLOP = 3e25
SUPPLY = ("supply x2", "base", "supply x0.5", "supply x0")
POWER = ("base", "power x0.5", "power x0")
DEMAND = ("demand x0", "demand x0.5", "base", "demand x3")
QUARTER_WEEKS = 13
OF_BUILDERS = ("shells", "plant")
SHUT = "us-virginia"
CHANGES: dict[str, Change] = {
    "base": Change(156),
    "no customers": Change(GLUT, CUT, (("demand.factor", 0.0),)),
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
    "no openai": Change(CUT + YEAR, policies=("org-default:org=openai,from=2024-10-01",)),
    "rent tax": Change(YEAR, policies=(str(Path(__file__).parent / "rent-tax.yaml"),)),
    "threshold": Change(CUT + YEAR, policies=(f"compute-threshold:flop={THRESHOLD_FLOP:g},from=2024-07-15",)),
    "no equity for compute": Change(104, policies=("equity-for-compute-ban:from=2024-07-15",)),
    "moratorium": Change(104, policies=(f"power-moratorium:region={SHUT},from=2024-07-15",)),
}


def _ratio(runs: Runs, change: str, name: str, quarter: int) -> float:
    base, other = runs["base"][name], runs[change][name]
    return float(other.get(str(quarter), 0.0)) / max(1e-12, float(base.get(str(quarter), 0.0)))


def _starts_gw(figures: Mapping[str, Any], quarter: int) -> float:
    return sum(region.get(str(quarter), 0.0) for region in figures["begun_gw"].values())


def _starts_ratio(runs: Runs, change: str, quarter: int) -> float:
    return _starts_gw(runs[change], quarter) / max(1e-12, _starts_gw(runs["base"], quarter))


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
    least = min(_starts_ratio(runs, "no customers", quarter) for quarter in (2, 3, 4))
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
    starts = sum(_starts_ratio(runs, "customers x3", quarter) for quarter in (1, 2, 3, 4)) / 4
    price = runs["customers x3"]["index"][-1] / runs["base"]["index"][CUT + YEAR - 1]
    return Verdict(max(starts, price) > 1.3, max(starts, price))


def what_holds_starts_back_is_named(runs: Runs) -> Verdict:
    """1f With three times the customers an input of builders is said to bind, harder than in the base (part met)."""
    least, base = (_least_met(runs[change]) for change in ("customers x3", "base"))
    return Verdict(least < min(1.0, base), least)


def _least_met(figures: Mapping[str, Any]) -> float:
    """Least part of what a builder needs of an input that it was said to get, in the year from the change on."""
    year = range(CUT, CUT + YEAR)
    return min((met for week, _, kind, met in figures["bound"] if week in year and kind in OF_BUILDERS), default=1.0)


def growth_moves_power(runs: Runs) -> Verdict:
    """1g Growth 30 % up or down moves energised power at year 3 by over 3 % (the lesser of both moves)."""
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
    return _monotone(runs, SUPPLY)


def price_answers_power(runs: Runs) -> Verdict:
    """2b The one-year price rises as energised power falls 1, 0.5, 0."""
    return _monotone(runs, POWER)


def price_answers_demand(runs: Runs) -> Verdict:
    """2c The one-year price rises with demand 0, 0.5, 1, 3."""
    return _monotone(runs, DEMAND)


def _strictly_between(runs: Runs, changes: Sequence[str]) -> Verdict:
    """Prices of the middle changes lie above that of the first and below that of the last (the nearest's ratio)."""
    first, *middle, last = (_mean(runs[change]) for change in changes)
    nearest = min(min(price / first, last / price) for price in middle)
    return Verdict(nearest > 1.0, nearest)


def supply_between_lies_between(runs: Runs) -> Verdict:
    """2d At supply 1 and 0.5 the price lies strictly between those of 2 and 0 (the nearest's ratio)."""
    return _strictly_between(runs, SUPPLY)


def power_between_lies_between(runs: Runs) -> Verdict:
    """2e At half the new power the price lies strictly between those of all and none (the nearest's ratio)."""
    return _strictly_between(runs, POWER)


def demand_between_lies_between(runs: Runs) -> Verdict:
    """2f At demand 0.5 and 1 the price lies strictly between those of 0 and 3 (the nearest's ratio)."""
    return _strictly_between(runs, DEMAND)


def spot_nears_the_worth(runs: Runs) -> Verdict:
    """2g With no new power spot rises to within 10 % of what the last user would pay, at a year (ratio)."""
    short = runs["power x0"]
    ratio = short["spot"][-1] / short["worth"][-1]
    return Verdict(abs(ratio - 1) < 0.1 and short["spot"][-1] > runs["base"]["spot"][YEAR - 1], ratio)


def spot_falls_to_running_cost(runs: Runs) -> Verdict:
    """2h Without customers spot falls to the least running cost, within 5 % (ratio)."""
    glut = runs["no customers"]
    ratio = glut["spot"][-1] / glut["running"][-1]
    return Verdict(abs(ratio - 1) < 0.05, ratio)


def four_years_fall_below_entry(runs: Runs) -> Verdict:
    """2i Without customers four years are quoted below the rent at which new capacity enters, not so before (ratio)."""
    glut = runs["no customers"]
    before, ratio = (glut["four_years"][week] / glut["entry"][week] for week in (CUT - 1, -1))
    return Verdict(ratio < 1.0 < before, ratio)


def old_chips_retire(runs: Runs) -> Verdict:
    """2j Without customers more A100 retire in a quarter once rent pays no longer for keeping them on (ratio)."""
    glut, base = runs["no customers"], runs["base"]
    ratio = glut["old_retired"].get("4", 0.0) / max(1.0, base["old_retired"].get("4", 0.0))
    return Verdict(ratio > 1.0 and glut["old_rent"][-1] < 1.0 < base["old_rent"][GLUT - 1], ratio)


def prices_rise_and_fall(runs: Runs) -> Verdict:
    """2k The one-year price rises over some quarter of the base run and falls over another (the largest rise)."""
    index = runs["base"]["index"]
    moves = [after / before - 1 for before, after in zip(index, index[QUARTER_WEEKS:], strict=False)]
    return Verdict(min(moves) < 0.0 < max(moves), max(moves))


def trades_are_near_the_index(runs: Runs) -> Verdict:
    """3a Last month's index predicts the median signed price of a class and term within 10 % (part of class-months)."""
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


def trades_make_the_price(runs: Runs) -> Verdict:
    """3b Without OpenAI what is signed for a year from the second quarter after on is cheaper (ratio of medians)."""
    ratio = _signed(runs["no openai"]) / _signed(runs["base"])
    return Verdict(ratio < 1.0, ratio)


def _signed(figures: Mapping[str, Any]) -> float:
    """Median of what was signed for a year, from a quarter after `CUT` to a year after it."""
    weeks = range(CUT + QUARTER_WEEKS, CUT + YEAR)
    return median(price for week, kind, _, price in figures["signed"] if week in weeks and kind == "any 1")


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


def rent_tax_lowers_rents(runs: Runs) -> Verdict:
    """4e A tax of half the rent, paid on top of it, lowers the index at a year (ratio)."""
    ratio = runs["rent tax"]["index"][YEAR - 1] / runs["base"]["index"][YEAR - 1]
    return Verdict(ratio < 1.0, ratio)


def rent_tax_cuts_leases(runs: Runs) -> Verdict:
    """4f A tax of half the rent, paid on top of it, cuts the compute that is signed for in a year (ratio)."""
    taxed, base = (
        sum(runs[change]["leased_h100e"].get(str(quarter), 0.0) for quarter in range(4))
        for change in ("rent tax", "base")
    )
    return Verdict(taxed < base, taxed / base)


def runs_bunch_below_a_threshold(runs: Runs) -> Verdict:
    """4g More runs lie within 10 % below a threshold of 3e25 FLOP where it is one (difference of the parts of runs)."""
    part = _just_below(runs["threshold"]) - _just_below(runs["base"])
    return Verdict(part > 0.0, part)


def _just_below(figures: Mapping[str, Any]) -> float:
    """Part of the runs begun in the weeks of the trial that lies within 10 % below the threshold."""
    sizes = [flop for week, _, flop in figures["runs_flop"] if 0 < week < CUT + YEAR]
    near = [flop for flop in sizes if 0.9 <= flop / THRESHOLD_FLOP <= 1.0]  # a log rounds a hair below to the threshold
    return len(near) / len(sizes)


def other_money_replaces_it(runs: Runs) -> Verdict:
    """4h Where those who sell compute may not lead rounds, others lead more in two years (part of what is refused)."""
    banned, base = (_in_two_years(runs[change]["raised_usd"]) for change in ("no equity for compute", "base"))
    refused = sum(usd for lead, usd in base.items() if lead not in banned)
    more = sum(usd - base[lead] for lead, usd in banned.items())
    return Verdict(more > 0.0 and refused > 0.0, more / max(1.0, refused))


def _in_two_years(by_quarter: Mapping[str, Mapping[str, float]]) -> Counter[str]:
    """Sum of eight quarters, of each name with more than nothing."""
    sums = {name: sum(found.get(str(quarter), 0.0) for quarter in range(8)) for name, found in by_quarter.items()}
    return Counter({name: total for name, total in sums.items() if total})


def a_moratorium_moves_load(runs: Runs) -> Verdict:
    """4i A moratorium in Virginia raises what is begun elsewhere in two years (over what is not begun there)."""
    shut, base = (_in_two_years(runs[change]["begun_gw"]) for change in ("moratorium", "base"))
    less, more = base[SHUT] - shut[SHUT], shut.total() - shut[SHUT] - (base.total() - base[SHUT])
    return Verdict(less > 0.0 and more > 0.0, more / less)


def a_moratorium_says_where(runs: Runs) -> Verdict:
    """4j Where a moratorium stood in the way of a building the log names the region taken instead (decisions)."""
    taken = [what for what in runs["moratorium"]["instead"] if what.startswith("building: ")]
    decisions = sum(runs["moratorium"]["instead"][what] for what in taken)
    return Verdict(decisions > 0 and not any(SHUT in what for what in taken), decisions)


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
    orders_stop, starts_stop, work_is_paused, some_default, more_customers_build, what_holds_starts_back_is_named,
    growth_moves_power,
    price_answers_supply, price_answers_power, price_answers_demand,
    supply_between_lies_between, power_between_lies_between, demand_between_lies_between,
    spot_nears_the_worth, spot_falls_to_running_cost, four_years_fall_below_entry, old_chips_retire,
    prices_rise_and_fall,
    trades_are_near_the_index, trades_make_the_price,
    tariff_cuts_orders, tariff_raises_quotes, carbon_raises_quotes, carbon_cuts_orders,
    rent_tax_lowers_rents, rent_tax_cuts_leases, runs_bunch_below_a_threshold, other_money_replaces_it,
    a_moratorium_moves_load, a_moratorium_says_where,
    research_does_not_idle, chips_do_not_wait_beside_power, chips_come_where_power_is,
    revenue_starts_where_it_stood, prices_do_not_jump,
)  # fmt: skip


def table(seeds: Iterable[Runs]) -> str:
    """Each law with the seeds in which it holds, the median figure and its range."""
    every = list(seeds)
    return "\n".join(f"{over_seeds([law(runs) for runs in every])}  {law.__doc__}" for law in LAWS)
