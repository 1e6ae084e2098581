"""Contracts for capacity: what may be offered, schedules, leases drawn under them, prepayment, cancelling, shedding."""

from __future__ import annotations

import pytest
from given import CLOUD, LAB, RIVAL, SITE, START, YEAR, given, handed, invariants, lease

from events.commands.contracts import CancelContract, ShedCapacity, TerminateLease
from events.commands.leases import AcceptQuote, GiveQuote, RequestLease
from events.terms import CLAUSES, LeaseTerms, schedule, terms_of
from events.types import contracts as events
from events.types.finance import PaymentMade
from events.types.leases import LeaseSigned, QuoteGiven, QuoteRefused
from events.types.training import TrainingStarted
from market.rules import clauses as rules
from market.rules import contracts, credit, finance
from market.rules.free import free_gpus
from market.view import MarketView, Shared

FIRST = START + 200


def clauses(**changed):
    values = {
        "chip": "H100", "site": "", "region": "texas", "gpus": 1000, "start_day": FIRST, "end_day": FIRST + 2 * YEAR,
        "price_usd_per_gpu_hour": 2.0, "site_choice": "listed",
    }  # fmt: skip
    return LeaseTerms(**{**values, **changed})


def asked(**parameters):
    world = given(**parameters)
    world.when(
        RequestLease(
            actor=LAB, because=LAB, lessor=CLOUD, h100e=1000.0, due_day=FIRST, duration_days=2 * YEAR,
            price_usd_per_h100e_hour=3.0, kind="frontier", region="texas",
        )
    )  # fmt: skip
    return world


def offer(**changed):
    request = "lab/request/1"
    return GiveQuote(actor=CLOUD, because=request, request_id=request, form="contract", terms=clauses(**changed))


def signed(world=None, **changed):
    world = world or asked()
    (quote,) = world.when(offer(**changed))
    assert isinstance(quote, QuoteGiven), quote
    return world, world.when(AcceptQuote(actor=LAB, because=quote.quote_id, quote_id=quote.quote_id))


def drawn(world, day):
    found = [h.event for h in contracts.draw(world.state, day)]
    world.happened(*found)
    return found


def test_a_contract_whose_term_is_over_ends_and_nothing_more_is_drawn_under_it():
    world, _ = signed(gpus=20_000, rebate_share=0.1)
    last = FIRST + 2 * YEAR
    assert [h.event for h in contracts.settled(world.state, last - 1)] == []
    assert drawn(world, last) == []
    (ended,) = (h.event for h in contracts.settled(world.state, last))
    assert (ended.gpus, ended.reason) == (20_000, "term")
    world.happened(ended)
    assert list(rules.rebates(world.state, last + 7)) == []
    assert credit._rents_usd(world.state, CLOUD, 0) == 0


def test_a_contract_is_signed_with_the_terms_of_its_offer_and_one_event_for_each_tranche():
    world, (contract, *schedule) = signed(tranches=4, ramp_days=90)
    assert isinstance(contract, events.ContractSigned)
    assert terms_of(contract) == clauses(tranches=4, ramp_days=90)
    assert [(t.tranche, t.gpus, t.start_day - FIRST) for t in schedule] == [
        (1, 250, 0),
        (2, 250, 30),
        (3, 250, 60),
        (4, 250, 90),
    ]
    assert {t.end_day - t.start_day for t in schedule} == {2 * YEAR}
    assert world.state.contracts.open["lab/contract/1"].undrawn == 1000
    assert world.state.leases.requests == {}


@pytest.mark.parametrize(("gpus", "tranches"), [(1000, 3), (7, 7), (10, 4)])
def test_tranches_always_add_up(gpus, tranches):
    parts = list(schedule(clauses(gpus=gpus, tranches=tranches, ramp_days=50)))
    assert sum(part for _, part, _ in parts) == gpus
    assert max(p for _, p, _ in parts) - min(p for _, p, _ in parts) <= 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"end_day": FIRST + 90}, "term"),
        ({"end_day": FIRST + 16 * 365}, "term"),
        ({"tranches": 0}, "tranches"),
        ({"site_choice": "fixed"}, "unknown chip or site"),
        ({"region": "atlantis"}, "unknown chip or site"),
        ({"site": "field", "site_choice": "fixed"}, "not the actor's site"),
        ({"prepaid_share": 1.5}, "a share is no share"),
        ({"chip_choice": "whatever"}, "unknown choice"),
        ({"chip": "B9000"}, "unknown chip or site"),
    ],
)
def test_an_offer_that_is_no_contract_is_refused(changed, reason):
    (refused,) = asked().when(offer(**changed))
    assert refused == QuoteRefused(lessor=CLOUD, request_id="lab/request/1", reason=reason)


