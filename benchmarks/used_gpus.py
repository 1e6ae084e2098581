"""How many GPUs the fastest plan keeps busy, over counts drawn evenly in the logarithm: the table of docs/cluster.md.

`uv run python -m benchmarks.used_gpus [COUNTS]` prints, for pairs of chip and model, at which share of the counts from
64 to 100,000 the fastest plan uses at least 97 % of the GPUs; at which it does not, though another plan does and takes
up to 3 % longer; and at which none within 3 % does, by what stops it. Then the least that the fastest plan uses, and
whether days ever rose with GPUs. Counts at which nothing fits are left out.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

from market.cluster import chip, model
from market.cluster.constants import fitted
from market.cluster.idle import Idle, idle
from market.cluster.parallelism import FREE
from market.cluster.search import search
from market.cluster.workload import base_case

PAIRS = (
    ("GB200", "llama-3.1-405b"), ("H100", "llama-3-70b"), ("H100", "llama-3.1-405b"), ("H100", "dense-1t"),
    ("GB200", "deepseek-v3"), ("H100", "gpt-3"), ("H100", "deepseek-v3"), ("H100", "qwen3-30b-a3b"),
)  # fmt: skip
LEAST, MOST = 64, 100_000
NEAR = 0.03


def used(chip_name: str, model_name: str, counts: list[int]) -> list[tuple[float, float, Idle]]:
    """Give at each count at which a plan fits the share of GPUs used, the time per progress, and why not more."""
    m, found = model(model_name), []
    for count in counts:
        case = base_case(chip(chip_name), m, gpus=count)
        best = search(case, m, count, exact=1)
        if np.size(best.order):
            busy = best.case.used().item() / count
            found.append((busy, float(best.order[0]), idle(case, m, count, best, (fitted(), FREE))))
    return found


def main(count: int) -> None:
    """Print a row a pair."""
    drawn = np.random.default_rng(0).uniform(np.log(LEAST), np.log(MOST), count)
    counts = np.rint(np.exp(np.sort(drawn))).astype(int).tolist()
    columns = ("chip, model", "97 % used", "up to 3 % slower", "batch", "copies", "failures", "least used", "days rose")
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for chip_name, model_name in PAIRS:
        rows = used(chip_name, model_name, counts)
        kinds = Counter(
            "used" if not why.because
            else "near" if why.all_gpus_slower is not None and why.all_gpus_slower <= NEAR
            else why.because
            for _, _, why in rows
        )  # fmt: skip
        shares = [f"{kinds[kind] / len(rows):.0%}" for kind in ("used", "near", "batch", "copies", "failures")]
        rose = "yes" if np.any(np.diff([time for _, time, _ in rows]) > 0) else "no"
        print(f"| {chip_name}, {model_name} | {' | '.join(shares)} | {min(busy for busy, _, _ in rows):.2f} | {rose} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
