"""The examples of the docs are scenarios and policies that load."""

from __future__ import annotations

import re
from pathlib import Path

from market.policies.load import load_policy
from market.scenario.load import load_scenario

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_docs_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "scenario.md").read_text(), flags=re.DOTALL)
    scenario, policy = tmp_path / "scenario.yaml", tmp_path / "policy.yaml"
    scenario.write_text(blocks[0])
    policy.write_text(blocks[1])
    assert load_scenario(scenario).scenario.regions["us-texas"].queue_days == 905
    assert load_policy(f"{policy}:rate=0.1").levy[0].rate == 0.1
