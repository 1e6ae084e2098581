"""Where rules turn: the last amount before another answer, the first day of the next, ties, and whole fractions."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from given import CLOUD, FIELD, FUND, LAB, RESELLER, RIVAL, SITE, START, given
from test_equations_of_the_market import contract, lent, owns, rent, works
from test_lines_runs_and_shells import bench, ordered, project, running
from test_papers_in_numbers import letter
from test_what_is_left_of_an_org import estate, lot

from events.commands.leases import AcceptQuote, GiveQuote, SignLetter
from events.commands.training import AdoptPlan, StartTraining
from events.terms import LeaseTerms
from events.types import chips as chip_events
from events.types import estates as estate_events
from events.types import leases as lease_events
from events.types import sites as site_events
from market.rules import (
    base,
    books,
    clauses,
    contracts,
    credit,
    estates,
    finance,
    insolvency,
    leases,
    letters,
    machines,
    power,
    projects,
    quotes,
    rights,
    shells,
    sites,
    training,
    work,
)
from market.state.leases import Letter
from market.state.training import Lab

# --- runs


@pytest.mark.parametrize(
    ("gpus", "flop", "reason"),
    [(4_000, 1e24, None), (4_001, 1e24, "not enough GPUs"), (0, 1e24, "not enough GPUs"),
     (4_000, 0.99e15, "no such run"), (4_000, 1.01e32, "no such run")],
)  # fmt: skip
def test_a_run_is_on_gpus_that_are_held_and_of_a_size_that_can_be_planned(gpus, flop, reason):
    command = StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=gpus, flop=flop)
    (event,) = training.start_training(given().state, command, START)
    assert getattr(event, "reason", None) == reason
    if reason is None:
        plan = training.plan_run("H100", gpus, flop, START)
        assert event.due_day == START + math.ceil(plan.days)


def test_a_run_takes_no_more_days_than_the_most():
    command = StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=4_000, flop=1e24)
    days = training.plan_run("H100", 4_000, 1e24, START).days
    for most, reason in ((days, None), (days * 0.999, "too long")):
        (event,) = training.start_training(given(labs__run_days_max=most).state, command, START)
        assert getattr(event, "reason", None) == reason


def test_a_plan_is_said_to_a_thousandth():
    command = AdoptPlan(actor=LAB, because=LAB, h100e=1.23456, due_day=START, reason="growth")
    (event,) = training.adopt_plan(given().state, command, START)
    assert event.h100e == 1.235


@pytest.mark.parametrize(("held", "gpus"), [(4_000, None), (3_999, 3_999), (2_000, 2_000)])
def test_a_run_goes_on_with_the_gpus_that_are_left(held, gpus):
    world = given(labs__run_days_max=1e12)
    run = running(world)
    world.state.chips.holdings[next(p for p in world.state.chips.holdings if p.org == LAB)].owned = held
    found = [h.event for h in training.replan(world.state, START + 50)]
    assert [event.gpus for event in found] == ([gpus] if gpus else [])
    if gpus:
        pace = training.plan_run("H100", gpus, run.flop_total, START + 50)
        assert found[0].due_day == START + 50 + math.ceil(pace.days * 0.5)
        assert found[0].flop == pytest.approx(0.5e25)


def test_a_run_without_gpus_or_time_is_given_up():
    for held, most in ((0, 1e12), (10, 1.0)):
        world = given(labs__run_days_max=most)
        running(world)
        world.state.chips.holdings[next(p for p in world.state.chips.holdings if p.org == LAB)].owned = held
        (event,) = (h.event for h in training.replan(world.state, START + 50))
        assert (type(event).__name__, event.flop) == ("TrainingAbandoned", pytest.approx(0.5e25))


def planned(**parameters):
    world = given(**{"labs__run_share": 1.0, "labs__first_run_flop": 1e15, "labs__step_up": 1e-9,
                     "labs__run_wait_weeks": 0.0, **parameters})  # fmt: skip
    world.state.training.labs[LAB].best_effective_flop = 1e15
    return world


def test_machines_are_planned_for_labs_that_are_idle():
    world = planned()
    fleets = base.fleets_h100e(world.state)
    (one,) = machines.machines(world.state, fleets, START)[LAB]
    assert (one.chip, one.site, one.gpus) == ("H100", FIELD, machines.cluster_size(3_000))
    assert 0 < one.flop <= one.effective_flop
    seconds = world.state.run.parameters["labs.run_days"] * 86_400
    assert 0.1 < one.flop / (one.gpus * machines.peak_flop_per_s("H100") * seconds) < 1
    world.state.training.labs[LAB].pending_model = "m"
    assert machines.machines(world.state, fleets, START) == {}
    busy = planned()
    running(busy)
    assert machines.machines(busy.state, fleets, START) == {}


def test_two_machines_of_a_lab_are_planned_the_largest_first():
    world = planned()
    for number, gpus in enumerate((1_000, 2_000), 1):
        name = f"place-{number}"
        world.happened(site_events.SitePlanned(site=name, org=LAB, region="texas", kind="greenfield", power_kw_it=9,
                                               due_day=START))  # fmt: skip
        owns(world, LAB, gpus, site=name)
    found = machines.machines(world.state, base.fleets_h100e(world.state), START)[LAB]
    assert [one.site for one in found] == [FIELD, "place-2"]


def test_a_machine_is_compared_with_as_many_h100s():
    assert machines.training_yield("H100", 4_096, START) == machines.training_yield("of nobody", 4_096, START) == 1.0
    assert machines.training_yield("A100", 4_096, START) == machines.training_yield("A100", 4_500, START) != 1.0
    small, large = (machines.training_yield("GB200", gpus, START) for gpus in (1_000, 100_000))
    assert 0 < large < small


def test_tokens_of_chips_are_counted_in_those_of_an_h100():
    state = given().state
    beside = machines.beside_h100(state, START)
    rates = machines.token_rates(state, START)
    assert beside["H100"] == 1.0
    assert rates["A100"] / rates["H100"] == pytest.approx(beside["A100"])
    assert beside["GB200"] > 1


# --- research


def test_a_project_that_a_log_cannot_hold_or_that_is_all_there_is():
    one = project(1, least=1_000.0)
    assert bench(one).listed == 1_000.0
    assert bench(project(1, least=1_000.1)).listed == 0.0
    assert list(projects._fitting([project(1, least=100.0)], 100.0)) == [project(1, least=100.0)]
    assert list(projects._fitting([project(1, least=100.0)], 99.9)) == []


def test_a_project_ends_on_its_day():
    world = given()
    one = project(1, h100e=100.0)
    world.state.training.projects[LAB] = {one.run_id: one}
    assert list(projects.due(world.state, START, START + 69)) == []
    assert [h.day for h in projects.due(world.state, START, START + 70)] == [START + 70]
    assert [h.day for h in projects.due(world.state, START + 77, START + 83)] == [START + 77]


def test_researchers_of_labs_without_compute_or_heads_stay_where_they_are():
    world = given(projects__drift_per_month=0.1)
    world.state.training.labs[RIVAL] = Lab(RIVAL, researchers=50.0)
    world.state.training.labs[FUND] = Lab(FUND, researchers=0.0)
    owns(world, FUND, 10)
    assert [e.org for e in world.after(projects.people(world.state, START))] == [LAB]
    world.state.training.labs[LAB].researchers = 0.5
    assert [e.org for e in world.after(projects.people(world.state, START))] == [LAB]
    world.state.training.labs[LAB].researchers = 0.0
    assert projects.people(world.state, START) is None
    huge = given(projects__drift_per_month=0.1)
    huge.state.training.labs[RIVAL] = Lab(RIVAL, researchers=1e9)
    owns(huge, RIVAL, 4)
    found = {e.org: e.researchers for e in huge.after(projects.people(huge.state, START))}
    assert found[LAB] == pytest.approx(100 * math.exp(0.1))


# --- power and shells


def test_contractors_that_fall_behind_say_how_far_and_when_they_have_caught_up():
    world = works(given(sites__slip_sd=1e-9, sites__slip_median=1.0), kw=6_000, due=START + 10)
    world.happened(chip_events.InputExpanded(kind="shells", value=1_000.0))
    assert list(shells.binding(world.state, START + 9)) == []
    (late,) = (h.event for h in shells.binding(world.state, START + 10))
    assert (late.supplier, late.share) == (CLOUD, 0.4)
    world.happened(late)
    assert list(shells.binding(world.state, START + 10)) == []
    world.state.sites.buildings[f"{SITE}/building/1"].shell_ready = True
    (free,) = (h.event for h in shells.binding(world.state, START + 10))
    assert (free.supplier, free.share) == (CLOUD, 1.0)


def test_without_contractors_nothing_is_met():
    world = works(given(sites__slip_sd=1e-9, sites__slip_median=1.0), kw=6_000, due=START + 10)
    world.happened(chip_events.InputExpanded(kind="shells", value=0.0))
    (late,) = (h.event for h in shells.binding(world.state, START + 10))
    assert late.share == 0.0


def test_a_shell_stands_on_the_day_of_its_works_and_a_promise_passes_on_its_own(monkeypatch):
    monkeypatch.setattr(shells, "over", lambda state, known, last: {b.building_id: START + 20 for b in known
                                                                    if last >= START + 20})  # fmt: skip
    world = works(given(), due=START + 30)

    def told(first, last):
        return [(type(h.event).__name__, h.day - START) for h in sites.due(world.state, START + first, START + last)]

    assert told(13, 19) == []
    assert told(14, 20) == [("ShellReady", 20)]
    assert told(21, 27) == [("ShellReady", 21)]
    assert told(24, 30) == [("ShellReady", 24), ("BuildingSlipped", 30)]
    world.state.sites.buildings[f"{SITE}/building/1"].granted = True
    assert told(24, 30) == [("ShellReady", 24)]
    world.state.sites.buildings[f"{SITE}/building/1"].shell_ready = True
    assert told(24, 30) == []
    world.state.sites.buildings[f"{SITE}/building/1"].paused_day = START
    assert told(24, 30) == []


def test_power_is_served_on_the_day_when_works_and_shell_ask_for_it():
    world = works(
        given(sites__queue_sd=0.0, regions__texas__queue_days=500.0, sites__power_lead_days=400.0), due=START + 90
    )
    building = world.state.sites.buildings[f"{SITE}/building/1"]
    assert power.power_day(world.state, building) == START + 100
    building.planned_days = 130
    assert power.power_day(world.state, building) == START + 130
    building.is_firm = False
    world.state.run.parameters["power.non_firm_days"] = 60.0
    building.planned_days = 10
    assert power.power_day(world.state, building) == START + 60
    served = list(power._served(world.state, [building], 1e9, "grid", START + 59))
    assert served == []
    assert len(list(power._served(world.state, [building], 1e9, "grid", START + 60))) == 1


# --- papers


def quoted(gpus):
    """A world in which a cloud has answered a lab's request with a quote."""
    world = given()
    world.happened(
        lease_events.LeaseRequested(
            request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 60, duration_days=364,
            price_usd_per_h100e_hour=3.0, kind="serving",
        ),
        lease_events.QuoteGiven(
            quote_id="cloud/quote/1", request_id="lab/request/1", parent_lease_id=None, lessor=CLOUD, lessee=LAB,
            chip="H100", site=SITE, gpus=gpus, start_day=START + 7, end_day=START + 378, price_usd_per_gpu_hour=2.0,
        ),
    )  # fmt: skip
    return world


