"""Names at the ends of lines instead of a legend, moved apart where they would cover each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

GAP_PX = 14  # from one name to the next, at a font of 12
TICKS = 5
LEADER_PX, CHARACTER_PX, LONGEST = 14, 7, 18
ZERO_BELOW = 0.6  # of the greatest value: an axis whose values all lie above it does not begin at zero
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def domain(low: float, high: float) -> tuple[float, float]:
    """Enclose values between round numbers, in about `TICKS` steps, and zero unless they all lie far from it."""
    if not 0 < ZERO_BELOW * high < low:
        low, high = min(low, 0.0), max(high, 0.0)
    if not math.isfinite(low + high) or low == high:
        return min(low, 0.0), max(high, 0.0) or 1.0
    rough = (high - low) / TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(s * size for s in STEPS if s * size >= rough * (1 - 1e-9))
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def apart(places: Sequence[float], gap: float, length: float) -> list[float]:
    """Move places, in ascending order, so that neighbours keep a gap and all stay between 0 and `length`.

    Where they do not all fit they are spread evenly.
    """
    gap = min(gap, length / max(1, len(places) - 1))
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else max(place, 0.0))
    end = length
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], end)
        end = moved[i] - gap
    return moved


def last_values(frame: pl.DataFrame, by: str, amount: str, names: Sequence[str]) -> pl.DataFrame:
    """Give the last date and value of each name that has one."""
    known = frame.filter(pl.col(by).is_in(list(names)), pl.col(amount).is_not_null())
    return known.sort("date").group_by(by, maintain_order=True).last().select(by, "date", amount)


def named_ends(last: pl.DataFrame, by: str, amount: str, within: tuple[float, float], height: float) -> pl.DataFrame:
    """Add `end`, the level at which the name of each last value is written, and `shown`, the name cut to its room."""
    (low, high), rows = within, last.sort([amount, by], descending=[True, False])
    per_px = (high - low) / height
    places = apart([(high - value) / per_px for value in rows[amount]], GAP_PX, height)
    cut = pl.when(pl.col(by).str.len_chars() > LONGEST).then(pl.col(by).str.head(LONGEST - 1) + "…").otherwise(by)
    return rows.with_columns(pl.Series("end", [high - place * per_px for place in places], pl.Float64), shown=cut)


def labels(ends: pl.DataFrame, by: str, amount: str, color: alt.Color) -> tuple[alt.Chart, alt.Chart]:
    """Draw leaders from each line's end to its name, and the names."""
    as_text = ends.with_columns(pl.col("date").dt.to_string("%Y-%m-%d"))
    base = alt.Chart(alt.InlineData(values=as_text.to_dicts()))
    start: Any = alt.value({"expr": f"width + {LEADER_PX - 4}"})
    leaders = base.mark_rule(strokeWidth=1).encode(x="date:T", y=f"{amount}:Q", x2=start, y2="end:Q", color=color)
    words = base.mark_text(align="left", baseline="middle", fontSize=12, limit=CHARACTER_PX * LONGEST).encode(
        x=alt.value({"expr": f"width + {LEADER_PX}"}), y="end:Q", text="shown:N"
    )
    return leaders, words
