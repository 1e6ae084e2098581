"""From steps to days: failures, restarts and checkpoints."""

from dataclasses import dataclass

import numpy as np

from market.cluster.case import Array, Case

HOURS_BETWEEN_INTERRUPTIONS = 50_700.0
"""GPU-hours an unexpected interruption. Llama 3 (arXiv:2407.21783, table 5): 419 in 54 days on 16,384 H100. Research
clusters saw 29,500 and 82,000, a 100,000-GPU report 83,000."""
EARLY_FAILURES = 0.6
EARLY_YEARS = 0.5
"""A new chip interrupts more: 1.6 times on its first day, fading over half a year. Assumption: burn-in of racks."""
CHECKPOINT_S = 12.0
"""Time that a checkpoint holds training up: asynchronous, sharded writes. Assumption within ByteRobust's and
MegaScale's (arXiv:2402.15627, section 4.4) seconds to tens of seconds."""
RECOVERY_S = 480.0
"""Detection, replacement from spares, restart and reload. MegaScale: under 10 minutes to detect and recover in over
90 % of cases (arXiv:2402.15627, section 6.3); a 100,000-GPU report of 80 % effective time implies 9 minutes."""
RECOVERY_YEAR = 2024.3
RECOVERY_HALVING_YEARS = 2.0
RECOVERY_S_LEAST = 120.0
"""From 2024 on recovery halves every two years, down to two minutes: hot spares, checkpoints in peers' memory, elastic
data ranks (ByteRobust, arXiv:2509.16293: 97 % effective on 9,600 GPUs). Assumption: the pace."""


@dataclass(slots=True)
class Goodput:
    """Failures of `R` rows [R]."""

    goodput: Array
    hours_between_interruptions: Array
    checkpoint_interval_s: Array


HARDWARE_SHARE = 0.2
"""Interruptions after which a part is replaced. Assumption: most of Llama 3's (table 5) end with a restart."""
REPAIR_HOURS = 24.0
"""Time until a replaced part works again. Assumption: a day, for a server or a rack."""
SERVER_GPUS, RACK_GPUS, RACK_DOMAIN = 8.0, 72.0, 64.0
"""What is taken out of service together: a server, or a rack where the scale-up domain is one (64 GPUs or more)."""


def out_of_service(domain: Array, at_hand: Array, gpus: Array) -> Array:
    """Give the share of a plan's GPUs that wait for repair beyond the spares at hand. All [R].

    Failed units = GPUs / time between interruptions x share that needs parts x repair time; a unit is a server, or a
    rack where the scale-up domain is one. GPUs that a plan leaves idle are its spares.
    """
    unit = np.where(domain >= RACK_DOMAIN, RACK_GPUS, SERVER_GPUS)
    down = gpus / HOURS_BETWEEN_INTERRUPTIONS * HARDWARE_SHARE * REPAIR_HOURS * unit
    spares = np.maximum(at_hand - gpus, 0)
    share: Array = np.minimum(np.maximum((down - spares) / gpus, 0), 0.5)
    return share


def goodput(case: Case, gpus: Array) -> Goodput:
    """Give the share of time that makes progress on `gpus` of a case's chip at its date. [R]."""
    found = goodput_at(gpus, case.year, case.chip_year)
    working = 1 - out_of_service(case.domain, case.gpus, gpus)
    return Goodput(found.goodput * working, found.hours_between_interruptions, found.checkpoint_interval_s)


def goodput_at(gpus: Array, year: Array, chip_year: Array) -> Goodput:
    """Give the share of time that makes progress. All [R].

    Interval by Young/Daly, tau = sqrt(2 t_ck M); ETTR = 1/((1 + t_ck/tau)(1 + (tau/2 + R)/M)) (Kokolis et al. 2024,
    arXiv:2410.21680, eq. 1). M is the cluster's mean time between interruptions.
    """
    age = np.maximum(year - chip_year, 0)
    hours = HOURS_BETWEEN_INTERRUPTIONS / (1 + EARLY_FAILURES * np.exp(-age / EARLY_YEARS))
    between_s = hours * 3600 / gpus
    interval = np.sqrt(2 * CHECKPOINT_S * between_s)
    halvings = np.maximum(year - RECOVERY_YEAR, 0) / RECOVERY_HALVING_YEARS
    recovery = np.maximum(RECOVERY_S * np.exp2(-halvings), RECOVERY_S_LEAST)
    lost = (1 + CHECKPOINT_S / interval) * (1 + (interval / 2 + recovery) / between_s)
    return Goodput(1 / lost, between_s / 3600, interval)
