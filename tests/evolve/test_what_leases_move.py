"""All that an event of talks, leases and contracts changes: what is not named here stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from evolve.moved import GONE, moved, said
from evolve.test_state_and_evolve import full
from given import CLOUD, LAB, RESELLER, RIVAL, START, lease

from events.types import clauses, contracts, estates, finance, leases
from market.state import State
from market.state.chips import Place
from market.state.leases import Quote, Signature, Span

REQUEST, QUOTE, LEASE = "lab/request/1", "cloud/quote/1", "reseller/lease/1"  # in the full world
AT = f"leases.leases.{LEASE}"
FROM, TO = "chips.holdings.cloud|H100|hall", "chips.holdings.reseller|H100|hall"


def world(*before: Any, day: int = START) -> State:
    state = full()
    for event in before:
        moved(state, event, day)
    return state


def test_a_request_is_entered_and_forgets_the_lease_that_was_lost():
    state = full()
    assert state.leases.lost == {RIVAL: "rival/lease/1"}
    request = said(leases.LeaseRequested, request_id="rival/request/4", lessee=RIVAL, lessor=CLOUD, h100e=3.0,
                   kind="serving")  # fmt: skip
    changes = moved(state, request, START)
    made = changes.pop("leases.requests.rival/request/4")
    assert (made.lessee, made.h100e, made.day, made.rounds) == (RIVAL, 3.0, START, 0)
    assert changes == {
        "leases.lost.rival": GONE, "run.counters.rival/request": 4, "index.asked.rival": {"rival/request/4": None},
    }  # fmt: skip


def test_a_second_quote_takes_the_place_of_the_first_and_remembers_both():
    state = full()
    for number, (price, day) in enumerate([(1.5, START + 3), (1.25, START + 8)], start=2):
        given = said(
            leases.QuoteGiven, quote_id=f"cloud/quote/{number}", request_id=REQUEST, lessor=CLOUD, lessee=LAB,
            chip="H100", gpus=8, price_usd_per_gpu_hour=price, start_day=day + 1,
        )  # fmt: skip
        changes = moved(state, given, day)
        quote: Quote = changes.pop(f"leases.quotes.cloud/quote/{number}")
        assert changes == {
            "run.counters.cloud/quote": number, f"leases.requests.{REQUEST}.rounds": number,
            f"leases.quotes.cloud/quote/{number - 1}": GONE, f"index.quote.{REQUEST}": f"cloud/quote/{number}",
            f"index.quoted.cloud.cloud/quote/{number - 1}": GONE, f"index.quoted.cloud.cloud/quote/{number}": None,
        }  # fmt: skip
    assert (quote.first_price_usd_per_gpu_hour, quote.first_start_day, quote.first_day) == (2.0, START, START)
    assert (quote.before_price_usd_per_gpu_hour, quote.before_start_day) == (1.5, START + 4)
    assert (quote.slot_start_day, quote.slot_day) == (START + 9, START + 8)
    assert (quote.day, quote.countered, quote.price_usd_per_gpu_hour) == (START + 8, "", 1.25)


def test_a_first_quote_is_its_own_past():
    state = world(said(leases.QuoteLapsed, quote_id=QUOTE))
    given = said(leases.QuoteGiven, quote_id="cloud/quote/2", request_id=REQUEST, lessor=CLOUD, lessee=LAB,
                 price_usd_per_gpu_hour=1.5, start_day=START + 7)  # fmt: skip
    quote = moved(state, given, START + 2)["leases.quotes.cloud/quote/2"]
    assert (quote.first_price_usd_per_gpu_hour, quote.first_start_day, quote.first_day) == (1.5, START + 7, START + 2)
    assert (quote.before_price_usd_per_gpu_hour, quote.before_start_day) == (1.5, START + 7)
    assert (quote.slot_start_day, quote.slot_day) == (START + 7, START + 2)


@pytest.mark.parametrize(("then", "slot"), [
    ({}, (START + 30, START)), ({"start_day": START + 20}, (START + 30, START)),
    ({"start_day": START + 31}, (START + 31, START + 9)),
    ({"site": ""}, (START + 30, START + 9)), ({"region": "ohio"}, (START + 30, START + 9)),
])  # fmt: skip
def test_what_comes_later_or_elsewhere_is_another_slot(then: dict[str, Any], slot: tuple[int, int]):
    state = world(said(leases.QuoteLapsed, quote_id=QUOTE))
    usual = {"request_id": REQUEST, "lessor": CLOUD, "lessee": LAB, "site": "alpha", "region": "texas",
             "start_day": START + 30}  # fmt: skip
    moved(state, said(leases.QuoteGiven, quote_id="cloud/quote/2", **usual), START)
    again = said(leases.QuoteGiven, quote_id="cloud/quote/3", **{**usual, **then})
    quote = moved(state, again, START + 9)["leases.quotes.cloud/quote/3"]
    assert (quote.slot_start_day, quote.slot_day) == slot


@pytest.mark.parametrize("asked", [{}, {"start_day": START + 1, "end_day": START + 5, "region": "ohio"}])
def test_a_counter_offer_stands_beside_the_quote(asked: dict[str, Any]):
    answer = said(leases.QuoteCountered, quote_id=QUOTE, price_usd_per_gpu_hour=1.75, clause="date", **asked)
    assert moved(full(), answer, START + 2) == {
        f"leases.quotes.{QUOTE}.countered": "date", f"leases.quotes.{QUOTE}.day": START + 2,
        f"leases.quotes.{QUOTE}.asked_price_usd_per_gpu_hour": 1.75,
        f"leases.quotes.{QUOTE}.asked_start_day": asked.get("start_day", START),
        f"leases.quotes.{QUOTE}.asked_end_day": asked.get("end_day", START + 9),
        **({f"leases.quotes.{QUOTE}.asked_region": "ohio"} if asked else {}),
    }  # fmt: skip


def test_a_quote_that_lapses_leaves_the_request_open():
    assert moved(full(), said(leases.QuoteLapsed, quote_id=QUOTE), START) == {
        f"leases.quotes.{QUOTE}": GONE, f"index.quote.{REQUEST}": GONE, "index.quoted.cloud": GONE,
    }  # fmt: skip


def test_talks_that_fail_take_request_and_quote_along():
    assert moved(full(), said(leases.LeaseTalksFailed, request_id=REQUEST), START) == {
        f"leases.quotes.{QUOTE}": GONE, f"index.quote.{REQUEST}": GONE, "index.quoted.cloud": GONE,
        f"leases.requests.{REQUEST}": GONE, "index.asked.lab": GONE,
    }  # fmt: skip


@pytest.mark.parametrize(("quote", "kind", "counts"), [(QUOTE, "serving", True), (None, "serving", False),
                                                        (QUOTE, "internal", False)])  # fmt: skip
def test_a_lease_that_is_signed_ends_its_talks_and_counts_for_the_index(quote: str | None, kind: str, counts: bool):
    signed = lease(LAB, gpus=9, quote_id=quote, kind=kind, parent_lease_id=LEASE, lease_id="lab/lease/5",
                   chip="A100", start_day=START + 10, end_day=START + 110)  # fmt: skip
    state = full()
    changes = moved(state, signed, START + 4)
    made = changes.pop("leases.leases.lab/lease/5")
    assert (made.gpus, made.delivered, made.lessor, made.parent_lease_id) == (9, 0, CLOUD, LEASE)
    talks = {f"leases.quotes.{QUOTE}": GONE, f"index.quote.{REQUEST}": GONE, "index.quoted.cloud": GONE,
             f"leases.requests.{REQUEST}": GONE, "index.asked.lab": GONE}  # fmt: skip
    note = Signature(CLOUD, "A100", 9 * 0.32, 100, 6, 2.5 / 0.32)
    at = len(full().leases.signed)
    assert changes == {
        "run.counters.lab/lease": 5, "index.let.cloud.lab/lease/5": None, "index.rented.lab": {"lab/lease/5": None},
        "index.owing.cloud": {"lab/lease/5": 9}, "index.owed_on.cloud": {Place(CLOUD, "A100", "hall"): 9},
        f"{AT}.subleased": 9,
        **(talks if quote else {}), **({f"leases.signed.{at}": note} if counts else {}),
    }  # fmt: skip


def test_a_lease_out_of_a_contract_closes_no_talks_and_counts_for_no_index():
    drawn = lease(LAB, lease_id="lab/lease/5", contract_id="rival/contract/1", quote_id=QUOTE)
    assert set(moved(full(), drawn, START)) == {
        "run.counters.lab/lease", "leases.leases.lab/lease/5", "index.let.cloud.lab/lease/5", "index.rented.lab",
        "index.owing.cloud", "index.owed.cloud",
    }  # fmt: skip


def test_what_is_signed_for_days_gone_by_waits_for_nothing():
    state = full()
    signed = lease(LAB, gpus=9, quote_id=QUOTE, lease_id="lab/lease/5")
    moved(state, signed, START + 9)
    assert state.leases.signed[-1].wait_days == 0


def test_gpus_that_pass_over_are_counted_by_days_from_then_on():
    over = said(leases.GpusHandedOver, lease_id=LEASE, gpus=-400)
    state = full()
    start = state.leases.leases[LEASE].since_day
    first = moved(state, over, START + 10)
    assert first == {
        f"{AT}.delivered": 600, f"{AT}.gpu_days": first[f"{AT}.gpu_days"], f"{AT}.since_day": START + 10,
        f"{FROM}.leased_out": 600, f"{TO}.leased_in": 600,
        "index.owing.cloud": {LEASE: 400}, "index.owed.cloud": {Place(CLOUD, "H100", "hall"): 400},
    }  # fmt: skip
    assert moved(state, over, START + 13)[f"{AT}.gpu_days"] - first[f"{AT}.gpu_days"] == 3 * 600
    assert start <= START


def test_what_is_shed_is_counted_apart_and_goes_back():
    state = full()
    shed = said(contracts.CapacityShed, lease_id=LEASE, gpus=300)
    first = moved(state, shed, START + 5)
    days = first[f"{AT}.gpu_days"]
    assert first == {
        f"{AT}.gpus": 700, f"{AT}.delivered": 700, f"{AT}.shed": 300, f"{AT}.gpu_days": days,
        f"{AT}.since_day": START + 5, f"{FROM}.leased_out": 700, f"{TO}.leased_in": 700,
    }  # fmt: skip
    second = moved(state, shed, START + 9)
    assert (second[f"{AT}.gpu_days"] - days, second[f"{AT}.shed_days"]) == (4 * 700, 4 * 300)


def ended(reason: str, lease_id: str = LEASE) -> leases.LeaseEnded:
    return said(leases.LeaseEnded, lease_id=lease_id, reason=reason)


def test_a_lease_at_the_end_of_its_term_gives_back_its_gpus_and_keeps_what_is_due():
    state = full()
    changes = moved(state, ended("term"), START + 30)
    kept = changes.pop(f"leases.over.{LEASE}")
    assert (kept.delivered, kept.shed, kept.since_day) == (0, 0, START + 30)
    assert kept.gpu_days >= 30 * 1000
    assert changes == {
        AT: GONE, f"{FROM}.leased_out": 0, f"{TO}.leased_in": 0,
        f"index.let.cloud.{LEASE}" if len(state.index.let.get(CLOUD, ())) else "index.let.cloud": GONE,
        "index.rented.reseller": GONE,
    }  # fmt: skip


@pytest.mark.parametrize("owed", ["gpu_days", "shed_days", "due_cents", ""])
def test_a_lease_that_ends_is_kept_only_while_something_is_due(owed: str):
    state = full()
    one = state.leases.leases[LEASE]
    one.delivered, one.gpu_days, one.since_day = 0, 0, START
    if owed:
        setattr(one, owed, 1)
    moved(state, ended("term"), START)
    assert (LEASE in state.leases.over) == bool(owed)


@pytest.mark.parametrize("reason", ["rejected", "parent ended", "term"])
@pytest.mark.parametrize("is_bust", [True, False])
def test_a_lease_that_is_broken_off_is_remembered_where_its_lessee_goes_on(reason: str, is_bust: bool):
    state = full()
    if is_bust:
        moved(state, said(estates.EstateOpened, org=RESELLER, estate_id="reseller/estate/1"), START)
    moved(state, ended(reason), START + 5)
    is_broken = reason != "term"
    assert (state.leases.broken.get(Place(RESELLER, "H100", "hall")) == LEASE) == is_broken
    assert (state.leases.lost.get(RESELLER) == LEASE) == (is_broken and not is_bust)
    assert (LEASE in state.leases.over) == (not (is_bust and reason == "rejected"))


def test_a_sublease_that_ends_gives_its_gpus_back_to_the_lease_above():
    sub = lease(RIVAL, RESELLER, 40, parent_lease_id=LEASE, lease_id="rival/lease/7")
    state = world(sub, said(leases.GpusHandedOver, lease_id="rival/lease/7", gpus=40))
    assert state.leases.leases[LEASE].subleased == 40
    assert moved(state, ended("term", "rival/lease/7"), START)[f"{AT}.subleased"] == 0


def test_a_week_of_prices_keeps_how_far_ahead_and_for_how_long_was_signed_and_a_year_of_lead_times():
    state = full()
    state.chips.lead_times[:] = [float(n) for n in range(53)]
    state.leases.signed[:] = [
        Signature(CLOUD, "H100", 1.0, days, wait, 2.0) for wait, days in ((5, 364), (90, 364), (5, 364))
    ]
    state.leases.signed_days = {Span(5, 364): START - 70, Span(5, 700): START - 70}
    moved(state, said(leases.PriceMoved, price_usd_per_h100e_hour=2.25, spot_usd_per_h100e_hour=3.25, tightness=1.5,
                      lead_time_weeks=99.0, h100e=7.0), START + 6)  # fmt: skip
    desk = state.leases
    assert desk.counted_h100e == 7.0
    assert (desk.price_usd_per_h100e_hour, desk.spot_usd_per_h100e_hour, desk.tightness) == (2.25, 3.25, 1.5)
    last = {Span(5, 364): START + 6, Span(5, 700): START - 70, Span(90, 364): START + 6}
    assert (desk.signed, desk.signed_days) == ([], last)
    assert state.chips.lead_times == [float(n) for n in range(1, 53)] + [99.0]


def test_letters_are_signed_cut_and_ended():
    state = full()
    assert moved(state, said(leases.LetterCut, deal_id="lab/deal/1", h100e=4.0), START) == {
        "leases.letters.lab/deal/1.h100e": 4.0
    }
    assert moved(state, said(leases.LetterEnded, deal_id="lab/deal/1"), START) == {"leases.letters.lab/deal/1": GONE}


def test_a_contract_is_drawn_until_its_tranche_is_gone():
    state, at = full(), "contracts.open.rival/contract/1"
    drawn = said(contracts.TrancheDrawn, contract_id="rival/contract/1", tranche=1, gpus=5)
    other = said(contracts.TrancheDrawn, contract_id="rival/contract/1", tranche=2, gpus=5)
    assert moved(state, other, START) == {}
    assert moved(state, drawn, START) == {f"{at}.schedule.0.gpus": 4}
    late = said(contracts.TrancheLate, contract_id="rival/contract/1", tranche=2)
    assert moved(state, late, START) == {}
    late = said(contracts.TrancheLate, contract_id="rival/contract/1", tranche=1)
    assert moved(state, late, START) == {f"{at}.schedule.0.late_said": True}
    rest = said(contracts.TrancheDrawn, contract_id="rival/contract/1", tranche=1, gpus=4)
    assert moved(state, rest, START) == {f"{at}.schedule.0": GONE}
    parties = {"index.sold.cloud": GONE, "index.bought.rival": GONE}
    assert moved(state, said(contracts.ContractEnded, contract_id="rival/contract/1"), START) == {at: GONE, **parties}


def test_a_contract_that_is_signed_ends_its_talks_and_counts_for_the_index():
    signed = said(contracts.ContractSigned, contract_id="lab/contract/3", quote_id=QUOTE, lessor=CLOUD, lessee=LAB,
                  chip="A100", gpus=50, start_day=START + 20, end_day=START + 120,
                  price_usd_per_gpu_hour=0.64)  # fmt: skip
    state = full()
    before = len(state.leases.signed)
    changes = moved(state, signed, START + 6)
    assert changes.pop("contracts.open.lab/contract/3").day == START + 6
    assert changes == {
        "run.counters.lab/contract": 3, f"leases.quotes.{QUOTE}": GONE, f"index.quote.{REQUEST}": GONE,
        "index.quoted.cloud": GONE, f"leases.requests.{REQUEST}": GONE, "index.asked.lab": GONE,
        f"leases.signed.{before}": Signature(CLOUD, "A100", 16.0, 100, 14, 2.0),
        "index.sold.cloud.lab/contract/3": None, "index.bought.lab": {"lab/contract/3": None},
    }  # fmt: skip


def test_options_move_what_they_are_for():
    sub = lease(RIVAL, RESELLER, 40, parent_lease_id=LEASE, lease_id="rival/lease/7", expand_gpus=30, renew_days=91)
    state, at = world(sub), "leases.leases.rival/lease/7"
    more = said(clauses.OptionExercised, lease_id="rival/lease/7", kind="expand", gpus=20)
    assert moved(state, more, START) == {
        f"{at}.gpus": 60, f"{at}.expand_gpus": 10, f"{AT}.subleased": 60,
        "index.owing.reseller.rival/lease/7": 60, "index.owed_on.reseller.reseller|H100|hall": 60,
    }  # fmt: skip
    renew = said(clauses.OptionExercised, lease_id="rival/lease/7", kind="renew")
    assert moved(state, renew, START) == {f"{at}.renews": True}
    goes_on = said(clauses.LeaseRenewed, lease_id="rival/lease/7", end_day=START + 455, price_usd_per_gpu_hour=1.5,
                   amount_usd_cents=77)  # fmt: skip
    assert moved(state, goes_on, START + 8) == {
        f"{at}.renews": False, f"{at}.renew_days": 0, f"{at}.end_day": START + 455, f"{at}.due_cents": 77,
        f"{at}.price_usd_per_gpu_hour": 1.5, f"{at}.since_day": START + 8,
    }  # fmt: skip


def test_an_option_on_a_lease_that_stands_alone_touches_no_other():
    state = full()
    more = said(clauses.OptionExercised, lease_id=LEASE, kind="expand", gpus=20)
    assert moved(state, more, START) == {
        f"{AT}.gpus": 1020, f"{AT}.expand_gpus": -20,
        "index.owing.cloud": {LEASE: 20}, "index.owed.cloud": {Place(CLOUD, "H100", "hall"): 20},
    }  # fmt: skip


def test_a_rent_that_steps_keeps_what_was_due_at_the_price_before():
    state = full()
    step = said(clauses.RentStepped, lease_id=LEASE, price_usd_per_gpu_hour=2.75, amount_usd_cents=5)
    state.leases.leases[LEASE].shed_days = 3
    moved(state, step, START + 7)
    one = state.leases.leases[LEASE]
    assert (one.due_cents, one.gpu_days, one.shed_days, one.since_day) == (5, 0, 0, START + 7)
    assert one.price_usd_per_gpu_hour == 2.75


def pay(kind: str, cents: int = 7) -> finance.PaymentMade:
    return said(finance.PaymentMade, org=RESELLER, counterparty=CLOUD, amount_usd_cents=cents, kind=kind,
                contract_id=LEASE)  # fmt: skip


@pytest.mark.parametrize(("kind", "held"), [("deposit", 107), ("deposit back", 93), ("rent", 100), ("exit", 100)])
def test_a_payment_moves_cash_and_what_it_is_for(kind: str, held: int):
    state = full()
    state.leases.leases[LEASE].deposit_cents = 100
    cash = {org: state.finance.ledger.accounts.get(org, 0) for org in (RESELLER, CLOUD)}
    changes = moved(state, pay(kind), START + 27)
    assert changes["finance.ledger.accounts.reseller"] == cash[RESELLER] - 7
    assert changes["finance.ledger.accounts.cloud"] == cash[CLOUD] + 7
    one = state.leases.leases[LEASE]
    assert one.deposit_cents == held
    assert (one.since_day == START + 28) == (kind == "rent")


def test_rent_that_is_paid_is_counted_anew_from_the_next_day():
    state = full()
    one = state.leases.leases[LEASE]
    one.gpu_days, one.shed_days, one.due_cents = 3, 4, 5
    moved(state, pay("rent"), START + 27)
    assert (one.since_day, one.gpu_days, one.shed_days, one.due_cents) == (START + 28, 0, 0, 0)
    moved(state, ended("term"), START + 40)
    assert moved(state, pay("rent"), START + 55)[f"leases.over.{LEASE}"] == GONE


@pytest.mark.parametrize(("kind", "left"), [("rent", 40), ("prepayment", 40), ("exit", 47)])
def test_only_rent_works_off_the_duty_of_equity_for_compute(kind: str, left: int):
    deal = said(finance.RoundClosed, deal_id="reseller/deal/1", org=RESELLER, counterparty=CLOUD, amount_usd_cents=47,
                kind="equity for compute")  # fmt: skip
    state = world(deal)
    stake = state.finance.stakes[RESELLER][CLOUD]
    assert (stake.duty_cents, stake.for_compute_cents, stake.invested_cents) == (47, 47, 47)
    moved(state, pay(kind), START)
    assert stake.duty_cents == left
    moved(state, pay(kind, 1000), START)
    assert stake.duty_cents == (0 if kind != "exit" else 47)
