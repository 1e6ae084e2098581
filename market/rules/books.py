"""Books of the world's markets: who offers what, who bids what for it (docs/odd.md, clearing).

The rules clear them week by week by the mechanisms that the scenario names, and `market clear RUN` writes them out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from events.types import clearing as events
from events.vocabulary import DAY_MAX
from market.clearing import Alternative, Bid, Book, Clearing, Lot, MechanismUnusable, book, clear
from market.rules import work
from market.rules.base import cash, to_come, trait
from market.rules.prices import energy_of, quote, running_cost_at
from market.state import State
from market.state.chips import Chip, Order
from market.state.sites import Site
from market.units import CENTS, DAYS_PER_YEAR, HOURS_PER_YEAR, WEEK_DAYS, YEAR_WEEKS, clip, digits

DEFAULTS = {"chips": "strategic", "on_demand": "posted"}
"""How each market is cleared where the scenario says nothing; `posted`: clouds post prices, and the tail takes part."""


def mechanism_of(state: State, market: str) -> str:
    """Name of the mechanism by which a market is cleared."""
    return state.run.mechanisms.get(market, DEFAULTS[market])


def cleared(state: State, market: str, of: Book) -> Clearing:
    """Clear a book of a market by its mechanism; an error names mechanism, market and week."""
    try:
        return clear(mechanism_of(state, market), of)
    except MechanismUnusable as error:
        raise MechanismUnusable(f"{error} (market {market}, week {state.run.week + 1})") from error


# --- chips


class Waiting:
    """Orders by chip and org of the chips that there are, and the orgs that wait."""

    def __init__(self, state: State, day: int) -> None:
        stocked = {name for name, chip in state.chips.chips.items() if chip.stock_gpus >= 1}
        self.by_chip: dict[str, dict[str, list[Order]]] = defaultdict(lambda: defaultdict(list))
        ordered: dict[str, list[Order]] = defaultdict(list)
        for order in state.chips.orders.values():
            chip, org = order.chip, order.org
            if chip in stocked:  # of others nothing is shared out
                self.by_chip[chip][org].append(order)
            ordered[org].append(order)
        self.day = day
        self.sites: dict[str, list[Site]] = defaultdict(list)
        for site in state.sites.sites.values():
            self.sites[site.owner].append(site)
        self.due: dict[str, int] = {}
        for b in to_come(state, state.sites.buildings.values()):
            if b.paused_day < 0 and b.due_day < self.due.get(b.org, DAY_MAX):
                self.due[b.org] = b.due_day
        self._ordered, self._buyers = ordered, dict[str, Buyer]()
        self._state = state
        self._running: dict[str, dict[str, float]] = defaultdict(dict)
        self._energy: dict[str, tuple[float, float]] = {}

    def buyer(self, org: str) -> Buyer:
        """An org that waits, worked out when a chip that it waits for is shared out."""
        if org not in self._buyers:
            self._buyers[org] = Buyer(self._state, org, self._ordered[org], self)
        return self._buyers[org]

    def queue_days(self, regions: Sequence[str]) -> float:
        """Shortest queue for power of some regions."""
        return min([self._state.run.parameters[f"regions.{region}.queue_days"] for region in regions])

    @cached_property
    def rent_usd_per_h100e_hour(self) -> float:
        """Rent over the life of a GPU, as quoted this week."""
        return quote(self._state, self._state.run.parameters["means.life_years"] * YEAR_WEEKS * WEEK_DAYS, 0.0)

    @cached_property
    def works(self) -> dict[str, float]:
        """Work of a GPU of each chip, in H100e of mean work."""
        return work.in_h100e(self._state, self.day)

    def running_usd_per_gpu_hour(self, chip: Chip, regions: Sequence[str]) -> float:
        """Least running cost of a chip in some regions this week."""
        known = self._running[chip.name]
        for region in regions:
            if region not in known:
                if region not in self._energy:
                    self._energy[region] = energy_of(self._state, region)
                known[region] = running_cost_at(self._state, chip, *self._energy[region])
        return min(map(known.__getitem__, regions))


def powered_share(state: State, org: str, orders: Sequence[Order], sites: Sequence[Site]) -> float:
    """Part of what an org has ordered or waits for that its spare energised power could run, 0 to 1."""
    chips = state.chips.chips
    wanted = sum([o.gpus * chips[o.chip].power_kw_it_per_gpu for o in orders])
    wanted += sum([n * chips[c].power_kw_it_per_gpu for c, n in state.chips.warehouse.get(org, {}).items()])
    spare = sum([site.spare_w for site in sites]) / 1000
    return clip(spare / wanted, 0.0, 1.0) if wanted > 0 else 1.0


def chip_book(state: State, name: str, waiting: Waiting) -> Book:
    """The stock of a chip, and the orders for it, one bid an org; the seller takes the least price on order."""
    chip, by_org = state.chips.chips[name], waiting.by_chip[name]
    prices = {org: [order.price_usd_per_gpu for order in orders] for org, orders in by_org.items()}
    least = min(map(min, prices.values()), default=0.0)
    bids = []
    for org, orders in by_org.items():
        need, buyer = sum([order.gpus for order in orders]), waiting.buyer(org)
        bid = min(buyer.worth_usd_per_gpu(waiting, chip), buyer.cash_usd_per_gpu)
        bid = max(bid, *prices[org])  # no less than what it has agreed to
        asked = Alternative(need, bid * need, (name,))
        bids.append(Bid(org, org, (asked,), buyer.weight(state, need), buyer.prepaid, buyer.powered))
    return book([Lot(chip.supplier, name, "all", 0, chip.stock_gpus, least)], bids, "GPU")


class Buyer:
    """What makes the claims of an org weigh more, and a GPU worth more to it, in one week."""

    def __init__(self, state: State, org: str, orders: Sequence[Order], waiting: Waiting) -> None:
        p, day = state.run.parameters, waiting.day
        sites = waiting.sites[org]
        self.prepaid, self.powered = trait(state, org, "prepaid_share"), powered_share(state, org, orders, sites)
        self.regions = sorted({site.region for site in sites}) or list(state.run.regions)
        has_income = trait(state, org, "income_usd_per_year") > 0
        rate, life = p["means.capital_rate_parent" if has_income else "means.capital_rate_lab"], p["means.life_years"]
        queue = waiting.due[org] - day if org in waiting.due else waiting.queue_days(self.regions)
        self.wait_years = max(0.0, queue / DAYS_PER_YEAR)
        lost = (1 - self.powered) * _present_worth(rate, min(self.wait_years, life))
        self.earning_years = _present_worth(rate, life) - lost
        self.residual, self.discount = p["means.residual_share"], (1 + rate) ** -life
        gpus = sum([order.gpus for order in orders])
        self.cash_usd_per_gpu = max(0, cash(state, org)) / CENTS / max(1, gpus)

    def weight(self, state: State, need: int) -> float:
        """What a seller weighs a claim by: more for GPUs that can run on arrival, and for what is prepaid."""
        p = state.run.parameters
        ready = 1 - p["allocation.powered_weight"] + p["allocation.powered_weight"] * self.powered
        weight: float = need * ready * (1 + p["allocation.prepaid_weight"] * self.prepaid)
        return weight

    def worth_usd_per_gpu(self, waiting: Waiting, chip: Chip) -> float:
        """Present worth of a GPU, USD: rent over its life less running cost, and what is left then.

        The part without power earns nothing until the next building is due, or for as long as the region's queue.
        """
        rent = waiting.rent_usd_per_h100e_hour * waiting.works[chip.name]
        margin = HOURS_PER_YEAR * max(0.0, rent - waiting.running_usd_per_gpu_hour(chip, self.regions))
        worth: float = margin * self.earning_years + self.residual * chip.price_usd_per_gpu * self.discount
        return worth


def _present_worth(rate: float, years: float) -> float:
    """Present worth of one USD a year."""
    gone: float = (1 + rate) ** -years
    return (1 - gone) / rate


def chips_cleared(chip: Chip, of: Book, found: Clearing) -> events.ChipsCleared:
    """Say what the clearing of a chip amounted to."""
    total, price = found.account, price_set(of, found)
    return events.ChipsCleared(
        chip=chip.name,
        supplier=chip.supplier,
        mechanism=found.mechanism,
        offered_gpus=total.offered_units,
        wanted_gpus=total.wanted_units,
        gpus=total.allotted_units,
        surplus_usd=digits(total.surplus_usd),
        price_usd_per_gpu=some_digits(price),
        marginal_usd_per_gpu=some_digits(total.marginal_usd),
        excluded_usd_per_gpu=some_digits(total.excluded_usd),
    )


def some_digits(x: float | None) -> float | None:
    """Round what there may be none of."""
    return None if x is None else digits(x)


def price_set(of: Book, found: Clearing) -> float | None:
    """Price that a clearing of one lot set above its reserve; null where each order keeps its own."""
    (lot,), (price,) = of.lots, found.cleared.prices
    return price.price_usd if price.price_usd > lot.reserve_usd else None
