"""What the first week must reproduce: spending of every user, markets and shares, prices, labs' and builders' plans."""

from __future__ import annotations

import math
from collections.abc import Iterator

from events.kinds import SegmentName
from events.types import Event
from events.types import demand as events
from events.types.chips import InputExpanded
from events.types.run import ParameterSet
from market import rng
from market.rules import demand, foresee, index, inputs, power, prices, shells, uses
from market.rules.base import Happening, fleets_h100e, frontier, holdings_of, overhead_share
from market.rules.belongings import Belongings
from market.rules.chips import is_own, may_buy, planned_lines
from market.state import State
from market.state.demand import TAIL
from market.state.leases import Lease
from market.units import CENTS, HOURS_PER_YEAR, YEAR_MONTHS, YEAR_WEEKS, clip, digits


def put(state: State, name: str, value: float) -> Happening:
    """Set a number that follows from the start."""
    return said(state, ParameterSet(parameter=name, value=digits(value)))


def said(state: State, event: Event, actor: str = "world") -> Happening:
    """Say an event of the first day."""
    return Happening(state.run.start_day, event, actor, actor)


def segments(state: State) -> Iterator[Happening]:
    """Open each segment so that it grows at first as it did before, and give providers the customers they have.

    Where a lab's own growth before the start is known, its segments grow by it in proportion to what it sells in them,
    and what it gained beyond them is a pull of its own on those who choose anew.
    """
    p, labs = state.run.parameters, state.training.labs
    yield put(state, "demand.frontier_start", demand.seen_frontier(state))
    spent = {org: {name: lab.revenue_usd_per_year * mix(state, org)[name] for name in demand.SEGMENTS}
             for org, lab in labs.items()}  # fmt: skip
    growth = {name: _segment_growth(state, name, spent) for name in demand.SEGMENTS}
    trends = {org: math.fsum(mix(state, org)[name] * growth[name] for name in demand.SEGMENTS) for org in labs}
    for name in demand.SEGMENTS:
        total, top = math.fsum(each[name] for each in spent.values()), p[f"demand.{name}_market_max_usd"]
        total = max(p["demand.first_revenue_usd"], total)
        opened = min(max(p[f"demand.{name}_market_usd"], 1.05 * total), 0.95 * top)
        odds, room = opened / top, opened / total
        yield put(
            state, f"demand.{name}_threshold", -math.log(odds / (1 - odds)) / p[f"demand.{name}_capability_slope"]
        )
        pull = growth[name] / (room - 1) - p["demand.drift_per_year"]
        yield put(state, f"demand.{name}_pull", max(0.0, pull * room))
        yield said(
            state,
            events.SegmentMeasured(segment=name, usd_per_year=digits(total), market_usd_per_year=digits(opened)),
        )
        for org, each in spent.items():
            if each[name] > 0:
                pull = _first_pull(state, org, growth[name], trends[org])
                yield from _share(state, org, name, each[name] / total, pull)
    for org in labs:
        yield put(state, f"orgs.{org}.momentum_per_year", _momentum(state, org, trends[org]))
        yield put(state, f"orgs.{org}.revenue_growth_start", _own_growth(state, org, trends[org]))


def _segment_growth(state: State, name: SegmentName, spent: dict[str, dict[SegmentName, float]]) -> float:
    """Growth of a segment before the start, a year: of those who sell in it, as the segment's where not known.

    What is known is a lab's growth in all that it sells: its segments grow about that as segments do beside each other.
    """
    usual = {segment: state.run.parameters[f"demand.{segment}_growth_per_year"] for segment in demand.SEGMENTS}
    total, grown = math.fsum(each[name] for each in spent.values()), 0.0
    if total <= 0:
        return float(usual[name])
    for org, each in spent.items():
        mean = math.fsum(mix(state, org)[segment] * usual[segment] for segment in demand.SEGMENTS)
        grown += each[name] * (_own_growth(state, org, mean) + usual[name] - mean)
    return grown / total


def _own_growth(state: State, org: str, usual: float) -> float:
    """Growth of a lab's revenue before the start, a year, where it is known."""
    return float(state.run.parameters.get(f"orgs.{org}.revenue_growth_start", usual))


def _momentum(state: State, org: str, trend: float) -> float:
    """What a lab gained before the start over its segments' growth, log points a year, within bounds."""
    most = state.run.parameters["demand.momentum_max"]
    return clip(_own_growth(state, org, trend) - trend, -most, most)


