"""The JSON Schema for editors, the template, and the examples of the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from market.policies.load import load_policy
from market.scenario.editor import json_schema, template
from market.scenario.load import load_scenario
from market.scenario.schema import Scenario

DOCS = Path(__file__).parents[2] / "docs"


def test_the_template_is_a_scenario_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(template("mine"))
    assert load_scenario(path).scenario.name == "mine"


def test_the_schema_knows_every_key_of_a_file_and_requires_none() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {*Scenario.model_fields, "extends", "draw"}
    assert "required" not in schema
    assert schema["properties"]["parameters"]["properties"]["price.margin"]["examples"] == [0.45]
    org = schema["$defs"]["Org"]
    assert {"$ref": "#/$defs/Sourced"} in org["properties"]["cash_usd"]["anyOf"]
    assert org["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema


def test_the_examples_of_the_docs_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "scenario.md").read_text(), flags=re.DOTALL)
    scenario, policy = tmp_path / "scenario.yaml", tmp_path / "policy.yaml"
    scenario.write_text(blocks[0])
    policy.write_text(blocks[1])
    assert load_scenario(scenario).scenario.regions["us-texas"].queue_days == 905
    assert load_policy(f"{policy}:rate=0.1").levy[0].rate == 0.1
