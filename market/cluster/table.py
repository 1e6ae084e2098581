"""Large tables of cases by index: chips and models are looked up chunk by chunk, so that memory stays flat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster.case import Array, Case
from market.cluster.chips import CHIPS
from market.cluster.constants import Constants, fitted
from market.cluster.evaluate import CHUNK_ROWS, Answers, answer_chunk
from market.cluster.models import Model
from market.cluster.stack import DEFAULT_STACK, On, of_chip, software
from market.cluster.workload import CHIP_COLUMNS, MODEL_COLUMNS, chip_columns, model_columns, rate_table

Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Table:
    """`R` cases by index. Every plan column is [R]; scalars are shared by all rows."""

    models: Sequence[Model]
    chip: Index  # [R] position in CHIP_NAMES
    model: Index  # [R] position in models
    precision: Index  # [R] 0 BF16, 1 FP8, 2 FP4
    gpus: Array
    year: Array
    tp: Array
    pp: Array
    vp: Array
    dp: Array
    ep: Array
    cp: Array
    microbatch: Array
    zero: Array
    recompute: Array
    offload: Array
    price_usd_per_gpu_hour: Array | float = 2.0
    pue: Array | float = 1.2


PLAN_COLUMNS = ("gpus", "year", "tp", "pp", "vp", "dp", "ep", "cp", "microbatch", "zero", "recompute", "offload",
                "price_usd_per_gpu_hour", "pue")  # fmt: skip


def chunks(table: Table, k: Constants) -> Iterator[tuple[slice, Case]]:
    """Yield the cases of a table, chunk by chunk."""
    gemm, peak = rate_table(k)
    by_chip = np.array([[chip_columns(c, k)[n] for n in CHIP_COLUMNS] for c in CHIPS.values()]).T.copy()
    by_model = np.array([[model_columns(m)[n] for n in MODEL_COLUMNS] for m in table.models]).T.copy()
    by_stack = np.array([of_chip(c) for c in CHIPS.values()]).T.copy()
    rows = len(table.chip)
    for start in range(0, rows, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, rows))
        chip, model, precision = table.chip[part], table.model[part], table.precision[part]
        columns: dict[str, Any] = {n: c.take(chip) for n, c in zip(CHIP_COLUMNS, by_chip, strict=True)}
        columns |= {n: c.take(model) for n, c in zip(MODEL_COLUMNS, by_model, strict=True)}
        for name in PLAN_COLUMNS:
            value = getattr(table, name)
            columns[name] = value[part] if np.ndim(value) else value
        of = tuple(by_stack[:, chip])
        gated, mixture = columns["mlp_matrices"] > 2, columns["experts"] > 0
        on = On(DEFAULT_STACK, of, gated, mixture, columns["seq_len"], columns["zero"])
        flags = software(columns["year"], on)
        columns |= {n: np.asarray(v, dtype=np.float64) for n, v in flags.items()}
        columns |= {
            "gemm_flop_per_s": gemm[chip, precision], "bf16_gemm_flop_per_s": gemm[chip, 0],
            "nameplate_flop_per_s": peak[chip, precision],
            "blocks": 0.0, "sites_s": 0.0, "powered": columns["gpus"],
            "low_precision": (gemm[chip, precision] > gemm[chip, 0]).astype(np.float64),
        }  # fmt: skip
        yield part, Case(**columns)


def evaluate_table(table: Table, constants: Constants | None = None) -> Iterator[tuple[slice, Answers]]:
    """Yield the full answers of a table, chunk by chunk."""
    k = constants or fitted()
    for part, case in chunks(table, k):
        yield part, answer_chunk(case, k)
