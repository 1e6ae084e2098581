"""How much a builder wants, what of it pays, what money and power carry: sums over plain facts."""

from __future__ import annotations

import math

import pytest
from given import START
from seen import GB200, H100, ME, Seen, held, nothing, rented, signed, some

from agents import amounts, owning, resources
from market.state.sites import Building

YEAR_HOURS = 8760


def building(**values):
    """A building under way."""
    terms = {
        "building_id": "alpha/building/1", "site": "alpha", "org": ME, "region": "texas", "power_kw": 100,
        "kind": "greenfield", "due_day": START + 100, "start_day": START, "planned_days": 100, "on_site": False,
        "promised_day": START + 100,
    }  # fmt: skip
    return Building(**{**terms, **values})


def site(name="alpha", **values):
    terms = {"name": name, "region": "texas", "spare_w": 0, "installed_w": 0, "running_kw": 0, "kind": "greenfield",
             "plant_share": 0.0}  # fmt: skip
    return some(**{**terms, **values})


def offered(chip, cost=1.0, wait=0.0, share=1.0):
    return some(chip=chip, cost_usd_per_h100e_hour=cost, wait_weeks=wait, share=share)


@pytest.fixture
def on_offer(monkeypatch):
    """Say which chips are on offer, at which cost; the first of them is the best."""

    def say(*found):
        monkeypatch.setattr(amounts, "offers", lambda _: tuple(found))
        monkeypatch.setattr(amounts, "best_chip", lambda _: found[0].chip if found else None)

    return say


# --- what there is


def test_a_position_is_what_is_owned_rented_and_to_come_each_once():
    kept = rented(gpus=100, subleased=40, kind="capacity")
    facts = nothing(
        holdings=(held("H100", 7), held("GB200", 2)), rented=(kept, rented(gpus=9_000)),
        contracts=(signed((10, START), chip="GB200", kind="capacity"), signed((9_000, START)),
                   signed((9_000, START), kind="capacity", lessee="another")),
        warehouse={"H100": 3},
    )  # fmt: skip
    seen = Seen(**facts)
    assert amounts.owned_h100e(seen) == 7 + 5
    assert amounts.rented_h100e(seen) == 60 + 25
    assert amounts.position_h100e(seen) == 12 + 85 + 3


@pytest.mark.parametrize(("weeks", "reckoned"), [(1.0, 4.0), (20.0, 20.0), (99.0, 52.0)])
def test_the_wait_for_chips_is_reckoned_within_bounds_and_orders_look_a_while_further(weeks, reckoned):
    terms = {"targets.lead_weeks_min": 4.0, "targets.lead_weeks_max": 52.0, "targets.horizon_weeks": 30.0}
    seen = Seen(terms, lead_time_weeks=weeks)
    assert amounts.lead_weeks(seen) == reckoned
    assert amounts.horizon_weeks(seen) == reckoned + 30


# --- what pays


def pays(rent, **costs):
    terms = {
        "targets.npv_slope": 2.0, "targets.cost_margin": 0.25, "targets.npv_weeks": 26.0,
        "targets.lead_weeks_min": 0.0, "targets.lead_weeks_max": 99.0,
    }  # fmt: skip
    return Seen(
        terms, lead_time_weeks=10.0, mix_cost=1.0, forward=lambda weeks: rent * (1 if weeks == 36 else 1e9),
        cost={"H100": 3.0, **costs}.get,
    )  # fmt: skip


def test_all_is_ordered_where_rent_covers_cost_and_its_margin_and_none_far_below(on_offer):
    on_offer(offered(H100, 3.0))
    for rent, part in ((1.25, 1.0), (5.0, 1.0), (1.25 * math.exp(-0.25), 0.5), (1.25 * math.exp(-0.5), 0.0), (0.1, 0)):
        assert amounts.margin(pays(rent)) == pytest.approx(part)
    on_offer(offered(H100, 3.0 * math.exp(0.25)))  # levies: dearer to this org than to the market
    assert amounts.margin(pays(1.25)) == pytest.approx(0.5)


