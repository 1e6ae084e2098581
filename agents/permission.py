"""What policies make of a decision: refused candidates, waits for licences, sizes just below a threshold, costs.

`view.may` and `view.levy` say what is in force and announced; here it becomes a term or a gate of what orgs decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agents.valuation import tie
from events.commands import Choice, Command, Terms
from events.commands.chips import PlaceOrder
from events.commands.finance import FundRound
from events.commands.leases import AcceptQuote
from events.commands.sites import PlanSite, RenewPermit, StartBuilding
from events.commands.training import StartTraining
from events.kinds import NewSiteKind, StakeKind
from market.units import CENTS, HOURS_PER_DAY, YEAR_MONTHS, YEAR_WEEKS, digits
from market.view import GIVEN, Machine, MarketView, Permission, Quote, Round, Site

HALVINGS = 40  # of an interval in which a threshold is looked for


def _may(view: MarketView, command: Callable[[], Command]) -> Permission:
    """What policies say of a command, which is made only where there are any."""
    return view.may(command()) if view.is_regulated else GIVEN


def refused_chips(view: MarketView) -> tuple[Terms, ...]:
    """Chips on offer that the org would be sold and that policies keep from it."""
    promised = view.outlook()
    chips = (c for c in view.chips() if promised.get(c.name, 0) > 0 and c.in_volume and view.is_for_sale(c.name))
    if not view.is_regulated:
        return ()
    asked = ((c.name, view.may(PlaceOrder(actor=view.me, because=view.me, chip=c.name, gpus=1))) for c in chips)
    return tuple(kept_from(name, may) for name, may in asked if not may.is_worth_asking)


def kept_from(option: str, may: Permission, h100e: float = 0.0) -> Terms:
    """A candidate that policies take away."""
    return Terms(option, h100e=h100e, reason="permission", policy=may.policy)


def order_size(view: MarketView, chip: str, gpus: int) -> tuple[int, tuple[Terms, ...]]:
    """GPUs to order of a chip: all, or as many as a cap or a quota still allows, and what it takes away."""

    def order(number: float) -> PlaceOrder:
        return PlaceOrder(actor=view.me, because=view.me, chip=chip, gpus=max(1, int(number)))

    may = view.may(order(gpus))
    if may.is_worth_asking:
        return gpus, ()
    left = kept_from(chip, may, gpus * view.chip(chip).h100e)
    return int(largest(lambda number: view.may(order(number)).is_given, 1, gpus) or 0), (left,)


def with_refused(why: Choice, refused: Sequence[Terms]) -> Choice:
    """Tell a choice with the candidates that policies took away."""
    return Choice(why.topic, why.chosen, (*why.rejected, *refused)) if refused else why


# --- building


def own_site(view: MarketView, region: str) -> Site | None:
    """The org's own site in a region where its next building there would stand."""
    return main_site(view, (site for site in view.sites() if site.region == region))


def site_for(view: MarketView, kind: str, region: str, site: Site | None = None) -> Site | None:
    """The own site that a building joins: the one given, else one in its region; a developer's shell stands apart."""
    return None if kind == "leased" else site or own_site(view, region)


def main_site(view: MarketView, sites: Iterable[Site]) -> Site | None:
    """The site to build on: the largest campus, and where there is none the largest pool, which lies in many places."""
    return max(sites, key=lambda site: (site.kind != "pool", site.energised_kw, tie(view, site.name)), default=None)


def building(
    view: MarketView, region: str, kind: NewSiteKind, kw: float, *, on_site: bool, is_firm: bool = True
) -> Command:
    """The command by which the org would build in a region: at its own site there, else a new one."""
    own = site_for(view, kind, region)
    power = max(1, math.ceil(kw))
    if own is None:
        return PlanSite(
            actor=view.me, because=view.me, region=region, kind=kind, power_kw_it=power, on_site_power=on_site,
            is_firm=is_firm,
        )  # fmt: skip
    return StartBuilding(
        actor=view.me, because=view.me, site=own.name, kind=kind, power_kw_it=power, on_site_power=on_site,
        is_firm=is_firm,
    )  # fmt: skip


def to_build(
    view: MarketView, region: str, kind: NewSiteKind, kw: float, *, on_site: bool, is_firm: bool = True
) -> Permission:
    """What policies say of a building of the org in a region."""
    if not view.is_regulated:
        return GIVEN
    return view.may(building(view, region, kind, kw, on_site=on_site, is_firm=is_firm))


def is_to_be_sought(view: MarketView, building_id: str) -> bool:
    """Whether the org asks for a permit of own plant: where it is of use, and once a quarter to be told no."""
    return is_permit_open(view, building_id) or _asks_again(view)


def is_permit_open(view: MarketView, building_id: str) -> bool:
    """Whether policies leave it to the authority to permit own plant."""
    return _may(view, lambda: RenewPermit(actor=view.me, because=building_id, building_id=building_id)).is_worth_asking


def open_regions(view: MarketView, regions: Sequence[str], kw: float) -> list[str]:
    """Regions in which the org may build so much on the grid, or can ask for a licence to."""
    if not view.is_regulated:
        return list(regions)
    return [r for r in regions if to_build(view, r, "greenfield", kw, on_site=False).is_worth_asking]