def test_a_contract_may_be_offered_before_there_is_power_or_a_chip_for_it():
    assert isinstance(asked().when(offer(gpus=500_000, chip="GB200"))[0], QuoteGiven)


@pytest.mark.parametrize(("form", "free"), [("contract", 10_000), ("lease", 9_000)])
def test_an_offer_of_a_lease_holds_gpus_that_stand_free_and_that_of_a_contract_holds_none(form, free):
    world, terms = asked(), clauses(site=SITE, site_choice="fixed")
    (quote,) = world.when(
        GiveQuote(actor=CLOUD, because="lab/request/1", request_id="lab/request/1", form=form, terms=terms)
    )
    assert quote.form == form
    assert free_gpus(world.state, CLOUD, "H100", SITE) == free
    assert MarketView(Shared(world.state), CLOUD).free("H100", SITE) == free


def test_a_tranche_is_drawn_as_a_lease_when_it_is_due_and_gpus_are_free():
    world, _ = signed()
    assert drawn(world, FIRST - 60) == []
    lease_event, taken = drawn(world, FIRST - 7)
    assert isinstance(lease_event, LeaseSigned)
    assert (lease_event.contract_id, lease_event.gpus, lease_event.site) == ("lab/contract/1", 1000, SITE)
    assert (lease_event.start_day, lease_event.end_day) == (FIRST, FIRST + 2 * YEAR)
    assert (taken.gpus, taken.lease_id) == (1000, lease_event.lease_id)
    (ended,) = [h.event for h in contracts.settled(world.state, FIRST)]
    assert (ended.reason, ended.gpus) == ("drawn", 0)


def test_the_lessor_may_deliver_a_better_chip_only_where_the_contract_lets_it():
    for choice, found in (("fixed", 0), ("listed", 1)):
        world, _ = signed(asked(price__serving_share=0.0), chip="A100", chip_choice=choice)
        leases = [e for e in drawn(world, FIRST) if isinstance(e, LeaseSigned) and e.chip == "H100"]
        assert len(leases) == found
        for one in leases:
            assert one.gpus == 320  # 1,000 A100 of 0.32 H100e
            assert one.price_usd_per_gpu_hour == pytest.approx(2.0 / 0.32)


def test_a_tranche_without_gpus_is_late_once_and_says_for_want_of_what():
    world, _ = signed(chip="GB200")
    (late,) = drawn(world, FIRST)
    assert (late.gpus, late.reason) == (1000, "chips")
    assert drawn(world, FIRST + 7) == []


def test_a_prepayment_is_paid_at_signature_and_taken_off_the_rent():
    world, paid = signed(prepaid_share=0.2, gpus=10)
    (prepayment,) = [e for e in paid if isinstance(e, PaymentMade)]
    assert prepayment.amount_usd_cents == round(0.2 * 10 * 2.0 * 24 * 2 * YEAR * 100)
    begun, _ = drawn(world, FIRST)
    world.happened(handed(begun))
    rent = finance.lease_rent(world.state.leases.leases[begun.lease_id])
    assert rent == round(0.8 * 10 * 2.0 * 24 * 28 * 100)


def test_a_lessee_that_cannot_prepay_does_not_sign():
    world, (refused,) = signed(prepaid_share=1.0, gpus=900_000)
    assert refused.reason == "finance"
    assert world.state.contracts.open == {}


def test_what_is_not_drawn_can_be_cancelled_for_a_fee_by_the_lessee_alone():
    world, _ = signed(take_or_pay_share=0.5)
    (refused,) = world.when(CancelContract(actor=RIVAL, because=RIVAL, contract_id="lab/contract/1"))
    assert refused.reason == "not the actor's contract"
    fee, ended = world.when(CancelContract(actor=LAB, because=LAB, contract_id="lab/contract/1"))
    assert fee.amount_usd_cents == round(0.5 * 1000 * 2.0 * 24 * 365 * 100)
    assert (ended.gpus, ended.reason) == (1000, "cancelled")
    assert world.state.contracts.open == {}


def test_gpus_that_are_shed_go_back_and_the_take_or_pay_share_is_paid_on():
    world, one = given(), lease(LAB, gpus=1000, take_or_pay_share=0.6)
    world.happened(one, handed(one))
    full = finance.lease_rent(world.state.leases.leases[one.lease_id])
    world.when(ShedCapacity(actor=LAB, because=LAB, lease_id=one.lease_id, gpus=500))
    left = world.state.leases.leases[one.lease_id]
    assert (left.gpus, left.delivered, left.shed) == (500, 500, 500)
    assert finance.lease_rent(left) == pytest.approx(full * 0.8, abs=2)


