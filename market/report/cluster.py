"""What `market cluster` says, and the tables and files that it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.experiments.tell.wording import percent
from market.report.console import Column, console, para, show
from market.report.sentences import money
from market.runs.files import write_whole
from market.runs.reading import Usage

if TYPE_CHECKING:
    import polars as pl

    from market.cluster import Chip, Model

LABELS = (
    ("step_s", "a step", "{:.3g} s"), ("mfu", "MFU", "{:.1%}"), ("mfu_causal", "MFU, causal", "{:.1%}"),
    ("tokens_per_s_per_gpu", "tokens a GPU", "{:,.0f}/s"), ("memory_gb", "memory", "{:,.1f} GB a GPU"),
    ("goodput", "goodput", "{:.1%}"), ("days", "training", "{:,.3g} days"), ("power_mw", "power", "{:,.3g} MW"),
    ("energy_gwh", "energy", "{:,.3g} GWh"), ("loss", "loss", "{:.3f}"),
)  # fmt: skip
SERVING_LABELS = (
    ("output_tokens_per_s_per_gpu", "output tokens", "{:,.0f}/s a GPU"),
    ("total_tokens_per_s_per_gpu", "all tokens", "{:,.0f}/s a GPU"), ("batch", "in flight", "{:,.0f} requests"),
    ("tpot_s", "time a token", "{:.4f} s"), ("ttft_s", "first token", "{:.3f} s"),
    ("memory_gb", "memory", "{:,.1f} GB a GPU"),
    ("usd_per_million_output_tokens", "price", "{:,.3f} USD a million output tokens"),
)  # fmt: skip
SERVING_ONLY = ("input_tokens", "output_tokens", "concurrency", "tpot_limit_ms", "speculative")
TRAINING_ONLY = ("tokens", "batch_seqs", "year", "power_cap_mw", "slow_clocks", "spare_share", "sites", "site_gbps",
                 "site_km", "plans", "vp", "cp")  # fmt: skip
PLAN = ("tp", "pp", "vp", "dp", "ep", "cp")
BELOW = " " * len("  of the GPUs   ")


def asked_of_core(asked: dict[str, Any]) -> dict[str, Any]:
    """Put one question to the core: how a cluster trains, or how it serves. Options of the other kind are refused."""
    from market import cluster as core

    serving = asked.pop("serve")
    given = {n: v for n, v in asked.items() if v is not None and v is not False}
    strange = [n for n in (TRAINING_ONLY if serving else SERVING_ONLY) if n in given]
    if strange:
        other = "goes without" if serving else "needs"
        raise Usage(f"--{strange[0].replace('_', '-')}: {other} --serve")
    missing = [f"--{n}" for n in ("chip", "model", *(() if serving else ("gpus",))) if n not in given]
    if missing:
        raise Usage(f"cluster: give {', '.join(missing)}, or a table with --grid")
    place = (chip_asked(given.pop("chip")), model_asked(given.pop("model")))
    if serving:
        return core.answer_serving(*place, **given)
    fixed = {n: given.pop(n) for n in PLAN if n in given}
    count, gpus = given.pop("plans", None), given.pop("gpus")
    if fixed:
        given["fixed"] = core.Fixed(**fixed)
    if count is not None:
        return {"plans": core.best_plans(place[0], gpus, place[1], count=count, **given)}
    return core.answer(place[0], gpus, place[1], **given)


def model_asked(name: str) -> str | Model:
    """Give a model by its name, or read the `config.json` that a path names."""
    from market.cluster.configs import load_config

    return load_config(Path(name)) if name.endswith(".json") else name


def chip_asked(name: str) -> str | Chip:
    """Give a chip by its name, or read the data sheet that a path to a JSON file names."""
    from market.cluster.chips import load_chip

    return load_chip(Path(name)) if name.endswith(".json") else name


def show_any(fields: dict[str, Any]) -> None:
    """Print an answer of any kind."""
    if "plans" in fields:
        show_plans(fields["plans"])
    elif "tpot_s" in fields:
        show_serving(fields)
    else:
        show_answer(fields)


def show_answer(fields: dict[str, Any]) -> None:
    """Print how a cluster trains a model."""
    out = console()
    out.print(f"{fields['model']} on {fields['gpus']:,} {fields['chip']}")
    if not fields["fits"]:
        out.print(f"does not fit: {fields['binds']} binds")
        return
    para(out, "  plan          " + " ".join(f"{name} {value}" for name, value in fields["plan"].items()), BELOW)
    if fields["gpus_used"] < fields["gpus"]:
        para(out, f"  of the GPUs   {fields['gpus_used']:,} work{idle_text(fields)}", BELOW)
    for name, label, form in LABELS:
        para(out, f"  {label:<13} {form.format(fields[name])}", BELOW)
    if fields["cost_usd"] is not None:
        para(out, f"  cost          {money(fields['cost_usd'])}", BELOW)
    para(out, f"  limited by    {fields['binds']}", BELOW)
    largest = sorted(((v, n) for n, v in fields["losses"].items() if n != "useful"), reverse=True)[:5]
    para(out, "  lost to       " + ", ".join(f"{n.replace('_', ' ')} {v:.0%}" for v, n in largest), BELOW)
    band = fields["error_band"]
    para(
        out, f"  error         {band['mean']:.0%} on average, {band['p90']:.0%} in one of ten ({band['class']})", BELOW
    )


WHY_IDLE = {
    "batch": "the batch has no work for more copies of the model",
    "copies": "the others make no whole copy of the model",
    "failures": "more would fail more often than they help",
}


def idle_text(fields: dict[str, Any]) -> str:
    """Say why GPUs are left without work, and what giving work to all of them would cost."""
    from market.cluster.idle import NEARLY_ALL

    because, slower, most = fields["idle_because"], fields["all_gpus_slower"], percent(NEARLY_ALL)
    text = f"; figures are of all {fields['gpus']:,}"
    if because:
        best = f"no plan uses {most}" if slower is None else f"the best plan on {most} takes {slower:.1%} longer"
        text += f"; {WHY_IDLE[because]}, and {best}"
    return text


def show_serving(fields: dict[str, Any]) -> None:
    """Print how a chip serves a model."""
    out = console()
    lengths = f"{fields['input_tokens']:,.0f} tokens in, {fields['output_tokens']:,.0f} out"
    out.print(f"{fields['model']} at {fields['precision']} on {fields['chip']}, {lengths}")
    if not fields["fits"]:
        out.print(f"does not fit: {fields['binds']} binds")
        return
    para(out, "  plan          " + " ".join(f"{name} {value}" for name, value in fields["plan"].items()), BELOW)
    for name, label, form in SERVING_LABELS:
        if fields[name] is not None:
            para(out, f"  {label:<13} {form.format(fields[name])}", BELOW)
    para(out, f"  limited by    {fields['binds']}", BELOW)
    band = fields["error_band"]
    para(
        out,
        f"  error         {band['mean']:.0%} on average, {band['median']:.0%} in the middle ({band['class']})",
        BELOW,
    )


def show_plans(plans: list[dict[str, Any]]) -> None:
    """Print several plans, the best first."""
    if not plans:
        console().print("no plan fits")
        return
    rows = [[f"{x:.4g}" if isinstance(x, float) else str(x) for x in plan.values()] for plan in plans]
    show(console(), [Column(name) for name in plans[0]], rows)


def answered(path: Path, serve: bool = False) -> pl.DataFrame:
    """Answer every row of a CSV or Parquet file."""
    import polars as pl

    from market.cluster import answer_grid, answer_serving_grid

    try:
        if path.suffix in (".parquet", ".pq"):
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise Usage(f"{path}: is no table: {str(error).splitlines()[0]}") from None
    if not frame.height:
        raise Usage(f"{path}: has no row under its first line, which names the columns")
    table = frame.to_dict(as_series=False)
    return pl.DataFrame(answer_serving_grid(table) if serve else answer_grid(table), strict=False)


def save(found: dict[str, Any], out: Path) -> None:
    """Write one answer to a file as JSON."""
    write_whole(out, json.dumps(found, indent=1, default=float) + "\n")
