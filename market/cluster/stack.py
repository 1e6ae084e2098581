"""What the software of a run does: framework, release, graphs, dispatcher, grouped products, attention kernel.

Each is a column of a case. What is not said follows from the framework, the kind of chip and the date. Dates are those
at which a feature had reached the large stacks, from their release notes; they are engineering constants, not fitted.
"""

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster.cells import number, text
from market.cluster.chips import Chip
from market.cluster.models import Model
from market.cluster.tables import ClusterError

FUSED_ATTENTION_YEAR = 2022.9
"""FlashAttention (arXiv:2205.14135) had reached the large training stacks by the end of 2022."""
SEQUENCE_PARALLEL_YEAR = 2022.5
"""Korthikanti et al. 2022 (arXiv:2205.05198) is in Megatron-LM from mid-2022."""
OVERLAP_YEAR = 2023.6
"""Gradient, weight and tensor-parallel overlap in Megatron-Core and Transformer Engine: second half of 2023."""
HIERARCHICAL_ZERO3_YEAR = 2022.0
"""ZeRO-3 of 2021 gathered at the rate of one NIC a GPU: its rows time 16-18 GB/s (arXiv:2104.04473, table 2)."""
GRAPHS_YEAR = 2025.0
"""CUDA graphs of whole layers in Megatron-Core and NeMo recipes for dense models: from the 25.01 containers on."""
MIXTURE_GRAPHS_RACK_YEAR = 2025.7
"""The same for mixtures (routing without a host synchronisation) on racks of one scale-up domain (HybridEP): from the
25.09 releases on. Dispatchers between servers (DeepEP) wait for the host: no release made mixtures on servers of eight
faster by capturing them (26.02 and 26.04 print the same times for the same plans)."""
FUSED_EXPERTS_YEAR = 2026.4
"""Products of experts fused with activation, permutation and casts to 8 bits, for gated experts on Blackwell racks:
from the 26.06 releases on."""
RACK_GPUS = 32
BLACKWELL_VOLUME_YEAR = 2025.0
DISPATCHER_YEAR = 2025.4
"""Fused dispatchers (DeepEP, HybridEP) in Megatron-Core: from spring 2025 on."""
COMPILED_VENDORS = frozenset({"Google", "AWS"})
"""XLA and Neuron compile a step into one program."""

FRAMEWORKS: tuple[tuple[str, str], ...] = (
    (r"automodel", "automodel"), (r"torchtitan|llm.?foundry|mosaic|composer|fsdp", "fsdp"),
    (r"maxtext|tpu-recipes|\bpax\b|axlearn|jax", "xla"), (r"\bnxd\b|neuron", "neuron"),
    (r"mlperf", "mlperf"), (r"megatron|nemo|primus", "megatron"), (r"deepspeed|zero", "deepspeed"),
)  # fmt: skip
"""Names of software as titles print them, and the kind of framework."""
DISPATCHERS = {"": None, "alltoall": 0.0, "allgather": 0.0, "deepep": 1.0, "hybridep": 1.0, "flex": 1.0, "fused": 1.0}
KERNELS = {"": None, "unfused": 0.0, "flash": 1.0, "flash2": 1.0, "flash3": 1.0, "cudnn": 1.0, "fused": 1.0}
OLDER_STACKS = {"megatron-lm": 2022.8}
"""Software named in a row's title that lacks what its contemporaries had: Megatron-LM before Megatron-Core neither
overlaps collectives nor fuses attention by default (MegaScale, arXiv:2402.15627, table 3, baseline)."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Software of one run; None takes the default of framework and date."""

    framework: str = ""
    graphs: float | None = None  # share of kernels that are launched from graphs
    dispatcher: float | None = None  # 1 where expert exchange is fused and overlapped
    grouped: float | None = None  # 1 where the products of all experts are one kernel, 2 where all around them is too
    fused_attention: float | None = None


def read_stack(row: Mapping[str, Any]) -> Stack:
    """Read the columns of the software; the framework may be in the title or the source."""
    said = text(row, "framework").lower()
    titles = f"{said} {text(row, 'name')}".lower()
    found = next((kind for pattern, kind in FRAMEWORKS if re.search(pattern, titles)), "")
    if said and not found:
        known = "megatron, nemo, mlperf, torchtitan, fsdp, maxtext, jax, nxd or deepspeed"
        raise ClusterError(f"framework: must name {known}, was {said[:40]!r}")
    return Stack(
        found, number(row, "cuda_graphs", 0, 1), _choice(row, "dispatcher", DISPATCHERS),
        number(row, "grouped_gemm", 0, 2), _choice(row, "attention_kernel", KERNELS),
    )  # fmt: skip


