"""A scenario said as events: what is known of orgs, sites, chips, leases, money and labs, at its day and amount."""

from __future__ import annotations

import math
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from given import CLOUD, FIELD, LAB, OEM, RESELLER, SITE, START, SUPPLIER, given, lease
from test_equations_of_the_market import rent

from events.types import chips as chip_events
from events.types import finance as money
from events.types import leases as lease_events
from events.types import sites as site_events
from events.types import training as training_events
from events.types.finance import BudgetSet
from events.types.run import OrgAnnounced, OrgRegistered, ParameterSet
from market.evolve import evolve
from market.rules import cases, leases, permits, plant, standing, start, start_books, work
from market.rules.calibrate import gpus_per_usd, lines
from market.scenario.load import load_scenario
from market.state import State
from market.units import to_day

TODAY = date(2024, 7, 15)  # the day of the small world's start


def some(**values):
    return SimpleNamespace(**values)


def org(*roles, **values):
    usual = {
        "roles": roles, "country": "US", "behaviour": "x", "parent": None, "enters": None, "cash_usd": 0.0,
        "valuation_usd": 0.0, "chip_budget_usd_per_year": 0.0, "traits": {}, "captive_share": 0.0,
        "income_usd_per_year": 0.0, "revenue_usd_per_year": 0.0,
    }  # fmt: skip
    return some(**{**usual, **values})


def scenario(**values):
    usual = {
        "start": TODAY, "years": 1.0, "name": "s", "orgs": {}, "mechanisms": {}, "parameters": {}, "regions": {},
        "chips": {}, "sites": {}, "fleets": [], "orders": [], "leases": {}, "investments": {}, "models": {}, "runs": {},
    }  # fmt: skip
    return some(**{**usual, **values})


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


# --- orgs and what they have


@pytest.mark.parametrize(("enters", "late"), [(None, False), (date(2024, 7, 15), False), (date(2024, 7, 16), True)])
def test_an_org_that_enters_later_is_announced_with_what_it_brings(enters, late):
    new = org("lab", enters=enters, cash_usd=1.5, valuation_usd=2.5, chip_budget_usd_per_year=3.5)
    said = list(start._orgs(scenario(orgs={"new": new}), START))
    assert [type(event) for event in said] == [OrgAnnounced if late else OrgRegistered]
    if late:
        (one,) = said
        assert (one.amount_usd_cents, one.valuation_usd_cents, one.value) == (150, 250, 3.5)
        assert one.due_day == to_day(enters)
    money_said = list(start_books.money_at_start(scenario(orgs={"new": new}), START))
    assert bool(money_said) is not late


@pytest.mark.parametrize(("share", "gpus"), [(0.0, None), (0.25, 250), (1e-9, 1)])
def test_lines_of_oems_are_their_part_of_all(share, gpus):
    known = scenario(orgs={"oem": org("oem", traits={"integration_share": share})},
                     parameters={"shipping.oem_gpus_per_week_first": 1_000.0})  # fmt: skip
    assert [event.gpus for event in of(chip_events.IntegrationExpanded, start._orgs(known, START))] == (
        [gpus] if gpus else []
    )


def test_the_oem_with_most_lines_takes_the_orders_of_the_start():
    orgs = {name: org(*roles, traits={"integration_share": share}) for name, roles, share in
            (("a", ("oem",), 0.2), ("b", ("oem",), 0.3), ("c", ("cloud",), 0.9))}  # fmt: skip
    assert start._largest_oem(scenario(orgs=orgs)) == "b"
    assert start._largest_oem(scenario(orgs={"c": orgs["c"]})) == ""
    assert start._largest_oem(scenario(orgs={"a": org("oem")})) == ""


def test_what_an_org_has_is_said_in_cents_and_what_it_lacks_is_not():
    known = scenario(
        orgs={"a": org("lab", cash_usd=1.005, valuation_usd=2.0, chip_budget_usd_per_year=3.0), "b": org("lab")}
    )
    paid, valued, budget = start_books.money_at_start(known, START)
    assert (paid.org, paid.counterparty, paid.amount_usd_cents) == ("world/savers", "a", round(100.5))
    assert (valued.valuation_usd_cents, budget.value) == (200, 3.0)


