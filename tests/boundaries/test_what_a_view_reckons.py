"""What a view reckons from the state, to the number, in a small world: own affairs, prices, shared tables."""

from __future__ import annotations

import pytest
from given import (
    CHINESE,
    CLOUD,
    FIELD,
    FUND,
    LAB,
    OEM,
    RESELLER,
    RIVAL,
    SITE,
    START,
    SUPPLIER,
    YEAR,
    given,
    handed,
    lease,
)

from events.types import chips, estates, finance, leases, sites, training, vendors
from events.types.demand import UseMeasured
from events.types.run import OrgRegistered
from market.rules import energy, foresee, prices
from market.rules import finance as money
from market.rules.index import tail_price, tail_wanted
from market.rules.machines import LabMachine
from market.state.demand import TAIL
from market.view import MarketView, NotVisible, Shared

HOURS = 28 * 24


def view(world, org=LAB):
    return MarketView(Shared(world.state), org)


def order(org=LAB, chip="H100", gpus=100, number=1):
    return chips.OrderPlaced(
        order_id=f"{org}/order/{number}", org=org, supplier=SUPPLIER, chip=chip, gpus=gpus, price_usd_per_gpu=25_000.0
    )


def shipment(org=LAB, chip="H100", gpus=30, number=1, oem=OEM):
    return chips.ShipmentSent(
        shipment_id=f"{org}/shipment/{number}", order_id=f"{org}/order/{number}", org=org, counterparty=oem, chip=chip,
        gpus=gpus, due_day=START + 28,
    )  # fmt: skip


def stake(org, investor, cents, kind="equity for compute"):
    return finance.StakeKnown(org=org, counterparty=investor, amount_usd_cents=cents, kind=kind, start_day=START - 100)


# --- who has nothing


def test_an_org_that_has_nothing_reads_nothing():
    mine = view(given(), RESELLER)
    assert (mine.cash_cents, mine.duty_cents(), mine.monthly_rent_cents(), mine.monthly_let_cents()) == (0, 0, 0, 0)
    assert (mine.fleet_h100e, mine.fleet_owned_by(RESELLER), mine.free("H100", SITE), mine.pending_kw()) == (0, 0, 0, 0)
    assert (mine.integration(), dict(mine.coming()), dict(mine.warehouse())) == ((0, 0), {}, {})
    assert (mine.research_h100e(), mine.listed_h100e(), mine.serving_capacity_usd()) == (0, 0, 0)
    assert (mine.captive_share(), mine.contracted_h100e(), mine.idle_h100e(RESELLER)) == (0, 0, 0)
    assert (mine.used_share(), mine.lost_lease(), mine.lab) == (1.0, "", None)
    assert (mine.contracts(), mine.letters(), mine.projects(), mine.runs(), mine.machines(), mine.lots()) == ((),) * 6
    assert (mine.raised_in_a_year_cents("lab"), mine.compute_backer(RESELLER)) == (0, None)
    assert mine.vendor_room_cents(SUPPLIER) >= 0


def test_without_a_fleet_the_part_that_never_leaves_an_org_is_its_trait():
    world = given(orgs__rival__captive_share=0.4, orgs__lab__captive_share=0.4)
    assert view(world, RIVAL).captive_share() == 0.4
    assert view(world, LAB).captive_share() == 1.0  # a lab with GPUs leases out what it does not want: nothing


def test_a_lab_lets_what_it_owns_beyond_what_it_wants():
    world = given()
    world.state.training.labs[LAB].wanted_h100e = 1_000.0
    assert view(world, RIVAL).idle_h100e(LAB) == 3_000
    assert view(world, LAB).captive_share() == pytest.approx(1_000 / 4_000)


# --- money


def test_rent_of_four_weeks_is_that_of_the_gpus_handed_over():
    signed = lease(gpus=1000, price_usd_per_gpu_hour=2.0)
    world = given().happened(signed, handed(signed, 600))
    assert view(world, LAB).monthly_rent_cents() == 600 * 2 * HOURS * 100
    let = view(world, CLOUD).monthly_let_cents() - 600 * 2 * HOURS * 100
    shared = Shared(world.state)
    assert let == pytest.approx(shared.on_demand_cents[CLOUD], abs=1)
    assert let > 0
    assert view(world, LAB).leases_from(LAB, CLOUD)
    assert not view(world, LAB).leases_from(CLOUD, LAB)
    assert view(world, LAB).runway_days() == money.runway_days(world.state, LAB, 600 * 2 * HOURS * 100)


