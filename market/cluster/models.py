"""Transformers by shape: a library of known models, and shapes for a given size. Data: `catalogue/model_shapes.csv`."""

import dataclasses
import functools
import math
from dataclasses import dataclass

from market.cluster.chips import decimal_year
from market.cluster.tables import plain, read_table, unknown

TOKENS_PER_PARAMETER = 20.0
"""Compute-optimal tokens a parameter: Hoffmann et al. 2022, arXiv:2203.15556; Besiroglu et al. 2024 find the same."""


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder-only model and the training it is meant for. Dense when `experts` is 0.

    A layer is a block of the stack: `attention_layers` of them have an attention core, `dense_layers` a dense MLP and
    `expert_layers` experts; in a state-space hybrid these are different blocks, and `attn_params_per_layer` is the mean
    of attention and state-space mixers over all layers.
    """

    name: str
    layers: float
    dense_layers: float  # layers with a dense MLP; all of them in a dense model
    hidden: float
    heads: float
    kv_heads: float
    head_dim: float
    core_dim: float  # mean of the query-key and value head widths (latent attention differs from head_dim)
    attn_params_per_layer: float
    ffn: float
    mlp_matrices: float  # 2, or 3 when gated
    experts: float
    top_k: float
    shared_experts: float  # in widths of a routed expert
    expert_ffn: float
    vocab: float
    seq_len: float
    batch_seqs: float
    train_tokens: float
    year: float  # decimal year of the software that trains it
    estimated: bool = False
    expert_layers: float = math.nan  # NaN: all that are not dense
    attention_layers: float = math.nan  # NaN: all
    window: float = 0.0  # tokens that a windowed layer attends to
    window_layers: float = 0.0
    kv_dim: float = math.nan  # numbers that a token caches in an attention layer; NaN: 2 kv_heads head_dim
    tied: float = 0.0  # 1 when input and output embedding are one
    mtp_layers: float = 0.0  # multi-token prediction: layers and logits more in training
    scan_width: float = 0.0  # numbers a token that the mean layer passes through a state space or linear attention
    expert_hidden: float = math.nan  # width that routed experts read and write; NaN: hidden (latent experts: less)
    expert_bias: float = 0.0  # 1 where experts add biases and clamp their gates
    other_params: float = 0.0  # vision encoders and the like: held, not trained on text

    def __post_init__(self) -> None:
        """Fill what follows from the rest."""
        sparse = self.layers - self.dense_layers if self.experts else 0.0
        cached = 2 * self.kv_heads * self.head_dim
        derived = {"expert_layers": sparse, "attention_layers": self.layers, "kv_dim": cached,
                   "expert_hidden": self.hidden}  # fmt: skip
        for name, value in derived.items():
            if math.isnan(getattr(self, name)):
                object.__setattr__(self, name, value)

    @property
    def params_total(self) -> float:
        """Count every parameter, embeddings, routers and encoders included."""
        each = self._expert(self.experts)
        return self._common() + self.expert_layers * each

    @property
    def params_active(self) -> float:
        """Count the parameters that one token passes through, both embeddings included; all, in a dense model."""
        each = self._expert(self.top_k)
        encoders = self.other_params if self.experts else 0.0
        return self._common() - encoders + self.expert_layers * each

    @property
    def params_active_published(self) -> float:
        """Count the same without the input embedding, as many model cards do."""
        return self.params_active - (1 - self.tied) * self.vocab * self.hidden

    def _expert(self, routed: float) -> float:
        widths = routed * self.expert_hidden + self.shared_experts * self.hidden
        return self.mlp_matrices * self.expert_ffn * widths

    def _common(self) -> float:
        dense = self.dense_layers * self.mlp_matrices * self.hidden * self.ffn
        routers = self.expert_layers * self.experts * self.hidden
        embeddings = (2 - self.tied) * self.vocab * self.hidden
        return self.layers * self.attn_params_per_layer + dense + routers + embeddings + self.other_params

    def context_sum(self, seq_len: float) -> float:
        """Add up the tokens that each layer could attend to at a sequence length, the mask not counted."""
        windowed = self.window_layers * min(self.window or seq_len, seq_len)
        return (self.attention_layers - self.window_layers) * seq_len + windowed

    @property
    def flop_per_token(self) -> float:
        """Training FLOPs a token by PaLM's convention (arXiv:2204.02311, app. B): full attention, no recomputation."""
        matmul = self.params_active_published - (0.0 if self.experts else self.other_params)
        return 6 * matmul + 12 * self.heads * self.core_dim * self.context_sum(self.seq_len)


def batch_tokens_rule(tokens: float) -> float:
    """Give the batch for `tokens` of training data.

    The critical batch grows as data^0.47 (Zhang et al. 2024, arXiv:2410.21676); anchored at Llama 3.1 405B,
    16.8M tokens at 15.6T (arXiv:2407.21783, section 3.4).
    """
    return float(16.8e6 * (tokens / 15.6e12) ** 0.47)


