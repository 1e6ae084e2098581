"""A picture of how cost grows: CPU time over orgs on logarithmic axes, beside the line of proportional growth."""

from __future__ import annotations

import math
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 400, 70, 50, 30, 20
INK, LINE, EVEN = "#222222", "#1f6fb4", "#767676"
TICKS = (1, 2, 5)


class Axis:
    """Where a value stands between two ends of a logarithmic axis, in pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Values 1, 2 and 5 of each power of ten between the ends."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        found = [tick * 10.0**power for power in range(first, last + 1) for tick in TICKS]
        return [value for value in found if self.low <= value <= self.high]


def growth_svg(rows: list[dict[str, Any]], exponent: float) -> str:
    """Draw rows of {orgs, weeks, run_cpu_s} as SVG."""
    orgs, taken = [row["orgs"] for row in rows], [row["run_cpu_s"] for row in rows]
    across = Axis(orgs[0] / 1.3, orgs[-1] * 1.3, LEFT, WIDTH - RIGHT)
    even = taken[0] * orgs[-1] / orgs[0]
    up = Axis(min(taken) / 1.5, max(*taken, even) * 1.5, HEIGHT - BOTTOM, TOP)
    body = [text(WIDTH / 2, 18, f"CPU time of {rows[0]['weeks']} weeks grows as orgs to the power {exponent:.2f}", 14)]
    for value in across.ticks():
        body += [
            rule(across(value), TOP, across(value), HEIGHT - BOTTOM),
            text(across(value), HEIGHT - 32, f"{value:,g}"),
        ]
    for value in up.ticks():
        body += [
            rule(LEFT, up(value), WIDTH - RIGHT, up(value)),
            text(LEFT - 6, up(value) + 4, f"{value:,g}", anchor="end"),
        ]
    body += [text(WIDTH / 2, HEIGHT - 10, "orgs"), text(LEFT - 6, TOP - 10, "CPU-s", anchor="end")]
    ends = ((orgs[0], taken[0]), (orgs[-1], even))
    body.append(path([(across(x), up(y)) for x, y in ends], EVEN, ' stroke-dasharray="5 5"'))
    body.append(text(across(orgs[-1]) - 4, up(even) - 8, "proportional", colour=EVEN, anchor="end"))
    points = [(across(x), up(y)) for x, y in zip(orgs, taken, strict=True)]
    body.append(path(points, LINE))
    body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{LINE}"/>' for x, y in points]
    body += [
        text(x + 6, y + 16, f"{s:,.3g} s", colour=LINE, anchor="start") for (x, y), s in zip(points, taken, strict=True)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', *body, "</svg>", ""])


def rule(x: float, y: float, x2: float, y2: float) -> str:
    """Draw a thin line of the grid."""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def path(points: list[tuple[float, float]], colour: str, more: str = "") -> str:
    """Draw a line through points."""
    said = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{said}" fill="none" stroke="{colour}" stroke-width="2"{more}/>'


def text(x: float, y: float, said: str, size: int = 11, *, colour: str = INK, anchor: str = "middle") -> str:
    """Write words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{said}</text>'
