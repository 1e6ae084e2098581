"""Put the cluster core's answers beside rows measured by `benchmarks/one_gpu.py`, and print the errors GPU by GPU.

    uv run python -m benchmarks.one_gpu_beside                 # the rows of the catalogue
    uv run python -m benchmarks.one_gpu_beside --rows          # and every row
    uv run python -m benchmarks.one_gpu_beside rows.csv        # rows of your own GPU
    uv run python -m benchmarks.one_gpu_beside --with fixed_s=0 --with serve_bandwidth=0.85    # other constants

None of the rows takes part in any fit. Of every GPU after the first, cases that the first ran too also tell what they
took over the first GPU's, measured and predicted (geometric means). A product, an attention core and a stream of memory
are asked of the equations that a step is made of: the case is a model of one layer that has only that.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from market.cluster import ClusterError, answer_grid, chip, work
from market.cluster.case import BF16, FP8
from market.cluster.constants import Constants, fitted
from market.cluster.models import Model
from market.cluster.serve_rows import Deployment, answer_serving_grid, columns_of, stacked
from market.cluster.serving import CACHE_STREAM, decode_s, weights
from market.cluster.workload import base_case

ROWS = Path(__file__).resolve().parents[1] / "market" / "catalogue" / "observed" / "one_gpu.csv"
Row = Mapping[str, str]


class Beside(NamedTuple):
    """A measured row and what the core says of it; in seconds, or GB of memory."""

    kind: str
    what: str
    measured: float
    predicted: float
    spread: float  # from the 10th to the 90th percentile, over the median
    gpu: str
    run: str = ""

    @property
    def error(self) -> float:
        """Give predicted over measured, less 1."""
        return self.predicted / self.measured - 1


def one_layer(**shape: float) -> Model:
    """Give a model of one layer that has only what is named."""
    nothing = dict.fromkeys((f.name for f in dataclasses.fields(Model) if f.default is dataclasses.MISSING), 0.0)
    ones = dict.fromkeys(("layers", "dense_layers", "heads", "head_dim", "core_dim", "ffn", "seq_len"), 1.0)
    return Model(**{**nothing, **ones, "name": "one layer", "year": 2026.9, **shape})  # type: ignore[arg-type]


def product_s(row: Row, k: Constants) -> float:
    """Time a product of a training step: x [m, k] by a weight [n, k]."""
    m = one_layer(hidden=float(row["k"]), ffn=float(row["n"]), mlp_matrices=1.0)
    case = base_case(chip(row["gpu"]), m, precision=FP8 if row["precision"] == "fp8" else BF16, constants=k)
    return float(work.gemm_s(case, work.sizes(case), np.asarray(float(row["m"])), k))


def small_product_s(row: Row, k: Constants) -> float:
    """Time a product of a decode step, whose weights are read from memory; launches and scheduling left out."""
    m = one_layer(hidden=float(row["k"]), ffn=float(row["n"]), mlp_matrices=1.0, attention_layers=0.0)
    asked = Deployment(chip(row["gpu"]), m, row["precision"], 2.0, 1.0, 1.0)
    s = stacked([columns_of(asked, k) | {"launch": 0.0, "host": 0.0}])
    return float(decode_s(s, weights(s, 1.0), np.array([float(row["m"])]), np.zeros(1), k)[0])


def core_s(row: Row, k: Constants) -> float:
    """Time an attention core; a backward pass takes 2.5 times the forward one."""
    heads, width, length = float(row["heads"]), float(row["head_dim"]), float(row["seq_len"])
    m = one_layer(heads=heads, head_dim=width, core_dim=width, seq_len=length)
    case = base_case(chip(row["gpu"]), m, constants=k)
    tokens = np.asarray(float(row["sequences"]) * length)
    forward = float(work.core_s(case, work.sizes(case), tokens, k))
    return forward * (2.5 if row["kind"] == "attention_backward" else 1.0)


def beside(kind: str, what: str, row: Row, predicted: float, measured: str = "time_s") -> Beside:
    """Join a row with its prediction."""
    spread = (float(row["high_s"]) - float(row["low_s"])) / float(row["time_s"])
    return Beside(kind, what, float(row[measured]), predicted, spread, row["gpu"], row.get("run", ""))


def products(rows: Iterable[Row], k: Constants) -> list[Beside]:
    """Answer products: of training's shapes, and of few rows."""
    of: dict[str, Callable[[Row, Constants], float]] = {"gemm": product_s, "gemm_small": small_product_s}
    return [beside(f"{product_of(r)}, {r['precision']}", " x ".join(r[n] for n in ("m", "n", "k")), r,
                   of[r["kind"]](r, k)) for r in rows if r["kind"] in of]  # fmt: skip


