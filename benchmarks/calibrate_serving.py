"""Calibrate the serving constants of the cluster core, and report its error with each source left out.

    uv run python benchmarks/calibrate_serving.py            # leave-one-out report
    uv run python benchmarks/calibrate_serving.py --write    # fit on all rows, store the constants, then report

Rows: `market/catalogue/observed/serving.csv` with `use` = fit. A residual is log(predicted/observed output tokens a
second and GPU); each source weighs as the square root of its rows; every constant has a normal prior on its logarithm.
"""

import argparse
import csv
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from market.cluster.case import Array
from market.cluster.constants import Constants, fitted
from market.cluster.serve_case import Serve
from market.cluster.serve_rows import Deployment, chip_side, chosen, columns_of, read_deployment, stacked
from market.cluster.serving import serve
from market.cluster.tables import ClusterError

ROOT = Path(__file__).resolve().parents[1]
POINTS = ROOT / "market" / "catalogue" / "observed" / "serving.csv"
STORE = ROOT / "market" / "catalogue" / "cluster_constants.json"

PRIORS: dict[str, tuple[float, float, str]] = {
    "serve_gemm": (0.65, 0.20, "small and ragged products: below training's share"),
    "serve_bandwidth": (0.75, 0.15, "streaming kernels reach 0.8-0.9 of the nameplate, decode less"),
    "serve_passes": (1.5, 0.40, "traffic as counted, in kernels that are less fused than training's"),
    "serve_layer_s": (25e-6, 0.50, "ten kernels of a graph at 2 us, a layer"),
    "serve_sync_s": (12e-6, 0.40, "NCCL and custom all-reduce over eight GPUs: 8-20 us"),
    "serve_step_s": (2e-3, 0.50, "sampling, scheduling and detokenising between steps"),
    "serve_host": (2.0, 0.40, "engines scheduled in Python beside one in C++"),
    "serve_amd": (2.0, 0.40, "younger kernels and all-reduces"),
    "serve_other": (0.70, 0.30, "compilers of single vendors"),
}
NAMES = tuple(PRIORS)
SCALE = 0.15  # residual of one row that the priors are weighed against, and the knee of the loss


@dataclasses.dataclass(frozen=True)
class Data:
    """Observed rows and their deployments."""

    table: list[dict[str, str]]
    rows: list[Deployment]
    case: Serve
    observed: Array


def load(use: str = "fit") -> Data:
    """Read the observed rows of a use."""
    with POINTS.open(encoding="utf-8") as file:
        listed = [r for r in csv.DictReader(file) if r["use"].startswith(use)]
    table, rows = [], []
    start = dataclasses.replace(fitted(), **{n: p[0] for n, p in PRIORS.items()})
    for r in listed:
        try:
            rows.append(chosen(read_deployment(r), start))
            table.append(r)
        except ClusterError as fault:
            print(f"not read: {r['id']}: {fault}")
    observed = np.array([float(r["output_tokens_per_s_per_gpu"]) for r in table])
    return Data(table, rows, stacked([columns_of(d, start) for d in rows]), observed)


def predicted(data: Data, k: Constants) -> Array:
    """Give output tokens a second and GPU. [R]."""
    sides: dict[tuple[str, str], dict[str, float]] = {}
    for d in data.rows:
        sides.setdefault((d.chip.name, d.precision), chip_side(d.chip, d.precision, k))
    names = ("gemm_flop_per_s", "bf16_gemm_flop_per_s", "hbm_bytes_per_s", "launch")
    moved = {n: np.array([sides[d.chip.name, d.precision][n] for d in data.rows]) for n in names}
    host = np.array([1.0 if d.lean else k.serve_host for d in data.rows])
    found = serve(dataclasses.replace(data.case, host=host, **moved), k).output_tokens_per_s_per_gpu
    return np.asarray(found)


def residuals(data: Data, k: Constants) -> Array:
    """Give log(predicted/observed). [R]."""
    return np.asarray(np.log(predicted(data, k) / data.observed))


def column(data: Data, name: str) -> np.ndarray:
    """Give one text column. [R]."""
    return np.array([r[name] for r in data.table])


