"""What check passes, run runs: a sample of the variants, and the bounds that make it so."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest

from market.catalogue.bounds import bounds_of, traits
from market.catalogue.tables import table
from market.scenario.errors import ScenarioError
from market.scenario.load import load_scenario
from market.scenario.schema import Scenario
from tests.invariance.compare import history
from tests.variants.make import Variant, sample, variant
from tests.variants.run import outcome

SAMPLE, WEEKS = 16, 26
PARAMETERS = sorted({row.id for row in table("parameters")})
TRAITS = sorted({row.field for row in table("orgs") if row.field.startswith("traits.")})


@pytest.mark.parametrize("each", sample(SAMPLE), ids=lambda each: each.name)
def test_a_variant_runs_to_its_end_or_is_refused_at_its_line(each: Variant) -> None:
    found = outcome(each, WEEKS)
    assert found.kind != "fault", found.text


def test_every_parameter_and_trait_has_bounds_and_keeps_them() -> None:
    rows = {row.id: row for row in table("parameters")}
    missing = [name for name in (*PARAMETERS, *TRAITS) if not math.isfinite(bounds_of(name).max)]
    assert missing == [], "give each a row in market/catalogue/bounds.csv"
    for name, row in rows.items():
        low, high, _ = bounds_of(name)
        assert low <= min(row.number, row.low or row.number) <= max(row.number, row.high or row.number) <= high, name
    for row in table("orgs"):
        if row.field.startswith("traits."):
            assert bounds_of(row.field).fault(row.number) == "", row.where
    assert {name.removeprefix("traits.") for name in TRAITS} <= set(traits())


def test_a_parameter_outside_its_bounds_is_refused_at_its_line(tmp_path: Path) -> None:
    for name in PARAMETERS[::40]:
        low, high, _ = bounds_of(name)
        for value in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf)):
            path = tmp_path / "variant.yaml"
            path.write_text(variant("outside", {"parameters": {name: value}}).text)
            with pytest.raises(ScenarioError, match=r"variant\.yaml:4:\d+ parameters\.\S+: must be [<>]= "):
                load_scenario(path)


CLOUD = {
    "title": "Gigafactory", "roles": ["cloud"], "country": "FR", "behaviour": "cloud", "cash_usd": 1e10,
    "chip_budget_usd_per_year": 5e9,
}  # fmt: skip
REFUSED = {
    "no yardstick": ({"orgs": {"nvidia": None}}, "variant.yaml:4:8 orgs.nvidia: H100 is missing"),
    "typo in a behaviour": (
        {"orgs": {"xai": {"behaviour": "labb"}}},
        "variant.yaml:4:29 orgs.xai.behaviour: no behaviour 'labb' is installed; did you mean 'lab'",
    ),
    "typo in a trait": (
        {"orgs": {"xai": {"traits": {"wait_wieght": 0.1}}}},
        "variant.yaml:4:27 orgs.xai.traits.wait_wieght: no behaviour of ours reads it; did you mean 'wait_weight'",
    ),
    "trait out of bounds": ({"orgs": {"xai": {"traits": {"build": 3}}}}, "orgs.xai.traits.build: must be <= 1, was 3"),
    "share over one": (
        {"parameters": {"supply.china_share": 2.55}},
        "variant.yaml:4:36 parameters.supply.china_share: must be <= 1, was 2.55 (a part of a whole)",
    ),
    "more than the GPUs can do": (
        {"runs": {"mistral-large-2": {"start": "2024-04-15"}}},
        "variant.yaml:4:37 runs.mistral-large-2.start: runs.mistral-large-2.flop 2.13e+25 FLOP in 93 days ask 67%",
    ),
    "a second run": (
        {"runs": {"second": {"lab": "xai", "flop": 1e24, "start": "2024-06-01", "due": "2024-08-01"}}},
        "variant.yaml:4:26 runs.second.lab: 'xai' trains 'grok-2' already; give a lab one run under way",
    ),
    "a cloud with nowhere to put its chips": (
        {"orgs": {"eu-cloud": CLOUD}},
        "variant.yaml:4:159 orgs.eu-cloud.chip_budget_usd_per_year: eu-cloud has no site for chips and no region of FR",
    ),
    "GPUs at another's site": (
        {"sites": {"azure-europe-west": {"owner": "enterprise"}}},
        "variant.yaml:4:40 sites.azure-europe-west.owner: fleets.azure/azure-europe-west/A100.owner is 'azure', and "
        "azure-europe-west is a site of 'enterprise'; give the GPUs and the site one owner",
    ),
    "a fleet at another's site": (
        {"fleets": [{"owner": "meta", "site": "azure-us-virginia", "chip": "H100", "gpus": 1}]},
        "fleets.meta/azure-us-virginia/H100.owner: is 'meta', and azure-us-virginia is a site of",
    ),
    "a lease of GPUs to come at another's site": (
        {
            "leases": {
                "mine": {
                    "lessor": "azure",
                    "lessee": "openai",
                    "chip": "H100",
                    "site": "meta-us-virginia",
                    "gpus": 1,
                    "start": "2025-01-01",
                    "end": "2026-01-01",
                    "price_usd_per_gpu_hour": 2,
                }
            }
        },
        "leases.mine.lessor: is 'azure', and meta-us-virginia is a site of 'meta'",
    ),
    "an order of one's own chip": (
        {"orders": [{"buyer": "amd", "chip": "MI300X", "gpus": 5}]},
        "orders.amd/MI300X.buyer: 'amd' makes MI300X and cannot order it of itself",
    ),
    "a chip that its data sheet belies": (
        {"chips": {"H100": {"h100e": 0.73}}},
        "chips.H100.h100e: H100 does 1 by its data sheet, at which it trains and serves, was 0.73",
    ),
    "an owner taken out": (
        {"orgs": {"oci": None}, "sites": {"abilene": {"planned_mw_it": 100}}},
        "variant.yaml:4:8 orgs.oci: sites.abilene.owner unknown org 'oci'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_run_is_refused_where_the_user_wrote_it(name: str, tmp_path: Path) -> None:
    change, expected = REFUSED[name]
    path = tmp_path / "variant.yaml"
    path.write_text(variant(name, change).text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert expected in str(caught.value)


RUN = {
    "no fund": {"orgs": {"venture": None, "strategic": None, "credit": None}},
    "an OEM without traits": {
        "orgs": {"my-oem": {"title": "O", "roles": ["oem"], "country": "DE", "behaviour": "oem", "cash_usd": 1e9}}
    },
    "no OEM": {"orgs": {"dell": None, "supermicro": None, "other-oems": None}},
    "a parent taken out": {"orgs": {"alibaba-cloud": None}},
    "any part of a request will do": {
        "parameters": {"desk.part_min": 0.01, "labs.race_least_share": 0.01, "labs.ask_min_h100e": 1.0,
                       "contracts.ask_min_h100e": 1.0}
    },
    "lenders pay all but a hundredth": {"parameters": {"finance.loan_share": 0.99, "finance.loan_rate": 0.0}},
    "buildings that are named in a pool": {
        "sites": {"sovereign-europe-west": {"buildings": [
            {"power_mw_it": 20, "start": "2023-12-24", "due": "2024-09-23"},
            {"power_mw_it": 0.01, "start": "2023-12-24", "due": "2025-04-23", "on_site_power": True}]}}
    },
    "a chip that draws parts of a watt": {"chips": {"MI300X": {"power_kw_it_per_gpu": 1.0154442}}},
    "a grid that connects next to nothing": {"regions": {"us-virginia": {"grid_mw_per_year": 0.01}}},
    "no slips": {"parameters": {"sites.slip_sd": 0.01, "sites.queue_sd": 0, "supply.slip_sd_weeks": 0}},
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_what_is_taken_out_or_bare_runs_to_its_end(name: str) -> None:
    found = outcome(variant(name, RUN[name]), WEEKS)
    assert found.kind == "ran", found.text


def test_a_planned_site_is_built_where_power_comes_in_time() -> None:
    site = {"title": "Giga", "owner": "us-cloud", "region": "us-texas", "kind": "greenfield"}
    site |= {"energised_mw_it": 50, "planned_mw_it": 500}
    begun = history(scenario_of({"orgs": {"us-cloud": {**CLOUD, "country": "US"}}, "sites": {"giga": site}}), WEEKS)
    built = [e.event for e in begun.entries if type(e.event).__name__ == "BuildingStarted"]
    assert [event for event in built if event.org == "us-cloud"]


def scenario_of(change: dict[str, object]) -> Scenario:
    with tempfile.TemporaryDirectory() as top:
        path = Path(top) / "variant.yaml"
        path.write_text(variant("x", change).text)
        return load_scenario(path).scenario
