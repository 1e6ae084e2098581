"""Help is quick because it imports nothing heavy."""

import shlex
import shutil
import subprocess
import sys
from contextlib import suppress

import click
import pytest
from click.shell_completion import ShellComplete
from command_line.asking import ask

import cli
from market.commands.examples import EXAMPLES

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


FORMATS = {"design": ".yaml", "mine": ".yaml", "book": ".json", "forecast": ".json"}


def test_every_example_of_every_help_is_understood(here, run, monkeypatch):
    shutil.copytree(run, here / "RUN")
    shutil.copytree(run, here / "FORK")
    for stem in ("design", "mine", "book", "forecast", "cases", "questions", "observed"):
        (here / f"{stem}{FORMATS.get(stem, '.csv')}").touch()
    for path in [*commands(), ("scenario",), ("policy",)]:
        lines = EXAMPLES.get(" ".join(path), ())
        assert lines, f"market/commands/examples.py has no example of {' '.join(path)}"
        shown = ask(*path, "--help").stdout
        for line in lines:
            assert f"  market {line}\n" in shown
            words = shlex.split(line.partition(" > ")[0])
            command, args = cli.main, words
            while hasattr(command, "commands"):
                is_named = args[0] in command.commands
                command, args = command.commands[args[0] if is_named else "run"], args[1:] if is_named else args
            with suppress(click.exceptions.Exit):
                command.make_context(line, list(args))


def test_names_are_completed(here, run):
    (here / "runs").mkdir()
    shutil.copytree(run, here / "runs" / "world")

    def offers(*words, incomplete):
        found = ShellComplete(cli.main, {}, "market", "_MARKET_COMPLETE").get_completions(list(words), incomplete)
        return {item.value for item in found}

    assert "power-moratorium" in offers("run", "--policy", incomplete="power")
    assert "power-moratorium" in offers("policy", "show", incomplete="power")
    assert "frontier-2024" in offers("run", incomplete="fron")
    assert "runs/world" in offers("verify", incomplete="runs/w")


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_says_what_it_does(path):
    result = ask(*path, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()[2].strip()) > 20


@pytest.mark.parametrize(
    "path", [p for p in commands() if p not in (("scenario", "schema"), ("scenario", "init"), ("serve",))], ids=" ".join
)
def test_every_command_that_answers_has_json(path):
    assert "--json" in ask(*path, "--help").stdout