def dense_of(params: float, *, tokens: float | None = None, year: float = 2025.0) -> Model:
    """Shape a dense model of about `params`: heads of 128, 8 KV heads, gated MLP of 3.25 h, h about 130 a layer.

    The proportions are those of Llama 3 (arXiv:2407.21783, table 3): h/layers is 102 (70B) and 130 (405B). The batch is
    of 15 x 2^n sequences, so that there are data ranks for nearly any number of GPUs.
    """
    hidden = 1024.0 * max(1, round((params * 130 / 12.0) ** (1 / 3) / 1024))
    per_layer = 2 * hidden * hidden + 2 * hidden * 8 * 128 + 3 * hidden * 3.25 * hidden
    wanted = (params - 2 * 131072 * hidden) / per_layer
    step = 16.0 if wanted >= 64 else 4.0  # builders choose depths that split into many equal stages
    layers = max(4.0, step * round(wanted / step))
    data = tokens or TOKENS_PER_PARAMETER * params
    batch = max(60.0, 15 * 2.0 ** round(math.log2(batch_tokens_rule(data) / 8192 / 15)))
    return Model(
        name=f"dense-{params:.3g}", layers=layers, dense_layers=layers, hidden=hidden, heads=hidden / 128,
        kv_heads=8.0, head_dim=128.0, core_dim=128.0, attn_params_per_layer=2 * hidden * hidden + 2 * hidden * 1024,
        ffn=3.25 * hidden, mlp_matrices=3.0, experts=0.0, top_k=0.0, shared_experts=0.0, expert_ffn=0.0,
        vocab=131072.0, seq_len=8192.0, batch_seqs=batch, train_tokens=data, year=year,
    )  # fmt: skip


def mixture_of(params_active: float, *, tokens: float | None = None, year: float = 2025.0) -> Model:
    """Shape a mixture of experts of about `params_active`: 256 experts, 8 routed and 1 shared, one dense layer.

    The proportions are those of DeepSeek-V3 (arXiv:2412.19437, section 4.2): about 18 times as many parameters in all.
    """
    dense = dense_of(params_active, tokens=tokens, year=year)
    return dataclasses.replace(
        dense, name=f"mixture-{params_active:.3g}-active", dense_layers=1.0, expert_layers=dense.layers - 1,
        experts=256.0, top_k=8.0,
        shared_experts=1.0, expert_ffn=dense.ffn / 9,
    )  # fmt: skip


SIZES_PER_DECADE = 4


@functools.lru_cache(4096)
def shape_for(rung: int, sparse: bool) -> Model:
    """Give the model of a rung of the size ladder (parameters, or active ones of a mixture: 10^(rung/4))."""
    params = 10.0 ** (rung / SIZES_PER_DECADE)
    return mixture_of(params) if sparse else dense_of(params)


def _model(row: dict[str, str]) -> Model:
    number = {k: float(row[k]) for k in row if k not in _TEXT and row[k]}
    number = dict.fromkeys(_ZERO, 0.0) | number
    hidden, head = number["hidden"], number["head_dim"]
    usual = 2 * hidden * head * (number["heads"] + number["kv_heads"])
    number["attn_params_per_layer"] = number.get("attn_params_per_layer") or usual
    number["train_tokens"] = number.get("train_tokens") or TOKENS_PER_PARAMETER * 5e9
    return Model(name=row["model"], year=decimal_year(row["as_of"]), estimated=row["estimated"] == "yes", **number)


_ZERO = ("dense_layers", "experts", "top_k", "shared_experts", "expert_ffn", "ffn")
_TEXT = frozenset({
    "model", "aliases", "as_of", "estimated", "confidence", "source", "notes", "params_total_published",
    "params_active_published",
})  # fmt: skip
MODELS: dict[str, Model] = {row["model"]: _model(row) for row in read_table("model_shapes.csv")}
ALIASES: dict[str, tuple[str, ...]] = {
    row["model"]: tuple(filter(None, row["aliases"].split("|"))) for row in read_table("model_shapes.csv")
}
_BY_NAME = {plain(n): MODELS[m] for m, names in ALIASES.items() for n in (m, *names)}


@functools.lru_cache(4096)
def model(name: str) -> Model:
    """Find a library model by its name or an alias."""
    found = _BY_NAME.get(plain(name)) if isinstance(name, str) else None
    if found is None:
        raise unknown("model", name, MODELS)
    return found


def with_training(base: Model, tokens: float | None = None, batch_seqs: float | None = None) -> Model:
    """Return the model with other training data or batch."""
    changed = dataclasses.replace(base, train_tokens=tokens or base.train_tokens)
    return dataclasses.replace(changed, batch_seqs=batch_seqs or changed.batch_seqs)
