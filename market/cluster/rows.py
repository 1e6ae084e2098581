"""Read a case as it is published (text fields, many left out) into a chip, a model, a date and a plan."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market.cluster.case import BF16, FP4, FP8, FULL, NONE, SELECTIVE
from market.cluster.cells import columns, number, text, whole
from market.cluster.chips import Chip, chip, decimal_year
from market.cluster.models import Model
from market.cluster.parallelism import Fixed
from market.cluster.shapes import read_model
from market.cluster.stack import OLDER_STACKS, Stack, read_stack
from market.cluster.tables import ClusterError
from market.cluster.workload import check_precision

BLOCK_SCALED = ("mx", "nv")
"""Words that a print of a block-scaled precision has: `mxfp8`, `fp8-mx`, `nvfp4`."""
LARGEST_GPUS = 1e9
RELEASE = re.compile(r"\b(2\d)\.(0[1-9]|1[0-2])\b")
"""A release number YY.MM in a row's name dates its software."""
MLPERF = re.compile(r"MLPerf v(\d)\.([01])\b")
MLPERF_3_0 = 2023.3
"""MLPerf Training rounds come out every June and November; their software is frozen a month or two earlier."""
ZERO_1_YEAR = 2023.0
"""From this year a plan that names no ZeRO stage is taken to shard its optimizer (Megatron's distributed optimizer)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case, read. What is None is left to the search."""

    chip: Chip
    model: Model
    gpus: float
    precision: int
    fp16: bool
    year: float
    fixed: Fixed
    recompute: int | None
    zero: int | None
    zero_stated: bool
    sequence_parallel: bool
    scaleout_bytes_per_s: float | None
    power_limit_w: float | None
    stack: Stack
    blocks: float
    price_usd_per_gpu_hour: float | None
    pue: float


def read_precision(text: str) -> tuple[int, bool]:
    """Read a precision as printed (`mxfp8`, `amp_bf16`, `fp8-cs (fp8-mx)`, `nvfp4`); second: FP16 or not."""
    name = text.lower()
    if "fp4" in name:
        return FP4, False
    if "fp8" in name or "float8" in name:
        return FP8, False
    if name in ("", "bf16", "amp_bf16", "fp16", "bfloat16", "float16", "fp32"):
        return BF16, "16" in name and not name.replace("amp_", "").startswith("b")
    raise ClusterError(f"precision: must be bf16, fp16, fp8 or fp4 in some spelling, was {text[:40]!r}")


def read_year(row: Mapping[str, Any]) -> float | None:
    """Read the date of the software: `date`, a release number in `name`, or the middle of `year`."""
    if date := text(row, "date"):
        try:
            return decimal_year(date[:10])
        except ValueError:
            raise ClusterError(f"date: must be YYYY-MM-DD, was {date[:40]!r}") from None
    title = text(row, "name")
    year = number(row, "year", 2010, 2100)
    if round_ := MLPERF.search(title):
        return MLPERF_3_0 + int(round_[1]) - 3 + 0.5 * int(round_[2])
    release = RELEASE.search(title)
    if release and (year is None or abs(2000 + int(release[1]) - year) <= 1):
        return 2000 + int(release[1]) + (int(release[2]) - 0.5) / 12
    return None if year is None else year + 0.5


def read_recompute(text: str) -> int | None:
    """Read a recomputation policy as printed; None where it is not stated."""
    name = text.lower()
    if "mostly" in name:
        return None
    for word, level in (("full", FULL), ("selective", SELECTIVE), ("none", NONE)):
        if name.startswith(word):
            return level
    return None


def read_zero(text: str, year: float, fp16: bool) -> int | None:
    """Read a ZeRO stage as printed; unstated, the optimizer is sharded from 2023 on."""
    name = text.lower()
    if "3" in name.replace("fsdp3", "") and "zero" in name:
        return 3
    if "zero" in name:
        found = re.search(r"zero-?(\d)", name)
        return int(found[1]) if found and int(found[1]) <= 3 else 1
    if "fsdp" in name:
        return 3
    return 1 if year >= ZERO_1_YEAR and not fp16 else 0


def _link_rate(row: Mapping[str, Any]) -> float | None:
    """Read a scale-out rate that differs from the chip's usual one: a column, or "(=100 Gb/s per GPU)" in the notes."""
    noted = re.search(r"=\s?(\d+) Gb/s per GPU", text(row, "notes"))
    rate = number(row, "scaleout_gbps_per_gpu", 0.1, 1e6) or (float(noted[1]) if noted else None)
    return None if rate is None else rate * 1e9 / 8


def _power_limit(row: Mapping[str, Any]) -> float | None:
    """Read a power limit a chip: a column, or "500W power limit" in the notes."""
    noted = re.search(r"(\d+)\s?W power limit", text(row, "notes"))
    return number(row, "power_limit_w", 50, 1e5) or (float(noted[1]) if noted else None)


def read_row(row: Mapping[str, Any]) -> Row:
    """Read one case; a `ClusterError` names the column, the value and the rule."""
    row = columns(row)
    if not text(row, "gpu_type"):
        raise ClusterError("gpu_type: must be given (a chip, such as H100 SXM), was left out")
    device = chip(text(row, "gpu_type"))
    shape = read_model(row)
    printed = text(row, "precision")
    precision, fp16 = read_precision(printed)
    check_precision(device, precision)
    year = read_year(row)
    when = max(shape.year, device.volume_year) if year is None else year
    title = text(row, "name").lower()
    when = min([when, *(limit for stack, limit in OLDER_STACKS.items() if title.startswith(stack))])
    plan = {n: whole(row, n, LARGEST_GPUS) for n in ("TP", "PP", "DP", "EP", "CP", "VP", "mbs")}
    gpus = number(row, "gpu_count", 1, LARGEST_GPUS)
    tp, pp, cp, dp = plan["TP"], plan["PP"], plan["CP"], plan["DP"]
    if tp and pp:
        cp = cp or 1
        dp = dp or (max(1, int(gpus) // (tp * pp * cp)) if gpus else None)
        gpus = gpus or (tp * pp * cp * dp if dp else None)
    if gpus is None:
        raise ClusterError("gpu_count: must be given (a number of at least 1), was left out")
    planned = tp is not None and pp is not None
    if planned and dp and tp * pp * (cp or 1) * dp > gpus * 1.001:  # type: ignore[operator]
        raise ClusterError(f"gpu_count: must be at least TP x PP x CP x DP = {tp * pp * (cp or 1) * dp}, was {gpus:g}")  # type: ignore[operator]
    recompute = text(row, "recompute")
    fixed = Fixed(tp, pp, 1 if pp == 1 else plan["VP"], dp, plan["EP"] or (1 if planned else None), cp, plan["mbs"])
    zero = read_zero(text(row, "fsdp_zero"), when, fp16) if planned else None
    return Row(
        device, shape, gpus, precision, fp16, when, fixed, read_recompute(recompute), zero,
        bool(text(row, "fsdp_zero")), "sp" in recompute.lower(),
        _link_rate(row), _power_limit(row), read_stack(row), float(any(w in printed.lower() for w in BLOCK_SCALED)),
        number(row, "price_usd_per_gpu_hour", 0, 1e6), number(row, "pue", 1, 3) or 1.2,
    )  # fmt: skip
