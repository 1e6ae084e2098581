"""How prices move: replacement cost, tightness, the contract price that leads, the on-demand price that lags."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from events.types import Batch
from events.types import leases as events
from market import rng
from market.rules.base import Happening, years
from market.state import State
from market.state.chips import Chip, Place
from market.units import clip


def replacement_cost(state: State, chip: Chip, day: int) -> float:
    """Cost of owning an H100 equivalent of a chip for an hour, in USD.

    The owner's cost of an H100 is split into capital, which follows the price of a chip per H100e, and running cost,
    which follows its power per H100e.
    """
    p = state.run.parameters
    share, h100 = p["price.tco_capital_share"], state.chips.chips["H100"]
    capital = chip.price_usd_per_gpu / chip.h100e / h100.list_price_start_usd_per_gpu
    running = chip.power_kw_it_per_gpu / chip.h100e / h100.power_kw_it_per_gpu
    owned: float = p["price.tco_usd_per_h100e_hour"] * (share * capital + (1 - share) * running)
    return owned


def cost_of_mix(state: State, day: int) -> float:
    """Replacement cost per H100e-hour of what is on sale this week, weighted by the H100e made."""
    made = cost = 0.0
    for chip in state.chips.chips.values():
        if chip.buyers == "all" and chip.made_gpus:
            weight = chip.made_gpus * chip.h100e
            made += weight
            cost += weight * replacement_cost(state, chip, day)
    return cost / made if made else replacement_cost(state, state.chips.chips["H100"], day)


def rest_wanted(state: State, day: int) -> float:
    """H100e that the rest would rent at today's price: a growing budget with constant elasticity."""
    p, y = state.run.parameters, years(state, day)
    decay = p["rest.growth_decay_years"]
    growth = math.exp(p["rest.growth_per_year"] * decay * (1 - math.exp(-y / decay)))
    growth *= state.run.shocks.get("demand", 1.0) * p.get("rest.factor", 1.0)
    dear = state.leases.price_usd_per_h100e_hour / p["price.start_usd_per_h100e_hour"]
    wanted: float = p["rest.h100e_start"] * growth * dear ** -p["rest.elasticity"]
    return wanted


class Capacity:
    """H100e on the lease market: free at clouds by holding, arriving within 26 weeks, and asked for."""

    def __init__(self, state: State, day: int) -> None:
        chips, orgs, p = state.chips.chips, state.run.orgs, state.run.parameters
        clouds = {name for name, org in orgs.items() if "cloud" in org.roles}
        leaves = {name: 1 - p.get(f"orgs.{name}.captive_share", 0.0) for name in clouds}
        self.free: dict[Place, float] = {}
        for place, h in state.chips.holdings.items():
            if h.org in clouds and h.held > 0:
                usable = h.held - h.owned * (1 - leaves[h.org])
                if usable > 0:
                    self.free[place] = usable * chips[h.chip].h100e
        coming: dict[str, float] = defaultdict(float)
        for shipment in state.chips.shipments.values():
            coming[shipment.org] += shipment.gpus * chips[shipment.chip].h100e
        for org, store in state.chips.warehouse.items():
            for chip, gpus in store.items():
                coming[org] += gpus * chips[chip].h100e
        owed: dict[str, float] = defaultdict(float)
        self.renewals = 0.0
        for lease in state.leases.leases.values():
            if lease.parent_lease_id is None:
                owed[lease.lessor] += lease.owed * chips[lease.chip].h100e
            if lease.end_day <= day + 182 and lease.kind != "internal":
                self.renewals += lease.delivered * chips[lease.chip].h100e
        self.arriving = 0.0
        for name in sorted(clouds):
            self.arriving += max(0.0, coming[name] * leaves[name] - owed[name])
        self.asked = sum(r.h100e for r in state.leases.requests.values() if r.kind != "internal")
        self.total_free = sum(self.free.values())


def tightness(state: State, capacity: Capacity, wanted: float) -> float:
    """Smooth the ratio of compute wanted to compute on the market within 26 weeks."""
    p = state.run.parameters
    ratio = (wanted + capacity.asked + capacity.renewals) / max(1.0, capacity.total_free + capacity.arriving)
    ratio = clip(ratio, p["price.tightness_min"], p["price.tightness_max"])
    fade = 0.5 ** (1 / p["price.tightness_half_life_weeks"])
    smooth: float = fade * state.leases.tightness + (1 - fade) * ratio
    return smooth


def lead_time(state: State) -> float:
    """Weeks of output in the backlog, by value."""
    backlog = made = 0.0
    for chip in state.chips.chips.values():
        if chip.buyers != "own":
            backlog += chip.backlog_gpus * chip.price_usd_per_gpu
            made += chip.made_gpus * chip.price_usd_per_gpu
    return backlog / made if made else 0.0


def move(state: State, day: int) -> Iterator[Happening]:
    """Move the contract price toward cost times margin times tightness; reprice on demand at random times."""
    p, desk, run = state.run.parameters, state.leases, state.run
    theta = tightness(state, Capacity(state, day), rest_wanted(state, day))
    target = cost_of_mix(state, day) * (1 + p["price.margin"]) * theta ** p["price.elasticity"]
    target = max(p["price.floor_usd_per_h100e_hour"], target)
    price = desk.price_usd_per_h100e_hour
    step = p["price.speed_per_week"] * math.log(target / price)
    price *= math.exp(clip(step, -p["price.step_max_per_week"], p["price.step_max_per_week"]))
    spot = desk.spot_usd_per_h100e_hour
    event = events.PriceMoved(
        price_usd_per_h100e_hour=round(price, 6),
        spot_usd_per_h100e_hour=round(spot, 6),
        tightness=round(theta, 6),
        lead_time_weeks=round(lead_time(state), 6),
    )
    yield Happening(day, event, "world", "world")
    gap = math.log(p["price.spot_ratio"] * price / spot)
    draws = rng.Draws(run.seed, run.week + 1)
    if abs(gap) > p["price.spot_band"] and draws.chance(1 / p["price.spot_hazard_weeks"], "spot reprice", "world"):
        spot *= math.exp(p["price.spot_closing"] * gap)
        yield Happening(
            day,
            events.OnDemandRepriced(kind="cut" if gap < 0 else "rise", spot_usd_per_h100e_hour=round(spot, 6)),
            "world",
            "world",
        )


def on_demand(state: State, day: int) -> Batch | None:
    """Ration on-demand GPUs by quantity: the rest takes what is free, in proportion, up to what it wants."""
    capacity, chips = Capacity(state, day), state.chips.chips
    fill = min(1.0, rest_wanted(state, day) / capacity.total_free) if capacity.total_free else 0.0
    spot = state.leases.spot_usd_per_h100e_hour
    rows = []
    for (org, chip, site), free in capacity.free.items():
        gpus = int(free / chips[chip].h100e * fill)
        if gpus:
            rows.append((org, chip, site, gpus, round(spot * chips[chip].h100e, 6)))
    if not rows:
        return None
    lessor, chip_names, sites, gpus_list, prices = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "lessor": lessor,
        "chip": chip_names,
        "site": sites,
        "gpus": gpus_list,
        "price_usd_per_gpu_hour": prices,
    }
    return Batch(events.OnDemandRented, columns, lessor, lessor)