def test_a_debt_of_the_start_is_owed_to_a_lender_at_its_rate_for_its_years():
    lender, own = org("investor", traits={"lends": 1.0}), {"debt_usd": 5.0}
    p = {"finance.loan_rate": 0.1, "finance.loan_years": 5.0}

    def owed(traits, **more):
        known = scenario(orgs={"a": org("cloud", traits=traits), **more}, parameters=p)
        return of(money.LoanKnown, start_books.money_at_start(known, START))

    (loan,) = owed(own, bank=lender)
    assert (loan.counterparty, loan.amount_usd_cents, loan.value, loan.end_day) == ("bank", 500, 0.1, START + 1_825)
    (loan,) = owed({**own, "debt_rate": 0.05, "debt_years": 2.0}, bank=lender)
    assert (loan.value, loan.end_day) == (0.05, START + 730)
    assert owed(own) == owed({}, bank=lender) == []
    assert owed({**own, "lends": 1.0}) == []  # nobody owes itself


def test_stakes_are_equity_or_for_compute():
    known = {"x": some(org="a", investor="b", amount_usd=2.0, for_compute=True, closed=TODAY),
             "y": some(org="a", investor="c", amount_usd=3.0, for_compute=False, closed=TODAY)}  # fmt: skip
    said = of(money.StakeKnown, start_books.money_at_start(scenario(investments=known), START))
    assert [(e.kind, e.amount_usd_cents, e.start_day) for e in said] == [
        ("equity for compute", 200, START), ("equity", 300, START)
    ]  # fmt: skip


# --- chips, sites, fleets


def chip(first=TODAY, **values):
    usual = {
        "supplier": SUPPLIER, "start": first, "end": date(2026, 1, 1), "price_usd_per_gpu": 100.0,
        "power_kw_it_per_gpu": 1.4, "h100e": 1.0, "buyers": "all",
    }  # fmt: skip
    return some(**{**usual, **values})


@pytest.mark.parametrize(("first", "made"), [(TODAY, 1), (date(2024, 7, 16), 0)])
def test_a_chip_that_began_is_in_volume(first, made):
    said = list(start._chips(scenario(chips={"H100": chip(first)}), START))
    assert len(of(chip_events.VolumeReached, said)) == made


def place(**values):
    usual = {
        "owner": "a",
        "region": "texas",
        "kind": "pool",
        "planned_mw_it": None,
        "energised_mw_it": 0.0,
        "leased": False,
        "buildings": [],
    }
    return some(**{**usual, **values})


def test_a_site_stands_with_its_power_and_what_is_being_built():
    building = some(due=date(2025, 1, 1), start=TODAY, power_mw_it=2.0, kind="next", on_site_power=False)
    later = some(due=date(2025, 3, 1), start=TODAY, power_mw_it=3.0, kind="next", on_site_power=True)

    def said(**values):
        known = scenario(sites={"s": place(**values)}, regions={"texas": some(pue=1.25)})
        return list(start._sites(known, START))

    plan, standing_power, first, queue, second, _ = said(energised_mw_it=4.0, buildings=[building, later])
    assert (plan.power_kw_it, plan.due_day) == (4_000, to_day(date(2025, 3, 1)))
    assert (standing_power.power_kw_it, standing_power.power_kw_facility) == (4_000, 5_000)
    assert (first.building_id, first.power_kw_it, queue.power_kw_facility) == ("s/building/1", 2_000, 2_500)
    assert (second.building_id, second.on_site_power) == ("s/building/2", True)
    (planned,) = said(planned_mw_it=7.0)
    assert (planned.power_kw_it, planned.due_day) == (7_000, START)


def test_a_fleet_draws_whole_kilowatts_and_orders_of_the_start_are_numbered_by_buyer():
    fleet = some(owner="a", site="s", chip="H100", gpus=3)
    orders = [some(buyer="a", due=due, chip="H100", gpus=gpus) for due, gpus in
              ((None, 5), (date(2024, 8, 1), 7), (date(2024, 7, 20), 9))]  # fmt: skip
    orgs = {OEM: org("oem", traits={"integration_share": 1.0})}
    said = list(start._fleets(scenario(fleets=[fleet], orders=orders, chips={"H100": chip()}, orgs=orgs), START))
    assert said[0].power_kw_it == 5
    assert [(e.order_id, e.gpus) for e in of(chip_events.OrderPlaced, said)] == [
        ("a/order/1", 9), ("a/order/2", 7), ("a/order/3", 5)
    ]  # fmt: skip
    assert [(e.shipment_id, e.due_day) for e in of(chip_events.ShipmentSent, said)] == [
        ("a/shipment/1", to_day(date(2024, 7, 20))), ("a/shipment/2", to_day(date(2024, 8, 1)))
    ]  # fmt: skip
    alone = list(start._fleets(scenario(orders=orders, chips={"H100": chip()}), START))
    assert of(chip_events.ShipmentSent, alone) == []


