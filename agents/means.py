"""What ways an org has to get compute, and what each costs, how long it takes and what delays it.

Costs carry levies and the owner's cost of capital; waits carry the usual slip. What a decision makes of them is in
`agents.decision`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agents import permission
from agents.buyers import offers
from agents.decision import HALF_YEAR_WEEKS, Gate, Option, Target, Way, Weights, score
from events.commands import Terms
from events.kinds import NewSiteKind
from market.rng import LIFETIME, Draws
from market.units import HOURS_PER_YEAR
from market.view import Chip, MarketView, Quote

_NOT_ALLOWED: tuple[Gate, ...] = ("permission",)
SLIP_WEEKS = 13  # a slip that counts
YEAR_DAYS = 365
LEAST_WAIT_WEEKS = 4  # what is nearer does not slip


def weights(view: MarketView) -> Weights:
    """What the org's scores are measured in."""
    return Weights(view.price, view.param("choice.risk_weight"))


class Slip(NamedTuple):
    """Chance that a wait grows by more than a quarter, and the weeks that this is expected to cost."""

    slip_share: float
    late_weeks: float


def slip(view: MarketView, wait_weeks: float) -> Slip:
    """What a wait may still slip by, the usual slip counted in already (lognormal)."""
    if wait_weeks <= LEAST_WAIT_WEEKS:
        return Slip(0.0, 0.0)
    sd = view.param("sites.slip_sd")
    z = math.log(1 + SLIP_WEEKS / wait_weeks) / sd
    share, grown = _tail(z), math.exp(sd * sd / 2) * _tail(z - sd)  # grown: E[factor; slip beyond a quarter]
    return Slip(share, max(0.0, wait_weeks * (grown - share)))


def _tail(z: float) -> float:
    """Chance that a normal draw exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def chip_weeks(view: MarketView, chip: Chip) -> float:
    """Weeks from an order to GPUs that run."""
    ahead = max(0.0, (chip.start_day - view.day) / 7)
    lead = chip.lead_time_weeks if chip.in_volume else ahead + view.param("supply.ramp_lag_weeks")
    return max(lead, ahead) + view.param("shipping.weeks")


def chip_for(view: MarketView, target: Target) -> Chip | None:
    """The chip that the org would order for a target: the one asked for, else the best on offer in time."""
    if target.chip is not None and target.chip in {c.name for c in view.chips()} and view.may_buy(target.chip):
        return view.chip(target.chip)
    kin = supplier_of(view) if view.lab is not None else None
    found = [
        (_chip_score(view, target, terms), name)
        for name, terms in offers(view)
        if kin is None or view.chip(name).supplier == kin
    ]
    return view.chip(max(found)[1]) if found else None


def supplier_of(view: MarketView) -> str | None:
    """The maker of most of what a lab computes on: its code runs there, and a frontier run does not change makers."""
    held: dict[str, float] = {}
    for holding in view.holdings():
        chip = view.chip(holding.chip)
        held[chip.supplier] = held.get(chip.supplier, 0.0) + holding.held * chip.h100e
    return max(held, key=lambda name: (held[name], name), default=None)


def _chip_score(view: MarketView, target: Target, terms: Terms) -> float:
    """Score a chip for a target: by cost, by its part of promised supply, and by what its wait costs the target."""
    wait = chip_weeks(view, view.chip(terms.option))
    return terms.term_price + terms.term_control - target.urgency * wait / HALF_YEAR_WEEKS


# --- building


class Build(NamedTuple):
    """A way to build: where, of which kind, on whose power."""

    kind: NewSiteKind
    region: str
    on_site: bool


def shell_weeks(view: MarketView, kind: str) -> float:
    """Weeks until a shell stands, with the usual slip; `next` is another building of an own campus."""
    p = view.param
    if kind == "next":
        days = (p("sites.next_days_min") + p("sites.next_days_max")) / 2
    else:
        days = p(f"sites.{kind}_days")
    return days * p("sites.slip_median") / 7


def power_weeks(view: MarketView, build: Build, kw: float) -> float:
    """Weeks until power flows: own plant by its makers' wait, the grid by the region's queue."""
    days = view.power_days(build.region, build.kind, build.on_site, kw)
    if build.on_site:
        return days / 7
    if build.kind == "brownfield" and kw > view.param("sites.hall_grid_kw"):
        days += min(view.param("sites.power_lead_days"), view.region_param(build.region, "queue_days"))
    return days / 7  # nobody has applied ahead for more than a hall's own connection


def bill_usd(view: MarketView, chip: Chip, gpus: int, build: Build | None) -> float:
    """Whole bill of a build: chips with servers, shell, own plant; without a shell for power that stands."""
    p, kw = view.param, gpus * chip.power_kw_it_per_gpu
    chips = gpus * chip.price_usd_per_gpu * (1 + p("shipping.server_cost_share") + view.levy_on_chips(chip.name))
    if build is None:
        return chips
    plant = p("means.turbine_usd_per_kw") * view.region_param(build.region, "pue") if build.on_site else 0.0
    levied = permission.building_levy_usd(view, build.region, kw, on_site=build.on_site)
    return chips + kw * (p("build.shell_usd_per_kw") + plant) + levied


def capital_rate(view: MarketView, is_contracted: bool = False) -> float:
    """What an org's capital costs a year; who borrows on a contract pays lenders' rate on their part of the bill."""
    p = view.param
    if view.trait("income_usd_per_year") > 0:
        return p("means.capital_rate_parent")
    part = p("finance.loan_share") if is_contracted and view.trait("borrows") else 0.0
    return part * p("finance.loan_rate") + (1 - part) * p("means.capital_rate_lab")


def owning_usd(view: MarketView, bill: float, what: tuple[Chip, int], region: str, rate: float) -> float:
    """Cost of an hour of an own H100 equivalent: capital as an annuity less what is left, energy, running.

    capital = bill (a - residual s) / hours, a the annuity and s the sinking fund of the life at the capital rate.
    """
    p, (chip, gpus) = view.param, what
    years = p("means.life_years")
    growth: float = (1 + rate) ** years
    annuity, fund = rate * growth / (growth - 1), rate / (growth - 1)
    capital = bill / (gpus * chip.h100e) * (annuity - p("means.residual_share") * fund) / HOURS_PER_YEAR
    kw = chip.power_kw_it_per_gpu / chip.h100e * view.region_param(region, "pue") * p("energy.load_factor")
    energy = kw * view.energy_usd_per_mwh(region) / 1000
    return capital + energy + p("means.running_usd_per_h100e_hour")


def ways_to_build(view: MarketView) -> Iterator[Build]:
    """New land in every region at home, and one old hall; on the grid or with own plant where the org takes that on."""
    regions = sorted(view.home_regions())
    hall = hall_region(view.draws, regions)
    for region in regions:
        yield Build("greenfield", region, False)
        yield Build("greenfield", region, True)
    if hall:
        yield Build("brownfield", hall, False)
        if view.trait("on_site_power"):
            yield Build("brownfield", hall, True)


def hall_region(draws: Draws, regions: Sequence[str]) -> str:
    """The region in which an org's search for a hall ends: one draw for life over the regions open to it."""
    return max(sorted(regions), key=lambda region: draws.uniform("hall region", region, LIFETIME), default="")


