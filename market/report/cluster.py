"""What `market cluster` says, and the tables that it reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.report.console import Column, console, show
from market.report.sentences import money
from market.runs.reading import Usage

if TYPE_CHECKING:
    import polars as pl

LABELS = (
    ("step_s", "a step", "{:.3g} s"), ("mfu", "MFU", "{:.1%}"), ("tokens_per_s_per_gpu", "tokens a GPU", "{:,.0f}/s"),
    ("goodput", "goodput", "{:.1%}"), ("days", "training", "{:,.3g} days"), ("power_mw", "power", "{:,.3g} MW"),
    ("energy_gwh", "energy", "{:,.3g} GWh"), ("loss", "loss", "{:.3f}"),
)  # fmt: skip


def show_answer(fields: dict[str, Any]) -> None:
    """Print one answer."""
    out = console()
    out.print(f"{fields['model']} on {fields['gpus']:,} {fields['chip']}")
    if not fields["fits"]:
        out.print(f"does not fit: {fields['binds']} binds")
        return
    out.print("  plan          " + " ".join(f"{name} {value}" for name, value in fields["plan"].items()))
    for name, label, form in LABELS:
        out.print(f"  {label:<13} {form.format(fields[name])}")
    if fields["cost_usd"] is not None:
        out.print(f"  cost          {money(fields['cost_usd'])}")
    out.print(f"  limited by    {fields['binds']}")


def show_plans(plans: list[dict[str, Any]]) -> None:
    """Print several plans, the best first."""
    if not plans:
        console().print("no plan fits")
        return
    rows = [[f"{x:.4g}" if isinstance(x, float) else str(x) for x in plan.values()] for plan in plans]
    show(console(), [Column(name) for name in plans[0]], rows)


def answered(path: Path) -> pl.DataFrame:
    """Answer every row of a CSV or Parquet file."""
    import polars as pl

    from market.cluster import answer_grid

    try:
        if path.suffix in (".parquet", ".pq"):
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise Usage(f"{path}: is no table: {str(error).splitlines()[0]}") from None
    return pl.DataFrame(answer_grid(frame.to_dict(as_series=False)), strict=False)