def test_a_start_is_as_many_whole_weeks_long_as_its_years_have():
    (first, *_) = start.opening(scenario(years=2.0, parameters={"labs.refresh_weeks": 26.0}), 7)
    assert (first[1].end_day - first[1].start_day, first[1].seed, first[0]) == (7 * 104, 7, START)


# --- leases, labs, runs


def paper(**values):
    usual = {
        "lessor": "cloud", "lessee": "lab", "chip": "H100", "site": "s", "gpus": 5, "start": TODAY, "parent": None,
        "end": date(2025, 7, 14), "price_usd_per_gpu_hour": 2.0, "kind": "frontier",
    }  # fmt: skip
    return some(**{**usual, **values})


def test_leases_of_the_start_are_numbered_by_lessee_below_those_above_them():
    known = {
        "z": paper(lessee="reseller"), "a": paper(parent="z", lessor="reseller"), "b": paper(parent="a", lessee="x"),
        "c": paper(start=date(2024, 7, 16)),
    }  # fmt: skip
    said = list(start_books.leases_at_start(scenario(leases=known), START))
    signed = [(e.lease_id, e.parent_lease_id, e.depth) for e in of(lease_events.LeaseSigned, said)]
    assert signed == [
        ("lab/lease/1", None, 1), ("reseller/lease/1", None, 1), ("lab/lease/2", "reseller/lease/1", 2),
        ("x/lease/1", "lab/lease/2", 3),
    ]  # fmt: skip
    assert [e.lease_id for e in of(lease_events.GpusHandedOver, said)] == [
        "reseller/lease/1",
        "lab/lease/2",
        "x/lease/1",
    ]


LABS = {"capability.intercept": 1.0, "capability.per_log10_flop": 0.2, "capability.per_year": 0.3,
        "capability.diffusion_share": 0.5, "labs.refresh_weeks": 26.0,
        "split.inference_start": 0.4, "labs.mfu": 0.4, "labs.goodput": 0.9}  # fmt: skip


def test_models_of_the_start_are_as_capable_as_their_compute_and_date_say():
    models = {"m": some(lab="lab", flop=1e25, released=TODAY), "n": some(lab="lab", flop=1e24, released=TODAY)}
    orgs = {"lab": org("lab", revenue_usd_per_year=5.0, traits={"researchers": 7.0}), "cloud": org("cloud")}
    said = list(start_books.labs_at_start(scenario(models=models, orgs=orgs, parameters=LABS), START))
    released = of(training_events.ModelReleased, said)
    index = 1.0 + 0.2 * 25 + 0.3 * (START - 19_412) / 365.25
    assert [e.capability for e in released] == pytest.approx([index, index - 0.2])
    (frontier,) = of(training_events.FrontierMeasured, said)
    assert frontier.capability == pytest.approx(index)
    kinds = (training_events.ComputeSplitSet, training_events.ResearchersMeasured, training_events.ServingMeasured)
    (split,), (heads,), (served,) = (of(kind, said) for kind in kinds)
    assert (split.share, heads.researchers, served.revenue_usd_per_year, served.value) == (0.4, 7.0, 5.0, 5.0)


def test_models_of_the_start_have_had_the_refreshes_that_were_due_before_it():
    old, leads = TODAY - timedelta(400), TODAY - timedelta(300)
    models = {"m": some(lab="lab", flop=1e24, released=old), "n": some(lab="rival", flop=1e26, released=leads),
              "o": some(lab="third", flop=1e25, released=TODAY - timedelta(181))}  # fmt: skip
    said = list(start_books.labs_at_start(scenario(models=models, orgs={}, parameters=LABS), START))
    released = of(training_events.ModelReleased, said)
    assert [(e.model, e.kind, START - e.start_day) for e in released] == [
        ("m", "frontier", 400), ("n", "frontier", 300), ("o", "frontier", 181),
        ("m", "refresh", 36), ("n", "refresh", 118),
    ]  # fmt: skip
    first, leader, _, better, best = (e.capability for e in released)
    alone = first + 0.3 * 364 / 365.25
    assert better == pytest.approx(alone + 0.5 * (leader - alone)), "half of what it lacks to the frontier of then"
    assert best == pytest.approx(leader + 0.3 * 182 / 365.25)
    frontier = [e.capability for e in of(training_events.FrontierMeasured, said)]
    assert len(frontier) == 27, "customers know a model by half a year"
    assert frontier[0] == leader
    assert frontier[-1] == best
    assert [START - 7 * (26 - i) for i in range(1, 27) if frontier[i] > frontier[i - 1]] == [START - 112]


