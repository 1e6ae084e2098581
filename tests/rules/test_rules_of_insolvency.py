"""Defaults, estates, claims by rank, what is sold, and how it ends."""

from __future__ import annotations

import pytest
from given import (
    CHINESE,
    CLOUD,
    FIELD,
    FUND,
    LAB,
    RESELLER,
    RIVAL,
    SITE,
    START,
    SUPPLIER,
    YEAR,
    given,
    handed,
    invariants,
    lease,
)
from hypothesis import given as drawn
from hypothesis import strategies as st
from msgspec.structs import replace

from events.commands.chips import PlaceOrder
from events.commands.estates import BidForLot
from events.commands.leases import RequestLease
from events.types import estates as events
from events.types import finance as money
from events.types.chips import OrderCancelled, OrderPlaced
from events.types.demand import ShareMeasured
from events.types.leases import LeaseEnded
from events.types.run import ParameterSet
from market.rules import allocation, credit, estates, finance, insolvency, leases, settlement, solvency, worth
from market.state.chips import Place
from market.state.estates import Claim
from market.state.finance import Loan

MILLION = 10**8  # cents


def paid(org, to, cents):
    return money.PaymentMade(org=org, counterparty=to, amount_usd_cents=cents, kind="shell", contract_id=org)


def poor(world, org, cents=10**13):
    world.happened(paid(org, "world/contractors", cents))


def let(gpus=1000, lessee=LAB, **terms):
    signed = lease(lessee, gpus=gpus, **terms)
    return signed, handed(signed)


def defaulted(world, org, *, forced=True):
    """Put an org into default by a policy's word; give back what follows on that day."""
    if not forced:
        return world.after(insolvency.defaults(world.state, world.day))
    world.happened(ParameterSet(parameter=insolvency.forced_by(org), value=float(START)))
    return world.after(insolvency.forced(world.state, world.day))


def of(kind, happened):
    return [event for event in happened if isinstance(event, kind)]


def cash(world, org):
    return world.state.finance.ledger.accounts.get(org, 0)


def wait(world, weeks):
    world.close_weeks(weeks)
    world.day = START + 7 * (world.state.run.week + 2) - 1
    return world.day


# --- default


def test_an_org_far_below_zero_defaults_and_its_dearest_leases_go_back():
    world = given()
    world.happened(
        *let(1_000, price_usd_per_gpu_hour=2.0), *let(1_000, lease_id="lab/lease/2", price_usd_per_gpu_hour=30.0)
    )
    poor(world, LAB)
    lacks = -cash(world, LAB)
    happened = defaulted(world, LAB, forced=False)
    (default,) = of(money.OrgDefaulted, happened)
    assert (default.org, default.amount_usd_cents, default.reason) == (LAB, lacks, "cash")
    assert "lab/lease/2" in {event.lease_id for event in of(LeaseEnded, happened)}
    assert cash(world, LAB) == 0  # creditors carry the rest, and claim it
    assert {(c.counterparty, c.amount_usd_cents) for c in of(events.ClaimFiled, happened)} >= {
        ("world/creditors", lacks)
    }
    assert world.after(insolvency.defaults(world.state, START + 28)) == []  # not twice
    invariants(world.state)


def test_who_has_cash_or_owes_little_does_not_default():
    world = given()
    assert world.after(insolvency.defaults(world.state, START)) == []
    world = given()
    world.happened(*let(1_000))
    assert world.after(insolvency.defaults(world.state, START)) == []


def test_two_defaults_of_one_day_end_a_lease_once():
    world = given()
    parent, passed = let(1_000, RESELLER, price_usd_per_gpu_hour=30.0)
    child = lease(LAB, RESELLER, 800, parent_lease_id=parent.lease_id, depth=2, price_usd_per_gpu_hour=30.0)
    world.happened(parent, passed, child, handed(child))
    poor(world, RESELLER)
    poor(world, LAB)
    ended = of(LeaseEnded, defaulted(world, LAB, forced=False))
    assert sorted(f.lease_id for f in ended) == ["lab/lease/1", "reseller/lease/1"]
    assert world.state.leases.leases == {}
    invariants(world.state)


