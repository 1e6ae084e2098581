"""Suppliers lend, give equity and rent where that brings orders: none of it while their lines are sold out."""

from __future__ import annotations

from given import CLOUD, OEM, START, SUPPLIER, given
from polars import col

from agents.buyers import covered_cents, loan
from agents.suppliers import backstop, warrants
from events.types.chips import OutputMade
from events.types.finance import BudgetSet, StakeKnown, ValuationStated
from events.types.run import ParameterSet
from market.rng import Draws
from market.view import MarketView, Shared

DRAWS = Draws(0, SUPPLIER, 0)


def view(world, org=SUPPLIER):
    return MarketView(Shared(world.state), org)


def making(lead_weeks, **traits):
    world = given()
    world.happened(
        ValuationStated(org=SUPPLIER, valuation_usd_cents=10**13),
        OutputMade(chip="H100", supplier=SUPPLIER, gpus=1000, price_usd_per_gpu=1.0, lead_time_weeks=lead_weeks),
        *(ParameterSet(parameter=f"orgs.{SUPPLIER}.{name}", value=value) for name, value in traits.items()),
    )
    return world


def granted(lead_weeks, share=0.1):
    seen = view(making(lead_weeks, warrant_share=share))
    return list(warrants(seen, [c for c in seen.chips() if c.supplier == SUPPLIER and c.in_volume]))


def test_warrants_are_granted_to_the_largest_buyer_while_no_line_is_sold_out():
    (offer,) = granted(lead_weeks=1.0)
    assert (offer.org, offer.end_day) == (CLOUD, view(given()).day + round(5 * 365.25))
    assert granted(lead_weeks=40.0) == []
    assert granted(lead_weeks=1.0, share=0.0) == []


def test_one_grant_at_a_time():
    world = making(1.0, warrant_share=0.1)
    for command in warrants(view(world), [view(world).chip("H100")]):
        world.when(command)
    assert view(world).has_granted_warrants()
    assert list(warrants(view(world), [view(world).chip("H100")])) == []


def unsold(tightness, stake=10**9):
    world = making(1.0, backstop_usd_per_year=1e9)
    known = StakeKnown(org=CLOUD, counterparty=SUPPLIER, amount_usd_cents=stake, kind="equity", start_day=START)
    world.happened(*([known] if stake else []))
    world.state.demand.tightness = tightness
    asked = []
    for week in range(4):
        asked += backstop(view(world))
        world.close_weeks(1) if week < 3 else None
    return asked


def test_what_clouds_leave_unsold_is_rented_by_the_supplier_that_has_a_stake_in_them():
    (asked,) = unsold(0.8)
    assert (asked.lessor, asked.kind) == (CLOUD, "serving")
    assert unsold(1.2) == []
    assert unsold(0.8, stake=0) == []


def test_a_builder_whose_income_covers_no_bank_loan_borrows_on_the_gear_from_who_sells_it():
    world = given(finance__covenant_min=0.0)
    world.happened(
        BudgetSet(org=CLOUD, value=1e13, reason="demand"),
        ParameterSet(parameter=f"orgs.{CLOUD}.borrows", value=1.0),
        ParameterSet(parameter=f"orgs.{OEM}.vendor_finance_usd", value=5e7),
    )
    seen = view(world, CLOUD)
    assert covered_cents(seen, 10**12, 1e9) == 0
    assert covered_cents(seen, 10**12, 0.0) == 10**12
    (asked,) = loan(seen)
    assert (asked.lender, asked.amount_usd_cents) == (OEM, 5 * 10**9)


def test_makers_of_servers_lend_in_the_default_world_and_nvidia_rents_of_coreweave(year_run):
    log = year_run.frame
    loans = log.filter((col("type") == "LoanGranted") & col("counterparty").is_in(["dell", "supermicro"]))
    assert loans.height > 0
    rented = log.filter((col("type") == "LeaseSigned") & (col("lessee") == "nvidia"))
    assert set(rented["lessor"]) == {"coreweave"}
