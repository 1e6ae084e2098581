"""What a lease allows: renewal, expansion, price steps, deposit, rebate, assignment, sublease, cross default."""

from __future__ import annotations

import pytest
from given import CLOUD, LAB, RESELLER, RIVAL, START, YEAR, given, handed, invariants, lease

from events.commands.clauses import AssignLease, ExerciseOption, GiveConsent, TakeAssignment
from events.commands.contracts import TerminateLease
from events.commands.leases import AcceptQuote, GiveQuote, RequestLease
from events.terms import LeaseTerms
from events.types import clauses as events
from events.types.estates import EstateOpened, LeaseAssigned
from events.types.finance import PaymentMade
from events.types.leases import LeaseEnded, LeaseSigned, QuoteRefused
from market.rules import clauses, handover, index, leases, solvency, work
from market.rules.finance import rent_due

NAME = "lab/lease/1"


def leased(gpus=1_000, given_gpus=None, **terms):
    """A world in which the lab rents from the cloud."""
    world, signed = given(), lease(gpus=gpus, **terms)
    return world.happened(signed, handed(signed, gpus if given_gpus is None else given_gpus))


def the(world, name=NAME):
    return world.state.leases.leases[name]


def take(kind, gpus=0, actor=LAB):
    return ExerciseOption(actor=actor, because=LAB, lease_id=NAME, kind=kind, gpus=gpus)


def reason(world, command):
    (refused,) = world.when(command)
    return refused.reason


def cents(gpus, days, price=2.5):
    return round(gpus * days * 24 * price * 100)


# --- options


@pytest.mark.parametrize(("rule", "price", "each"), [("fixed", 2.5, None), ("index", 2.6, 0.8)])
def test_a_lease_that_is_renewed_goes_on_at_its_price_or_at_the_index_of_its_last_day(rule, price, each):
    world = leased(renew_days=100, renew_price=rule, take_or_pay_share=0.5)
    world.state.leases.price_usd_per_h100e_hour, world.state.leases.work_per_h100e = 3.25, 1.25
    (taken,) = world.when(take("renew"))
    assert (taken.start_day, taken.end_day, taken.gpus) == (START + YEAR, START + YEAR + 100, 1_000)
    world.day = START + YEAR
    (renewed,) = world.after(leases.terms_over(world.state, world.day))
    assert renewed == events.LeaseRenewed(
        lease_id=NAME, lessor=CLOUD, lessee=LAB, end_day=START + YEAR + 100, price_usd_per_gpu_hour=price,
        amount_usd_cents=cents(1_000, YEAR), work_h100e=each,
    )  # fmt: skip
    assert (the(world).delivered, the(world).price_usd_per_gpu_hour) == (1_000, price)
    assert reason(world, take("renew")) == "no such option"
    (ended,) = world.after(leases.terms_over(world.state, START + YEAR + 100))
    assert isinstance(ended, LeaseEnded)
    invariants(world.state)


@pytest.mark.parametrize("chip", ["H100", "GB200"])
def test_a_renewal_at_the_index_costs_what_the_tail_pays_by_contract_for_the_work_of_the_chip(chip):
    world = given(tail__contract_share=1.0).happened(lease(chip=chip, renew_days=100, renew_price="index"))
    each = work.in_h100e(world.state, world.day)[chip]
    renewed = clauses.renewal(world.state, the(world), world.day).event
    assert renewed.price_usd_per_gpu_hour == pytest.approx(index.tail_price(world.state, CLOUD) * each)
    assert renewed.work_h100e == pytest.approx(each)


def test_of_the_rent_of_a_term_that_is_renewed_nothing_was_prepaid():
    world = leased(renew_days=100, prepaid_share=0.15)
    world.when(take("renew"))
    world.day = START + YEAR
    (renewed,) = world.after(leases.terms_over(world.state, world.day))
    assert renewed.amount_usd_cents == round(0.85 * cents(1_000, YEAR))
    the(world).due_cents = 0
    assert rent_due(the(world), START + YEAR + 9) == cents(1_000, 10)


def test_a_lease_without_the_option_ends_when_it_is_over():
    world = leased()
    assert reason(world, take("renew")) == "no such option"
    assert reason(world, take("renew", actor=RIVAL)) == "not the actor's lease"
    assert [e.reason for e in world.after(leases.terms_over(world.state, START + YEAR))] == ["term"]


