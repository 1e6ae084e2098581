"""What estates must sell soon fetches less than its appraisal, however many bid: who wins thinks most of it."""

from __future__ import annotations

import math
import statistics

import pytest
from given import CLOUD, given

from agents.bidders import expected_maximum, rivals, worth_cents
from market.rng import normal
from market.view import Lot, MarketView, Shared


def lot(number=1):
    return Lot(
        lot_id=f"rival/lot/{number}", org="rival", kind="chips", site="", region="", chip="H100", gpus=1000,
        h100e=1000.0, value_cents=10**9, reserve_cents=1,
    )  # fmt: skip


def test_the_winning_bid_is_no_dearer_than_the_appraisal_on_average():
    for count in (2, 5, 13):
        winners = [max(normal(0, "a view", f"{lot} {org}") for org in range(count)) for lot in range(2000)]
        assert statistics.fmean(winners) == pytest.approx(expected_maximum(count), abs=0.06)
    assert expected_maximum(1) == 0.0


def test_a_lot_is_worth_less_to_who_has_no_use_for_it_and_less_than_appraised_to_all():
    seen = MarketView(Shared(given(estates__bid_sd=0.0).state), CLOUD)
    assert worth_cents(seen, lot(), need_h100e=1000.0) == pytest.approx(0.8 * 10**9)
    assert worth_cents(seen, lot(), need_h100e=0.0) == pytest.approx(0.8 * 0.6 * 10**9)
    noisy = MarketView(Shared(given(estates__bid_sd=0.2).state), CLOUD)
    logs = [math.log(worth_cents(noisy, lot(number), 1000.0) / 0.8e9) for number in range(400)]
    assert statistics.fmean(logs) == pytest.approx(-0.2 * expected_maximum(len(rivals(noisy))), abs=0.03)
    assert len(rivals(noisy)) > 1
