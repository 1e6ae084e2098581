"""What is published of prices: the index of signed contracts, posted on-demand prices, what the tail rents."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from events.kinds import Repricing
from events.types import Batch
from events.types import demand as demand_events
from events.types import leases as events
from market import rng
from market.rules import prices, uses, work
from market.rules.base import Happening, columns_of, demand_factor, h100e_by_chip
from market.state import State
from market.state.demand import TAIL
from market.state.leases import Signature, Span
from market.units import MONTH_WEEKS, YEAR_MONTHS, clip, digits


class Capacity:
    """H100e that clouds have to let today, by holding: what neither they nor their lessees use."""

    def __init__(self, state: State) -> None:
        weights = h100e_by_chip(state)
        clouds = {name for name, org in state.run.orgs.items() if "cloud" in org.roles}
        self.captive = uses.captive_shares(state, sorted(clouds))
        self.free: dict[tuple[str, str, str], float] = {}
        for h in state.chips.holdings.values():
            if h.org in clouds and (whole := h.owned + h.leased_in) > h.leased_out:
                usable = whole - h.leased_out - whole * self.captive[h.org]
                if usable > 0:
                    self.free[(h.org, h.chip, h.site)] = usable * weights[h.chip]
        self.total_free = math.fsum(self.free.values())

    @cached_property
    def by_cloud(self) -> dict[str, float]:
        """H100e that each cloud has to let."""
        found: dict[str, float] = defaultdict(float)
        for (org, _, _), h100e in self.free.items():
            found[org] += h100e
        return found


def tail_wanted(state: State) -> float:
    """H100e that the tail rents at today's price, by contract or by the hour."""
    use, p = state.demand.uses.get(TAIL), state.run.parameters
    if use is None:
        return 0.0
    price = state.demand.clearing_usd_per_h100e_hour
    return demand_factor(state) * use.usd_per_year * uses.use_per_usd(state, price, p["tail.elasticity"])


def tail_price(state: State, cloud: str) -> float:
    """What the tail pays a cloud for an H100e-hour: most by contract at the index, the rest as posted."""
    part: float = state.run.parameters["tail.contract_share"]
    return part * state.leases.price_usd_per_h100e_hour + (1 - part) * posted(state, cloud)


def tail_contracts(state: State, day: int) -> Batch | None:
    """Let the tail sign a month's part of its one-year contracts, at the quote with the spread of talks."""
    p, capacity = state.run.parameters, Capacity(state)
    fill = min(1.0, tail_wanted(state) / capacity.total_free) if capacity.total_free else 0.0
    quoted, rows = prices.reference_quote(state), []
    for cloud, free in capacity.by_cloud.items():
        h100e = free * fill * p["tail.contract_share"] / YEAR_MONTHS  # contracts of a year each
        if h100e >= 1 and cloud not in state.finance.estates:
            z = rng.normal(state.run.seed, "tail contract", cloud, state.run.week + 1)
            rows.append((cloud, digits(h100e), 364, digits(quoted * math.exp(p["price.signed_sd"] * z))))
    if not rows:
        return None
    columns = columns_of(("lessor", "h100e", "duration_days", "price_usd_per_h100e_hour"), rows)
    return Batch(demand_events.TailSigned, columns, columns["lessor"], columns["lessor"])


class Measured(NamedTuple):
    """Index of one-year contracts, USD/H100e-hour, and the compute signed that it rests on, H100e."""

    usd_per_h100e_hour: float
    counted_h100e: float


def measured(state: State, day: int) -> Measured:
    """Index of one-year contracts: signed prices over the quote for their like, at that of one year, by GPUs and age.

    Like is of one chip, term and first day. What was signed fades with a half-life, so that a week counts by what was
    signed in it. A week without a signature leaves the index; after `price.quiet_half_lives` of them the quote alone
    moves it, as price reporters assess a market without trades by its offers.
    """
    before, p = state.leases.price_usd_per_h100e_hour, state.run.parameters
    half_life, mean = p["price.index_half_life_weeks"], 0.0
    keep = 0.5 ** (1 / half_life)
    counted = keep * (state.leases.counted_h100e or usual_h100e(state) / (1 - keep))
    signed = [x for x in state.leases.signed if is_counted(state, x)]
    new = math.fsum(x.h100e for x in signed)
    if signed:
        likes = zip(signed, quoted(state, signed, day), strict=True)
        mean = math.fsum(x.h100e * math.log(x.price_usd_per_h100e_hour / quote) for x, quote in likes) / new
    elif day - last_signed(state) <= 7 * p["price.quiet_half_lives"] * half_life:
        return Measured(before, counted)
    part = new / (counted + new) if signed else 1 - keep
    now = prices.reference_quote(state) * math.exp(clip(mean, -0.5, 0.5))
    return Measured(before ** (1 - part) * now**part, counted + new)