def test_money_owed_in_compute_leaves_one_investor_out_when_asked():
    world = given().happened(
        finance.RoundClosed(
            deal_id="d/1", org=LAB, counterparty=CLOUD, amount_usd_cents=700, valuation_usd_cents=7_000,
            kind="equity for compute",
        ),
        finance.RoundClosed(
            deal_id="d/2", org=LAB, counterparty="google", amount_usd_cents=300, valuation_usd_cents=7_000,
            kind="equity for compute",
        ),
    )  # fmt: skip
    mine = view(world)
    assert (mine.duty_cents(), mine.duty_cents(but=CLOUD), mine.duty_cents(but="google")) == (1_000, 300, 700)
    assert (mine.compute_backer(LAB), mine.compute_backer(RIVAL)) == (CLOUD, None)
    assert (mine.raised_in_a_year_cents("lab"), mine.raised_in_a_year_cents("cloud")) == (1_000, 0)
    world.close_weeks(53)
    assert view(world).raised_in_a_year_cents("lab") == 0


def test_the_backer_is_whom_an_org_owes_most_custom_and_no_estate():
    world = given().happened(stake(LAB, FUND, 10**12, "equity"), stake(LAB, "google", 500), stake(LAB, CLOUD, 300))
    assert view(world).compute_backer(LAB) == "google"
    world.happened(
        estates.EstateOpened(
            estate_id="google/estate/1", org="google", kind="liquidation", amount_usd_cents=1, due_day=START + 90
        )
    )
    assert view(world).compute_backer(LAB) == CLOUD
    assert "google" not in view(world).orgs("supplier")


def test_funds_have_money_and_do_not_lend():
    assert view(given()).funds() == (FUND,)
    assert view(given(orgs__fund__lends=1.0)).funds() == ()
    poor = given().happened(
        finance.PaymentMade(
            org=FUND, counterparty="world/staff", amount_usd_cents=10**12, kind="operations", contract_id=FUND
        )
    )
    assert view(poor).funds() == ()
    assert view(given(orgs__fund__strategic=1.0)).is_strategic(FUND)
    assert not view(given()).is_strategic(FUND)


def test_rounds_are_told_with_a_draw_of_each_fund_to_investors_alone():
    world = given().happened(
        OrgRegistered(org="angel", role="investor", country="US", kind="investor", parent_org=None),
        finance.RoundSought(org=LAB, amount_usd_cents=5_000, duration_days=90),
    )
    (told,) = view(world, FUND).rounds_sought()
    assert (told.org, told.sought_cents, told.sought_day, told.valuation_cents) == (LAB, 5_000, START, 0)
    assert set(told.fund_draws) == {FUND, "angel"}
    assert 0 < told.backer_draw < 1
    assert len({told.backer_draw, *told.fund_draws.values()}) == 3
    assert view(world, CLOUD).rounds_sought() == (told,)
    with pytest.raises(NotVisible, match="rounds are told to investors"):
        view(world, LAB).rounds_sought()


# --- machines and power


def test_gpus_that_are_owed_quoted_or_train_are_not_free():
    world = given()
    assert view(world, CLOUD).free("H100", SITE) == 10_000
    world.happened(lease(gpus=3_000))
    assert view(world, CLOUD).free("H100", SITE) == 7_000
    world.happened(handed(lease(gpus=3_000), 2_000))
    assert view(world, CLOUD).free("H100", SITE) == 7_000  # 2,000 have left, 1,000 are still owed
    assert view(world, LAB).free("H100", SITE) == 2_000
    assert view(world, LAB).free("H100", FIELD) == 4_000
    world.happened(
        training.TrainingStarted(
            run_id=f"{LAB}/run/1", org=LAB, model="next", site=FIELD, chip="H100", gpus=1_500, flop=1e25,
            effective_flop=1e25, params=1e12, tokens=1e13, experts=0, mfu=0.4, goodput=0.9, plan="", start_day=START,
            due_day=START + 90,
        )
    )  # fmt: skip
    assert view(world, LAB).free("H100", FIELD) == 2_500
    assert [run.run_id for run in view(world, LAB).runs()] == [f"{LAB}/run/1"]
    assert not view(world, CLOUD).runs()


