"""Read a case as people publish it (text fields, many left out) into a chip, a model, a date and a plan."""

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from market.cluster.case import BF16, FP4, FP8, FULL, NONE, SELECTIVE
from market.cluster.chips import Chip, chip, decimal_year
from market.cluster.models import ALIASES, MODELS, Model, dense_of, mixture_of, model
from market.cluster.parallelism import Fixed
from market.cluster.tables import ClusterError, plain
from market.cluster.workload import check_precision

LARGEST_GPUS = 1e9
RELEASE = re.compile(r"\b(2\d)\.(0[1-9]|1[0-2])\b")
"""A release number YY.MM in a row's name dates its software."""
OLDER_STACKS = {"megatron-lm": 2022.8}
"""Software named in a row's title that lacks what its contemporaries had: Megatron-LM before Megatron-Core neither
overlaps collectives nor fuses attention by default (MegaScale, arXiv:2402.15627, table 3, baseline)."""
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


def number(row: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Read a number that may be left out; refuse what lies outside [low, high], NaN included."""
    value = row.get(name)
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value) and name not in _REQUIRED):
        return None
    try:
        read = float(value)
    except (TypeError, ValueError):
        raise ClusterError(f"{name}: must be a number, was {str(value)[:40]!r}") from None
    if not low <= read <= high:
        raise ClusterError(f"{name}: must lie in [{low:g}, {high:g}], was {read!r}")
    return read


_REQUIRED = frozenset({"gpu_count"})


def _text(row: Mapping[str, Any], name: str) -> str:
    """Read a text that may be left out: None and NaN (what tables put for nothing) are empty."""
    value = row.get(name)
    return "" if value is None or value != value else str(value).strip()


def _whole(row: Mapping[str, Any], name: str, high: float) -> int | None:
    read = number(row, name, 1, high)
    if read is not None and read != int(read):
        raise ClusterError(f"{name}: must be a whole number, was {read!r}")
    return None if read is None else int(read)


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
    if date := _text(row, "date"):
        try:
            return decimal_year(date[:10])
        except ValueError:
            raise ClusterError(f"date: must be YYYY-MM-DD, was {date[:40]!r}") from None
    title = _text(row, "name")
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


_SHAPE: dict[str, tuple[float, float]] = {
    "layers": (1, 1e4), "hidden": (1, 1e6), "heads": (1, 1e5), "kv_heads": (1, 1e5), "ffn": (1, 1e7),
    "n_experts": (0, 1e5), "topk": (1, 1e4), "moe_ffn": (1, 1e7), "seq_len": (1, 1e8), "vocab": (1, 1e8),
    "gbs_seqs": (1, 1e9), "gbs_tokens": (1, 1e12), "train_tokens": (1e6, 1e18), "params_total": (1e6, 1e16),
    "params_active": (1e6, 1e16), "year": (2010, 2100),
}  # fmt: skip
"""Columns that shape a model, with what they may be."""
_WHOLE = frozenset({"layers", "hidden", "heads", "kv_heads", "n_experts", "topk"})
_LONGEST_FIRST = sorted(
    ((plain(alias), name) for name, aliases in ALIASES.items() for alias in (name, *aliases) if len(plain(alias)) > 3),
    key=lambda pair: (-len(pair[0]), pair[1]),
)


def read_model(row: Mapping[str, Any]) -> Model:
    """Read the model: by name, or by shape (a library model of the same shape supplies what is left out)."""
    numbers = tuple(number(row, n, low, high) for n, (low, high) in _SHAPE.items())
    for name, value in zip(_SHAPE, numbers, strict=True):
        if value is not None and name in _WHOLE and value != int(value):
            raise ClusterError(f"{name}: must be a whole number, was {value!r}")
    return _shaped(_text(row, "model"), _text(row, "name"), numbers)


@functools.lru_cache(4096)
def _shaped(named: str, title: str, numbers: tuple[float | None, ...]) -> Model:
    given = dict(zip(_SHAPE, numbers, strict=True))
    layers, hidden, heads = given["layers"], given["hidden"], given["heads"]
    if named:
        base: Model | None = model(named)
    elif layers and hidden and heads:
        base = _like(layers, hidden, given["n_experts"] or 0, heads) or _from_shape(given)
    else:
        base = next((MODELS[name] for alias, name in _LONGEST_FIRST if alias in plain(title)), None)
        base = base or _by_size(given)
    if base is None:
        raise ClusterError("model: needs a known name in `model`, or layers, hidden and heads, or params_total")
    return _replaced(base, given)


def _by_size(given: dict[str, float | None]) -> Model | None:
    """Shape a model whose size alone is known: a mixture where fewer parameters are active than there are."""
    total, active = given["params_total"], given["params_active"]
    if not total:
        return None
    if active and active < 0.9 * total:
        return mixture_of(active, tokens=given["train_tokens"])
    return None if given["n_experts"] else dense_of(total, tokens=given["train_tokens"])


def _like(layers: float, hidden: float, experts: float, heads: float) -> Model | None:
    wanted = (layers, hidden, experts, heads)
    return next((m for m in MODELS.values() if (m.layers, m.hidden, m.experts, m.heads) == wanted), None)


def _from_shape(given: dict[str, float | None]) -> Model:
    layers, hidden, heads = given["layers"] or 1, given["hidden"] or 1, given["heads"] or 1
    experts, head = given["n_experts"] or 0.0, hidden / heads
    ffn, kv = given["ffn"] or 4 * hidden, given["kv_heads"] or heads
    shape = Model(
        name="by shape", layers=layers, dense_layers=0 if experts else layers, hidden=hidden, heads=heads, kv_heads=kv,
        head_dim=head, core_dim=head, attn_params_per_layer=2 * hidden * head * (heads + kv), ffn=ffn,
        mlp_matrices=2 if ffn == 4 * hidden else 3, experts=experts, top_k=given["topk"] or (2.0 if experts else 0.0),
        shared_experts=0.0, expert_ffn=(given["moe_ffn"] or ffn) if experts else 0.0, vocab=given["vocab"] or 50257,
        seq_len=2048, batch_seqs=1024, train_tokens=20 * (given["params_total"] or 1e11), year=given["year"] or 2023,
    )  # fmt: skip
    return shape


def _replaced(base: Model, given: dict[str, float | None]) -> Model:
    seq = given["seq_len"] or base.seq_len
    batch = given["gbs_seqs"] or (given["gbs_tokens"] / seq if given["gbs_tokens"] else None)
    batch = batch or max(1.0, round(base.batch_seqs * base.seq_len / seq))
    changed = replace(
        base, seq_len=seq, batch_seqs=batch, vocab=given["vocab"] or base.vocab,
        train_tokens=given["train_tokens"] or base.train_tokens,
    )  # fmt: skip
    total = given["params_total"]
    if base.name == "by shape" and total:
        options = [replace(changed, mlp_matrices=g) for g in (2.0, 3.0)]
        changed = min(options, key=lambda m: abs(math.log(m.params_total / total)))
    return changed


def _link_rate(row: Mapping[str, Any]) -> float | None:
    """Read a scale-out rate that differs from the chip's usual one: a column, or "(=100 Gb/s per GPU)" in the notes."""
    noted = re.search(r"=\s?(\d+) Gb/s per GPU", _text(row, "notes"))
    rate = number(row, "scaleout_gbps_per_gpu", 0.1, 1e6) or (float(noted[1]) if noted else None)
    return None if rate is None else rate * 1e9 / 8


def _power_limit(row: Mapping[str, Any]) -> float | None:
    """Read a power limit a chip: a column, or "500W power limit" in the notes."""
    noted = re.search(r"(\d+)\s?W power limit", _text(row, "notes"))
    return number(row, "power_limit_w", 50, 1e5) or (float(noted[1]) if noted else None)


def read_row(row: Mapping[str, Any]) -> Row:
    """Read one case; a `ClusterError` names the column, the value and the rule."""
    device = chip(_text(row, "gpu_type") or _text(row, "chip"))
    shape = read_model(row)
    precision, fp16 = read_precision(_text(row, "precision"))
    check_precision(device, precision)
    year = read_year(row)
    when = max(shape.year, device.volume_year) if year is None else year
    title = _text(row, "name").lower()
    when = min([when, *(limit for stack, limit in OLDER_STACKS.items() if title.startswith(stack))])
    whole = {n: _whole(row, n, LARGEST_GPUS) for n in ("TP", "PP", "DP", "EP", "CP", "VP", "mbs")}
    gpus = number(row, "gpu_count", 1, LARGEST_GPUS)
    gpus = gpus if gpus is not None else number(row, "gpus", 1, LARGEST_GPUS)
    tp, pp, cp, dp = whole["TP"], whole["PP"], whole["CP"], whole["DP"]
    if tp and pp:
        cp = cp or 1
        dp = dp or (max(1, int(gpus) // (tp * pp * cp)) if gpus else None)
        gpus = gpus or (tp * pp * cp * dp if dp else None)
    if gpus is None:
        raise ClusterError("gpu_count: must be given (a number of at least 1), was left out")
    planned = tp is not None and pp is not None
    if planned and dp and tp * pp * (cp or 1) * dp > gpus * 1.001:  # type: ignore[operator]
        raise ClusterError(f"gpu_count: must be at least TP x PP x CP x DP = {tp * pp * (cp or 1) * dp}, was {gpus:g}")  # type: ignore[operator]
    recompute = _text(row, "recompute")
    fixed = Fixed(tp, pp, 1 if pp == 1 else whole["VP"], dp, whole["EP"] or (1 if planned else None), cp, whole["mbs"])
    zero = read_zero(_text(row, "fsdp_zero"), when, fp16) if planned else None
    return Row(
        device, shape, gpus, precision, fp16, when, fixed, read_recompute(recompute), zero,
        bool(_text(row, "fsdp_zero")), "sp" in recompute.lower(),
        _link_rate(row), _power_limit(row),
    )  # fmt: skip
