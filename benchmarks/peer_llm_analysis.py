# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = ["llm-analysis==0.2.2", "fire", "pynvml", "transformers"]
# [tool.uv]
# override-dependencies = ["transformers>=4.50", "huggingface-hub>=1.5"]
# ///
"""How many training configurations `llm-analysis` answers in a CPU-second.

`uv run --script benchmarks/peer_llm_analysis.py`.

Its own pin of transformers has no build for present Pythons and is overridden; only its reader of configurations from
a hub uses it. It is in no group of the project for that.
"""

from __future__ import annotations

import json
import logging
import statistics
import time

from llm_analysis.analysis import LLMAnalysis
from llm_analysis.config import ModelConfig, ParallelismConfig, get_dtype_config_by_name, get_gpu_config_by_name


def main(repeats: int = 51) -> None:
    """Time one training configuration, logging off."""
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
