"""Loans of suppliers, warrants that vest with orders, equity that is to be spent on compute."""

from __future__ import annotations

import pytest
from given import CLOUD, FUND, LAB, START, SUPPLIER, given, handed, lease

from events.commands.finance import FundRound, SeekLoan, SeekRound
from events.commands.vendors import GrantWarrants
from events.types import vendors as events
from events.types.chips import ChipsAllocated, OrderPlaced, OutputMade
from events.types.finance import LoanGranted, LoanRefused, PaymentMade
from events.types.run import ParameterSet
from market.rules import insolvency, vendors
from market.view import MarketView, Shared


def grant(**other):
    terms = {"org": CLOUD, "gpus": 1000, "amount_usd_cents": 10**9, "end_day": START + 700}
    return GrantWarrants(**{"actor": SUPPLIER, "because": SUPPLIER, **terms, **other})


def allotted(world, gpus, number=1):
    order = f"{CLOUD}/order/{number}"
    world.happened(
        OrderPlaced(order_id=order, org=CLOUD, supplier=SUPPLIER, chip="H100", gpus=gpus, price_usd_per_gpu=1.0),
        OutputMade(chip="H100", supplier=SUPPLIER, gpus=gpus, price_usd_per_gpu=1.0, lead_time_weeks=0.0),
        ChipsAllocated(
            order_id=order, org=CLOUD, supplier=SUPPLIER, chip="H100", gpus=gpus, price_usd_per_gpu=1.0, share=1.0
        ),
    )


def test_warrants_vest_with_the_gpus_that_the_buyer_takes_and_become_a_stake():
    world = given()
    world.when(grant())
    allotted(world, 250)
    (vested,) = world.after(vendors.vest(world.state, START + 27))
    assert vested.amount_usd_cents == 250_000_000
    assert world.after(vendors.vest(world.state, START + 27)) == []
    allotted(world, 5000, 2)
    vested, ended = world.after(vendors.vest(world.state, START + 55))
    assert (vested.amount_usd_cents, ended.reason, ended.amount_usd_cents) == (750_000_000, "vested", 0)
    assert world.state.finance.stakes[SUPPLIER][CLOUD].invested_cents == 10**9
    assert world.state.finance.warrants == {}


def test_warrants_lapse_on_their_day():
    world = given()
    world.when(grant(end_day=START + 20))
    (ended,) = world.after(vendors.vest(world.state, START + 27))
    assert (ended.reason, ended.amount_usd_cents) == ("lapsed", 10**9)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"actor": LAB}, "no supplier"),
        ({"org": "nobody"}, "unknown buyer"),
        ({"org": SUPPLIER}, "unknown buyer"),
        ({"gpus": 0}, "nothing granted"),
        ({"amount_usd_cents": 0}, "nothing granted"),
    ],
)
def test_warrants_that_cannot_be_granted_are_refused(other, reason):
    (refused,) = given().when(grant(**other))
    assert (type(refused), refused.reason) == (events.WarrantsRefused, reason)


def test_warrants_that_end_today_or_before_are_refused_in_any_week():
    world = given()
    world.close_weeks(8)
    assert world.when(grant(end_day=world.day))[0].reason == "nothing granted"
    assert isinstance(world.when(grant(end_day=world.day + 1))[0], events.WarrantsGranted)


def test_a_buyer_has_one_grant_of_a_supplier():
    world = given()
    world.when(grant())
    assert world.when(grant())[0].reason == "warrants are open"


def test_warrants_make_the_chips_of_their_supplier_cheaper_to_their_buyer_alone():
    world = given()

    def cost(org):
        return MarketView(Shared(world.state), org).own_cost("H100")

    before = cost(CLOUD)
    world.when(grant(amount_usd_cents=10**8))  # 1,000 USD a GPU
    assert cost(CLOUD) < before == cost(LAB)


def test_a_supplier_lends_up_to_what_it_says_and_asks_for_no_coverage():
    world = given()
    poor = SeekLoan(actor=LAB, because=LAB, lender=SUPPLIER, amount_usd_cents=10**10)
    assert isinstance(world.when(poor)[0], LoanRefused)
    world.happened(
        ParameterSet(parameter=f"orgs.{SUPPLIER}.vendor_finance_usd", value=1.5e8),
        PaymentMade(
            org="world/savers", counterparty=SUPPLIER, amount_usd_cents=10**12, kind="opening", contract_id=SUPPLIER
        ),
    )
    granted, _ = world.when(poor)
    assert isinstance(granted, LoanGranted)
    assert granted.counterparty == SUPPLIER
    assert isinstance(world.when(poor)[0], LoanRefused)  # the second one is beyond it


def test_equity_for_compute_is_to_be_spent_on_the_investors_compute():
    world = given()
    world.when(SeekRound(actor=LAB, because=LAB, amount_usd_cents=10**9))
    world.happened(
        PaymentMade(org="world/savers", counterparty=CLOUD, amount_usd_cents=10**12, kind="opening", contract_id=CLOUD)
    )
    world.when(
        FundRound(
            actor=CLOUD, because=LAB, org=LAB, amount_usd_cents=10**9, valuation_usd_cents=10**10,
            kind="equity for compute",
        )
    )  # fmt: skip
    assert vendors.duty_cents(world.state, LAB) == 10**9
    assert vendors.duty_cents(world.state, LAB, CLOUD) == 0
    signed = lease()
    world.happened(signed, handed(signed))
    world.happened(
        PaymentMade(
            org=LAB, counterparty=CLOUD, amount_usd_cents=4 * 10**8, kind="rent", contract_id=signed.lease_id
        )
    )  # fmt: skip
    assert vendors.duty_cents(world.state, LAB) == 6 * 10**8
    world.happened(
        PaymentMade(
            org=LAB, counterparty=CLOUD, amount_usd_cents=4 * 10**9, kind="rent", contract_id=signed.lease_id
        )
    )  # fmt: skip
    assert vendors.duty_cents(world.state, LAB) == 0


def test_equity_without_strings_is_free_to_spend():
    world = given()
    world.when(SeekRound(actor=LAB, because=LAB, amount_usd_cents=10**9))
    world.when(FundRound(actor=FUND, because=LAB, org=LAB, amount_usd_cents=10**9, valuation_usd_cents=10**10))
    assert vendors.duty_cents(world.state, LAB) == 0


def test_warrants_of_who_is_wound_up_are_gone():
    world = given()
    world.when(grant())
    world.happened(ParameterSet(parameter=insolvency.forced_by(CLOUD), value=float(START)))
    world.after(insolvency.forced(world.state, world.day))
    assert world.state.finance.warrants == {}
