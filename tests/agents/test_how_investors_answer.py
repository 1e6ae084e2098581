"""How investors answer rounds: for whom there is money, how much of it, at what value."""

from __future__ import annotations

import pytest
from given import CLOUD, FUND, LAB, RIVAL, SUPPLIER, given
from msgspec.structs import replace

from agents.investors import Investor, carried_cents, fund_rounds
from events.commands.finance import DeclineRound, FundRound
from events.types.chips import OrderPlaced
from events.types.finance import RoundClosed, RoundSought
from events.types.run import ParameterSet
from market.rng import Draws
from market.view import MarketView, Shared

DRAWS = Draws(7, LAB, 0)


def view(world, org):
    return MarketView(Shared(world.state), org)


def test_an_investor_funds_what_it_can_and_declines_the_rest():
    for amount, kind in ((10**9, FundRound), (10**16, DeclineRound)):
        world = given().happened(RoundSought(org=LAB, amount_usd_cents=amount, duration_days=90))
        world.happened(ParameterSet(parameter=f"orgs.{FUND}.strategic", value=1.0))
        (answer,) = Investor().act(view(world, FUND), DRAWS)
        assert isinstance(answer, kind)


def test_what_builders_raise_is_not_taken_from_labs():
    world = given(finance__rounds_usd_per_year=1e8, finance__builder_rounds_usd_per_year=1e8)
    for org in (LAB, CLOUD):
        world.happened(RoundSought(org=org, amount_usd_cents=10**10, duration_days=90))
    asked = {answer.org: answer for answer in Investor().act(view(world, FUND), DRAWS)}
    assert {org: answer.amount_usd_cents for org, answer in asked.items()} == {LAB: 10**10, CLOUD: 10**10}
    world.happened(closed(LAB, 10**10))
    (answer,) = Investor().act(view(world, FUND), DRAWS)
    assert (type(answer), answer.org) == (FundRound, CLOUD)
    world.happened(RoundSought(org=LAB, amount_usd_cents=10**10, duration_days=90), closed(CLOUD, 10**10))
    (answer,) = Investor().act(view(world, FUND), DRAWS)
    assert (type(answer), answer.org, answer.reason) == (DeclineRound, LAB, "market closed")
    world.close_weeks(53)
    (answer,) = Investor().act(view(world, FUND), DRAWS)
    assert (type(answer), answer.org) == (FundRound, LAB)


def test_two_investors_of_one_week_share_the_money_of_a_year():
    world = given(finance__rounds_usd_per_year=1e8, finance__backer_share=1.0)
    world.happened(closed(LAB, 1, CLOUD, "equity for compute"))
    for org in (LAB, RIVAL):
        world.happened(RoundSought(org=org, amount_usd_cents=9 * 10**9, duration_days=90))
    world.state.training.labs[RIVAL] = replace(world.state.training.labs[LAB], org=RIVAL)
    backer, fund = fund_rounds(view(world, CLOUD), "equity for compute"), Investor().act(view(world, FUND), DRAWS)
    answers = {(type(answer), answer.actor, answer.org) for answer in (*backer, *fund)}
    assert answers == {(FundRound, CLOUD, LAB), (DeclineRound, FUND, RIVAL)}


def closed(org, cents, by=FUND, kind="equity"):
    return RoundClosed(
        deal_id=f"{org}/deal/1", org=org, counterparty=by, amount_usd_cents=cents, valuation_usd_cents=10 * cents,
        kind=kind,
    )  # fmt: skip


def test_a_lab_is_valued_by_the_compute_that_it_has_on_order_too():
    world = given(finance__value_per_h100e_usd=1e6)
    world.happened(RoundSought(org=LAB, amount_usd_cents=10**11, duration_days=90))
    (told,) = view(world, FUND).rounds_sought()
    before = carried_cents(view(world, FUND), told)
    ordered = OrderPlaced(
        order_id=f"{LAB}/order/9", org=LAB, supplier=SUPPLIER, chip="H100", gpus=100_000, price_usd_per_gpu=1.0
    )
    world.happened(ordered)
    (told,) = view(world, FUND).rounds_sought()
    assert carried_cents(view(world, FUND), told) == pytest.approx(told.compute_h100e * 1e8)
    assert carried_cents(view(world, FUND), told) > before


def test_a_fund_leads_no_more_than_a_round_that_is_not_yet_large():
    world = given(finance__strategic_round_usd=1e7).happened(
        RoundSought(org=LAB, amount_usd_cents=4 * 10**9, duration_days=90)
    )
    (answer,) = Investor().act(view(world, FUND), DRAWS)
    assert isinstance(answer, FundRound)
    assert answer.amount_usd_cents == 10**9
    world.happened(ParameterSet(parameter=f"orgs.{FUND}.strategic", value=1.0))
    (answer,) = Investor().act(view(world, FUND), DRAWS)
    assert answer.amount_usd_cents == 4 * 10**9
