"""The keys of a `config.json` (Hugging Face): what each says, what families leave out, and which are refused.

Families differ in what their keys mean and in what they leave out; each difference stands here as one line of a table.
A key that may change the shape and that is not read is refused: no model is taken for one that it is not.
"""

import re
from collections.abc import Mapping
from typing import Any

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
"""Keys that `market.cluster.configs` reads outside `KEYS`, or that a check below refuses."""

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
    "gemma3", "gemma3_text", "gemma3n", "cohere", "cohere2", "starcoder2", "gpt_neo",
})  # fmt: skip
"""Families whose embeddings are one where the file does not say."""
SHARED_WIDTH = frozenset({"gpt_oss", "llama4", "llama4_text", "jamba"})
"""Families whose `intermediate_size` is an expert's."""
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
