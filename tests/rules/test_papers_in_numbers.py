"""Contracts, letters, quotes, entries and what sellers finance: numbers, bounds and the day on which each turns."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from given import CLOUD, FIELD, FUND, LAB, RESELLER, RIVAL, SITE, START, SUPPLIER, given
from msgspec.structs import replace
from test_equations_of_the_market import HOURS, contract, lent, rent, works

from events.commands.contracts import CancelContract, ShedCapacity, TerminateLease
from events.commands.entry import FoundOrg, WindUp
from events.commands.leases import GiveQuote, SignLetter
from events.commands.vendors import GrantWarrants
from events.terms import LeaseTerms
from events.types import leases as lease_events
from events.types import vendors as vendor_events
from events.types.finance import RoundClosed
from events.types.run import ParameterSet
from events.types.training import TrainingStarted
from market.rules import clauses, contracts, demand, entry, letters, power, quotes, rights, vendors, work
from market.rules.free import quoted_under
from market.state.chips import Holding, Place
from market.state.leases import Letter
from market.units import HOURS_PER_DAY


def the(world):
    """The only contract."""
    (one,) = world.state.contracts.open.values()
    return one


def with_choice(world, **changed):
    """The same with another clause."""
    one = the(world)
    for name, value in changed.items():
        setattr(one, name, value)
    return one


# --- which chips and sites may serve a contract


TRAINS = {"price__serving_share": 0.0}  # work is training alone, as H100e count it


def test_a_contract_is_served_by_its_chip_or_by_what_its_clause_allows():
    world = contract(given(**TRAINS), 100)
    state = world.state
    state.chips.chips["OTHER"] = replace(state.chips.chips["H100"], name="OTHER", supplier="amd", h100e=3.0)
    state.chips.chips["SLOW"] = replace(state.chips.chips["H100"], name="SLOW", h100e=0.9)
    found = {choice: contracts.substitutes(state, with_choice(world, chip_choice=choice))
             for choice in ("fixed", "listed", "seller")}  # fmt: skip
    assert found["fixed"] == ["H100"]
    assert found["listed"] == ["H100", "GB200"]
    assert found["seller"] == ["H100", "A100", "GB200", "OTHER", "SLOW"]
    same = replace(state.chips.chips["H100"], name="EQUAL")
    state.chips.chips["EQUAL"] = same
    assert "EQUAL" in contracts.substitutes(state, with_choice(world, chip_choice="listed"))


def test_a_chip_that_trains_as_much_and_serves_less_is_no_listed_substitute(monkeypatch):
    world = contract(given(), 100)
    state, one = world.state, with_choice(world, chip_choice="listed")
    for name in ("LESS", "SAME", "MORE"):
        state.chips.chips[name] = replace(state.chips.chips["H100"], name=name)
    known = dict.fromkeys(state.chips.chips, 0.0)
    monkeypatch.setattr(
        contracts.work, "in_h100s", lambda *_: {**known, "H100": 1.2, "LESS": 1.1, "SAME": 1.2, "MORE": 1.3}
    )
    assert contracts.substitutes(state, one) == ["H100", "MORE", "SAME"]


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("chip", ["H100", "GB200", "A100"])
def test_a_substitute_costs_the_same_for_what_it_does_and_takes_no_more_of_a_tranche_than_it_does(share, chip):
    lease, drawn = under(chip, 40, left=1_000, price__serving_share=share)
    works = work.in_h100s(given(price__serving_share=share).state, START)
    ratio = works[chip] / works["H100"]
    assert drawn.work_ratio == pytest.approx(ratio)
    assert lease.price_usd_per_gpu_hour / works[chip] == pytest.approx(2.0 / works["H100"])
    assert 40 * ratio - 1 < drawn.gpus <= 40 * ratio + 1e-6
    if chip == "H100":
        assert (drawn.work_ratio, drawn.gpus) == (1.0, 40)


def test_a_contract_is_served_where_its_clause_allows():
    world = contract(given(), 100)
    state = world.state
    assert contracts.may_be_at(state, with_choice(world, site_choice="fixed", site=SITE), SITE)
    assert not contracts.may_be_at(state, the(world), FIELD)
    assert contracts.sites_of(state, the(world)) == [SITE]
    listed = with_choice(world, site_choice="listed", region="beijing")
    assert not contracts.may_be_at(state, listed, SITE)
    assert contracts.sites_of(state, listed) == []
    assert contracts.may_be_at(state, with_choice(world, region=""), SITE)
    assert contracts.may_be_at(state, with_choice(world, region="beijing", site_choice="seller"), SITE)
    assert contracts.sites_of(state, the(world)) == [SITE]


@pytest.mark.parametrize("names", [("alpha", "beta", "gamma"), ("gamma", "alpha", "beta"), ("beta", "gamma", "alpha")])
def test_a_contract_is_served_where_energy_is_cheapest_then_where_most_is_free_whatever_sites_are_called(names):
    dear, few, many = names
    world = contract(given(regions__texas__energy_usd_per_mwh=80.0, regions__beijing__energy_usd_per_mwh=40.0), 100)
    state, one = world.state, with_choice(world, site_choice="seller", site="")
    for name, region, owned in ((dear, "texas", 900), (few, "beijing", 300), (many, "beijing", 500)):
        state.sites.sites[name] = replace(state.sites.sites[SITE], name=name, region=region)
        state.chips.holdings[Place(CLOUD, "H100", name)] = Holding(CLOUD, "H100", name, owned=owned)
    del state.sites.sites[SITE]
    assert contracts.sites_of(state, one) == [many, few, dear]
    assert contracts.sites_of(state, with_choice(world, site=dear)) == [dear, many, few], "the one named comes first"


def placed(world):
    one = the(world)
    return [tuple(place) for place in contracts.places(world.state, one, one.schedule[0], Counter())]


def test_own_gpus_come_first_then_those_that_are_rented_for_long_enough():
    world = contract(given(), 100, RESELLER)
    assert placed(world) == []
    rent(world, 300, 200, RESELLER, end_day=START + 1_060)
    assert placed(world) == [("H100", SITE, "reseller/lease/1", 2, 200)]
    one = world.state.leases.leases["reseller/lease/1"]
    for name, value in (("end_day", START + 1_059), ("depth", 3), ("start_day", START + 61), ("subleasing", "never"),
                        ("subleased", 200), ("delivered", 0)):  # fmt: skip
        before = getattr(one, name)
        setattr(one, name, value)
        assert placed(world) == [], name
        setattr(one, name, before)
    one.subleased = 50
    assert placed(world)[0][-1] == 150
    one.depth, one.start_day = 2, START + 60
    assert placed(world)[0][3] == 3
    world.state.sites.sites[SITE].owner = LAB
    assert placed(world) == []
    mine = contract(given(), 100)
    assert placed(mine) == [("H100", SITE, None, 1, 10_000)]


@pytest.mark.parametrize(
    ("left", "free", "gpus"), [(100, 999, 100), (100, 100, 100), (100, 25, 25), (100, 24, 0), (3, 1, 1), (100, 0, 0)]
)
def test_a_part_of_a_tranche_is_worth_a_lease_from_a_share_on(left, free, gpus):
    world = contract(given(contracts__part_min=0.25), 100)
    assert contracts.part(world.state, the(world), "H100", left, free) == gpus


def test_gpus_of_another_chip_are_counted_by_what_they_do():
    world = contract(given(contracts__part_min=0.25, **TRAINS), 100)
    assert contracts.part(world.state, the(world), "GB200", 100, 999) == 40
    assert contracts.part(world.state, the(world), "GB200", 101, 999) == 41
    assert contracts.part(world.state, the(world), "GB200", 100, 10) == 10
    assert contracts.part(world.state, the(world), "GB200", 100, 9) == 0


def under(chip="H100", gpus=40, left=100, day=START + 50, number=2, **parameters):
    world = contract(given(**TRAINS | parameters), 100)
    one = with_choice(world, expand_gpus=50, tranches=1, ramp_days=9)
    place = contracts.Place(chip, SITE, None, 1, 999)
    return contracts.lease_under(world.state, one, one.schedule[0], (place, gpus, left, number, day))


def test_a_lease_under_a_contract_has_its_terms_for_what_is_drawn():
    lease, drawn = under()
    assert (lease.lease_id, lease.gpus, lease.start_day, lease.end_day) == (
        "lab/lease/2",
        40,
        START + 60,
        START + 1_060,
    )
    assert (lease.price_usd_per_gpu_hour, lease.tranches, lease.ramp_days, lease.expand_gpus) == (2.0, 1, 0, 20)
    assert (lease.depth, lease.contract_id, lease.region, drawn.gpus) == (1, "lab/contract/1", "texas", 40)
    late, _ = under(day=START + 70)
    assert late.start_day == START + 70
    dense, drawn = under("GB200", 20)  # half of the contract: half of its right to 50 H100 more, as GB200
    assert (dense.price_usd_per_gpu_hour, dense.expand_gpus, drawn.gpus) == (5.0, 10, 50)
    assert under("GB200", 41, left=100)[1].gpus == 100
    assert under("A100", 1, left=100)[1].gpus == 1
    assert under(number=1)[0].lease_id == "lab/lease/1"


def drawn(world, day):
    return [h.event for h in contracts.draw(world.state, day)]


def test_tranches_are_drawn_some_days_ahead_and_the_rest_is_late_on_the_day():
    world = contract(given(contracts__draw_days=30.0), 100)
    assert drawn(world, START + 29) == []
    assert [type(e).__name__ for e in drawn(world, START + 30)] == ["LeaseSigned", "TrancheDrawn"]
    poor = contract(given(contracts__draw_days=30.0, contracts__part_min=0.1), 12_000)
    assert [type(e).__name__ for e in drawn(poor, START + 59)] == ["LeaseSigned", "TrancheDrawn"]
    *_, late = drawn(poor, START + 60)
    assert (type(late).__name__, late.gpus, late.reason) == ("TrancheLate", 2_000, "chips")
    poor.state.chips.warehouse[CLOUD] = {"H100": 1}
    assert drawn(poor, START + 60)[-1].reason == "power"
    the(poor).schedule[0].late_said = True
    assert type(drawn(poor, START + 60)[-1]).__name__ == "TrancheDrawn"


def test_gpus_are_drawn_once_by_the_tranches_of_a_week():
    world = contract(
        contract(given(contracts__draw_days=90.0, contracts__part_min=0.1), 7_000), 7_000, name="lab/contract/2"
    )
    leases = [e for e in drawn(world, START + 60) if type(e).__name__ == "LeaseSigned"]
    assert [(e.contract_id, e.gpus) for e in leases] == [("lab/contract/1", 7_000), ("lab/contract/2", 3_000)]
    assert [e.lease_id for e in leases] == ["lab/lease/1", "lab/lease/2"]


def test_gpus_that_are_rented_under_two_leases_are_drawn_once():
    world = contract(given(contracts__draw_days=90.0, contracts__part_min=0.1), 7_000, RESELLER)
    for name in ("reseller/lease/1", "reseller/lease/2"):
        rent(world, 4_000, 4_000, RESELLER, lease_id=name, end_day=START + 1_060)
    busy = TrainingStarted(
        run_id="reseller/run/1", org=RESELLER, model="m", site=SITE, chip="H100", gpus=3_000, flop=1e24, params=1e11,
        tokens=1e13, experts=0, effective_flop=1e25, mfu=0.4, goodput=0.9, plan="", start_day=START,
        due_day=START + 90,
    )  # fmt: skip
    world.happened(busy)
    leases = [e for e in drawn(world, START + 60) if type(e).__name__ == "LeaseSigned"]
    assert [(e.parent_lease_id, e.gpus) for e in leases] == [("reseller/lease/1", 4_000), ("reseller/lease/2", 1_000)]


@pytest.mark.parametrize(("most", "years"), [(1.0, 1.0), (9.0, 1_000 / 365)])
def test_a_contract_is_given_up_for_some_years_of_what_is_not_drawn(most, years):
    world = contract(given(contracts__exit_years=most), 100)
    with_choice(world, take_or_pay_share=0.5, prepaid_share=0.2)
    fee, ended = world.when(CancelContract(actor=LAB, because=LAB, contract_id="lab/contract/1"))
    assert fee.amount_usd_cents == round(0.5 * 0.8 * 100 * 2.0 * 24 * 365 * years * 100)
    assert (fee.kind, ended.gpus, ended.reason) == ("exit fee", 100, "cancelled")


@pytest.mark.parametrize("share", [0.0, 0.15, 1.0])
def test_who_breaks_off_pays_of_what_falls_due_alone_never_again_for_what_was_prepaid(share):
    world = rent(given(), 1_000, 600, exit_share=0.25, prepaid_share=share)
    one = world.state.leases.leases["lab/lease/1"]
    due = one.due_usd_per_gpu_hour * HOURS_PER_DAY * 100
    assert rights.termination_cents(one, START + 100) == round(0.25 * 600 * 264 * due)
    world = contract(given(contracts__exit_years=1.0), 100)
    with_choice(world, take_or_pay_share=0.5, prepaid_share=share)
    due = the(world).due_usd_per_gpu_hour * HOURS_PER_DAY * 100
    out = world.when(CancelContract(actor=LAB, because=LAB, contract_id="lab/contract/1"))
    fees = [e.amount_usd_cents for e in out if getattr(e, "kind", "") == "exit fee"]
    assert sum(fees) == round(0.5 * 100 * 365 * due)


def shedding(gpus, **changed):
    world = rent(given(), 1_000, 600)
    one = world.state.leases.leases["lab/lease/1"]
    for name, value in changed.items():
        setattr(one, name, value)
    (event,) = world.when(ShedCapacity(actor=LAB, because=LAB, lease_id="lab/lease/1", gpus=gpus))
    return getattr(event, "reason", "shed")


def test_gpus_are_shed_that_were_handed_over_and_are_not_passed_on():
    assert shedding(600) == shedding(1) == "shed"
    assert shedding(601) == shedding(0) == "not the actor's GPUs"
    assert shedding(400, subleased=600) == "shed"
    assert shedding(401, subleased=600) == "in use"


# --- leases that are changed


def test_a_lease_is_ended_for_a_part_of_its_rent_to_come():
    world = rent(given(), 1_000, 600, exit_share=0.25, prepaid_share=0.2)
    one = world.state.leases.leases["lab/lease/1"]
    assert rights.termination_cents(one, START + 100) == round(0.25 * 600 * 0.8 * 2.5 * 24 * 264 * 100)
    one.start_day = START + 200
    assert rights.termination_cents(one, START + 100) == round(0.25 * 600 * 0.8 * 2.5 * 24 * 164 * 100)
    assert rights.termination_cents(one, START + 999) == 0
    assert clauses.prepaid_cents(one, 10, START) == round(0.2 * 10 * 2.5 * 24 * 164 * 100)
    assert clauses.prepaid_cents(one, 10, START + 300) == round(0.2 * 10 * 2.5 * 24 * 64 * 100)


@pytest.mark.parametrize(("days", "reason"), [(29, "terminated"), (30, "walked away")])
def test_a_late_lease_is_left_for_nothing_from_a_day_on(days, reason):
    world = rent(given(), 1_000, 600, walk_days=30, exit_share=0.25)
    command = TerminateLease(actor=LAB, because=LAB, lease_id="lab/lease/1")
    out = rights.terminate(world.state, command, START + days)
    assert [e.reason for e in out if hasattr(e, "reason")] == [reason]
    assert any(getattr(e, "kind", "") == "termination fee" for e in out) == (reason == "terminated")


def test_more_gpus_may_be_taken_while_the_option_lasts_and_as_far_as_some_are_free():
    world = rent(given(), 1_000, expand_gpus=500, expand_days=30)
    one = world.state.leases.leases["lab/lease/1"]
    assert rights.takeable(world.state, one, START + 30) == 500
    assert rights.takeable(world.state, one, START + 31) == 0
    one.expand_gpus = 99_999
    assert rights.takeable(world.state, one, START) == 9_000
    one.expand_gpus = 0
    assert rights.takeable(world.state, one, START) == 0
    below = rent(given(), 400, None, RESELLER)
    rent(below, 100, None, LAB, RESELLER, parent_lease_id="reseller/lease/1", depth=2, expand_gpus=999, expand_days=9)
    child = below.state.leases.leases["lab/lease/1"]
    assert quoted_under(below.state, "reseller/lease/1") == 0
    assert rights.takeable(below.state, child, START) == 300


# --- quotes


def offered(world=None, request=True, **changed):
    world = world or given()
    if request:
        world.happened(lease_events.LeaseRequested(
            request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 60, duration_days=364,
            price_usd_per_h100e_hour=3.0, kind="serving",
        ))  # fmt: skip
    form = changed.pop("form", "lease")
    values = {"chip": "H100", "site": SITE, "gpus": 1_000, "start_day": START + 7, "end_day": START + 371,
              "price_usd_per_gpu_hour": 2.0}  # fmt: skip
    command = GiveQuote(actor=CLOUD, because="lab/request/1", request_id="lab/request/1", form=form,
                        terms=LeaseTerms(**{**values, **changed}))  # fmt: skip
    (event,) = quotes.give_quote(world.state, command, START)
    return getattr(event, "reason", "given")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [({}, "given"), ({"gpus": 0}, "empty term"), ({"gpus": 1}, "given"), ({"end_day": START + 7}, "empty term"),
     ({"end_day": START + 8}, "given"), ({"start_day": START - 1}, "empty term"), ({"start_day": START}, "given"),
     ({"price_usd_per_gpu_hour": 0.0}, "no price"), ({"price_usd_per_gpu_hour": math.inf}, "no price"),
     ({"chip": "none"}, "unknown chip or site"), ({"site": "none"}, "unknown chip or site"),
     ({"site": FIELD}, "not the actor's site"), ({"gpus": 10_000}, "given"), ({"gpus": 10_001}, "capacity"),
     ({"gpus": 10_001, "start_day": START + 8}, "given"), ({"prepaid_share": 0.1}, "prepaid without a contract")],
)  # fmt: skip
def test_a_quote_is_of_what_there_is(changed, answer):
    assert offered(**changed) == answer


def test_gpus_still_to_come_are_quoted_within_the_power_of_the_site_and_what_is_built_there():
    spare = given().state.sites.sites[SITE].spare_w // 1_400
    assert offered(gpus=10_000 + spare, start_day=START + 8) == "given"
    assert offered(gpus=10_001 + spare, start_day=START + 8) == "power"
    world = works(given(), kw=1_400)
    assert offered(world, gpus=11_000 + spare, start_day=START + 8) == "given"
    world = works(given(), kw=1_400)
    assert offered(world, gpus=11_001 + spare, start_day=START + 8) == "power"


@pytest.mark.parametrize(
    ("changed", "answer"),
    [({}, "given"), ({"end_day": START + 200 + 729}, "term"), ({"end_day": START + 200 + 4_001}, "term"),
     ({"end_day": START + 200 + 4_000}, "given"), ({"tranches": 0}, "tranches"), ({"tranches": 1_001}, "tranches"),
     ({"tranches": 1_000}, "given"), ({"ramp_days": -1}, "tranches"), ({"ramp_days": 0}, "given"),
     ({"region": "nowhere"}, "unknown chip or site"), ({"site": "none"}, "unknown chip or site"),
     ({"site_choice": "fixed"}, "unknown chip or site"), ({"site": FIELD}, "not the actor's site"),
     ({"site": SITE, "site_choice": "fixed"}, "given")],
)  # fmt: skip
def test_a_contract_is_for_years_in_parts_and_at_a_place(changed, answer):
    world = given(contracts__days_min=730.0, contracts__days_max=4_000.0)
    terms = {"site": "", "region": "texas", "site_choice": "listed", "start_day": START + 200, "end_day": START + 930}
    assert offered(world, form="contract", **{**terms, **changed}) == answer


def passed(gpus=100, start=START + 7, end=START + 107, **changed):
    world = rent(given(), 300, None, RESELLER, **changed)
    world.happened(lease_events.LeaseRequested(
        request_id="lab/request/1", lessee=LAB, lessor=RESELLER, h100e=1_000.0, due_day=START + 60, duration_days=364,
        price_usd_per_h100e_hour=3.0, kind="serving",
    ))  # fmt: skip
    terms = LeaseTerms(chip="H100", site=SITE, gpus=gpus, start_day=start, end_day=end, price_usd_per_gpu_hour=2.0)
    command = GiveQuote(actor=RESELLER, because="x", request_id="lab/request/1", terms=terms,
                        parent_lease_id="reseller/lease/1")  # fmt: skip
    (event,) = quotes.give_quote(world.state, command, START)
    return getattr(event, "reason", "given")


def test_a_sublease_lies_within_the_lease_above_it():
    assert passed() == passed(gpus=300) == passed(end=START + 364) == passed(start_day=START + 7) == "given"
    assert passed(gpus=301) == "capacity"
    assert passed(end=START + 365) == passed(start_day=START + 8) == "outside the parent's term"
    assert passed(depth=2) == "given"
    assert passed(depth=3) == "chain too long"
    assert passed(subleasing="never") == "no consent"
    assert passed(chip="A100") == "not what the parent lease holds"


# --- letters of intent


def letter(h100e=1_000.0, due=START + 365):
    return Letter(deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, h100e=h100e, due_day=due)


def test_a_lab_finances_a_letter_by_cash_a_round_and_its_margin_beyond_its_rents():
    world = rent(given(finance__revenue_margin=0.5, finance__round_share=0.1, labs__belief_max_per_year=0.4,
                       orgs__lab__revenue_growth_start=9.0), 10)  # fmt: skip
    world.state.finance.books[LAB].valuation_cents = 10**10
    ahead = 365 / 365.25
    yearly = 0.5 * 1e9 * math.exp(0.4 * ahead) - 13 * 10 * 2.5 * 672
    need = 10**6 * HOURS * 2.5
    share = (yearly + 1e10 + 1e7) / need
    assert letters.financed_share(world.state, letter(10**6), START) == pytest.approx(share)
    world.state.finance.ledger.accounts[LAB] = -(10**15)
    assert letters.financed_share(world.state, letter(10**6), START) == pytest.approx((yearly + 1e7) / need)
    slow = given(orgs__lab__revenue_growth_start=0.1, finance__revenue_margin=0.5)
    assert demand.lab_growth(slow.state, LAB) == 0.1
    once = (0.5e9 * math.exp(0.1 * ahead) + 1e10) / need
    assert letters.financed_share(slow.state, letter(10**6), START) == pytest.approx(once)
    world.state.run.orgs[LAB].parent = CLOUD
    assert letters.financed_share(world.state, letter(10**6), START) == 1.0


def test_a_lessor_powers_a_letter_with_what_is_free_beside_what_it_promised_and_what_it_builds():
    never = {"sites__greenfield_days": 1e5}
    state = given(**never).state
    spare = state.sites.sites[SITE].spare_w / 1000
    each = min(c.power_kw_it_per_gpu / c.h100e for c in state.chips.chips.values() if c.in_volume and c.buyers == "all")
    assert letters.powered_share(state, letter(10_000.0), START) == pytest.approx(spare / (10_000 * each))
    sold = contract(given(**never), 11_000)
    undrawn = (11_000 - 10_000) * 1.4
    assert letters.powered_share(sold.state, letter(10_000.0), START) == pytest.approx(
        (spare - undrawn) / (10_000 * each)
    )
    held = rent(given(**never), 10_500, 0)
    assert letters.powered_share(held.state, letter(10_000.0), START) == pytest.approx((spare - 700) / (10_000 * each))
    for days, counted in ((365, 900), (366, 0)):
        building = works(given(**never), kw=900, due=START + days)
        found = letters.powered_share(building.state, letter(10_000.0), START)
        assert found == pytest.approx((spare + counted) / (10_000 * each))


@pytest.mark.parametrize(("builds", "grid", "share"), [(300.0, 900, 1.0), (380.0, 900, None), (300.0, 0.001, None)])
def test_new_land_powers_a_letter_whole_where_shell_and_grid_come_in_time(builds, grid, share):
    world = given(sites__greenfield_days=builds, sites__slip_median=1.0, regions__texas__grid_mw_per_year=grid,
                  regions__texas__queue_days=400.0, sites__power_lead_days=400.0)  # fmt: skip
    found = letters.powered_share(world.state, letter(10_000.0), START)
    assert (found == 1.0) == (share == 1.0)
    assert power.grid_days(world.state, "texas", 1.0, START) >= 0


def decided(money, power_share, monkeypatch):
    monkeypatch.setattr(letters, "financed_share", lambda *_: money)
    monkeypatch.setattr(letters, "powered_share", lambda *_: power_share)
    world = given(letters__decision_weeks=1.0, letters__keep_min=0.25, letters__whole_share=0.9)
    world.when(SignLetter(actor=LAB, because=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 400))
    first = next(letters.due(world.state, START, START + 6)).event
    return getattr(first, "reason", None) or first.share


def test_a_letter_is_kept_from_a_share_on_and_whole_from_another(monkeypatch):
    assert decided(0.25, 1.0, monkeypatch) == 0.25
    assert decided(0.249, 1.0, monkeypatch) == "finance"
    assert decided(1.0, 0.249, monkeypatch) == "power"
    assert decided(0.2, 0.2, monkeypatch) == "finance"
    assert decided(0.899, 9.0, monkeypatch) == 0.899
    assert decided(0.9, 9.0, monkeypatch) == "definitive"


def test_a_letter_lapses_on_its_day_and_is_decided_once_in_so_many_weeks(monkeypatch):
    monkeypatch.setattr(letters, "_decided", lambda *_: iter(["decided"]))
    world = given(letters__decision_weeks=4.0)
    world.when(SignLetter(actor=LAB, because=LAB, lessor=CLOUD, h100e=1_000.0, due_day=START + 9_000))
    weeks = sum(len(list(letters.due(world.state, START + 7 * week, START + 7 * week + 6))) for week in range(800))
    assert weeks / 800 == pytest.approx(0.25, abs=0.04)
    (lapsed,) = letters.due(world.state, START + 8_994, START + 9_000)
    assert lapsed.event.reason == "lapsed"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({}, None), ({"h100e": 0.0}, "nothing announced"), ({"h100e": 0.5}, None),
     ({"h100e": math.inf}, "nothing announced"), ({"due_day": START}, "nothing announced"),
     ({"due_day": START + 1}, None), ({"lessor": LAB}, "unknown lessor"),
     ({"lessor": "none"}, "unknown lessor"), ({"lessor": FUND}, "unknown lessor")],
)  # fmt: skip
def test_a_letter_announces_something_with_a_cloud(changed, reason):
    values = {"lessor": CLOUD, "h100e": 1_000.0, "due_day": START + 400}
    (event,) = letters.sign_letter(given().state, SignLetter(actor=LAB, because=LAB, **{**values, **changed}), START)
    assert getattr(event, "reason", None) == reason


# --- who enters


def founded(world=None, **changed):
    values = {"org": "new", "role": "lab", "country": "US", "behaviour": "lab", "amount_usd_cents": 1_000}
    world = world or given()
    return entry.found_org(world.state, FoundOrg(actor=FUND, because=FUND, **{**values, **changed}), START)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({}, None), ({"org": "N"}, "no name"), ({"org": "-n"}, "no name"), ({"org": "n" * 48}, None),
     ({"org": "n" * 49}, "no name"), ({"org": LAB}, "name taken"), ({"role": "oem"}, "unknown role or behaviour"),
     ({"behaviour": "x"}, "unknown role or behaviour"), ({"behaviour": "cloud"}, "unknown role or behaviour"),
     ({"country": "XX"}, "unknown country"), ({"amount_usd_cents": 0}, "cash"), ({"amount_usd_cents": 1}, None),
     ({"amount_usd_cents": 10**12}, None), ({"amount_usd_cents": 10**12 + 1}, "cash")],
)  # fmt: skip
def test_an_org_is_founded_with_a_name_a_role_and_money(changed, reason):
    assert getattr(founded(**changed)[0], "reason", None) == reason


def test_a_founder_gets_its_stake_and_a_new_lab_what_it_begins_with():
    world = given(orgs__lab__research_share=0.3, orgs__lab__revenue_growth_start=0.8, orgs__rival__research_share=0.5)
    for segment in demand.SEGMENTS:
        world.state.run.parameters[f"orgs.rival.appeal_{segment}"] = -0.5
    registered, closed, paid, budget, *rest = founded(world, budget_usd_per_year=-5.0, valuation_usd_cents=400)
    assert (registered.org, registered.parent_org, registered.role) == ("new", None, "lab")
    assert (closed.valuation_usd_cents, closed.amount_usd_cents, paid.amount_usd_cents) == (1_000, 1_000, 1_000)
    assert (budget.value, paid.org, paid.counterparty) == (0.0, FUND, "new")
    assert founded(budget_usd_per_year=0.456)[3].value == 0.46
    assert founded(valuation_usd_cents=5_000)[1].valuation_usd_cents == 5_000
    assert founded(subsidiary=True)[0].parent_org == FUND
    told = {type(e).__name__: e for e in rest}
    assert told["ResearchersMeasured"].researchers == 100.0
    set_to = {e.parameter: e.value for e in rest if isinstance(e, ParameterSet)}
    assert set_to["orgs.new.research_share"] == 0.3  # of labs that there are: the rival has never served
    assert set_to["orgs.new.revenue_growth_start"] == 0.8
    assert [set_to[f"orgs.new.appeal_{segment}"] for segment in demand.SEGMENTS] == [-0.5] * 3
    assert {e.share for e in rest if type(e).__name__ == "ShareMeasured"} == {0.0}
    assert len(founded(role="cloud", behaviour="cloud")) == 4


@pytest.mark.parametrize(
    ("actor", "org", "reason"),
    [(LAB, LAB, None), (LAB, RIVAL, "not the actor's"), (FUND, FUND, "of no such role"),
     (LAB, "none", "not the actor's"), (SUPPLIER, SUPPLIER, "of no such role")],
)  # fmt: skip
def test_an_org_winds_up_itself_or_a_subsidiary(actor, org, reason):
    world = given()
    (event,) = world.when(WindUp(actor=actor, because=actor, org=org))
    assert getattr(event, "reason", None) == reason
    if reason is None:
        (again,) = world.when(WindUp(actor=actor, because=actor, org=org))
        assert again.reason == "under way"


# --- what sellers finance


def test_a_seller_lends_what_it_says_less_what_it_lent():
    world = given(orgs__fund__vendor_finance_usd=1e6)
    assert vendors.loan_room_cents(world.state, FUND) == 10**8
    assert vendors.loan_room_cents(world.state, CLOUD) == 0
    lent(world, 3 * 10**7)
    assert vendors.loan_room_cents(world.state, FUND) == 7 * 10**7
    lent(world, 9 * 10**8, name="cloud/deal/2")
    assert vendors.loan_room_cents(world.state, FUND) == 0


def granted(**changed):
    values = {"org": CLOUD, "gpus": 10, "amount_usd_cents": 1_005, "end_day": START + 10}
    return GrantWarrants(actor=SUPPLIER, because=SUPPLIER, **{**values, **changed})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({}, None), ({"gpus": 0}, "nothing granted"), ({"gpus": 1}, None), ({"amount_usd_cents": 0}, "nothing granted"),
     ({"amount_usd_cents": 1}, None), ({"end_day": START}, "nothing granted"), ({"end_day": START + 1}, None),
     ({"org": "none"}, "unknown buyer"), ({"org": SUPPLIER}, "unknown buyer")],
)  # fmt: skip
def test_warrants_are_of_something_until_a_day(changed, reason):
    (event,) = given().when(granted(**changed))
    assert getattr(event, "reason", None) == reason


def test_warrants_vest_by_gpus_and_end_when_all_is_vested_or_on_their_day():
    world = given()
    world.when(granted())
    (warrant,) = world.state.finance.warrants.values()

    def due(taken, day=START):
        warrant.taken = taken
        return [(type(e.event).__name__, e.event.amount_usd_cents) for e in vendors.vest(world.state, day)]

    assert vendors.rebate_usd_per_gpu(world.state, CLOUD, SUPPLIER) == pytest.approx(1.005)
    assert due(0) == []
    assert due(3) == [("WarrantsVested", 301)]
    assert due(99) == [("WarrantsVested", 1_005), ("WarrantsEnded", 0)]
    assert vendors.rebate_usd_per_gpu(world.state, CLOUD, SUPPLIER) == 0.0
    assert due(3, START + 9) == [("WarrantsVested", 301)]
    assert due(3, START + 10) == [("WarrantsVested", 301), ("WarrantsEnded", 704)]
    world.happened(vendor_events.WarrantsVested(
        deal_id=warrant.deal_id, org=CLOUD, counterparty=SUPPLIER, amount_usd_cents=301))  # fmt: skip
    assert due(3) == []
    assert vendors.rebate_usd_per_gpu(world.state, RESELLER, SUPPLIER) == 0.0


def test_equity_for_compute_is_to_be_spent_with_its_investors_one_left_out():
    world = given()
    for number, (investor, cents) in enumerate(((CLOUD, 300), (RESELLER, 700)), 1):
        world.happened(RoundClosed(
            deal_id=f"lab/deal/{number}", org=LAB, counterparty=investor, amount_usd_cents=cents,
            valuation_usd_cents=10**6, kind="equity for compute",
        ))  # fmt: skip
    assert [vendors.duty_cents(world.state, LAB, but) for but in ("", CLOUD, RESELLER)] == [1_000, 700, 300]
    assert vendors.duty_cents(world.state, RIVAL) == 0
