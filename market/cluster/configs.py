"""Read the `config.json` of an open model (Hugging Face keys) into a shape, or refuse it and name the key.

Families differ in what their keys mean and in what they leave out; each difference stands here as one line of a table.
A key that may change the shape and that is not read here is refused: no model is taken for one that it is not.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from market.cluster.models import TOKENS_PER_PARAMETER, Model, batch_tokens_rule
from market.cluster.tables import ClusterError

KEYS: dict[str, tuple[str, ...]] = {
    "hidden": ("hidden_size", "d_model", "n_embd", "model_dim"),
    "layers": ("num_hidden_layers", "n_layers", "n_layer", "num_layers"),
    "heads": ("num_attention_heads", "n_heads", "n_head", "attn_config.n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "attn_config.kv_n_heads", "multi_query_group_num"),
    "head_dim": ("head_dim", "kv_channels", "attention_head_dim"),
    "ffn": ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim", "ffn_config.ffn_hidden_size"),
    "dense_ffn": ("intermediate_size_mlp",),
    "expert_ffn": ("moe_intermediate_size", "moe_ffn_hidden_size", "expert_ffn_hidden_size"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts",
                "ffn_config.moe_num_experts"),
    "top_k": ("num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_k", "moe_topk", "moe_top_k",
              "ffn_config.moe_top_k"),
    "shared": ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert"),
    "shared_ffn": ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                   "shared_intermediate_size"),
    "first_dense": ("first_k_dense_replace", "moe_layer_start_index"),
    "every": ("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval"),
    "vocab": ("vocab_size", "padded_vocab_size"),
    "tied": ("tie_word_embeddings",),
    "mtp": ("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers"),
    "window": ("sliding_window", "sliding_window_size", "attention_chunk_size"),
    "positions": ("max_position_embeddings", "max_seq_len", "n_positions", "seq_length", "n_ctx"),
}  # fmt: skip
"""What a shape needs, and the keys that say it; a dot reaches into a nested mapping."""

READ_ELSEWHERE = frozenset({
    "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "qk_head_dim",
    "moe_layer_freq",
    "mlp_only_layers", "moe_layers", "layer_types", "sliding_window_pattern", "use_sliding_window", "max_window_layers",
    "multi_query", "multi_query_attention", "new_decoder_architecture", "hybrid_override_pattern", "mamba_num_heads",
    "mamba_head_dim", "n_groups", "ssm_state_size", "conv_kernel", "mamba_expand", "expand", "mamba_hidden_act",
    "mamba_proj_bias", "mlp_hidden_act", "mlp_bias", "hidden_act", "hidden_activation", "activation_function",
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
    "linear_conv_kernel_dim", "full_attention_interval", "attn_output_gate", "no_rope_layers",
    "no_rope_layer_interval",
    "use_mtp", "moe_layer_end_index", "moe_shared_expert_intermediate_size", "index_n_heads", "index_head_dim",
    "index_topk", "time_step_rank", "mtp_transformer_layers", "parallel_attn", "norm_after_embedding",
    "moe_latent_size",
    "num_mem_heads", "add_cross_attention", "is_encoder_decoder", "word_embed_proj_dim", "cross_attention_layers",
})  # fmt: skip
"""Keys that this file reads outside `KEYS`, or that a check below refuses."""

HARMLESS = re.compile(
    r"rope|rotary|norm|eps|dropout|dtype|token|pad|bos|eos|init|bias$|cache|version|architectures|model_type|auto_map|"
    r"quant|scaling|softcap|scalar|logit|aux|router|n_group$|topk_group|topk_method|scoring|scor|clip|alibi|use_qk|"
    r"pretraining_tp|torch|transformers|position_embedding|image|vision|video|audio|vlm|_name|gradient|chunk_size|"
    r"sep_|layernorm|fused|flash|attn_type|attn_implementation|output_|return_|id2label|label2id|problem_type|keys_to|"
    r"partial|attn_factor|temperature|for_llm|embd_pdrop|summary|residual|attn_mechanism|swiglu_limit|parallel$|"
    r"max_position|original_max|seq_length|loss|train|seed|compress_ratio|text_config|ffn_config|attn_config|rescale|"
    r"time_step|use_conv|use_bias|use_mamba|moe_group|ep_size|is_decoder|prefix|tf_|pruned|chunk|freq$|theta|capacity|"
    r"use_correction|interleaved|mm_|hybrid|speculator|rms|mscale|cls|tie_encoder|apply_|jitter|_act$|act_fn|max_len|"
    r"attn_scale|floor_scale|(embedding|attention|residual|logits|lm_head)_multiplier|"
    r"use_parallel|mask|sparse_attention|experts_implementation|correct|moe_gate|gate|moe_use|qk_|query_pre|description"
)
"""Keys that change no count of a shape."""
STRUCTURAL = re.compile(
    r"num_|n_|layer|size|dim|rank|expert|head|ffn|moe|lora|window|hidden|inner|mamba|ssm|conv|kernel"
)

UNGATED = frozenset({
    "falcon", "RefinedWeb", "RefinedWebModel", "gpt2", "gpt_neox", "gptj", "gpt_bigcode", "opt", "bloom", "mpt", "phi",
    "nemotron", "nemotron_h", "starcoder2", "persimmon", "gpt_neo",
})  # fmt: skip
"""Families whose MLP has two matrices."""
TIED = frozenset({
    "falcon", "RefinedWeb", "RefinedWebModel", "gpt2", "gpt_bigcode", "opt", "bloom", "mpt", "gemma", "gemma2",
    "gemma3",    "gemma3_text", "gemma3n", "cohere", "cohere2", "starcoder2", "gpt_neo",
})  # fmt: skip
"""Families whose embeddings are one where the file does not say."""
FAMILY: dict[str, dict[str, float]] = {
    "gemma3": {"vocab": 262208, "head_dim": 256, "every_full": 6, "vision": 0.411e9},
    "gemma3_text": {"vocab": 262208, "head_dim": 256, "every_full": 6},
    "gemma2": {"every_full": 2, "head_dim": 256},
    "gemma": {"head_dim": 256},
    "gpt_oss": {"every_full": 2},
    "cohere2": {"every_full": 4},
    "llama4": {"shared": 1, "every": 1, "vision": 0.86e9},
    "llama4_text": {"shared": 1, "every": 1},
    "mixtral": {"experts_share_ffn": 1}, "minimax_m2": {"experts_share_ffn": 1}, "dbrx": {"experts_share_ffn": 1},
    "phimoe": {"experts_share_ffn": 1}, "grok-1": {"experts_share_ffn": 1}, "olmoe": {"experts_share_ffn": 1},
    "granitemoe": {"experts_share_ffn": 1},
}  # fmt: skip
"""What a family's code takes where its file is silent (transformers 4.57); encoders from the papers of the models."""
REFUSED = {
    "is_encoder_decoder": "encoders are not modelled",
    "add_cross_attention": "cross-attention is not modelled",
    "cross_attention_layers": "cross-attention layers are not modelled",
    "layer_group_size": "grouped linear attention is not modelled",
}


