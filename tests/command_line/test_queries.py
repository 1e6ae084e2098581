"""A query reads the tables of its run and nothing else."""

from __future__ import annotations

import polars as pl
import pytest

from market.runs.sql import fault_of_plan, fault_of_text


@pytest.mark.parametrize("sql", ["SELECT 1", " select 1", "WITH a AS (SELECT 1) SELECT * FROM a", "((SELECT 1))",
                                 "-- a note\nSELECT 1", "/* a note */ SELECT 1"])  # fmt: skip
def test_a_select_is_answered(sql):
    assert fault_of_text(sql, ["log"]) == ""


def test_a_plan_that_reads_a_file_is_not_carried_out(tmp_path):
    pl.DataFrame({"a": [1]}).write_csv(tmp_path / "a.csv")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"a": [1]}).write_ipc(tmp_path / "a.arrow")
    csv, parquet, ipc = (tmp_path / name for name in ("a.csv", "a.parquet", "a.arrow"))
    for table in (pl.scan_csv(csv), pl.scan_parquet(parquet), pl.scan_ipc(ipc)):
        assert "reads a file" in fault_of_plan(table.select("a").explain(optimized=False))
    memory = pl.scan_ipc((tmp_path / "a.arrow").read_bytes())
    assert fault_of_plan(memory.select("a").explain(optimized=False)) == ""
    assert fault_of_plan(pl.LazyFrame({"a": [1]}).select("a").explain(optimized=False)) == ""