def test_power_that_is_pending_counts_orders_shipments_and_the_warehouse():
    world = given().happened(order(gpus=100), order(chip="GB200", gpus=10, number=2))
    assert view(world).pending_kw() == pytest.approx(100 * 1.4 + 10 * 2.0)
    world.happened(
        chips.ChipsAllocated(
            order_id=f"{LAB}/order/1", org=LAB, supplier=SUPPLIER, chip="H100", gpus=30, price_usd_per_gpu=25_000.0,
            share=0.3,
        ),
        shipment(gpus=30),
    )  # fmt: skip
    assert dict(view(world).coming()) == {"H100": 30}
    assert view(world).pending_kw() == pytest.approx(100 * 1.4 + 10 * 2.0)
    assert view(world, OEM).integration() == (10_000, 30)
    world.happened(shipment(gpus=12, number=3))
    assert dict(view(world).coming()) == {"H100": 42}
    assert view(world, CLOUD).pending_kw() == 0


def test_the_part_of_power_in_use_is_at_most_all_of_it():
    world = given()
    assert view(world, CLOUD).used_share() == pytest.approx(14_000 / 20_000)
    assert view(world, LAB).used_share() == pytest.approx(5_600 / 20_000)
    assert Shared(world.state).used_share("rest") == 1.0


def test_a_minimum_take_makes_energy_dearer_by_what_an_org_leaves_unused():
    bare = given(regions__texas__energy_usd_per_mwh=50.0)
    price = energy.energy_usd_per_mwh(bare.state, "texas")
    assert view(bare, LAB).energy_usd_per_mwh("texas") == price
    taking = given(regions__texas__minimum_take_share=0.56)
    assert view(taking, CLOUD).energy_usd_per_mwh("texas") == price  # it uses 0.7
    assert view(taking, LAB).energy_usd_per_mwh("texas") == pytest.approx(2 * price)  # it uses 0.28
    least = given(regions__texas__minimum_take_share=0.56, energy__used_share_least=0.4)
    assert view(least, LAB).energy_usd_per_mwh("texas") == pytest.approx(1.4 * price)


def test_hours_that_loads_are_switched_off_are_a_part_of_the_year():
    assert view(given()).curtailed_share("texas") == 0
    assert view(given(regions__texas__curtailment_hours_per_year=87.6)).curtailed_share("texas") == pytest.approx(0.01)


# --- prices


def test_what_a_chip_costs_an_org_falls_by_the_warrants_that_come_with_it():
    world = given()
    chip = world.state.chips.chips["H100"]
    assert view(world).own_cost("H100") == pytest.approx(prices.replacement_cost(world.state, chip, 0.0))
    world.happened(
        vendors.WarrantsGranted(
            deal_id="deal/1", org=LAB, counterparty=SUPPLIER, gpus=1_000, amount_usd_cents=10**9, end_day=START + YEAR
        )
    )
    rebate = 10**7 / 1_000 / 25_000  # 10,000 USD a GPU of 25,000
    cheaper = prices.replacement_cost(world.state, chip, -rebate)
    assert view(world).own_cost("H100") == pytest.approx(cheaper)
    assert cheaper < view(world, CLOUD).own_cost("H100")


def test_prices_for_later_are_those_of_the_rules():
    world = given()
    mine = view(world)
    assert (mine.clearing, mine.reference, mine.mix_cost) == (3.0, 3.0, 1.5)
    assert mine.entry_price == pytest.approx(1.5 * (1 + world.state.run.parameters["price.margin"]))
    assert mine.forward(0) == pytest.approx(3.0)
    assert mine.entry_price < mine.forward(52) < 3.0
    assert mine.contract_price(365, 8) == prices.quote(world.state, 365, 8)
    assert mine.cost("H100") == prices.replacement_cost(world.state, world.state.chips.chips["H100"])


def test_without_a_backlog_chips_come_at_once():
    world = given()
    assert view(world).lead_time_weeks == 10.0
    world.state.chips.lead_times.clear()
    assert view(world).lead_time_weeks == 0.0


def test_compute_that_users_will_want_and_contracts_take_is_foreseen_by_the_rules():
    world = given()
    assert view(world, CLOUD).users_h100e(26) == foresee.users(world.state, CLOUD, 26)
    assert view(world, CLOUD).users_h100e(52) > view(world, CLOUD).users_h100e(0) > 0
    assert view(world, CLOUD).contracted_h100e() == 0
    world.happened(lease(gpus=1_000))
    assert view(world, CLOUD).contracted_h100e() == foresee.contracted(world.state, CLOUD) == pytest.approx(1_000)