def test_a_quote_that_is_given_anew_frees_what_the_one_before_held():
    world = quoted(gpus=9_000)
    request = world.state.leases.requests["lab/request/1"]

    def fault(gpus, site=SITE, days=7):
        terms = LeaseTerms(chip="H100", site=site, gpus=gpus, start_day=START + days, end_day=START + 400,
                           price_usd_per_gpu_hour=2.0)  # fmt: skip

        class Command:
            actor, form, parent_lease_id = CLOUD, "lease", None

        Command.terms = terms
        return quotes._room_fault(world.state, Command, request, START)

    assert fault(10_000) is None
    assert fault(10_001) == "capacity"
    spare = world.state.sites.sites[SITE].spare_w // 1_400
    assert fault(10_000 + spare, days=8) is None


def accepted(day=START, cash=10**12, deposit_days=0, countered=""):
    world = quoted(gpus=10)
    quote = world.state.leases.quotes["cloud/quote/1"]
    quote.deposit_days, quote.countered = deposit_days, countered
    world.state.finance.ledger.accounts[LAB] = cash
    return leases.accept_quote(world.state, AcceptQuote(actor=LAB, because=LAB, quote_id="cloud/quote/1"), day)


def test_a_lease_begins_no_sooner_than_it_is_signed_and_with_its_deposit():
    assert accepted()[0].start_day == START + 7
    assert accepted(day=START + 9)[0].start_day == START + 9
    assert accepted()[0].depth == 1
    cents = 10 * 2 * 24 * 30 * 100
    signed, paid = accepted(cash=cents, deposit_days=30)
    assert (paid.amount_usd_cents, paid.kind) == (cents, "deposit")
    assert accepted(cash=cents - 1, deposit_days=30)[0].reason == "finance"
    assert accepted(countered="price")[0].reason == "a counter-offer is open"
    assert signed.lease_id == "lab/lease/1"


