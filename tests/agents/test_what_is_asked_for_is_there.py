"""What orgs ask for is there and can be paid: places are chosen by what they are, waits and cover are counted once."""

from __future__ import annotations

from itertools import permutations

import pytest
from given import CLOUD, FUND, LAB, START, SUPPLIER, given, handed, lease
from test_how_agents_decide import answers, of, offered, option, ordered, view

from agents import execution, fulfilment, labs, lessors, means, options, permission, resources, siting, targets
from agents.decision import Target, Way
from agents.means import Build
from events.commands.leases import AcceptQuote, BreakTalks, SignLetter
from events.commands.sites import StartBuilding
from events.types import chips as chip_events
from events.types import contracts as contract_events
from events.types import sites as site_events
from events.types.finance import PaymentMade
from events.types.training import ServingMeasured
from market.rng import Draws
from market.rules import shells
from market.units import HOURS_PER_YEAR

# --- nothing is decided by its position in a list


def campus(name, kind, kw):
    yield site_events.SitePlanned(
        site=name, org=CLOUD, region="texas", kind=kind, power_kw_it=kw, due_day=START
    )  # fmt: skip
    yield site_events.PowerEnergised(
        building_id=f"{name}/building/0", site=name, org=CLOUD, region="texas", kind="standing", power_kw_it=kw,
        power_kw_facility=kw,
    )  # fmt: skip


SITES = (("alpha", "greenfield", 30_000), ("beta", "pool", 90_000), ("gamma", "brownfield", 1_000))


@pytest.mark.parametrize("order", list(permutations(SITES)))
def test_an_org_builds_on_at_its_largest_campus_whatever_the_order_of_its_sites(order):
    world = given()
    for site in order:
        world.happened(*campus(*site))
    v = view(world, CLOUD)
    assert permission.own_site(v, "texas").name == "alpha"
    begun = execution.begin(v, option("hall", way=Way.BROWNFIELD, region="texas"), 5_000.0, CLOUD, None)
    assert (begun.site, begun.kind) == ("alpha", "next")


@pytest.mark.parametrize("order", list(permutations(SITES)))
def test_a_contract_is_built_for_at_the_largest_campus_whatever_the_order_of_the_sites(order):
    world = given()
    for site in order:
        world.happened(*campus(*site))
    world.happened(*contract(gpus=400_000, start=START + 900))
    (begun,) = of(fulfilment.fulfil(view(world, CLOUD)), StartBuilding)
    assert begun.site == "alpha"


def test_power_that_may_be_switched_off_and_power_that_may_not_have_a_queue_each():
    world = given(sites__patience_weeks=0, sites__on_site_days=3_000.0)
    v = view(world, CLOUD)
    firm = option("firm", way=Way.GREENFIELD, region="texas", is_owned=True)
    begun = {siting._queue(option("other", region="texas", is_firm=False)): 5_000_000.0}
    assert siting._after(v, firm, 1_000.0, begun.get(siting._queue(firm), 0.0)) == firm
    assert siting._after(v, firm, 1_000.0, 5_000_000.0).failed == ("power",)


def signed(*gpus, kw=0):
    world = given()
    if kw:
        world.happened(*campus("alpha", "greenfield", kw))
    for n, each in enumerate(gpus, 1):
        world.happened(*contract(each, START + 900, name=f"lab/contract/{n}"))
    return world, of(fulfilment.fulfil(view(world, CLOUD)), StartBuilding)


@pytest.mark.parametrize("names", [("alpha", "zeta"), ("zeta", "alpha")])
def test_a_contract_of_a_region_takes_the_power_of_the_site_with_most_left_whatever_sites_are_called(names):
    many, few = names
    world = given().happened(*campus(many, "greenfield", 200_000), *campus(few, "greenfield", 150_000))
    world.happened(*contract(100_000, START + 900), *contract(100_000, START + 901, name="lab/contract/2", site=few))
    assert of(fulfilment.fulfil(view(world, CLOUD)), StartBuilding) == []


def test_two_contracts_at_one_campus_are_not_served_by_the_same_power():
    _, alone = signed(100_000, kw=200_000)
    assert alone == []  # of 140 MW
    _, both = signed(100_000, 100_000, kw=200_000)
    assert [building.because for building in both] == ["lab/contract/2"]


def test_what_is_built_for_a_contract_is_chosen_by_the_one_decision_and_says_what_was_left():
    _, (begun,) = signed(400_000)
    assert begun.why.chosen.way in ("greenfield", "brownfield")
    assert {left.way for left in begun.why.rejected} >= {"greenfield"}


