"""What is known of others in public, where the state holds more than that."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from events.kinds import Buyers, LotKind


class Chip(msgspec.Struct, frozen=True):
    """A chip on its supplier's roadmap and on its line, as its supplier tells the market."""

    name: str
    supplier: str
    start_day: int  # promised volume start
    end_day: int
    price_usd_per_gpu: float
    power_kw_it_per_gpu: float
    h100e: float
    buyers: Buyers
    in_volume: bool
    retired: bool
    made_gpus: int  # in the latest week
    backlog_gpus: int  # on order and not allotted
    lead_time_weeks: float


class LabSeen(msgspec.Struct, frozen=True):
    """A lab by its releases and its reported revenue."""

    org: str
    best_model: str
    best_effective_flop: float  # of its best model: what a dense one as good would take
    capability: float  # of the latest release
    released_day: int
    revenue_usd_per_year: float


class Lot(msgspec.Struct, frozen=True):
    """What an estate offers: a site with the GPUs and leases there, or chips in its warehouse."""

    lot_id: str
    org: str
    kind: LotKind
    site: str
    region: str
    chip: str  # of most GPUs
    gpus: int
    h100e: float
    value_cents: int  # as appraised this week
    reserve_cents: int  # least that the estate takes this week


class Round(msgspec.Struct, frozen=True):
    """Equity that an org seeks, as it tells investors."""

    org: str
    sought_cents: int
    sought_day: int
    valuation_cents: int  # after its last round
    compute_h100e: float  # held and on order
    backer_draw: float  # in (0, 1), one draw of the round for all who could lead it: they agree who does
    fund_draws: Mapping[str, float]  # by fund