def fit(data: Data, rows: np.ndarray) -> Constants:
    """Fit the constants to the rows of a mask."""
    keys = column(data, "source_key")
    counts = {key: int(np.sum(keys[rows] == key)) for key in set(keys[rows])}
    weight = np.array([counts[key] ** -0.25 if key in counts else 0.0 for key in keys]) * rows
    prior, spread = np.log([PRIORS[n][0] for n in NAMES]), np.array([PRIORS[n][1] for n in NAMES])
    base = fitted()

    def cost(x: Array) -> Array:
        k = dataclasses.replace(base, **dict(zip(NAMES, np.exp(x).tolist(), strict=True)))
        errors = weight * residuals(data, k) / SCALE
        soft = np.sign(errors) * np.sqrt(2 * (np.sqrt(1 + errors**2) - 1))
        return np.concatenate([soft, (x - prior) / spread])

    found = least_squares(cost, prior, method="trf", diff_step=1e-2, max_nfev=60)
    return dataclasses.replace(base, **dict(zip(NAMES, np.exp(found.x).tolist(), strict=True)))


def summary(name: str, errors: Array) -> str:
    """Print the mean, median and 90th percentile of |error|."""
    size = np.abs(np.expm1(errors))
    return (f"{name:34s} n {len(size):3d}  mean {size.mean():6.1%}  median {np.median(size):6.1%}  "
            f"p90 {np.quantile(size, 0.9):6.1%}  bias {np.expm1(errors.mean()):+6.1%}")  # fmt: skip


def left_out(data: Data) -> Array:
    """Predict every source with constants fitted on the others. [R]."""
    source, errors = column(data, "source_key"), np.full(len(data.rows), np.nan)
    for key in sorted(set(source)):
        out = source == key
        errors[out] = residuals(data, fit(data, ~out))[out]
        print("  " + summary(key, errors[out]))
    return errors


def classes(data: Data, errors: Array) -> dict[str, dict[str, float]]:
    """Sum left-out errors up by class: offline or with a given concurrency, NVIDIA or not."""
    offline = np.array([d.concurrency is None for d in data.rows])
    vendor = np.array([d.chip.vendor == "NVIDIA" for d in data.rows])
    found = {}
    for name, rows in (("offline", offline), ("online", ~offline)):
        for whose, mask in (("NVIDIA", vendor), ("other vendors", ~vendor)):
            size = np.abs(np.expm1(errors[rows & mask]))
            figures = {"mean": size.mean(), "median": np.median(size), "p90": np.quantile(size, 0.9)}
            found[f"{name}, {whose}"] = {"rows": len(size)} | {n: round(float(v), 4) for n, v in figures.items()}
    return found


def store(k: Constants, errors: dict[str, dict[str, float]]) -> None:
    """Write the serving constants beside those of training."""
    text = json.loads(STORE.read_text(encoding="utf-8"))
    text["serving_inputs"] = "observed/serving.csv"
    text["serving_inputs_sha256"] = hashlib.sha256(POINTS.read_bytes()).hexdigest()
    for n in NAMES:
        text["constants"][n] = {"value": float(f"{getattr(k, n):.5g}"), "prior": PRIORS[n][0],
                                "prior_spread_log": PRIORS[n][1], "prior_reason": PRIORS[n][2]}  # fmt: skip
    text["left_out_errors_serving"] = errors
    STORE.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Fit, report, store if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the constants fitted on all rows")
    data = load()
    constants = fit(data, np.ones(len(data.rows), dtype=bool))
    print(f"{len(NAMES)} constants, {len(data.rows)} rows")
    for n in NAMES:
        print(f"  {n:16s} {getattr(constants, n):10.4g}   prior {PRIORS[n][0]:.4g}")
    inside = residuals(data, constants)
    print("  " + summary("all rows, in sample", inside))
    print("\nOne source left out")
    errors = left_out(data)
    print("  " + summary("all rows", errors))
    for name, of in classes(data, errors).items():
        print(f"  {name:26s} n {of['rows']:3.0f}  mean {of['mean']:6.1%}  median {of['median']:6.1%}")
    if parser.parse_args().write:
        store(constants, classes(data, errors))


if __name__ == "__main__":
    main()
