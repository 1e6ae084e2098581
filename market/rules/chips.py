"""Rules of chips: who may order what, what the lines make, who gets it, when it runs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from events.commands import chips as commands
from events.facts import Fact
from events.facts import chips as facts
from events.facts.finance import PaymentMade
from market import rng
from market.clearing import water_fill
from market.rules.base import CENTS, MONTH_WEEKS, Deciders, Happening, clip, training_use, years
from market.state import State, next_id
from market.state.chips import Chip, Order

PACKAGER = "nvidia"  # the supplier whose chips share packaging slots


def may_buy(state: State, org: str, chip: Chip) -> str:
    """Say why an org may not buy a chip; empty when it may."""
    if org == chip.supplier:
        return "its own"
    home = state.run.orgs[org].country
    controlled = chip.buyers != "china" and state.run.orgs[chip.supplier].country != "CN"
    if home == "CN" and controlled and state.run.parameters["trade.export_controls"]:
        return "export control"
    if chip.buyers == "own" and state.run.orgs[chip.supplier].parent != org:
        return "not for sale"
    if chip.buyers == "china" and home != "CN":
        return "not for sale"
    return ""


def place_order(state: State, command: commands.PlaceOrder, day: int) -> list[Fact]:
    """Take an order into the backlog at today's list price."""
    chip = state.chips.chips.get(command.chip)
    reason = ""
    if chip is None:
        reason = "unknown chip"
    elif command.gpus < 1:
        reason = "nothing ordered"
    elif chip.retired:
        reason = "end of life"
    elif chip.start_day - day > state.run.parameters["orders.ahead_days"]:
        reason = "not yet on offer"
    else:
        reason = may_buy(state, command.actor, chip)
    if chip is None or reason:
        supplier = chip.supplier if chip else "world"
        return [facts.OrderRefused(command.actor, supplier, command.chip, command.gpus, reason)]
    order_id = next_id(state, command.actor, "order")
    price = chip.price_usd_per_gpu
    return [facts.OrderPlaced(order_id, command.actor, chip.supplier, command.chip, command.gpus, price)]


def cancel_order(state: State, command: commands.CancelOrder, day: int) -> list[Fact]:
    """Take GPUs out of an own open order."""
    order = state.chips.orders.get(command.order_id)
    if order is None or order.org != command.actor or command.gpus < 1:
        return [facts.OrderRefused(command.actor, "world", "", command.gpus, "no such open order")]
    gpus = min(command.gpus, order.gpus)
    return [facts.OrderCancelled(order.order_id, order.org, order.chip, gpus, "buyer")]


def list_price(state: State, command: commands.ListPrice, day: int) -> list[Fact]:
    """Set the price of an own chip."""
    chip = state.chips.chips.get(command.chip)
    if chip is None or chip.supplier != command.actor or not 0 < command.price_usd_per_gpu < math.inf:
        return [facts.OrderRefused(command.actor, command.actor, command.chip, 0, "not the actor's to price")]
    return [facts.PriceListed(chip.name, chip.supplier, round(command.price_usd_per_gpu, 2))]


def expand_integration(state: State, command: commands.ExpandIntegration, day: int) -> list[Fact]:
    """Add rack integration capacity."""
    if "oem" not in state.run.orgs[command.actor].roles or command.gpus < 1:
        return [facts.OrderRefused(command.actor, command.actor, "", command.gpus, "no OEM")]
    return [facts.IntegrationExpanded(command.actor, command.gpus)]