def test_subtenants_of_a_lease_that_is_rejected_claim_what_they_lose_and_get_no_deposit_ahead_of_others():
    world = given()
    parent, passed = let(1_000, RESELLER, price_usd_per_gpu_hour=30.0)
    child = lease(LAB, RESELLER, 800, parent_lease_id=parent.lease_id, depth=2, price_usd_per_gpu_hour=0.5,
                  prepaid_share=0.1)  # fmt: skip
    left = money.PaymentMade(
        org=LAB, counterparty=RESELLER, amount_usd_cents=700, kind="deposit", contract_id=child.lease_id
    )
    world.happened(parent, passed, child, handed(child), left)
    known = world.state.leases.leases[child.lease_id]
    market, hours = worth.market_rent(world.state, known, START), 24 * YEAR
    happened = defaulted(world, RESELLER)
    assert [e.lease_id for e in of(LeaseEnded, happened)] == [child.lease_id, parent.lease_id]
    assert of(events.LeaseAssumed, happened) == []
    assert [e.kind for e in of(money.PaymentMade, happened)] == []
    claims = {c.counterparty: (c.rank, c.amount_usd_cents) for c in of(events.ClaimFiled, happened)}
    assert set(claims) == {CLOUD, LAB}
    lost = round((market - 0.5) * 800 * hours * 100) + 700 + round(0.1 * 0.5 * 800 * hours * 100)
    assert claims[LAB] == ("unsecured", lost)
    invariants(world.state)


def test_a_lessor_that_was_paid_ahead_claims_so_much_less():
    def damages(**terms):
        signed = lease(end_day=START + 900, **terms)
        world = given().happened(signed, handed(signed))
        return solvency.lease_damages(world.state, LAB, world.state.leases.leases[signed.lease_id], START)

    ahead = round(0.01 * 2.5 * 1_000 * 24 * 900 * 100)
    assert damages() - damages(prepaid_share=0.01) == ahead
    assert damages(prepaid_share=1.0) == 0


def test_what_an_estate_goes_on_with_returns_its_deposit_at_its_end():
    world = given()
    signed, passed = let(1_000)
    left = money.PaymentMade(
        org=LAB, counterparty=CLOUD, amount_usd_cents=700, kind="deposit", contract_id=signed.lease_id
    )
    world.happened(signed, passed, left)
    assert [e.lease_id for e in of(events.LeaseAssumed, defaulted(world, CLOUD))] == [signed.lease_id]
    (back,) = of(money.PaymentMade, world.after(leases.terms_over(world.state, START + YEAR)))
    assert (back.kind, back.org, back.amount_usd_cents) == ("deposit back", CLOUD, 700)


def test_a_lease_within_the_family_outlives_a_default():
    world = given()
    world.happened(*let(1_000, kind="internal"))
    poor(world, LAB)
    assert of(LeaseEnded, defaulted(world, LAB, forced=False)) == []


def test_an_org_in_default_neither_buys_nor_is_asked():
    world = given()
    world.happened(
        OrderPlaced(order_id="cloud/order/1", org=CLOUD, supplier=SUPPLIER, chip="H100", gpus=80, price_usd_per_gpu=1.0)
    )
    assert [event.reason for event in of(OrderCancelled, defaulted(world, CLOUD))] == ["default"]
    (refused,) = world.when(PlaceOrder(actor=CLOUD, because=CLOUD, chip="H100", gpus=80))
    assert refused == events.TradeRefused(org=CLOUD, kind="PlaceOrder", reason="in default")
    (asked,) = world.when(
        RequestLease(
            actor=LAB, because=LAB, lessor=CLOUD, h100e=100.0, due_day=START + 90, duration_days=365,
            price_usd_per_h100e_hour=3.0, kind="frontier",
        )
    )  # fmt: skip
    assert asked.reason == "in default"


def test_a_policy_forces_a_default_once():
    world = given()
    assert [e.reason for e in of(money.OrgDefaulted, defaulted(world, CLOUD))] == ["forced"]
    assert world.after(insolvency.forced(world.state, world.day + 7)) == []


def test_chips_in_a_warehouse_and_on_their_way_are_worth_what_a_buyer_would_pay():
    world = given()
    before = solvency.assets_cents(world.state, CLOUD, START)
    world.state.chips.warehouse[CLOUD] = {"H100": 100}
    stock = solvency.assets_cents(world.state, CLOUD, START) - before
    assert stock == worth.stock_cents(world.state, CLOUD, "H100", 100, START) > 0


def test_a_lessor_that_can_let_its_gpus_for_more_loses_the_weeks_until_then_alone():
    world, signed = given(estates__relet_weeks=10), lease(price_usd_per_gpu_hour=0.1, end_day=START + YEAR)
    world.happened(signed, handed(signed))
    known = world.state.leases.leases[signed.lease_id]
    assert worth.market_rent(world.state, known, START) > 0.1
    rent = solvency.finance.rent_due(known, START - 1)
    damages = solvency.lease_damages(world.state, LAB, known, START)
    assert damages == pytest.approx(0.1 * 70 * 24 * 1_000 * 100 + rent, abs=1)