def _first_pull(state: State, org: str, growth: float, trend: float) -> float:
    """Log pull beyond its share with which a lab gains at first what it gained before: as many choose as at first."""
    p = state.run.parameters
    choosing = YEAR_MONTHS * p["demand.reconsider_per_month"] + max(0.0, growth)
    gained = _momentum(state, org, trend) / choosing if choosing else 0.0  # where nobody chooses, nothing is gained
    return math.log(max(math.exp(-p["demand.momentum_max"]), 1 + gained))


def mix(state: State, org: str) -> dict[str, float]:
    """Parts of a lab's revenue by segment."""
    p = state.run.parameters
    consumer = p.get(f"orgs.{org}.consumer_share", 0.4)
    api = min(1 - consumer, p.get(f"orgs.{org}.api_share", 0.3))
    return {"consumer": consumer, "api": api, "enterprise": 1 - consumer - api}


def _share(state: State, org: str, name: SegmentName, share: float, first: float) -> Iterator[Happening]:
    p, top = state.run.parameters, frontier(state)
    known = max(state.training.labs[org].capability, top - p["demand.follower_lag"])
    pull = math.log(share) - p["demand.quality_weight"] * (known - top) + first
    yield put(state, f"orgs.{org}.appeal_{name}", pull)
    yield said(state, events.ShareMeasured(org=org, segment=name, share=digits(share)), org)


def lines(state: State) -> dict[str, int]:
    """GPUs that lines make in a week at the start, by chip in volume."""
    chips = state.chips.chips
    return {name: n for name, n in planned_lines(state, state.run.start_day).items() if n and chips[name].in_volume}


def gpus_per_usd(state: State, org: str) -> dict[str, float]:
    """GPUs of each chip that a dollar of an org's spending buys at the start: of what it may buy, as lines make it.

    Empty where nothing is on sale to it.
    """
    chips = state.chips.chips
    worth = {
        name: gpus * chips[name].price_usd_per_gpu
        for name, gpus in lines(state).items()
        if chips[name].buyers != "own" and may_buy(state, org, chips[name]) is None
    }
    total = math.fsum(worth.values())
    return {name: usd / total / chips[name].price_usd_per_gpu for name, usd in worth.items()}


def supply(state: State) -> Iterator[Happening]:
    """Give makers at least the memory and racks that the lines of the start use, and own plant as was made."""
    day = state.run.start_day
    for kind, share in inputs.ratios(state, lines(state), day).items():
        had = {inputs.MEMORY: inputs.memory_supply, inputs.RACKS: inputs.rack_supply}.get(kind)
        if had is not None and 0 < share < 1:
            yield said(state, InputExpanded(kind=kind, value=digits(had(state, day) / share)))
    yield said(state, InputExpanded(kind=inputs.PLANT, value=digits(power.made_kw(state))))


def spending(state: State) -> Iterator[Happening]:
    """Spend on all compute that is installed: parents on their own part, labs on theirs, the tail on the rest."""
    p, fleets, chips = state.run.parameters, fleets_h100e(state), state.chips.chips
    signed = state.leases.price_usd_per_h100e_hour
    price = prices.clearing_for(state, signed)
    per_h100e = HOURS_PER_YEAR * price * (1 + (price / p["price.choke_usd"]) ** p["price.choke_power"])
    owned: dict[str, float] = dict.fromkeys(state.run.orgs, 0.0)
    for h in state.chips.holdings.values():
        owned[h.org] += h.owned * chips[h.chip].h100e
    own = {org: uses.own_share(state, org) * h100e for org, h100e in owned.items() if h100e > 0}
    labs = math.fsum(fleets[org] for org in state.training.labs if not uses.is_in_house(state, org))
    tail = max(0.0, math.fsum(owned.values()) - math.fsum(own.values()) - labs)
    yield said(state, prices.cleared(state, price, price, tail + math.fsum(own.values()) + labs))
    for user, h100e in {**{org: x for org, x in own.items() if x > 0}, TAIL: tail}.items():
        kind = "tail" if user == TAIL else "own"
        growth = p[f"{kind}.growth_per_year"]
        yield said(state, events.UseMeasured(
            org=user, usd_per_year=digits(h100e * per_h100e), growth_per_year=digits(growth), h100e=digits(h100e)
        ), "world" if user == TAIL else user)  # fmt: skip
        if user != TAIL:
            yield put(state, f"orgs.{user}.own_use_start_usd_per_year", h100e * HOURS_PER_YEAR * signed)
    yield from _merchants(state, owned, own)