def slip_days(state: State, chip: str) -> int:
    """How late a new chip's volume starts: normal, never earlier than a stated number of weeks."""
    p = state.run.parameters
    weeks = p["supply.slip_mean_weeks"] + p["supply.slip_sd_weeks"] * rng.normal(state.run.seed, "chip slip", chip)
    return round(7 * max(p["supply.slip_min_weeks"], weeks))


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Volume starts, slips, ends of life and deliveries between two days."""
    for chip in state.chips.chips.values():
        if not chip.in_volume and not chip.retired:
            yield from _volume(state, chip, first, last)
        if first <= chip.end_day <= last:
            yield Happening(chip.end_day, facts.ChipRetired(chip.name, chip.supplier), chip.supplier, chip.name)
    for shipment in state.chips.shipments.values():
        if shipment.due_day <= last:
            fact = facts.ShipmentDelivered(
                shipment.shipment_id, shipment.order_id, shipment.org, shipment.chip, shipment.gpus
            )
            yield Happening(max(first, shipment.due_day), fact, shipment.oem, shipment.shipment_id)


def _volume(state: State, chip: Chip, first: int, last: int) -> Iterator[Happening]:
    slip = 0 if chip.slipped else slip_days(state, chip.name)
    actual = chip.start_day + slip
    if slip > 0 and first <= chip.start_day <= last:
        fact = facts.VolumeSlipped(chip.name, chip.supplier, actual, slip, "yield")
        yield Happening(chip.start_day, fact, chip.supplier, chip.name)
    elif actual <= last and (slip <= 0 or chip.slipped):
        yield Happening(max(first, actual), facts.VolumeReached(chip.name, chip.supplier), chip.supplier, chip.name)


def end_of_life(state: State, day: int) -> Iterator[Happening]:
    """Cancel what is still open on retired chips."""
    for order in list(state.chips.orders.values()):
        if state.chips.chips[order.chip].retired:
            fact = facts.OrderCancelled(order.order_id, order.org, order.chip, order.gpus, "end of life")
            yield Happening(day, fact, order.supplier, order.chip)


def ramp(state: State, chip: Chip, day: int) -> float:
    """Share of a line that the newest chip has taken: logistic after its volume start, 0 before it."""
    if not chip.in_volume and day <= chip.start_day:
        return 0.0
    p = state.run.parameters
    weeks = (day - chip.start_day) / 7 - p["supply.ramp_lag_weeks"]
    return 1.0 / (1.0 + math.exp(-weeks / p["supply.ramp_width_weeks"]))


def expand_slots(state: State, day: int) -> Iterator[Happening]:
    """Grow packaging: a linear trend with a run-level error, plus a response to the lead time a year ago."""
    p, run = state.run.parameters, state.run
    slots = run.slots.get(PACKAGER, p["supply.slots_per_week"])
    past = state.chips.lead_times[0] if len(state.chips.lead_times) >= 53 else p["supply.lead_time_start_weeks"]
    trend = p["supply.slots_growth_per_year"] * (
        1 + p["supply.slots_growth_sd"] * rng.normal(run.seed, "slots growth", PACKAGER)
    )
    pull = clip(math.log(max(past, 1e-9) / p["supply.lead_time_reference_weeks"]), -1, 1)
    growth = max(0.0, trend + p["supply.slots_response"] * slots * pull)
    fact = facts.SlotsExpanded(PACKAGER, round(slots + growth * 4 * 7 / 365.25, 3))
    yield Happening(day, fact, PACKAGER, PACKAGER)


def outlook(state: State, day: int) -> dict[str, int]:
    """GPUs a week that suppliers' roadmaps promise for a day, by chip: what buyers are told they can get."""
    weights, slots = _slot_weights(state, day), _slots(state)
    found = {}
    for chip in state.chips.chips.values():
        if not chip.retired and chip.end_day > day:
            spare = max(0, chip.stock_gpus - chip.backlog_gpus)
            found[chip.name] = _line(state, chip, day, weights, slots) + round(spare / MONTH_WEEKS)
    return found


def _slots(state: State) -> float:
    p = state.run.parameters
    slots = state.run.slots.get(PACKAGER, p["supply.slots_per_week"])
    return slots * state.run.shocks.get("supply", 1.0) * p.get("supply.factor", 1.0)


def _line(state: State, chip: Chip, day: int, weights: dict[str, float], slots: float) -> int:
    """GPUs that a chip's line makes in a week."""
    per_gpu = state.run.parameters[f"chips.{chip.name}.slots_per_gpu"]
    return round(slots * weights.get(chip.name, 0.0) / per_gpu) if per_gpu > 0 else _own_line(state, chip, day)


def output(state: State, day: int) -> Iterator[Happening]:
    """Make a week's chips: packaging slots shared by generation, other lines by their own growth."""
    weights, slots = _slot_weights(state, day), _slots(state)
    for chip in state.chips.chips.values():
        if chip.retired or not chip.in_volume:
            continue
        gpus = _line(state, chip, day, weights, slots)
        most = state.run.parameters["supply.stock_weeks_max"] * gpus
        gpus = 0 if chip.stock_gpus > most else gpus
        lead = chip.backlog_gpus / gpus if gpus else 0.0
        fact = facts.OutputMade(chip.name, chip.supplier, gpus, chip.price_usd_per_gpu, round(lead, 6))
        yield Happening(day, fact, chip.supplier, chip.name)