class Config:
    """The keys of one file, text part on top, with what was read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        """Lay nested text settings over the outer ones."""
        nested = (raw.get(k) for k in ("text_config", "language_config", "llm_config"))
        inner: dict[str, Any] = next((n for n in nested if isinstance(n, dict)), {})
        self.keys = {**{k: v for k, v in raw.items() if not isinstance(v, dict) or k.endswith("_config")}, **inner}
        self.family = str(inner.get("model_type") or raw.get("model_type") or "")
        outer = str(raw.get("model_type") or "")
        self.defaults = FAMILY.get(outer, {}) | FAMILY.get(self.family, {})
        self.vision = raw.get("vision_config") if isinstance(raw.get("vision_config"), dict) else None

    def get(self, key: str) -> Any:
        """Give the value of a key, reaching into one nested mapping; None where it is not there."""
        if "." in key:
            outer, inner = key.split(".", 1)
            nested = self.keys.get(outer)
            return nested.get(inner) if isinstance(nested, dict) else None
        return self.keys.get(key)

    def number(self, key: str) -> float | None:
        """Give a key as a finite number of at least 0; None where it is null or missing."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
            raise ClusterError(f"config {key}: must be a number of at least 0, was {str(value)[:40]!r}")
        return float(value)

    def find(self, what: str) -> float | None:
        """Give the first of the keys that say `what`."""
        found = (self.number(k) for k in KEYS[what])
        value = next((v for v in found if v is not None), None)
        return self.defaults.get(what) if value is None else value

    def need(self, what: str) -> float:
        """Give what a shape cannot do without."""
        value = self.find(what)
        if not value:
            raise ClusterError(f"config: lacks the key {KEYS[what][0]} (or {', '.join(KEYS[what][1:])})")
        return value


def check_keys(c: Config) -> None:
    """Refuse a file with a key that may shape the model and that is not read here."""
    for key, why in REFUSED.items():
        if c.get(key):
            raise ClusterError(f"config {key}: {why}")
    known = {k for keys in KEYS.values() for k in keys} | READ_ELSEWHERE
    for key, value in c.keys.items():
        strange = key not in known and not HARMLESS.search(key) and STRUCTURAL.search(key)
        if strange and isinstance(value, int | float | list) and value:
            raise ClusterError(f"config {key}: is not read here and may change the shape; was {str(value)[:40]}")