def _merchants(state: State, owned: dict[str, float], own: dict[str, float]) -> Iterator[Happening]:
    """Give every cloud its part of what the tail rents: what it neither uses nor has leased out."""
    left = {}
    for org, item in state.run.orgs.items():
        if "cloud" in item.roles and owned[org] > 0:
            let = sum(
                x.delivered * state.chips.chips[x.chip].h100e
                for x in state.leases.leases.values()
                if x.lessor == org and x.parent_lease_id is None and not uses.is_in_house(state, x.lessee)
            )
            left[org] = max(0.0, owned[org] - own.get(org, 0.0) - let)
    total = math.fsum(left.values())
    for org, h100e in left.items():
        yield put(state, f"orgs.{org}.merchant_share", h100e / total if total else 0.0)
    logs = {org: state.run.parameters["price.posted_sd"] * rng.normal(state.run.seed, "posted", org) for org in left}
    mean = math.fsum(logs[org] * h100e for org, h100e in left.items()) / total if total else 0.0
    for org, log in logs.items():
        yield put(state, f"orgs.{org}.posted_log_start", log - mean + math.log(state.leases.work_per_h100e))


def plans(state: State) -> Iterator[Happening]:
    """Let every outside lab want, at first, the compute that it holds: the rest over serving is research."""
    p, fleets = state.run.parameters, fleets_h100e(state)
    price = prices.quote(state, 364.0, 0.0)
    for org, lab in state.training.labs.items():
        if uses.is_in_house(state, org):
            continue
        spend = fleets[org] * HOURS_PER_YEAR * price
        spend -= lab.revenue_usd_per_year / p["serving.revenue_per_inference_usd"]
        growth = demand.lab_growth(state, org)
        cash = max(0, state.finance.ledger.accounts.get(org, 0)) / CENTS / p["labs.want_cash_years"]
        base = lab.revenue_usd_per_year * math.exp(min(growth, p["labs.belief_max_per_year"])) + cash
        yield put(state, f"orgs.{org}.research_share", max(0.05, spend / base) if base > 0 else 0.0)


def builders(state: State) -> Iterator[Happening]:
    """Let every builder's first orders be those observed: a factor on its target, and one on what it can raise.

    A factor far from 1 stands for a contract, a plan or money that the tables do not hold; runs print them.
    """
    p, lead = state.run.parameters, uses.leader_h100e(state)
    for org in state.demand.uses:
        own = uses.own_lab_h100e(state, org) if p.get(f"orgs.{org}.races", 0.0) else 0.0
        if own > 0 and lead > 0:
            yield put(state, f"orgs.{org}.race_start", math.log(lead / own))
    theirs = Belongings.of(state)
    for org, books in state.finance.books.items():
        if books.budget_usd_per_year > 0:
            yield put(state, f"orgs.{org}.target_factor", _target_factor(state, org, theirs))
            factor = _finance_factor(state, org, p["finance.bill_factor"], theirs.leases.get(org, []))
            yield put(state, f"orgs.{org}.finance_factor", factor)


def _target_factor(state: State, org: str, theirs: Belongings) -> float:
    p, chips = state.run.parameters, state.chips.chips
    h100e_per_usd = sum(gpus * chips[name].h100e for name, gpus in gpus_per_usd(state, org).items())
    if not h100e_per_usd:  # nothing was on sale to it, so its budget says nothing of a target
        return 1.0
    lead = max(p["supply.lead_time_start_weeks"], p["targets.lead_weeks_min"])
    rent = prices.forward(state, lead + p["targets.npv_weeks"])
    cost = (1 + p["targets.cost_margin"]) * state.demand.cost_usd_per_h100e_hour
    margin = min(1.0, max(0.1, 1 + p["targets.npv_slope"] * math.log(rent / cost)))
    weekly = state.finance.books[org].budget_usd_per_year * p["orders.fraction"] / 52
    position = sum(h.owned * chips[h.chip].h100e for h in holdings_of(state, org))
    position += sum(s.gpus * chips[s.chip].h100e for s in theirs.shipments.get(org, ()))
    position += sum(o.gpus * chips[o.chip].h100e for o in theirs.orders.get(org, ()))
    gap = p["targets.close_weeks"] * weekly * h100e_per_usd / margin
    wanted = foresee.users(state, org, ordering_weeks(state)) / max(p["demand.factor"], 1e-9)
    factor = (position + gap - foresee.contracted(state, org)) / wanted if wanted > 0 else 1.0
    return min(max(factor, p["targets.factor_min"]), p["targets.factor_max"])


