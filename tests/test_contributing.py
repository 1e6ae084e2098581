"""The recipes of CONTRIBUTING.md, carried out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import polars as pl
import pytest
from command_line.asking import ask, complaint, simulate

import cli
from events import EVENTS
from market.analytics import TABLES
from market.commands.errors import EXIT_CODES
from market.report.sentences import SENTENCES
from tests.events.golden_world import WORLD

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run."""
    return simulate(tmp_path_factory.mktemp("runs") / "world", years="0.1")


PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def block(kind: str, name: str) -> str:
    """The block of the page that begins with a file's name."""
    found = re.search(rf"```{kind}\n# {re.escape(name)}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_every_recipe_has_a_test() -> None:
    recipes = re.findall(r"^## Add (.*)$", PAGE, re.MULTILINE)
    assert recipes == ["an event", "a chip", "a clause", "a kind of policy", "an agent", "a table", "a command"]


def test_an_event_is_added_by_a_class_a_line_of_evolve_and_a_sentence(tmp_path: Path) -> None:
    for package in ("events", "market"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    types = tmp_path / "events" / "types" / "policy.py"
    types.write_text(types.read_text() + "\n\n" + block("python", "events/types/policy.py"))
    evolve = tmp_path / "market" / "evolve" / "policy.py"
    evolve.write_text(evolve.read_text().replace("INERT = (", "INERT = (events.PolicyAnnounced, "))
    code = """
from events import EVENTS, MemoryLog
from events.types import Entry
from market.evolve import evolve
from market.report.sentences import SENTENCES, sentence
from market.state import State
SENTENCES["PolicyAnnounced"] = "Policy {policy} was announced for {due_day}."
event = EVENTS["PolicyAnnounced"](policy="tax", due_day=20000)
log, state = MemoryLog(), State()
log.append(Entry(0, 19900, "world", -1, 0, event))
evolve(state, event, 19900)
print(sentence("PolicyAnnounced", {"policy": "tax", "due_day": 20000}), log.next_seq)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "Policy tax was announced for 2024-10-04. 1\n", done.stderr
    assert set(SENTENCES) == set(EVENTS)


@pytest.mark.parametrize("name", ["a-chip.yaml", "an-org.yaml"])
def test_a_chip_and_an_agent_are_added_by_a_scenario(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(block("yaml", name))
    assert ask("scenario", "check", tmp_path / name).exit_code == 0
    simulate(tmp_path / "run", tmp_path / name, years="0.1")
    what, who = ("chip", "H100-NEXT") if name == "a-chip.yaml" else ("org", "new-lab")
    assert ask("query", tmp_path / "run", f"SELECT {what} FROM log WHERE {what} = '{who}' LIMIT 1").exit_code == 0


def test_a_kind_of_policy_is_added_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "a-policy.yaml").write_text(block("yaml", "a-policy.yaml"))
    run = simulate(tmp_path / "run", "--policy", tmp_path / "a-policy.yaml")
    assert "PolicyEnacted" in ask("events", run, "--type", "PolicyEnacted").stdout


def test_a_clause_is_a_field_in_one_file_and_older_logs_read_its_default(tmp_path: Path) -> None:
    for package in ("events", "market"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    terms, last = tmp_path / "events" / "terms.py", "    @property\n    def duration_days"
    text = terms.read_text()
    assert last in text
    terms.write_text(text.replace(last, block("python", "events/terms.py") + "\n" + last))
    code = """
import sys
from pathlib import Path
from events import open_log
from events.registry import main
assert main() == 0
log = open_log(Path(sys.argv[1]))
signed = [entry.event for entry in log.entries() if type(entry.event).__name__ == "LeaseSigned"]
table = log.scan().collect()
column = table.filter(table["type"] == "LeaseSigned")["notice_days"]
print(len(signed) > 10, {event.notice_days for event in signed}, column.unique().to_list(), column.len() == len(signed))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(WORLD)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True {0} [0] True\n", done.stderr


def test_a_table_is_a_function_of_the_log(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "types", lambda log: log.group_by("type").agg(pl.len().alias("events")))
    assert "WeekClosed" in ask("query", run, "SELECT type, events FROM types").stdout


def test_a_command_is_a_function_and_its_error_a_class_with_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unripe(Exception):
        """A command that came too early."""

    @click.command("ripen")
    def ripen() -> None:
        raise Unripe("not yet")

    monkeypatch.setitem(cli.main.commands, "ripen", ripen)
    monkeypatch.setitem(EXIT_CODES, f"{Unripe.__module__}.{Unripe.__qualname__}", 3)
    assert complaint("ripen", code=3) == "market: not yet"
