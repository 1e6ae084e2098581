"""What a column of the log is."""

from __future__ import annotations

from typing import Literal, NamedTuple

ArrowType = Literal["utf8", "int16", "int32", "int64", "float64", "bool"]


class Field(NamedTuple):
    """One column: Arrow type, unit (empty for names and counts of no unit) and meaning."""

    type: ArrowType
    unit: str
    meaning: str
