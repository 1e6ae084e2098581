"""Rules of scarce chips: who gets them, how they are shipped, where they run, when they wear out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from events.types import Batch
from events.types import chips as events
from events.types.finance import PaymentMade
from market import rng
from market.rules import books, work
from market.rules.base import Happening, columns_of
from market.rules.chips import may_buy
from market.rules.demand import logistic
from market.rules.free import owed
from market.rules.inputs import WAIT_WEEKS_MAX
from market.rules.prices import energy_at, running_cost_there
from market.state import State
from market.state.chips import Order
from market.units import CENTS, MONTH_WEEKS, YEAR_MONTHS, digits


def convert(state: State, day: int) -> Iterator[Happening]:
    """Let buyers take what lies unsold instead of what they wait for: same supplier, same value, longest wait first."""
    p, chips = state.run.parameters, state.chips.chips
    numbers: dict[str, int] = {}
    left: dict[str, int] = {}  # of orders that were changed, as far as they are
    patience = p["orders.lead_time_patience_weeks"]
    late = [c for c in chips.values() if not c.in_volume or c.lead_time_weeks > patience]
    for chip in chips.values():
        surplus = chip.stock_gpus - chip.backlog_gpus
        if surplus <= 0 or chip.retired or chip.buyers == "own":
            continue
        others = {c.name for c in late if c.supplier == chip.supplier and c is not chip}
        waiting = [o for o in state.chips.orders.values() if o.chip in others and not may_buy(state, o.org, chip)]
        waiting.sort(key=lambda o: (-chips[o.chip].lead_time_weeks, o.day, o.order_id))
        for order in waiting:
            ratio = order.price_usd_per_gpu / chip.price_usd_per_gpu
            given = min(left.get(order.order_id, order.gpus), int(surplus / ratio))
            taken = int(given * ratio)
            if given < 1 or taken < 1:
                continue
            surplus -= taken
            left[order.order_id] = left.get(order.order_id, order.gpus) - given
            yield Happening(
                day,
                events.OrderCancelled(
                    order_id=order.order_id, org=order.org, chip=order.chip, gpus=given, reason="takes another chip"
                ),
                order.org,
                order.order_id,
            )
            stem = f"{order.org}/order"
            numbers[stem] = numbers.get(stem, state.run.counters.get(stem, 0)) + 1
            placed = events.OrderPlaced(
                order_id=f"{stem}/{numbers[stem]}",
                org=order.org,
                supplier=chip.supplier,
                chip=chip.name,
                gpus=taken,
                price_usd_per_gpu=chip.price_usd_per_gpu,
            )
            yield Happening(day, placed, order.org, order.order_id)


def allocate(state: State, day: int) -> Iterator[Happening]:
    """Share each chip's stock among the orgs that wait for it; within an org the oldest order first."""
    if not state.chips.integration_gpus_per_week:  # no org integrates what would be sold
        return
    waiting = books.Waiting(state, day)
    for name in sorted(waiting.by_chip):
        chip = state.chips.chips[name]
        book = books.chip_book(state, name, waiting)
        found = books.cleared(state, "chips", book)
        yield Happening(day, books.chips_cleared(chip, book, found), chip.supplier, name)
        is_priced = books.price_set(book, found) is not None
        for x in found.cleared.allotments:
            price = x.pays_usd / x.units if is_priced else None
            yield from _fill(waiting.by_chip[name][x.bid], x.units, price, day)


def _fill(orders: list[Order], given: int, price: float | None, day: int) -> Iterator[Happening]:
    """Give GPUs to an org's orders, at a price or at each order's own."""
    share = given / sum([order.gpus for order in orders])
    for order in orders:
        gpus = min(order.gpus, given)
        if gpus == 0:
            return
        given -= gpus
        event = events.ChipsAllocated(
            order_id=order.order_id,
            org=order.org,
            supplier=order.supplier,
            chip=order.chip,
            gpus=gpus,
            price_usd_per_gpu=order.price_usd_per_gpu if price is None else digits(price),
            share=round(share, 6),
        )
        yield Happening(day, event, order.supplier, order.order_id)


def ship(state: State, allocated: list[events.ChipsAllocated], day: int) -> Iterator[Batch]:
    """Rack and ship what was allocated, at the OEM with most room; pay supplier and OEM."""
    p = state.run.parameters
    rate = state.chips.integration_gpus_per_week
    turn = {oem: rng.uniform(state.run.seed, "oem turn", oem, day) for oem in rate}
    load: dict[str, int] = dict.fromkeys(sorted(rate, key=turn.__getitem__), 0)
    for shipment in state.chips.shipments.values():
        load[shipment.oem] += shipment.gpus
    full = {oem: gpus / rate[oem] for oem, gpus in load.items()}  # weeks of work
    weeks = p["shipping.weeks"]
    shipped: dict[str, int] = {}  # number of each org's latest
    sent: list[tuple[str, str, str, str, str, int, int]] = []
    bills: list[tuple[str, str, int, str, str]] = []
    for event in allocated:
        oem = min(full, key=full.__getitem__)  # of those as full, the first by the draw of the day
        load[oem] += event.gpus
        full[oem] = load[oem] / rate[oem]
        late = min(max(0.0, full[oem] - weeks), WAIT_WEEKS_MAX)
        stem = f"{event.org}/shipment"
        number = shipped[event.org] = shipped.get(event.org, state.run.counters.get(stem, 0)) + 1
        shipment_id = f"{stem}/{number}"
        due_day = day + round(7 * (weeks + late))
        sent.append((shipment_id, event.order_id, event.org, oem, event.chip, event.gpus, due_day))
        cents = round(event.gpus * event.price_usd_per_gpu * CENTS)
        bills.append((event.org, event.supplier, cents, "chips", event.order_id))
        if oem != event.org:
            server_cents = round(cents * p["shipping.server_cost_share"])
            bills.append((event.org, oem, server_cents, "servers", shipment_id))
    if sent:
        names = ("shipment_id", "order_id", "org", "counterparty", "chip", "gpus", "due_day")
        columns = columns_of(names, sent)
        causes = [f"{order_id}/sold" for order_id in columns["order_id"]]
        yield Batch(events.ShipmentSent, columns, columns["counterparty"], causes)
        columns = columns_of(("org", "counterparty", "amount_usd_cents", "kind", "contract_id"), bills)
        yield Batch(PaymentMade, columns, columns["org"], columns["contract_id"])


