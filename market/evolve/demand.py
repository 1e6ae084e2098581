"""How events of demand change the state."""

from __future__ import annotations

from events.types import demand as events
from market.state import State
from market.state.demand import Segment, Use
from market.state.leases import Signature


def segment(state: State, name: str) -> Segment:
    """Find or open a segment."""
    found = state.demand.segments.get(name)
    if found is None:
        found = state.demand.segments[name] = Segment(name)
    return found


def segment_measured(state: State, event: events.SegmentMeasured, day: int) -> None:
    record = segment(state, event.segment)
    record.usd_per_year, record.market_usd_per_year = event.usd_per_year, event.market_usd_per_year


def share_measured(state: State, event: events.ShareMeasured, day: int) -> None:
    segment(state, event.segment).shares[event.org] = event.share


def use_measured(state: State, event: events.UseMeasured, day: int) -> None:
    state.demand.uses[event.org] = Use(event.org, event.usd_per_year, event.growth_per_year, event.h100e)


def market_cleared(state: State, event: events.MarketCleared, day: int) -> None:
    now = state.demand
    now.clearing_usd_per_h100e_hour = event.clearing_usd_per_h100e_hour
    now.reference_usd_per_h100e_hour = event.reference_usd_per_h100e_hour
    now.cost_usd_per_h100e_hour = event.cost_usd_per_h100e_hour
    now.tightness = event.h100e / event.supply_h100e if event.supply_h100e else 1.0


def tail_signed(state: State, event: events.TailSigned, day: int) -> None:
    state.leases.signed.append(
        Signature(event.lessor, "", event.h100e, event.duration_days, 0, event.price_usd_per_h100e_hour)
    )


APPLY = {
    events.SegmentMeasured: segment_measured,
    events.ShareMeasured: share_measured,
    events.UseMeasured: use_measured,
    events.MarketCleared: market_cleared,
    events.TailSigned: tail_signed,
}
INERT = ()
