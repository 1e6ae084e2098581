"""From the columns of a case to a model: by name, by shape, by size, or a refusal that names the column.

A shape that fits a model of the library in everything that is said is that model. Columns that contradict the model
that they name are refused; so is a shape whose parameters do not add up to those that are given.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from market.cluster.cells import number, text
from market.cluster.models import ALIASES, MODELS, TOKENS_PER_PARAMETER, Model, dense_of, mixture_of, model
from market.cluster.tables import ClusterError, plain

SHAPE: dict[str, tuple[float, float]] = {
    "layers": (1, 1e4), "hidden": (1, 1e6), "heads": (1, 1e5), "kv_heads": (1, 1e5), "head_dim": (1, 1e5),
    "ffn": (1, 1e7), "gated": (0, 1), "n_experts": (0, 1e5), "topk": (0, 1e4), "moe_ffn": (1, 1e7),
    "shared_experts": (0, 1e3), "shared_ffn": (0, 1e7), "dense_layers": (0, 1e4), "moe_interval": (1, 1e3),
    "vocab": (1, 1e8), "tied": (0, 1), "window": (0, 1e9), "window_layers": (0, 1e4), "kv_lora_rank": (0, 1e6),
    "q_lora_rank": (0, 1e6), "qk_nope_head_dim": (0, 1e5), "qk_rope_head_dim": (0, 1e5), "v_head_dim": (0, 1e5),
    "mtp_layers": (0, 1e3), "seq_len": (1, 1e8), "gbs_seqs": (1, 1e9), "gbs_tokens": (1, 1e12),
    "train_tokens": (1e6, 1e18), "params_total": (1e6, 1e16), "params_active": (1e6, 1e16), "year": (2010, 2100),
}  # fmt: skip
"""Columns that shape a model and its training, with what they may be."""
WHOLE = frozenset(SHAPE) - {"shared_experts", "gbs_seqs", "gbs_tokens", "train_tokens", "params_total",
                            "params_active", "year", "seq_len", "ffn", "moe_ffn", "vocab"}  # fmt: skip
FIELDS = {
    "layers": "layers", "hidden": "hidden", "heads": "heads", "kv_heads": "kv_heads", "head_dim": "head_dim",
    "n_experts": "experts", "topk": "top_k", "moe_ffn": "expert_ffn", "shared_experts": "shared_experts",
    "dense_layers": "dense_layers", "window": "window", "tied": "tied",
}  # fmt: skip
"""Columns that a library model must agree with, and its fields."""
SAME_PARAMS = 0.05
"""Parameters given and counted may differ by so much: prints are rounded, and vocabularies padded."""
PADDED_VOCAB = 0.03
Given = Mapping[str, float | None]

_LONGEST_FIRST = sorted(
    ((plain(alias), name) for name, aliases in ALIASES.items() for alias in (name, *aliases) if len(plain(alias)) > 3),
    key=lambda pair: (-len(pair[0]), pair[1]),
)


def read_model(row: Mapping[str, Any]) -> Model:
    """Read the model of a row."""
    numbers = tuple(number(row, n, low, high) for n, (low, high) in SHAPE.items())
    for name, value in zip(SHAPE, numbers, strict=True):
        if value is not None and name in WHOLE and value != int(value):
            raise ClusterError(f"{name}: must be a whole number, was {value!r}")
    return _shaped(text(row, "model"), text(row, "name"), numbers)


@functools.lru_cache(4096)
def _shaped(named: str, title: str, numbers: tuple[float | None, ...]) -> Model:
    given = dict(zip(SHAPE, numbers, strict=True))
    if named:
        base = model(named)
        if fault := contradiction(base, {**given, "vocab": None, "params_total": None}):
            raise ClusterError(f"{fault}; leave `model` out to describe another shape")
        return trained(base, given)
    if given["layers"] and given["hidden"] and given["heads"]:
        return trained(like(title, given) or from_shape(given), given)
    found = titled(title)
    if found and (fault := contradiction(found, given)):
        raise ClusterError(f"{fault}; give `model`, or layers, hidden and heads")
    found = found or by_size(given)
    if found is None:
        raise ClusterError("model: needs a known name in `model`, or layers, hidden and heads, or params_total")
    return trained(found, given)


def titled(title: str) -> Model | None:
    """Find the library model that a title names, the longest name first."""
    folded = plain(title)
    return next((MODELS[name] for alias, name in _LONGEST_FIRST if alias in folded), None)


def contradiction(m: Model, given: Given) -> str:
    """Name the first column that a library model disagrees with; "" where there is none."""
    for column, field in FIELDS.items():
        value, own = given[column], getattr(m, field)
        if value is None or value == own or (column == "dense_layers" and not m.experts):
            continue
        if (column, value) == ("topk", 1) and not m.experts:
            continue
        return f"{column}: {m.name} has {own:g}, was {value:g}"
    width, vocab = given["ffn"], given["vocab"]
    if width is not None and width not in (m.ffn, m.expert_ffn):
        return f"ffn: {m.name} has {m.ffn:g}, was {width:g}"
    if vocab is not None and abs(vocab / m.vocab - 1) > PADDED_VOCAB and abs(vocab - m.vocab) > 2048:
        return f"vocab: {m.name} has {m.vocab:g}, was {vocab:g}"
    for column, counts in _counts(m):
        if (value := given[column]) and min(abs(value / c - 1) for c in counts) > SAME_PARAMS:
            return f"{column}: {m.name} has {counts[0]:.4g}, was {value:.4g}"
    return ""


def _counts(m: Model) -> tuple[tuple[str, tuple[float, ...]], ...]:
    active = (m.params_active, m.params_active_published)
    return ("params_total", (m.params_total,)), ("params_active", active if m.experts else (m.params_total, *active))


def like(title: str, given: Given) -> Model | None:
    """Find the library model that agrees with everything that is said; None where none or several different ones do."""
    agree = [m for m in MODELS.values() if m.layers == given["layers"] and not contradiction(m, given)]
    agree = [m for m in agree if (given["n_experts"] or 0) == m.experts]
    named = titled(title)
    if named in agree:
        return named
    alike = agree and max(m.params_total for m in agree) < 1.001 * min(m.params_total for m in agree)
    return agree[0] if alike else None


def by_size(given: Given) -> Model | None:
    """Shape a model whose size alone is known: a mixture where fewer parameters are active than there are."""
    total, active = given["params_total"], given["params_active"]
    shape = [n for n in FIELDS if given[n] is not None and n not in ("n_experts", "topk")]
    if shape:
        raise ClusterError(f"{shape[0]}: a shape needs layers, hidden and heads too")
    if not total:
        return None
    if active and active < 0.9 * total:
        return mixture_of(active, tokens=given["train_tokens"])
    return None if given["n_experts"] else dense_of(total, tokens=given["train_tokens"])


def from_shape(given: Given) -> Model:
    """Build a model from columns alone. What is not said is told from the parameters given, or refused."""
    options = [shape for choice in readings(given) for shape in [_build(given, *choice)] if shape]
    wanted = given["params_total"]
    if wanted is None:
        return options[0]

    def far(m: Model) -> float:
        active = given["params_active"]
        off = abs(math.log(m.params_total / wanted))
        counts = (m.params_active, m.params_active_published)
        return off + (min(abs(math.log(c / active)) for c in counts) if active and m.experts else 0.0)

    near = [m for m in options if far(m) < 0.01]
    best = near[0] if near else min(options, key=far)
    if abs(best.params_total / wanted - 1) > SAME_PARAMS:
        raise ClusterError(
            f"params_total: the columns add up to {best.params_total:.4g} at the nearest, was {wanted:.4g}; give"
            " head_dim, kv_heads, gated, tied, shared_experts and dense_layers, or leave params_total out"
        )
    return best


def readings(given: Given) -> Iterator[tuple[float, ...]]:
    """List what the columns may mean: (head_dim, matrices, tied, shared experts, dense layers), the likeliest first."""
    hidden, heads, experts = given["hidden"] or 1, given["heads"] or 1, given["n_experts"] or 0
    sized = given["params_total"] is not None
    if experts:
        for column in ("topk", "moe_ffn"):
            if given[column] is None:
                raise ClusterError(f"{column}: must be given where n_experts is")
    head = hidden / heads
    modern = experts or (given["kv_heads"] or heads) < heads
    if given["head_dim"] is None and not given["kv_lora_rank"] and not sized and (head % 1 or (modern and head != 128)):
        raise ClusterError(f"head_dim: must be given (hidden/heads is {head:g}), or params_total")
    ffn = given["ffn"] or 4 * hidden
    if given["gated"] is None and not sized and not experts and modern and ffn == 4 * hidden:
        raise ClusterError("gated: must be given (1, or 0 for two matrices) where ffn is 4 x hidden, or params_total")
    heads_dim = [given["head_dim"]] if given["head_dim"] else [head, 128.0, 64.0, 192.0, 256.0] if sized else [head]
    guess = 3.0 if experts or ffn != 4 * hidden else 2.0
    matrices = [2.0 + given["gated"]] if given["gated"] is not None else [guess, 5.0 - guess] if sized else [guess]
    tied = _said(given["tied"], (0.0, 1.0) if sized else (0.0,))
    shared = _said(given["shared_experts"], (0.0, 1.0, 2.0) if sized and experts else (0.0,))
    dense = _said(given["dense_layers"], (0.0, 1.0, 2.0, 3.0) if sized and experts else (0.0,))
    return itertools.product(heads_dim, matrices, tied, shared, dense)


def _said(value: float | None, otherwise: tuple[float, ...]) -> tuple[float, ...]:
    return otherwise if value is None else (value,)


def _build(given: Given, head: float, matrices: float, tied: float, shared: float, dense: float) -> Model:
    layers, hidden, heads = given["layers"] or 1, given["hidden"] or 1, given["heads"] or 1
    experts, kv = given["n_experts"] or 0.0, given["kv_heads"] or heads
    mixer, core, cached = 2 * hidden * head * (heads + kv), head, 2 * kv * head
    if latent := given["kv_lora_rank"]:
        nope, rope, value = (given[n] or 0 for n in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
        if not (nope and value):
            raise ClusterError("kv_lora_rank: needs qk_nope_head_dim, qk_rope_head_dim and v_head_dim")
        q_rank, width = given["q_lora_rank"], nope + rope
        queries = q_rank * (hidden + heads * width) if q_rank else hidden * heads * width
        mixer = queries + hidden * (latent + rope) + latent * heads * (nope + value) + heads * value * hidden
        core, cached = (width + value) / 2, latent + rope
    expert = (given["moe_ffn"] or 0.0) if experts else 0.0
    if given["shared_ffn"] and expert:
        shared = max(shared, 1.0) * given["shared_ffn"] / expert
    if experts and (every := given["moe_interval"] or 1) > 1:
        dense = layers - layers // every
    return Model(
        name="by shape", layers=layers, dense_layers=dense if experts else layers, hidden=hidden, heads=heads,
        kv_heads=kv, head_dim=head, core_dim=core, attn_params_per_layer=mixer, ffn=given["ffn"] or 4 * hidden,
        mlp_matrices=matrices, experts=experts, top_k=(given["topk"] or 0.0) if experts else 0.0,
        shared_experts=shared if experts else 0.0, expert_ffn=expert, vocab=given["vocab"] or 50257, seq_len=2048,
        batch_seqs=1024, train_tokens=TOKENS_PER_PARAMETER * (given["params_active"] or given["params_total"] or 1e11),
        year=given["year"] or 2023, kv_dim=cached, tied=tied, window=given["window"] or 0.0,
        window_layers=given["window_layers"] or (layers if given["window"] else 0.0),
    )  # fmt: skip


def trained(base: Model, given: Given) -> Model:
    """Give a model the training of a row: sequence, batch, tokens, a padded vocabulary."""
    seq = given["seq_len"] or base.seq_len
    batch = given["gbs_seqs"] or (given["gbs_tokens"] / seq if given["gbs_tokens"] else None)
    batch = batch or max(1.0, round(base.batch_seqs * base.seq_len / seq))
    return replace(
        base, seq_len=seq, batch_seqs=max(batch, 1.0), vocab=given["vocab"] or base.vocab,
        train_tokens=given["train_tokens"] or base.train_tokens, mtp_layers=given["mtp_layers"] or 0.0,
    )  # fmt: skip
