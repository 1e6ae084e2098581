"""What orgs count on is there: plant without a permit stands still, a campus is one campus, what is coming covers."""

from __future__ import annotations

import pytest
from given import CLOUD, FUND, OEM, SITE, START, SUPPLIER, given, handed, lease
from test_how_agents_decide import of, view
from test_the_one_decision import asked
from test_what_is_asked_for_is_there import campus, contract

from agents import amounts, fulfilment, lessors, options, places, resources, rooms, shelf, siting
from agents.decision import Target
from agents.means import Build
from events.commands.chips import PlaceOrder
from events.commands.sites import PauseBuilding, StartBuilding
from events.types import chips as chip_events
from events.types import sites as site_events
from events.types.demand import UseMeasured
from events.types.finance import PaymentMade
from events.types.run import RegionRegistered
from market.rules import credit, duties, index
from market.state.leases import Signature

# --- power that may run


def own_plant(world, kw=10_000, site=SITE):
    """Own plant of so much at a site, in use."""
    name = f"{site}/building/1"
    return world.happened(
        site_events.BuildingStarted(
            building_id=name, site=site, org=CLOUD, region="texas", kind="brownfield", on_site_power=True,
            power_kw_it=kw, start_day=START, due_day=START,
        ),
        site_events.PlantPermitted(
            building_id=name, site=site, org=CLOUD, region="texas", kind="temporary", power_kw_it=kw, end_day=START
        ),
        site_events.PowerEnergised(
            building_id=name, site=site, org=CLOUD, region="texas", kind="on-site", power_kw_it=kw,
            power_kw_facility=kw,
        ),
    )  # fmt: skip


def stopped(world, kw=10_000, site=SITE):
    """The same without its permit."""
    told = {"site": site, "org": CLOUD, "region": "texas", "power_kw_it": kw}
    return world.happened(site_events.PlantStopped(building_id=f"{site}/building/1", **told))


READINGS = {
    "power reckoned with": lambda v: resources.trusted_kw(v, 0.0),
    "room for chips": lambda v: resources.room_kw(v, 0.0),
    "contracts that could be built for": lambda v: lessors.buildable_gpus(v, v.chip("H100")),
    "power over the gap": lambda v: -amounts.power_gap_kw(v),
    "power spoken for at home": lambda v: rooms.rooms(v)[0].free_kw,
}


@pytest.mark.parametrize("reading", READINGS)
def test_plant_that_stands_still_adds_no_more_than_if_it_were_not_there(reading):
    def world():
        users = UseMeasured(org=CLOUD, usd_per_year=1e9, growth_per_year=1.0, h100e=1.0)
        return given(regions__texas__grid_mw_per_year=1e6).happened(users)

    none, running, still = world(), own_plant(world()), stopped(own_plant(world()))
    found = [READINGS[reading](view(each, CLOUD)) for each in (none, running, still)]
    assert found[1] > found[0]
    assert found[2] == pytest.approx(found[0])


@pytest.mark.parametrize("make", [given, lambda: own_plant(given()), lambda: stopped(own_plant(given()))])
def test_the_part_of_its_power_that_an_org_uses_is_the_part_that_it_is_billed_for(make):
    world = make()
    site = world.state.sites.sites[SITE]
    billed_w = duties.billed_w(world.state, site) + site.plant_w
    assert view(world, CLOUD).used_share() == pytest.approx(billed_w / site.running_kw / 1000)


def test_work_is_not_paused_for_plant_that_stands_still():
    def pauses(world):
        world.happened(
            site_events.BuildingStarted(
                building_id="hall/building/2", site=SITE, org=CLOUD, region="texas", kind="greenfield",
                power_kw_it=5_000, start_day=START, due_day=START + 300, on_site_power=False, is_firm=True,
            ),
            UseMeasured(org=CLOUD, usd_per_year=4e8, growth_per_year=0.0, h100e=1.0),
        )  # fmt: skip
        return of(siting.pauses(view(world, CLOUD)), PauseBuilding)

    assert pauses(own_plant(given(), 40_000))
    assert not pauses(stopped(own_plant(given(), 40_000), 40_000))


