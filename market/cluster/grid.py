"""Many cases at once: a plan given is evaluated as given, what is left out is searched, a bad row names its fault."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster import work
from market.cluster.answer import owned_usd_per_gpu_hour
from market.cluster.case import FIELDS, Case
from market.cluster.constants import Constants, fitted
from market.cluster.evaluate import Answers, evaluate
from market.cluster.explained import EXPLAINED, GRID_ANSWERS, columns_of_answers
from market.cluster.memory import activation_levels, recompute_within, rooms
from market.cluster.parallelism import interleaves
from market.cluster.power import clock_at
from market.cluster.rows import Row, read_row
from market.cluster.search import search
from market.cluster.stack import run_on, software
from market.cluster.step import params_per_gpu
from market.cluster.tables import ClusterError
from market.cluster.workload import base_case

PLAN_FIELDS = ("tp", "pp", "vp", "dp", "ep", "cp", "microbatch", "zero", "recompute", "offload", "batch_seqs")


@dataclass(frozen=True, slots=True)
class Choices:
    """Candidate plans of many rows, flat: candidate i belongs to row `row[i]`; `why_not[r]` is "" for a good row."""

    case: Case | None
    row: npt.NDArray[np.int64]
    why_not: list[str]


def row_case(row: Row, k: Constants) -> Case:
    """Build the one-row case of what a row says, its plan left at one GPU."""
    price = row.price_usd_per_gpu_hour
    special = {"out_bytes_per_s": row.scaleout_bytes_per_s * k.out_efficiency} if row.scaleout_bytes_per_s else {}
    case = base_case(
        row.chip, row.model, precision=row.precision, year=row.year, stack=row.stack, gpus=row.gpus, powered=row.gpus,
        constants=k,
        blocks=row.blocks, pue=row.pue,
        price_usd_per_gpu_hour=owned_usd_per_gpu_hour(row.chip, row.pue) if price is None else price,
        **special,
    )  # fmt: skip
    on = run_on(row.chip, row.model, row.stack, zero=float(row.zero or 0), fp16=float(row.fp16),
                sequence_parallel=float(row.sequence_parallel))  # fmt: skip
    case = case.having(**{n: np.asarray(v, dtype=float) for n, v in software(row.year, on).items()})
    return limited(case, row.power_limit_w) if row.power_limit_w else case


def limited(case: Case, power_limit_w: float) -> Case:
    """Slow the clocks of a case to what a power limit a chip allows."""
    clock = float(clock_at(np.minimum(power_limit_w / case.tdp_w, 1.0)))
    return case.having(
        tdp_w=np.minimum(power_limit_w, case.tdp_w),
        gemm_flop_per_s=case.gemm_flop_per_s * clock, bf16_gemm_flop_per_s=case.bf16_gemm_flop_per_s * clock,
    )  # fmt: skip


USUAL_MICROBATCHES = (1, 2, 4, 8, 16, 32)
"""What a row that states none may have used."""


def microbatches(batch: float) -> tuple[int, ...]:
    """List the microbatches of a rank's share of the batch: its divisors, or all no larger if it is no integer."""
    return tuple(b for b in USUAL_MICROBATCHES if b <= batch and (batch % b == 0 or batch != int(batch)))


def check_plan(row: Row, batch: float) -> None:
    """Refuse a plan that the model cannot be cut into."""
    f, m = row.fixed, row.model
    limits = (
        ("mbs", f.microbatch, batch, "the sequences of a data rank"),
        ("PP", f.pp, m.layers, "the layers"),
        ("VP", f.vp, np.ceil(m.layers / (f.pp or 1)), "the layers of a stage"),
        ("TP", f.tp, m.hidden, "the hidden width"),
        ("EP", f.ep, min(max(m.experts, 1), row.gpus), "the experts and the GPUs"),
    )
    for name, value, most, what in limits:
        if value and value > most:
            raise ClusterError(f"{name}: must not exceed {what} ({most:g}), was {value}")


def stated(row: Row) -> list[tuple[float, ...]]:
    """List the candidates of a row whose tp, pp and dp are given: what is left of interleave, microbatch, memory."""
    f = row.fixed
    if not (f.tp and f.pp and f.dp):
        raise ClusterError("plan: needs TP, PP and DP")
    batch = row.model.batch_seqs / f.dp
    if batch < 1:
        raise ClusterError(f"DP: must not exceed the batch of {row.model.batch_seqs:g} sequences, was {f.dp}")
    check_plan(row, batch)
    chunks = (f.vp,) if f.vp else interleaves(int(row.model.layers), f.pp)
    sizes = (f.microbatch,) if f.microbatch else microbatches(batch)
    level = np.nan if row.recompute is None else row.recompute
    stages = (row.zero or 0,) if row.zero_stated or f.pp > 1 else (row.zero or 0, 3)
    ep, cp = f.ep or 1, f.cp or 1
    whole = row.model.batch_seqs
    return [(f.tp, f.pp, v, f.dp, ep, cp, b, z, level, 0, whole) for v in chunks for b in sizes for z in stages]


@functools.lru_cache(4096)
def searched(row: Row, k: Constants) -> tuple[float, ...]:
    """Find the best plan of a row that gives none (or part of one)."""
    found = search(row_case(row, k), row.model, row.gpus, k, row.fixed)
    if not np.size(found.order):
        raise ClusterError(f"no plan: {found.binds} binds for {row.model.name} on {row.gpus:g} {row.chip.name}")
    best = found.case
    return tuple(float(np.atleast_1d(getattr(best, n))[0]) for n in PLAN_FIELDS)


