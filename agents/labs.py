"""Labs: want compute for capability and revenue, lease or build it, split it, train, raise money."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agents.buyers import offers, purchases
from agents.valuation import (
    HOURS_PER_YEAR,
    MONTH_WEEKS,
    choose,
    clip,
    is_my_week,
    price_term,
    time_term,
)
from events.commands import Choice, Command, Terms
from events.commands.finance import SeekRound
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote, RequestLease, SignLetter
from events.commands.sites import PlanSite, StartBuilding
from events.commands.training import AdoptPlan, SetSplit, StartProject, StartTraining
from market.cluster import ClusterError, weekly_choices
from market.cluster import chip as cluster_chip
from market.rng import Draws
from market.view import Lab as LabRecord
from market.view import MarketView, Quote

SECONDS_PER_DAY = 86_400
REFERENCE_MODEL, REFERENCE_YEAR = "llama-3.1-405b", 2025.0  # what quotes for training clusters are compared on


@dataclass(frozen=True)
class Lab:
    """Capability and revenue: next frontier run, lease or build, internal allocation, funding."""

    index: int

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        lab = view.lab
        if lab is None:
            return []
        commands: list[Command] = []
        if view.trait("build"):
            commands.extend(purchases(view, draws, self.index))
        commands.extend(answer_quotes(view, draws))
        if is_my_week(view.week, self.index, MONTH_WEEKS):
            commands.extend(plan(view, lab, draws))
            commands.append(split(view, lab))
        commands.extend(train(view, lab))
        commands.extend(projects(view, draws))
        commands.extend(raise_money(view, draws))
        return commands


# --- what a lab wants


def compute_cost_usd(view: MarketView) -> float:
    """Yearly value of the fleet at the labs' accounting price (equations, labs)."""
    return view.fleet_h100e * HOURS_PER_YEAR * view.param("labs.compute_usd_per_h100e_hour")


def race(view: MarketView) -> float:
    """Pull of rivals: log of the largest lab's fleet over the own, 0 to 1."""
    others = max((view.fleet_of(name) for name in view.labs() if name != view.me), default=0.0)
    return clip(math.log(max(others, 1.0) / max(view.fleet_h100e, 1.0)), 0.0, 1.0)


def wanted_spend_usd(view: MarketView, lab: LabRecord) -> float:
    """Compute spending a year that a lab aims at: by demand, by growth, by rivals, bounded by runway and cash."""
    p, revenue = view.param, lab.revenue_usd_per_year
    if view.cash_cents <= 0:
        return 0.0
    growth = clip(math.log(max(lab.demand_usd_per_year, 1.0) / max(revenue, 1.0)) * 2, 0.0, 1.2) if revenue else 0.0
    runway = clip(view.runway_days() / 7 / p("labs.runway_reference_weeks"), 0.3, 1.0)
    base = min(lab.demand_usd_per_year, p("labs.spend_revenue_multiple") * revenue)
    spend = p("labs.spend_ambition") * base * math.exp(p("labs.race_weight") * growth) * runway
    spend += max(0.0, view.cash_cents / 100) / p("labs.cash_years")
    return spend + view.trait("compute_income_usd_per_year") * (1 + p("labs.race_pull") * race(view))


def coming_h100e(view: MarketView) -> float:
    """Compute signed for or ordered and not yet at hand, less what ends within half a year."""
    total = 0.0
    for lease in view.rented():
        weight = view.chip(lease.chip).h100e
        total += lease.owed * weight
        if lease.end_day - view.day < 7 * view.param("price.need_slack_weeks") and lease.kind != "internal":
            total -= lease.delivered * weight
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return total + sum(gpus * view.chip(name).h100e for name, gpus in pending)


def plan(view: MarketView, lab: LabRecord, draws: Draws) -> Iterator[Command]:
    """Once a month: revise what is wanted and ask lessors for what is missing."""
    p = view.param
    if parent := view.parent_of(view.me):
        yield from internal_request(view, parent)
        return
    spend = wanted_spend_usd(view, lab)
    wanted = spend / (HOURS_PER_YEAR * view.price)
    if abs(wanted - lab.wanted_h100e) > 0.1 * max(lab.wanted_h100e, 1.0):
        reason = "demand" if lab.demand_usd_per_year > 1.2 * lab.revenue_usd_per_year else "cash"
        yield AdoptPlan(
            actor=view.me, because=lab.best_model or view.me, h100e=wanted, due_day=view.day + 182, reason=reason
        )
    gap = wanted - view.fleet_h100e - coming_h100e(view)
    ask_usd = p("labs.sign_share_per_month") * spend + p("labs.sign_floor_usd") * clip(spend / 1e9, 0.02, 1.0)
    ask = min(gap, ask_usd / (HOURS_PER_YEAR * view.price))
    if ask < p("labs.ask_min_h100e") or view.requests_by_me():
        return
    yield from requests(view, lab, draws, ask)
    yield from announce(view, draws, gap - ask)


