"""Baseline and what-if over time as pictures of the server's own page: SVG drawn here, without a script in the page."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.pairing import Effect, effects
from market.report.experiment_page import pictured
from market.report.figures import Figure
from market.report.figures.effects import fan
from market.report.first_screen import first_grid, trust
from market.report.page import first_parts

WIDTH, FONT = 330, 13  # names stand beside it; a narrow screen shrinks pictures: their words stay legible
Look = Literal["light", "dark"]
INK: dict[Look, tuple[str, str]] = {"light": ("#1b1b1b", "#dddddd"), "dark": ("#ececec", "#45494f")}


class Answer(NamedTuple):
    """What a finished what-if found: `first` is the HTML of its table of changes, `figures` are drawn one by one."""

    first: str
    figures: list[Figure]


def answer(results: Results) -> Answer:
    """Read a finished experiment."""
    found = effects(results)
    grid = first_grid(results, found) if len(results.policies) > 1 else None
    return Answer(first_parts(grid, [trust(results)]), _fans(results, found))


def _fans(results: Results, found: list[Effect]) -> list[Figure]:
    """Fan charts of an experiment, each policy against the baseline, in an order that does not change."""
    figures: list[Figure] = []
    for policy in [name for name in results.policies if name != BASELINE] or [BASELINE]:
        mine = {e.metric: e for e in found if e.policy == policy}
        for metric in pictured(results, policy, list(mine.values())):
            figures.append(fan(results, policy, metric, f"fan-{len(figures)}", mine.get(metric)))
    return figures


def drawn(figure: Figure, look: Look) -> str:
    """Draw a figure as SVG for a light or a dark page."""
    import vl_convert

    assert figure.chart is not None
    ink, line = INK[look]
    text = {"labelColor": ink, "titleColor": ink, "titleFontWeight": "normal", "labelFontSize": FONT,
            "titleFontSize": FONT}  # fmt: skip
    config: dict[str, Any] = {
        "background": "transparent", "view": {"stroke": None}, "rule": {"color": ink}, "text": {"color": ink},
        "axis": {**text, "gridColor": line, "domainColor": line, "tickColor": line}, "legend": text,
        "axisTemporal": {"labelSeparation": 10, "labelFlush": 24},
    }  # fmt: skip
    spec = figure.chart.properties(width=WIDTH).to_dict()
    svg: str = vl_convert.vegalite_to_svg({**spec, "config": {**spec.get("config", {}), **config}})
    return svg