def test_gpus_that_train_cannot_be_shed():
    world, one = given(), lease(LAB, gpus=1000)
    world.happened(one, handed(one))
    world.happened(
        TrainingStarted(
            run_id="lab/run/1", org=LAB, model="m", site=SITE, chip="H100", gpus=1000, flop=1e24, params=1e11,
            tokens=1e13, experts=0, effective_flop=1e25, mfu=0.4, goodput=0.9, plan="",
            start_day=START, due_day=START + 90,
        )
    )  # fmt: skip
    (refused,) = world.when(ShedCapacity(actor=LAB, because=LAB, lease_id=one.lease_id, gpus=1))
    assert refused.reason == "in use"


def test_a_clause_stands_in_one_place_and_every_paper_has_it():
    for kind in (QuoteGiven, LeaseSigned, events.ContractSigned):
        assert kind.__struct_fields__[: len(CLAUSES)] == CLAUSES


# --- ending a lease before its time


def ending(exit_share=0.25, gpus=1_000, given_gpus=None, usd=10**9, **terms):
    world = given()
    signed = lease(gpus=gpus, exit_share=exit_share, **terms)
    world.happened(
        signed, handed(signed, gpus if given_gpus is None else given_gpus),
        PaymentMade(org="world/savers", counterparty=LAB, amount_usd_cents=100 * usd, kind="opening", contract_id=LAB),
    )  # fmt: skip
    return world, signed


def terminate(actor=LAB, lease_id="lab/lease/1"):
    return TerminateLease(actor=actor, because=LAB, lease_id=lease_id)


def test_a_lease_is_ended_before_its_time_for_the_part_of_its_rent_that_was_agreed():
    world, signed = ending()
    paid, ended = world.when(terminate())
    assert paid.amount_usd_cents == round(0.25 * signed.worth_usd * 100)
    assert (paid.kind, ended.reason, ended.gpus) == ("termination fee", "terminated", 1_000)
    assert world.state.leases.leases == {}
    invariants(world.state)


def test_a_lessee_walks_away_for_nothing_from_a_lease_that_is_not_whole_in_time():
    world, _ = ending(walk_days=30, given_gpus=10)
    assert len(world.when(terminate())) == 2  # too soon: it pays
    world, _ = ending(walk_days=30, given_gpus=10)
    world.day = START + 30
    (ended,) = world.when(terminate())
    assert ended.reason == "walked away"


@pytest.mark.parametrize(("usd", "actor", "reason"), [(0, RIVAL, "not the actor's GPUs"), (10**9, LAB, "in use")])
def test_a_lease_of_another_or_one_that_is_passed_on_is_not_ended(usd, actor, reason):
    world, signed = ending()
    world.happened(lease(RIVAL, LAB, 100, lease_id="rival/lease/1", parent_lease_id=signed.lease_id, depth=2))
    assert world.when(terminate(actor))[0].reason == reason


def test_a_fee_beyond_cash_ends_nothing():
    world, signed = ending(exit_share=1.0)
    world.happened(
        PaymentMade(
            org=LAB, counterparty="world/staff", kind="staff", contract_id=LAB,
            amount_usd_cents=world.state.finance.ledger.accounts[LAB],
        )
    )  # fmt: skip
    assert world.when(terminate())[0].reason == "cash"
    assert signed.lease_id in world.state.leases.leases


def test_what_was_prepaid_of_a_tranche_that_is_not_drawn_goes_back_each_week():
    world, (contract, *_) = signed(tranches=2, ramp_days=70, prepaid_share=0.1)
    assert list(rules.prepaid_back(world.state, FIRST - 7)) == []
    for day, days in ((FIRST - 3, 4), (FIRST, 7), (FIRST + 7, 7)):
        (paid,) = [h.event for h in rules.prepaid_back(world.state, day)]
        assert (paid.org, paid.counterparty, paid.kind) == (CLOUD, LAB, "tranche back")
        rent = contract.gpus / 2 * contract.price_usd_per_gpu_hour * 24 * days
        assert paid.amount_usd_cents == round(0.1 * rent * 100)


def test_a_tranche_that_is_a_week_late_earns_its_lessee_a_rebate_each_week():
    world, (contract, *_) = signed(tranches=2, ramp_days=70, rebate_share=0.2)
    assert list(rules.rebates(world.state, FIRST + 6)) == []
    for week in (1, 2):
        (paid,) = [h.event for h in rules.rebates(world.state, FIRST + 7 * week)]
        assert (paid.org, paid.counterparty, paid.kind) == (CLOUD, LAB, "tranche rebate")
        rent = contract.gpus / 2 * contract.price_usd_per_gpu_hour * 24 * 7
        assert paid.amount_usd_cents == round(0.2 * rent * 100)
