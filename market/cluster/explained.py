"""What a grid says of each row: plan, speed, memory, power, cost, what binds, where time goes, how sure it is."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster.answer import plan_fields
from market.cluster.case import Case
from market.cluster.constants import Constants
from market.cluster.evaluate import Answers
from market.cluster.losses import error_band, losses, what_binds
from market.cluster.rows import Row
from market.cluster.tables import ClusterError
from market.cluster.weekly import plan_text

GRID_ANSWERS = {
    "tokens_per_s_per_gpu_predicted": ("tokens_per_s_per_gpu", 1.0),
    "tflops_per_gpu_predicted": ("flop_per_s_per_gpu", 1e-12),
    "mfu_predicted": ("mfu", 1.0),
    "mfu_causal_predicted": ("mfu_causal", 1.0),
    "fits": ("fits", 1.0),
    "goodput": ("goodput", 1.0),
    "days_predicted": ("days", 1.0),
    "gpus_used": ("gpus_used", 1.0),
    "memory_gb": ("memory_bytes", 1e-9),
    "power_mw": ("facility_mw", 1.0),
    "energy_gwh": ("energy_gwh", 1.0),
    "cost_usd": ("cost_usd", 1.0),
    "loss": ("loss", 1.0),
}
"""Columns of an answered grid, the field of `Answers` behind each, and its scale."""


def columns_of_answers(
    rows: Sequence[Row | ClusterError], good: npt.NDArray[np.int64], case: Case, answers: Answers, k: Constants
) -> dict[str, list[Any]]:
    """Give the answer columns of a grid, None for rows that were not answered.

    `step_s` is of the batch that was asked for: a searched plan may run a batch that differs by a few percent.
    """
    out: dict[str, list[Any]] = {n: [None] * len(rows) for n in ("step_s", *GRID_ANSWERS, *EXPLAINED)}
    for j, i in enumerate(good.tolist()):
        row = rows[i]
        if isinstance(row, ClusterError):
            continue
        one = case.at(slice(j, j + 1))
        a = {f.name: float(getattr(answers, f.name)[j]) for f in dataclasses.fields(Answers)}
        batch = float(np.ravel(one.batch_seqs)[0])
        out["step_s"][i] = a["step_s"] * row.model.batch_seqs / batch
        for name, (field, scale) in GRID_ANSWERS.items():
            out[name][i] = None if np.isnan(a[field]) else a[field] * scale
        out["fits"][i] = bool(a["fits"])
        out["plan"][i] = plan_text(plan_fields(one, 0, row.precision))
        out["binds"][i] = what_binds(False, row.gpus, a) if a["fits"] else "memory"
        out["model_name"][i], out["params_total_counted"][i] = row.model.name, row.model.params_total
        out["params_active_counted"][i] = row.model.params_active
        out["error_p90"][i] = error_band(row.chip, row.model)["p90"]
        for name, share in losses(one, k).items():
            out.setdefault(f"lost_{name}", [None] * len(rows))[i] = share
    return out


EXPLAINED = ("plan", "binds", "model_name", "params_total_counted", "params_active_counted", "error_p90")