def test_a_loan_is_secured_by_what_the_gpus_are_worth_and_the_rest_is_not():
    world = given()
    value = solvency.assets_cents(world.state, CLOUD, START)
    world.happened(
        money.LoanGranted(
            deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=value + 7 * MILLION, value=0.1,
            end_day=world.day + 1000,
        )
    )  # fmt: skip
    claims = {c.rank: c.amount_usd_cents for c in of(events.ClaimFiled, defaulted(world, CLOUD))}
    worth = of(events.EstateOpened, []) or world.state.finance.estates[CLOUD]
    assert worth.plan == "liquidation"
    assert sum(claims.values()) == value + 7 * MILLION
    assert claims["secured"] <= value


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_principal_falls_to_nothing_over_the_years_of_a_loan(rate):
    loan = Loan("d", CLOUD, FUND, 1000 * MILLION, rate, START, START + 1000)
    left = [credit.outstanding(loan, START + days) for days in (0, 250, 500, 750, 1000, 2000)]
    assert left[0] == 1000 * MILLION
    assert left == sorted(left, reverse=True)
    assert left[4:] == [0, 0]


# --- what is sold


def sold(world, org=CLOUD, buyer=RESELLER, cents=50_000 * MILLION):
    """Default, notice and sale of all that an org has; give back the events of the sale."""
    defaulted(world, org)
    offered = of(events.LotOffered, world.after(estates.offer(world.state, world.day)))
    world.happened(paid("world/savers", buyer, 10 * cents))
    day = wait(world, 10)
    for lot in offered:
        world.when(BidForLot(actor=buyer, because=lot.lot_id, lot_id=lot.lot_id, amount_usd_cents=cents))
    return world.after(estates.sell(world.state, day))


def test_a_site_passes_to_its_buyer_with_its_gpus_and_its_leases():
    world = given()
    world.happened(*let(1_000))
    owned = sum(h.owned for h in world.state.chips.holdings.values())
    happened = sold(world)
    assert of(events.LotSold, happened)
    assert [e.counterparty for e in of(events.LeaseAssigned, happened)] == [RESELLER]
    assert world.state.sites.sites[SITE].owner == RESELLER
    assert world.state.leases.leases["lab/lease/1"].lessor == RESELLER
    assert sum(h.owned for h in world.state.chips.holdings.values() if h.org == CLOUD) == 0
    assert sum(h.owned for h in world.state.chips.holdings.values()) == owned
    invariants(world.state)


def test_a_buyer_that_lets_nothing_leaves_the_lessee_with_a_claim():
    world = given()
    world.happened(*let(1_000, RESELLER, price_usd_per_gpu_hour=0.9 * world.state.leases.price_usd_per_h100e_hour))
    happened = sold(world, buyer=RIVAL)
    assert [e.counterparty for e in of(events.LeaseRejected, happened)] == [RESELLER]
    assert [e.reason for e in of(LeaseEnded, happened)] == ["rejected"]
    (claim,) = of(events.ClaimFiled, happened)
    assert (claim.counterparty, claim.rank) == (RESELLER, "unsecured")
    assert of(events.LeaseAssigned, happened) == []
    invariants(world.state)


def test_who_rents_there_and_buys_pays_itself_no_rent():
    world = given()
    world.happened(*let(1_000, RESELLER))
    world.state.leases.leases["reseller/lease/1"].deposit_cents = 700
    happened = sold(world)
    assert [e.reason for e in of(LeaseEnded, happened)] == ["merged"]
    assert [(c.counterparty, c.amount_usd_cents) for c in of(events.ClaimFiled, happened)] == [(RESELLER, 700)]
    invariants(world.state)


def test_two_lots_of_a_chip_give_no_more_than_the_warehouse_holds():
    world = given()
    world.state.chips.warehouse[CLOUD] = {"H100": 100}
    defaulted(world, CLOUD)
    offered = [e for e in world.after(estates.offer(world.state, world.day)) if e.kind == "chips"]
    assert [(e.chip, e.gpus) for e in offered] == [("H100", 100)]
    world.happened(replace(offered[0], lot_id="cloud/lot/9"))
    day = wait(world, 10)
    world.happened(paid("world/savers", RESELLER, 10**14))
    for lot in (offered[0].lot_id, "cloud/lot/9"):
        world.when(BidForLot(actor=RESELLER, because=CLOUD, lot_id=lot, amount_usd_cents=10**12))
    happened = world.after(estates.sell(world.state, day))
    assert sum(e.gpus for e in of(events.StockTransferred, happened)) == 100
    invariants(world.state)
    (waits,) = allocation.install(world.state, day)
    assert waits.cause == offered[0].lot_id, "what brought the buyer its chips"