def test_the_cheapest_chip_on_offer_is_compared_with_the_cheapest_of_the_market(on_offer):
    on_offer(offered(H100, 6.0), offered(GB200, 3.0 * math.exp(0.25)))
    assert amounts.margin(pays(1.25, H100=5.0, GB200=3.0)) == pytest.approx(0.5)


def test_nothing_pays_where_nothing_is_on_offer(on_offer):
    on_offer()
    assert amounts.margin(pays(9.0)) == 0.0


def test_compute_costs_what_the_chips_promised_cost_together(on_offer):
    on_offer(offered(H100), offered(GB200))
    seen = Seen(outlook={"H100": 30, "GB200": 10})
    assert amounts.usd_per_h100e(seen) == pytest.approx((30 * 25_000 + 10 * 40_000) / (30 + 25))
    assert amounts.usd_per_h100e(Seen(outlook={})) == 0.0


# --- what is wished for


def wishing(users, factor=None, **facts):
    terms = {
        "targets.close_weeks": 10.0, "orders.fraction": 0.5, "targets.horizon_weeks": 20.0,
        "targets.lead_weeks_min": 0.0, "targets.lead_weeks_max": 99.0,
    }  # fmt: skip
    usual = nothing(
        users_h100e=lambda weeks: users * weeks, contracted_h100e=40.0, lead_time_weeks=10.0, outlook={"H100": 1},
        holdings=(held("H100", 100),),
    )  # fmt: skip
    return Seen(terms, {"target_factor": factor} if factor else {}, **{**usual, **facts})


def test_a_builder_means_to_have_what_its_users_will_use_by_its_factor_and_all_that_it_signed():
    assert amounts.target_h100e(wishing(2.0), 30.0) == 2 * 30 + 40
    assert amounts.target_h100e(wishing(2.0, factor=1.5), 30.0) == 1.5 * 2 * 30 + 40


def test_a_wish_closes_the_gap_in_so_many_weeks_as_far_as_it_pays(on_offer, monkeypatch):
    on_offer(offered(H100))
    monkeypatch.setattr(amounts, "margin", lambda _: 0.5)
    weekly = (10 * 30 + 40 - 100) / 10 * 25_000
    assert amounts.wish_usd_per_year(wishing(10.0)) == pytest.approx(weekly * 52 * 0.5 / 0.5)
    assert amounts.wish_usd_per_year(wishing(2.0)) == 0.0  # it has what it wants


def test_power_takes_the_chips_that_find_some_when_they_come(on_offer):
    terms = {"orders.room_weeks": 26.0, "orders.fraction": 0.5, "sites.trust": 0.5}

    def powered(stands, waits=0.0):
        seen = Seen(terms, **nothing(sites=(site(running_kw=stands),), pending_kw=waits, lead_time_weeks=10.0))
        return amounts.powered_usd_per_year(seen)

    on_offer(offered(H100))
    assert powered(1_400) == pytest.approx(1_000 * 25_000 / 26 * 52 / 0.5)
    assert powered(1_400, 700.0) == pytest.approx(500 * 25_000 / 26 * 52 / 0.5)
    assert powered(1_400, 1_500.0) == 0.0
    on_offer()
    assert powered(1_400) == 0.0


# --- what money carries

RAISING = {
    "finance.income_share": 0.5, "finance.backlog_share": 0.25, "finance.bill_factor": 1.5,
    "build.shell_usd_per_kw": 1_000.0, "build.cash_share": 0.25, "sites.greenfield_days": 365.0,
    "sites.slip_median": 2.0,
}  # fmt: skip


def raised(factor=None, **facts):
    usual = nothing(income_usd_per_year=0.0)
    return amounts.finance_usd_per_year(
        Seen(RAISING, {"finance_factor": factor} if factor else {}, **{**usual, **facts})
    )