@pytest.mark.parametrize("days", [100.0, 30_000.0])
def test_a_contract_is_built_for_however_late_its_power_comes(days):
    late = {"sites__patience_weeks": 0, "sites__on_site_days": days, "regions__texas__queue_days": days}
    world = given(**late).happened(*contract(400_000, START + 900))
    (begun,) = of(fulfilment.fulfil(view(world, CLOUD)), StartBuilding)
    assert begun.because == "lab/contract/1"
    assert begun.power_kw_it > 0


# --- deposits


def deposit(cash_usd, **terms):
    world = offered()
    (quote,) = world.state.leases.quotes.values()
    spare = world.state.finance.ledger.accounts[LAB] - round(100 * cash_usd)
    world.happened(
        PaymentMade(org=LAB, counterparty=FUND, amount_usd_cents=spare, kind="shell", contract_id="x")
    )  # fmt: skip
    quote.deposit_days = 90
    for name, value in terms.items():
        setattr(quote, name, value)
    return world


def test_a_lease_whose_deposit_cannot_be_paid_fails_before_it_is_chosen():
    due = 9_000 * 2.0 * 24 * 90
    for cash, is_paid in ((0.9 * due, False), (1.1 * due, True)):
        world = deposit(cash)
        found = options.quoted(view(world), wish(), next(iter(view(world).quotes_to_me())))
        assert found.failed == (() if is_paid else ("finance",))
        (answer,) = answers(world)
        assert isinstance(answer, AcceptQuote if is_paid else BreakTalks)
        assert is_paid or answer.reason == "finance"


def test_deposits_on_the_tranches_of_a_year_are_found_before_a_contract_is_signed():
    whole = 9_000 * 2.0 * 24 * 90
    spread = {"form": "contract", "tranches": 4, "ramp_days": 1092}  # one now, one a year later, and so on
    for cash, failed in ((0.2 * whole, ("finance",)), (0.3 * whole, ())):
        v = view(deposit(cash, **spread))
        assert options.quoted(v, wish(), next(iter(v.quotes_to_me()))).failed == failed


def test_cash_that_chips_on_order_will_take_pays_no_deposit():
    due = 9_000 * 2.0 * 24 * 90
    bill = 1_000 * 25_000 * 1.1
    for cash, failed in ((due + 0.9 * bill, ("finance",)), (due + 1.1 * bill, ())):
        v = view(ordered(deposit(cash), 1_000))
        assert options.quoted(v, wish(), next(iter(v.quotes_to_me()))).failed == failed


def wish(**changed):
    values = {"kind": "serving", "h100e": 9_000.0, "due_day": START, "years": 1.0}
    return Target(**{**values, "worth_usd_per_h100e_hour_max": 9.0, **changed})


# --- cover


def contract(gpus, start=START + 60, region="texas", name="lab/contract/1", site=""):
    yield contract_events.ContractSigned(
        contract_id=name, quote_id="cloud/quote/1", lessor=CLOUD, lessee=LAB, kind="frontier", chip="H100",
        site=site, region=region, gpus=gpus, start_day=start, end_day=start + 1_000, price_usd_per_gpu_hour=2.0,
        site_choice="listed",
    )  # fmt: skip
    yield contract_events.TrancheScheduled(
        contract_id=name, tranche=1, lessor=CLOUD, lessee=LAB, gpus=gpus, start_day=start,
        end_day=start + 1_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("coming", "leases", "contracts"), [(0, 400, 500), (300, 100, 500), (600, 0, 300), (999, 0, 0)]
)
def test_what_covers_a_lease_covers_no_contract(coming, leases, contracts):
    world = given().happened(lease(gpus=10_400), handed(lease(), 10_000), *contract(500))
    if coming:
        world.happened(
            chip_events.OrderPlaced(
                order_id="cloud/order/1", org=CLOUD, supplier=SUPPLIER, chip="H100", gpus=coming,
                price_usd_per_gpu=25_000.0,
            )
        )  # fmt: skip
    assert resources.lacking(view(world, CLOUD)) == {"H100": (leases, contracts)}


# --- what a lessor can carry


def test_a_lessor_can_carry_less_where_it_brings_its_own_plant():
    v = view(given(), CLOUD)
    carried = [
        lessors.carried_gpus(v, v.chip("H100"), START, Build("greenfield", "texas", own)) for own in (True, False)
    ]
    assert 0 < carried[0] < carried[1]
    assert lessors.carried_gpus(v, v.chip("H100"), START) == carried[1]


