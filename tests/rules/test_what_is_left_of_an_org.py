"""What things fetch, what a broken paper costs the other side, and who gets how much of an estate: sums by hand."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, FUND, LAB, RESELLER, RIVAL, SITE, START, given
from test_equations_of_the_market import HOURS, contract, lent, rent, works

from events.commands.estates import BidForLot
from events.types import chips as chip_events
from events.types import estates as events
from events.types import finance as money
from events.types import leases as lease_events
from events.types.run import ParameterSet
from market.rules import credit, estates, finance, insolvency, prices, settlement, solvency, work, worth
from market.state.estates import Claim, Estate, Lot

# --- what things are worth

WORTH = {
    "estates__used_share": 0.5, "estates__discount_per_year": 0.2, "estates__residual_decay_per_year": 0.3,
    "estates__shell_share": 0.4, "estates__lease_share": 0.6, "build__shell_usd_per_kw": 1_000.0,
    "build__cash_share": 0.25, "shipping__server_cost_share": 0.1,
}  # fmt: skip


def worth_in(state, region, chip="H100"):
    return worth.gpu_usd(state, chip, prices.running_cost(state, state.chips.chips[chip], region), START)


def test_a_gpu_is_worth_four_years_of_what_it_earns_over_its_cost():
    state = given(**WORTH).state
    chip = state.chips.chips["H100"]
    cost, each = prices.running_cost(state, chip, "texas"), work.in_h100e(state, START)["H100"]
    earned = 0.0
    for half in range(8):
        hourly = max(0.0, prices.forward(state, 26.0 * half) * each * 0.5 - cost)
        earned += hourly * HOURS / 2 * math.exp(-0.2 * (half + 0.5) / 2)
    used = 27_500 * math.exp(-0.3 * 600 / 365.25)
    assert worth.used_price_usd(state, "H100", START) == pytest.approx(used)
    assert worth_in(state, "texas") == pytest.approx(min(earned, used))
    poor = given(**{**WORTH, "estates__used_share": 0.01}).state
    assert worth_in(poor, "texas") == 0.0
    rich = given(**{**WORTH, "estates__used_share": 0.2}).state
    earned = sum(
        max(0.0, prices.forward(rich, 26.0 * half) * each * 0.2 - cost) * HOURS / 2
        * math.exp(-0.2 * (half + 0.5) / 2) for half in range(8)
    )  # fmt: skip
    assert 0 < earned < used
    assert worth_in(rich, "texas") == pytest.approx(earned)


def test_a_chip_that_is_not_out_yet_has_no_age():
    state = given(**WORTH).state
    assert worth.used_price_usd(state, "GB200", START) == pytest.approx(44_000)


def test_chips_in_a_warehouse_are_worth_what_they_would_earn_where_home_is_cheapest():
    state = given(**WORTH, regions__beijing__energy_usd_per_mwh=1.0).state
    each = worth_in(state, "texas")
    assert worth.stock_cents(state, CLOUD, "H100", 7, START) == round(7 * each * 100)
    state.run.orgs[CLOUD].country = "nowhere"
    abroad = worth_in(state, "beijing")
    assert worth.stock_cents(state, CLOUD, "H100", 7, START) == round(7 * abroad * 100)


def test_what_is_left_of_a_lease_is_rented_at_todays_quote_for_its_hours():
    world = rent(rent(given(), 100), 50, lease_id="lab/lease/2", start_day=START + 70, end_day=START + 434, delivered=0)
    one, later = world.state.leases.leases.values()
    each = work.in_h100e(world.state, START)["H100"]
    assert worth.hours_left(one, START + 100) == 24 * 264
    assert worth.hours_left(one, START + 999) == 0
    assert worth.hours_left(later, START) == 24 * 364
    assert worth.market_rent(world.state, one, START + 100) == pytest.approx(prices.quote(world.state, 264, 0) * each)
    assert worth.market_rent(world.state, one, START + 999) == pytest.approx(prices.quote(world.state, 7, 0) * each)
    assert worth.market_rent(world.state, later, START) == pytest.approx(prices.quote(world.state, 434, 10) * each)


def test_a_site_is_worth_its_gpus_its_shells_and_what_its_leases_pay_beyond_the_market():
    world = works(given(**WORTH), kw=2_000)
    works(world, number=2, kw=9_000, kind="leased")
    state = world.state
    site = state.sites.sites[SITE]
    gpus = 10_000 * worth_in(state, "texas")
    shells = (20_000 + 0.25 * 2_000) * 1_000 * 0.4
    assert worth.site_cents(state, site, START) == pytest.approx((gpus + shells) * 100)
    rent(world, 100, price_usd_per_gpu_hour=9.0)
    (one,) = state.leases.leases.values()
    beyond = (9.0 - worth.market_rent(state, one, START)) * 100 * 24 * 364
    assert worth.site_cents(state, site, START) == pytest.approx((gpus + shells + 0.6 * beyond) * 100)
    one.prepaid_share = 0.1
    left = (0.9 * 9.0 - worth.market_rent(state, one, START)) * 100 * 24 * 364
    assert worth.site_cents(state, site, START) == pytest.approx((gpus + shells + 0.6 * left) * 100)
    rent(world, 100, price_usd_per_gpu_hour=0.1, lease_id="lab/lease/2")
    rent(world, 900, price_usd_per_gpu_hour=0.1, lease_id="lab/lease/3")
    assert worth.site_cents(state, site, START) == pytest.approx((gpus + shells) * 100)
    site.leased_kw = site.energised_kw
    assert worth.site_cents(state, site, START) == pytest.approx((gpus + 0.25 * 2_000 * 400) * 100)
    site.leased_kw = 5_000
    assert worth.site_cents(state, site, START) == pytest.approx((gpus + 15_500 * 400) * 100)


def test_within_a_group_no_lease_pays_beyond_the_market():
    world = rent(given(**WORTH), 100, price_usd_per_gpu_hour=99.0, kind="internal")
    site = world.state.sites.sites[SITE]
    assert worth.site_cents(world.state, site, START) == worth.site_cents(given(**WORTH).state, site, START)


def test_assets_are_sites_and_chips_that_wait_or_are_on_their_way():
    world = given(**WORTH)
    site = worth.site_cents(world.state, world.state.sites.sites[SITE], START)
    assert solvency.assets_cents(world.state, CLOUD, START) == site
    sent = {"shipment_id": "cloud/shipment/1", "order_id": "cloud/order/1", "counterparty": "oem", "due_day": START + 9}
    world.happened(chip_events.ShipmentSent(org=CLOUD, chip="H100", gpus=30, **sent))
    world.state.chips.warehouse[CLOUD] = {"H100": 12}
    stock = worth.stock_cents(world.state, CLOUD, "H100", 42, START)
    assert solvency.assets_cents(world.state, CLOUD, START) == site + stock
    assert solvency.assets_cents(world.state, FUND, START) == 0


def test_a_month_brings_rents_after_overheads_the_tail_customers_and_other_business():
    world = rent(given(finance__overhead_share=0.2, finance__revenue_margin=0.5), 1_000)
    tail = credit.tail_rent_usd_per_year(world.state, CLOUD)
    expected = 0.8 * 1_000 * 2.5 * 672 * 100 + 0.8 * tail * 28 / 365 * 100
    assert solvency.monthly_income(world.state, CLOUD) == pytest.approx(expected, abs=1)
    assert solvency.monthly_income(world.state, LAB) == round(0.5e9 * 28 / 365 * 100)
    other = given(orgs__fund__income_usd_per_year=365.0)
    assert solvency.monthly_income(other.state, FUND) == 2_800


# --- what a broken paper costs

BROKEN = {"estates__relet_weeks": 13.0}


def damages(org, price, days=364, delivered=None, deposit=0):
    world = rent(given(**BROKEN), 100, delivered, price_usd_per_gpu_hour=price, end_day=START + days)
    (one,) = world.state.leases.leases.values()
    one.deposit_cents = deposit
    market = worth.market_rent(world.state, one, START)
    return solvency.lease_damages(world.state, org, one, START), market


def test_a_lessee_loses_what_others_ask_beyond_its_rent_for_a_year_and_its_deposit():
    lost, market = damages(CLOUD, 1.0)
    assert lost == pytest.approx((market - 1.0) * 100 * 24 * 364 * 100, abs=1)
    lost, market = damages(CLOUD, 1.0, days=900, deposit=77)
    assert lost == pytest.approx((market - 1.0) * 100 * 24 * 365 * 100 + 77, abs=1)
    assert damages(CLOUD, 99.0)[0] == 0
    assert damages(CLOUD, 99.0, deposit=77)[0] == 77


def test_a_lessor_loses_rent_until_gpus_are_let_anew_and_the_gap_then_less_its_deposit():
    idle = 24 * 91
    lost, market = damages(LAB, 9.0, delivered=60)
    gap = (9.0 - market) * (24 * 364 - idle)
    assert lost == pytest.approx((9.0 * idle + gap) * 60 * 100, abs=1)
    assert damages(LAB, 1.0)[0] == pytest.approx(1.0 * idle * 100 * 100, abs=1)
    assert damages(LAB, 1.0, days=50)[0] == pytest.approx(24 * 50 * 100 * 100, abs=1)
    whole = damages(LAB, 1.0)[0]
    assert damages(LAB, 1.0, deposit=1_000)[0] == whole - 1_000
    assert damages(LAB, 1.0, deposit=10**15)[0] == 0


def opening(world, org):
    return insolvency._Opening(world.state, org, START, set())


def test_damages_of_a_contract_are_prepayment_and_a_year_of_the_gap_to_the_market():
    world = contract(given(), 100, price=1.0)
    (one,) = world.state.contracts.open.values()
    each = work.in_h100e(world.state, START)["H100"]
    market = prices.quote(world.state, 1_000, 60 / 7) * each
    gap = (market - 1.0) * 100 * 24 * 365
    assert opening(world, CLOUD)._contract_damages(one) == pytest.approx(gap * 100, abs=1)
    assert opening(world, LAB)._contract_damages(one) == 0
    one.prepaid_share = 0.1
    paid = 0.1 * 1.0 * 100 * 24 * 1_000
    assert opening(world, CLOUD)._contract_damages(one) == pytest.approx((gap + paid) * 100, abs=1)
    dear = contract(given(), 100, price=9.0)
    (one,) = dear.state.contracts.open.values()
    one.take_or_pay_share = 0.5
    gap = (9.0 - market) * 100 * 24 * 365
    assert opening(dear, LAB)._contract_damages(one) == pytest.approx(0.5 * gap * 100, abs=1)
    assert opening(dear, CLOUD)._contract_damages(one) == 0
    one.prepaid_share = 0.01
    paid = 0.01 * 9.0 * 100 * 24 * 1_000
    assert opening(dear, LAB)._contract_damages(one) == pytest.approx((0.5 * gap - paid) * 100, abs=1)
    one.prepaid_share = 1.0
    assert opening(dear, LAB)._contract_damages(one) == 0


def of(kind, outcomes):
    return [h.event for h in outcomes if isinstance(h.event, kind)]


def test_a_rejected_contract_is_ended_once_and_its_damage_claimed_by_the_other_side():
    world = contract(given(), 100, price=1.0)
    found = list(opening(world, CLOUD).contracts())
    ended, claim = (h.event for h in found)
    assert (ended.gpus, ended.reason) == (100, "rejected")
    assert (claim.counterparty, claim.rank, claim.contract_id) == (LAB, "unsecured", "lab/contract/1")
    (only,) = opening(world, LAB).contracts()
    assert only.event.reason == "rejected"
    assert list(opening(world, RIVAL).contracts()) == []
    done = opening(world, CLOUD)
    done.done.add("lab/contract/1")
    assert list(done.contracts()) == []


def test_claims_of_a_day_are_numbered_on():
    one = opening(given(), CLOUD)
    names = [one.claim(LAB, "unsecured", 1, "x").event.claim_id for _ in range(3)]
    assert names == ["cloud/claim/1", "cloud/claim/2", "cloud/claim/3"]


def rejects(world, org, plan):
    return {lease.lease_id for lease in opening(world, org).rejected(plan)}


def test_an_estate_breaks_off_what_it_let_far_below_the_market_and_what_has_not_begun():
    def broken(price, **terms):
        world = rent(given(estates__reject_below=0.5), 100, price_usd_per_gpu_hour=price, **terms)
        return rejects(world, CLOUD, "liquidation")

    market = worth.market_rent(given().state, next(iter(rent(given(), 1).state.leases.leases.values())), START)
    assert broken(0.51 * market) == set()
    assert broken(0.49 * market) == {"lab/lease/1"}
    assert broken(market, delivered=0) == {"lab/lease/1"}
    assert broken(0.01, kind="internal") == set()


def renting(prices_usd, plan="restructuring", income=1e12, **parameters):
    world = given(estates__reject_above=2.0, orgs__rival__income_usd_per_year=income, **parameters)
    for number, price in enumerate(prices_usd, 1):
        rent(world, 100, None, RIVAL, lease_id=f"rival/lease/{number}", price_usd_per_gpu_hour=price)
    return rejects(world, RIVAL, plan)


def test_an_estate_keeps_what_it_rents_cheaply_and_can_pay_for_the_cheapest_first():
    assert renting([2.0, 3.0]) == set()
    assert renting([2.0, 99.0]) == {"rival/lease/2"}
    assert renting([2.0, 3.0], "liquidation") == {"rival/lease/1", "rival/lease/2"}
    month = 100 * 2.0 * 672
    assert renting([3.0, 2.0], income=month * 365 / 28 + 1) == {"rival/lease/1"}
    assert renting([3.0, 2.0], income=month * 2.5 * 365 / 28 + 1) == set()
    assert renting([3.0, 2.0], income=0.0) == {"rival/lease/1", "rival/lease/2"}


def test_who_earns_more_than_its_rents_and_sites_is_restructured():
    def plan(income):
        world = rent(given(orgs__rival__income_usd_per_year=income, estates__reject_above=9.0), 100, None, RIVAL)
        return opening(world, RIVAL).plan()

    assert plan(1e9) == "restructuring"
    assert plan(0.0) == "liquidation"


def test_loans_are_secured_by_what_sites_and_chips_are_worth_and_bonds_by_nothing():
    world = lent(lent(given(), 3 * 10**9), 10**9, name="cloud/deal/2")
    one = opening(world, CLOUD)
    one.worth_cents = 10**9
    claims = of(events.ClaimFiled, one.loans())
    assert [(c.rank, c.amount_usd_cents) for c in claims] == [
        ("secured", 75 * 10**7), ("unsecured", 225 * 10**7), ("secured", 25 * 10**7), ("unsecured", 75 * 10**7)
    ]  # fmt: skip
    rich = opening(world, CLOUD)
    rich.worth_cents = 10**12
    assert [c.rank for c in of(events.ClaimFiled, rich.loans())] == ["secured", "secured"]
    rated = lent(given(orgs__cloud__rating=3.0))
    assert [c.rank for c in of(events.ClaimFiled, opening(rated, CLOUD).loans())] == ["unsecured"]


@pytest.mark.parametrize(("day", "opens"), [(None, False), (-1.0, False), (0.0, True), (float(START), True)])
def test_a_policy_forces_a_default_from_its_day_on_and_once(day, opens):
    world = given()
    if day is not None:
        world.happened(ParameterSet(parameter=insolvency.forced_by(CLOUD), value=day))
    defaulted = of(money.OrgDefaulted, insolvency.forced(world.state, START))
    assert [event.org for event in defaulted] == ([CLOUD] if opens else [])
    if opens:
        world.state.finance.books[CLOUD].defaulted_day = int(day)
        assert of(money.OrgDefaulted, insolvency.forced(world.state, START)) == []


def test_an_overdraft_is_paid_by_creditors_who_claim_it():
    world = given(orgs__cloud__default_day=float(START))
    world.state.finance.ledger.accounts[CLOUD] = -500
    found = list(insolvency.forced(world.state, START))
    (default,), (paid,) = of(money.OrgDefaulted, found), of(money.PaymentMade, found)
    assert (default.amount_usd_cents, paid.amount_usd_cents, paid.org) == (500, 500, insolvency.CREDITORS)
    (claim,) = of(events.ClaimFiled, found)
    assert (claim.counterparty, claim.rank, claim.amount_usd_cents) == (insolvency.CREDITORS, "unsecured", 500)
    world.state.finance.ledger.accounts[CLOUD] = 0
    assert of(money.PaymentMade, insolvency.forced(world.state, START)) == []


# --- what estates sell

SALES = {"estates__notice_weeks": 4.0, "estates__sale_weeks": 10.0, "estates__reserve_share": 0.8,
         "estates__cost_share": 0.05, "estates__keep_weeks": 8.0}  # fmt: skip


def estate(world, org=RESELLER, plan="liquidation", day=START, due=START + 300, claims=(), sold=0):
    found = Estate(f"{org}/estate/1", org, plan, day, due, dict(claims), {}, sold)
    world.state.finance.estates[org] = found
    return found


def lot(number=1, kind="chips", value=1_000, day=START, gpus=10, bids=None, site="", chip="H100"):
    return Lot(f"reseller/lot/{number}", kind, site, chip, gpus, value, day, dict(bids or {}))


@pytest.mark.parametrize(
    ("days", "cents"), [(0, 800), (28, 800), (63, 400), (98, 1), (999, 1)],
)  # fmt: skip
def test_a_reserve_is_a_part_of_the_appraisal_that_falls_over_the_weeks_of_sale(days, cents):
    state = given(**SALES).state
    assert estates.reserve_cents(state, lot(), START + days) == cents
    assert estates.is_open(state, lot(), START + 28)
    assert not estates.is_open(state, lot(), START + 27)


def bidder(cents, actor=LAB, day=START + 28, name="reseller/lot/1"):
    world = given(**SALES)
    estate(world).lots["reseller/lot/1"] = lot()
    world.state.finance.ledger.accounts[LAB] = 1_000
    (event,) = estates.bid(world.state, BidForLot(actor=actor, because="x", lot_id=name, amount_usd_cents=cents), day)
    return getattr(event, "reason", "placed")


def test_a_bid_is_placed_on_an_open_lot_of_another_with_money_that_is_there():
    assert bidder(1_000) == bidder(1) == "placed"
    assert bidder(1_001) == "cash"
    assert bidder(0) == "nothing bid"
    assert bidder(1, day=START + 27) == "not yet open"
    assert bidder(1, actor=RESELLER) == bidder(1, name="x") == "no such lot"


def sold(*lots, cash=10_000, stock=None):
    world = given(**SALES)
    found = estate(world)
    found.lots.update({one.lot_id: one for one in lots})
    world.state.chips.warehouse[RESELLER] = {"H100": 100 if stock is None else stock}
    world.state.finance.ledger.accounts |= {LAB: cash, CLOUD: cash}
    return [(e.lot_id[-1], e.counterparty, e.gpus, e.amount_usd_cents)
            for e in of(events.LotSold, estates.sell(world.state, START + 28))]  # fmt: skip


def test_a_lot_goes_to_its_highest_bidder_that_meets_the_reserve_and_still_has_the_money():
    assert sold(lot(bids={LAB: 900, CLOUD: 901})) == [("1", CLOUD, 10, 901)]
    assert sold(lot(bids={LAB: 800})) == [("1", LAB, 10, 800)]
    assert sold(lot(bids={LAB: 799})) == []
    assert sold(lot(bids={LAB: 900}), cash=899) == []
    assert sold(lot(bids={LAB: 900}), cash=900) == [("1", LAB, 10, 900)]
    dear, cheap = lot(2, value=2_000, bids={LAB: 1_700}), lot(1, bids={LAB: 900})
    assert sold(cheap, dear, cash=2_599) == [("2", LAB, 10, 1_700)]
    assert sold(cheap, dear, cash=2_600) == [("2", LAB, 10, 1_700), ("1", LAB, 10, 900)]
    assert sold(lot(day=START + 1, bids={LAB: 900})) == []
    assert sold(lot(bids={RESELLER: 900})) == []


def test_no_more_chips_are_sold_than_are_there():
    assert sold(lot(bids={LAB: 900}), stock=4) == [("1", LAB, 4, 900)]
    assert sold(lot(bids={LAB: 900}), stock=0) == []
    two = (lot(1, bids={LAB: 900}), lot(2, bids={LAB: 900}))
    assert sum(gpus for _, _, gpus, _ in sold(*two, stock=15)) == 15


def test_what_arrives_is_offered_once_and_sites_with_all_that_stands_there():
    world = given(**SALES)
    found = estate(world, CLOUD)
    world.state.chips.warehouse[CLOUD] = {"H100": 30, "A100": 5}
    offers = of(events.LotOffered, estates.offer(world.state, START))
    assert [(e.kind, e.site, e.chip, e.gpus) for e in offers] == [
        ("site", SITE, "H100", 10_000), ("chips", "", "A100", 5), ("chips", "", "H100", 30)
    ]  # fmt: skip
    assert [e.lot_id for e in offers] == [f"cloud/lot/{n}" for n in (1, 2, 3)]
    assert offers[0].amount_usd_cents == worth.site_cents(world.state, world.state.sites.sites[SITE], START)
    found.lots["a"] = Lot("a", "site", SITE, "H100", 1, 1, START)
    found.lots["b"] = Lot("b", "chips", "", "H100", 20, 1, START)
    again = of(events.LotOffered, estates.offer(world.state, START))
    assert [(e.chip, e.gpus) for e in again] == [("A100", 5), ("H100", 10)]
    found.lots["c"] = Lot("c", "chips", "", "H100", 10, 1, START)
    assert [e.chip for e in of(events.LotOffered, estates.offer(world.state, START))] == ["A100"]
    found.plan = "restructuring"
    assert of(events.LotOffered, estates.offer(world.state, START)) == []


def test_who_goes_on_with_a_lease():
    world = rent(rent(given(), 10), 10, lease_id="lab/lease/2", kind="internal")
    plain, inside = world.state.leases.leases.values()
    assert [estates.takes_over(world.state, one, RESELLER) for one in (plain, inside)] == [True, True]
    assert [estates.takes_over(world.state, one, RIVAL) for one in (plain, inside)] == [False, True]
    assert not estates.takes_over(world.state, inside, LAB)


# --- who gets what


def claim(name, rank, cents, creditor=FUND):
    return Claim(name, creditor, rank, cents, name)


def test_no_rank_gets_anything_before_those_above_it_are_whole():
    claims = [claim("u", "unsecured", 100), claim("s", "secured", 50), claim("a", "administrative", 30),
              claim("v", "unsecured", 300)]  # fmt: skip
    for cents, given_to in (
        (40, {"s": 40, "a": 0, "u": 0, "v": 0}), (70, {"s": 50, "a": 20, "u": 0, "v": 0}),
        (120, {"s": 50, "a": 30, "u": 10, "v": 30}), (9_999, {"s": 50, "a": 30, "u": 100, "v": 300}),
    ):  # fmt: skip
        assert settlement.waterfall(claims, cents) == given_to


def test_cash_is_seen_by_administrators_first_and_what_lacks_is_a_loan_or_equity():
    claims = [claim("u", "unsecured", 100), claim("s", "secured", 50), claim("a", "administrative", 30)]

    def parts(value, cash, is_over):
        return {one.claim.claim_id: one.parts for one in settlement.settled(claims, value, cash, is_over)}

    assert parts(180, 60, False) == {
        "a": {"cash": 30, "equity": 0}, "s": {"cash": 30, "loan": 20}, "u": {"cash": 0, "equity": 100}
    }  # fmt: skip
    assert parts(80, 10, False) == {"a": {"cash": 10, "equity": 20}, "s": {"cash": 0, "loan": 50}}
    assert parts(90, 90, True) == {
        "a": {"cash": 30, "equity": 0},
        "s": {"cash": 50, "loan": 0},
        "u": {"cash": 10, "equity": 0},
    }
    assert [one.cents for one in settlement.settled(claims, 80, 10, False)] == [30, 50]


def closing(world, found, is_over, day=START + 300):
    return list(settlement._Closing(world.state, found, day, is_over).happenings())


def test_an_estate_that_is_over_pays_its_cash_by_rank_and_its_owners_the_rest():
    world = given(**SALES)
    found = estate(world, claims={"s": claim("s", "secured", 300), "u": claim("u", "unsecured", 500)}, sold=1_000)
    world.state.finance.ledger.accounts[RESELLER] = 1_000
    out = closing(world, found, True)
    paid = {(e.counterparty, e.amount_usd_cents) for e in of(money.PaymentMade, out)}
    assert paid == {("world/administrators", 50), (FUND, 300), (FUND, 500), ("world/savers", 150)}
    (end,) = of(events.EstateClosed, out)
    assert (end.kind, end.amount_usd_cents) == ("liquidated", 1_000)
    assert of(events.OrgExited, out)
    world.state.run.orgs[RESELLER].parent = CLOUD
    assert (CLOUD, 150) in {
        (e.counterparty, e.amount_usd_cents) for e in of(money.PaymentMade, closing(world, found, True))
    }


def test_running_an_estate_into_debt_is_paid_before_unsecured_claims():
    world = given(**SALES)
    found = estate(world, claims={"u": claim("u", "unsecured", 500)})
    world.state.finance.ledger.accounts[RESELLER] = -40
    out = closing(world, found, True)
    (over,) = of(money.PaymentMade, out)
    assert (over.org, over.counterparty, over.amount_usd_cents) == (insolvency.CREDITORS, RESELLER, 40)
    (filed,) = of(events.ClaimFiled, out)
    assert (filed.rank, filed.amount_usd_cents, filed.claim_id) == ("administrative", 40, "reseller/claim/1")
    assert of(events.ClaimSettled, out) == []


def test_who_goes_on_keeps_cash_to_work_with_and_its_worth_is_shared():
    world = given(**SALES)
    rent(world, 10, None, RESELLER)
    found = estate(world, plan="restructuring", claims={"u": claim("u", "unsecured", 10**9)})
    month = finance.monthly_rent(world.state, RESELLER)
    world.state.finance.ledger.accounts[RESELLER] = 5 * month
    in_cash = [e.amount_usd_cents for e in of(events.ClaimSettled, closing(world, found, False)) if e.kind == "cash"]
    assert in_cash == [3 * month]
    world.state.finance.ledger.accounts[RESELLER] = month
    out = closing(world, found, False)
    (end,) = of(events.EstateClosed, out)
    assert (end.kind, end.amount_usd_cents) == ("restructured", month)
    assert of(events.OrgExited, out) == []
    assert [e.kind for e in of(events.ClaimSettled, out)] == ["equity"]


def test_owners_of_what_goes_on_keep_their_stakes_only_where_something_is_left():
    world = given(**SALES)
    world.happened(
        money.StakeKnown(org=RESELLER, counterparty=FUND, amount_usd_cents=77, kind="equity", start_day=START)
    )
    found = estate(world, plan="restructuring", claims={"u": claim("u", "unsecured", 500)})
    world.state.finance.ledger.accounts[RESELLER] = 500
    (lost,) = of(events.StakeCancelled, closing(world, found, False))
    assert (lost.counterparty, lost.amount_usd_cents) == (FUND, 77)
    world.state.finance.ledger.accounts[RESELLER] = 501
    out = closing(world, found, False)
    assert of(events.StakeCancelled, out) == []
    assert ("equity", 1) in {(e.rank, e.amount_usd_cents) for e in of(events.ClaimSettled, out)}
    assert len(of(events.StakeCancelled, closing(world, found, True))) == 1


def test_lenders_write_off_what_they_do_not_recover_and_lend_on_what_they_take():
    world = lent(given(**SALES, finance__loan_years=5.0), 10**6, org=RESELLER, name="reseller/deal/1")
    secured = Claim("c1", FUND, "secured", 600, "reseller/deal/1")
    rest = Claim("c2", FUND, "unsecured", 400, "reseller/deal/1")
    found = estate(world, plan="restructuring", claims={"c1": secured, "c2": rest})
    world.state.finance.ledger.accounts[RESELLER] = 700
    out = closing(world, found, False)
    (lost,), (again,) = of(events.LoanWrittenOff, out), of(events.LoanRestructured, out) or [None]
    assert lost.amount_usd_cents == 300
    assert again is None  # all of the secured part was paid in cash
    found = settlement.settled([secured, rest], 700, 100, False)
    loans = list(
        settlement._Closing(world.state, estate(world, claims={"c1": secured, "c2": rest}), START, False)._loans(found)
    )
    (lost,), (again,) = of(events.LoanWrittenOff, loans), of(events.LoanRestructured, loans)
    assert (lost.amount_usd_cents, again.amount_usd_cents, again.value) == (300, 500, 0.1)
    assert again.end_day == START + 1_825


def test_an_estate_is_closed_when_it_is_due_or_has_sold_all():
    def closes(day, plan="liquidation", **left):
        world = given(**SALES)
        found = estate(world, plan=plan, due=START + 100)
        for name, value in left.items():
            if name == "lots":
                found.lots["x"] = value
            elif name == "warehouse":
                world.state.chips.warehouse[RESELLER] = value
        return [e.kind for e in of(events.EstateClosed, settlement.close(world.state, day))]

    assert closes(START + 28) == ["liquidated"]
    assert closes(START + 27) == []
    assert closes(START + 28, plan="restructuring") == []
    assert closes(START + 100, plan="restructuring") == ["restructured"]
    assert closes(START + 99, lots=lot()) == []
    assert closes(START + 100, lots=lot()) == ["unsold"]
    assert closes(START + 28, warehouse={"H100": 1}) == []


@pytest.mark.parametrize(("lessee", "lessor"), [(RESELLER, CLOUD), (LAB, RESELLER)])
@pytest.mark.parametrize("day", [START + 28, START + 100])
def test_nobody_leaves_before_the_rent_of_leases_that_ended_is_paid(lessee, lessor, day):
    world = rent(given(**SALES), 100, None, lessee, lessor, lease_id="x/lease/1")
    estate(world, due=START + 100)
    world.day = START + 10
    ended = {"lease_id": "x/lease/1", "lessor": lessor, "lessee": lessee, "chip": "H100", "site": SITE, "gpus": 100}
    world.happened(lease_events.LeaseEnded(**ended, reason="term"))
    assert list(settlement.close(world.state, day)) == []
    rents = [e for e in world.after(finance.monthly(world.state, START + 27)) if e.kind == "rent"]
    assert [(e.org, e.counterparty, e.amount_usd_cents) for e in rents] == [(lessee, lessor, 100 * 10 * 24 * 250)]
    assert [e.kind for e in of(events.EstateClosed, settlement.close(world.state, day))] == ["liquidated"]


def test_a_lease_that_was_prepaid_in_full_keeps_nobody_from_leaving():
    world = rent(given(**SALES), 100, None, LAB, RESELLER, lease_id="x/lease/1", prepaid_share=1.0)
    estate(world, due=START + 100)
    world.day = START + 10
    ended = {"lease_id": "x/lease/1", "lessor": RESELLER, "lessee": LAB, "chip": "H100", "site": SITE, "gpus": 100}
    world.happened(lease_events.LeaseEnded(**ended, reason="term"))
    assert [e for e in world.after(finance.monthly(world.state, START + 27)) if e.kind == "rent"] == []
    assert [e.kind for e in of(events.EstateClosed, settlement.close(world.state, START + 28))] == ["liquidated"]


def test_of_estates_that_owe_each_other_the_one_that_is_owed_least_ends_first():
    world = given(**SALES)
    one, two = estate(world, RESELLER), estate(world, RIVAL)
    one.claims["a"] = claim("a", "unsecured", 10, RIVAL)
    two.claims["b"] = claim("b", "unsecured", 20, RESELLER)
    closed = [e.org for e in of(events.EstateClosed, settlement.close(world.state, START + 28))]
    assert closed == [RIVAL]
    del two.claims["b"]
    closed = [e.org for e in of(events.EstateClosed, settlement.close(world.state, START + 28))]
    assert closed == [RESELLER]


def test_customers_of_who_leaves_go_to_the_others_of_each_segment():
    world = given(**SALES)
    found = estate(world, RIVAL)
    out = closing(world, found, True)
    shares = {(e.org, e.segment): e.share for e in out and [h.event for h in out if hasattr(h.event, "segment")]}
    for segment in ("consumer", "api", "enterprise"):
        assert shares[LAB, segment] == pytest.approx(1.0)
        assert shares[RIVAL, segment] == 0.0
