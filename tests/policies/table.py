"""The signs that policies state as a table in Markdown, in place of the one in a page of the documentation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from market.policies.schema import Expectation, Policy
from tests.policies.judge import Pair, Verdict, at_week, judged, read

HEAD = ("| policy | metric | sign | week | seeds | difference | |", "|---|---|---|---|---|---|---|")
LARGE = ((1e9, " bn"), (1e6, " M"))


class Tried(NamedTuple):
    """A policy with its paired runs, one pair a seed."""

    policy: Policy
    pairs: list[Pair]


def written(page: Path, found: Iterable[Tried]) -> None:
    """Put the table in place of that of a page.

    Raises ValueError where the page has none, or several.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    starts = [i for i, line in enumerate(lines) if line == HEAD[0]]
    if len(starts) != 1:
        raise ValueError(f"{page}: wants one table that begins {HEAD[0]!r}, has {len(starts)}")
    end = next((i for i in range(starts[0], len(lines)) if not lines[i].startswith("|")), len(lines))
    lines[starts[0] : end] = [*HEAD, *(row for tried in found for row in _rows(tried))]
    page.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _rows(tried: Tried) -> Iterator[str]:
    policy, pairs = tried
    if not pairs:
        yield f"| `{policy.name}` | | | | 0 | | not tried |"
        return
    for expected in policy.expects:
        verdict = judged(expected, pairs, policy.tried.weeks)
        cells = (
            f"`{policy.name}`", f"`{expected.metric}`", expected.sign, at_week(expected, policy.tried.weeks),
            len(pairs), told(expected.metric, verdict), word(expected, verdict, pairs, policy.tried.weeks),
        )  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"


def told(metric: str, verdict: Verdict) -> str:
    """A paired difference, of two seeds or more with its interval: as a part of the baseline where that is not 0."""
    numbers = (verdict.mean, verdict.low, verdict.high)
    if verdict.baseline:
        mean, low, high = (f"{100 * number / abs(verdict.baseline):+.1f}%" for number in numbers)
    else:
        mean, low, high = (_plain(metric, number) for number in numbers)
    return mean if math.isinf(verdict.low) else f"{mean} [{low}, {high}]"


def _plain(metric: str, number: float) -> str:
    for size, unit in LARGE if metric.endswith("_usd") else ():
        if abs(number) >= size:
            return f"{number / size:+.2f}{unit}"
    return f"{number:+,.0f}" if abs(number) >= 1000 else f"{number:+.3g}"


def word(expected: Expectation, verdict: Verdict, pairs: list[Pair], weeks: int) -> str:
    """Whether a sign holds; where the interval has both, in how many seeds the difference has the stated one."""
    if verdict.holds:
        return "holds"
    if expected.sign == "0":
        return "**not**"
    ways = [with_it - without for without, with_it in (read(expected, pair, weeks) for pair in pairs)]
    so = sum(way > 0 if expected.sign == "+" else way < 0 for way in ways)
    return f"{'' if so == len(ways) else '**not**, '}{so} of {len(ways)} that way"