def _finance_factor(state: State, org: str, bill: float, leases: list[Lease]) -> float:
    """What a builder spends at the start over what the model can explain that it raises; 1 where that is enough."""
    p = state.run.parameters
    earned = sum(x.delivered * x.price_usd_per_gpu_hour * (1 if x.lessor == org else -1) for x in leases)
    earned += p.get(f"orgs.{org}.merchant_share", 0.0) * index.tail_wanted(state) * index.tail_price(state, org)
    kept = 1 - overhead_share(state, org)
    money = kept * earned * HOURS_PER_YEAR + p["finance.income_share"] * p.get(f"orgs.{org}.income_usd_per_year", 0.0)
    money += max(0, state.finance.ledger.accounts.get(org, 0)) / CENTS / 2
    spent = bill * state.finance.books[org].budget_usd_per_year
    return max(1.0, p["finance.start_slack"] * spent / max(money, 0.05 * spent))


def shells_factor(state: State, org: str, theirs: Belongings, soon_kw: float, begun_kw: float) -> float:
    """Shells that an org must have begun so that its chips find power, over those that its usual growth explains.

    By the horizon of orders (`soon_kw` of growth) they carry what is on its way, on order and ordered for
    `orders.room_weeks` more; all of them (`begun_kw`) what is ordered at this pace in the time that they take, and what
    own lines make. Nobody counted shells under way, but buyers order what they have power for. Far from 1 it stands for
    a missing contract.
    """
    p, chips = state.run.parameters, state.chips.chips
    books, trusted_kw = state.finance.books.get(org), p["sites.trust"] * soon_kw
    if books is None or trusted_kw <= 0:
        return 1.0
    weekly = sum(gpus * chips[name].power_kw_it_per_gpu for name, gpus in gpus_per_usd(state, org).items())
    weekly *= books.budget_usd_per_year * p["orders.fraction"] / 52
    own = [(chips[name], gpus) for name, gpus in lines(state).items() if is_own(state, org, chips[name])]
    weekly += sum(gpus * chip.power_kw_it_per_gpu for chip, gpus in own)
    spare = sum(site.spare_w for site in theirs.sites.get(org, ())) / 1000
    campuses = theirs.buildings.get(org, [])
    last = state.run.start_day + p["sites.greenfield_days"]
    whole = p["sites.greenfield_days"] / 7 * weekly - spare - sum(b.power_kw for b in campuses if b.due_day <= last)
    need = p["orders.room_weeks"] * weekly - spare
    need += sum(s.gpus * chips[s.chip].power_kw_it_per_gpu for s in theirs.shipments.get(org, ()))
    need += sum(o.gpus * chips[o.chip].power_kw_it_per_gpu for o in theirs.orders.get(org, ()))
    soon = state.run.start_day + 7 * ordering_weeks(state) / p["sites.slip_median"]
    need -= p["sites.trust"] * sum(b.power_kw for b in campuses if b.due_day <= soon)
    return min(max(1.0, need / trusted_kw, whole / begun_kw), p["targets.factor_max"])


def contractors(state: State) -> Iterator[Happening]:
    """Let contractors finish the shells under way for the year to come, or what growth as before asks, and slack."""
    p = state.run.parameters
    standing = sum(site.energised_kw for site in state.sites.sites.values())
    soon = shells.asked_kw(state, state.run.start_day + 7 * YEAR_WEEKS)
    kw = (1 + p["sites.shells_slack"]) * max(soon, p["sites.pool_growth_per_year"] * standing) / YEAR_WEEKS
    if kw > 0:
        yield said(state, InputExpanded(kind=inputs.SHELLS, value=float(round(kw))))


def ordering_weeks(state: State) -> float:
    """How far ahead the first orders look: the wait for chips, and from sold to running."""
    p = state.run.parameters
    return max(p["supply.lead_time_start_weeks"], p["targets.lead_weeks_min"]) + p["targets.horizon_weeks"]