def _choice(row: Mapping[str, Any], name: str, known: Mapping[str, float | None]) -> float | None:
    said = "".join(c for c in text(row, name).lower() if c.isalnum())
    if said not in known:
        raise ClusterError(f"{name}: must be one of {', '.join(k for k in known if k)}, was {said[:40]!r}")
    return known[said]


DEFAULT_STACK = Stack()
NEVER = math.inf


@dataclass(frozen=True, slots=True)
class On:
    """What the software's defaults depend on beside the date; scalars or arrays [R]."""

    stack: Stack = DEFAULT_STACK
    chip: Any = (0.0, NEVER, NEVER)  # what `of_chip` says, each a scalar or [R]
    gated: Any = 1.0
    mixture: Any = 0.0
    seq_len: Any = 2048.0
    zero: Any = 1.0
    fp16: Any = 0.0
    sequence_parallel: Any = 0.0


def run_on(c: Chip, m: Model, stack: Stack = DEFAULT_STACK, **more: float) -> On:
    """Gather what the defaults of one run depend on."""
    compiled, graphs, fused = of_chip(c)
    compiled = float(stack.framework in ("xla", "neuron")) if stack.framework else compiled
    return On(stack, (compiled, graphs, fused), float(m.mlp_matrices > 2), float(m.experts > 0), m.seq_len, **more)


def of_chip(c: Chip) -> tuple[float, float, float]:
    """Give what a chip brings: 1 if its compiler makes one program of a step; years of graphs and of fused experts."""
    if c.vendor != "NVIDIA" or c.volume_year < BLACKWELL_VOLUME_YEAR:
        return float(c.vendor in COMPILED_VENDORS), NEVER, NEVER
    rack = c.scaleup_domain_gpus >= RACK_GPUS
    return 0.0, MIXTURE_GRAPHS_RACK_YEAR if rack else NEVER, FUSED_EXPERTS_YEAR if rack else NEVER


def software(year: Any, on: On) -> dict[str, Any]:
    """Give the columns of a case that the software decides, from what is said and the defaults of its date. [R].

    FP16 recipes are taken to be of the generation before fused attention and overlap (assumption: all published FP16
    rows are); sequences of 8,192 and more are taken to be trained with fused attention at any date (assumption: their
    scores would not fit).
    """
    year, s = np.asarray(year, dtype=np.float64), on.stack
    modern, usual = 1.0 - np.asarray(on.fp16), s.framework in ("megatron", "mlperf", "")
    compiled, graphs_year, fused_year = on.chip
    since = np.where(np.asarray(on.mixture) > 0, graphs_year, GRAPHS_YEAR)
    graphs = np.maximum((year >= since) * usual, s.framework == "mlperf")
    grouped = (year >= DISPATCHER_YEAR) + 1.0 * (year >= fused_year) * on.gated * usual
    fused_exchange = (year >= DISPATCHER_YEAR) * (usual or s.framework == "automodel")
    attention = np.maximum((year >= FUSED_ATTENTION_YEAR) * modern, np.asarray(on.seq_len) >= 8192)
    return {
        "fused_attention": attention if s.fused_attention is None else s.fused_attention,
        "sequence_parallel": np.maximum((year >= SEQUENCE_PARALLEL_YEAR) * modern, on.sequence_parallel),
        "overlap": (year >= OVERLAP_YEAR) * modern,
        "flat_collectives": (np.asarray(on.zero) >= 3) * (year < HIERARCHICAL_ZERO3_YEAR) * 1.0,
        "graphs": np.maximum(graphs, compiled) if s.graphs is None else s.graphs,
        "dispatcher": np.maximum(fused_exchange, compiled) if s.dispatcher is None else s.dispatcher,
        "grouped": np.maximum(grouped, compiled) if s.grouped is None else s.grouped,
    }


def software_columns(year: float, on: On) -> dict[str, float]:
    """Give the columns of one case that the software decides."""
    return {name: float(value) for name, value in software(year, on).items()}


CHANGES = (SEQUENCE_PARALLEL_YEAR, FUSED_ATTENTION_YEAR, OVERLAP_YEAR, GRAPHS_YEAR, DISPATCHER_YEAR,
           MIXTURE_GRAPHS_RACK_YEAR, FUSED_EXPERTS_YEAR)  # fmt: skip
EARLIEST, OPEN_YEARS = 2020.0, 3.0


@functools.lru_cache(4096)
def periods(on: On) -> tuple[tuple[float, float], ...]:
    """List the periods in which the default software of a run stays the same, first to last.

    The last is open: it is given `OPEN_YEARS`.
    """
    states = [(year, software_columns(year, on)) for year in (EARLIEST, *CHANGES)]
    starts = [year for i, (year, state) in enumerate(states) if not i or state != states[i - 1][1]]
    return tuple(zip(starts, [*starts[1:], starts[-1] + OPEN_YEARS], strict=True))
