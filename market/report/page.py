"""One HTML file to mail: no request leaves it, every name in it is text.

The page's parts are built by `run_page` and `experiment_page`; this file knows how a page is put together.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from typing import Any

import polars as pl

from market.report.figures.base import Figure

ROWS = 200  # rows of a table that the page shows; the CSV holds all
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True)
class Number:
    """One of the numbers of the first screen: what, how much, and beside what."""

    what: str
    value: str
    beside: str = ""


@dataclass(frozen=True)
class Cell:
    """A change in the table of the first screen: its size, what belongs to it, and whether chance could be all."""

    value: str
    beside: str = ""
    is_clear: bool = True


@dataclass(frozen=True)
class Grid:
    """The table of the first screen: `rows` of what is measured, its baseline, and a cell for each column."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[Cell]]]
    baseline: str = "without a policy"


@dataclass(frozen=True)
class Section:
    """A heading with figures, and HTML of our own making below them."""

    title: str
    figures: Sequence[Figure]
    is_wide: bool = False
    extra: str = ""


@dataclass(frozen=True)
class Page:
    """What a report says. `brief` : what the first screen answers besides, each with its name, below the numbers."""

    title: str
    question: str
    answer: Sequence[str]
    numbers: Sequence[Number]
    sections: Sequence[Section]
    trust: Sequence[str]
    reproduce: Sequence[str]
    web: dict[str, Any] | None = field(default=None)
    brief: Sequence[tuple[str, str]] = ()
    grid: Grid | None = None


def render(page: Page) -> str:
    """Write the page as one HTML document."""
    figures = [figure for section in page.sections for figure in section.figures]
    data = {"figures": {f.name: _figure_data(f) for f in figures}, "web": page.web}
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(page.title)}</title><style>{_asset('page.css')}</style></head><body><main>",
        f'<p class="question">{_text(page.question)}</p><h1>{_text(page.title)}</h1>',
        *(f'<p class="answer">{_prose(line)}</p>' for line in page.answer),
        _numbers(page.numbers),
        first_parts(page.grid, page.brief),
        *(_section(section) for section in page.sections),
        _web() if page.web else "",
        _list("How far to trust it", page.trust, "li"),
        f"<h2>Do it again</h2><pre>{_text(chr(10).join(page.reproduce))}</pre>",
        "</main>",
        f'<script type="application/json" id="report-data">{_json(data)}</script>',
        f"<script>{_bundle()}</script><script>{_asset('page.js')}</script></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _prose(text: str) -> str:
    """Escape a sentence; what is between backticks is set as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", _text(text))


def _asset(name: str) -> str:
    return (files("market.report") / "assets" / name).read_text(encoding="utf-8")


def _bundle() -> str:
    """Vega and its embedding as one script; `</script` cannot occur in it."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("globalThis.reportEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _json(data: Any) -> str:
    """Write JSON that cannot end its script element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _figure_data(figure: Figure) -> dict[str, Any]:
    rows = [[_plain(value) for value in row] for row in figure.table.iter_rows()]
    spec = figure.chart.to_dict() if figure.chart is not None else None
    if spec is not None:
        spec |= {"autosize": {"type": "fit-x", "contains": "padding"}, "description": figure.alt}
    return {"spec": spec, "table": {"columns": figure.table.columns, "rows": rows}}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _numbers(numbers: Iterable[Number]) -> str:
    cards = "".join(
        f"<div><dt>{_text(n.what)}</dt><dd>{_text(n.value)}<small>{_text(n.beside)}</small></dd></div>" for n in numbers
    )
    return f'<dl class="numbers">{cards}</dl>' if cards else ""


def first_parts(grid: Grid | None, brief: Sequence[tuple[str, str]]) -> str:
    """Write the table of changes and the lines below it."""
    return (_grid(grid) if grid else "") + _brief(brief)


def _grid(grid: Grid) -> str:
    names = ("", grid.baseline, *grid.columns)
    head = "".join(f'<th scope="col">{_text(name)}</th>' if name else "<td></td>" for name in names)
    body = "".join(
        f'<tr><th scope="row">{_text(what)}</th><td data-of="{_text(names[1])}">{_text(base)}</td>'
        + "".join(map(_changed, grid.columns, cells)) + "</tr>"
        for what, base, cells in grid.rows
    )  # fmt: skip
    return (
        '<div class="across" tabindex="0" role="region" aria-label="the answer in numbers"><table class="grid">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _changed(column: str, cell: Cell) -> str:
    kind = "" if cell.is_clear else ' class="unsure"'
    return f'<td data-of="{_text(column)}"{kind}>{_text(cell.value)}<small>{_text(cell.beside)}</small></td>'


def _brief(lines: Sequence[tuple[str, str]]) -> str:
    said = "".join(f"<div><dt>{_text(name)}</dt><dd>{_prose(text)}</dd></div>" for name, text in lines)
    return f'<dl class="brief">{said}</dl>' if lines else ""


def _section(section: Section) -> str:
    drawn = "".join(_figure(figure, section.is_wide) for figure in section.figures)
    return f'<h2>{_text(section.title)}</h2><div class="figures">{drawn}</div>{section.extra}'


def _figure(figure: Figure, is_wide: bool) -> str:
    name, label = figure.name, f"{figure.title}. {figure.alt}"
    drawn = f'<div class="chart" id="{name}" role="img" aria-label="{_text(label)}"></div>'
    saves = "".join(
        f'<button type="button" data-save="{form}" data-figure="{name}">{form.upper()}</button>'
        for form in (("svg", "png", "csv") if figure.chart is not None else ("csv",))
    )
    kind = ' class="wide"' if is_wide else ""
    return (
        f"<figure{kind}><h3>{_text(figure.title)}</h3>{drawn if figure.chart is not None else ''}"
        f"<figcaption>{_text(figure.note)}</figcaption>"
        f"<details><summary>Data and downloads: {_text(name)}</summary>{saves}{table(figure.table, name)}"
        "</details></figure>"
    )


def table(frame: pl.DataFrame, caption: str) -> str:
    """Write the first rows of a table."""
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    head = "".join(_cell("th", name, is_n) for name, is_n in zip(frame.columns, numeric, strict=True))
    body = "".join(
        "<tr>" + "".join(_cell("td", _say(v), is_n) for v, is_n in zip(row, numeric, strict=True)) + "</tr>"
        for row in frame.head(ROWS).iter_rows()
    )
    more = f", the first {ROWS} of {frame.height:,} rows" if frame.height > ROWS else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)} table"><table>'
        f"<caption>{_text(caption)}{more}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(tag: str, text: str, is_number: bool) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    kind = ' class="n"' if is_number else ""
    return f"<{tag}{scope}{kind}>{_text(text)}</{tag}>"


def _say(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e15 else f"{value:.3e}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _list(title: str, lines: Sequence[str], tag: str) -> str:
    return f"<h2>{_text(title)}</h2><ul>{''.join(f'<{tag}>{_prose(line)}</{tag}>' for line in lines)}</ul>"


def _web() -> str:
    head = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in (
            ("owner", ""), ("reseller", ""), ("user", ""), ("GPUs", ' class="n"'), ("chip", ""), ("site", ""),
            ("USD per GPU-hour", ' class="n"'),
        )
    )  # fmt: skip
    return (
        '<h2>Who uses whose GPUs, at any date</h2><label for="web-date">Move the date</label>'
        '<input type="range" id="web-date" min="0" value="0"><p id="web-now" aria-live="polite"></p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="leases at the date of the slider"><table>'
        f'<thead><tr>{head}</tr></thead><tbody id="web-rows"></tbody></table></div>'
    )