def mixer_params(c: Config, hidden: float, heads: float, kv: float, head: float) -> tuple[float, float, float]:
    """Count the parameters of one attention layer; then the mean head width of the core, and numbers a token caches."""
    latent = c.number("kv_lora_rank")
    if latent:
        nope, rope, value = (c.number(k) or 0 for k in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
        q_rank, width = c.number("q_lora_rank"), nope + rope
        queries = q_rank * (hidden + heads * width) if q_rank else hidden * heads * width
        keys = hidden * (latent + rope) + latent * heads * (nope + value)
        indexer = c.number("index_n_heads") or 0
        index_dim = c.number("index_head_dim") or 0
        extra = indexer * index_dim * (q_rank or hidden) + hidden * (index_dim + indexer)
        return queries + keys + heads * value * hidden + extra * (indexer > 0), (width + value) / 2, latent + rope
    gate = hidden * heads * head if c.get("attn_output_gate") else 0.0
    return 2 * hidden * head * (heads + kv) + gate, head, 2 * kv * head


def linear_params(c: Config, hidden: float) -> tuple[float, float]:
    """Count a layer of gated linear attention (Qwen3-Next) or a state space (Mamba-2); second: numbers it mixes."""
    if c.get("linear_num_value_heads"):
        keys = (c.number("linear_num_key_heads") or 0) * (c.number("linear_key_head_dim") or 0)
        heads = c.number("linear_num_value_heads") or 0
        values = heads * (c.number("linear_value_head_dim") or 0)
        convolved = (2 * keys + values) * (c.number("linear_conv_kernel_dim") or 4)
        return hidden * (2 * keys + 2 * values + 2 * heads) + convolved + values * hidden, 2 * (keys + values)
    heads, groups = c.number("mamba_num_heads") or 0, c.number("n_groups") or 1
    inner, state = heads * (c.number("mamba_head_dim") or 0), c.number("ssm_state_size") or 0
    if not inner or not state:
        raise ClusterError("config: a hybrid needs mamba_num_heads, mamba_head_dim and ssm_state_size")
    mixed = inner + 2 * groups * state
    return hidden * (inner + mixed + heads) + mixed * (c.number("conv_kernel") or 4) + inner * hidden, inner + mixed


def layer_plan(c: Config, layers: float, experts: float) -> tuple[float, float, float, float]:
    """Count layers with attention, with another mixer, with a dense MLP and with experts."""
    pattern = c.get("hybrid_override_pattern")
    if isinstance(pattern, str):
        count = {k: float(pattern.count(k)) for k in "*M-E"}
        if sum(count.values()) != layers:
            raise ClusterError(f"config hybrid_override_pattern: must have {layers:g} of * M - E, was {pattern[:40]!r}")
        return count["*"], count["M"], count["-"], count["E"]
    types = c.get("layer_types")
    linear = 0.0
    if isinstance(types, list):
        linear = float(sum(t in ("linear_attention", "mamba", "mamba2") for t in types))
    elif interval := c.number("full_attention_interval"):
        linear = layers - layers // interval
    sparse = expert_layers(c, layers) if experts else 0.0
    return layers - linear, linear, layers - sparse, sparse


def expert_layers(c: Config, layers: float) -> float:
    """Count the layers that have experts."""
    listed = c.get("moe_layers")
    if isinstance(listed, list):
        return float(len(listed))
    freq = c.get("moe_layer_freq")
    if isinstance(freq, list):
        return float(sum(bool(f) for f in freq))
    first, every = int(c.find("first_dense") or 0), int(freq or c.find("every") or 1)
    last = int(c.number("moe_layer_end_index") or layers - 1)
    only = c.get("mlp_only_layers") or ()
    offset = every - 1 if c.get("decoder_sparse_step") or c.get("interleave_moe_layer_step") else 0
    chosen = (i for i in range(first, min(int(layers), last + 1)) if i % every == offset % every or every == 1)
    return float(sum(i not in only for i in chosen))


def windowed(c: Config, attention: float) -> tuple[float, float]:
    """Give the window of a model, and how many layers have it."""
    window = c.find("window")
    if not window or c.get("use_sliding_window") is False:
        return 0.0, 0.0
    types = c.get("layer_types")
    if isinstance(types, list):
        return window, float(sum(t in ("sliding_attention", "chunked_attention") for t in types))
    if isinstance(types, dict) and isinstance(types.get("summary_counts"), dict):
        return window, float(types["summary_counts"].get("sliding_attention", 0))
    every = c.number("sliding_window_pattern") or c.defaults.get("every_full")
    if c.get("attention_chunk_size") and not every:
        every = 4.0
    return window, attention - attention // every if every else attention


def vision_params(c: Config) -> float:
    """Count an encoder of images: what its settings say, or what the family's has."""
    v = c.vision
    if v and all(isinstance(v.get(k), int) for k in ("hidden_size", "num_hidden_layers", "intermediate_size")):
        hidden, layers = v["hidden_size"], v["num_hidden_layers"]
        return float(layers * (4 * hidden**2 + 2 * hidden * v["intermediate_size"]))
    return c.defaults.get("vision", 0.0)


def read_config(raw: Mapping[str, Any], name: str = "config") -> Model:
    """Read a parsed `config.json`. Raises ClusterError, naming the key, for what cannot be told for certain."""
    c = Config(raw)
    check_keys(c)
    hidden, layers, heads = c.need("hidden"), c.need("layers"), c.need("heads")
    one = c.get("multi_query") and not c.get("new_decoder_architecture")
    kv = 1.0 if one else c.find("kv_heads") or heads
    head = c.find("head_dim") or hidden / heads
    experts = c.find("experts") or 0.0
    attention, linear, dense, sparse = layer_plan(c, layers, experts)
    latent = c.number("moe_latent_size") or hidden
    projections = sparse * 2 * hidden * latent if latent < hidden else 0.0
    mixer, core, cached = mixer_params(c, hidden, heads, kv, head)
    other, mixed = linear_params(c, hidden) if linear else (0.0, 0.0)
    gated = c.family not in UNGATED
    ffn, expert, shared = widths(c, hidden, bool(experts), gated)
    window, window_layers = windowed(c, attention)
    tied = c.get("tie_word_embeddings")
    tied = c.family in TIED if tied is None else bool(tied)
    shape = Model(
        name=name, layers=layers, dense_layers=dense, hidden=hidden, heads=heads, kv_heads=kv, head_dim=head,
        core_dim=core, attn_params_per_layer=(attention * mixer + linear * other + projections) / layers, ffn=ffn,
        mlp_matrices=3.0 if gated else 2.0, experts=experts, top_k=c.need("top_k") if experts else 0.0,
        shared_experts=shared, expert_ffn=expert, vocab=c.need("vocab"),
        seq_len=min(c.find("positions") or 8192, 8192), batch_seqs=1.0, train_tokens=1.0, year=2025.0,
        expert_layers=sparse, attention_layers=attention, window=window, window_layers=window_layers, kv_dim=cached,
        tied=float(tied), mtp_layers=0.0, expert_hidden=latent,
        scan_width=linear * mixed / layers, other_params=vision_params(c),
    )  # fmt: skip
    return with_usual_training(shape)


def widths(c: Config, hidden: float, mixture: bool, gated: bool) -> tuple[float, float, float]:
    """Give the widths of a dense MLP and of an expert, and shared experts in widths of a routed one."""
    ffn = c.find("ffn") or (0.0 if gated else 4 * hidden)
    if not ffn and not (mixture and c.find("expert_ffn")):
        c.need("ffn")
    if not mixture:
        return ffn, 0.0, 0.0
    expert = c.find("expert_ffn") or ffn
    if not c.find("expert_ffn") and not c.defaults.get("experts_share_ffn") and c.family not in SHARED_WIDTH:
        raise ClusterError("config moe_intermediate_size: is missing, and this family is not known to do without")
    wide = c.find("shared_ffn")
    count = c.find("shared") or 0.0
    shared = max(count, 1.0) * wide / expert if wide else count
    return c.find("dense_ffn") or ffn, expert, shared


SHARED_WIDTH = frozenset({"gpt_oss", "llama4", "llama4_text", "jamba"})
"""Families whose `intermediate_size` is an expert's."""


def with_usual_training(shape: Model) -> Model:
    """Give a shape compute-optimal data and the batch that goes with it."""
    import dataclasses

    tokens = TOKENS_PER_PARAMETER * shape.params_active
    batch = max(16.0, 2.0 ** round(math.log2(batch_tokens_rule(tokens) / shape.seq_len)))
    return dataclasses.replace(shape, train_tokens=tokens, batch_seqs=batch)


LARGEST_FILE = 10_000_000


def load_config(path: Path) -> Model:
    """Read a `config.json` from disk; the model is named after its folder or file."""
    if not path.is_file() or path.stat().st_size > LARGEST_FILE:
        raise ClusterError(f"{path}: must be a JSON file of at most 10 MB")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as fault:
        raise ClusterError(f"{path}: is no JSON: {str(fault)[:80]}") from None
    if not isinstance(raw, dict):
        raise ClusterError(f"{path}: must hold one JSON object")
    name = path.stem if path.name != "config.json" else path.absolute().parent.name
    return read_config(raw, name or "config")