def building_levy_usd(
    view: MarketView, region: str, size: tuple[float, float], *, on_site: bool, is_firm: bool = True
) -> float:
    """Fees less credits on a building, and what idles in its hours of curtailment, USD; `size` : kW, and its bill."""
    (kw, usd), lost = size, view.curtailed_share(region, is_firm)
    if not view.is_regulated and not lost:
        return 0.0
    case = {"region": region, "power_kw_it": kw, "on_site_power": on_site, "is_firm": is_firm, "amount_usd": usd}
    if not lost:
        return view.levy("BuildingStarted", case)
    h100, shell = view.chip("H100"), kw * view.param("build.shell_usd_per_kw")
    return view.levy("BuildingStarted", case) + lost * (shell + kw * h100.price_usd_per_gpu / h100.power_kw_it_per_gpu)


# --- renting


def accepting(view: MarketView, quote: Quote) -> Permission:
    """What policies say of taking a quote."""
    return _may(view, lambda: AcceptQuote(actor=view.me, because=quote.quote_id, quote_id=quote.quote_id))


def rent_levy(view: MarketView, duration_days: int, lessor: str = "", usd: float = 1.0) -> float:
    """Part of the rent of a lease that the org pays on top in levies, less subsidies: at once, and as rent falls due.

    A public buyer with a budget for a year pays a part of all rents of it: the more the org rents, the smaller a part.

    usd : whole rent of the lease, where it is known
    """
    if not view.is_regulated:
        return 0.0
    case = {"amount_usd": usd, "duration_days": duration_days, "kind": "serving"}
    other = {"counterparty": lessor, "lessor": lessor} if lessor else {}
    yearly = max(1.0, YEAR_MONTHS * view.monthly_rent_cents() / CENTS)
    due = {"amount_usd": yearly, "kind": "rent"}
    in_a_year = view.day + 7 * YEAR_WEEKS  # its purse is full
    later = view.levy("PaymentMade", due | other, in_a_year) / yearly
    return view.levy("LeaseSigned", case | other) / usd + later


def quote_levy(view: MarketView, quote: Quote) -> float:
    """The same for what a quote offers."""
    usd = quote.gpus * quote.price_usd_per_gpu_hour * HOURS_PER_DAY * quote.duration_days
    return rent_levy(view, quote.duration_days, quote.lessor, max(1.0, usd))


# --- training


class Size(NamedTuple):
    """A size of a run: its FLOP, days until it may begin, and what policies charge for it."""

    flop: float
    wait_days: float
    usd: float


def run_of(view: MarketView, machine: Machine, least_flop: float) -> StartTraining | None:
    """The run to start on a machine: whole, or just below what policies refuse, delay or charge for.

    The size with the most gain a day counts, log10(flop / best) / (days + wait + charges as days of the machine). None
    while a licence is waited for, and when no size that is allowed is a step beyond the best model.
    """
    whole = _run(view, machine, machine.flop)
    may = view.may(whole)
    if may.is_given and not may.usd:
        return whole
    sizes = [] if may.is_refused else [Size(machine.flop, may.wait_days, may.usd)]
    free = largest(lambda flop: _is_free(view.may(_run(view, machine, digits(flop)))), least_flop, machine.flop)
    if free is not None:
        sizes.append(Size(digits(free), 0.0, 0.0))  # as it is judged and logged: not rounded up to the threshold
    if not sizes:
        return whole if not may.is_worth_asking and _asks_again(view) else None
    best = max(sizes, key=lambda size: _gain_per_day(view, machine, size))
    if best.flop == machine.flop:
        return whole if may.is_given or may.is_worth_asking else None
    left = kept_from(f"{machine.flop:.3g} FLOP", may)
    return replace(_run(view, machine, best.flop), why=Choice("run", Terms(f"{best.flop:.9g} FLOP"), (left,)))


def _asks_again(view: MarketView) -> bool:
    """Whether a refused org asks all the same this week, once a quarter, so that the log says that it is refused."""
    return view.week % 13 == 0


def _run(view: MarketView, machine: Machine, flop: float) -> StartTraining:
    because = view.lab.best_model if view.lab is not None and view.lab.best_model else view.me
    return StartTraining(
        actor=view.me, because=because, site=machine.site, chip=machine.chip, gpus=machine.gpus, flop=flop
    )


def _is_free(may: Permission) -> bool:
    return may.is_given and not may.usd


def _gain_per_day(view: MarketView, machine: Machine, size: Size) -> float:
    days = view.param("labs.run_days")
    hour_usd = machine.gpus * view.chip(machine.chip).h100e * view.price
    charged = size.usd / (hour_usd * HOURS_PER_DAY)
    best = view.lab.best_flop if view.lab is not None else 0.0
    return math.log10(size.flop / max(best, view.param("labs.first_run_flop") / 10)) / (days + size.wait_days + charged)


def largest(allowed: Callable[[float], bool], low: float, high: float) -> float | None:
    """The largest number between two that is allowed, where all below a threshold are; None when the low is not."""
    if low > high or not allowed(low):
        return None
    if allowed(high):
        return high
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


# --- money


def funding(view: MarketView, investor: str, books: Round, kind: StakeKind) -> Permission:
    """What policies say of an investor that would lead a round."""
    cents = max(1, books.sought_cents)
    worth = round(cents / view.param("finance.round_share"))  # the valuation of the books is not known to every reader
    return _may(view, lambda: FundRound(
        actor=investor, because=books.org, org=books.org, amount_usd_cents=cents, valuation_usd_cents=worth, kind=kind
    ))  # fmt: skip


def may_fund(view: MarketView, investor: str, books: Round, kind: StakeKind) -> bool:
    """Whether policies let an investor lead a round."""
    return funding(view, investor, books, kind).is_worth_asking
