"""How orgs build and buy for what they have signed or hold: contracts as lessors, chips that have no power."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from agents import execution, means, options, permission
from agents.amounts import fleet
from agents.buyers import NODE_GPUS
from agents.decision import Way, decide
from agents.resources import installed_kw, lacking, payable_usd, room_kw
from events.commands import Command
from events.commands.chips import PlaceOrder
from events.commands.sites import PlanSite, StartBuilding
from events.kinds import NewSiteKind
from market.units import CENTS
from market.view import Contract, MarketView, Site


def power_chips(view: MarketView) -> Iterator[Command]:
    """Start a building for chips that wait for power which neither stands nor is under way, where the org is largest.

    In the region of its largest site, on whose power the decision says; no more than cash pays in full beside a year of
    other costs.
    """
    p, sites, chip = view.param, view.sites(), means.best_chip(view)
    ready = sum(site.energised_kw for site in sites) + sum(b.power_kw for b in view.buildings())
    spare = view.cash_cents / CENTS - means.other_burn_usd(view) - means.promised_usd(view)
    cash_kw = max(0.0, spare) / p("build.shell_usd_per_kw")
    kw = int(min(view.pending_kw() + installed_kw(view) - ready, cash_kw, p("sites.building_kw_max")))
    site = permission.main_site(sites)
    if kw < p("sites.building_kw_min") or chip is None or site is None:
        return
    h100e, keen = means.h100e_of_kw(chip, kw), p("choice.wait_weight_default")
    wanted = replace(fleet(view, h100e, 0.0, keen), chips_wait=True)
    ways = options.every_build(view, wanted, view.day)
    ways = [way for way in ways if way.way == Way.BROWNFIELD and way.region == site.region]
    found = decide(wanted, ways, means.weights(view))
    best = found.best_of(lambda option: option.way == Way.BROWNFIELD)
    if best is not None:
        yield execution.begin(view, best.option, kw, site.name, found.choice("building", best))


def fulfil(view: MarketView) -> Iterator[Command]:
    """Order chips and start buildings for contracts that chips, power and sites under way do not cover."""
    signed = sorted((c for c in view.contracts() if c.lessor == view.me and c.undrawn), key=_by_day)
    if signed:
        short = {chip: lack.contracts for chip, lack in lacking(view).items()}
        places = dict[tuple[str, str], Campus]()
        for contract in signed:
            at = contract.site, contract.region
            if at not in places:
                places[at] = campus(view, *at)
            yield from order_for(view, contract, short)
            yield from build_for(view, contract, places[at])


def _by_day(contract: Contract) -> tuple[int, str]:
    return contract.start_day, contract.contract_id


def order_for(view: MarketView, contract: Contract, short: dict[str, int]) -> Iterator[Command]:
    """Order what the chips of a contract lack when their lead time says that it is time; `short` is counted down."""
    chip = view.chip(contract.chip)
    missing = min(contract.undrawn, short[chip.name])
    soon = contract.start_day - view.day <= 7 * means.chip_weeks(view, chip) + view.param("contracts.early_days")
    if missing < NODE_GPUS or not soon or chip.retired or not view.may_buy(chip.name):
        return
    weeks = (contract.start_day - view.day) / 7 + means.SLIP_WEEKS  # its buildings are begun for it: all of them count
    missing = min(missing, int(max(0.0, room_kw(view, weeks, trust=1.0)) / chip.power_kw_it_per_gpu))
    bill = chip.price_usd_per_gpu * (1 + view.param("shipping.server_cost_share"))
    missing = min(missing, int(payable_usd(view) / bill))
    missing = permission.order_size(view, chip.name, missing)[0] if missing >= NODE_GPUS else 0
    if missing >= NODE_GPUS and chip.start_day - view.day <= view.param("orders.ahead_days"):
        short[chip.name] -= missing
        yield PlaceOrder(actor=view.me, because=contract.contract_id, chip=chip.name, gpus=missing)


class Campus(NamedTuple):
    """Own sites where a contract may be served, and the power that is free or under way there."""

    sites: tuple[Site, ...]
    room_kw: float


def campus(view: MarketView, name: str, region: str) -> Campus:
    """The site of a name, without one all of a region."""
    sites = tuple(site for site in view.sites() if site.name == name or (not name and site.region == region))
    names = {site.name for site in sites}
    room = sum(site.spare_w / 1000 - view.promised_kw(site.name) for site in sites)
    return Campus(sites, room + sum(b.power_kw for b in view.buildings() if b.site in names))


def build_for(view: MarketView, contract: Contract, there: Campus) -> Iterator[Command]:
    """Start what a contract's place lacks: another building at its site, or the site itself."""
    chip = view.chip(contract.chip)
    kw = math.ceil(contract.undrawn * chip.power_kw_it_per_gpu)
    missing = math.ceil(kw - max(0.0, there.room_kw))
    if missing < view.param("sites.building_kw_min"):
        return
    name, p = contract.contract_id, view.param
    if (site := permission.main_site(there.sites)) is not None:
        yield StartBuilding(
            actor=view.me, because=name, site=site.name, kind="next" if site.energised_kw else "greenfield",
            power_kw_it=min(missing, round(p("sites.building_kw_max"))),
        )  # fmt: skip
    elif contract.region in view.home_regions():
        is_soon = (contract.start_day - view.day) / 7 < means.shell_weeks(view, "greenfield")
        kind: NewSiteKind = "brownfield" if is_soon else "greenfield"
        yield PlanSite(actor=view.me, because=name, region=contract.region, kind=kind, power_kw_it=missing)
