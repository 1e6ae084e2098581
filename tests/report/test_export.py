"""A run that leaves this program: every table described, nothing that a spreadsheet would run, the same bytes twice."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from command_line.asking import answer, ask, complaint, simulate

from market.analytics import TABLES
from market.analytics.dictionary import DERIVED, dictionary
from market.runs.reading import open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 15 weeks; nobody may change it."""
    return simulate(tmp_path_factory.mktemp("export") / "world")


def test_every_column_of_every_table_is_described_once(run):
    described = dictionary(open_run(run).log)
    for name, make in TABLES.items():
        columns = make(open_run(run).log).collect_schema().names()
        assert described.filter(table=name)["column"].to_list() == columns
    assert described.filter(pl.col("meaning").str.len_chars() < 4).height == 0
    assert set(DERIVED) <= set(described["column"])


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_folder_holds_tables_dictionary_log_and_metadata_that_name_each_other(run, tmp_path, form):
    out = tmp_path / "crate"
    found = answer("export", run, "-o", out, "--format", form)
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == set(found["files"])
    assert {f"tables/{name}.{form}" for name in TABLES} <= written
    graph = {node["@id"]: node for node in json.loads((out / "ro-crate-metadata.json").read_text())["@graph"]}
    assert {part["@id"] for part in graph["./"]["hasPart"]} == written - {"ro-crate-metadata.json"}
    assert graph["./"]["identifier"] == open_run(run).reader.head
    for name in written - {"ro-crate-metadata.json"}:
        assert graph[name]["contentSize"] == (out / name).stat().st_size
    leases = (
        pl.read_parquet(out / "tables/leases.parquet") if form == "parquet" else pl.read_csv(out / "tables/leases.csv")
    )
    assert leases.height == open_run(run).table("leases").collect().height


def test_an_archive_of_the_same_run_has_the_same_bytes(run, tmp_path):
    for name in ("a.zip", "b.zip"):
        assert ask("export", run, "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert "dictionary.csv" in zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def test_what_is_there_is_not_written_over(run, tmp_path):
    (tmp_path / "crate").mkdir()
    assert "is there already" in complaint("export", run, "-o", tmp_path / "crate", code=2)


def test_a_tree_of_leases_ends_at_owners_and_counts_what_the_state_holds(run):
    state = open_run(run).state()
    found = answer("leases", run, "--tree", "openai")
    held = {x.lease_id: x.delivered for x in state.leases.leases.values() if x.lessee == "openai"}
    assert {node["lease_id"]: node["gpus_delivered"] for node in found["leases"]} == held
    for node in found["leases"]:
        last = node
        while last["under"] is not None:
            last = last["under"]
        assert state.leases.leases[last["lease_id"]].parent_lease_id is None
    assert ask("leases", run, "--tree", "openai").stdout.startswith("openai leases in ")
    assert "openai" in complaint("leases", run, "--tree", "opnai", code=2)
    assert len(answer("leases", run)["leases"]) == len(state.leases.leases)
