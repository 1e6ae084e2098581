"""The examples of the docs are scenarios and policies that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from market.policies.load import load_policy
from market.report.file_schema import file_schema
from market.scenario.load import LIBRARY, load_scenario
from market.scenario.yaml_tree import read_text

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_docs_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "scenario.md").read_text(), flags=re.DOTALL)
    scenario, policy = tmp_path / "scenario.yaml", tmp_path / "policy.yaml"
    scenario.write_text(blocks[0])
    policy.write_text(blocks[1])
    assert load_scenario(scenario).scenario.regions["us-texas"].queue_days == 905
    assert load_policy(f"{policy}:rate=0.1").levy[0].rate == 0.1


def test_the_schema_for_editors_takes_what_the_docs_and_the_library_write() -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(file_schema())
    block = re.findall(r"```yaml\n(.*?)```", (DOCS / "scenario.md").read_text(), flags=re.DOTALL)[0]
    texts = [block, *(path.read_text() for path in sorted(LIBRARY.glob("*.yaml")))]
    texts += [
        "vintage: strict\npopulation: {labs: 20, clouds: 5, seed: 1}\n",
        "orgs: {ssi: null}\nfleets: {xai/memphis-colossus/H100: null}\nsites: null\n",
    ]
    for text in texts:
        assert not list(validator.iter_errors(read_text(text, "x.yaml").value)), text
    for text in ("population: {labs: -1}", "vintage: old", "orgs: {Mars Base: {}}", "orgs: {xai: {cash_usd: much}}"):
        assert list(validator.iter_errors(read_text(text, "x.yaml").value)), text