def test_no_sublease_is_renewed_beyond_the_lease_above_it():
    world = leased()
    below = lease(RIVAL, LAB, 100, lease_id="rival/lease/1", parent_lease_id=NAME, depth=2, renew_days=1)
    world.happened(below)
    renew = ExerciseOption(actor=RIVAL, because=RIVAL, lease_id="rival/lease/1", kind="renew")
    assert reason(world, renew) == "outside the parent's term"


def test_a_lease_is_expanded_within_its_clause_and_what_the_lessor_has_free():
    world = leased(expand_gpus=20_000, expand_days=30)
    assert reason(world, take("expand", 20_001)) == "no such option"
    assert reason(world, take("expand", 9_001)) == "capacity"
    world.when(take("expand", 4_000))
    assert (the(world).gpus, the(world).owed, the(world).expand_gpus) == (5_000, 4_000, 16_000)
    world.after(handover.hand_over(world.state, START))
    assert the(world).delivered == 5_000
    world.day = START + 31
    assert reason(world, take("expand", 1)) == "too late"
    invariants(world.state)


def test_gpus_that_are_taken_beside_are_prepaid_as_the_first_ones_were():
    world = leased(expand_gpus=100, expand_days=30, prepaid_share=0.2, contract_id="lab/contract/1")
    _, prepaid = world.when(take("expand", 100))
    assert (prepaid.kind, prepaid.contract_id) == ("prepayment", "lab/contract/1")
    assert prepaid.amount_usd_cents == round(0.2 * cents(100, YEAR))
    poor = leased(expand_gpus=100, expand_days=30, prepaid_share=0.2, contract_id="lab/contract/1")
    poor.state.finance.ledger.accounts[LAB] = prepaid.amount_usd_cents - 1
    assert reason(poor, take("expand", 100)) == "cash"


# --- money


def test_rent_rises_by_its_step_once_a_year_and_days_before_are_paid_at_the_price_before():
    world = leased(step_share=0.1, end_day=START + 3 * YEAR)
    assert list(clauses.steps(world.state, START + 364)) == []
    (stepped,) = world.after(clauses.steps(world.state, START + 365))
    assert stepped.price_usd_per_gpu_hour == pytest.approx(2.75)
    assert stepped.amount_usd_cents == the(world).due_cents == cents(1_000, 365)
    the(world).since_day = START + 365
    assert rent_due(the(world), START + 365 + 9) == cents(1_000, 365) + cents(1_000, 10, 2.75)
    assert list(clauses.steps(world.state, START + 372)) == []


def quoted(**terms):
    world = given()
    world.when(
        RequestLease(
            actor=LAB, because=LAB, lessor=CLOUD, h100e=1000.0, due_day=START, duration_days=YEAR,
            price_usd_per_h100e_hour=3.0, kind="serving",
        )
    )  # fmt: skip
    values = {
        "chip": "H100", "site": "hall", "gpus": 100, "start_day": START, "end_day": START + YEAR,
        "price_usd_per_gpu_hour": 2.5,
    }  # fmt: skip
    request = "lab/request/1"
    (quote,) = world.when(
        GiveQuote(actor=CLOUD, because=request, request_id=request, terms=LeaseTerms(**{**values, **terms}))
    )
    return world, quote


def test_a_deposit_is_left_at_signature_and_comes_back_at_the_end():
    world, quote = quoted(deposit_days=60)
    signed, paid = world.when(AcceptQuote(actor=LAB, because=quote.quote_id, quote_id=quote.quote_id))
    assert isinstance(signed, LeaseSigned)
    assert (paid.kind, paid.org, paid.amount_usd_cents) == ("deposit", LAB, cents(100, 60))
    back, ended = world.after(leases.terms_over(world.state, START + YEAR))
    assert (back.kind, back.counterparty, back.amount_usd_cents) == ("deposit back", LAB, cents(100, 60))
    assert ended.reason == "term"


@pytest.mark.parametrize(("terms", "given_gpus", "is_back"), [({}, 1_000, False), ({"walk_days": 30}, 10, True)])
def test_a_deposit_is_kept_by_the_lessor_unless_it_is_to_blame_for_the_end(terms, given_gpus, is_back):
    world = leased(given_gpus=given_gpus, deposit_days=60, exit_share=0.0, **terms)
    world.happened(clauses.paid(LAB, CLOUD, 1000, "deposit", NAME))
    world.day = START + 30
    paid = [e.kind for e in world.when(TerminateLease(actor=LAB, because=LAB, lease_id=NAME)) if type(e) is PaymentMade]
    assert paid == ["deposit back"] * is_back


