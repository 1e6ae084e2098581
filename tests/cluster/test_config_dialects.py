"""Configurations as open models publish them, and the dialects that they are written in."""

import json
from pathlib import Path
from typing import Any

import pytest

from market.cluster import ClusterError, read_config

PUBLISHED = json.loads((Path(__file__).parent / "published_configs.json").read_text(encoding="utf-8"))
"""Configurations as released, with total and active parameters as printed (with or without the input embedding)."""
PLAIN = next(p["config"] for p in PUBLISHED if p["name"] == "qwen3-235b")


@pytest.mark.parametrize("published", PUBLISHED, ids=[p["name"] for p in PUBLISHED])
def test_a_published_configuration_adds_up_within_one_percent(published: dict[str, Any]) -> None:
    m = read_config(published["config"])
    assert m.params_total == pytest.approx(published["total"], rel=0.01)
    active = min((m.params_active, m.params_active_published), key=lambda n: abs(n - published["active"]))
    assert active == pytest.approx(published["active"], rel=0.015)  # cards round the active ones to two or three digits


@pytest.mark.parametrize(
    "dialect",
    [
        {"num_hidden_layers": "n_layers"}, {"hidden_size": "d_model", "num_attention_heads": "n_heads"},
        {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"},
        {"num_experts": "n_routed_experts"}, {"num_experts": "num_local_experts"},
    ],
)  # fmt: skip
def test_another_spelling_is_the_same_model(dialect: dict[str, str]) -> None:
    spelt = {dialect.get(name, name): value for name, value in PLAIN.items()}
    assert read_config(spelt) == read_config(PLAIN)


def test_a_model_inside_one_that_sees_is_the_same_model() -> None:
    nested = {"model_type": "qwen3_moe", "text_config": PLAIN}
    assert read_config(nested).params_total == read_config(PLAIN).params_total


def test_what_runs_a_model_does_not_change_its_shape() -> None:
    dressed = PLAIN | {"rope_theta": 1e6, "torch_dtype": "bfloat16", "use_cache": True, "transformers_version": "4.57"}
    assert read_config(dressed) == read_config(PLAIN)


@pytest.mark.parametrize(
    "change",
    [{"expert_layer_period": 2}, {"mamba_d_state": 16}, {"num_shared_latents": 4}, {"is_encoder_decoder": True}],
)
def test_a_key_that_may_change_the_shape_is_refused_by_its_name(change: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match=next(iter(change))):
        read_config(PLAIN | change)
