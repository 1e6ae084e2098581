"""Bounds, days and defaults at which rules turn: the least that counts, the day that still does, what none comes to."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, LAB, RESELLER, SITE, START, SUPPLIER, given
from msgspec.structs import replace
from test_equations_of_the_market import works
from test_papers_in_numbers import letter

from events.commands.leases import RequestLease
from events.types.demand import UseMeasured
from market.rules import chips, finance, index, inputs, leases, letters, permits
from market.state.demand import TAIL


def asking(**changed):
    values = {
        "lessor": CLOUD, "h100e": 100.0, "due_day": START + 60, "duration_days": 364, "kind": "serving",
        "price_usd_per_h100e_hour": 3.0, "region": "", "chip": "",
    }  # fmt: skip
    (event,) = leases.request_lease(given().state, RequestLease(actor=LAB, because=LAB, **{**values, **changed}), START)
    return getattr(event, "reason", None)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({}, None), ({"h100e": 0.5}, None), ({"h100e": 0.0}, "nothing asked"), ({"h100e": math.inf}, "nothing asked"),
     ({"duration_days": 1}, None), ({"duration_days": 0}, "nothing asked"),
     ({"price_usd_per_h100e_hour": 0.5}, None), ({"price_usd_per_h100e_hour": 0.0}, "no price"),
     ({"price_usd_per_h100e_hour": math.inf}, "no price"), ({"region": "none"}, "unknown region or chip"),
     ({"chip": "none"}, "unknown region or chip"), ({"region": "texas", "chip": "H100"}, None),
     ({"lessor": LAB}, "unknown lessor"), ({"lessor": SUPPLIER}, "unknown lessor"), ({"lessor": RESELLER}, None)],
)  # fmt: skip
def test_a_request_asks_for_something_at_a_price_of_who_could_have_it(changed, reason):
    assert asking(**changed) == reason


def test_other_business_is_paid_as_it_has_grown_by_the_end_of_the_week():
    world = given(orgs__cloud__income_usd_per_year=365e6, orgs__cloud__income_growth=2.0)
    world.state.run.week = 51
    paid = {(kind, name): cents for _, _, cents, kind, name in finance._operations(world.state)}
    grown = math.exp(2.0 * 52 * 7 / 365.25)
    assert paid["other business", CLOUD] == pytest.approx(28 * 10**8 * grown, rel=1e-9)


def test_own_users_are_paid_for_as_they_are_by_the_end_of_the_week():
    world = given(orgs__cloud__own_use_start_usd_per_year=1e7, finance__own_use_growth_per_year=0.9)
    world.state.run.week = 51
    paid = {(kind, name): cents for _, _, cents, kind, name in finance._operations(world.state)}
    served = finance.own_users_usd_per_year(world.state, CLOUD, START + 7 * 52)
    assert paid["own users", CLOUD] == round(served * 28 / 365 * 100)


def test_the_tail_signs_for_no_more_than_is_free_however_much_it_wants():
    world = given(tail__contract_share=0.6).happened(
        UseMeasured(org=TAIL, usd_per_year=1e12, growth_per_year=0.0, h100e=1.0)
    )
    free = index.Capacity(world.state).total_free
    (signed,) = world.after(index.tail_contracts(world.state, START))
    assert signed.h100e == pytest.approx(free * 0.6 / 13)
    rented = world.after(index.on_demand(world.state, START))
    assert sum(event.gpus for event in rented) == pytest.approx(free, abs=len(rented))


def test_a_line_that_begins_on_the_first_day_has_made_its_rate_by_then():
    world = given()
    state = world.state
    state.run.parameters["chips.TPU v5p.gpus_per_week"] = 1_000.0
    tpu = state.chips.chips["TPU v5p"]
    tpu.start_day = START
    assert chips._own_line(state, tpu, START) == 1_000
    tpu.start_day = START + 1
    assert chips._own_line(state, tpu, START + 1) == round(1_000 * chips.ramp(state, tpu, START + 1))


def test_racks_are_added_from_the_first_of_several_chips_that_come_in_them():
    world = given(supply__racks_per_week=2.0, supply__racks_factor=1.0)
    gb200 = world.state.chips.chips["GB200"]
    later = "GB300" if inputs.is_rack_scale("GB300") else "GB200"
    world.state.chips.chips[later] = replace(gb200, name=later, start_day=START + 500)
    world.state.chips.chips["GB200"] = gb200
    assert inputs.rack_supply(world.state, START + 170) == pytest.approx(20.0)


@pytest.mark.parametrize(("per", "weeks"), [("week", 1.0), ("quarter", 13.0), ("year", 52.0), ("policy", 52.0)])
def test_a_quota_of_output_counts_the_weeks_of_its_period(per, weeks):
    state = given().state
    state.chips.chips["H100"].made_gpus = 10

    class Quota:
        share_of_output, of, limit = 1.0, "gpus", None

    Quota.per = per
    assert permits.limit_of(state, Quota, {"supplier": SUPPLIER}) == 10 * weeks


def test_new_land_is_asked_for_what_neither_stands_nor_is_built(monkeypatch):
    asked_kw = []
    monkeypatch.setattr(
        letters, "days_of_new", lambda state, region, kind, kw, on_site, day: asked_kw.append(kw) or 1.0
    )
    world = works(given(sites__greenfield_days=1.0), kw=700, due=START + 100)
    spare = world.state.sites.sites[SITE].spare_w / 1000
    each = min(c.power_kw_it_per_gpu / c.h100e for c in world.state.chips.chips.values()
               if c.in_volume and c.buyers == "all")  # fmt: skip
    assert letters.powered_share(world.state, letter(10_000.0), START) == 1.0
    assert asked_kw == [pytest.approx(10_000 * each - spare - 700)]


@pytest.mark.parametrize(("days", "whole"), [(700, True), (699, False)])
def test_new_land_counts_for_a_letter_with_the_usual_slip(days, whole):
    world = given(sites__greenfield_days=350.0, sites__slip_median=2.0, regions__texas__grid_mw_per_year=1e6)
    found = letters.powered_share(world.state, letter(10_000.0, START + days), START)
    assert (found == 1.0) is whole


def test_a_letter_that_standing_power_fulfils_needs_no_new_land():
    world = given(sites__greenfield_days=1.0, sites__slip_median=1.0, regions__texas__grid_mw_per_year=1e6)
    spare = world.state.sites.sites[SITE].spare_w / 1000
    each = min(c.power_kw_it_per_gpu / c.h100e for c in world.state.chips.chips.values()
               if c.in_volume and c.buyers == "all")  # fmt: skip
    assert letters.powered_share(world.state, letter(spare / each / 4), START) == pytest.approx(4.0)
    building = works(given(sites__greenfield_days=1e5), kw=700, due=START + 100)
    assert letters.powered_share(building.state, letter(spare / each), START) == pytest.approx((spare + 700) / spare)