@pytest.mark.parametrize(
    ("clause", "changed", "reason"),
    [("price", {"price_usd_per_gpu_hour": 1.99}, None), ("price", {"price_usd_per_gpu_hour": 2.0}, "no lower price"),
     ("price", {"price_usd_per_gpu_hour": 0.0}, "no lower price"), ("date", {"start_day": START + 6}, None),
     ("date", {"start_day": START + 7}, "no earlier day"), ("site", {"region": "none"}, "unknown region"),
     ("site", {"region": "texas"}, None), ("term", {"end_day": START + 7}, "empty term"),
     ("term", {"end_day": START + 8}, None), ("hold", {}, None), ("none", {}, "no such clause")],
)  # fmt: skip
def test_a_counter_offer_asks_for_less_sooner_or_elsewhere(clause, changed, reason):
    values = {"chip": "H100", "site": SITE, "gpus": 10, "start_day": START + 7, "end_day": START + 378,
              "price_usd_per_gpu_hour": 2.0}  # fmt: skip
    before = LeaseTerms(**values)
    assert leases.counter_fault(given().state, clause, LeaseTerms(**{**values, **changed}), before) == reason


def test_a_renewal_stays_within_the_lease_above_it():
    world = rent(given(), 300, None, RESELLER, end_day=START + 728)
    rent(world, 100, None, LAB, RESELLER, parent_lease_id="reseller/lease/1", depth=2, renew_days=364)
    child = world.state.leases.leases["lab/lease/1"]
    assert rights._renewal_fault(world.state, child) is None
    child.renew_days = 365
    assert rights._renewal_fault(world.state, child) == "outside the parent's term"
    child.renew_days = 0
    assert rights._renewal_fault(world.state, child) == "no such option"
    child.renew_days, child.renews = 1, True
    assert rights._renewal_fault(world.state, child) == "no such option"