def test_a_bid_beyond_cash_for_nothing_or_too_early_is_refused():
    world = given()
    defaulted(world, CLOUD)
    (lot, *_) = of(events.LotOffered, world.after(estates.offer(world.state, world.day)))

    def bid(name=lot.lot_id, cents=MILLION, actor=RESELLER):
        (answer,) = world.when(BidForLot(actor=actor, because=CLOUD, lot_id=name, amount_usd_cents=cents))
        return answer

    assert bid().reason == "not yet open"
    wait(world, 10)
    world.happened(paid("world/savers", RESELLER, 2 * MILLION))
    assert isinstance(bid(), events.BidPlaced)
    assert bid("nobody/lot/1").reason == "no such lot"
    assert bid(cents=0).reason == "nothing bid"
    assert bid(cents=10**16).reason == "cash"


def test_the_highest_bid_wins_and_one_below_the_reserve_does_not():
    world = given()
    defaulted(world, CLOUD)
    (lot, *_) = of(events.LotOffered, world.after(estates.offer(world.state, world.day)))
    day = wait(world, 6)
    for actor in (RESELLER, RIVAL):
        world.happened(paid("world/savers", actor, 10**14))
    held = world.state.finance.estates[CLOUD].lots[lot.lot_id]
    least = estates.reserve_cents(world.state, held, day)
    assert least > 1
    world.when(BidForLot(actor=RESELLER, because=CLOUD, lot_id=lot.lot_id, amount_usd_cents=least - 1))
    assert of(events.LotSold, world.after(estates.sell(world.state, day))) == []
    world.when(BidForLot(actor=RESELLER, because=CLOUD, lot_id=lot.lot_id, amount_usd_cents=least + 1))
    world.when(BidForLot(actor=RIVAL, because=CLOUD, lot_id=lot.lot_id, amount_usd_cents=least + 2))
    assert [e.counterparty for e in of(events.LotSold, world.after(estates.sell(world.state, day)))] == [RIVAL]


def test_who_can_pay_for_one_lot_gets_the_dearer_of_two():
    world = given()
    world.state.chips.warehouse[CLOUD] = {"H100": 100}
    defaulted(world, CLOUD)
    lots = of(events.LotOffered, world.after(estates.offer(world.state, world.day)))
    day, offered = wait(world, 52), world.state.finance.estates[CLOUD].lots
    world.happened(paid("world/savers", RIVAL, 3 * MILLION - cash(world, RIVAL)))
    first, second, *_ = sorted(lots, key=lambda lot: (-offered[lot.lot_id].value_cents, lot.lot_id))
    for lot in (first, second):
        world.when(BidForLot(actor=RIVAL, because=CLOUD, lot_id=lot.lot_id, amount_usd_cents=2 * MILLION))
    sold = of(events.LotSold, world.after(estates.sell(world.state, day)))
    assert [lot.lot_id for lot in sold] == [first.lot_id]


def test_a_bid_stands_for_its_week_alone():
    world = given()
    defaulted(world, CLOUD)
    (lot, *_) = of(events.LotOffered, world.after(estates.offer(world.state, world.day)))
    wait(world, 6)
    world.happened(paid("world/savers", RESELLER, 10**14))
    world.when(BidForLot(actor=RESELLER, because=CLOUD, lot_id=lot.lot_id, amount_usd_cents=1))
    day = wait(world, 52)
    assert of(events.LotSold, world.after(estates.sell(world.state, day))) == []


def test_the_reserve_falls_to_nothing():
    world = given()
    defaulted(world, CLOUD)
    world.after(estates.offer(world.state, world.day))
    lot = next(iter(world.state.finance.estates[CLOUD].lots.values()))
    asked = [estates.reserve_cents(world.state, lot, lot.day + 7 * weeks) for weeks in range(60)]
    assert asked == sorted(asked, reverse=True)
    assert asked[-1] == 1


# --- who recovers what