def install(state: State, day: int) -> Iterator[Happening]:
    """Put waiting GPUs on spare energised power: first where leases are owed, then where energy is cheapest.

    Where power is short, chips that do more work for it come first. What is equal in all that goes by a
    draw of the run.
    """
    chips, works = state.chips.chips, work.in_h100e(state, day)
    seed = state.run.seed
    rank = {n: (-works[n] / chip.power_kw_it_per_gpu, rng.uniform(seed, "rack turn", n)) for n, chip in chips.items()}
    sites = defaultdict(list)
    for site in state.sites.sites.values():
        sites[site.owner].append(site)
    for org in sorted(state.chips.warehouse):
        estate = state.finance.estates.get(org)
        if not state.chips.warehouse[org] or (estate is not None and estate.plan == "liquidation"):
            continue  # what waits in a liquidation is offered for sale
        spare = {site.name: site.spare_w for site in sites[org]}
        cost = {s.name: (math.prod(energy_at(state, s)), rng.uniform(seed, "rack turn", s.name)) for s in sites[org]}
        stays, brought = list[tuple[str, int]](), state.chips.brought.get(org, {})
        for chip, waiting in sorted(state.chips.warehouse[org].items(), key=lambda item: rank[item[0]]):
            left, watts = waiting, round(state.chips.chips[chip].power_kw_it_per_gpu * 1000)
            open_to = [site for site, power in spare.items() if power >= watts]
            for name in sorted(open_to, key=lambda s: (-owed(state, org, chip, s), cost[s])):
                gpus = min(left, spare[name] // watts)
                if gpus:
                    left -= gpus
                    spare[name] -= gpus * watts
                    event = events.GpusInstalled(
                        org=org, site=name, chip=chip, gpus=gpus, power_kw_it=-(-gpus * watts // 1000)
                    )
                    yield Happening(day, event, org, brought.get(chip, org))
            if left:
                stays.append((chip, left))
        if stays and org not in state.chips.waiting:
            chip, left = max(stays, key=lambda item: item[1])
            said = events.GpusWaitForPower(org=org, chip=chip, gpus=left, reason="power")
            yield Happening(day, said, "world", brought.get(chip, org))


def retire(state: State, day: int) -> Batch | None:
    """Take a month's wear out of each owned holding, and switch off what no longer earns its running cost."""
    wear = state.run.parameters["fleet.retire_per_year"] / YEAR_MONTHS
    idle: dict[tuple[str, str, str], float] = {}  # part of a class that leaves, by chip, region and site with own plant
    works = work.in_h100e(state, day)
    gone: list[tuple[str, str, str, int, int]] = []
    busy: dict[tuple[str, str, str], int] = defaultdict(int)
    for run in state.training.runs.values():
        busy[run.org, run.chip, run.site] += run.gpus
    for place, holding in state.chips.holdings.items():
        if not holding.owned:
            continue
        site = state.sites.sites[holding.site]
        kind = holding.chip, site.region, site.name if site.plant_share else ""
        if kind not in idle:
            cost = running_cost_there(state, state.chips.chips[holding.chip], site)
            idle[kind] = min(1.0, wear + idle_share(state, cost, works[holding.chip]))
        if (gpus := round(holding.owned * idle[kind])) <= 0:
            continue
        gpus = min(gpus, holding.owned, holding.held - busy.get(place, 0))
        if gpus > 0:
            watts = round(state.chips.chips[holding.chip].power_kw_it_per_gpu * 1000)
            gone.append((holding.org, holding.site, holding.chip, gpus, gpus * watts // 1000))
    if not gone:
        return None
    columns = columns_of(("org", "site", "chip", "gpus", "power_kw_it"), gone)
    return Batch(events.GpusRetired, columns, columns["org"], columns["site"])


def idle_share(state: State, cost: float, h100e: float) -> float:
    """Part of a class that owners switch off in a month: the more, the further its rent falls below running cost.

    cost : of running a GPU for an hour, USD
    h100e : work of a GPU, in H100e of mean work
    """
    p = state.run.parameters
    rent = state.demand.clearing_usd_per_h100e_hour * h100e
    weekly = p["retire.per_week_max"] * logistic((cost - rent) / (p["retire.width"] * cost))
    return 1 - (1 - weekly) ** MONTH_WEEKS if weekly > 1e-9 else 0.0
