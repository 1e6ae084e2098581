"""Answers of futures in a file, so that a campaign that was cut short goes on at the future where it stopped.

A file is of one key: the code, the world and what else the futures share. Its first line is that key, with the hash of
what was drawn; then comes one answer a line, as each future ends. Of another key it says nothing and is made anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from events.manifest import canonical
from market.runs.files import write_whole
from market.truth.futures import Answer, Future, Job, simulate_all, simulated


def simulate_kept(
    job: Job, futures: Sequence[Future], engine: str, tell: Callable[[int, int], None], *, path: Path | None,
    key: dict[str, Any],
) -> list[Answer]:  # fmt: skip
    """Run futures and keep each answer as it comes; those that a file holds under the same key are not run again.

    Returns
    -------
    answers : in order of number, as `simulate_all` gives them.
    """
    if path is None:
        return simulate_all(job, futures, engine, tell)
    whole_key = key | {"futures": [len(futures), hashlib.sha256(canonical([list(f) for f in futures])).hexdigest()]}
    found = {answer.number: answer for answer in read_answers(path, whole_key)}
    _write(path, whole_key, found.values())
    missing = [future for future in futures if future.number not in found]
    with path.open("a", encoding="utf-8") as handle:
        for answer in simulated(job, missing, engine, tell):
            found[answer.number] = answer
            handle.write(_line(answer))
            handle.flush()
    return [found[future.number] for future in futures]


def read_answers(path: Path, key: dict[str, Any]) -> list[Answer]:
    """Read the answers that were kept under a key, up to a line that was cut short; none where there are none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    lines = _whole_lines(text)
    return [_answer(entry) for entry in lines] if next(lines, None) == {"key": key} else []


def _whole_lines(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _write(path: Path, key: dict[str, Any], answers: Iterable[Answer]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"key": key}) + "\n" + "".join(_line(answer) for answer in answers))


def _line(answer: Answer) -> str:
    dates = {name: day.isoformat() for name, day in answer.dates.items()}
    return json.dumps(answer._asdict() | {"dates": dates}) + "\n"


def _answer(entry: dict[str, Any]) -> Answer:
    dates = {name: date.fromisoformat(day) for name, day in entry["dates"].items()}
    return Answer(**{**entry, "dates": dates})
