"""Help is quick because it imports nothing heavy."""

import subprocess
import sys

import pytest
from command_line.asking import ask

import cli

HEAVY = {"mesa", "polars", "pyarrow", "pydantic", "numpy", "rich", "msgspec", "yaml", "agents", "events"}


def imported_by(*lines: list[str]) -> set[str]:
    """Top-level modules that command lines leave imported in one process."""
    code = """
import ast, sys, cli
for line in ast.literal_eval(sys.argv[1]):
    try:
        cli.main(line)
    except SystemExit as stop:
        assert not stop.code
print(*{name.split('.')[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code, repr(lines)], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_nothing_heavy():
    assert not imported_by(["--help"], ["run", "--help"], ["--version"]) & HEAVY


def test_reading_a_run_never_imports_mesa(run):
    lines = [
        ["replay", str(run), "--json"],
        ["verify", str(run)],
        ["events", str(run)],
        ["query", str(run), "SELECT 1"],
    ]
    assert not imported_by(*lines) & {"mesa", "agents"}


def commands(group=cli.main, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def test_a_command_that_lives_in_its_room_is_listed():
    assert "experiment" in ask("--help").stdout
    assert ask("experiment", "metrics").exit_code == 0


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_says_what_it_does(path):
    result = ask(*path, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()[2].strip()) > 20


@pytest.mark.parametrize(
    "path", [p for p in commands() if p not in (("scenario", "schema"), ("scenario", "init"))], ids=" ".join
)
def test_every_command_that_answers_has_json(path):
    assert "--json" in ask(*path, "--help").stdout