@pytest.mark.parametrize("before", ["a", "z"])
def test_of_two_models_of_a_lab_the_later_stands_at_the_start_whatever_they_are_called(before):
    models = {before: some(lab="lab", flop=1e24, released=TODAY - timedelta(200)),
              "m": some(lab="lab", flop=1e25, released=TODAY - timedelta(20))}  # fmt: skip
    said = list(start_books.labs_at_start(scenario(models=models, orgs={}, parameters=LABS), START))
    state, released = State(), of(training_events.ModelReleased, said)
    for event in released:
        evolve(state, event, START)
    assert [e.kind for e in released] == ["frontier", "frontier"], "what has a successor is not refreshed"
    lab = state.training.labs["lab"]
    assert (lab.best_model, lab.released_day) == ("m", START - 20)


@pytest.mark.parametrize("given", [{}, {"start": "2024-06-30", "vintage": "strict"}], ids=["default", "strict"])
def test_no_model_of_a_world_is_overdue_for_its_refresh_at_the_start(given):
    world = load_scenario("frontier-2024", given).scenario
    start = to_day(world.start)
    latest = {e.model: e.start_day for e in of(training_events.ModelReleased, start_books.labs_at_start(world, start))}
    assert latest
    assert all(day + 7 * world.parameters["labs.refresh_weeks"] > start for day in latest.values())


@pytest.mark.parametrize("held", [1_000, 10])
def test_a_run_of_the_start_takes_the_gpus_that_its_dates_ask_for_or_more_days(held):
    pace = 989.5e12 * 0.4 * 0.9 * 86_400
    run = some(lab="lab", start=TODAY, due=date(2024, 10, 23), flop=100 * 50 * pace)
    known = scenario(
        runs={"m": run}, orgs={"lab": org("lab")}, parameters=LABS, chips={"H100": chip()},
        fleets=[some(owner="lab", site="s", chip="H100", gpus=held)],
    )  # fmt: skip
    (begun,) = of(training_events.TrainingStarted, start_books.labs_at_start(known, START))
    assert begun.gpus == min(held, 50) or begun.gpus == min(held, 51)
    days = 100 if held == 1_000 else 500
    assert begun.due_day - begun.start_day == pytest.approx(days, abs=1)
    assert begun.run_id == "lab/run/1"


# --- what stands at the start


def test_the_prices_of_the_start_are_those_of_the_mean_work_of_all_installed():
    start = {"price__start_usd_per_h100e_hour": 2.0, "price__spot_start_usd_per_h100e_hour": 4.0}
    world = given(supply__lead_time_start_weeks=10.0, **start)
    (moved,) = (h.event for h in standing._rents(world.state, START))
    mean = work.mean_per_h100e(world.state, START)
    assert moved.price_usd_per_h100e_hour == pytest.approx(2 * mean)
    assert moved.spot_usd_per_h100e_hour == pytest.approx(4 * mean)
    assert (moved.tightness, moved.lead_time_weeks) == (1.0, 10.0)


def test_what_a_buyer_had_ordered_is_on_its_way_and_waits_for_its_lead_time():
    world = given(orders__fraction=0.5, supply__lead_time_start_weeks=10.0).happened(
        BudgetSet(org=LAB, value=52e8, reason="start")
    )
    said = [h.event for h in standing._backlog(world.state, START)]
    ordered, sent = of(chip_events.OrderPlaced, said), of(chip_events.ShipmentSent, said)
    weekly = 52e8 / 52 * 0.5 * gpus_per_usd(world.state, LAB)["H100"]
    mine = [e for e in ordered if e.org == LAB]
    assert [(e.gpus, e.due_day) for e in sent if e.org == LAB] == [
        (round(2 * weekly), START + 14 - 3), (round(2 * weekly), START + 28 - 3)
    ]  # fmt: skip
    assert [e.gpus for e in mine] == [round(2 * weekly)] * 2 + [round(10 * weekly)]
    assert [e.order_id for e in mine] == [f"lab/order/{n}" for n in (1, 2, 3)]
    group = {e.chip: e.gpus for e in ordered if e.org == CLOUD}
    made = lines(world.state)["TPU v5p"]
    assert group == {"TPU v5p": 14 * made}  # what its own lines make: a month more
    assert {e.counterparty for e in sent} == {OEM}