def choices(rows: Sequence[Row | ClusterError], k: Constants) -> Choices:
    """Spread rows over their candidate plans."""
    base_names = [n for n in FIELDS if n not in PLAN_FIELDS]
    base: list[list[float]] = []
    repeats: list[int] = []
    candidates: list[tuple[float, ...]] = []
    good: list[int] = []
    why_not = [""] * len(rows)
    for i, row in enumerate(rows):
        try:
            if isinstance(row, ClusterError):
                raise row
            options = stated(row) if row.fixed.tp and row.fixed.pp and row.fixed.dp else [searched(row, k)]
        except ClusterError as fault:
            why_not[i] = f"row {i}: {fault}"
            continue
        case = row_case(row, k)
        base.append([float(getattr(case, n)) for n in base_names])
        repeats.append(len(options))
        candidates += options
        good.append(i)
    if not good:
        return Choices(None, np.empty(0, dtype=np.int64), why_not)
    wide = np.repeat(np.array(base).T, repeats, axis=1)
    plan = np.array(candidates, dtype=np.float64).T
    columns = dict(zip(base_names, wide, strict=True)) | dict(zip(PLAN_FIELDS, plan, strict=True))
    return Choices(with_recompute(Case(**columns)), np.repeat(np.array(good, dtype=np.int64), repeats), why_not)


def with_recompute(case: Case) -> Case:
    """Fill recomputation that is not stated (NaN) with the least that fits.

    A plan that does not fit was run all the same: with a smaller optimizer (16-bit moments, or offloaded), and with the
    least recomputation that then fits, or in full.
    """
    size = work.sizes(case)
    levels = activation_levels(case, size)
    room, offloaded = rooms(case, size, params_per_gpu(case, size))
    least = recompute_within(np.where(case.offload > 0, offloaded, room), levels)
    lean = recompute_within(offloaded, levels)
    least = np.where(np.isfinite(least), least, np.where(np.isfinite(lean), lean, 2.0))
    filled = np.where(np.isnan(case.recompute), least, case.recompute)
    return case.having(recompute=filled)


def best_of(chosen: Choices, answers: Answers) -> npt.NDArray[np.int64]:
    """Pick each row's fastest candidate that fits, or its smallest when none does. Returns positions in the case."""
    fits = answers.fits > 0
    rank = np.where(fits, answers.step_s / answers.goodput, answers.memory_bytes)
    order = np.lexsort((rank, ~fits, chosen.row))
    _, first = np.unique(chosen.row[order], return_index=True)
    return np.asarray(order[first], dtype=np.int64)


def read_rows(table: Sequence[Mapping[str, Any]]) -> list[Row | ClusterError]:
    """Read every row; a row that cannot be read becomes its error."""
    rows: list[Row | ClusterError] = []
    for record in table:
        try:
            rows.append(read_row(record))
        except ClusterError as fault:
            rows.append(fault)
    return rows


def answer_rows(rows: Sequence[Row | ClusterError], k: Constants | None = None) -> tuple[Choices, Case | None, Any]:
    """Answer rows: the choices, the chosen plan's case and its answers (both over `np.unique(choices.row)`)."""
    chosen = choices(rows, k or fitted())
    if chosen.case is None:
        return chosen, None, None
    answers = evaluate(chosen.case, k)
    best = best_of(chosen, answers)
    picked = {f.name: getattr(answers, f.name)[best] for f in dataclasses.fields(Answers)}
    return chosen, chosen.case.at(best), Answers(**picked)


def answer_grid(columns: Mapping[str, Sequence[Any]], k: Constants | None = None) -> dict[str, list[Any]]:
    """Answer a table of cases, column by column.

    Parameters
    ----------
    columns : any of the columns of `catalogue/observed/training_runs.csv` that define a case (`gpu_type`, `gpu_count`,
        `model` or a shape, `TP`, `PP`, ...); all of one length. A plan given is evaluated as given.

    Returns
    -------
    the same columns plus `step_s` (of the batch asked for), `tokens_per_s_per_gpu_predicted`,
    `tflops_per_gpu_predicted` (model FLOPs, full attention), `mfu_predicted`, `mfu_causal_predicted`, `fits`,
    `goodput`, `days_predicted`, `gpus_used`, `plan`, `memory_gb`, `binds`, `power_mw`, `energy_gwh`, `cost_usd`,
    `loss`, the model that was read and its parameters, `error_p90`, a `lost_` column for every loss, and `why_not`
    ("" for a row that was answered).
    A row that cannot be answered has None in them, and its fault in `why_not`; a plan that is given and does not fit is
    timed all the same, with `fits` false and the memory it lacks in `why_not`.
    """
    names = list(columns)
    lengths = {n: len(columns[n]) for n in names}
    rows = max(lengths.values(), default=0)
    if len(set(lengths.values())) > 1:
        raise ClusterError(f"grid: all columns must have one length, were {lengths}")
    table = [{n: columns[n][i] for n in names} for i in range(rows)]
    k = k or fitted()
    read = read_rows(table)
    chosen, case, answers = answer_rows(read, k)
    out: dict[str, list[Any]] = {n: list(columns[n]) for n in names}
    why_not = list(chosen.why_not)
    if answers is None or case is None:
        return out | {n: [None] * rows for n in ("step_s", *GRID_ANSWERS, *EXPLAINED)} | {"why_not": why_not}
    good = np.unique(chosen.row)
    out |= columns_of_answers(read, good, case, answers, k)
    for i, fits, need, has in zip(good.tolist(), answers.fits, answers.memory_bytes, case.hbm_bytes, strict=True):
        if not fits:
            why_not[i] = f"row {i}: memory: needs {need / 1e9:.1f} GB a GPU, has {has / 1e9:.1f}"
    return out | {"why_not": why_not}