@pytest.mark.parametrize(
    ("gpus", "day", "cash", "reason"),
    [(1, 30, 9e9, None), (500, 30, 9e9, None), (501, 30, 9e9, "no such option"), (0, 30, 9e9, "no such option"),
     (1, 31, 9e9, "too late"), (10, 0, 10 * 2.5 * 24 * 7 * 100, None), (10, 0, 10 * 2.5 * 24 * 7 * 100 - 1, "cash")],
)  # fmt: skip
def test_more_is_taken_in_time_within_the_option_and_with_its_deposit(gpus, day, cash, reason):
    world = rent(given(), 1_000, expand_gpus=500, expand_days=30, deposit_days=7)
    world.state.finance.ledger.accounts[LAB] = round(cash)
    one = world.state.leases.leases["lab/lease/1"]
    assert rights._expansion_fault(world.state, one, gpus, START + day) == reason


def test_a_lessee_whose_run_needs_its_gpus_keeps_them():
    world = given()
    rent(world, 1_000, None, LAB, CLOUD)
    one = world.state.leases.leases["lab/lease/1"]
    owns(world, LAB, 500)
    running(world, gpus=500, site=SITE)
    assert not rights._is_busy(world.state, one)
    world.state.training.runs["lab/run/1"].gpus = 501
    assert rights._is_busy(world.state, one)