def _slot_weights(state: State, day: int) -> dict[str, float]:
    """Share of slots by chip: each generation takes its ramp of what newer ones leave; a part is for China."""
    p = state.run.parameters
    slotted = [c for c in state.chips.chips.values() if p[f"chips.{c.name}.slots_per_gpu"] > 0 and not c.retired]
    slotted = [c for c in slotted if c.end_day > day]
    open_chips = sorted((c for c in slotted if c.buyers == "all"), key=lambda c: (-c.start_day, c.name))
    left, weights = 1.0, {}
    for chip in open_chips:
        oldest = chip is open_chips[-1]
        weights[chip.name] = left * (1.0 if oldest else ramp(state, chip, day))
        left -= weights[chip.name]
    for chip in (c for c in slotted if c.buyers == "china"):
        old = [c for c in open_chips if c.start_day <= state.run.start_day]
        taken = p["supply.china_share"] * sum(weights[c.name] for c in old)
        for other in old:
            weights[other.name] *= 1 - p["supply.china_share"]
        weights[chip.name] = taken
    return weights


def _own_line(state: State, chip: Chip, day: int) -> int:
    p = state.run.parameters
    rate = p[f"chips.{chip.name}.gpus_per_week"]
    grown: float = rate * (1 + p[f"chips.{chip.name}.growth_per_year"]) ** max(0.0, years(state, day))
    return round(grown * ramp(state, chip, day))


def convert(state: State, day: int) -> Iterator[Happening]:
    """Let buyers take what lies unsold instead of what they wait for: same supplier, same value, longest wait first."""
    p, chips = state.run.parameters, state.chips.chips
    numbers: dict[str, int] = {}
    left = {order.order_id: order.gpus for order in state.chips.orders.values()}
    for chip in chips.values():
        surplus = chip.stock_gpus - chip.backlog_gpus
        if surplus <= 0 or chip.retired or chip.buyers == "own":
            continue
        waiting = [o for o in state.chips.orders.values() if _would_take(state, o, chip, p)]
        waiting.sort(key=lambda o: (-chips[o.chip].lead_time_weeks, o.day, o.order_id))
        for order in waiting:
            ratio = order.price_usd_per_gpu / chip.price_usd_per_gpu
            given = min(left[order.order_id], int(surplus / ratio))
            taken = int(given * ratio)
            if given < 1 or taken < 1:
                continue
            surplus -= taken
            left[order.order_id] -= given
            yield Happening(
                day, facts.OrderCancelled(order.order_id, order.org, order.chip, given, f"takes {chip.name}"),
                order.org, order.order_id,
            )  # fmt: skip
            stem = f"{order.org}/order"
            numbers[stem] = numbers.get(stem, state.run.counters.get(stem, 0)) + 1
            placed = facts.OrderPlaced(
                f"{stem}/{numbers[stem]}", order.org, chip.supplier, chip.name, taken, chip.price_usd_per_gpu
            )
            yield Happening(day, placed, order.org, order.order_id)


def _would_take(state: State, order: Order, chip: Chip, p: dict[str, float]) -> bool:
    """Whether a buyer would rather have another chip now than its own later."""
    wanted = state.chips.chips[order.chip]
    if wanted is chip or order.supplier != chip.supplier or may_buy(state, order.org, chip):
        return False
    return not wanted.in_volume or wanted.lead_time_weeks > p["orders.lead_time_patience_weeks"]


def powered_share(state: State, org: str) -> float:
    """Part of what an org has ordered or waits for that its spare energised power could run, 0 to 1."""
    chips = state.chips.chips
    wanted = sum(o.gpus * chips[o.chip].power_kw_it_per_gpu for o in state.chips.orders.values() if o.org == org)
    wanted += sum(n * chips[c].power_kw_it_per_gpu for c, n in state.chips.warehouse.get(org, {}).items())
    spare = sum(s.spare_w for s in state.sites.sites.values() if s.owner == org) / 1000
    return clip(spare / wanted, 0.0, 1.0) if wanted > 0 else 1.0


def allocate(state: State, day: int) -> Iterator[Happening]:
    """Share each chip's stock among the orgs that wait for it; within an org the oldest order first."""
    p = state.run.parameters
    waiting: dict[str, dict[str, list[Order]]] = defaultdict(lambda: defaultdict(list))
    for order in state.chips.orders.values():
        waiting[order.chip][order.org].append(order)
    powered: dict[str, float] = {}
    for name in sorted(waiting):
        chip, by_org = state.chips.chips[name], waiting[name]
        orgs = sorted(by_org)
        needs = [sum(o.gpus for o in by_org[org]) for org in orgs]
        for org in orgs:
            if org not in powered:
                powered[org] = powered_share(state, org)
        weights = [
            need
            * (1 - p["allocation.powered_weight"] + p["allocation.powered_weight"] * powered[org])
            * (1 + p["allocation.prepaid_weight"] * p.get(f"orgs.{org}.prepaid_share", 0.0))
            for org, need in zip(orgs, needs, strict=True)
        ]
        for org, need, given in zip(orgs, needs, water_fill(chip.stock_gpus, needs, weights), strict=True):
            yield from _fill(by_org[org], given, given / need, day)


