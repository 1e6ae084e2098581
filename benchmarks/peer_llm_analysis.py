# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = ["llm-analysis==0.2.2", "fire", "pynvml", "transformers"]
# [tool.uv]
# override-dependencies = ["transformers>=4.50", "huggingface-hub>=1.5"]
# ///
"""How many training configurations `llm-analysis` answers in a CPU-second, and how far its steps are off.

`uv run --script benchmarks/peer_llm_analysis.py`; with `--errors`, the mean error of step time on the dense rows of
`market/catalogue/observed/training_runs.csv` that state a plan on A100 and H100, by source.

Its own pin of transformers has no build for present Pythons and is overridden; only its reader of configurations from
a hub uses it. It is in no group of the project for that.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import statistics
import time
from pathlib import Path

from llm_analysis.analysis import ActivationRecomputation, DSZeRO, LLMAnalysis
from llm_analysis.config import ModelConfig, ParallelismConfig, get_dtype_config_by_name, get_gpu_config_by_name

ROWS = Path(__file__).resolve().parents[1] / "market" / "catalogue" / "observed" / "training_runs.csv"
SOURCES = ("korthikanti", "sc21", "vtrain", "megatron-core")
GPUS = {"A100-80 SXM": "a100-sxm-80gb", "H100 SXM": "h100-sxm-80gb"}
EFFICIENCY = 0.5
"""Share of the nameplate that products reach: what the package notes beside its default of 1 for Megatron-LM."""
RECOMPUTE = {"full": ActivationRecomputation.FULL, "selective": ActivationRecomputation.SELECTIVE}


def step_s(row: dict[str, str]) -> float:
    """Give the step of a row with a stated plan. KeyError or AssertionError where the package cannot."""
    number = {n: int(float(row[n])) for n in ("layers", "hidden", "heads", "ffn", "vocab", "seq_len", "gbs_seqs")}
    shape = ModelConfig(
        name="row", num_layers=number["layers"], n_head=number["heads"], hidden_dim=number["hidden"],
        vocab_size=number["vocab"], max_seq_len=number["seq_len"], ffn_embed_dim=number["ffn"], expansion_ratio=4,
        num_key_value_heads=int(row["kv_heads"] or row["heads"]),
    )  # fmt: skip
    plan = ParallelismConfig(tp_size=int(row["TP"]), pp_size=int(row["PP"]), dp_size=int(row["DP"]))
    dtype, gpu = get_dtype_config_by_name("w16a16e16"), get_gpu_config_by_name(GPUS[row["gpu_type"]])
    peer = LLMAnalysis(shape, gpu, dtype, plan, flops_efficiency=EFFICIENCY)
    found = peer.training(
        batch_size_per_gpu=int(row["mbs"] or 1), global_batch_size=number["gbs_seqs"], seq_len=number["seq_len"],
        activation_recomputation=RECOMPUTE.get(row["recompute"].split()[0], ActivationRecomputation.NONE),
        ds_zero=DSZeRO.STAGE_3 if "3" in row["fsdp_zero"] else DSZeRO.NONE, flash_attn="core" in row["source_key"],
    )  # fmt: skip
    return float(found["latency_per_iter"])


def errors() -> None:
    """Print the mean error of step time by source."""
    logging.disable(logging.CRITICAL)
    with ROWS.open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["use"] == "fit" and r["source_key"] in SOURCES]
    for source in SOURCES:
        found, refused = [], 0
        for row in rows:
            if row["source_key"] == source:
                try:
                    found.append(step_s(row) / float(row["step_s_observed"]) - 1)
                except (AssertionError, KeyError):
                    refused += 1
        mean, bias = (statistics.mean(x) for x in (map(abs, found), found))
        print(json.dumps({"source": source, "rows": len(found), "refused": refused, "mean": mean, "bias": bias}))


def main(repeats: int = 51) -> None:
    """Time one training configuration, logging off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="errors of step time by source, and no speed")
    if parser.parse_args().errors:
        errors()
        return
    logging.disable(logging.CRITICAL)
    shape = ModelConfig(name="gpt-3", num_layers=96, n_head=96, hidden_dim=12288, vocab_size=51200, max_seq_len=2048)
    plan = ParallelismConfig(tp_size=8, pp_size=8, dp_size=16, sp_size=8)
    peer = LLMAnalysis(shape, get_gpu_config_by_name("a100-sxm-80gb"), get_dtype_config_by_name("w16a16e16"), plan)
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        found = peer.training(batch_size_per_gpu=1, gradient_accumulation_steps=12, seq_len=2048)
        spent.append(time.process_time() - began)
    print(json.dumps({"cpu_s": statistics.median(spent), "figures": len(found)}))


if __name__ == "__main__":
    main()
