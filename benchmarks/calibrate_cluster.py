"""Calibrate the cluster core's constants, and report its error with each source left out.

    uv run python benchmarks/calibrate_cluster.py            # leave-one-out report
    uv run python benchmarks/calibrate_cluster.py --write    # fit on all rows, store the constants, then report

Rows: `market/catalogue/observed/training_runs.csv` with `use` = fit. A residual is log(predicted/observed step); each
source weighs as the square root of its rows; every constant has a normal prior on its logarithm (value and spread
below), so that none runs to a bound.
"""

import argparse
import csv
import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from market.cluster.case import Array, Case
from market.cluster.constants import Constants
from market.cluster.evaluate import evaluate
from market.cluster.grid import Choices, best_of, choices, read_rows
from market.cluster.power import clock_at
from market.cluster.rows import Row
from market.cluster.workload import chip_columns, gemm_rate

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "market" / "catalogue" / "observed" / "training_runs.csv"
STORE = ROOT / "market" / "catalogue" / "cluster_constants.json"

PRIORS: dict[str, tuple[float, float, str]] = {
    "gemm_ampere": (0.90, 0.10, "a tuned GEMM loses about a tenth to mixed shapes and clocks in training"),
    "gemm_hopper": (0.80, 0.10, "the same, and 700 W clocks under sustained load"),
    "gemm_blackwell": (0.80, 0.10, "as Hopper: power limits the clock"),
    "gemm_amd": (0.85, 0.15, "as Ampere, with younger libraries"),
    "gemm_tpu": (0.95, 0.15, "no measured best product: 0.72 of the nameplate is taken, MaxText prints up to 0.70"),
    "gemm_neuron": (0.85, 0.20, "no measured best product: 0.72 of the nameplate is taken"),
    "fp8_gain": (0.80, 0.20, "best FP8 products run at about 1.8x BF16's best (nameplate 2x); casts are counted apart"),
    "fp4_gain": (0.60, 0.25, "1.5x FP8's rate where the nameplate says 2x: finer scaling blocks"),
    "width_half": (150.0, 0.50, "one 128-256 wide tile"),
    "tokens_half": (100.0, 0.50, "one 128 tall tile"),
    "core_flash": (0.80, 0.20, "FlashAttention: 72 % of A100's peak, 75 % of H100's forward; GEMMs: 80-87 %"),
    "core_unfused": (0.45, 0.30, "batched attention products"),
    "memory_passes": (1.0, 0.35, "traffic as counted"),
    "block_passes": (1.0, 0.50, "scales of blocks along rows and along columns: the input is read twice"),
    "launch_s": (400e-6, 0.70, "forward and backward of a layer: some eighty kernels at 5 us"),
    "launch_moe_s": (3e-3, 0.50, "routing, permutation and products expert by expert: 600 kernels at 5 us"),
    "up_efficiency": (0.70, 0.20, "NCCL bus bandwidth over nameplate"),
    "up_tpu": (0.50, 0.40, "rings over a torus use the links of one axis at a time"),
    "out_efficiency": (0.65, 0.30, "the same over the fat tree, shared with other traffic"),
    "expert_tpu": (2.0, 0.50, "sorting and gathering routed copies as XLA operations, unfused"),
    "tp_hidden": (0.30, 0.50, "user-buffer overlap hides some"),
    "dp_hidden": (0.80, 0.30, "most of the backward pass can hide collectives"),
    "ep_hidden": (0.50, 0.30, "some stacks overlap all-to-alls with compute (DeepSeek-V3: nearly all)"),
    "fixed_s": (0.05, 0.60, "loss reduction, logging, data loading"),
    "graph_share": (0.10, 0.50, "gaps between kernels of a graph: half a microsecond beside five"),
    "expert_gemm": (0.85, 0.15, "grouped products beside dense ones of the same size"),
    "expert_passes": (12.0, 0.40, "cast, permute, exchange, sort, and back with weights: each read and written"),
    "bias_passes": (1.0, 0.50, "traffic of biases and clamped gates as counted (gpt-oss)"),
    "fusion_gain": (0.50, 0.40, "activation and casts need no passes of their own, permutation half"),
    "immature_dense": (0.10, 0.50, "1-16 % gained in 11 months"),
    "immature_moe": (4.0, 0.40, "34-120 % gained in 11 months"),
}
NAMES = tuple(PRIORS)
START = dataclasses.replace(Constants(), **{n: p[0] for n, p in PRIORS.items()})
"""Where plans that no source states are searched from: the priors, so that a fit does not depend on an earlier one."""
SCALE = 0.08  # residual of one row that the priors are weighed against, and the knee of the loss


@dataclasses.dataclass(frozen=True)
class Data:
    """Observed rows and their candidate plans."""

    table: list[dict[str, str]]
    rows: list[Row]
    case: Case
    owner: np.ndarray
    observed: Array
    batch: Array  # of each candidate; a searched plan may differ by a few percent from the batch asked for
    batch_asked: Array
    clock: Array  # share of nameplate, where a row states a power limit