def test_chips_that_wait_are_built_for_where_plant_stands_still():
    def begun(world):
        world.happened(
            chip_events.OrderPlaced(
                order_id="cloud/order/1", org=CLOUD, supplier=SUPPLIER, chip="H100", gpus=20_000,
                price_usd_per_gpu=25_000.0,
            )
        )  # fmt: skip
        return of(fulfilment.power_chips(view(world, CLOUD)), StartBuilding)

    assert not begun(own_plant(given(), 40_000))
    assert begun(stopped(own_plant(given(), 40_000), 40_000))


# --- power that is to come


def to_come(world, *due, kw=30_000, site="alpha"):
    """Buildings of so much at a campus, due on days from the start on."""
    world.happened(*campus(site, "greenfield", 1))
    for number, day in enumerate(due, 1):
        world.happened(
            site_events.BuildingStarted(
                building_id=f"{site}/building/{number}", site=site, org=CLOUD, region="texas", kind="greenfield",
                power_kw_it=kw, start_day=START, due_day=START + day, on_site_power=False, is_firm=True,
            )
        )  # fmt: skip
    return world


def rested(world, days, name="alpha/building/1"):
    """The same with work on one that has rested for some days."""
    told = site_events.BuildingPaused(building_id=name, site="alpha", org=CLOUD, power_kw_it=30_000)
    world.happened(told)
    world.state.sites.buildings[name].paused_day = view(world, CLOUD).day - days
    return world


def room_at(world):
    return next(room for room in rooms.rooms(view(world, CLOUD)) if room.site == "alpha")


def test_paused_work_is_promised_for_the_day_that_taking_it_up_today_would_bring():
    going_on, paused = room_at(to_come(given(), 200)), room_at(rested(to_come(given(), 200), 90))
    assert paused.coming[0][0] == going_on.coming[0][0] + 90
    assert paused.coming[0][1] == going_on.coming[0][1]


@pytest.mark.parametrize(("gpus", "day"), [(12_000, 100), (21_000, 100), (22_000, 300), (42_000, 300)])
def test_gpus_that_several_buildings_feed_are_promised_for_the_last_of_them(gpus, day):
    slow = {"price__need_slack_weeks": 60.0, "contracts__ask_min_h100e": 1e9, "shipping__weeks": 1.0}
    world = asked(world=to_come(given(**slow), 300, 100), h100e=float(gpus), due_day=START + 30, chip="", region="",
                  kind="serving")  # fmt: skip
    v = view(world, CLOUD)
    offer = shelf.forward(v, v.requests_to_me()[0], {})
    assert (offer.site, offer.gpus, offer.start_day) == ("alpha", gpus, START + day)
    machine = Target(kind="serving", h100e=float(gpus), due_day=START, years=2.0, worth_usd_per_h100e_hour_max=9.0)
    (own,) = (o for o in options.own_sites(v, machine) if o.site == "alpha")
    assert own.wait_weeks == pytest.approx((START + day - v.day) / 7)


# --- one campus


def test_a_contract_is_planned_for_where_the_org_would_build_next():
    world = given().happened(*campus("alpha", "greenfield", 1_000), *campus("omega", "greenfield", 90_000))
    v = view(world, CLOUD)
    (beside,) = (plan for plan in places.plans(v, 0.0, 1_000, (["texas"], v.sites())) if plan.site)
    assert beside.site == "omega"


# --- what covers, and what it costs


def test_chips_in_transit_cover_what_is_lacking():
    world = given().happened(lease(gpus=10_400), handed(lease(), 10_000))
    sent = {"shipment_id": "oem/shipment/1", "order_id": "cloud/order/1", "counterparty": OEM, "due_day": START + 30}
    world.happened(chip_events.ShipmentSent(org=CLOUD, chip="H100", gpus=300, **sent))
    v = view(world, CLOUD)
    assert (v.orders(), dict(v.coming())) == ((), {"H100": 300})
    assert resources.lacking(v) == {"H100": (100, 0)}


def test_power_that_stands_is_let_at_what_new_land_in_its_place_would_cost():
    """The price of an offer that standing power serves, and what can be paid for, carry a shell all the same."""

    def offer(shell, h100e):
        costs = {"build__shell_usd_per_kw": shell, "price__entry_floor": 50.0, "labs__race_least_share": 0.01}
        world = given(**costs).happened(*campus("alpha", "greenfield", 900_000))
        v = view(asked(world=world, h100e=h100e, region=""), CLOUD)
        return lessors.offer(v, v.requests_to_me()[0])

    cheap, dear = offer(1_000.0, 40_000.0), offer(5_000.0, 40_000.0)
    assert (cheap.site, dear.site) == ("alpha", "alpha")
    assert dear.price_usd_per_gpu_hour > 1.01 * cheap.price_usd_per_gpu_hour
    all_of_it = [offer(shell, 600_000.0) for shell in (1_000.0, 5_000.0)]
    assert [terms.site for terms in all_of_it] == ["alpha", "alpha"]
    assert all_of_it[1].gpus < 0.9 * all_of_it[0].gpus


