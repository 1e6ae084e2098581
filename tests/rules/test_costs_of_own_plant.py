"""Own plant costs its fuel and its running; the tariff of the grid, its minimum take and its levies are not of it."""

from __future__ import annotations

import pytest
from given import CLOUD, FIELD, LAB, SITE, START, given
from test_permits_of_own_plant import NAME, in_use, on, view_of

from agents import means, owning
from events.commands.sites import ConnectToGrid
from events.types import sites as events
from market.policies.load import load_policy
from market.rules import allocation, duties, energy, finance, levies, offers, prices, sites, spot, worth
from market.rules.cases import building_usd, completed, plant_usd_per_kw
from market.state.chips import Place

KINDS = ("energy", "fuel")


def bills(world):
    return {kind: cents for _, _, cents, kind, name in finance.energy(world.state) if name == FIELD}


def test_own_plant_burns_gas_and_pays_no_tariff():
    world, permit = in_use(power__plant_mmbtu_per_mwh=10.0, power__plant_running_usd_per_mwh=5.0)
    site, state = world.state.sites.sites[FIELD], world.state
    before = finance.energy(given().state)
    (whole,) = (cents for _, _, cents, kind, name in before if (name, kind) == (FIELD, "energy"))
    found = bills(world)
    assert site.plant_share == 0.5
    assert found["energy"] == pytest.approx(whole / 2, abs=1)
    assert found["fuel"] == pytest.approx(
        found["energy"] * (10 * 3 + 5) / energy.energy_usd_per_mwh(state, "texas"), abs=1
    )
    state.run.parameters["regions.texas.energy_usd_per_mwh"] *= 2
    assert bills(world)["fuel"] == found["fuel"], "a dearer grid is nothing to it"
    on(world, permit.end_day)
    assert (site.plant_share, site.plant_w) == (0.0, 0.0)
    assert "fuel" not in bills(world)


@pytest.mark.parametrize("kind", ["greenfield", "leased"])
@pytest.mark.parametrize("own", [True, False])
def test_a_building_costs_its_shell_unless_that_is_leased_and_its_plant_where_it_has_one(kind, own):
    state = given().state
    begun = events.BuildingStarted(
        building_id="b", site=FIELD, org=LAB, region="texas", kind=kind, on_site_power=own, power_kw_it=10,
        start_day=START, due_day=START + 100,
    )  # fmt: skip
    shell = state.run.parameters["build.shell_usd_per_kw"] if kind == "greenfield" else 0.0
    plant = plant_usd_per_kw(state) * state.run.parameters["regions.texas.pue"] if own else 0.0
    assert building_usd(state, begun) == pytest.approx(10 * (shell + plant))


def test_a_minimum_take_is_of_the_grids_power_and_not_of_own_plant():
    world, _ = in_use(regions__texas__minimum_take_share=0.8)
    site = world.state.sites.sites[FIELD]
    assert duties.billed_w(world.state, site) == pytest.approx(0.8 * 1000 * site.energised_kw / 2)


def test_a_site_with_own_plant_runs_at_the_cost_of_both():
    world, _ = in_use(power__plant_mmbtu_per_mwh=10.0, power__plant_running_usd_per_mwh=0.0)
    state = world.state
    state.run.parameters |= {"regions.texas.levy_usd_per_mwh": 8.0, "regions.texas.plant_levy_usd_per_mwh": 4.0}
    pue, grid = prices.energy_of(state, "texas")
    assert prices.energy_at(state, state.sites.sites[SITE]) == (pue, grid)
    assert prices.energy_at(state, state.sites.sites[FIELD]) == (pue, pytest.approx((grid + 30 + 4) / 2))


def test_gpus_at_own_plant_are_worth_and_kept_on_by_what_its_energy_costs():
    world, _ = in_use(power__plant_mmbtu_per_mwh=10.0, fleet__retire_per_year=0.0, estates__used_share=0.2)
    state = world.state
    before = worth.site_cents(state, state.sites.sites[FIELD], START), on_in_a_month(state)
    state.run.parameters["regions.texas.gas_usd_per_mmbtu"] *= 200
    assert worth.site_cents(state, state.sites.sites[FIELD], START) < before[0]
    assert on_in_a_month(state)[FIELD] < before[1][FIELD]
    assert on_in_a_month(state)[SITE] == before[1][SITE]
    at = {place: Place(CLOUD, "H100", place) for place in (SITE, FIELD)}
    there = spot.Class("texas", "H100", {}, dict.fromkeys(at.values(), 10))
    costs = {lot.site: lot.reserve_usd for lot in spot.spot_book(state, there, 0.0, START).lots}
    assert costs[spot.name(at[FIELD])] > costs[spot.name(at[SITE])]
    shells = {lot.site: lot.reserve_usd for lot in offers.shells(state, START).lots}
    assert shells[FIELD] > shells[SITE]
    alone = on_in_a_month(state)
    state.sites.sites[FIELD].name = "texas"
    assert on_in_a_month(state) == alone, "a site may be called as its region is"


def on_in_a_month(state):
    """Part of the GPUs of each site that stays on."""
    gone = allocation.retire(state, START)
    off = dict(zip(gone.columns["site"], gone.columns["gpus"], strict=True)) if gone else {}
    return {h.site: 1 - off.get(h.site, 0) / h.owned for h in state.chips.holdings.values() if h.owned}


