"""How facts of chips change the state."""

from __future__ import annotations

from events.facts import chips as facts
from market.evolve.ids import count
from market.state import State
from market.state.chips import Chip, Holding, Order, Shipment, key


def holding(state: State, org: str, chip: str, site: str) -> Holding:
    """Find or open the holding of a chip at a site."""
    name = key(org, chip, site)
    found = state.chips.holdings.get(name)
    if found is None:
        found = state.chips.holdings[name] = Holding(org, chip, site)
    return found


def chip_announced(state: State, fact: facts.ChipAnnounced, day: int) -> None:
    state.chips.chips[fact.chip] = Chip(
        fact.chip, fact.supplier, fact.start_day, fact.end_day, fact.price_usd_per_gpu, fact.price_usd_per_gpu,
        fact.power_kw_it_per_gpu, fact.h100e, fact.kind,
    )  # fmt: skip


def volume_reached(state: State, fact: facts.VolumeReached, day: int) -> None:
    state.chips.chips[fact.chip].in_volume = True


def volume_slipped(state: State, fact: facts.VolumeSlipped, day: int) -> None:
    chip = state.chips.chips[fact.chip]
    chip.start_day, chip.slipped = fact.due_day, True


def chip_retired(state: State, fact: facts.ChipRetired, day: int) -> None:
    state.chips.chips[fact.chip].retired = True


def output_made(state: State, fact: facts.OutputMade, day: int) -> None:
    chip = state.chips.chips[fact.chip]
    chip.stock_gpus += fact.gpus
    chip.made_gpus = fact.gpus
    chip.lead_time_weeks = fact.lead_time_weeks


def slots_expanded(state: State, fact: facts.SlotsExpanded, day: int) -> None:
    state.run.slots[fact.supplier] = fact.value


def price_listed(state: State, fact: facts.PriceListed, day: int) -> None:
    state.chips.chips[fact.chip].price_usd_per_gpu = fact.price_usd_per_gpu


def integration_expanded(state: State, fact: facts.IntegrationExpanded, day: int) -> None:
    capacity = state.chips.integration_gpus_per_week
    capacity[fact.org] = capacity.get(fact.org, 0) + fact.gpus


def order_placed(state: State, fact: facts.OrderPlaced, day: int) -> None:
    count(state, fact.order_id)
    state.chips.orders[fact.order_id] = Order(
        fact.order_id, fact.org, fact.supplier, fact.chip, fact.gpus, fact.price_usd_per_gpu, day
    )
    state.chips.chips[fact.chip].backlog_gpus += fact.gpus


def _shrink(state: State, order_id: str, gpus: int) -> None:
    order = state.chips.orders[order_id]
    order.gpus -= gpus
    state.chips.chips[order.chip].backlog_gpus -= gpus
    if order.gpus == 0:
        del state.chips.orders[order_id]


def order_cancelled(state: State, fact: facts.OrderCancelled, day: int) -> None:
    _shrink(state, fact.order_id, fact.gpus)


def chips_allocated(state: State, fact: facts.ChipsAllocated, day: int) -> None:
    _shrink(state, fact.order_id, fact.gpus)
    state.chips.chips[fact.chip].stock_gpus -= fact.gpus


def shipment_sent(state: State, fact: facts.ShipmentSent, day: int) -> None:
    count(state, fact.shipment_id)
    state.chips.shipments[fact.shipment_id] = Shipment(
        fact.shipment_id, fact.order_id, fact.org, fact.counterparty, fact.chip, fact.gpus, fact.due_day
    )


def shipment_delivered(state: State, fact: facts.ShipmentDelivered, day: int) -> None:
    del state.chips.shipments[fact.shipment_id]
    store = state.chips.warehouse.setdefault(fact.org, {})
    store[fact.chip] = store.get(fact.chip, 0) + fact.gpus


def _install(state: State, fact: facts.FleetRegistered | facts.GpusInstalled) -> None:
    holding(state, fact.org, fact.chip, fact.site).owned += fact.gpus
    state.sites.sites[fact.site].installed_w += fact.gpus * watts(state, fact.chip)


def watts(state: State, chip: str) -> int:
    """IT power of one GPU with its share of server and network, in whole watts."""
    return round(state.chips.chips[chip].power_kw_it_per_gpu * 1000)


def fleet_registered(state: State, fact: facts.FleetRegistered, day: int) -> None:
    _install(state, fact)


def gpus_installed(state: State, fact: facts.GpusInstalled, day: int) -> None:
    _install(state, fact)
    store = state.chips.warehouse[fact.org]
    store[fact.chip] -= fact.gpus
    if store[fact.chip] == 0:
        del store[fact.chip]
    if not store:
        state.chips.waiting.pop(fact.org, None)


def gpus_wait_for_power(state: State, fact: facts.GpusWaitForPower, day: int) -> None:
    state.chips.waiting[fact.org] = True


def gpus_retired(state: State, fact: facts.GpusRetired, day: int) -> None:
    holding(state, fact.org, fact.chip, fact.site).owned -= fact.gpus
    state.sites.sites[fact.site].installed_w -= fact.gpus * watts(state, fact.chip)


APPLY = {
    facts.ChipAnnounced: chip_announced,
    facts.VolumeReached: volume_reached,
    facts.VolumeSlipped: volume_slipped,
    facts.ChipRetired: chip_retired,
    facts.OutputMade: output_made,
    facts.SlotsExpanded: slots_expanded,
    facts.PriceListed: price_listed,
    facts.IntegrationExpanded: integration_expanded,
    facts.OrderPlaced: order_placed,
    facts.OrderCancelled: order_cancelled,
    facts.ChipsAllocated: chips_allocated,
    facts.ShipmentSent: shipment_sent,
    facts.ShipmentDelivered: shipment_delivered,
    facts.FleetRegistered: fleet_registered,
    facts.GpusInstalled: gpus_installed,
    facts.GpusWaitForPower: gpus_wait_for_power,
    facts.GpusRetired: gpus_retired,
}
INERT = (facts.OrderRefused,)
