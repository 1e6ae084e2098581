"""`scenario`, `policy`, `cluster`, `doctor`, and the sentences that say events."""

import json
import string

import polars as pl
import pytest
from command_line.asking import answer, ask, complaint

from events import EVENTS
from market.report.sentences import SENTENCES, inside, sentence
from market.scenario.schema import Scenario

CLUSTER = ("cluster", "--chip", "H100", "--gpus", "1024", "--model", "gpt-3")
CLUSTER_FIELDS = {"chip", "gpus", "model", "plan", "fits", "binds", "step_s", "mfu", "tokens_per_s_per_gpu", "goodput",
                  "days", "power_mw", "energy_gwh", "cost_usd", "loss"}  # fmt: skip


def test_scenarios_and_policies_are_listed():
    assert "frontier-2024" in {row["name"] for row in answer("scenario", "list")["scenarios"]}
    assert {"power-moratorium", "export-controls"} <= {row["name"] for row in answer("policy", "list")["policies"]}
    assert "frontier-2024" in ask("scenario", "list").stdout


def test_a_scenario_is_shown_with_the_source_of_every_number():
    text = ask("scenario", "show").stdout
    assert "orgs.openai.revenue_usd_per_year  3" in text
    found = answer("scenario", "show", "--set", "price.margin=0.5")
    Scenario.model_validate(found["scenario"])
    assert found["scenario"]["parameters"]["price.margin"] == 0.5
    assert len(found["sources"]) > 500


def test_a_resolved_scenario_is_the_same_world(here):
    (here / "flat.yaml").write_text(ask("scenario", "show", "--yaml").stdout)
    assert answer("scenario", "check", "flat.yaml")["sha256"] == answer("scenario", "check", "frontier-2024")["sha256"]


def test_everything_wrong_with_a_scenario_is_said(here):
    (here / "mine.yaml").write_text("name: mine\nextends: frontier-2024\nyears: -1\norgs: {xai: {cash_usd: -5}}\n")
    result = ask("scenario", "check", "mine.yaml")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    assert "mine.yaml:3:8 years" in result.stderr
    found = json.loads(ask("scenario", "check", "mine.yaml", "--json").stdout)
    assert (found["ok"], len(found["problems"])) == (False, 2)


def test_a_new_scenario_file_can_be_run(here):
    assert ask("scenario", "init", "mine.yaml").exit_code == 0
    assert answer("scenario", "check", "mine.yaml")["ok"]
    assert answer("run", "mine.yaml", "--years", "0.1")["scenario"] == "mine"
    assert "is there already" in complaint("scenario", "init", "mine.yaml", code=2)


def test_the_schema_of_a_file_knows_every_section():
    schema = json.loads(ask("scenario", "schema").stdout)
    assert set(schema["properties"]) == {*Scenario.model_fields, "extends", "draw", "vintage", "population"}
    assert "required" not in schema
    assert schema["additionalProperties"] is False
    cash = schema["$defs"]["Org"]["properties"]["cash_usd"]["anyOf"]
    assert cash[0]["minimum"] == 0
    assert {"$ref": "#/$defs/Sourced"} in cash


def test_a_policy_is_shown_with_what_was_set():
    found = answer("policy", "show", "power-moratorium:region=us-ohio")
    assert found["given"] == {"region": "us-ohio"}
    text = ask("policy", "show", "power-moratorium:region=us-ohio").stdout
    assert "region = us-ohio" in text
    assert "refuses PlanSite, StartBuilding" in text


def test_every_policy_of_the_library_is_shown():
    for row in answer("policy", "list")["policies"]:
        assert row["title"] in " ".join(ask("policy", "show", row["name"]).stdout.split())


def test_a_cluster_is_answered_with_the_fields_that_scripts_rely_on():
    found = answer(*CLUSTER)
    assert set(found) >= CLUSTER_FIELDS
    assert found["fits"] is True
    assert set(found["plan"]) >= {"tp", "pp", "vp", "dp", "ep", "cp", "zero", "microbatch", "precision", "recompute"}
    text = ask(*CLUSTER).stdout
    assert "MFU" in text
    assert f"limited by    {found['binds']}" in text
    assert answer(*CLUSTER, "--tokens", "6e11")["days"] > found["days"] * 1.5
    assert len(answer(*CLUSTER, "--plans", "3")["plans"]) == 3
    assert "memory_gb" in ask(*CLUSTER, "--plans", "3").stdout