def test_a_lessee_without_the_deposit_does_not_sign():
    world, quote = quoted(deposit_days=60)
    rest = world.state.finance.ledger.accounts[LAB]
    world.happened(clauses.paid(LAB, "world/staff", rest, "staff", LAB))
    assert reason(world, AcceptQuote(actor=LAB, because=quote.quote_id, quote_id=quote.quote_id)) == "finance"


@pytest.mark.parametrize(("deposit_days", "may"), [(0, True), (1, False)])
def test_who_is_overdrawn_signs_and_expands_where_nothing_is_to_be_paid(deposit_days, may):
    world, quote = quoted(deposit_days=deposit_days)
    overdrawn = clauses.paid(LAB, "world/staff", world.state.finance.ledger.accounts[LAB] + 1, "staff", LAB)
    world.happened(overdrawn)
    answer = world.when(AcceptQuote(actor=LAB, because=quote.quote_id, quote_id=quote.quote_id))[0]
    assert isinstance(answer, LeaseSigned) == may
    world = leased(deposit_days=deposit_days, expand_gpus=10, expand_days=9).happened(overdrawn)
    assert isinstance(world.when(take("expand", 5))[0], events.OptionExercised) == may


def test_who_is_overdrawn_walks_away_from_a_late_lease():
    world = leased(given_gpus=10, walk_days=30)
    world.happened(clauses.paid(LAB, "world/staff", world.state.finance.ledger.accounts[LAB] + 1, "staff", LAB))
    world.day = START + 30
    (ended,) = world.when(TerminateLease(actor=LAB, because=LAB, lease_id=NAME))
    assert ended.reason == "walked away"


def test_a_deposit_makes_the_lessors_claim_on_an_estate_smaller_and_the_lessees_larger():
    damages = []
    for held in (0, 10_000):
        world = leased()
        the(world).deposit_cents = held
        damages.append([solvency.lease_damages(world.state, org, the(world), START) for org in (LAB, CLOUD)])
    assert [after - before for before, after in zip(*damages, strict=True)] == [-10_000, 10_000]


def test_who_is_a_week_late_pays_a_part_of_the_rent_of_what_is_missing_each_week():
    world = leased(given_gpus=400, rebate_share=0.2)
    assert list(clauses.rebates(world.state, START + 6)) == []
    for week in (1, 2):
        (paid,) = world.after(clauses.rebates(world.state, START + 7 * week))
        assert (paid.org, paid.counterparty, paid.kind) == (CLOUD, LAB, "late rebate")
        assert paid.amount_usd_cents == round(0.2 * cents(600, 7))
    assert list(clauses.rebates(leased(rebate_share=0.2).state, START + 7)) == []


@pytest.mark.parametrize(("first", "week", "last"), [(0, 0, 70), (10, 3, 75), (14, 5, 80), (3, 99, 60)])
def test_what_was_prepaid_for_days_that_are_not_served_goes_back(first, week, last):
    signed = lease(start_day=START + first, end_day=START + last, prepaid_share=0.25)
    world = given().happened(signed)
    one, back, served = the(world), 0, 0
    for day in range(START, START + 84, 7):
        if day >= max(one.start_day, START + 7 * week):
            one.delivered = one.gpus
        days = max(0, min(day + 7, one.end_day) - max(day, one.start_day))
        served += one.delivered * days
        back += sum(h.event.amount_usd_cents for h in clauses.prepaid_back(world.state, day))
    assert back == pytest.approx(0.25 * cents(one.gpus * (last - first) - served, 1), abs=12)


# --- who may take part


def assigned(world, to=RIVAL):
    world.when(AssignLease(actor=LAB, because=LAB, lease_id=NAME, assignee=to))
    return world.when(TakeAssignment(actor=to, because=LAB, lease_id=NAME))


def test_a_lease_passes_to_who_takes_it_with_its_gpus_and_with_consent_where_that_is_asked_for():
    assert [e.reason for e in assigned(leased(assigning="consent"))] == ["no consent"]
    world = leased(assigning="consent")
    world.when(GiveConsent(actor=CLOUD, because=LAB, lease_id=NAME, kind="assign"))
    (moved,) = assigned(world)
    assert isinstance(moved, LeaseAssigned)
    assert (the(world).lessee, the(world).delivered, the(world).may_assign) == (RIVAL, 1_000, False)
    holdings = world.state.chips.holdings
    assert holdings[RIVAL, "H100", "hall"].leased_in == 1_000
    assert holdings[LAB, "H100", "hall"].leased_in == 0
    invariants(world.state)