def has_hall(view: MarketView, since_day: int) -> bool:
    """Whether a hall has been found since the search began: an exponential wait, drawn once for each search."""
    u = view.draws.uniform("hall", str(since_day), LIFETIME)
    return view.day - since_day >= -7 * view.param("talks.hall_weeks") * math.log(1 - u)


def builds(view: MarketView, target: Target, since_day: int) -> list[Option]:
    """The best brownfield and the best greenfield, by cost and wait; a hall not found yet is a hope."""
    chip = chip_for(view, target)
    if chip is None or not view.trait("build"):
        return []
    gpus, rate = math.ceil(target.h100e / chip.h100e), capital_rate(view)
    found: dict[str, list[Option]] = {"brownfield": [], "greenfield": []}
    for build in ways_to_build(view):
        bill = bill_usd(view, chip, gpus, build)
        site = max(shell_weeks(view, build.kind), power_weeks(view, build, gpus * chip.power_kw_it_per_gpu))
        may = permission.to_build(
            view, build.region, build.kind, gpus * chip.power_kw_it_per_gpu, on_site=build.on_site
        )
        wait = max(chip_weeks(view, chip), site + (may.wait_days / 7 if may.is_worth_asking else 0.0))
        is_found = build.kind == "greenfield" or has_hall(view, since_day)
        plant = " with own plant" if build.on_site else ""
        found[build.kind].append(
            Option(
                name=f"{build.kind} {build.region}{plant}",
                way=Way(build.kind),
                h100e=gpus * chip.h100e,
                cost_usd_per_h100e_hour=owning_usd(view, bill, (chip, gpus), build.region, rate) / target.hours_share,
                wait_weeks=wait + (0.0 if is_found else view.param("talks.hall_weeks")),
                **slip(view, wait)._asdict(),
                is_owned=True,
                failed=(*gates(view, bill), *(() if may.is_worth_asking else _NOT_ALLOWED)),
                is_executable=is_found,
                region=build.region,
                chip=chip.name,
                on_site_power=build.on_site,
            )
        )
    risk = view.param("choice.risk_weight")
    return [_best(options, target, risk) for options in found.values() if options]


def _best(options: list[Option], target: Target, risk: float) -> Option:
    """The cheaper and sooner of ways that differ in region alone; a preferred region wins a tie."""
    weights = Weights(1.0, risk)
    return max(options, key=lambda o: ("permission" not in o.failed, score(target, o, weights).score, o.name))


def other_burn_usd(view: MarketView) -> float:
    """What an org spends in a year beside the machine in question, beyond what it earns."""
    p, lab = view.param, view.lab
    earned = p("finance.revenue_margin") * (lab.revenue_usd_per_year if lab else 0.0) + view.trait(
        "income_usd_per_year"
    )
    return max(0.0, 13 * p("finance.spend_burn") * view.monthly_rent_cents() / 100 - earned)