def test_a_renewal_at_the_index_is_the_rent_of_the_work_of_its_chip():
    world = rent(given(), 10, renew_days=364, renew_price="index")
    one = world.state.leases.leases["lab/lease/1"]
    renewed = clauses.renewal(world.state, one, START + 364).event
    each = work.in_h100e(world.state, START + 364)["H100"]
    assert (renewed.price_usd_per_gpu_hour, renewed.end_day) == (pytest.approx(2.5 * each), START + 728)
    assert renewed.amount_usd_cents == finance.rent_due(one, START + 363)
    one.renew_price = "fixed"
    assert clauses.renewal(world.state, one, START + 364).event.price_usd_per_gpu_hour == 2.5


def test_a_letter_is_announced_and_cut_to_a_thousandth():
    command = SignLetter(actor=LAB, because=LAB, lessor=CLOUD, h100e=1.23456, due_day=START + 9)
    (event,) = letters.sign_letter(given().state, command, START)
    assert event.h100e == 1.235
    one = Letter(deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, h100e=1.0, due_day=START + 365)
    assert letters.financed_share(given().state, one, START) > 1
    broke = given(finance__revenue_margin=0.0)
    broke.state.finance.ledger.accounts[LAB] = 0
    broke.state.finance.books[LAB].valuation_cents = 0
    assert letters.financed_share(broke.state, letter(), START) == 0.0
    stranger = given()
    stranger.state.training.labs.clear()
    stranger.state.finance.ledger.accounts[LAB] = 876_000 * 250
    assert letters.financed_share(stranger.state, letter(100.0), START) == pytest.approx(1.0)


def test_a_contract_is_signed_by_who_can_prepay():
    world = given()
    world.happened(lease_events.LeaseRequested(
        request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 60, duration_days=364,
        price_usd_per_h100e_hour=3.0, kind="frontier",
    ))  # fmt: skip
    given_quote = lease_events.QuoteGiven(
        quote_id="cloud/quote/1", request_id="lab/request/1", parent_lease_id=None, lessor=CLOUD, lessee=LAB,
        chip="H100", site="", region="texas", gpus=10, start_day=START + 7, end_day=START + 1_007,
        price_usd_per_gpu_hour=2.0, form="contract", prepaid_share=0.1, tranches=2, ramp_days=50,
    )  # fmt: skip
    world.happened(given_quote)
    quote = world.state.leases.quotes["cloud/quote/1"]
    cents = round(0.1 * 10 * 2 * 24 * 1_000 * 100)
    for cash, signs in ((cents, True), (cents - 1, False)):
        world.state.finance.ledger.accounts[LAB] = cash
        out = contracts.sign(world.state, quote, START)
        assert (len(out) == 4) is signs
        if signs:
            assert [(e.tranche, e.gpus, e.start_day) for e in out[1:3]] == [(1, 5, START + 7), (2, 5, START + 57)]
            assert out[1].end_day == START + 1_007
            assert out[3].amount_usd_cents == cents


def test_of_several_own_sites_the_one_named_comes_first_then_where_gpus_are_free_and_of_equals_any():
    world = contract(given(), 100)
    for name in ("aardvark", "zebra"):
        world.happened(site_events.SitePlanned(site=name, org=CLOUD, region="texas", kind="greenfield", power_kw_it=9,
                                               due_day=START))  # fmt: skip
    one = next(iter(world.state.contracts.open.values()))
    found = set()
    for world.state.run.seed in range(20):
        first, *others = contracts.sites_of(world.state, one)
        assert first == SITE
        found.add(tuple(others))
    assert found == {("aardvark", "zebra"), ("zebra", "aardvark")}
    one.site = "zebra"
    assert contracts.sites_of(world.state, one) == ["zebra", SITE, "aardvark"]


@pytest.mark.parametrize("rounds", [0, 3])
def test_a_quote_tells_which_turn_of_its_talks_it_is(rounds):
    world = given()
    world.happened(lease_events.LeaseRequested(
        request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 60, duration_days=364,
        price_usd_per_h100e_hour=3.0, kind="serving",
    ))  # fmt: skip
    world.state.leases.requests["lab/request/1"].rounds = rounds
    terms = LeaseTerms(
        chip="H100", site=SITE, gpus=5, start_day=START + 7, end_day=START + 99, price_usd_per_gpu_hour=2.0
    )
    command = GiveQuote(actor=CLOUD, because="x", request_id="lab/request/1", terms=terms)
    (event,) = quotes.give_quote(world.state, command, START)
    assert event.turn == rounds + 1