def test_a_pool_has_begun_what_its_owner_will_add_by_the_quarter():
    world = given(sites__greenfield_days=182.0, sites__slip_median=2.0, sites__pool_growth_per_year=0.5,
                  sites__pool_margin=1.2, orgs__cloud__pool_growth_per_year=1.0)  # fmt: skip
    site = world.state.sites.sites[SITE]
    site.kind = "pool"
    kw = [20_000 * 1.2 * (2 ** (q / 4) - 2 ** ((q - 1) / 4)) for q in (1, 2)]
    assert [standing._tranche_kw(world.state, site, q) for q in (1, 2)] == pytest.approx(kw)
    other = world.state.sites.sites[FIELD]
    assert standing._tranche_kw(world.state, other, 1) == pytest.approx(20_000 * 1.2 * (1.5**0.25 - 1))
    said = [h.event for h in standing._pool_tranches(world.state, START)]
    (factor,) = of(ParameterSet, said)
    assert (factor.parameter, factor.value) == ("orgs.cloud.shells_factor", 1.0)
    begun = of(site_events.BuildingStarted, said)
    assert [(e.power_kw_it, e.start_day, e.due_day) for e in begun] == [
        (round(kw[0]), START + 91 - 182, START), (round(kw[1]), START, START + 91)
    ]  # fmt: skip
    assert [e.power_kw_facility for e in of(site_events.PowerQueued, said)] == [round(round(x) * 1.25) for x in kw]


# --- what talks and leases come to by themselves


def talking(rounds=0, quote=False):
    world = given()
    world.happened(lease_events.LeaseRequested(
        request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 60, duration_days=364,
        price_usd_per_h100e_hour=3.0, kind="serving",
    ))  # fmt: skip
    if quote:
        world.happened(lease_events.QuoteGiven(
            quote_id="cloud/quote/1", request_id="lab/request/1", parent_lease_id=None, lessor=CLOUD, lessee=LAB,
            chip="H100", site=SITE, gpus=100, start_day=START + 14, end_day=START + 378, price_usd_per_gpu_hour=2.0,
        ))  # fmt: skip
    world.state.leases.requests["lab/request/1"].rounds = rounds
    return world


def lapses(world, first, last):
    return [(type(h.event).__name__, h.day - START) for h in leases.due(world.state, START + first, START + last)]


def test_talks_without_a_message_are_over_after_three_weeks_and_a_quote_holds_for_one():
    assert lapses(talking(), 0, 20) == []
    assert lapses(talking(), 15, 21) == [("LeaseTalksFailed", 21)]
    assert lapses(talking(), 28, 34) == [("LeaseTalksFailed", 28)]
    assert lapses(talking(rounds=2), 28, 34) == []
    assert lapses(talking(rounds=2), 29, 35) == [("LeaseTalksFailed", 35)]
    assert lapses(talking(quote=True), 0, 7) == []
    assert lapses(talking(quote=True), 2, 8) == [("QuoteLapsed", 8)]
    assert lapses(talking(quote=True), 28, 34) == [("QuoteLapsed", 28)]


def test_a_lease_is_over_on_its_last_day_with_what_was_passed_on_first():
    world = rent(given(), 300, None, RESELLER, end_day=START + 100)
    below = lease(LAB, RESELLER, 100, parent_lease_id="reseller/lease/1", depth=2, end_day=START + 100)
    world.happened(below)
    assert list(leases.terms_over(world.state, START + 99)) == []
    ended = [h.event.lease_id for h in leases.terms_over(world.state, START + 100)]
    assert ended == ["lab/lease/1", "reseller/lease/1"]


# --- permits of own plant


def permitted(**values):
    world = given(power__permit_granted_share=1.0)
    usual = {"building_id": f"{SITE}/building/1", "site": SITE, "region": "texas", "power_kw_it": 10}
    world.happened(site_events.PlantPermitted(org=CLOUD, kind="operating", end_day=START + 100, **usual))
    permit = world.state.sites.permits[usual["building_id"]]
    permit.is_running = True
    for name, value in values.items():
        setattr(permit, name, value)
    return world


