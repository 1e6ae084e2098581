"""Rules of chips: who may order what, what the roadmap promises and what the lines make."""

from __future__ import annotations

import math
from collections.abc import Iterator

from events.commands import chips as commands
from events.kinds import OrderRefusal
from events.types import Event
from events.types import chips as events
from market import rng
from market.rules import inputs
from market.rules.base import Deciders, Happening, cash, years
from market.state import State, next_id
from market.state.chips import Chip
from market.units import MONTH_WEEKS, MONTH_YEARS, QUARTER_DAYS, QUARTER_WEEKS, clip, digits

PACKAGER = "nvidia"  # the supplier whose chips share packaging slots


def may_buy(state: State, org: str, chip: Chip) -> OrderRefusal | None:
    """Say why an org may not buy a chip; None when it may."""
    if org == chip.supplier:
        return "its own"
    home = state.run.orgs[org].country
    controlled = chip.buyers != "china" and state.run.orgs[chip.supplier].country != "CN"
    if home == "CN" and controlled and state.run.parameters["trade.export_controls"]:
        return "export control"
    if chip.buyers == "own" and not is_own(state, org, chip):
        return "not for sale"
    if chip.buyers == "china" and home != "CN":
        return "not for sale"
    return None


def is_own(state: State, org: str, chip: Chip) -> bool:
    """Whether a chip is made for an org's own group alone."""
    return chip.buyers == "own" and state.run.orgs[chip.supplier].parent == org


def place_order(state: State, command: commands.PlaceOrder, day: int) -> list[Event]:
    """Take an order into the backlog at today's list price."""
    chip = state.chips.chips.get(command.chip)
    reason: OrderRefusal | None
    if chip is None:
        reason = "unknown chip"
    elif command.gpus < 1:
        reason = "nothing ordered"
    elif chip.retired:
        reason = "end of life"
    elif cash(state, command.actor) < 0:
        reason = "no cash"
    elif chip.start_day - day > state.run.parameters["orders.ahead_days"]:
        reason = "not yet on offer"
    else:
        reason = may_buy(state, command.actor, chip)
    if reason is not None:
        supplier = chip.supplier if chip else "world"
        return [
            events.OrderRefused(
                org=command.actor, supplier=supplier, chip=command.chip, gpus=command.gpus, reason=reason
            )
        ]
    assert chip is not None
    return [
        events.OrderPlaced(
            order_id=next_id(state, command.actor, "order"),
            org=command.actor,
            supplier=chip.supplier,
            chip=command.chip,
            gpus=command.gpus,
            price_usd_per_gpu=chip.price_usd_per_gpu,
        )
    ]


def cancel_order(state: State, command: commands.CancelOrder, day: int) -> list[Event]:
    """Take GPUs out of an own open order."""
    order = state.chips.orders.get(command.order_id)
    if order is None or order.org != command.actor or command.gpus < 1:
        return [
            events.OrderRefused(
                org=command.actor, supplier="world", chip="", gpus=command.gpus, reason="no such open order"
            )
        ]
    gpus = min(command.gpus, order.gpus)
    return [events.OrderCancelled(order_id=order.order_id, org=order.org, chip=order.chip, gpus=gpus, reason="buyer")]


def list_price(state: State, command: commands.ListPrice, day: int) -> list[Event]:
    """Set the price of an own chip."""
    chip = state.chips.chips.get(command.chip)
    if chip is None or chip.supplier != command.actor or not 0 < command.price_usd_per_gpu < math.inf:
        return [
            events.OrderRefused(
                org=command.actor, supplier=command.actor, chip=command.chip, gpus=0, reason="not the actor's to price"
            )
        ]
    return [
        events.PriceListed(chip=chip.name, supplier=chip.supplier, price_usd_per_gpu=digits(command.price_usd_per_gpu))
    ]


