"""Figures as pictures for slides, and as Altair charts for notebooks."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.runs.files import write_whole
from market.runs.reading import Usage, unknown

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

WIDTH, SCALE = 640, 2
LINE = 80  # characters of a title that the width holds
FORMATS = (".svg", ".png", ".pdf", ".html", ".json")


def chart(name: str, log: pl.LazyFrame) -> alt.TopLevelMixin:
    """Draw a figure by name with its finding as title.

    Raises Usage for an unknown name, and where the run holds nothing to draw.
    """
    from market.report.figures import FIGURES

    if name not in FIGURES:
        raise Usage(unknown("figure", name, FIGURES))
    figure = FIGURES[name](log)
    if figure.chart is None:
        raise Usage(f"{name}: {figure.title.lower()}; there is nothing to draw")
    text = textwrap.wrap(figure.title, LINE)
    drawn: alt.TopLevelMixin = figure.chart.properties(
        width=WIDTH, title={"text": text if len(text) > 1 else figure.title, "anchor": "start", "fontSize": 14}
    )
    return drawn


def draw(name: str, log: pl.LazyFrame, out: Path) -> None:
    """Write a figure as SVG, PNG, PDF, HTML or Vega-Lite JSON, by the suffix of `out`."""
    if out.suffix not in FORMATS:
        raise Usage(f"{out}: must end in {', '.join(FORMATS)}")
    is_binary = out.suffix in (".png", ".pdf")
    options: dict[str, Any] = {"scale_factor": SCALE} if is_binary else {}
    if out.suffix == ".html":
        options = {"inline": True}
    target = io.BytesIO() if is_binary else io.StringIO()
    form: Any = out.suffix[1:]
    chart(name, log).save(target, format=form, **options)
    write_whole(out, target.getvalue())


class Plots:
    """`run.plot.prices()`, `run.plot.compute()`, ...: Altair charts of a run, which notebooks show."""

    def __init__(self, log: pl.LazyFrame) -> None:
        self._log = log

    def __dir__(self) -> list[str]:
        from market.report.figures import FIGURES

        return [name.replace("-", "_") for name in FIGURES]

    def __getattr__(self, name: str) -> Callable[[], alt.TopLevelMixin]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda: chart(name.replace("_", "-"), self._log)
