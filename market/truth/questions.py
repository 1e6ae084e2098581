"""Questions as data: a CSV file with one dated question a line, answered by one SQL statement over a run's tables."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from market.scenario.errors import shorten

COLUMNS = ("id", "text", "sql", "unit", "low", "high")


class QuestionError(ValueError):
    """A file of questions that cannot be asked; the text names file, line and rule."""


class Asked(NamedTuple):
    """A question: `low` and `high` are the interval whose probability is given; either may be open."""

    id: str
    text: str
    sql: str
    unit: str
    low: float | None
    high: float | None


def read_questions(path: Path) -> list[Asked]:
    """Read and check a file of questions."""
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise QuestionError(f"{path}:1 columns must be {', '.join(COLUMNS)}")
            found = [_read(line, f"{path}:{reader.line_num}") for line in reader]
    except OSError as error:
        raise QuestionError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise QuestionError(f"{path}: is no CSV text ({error})") from None
    seen: set[str] = set()
    for asked in found:
        if asked.id in seen:
            raise QuestionError(f"{path}: question {asked.id!r} stands twice")
        seen.add(asked.id)
    return found


def _read(line: dict[str, str | None], where: str) -> Asked:
    for column in ("id", "sql"):
        if not line.get(column):
            raise QuestionError(f"{where} {column}: must not be empty")
    if None in line:
        raise QuestionError(f"{where} has more cells than columns; quote the ones with commas")
    low, high = _number(line, "low", where), _number(line, "high", where)
    if low is not None and high is not None and low > high:
        raise QuestionError(f"{where} low: {low:g} lies above high {high:g}")
    return Asked(str(line["id"]), str(line["text"] or ""), str(line["sql"]), str(line["unit"] or ""), low, high)


def _number(line: dict[str, str | None], column: str, where: str) -> float | None:
    text = line.get(column)
    if not text:
        return None
    try:
        if not math.isnan(value := float(text)):
            return value
    except ValueError:
        pass
    raise QuestionError(f"{where} {column}: must be a number or empty, was {shorten(text)}")