def expand_integration(state: State, command: commands.ExpandIntegration, day: int) -> list[Event]:
    """Add rack integration capacity."""
    if "oem" not in state.run.orgs[command.actor].roles or command.gpus < 1:
        return [
            events.OrderRefused(org=command.actor, supplier=command.actor, chip="", gpus=command.gpus, reason="no OEM")
        ]
    return [events.IntegrationExpanded(org=command.actor, gpus=command.gpus)]


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
            yield Happening(
                chip.end_day, events.ChipRetired(chip=chip.name, supplier=chip.supplier), chip.supplier, chip.name
            )
    for shipment in state.chips.shipments.values():
        if shipment.due_day <= last:
            event = events.ShipmentDelivered(
                shipment_id=shipment.shipment_id,
                order_id=shipment.order_id,
                org=shipment.org,
                chip=shipment.chip,
                gpus=shipment.gpus,
            )
            yield Happening(max(first, shipment.due_day), event, shipment.oem, shipment.shipment_id)


def _volume(state: State, chip: Chip, first: int, last: int) -> Iterator[Happening]:
    slip = 0 if chip.slipped else slip_days(state, chip.name)
    actual = chip.start_day + slip
    if slip > 0 and first <= chip.start_day <= last:
        event = events.VolumeSlipped(
            chip=chip.name, supplier=chip.supplier, due_day=actual, duration_days=slip, reason="yield"
        )
        yield Happening(chip.start_day, event, chip.supplier, chip.name)
    elif actual <= last and (slip <= 0 or chip.slipped):
        yield Happening(
            max(first, actual), events.VolumeReached(chip=chip.name, supplier=chip.supplier), chip.supplier, chip.name
        )


def end_of_life(state: State, day: int) -> Iterator[Happening]:
    """Cancel what is still open on retired chips."""
    for order in list(state.chips.orders.values()):
        if state.chips.chips[order.chip].retired:
            event = events.OrderCancelled(
                order_id=order.order_id, org=order.org, chip=order.chip, gpus=order.gpus, reason="end of life"
            )
            yield Happening(day, event, order.supplier, order.chip)


def ramp(state: State, chip: Chip, day: int) -> float:
    """Share of a line that the newest chip has taken: logistic after its volume start, 0 before it."""
    if not chip.in_volume and day <= chip.start_day:
        return 0.0
    p = state.run.parameters
    weeks = (day - chip.start_day) / 7 - p["supply.ramp_lag_weeks"]
    return 1.0 / (1.0 + math.exp(-weeks / p["supply.ramp_width_weeks"]))


def expand_slots(state: State, day: int) -> Iterator[Happening]:
    """Grow packaging: a trend that slack slows, and an answer to the backlog of a year ago."""
    p, run = state.run.parameters, state.run
    slots = run.slots.get(PACKAGER, p["supply.slots_per_week"])
    past, now = state.chips.lead_times, last_lead_time(state)
    then = past[0] if len(past) >= 53 else p["supply.lead_time_start_weeks"]
    growth = p["supply.slots_growth_per_year"] * min(1.0, now / p["supply.lead_time_reference_weeks"])
    growth += p["supply.backlog_pull"] * slots * inputs.pull(state, then)
    event = events.SlotsExpanded(supplier=PACKAGER, value=round(slots + growth * MONTH_YEARS, 3))
    yield Happening(day, event, PACKAGER, PACKAGER)
    yield from inputs.expand(state, day, planned_lines(state, day + QUARTER_DAYS))


def last_lead_time(state: State) -> float:
    """Weeks of output in the backlog as they were told last, of the start before any were."""
    past = state.chips.lead_times
    return past[-1] if past else state.run.parameters["supply.lead_time_start_weeks"]


def outlook(state: State, day: int, ahead_years: float = 0.0) -> dict[str, int]:
    """GPUs a week that suppliers' roadmaps promise for a day, by chip: what buyers are told they can get.

    ahead_years : for which packaging grows by its plan until then; none for what can be ordered today
    """
    planned = ahead_years * state.run.parameters["supply.slots_growth_per_year"]
    lines = inputs.within(state, planned_lines(state, day, planned), day)
    found = {}
    for chip in state.chips.chips.values():
        if not chip.retired and chip.end_day > day:
            spare = max(0, chip.stock_gpus - chip.backlog_gpus)
            found[chip.name] = lines.get(chip.name, 0) + round(spare / MONTH_WEEKS)
    return found


