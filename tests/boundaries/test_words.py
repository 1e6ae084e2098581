"""Documents, messages and comments are in plain words: phrases of earlier pages that told nothing are gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GONE = (
    r"weighed most", r"nothing lies", r"that somebody needs", r"stands in for", r"\bluck(?:y|ily)?\b",
    r"\bthe (?:front )?doors?\b", r"\brooms? of the house\b", r"\bthe house\b", r"\bstaircase\b",
)  # fmt: skip
PLACES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "cli.py", "docs", "market", "agents", "events")
KINDS = {".md", ".py", ".yaml", ".csv"}


def texts():
    """Every text of the program and its documents."""
    for place in PLACES:
        path = ROOT / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in KINDS and "_build" not in file.parts:
                yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


@pytest.mark.parametrize("phrase", GONE)
def test_a_phrase_that_told_nothing_is_gone(phrase):
    found = [
        f"{name}:{number}" for name, text in texts() for number, line in enumerate(text.splitlines(), 1)
        if re.search(phrase, line, re.IGNORECASE)
    ]  # fmt: skip
    assert found == []
