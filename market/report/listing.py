"""Events and tables as lines, JSON, CSV or Parquet; the data dictionary."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from events import EVENTS
from events.vocabulary import ENVELOPE, VOCABULARY
from market.report.console import Column, console, para, safe, table
from market.units import to_date

if TYPE_CHECKING:
    import polars as pl

FORMULA = r"^[=+\-@]"
"""How a text begins that spreadsheets compute."""
CONTROL = r"\p{Cc}"
CSV_ROWS = 20_000  # at a time: Polars reads some of these ahead, and its own 100,000 take twice the memory


def say(name: str, value: Any) -> str:
    """Write one value for reading: days as dates, numbers short."""
    if name.endswith("_day") or name == "day":
        return to_date(value).isoformat()
    if isinstance(value, float):
        return f"{value:,.6g}" if 1e-4 <= abs(value) < 1e9 or value == 0 else f"{value:.4g}"
    return f"{value}"


def filled(events: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Events as mappings of the envelope and the columns that each type fills, without what is null."""
    columns = {name: events[name].to_list() for name in events.columns}
    names = {kind: (*ENVELOPE, *(EVENTS[kind].__struct_fields__ if kind in EVENTS else VOCABULARY))
             for kind in events["type"].unique()}  # fmt: skip
    for index, kind in enumerate(columns["type"]):
        yield {name: value for name in names[kind] if (value := columns[name][index]) is not None}


def event_object(event: dict[str, Any]) -> dict[str, Any]:
    """An event as a mapping without what is null, with its date."""
    return {"date": say("day", event["day"])} | {name: value for name, value in event.items() if value is not None}


def event_line(event: dict[str, Any]) -> str:
    """An event on one line: seq, date, type, actor, and what its type fills."""
    fields = (
        f"{name}={say(name, value)}" for name, value in event.items() if name not in ENVELOPE and value is not None
    )
    head = f"{event['seq']:>8} {say('day', event['day'])} {event['type']:<20} {event['actor']:<18}"
    return safe(f"{head} {' '.join(fields)}").replace("\n", "?")


def show_lines(lines: Iterable[str]) -> None:
    """Print lines of events on a terminal, broken between fields where they are too long for it."""
    out = console()
    for line in lines:
        para(out, line, indent=" " * 9)


def to_json(content: Any) -> str:
    """One JSON text; numbers that JSON does not know become null."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        text = json.dumps(_finite(content), ensure_ascii=False, default=str)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    """Write a character that a terminal might obey as JSON escapes it."""
    return json.dumps(character)[1:-1]


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_frame(frame: pl.DataFrame | pl.LazyFrame, form: str, out: Path | None) -> None:
    """Write csv or parquet to a file or to stdout; a csv file is written part by part, never whole in memory."""
    from market.runs.files import whole

    if out is not None:
        with whole(out) as part, part.open("wb") as file:
            _write(frame.lazy(), form, file)
        return
    target = io.BytesIO()
    _write(frame.lazy(), form, target)
    content = target.getbuffer()
    sys.stdout.flush()
    for start in range(0, len(content), 1 << 16):
        sys.stdout.buffer.write(content[start : start + (1 << 16)])


def _write(frame: pl.LazyFrame, form: str, file: IO[bytes]) -> None:
    import polars as pl

    if form == "csv":
        with pl.Config(streaming_chunk_size=CSV_ROWS):
            as_text(frame).sink_csv(file)
    else:
        frame.collect().write_parquet(file)


def filled_columns(kinds: Sequence[str]) -> list[str]:
    """Columns that events of some types fill: the envelope, then theirs in the order of the vocabulary."""
    names = {name for kind in kinds for name in EVENTS[kind].__struct_fields__} if kinds else VOCABULARY
    return [*ENVELOPE, *(name for name in VOCABULARY if name in names)]


def as_text[Frame: (pl.DataFrame, pl.LazyFrame)](frame: Frame) -> Frame:
    """Mark texts that a spreadsheet would take for a formula with an apostrophe, and drop control characters."""
    import polars as pl

    return frame.with_columns(pl.col(pl.String).map_batches(_marked, pl.String(), is_elementwise=True))


def _marked(texts: pl.Series) -> pl.Series:
    if not texts.str.contains(rf"{CONTROL}|{FORMULA}").any():  # to look is a sixth of what it takes to replace
        return texts
    return texts.str.replace_all(CONTROL, "?").str.replace(FORMULA, "'${0}")


def frame_text(frame: pl.DataFrame, width: int) -> str:
    """Draw all rows of a frame as a table; where it is wider than `width`, one row a block. No number is cut."""
    names = frame.columns
    rows = [[_cell(name, value) for name, value in zip(names, row, strict=True)] for row in frame.iter_rows()]
    heads = [Column(name, not frame[name].dtype.is_numeric()) for name in names]
    return "\n".join(table(heads, rows, width))


def _cell(name: str, value: Any) -> str:
    """Write a value: days as dates, whole numbers with separators, other numbers with six digits or more."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return say(name, value) if name == "day" or name.endswith("_day") else f"{value:,}"
    return f"{value:,.2f}" if abs(value) >= 1e5 and abs(value) < 1e15 else f"{value:.6g}"


def dictionary() -> dict[str, Any]:
    """Every column with type, unit and meaning; every event type with its meaning and fields."""
    columns = {
        name: {"type": field.type, "unit": field.unit, "meaning": field.meaning}
        for name, field in {**ENVELOPE, **VOCABULARY}.items()
    }
    events = {
        name: {
            "meaning": " ".join((kind.__doc__ or "").split()),
            "version": kind.version,
            "visible_to": kind.sees,
            "periodic": kind.periodic,
            "fields": list(kind.__struct_fields__),
        }
        for name, kind in sorted(EVENTS.items())
    }
    return {"columns": columns, "events": events}


def dictionary_lines() -> Iterator[str]:
    """Write the data dictionary as text."""
    content = dictionary()
    yield "COLUMNS"
    for name, field in content["columns"].items():
        unit = f" [{field['unit']}]" if field["unit"] else ""
        yield f"  {name:<26} {field['type']:<8}{unit} {field['meaning']}"
    yield ""
    yield "EVENTS"
    for name, event in content["events"].items():
        yield f"  {name} - {event['meaning']}"
        yield f"      {', '.join(event['fields'])}"
