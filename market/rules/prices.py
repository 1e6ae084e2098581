"""Prices: what clears, what an owner pays, and what is agreed for later.

Spot moves towards the price at which all users together want what is energised. A quote for later fades from spot to
the price at which new capacity enters (docs/odd.md, prices).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from events.types import demand as events
from market.rules import chips as chip_rules
from market.rules import uses, work
from market.rules.base import Happening, fleets_h100e, h100e_by_chip
from market.rules.energy import energy_usd_per_mwh, plant_usd_per_mwh
from market.rules.inputs import WAIT_WEEKS_MAX
from market.state import State
from market.state.chips import Chip
from market.state.sites import Site
from market.units import clip, digits

YEAR_DAYS = 364.0
SPAN = 500.0  # bisections look so many times below and above the price of entry
REFERENCE_WEEKS = (8.0, 60.0)  # of a one-year contract: from the usual wait to its end


def replacement_cost(state: State, chip: Chip, levy: float | None = None) -> float:
    """Cost of owning an H100 equivalent of a chip for an hour, in USD, with the levies that its owner pays.

    levy : part of the price of the chip that its buyer pays on top; where none is given, the mean over buyers

    The owner's cost of an H100 is split into capital, which follows the price of a chip per H100e, and running cost,
    which follows its power per H100e.
    """
    p = state.run.parameters
    share, h100 = p["price.tco_capital_share"], state.chips.chips["H100"]
    capital = chip.price_usd_per_gpu / chip.h100e / h100.list_price_start_usd_per_gpu
    capital *= 1 + (levy_on_chips(state) if levy is None else levy) / (1 + p["shipping.server_cost_share"])
    kw = chip.power_kw_it_per_gpu / chip.h100e
    running = kw / h100.power_kw_it_per_gpu
    owned: float = p["price.tco_usd_per_h100e_hour"] * (share * capital + (1 - share) * running)
    return owned + kw * levy_on_energy(state) / 1000


def cost_of_work(state: State, chip: Chip, each: float, levy: float | None = None) -> float:
    """`replacement_cost` of a chip for an H100e of mean work, in USD an hour.

    each : work of a GPU, in H100e of mean work
    """
    return replacement_cost(state, chip, levy) * chip.h100e / each


def levy_on_chips(state: State) -> float:
    """Part of the price of chips that buyers pay on top under the policies in force, less subsidies, on average."""
    return state.run.parameters["levy.chips"]


def levy_on_energy(state: State) -> float:
    """USD that policies in force take per MWh, on the average of what is energised."""
    return state.run.parameters["levy.energy_usd_per_mwh"]


def lead_time(state: State) -> float:
    """Weeks of output in the backlog, by value, twenty years at most; where none is made for it, as told last."""
    backlog = made = 0.0
    for chip in state.chips.chips.values():
        if chip.buyers != "own":
            backlog += chip.backlog_gpus * chip.price_usd_per_gpu
            made += chip.made_gpus * chip.price_usd_per_gpu
    if not made:
        return chip_rules.last_lead_time(state) if backlog else 0.0
    return min(WAIT_WEEKS_MAX, backlog / made)


def running_cost(state: State, chip: Chip, region: str) -> float:
    """Cost of keeping one GPU of a chip on for an hour, USD: energy with levies, staff and spares."""
    return running_cost_at(state, chip, *energy_of(state, region))


def running_cost_there(state: State, chip: Chip, site: Site) -> float:
    """The same at a site, where own plant may feed it."""
    return running_cost_at(state, chip, *energy_at(state, site))


def energy_of(state: State, region: str) -> tuple[float, float]:
    """PUE of a region, and its price of energy with levies, USD/MWh."""
    p = state.run.parameters
    levy = p.get(f"regions.{region}.levy_usd_per_mwh", 0.0)
    return p[f"regions.{region}.pue"], energy_usd_per_mwh(state, region) + levy


def energy_at(state: State, site: Site) -> tuple[float, float]:
    """PUE of a site, and its price of energy with levies, USD/MWh: of the grid and of own plant by what each feeds."""
    pue, grid = energy_of(state, site.region)
    if not (part := site.plant_share):
        return pue, grid
    levy = state.run.parameters.get(f"regions.{site.region}.plant_levy_usd_per_mwh", 0.0)
    return pue, (1 - part) * grid + part * (plant_usd_per_mwh(state, site.region) + levy)


def running_cost_at(state: State, chip: Chip, pue: float, energy: float) -> float:
    """The cost of an hour of a GPU at a PUE and a price of energy with levies."""
    power = chip.power_kw_it_per_gpu * pue * energy / 1000
    cost: float = power + state.run.parameters["price.running_usd_per_h100e_hour"] * chip.h100e
    return cost


def cost_of_mix(state: State, day: int) -> float:
    """Replacement cost of what would be on sale at full supply, by the work it does: never of this week's output."""
    made = cost = 0.0
    each = work.in_h100e(state, day)
    for name, gpus in chip_rules.planned_lines(state, day).items():
        chip = state.chips.chips[name]
        if chip.buyers == "all" and gpus > 0:
            made += gpus * each[name]
            cost += gpus * chip.h100e * replacement_cost(state, chip)
    return cost / made if made else cost_of_work(state, state.chips.chips["H100"], each["H100"])


# --- what is agreed for later


