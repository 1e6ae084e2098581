"""The log of looks: every time that rows of the back-test were scored, what for, and what came of it.

Whoever looks at a record often enough fits it without meaning to. `forecasts/looks.jsonl` holds one line a look; the
page on validation states the count. It is written where a folder `forecasts` is, so that a checkout keeps it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from events.manifest import code_hash

FILE = "looks.jsonl"


def note_look(folder: Path, command: str, why: str, found: dict[str, Any]) -> int:
    """Append a look and give back how many there are; nothing is written where the folder is missing."""
    path = folder / FILE
    before = read_looks(folder)
    if not folder.is_dir():
        return len(before)
    previous = next((look["after"] for look in reversed(before) if look["command"] == command), None)
    look = {
        "when": datetime.now(UTC).date().isoformat(), "command": command, "what": why, "code": code_hash()[:16],
        "before": previous, "after": found,
    }  # fmt: skip
    with path.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(look, ensure_ascii=False) + "\n")
    return len(before) + 1


def read_looks(folder: Path) -> list[dict[str, Any]]:
    """Read all looks, the first one first."""
    path = folder / FILE
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