def test_nobody_is_put_into_a_lease_that_it_did_not_take_or_that_is_not_to_be_assigned():
    world = leased()
    assert reason(world, AssignLease(actor=LAB, because=LAB, lease_id=NAME, assignee=RIVAL)) == "no such option"
    world = leased(assigning="free")
    assert reason(world, TakeAssignment(actor=RIVAL, because=LAB, lease_id=NAME)) == "not offered"
    assert reason(world, AssignLease(actor=LAB, because=LAB, lease_id=NAME, assignee=CLOUD)) == "unknown assignee"
    world.happened(lease(RESELLER, LAB, 100, lease_id="reseller/lease/1", parent_lease_id=NAME, depth=2))
    assert [e.reason for e in assigned(world)] == ["in use"]


def test_no_lease_passes_to_who_lets_its_gpus_on_further_up():
    world = given()
    first = lease(RESELLER, CLOUD, 1_000, lease_id="reseller/lease/1", kind="capacity")
    second = lease(RIVAL, RESELLER, 600, lease_id="rival/lease/1", parent_lease_id=first.lease_id, depth=2)
    third = lease(LAB, RIVAL, 300, lease_id=NAME, parent_lease_id=second.lease_id, depth=3, assigning="free")
    for signed in (first, second, third):
        world.happened(signed, handed(signed))
    for org in (CLOUD, RESELLER, RIVAL):
        assert reason(world, AssignLease(actor=LAB, because=LAB, lease_id=NAME, assignee=org)) == "unknown assignee"


def test_no_lease_passes_to_who_became_its_lessor_since_it_was_offered():
    world = leased(assigning="free")
    world.when(AssignLease(actor=LAB, because=LAB, lease_id=NAME, assignee=RIVAL))
    world.happened(
        LeaseAssigned(lease_id=NAME, org=CLOUD, counterparty=RIVAL, kind="lessor", chip="H100", site="hall", gpus=1_000)
    )
    assert reason(world, TakeAssignment(actor=RIVAL, because=LAB, lease_id=NAME)) == "unknown assignee"


@pytest.mark.parametrize(
    ("clause", "agrees", "may"),
    [("free", False, True), ("consent", False, False), ("consent", True, True), ("never", True, False)],
)
def test_a_sublease_needs_what_the_lease_above_it_says(clause, agrees, may):
    world = leased(subleasing=clause)
    if agrees:
        world.when(GiveConsent(actor=CLOUD, because=LAB, lease_id=NAME, kind="sublease"))
    world.when(
        RequestLease(
            actor=RIVAL, because=RIVAL, lessor=LAB, h100e=100.0, due_day=START, duration_days=100,
            price_usd_per_h100e_hour=3.0, kind="serving",
        )
    )  # fmt: skip
    terms = LeaseTerms(
        chip="H100", site="hall", gpus=100, start_day=START, end_day=START + 100, price_usd_per_gpu_hour=2.6
    )
    request = "rival/request/1"
    (given_or_not,) = world.when(
        GiveQuote(actor=LAB, because=request, request_id=request, parent_lease_id=NAME, terms=terms)
    )
    assert isinstance(given_or_not, QuoteRefused) == (not may)


def test_a_lease_may_be_ended_for_nothing_when_its_clause_counts_a_default_of_the_other_side():
    for clause in (False, True):
        world = leased(cross_default=clause, deposit_days=1)
        end = TerminateLease(actor=CLOUD, because=LAB, lease_id=NAME)
        assert reason(world, end) == "not the actor's GPUs"
        world.happened(
            EstateOpened(
                estate_id="lab/estate/1", org=LAB, kind="liquidation", amount_usd_cents=0, due_day=START + 100
            )
        )  # fmt: skip
        answer = world.when(end)
        assert [e.reason for e in answer] == (["cross default"] if clause else ["not the actor's GPUs"])
        assert (NAME in world.state.leases.leases) != clause


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"step_share": 1.1}, "a share is no share"), ({"rebate_share": -0.1}, "a share is no share"),
        ({"renew_days": -1}, "term"), ({"deposit_days": 10**6}, "term"), ({"expand_gpus": -1}, "term"),
        ({"assigning": "perhaps"}, "unknown choice"), ({"renew_price": "free"}, "unknown choice"),
    ],
)  # fmt: skip
def test_a_clause_that_makes_no_sense_is_not_offered(changed, said):
    assert quoted(**changed)[1].reason == said


def test_clauses_that_nobody_agreed_on_change_nothing():
    world = leased()
    assert [*clauses.steps(world.state, START + 365), *clauses.rebates(world.state, START + 700)] == []