def quoted(state: State, signed: Iterable[Signature], day: int) -> Iterator[float]:
    """Quote of today for the like of each of what was signed, USD/H100e-hour."""
    works, cost_of_mix = work.in_h100e(state, day), prices.cost_of_mix(state, day)
    for one in signed:
        weeks = one.wait_days / 7
        if not one.chip:
            yield prices.quote(state, one.days, weeks)
            continue
        chip, each = state.chips.chips[one.chip], works[one.chip]
        costs = prices.cost_of_work(state, chip, each), cost_of_mix
        yield prices.rent(state, costs, each, one.days, weeks) / chip.h100e


def usual_h100e(state: State) -> float:
    """H100e that the tail signs for in a week: what the index rests on before anything is signed."""
    p = state.run.parameters
    return tail_wanted(state) * p["tail.contract_share"] / YEAR_MONTHS / MONTH_WEEKS


def last_signed(state: State) -> int:
    """Last day on which something that the index counts was signed; the start before the first."""
    days = (day for span, day in state.leases.signed_days.items() if is_counted(state, span))
    return max(days, default=state.run.start_day)


def is_counted(state: State, signed: Signature | Span) -> bool:
    """Whether the index counts what was signed: it begins soon, and lasts no longer than what is let by the year."""
    p = state.run.parameters
    return signed.wait_days <= p["price.index_wait_days"] and signed.days <= p["price.index_days_max"]


def posted(state: State, cloud: str) -> float:
    """On-demand list price of a cloud: the market's at the start, a little above or below."""
    found = state.leases.posted.get(cloud)
    if found is not None:
        return found
    p = state.run.parameters
    start: float = p["price.spot_start_usd_per_h100e_hour"]
    return start * math.exp(p.get(f"orgs.{cloud}.posted_log_start", 0.0))


def _clouds(state: State) -> list[str]:
    return [name for name, org in state.run.orgs.items() if "cloud" in org.roles]


def posted_mean(state: State, changed: Mapping[str, float]) -> float:
    """Mean of posted prices (log), by the clouds' parts of what the tail rents; who leases out nothing has none."""
    p = state.run.parameters
    weights = {c: share for c in _clouds(state) if (share := p.get(f"orgs.{c}.merchant_share", 0.0)) > 0}
    if not weights:
        return state.leases.spot_usd_per_h100e_hour
    logs = (share * math.log(changed.get(cloud, posted(state, cloud))) for cloud, share in weights.items())
    return math.exp(math.fsum(logs) / math.fsum(weights.values()))


def publish(state: State, day: int) -> Iterator[Happening]:
    """Publish the index of what was signed and the mean of posted prices, which clouds revise at random times."""
    p, run = state.run.parameters, state.run
    found, week, changed = measured(state, day), run.week + 1, {}
    index = found.usd_per_h100e_hour
    for cloud in _clouds(state):
        now = posted(state, cloud)
        gap = math.log(p["price.spot_ratio"] * index / now)
        is_moved = rng.uniform(run.seed, "reprice", cloud, week) < 1 / p["price.spot_hazard_weeks"]
        if abs(gap) > p["price.spot_band"] and is_moved:
            changed[cloud] = digits(now * math.exp(p["price.spot_closing"] * gap))
            kind: Repricing = "cut" if gap < 0 else "rise"
            event = events.OnDemandRepriced(lessor=cloud, kind=kind, spot_usd_per_h100e_hour=changed[cloud])
            yield Happening(day, event, cloud, cloud)
    moved = events.PriceMoved(
        price_usd_per_h100e_hour=digits(index),
        spot_usd_per_h100e_hour=digits(posted_mean(state, changed)),
        tightness=digits(state.demand.tightness),
        lead_time_weeks=round(prices.lead_time(state), 6),
        h100e=digits(found.counted_h100e),
        work_per_h100e=digits(work.mean_per_h100e(state, day)),
    )
    yield Happening(day, moved, "world", "world")


def on_demand(state: State, day: int) -> Batch | None:
    """Let the tail take what is free, in proportion, up to what it wants."""
    capacity, chips, each = Capacity(state), state.chips.chips, work.in_h100e(state, day)
    fill = min(1.0, tail_wanted(state) / capacity.total_free) if capacity.total_free else 0.0
    paid_by = {cloud: tail_price(state, cloud) for cloud in capacity.by_cloud}
    rows = []
    for (org, chip, site), free in capacity.free.items():
        gpus = int(free / chips[chip].h100e * fill)
        if gpus:
            rows.append((org, chip, site, gpus, digits(paid_by[org] * each[chip])))
    if not rows:
        return None
    columns = columns_of(("lessor", "chip", "site", "gpus", "price_usd_per_gpu_hour"), rows)
    return Batch(events.OnDemandRented, columns, columns["lessor"], columns["lessor"])
