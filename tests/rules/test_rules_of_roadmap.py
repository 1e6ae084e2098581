"""Chips beyond the roadmap: announced in time, named after the last one, cheaper to buy, run and package."""

from __future__ import annotations

from given import START, SUPPLIER, given

from events.types import chips as events
from events.types.run import ParameterSet
from market.catalogue.tables import data_sheets
from market.rules import roadmap
from market.runs.summary import beyond_the_roadmap

CERTAIN = {"supply.cadence_sd": 0.0}


def announced(world, day):
    """Chips of the supplier that are announced on a day."""
    told = [h.event for h in roadmap.succeed(world.state, day) if h.actor == SUPPLIER]
    return [event for event in told if isinstance(event, events.ChipAnnounced)], told


def last_of(world):
    """The last chip on the supplier's roadmap."""
    return roadmap.newest(world.state)[SUPPLIER]


def test_what_follows_the_roadmap_is_announced_a_notice_ahead_and_once():
    world = given(**CERTAIN)
    last = last_of(world)
    planned = roadmap.planned_day(world.state, last)
    assert last.start_day < planned <= last.end_day
    notice = planned - round(world.state.run.parameters["supply.successor_notice_days"])
    assert announced(world, max(START, notice - 1))[0] == [] or notice <= START
    (follows,), told = announced(world, max(START, notice))
    assert (follows.start_day, follows.h100e, follows.kind) == (max(planned, START + 1), last.h100e, last.buyers)
    world.happened(*told)
    assert last_of(world).name == follows.chip == f"{last.name} successor 1"
    assert announced(world, max(START, notice))[0] == []


def test_a_successor_costs_less_money_power_and_packaging_for_as_much_throughput():
    world = given(**CERTAIN)
    last = last_of(world)
    (follows,), told = announced(world, roadmap.planned_day(world.state, last))
    assert follows.price_usd_per_gpu < last.price_usd_per_gpu
    assert follows.power_kw_it_per_gpu < last.power_kw_it_per_gpu
    slots = {e.parameter: e.value for e in told if isinstance(e, ParameterSet)}[f"chips.{follows.chip}.slots_per_gpu"]
    assert slots <= world.state.run.parameters[f"chips.{last.name}.slots_per_gpu"]


def test_no_generation_draws_less_than_the_watt_that_halls_count_by():
    world = given(**CERTAIN, supply__successor_power_factor=0.0)
    (follows,), _ = announced(world, roadmap.planned_day(world.state, last_of(world)))
    assert follows.power_kw_it_per_gpu == roadmap.WATT_KW


def test_generations_are_counted_from_the_last_of_the_roadmap_which_the_cluster_core_reads():
    assert roadmap.successor("Rubin") == "Rubin successor 1"
    assert roadmap.successor("Rubin successor 1") == "Rubin successor 2"
    assert roadmap.is_assumed("Rubin successor 2")
    assert not roadmap.is_assumed("Rubin")


def test_every_chip_that_ends_a_roadmap_is_read_by_the_cluster_core_under_its_successors_name():
    from market.cluster import chip

    for name in ("Rubin", "MI455X", "TPU v7", "Trainium3", "Ascend 910C"):
        assert chip(roadmap.successor(name)) == chip(name)


def test_the_first_chip_beyond_the_roadmap_is_told_in_a_line_of_a_terminal():
    world = given()
    assert beyond_the_roadmap(world.state) is None
    chip, names = world.state.chips.chips["H100"], [sheet["chip"] for sheet, _ in data_sheets()]
    for name in names:
        chip.name = roadmap.successor(name)
        assert chip.name in beyond_the_roadmap(world.state)
        assert len(f"market: {beyond_the_roadmap(world.state)}") <= 80
