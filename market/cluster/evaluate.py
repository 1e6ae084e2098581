"""The full answer for every row: step, memory, run, power, cost and loss."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from market.cluster import scaling, work
from market.cluster.case import Array, Case
from market.cluster.constants import Constants, fitted
from market.cluster.goodput import goodput
from market.cluster.memory import memory
from market.cluster.power import power
from market.cluster.step import params_per_gpu, step

CHUNK_ROWS = 8192
"""Rows at a time: 64 KiB an array, so that a chunk's working set stays in the second-level cache."""


@dataclass(slots=True)
class Answers:
    """What the core says of `R` rows [R]. Rates, MFU, power and cost are of all GPUs at hand, used or not."""

    step_s: Array
    mfu: Array  # PaLM's convention (attention in full), of the dense nameplate at the row's precision
    mfu_causal: Array  # the same, attention counted as the mask leaves it
    gpus_used: Array
    tokens_per_s_per_gpu: Array
    flop_per_s_per_gpu: Array  # model FLOPs
    compute_s: Array
    tensor_s: Array
    expert_s: Array
    bubble_s: Array
    data_s: Array
    optimizer_s: Array
    memory_bytes: Array
    fits: Array  # 1 or 0
    goodput: Array
    days: Array
    nameplate_mw: Array
    it_mw: Array
    facility_mw: Array
    mean_mw: Array
    energy_gwh: Array
    cost_usd: Array
    loss: Array
    flop: Array


def answer_chunk(case: Case, k: Constants) -> Answers:
    """Answer one chunk of rows (or one row, or rows that share scalars)."""
    size = work.sizes(case)
    params_held = params_per_gpu(case, size)
    timed = step(case, size, params_held, k)
    held = memory(case, size, params_held)
    used = case.used()
    batch_tokens = case.batch_seqs * case.seq_len
    flop_per_token = work.model_flop_per_token(case, size)
    rate = batch_tokens / (timed.step_s * case.gpus)
    flop_rate = rate * flop_per_token
    run = goodput(case, used)
    drawn = power(case, used, run.goodput)
    hours = case.train_tokens / batch_tokens * timed.step_s / run.goodput / 3600
    return Answers(
        step_s=timed.step_s,
        mfu=flop_rate / case.nameplate_flop_per_s,
        mfu_causal=rate * work.causal_flop_per_token(case, size) / case.nameplate_flop_per_s,
        gpus_used=used,
        tokens_per_s_per_gpu=rate,
        flop_per_s_per_gpu=flop_rate,
        compute_s=timed.compute_s,
        tensor_s=timed.tensor_s,
        expert_s=timed.expert_s,
        bubble_s=timed.bubble_s,
        data_s=timed.data_s,
        optimizer_s=timed.optimizer_s,
        memory_bytes=held.total,
        fits=held.fits,
        goodput=run.goodput,
        days=hours / 24,
        nameplate_mw=drawn.nameplate_mw,
        it_mw=drawn.it_mw,
        facility_mw=drawn.facility_mw,
        mean_mw=drawn.mean_mw,
        energy_gwh=drawn.mean_mw * hours / 1e3,
        cost_usd=case.price_usd_per_gpu_hour * case.gpus * hours,
        loss=scaling.loss(size.active(case), case.train_tokens),
        flop=case.train_tokens * flop_per_token,
    )


def evaluate_chunks(case: Case, constants: Constants | None = None) -> Iterator[tuple[slice, Answers]]:
    """Yield answers chunk by chunk: memory does not grow with the rows."""
    k = constants or fitted()
    rows = case.rows()
    for start in range(0, rows, CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, rows))
        yield part, answer_chunk(case.at(part), k)


def evaluate(case: Case, constants: Constants | None = None) -> Answers:
    """Answer all rows of a case. [R]."""
    rows = case.rows()
    out = Answers(**{f.name: np.empty(rows) for f in fields(Answers)})
    for part, answers in evaluate_chunks(case, constants):
        for f in fields(Answers):
            getattr(out, f.name)[part] = getattr(answers, f.name)
    return out
