"""The catalogue: every row is typed, dated and sourced, and a broken one is refused with its place."""

from __future__ import annotations

import csv
import math
import re
from datetime import date
from pathlib import Path

import pytest

from events.commands.check import WHOLE_MAX
from market.catalogue.bounds import bounds_of
from market.catalogue.tables import (
    COLUMNS,
    OBSERVED,
    TABLES,
    CatalogueError,
    everything,
    latest,
    observed,
    read,
    table,
)
from market.units import CENTS

GOOD = {
    "id": "price.margin", "field": "value", "value": "0.45", "unit": "1", "low": "0.25", "high": "0.7",
    "kind": "derived", "as_of": "2024-06-30", "published": "2024-07-01", "source": "a report", "confidence": "low",
    "note": "why",
}  # fmt: skip


def write(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "t.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_good_row_is_read_with_its_types_and_place(tmp_path: Path) -> None:
    (row,) = read(write(tmp_path, GOOD))
    assert (row.number, row.low, row.high, row.where) == (0.45, 0.25, 0.7, "t.csv:2")
    assert (row.as_of, row.published) == (date(2024, 6, 30), date(2024, 7, 1))


BROKEN = {
    "no id": ({"id": ""}, "t.csv:2 id and field must not be empty"),
    "no value": ({"value": ""}, "t.csv:2 value: must not be empty"),
    "text for a number": ({"value": "half"}, "t.csv:2 value: must be a number, was 'half'"),
    "strange unit": ({"unit": "furlong"}, "t.csv:2 unit: 'furlong' is no unit of the catalogue"),
    "outside its range": ({"value": "0.9"}, "t.csv:2 value: 0.9 lies outside its own range 0.25 to 0.7"),
    "bad bound": ({"low": "x"}, "t.csv:2 low: must be a number, was 'x'"),
    "bad date": ({"as_of": "2024-06-31"}, "t.csv:2 as_of: must be a date such as 2024-07-15, was '2024-06-31'"),
    "bad date value": ({"unit": "date", "value": "soon"}, "t.csv:2 value: must be a date"),
    "said before it was so": ({"published": "2024-01-01"}, "t.csv:2 published: 2024-01-01 is before as_of 2024-06-30"),
    "strange kind": ({"kind": "rumour"}, "t.csv:2 kind: must be one of assumption,"),
    "strange confidence": ({"confidence": "sure"}, "t.csv:2 confidence: must be one of high,"),
    "no source": ({"source": ""}, "t.csv:2 source: must not be empty"),
    "assumption without reason": ({"kind": "assumption", "note": ""}, "t.csv:2 note: an assumption says its reason"),
    "source without a date": ({"kind": "source", "as_of": "", "published": ""}, "t.csv:2 as_of: a source row says"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_row_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    change, expected = BROKEN[name]
    with pytest.raises(CatalogueError) as caught:
        read(write(tmp_path, {**GOOD, **change}))
    assert str(caught.value).startswith(expected)


def test_the_same_figure_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"t.csv:3 price.margin value: stands already at t.csv:2"):
        read(write(tmp_path, GOOD, GOOD))


def test_wrong_columns_and_short_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,value\n1,2\n")
    with pytest.raises(CatalogueError, match=r"t.csv:1 columns must be id, field"):
        read(path)
    path.write_text(",".join(COLUMNS) + "\na,b,c\n")
    with pytest.raises(CatalogueError, match=r"t.csv:2 has 3 cells, must have 12"):
        read(path)


def test_the_newest_row_known_on_a_day_is_taken(tmp_path: Path) -> None:
    later = {**GOOD, "as_of": "2024-12-31", "published": "2025-01-31", "value": "0.5"}
    constant = {**GOOD, "field": "kw", "kind": "engineering", "as_of": "2026-01-01", "published": "", "value": "0.6"}
    rows = read(write(tmp_path, later, GOOD, constant))
    assert latest(rows, date(2024, 7, 15))["price.margin"]["value"].value == "0.45"
    assert latest(rows, date(2025, 7, 15))["price.margin"]["value"].value == "0.5"
    assert "value" not in latest(rows, date(2023, 7, 15))["price.margin"]
    assert latest(rows, date(2023, 7, 15))["price.margin"]["kw"].value == "0.6"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_project_reads(name: str) -> None:
    assert len(table(name)) > 20


@pytest.mark.parametrize("name", OBSERVED)
def test_every_observed_table_reads_and_says_what_may_be_fitted(name: str) -> None:
    rows = observed(name)
    assert {o.split for o in rows} == {"calibration", "backtest"}
    fitted = [o.row for o in rows if o.split == "calibration"]
    assert max(r.as_of for r in fitted if r.as_of) <= date(2025, 1, 31)


def test_no_source_names_a_path_of_a_machine() -> None:
    for _, row in everything():
        text = f"{row.source} {row.note}".lower()
        assert not any(word in text for word in ("/work", "/tmp", "/home", "../", "repo ", ".txt", "localhost"))


def test_what_rests_on_memory_says_so() -> None:
    for _, row in everything():
        if "from memory" in f"{row.source} {row.note}" and row.kind == "source":
            assert row.confidence == "memory", row.where


def test_open_data_is_named_with_its_licence() -> None:
    for _, row in everything():
        if row.source.startswith("Epoch AI"):
            assert any(word in row.source for word in ("CC BY 4.0", "MIT", "ai-compute-users")), row.where


def test_unknown_tables_are_refused() -> None:
    with pytest.raises(CatalogueError, match="no table of the catalogue"):
        table("gossip")
    with pytest.raises(CatalogueError, match="no observed table"):
        observed("gossip")


def test_the_rounds_of_builders_sum_to_what_is_said_of_them() -> None:
    """The rounds that a reason names, in bn USD, and as much again for the rest."""
    told = [row for _, row in everything() if row.id == "finance.builder_rounds_usd_per_year"]
    assert len(told) == 3
    for row in told:
        named = math.fsum(float(x) for x in re.findall(r"\b\d+\.\d+\b", row.note))
        assert float(row.value) == pytest.approx(2e9 * named, rel=0.12), row.where


@pytest.mark.parametrize("name", ["finance.value_floor_usd", "finance.value_least_usd"])
def test_a_round_at_the_most_that_an_org_may_claim_is_whole_cents_that_a_command_holds(name):
    assert bounds_of(name).max * CENTS <= WHOLE_MAX
