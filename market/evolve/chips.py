"""How events of chips change the state."""

from __future__ import annotations

from events.types import chips as events
from market.evolve.ids import count
from market.state import State
from market.state.chips import Chip, Holding, Order, Place, Shipment
from market.units import MONTH_WEEKS


def holding(state: State, org: str, chip: str, site: str) -> Holding:
    """Find or open the holding of a chip at a site."""
    name = Place(org, chip, site)
    found = state.chips.holdings.get(name)
    if found is None:
        found = state.chips.holdings[name] = Holding(org, chip, site)
        state.index.holdings.setdefault(org, {})[name] = None
    return found


def chip_announced(state: State, event: events.ChipAnnounced, day: int) -> None:
    state.chips.chips[event.chip] = Chip(
        event.chip, event.supplier, event.start_day, event.end_day, event.price_usd_per_gpu, event.price_usd_per_gpu,
        event.power_kw_it_per_gpu, event.h100e, event.kind,
    )  # fmt: skip


def volume_reached(state: State, event: events.VolumeReached, day: int) -> None:
    state.chips.chips[event.chip].in_volume = True


def volume_slipped(state: State, event: events.VolumeSlipped, day: int) -> None:
    chip = state.chips.chips[event.chip]
    chip.start_day, chip.slipped = event.due_day, True


def chip_retired(state: State, event: events.ChipRetired, day: int) -> None:
    state.chips.chips[event.chip].retired = True


def output_made(state: State, event: events.OutputMade, day: int) -> None:
    chip = state.chips.chips[event.chip]
    chip.stock_gpus += event.gpus
    chip.made_gpus = event.gpus
    chip.lead_time_weeks = event.lead_time_weeks


def slots_expanded(state: State, event: events.SlotsExpanded, day: int) -> None:
    state.run.slots[event.supplier] = event.value


def input_expanded(state: State, event: events.InputExpanded, day: int) -> None:
    state.chips.inputs[event.kind] = event.value
    if event.kind == "shells":  # a month's work; what was not used of the last one is gone
        month = MONTH_WEEKS * event.value * state.run.parameters["sites.shells_factor"]
        state.sites.shell_hands_kw = min(0.0, state.sites.shell_hands_kw) + month
    elif event.kind == "plant":  # a month's output; what nobody waits for has gone to others
        month = MONTH_WEEKS * event.value * state.run.parameters["sites.on_site_factor"]
        waiting = sum(b.power_kw for b in state.sites.buildings.values() if b.on_site and not b.granted)
        state.run.plant_kw = min(state.run.plant_kw, waiting) + month


def input_bound(state: State, event: events.InputBound, day: int) -> None:
    if event.kind == "shells":
        state.sites.shells_late[event.supplier] = event.share < 1
        return
    state.chips.binding[event.supplier] = event.kind
    state.chips.bound_share[event.supplier] = event.share


def price_listed(state: State, event: events.PriceListed, day: int) -> None:
    state.chips.chips[event.chip].price_usd_per_gpu = event.price_usd_per_gpu


def integration_expanded(state: State, event: events.IntegrationExpanded, day: int) -> None:
    capacity = state.chips.integration_gpus_per_week
    capacity[event.org] = capacity.get(event.org, 0) + event.gpus


def order_placed(state: State, event: events.OrderPlaced, day: int) -> None:
    count(state, event.order_id)
    state.chips.orders[event.order_id] = Order(
        event.order_id, event.org, event.supplier, event.chip, event.gpus, event.price_usd_per_gpu, day
    )
    state.chips.chips[event.chip].backlog_gpus += event.gpus


def _shrink(state: State, order_id: str, gpus: int) -> None:
    order = state.chips.orders[order_id]
    order.gpus -= gpus
    state.chips.chips[order.chip].backlog_gpus -= gpus
    if order.gpus == 0:
        del state.chips.orders[order_id]


def order_cancelled(state: State, event: events.OrderCancelled, day: int) -> None:
    _shrink(state, event.order_id, event.gpus)


def chips_allocated(state: State, event: events.ChipsAllocated, day: int) -> None:
    for warrant in state.finance.warrants.values():
        if (warrant.org, warrant.supplier) == (event.org, event.supplier):
            warrant.taken += event.gpus
    _shrink(state, event.order_id, event.gpus)
    state.chips.chips[event.chip].stock_gpus -= event.gpus


def shipment_sent(state: State, row: tuple[str, str, str, str, str, int, int], day: int) -> None:
    shipment_id, order_id, org, oem, chip, gpus, due_day = row
    count(state, shipment_id)
    state.chips.shipments[shipment_id] = Shipment(shipment_id, order_id, org, oem, chip, gpus, due_day)


def shipment_delivered(state: State, event: events.ShipmentDelivered, day: int) -> None:
    del state.chips.shipments[event.shipment_id]
    store = state.chips.warehouse.setdefault(event.org, {})
    store[event.chip] = store.get(event.chip, 0) + event.gpus
    state.chips.brought.setdefault(event.org, {})[event.chip] = event.shipment_id


def _install(state: State, event: events.FleetRegistered | events.GpusInstalled) -> None:
    holding(state, event.org, event.chip, event.site).owned += event.gpus
    state.sites.sites[event.site].installed_w += event.gpus * watts(state, event.chip)


def watts(state: State, chip: str) -> int:
    """IT power of one GPU with its share of server and network, in whole watts."""
    return round(state.chips.chips[chip].power_kw_it_per_gpu * 1000)


def fleet_registered(state: State, event: events.FleetRegistered, day: int) -> None:
    _install(state, event)


def gpus_installed(state: State, event: events.GpusInstalled, day: int) -> None:
    _install(state, event)
    store = state.chips.warehouse[event.org]
    store[event.chip] -= event.gpus
    if store[event.chip] == 0:
        del store[event.chip]
    if not store:
        state.chips.waiting.pop(event.org, None)


def gpus_wait_for_power(state: State, event: events.GpusWaitForPower, day: int) -> None:
    state.chips.waiting[event.org] = True


def gpus_retired(state: State, row: tuple[str, str, str, int, int], day: int) -> None:
    org, site, chip, gpus, _ = row
    holding(state, org, chip, site).owned -= gpus
    state.sites.sites[site].installed_w -= gpus * watts(state, chip)


ROWS = {events.ShipmentSent: shipment_sent, events.GpusRetired: gpus_retired}
APPLY = {
    events.ChipAnnounced: chip_announced,
    events.VolumeReached: volume_reached,
    events.VolumeSlipped: volume_slipped,
    events.ChipRetired: chip_retired,
    events.OutputMade: output_made,
    events.SlotsExpanded: slots_expanded,
    events.InputExpanded: input_expanded,
    events.InputBound: input_bound,
    events.PriceListed: price_listed,
    events.IntegrationExpanded: integration_expanded,
    events.OrderPlaced: order_placed,
    events.OrderCancelled: order_cancelled,
    events.ChipsAllocated: chips_allocated,
    events.ShipmentDelivered: shipment_delivered,
    events.FleetRegistered: fleet_registered,
    events.GpusInstalled: gpus_installed,
    events.GpusWaitForPower: gpus_wait_for_power,
}
INERT = (events.OrderRefused,)