def told(world, first, last):
    return [(type(h.event).__name__, h.day - START) for h in plant.due(world.state, START + first, START + last)]


def test_plant_stops_when_its_permit_ends_unless_one_is_being_decided():
    assert told(permitted(), 93, 99) == []
    assert told(permitted(), 94, 100) == [("PlantStopped", 100)]
    assert told(permitted(), 101, 107) == [("PlantStopped", 101)]
    assert told(permitted(is_running=False), 94, 100) == []
    assert told(permitted(decided_day=START + 300), 94, 100) == []
    assert told(permitted(decided_day=START + 107), 101, 107) == [("PlantPermitted", 107)]
    refused = permitted(decided_day=START + 103)
    refused.state.run.parameters["power.permit_granted_share"] = 0.0
    assert told(refused, 101, 107) == [("PermitRefused", 103), ("PlantStopped", 103)]


# --- what a policy sees


def test_a_case_is_completed_with_what_follows_from_its_names():
    state = given(energy__load_factor=0.5).state
    case = cases.completed(state, {"chip": "GB200", "gpus": 4, "site": SITE, "org": CLOUD, "power_kw_it": 500,
                                   "amount_usd_cents": 250, "start_day": 10, "end_day": 75})  # fmt: skip
    assert (case["supplier"], case["counterparty"], case["h100e"]) == (SUPPLIER, SUPPLIER, 10.0)
    assert (case["region"], case["region_country"], case["country"]) == ("texas", "US", "US")
    assert (case["power_mw_it"], case["amount_usd"], case["duration_days"], case["sublease"]) == (0.5, 2.5, 65, False)
    drawn = state.sites.sites[SITE].installed_w / 1e6 * 1.25 * 0.5 * 8_760 * 28 / 365
    assert case["mwh"] == pytest.approx(drawn)
    assert cases.completed(state, {"parent_lease_id": "x"})["sublease"] is True
    assert cases.completed(state, {"duration_days": 3, "start_day": 1, "end_day": 9})["duration_days"] == 3


def test_an_event_is_worth_its_gpus_at_their_price_or_their_rent_for_the_term():
    world = given()
    order = chip_events.OrderPlaced(order_id="lab/order/1", org=LAB, supplier=SUPPLIER, chip="H100", gpus=3,
                                    price_usd_per_gpu=10.0)  # fmt: skip
    assert cases.event_case(world.state, order)["amount_usd"] == 30.0
    case = cases.event_case(world.state, lease(gpus=3, price_usd_per_gpu_hour=2.0))
    assert case["amount_usd"] == 3 * 2.0 * 24 * 364
    assert (case["org"], case["counterparty"], case["contract_id"]) == (LAB, CLOUD, "lab/lease/1")


@pytest.mark.parametrize(
    ("per", "name"), [("week", "week 3"), ("quarter", "2024 quarter 3"), ("year", "2024"), ("policy", "all")]
)
def test_a_quota_is_of_a_period(per, name):
    assert permits._period(some(per=per), given().state, START + 27) == name


def test_a_quota_of_output_is_a_part_of_what_its_supplier_makes_in_the_period():
    state = given().state
    state.chips.chips["H100"].made_gpus, state.chips.chips["GB200"].made_gpus = 10, 4
    for of_, made in (("gpus", 14.0), ("h100e", 20.0)):
        quota = some(share_of_output=0.5, per="quarter", of=of_, limit=None)
        assert permits.limit_of(state, quota, {"supplier": SUPPLIER}) == 0.5 * 13 * made
    assert permits.limit_of(state, some(share_of_output=None, limit=7.0), {}) == 7.0
    assert permits.limit_of(state, some(share_of_output=None, limit=None), {}) == 0.0


def test_a_permission_waits_for_its_slowest_barrier_and_is_worth_asking_for_unless_refused_or_asked():
    wait = permits.Barrier("p", "US", "r", 30.0)
    assert permits.GIVEN.is_given
    assert permits.GIVEN.is_worth_asking
    assert permits.Permission((wait, wait._replace(wait_days=9.0))).wait_days == 30.0
    assert permits.Permission((wait,)).is_worth_asking
    assert not permits.Permission((wait._replace(is_pending=True),)).is_worth_asking
    refused = permits.Permission((wait, wait._replace(wait_days=math.inf)))
    assert refused.is_refused
    assert not refused.is_worth_asking
    assert (permits.GIVEN.wait_days, permits.GIVEN.policy, refused.policy) == (0.0, None, "p")
