"""How orgs build and buy for what they have signed or hold: contracts as lessors, chips that have no power."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from agents import execution, means, options, permission
from agents.amounts import fleet, urgency
from agents.buyers import NODE_GPUS
from agents.decision import Way, decide
from agents.resources import installed_kw, lacking, payable_usd, room_kw, running_kw
from agents.valuation import once, tie, ties
from events.commands import Command
from events.commands.chips import PlaceOrder
from market.units import CENTS
from market.view import Chip, Contract, MarketView, Site


def power_chips(view: MarketView) -> Iterator[Command]:
    """Start a building for chips that wait for power which neither stands nor is under way, where the org is largest.

    In the region of its largest site, on whose power the decision says; no more than cash pays in full beside a year of
    other costs.
    """
    p, sites, chip = view.param, view.sites(), means.best_chip(view)
    ready = running_kw(view) + sum(b.power_kw for b in view.buildings())
    spare = view.cash_cents / CENTS - means.other_burn_usd(view) - means.kept_for_contracts_usd(view)
    cash_kw = max(0.0, spare) / p("build.shell_usd_per_kw")
    kw = int(min(view.pending_kw() + installed_kw(view) - ready, cash_kw, p("sites.building_kw_max")))
    site = permission.main_site(view, sites)
    if kw < p("sites.building_kw_min") or chip is None or site is None:
        return
    h100e, keen = means.h100e_of_kw(chip, kw), view.trait("wait_weight", p("choice.wait_weight_default"))
    wanted = replace(fleet(view, h100e, 0.0, keen), chips_wait=True)
    ways = options.every_build(view, wanted, view.day, region=site.region)
    ways = [way for way in ways if way.way == Way.BROWNFIELD]
    found = decide(wanted, ways, means.weights(view), tie=ties(view))
    best = found.best
    if best is not None:
        yield execution.begin(view, best.option, kw, site.name, found.choice("building", best))


def fulfil(view: MarketView, commands: Iterable[Command] = ()) -> Iterator[Command]:
    """Order chips and start buildings for contracts that chips, power and sites under way do not cover.

    `commands` : what the org does this week besides: chips ordered by it have taken their money and power already.
    """
    signed = sorted([c for c in view.contracts() if c.lessor == view.me and c.undrawn], key=_by_day)
    if signed:
        short, room = Short(view), rooms_kw(view)
        placed = [command for command in commands if isinstance(command, PlaceOrder)]
        for contract in signed:
            order = order_for(view, contract, short, placed)
            if order is not None:
                placed.append(order)
                yield order
            yield from build_for(view, contract, room)


class Short(dict[str, int]):
    """GPUs by chip that contracts lack, looked up when the first contract is due; counted down as they are ordered."""

    def __init__(self, view: MarketView) -> None:
        super().__init__()
        self._view = view

    def __missing__(self, chip: str) -> int:
        found = self[chip] = lacking(self._view)[chip].contracts
        return found


def _by_day(contract: Contract) -> tuple[int, str]:
    return contract.start_day, contract.contract_id


def order_for(
    view: MarketView, contract: Contract, short: dict[str, int], placed: Sequence[PlaceOrder]
) -> PlaceOrder | None:
    """Order what the chips of a contract lack when their lead time says that it is time; `short` is counted down.

    No more than what money and power beside the orders already `placed` this week carry. There is nothing to compare:
    the chip was chosen when the contract was signed, and a substitute for it costs more and earns the same.
    """
    chip = view.chip(contract.chip)
    soon = contract.start_day - view.day <= 7 * means.chip_weeks(view, chip) + view.param("contracts.early_days")
    missing = min(contract.undrawn, short[chip.name]) if soon else 0
    if missing < NODE_GPUS or chip.retired or not view.may_buy(chip.name):
        return None
    weeks = (contract.start_day - view.day) / 7 + means.SLIP_WEEKS  # its buildings are begun for it: all of them count
    kw, usd = taken(view, placed)
    missing = min(missing, int(max(0.0, payable_usd(view) - usd) / gear_usd(view, chip)))
    if missing >= NODE_GPUS:
        missing = min(missing, int(max(0.0, room_kw(view, weeks, trust=1.0) - kw) / chip.power_kw_it_per_gpu))
    missing = permission.order_size(view, chip.name, missing)[0] if missing >= NODE_GPUS else 0
    if missing < NODE_GPUS or chip.start_day - view.day > view.param("orders.ahead_days"):
        return None
    short[chip.name] -= missing
    return PlaceOrder(actor=view.me, because=contract.contract_id, chip=chip.name, gpus=missing)


def taken(view: MarketView, placed: Iterable[PlaceOrder]) -> tuple[float, float]:
    """Power that orders will draw, kW, and what they will cost, USD."""
    orders = [(order.gpus, view.chip(order.chip)) for order in placed]
    kw = math.fsum(gpus * chip.power_kw_it_per_gpu for gpus, chip in orders)
    return kw, math.fsum(gpus * gear_usd(view, chip) for gpus, chip in orders)


def gear_usd(view: MarketView, chip: Chip) -> float:
    """Price of a GPU with its part of a server."""
    return chip.price_usd_per_gpu * (1 + view.param("shipping.server_cost_share"))


def rooms_kw(view: MarketView) -> dict[str, float]:
    """Power that is free or under way at each own site beside what leases and quotes will take."""
    room = {site.name: site.spare_w / 1000 - view.promised_kw(site.name) for site in view.sites()}
    for building in view.buildings():
        room[building.site] += building.power_kw
    return room


@once
def own_sites(view: MarketView) -> dict[tuple[str, str], list[Site]]:
    """Own sites by name and no region, and those of a region by no name and that."""
    found = {(site.name, ""): [site] for site in view.sites()}
    for site in view.sites():
        found.setdefault(("", site.region), []).append(site)
    return found


def taken_kw(room: dict[str, float], sites: Iterable[Site], kw: float) -> float:
    """Take so much power of what sites have left, in their order, which is counted down; give back what they lack."""
    for site in sites:
        part = min(kw, max(0.0, room[site.name]))
        room[site.name] -= part
        kw -= part
    return kw


def build_for(view: MarketView, contract: Contract, room: dict[str, float]) -> Iterator[Command]:
    """Begin what the place of a contract lacks, where and on whose power the one decision says.

    At its site, without one in its region, where the site with most power left serves it first. Of waits only what
    comes after its first day counts; where power comes later than anybody builds for, it is built for all the same.
    """
    at, p, chip = contract.site, view.param, view.chip(contract.chip)
    sites = own_sites(view).get((at, "" if at else contract.region), ())
    sites = sorted(sites, key=lambda site: (-room[site.name], tie(view, site.name)))
    lack = math.ceil(taken_kw(room, sites, math.ceil(contract.undrawn * chip.power_kw_it_per_gpu)))
    if lack < p("sites.building_kw_min"):
        return
    site, weeks = permission.main_site(view, sites), max(0.0, (contract.start_day - view.day) / 7)
    kw, region = min(lack, round(p("sites.building_kw_max"))), site.region if site else contract.region
    wanted = replace(fleet(view, means.h100e_of_kw(chip, kw), weeks, urgency(view)), chip=chip.name)
    ways = options.every_build(view, wanted, view.day, region=region)
    ways = [way for way in ways if not (at and way.way == Way.LEASED_SHELL)]  # that would stand apart from its site
    late = [replace(way, wait_weeks=max(0.0, way.wait_weeks - weeks)) for way in ways]
    found = decide(wanted, late, means.weights(view), tie=ties(view))
    slow = next((scored for scored in found.ranked if scored.option.failed == ("power",)), None)
    best = found.best or slow
    if best is not None:
        why = found.choice("building", best)
        yield execution.begin(view, best.option, kw, contract.contract_id, why, site=site)