def entry_price(state: State) -> float:
    """Rent at which new capacity enters: replacement cost and a margin."""
    cost = state.demand.cost_usd_per_h100e_hour or cost_of_mix(state, state.run.start_day)
    entry: float = cost * (1 + state.run.parameters["price.margin"])
    return entry


def forward(state: State, weeks: float, spot: float | None = None) -> float:
    """Rent agreed today for an hour so many weeks ahead: it fades from spot to the entry price."""
    entry = entry_price(state)
    now = spot if spot is not None else state.demand.clearing_usd_per_h100e_hour
    fade = math.exp(-weeks / state.run.parameters["price.forward_decay_weeks"])
    price: float = entry * (now / entry) ** fade
    return price


def quote(state: State, days: float, wait_weeks: float) -> float:
    """Rent of a contract for so many days that begins after a wait, USD/H100e-hour; long ones cover entry."""
    term = days / 7
    ahead = max(wait_weeks, 0.0)
    price = sum(forward(state, ahead + part * term) for part in (0.0, 1 / 3, 2 / 3, 1.0)) / 4
    if days >= 2 * YEAR_DAYS - 14:
        floor = state.run.parameters["price.entry_floor"] * entry_price(state)
        floor /= 1 + state.run.parameters["price.margin"]
        price = max(price, floor)
    return price


def later_factor(state: State, cost: float, cost_of_mix: float, wait_weeks: float) -> float:
    """Rent of a chip after a wait over the quote for it, by the cost of owning it beside what is on sale.

    Capacity of chips that are cheaper to own than what is on sale today is sold nearer to their own cost, the more so
    the later it comes: by then others will have them too.
    """
    later = 1 - math.exp(-wait_weeks / state.run.parameters["price.forward_decay_weeks"])
    return float(min(1.0, cost / cost_of_mix) ** later)


def rent(state: State, costs: tuple[float, float], each: float, days: float, wait_weeks: float) -> float:
    """Rent of a GPU by contract for so many days that begins after a wait, by the work it does, USD/GPU-hour.

    costs : of owning an hour of mean work on its chip and on what is on sale
    each : work of a GPU, in H100e of mean work
    """
    return quote(state, days, wait_weeks) * later_factor(state, *costs, wait_weeks) * each


def reference_quote(state: State, spot: float | None = None) -> float:
    """Rent of the one-year contract that the index speaks of."""
    return sum(forward(state, weeks, spot) for weeks in REFERENCE_WEEKS) / len(REFERENCE_WEEKS)


def clearing_for(state: State, one_year: float) -> float:
    """Spot at which the one-year quote has a value (bisection)."""
    low, high = entry_price(state) / SPAN, entry_price(state) * SPAN
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if reference_quote(state, middle) < one_year else (low, middle)
    return digits(math.sqrt(low * high))


# --- the week


def clear(state: State, day: int) -> Iterator[Happening]:
    """Move spot towards the price at which demand meets what is energised; let habit and the mix follow."""
    p, now = state.run.parameters, state.demand
    fleets = fleets_h100e(state)
    weights = h100e_by_chip(state)
    supply = sum([h.owned * weights[h.chip] for h in state.chips.holdings.values()])
    found, floor = uses.streams(state, fleets), _floor(state)
    price = now.clearing_usd_per_h100e_hour
    target = max(floor, _balance(state, found, supply))
    step = p["price.clearing_speed"] * math.log(target / price)
    price = max(floor, price * math.exp(clip(step, -p["price.clearing_step_max"], p["price.clearing_step_max"])))
    keep = 0.5 ** (1 / p["price.reference_half_life_weeks"])
    used = now.reference_usd_per_h100e_hour**keep * price ** (1 - keep)
    wanted = uses.wanted_h100e(state, found, now.reference_usd_per_h100e_hour)
    yield Happening(day, cleared(state, digits(price), digits(used), wanted, supply, day), "world", "world")


def cleared(
    state: State, price: float, used: float, wanted: float, supply: float | None = None, day: int | None = None
) -> events.MarketCleared:
    """Say where spot, habit and replacement cost stand."""
    today = cost_of_mix(state, state.run.start_day if day is None else day)
    before = state.demand.cost_usd_per_h100e_hour or today
    keep = 0.5 ** (1 / state.run.parameters["price.cost_half_life_weeks"])
    return events.MarketCleared(
        clearing_usd_per_h100e_hour=price,
        reference_usd_per_h100e_hour=used,
        cost_usd_per_h100e_hour=digits(keep * before + (1 - keep) * today),
        h100e=digits(wanted),
        supply_h100e=digits(wanted if supply is None else supply),
    )


def _balance(state: State, found: uses.Streams, supply: float) -> float:
    """Price at which all users together want the supply (bisection on the log)."""
    entry = math.log(entry_price(state))
    low, high = entry - math.log(SPAN), entry + math.log(SPAN)
    for _ in range(40):
        middle = (low + high) / 2
        if uses.wanted_h100e(state, found, math.exp(middle)) > supply:
            low = middle
        else:
            high = middle
    return math.exp(high)


def _floor(state: State) -> float:
    """Least running cost of an H100e-hour: below it the owner switches off."""
    chips = [chip for chip in state.chips.chips.values() if chip.in_volume]
    regions = [energy_of(state, region) for region in state.run.regions]
    costs = [running_cost_at(state, c, pue, energy) / c.h100e for c in chips for pue, energy in regions]
    return min(costs, default=entry_price(state) / SPAN)