def test_a_builder_raises_income_rents_what_lenders_give_on_leases_and_half_its_money_in_hand():
    assert raised() == 0.0
    assert raised(income_usd_per_year=100.0) == 50.0
    assert raised(monthly_kept_cents=1_000) == 130.0
    assert raised(monthly_kept_cents=1_000, monthly_rent_cents=400) == 78.0
    assert raised(monthly_rent_cents=400) == 0.0
    assert raised(cash_cents=1_000, bond_room_cents=500) == 7.5
    assert raised(cash_cents=-1_000, bond_room_cents=500) == 2.5
    assert raised(undelivered_usd=100_000.0) == pytest.approx(0.25 * 1.5 * 100_000)
    assert raised(2.0, income_usd_per_year=100.0) == 100.0


def test_shells_under_way_are_paid_over_the_time_of_new_land_before_chips():
    assert amounts.greenfield_years(Seen(RAISING)) == pytest.approx(2.0)
    works = (building(power_kw=8), building(power_kw=900, kind="leased"), building(power_kw=900, paused_day=0))
    seen = Seen(RAISING, buildings=works, queued_plant=())
    assert amounts.shells_usd_per_year(seen) == pytest.approx(8 * 1_000 * 0.75 / 2)
    stands = building(power_kw=700, building_id="in use, and asks the grid")
    seen = Seen(RAISING, buildings=(*works, stands), queued_plant=(stands.building_id,))
    assert amounts.shells_usd_per_year(seen) == pytest.approx(8 * 1_000 * 0.75 / 2)
    assert raised(2.0, buildings=works, income_usd_per_year=4_000.0) == pytest.approx(4_000 - 3_000)


def spare(income, budget):
    books = some(budget_usd_per_year=budget)
    return Seen(RAISING, **nothing(income_usd_per_year=income, books=books))


def test_what_the_budget_for_chips_leaves_pays_for_shells_over_the_time_that_they_take():
    assert amounts.spare_usd_per_year(spare(10_000.0, 1_000.0)) == 5_000 - 1_500
    assert amounts.spare_usd_per_year(spare(1_000.0, 1_000.0)) == 0.0
    assert amounts.fundable_kw(spare(10_000.0, 1_000.0)) == pytest.approx(3_500 * 2 / 1_000)


def test_a_months_part_of_the_budget_is_spent():
    seen = Seen({"orders.fraction": 0.5}, books=some(budget_usd_per_year=1_300.0))
    assert amounts.spending_usd(seen) == pytest.approx(50.0)


def test_money_is_no_gate_for_a_fleet_that_is_wanted_within_what_is_paid_for():
    wish = amounts.fleet(Seen({"labs.far_term_years": 4.0}), 7.0, 10.0, 0.3)
    assert (wish.kind, wish.h100e, wish.due_day, wish.years, wish.urgency) == ("capacity", 7.0, START + 70, 4.0, 0.3)
    assert (wish.is_fleet, wish.is_funded, wish.because) == (True, True, f"{ME}/budget")


# --- power


def test_how_far_ahead_starts_look_is_a_part_of_the_time_of_new_land():
    assert amounts.greenfield_weeks(Seen({**RAISING, "sites.start_lead_share": 0.7})) == pytest.approx(0.7 * 730 / 7)


def test_power_is_needed_for_the_fleet_and_new_chips_up_to_the_target(on_offer):
    terms = {**RAISING, "sites.start_lead_share": 0.7}

    def needed(users):
        facts = nothing(
            sites=(site(installed_w=5_000_000), site("beta", installed_w=1_000_000)), contracted_h100e=0.0,
            users_h100e=lambda weeks: users if weeks == pytest.approx(73) else 1e9, holdings=(held("H100", 100),),
        )  # fmt: skip
        return amounts.power_needed_kw(Seen(terms, **facts))

    on_offer(offered(GB200))
    assert needed(600.0) == pytest.approx(6_000 + 500 / 2.5 * 2.0)
    assert needed(50.0) == 6_000
    on_offer()
    assert needed(600.0) == 6_000


