"""From compute to days, loss and capability."""

from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster.tables import ClusterError
from market.units import SECONDS_PER_DAY

Array = npt.NDArray[np.float64]

# Chinchilla fit, corrected: Besiroglu et al. 2024, arXiv:2404.10102, table 1.
LOSS_FLOOR, LOSS_A, LOSS_B, LOSS_ALPHA, LOSS_BETA = 1.8172, 482.01, 2085.43, 0.3478, 0.3658
LOSS_DOMAIN_PARAMS = (5.7e7, 1.6e10)
"""Sizes that the loss was fitted on (same source, figure 1); beyond them it is an extrapolation."""

# Capability index against compute and date: fit over 68 models, R2 0.90, released with the project's design notes.
CAPABILITY_AT_ONE_FLOP, CAPABILITY_PER_DECADE, CAPABILITY_PER_YEAR = -6.62, 0.311, 0.375
CAPABILITY_YEAR_ZERO = 2023.1506  # 2023-02-24

DATA_MOVEMENT_FLOP = 2e28
"""Beyond about this size a three-month run is held back by moving data: Erdil and Schneider-Joseph 2024,
arXiv:2411.01137 (H100-class links; 2e28 to 3e31 by their reckoning, the lower end taken)."""


def _check(name: str, values: Any, low_open: float, high: float) -> Array:
    array = np.asarray(values, dtype=np.float64)
    bad = ~((array > low_open) & (array <= high))
    if np.any(bad):
        first = int(np.argmax(np.atleast_1d(bad)))
        raise ClusterError(
            f"{name}: must lie in ({low_open:g}, {high:g}], was {np.atleast_1d(array)[first]!r} in row {first}"
        )
    return array


def training_days(flop: Any, gpus: Any, peak_flop_per_s: Any, mfu: Any, goodput: Any = 1.0) -> Array:
    """Tell how long a training run takes. `C` clusters; arrays in, arrays out.

    MFU follows PaLM (arXiv:2204.02311, app. B): model FLOPs only, recomputation excluded.

    Parameters
    ----------
    flop : [C] model FLOPs of the whole run
    gpus : [C] GPUs that train
    peak_flop_per_s : [C] dense nameplate FLOP/s of one GPU, at the precision that `mfu` refers to
    mfu, goodput : [C] fractions in (0, 1]

    Returns
    -------
    days : [C]
    """
    rate = _check("gpus", gpus, 0, 1e12) * _check("peak_flop_per_s", peak_flop_per_s, 0, 1e21)
    useful = _check("mfu", mfu, 0, 1) * _check("goodput", goodput, 0, 1)
    days: Array = np.asarray(_check("flop", flop, 0, 1e40) / (rate * useful) / SECONDS_PER_DAY)
    return days


def loss(params: Any, tokens: Any) -> Array:
    """Give pre-training loss (nats a token) of a dense model. `C` runs: params [C], tokens [C] -> [C]."""
    n, d = np.asarray(params, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    value: Array = np.asarray(LOSS_FLOOR + LOSS_A * n**-LOSS_ALPHA + LOSS_B * d**-LOSS_BETA)
    return value


def capability(flop: Any, year: Any) -> Array:
    """Give the capability index of a model trained with `flop` [C] and released in decimal `year` [C] -> [C]."""
    decades = np.log10(np.asarray(flop, dtype=np.float64))
    years = np.asarray(year, dtype=np.float64) - CAPABILITY_YEAR_ZERO
    value: Array = np.asarray(CAPABILITY_AT_ONE_FLOP + CAPABILITY_PER_DECADE * decades + CAPABILITY_PER_YEAR * years)
    return value