def load(keep: Callable[[dict[str, str]], bool]) -> Data:
    """Read the observed rows that `keep` accepts and spread them over candidate plans."""
    with RUNS.open(encoding="utf-8") as file:
        table = [r for r in csv.DictReader(file) if keep(r)]
    rows = [r for r in read_rows(table) if isinstance(r, Row)]
    spread = choices(rows, START)
    if len(rows) != len(table) or spread.case is None or any(spread.why_not):
        raise SystemExit(f"a row cannot be read: {[w for w in spread.why_not if w]}")
    limits = np.array([min((r.power_limit_w or r.chip.tdp_w) / r.chip.tdp_w, 1.0) for r in rows])
    observed = np.array([float(r["step_s_observed"]) for r in table])
    batch = np.broadcast_to(spread.case.batch_seqs, spread.row.shape)
    asked = np.array([r.model.batch_seqs for r in rows])
    return Data(table, rows, spread.case, spread.row, observed, batch, asked, clock_at(limits))


def chip_side(data: Data, k: Constants) -> dict[str, Array]:
    """Give the columns that chip, vendor and constants decide, a row each. [R]."""
    sides: dict[tuple[str, int], dict[str, float]] = {}
    for r in data.rows:
        key = (r.chip.name, r.precision)
        if key not in sides:
            own = chip_columns(r.chip, k)
            sides[key] = {n: own[n] for n in ("up_bytes_per_s", "out_bytes_per_s", "expert_traffic")}
            sides[key] |= {"gemm_flop_per_s": gemm_rate(r.chip, r.precision, k),
                           "bf16_gemm_flop_per_s": gemm_rate(r.chip, 0, k)}  # fmt: skip
    columns = {n: np.array([sides[r.chip.name, r.precision][n] for r in data.rows]) for n in next(iter(sides.values()))}
    links = np.array([(r.scaleout_bytes_per_s or r.chip.scaleout_bytes_per_s) for r in data.rows])
    columns["out_bytes_per_s"] = links * k.out_efficiency
    for name in ("gemm_flop_per_s", "bf16_gemm_flop_per_s"):
        columns[name] = columns[name] * data.clock
    return columns


def residuals(data: Data, k: Constants) -> Array:
    """Give log(predicted/observed) of every row. [R]."""
    case = dataclasses.replace(data.case, **{n: v[data.owner] for n, v in chip_side(data, k).items()})
    answers = evaluate(case, k)
    best = best_of(Choices(case, data.owner, []), answers)
    scale = data.batch[best] / data.batch_asked
    return np.asarray(np.log(answers.step_s[best] / scale / data.observed))


def weights(data: Data, rows: np.ndarray) -> Array:
    """Weigh rows so that a source of n rows counts as its square root. [R]."""
    keys = np.array([r["source_key"] + r["kind"] for r in data.table])
    counts = {key: int(np.sum(keys[rows] == key)) for key in set(keys[rows])}
    weight: Array = np.array([counts[key] ** -0.25 if key in counts else 0.0 for key in keys]) * rows
    return weight


def fit(data: Data, rows: np.ndarray, start: Constants | None = None) -> Constants:
    """Fit the constants to the rows of a mask; `start` only saves time."""
    weight = weights(data, rows)
    prior = np.log([PRIORS[n][0] for n in NAMES])
    spread = np.array([PRIORS[n][1] for n in NAMES])

    def cost(x: Array) -> Array:
        errors = weight * residuals(data, Constants(**dict(zip(NAMES, np.exp(x), strict=True)))) / SCALE
        soft = np.sign(errors) * np.sqrt(2 * (np.sqrt(1 + errors**2) - 1))
        return np.concatenate([soft, (x - prior) / spread])

    first = prior if start is None else np.log([getattr(start, n) for n in NAMES])
    found = least_squares(cost, first, method="trf", diff_step=1e-3, max_nfev=60, ftol=1e-5)
    return Constants(**{n: float(v) for n, v in zip(NAMES, np.exp(found.x), strict=True)})


def summary(name: str, errors: Array) -> str:
    """Print the mean, median and 90th percentile of |step error|."""
    size = np.abs(np.expm1(errors))
    return (f"{name:34s} n {len(size):3d}  mean {size.mean():6.1%}  median {np.median(size):6.1%}  "
            f"p90 {np.quantile(size, 0.9):6.1%}  bias {np.expm1(errors.mean()):+6.1%}")  # fmt: skip


def column(data: Data, name: str) -> np.ndarray:
    """Give one text column of the observed rows. [R]."""
    return np.array([r[name] for r in data.table])


def blackwell(data: Data) -> np.ndarray:
    """Mark the rows on Blackwell chips. [R]."""
    return np.array([r.chip.name.split()[0] in {"B200", "GB200", "B300", "GB300"} for r in data.rows])