def _fill(orders: list[Order], given: int, share: float, day: int) -> Iterator[Happening]:
    for order in orders:
        gpus = min(order.gpus, given)
        if gpus == 0:
            return
        given -= gpus
        fact = facts.ChipsAllocated(
            order.order_id, order.org, order.supplier, order.chip, gpus, order.price_usd_per_gpu, round(share, 6)
        )
        yield Happening(day, fact, order.supplier, order.order_id)


def ship(state: State, allocated: list[facts.ChipsAllocated], day: int) -> Iterator[Happening]:
    """Rack and ship what was allocated, at the OEM with most room; pay supplier and OEM."""
    p = state.run.parameters
    load: dict[str, int] = dict.fromkeys(sorted(state.chips.integration_gpus_per_week), 0)
    for shipment in state.chips.shipments.values():
        load[shipment.oem] += shipment.gpus
    weeks = p["shipping.weeks"]
    shipped: dict[str, int] = defaultdict(int)
    bills: list[Happening] = []
    for fact in allocated:
        oem = min(load, key=lambda name: (load[name] / state.chips.integration_gpus_per_week[name], name))
        load[oem] += fact.gpus
        late = max(0.0, load[oem] / state.chips.integration_gpus_per_week[oem] - weeks)
        shipped[fact.org] += 1
        stem, _, number = next_id(state, fact.org, "shipment").rpartition("/")
        shipment_id = f"{stem}/{int(number) + shipped[fact.org] - 1}"
        sent = facts.ShipmentSent(
            shipment_id, fact.order_id, fact.org, oem, fact.chip, fact.gpus, day + round(7 * (weeks + late))
        )
        yield Happening(day, sent, oem, f"{fact.order_id}/sold")
        cents = round(fact.gpus * fact.price_usd_per_gpu * CENTS)
        bill = PaymentMade(fact.org, fact.supplier, cents, "chips", fact.order_id)
        bills.append(Happening(day, bill, fact.org, fact.order_id))
        if oem != fact.org:
            server = PaymentMade(fact.org, oem, round(cents * p["shipping.server_cost_share"]), "servers", shipment_id)
            bills.append(Happening(day, server, fact.org, shipment_id))
    yield from bills


def install(state: State, day: int) -> Iterator[Happening]:
    """Put waiting GPUs on spare energised power: first where leases are owed, then anywhere the org has power."""
    owed: dict[tuple[str, str, str], int] = defaultdict(int)
    for lease in state.leases.leases.values():
        if lease.parent_lease_id is None and lease.owed:
            owed[(lease.lessor, lease.chip, lease.site)] += lease.owed
    sites = defaultdict(list)
    for site in state.sites.sites.values():
        sites[site.owner].append(site)
    for org in sorted(state.chips.warehouse):
        spare = {site.name: site.spare_w for site in sites[org]}
        stays: list[tuple[str, int]] = []
        for chip, waiting in sorted(state.chips.warehouse[org].items()):
            left, watts = waiting, round(state.chips.chips[chip].power_kw_it_per_gpu * 1000)
            for name in sorted(spare, key=lambda s: (-owed[(org, chip, s)], s)):
                gpus = min(left, spare[name] // watts)
                if gpus:
                    left -= gpus
                    spare[name] -= gpus * watts
                    fact = facts.GpusInstalled(org, name, chip, gpus, -(-gpus * watts // 1000))
                    yield Happening(day, fact, org, f"{org}/delivered")
            if left:
                stays.append((chip, left))
        if stays and org not in state.chips.waiting:
            chip, left = max(stays, key=lambda item: (item[1], item[0]))
            yield Happening(day, facts.GpusWaitForPower(org, chip, left, "power"), "world", f"{org}/delivered")


def retire(state: State, day: int) -> Iterator[Happening]:
    """Take a quarter's wear out of each owned holding, as far as its GPUs are free."""
    rate = state.run.parameters["fleet.retire_per_year"] / 4
    for holding in list(state.chips.holdings.values()):
        free = min(holding.owned, holding.held - training_use(state, holding.org, holding.chip, holding.site))
        gpus = min(free, round(holding.owned * rate))
        if gpus > 0:
            watts = round(state.chips.chips[holding.chip].power_kw_it_per_gpu * 1000)
            fact = facts.GpusRetired(holding.org, holding.site, holding.chip, gpus, gpus * watts // 1000)
            yield Happening(day, fact, holding.org, holding.site)


DECIDE: Deciders = {
    commands.PlaceOrder: place_order,
    commands.CancelOrder: cancel_order,
    commands.ListPrice: list_price,
    commands.ExpandIntegration: expand_integration,
}