def announce(view: MarketView, draws: Draws, rest: float) -> Iterator[Command]:
    """Announce with the largest lessor what is wanted beyond this month's talks, if that is much and nothing stands."""
    p = view.param
    if rest < p("letters.h100e_min") or view.letters() or not draws.chance(p("letters.chance"), "letter", view.me):
        return
    clouds = [name for name in view.orgs("cloud") if name != view.me and view.same_bloc(name)]
    lessor = max(clouds, key=lambda name: (view.fleet_owned_by(name) * draws.uniform("letter with", name), name))
    due = view.day + round(365 * p("letters.ahead_years"))
    yield SignLetter(actor=view.me, because=f"{view.me}/plan", lessor=lessor, h100e=rest, due_day=due)


def internal_request(view: MarketView, parent: str) -> Iterator[Command]:
    """Ask the parent for the share of its fleet that is the lab's."""
    target = view.trait("parent_share") * view.fleet_owned_by(parent)
    gap = target - view.fleet_h100e - coming_h100e(view)
    if gap > max(view.param("labs.ask_min_h100e"), 0.05 * target) and not view.requests_by_me():
        yield RequestLease(
            actor=view.me, because=view.me, lessor=parent, h100e=gap, due_day=view.day + 7,
            duration_days=round(365 * view.param("labs.internal_term_years")),
            price_usd_per_h100e_hour=view.price, kind="internal",
        )  # fmt: skip


def requests(view: MarketView, lab: LabRecord, draws: Draws, ask: float) -> Iterator[Command]:
    """Ask a few lessors at once: those the lab rents from rank higher, then the larger ones."""
    p, ranked = view.param, []
    for cloud in view.orgs("cloud"):
        if cloud == view.me or not view.same_bloc(cloud):
            continue
        size = math.log(max(view.fleet_owned_by(cloud), 1.0))
        loyal = p("desk.loyalty") if view.leases_from(view.me, cloud) else 0.0
        noise = p("desk.noise") * draws.normal("lessor rank", f"{view.me} {cloud}")
        ranked.append((size + loyal + noise, cloud))
    ranked.sort(key=lambda item: (-item[0], item[1]))
    frontier = ask >= p("labs.frontier_ask_h100e")
    duration = round(365 * p("labs.frontier_term_years" if frontier else "labs.serving_term_years"))
    because = f"{view.me}/plan"
    for _, cloud in ranked[: round(p("desk.lessors_asked"))]:
        yield RequestLease(
            actor=view.me, because=because, lessor=cloud, h100e=ask, due_day=view.day + 56, duration_days=duration,
            price_usd_per_h100e_hour=view.price * p("price.walk_away"), kind="frontier" if frontier else "serving",
        )  # fmt: skip


# --- lease or build


def slip_risk(view: MarketView, wait_weeks: float) -> float:
    """Chance that a promise so far ahead slips by more than a quarter (lognormal slip of the plan)."""
    p = view.param
    if wait_weeks <= 4:
        return 0.0
    z = (math.log(1 + 13 / wait_weeks) - math.log(p("sites.slip_median"))) / p("sites.slip_sd")
    return 0.5 * math.erfc(z / math.sqrt(2))


@lru_cache(1024)
def training_yield(chip: str, gpus: int) -> float:
    """Throughput in training per H100e on a cluster, over that of an H100 cluster of the same number of GPUs.

    1 for chips that the cluster core does not know or on which the reference model does not fit.
    """
    try:
        found = weekly_choices([chip, "H100"], [gpus, gpus], [REFERENCE_MODEL] * 2, year=REFERENCE_YEAR)
    except ClusterError:
        return 1.0
    useful = found.mfu * found.goodput
    return float(useful[0] / useful[1]) if useful[0] > 0 and useful[1] > 0 else 1.0