def left_out(data: Data, rows: np.ndarray, groups: np.ndarray, title: str) -> Array:
    """Predict each group with constants fitted on the other fitted rows. Prints a line a group."""
    print(f"\n{title}")
    pieces = []
    every = column(data, "use") == "fit"
    whole_fit = fit(data, every)
    for group in sorted(set(groups[rows])):
        out = rows & (groups == group)
        errors = residuals(data, fit(data, every & (groups != group), whole_fit))[out]
        pieces.append(errors)
        print("  " + summary(str(group), errors))
    joined = np.concatenate(pieces)
    whole = np.full(len(rows), np.nan)
    for group, errors in zip(sorted(set(groups[rows])), pieces, strict=True):
        whole[rows & (groups == group)] = errors
    print("  " + summary("all rows", joined))
    means = [float(np.abs(np.expm1(p)).mean()) for p in pieces]
    print(f"  mean over groups {np.mean(means):6.1%}")
    return whole


def report(data: Data) -> Array:
    """Print every leave-one-out figure of docs/cluster.md. Returns the errors of rows left out, NaN for others. [R]."""
    use, kind, source = (column(data, n) for n in ("use", "kind", "source_key"))
    model, low = column(data, "model"), np.array([r.precision for r in data.rows])
    fitted_rows, new = use == "fit", blackwell(data)
    dense = left_out(data, fitted_rows & (kind == "dense"), source, "Dense, one source left out")
    mixed = left_out(data, fitted_rows & (kind == "moe"), model, "Mixtures of experts, one model left out")
    errors = np.where(np.isfinite(dense), dense, mixed)
    print("\nBy class, left out")
    for name, of in classes(data, errors).items():
        figures = "  ".join(f"{n} {of[n]:6.1%}" for n in ("mean", "median", "p90"))
        print(f"  {name:26s} n {of['rows']:3.0f}  {figures}")
    old = residuals(data, fit(data, fitted_rows & ~new))
    print("\nFitted on Ampere and Hopper only")
    print("  " + summary("Blackwell FP8, dense", old[fitted_rows & new & (low == 1) & (kind == "dense")]))
    print("  " + summary("Blackwell FP8, mixtures", old[fitted_rows & new & (low == 1) & (kind == "moe")]))
    four = np.flatnonzero(fitted_rows & (low == 2))
    half = np.zeros_like(fitted_rows)
    half[four[1::2]] = True
    print("\nFP4: fitted on every second case")
    print("  " + summary("the other cases", residuals(data, fit(data, fitted_rows & ~half))[half]))
    apart = residuals(data, fit(data, fitted_rows))
    print("\nNever fitted")
    for group in ("torchtitan", "megascale", "megatron-bridge"):
        rows = (use != "fit") & (source == group)
        print("  " + summary(f"{group}: {use[rows][0][7:]}"[:60], apart[rows]))
    return errors


def classes(data: Data, errors: Array) -> dict[str, dict[str, float]]:
    """Sum left-out errors up by class: mixtures or not, NVIDIA or not."""
    kind, vendor = column(data, "kind"), np.array([r.chip.vendor == "NVIDIA" for r in data.rows])
    found = {}
    for name, rows in (("dense", kind == "dense"), ("mixture", kind == "moe")):
        for whose, mask in (("NVIDIA", vendor), ("other vendors", ~vendor)):
            size = np.abs(np.expm1(errors[rows & mask & np.isfinite(errors)]))
            found[f"{name}, {whose}"] = {
                "rows": len(size), "mean": round(float(size.mean()), 4), "median": round(float(np.median(size)), 4),
                "p90": round(float(np.quantile(size, 0.9)), 4),
            }  # fmt: skip
    return found


def store(k: Constants, errors: dict[str, dict[str, float]]) -> None:
    """Write the constants with the hash of the rows they were fitted on, and the errors of rows left out."""
    entries = {
        n: {"value": float(f"{getattr(k, n):.5g}"), "prior": PRIORS[n][0], "prior_spread_log": PRIORS[n][1],
            "prior_reason": PRIORS[n][2]}
        for n in NAMES
    }  # fmt: skip
    digest = hashlib.sha256(RUNS.read_bytes()).hexdigest()
    note = "fitted by benchmarks/calibrate_cluster.py on the rows with use = fit"
    stored = json.loads(STORE.read_text(encoding="utf-8"))
    entries = {**entries, **{n: v for n, v in stored["constants"].items() if n.startswith("serve_")}}
    text = stored | {"inputs": "observed/training_runs.csv", "inputs_sha256": digest, "source": note,
                     "constants": entries, "left_out_errors": errors}  # fmt: skip
    STORE.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Fit, store if asked, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the constants fitted on all rows")
    data = load(lambda r: r["use"].startswith(("fit", "apart")))
    rows = column(data, "use") == "fit"
    constants = fit(data, rows)
    print(f"{len(NAMES)} constants, {int(rows.sum())} rows")
    for n in NAMES:
        print(f"  {n:16s} {getattr(constants, n):10.4g}   prior {PRIORS[n][0]:.4g}")
    errors = report(data)
    if parser.parse_args().write:
        store(constants, classes(data, errors))


if __name__ == "__main__":
    main()