def product_of(row: Row) -> str:
    """Name a product by its rows: few of them leave it to memory."""
    if row["kind"] == "gemm":
        return "product"
    return "product of 1 to 64 rows" if int(row["m"]) <= 64 else "product of 128 to 512 rows"


def cores(rows: Iterable[Row], k: Constants) -> list[Beside]:
    """Answer attention, forward and backward."""
    return [beside(f"{r['kind'].replace('_', ' ')}, {r['backend']}",
                   f"{r['sequences']} x {r['seq_len']}, {r['heads']}/{r['kv_heads']} heads of {r['head_dim']}",
                   r, core_s(r, k)) for r in rows if r["kind"].startswith("attention")]  # fmt: skip


def streams(rows: Iterable[Row], k: Constants) -> list[Beside]:
    """Answer bytes through memory at the three rates that the core takes."""
    rates = {"element-wise passes": 1 / k.memory_passes, "a cache": CACHE_STREAM, "weights": k.serve_bandwidth}
    chosen = [r for r in rows if r["kind"] == "memory"]
    return [beside(f"stream, at the rate of {name}", r["backend"], r,
                   float(r["bytes"]) / (rate * chip(r["gpu"]).hbm_bytes_per_s))
            for name, rate in rates.items() for r in chosen]  # fmt: skip


SHAPE = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "gated", "vocab", "tied", "seq_len")
STEPS = (("1", 1, "compiled step, as graphs"), ("1", 0, "compiled step, as launched one by one"),
         ("0", 0, "step not compiled, as launched one by one"))  # fmt: skip


def steps(rows: Iterable[Row], k: Constants) -> list[Beside]:
    """Answer training steps and the most memory that they hold."""
    found, listed = [], [r for r in rows if r["kind"] == "step"]
    for compiled, graphs, kind in STEPS:
        chosen = [r for r in listed if r["compiled"] == compiled]
        answers = answer_grid(columns([step_asked(r, graphs) for r in chosen]), k) if chosen else {}
        for i, r in enumerate(chosen):
            what = f"{said(r)}, {r['microbatches']} microbatches, recompute {r['recompute']}"
            found.append(beside(f"{kind}, {r['backend']}", what, r, answers["step_s"][i]))
            if graphs:
                found.append(beside("memory of a compiled step", what, r, answers["memory_gb"][i], "memory_gb"))
    return found


def step_asked(r: Row, graphs: int) -> dict[str, Any]:
    """Give the case of a step: the plan of one GPU."""
    plan = {"gpu_type": r["gpu"], "gpu_count": 1, "TP": 1, "PP": 1, "DP": 1, "mbs": r["sequences"]}
    batch = int(r["sequences"]) * int(r["microbatches"])
    stack = {"framework": "torchtitan", "cuda_graphs": graphs, "gbs_seqs": batch}
    return plan | stack | {n: r[n] for n in ("recompute", "precision", "date", *SHAPE)}


def said(row: Row) -> str:
    """Name a row of a model."""
    return f"{row['model']}, {row['sequences']} x {row['seq_len']}, {row['backend']}"


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def serving(rows: Iterable[Row], k: Constants) -> list[Beside]:
    """Answer prefills and decode steps, as those of an engine that does little between steps."""
    chosen = [r for r in rows if r["kind"] in ("prefill", "decode")]
    asked = [{"chip": r["gpu"], "gpus": 1, "tp": 1, "model": r["model"], "precision": r["precision"],
              "kv_precision": r["precision"], "output_tokens": 2, "concurrency": r["sequences"],
              "input_tokens": int(r["seq_len"]) - (r["kind"] == "decode")}  # its mean step attends to seq_len
             for r in chosen]  # fmt: skip
    answers = answer_serving_grid(columns(asked), k) if asked else {}
    found = []
    for i, r in enumerate(chosen):
        tokens = int(r["sequences"]) * (int(r["seq_len"]) if r["kind"] == "prefill" else 1)
        found.append(beside(served(r), said(r), r, tokens / answers[f"{r['kind']}_tokens_per_s_per_gpu_predicted"][i]))
    return found


def served(row: Row) -> str:
    """Name a prefill, or a decode step by its requests."""
    if row["kind"] == "prefill":
        return "prefill"
    return f"decode, {'1 to 16' if int(row['sequences']) <= 16 else '64 to 256'} requests"


def all_beside(rows: list[dict[str, str]], k: Constants | None = None) -> list[Beside]:
    """Answer every row, kind by kind."""
    k = k or fitted()
    return [b for answer in (streams, products, cores, steps, serving) for b in answer(rows, k)]


