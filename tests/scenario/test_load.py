"""Loading: overrides, extension, drawing, sources, round trip."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.scenario.errors import ScenarioError
from market.scenario.load import library, load_scenario
from market.scenario.yaml_tree import read_text

BASE = "name: mine\ntitle: Mine\nextends: frontier-2024\n"


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_library_lists_names_with_titles() -> None:
    assert library()["frontier-2024"] == "The frontier on 15 July 2024"


def test_a_dump_loads_back_to_the_same_scenario(tmp_path: Path) -> None:
    first = load_scenario("frontier-2024", {"supply.slots_per_week": "70000.5", "orgs.ssi": "null"})
    again = load_scenario(write(tmp_path, first.dump()))
    assert again.scenario == first.scenario
    assert again.sha256 == first.sha256
    assert again.dump() == first.dump()


def test_the_hash_follows_the_values_and_not_the_text(tmp_path: Path) -> None:
    plain = load_scenario("frontier-2024").sha256
    assert load_scenario("frontier-2024", {"years": "3"}).sha256 == plain
    assert load_scenario("frontier-2024", {"years": "2"}).sha256 != plain
    assert load_scenario("frontier-2024", {"orgs.xai.traits.build": "0"}).sha256 != plain


def test_the_order_of_a_file_means_nothing(tmp_path: Path) -> None:
    first = load_scenario("frontier-2024")
    values = json.loads(first.scenario.model_dump_json())
    for section, part in values.items():
        if isinstance(part, dict):
            values[section] = dict(reversed(part.items()))
        elif isinstance(part, list):
            values[section] = part[::-1]
    for org in values["orgs"].values():
        org["roles"], org["traits"] = org["roles"][::-1], dict(reversed(org["traits"].items()))
    path = write(tmp_path, json.dumps({"draw": "none", **values}))
    again = load_scenario(path)
    assert again.dump() == first.dump()
    assert again.sha256 == first.sha256


def calls_of(work: Callable[[], object]) -> int:
    """Count the calls that a piece of work makes: no other load of the machine moves them."""
    calls = 0

    def tell(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(tell)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def test_the_cost_of_loading_grows_with_the_file(tmp_path: Path) -> None:
    load_scenario("frontier-2024")  # what the process reads once counts in neither
    calls = []
    for orgs in (200, 1600):
        lines = [
            f"  o{i}: {{title: O, roles: [lab], country: US, behaviour: lab, traits: {{build: 1}}}}"
            for i in range(orgs)
        ]
        path = write(tmp_path, BASE + "orgs:\n" + "\n".join(lines) + "\n")
        calls.append(calls_of(partial(load_scenario, path)))
    assert calls[1] < 10 * calls[0], calls  # the square would take 64 times as many


def test_an_extension_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    base = load_scenario("frontier-2024").scenario
    text = BASE + "parameters: {price.margin: 0.5}\nsites: {abilene: {planned_mw_it: 900}}\n"
    mine = load_scenario(write(tmp_path, text)).scenario
    assert mine.parameters == {**base.parameters, "price.margin": 0.5}
    assert mine.sites["abilene"] == base.sites["abilene"].model_copy(update={"planned_mw_it": 900})
    assert mine.orgs == base.orgs
    assert mine.fleets == base.fleets


def test_an_extension_of_an_extension_by_file(tmp_path: Path) -> None:
    write(tmp_path, BASE + "parameters: {price.margin: 0.5, price.clearing_speed: 0.05}\n", "first.yaml")
    second = write(tmp_path, "name: b\nextends: first.yaml\nparameters: {price.margin: 0.6}\n", "second.yaml")
    scenario = load_scenario(second).scenario
    assert scenario.parameters["price.margin"] == 0.6
    assert scenario.parameters["price.clearing_speed"] == 0.05


def test_an_override_with_a_source_is_remembered_with_its_place(tmp_path: Path) -> None:
    text = BASE + "orgs:\n  openai:\n    revenue_usd_per_year: {value: 2e9, as_of: 2023-12-31, source: FT}\n"
    resolved = load_scenario(write(tmp_path, text))
    row = resolved.sources["orgs.openai.revenue_usd_per_year"]
    assert resolved.scenario.orgs["openai"].revenue_usd_per_year == 2e9
    assert (row.as_of, row.source, row.where, row.kind) == (date(2023, 12, 31), "FT", "mine.yaml:6:27", "override")


def test_sources_stand_inside_lists_too(tmp_path: Path) -> None:
    text = BASE + (
        "sites:\n  abilene:\n    buildings:\n"
        "      - {power_mw_it: {value: 50, source: permit}, start: 2024-05-31, due: 2025-01-01}\n"
    )
    resolved = load_scenario(write(tmp_path, text))
    assert [b.power_mw_it for b in resolved.scenario.sites["abilene"].buildings] == [50]
    assert resolved.sources["sites.abilene.buildings.0.power_mw_it"].source == "permit"
    assert "sites.abilene.buildings.1.power_mw_it" not in resolved.sources


def test_taking_an_org_out_takes_its_sites_fleets_and_leases_out(tmp_path: Path) -> None:
    resolved = load_scenario(write(tmp_path, BASE + "orgs: {together: null}\n"))
    scenario = resolved.scenario
    assert "together" not in scenario.orgs
    assert "together-us-texas" not in scenario.sites
    assert all("together" not in (lease.lessor, lease.lessee) for lease in scenario.leases.values())
    assert "sites.together-us-texas" in resolved.dropped
    assert not any(key.startswith("orgs.together.") for key in resolved.sources)


def test_a_file_may_draw_a_few_rows_alone(tmp_path: Path) -> None:
    text = (
        "name: small\ntitle: Small\ndescription: Two clouds\nstart: 2024-07-15\nyears: 1\n"
        "draw: {parameters: all, chips: [H100, GB200], orgs: [nvidia, oci, coreweave, xai, openai, azure],"
        " regions: all, sites: all, fleets: all, leases: all}\n"
    )
    scenario = load_scenario(write(tmp_path, text)).scenario
    assert set(scenario.chips) == {"H100", "GB200"}
    assert {fleet.chip for fleet in scenario.fleets} == {"H100"}
    assert {site.owner for site in scenario.sites.values()} == {"oci", "coreweave", "xai", "azure"}
    assert "xai-oci" in scenario.leases
    assert scenario.orders == []


def test_patterns_draw_by_name(tmp_path: Path) -> None:
    orgs = '["neoclouds-*", nvidia, amd, "google-*", aws, aws-*]'
    text = f"{BASE}draw: {{parameters: all, chips: all, orgs: {orgs}}}\n"
    assert "neoclouds-asia" in load_scenario(write(tmp_path, text)).scenario.orgs


def test_a_fleet_of_a_list_replaces_the_one_of_the_same_owner_site_and_chip(tmp_path: Path) -> None:
    base = load_scenario("frontier-2024").scenario
    text = BASE + "fleets:\n  - {owner: nebius, site: nebius-europe-nordics, chip: A100, gpus: 5}\n"
    fleets = load_scenario(write(tmp_path, text)).scenario.fleets
    assert len(fleets) == len(base.fleets)
    assert [f.gpus for f in fleets if f.owner == "nebius" and f.chip == "A100"] == [5]


def test_sets_are_typed_by_the_schema() -> None:
    sets = {
        "supply.slots_per_week": "1e5",
        "parameters.price.margin": "0.5",
        "orgs.xai.cash_usd": "7000000000",
        "orgs.xai.roles": "[lab, cloud]",
        "sites.memphis-colossus.buildings.0.due": "2024-09-02",
        "leases.xai-oci.end": "2024-12-31",
        "fleets.nebius/nebius-europe-nordics/A100.gpus": "7",
        "years": "1.5",
        "title": "x: y",
    }
    scenario = load_scenario("frontier-2024", sets).scenario
    assert scenario.parameters["supply.slots_per_week"] == 100_000
    assert scenario.parameters["price.margin"] == 0.5
    assert scenario.orgs["xai"].roles == ["cloud", "lab"]
    assert scenario.sites["memphis-colossus"].buildings[0].due == date(2024, 9, 2)
    assert scenario.leases["xai-oci"].end == date(2024, 12, 31)
    assert scenario.years == 1.5
    assert scenario.title == "x: y"


def test_only_yaml_1_2_words_are_numbers_and_booleans() -> None:
    text = "a: yes|b: 012|c: 0o14|d: 1_000|e: 2024-07-15|f: 1e3|g: 1:30|h: on|i: ~|j: 'null'|k: .5|l: 0x1F|m: NO"
    assert read_text(text.replace("|", "\n"), "t").value == {
        "a": "yes", "b": 12, "c": 12, "d": 1000, "e": "2024-07-15", "f": 1000.0, "g": "1:30", "h": "on",
        "i": None, "j": "null", "k": 0.5, "l": 31, "m": "NO",
    }  # fmt: skip


def test_a_file_may_start_with_a_byte_order_mark_and_end_lines_as_windows_does(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load_scenario(path).scenario.name == "mine"


def test_loading_the_default_world_takes_under_one_and_a_half_million_calls() -> None:
    assert calls_of(partial(load_scenario, "frontier-2024")) < 1_500_000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_file_however_broken_raises_anything_but_one_clear_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert "\n" not in str(caught.value)


KEYS = st.sampled_from(
    ["orgs", "sites", "chips", "fleets", "leases", "xai", "abilene", "H100", "buildings", "value", "draw", "start"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["all", "H100", "xai", "2024-07-15", "a: b"])
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, TREES, max_size=3))
def test_any_tree_of_known_words_loads_or_is_refused_in_one_line(tmp_path: Path, tree: dict[str, object]) -> None:
    body = "".join(f"{key}: {json.dumps(value)}\n" for key, value in tree.items())
    message = ""
    try:
        load_scenario(write(tmp_path, f"name: mine\nextends: frontier-2024\n{body}"))
    except ScenarioError as error:
        message = str(error)
    assert "\n" not in message


SET_KEYS = st.sampled_from(
    ["years", "start", "orgs.xai", "orgs.xai.traits", "sites.abilene.buildings", "sites.abilene.buildings.0",
     "price.margin", "leases.xai-oci.gpus", "fleets.nebius/nebius-europe-nordics/A100", "title"]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    SET_KEYS, st.text(max_size=30) | st.sampled_from(["{a: 1}", "[1, {b: c}]", "{value: 1}", "null", "{value: {a: 1}}"])
)
def test_any_set_works_or_is_refused_in_one_line(key: str, value: str) -> None:
    message = ""
    try:
        load_scenario("frontier-2024", {key: value})
    except ScenarioError as error:
        message = str(error)
    assert "\n" not in message
