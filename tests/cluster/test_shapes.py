"""Shapes as they are: from columns, from names, from config.json; what cannot be told is refused with the column."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.cluster import ClusterError, answer, load_config, model, read_config
from market.cluster.cells import columns
from market.cluster.shapes import read_model

LLAMA = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
         "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "tie_word_embeddings": False,
         "max_position_embeddings": 131072, "rope_theta": 5e5, "torch_dtype": "bfloat16"}  # fmt: skip
MIXTURE = {"model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
           "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6144, "moe_intermediate_size": 768,
           "num_experts": 128, "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [],
           "vocab_size": 151936, "tie_word_embeddings": False}  # fmt: skip
LATENT = {"model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
          "num_key_value_heads": 128, "intermediate_size": 18432, "moe_intermediate_size": 2048,
          "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1, "first_k_dense_replace": 3,
          "moe_layer_freq": 1, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
          "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280, "tie_word_embeddings": False,
          "num_nextn_predict_layers": 1}  # fmt: skip
INTERVAL = {"model_type": "llama4", "text_config": {
    "model_type": "llama4_text", "hidden_size": 5120, "num_hidden_layers": 48, "num_attention_heads": 40,
    "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
    "num_local_experts": 128, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2, "vocab_size": 202048,
    "tie_word_embeddings": False}}  # fmt: skip
FALCON = {"model_type": "falcon", "hidden_size": 14848, "num_hidden_layers": 80, "num_attention_heads": 232,
          "num_kv_heads": 8, "new_decoder_architecture": True, "vocab_size": 65024}  # fmt: skip
GEMMA = {"model_type": "gemma2", "hidden_size": 3584, "num_hidden_layers": 42, "num_attention_heads": 16,
         "num_key_value_heads": 8, "head_dim": 256, "intermediate_size": 14336, "sliding_window": 4096,
         "vocab_size": 256000}  # fmt: skip
HYBRID = {"model_type": "nemotron_h", "hidden_size": 4096, "num_hidden_layers": 52,
          "hybrid_override_pattern": "M-" * 20 + "*-" * 4 + "MMMM", "num_attention_heads": 32,
          "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 21504, "mamba_num_heads": 128,
          "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128, "conv_kernel": 4, "vocab_size": 131072,
          "tie_word_embeddings": False}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "total", "active"),
    [(LLAMA, 8.03e9, 8.03e9), (MIXTURE, 30.5e9, 3.35e9), (LATENT, 671e9, 37.5e9), (INTERVAL, 402e9, 17.2e9),
     (FALCON, 179e9, 179e9), (GEMMA, 9.24e9, 9.24e9), (HYBRID, 8.1e9, 8.1e9)],
)  # fmt: skip
def test_a_config_adds_up_to_the_published_parameters(config: dict[str, Any], total: float, active: float) -> None:
    m = read_config(config)
    assert m.params_total == pytest.approx(total, rel=0.01)
    assert m.params_active == pytest.approx(active, rel=0.01)


def test_windows_latent_caches_and_state_spaces_are_read() -> None:
    assert (read_config(GEMMA).window, read_config(GEMMA).window_layers) == (4096, 21)
    assert read_config(LATENT).kv_dim == 576
    assert read_config(HYBRID).attention_layers == 4
    assert read_config(HYBRID).scan_width > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [({"hidden_size": None}, "hidden_size"), ({"vocab_size": None}, "vocab_size"),
     ({"intermediate_size": None}, "intermediate_size"), ({"hidden_size": "wide"}, "hidden_size"),
     ({"num_latent_experts": 4}, "num_latent_experts"), ({"is_encoder_decoder": True}, "is_encoder_decoder")],
)  # fmt: skip
def test_a_config_that_cannot_be_told_for_certain_is_refused_with_its_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ClusterError, match=said):
        read_config(LLAMA | change)


def test_a_config_is_read_from_its_file_and_named_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "My-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    m = load_config(folder / "config.json")
    assert m.name == "My-8B"
    assert answer("H100", 256, m)["params_total"] == pytest.approx(8.03e9, rel=0.01)
    (folder / "config.json").write_text("{")
    with pytest.raises(ClusterError, match="is no JSON"):
        load_config(folder / "config.json")


DENSE = {"layers": 40, "hidden": 5120, "heads": 40, "kv_heads": 40, "ffn": 13824, "vocab": 32000}
SPARSE = {"layers": 36, "hidden": 4608, "heads": 36, "kv_heads": 4, "n_experts": 64, "topk": 4, "moe_ffn": 1536,
          "vocab": 100000}  # fmt: skip


def test_a_shape_of_the_library_is_found_by_its_columns_and_not_by_half_of_them() -> None:
    assert read_model(DENSE).name == "llama-2-13b"
    other = read_model(DENSE | {"ffn": 20480})
    assert other.name == "by shape"
    assert (other.ffn, other.mlp_matrices) == (20480, 2)


def test_parameters_that_are_given_decide_what_columns_leave_open() -> None:
    wanted = read_model(SPARSE | {"head_dim": 64, "dense_layers": 1, "shared_experts": 1, "ffn": 12288})
    sizes = {"params_total": wanted.params_total, "params_active": wanted.params_active}
    told = read_model(SPARSE | {"ffn": 12288} | sizes)
    assert told.params_total == pytest.approx(wanted.params_total, rel=0.01)
    assert told.params_active == pytest.approx(wanted.params_active, rel=0.02)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"model": "llama-3-8b", "layers": 64}, "layers: llama-3-8b has 32, was 64"),
        ({"name": "my Llama 3 8B", "layers": 64}, "layers: llama-3-8b has 32"),
        ({k: v for k, v in SPARSE.items() if k != "moe_ffn"}, "moe_ffn: must be given"),
        ({k: v for k, v in SPARSE.items() if k != "topk"}, "topk: must be given"),
        (SPARSE | {"heads": 48}, "head_dim: must be given"),
        (SPARSE | {"params_total": 9e12}, "params_total: the columns add up to"),
        (DENSE | {"kv_heads": 8, "ffn": 20480}, "gated: must be given"),
        ({"hidden": 4096}, "hidden: a shape needs layers"),
        ({}, "model: needs a known name"),
    ],
)
def test_a_shape_that_contradicts_itself_or_lacks_a_column_is_refused(row: dict[str, Any], said: str) -> None:
    with pytest.raises(ClusterError, match=said):
        read_model(row)


def test_columns_are_known_in_any_spelling_and_others_are_refused_when_filled() -> None:
    assert columns({"tp": 8, "Global Batch Size": 64, "gpus": 8}) == {"TP": 8, "gbs_seqs": 64, "gpu_count": 8}
    assert columns({"num_layrs": None, "mfu": 0.4, "gpu_count": 8}) == {"gpu_count": 8}
    with pytest.raises(ClusterError, match="num_layrs: is no column"):
        columns({"num_layrs": 64})
    with pytest.raises(ClusterError, match="contradicts"):
        columns({"TP": 8, "tp": 4})


@settings(max_examples=60, deadline=None)
@given(
    extra=st.dictionaries(st.text(max_size=20), st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=4)
)
def test_hostile_keys_are_read_past_or_refused_and_never_change_the_shape(extra: dict[str, Any]) -> None:
    try:
        m = read_config(extra | LLAMA)
    except ClusterError:
        return
    assert m.params_total == model("llama-3-8b").params_total