# --- waits


def test_a_chip_that_nobody_makes_yet_is_waited_for_until_it_is_made_and_its_backlog_is_served():
    world = given(supply__ramp_lag_weeks=6)
    world.state.chips.lead_times[:] = [40.0]
    v = view(world)
    promised = v.outlook()["GB200"]
    assert promised > 0
    first = (v.chip("GB200").start_day - v.day) / 7
    assert means.queue_weeks(v, v.chip("GB200")) == pytest.approx(first + 6)
    world.happened(
        chip_events.OrderPlaced(
            order_id="lab/order/1", org=LAB, supplier=SUPPLIER, chip="GB200", gpus=10 * promised,
            price_usd_per_gpu=40_000.0,
        )
    )  # fmt: skip
    v = view(world)
    assert means.queue_weeks(v, v.chip("GB200")) == pytest.approx(first + 16)
    assert {offer.chip.name: offer.wait_weeks for offer in means.offers(v)}["GB200"] == pytest.approx(first + 16)


def test_a_backlog_of_which_nobody_says_when_it_is_made_is_no_wait_beyond_the_start():
    world = given()
    world.state.chips.lead_times[:] = [1.0]
    order = {"org": LAB, "supplier": SUPPLIER, "chip": "GB200", "gpus": 10**6, "price_usd_per_gpu": 40_000.0}
    v = view(world.happened(chip_events.OrderPlaced(order_id="lab/order/1", **order)))
    assert v.outlook()["GB200"] == 0
    assert means.queue_weeks(v, v.chip("GB200")) == (v.chip("GB200").start_day - v.day) / 7


# --- what a lab announces


def letters(**parameters):
    keen = {"letters__chance": 1.0, "letters__h100e_min": 1.0, "orgs__lab__revenue_growth_start": 1.5, **parameters}
    world = given(**keen).happened(
        ServingMeasured(org=LAB, revenue_usd_per_year=1e12, value=1e12, h100e=0.0, tokens_per_s=0.0)
    )
    v = view(world)
    (command,) = of(labs.plan(v, v.lab, Draws(7, LAB, 0)), SignLetter)
    return v, command


def test_a_letter_is_no_larger_than_what_makers_make_until_its_day():
    v, letter = letters()
    weeks = (letter.due_day - v.day) / 7
    assert letter.h100e == pytest.approx(targets.obtainable_h100e(v, 0.0, weeks), rel=0.01)


def test_a_letter_promises_no_more_rent_than_its_lab_could_pay():
    v, letter = letters(contracts__supply_share_max=1e6, labs__far_revenue_share=0.01)
    weeks = (letter.due_day - v.day) / 7
    price = targets.rent_usd(v, v.param("labs.far_term_years"), weeks)
    promised = (letter.h100e + targets.held_on(v, letter.due_day)) * price * HOURS_PER_YEAR
    assert promised == pytest.approx(targets.far_limit_usd(v, v.lab, weeks), rel=1e-3)
    assert promised < targets.wanted_usd(v, v.lab, weeks) / 2


# --- who is held back by what


def test_a_maker_that_also_builds_is_told_of_the_input_of_its_line_and_of_contractors():
    world = given()
    late = chip_events.InputBound(supplier=SUPPLIER, kind="shells", share=0.5)
    line = chip_events.InputBound(supplier=SUPPLIER, kind="packaging", share=0.7)
    world.happened(line, late, chip_events.InputExpanded(kind="shells", value=1_000.0))
    assert world.state.chips.binding == {SUPPLIER: "packaging"}
    assert world.state.sites.shells_late == {SUPPLIER: True}
    (freed,) = (h.event for h in shells.binding(world.state, START))
    assert (freed.kind, freed.share) == ("shells", 1.0)


def test_a_builder_that_is_late_no_more_has_all_that_it_needs_while_another_waits():
    world = given().happened(chip_events.InputExpanded(kind="shells", value=1_000.0), *campus("alpha", "greenfield", 1))
    world.happened(
        chip_events.InputBound(supplier=SUPPLIER, kind="shells", share=0.5),
        site_events.BuildingStarted(
            building_id="alpha/building/1", site="alpha", org=CLOUD, region="texas", kind="greenfield",
            power_kw_it=5_000, start_day=START, due_day=START + 100, on_site_power=False, is_firm=True,
        ),
    )  # fmt: skip
    told = {h.event.supplier: h.event.share for h in shells.binding(world.state, START + 1_000)}
    assert told[SUPPLIER] == 1.0
    assert 0 < told[CLOUD] < 1