def test_a_price_of_carbon_takes_from_the_grid_and_from_own_plant_by_what_each_emits():
    world, _ = in_use()
    state, priced = world.state, [load_policy("carbon-price:usd_per_mwh=10,plant_usd_per_mwh=30")]

    def owed(name, case):
        return levies.owed_usd(state, priced, name, case, START)

    found = {each.parameter: each.value for each in levies.in_force(state, owed, state.run.parameters)}
    assert found["regions.texas.levy_usd_per_mwh"] == 10.0
    assert found["regions.texas.plant_levy_usd_per_mwh"] == 30.0
    kw = sum(site.energised_kw for site in state.sites.sites.values())
    part = state.sites.sites[FIELD].plant_kw / kw
    assert found["levy.energy_usd_per_mwh"] == pytest.approx(10 + 20 * part)
    drawn = {kind: completed(state, {"org": LAB, "contract_id": FIELD, "kind": kind})["mwh"] for kind in KINDS}
    assert drawn["energy"] == drawn["fuel"] > 0, "half of the site each"


def test_building_with_own_plant_costs_its_fuel_in_place_of_the_tariff():
    world, _ = in_use(power__plant_mmbtu_per_mwh=8.0, power__plant_running_usd_per_mwh=6.0)
    view, h100 = view_of(world), view_of(world).chip("H100")
    assert view.plant_usd_per_mwh("texas") == 8 * 3 + 6
    grid, plant = (owning.upkeep_usd(view, h100, owning.Place("texas", part)) for part in (0.0, 1.0))
    both = owning.upkeep_usd(view, h100, owning.Place("texas", 0.25))
    assert plant.energy_usd / grid.energy_usd == pytest.approx(30 / view.energy_usd_per_mwh("texas"))
    assert both.energy_usd == pytest.approx(0.75 * grid.energy_usd + 0.25 * plant.energy_usd)


def test_the_grid_that_takes_over_is_paid_for_in_place_of_fuel():
    world, permit = in_use()
    on(world, permit.end_day)
    site = world.state.sites.sites[FIELD]
    world.when(ConnectToGrid(actor=LAB, because=NAME, building_id=NAME))
    kw = world.state.sites.permits[NAME].power_kw_it
    world.happened(events.GridConnected(building_id=NAME, site=FIELD, org=LAB, region="texas", power_kw_it=kw))
    assert (site.plant_kw, site.stopped_kw, site.grid_w) == (0, 0, site.installed_w)


def test_own_plant_is_paid_for_when_it_comes_into_use_at_the_price_that_its_builder_reckons_with():
    world = given()
    kw, of = 3_000, {"building_id": NAME, "site": FIELD, "org": LAB}
    world.happened(
        events.BuildingStarted(
            **of, region="texas", kind="brownfield", on_site_power=True, power_kw_it=kw, start_day=START, due_day=START
        ),
        events.ShellReady(**of, power_kw_it=kw),
        events.PowerGranted(**of, region="texas", kind="on-site", power_kw_it=kw, due_day=START),
    )
    view = view_of(world)
    with_plant, on_grid = (means.works_usd(view, means.Build("brownfield", "texas", x), kw) for x in (True, False))
    paid = {
        e.kind: e.amount_usd_cents
        for e in world.after(sites.energise(world.state, START))
        if hasattr(e, "amount_usd_cents")
    }
    assert paid["plant"] == pytest.approx(100 * (with_plant - on_grid), abs=1)
    assert paid["shell"] == pytest.approx(75 * on_grid, abs=1), "a quarter was its deposit"


def test_own_plant_makes_neither_energy_nor_capacity_dearer():
    terms = {"regions__texas__capacity_market": 1.0, "power__price_per_load": 0.5, "power__price_step": 0.0001}
    world, _ = in_use(**terms, power__capacity_reserve_mw=1_000)
    state, plain = world.state, given(**terms, power__capacity_reserve_mw=1_000)
    world.state.sites.tariffs.clear()
    for each in (world, plain):
        each.after(energy.tariffs(each.state, START))
        each.after(energy.auction(each.state, START))
    assert state.sites.tariffs == plain.state.sites.tariffs
    before = state.sites.sites[FIELD].plant_kw
    world.happened(
        events.BuildingStarted(
            building_id=f"{FIELD}/building/2", site=FIELD, org=LAB, region="texas", kind="brownfield",
            power_kw_it=500_000, on_site_power=True, start_day=START, due_day=START,
        ),
        events.PowerGranted(
            building_id=f"{FIELD}/building/2", site=FIELD, org=LAB, region="texas", kind="on-site", power_kw_it=500_000,
            due_day=START,
        ),
    )  # fmt: skip
    (cleared,), (as_before,) = (each.after(energy.auction(each.state, START + 28)) for each in (world, plain))
    assert cleared == as_before
    on_line = energy.grid_kw(state)
    world.happened(
        events.PowerEnergised(
            building_id=f"{FIELD}/building/2", site=FIELD, org=LAB, region="texas", kind="on-site", power_kw_it=500_000,
            power_kw_facility=650_000,
        )
    )  # fmt: skip
    assert (energy.grid_kw(state), state.sites.sites[FIELD].plant_kw) == (on_line, before + 500_000)
