"""The how-to page on choosing a cluster runs as shown."""

import json
import re
import shlex
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import cli

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "which-cluster-for-this-model.md").read_text(encoding="utf-8")


def test_every_command_of_the_page_runs_and_the_offers_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    config, offers = (re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)[0] for kind in ("json", "text"))
    commands = re.findall(r"^\$ market (.*)$", PAGE, flags=re.MULTILINE)
    assert len(commands) >= 8
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(config)
    Path("offers.csv").write_text(offers)
    for line in commands:
        result = runner.invoke(cli.main, shlex.split(line))
        assert result.exit_code == 0, (line, result.output)
    found = pl.read_csv("answers.csv")
    both = runner.invoke(cli.main, ["cluster", "--grid", "offers.csv", "--out", "again.csv", "--json"])
    assert len(json.loads(both.output)["rows"]) == len(found)
    assert Path("again.csv").is_file()
    assert found["why_not"].is_null().all() or set(found["why_not"]) == {""}
    assert {"plan", "memory_gb", "binds", "power_mw", "cost_usd", "error_p90", "lost_bubble"} <= set(found.columns)
    assert (found["cost_usd"] > 0).all()
