"""Answers of an origin's futures in a file, so that a back-test that was cut short goes on where it stopped.

A file is of one origin, one code and one question (number of futures, with or without constants of single orgs): of
another one it says nothing and is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from market.runs.files import write_whole
from market.truth.futures import Answer


def read_answers(path: Path, key: dict[str, Any]) -> list[Answer] | None:
    """Read the answers that were kept under a key; None where there are none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("key") != key:
        return None
    return [_answer(entry) for entry in found["answers"]]


def keep_answers(path: Path, key: dict[str, Any], answers: Sequence[Answer]) -> None:
    """Write answers, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [
        answer._asdict() | {"dates": {name: day.isoformat() for name, day in answer.dates.items()}}
        for answer in answers
    ]
    write_whole(path, json.dumps({"key": key, "answers": entries}))


def _answer(entry: dict[str, Any]) -> Answer:
    dates = {name: date.fromisoformat(day) for name, day in entry["dates"].items()}
    return Answer(**{**entry, "dates": dates})
