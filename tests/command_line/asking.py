"""The command line as it is used: commands, exit codes, one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

import cli

WITH_CHARTS = ("plot", "report", "serve")  # commands that need the libraries of charts
YEARS = "0.3"  # 15 weeks


def ask(*words: object) -> Result:
    """Run a command line."""
    return CliRunner().invoke(cli.main, [str(word) for word in words], prog_name="market")


def answer(*words: object) -> dict[str, Any]:
    """Give a command line that must go well; its JSON object."""
    result = ask(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def complaint(*words: object, code: int) -> str:
    """Give a command line that must be refused with a code and a line on stderr for each problem; the lines."""
    result = ask(*words)
    assert result.exit_code == code, (result.exit_code, result.output)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "weeks to" not in line]
    assert lines
    assert all(line.startswith("market: ") for line in lines), lines
    return "\n".join(lines)


def simulate(folder: Path, *words: object, years: str = YEARS) -> Path:
    """Run the default world into a folder."""
    result = ask("run", "--years", years, "--out", folder, "--quiet", *words)
    assert result.exit_code == 0, result.output
    return folder


def log_bytes(folder: Path) -> dict[str, bytes]:
    """The sealed files of a run's log."""
    return {path.name: path.read_bytes() for path in sorted((folder / "log").glob("*.arrow"))}
