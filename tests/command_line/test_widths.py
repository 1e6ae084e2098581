"""Output at 60 to 140 columns: no line is wider where words allow, and no number is cut."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line.asking import ask, simulate

from market.layout import Column, table
from market.report.listing import show_lines

WIDTHS = (60, 80, 100, 140)
QUERY = "SELECT * FROM leases ORDER BY worth_usd DESC LIMIT 3"


def words_of(run: Path) -> dict[str, tuple[object, ...]]:
    return {
        "report": ("run", "--years", "0.3", "--out", run),
        "replay": ("replay", run, "--until", "2024-09-01"),
        "query": ("query", run, QUERY),
        "runs": ("runs", run.parent),
        "plans": ("cluster", "--chip", "H100", "--gpus", "1024", "--model", "llama-3.1-405b", "--plans", "3"),
        "compare": ("compare", run, run),
        "policy": ("policy", "show", "export-controls"),
        "metrics": ("experiment", "metrics"),
        "verify": ("verify", run),
        "doctor": ("doctor",),
        "experiment": ("experiment", "show", run.parent.parent / "paired"),
        "explain": ("explain", run, "4000"),
        "leases": ("leases", run),
        "tree": ("leases", run, "--tree", "coreweave"),
        "show": ("scenario", "show", "memphis-2024"),
        "diff": ("diff", run, run.parent.parent / "other"),
        "check": ("scenario", "check", "frontier-2024"),
        "cluster": ("cluster", "--chip", "H100", "--gpus", "512", "--model", "llama-3-70b"),
    }


@pytest.fixture(scope="module", autouse=True)
def _paired(run: Path) -> None:
    """An experiment of two pairs and a run of another seed beside the folder of runs."""
    words = ("--policy", "power-moratorium:from=2024-07-15", "--years", "0.1", "--runs", "2", "--engine", "serial")
    ask("experiment", *words, "--out", run.parent.parent / "paired")
    simulate(run.parent.parent / "other", "--seed", "1", years="0.1")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "what",
    ["report", "replay", "runs", "plans", "compare", "policy", "metrics", "experiment", "verify", "doctor", "explain",
     "leases", "tree", "check", "cluster", "show", "diff"],
)  # fmt: skip
def test_output_fits_its_width(what: str, width: int, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = ask(*words_of(run)[what]).stdout
    assert text
    for line in text.splitlines():
        is_command = line.strip().startswith(("market ", "run ", "head ", "state "))
        longest = max(map(len, line.split()), default=0)
        assert len(line) <= width or is_command or longest > width // 2, line


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", ["report", "query", "plans", "compare", "experiment", "leases"])
def test_no_number_of_the_widest_output_is_cut_in_a_narrower_one(
    what: str, width: int, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever number a narrow output holds is in the wide one too, whole; there is no ellipsis."""

    def numbers(columns: int) -> set[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        text = ask(*words_of(run)[what]).stdout
        assert "…" not in text
        assert "..." not in text
        text = re.sub(r"not shown, for want of width|in [\d.]+ s\b", "", text)
        return set(re.findall(r"[\d][\d,.:]*", text))

    assert numbers(width) <= numbers(400)


def test_a_row_that_is_wrapped_below_its_first_cell_stays_below_it():
    heads = [Column(name, is_text=True) for name in ("metric", "expected", "found", "because")]
    rows = [(name * 12, "lower", "lower", f"{name} " * 20) for name in ("power", "price")]
    lines = table(heads, rows, 64, apart=True)
    below = lines[lines.index("power" * 12) + 1 : lines.index("price" * 12)]
    assert len(below) > 1
    assert " ".join(below).split() == ["lower", "lower", *["power"] * 20]


def test_a_wide_result_is_one_record_a_block(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    blocks = ask("query", run, QUERY).stdout.strip().split("\n\n")
    assert len(blocks) == 3
    assert all(re.search(r"^worth_usd +[\d,.]+$", block, re.MULTILINE) for block in blocks)
    assert all(re.search(r"^start_day +\d{4}-\d\d-\d\d$", block, re.MULTILINE) for block in blocks)


def test_columns_that_are_left_out_are_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "(not shown, for want of width: " in ask("run", "--years", "0.3", "--out", run).stdout
    monkeypatch.setenv("COLUMNS", "400")
    assert "not shown" not in ask("run", "--years", "0.3", "--out", run).stdout


@pytest.mark.parametrize("width", WIDTHS)
def test_events_are_broken_between_fields_on_a_terminal_and_nowhere_else(
    width: int, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = ask("events", run, "--type", "OptionChosen", "--limit", "3").stdout.splitlines()
    assert len(lines) == 3
    show_lines(lines)
    shown = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(shown).split()) == " ".join(" ".join(lines).split())
    assert all(len(line) <= width or max(map(len, line.split())) > width // 2 for line in shown)