# --- estates and debt


def test_a_site_is_sold_with_its_gpus_and_the_leases_that_its_buyer_takes_over():
    def sold(buyer):
        world = rent(given(estates__notice_weeks=0.0), 1_000)
        found = estate(world, CLOUD)
        found.lots["x"] = lot(kind="site", site=SITE)
        one = found.lots["x"]
        one.lot_id = "x"
        filed = Counter[str]()
        return [h.event for h in estates._sale(world.state, found, one, (buyer, 5, START), filed)]

    kept = sold(RESELLER)
    (moved,) = (e for e in kept if isinstance(e, estate_events.GpusTransferred))
    assert (moved.gpus, moved.gpus_let) == (10_000, 1_000)
    assert [e.gpus for e in kept if isinstance(e, estate_events.LeaseAssigned)] == [1_000]
    assert next(e for e in kept if isinstance(e, estate_events.LotSold)).gpus == 10_000
    ended = sold(RIVAL)
    (moved,) = (e for e in ended if isinstance(e, estate_events.GpusTransferred))
    assert (moved.gpus, moved.gpus_let) == (10_000, 0)
    claims = [e for e in ended if isinstance(e, estate_events.ClaimFiled)]
    assert all((c.counterparty, c.claim_id) == (LAB, "cloud/claim/1") for c in claims)
    merged = sold(LAB)
    assert not [e for e in merged if isinstance(e, estate_events.LeaseRejected)]


def test_an_org_defaults_for_want_of_cash_before_it_does_on_its_loans():
    world = lent(given(finance__default_cash_share=-0.25))
    world.state.finance.books[CLOUD].breach_day = START - 900
    assert list(insolvency.defaults(world.state, START)) == []
    world.state.finance.ledger.accounts[CLOUD] = 5
    first = next(insolvency.defaults(world.state, START)).event
    assert (first.reason, first.amount_usd_cents) == ("covenant", 0)
    world.state.finance.ledger.accounts[CLOUD] = -(10**14)
    first = next(insolvency.defaults(world.state, START)).event
    assert (first.reason, first.amount_usd_cents) == ("cash", 10**14)
    world.state.finance.estates[CLOUD] = None
    assert list(insolvency.defaults(world.state, START)) == []


def test_a_loan_that_a_rating_would_still_borrow_keeps_an_org_afloat_as_it_earns_today():
    world = given(orgs__cloud__rating=3.0, orgs__cloud__income_usd_per_year=1e6, orgs__cloud__income_growth=1.0,
                  finance__bonds_stretched=3.0, finance__default_cash_share=0.0)  # fmt: skip
    world.state.run.week = 51
    room = credit.bond_room_cents(world.state, CLOUD, START + 364)
    accounts = world.state.finance.ledger.accounts
    accounts[CLOUD] = -1
    stretched = credit.bond_room_cents(world.state, CLOUD, START + 364)
    assert stretched > room
    for cents, broke in ((-stretched, False), (-stretched - 1, True)):
        accounts[CLOUD] = cents
        assert finance.is_insolvent(world.state, CLOUD) is broke


# --- the book of chips


def test_a_book_of_chips_bids_no_less_than_what_was_agreed_and_no_more_than_cash():
    world = ordered(given(), LAB, 4, price=30_000.0)
    world.state.chips.chips["H100"].stock_gpus = 3
    waiting = books.Waiting(world.state, START)
    book = books.chip_book(world.state, "H100", waiting)
    (bid,) = book.bids
    (asked,) = bid.alternatives
    worth = waiting.buyer(LAB).worth_usd_per_gpu(waiting, world.state.chips.chips["H100"])
    assert asked.units == 4
    assert asked.value_usd == pytest.approx(4 * max(30_000.0, min(worth, 1e10 / 4)))
    assert (book.lots[0].units, book.lots[0].reserve_usd) == (3, 30_000.0)
    empty = ordered(given(), LAB, 4)
    assert books.Waiting(empty.state, START).by_chip == {}