def gate(ready, pending=1_000.0, wish=0.0, money=1e12):
    terms = {"sites.chips_ahead": 1.2, "sites.chips_band": 0.5, "orders.fraction": 0.5, "finance.bill_factor": 2.0,
             "sites.trust": 0.0}  # fmt: skip
    return Seen(terms, **nothing(pending_kw=pending, sites=(site(running_kw=ready),))), wish, money


@pytest.fixture
def gated(on_offer, monkeypatch):
    def say(*args, **more):
        seen, wish, money = gate(*args, **more)
        monkeypatch.setattr(amounts, "wish_usd_per_year", lambda _: wish)
        monkeypatch.setattr(amounts, "finance_usd_per_year", lambda _: money)
        return amounts.chips_gate(seen)

    on_offer(offered(H100))
    return say


def test_shells_are_started_as_far_as_chips_of_the_next_year_are_ahead_of_power(gated, on_offer):
    assert gated(600) == 1.0  # 1,200 wanted over 700
    assert gated(950) == pytest.approx(0.5)
    assert gated(1_200) == 0.0
    assert gated(5_000) == 0.0
    more = 0.5 * 100e6 / 25_000 * 1.4
    part = (1.2 * (1_000 + more) - 4_000) / (0.5 * (1_000 + more))
    assert gated(4_000, wish=100e6) == pytest.approx(part)
    assert gated(4_000, wish=1e12, money=200e6) == pytest.approx(part)
    assert gated(0, pending=0.0) == 0.0
    on_offer()
    assert gated(0) == 0.0


def test_the_gap_in_power_is_what_is_needed_and_a_margin_less_what_stands_and_all_that_is_under_way(monkeypatch):
    monkeypatch.setattr(amounts, "power_needed_kw", lambda _: 1_000.0)
    monkeypatch.setattr(amounts, "margin", lambda _: 0.5)
    monkeypatch.setattr(amounts, "chips_gate", lambda _: 0.8)
    works = (building(power_kw=100), building(power_kw=50, paused_day=3))
    seen = Seen(
        {"sites.need_margin": 1.2, "sites.start_weeks": 26.0}, **nothing(sites=(site(running_kw=650),), buildings=works)
    )
    assert amounts.power_gap_kw(seen) == pytest.approx((1_200 - 650 - 150) * 0.5 * 0.5 * 0.8)


@pytest.mark.parametrize(("rent", "lost"), [(3.0, 0.25), (2.0, 0.0), (1.0, 0.0)])
def test_half_a_year_without_compute_loses_its_margin_over_the_life_of_a_contract(on_offer, rent, lost):
    on_offer(offered(H100))
    seen = Seen({"power.horizon_years": 1.0}, price=rent, own_cost={"H100": 2.0}.get)
    assert amounts.urgency(seen) == pytest.approx(lost)
    later = Seen({"power.horizon_years": 5.0}, price=rent, own_cost={"H100": 2.0}.get)
    assert amounts.urgency(later) == pytest.approx(lost / 5)


def test_where_no_chip_is_on_offer_nothing_is_lost_by_waiting(on_offer):
    on_offer()
    assert amounts.urgency(Seen({"power.horizon_years": 1.0}, price=9.0)) == 0.0


# --- what an org could spend, build and hand over


def test_what_is_unspent_is_cash_and_a_quarter_of_income_and_rents_less_what_is_on_order():
    terms = {"shipping.server_cost_share": 0.1, "build.shell_usd_per_kw": 10.0, "build.cash_share": 0.2}
    facts = nothing(
        cash_cents=100_000, monthly_kept_cents=2_000, monthly_rent_cents=500,
        orders=(some(chip="H100", gpus=3, price_usd_per_gpu=100.0),),
        buildings=(building(power_kw=5),), income_usd_per_year=400.0,
    )  # fmt: skip
    seen = Seen(terms, **facts)
    committed = 300 * 1.1 + 5 * 10 * 0.8
    assert resources.committed_usd(seen) == pytest.approx(committed)
    assert resources.unspent_usd(seen) == pytest.approx(1_000 + 100 + 60 - 15 - committed)


