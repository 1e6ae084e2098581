"""Clauses enter where both sides gain by them, and an option is used by who is short of what it gives."""

from __future__ import annotations

from given import CLOUD, LAB, START, given, handed, lease
from polars import col
from worlds import WORLD, simulate

from agents import rights
from events.commands.leases import RequestLease
from events.terms import LeaseTerms
from market.scenario.load import load_scenario
from market.view import MarketView, Shared

TERM = 364


def view(world, org=LAB):
    return MarketView(Shared(world.state), org)


def offered(world, gpus=1000, asked=1000, late_weeks=None, **other):
    """Terms of a cloud for a request, with the clauses that pay."""
    asking = {"h100e": 1000.0, "due_day": START + 364, "duration_days": TERM, "kind": "frontier"} | other
    request = RequestLease(
        actor=LAB, because=LAB, lessor=CLOUD, price_usd_per_h100e_hour=3.0, region="", chip="", **asking
    )
    world.when(request)
    seen = view(world, CLOUD)
    terms = LeaseTerms(
        chip="H100", site="", gpus=gpus, start_day=START + 364, end_day=START + 364 + TERM, price_usd_per_gpu_hour=2.5
    )
    return rights.with_clauses(seen, seen.requests_to_me()[-1], terms, asked, late_weeks=late_weeks)


def test_what_goes_on_may_be_renewed_at_the_index_and_what_ends_may_not():
    assert offered(given()).renew_days == TERM
    assert offered(given()).renew_price == "index"
    assert offered(given(), kind="bridge").renew_days == 0


def test_a_lessor_that_offers_a_part_leaves_the_rest_to_be_taken_later():
    assert offered(given()).expand_gpus == 0
    part = offered(given(), gpus=600)
    assert (part.expand_gpus, part.expand_days) == (400, 182)


def test_a_deposit_is_asked_for_where_money_is_as_dear_to_the_lessor_as_to_the_lessee():
    assert offered(given()).deposit_days == 91
    rich = given(**{f"orgs__{CLOUD}__income_usd_per_year": 1e10})
    assert offered(rich).deposit_days == 0


def test_a_rebate_is_given_by_who_expects_less_delay_than_the_lessee_fears_and_paid_for():
    plain, sure = offered(given()), offered(given(), late_weeks=0.5)
    assert (plain.rebate_share, sure.rebate_share) == (0.0, 0.25)
    assert sure.price_usd_per_gpu_hour > plain.price_usd_per_gpu_hour
    assert offered(given(), late_weeks=1e6).rebate_share == 0.0
    assert rights.rebated(sure, late_weeks=10) < 1 == rights.rebated(plain, late_weeks=10)


def rented(**terms):
    signed = lease(gpus=1000, **terms)
    return given().happened(signed, handed(signed))


def test_a_lease_that_ends_soon_is_renewed_by_who_still_wants_it():
    world = rented(end_day=START + 100, renew_days=364, renew_price="index")
    wanted = list(rights.use_options(view(world), gap=2000.0, price=3.0))
    assert [(c.kind, rights.taken_h100e(view(world), [c])) for c in wanted] == [("renew", 1000.0)]
    assert not list(rights.use_options(view(world), gap=100.0, price=3.0))
    world.when(wanted[0])
    assert not list(rights.use_options(view(world), gap=2000.0, price=3.0)), "once"
    assert view(world).rented()[0].last_day == START + 464


def test_a_lease_is_expanded_by_no_more_than_is_lacking_free_and_worth_its_price():
    world = rented(expand_gpus=5000, expand_days=100)
    free = view(world).may_take(f"{LAB}/lease/1")
    assert free > 0
    (more,) = rights.use_options(view(world), gap=1500.0, price=3.0)
    assert (more.kind, more.gpus) == ("expand", min(1500, free))
    assert not list(rights.use_options(view(world), gap=1500.0, price=2.0)), "a new lease is cheaper"


def test_agents_of_the_default_world_write_clauses(year_run):
    log = year_run.frame.filter(col("type") == "QuoteGiven")
    for clause in ("renew_days", "expand_gpus", "deposit_days", "rebate_share"):
        assert log.filter(col(clause) > 0).height > 0, clause


def test_agents_of_the_default_world_use_their_options_once_leases_of_a_year_end():
    log = simulate(load_scenario(WORLD, {}).scenario, 0, 70).frame
    assert log.filter(col("type") == "OptionExercised").height > 0
