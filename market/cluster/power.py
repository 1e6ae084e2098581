"""The four power figures that are kept apart, energy, and what a power cap costs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster.case import Array, Case

NODE_DRAW_PER_TDP = 1.20
"""Mean node draw under training over the GPUs' TDP: 1.22 (H100) and 1.20 (B200), MLPerf v4.0 and v5.0 power logs."""
STATIC_SHARE = 0.35
CLOCK_EXPONENT = 2.4
"""Power = static share + dynamic share x clock^2.4. Assumption, from voltage-frequency scaling near nameplate."""


@dataclass(slots=True)
class Power:
    """Megawatts [R]."""

    nameplate_mw: Array  # GPUs at TDP
    it_mw: Array  # servers, switches and storage as provisioned
    facility_mw: Array  # IT x PUE: what a site must be able to supply
    mean_mw: Array  # what is drawn while training, PUE included


def power(case: Case, used: Array, goodput: Array) -> Power:
    """Give the four power figures of all GPUs under power; those that no plan uses idle, as lost time does. [R]."""
    nameplate = case.powered * case.tdp_w / 1e6
    it = case.powered * case.it_kw_per_gpu / 1e3
    busy = np.minimum(used / case.powered, 1) * goodput
    load = NODE_DRAW_PER_TDP * nameplate * (STATIC_SHARE + (1 - STATIC_SHARE) * busy)
    return Power(nameplate, it, it * case.pue, np.minimum(load, it) * case.pue)


def gpus_under_cap(gpus: Any, it_kw_per_gpu: Any, pue: Any, cap_mw: Any) -> Array:
    """Give the GPUs that a site of `cap_mw` facility power can feed at full clock. [R]."""
    fed: Array = np.floor(np.minimum(gpus, np.asarray(cap_mw, dtype=np.float64) * 1e3 / (it_kw_per_gpu * pue)))
    return fed


def clock_at(share: Any) -> Array:
    """Give the clock, as a share of nameplate, at a share of nameplate power; 0 where static power exceeds it. [R]."""
    dynamic = np.clip((np.asarray(share, dtype=np.float64) - STATIC_SHARE) / (1 - STATIC_SHARE), 0, 1)
    clock: Array = dynamic ** (1 / CLOCK_EXPONENT)
    return clock
