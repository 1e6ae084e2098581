"""A back-test as pictures: one SVG a series, what was observed and what each origin foresaw, with its 80 % band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from market.truth.definitions import definition_of
from market.truth.quarters import distance

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 300, 64, 28, 34
FLOOR_PART = 20  # the foot of a picture lies at such a part of the least observed value above 0


def write_charts(points: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Write a picture for every series of a back-test and give back the files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in sorted({point["series"] for point in points}):
        path = folder / f"{name}.svg"
        path.write_text(chart(name, [point for point in points if point["series"] == name]), encoding="utf-8")
        found.append(path)
    return found


def chart(name: str, points: Sequence[dict[str, Any]]) -> str:
    """Draw one series on a log scale, nothing at its foot; growth is from the first quarter after each origin."""
    definition = definition_of(name)
    quarters = sorted({point["quarter"] for point in points})
    first, last = quarters[0], quarters[-1]
    least = min((point["observed"] for point in points if point["observed"] > 0), default=1.0) / FLOOR_PART
    values = [max(point[key], least) for point in points for key in ("observed", "low", "high", "median")]
    low, high = math.log10(min(values)), math.log10(max(values))
    span = max(high - low, 0.1)

    def x(quarter: str) -> float:
        return LEFT + (WIDTH - LEFT - 20) * distance(first, quarter) / max(1, distance(first, last))

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (math.log10(max(value, least)) - low) / span)

    origins = sorted({point["origin"] for point in points})
    unit = "growth" if definition.compare == "growth" else definition.unit
    body = [_text(LEFT, 16, f"{definition.title}, {unit}", "start")]
    for i, origin in enumerate(origins):
        mine = sorted((point for point in points if point["origin"] == origin), key=lambda point: point["quarter"])
        shade = f"hsl(210,60%,{75 - 45 * i // max(1, len(origins) - 1)}%)"
        body += [_line(x(p["quarter"]) + i, y(p["low"]), x(p["quarter"]) + i, y(p["high"]), shade) for p in mine]
        path = " ".join(f"{x(p['quarter']) + i:.1f},{y(p['median']):.1f}" for p in mine)
        body.append(f'<polyline points="{path}" fill="none" stroke="{shade}" stroke-width="1.5"/>')
    for point in points:
        body.append(f'<circle cx="{x(point["quarter"]):.1f}" cy="{y(point["observed"]):.1f}" r="3" fill="#c33"/>')
    body += [_text(x(quarter), HEIGHT - 12, quarter, "middle") for quarter in quarters[:: max(1, len(quarters) // 6)]]
    body += [_text(LEFT - 6, y(10**edge) + 4, f"{10**edge:.3g}", "end") for edge in (low, low + span / 2, high)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="11">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="1"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