def test_what_clouds_earn_on_demand_is_what_the_tail_wants_of_what_is_free():
    shared = Shared(given().state)
    free = shared.capacity.by_cloud[CLOUD]
    assert free == shared.capacity.total_free > 0
    fill = min(1.0, tail_wanted(shared.state) / free)
    earned = free * fill * tail_price(shared.state, CLOUD) * HOURS * 100
    assert shared.on_demand_cents == {CLOUD: pytest.approx(earned)}
    assert shared.captive == shared.capacity.captive
    crowded = given().happened(UseMeasured(org=TAIL, usd_per_year=1e12, growth_per_year=0.5, h100e=5000.0))
    assert Shared(crowded.state).on_demand_cents[CLOUD] == pytest.approx(
        free * tail_price(crowded.state, CLOUD) * HOURS * 100
    )


# --- who is who


def test_clouds_are_those_of_the_own_bloc_that_have_gpus():
    world = given()
    assert view(world, LAB).clouds() == (CLOUD,)
    assert view(world, CHINESE).clouds() == ()
    world.happened(
        OrgRegistered(org="volc", role="cloud", country="CN", kind="cloud", parent_org=None),
        sites.SitePlanned(
            site="zhangbei", org="volc", region="beijing", kind="brownfield", power_kw_it=9_000, due_day=START
        ),
        sites.PowerEnergised(
            building_id="zhangbei/building/0", site="zhangbei", org="volc", region="beijing", kind="standing",
            power_kw_it=9_000, power_kw_facility=9_999,
        ),
        chips.FleetRegistered(org="volc", site="zhangbei", chip="H20", gpus=1_000, power_kw_it=1_000),
    )  # fmt: skip
    assert (view(world, LAB).clouds(), view(world, CHINESE).clouds()) == ((CLOUD,), ("volc",))
    assert set(view(world, LAB).orgs_of_bloc("cloud")) == set(view(world, LAB).orgs("cloud")) - {"volc"} > {CLOUD}
    assert view(world, CHINESE).orgs_of_bloc("cloud") == ("volc",)
    assert view(world, CHINESE).same_bloc("volc")
    assert not view(world, LAB).same_bloc("volc")
    assert view(world, CHINESE).home_regions() == ("beijing",)
    assert view(world, LAB).home_regions() == ("texas",)


def test_an_org_builds_abroad_with_the_trait_but_never_in_china_and_never_without_a_grid():
    assert view(given(), CHINESE).home_regions() == ("beijing",)
    abroad = given(**{"orgs__chinese-lab__builds_abroad": 1.0})
    assert view(abroad, CHINESE).home_regions() == ("texas", "beijing")
    assert view(given(orgs__lab__builds_abroad=1.0), LAB).home_regions() == ("texas",)
    dark = given(regions__texas__grid_mw_per_year=0.0)
    assert view(dark, RIVAL).home_regions() == ()
    assert view(dark, LAB).home_regions() == ("texas",)  # it has a site there


def test_lines_of_the_own_group_are_its_makers_own_chips():
    assert [chip.name for chip in view(given(), CLOUD).own_lines()] == ["TPU v5p"]
    assert view(given(), LAB).own_lines() == ()
    assert view(given(), CLOUD).is_for_sale("TPU v5p")
    assert not view(given(), LAB).is_for_sale("TPU v5p")


# --- what estates sell


def lot(kind, site="", chip="", gpus=0, number=1):
    return estates.LotOffered(
        lot_id=f"lot/{number}", estate_id="cloud/estate/1", org=CLOUD, kind=kind, site=site, chip=chip, gpus=gpus,
        amount_usd_cents=10_000,
    )  # fmt: skip