def gates(view: MarketView, bill: float) -> tuple[Gate, ...]:
    """Finance of the whole bill: cash, less a year of other costs."""
    cash = view.cash_cents / 100 - other_burn_usd(view)
    return () if cash >= view.param("talks.bill_share") * bill else ("finance",)


def own_sites(view: MarketView, target: Target) -> list[Option]:
    """Order for power that the org has, or that is promised to it."""
    chip = chip_for(view, target)
    if chip is None or not view.sites():
        return []
    gpus, rate, found = math.ceil(target.h100e / chip.h100e), capital_rate(view), []
    for site in view.sites():
        coming = [b for b in view.buildings() if b.site == site.name]
        room = site.spare_w / 1000 + sum(b.power_kw for b in coming) - view.promised_kw(site.name)
        if int(room / chip.power_kw_it_per_gpu) < view.param("desk.part_min") * gpus:
            continue
        due = max((b.due_day for b in coming), default=view.day)
        wait = max(chip_weeks(view, chip), (due - view.day) / 7)
        size = min(gpus, int(room / chip.power_kw_it_per_gpu))
        bill = bill_usd(view, chip, size, None)
        found.append(
            Option(
                name=f"own site {site.name}",
                way=Way.OWN_SITE,
                h100e=size * chip.h100e,
                cost_usd_per_h100e_hour=owning_usd(view, bill, (chip, size), site.region, rate) / target.hours_share,
                wait_weeks=wait,
                **slip(view, wait)._asdict(),
                is_owned=True,
                failed=gates(view, bill),
                site=site.name,
                region=site.region,
                chip=chip.name,
            )
        )
    return [_best(found, target, view.param("choice.risk_weight"))] if found else []


# --- renting


def promised_usd(view: MarketView) -> float:
    """Cash that contracts due within a year are to be paid from: a part of a year's rent of what is not drawn yet."""
    mine = (c for c in view.contracts() if c.lessee == view.me and c.start_day - view.day < YEAR_DAYS)
    rents = math.fsum(c.undrawn * c.price_usd_per_gpu_hour for c in mine)
    return view.param("labs.race_money_share") * rents * HOURS_PER_YEAR


def quoted(view: MarketView, target: Target, quote: Quote) -> Option:
    """A quote as an option: dearer where hours stay unused, gated where money or the slot is gone."""
    chip, p = view.chip(quote.chip), view.param
    price = quote.price_usd_per_gpu_hour / chip.h100e / view.training_yield(quote.quote_id) / target.hours_share
    price *= 1 + permission.rent_levy(view, quote.duration_days, quote.lessor)
    if view.rented() and all(lease.lessor != quote.lessor for lease in view.rented()):
        price *= 1 + p("talks.switching_share")
    wait = max(0.0, (quote.start_day - view.day) / 7)
    failed: list[Gate] = [] if permission.accepting(view, quote).is_worth_asking else ["permission"]
    if quote.start_day > quote.first_start_day + 7 * SLIP_WEEKS:
        failed.append("lost to another")
    if quote.form == "contract" and view.cash_cents / 100 - promised_usd(view) < paid_first_usd(view, target, quote):
        failed.append("finance")
    way = Way.CONTRACT if quote.form == "contract" else Way.SUBLEASE if quote.parent_lease_id else Way.LEASE
    return Option(
        name=f"{way} {quote.quote_id}",
        way=way,
        h100e=quote.gpus * chip.h100e,
        cost_usd_per_h100e_hour=price,
        wait_weeks=wait,
        **slip(view, wait)._asdict(),
        failed=tuple(failed),
        counterparty=quote.lessor,
        region=quote.region,
        site=quote.site,
        chip=quote.chip,
        quote_id=quote.quote_id,
    )


def paid_first_usd(view: MarketView, target: Target, quote: Quote) -> float:
    """Cash that a contract must find: what is prepaid beside a year's burn, of a machine a part of a year's rent.

    What is signed years ahead is paid from revenue believed in, within which it was asked for.
    """
    if target.is_machine:
        year = quote.gpus * quote.price_usd_per_gpu_hour * HOURS_PER_YEAR
        return max(view.param("labs.race_money_share") * year, quote.prepaid_share * quote.worth_usd)
    prepaid = quote.prepaid_share * quote.worth_usd
    return prepaid + other_burn_usd(view) if prepaid else 0.0


def on_demand(view: MarketView, target: Target) -> list[Option]:
    """By the hour, paid for hours used alone; only what clouds could have free is there at all."""
    if target.h100e > view.param("contracts.ask_min_h100e") or view.tightness > 1:
        return []
    return [
        Option(
            name="on demand",
            way=Way.ON_DEMAND,
            h100e=target.h100e,
            cost_usd_per_h100e_hour=view.spot,
            wait_weeks=0.0,
        )
    ]


def all_options(view: MarketView, target: Target, quotes: list[Quote], since_day: int) -> list[Option]:
    """Every way that the org has today to meet a target."""
    return [
        *(quoted(view, target, quote) for quote in quotes),
        *own_sites(view, target),
        *builds(view, target, since_day),
        *on_demand(view, target),
    ]