def by(name: str, found: Iterable[Beside]) -> dict[str, list[Beside]]:
    """Sort rows by a field, in order of appearance."""
    parts: dict[str, list[Beside]] = {}
    for b in found:
        parts.setdefault(getattr(b, name), []).append(b)
    return parts


def summary(found: Iterable[Beside], first: Iterable[Beside] = ()) -> list[str]:
    """Write errors by kind as a table; beside the first GPU's rows, also what the kinds took over them."""
    other = by("kind", first)
    heads = ["kind", "rows", "median", "90th percentile", "bias", "from", "to"]
    heads += ["over the first GPU's, measured", "predicted"] if other else []
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for kind, rows in by("kind", found).items():
        e = np.array([b.error for b in rows])
        size, bias = np.abs(e), np.expm1(np.mean(np.log1p(e)))
        line = (f"| {kind} | {len(e)} | {np.median(size):.1%} | {np.quantile(size, 0.9):.1%} | {bias:+.1%} | "
                f"{e.min():+.0%} | {e.max():+.0%} |")  # fmt: skip
        lines.append(f"{line} {ratios(rows, other.get(kind, []))} |" if other else line)
    return lines


def ratios(rows: Iterable[Beside], first: Iterable[Beside]) -> str:
    """Write what cases took over the same cases of the first GPU, measured and predicted, mean of logarithms."""
    here, there = by("what", rows), by("what", first)
    apart = [means(here[case]) - means(there[case]) for case in here if case in there]
    return " | ".join(f"{v:.2f}" for v in np.exp(np.mean(apart, axis=0))) if apart else "| "


def means(rows: list[Beside]) -> np.ndarray:
    """Give the mean logarithms of what was measured and predicted. [2]."""
    mean: np.ndarray = np.log([(b.measured, b.predicted) for b in rows]).mean(axis=0)
    return mean


MEASURED = frozenset({"run", "time_s", "low_s", "high_s", "repeats", "memory_gb", "power_w", "clock_mhz"})


def between_runs(rows: Iterable[Row]) -> list[float]:
    """Give how far the times of two runs of one case lie apart."""
    times: dict[tuple[str, ...], list[float]] = {}
    for r in rows:
        times.setdefault(tuple(v for n, v in r.items() if n not in MEASURED), []).append(float(r["time_s"]))
    return [max(t) / min(t) - 1 for t in times.values() if len(t) == 2]


def changed(given: list[str]) -> Constants:
    """Give the fitted constants with others in their place."""
    values = dict(one.split("=", 1) for one in given if "=" in one)
    names = {f.name for f in dataclasses.fields(Constants)}
    if len(values) < len(given) or not values.keys() <= names:
        raise SystemExit(f"--with: must be NAME=VALUE of {', '.join(sorted(names))}, was {' '.join(given)}")
    return dataclasses.replace(fitted(), **{n: float(v) for n, v in values.items()})


def read(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measured(path: Path) -> list[dict[str, str]]:
    """Read measured rows.

    Raises
    ------
    ValueError
        Where a column is missing that `benchmarks/one_gpu.py` prints, or there is no row.

    """
    rows, own = read(path), {"run", "use", "source"}
    lacking = [name for name in read(ROWS)[0] if name not in own and (not rows or name not in rows[0])]
    if lacking:
        raise ValueError(f"must hold rows as benchmarks/one_gpu.py prints them, lacks {', '.join(lacking)}")
    return rows


def main() -> None:
    """Print the errors by kind, GPU by GPU, and the rows if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=ROWS)
    parser.add_argument("--rows", action="store_true", help="print every row too")
    parser.add_argument("--with", dest="other", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    try:
        rows = measured(given.path)
        found = all_beside(rows, changed(given.other))
    except (ClusterError, OSError, ValueError) as fault:
        raise SystemExit(f"{given.path}: {fault}") from None
    first: list[Beside] = []
    for gpu, part in by("gpu", found).items():
        print(f"\n{gpu}\n")
        if given.rows:
            print("| kind | case | run | measured | spread | predicted | error |\n|---|---|---|---|---|---|---|")
            for b in part:
                print(f"| {b.kind} | {b.what} | {b.run} | {b.measured:.4g} | {b.spread:.1%} | {b.predicted:.4g} | "
                      f"{b.error:+.1%} |")  # fmt: skip
            print()
        print("\n".join(summary(part, first)))
        if apart := between_runs(r for r in rows if r["gpu"] == gpu):
            print(
                f"\n{len(apart)} cases ran twice, {np.median(apart):.1%} apart in the middle, {max(apart):.1%} at most"
            )
        first = first or part


if __name__ == "__main__":
    main()