def planned_lines(state: State, day: int, added_slots: float = 0.0) -> dict[str, int]:
    """GPUs a week of every chip on sale that day, were packaging, with what is added to it, the only input."""
    slots = state.run.slots.get(PACKAGER, state.run.parameters["supply.slots_per_week"]) + added_slots
    weights = _slot_weights(state, day, slots)
    return {
        chip.name: _line(state, chip, day, weights, slots)
        for chip in state.chips.chips.values()
        if not chip.retired and chip.end_day > day
    }


def _line(state: State, chip: Chip, day: int, weights: dict[str, float], slots: float) -> int:
    """GPUs that a chip's line makes in a week."""
    per_gpu = state.run.parameters[f"chips.{chip.name}.slots_per_gpu"]
    return round(slots * weights.get(chip.name, 0.0) / per_gpu) if per_gpu > 0 else _own_line(state, chip, day)


def output(state: State, day: int) -> Iterator[Happening]:
    """Make a week's chips: lines as planned, within packaging, memory and racks that all makers share."""
    wished: dict[str, int] = {}
    for name, gpus in planned_lines(state, day).items():
        chip = state.chips.chips[name]
        if chip.in_volume:
            full = chip.stock_gpus > state.run.parameters["supply.stock_weeks_max"] * gpus
            wished[name] = 0 if full else gpus
    made = inputs.within(state, wished, day)
    yield from inputs.binding(state, wished, day)
    for name in wished:
        chip, gpus = state.chips.chips[name], made[name]
        if gpus:
            lead = min(inputs.WAIT_WEEKS_MAX, chip.backlog_gpus / gpus)
        else:
            lead = inputs.WAIT_WEEKS_MAX if chip.backlog_gpus > chip.stock_gpus else 0.0
        event = events.OutputMade(
            chip=name,
            supplier=chip.supplier,
            gpus=gpus,
            price_usd_per_gpu=chip.price_usd_per_gpu,
            lead_time_weeks=round(lead, 6),
        )
        yield Happening(day, event, chip.supplier, name)


def _slot_weights(state: State, day: int, slots: float) -> dict[str, float]:
    """Share of slots by chip: each generation takes its ramp of what newer ones leave.

    Chips made for China keep what they had at the start: what comes to market elsewhere is no successor of theirs. They
    give way as what lies unsold of them nears a quarter's output.
    """
    p = state.run.parameters
    slotted = [c for c in state.chips.chips.values() if p[f"chips.{c.name}.slots_per_gpu"] > 0 and not c.retired]
    slotted = [c for c in slotted if c.end_day > day]
    open_chips = sorted((c for c in slotted if c.buyers == "all"), key=lambda c: (-c.start_day, c.name))
    left, weights = 1.0, {}
    for chip in open_chips:
        oldest = chip is open_chips[-1]
        weights[chip.name] = left * (1.0 if oldest else ramp(state, chip, day))
        left -= weights[chip.name]
    china = [c for c in slotted if c.buyers == "china" and c.start_day <= day]
    share = p["supply.china_share"] * min(1.0, p["supply.slots_per_week"] / slots) if slots > 0 else 0.0
    kept = {c.name: share / len(china) * _sold_part(state, c, share / len(china) * slots) for c in china}
    left = 1 - math.fsum(kept.values())
    return {name: left * weight for name, weight in weights.items()} | kept


def _sold_part(state: State, chip: Chip, slots: float) -> float:
    """Part of a line of so many slots that is wanted: none once a quarter of its output lies unsold."""
    output = QUARTER_WEEKS * slots / state.run.parameters[f"chips.{chip.name}.slots_per_gpu"]
    return clip(1 - max(0, chip.stock_gpus - chip.backlog_gpus) / output, 0.0, 1.0) if output else 0.0


def _own_line(state: State, chip: Chip, day: int) -> int:
    """GPUs of a line of its own in a week: what it made at the start, or will at full rate where it began later."""
    p, start = state.run.parameters, state.run.start_day
    rate = p[f"chips.{chip.name}.gpus_per_week"]
    grown: float = rate * (1 + p[f"chips.{chip.name}.growth_per_year"]) ** max(0.0, years(state, day))
    return round(grown * ramp(state, chip, day) / (ramp(state, chip, start) if chip.start_day <= start else 1.0))


DECIDE: Deciders = {
    commands.PlaceOrder: place_order,
    commands.CancelOrder: cancel_order,
    commands.ListPrice: list_price,
    commands.ExpandIntegration: expand_integration,
}