def quote_terms(view: MarketView, quote: Quote) -> Terms:
    """Score a quote."""
    p = view.param
    price = quote.price_usd_per_gpu_hour / view.chip(quote.chip).h100e
    if view.request(quote.request_id).kind == "frontier":
        price /= training_yield(quote.chip, 4 ** max(4, round(math.log(quote.gpus, 4))))
    wait = max(0.0, (quote.start_day - view.day) / 7)
    return Terms(
        f"lease {quote.quote_id}",
        term_price=price_term(price, p("price.tco_usd_per_h100e_hour")),
        term_time=time_term(wait, view.trait("wait_weight", p("choice.wait_weight_default"))),
        term_risk=-p("choice.risk_weight") * slip_risk(view, wait),
    )


def build_terms(view: MarketView) -> Terms | None:
    """Score building for oneself: replacement cost with own power, capital and risk; control is worth a little."""
    p, found = view.param, offers(view)
    if not view.trait("build") or not found:
        return None
    name = max(found, key=lambda item: item[1].score)[0]
    chip = view.chip(name)
    weeks = max(chip.lead_time_weeks, (chip.start_day - view.day) / 7) + p("shipping.weeks")
    site = p("sites.brownfield_days") * p("sites.slip_median") / 7
    has_power = view.spare_kw() > p("sites.building_kw_min")
    wait = weeks if has_power else max(weeks, site)
    return Terms(
        f"build on {name}",
        term_price=price_term(view.cost(name) * p("build.cost_factor"), p("price.tco_usd_per_h100e_hour")),
        term_time=time_term(wait, view.trait("wait_weight", p("choice.wait_weight_default"))),
        term_control=view.trait("own_weight", p("choice.own_weight")),
        term_risk=-p("choice.risk_weight") * slip_risk(view, wait),
    )


