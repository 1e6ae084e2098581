"""Rounds, loans, monthly payments, defaults."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, FUND, LAB, RESELLER, RIVAL, SITE, START, YEAR, given, handed, invariants, lease

from events.commands.finance import DeclineRound, FundRound, SeekLoan, SeekRound, SetBudget
from events.types import finance as events
from events.types.demand import UseMeasured
from events.types.leases import LeaseEnded, OnDemandRented
from events.types.training import ModelReleased, ServingMeasured
from market.rules import credit, finance, index, solvency
from market.rules.base import income_usd_per_year, week_start
from market.state.demand import TAIL

MILLION = 10**8  # cents
OVERHEADS = 0.12  # finance.overhead_share


def seek(org=LAB, amount=100 * MILLION):
    return SeekRound(actor=org, because=org, amount_usd_cents=amount)


def fund(org=LAB, amount=100 * MILLION, value=1000 * MILLION, actor=FUND):
    return FundRound(actor=actor, because=org, org=org, amount_usd_cents=amount, valuation_usd_cents=value)


def loan(org=CLOUD, amount=10 * MILLION, lender=FUND):
    return SeekLoan(actor=org, because=org, lender=lender, amount_usd_cents=amount)


def cash(world, org):
    return world.state.finance.ledger.accounts.get(org, 0)


def let(gpus=1000, lessee=LAB, **terms):
    signed = lease(lessee, gpus=gpus, **terms)
    return signed, handed(signed)


def month(world):
    """The payments of a month as (payer, payee, cents) by kind."""
    world.close_weeks(3)
    events_ = world.after(finance.monthly(world.state, world.day + 7))
    return {(f.kind, f.contract_id): (f.org, f.counterparty, f.amount_usd_cents) for f in events_}


# --- budgets and rounds


@pytest.mark.parametrize(("asked", "set_to"), [(1e9, 1e9), (-5.0, 0.0), (float("nan"), 0.0), (float("inf"), 0.0)])
def test_a_budget_is_an_amount(asked, set_to):
    world = given()
    assert world.when(SetBudget(actor=LAB, because=LAB, value=asked, reason="plan")) == [
        events.BudgetSet(org=LAB, value=set_to, reason="plan")
    ]


def test_a_round_is_sought_with_its_runway_and_funded():
    world = given()
    assert world.when(seek()) == [events.RoundSought(org=LAB, amount_usd_cents=100 * MILLION, duration_days=3650)]
    closed, paid = world.when(fund())
    assert (closed.deal_id, closed.counterparty, closed.valuation_usd_cents) == ("lab/deal/1", FUND, 1000 * MILLION)
    assert paid == events.PaymentMade(
        org=FUND, counterparty=LAB, amount_usd_cents=100 * MILLION, kind="equity", contract_id="lab/deal/1"
    )
    assert world.state.finance.books[LAB].sought_cents == 0
    invariants(world.state)


def failure(world, command):
    (failed,) = world.when(command)
    assert isinstance(failed, events.RoundFailed | events.RoundRefused | events.LoanRefused)
    return failed.reason


def test_one_round_at_a_time():
    world = given()
    assert failure(world, seek(amount=0)) == "a round is open"
    world.when(seek())
    assert failure(world, seek()) == "a round is open"
    assert world.state.finance.books[LAB].sought_cents == 100 * MILLION


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (fund(RIVAL), "no open round"),
        (fund("nobody"), "no open round"),
        (fund(amount=0), "no such terms"),
        (fund(value=1), "no such terms"),
        (fund(actor=LAB), "no open round"),
        (fund(actor=RESELLER), "investor without cash"),
        (fund(amount=10**14, value=10**15), "investor without cash"),
    ],
)
def test_a_round_that_cannot_close_fails(command, reason):
    world = given()
    world.when(seek())
    assert failure(world, command) == reason
    assert world.state.finance.books[LAB].sought_cents == 100 * MILLION


def test_investors_decline_with_a_reason_and_silence_is_one_too():
    world = given()
    world.when(seek())
    assert failure(world, DeclineRound(actor=FUND, because=LAB, org=LAB, reason="market closed")) == "market closed"
    assert failure(world, DeclineRound(actor=FUND, because=LAB, org="nobody", reason="who")) == "no open round"
    world.when(seek())
    assert list(finance.due(world.state, START, START + 55)) == []
    (silent,) = finance.due(world.state, START + 50, START + 56)
    assert (silent.event.reason, silent.day) == ("no answer", START + 56)
    world.happened(silent.event)
    assert isinstance(world.when(seek())[0], events.RoundSought)


def test_runway_is_cash_over_burn():
    world = given()
    world.happened(
        *let(4_000, RIVAL),
        events.PaymentMade(
            org="world/savers", counterparty=RIVAL, amount_usd_cents=10**10, kind="opening", contract_id=RIVAL
        ),
    )
    burn = finance.burn_cents(world.state, RIVAL)
    assert burn == round(1.5 * 4_000 * 2.5 * 672 * 100)
    assert finance.runway_days(world.state, RIVAL) == 10**10 * 28 // burn


# --- loans


def test_a_loan_is_granted_against_leases_that_cover_it():
    world = given()
    world.happened(*let(1_000))
    granted, paid = world.when(loan())
    assert (granted.deal_id, granted.end_day) == ("cloud/deal/1", START + 1825)
    assert paid == events.PaymentMade(
        org=FUND, counterparty=CLOUD, amount_usd_cents=10 * MILLION, kind="loan", contract_id="cloud/deal/1"
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (loan(lender="nobody"), "unknown lender"),
        (loan(lender=LAB), "unknown lender"),
        (loan(amount=0), "unknown lender"),
        (loan(amount=10**13), "coverage"),
        (loan(FUND), "unknown lender"),
    ],
)
def test_a_loan_that_is_not_covered_is_refused(command, reason):
    assert failure(given(), command) == reason


def test_a_lender_lends_no_more_than_it_has():
    world = given(orgs__cloud__income_usd_per_year=1e15)
    assert failure(world, loan(amount=10**13)) == "lender without cash"


def test_rent_that_an_org_pays_and_debt_that_it_has_lower_its_coverage():
    world = given()
    world.happened(*let(1_000))
    alone = credit.coverage(world.state, CLOUD, 10 * MILLION)
    world.happened(*let(400, CLOUD, lessor=RESELLER, site=SITE, lease_id="cloud/lease/1"))
    renting = credit.coverage(world.state, CLOUD, 10 * MILLION)
    world.happened(
        events.LoanGranted(
            deal_id="cloud/deal/1",
            org=CLOUD,
            counterparty=FUND,
            amount_usd_cents=10 * MILLION,
            value=0.1,
            end_day=START + 1825,
        )
    )
    indebted = credit.coverage(world.state, CLOUD, 10 * MILLION)
    assert alone > renting > indebted > 0


def test_what_gpus_cost_to_run_is_paid_before_debt():
    def covered(**given_more):
        return credit.coverage(given(**given_more).happened(*let(1_000)).state, CLOUD, 10 * MILLION)

    assert covered(regions__texas__energy_usd_per_mwh=100.0) < covered(regions__texas__energy_usd_per_mwh=50.0)
    assert covered(price__running_usd_per_h100e_hour=0.2) < covered(price__running_usd_per_h100e_hour=0.1)


def test_an_org_without_debt_needs_no_coverage_and_a_free_loan_is_paid_evenly():
    assert credit.coverage(given().state, CLOUD, 0) == math.inf
    world = given(finance__loan_rate=0, finance__loan_years=1)
    world.happened(
        events.LoanGranted(
            deal_id="cloud/deal/1",
            org=CLOUD,
            counterparty=FUND,
            amount_usd_cents=365_25,
            value=0.0,
            end_day=START + 365,
        )
    )
    assert month(world)["instalment", "cloud/deal/1"][2] == pytest.approx(365_25 * 28 / 365, rel=0.01)


def test_instalments_repay_a_loan_with_its_interest():
    world = given()
    world.happened(
        events.LoanGranted(
            deal_id="cloud/deal/1",
            org=CLOUD,
            counterparty=FUND,
            amount_usd_cents=100 * MILLION,
            value=0.1,
            end_day=START + 1826,
        )
    )
    payer, payee, cents = month(world)["instalment", "cloud/deal/1"]
    assert (payer, payee) == (CLOUD, FUND)
    assert cents * 13 * 5 == pytest.approx(100 * MILLION * 0.1 / (1 - 1.1**-5) * 5, rel=0.01)
    assert world.after(credit.loans_repaid(world.state, START + 1825)) == []
    (repaid,) = world.after(credit.loans_repaid(world.state, START + 1826))
    assert repaid.deal_id == "cloud/deal/1"
    assert world.state.finance.loans == {}


# --- the month


def test_rent_is_gpus_handed_over_times_price_times_four_weeks():
    world = given()
    signed = lease(gpus=1_000)
    world.happened(signed, handed(signed, 600))
    paid = month(world)
    assert paid["rent", signed.lease_id] == (LAB, CLOUD, round(600 * 2.5 * 672 * 100))
    invariants(world.state)


def test_rent_is_paid_by_the_days_that_gpus_were_held():
    world = given()
    first, handed_ = let(1_000)
    world.happened(first, handed_)
    world.day = START + 10
    world.happened(
        LeaseEnded(
            lease_id=first.lease_id, lessor=CLOUD, lessee=LAB, chip="H100", site=SITE, gpus=1_000, reason="term"
        )
    )  # fmt: skip
    world.happened(*let(1_000, lease_id="lab/lease/2"))
    paid = month(world)
    a_day = round(1_000 * first.price_usd_per_gpu_hour * 24 * 100)
    assert paid["rent", "lab/lease/1"][2] == 10 * a_day
    assert paid["rent", "lab/lease/2"][2] == 18 * a_day
    assert world.state.leases.over == {}


def test_nothing_handed_over_nothing_paid():
    world = given().happened(lease())
    assert not [key for key in month(world) if key[0] == "rent"]


def test_a_lab_earns_its_revenue_and_pays_staff_by_its_rent():
    world = given()
    world.happened(*let(1_000))
    paid = month(world)
    rent = paid["rent", "lab/lease/1"][2]
    assert paid["revenue", LAB] == ("world/customers", LAB, round(1e9 * 100 * 28 / 365))
    assert paid["staff", LAB] == (LAB, "world/staff", round(0.5 * rent))


def test_a_site_pays_for_the_energy_that_its_gpus_draw():
    world = given(energy__load_factor=0.5)
    payer, payee, cents = month(world)["energy", SITE]
    kw = 10_000 * 1.4 * 1.25 * 0.5
    assert (payer, payee, cents) == (CLOUD, "world/utilities", round(kw * 672 * 0.05 * 100))


def test_income_grows_with_the_weeks():
    def other(weeks):
        with_it, without = (
            given(orgs__cloud__income_usd_per_year=usd, orgs__cloud__income_growth=0.2) for usd in (1e9, 0)
        )
        for world in (with_it, without):
            world.close_weeks(weeks)
        return solvency.monthly_income(with_it.state, CLOUD) - solvency.monthly_income(without.state, CLOUD)

    assert other(53) / other(1) == pytest.approx(math.exp(0.2 * 364 / 365.25), rel=0.01)


def test_income_of_a_week_is_one_in_what_covers_debt_burns_and_makes_the_turnover():
    world = given(orgs__cloud__income_usd_per_year=1e9, orgs__cloud__income_growth=0.2)
    world.close_weeks(60)
    state, bare = world.state, given().close_weeks(60).state
    grown = 100 * income_usd_per_year(state, CLOUD, week_start(state))
    assert grown > 1.2e11
    assert finance.turnover(state, CLOUD) - finance.turnover(bare, CLOUD) == pytest.approx(grown)
    for each in (state, bare):
        each.finance.books[CLOUD].budget_usd_per_year = 1e10
        each.run.parameters["finance.overhead_share"] = 0.0
    covered = [credit.service_and_income(each, CLOUD)[1] for each in (state, bare)]
    assert covered[0] - covered[1] == pytest.approx(grown)
    burnt = finance.burn_cents(bare, CLOUD) - finance.burn_cents(state, CLOUD)
    assert burnt == pytest.approx(grown * 28 / 365, abs=1)


def test_compute_for_own_users_earns_on_what_is_beyond_that_of_the_start_and_never_costs():
    def earned(start_usd, margin=0.5):
        world = given(
            orgs__cloud__own_use_start_usd_per_year=start_usd, finance__own_use_margin=margin,
            finance__own_use_growth_per_year=0.0,
        )  # fmt: skip
        return finance.own_users_usd_per_year(world.state, CLOUD, START)

    served = min(3_000 * 8_766 * 2.5, 7.884e7)  # what its users' compute rents for, and what they would spend
    assert earned(5e7) == pytest.approx(0.5 * (served - 5e7), rel=1e-2)
    assert earned(1e9) == 0.0


def test_other_income_and_subscriptions_come_from_outside():
    world = given(orgs__cloud__income_usd_per_year=365e6, orgs__fund__subscriptions_usd_per_year=365e6)
    paid = month(world)
    assert paid["other business", CLOUD] == ("world/customers", CLOUD, 28 * MILLION)
    assert paid["subscription", FUND] == ("world/savers", FUND, 28 * MILLION)
    assert sum(world.state.finance.ledger.accounts.values()) == 0


def test_a_parent_pays_what_its_lab_burns():
    from events.types.run import OrgRegistered

    world = given().happened(OrgRegistered(org="inside", role="lab", country="US", kind="lab", parent_org=CLOUD))
    world.happened(
        ModelReleased(
            model="m", org="inside", flop=1e24, effective_flop=1e24, capability=1.0, kind="frontier", start_day=START
        )
    )
    world.happened(*let(1_000, "inside"))
    payer, payee, cents = month(world)["parent funding", "inside"]
    assert (payer, payee) == (CLOUD, "inside")
    assert cents >= round(0.5 * 1_000 * 2.5 * 672 * 100)


def test_a_world_without_orgs_pays_nothing():
    from market.state import State

    assert finance.monthly(State(), START) is None


def test_on_demand_is_paid_to_the_lessor_for_four_weeks():
    world = given()
    rented = index.on_demand(world.state, START)
    assert rented is not None
    (told,) = world.after(rented)
    paid, staff = world.after(finance.on_demand_revenue(world.state, rented))
    assert isinstance(told, OnDemandRented)
    assert (paid.org, paid.counterparty, paid.contract_id) == ("world/customers", CLOUD, SITE)
    assert paid.amount_usd_cents == round(told.gpus * told.price_usd_per_gpu_hour * 672 * 100)
    assert (staff.org, staff.counterparty, staff.contract_id) == (CLOUD, "world/staff", CLOUD)
    assert staff.amount_usd_cents == round(OVERHEADS * paid.amount_usd_cents)


def test_a_cloud_that_lives_on_rents_pays_overheads_on_them_and_one_with_other_business_does_not():
    world = given()
    world.happened(*let(600))
    paid = month(world)
    rent = next(cents for (kind, _), (_, _, cents) in paid.items() if kind == "rent")
    assert paid["staff", CLOUD] == (CLOUD, "world/staff", round(OVERHEADS * rent))
    rich = given(orgs__cloud__income_usd_per_year=1e9)
    rich.happened(*let(600))
    assert ("staff", CLOUD) not in month(rich)


def test_lenders_count_what_overheads_leave_of_rents():
    thin, fat = (given(finance__overhead_share=share) for share in (0.0, 0.5))
    for world in (thin, fat):
        world.happened(*let(4_000))
    assert credit.coverage(fat.state, CLOUD, 100 * MILLION) < 0.6 * credit.coverage(thin.state, CLOUD, 100 * MILLION)


def test_revenue_shortens_no_runway():
    world = given()
    world.happened(*let(4_000))
    before = finance.runway_days(world.state, LAB)
    world.happened(ServingMeasured(org=LAB, revenue_usd_per_year=2e9, value=2e9, h100e=0.0, tokens_per_s=0.0))
    assert finance.runway_days(world.state, LAB) >= before
    assert finance.runway_days(given().state, RESELLER) == 3650
    assert YEAR == 364


# --- ratings, debt of the start, operations


def rated(**more):
    return given(orgs__cloud__rating=3.0, orgs__cloud__income_usd_per_year=1e9, orgs__cloud__lends=0.0, **more)


def test_an_org_with_a_rating_borrows_on_its_cash_flow_at_the_rate_of_its_step():
    world = rated(finance__bonds_per_cash_flow=2, finance__state_rate=0.04, finance__spread_per_step=0.001)
    world.happened(
        events.PaymentMade(
            org="world/savers", counterparty=FUND, amount_usd_cents=10**12, kind="opening", contract_id=FUND
        )
    )
    granted, _ = world.when(SeekLoan(actor=CLOUD, because=CLOUD, lender=FUND, amount_usd_cents=10**11))
    assert granted.value == pytest.approx(0.043)
    assert credit.bond_room_cents(world.state, CLOUD, START) == 10**11
    beyond = world.when(SeekLoan(actor=CLOUD, because=CLOUD, lender=FUND, amount_usd_cents=2 * 10**11))[0]
    assert beyond.value == 0.1  # beyond its room it borrows on what covers the service, as others do


def test_what_was_repaid_of_a_bond_may_be_borrowed_anew():
    world = rated(finance__bonds_per_cash_flow=2, orgs__cloud__income_growth=0.0)
    world.happened(
        events.LoanKnown(
            deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=10**11, value=0.0,
            end_day=START + 3_650,
        )
    )  # fmt: skip
    room = [credit.bond_room_cents(world.state, CLOUD, START + days) for days in (0, 365, 1_825)]
    assert room == [10**11, 11 * 10**10, 15 * 10**10]


def test_an_org_without_a_rating_has_no_room_for_bonds():
    assert credit.bond_room_cents(given(orgs__cloud__income_usd_per_year=1e9).state, CLOUD, START) == 0


def test_debt_of_the_start_is_repaid_like_a_loan():
    world = given(orgs__cloud__income_usd_per_year=0.0)
    world.happened(
        events.LoanKnown(
            deal_id="cloud/deal/1",
            org=CLOUD,
            counterparty=FUND,
            amount_usd_cents=10**9,
            value=0.1,
            end_day=START + YEAR,
        )
    )
    due = [row for row in credit.instalments(world.state) if row[0] == CLOUD]
    assert [(row[1], row[3]) for row in due] == [(FUND, "instalment")]
    assert 13 * due[0][2] == pytest.approx(1.1 * 10**9, rel=0.01)


def test_who_owns_gpus_pays_to_run_them():
    world = given()
    paid = finance.monthly(world.state, START)
    rows = zip(paid.columns["org"], paid.columns["kind"], paid.columns["amount_usd_cents"], strict=True)
    found = {org: cents for org, kind, cents in rows if kind == "operations"}
    owned = finance.owned_h100e(world.state)
    assert set(found) == set(owned)
    assert len({round(found[org] / owned[org], 3) for org in owned}) == 1


def test_what_an_org_rents_itself_comes_off_what_serves_its_loans():
    def covered(gpus, price):
        world = given(orgs__cloud__income_usd_per_year=1e12)
        world.happened(
            events.LoanKnown(
                deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=10**13, value=0.1,
                end_day=START + 5 * YEAR,
            )
        )  # fmt: skip
        signed = lease(CLOUD, RESELLER, gpus=gpus, price_usd_per_gpu_hour=price)
        world.happened(signed, handed(signed))
        return credit.coverage(world.state, CLOUD, 0)

    none, some, more = covered(1, 1e-6), covered(1_000, 2.0), covered(1_000, 4.0)
    assert none - more == pytest.approx(2 * (none - some), rel=1e-3)


def in_breach(**more):
    world = given(orgs__cloud__income_usd_per_year=0.0, orgs__cloud__merchant_share=0.0, **more)
    world.happened(
        events.LoanKnown(
            deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=10**13, value=0.1,
            end_day=START + 5 * YEAR,
        )
    )  # fmt: skip
    return world


def test_income_that_no_longer_pays_for_loans_breaks_a_covenant_once():
    world = in_breach()
    (breached,) = world.after(credit.covenants(world.state, START))
    assert (breached.org, breached.value) == (CLOUD, 0.0)
    assert world.after(credit.covenants(world.state, START + 28)) == []


def test_loans_are_called_when_a_covenant_stays_broken_and_cash_does_not_repay_them():
    world = in_breach(finance__cure_weeks=8)
    world.after(credit.covenants(world.state, START))
    assert not credit.is_called(world.state, CLOUD, START + 49)
    assert credit.is_called(world.state, CLOUD, START + 56)
    paid = events.PaymentMade(
        org="world/savers", counterparty=CLOUD, amount_usd_cents=10**13, kind="opening", contract_id=CLOUD
    )
    world.happened(paid)
    assert not credit.is_called(world.state, CLOUD, START + 56)


def test_suppliers_wait_longer_for_a_cloud_that_earns_by_the_hour():
    def turnover(usd_per_year):
        world = given(orgs__cloud__merchant_share=1.0)
        world.happened(UseMeasured(org=TAIL, usd_per_year=usd_per_year, growth_per_year=0.0, h100e=usd_per_year / 2e4))
        return finance.turnover(world.state, CLOUD)

    assert turnover(2e7) - turnover(1e7) == pytest.approx(100 * 500 * 8_766 * 2.5, rel=0.01)


def test_a_lease_that_ends_soon_pays_for_loans_until_then_and_is_no_ground_for_a_new_one():
    def breaches(end):
        world = in_breach()
        signed = lease(gpus=8_000, price_usd_per_gpu_hour=900.0, end_day=START + end)
        world.happened(signed, handed(signed))
        return len(world.after(credit.covenants(world.state, START))), credit.coverage(world.state, CLOUD, 1) > 1

    assert (breaches(400), breaches(100), breaches(-10)) == ((0, True), (0, False), (1, False))


def test_a_rating_has_no_covenant():
    world = in_breach(orgs__cloud__rating=3.0)
    assert world.after(credit.covenants(world.state, START)) == []
