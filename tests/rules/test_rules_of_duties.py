"""Duties of a region's loads: curtailment that lengthens runs there only, and power paid for whether used or not."""

from __future__ import annotations

import pytest
from given import CLOUD, FIELD, LAB, SITE, START, given
from test_permits_of_own_plant import in_use, on

from events.commands.training import StartTraining
from events.types import sites as events
from events.types.training import TrainingReplanned, TrainingStarted
from market.rules import duties, finance
from market.rules.cases import completed

HOURS = "regions.texas.curtailment_hours_per_year"


def training_world(hours):
    world = given(**{HOURS.replace(".", "__"): hours})
    (run,) = world.when(StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=4_000, flop=1e24))
    assert isinstance(run, TrainingStarted)
    return world, run


def year_of(world):
    """A year of monthly curtailments, each applied before the next."""
    told = []
    for week in range(3, 52, 4):
        world.state.run.week = week - 1
        told += [happening.event for happening in duties.curtail(world.state, START + 7 * week + 6)]
        world.happened(*[event for event in told[-3:] if isinstance(event, TrainingReplanned)])
    return told


def test_runs_in_a_curtailed_region_end_later_by_the_hours_lost():
    world, run = training_world(175.0)
    told = year_of(world)
    late = [event for event in told if isinstance(event, TrainingReplanned)]
    assert late[-1].due_day - run.due_day == 175 // 24
    assert {event.reason for event in late} == {"curtailed"}
    cut = [event for event in told if isinstance(event, events.LoadCurtailed)]
    assert {event.region for event in cut} == {"texas"}
    assert cut[0].share == pytest.approx(175 / 8760)
    assert {(event.site, event.power_kw_it) for event in cut} == {
        (name, site.installed_w // 1000) for name, site in world.state.sites.sites.items() if site.region == "texas"
    }


def test_nothing_is_curtailed_where_nothing_is_owed():
    world, _ = training_world(0.0)
    assert year_of(world) == []
    assert duties.usable(world.state, {LAB: 5.0}) == {LAB: 5.0}


def test_curtailment_takes_its_part_of_what_serves():
    world, _ = training_world(876.0)
    chips = world.state.chips.chips
    held = sum(h.held * chips[h.chip].h100e for h in world.state.chips.holdings.values() if h.org == LAB)
    assert duties.usable(world.state, {LAB: held, CLOUD: 1e9, "rival": 0.0, "chinese-lab": 1e9})[LAB] == (
        pytest.approx(0.9 * held)
    )


def billed(world, installed_w):
    site = world.state.sites.sites[SITE]
    site.installed_w, site.energised_kw = installed_w, 10
    return duties.billed_w(world.state, site)


def test_a_minimum_take_bills_power_that_stands_idle():
    free, bound = given(), given(regions__texas__minimum_take_share=0.85)
    assert billed(free, 1000) == 1_000
    assert billed(bound, 1000) == 8_500
    assert billed(bound, 9900) == 9_900
    for world in (free, bound):
        site = world.state.sites.sites[SITE]
        site.installed_w, site.energised_kw = 1_000_000, 10_000

    def bill(world):
        rows = finance.monthly(world.state, START).columns
        paid = zip(rows["contract_id"], rows["kind"], rows["amount_usd_cents"], strict=True)
        return next(cents for contract, kind, cents in paid if (contract, kind) == (SITE, "energy"))

    assert bill(bound) == pytest.approx(8.5 * bill(free), rel=1e-6)


def test_hours_in_which_a_load_is_off_buy_no_energy_and_pay_no_levy_on_it():
    def drawn(**terms):
        world, _ = in_use(**terms)
        paid = {kind: cents for _, _, cents, kind, name in finance.energy(world.state) if name == FIELD}
        mwh = [completed(world.state, {"contract_id": FIELD, "kind": kind})["mwh"] for kind in ("energy", "fuel")]
        return [paid["energy"], paid["fuel"], *mwh]

    always, off = drawn(), {HOURS.replace(".", "__"): 876.0}
    assert drawn(**off) == pytest.approx([0.9 * x for x in always])
    take = {"regions__texas__minimum_take_share": 1.0}
    assert drawn(**off, **take)[0] == drawn(**take)[0], "a minimum take is due all the same"


@pytest.mark.parametrize("hours", [0.0, 876.0, 8760.0])
def test_of_the_power_that_plant_without_a_permit_leaves_the_hours_off_are_left_out_once(hours):
    world, permit = in_use(**{HOURS.replace(".", "__"): hours})
    site = world.state.sites.sites[FIELD]
    site.installed_w = 800 * site.energised_kw
    on(world, permit.end_day)
    lasting = 8760 * site.installed_w - duties.hours_off(world.state, site) * site.installed_w
    assert duties.billed_w(world.state, site) * 8760 == pytest.approx(lasting)
    assert duties.fuelled_w(world.state, site) == 0
