"""Cells of a table as they are written: names of columns in any spelling, numbers, texts, and what is left out."""

import difflib
from collections.abc import Mapping
from typing import Any

from market.cluster.tables import ClusterError, plain

SPELLINGS: dict[str, tuple[str, ...]] = {
    "gpu_type": ("chip", "gpu", "accelerator"), "gpu_count": ("gpus", "num_gpus", "n_gpus", "chips"),
    "TP": ("tensor_parallel",), "PP": ("pipeline_parallel",), "DP": ("data_parallel",), "EP": ("expert_parallel",),
    "CP": ("context_parallel",), "VP": ("interleave", "virtual_pipeline"), "mbs": ("microbatch", "micro_batch_size"),
    "fsdp_zero": ("zero", "zero_stage"), "precision": (), "recompute": (), "date": (), "year": (), "name": (),
    "model": (), "layers": ("num_hidden_layers",), "hidden": ("hidden_size",), "heads": ("num_attention_heads",),
    "kv_heads": ("num_key_value_heads",), "head_dim": (), "ffn": ("intermediate_size",), "gated": ("gated_mlp",),
    "n_experts": ("experts", "num_experts"), "topk": ("top_k", "num_experts_per_tok"),
    "moe_ffn": ("expert_ffn", "moe_intermediate_size"), "shared_experts": ("n_shared_experts",), "shared_ffn": (),
    "dense_layers": ("first_dense_layers", "first_k_dense_replace"), "moe_interval": ("moe_layer_interval",),
    "vocab": ("vocab_size",), "tied": ("tied_embeddings", "tie_word_embeddings"), "window": ("sliding_window",),
    "window_layers": ("sliding_window_layers",), "kv_lora_rank": (), "q_lora_rank": (), "qk_nope_head_dim": (),
    "qk_rope_head_dim": (), "v_head_dim": (), "mtp_layers": ("mtp",), "seq_len": ("sequence_length",),
    "gbs_seqs": ("batch_seqs", "global_batch_size", "gbs"), "gbs_tokens": ("batch_tokens",),
    "train_tokens": ("tokens",), "params_total": ("params",), "params_active": (), "scaleout_gbps_per_gpu": (),
    "power_limit_w": (), "framework": ("stack",), "release": ("framework_release",), "cuda_graphs": (),
    "dispatcher": (), "grouped_gemm": (), "attention_kernel": (), "notes": ("note",),
    "price_usd_per_gpu_hour": (), "pue": (),
}  # fmt: skip
"""Columns that a case may have, with other spellings; case, spaces and underscores do not matter."""
SAID_ONLY = frozenset(plain(n) for n in (
    "id", "case", "kind", "source", "source_key", "provenance", "confidence", "status", "use", "as_of", "published",
    "mfu", "hfu", "tflops_per_gpu", "tflops_kind", "tokens_s_gpu", "iter_s", "step_s_observed", "observed_as", "days",
    "gpu_hours", "memory_fields", "vendor", "url", "comment", "row", "set", "group", "label",
))  # fmt: skip
"""Columns of published tables that say what was observed, or where; a case is answered without them."""
_COLUMN = {plain(n): column for column, others in SPELLINGS.items() for n in (column, *others)}


def empty(value: Any) -> bool:
    """Whether a cell says nothing: None, blank, or NaN."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def columns(row: Mapping[str, Any], required: tuple[str, ...] = ("gpu_count",)) -> dict[str, Any]:
    """Give a row by the columns of `SPELLINGS`; refuse a filled cell of an unknown column, or two that disagree."""
    known: dict[str, Any] = {}
    spelt: dict[str, str] = {}
    for name, value in row.items():
        column = _COLUMN.get(plain(str(name)))
        if column is None:
            if not empty(value) and plain(str(name)) not in SAID_ONLY:
                close = difflib.get_close_matches(str(name).lower(), list(SPELLINGS), n=2, cutoff=0.5)
                hint = f"; close: {', '.join(close)}" if close else ""
                raise ClusterError(f"{str(name)[:40]}: is no column of a case, was {str(value)[:40]!r}{hint}")
            continue
        if empty(value) and column not in required:
            continue
        if column in known and not empty(known[column]) and str(known[column]) != str(value):
            before = f"{spelt[column]} ({str(known[column])[:40]})"
            raise ClusterError(f"{name}: contradicts {before}, was {str(value)[:40]}")
        known[column], spelt[column] = value, str(name)
    return known


def number(row: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Read a number that may be left out; refuse what lies outside [low, high]."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        value = _FLAGS[value.strip().lower()]
    try:
        read = float(value)
    except (TypeError, ValueError):
        raise ClusterError(f"{name}: must be a number, was {str(value)[:40]!r}") from None
    if not low <= read <= high:
        raise ClusterError(f"{name}: must lie in [{low:g}, {high:g}], was {read!r}")
    return read


_FLAGS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


def text(row: Mapping[str, Any], name: str) -> str:
    """Read a text that may be left out: None and NaN (what tables put for nothing) are empty."""
    value = row.get(name)
    return "" if value is None or value != value else str(value).strip()


def whole(row: Mapping[str, Any], name: str, high: float) -> int | None:
    """Read a whole number of at least 1 that may be left out."""
    read = number(row, name, 1, high)
    if read is not None and read != int(read):
        raise ClusterError(f"{name}: must be a whole number, was {read!r}")
    return None if read is None else int(read)