@pytest.mark.parametrize("most", ["money", "power"])
@pytest.mark.parametrize("before", [0, 300])
def test_contracts_of_one_week_and_other_orders_share_the_money_and_the_power(most, before):
    kw = 13_000 if most == "power" else 90_000
    world = given(contracts__early_days=1_000.0).happened(*campus("alpha", "greenfield", kw))
    for number in (1, 2, 3):
        world.happened(*contract(8_000, name=f"lab/contract/{number}"))
    if most == "money":
        cash = world.state.finance.ledger.accounts[CLOUD]
        paid = {"org": CLOUD, "counterparty": FUND, "kind": "shell", "contract_id": "x"}
        world.happened(PaymentMade(amount_usd_cents=cash - 10_000 * 25_000_00, **paid))
    v = view(world, CLOUD)
    other = [PlaceOrder(actor=CLOUD, because=CLOUD, chip="H100", gpus=before)] if before else []
    gpus = before + sum(order.gpus for order in of(fulfilment.fulfil(v, other), PlaceOrder))
    room = resources.room_kw(v, 60 / 7 + 13, trust=1.0) / v.chip("H100").power_kw_it_per_gpu
    carried = resources.payable_usd(v) / fulfilment.gear_usd(v, v.chip("H100"))
    assert min(room, carried) - 3 <= gpus <= min(room, carried) < 14_000
    assert (room < carried) == (most == "power")


def test_what_standing_power_can_be_paid_for_is_reckoned_with_new_land_in_its_own_region():
    """Another region, where building costs less, does not make good what is let here."""
    off = {"regions__texas__curtailment_hours_per_year": 4_000.0, "labs__race_least_share": 0.01}
    utah = {"regions__utah__pue": 1.25, "regions__utah__grid_mw_per_year": 500.0, "regions__utah__queue_days": 500.0}
    world = given(**off, **utah, regions__utah__energy_usd_per_mwh=50.0)
    world.happened(RegionRegistered(region="utah", country="US"), *campus("alpha", "greenfield", 900_000))
    v = view(asked(world=world, h100e=600_000.0, region=""), CLOUD)
    terms = lessors.offer(v, v.requests_to_me()[0])
    here, there = (
        int(lessors.carried_gpus(v, v.chip("H100"), terms.start_day, Build("greenfield", region, False)))
        for region in ("texas", "utah")
    )
    assert (terms.site, terms.gpus) == ("alpha", here)
    assert here < there


def test_what_was_prepaid_of_a_rent_is_no_income_of_later_months():
    def income(share):
        world = given().happened(signed := lease(prepaid_share=share), handed(signed))
        return view(world, CLOUD).monthly_let_cents(), credit.service_and_income(world.state, CLOUD)[1]

    (let, yearly), (let_less, yearly_less) = income(0.0), income(0.25)
    assert let - let_less == pytest.approx(0.25 * 1_000 * 2.5 * 24 * 28 * 100)
    assert yearly > yearly_less


def test_a_shell_that_stands_and_waits_for_power_is_still_to_be_paid():
    world = to_come(given(), 100)
    before = resources.shells_usd(view(world, CLOUD))
    told = site_events.ShellReady(building_id="alpha/building/1", site="alpha", org=CLOUD, power_kw_it=30_000)
    assert resources.shells_usd(view(world.happened(told), CLOUD)) == before > 0


# --- one rent


def test_the_index_compares_what_is_signed_with_the_rent_that_orgs_quote():
    world = given()
    v = view(world, CLOUD)
    for chip in ("H100", "GB200"):
        signed = Signature(CLOUD, chip, 1.0, 364, 70, 2.0)
        (like,) = index.quoted(world.state, [signed], v.day)
        assert like * v.chip(chip).h100e == pytest.approx(v.rent(chip, 364, 10.0))