def answer_quotes(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Take the best quote, answer it with a lower price, build instead, or walk away; end the other talks."""
    quotes = [q for q in view.quotes_to_me() if not q.countered_at_usd]
    if not quotes:
        return
    parent = view.parent_of(view.me)
    options = [quote_terms(view, quote) for quote in quotes]
    building = build_terms(view)
    if building is not None:
        options.append(building)
    u = draws.uniform("lease or build", view.me)
    i, why = choose("compute", options, view.param("choice.temperature"), u)
    if i == len(quotes):
        yield from build_instead(view, quotes, why)
        return
    best = quotes[i]
    for quote in quotes:
        if quote is not best:
            reason = "too late" if quote.start_day > best.start_day + 91 else "price"
            yield BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason=reason)
    if best.lessor == parent:
        yield AcceptQuote(actor=view.me, because=best.quote_id, quote_id=best.quote_id, why=why)
        return
    yield settle(view, best, why)


def settle(view: MarketView, quote: Quote, why: Choice) -> Command:
    """Accept, counter or break off the best quote by its price and its first day."""
    p, request = view.param, view.request(quote.request_id)
    price = quote.price_usd_per_gpu_hour / view.chip(quote.chip).h100e
    late = quote.start_day - request.due_day > 7 * p("price.need_slack_weeks")
    if late and not view.trait("patient"):
        return BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason="too late")
    if price > request.price_limit_usd_per_h100e_hour:
        target = 0.97 * request.price_limit_usd_per_h100e_hour * view.chip(quote.chip).h100e
        if request.rounds < 2 and price < 1.25 * request.price_limit_usd_per_h100e_hour:
            return CounterQuote(
                actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, price_usd_per_gpu_hour=target, why=why
            )
        return BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason="price")
    if request.rounds < 2 and price > p("desk.counter_above") * view.price:
        target = p("desk.counter_at") * quote.price_usd_per_gpu_hour
        return CounterQuote(
            actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, price_usd_per_gpu_hour=target, why=why
        )
    return AcceptQuote(actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, why=why)


def build_instead(view: MarketView, quotes: list[Quote], why: Choice) -> Iterator[Command]:
    """Break all talks off and start an own building; the chips come through the own budget."""
    for quote in quotes:
        slow = why.rejected is not None and why.rejected.term_time < why.chosen.term_time
        reason = "too late" if slow else "control"
        yield BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason=reason)
    kw = int(min(view.buildable_kw(), max(view.request(q.request_id).h100e for q in quotes) * 1.0))
    if kw < view.param("sites.building_kw_min") or view.spare_kw() > kw:
        return
    turbines = bool(view.trait("on_site_power"))
    sites = [site for site in view.sites() if site.kind != "pool"]
    if sites:
        site = max(sites, key=lambda s: (s.energised_kw, s.name))
        yield StartBuilding(
            actor=view.me, because=site.name, site=site.name, kind="next", power_kw_it=kw, on_site_power=turbines,
            why=why,
        )  # fmt: skip
        return
    region = min(view.home_regions(), key=lambda r: (view.queue_days(r), r))
    yield PlanSite(
        actor=view.me, because=view.me, region=region, kind="brownfield", power_kw_it=kw, on_site_power=turbines,
        why=why,
    )  # fmt: skip


# --- inside the lab


def split(view: MarketView, lab: LabRecord) -> SetSplit:
    """Move the serving share toward what demand needs, slowly (equations, split)."""
    p = view.param
    spend = compute_cost_usd(view)
    need = lab.demand_usd_per_year / (p("serving.revenue_per_inference_usd") * spend) if spend else 0.0
    target = clip(need, p("split.inference_min"), p("split.inference_max"))
    speed = 1 - (1 - p("split.speed_per_week")) ** MONTH_WEEKS
    share = lab.inference_share + speed * (target - lab.inference_share)
    return SetSplit(actor=view.me, because=view.me, share=share)


def cluster_size(gpus: int) -> int:
    """Round GPUs down to a step of the ladder on which clusters are cut: four steps to a doubling, whole nodes of 8."""
    if gpus < 64:
        return gpus
    return int(2 ** (math.floor(4 * math.log2(gpus)) / 4)) // 8 * 8


def train(view: MarketView, lab: LabRecord) -> Iterator[Command]:
    """Start the next frontier run when the lab's machines can beat its best model by a step."""
    if view.runs() or lab.pending_model:
        return
    p = view.param
    research = view.fleet_h100e * (1 - view.captive_share()) * (1 - lab.inference_share)
    budget = p("labs.run_share") * research
    best: tuple[float, str, str, int] | None = None
    for holding in view.holdings():
        try:
            peak = cluster_chip(holding.chip).bf16_flop_per_s
        except ClusterError:
            continue
        gpus = cluster_size(min(holding.held, int(budget / view.chip(holding.chip).h100e)))
        flop = gpus * peak * p("labs.mfu") * p("labs.goodput") * p("labs.run_days") * SECONDS_PER_DAY
        if best is None or flop > best[0]:
            best = (flop, holding.chip, holding.site, gpus)
    if best is None or best[0] < p("labs.step_up") * max(lab.best_flop, p("labs.first_run_flop")):
        return
    flop, chip, site, gpus = best
    yield StartTraining(actor=view.me, because=lab.best_model or view.me, site=site, chip=chip, gpus=gpus, flop=flop)


def projects(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Bring this week's ideas: projects arrive faster than compute; nothing that is free idles."""
    p = view.param
    if view.fleet_h100e < p("projects.fleet_min_h100e"):
        return
    lab = view.lab
    research = view.fleet_h100e * (1 - view.captive_share()) * (1 - (lab.inference_share if lab else 0.0))
    arrivals = p("projects.arrivals_per_week")
    count = int(arrivals) + (draws.uniform("project count", view.me) < arrivals % 1)
    for number in range(count):
        z = draws.normal(f"project size {number}", view.me)
        h100e = p("projects.share_median") * research * math.exp(p("projects.share_sd") * z)
        days = round(p("projects.days") * math.exp(0.5 * draws.normal(f"project days {number}", view.me)))
        yield StartProject(actor=view.me, because=view.me, h100e=h100e, duration_days=days)


def raise_money(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Seek a round when runway is short, with a hazard that grows as it shrinks (equations, money)."""
    p, books = view.param, view.books
    if view.parent_of(view.me) or books.sought_cents:
        return
    runway, reference = view.runway_days() / 7, p("finance.round_runway_weeks")
    if runway >= reference or view.day - books.round_day < 7 * p("finance.round_gap_weeks"):
        return
    hazard = clip(2.5 - 2 * runway / reference, 0.5, 2.5) / p("finance.round_hazard_weeks")
    if draws.chance(hazard, "seek a round", view.me):
        cents = round(p("finance.round_share") * worth_usd(view) * 100)
        yield SeekRound(actor=view.me, because=view.me, amount_usd_cents=cents)


def worth_usd(view: MarketView) -> float:
    """What an org may claim to be worth: by revenue, by compute, never below a floor (equations, money)."""
    p, lab = view.param, view.lab
    revenue = lab.revenue_usd_per_year if lab else 0.0
    compute = view.fleet_h100e + coming_h100e(view)
    floor = min(p("finance.value_floor_usd"), max(view.books.valuation_cents / 100, 1e8))
    return max(p("finance.value_per_revenue") * revenue, p("finance.value_per_h100e_usd") * compute, floor)