@pytest.mark.parametrize(
    ("works", "counts"),
    [({}, True), ({"due_day": START + 182}, True), ({"due_day": START + 183}, False), ({"paused_day": 0}, False),
     ({"shell_ready": True}, True), ({"building_id": "on its plant"}, False), ({"kind": "leased"}, False)],
)  # fmt: skip
def test_a_shell_is_still_to_be_paid_where_it_is_due_within_half_a_year_and_goes_on(works, counts):
    """One that stands is paid when its power comes; one that runs on own plant and waits for the grid has been."""
    terms = {"build.shell_usd_per_kw": 10.0, "build.cash_share": 0.2}
    seen = Seen(terms, buildings=(building(**works),), queued_plant={"on its plant"})
    assert resources.shells_usd(seen) == (100 * 10 * 0.8 if counts else 0.0)


def test_a_part_of_what_is_unspent_goes_into_chips_and_nothing_where_it_is_short():
    terms = {"orders.cash_share": 0.5, "finance.loan_share": 0.75}
    for cents, usd in ((10_000, 100.0), (-10_000, 0.0)):
        seen = Seen(terms, **nothing(cash_cents=cents))
        assert resources.spendable_usd(seen) == usd / 2
        assert resources.payable_usd(seen) == usd
        assert resources.payable_usd(Seen(terms, {"borrows": 1.0}, **nothing(cash_cents=cents))) == usd * 4


def test_shells_are_begun_whose_deposit_a_part_of_cash_pays():
    terms = {"build.shell_usd_per_kw": 10.0, "build.cash_share": 0.2, "build.cash_use": 0.5}
    assert resources.buildable_kw(Seen(terms, cash_cents=40_000)) == pytest.approx(400 * 0.5 / 2)
    assert resources.buildable_kw(Seen(terms, cash_cents=-1)) == 0.0


def test_power_stands_draws_and_is_trusted_when_it_is_due_and_no_sooner_than_usual():
    works = (
        building(power_kw=100, due_day=START + 70, planned_days=40),
        building(power_kw=60, due_day=START + 10, planned_days=70),
        building(power_kw=900, paused_day=START),
    )  # fmt: skip
    places = (site(running_kw=10, installed_w=4_000), site("beta", running_kw=20, installed_w=2_000))
    seen = Seen({"sites.trust": 0.5, "sites.slip_median": 1.5}, **nothing(sites=places, buildings=works, pending_kw=3))
    assert (resources.running_kw(seen), resources.installed_kw(seen)) == (30, 6)
    for weeks, due in ((0, 0), (9, 0), (10, 100), (14, 100), (15, 160), (99, 160)):
        assert resources.trusted_kw(seen, weeks) == 30 + due / 2
        assert resources.trusted_kw(seen, weeks, trust=1.0) == 30 + due
        assert resources.room_kw(seen, weeks) == 30 + due / 2 - 6 - 3
    assert resources.expected_kw(seen) == ([START + 70, START + 105], [0, 100, 160])


def test_paused_work_would_come_later_by_the_days_that_it_rested():
    works = (building(due_day=START + 50), building(due_day=START + 20, paused_day=START - 40, power_kw=7),
             building(due_day=START + 55, paused_day=0, site="beta"))  # fmt: skip
    seen = Seen(buildings=works)
    assert resources.coming_kw(seen, site()) == [(START + 50, 100), (START + 60, 7)]
    assert resources.coming_kw(seen, site("gamma")) == []
    assert resources.coming_kw(seen, site("beta")) == [(START + 55 + START, 100)]


@pytest.mark.parametrize(("kw", "day"), [(4.0, 0), (5.0, 0), (5.1, 10), (8.0, 10), (8.1, 20), (99.0, 20)])
def test_what_is_asked_for_is_powered_by_the_building_with_which_so_much_is_free(kw, day):
    assert resources.powered_day(5.0, [(10, 3), (20, 3)], kw) == day


