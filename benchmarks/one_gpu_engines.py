"""Published serving on one H100 beside the core, and beside what bare graphs of the same work were measured to take.

    uv run python -m benchmarks.one_gpu_engines

Two tables over `market/catalogue/observed/serving.csv`: the core's error on the rows of one H100 that the fit has, by
model; and Llama 3.1 8B at a number of requests in flight, of unstated precision (apart from the fit; 16 bits are
taken), as published, as the core answers, and as prefills and decode steps of an H100 in `one_gpu.csv` add up to: a
batch of C requests takes C prefills and O steps, one after the other, with nothing between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.one_gpu_beside import ROWS, columns, read
from market.cluster.serve_rows import answer_serving_grid

PUBLISHED = ROWS.with_name("serving.csv")
ASKED = ("chip", "gpus", "model", "precision_weights", "precision_kv", "framework", "tp", "input_tokens",
         "output_tokens", "concurrency", "date")  # fmt: skip
MODEL = "llama-3-8b"
Row = Mapping[str, str]


def published(use: str) -> list[dict[str, str]]:
    """Read the published rows of one H100 whose use starts so."""
    rows = [r for r in read(PUBLISHED) if r["gpus"] == "1" and r["chip"] == "H100"]
    return [r for r in rows if r["use"].startswith(use) and r["output_tokens_per_s_per_gpu"]]


def answered(rows: list[dict[str, str]], **given: str) -> np.ndarray:
    """Give the core's output tokens a second. [R]."""
    asked: list[dict[str, Any]] = [{n: given.get(n, r[n]) for n in ASKED} for r in rows]
    return np.array(answer_serving_grid(columns(asked))["output_tokens_per_s_per_gpu_predicted"])


def rates(rows: list[dict[str, str]]) -> np.ndarray:
    """Give the published output tokens a second. [R]."""
    return np.array([float(r["output_tokens_per_s_per_gpu"]) for r in rows])


def prefill_s(measured: list[dict[str, str]], tokens: float) -> float:
    """Give the measured time of one prefill, between the lengths that were measured."""
    one = sorted((float(r["seq_len"]), float(r["time_s"])) for r in measured
                 if (r["kind"], r["backend"], r["sequences"]) == ("prefill", "flash", "1"))  # fmt: skip
    return tokens * float(np.interp(tokens, [n for n, _ in one], [t / n for n, t in one]))


def decode_s(measured: list[dict[str, str]], requests: float, length: float) -> float:
    """Give the measured time of a decode step, between the batches and the two lengths that were measured."""
    at = {n: sorted((float(r["sequences"]), float(r["time_s"])) for r in measured
                    if (r["kind"], r["seq_len"]) == ("decode", str(n))) for n in (1024, 4096)}  # fmt: skip
    short, long = (dict(at[n]) for n in (1024, 4096))
    slope = [(b, (long[b] - short[b]) / b / 3072) for b in sorted(long)]
    base = np.interp(requests, sorted(short), [short[b] for b in sorted(short)])
    each = np.interp(requests, [b for b, _ in slope], [s for _, s in slope])
    return float(base + requests * each * (length - 1024))


def composed(measured: list[dict[str, str]], row: Row) -> float:
    """Give output tokens a second of a batch that is prefilled and then decoded."""
    requests, inputs, outputs = (float(row[n]) for n in ("concurrency", "input_tokens", "output_tokens"))
    steps = outputs * decode_s(measured, requests, inputs + outputs / 2)
    return requests * outputs / (requests * prefill_s(measured, inputs) + steps)


def main() -> None:
    """Print both tables."""
    fit = published("fit")
    error = answered(fit) / rates(fit) - 1
    print("| model | rows | median | bias |\n|---|---|---|---|")
    for name in sorted({r["model"] for r in fit}):
        e = error[[r["model"] == name for r in fit]]
        print(f"| {name} | {len(e)} | {np.median(np.abs(e)):.1%} | {np.expm1(np.mean(np.log1p(e))):+.1%} |")
    measured = [r for r in read(ROWS) if r["run"] == "2" and r["model"] == MODEL]
    rows = published("no: precision not stated")
    core = answered(rows, precision_weights="bf16", precision_kv="bf16") / rates(rows) - 1
    graphs = np.array([composed(measured, r) for r in rows]) / rates(rows) - 1
    print("\n| input, output, requests | published, tokens/s | graphs | core |\n|---|---|---|---|")
    for r, g, c in zip(rows, graphs, core, strict=True):
        print(f"| {r['input_tokens']}, {r['output_tokens']}, {r['concurrency']} | "
              f"{float(r['output_tokens_per_s_per_gpu']):.0f} | {g:+.1%} | {c:+.1%} |")  # fmt: skip
    print(f"\nmedian {np.median(graphs):+.1%} and {np.median(core):+.1%} over {len(rows)} rows")


if __name__ == "__main__":
    main()