def test_what_does_not_fit_is_said():
    assert "does not fit: memory binds" in ask("cluster", "--chip", "H100", "--gpus", "8", "--model", "dense-1t").stdout


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_clusters_is_answered(here, suffix):
    table = pl.DataFrame({"gpu_type": ["H100", "nothing"], "gpu_count": [1024, 8], "model": ["gpt-3", "gpt-3"]})
    table.write_csv("in.csv") if suffix == ".csv" else table.write_parquet("in.parquet")
    result = ask("cluster", "--grid", f"in{suffix}", "--out", f"out{suffix}")
    assert result.exit_code == 0, result.output
    found = pl.read_csv("out.csv") if suffix == ".csv" else pl.read_parquet("out.parquet")
    assert {"step_s", "mfu_predicted", "fits", "goodput", "days_predicted", "why_not"} <= set(found.columns)
    assert found["step_s"].is_null().to_list() == [False, True]
    assert "nothing" in found["why_not"][1]
    assert answer("cluster", "--grid", f"in{suffix}")["rows"][0]["step_s"] == pytest.approx(found["step_s"][0])


def test_a_grid_that_is_no_table_is_refused(here):
    (here / "in.parquet").write_text("no")
    assert "is no table" in complaint("cluster", "--grid", "in.parquet", code=2)


def test_the_doctor_names_what_bytes_depend_on():
    found = answer("doctor")
    assert found["ok"] is True
    assert {"python", "mesa", "polars", "pyarrow", "behaviours", "code", "folder"} <= {
        c["what"] for c in found["checks"]
    }
    assert ask("doctor").stdout.startswith("ok ")


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_event_is_said_in_words_from_its_own_fields(kind):
    template = SENTENCES[kind]
    named = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    derived = {"terms", "power", "better", "by", "place", "unit", "hold", "met", "last_day"}
    assert named <= {*EVENTS[kind].__struct_fields__, *derived}


def test_no_sentence_is_for_an_event_that_is_gone():
    assert set(SENTENCES) == set(EVENTS)


def test_values_are_said_with_their_units():
    fields = {
        "org": "xai",
        "counterparty": "credit",
        "amount_usd_cents": 540_000_000_000,
        "end_day": 20000,
        "value": 0.1,
    }
    assert sentence("LoanGranted", fields) == "credit lent xai 5.40 bn USD until 2024-10-04."
    begun = {"kind": "frontier-2024", "seed": 0, "start_day": 19_919, "end_day": 19_919 + 14}  # the first day after
    assert sentence("RunStarted", begun).endswith("planned from 2024-07-15 to 2024-07-28.")
    assert sentence("Unheard", {"org": "xai", "gpus": 5000}) == "Unheard: org xai, gpus 5,000."
    assert "-" in sentence("LoanRepaid", {"org": "xai"})


def test_a_sentence_names_the_unit_and_no_site_that_is_not_there():
    grown = {"kind": "plant", "value": 28_747.0}
    assert sentence("InputExpanded", grown) == "Makers of plant can supply 28,747 kW a week."
    bound = {"kind": "shells", "supplier": "coreweave", "share": 0.463}
    assert sentence("InputBound", bound).endswith("makers of shells hold coreweave back: they meet 46% of the need.")
    free = sentence("InputBound", bound | {"share": 1.0})
    assert free.endswith("makers of shells do not hold coreweave back: they meet all of the need.")
    quote = {"lessor": "oci", "lessee": "xai", "gpus": 8, "chip": "H200", "site": "", "region": "us-ohio"}
    assert "8 H200 (region us-ohio), " in sentence("QuoteGiven", quote)
    assert "8 H200 (site abilene, region us-ohio), " in sentence("QuoteGiven", quote | {"site": "abilene"})


def test_a_sentence_within_another_keeps_the_capital_of_a_name_alone():
    assert inside("BuildingSlipped", "A building slipped.") == "a building slipped."
    assert inside("ShipmentSent", "H-works racked 5 H100.") == "H-works racked 5 H100."