def test_what_comes_covers_leases_first_and_free_gpus_cover_contracts():
    facts = nothing(
        owed_gpus={"H100": 50}, holdings=(held("H100", 99), held("GB200", 99)),
        contracts=(signed((40, START), lessor=ME), signed((40, START))), free=10, coming={"H100": 30},
        warehouse={"H100": 5}, orders=(some(chip="H100", gpus=7),),
    )  # fmt: skip
    assert resources.lacking(Seen(**facts)) == {"H100": (50 - 42, 40 - 10)}
    assert resources.lacking(Seen(**{**facts, "coming": {"H100": 50}})) == {"H100": (0, 40 - 10 - 12)}
    assert resources.lacking(Seen(**{**facts, "free": -5})) == {"H100": (8, 40)}
    assert resources.lacking(Seen(**{**facts, "coming": {"H100": 500}})) == {"H100": (0, 0)}
    done = {"contracts": (signed((0, START), chip="GB200", lessor=ME),)}
    assert resources.lacking(Seen(**{**facts, **done})) == {"H100": (8, 0)}


def test_chips_in_the_warehouse_take_power_at_all_sites_evenly():
    stored = nothing(warehouse={"H100": 10, "GB200": 3})
    assert resources.queued_kw(Seen(**stored)) == pytest.approx(20.0)
    assert resources.queued_kw(Seen(**{**stored, "sites": (site(), site("beta"))})) == pytest.approx(10.0)


# --- what it costs to own


@pytest.mark.parametrize(
    ("income", "borrows", "contracted", "rate"),
    [(1.0, 1.0, True, 0.1), (0.0, 0.0, True, 0.3), (0.0, 1.0, False, 0.3), (0.0, 1.0, True, 0.75 * 0.08 + 0.25 * 0.3)],
)
def test_capital_costs_a_parents_rate_a_labs_or_on_a_contract_a_mean_with_the_lenders(
    income, borrows, contracted, rate
):
    terms = {
        "means.capital_rate_parent": 0.1, "means.capital_rate_lab": 0.3, "finance.loan_share": 0.75,
        "finance.loan_rate": 0.08,
    }  # fmt: skip
    seen = Seen(terms, {"income_usd_per_year": income, "borrows": borrows})
    assert owning.capital_rate(seen, is_contracted=contracted) == pytest.approx(rate)
    if not contracted:
        assert owning.capital_rate(seen) == pytest.approx(rate)


@pytest.mark.parametrize("residual", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_what_capital_costs_each_year_pays_the_bill_but_for_what_is_left_at_the_end(rate, residual):
    share = owning.capital_share(Seen({"means.life_years": 5.0, "means.residual_share": residual}), rate)
    paid = sum(share / (1 + rate) ** year for year in range(1, 6))
    assert paid + residual / (1 + rate) ** 5 == pytest.approx(1.0)


def test_an_hour_costs_its_part_of_the_bill_its_energy_and_its_running():
    terms = {
        "means.life_years": 1.0, "means.residual_share": 0.0, "means.running_usd_per_h100e_hour": 0.3,
        "energy.load_factor": 0.8,
    }  # fmt: skip
    seen = Seen(
        terms, region_param=lambda region, name: {("texas", "pue"): 1.25}[region, name],
        energy_usd_per_mwh={"texas": 50.0}.get,
    )  # fmt: skip
    upkeep = owning.upkeep_usd(seen, GB200, owning.Place("texas"))
    assert upkeep.energy_usd == pytest.approx(2.0 / 2.5 * 1.25 * 0.8 * 0.05)
    assert upkeep.running_usd == 0.3
    cost = owning.owning_usd(seen, 10 * 2.5 * YEAR_HOURS, (GB200, 10), owning.Place("texas"), 0.1)
    assert cost == pytest.approx(1.1 + upkeep.energy_usd + 0.3)
