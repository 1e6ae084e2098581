"""How many GPUs the fastest plan keeps busy, over counts drawn evenly in the logarithm: the table of docs/cluster.md.

`uv run python -m benchmarks.used_gpus [COUNTS]` prints, for pairs of chip and model, at which share of the counts from
64 to 100,000 the fastest plan uses at least 97 % of the GPUs, the least that it uses, and whether days ever rose with
GPUs. Counts at which nothing fits are left out.
"""

from __future__ import annotations

import sys

import numpy as np

from market.cluster import chip, model
from market.cluster.search import search
from market.cluster.workload import base_case

PAIRS = (
    ("GB200", "llama-3.1-405b"), ("H100", "llama-3-70b"), ("H100", "llama-3.1-405b"), ("H100", "dense-1t"),
    ("GB200", "deepseek-v3"), ("H100", "gpt-3"), ("H100", "deepseek-v3"), ("H100", "qwen3-30b-a3b"),
)  # fmt: skip
LEAST, MOST = 64, 100_000
NEARLY_ALL = 0.97


def used(chip_name: str, model_name: str, counts: list[int]) -> tuple[list[float], list[float]]:
    """Give the share of GPUs that the fastest plan uses at each count at which one fits, and its time per progress."""
    m = model(model_name)
    shares, times = [], []
    for count in counts:
        found = search(base_case(chip(chip_name), m), m, count, exact=1)
        if np.size(found.order):
            best = found.case
            shares.append(float((best.tp * best.pp * best.dp * best.cp).item()) / count)
            times.append(float(found.order[0]))
    return shares, times


def main(count: int) -> None:
    """Print a row a pair."""
    drawn = np.random.default_rng(0).uniform(np.log(LEAST), np.log(MOST), count)
    counts = np.rint(np.exp(np.sort(drawn))).astype(int).tolist()
    print("| chip, model | counts | least used | days rose |\n|---|---|---|---|")
    for chip_name, model_name in PAIRS:
        shares, times = used(chip_name, model_name, counts)
        share, rose = np.mean(np.array(shares) >= NEARLY_ALL), bool(np.any(np.diff(times) > 0))
        print(f"| {chip_name}, {model_name} | {100 * share:.0f} % | {min(shares):.2f} | {'yes' if rose else 'no'} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