claims = st.lists(
    st.builds(
        Claim, st.uuids().map(str), st.just(FUND), st.sampled_from(settlement.RANKS), st.integers(0, 10**13),
        st.just("x"),
    ),
    max_size=8,
)  # fmt: skip


@drawn(claims, st.integers(0, 10**14))
def test_recoveries_sum_to_the_estate_and_no_rank_is_paid_before_a_senior_one_is_whole(owed, cents):
    given_ = settlement.waterfall(owed, cents)
    assert sum(given_.values()) == min(cents, sum(claim.cents for claim in owed))
    assert all(0 <= given_[claim.claim_id] <= claim.cents for claim in owed)
    short = False
    for rank in settlement.RANKS:
        equal = [claim for claim in owed if claim.rank == rank]
        assert not short or not any(given_[claim.claim_id] for claim in equal)
        short = short or any(given_[claim.claim_id] < claim.cents for claim in equal)


@drawn(claims, st.integers(0, 10**14), st.integers(0, 10**14), st.booleans())
def test_what_claims_are_settled_in_sums_to_what_they_recover(owed, value, cash_, is_over):
    found = settlement.settled(owed, value, value if is_over else min(cash_, value), is_over)
    assert sum(one.cents for one in found) == min(value, sum(claim.cents for claim in owed))
    assert all(cents >= 0 for one in found for cents in one.parts.values())
    if is_over:
        assert all(one.parts["cash"] == one.cents for one in found)


def closed(world, org=CLOUD):
    day = world.state.finance.estates[org].due_day
    while world.day < day:
        wait(world, 1)
    return world.after(settlement.close(world.state, world.day))


def test_a_lender_loses_what_the_estate_does_not_bring_and_the_loan_is_gone():
    world = given()
    world.happened(
        money.LoanGranted(
            deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=10**15, value=0.1,
            end_day=world.day + 1000,
        )
    )  # fmt: skip
    sold(world, cents=10 * MILLION)
    happened = closed(world)
    (lost,) = of(events.LoanWrittenOff, happened)
    (end,) = of(events.EstateClosed, happened)
    assert sum(e.amount_usd_cents for e in of(events.ClaimSettled, happened)) == end.amount_usd_cents
    assert 0 < lost.amount_usd_cents < 10**15
    assert CLOUD not in world.state.finance.estates
    invariants(world.state)


def test_what_nobody_bids_for_goes_on_unsold_with_the_lenders_first():
    world = given()
    world.happened(
        money.LoanGranted(
            deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=10**15, value=0.1,
            end_day=world.day + 1000,
        )
    )  # fmt: skip
    world.happened(paid(CLOUD, "world/contractors", cash(world, CLOUD)))
    defaulted(world, CLOUD)
    happened = closed(world)
    assert [e.kind for e in of(events.EstateClosed, happened)] == ["unsold"]
    (again,) = of(events.LoanRestructured, happened)
    assert world.state.finance.loans["cloud/deal/1"].amount_cents == again.amount_usd_cents < 10**15
    assert CLOUD in world.state.run.orgs
    assert world.when(PlaceOrder(actor=CLOUD, because=CLOUD, chip="H100", gpus=8))[0].org == CLOUD


def test_an_org_of_which_nothing_is_left_leaves_the_market():
    world = given()
    defaulted(world, RIVAL)
    happened = closed(world, RIVAL)
    assert [e.kind for e in of(events.EstateClosed, happened)] == ["liquidated"]
    assert of(events.OrgExited, happened) == [events.OrgExited(org=RIVAL, reason="liquidated")]
    assert RIVAL not in world.state.run.orgs
    assert cash(world, RIVAL) == 0
    assert finance.monthly(world.state, world.day) is not None
    invariants(world.state)


def test_customers_of_two_labs_that_leave_on_one_day_go_to_those_who_stay():
    world = given(estates__notice_weeks=1)
    for org, share in ((LAB, 0.5), (RIVAL, 0.3), ("third", 0.2)):
        for segment in world.state.demand.segments:
            world.happened(ShareMeasured(org=org, segment=segment, share=share))
    world.state.sites.sites.pop(FIELD)
    world.state.chips.holdings.pop(Place(LAB, "H100", FIELD))
    world.state.index.holdings.pop(LAB)
    for org in (LAB, RIVAL):
        name = f"{org}/estate/1"
        world.happened(
            events.EstateOpened(estate_id=name, org=org, kind="liquidation", amount_usd_cents=0, due_day=START + 400)
        )
    happened = world.after(settlement.close(world.state, wait(world, 3)))
    assert [event.org for event in of(events.OrgExited, happened)] == [LAB, RIVAL]
    assert [segment.shares for segment in world.state.demand.segments.values()] == [{"third": 1.0}] * 3


