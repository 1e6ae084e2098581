"""A what-if as a link: its query string is the question, checked word by word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

RUNS_MAX, YEARS_MAX, SETS_MAX, LENGTH_MAX = 200, 10.0, 5, 300


class Unclear(ValueError):
    """A question that cannot be asked; the text is one line."""


class WhatIf(NamedTuple):
    """Policies and other values of numbers, over so many seeds and years of a scenario."""

    scenario: str
    policies: tuple[str, ...]
    runs: int
    years: float
    sets: tuple[str, ...]
    since: str = ""  # ISO date from which policies hold instead of their own; empty: their own

    @property
    def policy_words(self) -> tuple[str, ...]:
        """Policies as the command line names them."""
        return tuple(f"{name}:from={self.since}" if self.since else name for name in self.policies)

    @property
    def query(self) -> str:
        """The question as a link has it."""
        pairs = [("scenario", self.scenario), ("runs", str(self.runs)), ("years", f"{self.years:g}")]
        pairs += [("policy", policy) for policy in self.policies] + [("set", text) for text in self.sets]
        pairs += [("from", self.since)] if self.since else []
        return urlencode(pairs)

    @property
    def words(self) -> tuple[str, ...]:
        """The question as words of `market experiment`."""
        words = ["--scenario", self.scenario, "--runs", str(self.runs), "--years", f"{self.years:g}"]
        for policy in self.policy_words:
            words += ["--policy", policy]
        for text in self.sets:
            words += ["--set", text]
        return tuple(words)

    def design(self) -> dict[str, Any]:
        """The question as a design's flags."""
        sets = dict(text.split("=", 1) for text in self.sets)
        said: dict[str, Any] = {"scenario": self.scenario, "seeds": self.runs, "years": self.years}
        return said | {"policies": list(self.policy_words)} | ({"set": sets} if sets else {})


def what_if(found: Mapping[str, list[str]], scenario: str, known: tuple[str, ...]) -> WhatIf:
    """Read a question from a query string.

    Policies are those of the library, by name alone: a page may not name files. Raises Unclear.
    """
    policies = tuple(dict.fromkeys(found.get("policy", ())))
    for policy in policies:
        if policy not in known:
            raise Unclear(f"policy: {_short(policy)} is none of the library")
    sets = tuple(text.strip() for text in found.get("set", ()) if text.strip())
    for text in sets:
        key, sign, value = text.partition("=")
        if not sign or not key or not value or len(text) > LENGTH_MAX:
            raise Unclear(f"set: must be KEY=VALUE, was {_short(text)}")
    if len(sets) > SETS_MAX:
        raise Unclear(f"set: at most {SETS_MAX} numbers, were {len(sets)}")
    runs = _number(found, "runs", 20, 2, RUNS_MAX)
    years = _number(found, "years", 2.0, 0.1, YEARS_MAX)
    named = found.get("scenario", [scenario])[0]
    if named != scenario:
        raise Unclear(f"scenario: this page asks of {scenario}, not of {_short(named)}")
    return WhatIf(scenario, policies, int(runs), years, sets, _date(found.get("from", [""])[0]))


def _date(text: str) -> str:
    try:
        return text and date.fromisoformat(text).isoformat()
    except ValueError:
        raise Unclear(f"from: must be a date such as 2025-06-30, was {_short(text)}") from None


def _number(found: Mapping[str, list[str]], name: str, default: float, low: float, high: float) -> float:
    text = found.get(name, [str(default)])[0]
    try:
        number = float(text)
    except ValueError:
        raise Unclear(f"{name}: must be a number, was {_short(text)}") from None
    if not low <= number <= high:
        raise Unclear(f"{name}: must lie between {low:g} and {high:g}, was {_short(text)}")
    return number


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