def test_lots_are_told_once_they_were_on_offer_for_the_notice_and_sites_with_what_runs_there():
    world = given(estates__notice_weeks=2.0).happened(
        estates.EstateOpened(
            estate_id="cloud/estate/1", org=CLOUD, kind="liquidation", amount_usd_cents=1, due_day=START + 200
        ),
        lot("site", site=SITE, chip="H100", gpus=10_000),
        lot("chips", chip="GB200", gpus=40, number=2),
    )
    assert view(world).lots() == ()
    world.close_weeks(2)
    site, stock = view(world).lots()
    assert (site.org, site.site, site.region, site.gpus, site.h100e) == (CLOUD, SITE, "texas", 10_000, 10_000)
    assert (stock.site, stock.region, stock.chip, stock.gpus, stock.h100e, stock.value_cents) == (
        "", "", "GB200", 40, 100, 10_000,
    )  # fmt: skip
    assert site.value_cents > 10_000  # as appraised this week, and not when it was offered
    assert 0 < stock.reserve_cents < stock.value_cents
    with pytest.raises(AttributeError):
        site.gpus = 0


# --- what is hidden


def test_affairs_of_others_are_not_told():
    signed = lease()
    world = given().happened(
        signed,
        leases.LeaseRequested(
            request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=10.0, due_day=START, duration_days=364,
            price_usd_per_h100e_hour=2.0, kind="frontier", region="texas", chip="H100",
        ),
    )  # fmt: skip
    for org in (LAB, CLOUD):
        assert view(world, org).lease(signed.lease_id).gpus == 1_000
        assert view(world, org).request("lab/request/1").h100e == 10.0
    stranger = view(world, RIVAL)
    for ask in (
        lambda: stranger.lease(signed.lease_id), lambda: stranger.request("lab/request/1"),
        lambda: stranger.may_take(signed.lease_id), lambda: stranger.promised_kw(SITE),
        lambda: stranger.param("orgs.lab.build"),
    ):  # fmt: skip
        with pytest.raises(NotVisible):
            ask()
    assert view(world, LAB).may_take(signed.lease_id) == 0
    assert view(world, CLOUD).promised_kw(SITE) == 0  # it has the GPUs of the lease
    with pytest.raises(NotVisible):
        view(world, CLOUD).may_take(signed.lease_id)


def test_what_is_looked_up_once_a_week_is_what_each_org_would_find():
    sought = finance.RoundSought(org=RIVAL, amount_usd_cents=1_000, duration_days=90)
    more = lease(LAB, gpus=40, lease_id="lab/lease/2")
    world = given().happened(
        lease(LAB, gpus=300), more, handed(more), stake(LAB, CLOUD, 10), stake(RIVAL, FUND, 10), sought
    )
    seen = {org: view(world, org) for org in world.state.run.orgs}
    for org, mine in seen.items():
        places = dict.fromkeys([*(h.site for h in mine.holdings()), *(x.site for x in mine.rented() if x.owed)], 0.0)
        for holding in mine.holdings():
            places[holding.site] += holding.held * mine.chip(holding.chip).h100e
        for rented in mine.rented():
            places[rented.site] += rented.owed * mine.chip(rented.chip).h100e
        assert mine.places_h100e() == places
        held = [(mine.chip(h.chip), h.held) for h in mine.holdings()]
        makers = {chip.supplier for chip, _ in held}
        assert mine.makers_h100e() == {
            maker: sum(gpus * chip.h100e for chip, gpus in held if chip.supplier == maker) for maker in makers
        }
        assert mine.backed_labs(org) == tuple(lab for lab in mine.labs() if mine.compute_backer(lab) == org)
    assert seen[LAB].places_h100e()[SITE] == 340
    assert (dict(seen[CLOUD].owed_gpus()), seen[CLOUD].undelivered_usd()) == ({"H100": 300}, 300 * 25_000)
    assert (seen[CLOUD].backed_labs(CLOUD), seen[FUND].backs_a_round(), seen[CLOUD].backs_a_round()) == (
        (LAB,), True, False,
    )  # fmt: skip


def test_a_lab_knows_the_largest_machine_of_its_rivals_not_its_own(monkeypatch):
    world = given(labs__race_pace_per_year=10.0)
    day = view(world).day
    known = [LabMachine(LAB, 300.0, day), LabMachine(LAB, 200.0, day), LabMachine(RIVAL, 100.0, day)]
    monkeypatch.setattr("market.view.labs.lab_machines", lambda *_: known)
    assert (view(world, LAB).rival_h100e(0.0), view(world, RIVAL).rival_h100e(0.0)) == (100.0, 300.0)
    monkeypatch.setattr("market.view.labs.lab_machines", lambda *_: known[:2])
    assert view(world, LAB).rival_h100e(0.0) == 0.0
