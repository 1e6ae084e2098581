"""Read the `config.json` of an open model (Hugging Face keys) into a shape, or refuse it and name the key."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from market.cluster.config_keys import SHARED_WIDTH, TIED, UNGATED, Config, check_keys
from market.cluster.models import TOKENS_PER_PARAMETER, Model, batch_tokens_rule
from market.cluster.tables import ClusterError


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


def with_usual_training(shape: Model) -> Model:
    """Give a shape compute-optimal data and the batch that goes with it."""
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
    except (ValueError, RecursionError) as fault:
        raise ClusterError(f"{path}: is no JSON: {str(fault)[:80]}") from None
    if not isinstance(raw, dict):
        raise ClusterError(f"{path}: must hold one JSON object")
    name = path.stem if path.name != "config.json" else path.absolute().parent.name
    return read_config(raw, name or "config")