def test_an_org_whose_gpus_cost_more_to_run_than_they_earn_is_sold():
    def plan(running_usd):
        world = given(price__running_usd_per_h100e_hour=running_usd)
        world.happened(*let(8_000, price_usd_per_gpu_hour=2.0))
        opened = of(
            events.EstateOpened, defaulted(world, CLOUD)
        )  # forced: of those without cash alone is the plan chosen
        assert opened
        return insolvency._Opening(world.state, CLOUD, world.day, set()).plan()

    assert (plan(0.1), plan(3.0)) == ("restructuring", "liquidation")


def test_who_is_owed_something_stays_until_it_is_paid():
    world = given(estates__notice_weeks=1)
    for org, plan, due in ((CLOUD, "restructuring", 400), (RESELLER, "liquidation", 200)):
        world.happened(
            events.EstateOpened(
                estate_id=f"{org}/estate/1", org=org, kind=plan, amount_usd_cents=0, due_day=START + due
            )
        )
    claim = {"org": CLOUD, "rank": "unsecured", "amount_usd_cents": 700, "contract_id": "x"}
    world.happened(events.ClaimFiled(claim_id="c/1", estate_id=f"{CLOUD}/estate/1", counterparty=RESELLER, **claim))
    day = wait(world, 3)
    assert world.after(settlement.close(world.state, day)) == []
    world.state.finance.estates[CLOUD].due_day = day
    (paid_,) = of(money.PaymentMade, world.after(settlement.close(world.state, day)))
    assert (paid_.org, paid_.counterparty, paid_.kind, paid_.amount_usd_cents) == (CLOUD, RESELLER, "recovery", 700)
    world.close_weeks(1)
    assert of(events.OrgExited, world.after(settlement.close(world.state, day + 7))) == [
        events.OrgExited(org=RESELLER, reason="liquidated")
    ]


def test_of_estates_that_owe_each_other_the_one_that_is_owed_least_ends_first():
    world = given(estates__notice_weeks=1)
    for org, other, cents in ((RIVAL, RESELLER, 300), (RESELLER, RIVAL, 700)):
        name = f"{org}/estate/1"
        claim = events.ClaimFiled(
            claim_id=f"{org}/claim/1", estate_id=name, org=org, counterparty=other, rank="unsecured",
            amount_usd_cents=cents, contract_id="x",
        )  # fmt: skip
        opened = events.EstateOpened(
            estate_id=name, org=org, kind="liquidation", amount_usd_cents=0, due_day=START + 400
        )
        world.happened(opened, claim)
    world.happened(paid("world/savers", RESELLER, 1_000))
    left, lent = [], []
    for _ in range(3):
        happened = world.after(settlement.close(world.state, wait(world, 2)))
        left += [event.org for event in of(events.OrgExited, happened)]
        lent += [(event.org, event.counterparty, event.amount_usd_cents) for event in of(events.ClaimSettled, happened)]
    assert left == [RESELLER, RIVAL]
    assert (RESELLER, RIVAL, 700) in lent
    assert all(org != RIVAL or to != RESELLER for org, to, _ in lent)
    assert cash(world, RIVAL) == cash(world, RESELLER) == 0
    invariants(world.state)


def test_who_lends_stays_until_the_loan_is_repaid():
    world = given(estates__notice_weeks=1)
    world.happened(
        events.EstateOpened(
            estate_id="reseller/estate/1", org=RESELLER, kind="liquidation", amount_usd_cents=0, due_day=START + 200
        )
    )
    world.state.finance.loans["l"] = Loan("l", LAB, RESELLER, 1_000, 0.1, START, START + 900)
    day = wait(world, 3)
    assert world.after(settlement.close(world.state, day)) == []
    del world.state.finance.loans["l"]
    assert of(events.OrgExited, world.after(settlement.close(world.state, day)))


def test_chips_that_wait_are_worth_what_they_would_earn_at_home_where_they_run_at_the_least_cost():
    def worth_of(org, **prices):
        return worth.stock_cents(given(**prices).state, org, "A100", 100, START)

    dear = {"regions__beijing__energy_usd_per_mwh": 2_000.0}
    assert worth_of(CLOUD, **dear) == worth_of(CLOUD)
    assert worth_of(CHINESE, **dear) < worth_of(CHINESE)
