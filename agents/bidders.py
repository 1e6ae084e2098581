"""How builders bid for what estates sell: sites with their GPUs and leases, and chips that wait."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from statistics import NormalDist

from agents.amounts import horizon_weeks, position_h100e, target_h100e
from events.commands.estates import BidForLot
from market.rng import LIFETIME
from market.view import Lot, MarketView


def bids(view: MarketView) -> Iterator[BidForLot]:
    """Bid for lots what they are worth to the org, while its cash for such things lasts; the dearest first."""
    lots = view.lots()
    if not lots or not view.books.budget_usd_per_year:
        return
    money = math.floor(view.param("estates.bid_cash_share") * max(0, view.cash_cents))
    need = target_h100e(view, horizon_weeks(view)) - position_h100e(view)
    for lot in sorted(lots, key=lambda x: (-x.value_cents, x.lot_id)):
        if not may_bid(view, lot):
            continue
        cents = math.floor(min(money, worth_cents(view, lot, need)))
        if cents >= lot.reserve_cents:
            money, need = money - cents, need - lot.h100e
            yield BidForLot(actor=view.me, because=lot.lot_id, lot_id=lot.lot_id, amount_usd_cents=cents)


def may_bid(view: MarketView, lot: Lot) -> bool:
    """Whether the org could take a lot over: of its bloc, with chips for sale to it, with nothing sublet there."""
    if lot.org == view.me or not view.same_bloc(lot.org) or (lot.chip and not view.may_buy(lot.chip)):
        return False
    return not any(x.site == lot.site and x.lessor == lot.org and x.subleased for x in view.rented())


def worth_cents(view: MarketView, lot: Lot, need_h100e: float) -> float:
    """What the org bids for a lot: as appraised and by its own view of it, less where it has no use for all of it.

    What estates must sell soon fetches `estates.forced_share`, and who wins is who thinks most of it: each takes off
    what the highest of so many views lies above the mean.
    """
    p = view.param
    view_of_it = view.draws.normal("lot", lot.lot_id, LIFETIME) - expected_maximum(len(rivals(view)))
    opinion = math.exp(p("estates.bid_sd") * view_of_it)
    used = min(1.0, max(0.0, need_h100e) / lot.h100e) if lot.h100e else 0.0
    least = p("estates.bid_without_need")
    return p("estates.forced_share") * lot.value_cents * opinion * (least + (1 - least) * used)


def rivals(view: MarketView) -> tuple[str, ...]:
    """Clouds and buyers of the bloc, the org among them, that could bid as well."""
    return (*view.orgs_of_bloc("cloud"), *view.orgs_of_bloc("rest"))


@lru_cache
def expected_maximum(count: int) -> float:
    """Mean of the highest of so many normal draws, in standard deviations (Blom 1958)."""
    return NormalDist().inv_cdf((max(1, count) - 0.375) / (max(1, count) + 0.25))
