"""What a person may get wrong in a scenario, and the one line that says so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from market.commands.errors import code_of
from market.scenario.errors import ScenarioError
from market.scenario.load import load_scenario

HEAD = "name: mine\nextends: frontier-2024\n"


def error_of(text: str | bytes, folder: Path) -> str:
    path = folder / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    message = str(caught.value)
    assert code_of(caught.value) == 2
    assert "\n" not in message
    assert len(message) < 400
    return message


# the body starts on line 3; each error is the whole line that a person reads
CASES = {
    "unknown top key": ("sitez: {}", "mine.yaml:3:1 sitez: unknown key; did you mean 'sites'"),
    "unknown field": (
        "sites:\n  abilene:\n    energized_mw_it: 4",
        "mine.yaml:5:5 sites.abilene.energized_mw_it: unknown key; did you mean 'energised_mw_it'",
    ),
    "unknown parameter": (
        "parameters:\n  sites.slip_meadian: 1",
        "mine.yaml:4:3 parameters.sites.slip_meadian: unknown key; did you mean 'sites.slip_median'",
    ),
    "negative power": (
        "sites:\n  abilene:\n    energised_mw_it: -4",
        "mine.yaml:5:22 sites.abilene.energised_mw_it: must be >= 0, was -4",
    ),
    "negative parameter": (
        "parameters: {supply.slots_per_week: -1}",
        "mine.yaml:3:37 parameters.supply.slots_per_week: must be >= 0, was -1",
    ),
    "zero weeks": (
        "parameters: {supply.ramp_width_weeks: 0}",
        "mine.yaml:3:39 parameters.supply.ramp_width_weeks: must be >= 0.25, was 0 (a logistic divides by it)",
    ),
    "text for a number": ("years: soon", "mine.yaml:3:8 years: must be a number, was 'soon'"),
    "quoted number": ("years: '3'", "mine.yaml:3:8 years: must be a number, was '3'"),
    "boolean for a number": ("years: true", "mine.yaml:3:8 years: must be a number, was True"),
    "list for a number": ("years: [3]", "mine.yaml:3:8 years: must be a number, was [3]"),
    "fraction for a count": (
        "fleets: {oci/oci-us-virginia/H100: {gpus: 1.5}}",
        "mine.yaml:3:43 fleets.oci/oci-us-virginia/H100.gpus: must be a whole number, was 1.5",
    ),
    "number for a word": ("title: 4", "mine.yaml:3:8 title: must be text, was 4"),
    "scalar for a mapping": ("orgs: 4", "mine.yaml:3:7 orgs: must be a mapping, was 4"),
    "scalar for an org": ("orgs: {xai: 4}", "mine.yaml:3:13 orgs.xai: must be a mapping, was 4"),
    "not a number": ("years: .nan", "mine.yaml:3:8 must be a finite number, was '.nan'"),
    "endless": ("parameters: {price.margin: .inf}", "mine.yaml:3:28 must be a finite number, was '.inf'"),
    "absurd parameter": (
        "parameters: {shipping.oem_gpus_per_week_first: 1e30}",
        "mine.yaml:3:48 parameters.shipping.oem_gpus_per_week_first: must be <= 1e+08, was 1e+30",
    ),
    "absurd money": (
        "orgs: {xai: {cash_usd: 1e300}}",
        "mine.yaml:3:24 orgs.xai.cash_usd: must be <= 1e+16, was 1e+300",
    ),
    "free chips": (
        "chips: {H100: {price_change_per_year: -1}}",
        "chips.H100.price_change_per_year: must be >= -0.9, was -1",
    ),
    "too many years": ("years: 900", "mine.yaml:3:8 years: must be <= 20, was 900"),
    "duplicate key": ("years: 2\nyears: 3", "mine.yaml:4:1 years: duplicate key; it stands already at line 3"),
    "impossible date": (
        "start: 2024-02-30",
        "mine.yaml:3:8 start: must be a date such as 2024-07-15, was '2024-02-30'",
    ),
    "absurd date": ("start: 1024-07-15", "mine.yaml:3:8 start: must lie between 2000 and 2100, was 1024-07-15"),
    "impossible due date": (
        "sites:\n  abilene:\n    buildings:\n    - {power_mw_it: 9, start: 2024-05-31, due: 2025-06-31}",
        "mine.yaml:6:48 sites.abilene.buildings.0.due: must be a date such as 2024-07-15, was '2025-06-31'",
    ),
    "due before start": (
        "sites:\n  abilene:\n    buildings:\n    - {power_mw_it: 9, start: 2024-05-31, due: 2024-05-30}",
        "mine.yaml:6:48 sites.abilene.buildings.0.due: must be after start 2024-05-31, was 2024-05-30",
    ),
    "future as_of": (
        "orgs:\n  openai:\n    revenue_usd_per_year: {value: 5.5e9, as_of: 2024-12-31, source: press}",
        "mine.yaml:5:27 orgs.openai.revenue_usd_per_year: as_of 2024-12-31 is after the start 2024-07-15",
    ),
    "bad as_of": (
        "years: {value: 3, as_of: soon}",
        "mine.yaml:3:8 years.as_of: must be a date such as 2024-07-15, was 'soon'",
    ),
    "published before as_of": (
        "years: {value: 3, as_of: 2024-07-01, published: 2024-01-01}",
        "mine.yaml:3:8 years.published: is before as_of 2024-07-01",
    ),
    "unknown chip": (
        "orders: [{buyer: xai, chip: H1000, gpus: 5}]",
        "mine.yaml:3:29 orders.xai/H1000.chip: unknown chip 'H1000'; did you mean 'H100'",
    ),
    "unknown owner": (
        "sites: {abilene: {owner: oracle-cloud}}",
        "mine.yaml:3:26 sites.abilene.owner: unknown org 'oracle-cloud'; did you mean",
    ),
    "unknown region": (
        "sites: {abilene: {region: us-texass}}",
        "mine.yaml:3:27 sites.abilene.region: unknown region 'us-texass'; did you mean 'us-texas'",
    ),
    "unknown parent": ("orgs: {xai: {parent: tesla}}", "mine.yaml:3:22 orgs.xai.parent: unknown org 'tesla'"),
    "parents in a circle": (
        "orgs: {azure: {parent: microsoft-ai}}",
        "mine.yaml:3:24 orgs.azure.parent: azure < microsoft-ai < azure: a parent in a circle",
    ),
    "unknown site": (
        "fleets: [{owner: xai, site: mars, chip: H100, gpus: 5}]",
        "mine.yaml:3:29 fleets.xai/mars/H100.site: unknown site 'mars'",
    ),
    "fleet without key": (
        "fleets: [{owner: xai, gpus: 5}]",
        "mine.yaml:3:10 fleets.0: must be a mapping with owner, site, chip and gpus",
    ),
    "fleet twice": (
        "fleets:\n" + 2 * "- {owner: xai, site: abilene, chip: H100, gpus: 5}\n",
        "mine.yaml:5:3 fleets.1: duplicate of entry 0: xai/abilene/H100",
    ),
    "more chips than power": (
        "fleets: [{owner: xai, site: memphis-colossus, chip: H100, gpus: 1000}]",
        "mine.yaml:3:65 fleets.xai/memphis-colossus/H100.gpus: 0 MW carry no fleet of 1.5 MW",
    ),
    "less power than chips": (
        "sites: {goodyear-az: {energised_mw_it: 1}}",
        "mine.yaml:3:40 sites.goodyear-az.energised_mw_it: 1 MW carry no fleet of 38.",
    ),
    "lease in a circle": (
        "leases: {azure-oci-abilene: {parent: openai-azure-abilene}}",
        "mine.yaml:3:38 leases.azure-oci-abilene.parent: 'openai-azure-abilene' leads back to this lease in a circle",
    ),
    "sublease too large": (
        "leases: {openai-azure-abilene: {gpus: 100001}}",
        "mine.yaml:3:39 leases.openai-azure-abilene.gpus: 'azure-oci-abilene' holds 100,000 GPUs, 100,001 are",
    ),
    "sublease too long": (
        "leases: {openai-azure-abilene: {end: 2030-01-01}}",
        "leases.openai-azure-abilene.parent 'azure-oci-abilene' runs from 2025-06-30 to 2027-06-30",
    ),
    "sublease of another's": (
        "leases: {openai-azure-abilene: {lessor: aws}}",
        "leases.openai-azure-abilene.parent 'azure-oci-abilene' is held by 'azure', not by the lessor 'aws'",
    ),
    "leased more than owned": (
        "leases: {inflection-coreweave: {gpus: 900000}}",
        "mine.yaml:3:39 leases.inflection-coreweave.gpus: coreweave has",
    ),
    "ended lease": (
        "leases: {xai-oci: {end: 2024-07-15}}",
        "mine.yaml:3:25 leases.xai-oci.end: 2024-07-15 is not after the scenario's start 2024-07-15",
    ),
    "rent from itself": (
        "leases: {xai-oci: {lessee: oci}}",
        "mine.yaml:3:28 leases.xai-oci.lessee: 'oci' cannot rent from itself",
    ),
    "model of the future": (
        "models: {gpt-4o: {released: 2025-01-01}}",
        "mine.yaml:3:29 models.gpt-4o.released: 2025-01-01 is after the scenario's start 2024-07-15",
    ),
    "investment of the future": (
        "investments: {venture-xai-2024: {closed: 2024-12-23}}",
        "mine.yaml:3:42 investments.venture-xai-2024.closed: 2024-12-23 is after the scenario's start 2024-07-15",
    ),
    "chip from a cloud": (
        "chips: {H100: {supplier: aws}}",
        "mine.yaml:3:26 chips.H100.supplier: 'aws' has no role supplier",
    ),
    "chip that ends first": ("chips: {H100: {end: 2001-01-01}}", "mine.yaml:3:21 chips.H100.end: must be after start"),
    "bad role": ("orgs: {xai: {roles: [king]}}", "mine.yaml:3:22 orgs.xai.roles.0: must be one of 'lab', 'cloud'"),
    "bad id": (
        "regions: {Mars Base: {title: M, country: US, queue_days: 1, grid_mw_per_year: 1, energy_usd_per_mwh: 1}}",
        "mine.yaml:3:11 regions.Mars Base: must be lower-case letters, digits, dots and hyphens, was 'Mars Base'",
    ),
    "bad country": (
        "orgs: {xai: {country: USA}}",
        "mine.yaml:3:23 orgs.xai.country: must be a country code of two capitals",
    ),
    "missing field": ("sites: {new: {title: New}}", "mine.yaml:3:9 sites.new.owner: is missing; give it a value"),
    "org of a later day": (
        "start: 2023-09-20\norgs: {ssi: {roles: [rest]}}",
        "mine.yaml:4:8 orgs.ssi.title: as_of 2024-06-19 is after the scenario's start; give it a value that was known",
    ),
    "chip without a name": (
        "chips: {'': {supplier: nvidia}}",
        "mine.yaml:3:9 chips.: must be a name on one line without blanks at its ends, was ''",
    ),
    "chip of two lines": (
        'chips: {"a\\nb": {supplier: nvidia}}',
        "must be a name on one line without blanks at its ends",
    ),
    "name without end": (f"models: {{{'m' * 65}: {{lab: xai}}}}", "must have at most 64 characters, was 'mmm"),
    "no role": ("orgs: {xai: {roles: []}}", "mine.yaml:3:21 orgs.xai.roles: must name 1 or more, was []"),
    "take out a stranger": (
        "orgs: {xia: null}",
        "mine.yaml:3:8 orgs.xia: cannot take out what is not there; did you mean 'xai'",
    ),
    "unknown base": (
        "",
        "mine.yaml:2:10 extends frontier-2042: no scenario of this name; did you mean 'frontier-202",
    ),
    "parameter that is gone": (
        "parameters: {build.cost_factor: 1.2}",
        "mine.yaml:3:14 parameters.build.cost_factor: unknown key",
    ),
    "trait that is gone": (
        "orgs: {xai: {traits: {challenger: 1}}}",
        "mine.yaml:3:23 orgs.xai.traits.challenger: no behaviour of ours reads it",
    ),
    "draw a stranger": ("draw: {orgs: [openay]}", "draw.orgs: the catalogue knows no 'openay' on 2024-07-15"),
    "draw a wrong section": ("draw: {org: all}", "mine.yaml:3:8 draw.org: unknown section; did you mean 'orgs'"),
    "draw some": ("draw: some", "mine.yaml:3:7 draw: must be all, none or a mapping, was 'some'"),
    "broken flow": ("years: [3", "mine.yaml:4:1 is not valid YAML:"),
    "tab": ("years:\n\t- 3", "mine.yaml:4:1 is not valid YAML:"),
    "tag": ("years: !!python/object:os.system 3", "mine.yaml:3:8 tag"),
    "unknown alias": ("years: *y", "mine.yaml:3:8 alias 'y' stands for nothing that ended before it"),
    "two documents": ("---\nyears: 3", "mine.yaml:3:1 holds a second document; give each a file of its own"),
    "key that is a list": ("? [a, b]\n: 3", "mine.yaml:3:3 a key must be a word, not a list or mapping"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_names_the_place_the_value_and_the_rule(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    head = HEAD.replace("2024", "2042") if name == "unknown base" else HEAD
    assert expected in error_of(f"{head}{body}\n", tmp_path)


def test_an_error_starts_with_its_place(tmp_path: Path) -> None:
    text = HEAD + "sites:\n  abilene:\n    energised_mw_it: -4\n"
    assert error_of(text, tmp_path) == "mine.yaml:5:22 sites.abilene.energised_mw_it: must be >= 0, was -4"


def test_several_errors_show_the_first_and_how_many_more(tmp_path: Path) -> None:
    text = HEAD + "years: soon\nsites: {abilene: {energised_mw_it: -4, planned_mw_it: x}}\n"
    assert error_of(text, tmp_path).endswith("(and 2 more problems)")


NOT_YAML = {
    "empty": (b"", "mine.yaml:1:1 is empty"),
    "comment alone": (b"# nothing\n", "mine.yaml:1:1 is empty"),
    "binary": (bytes(range(256)) * 4, "is not a YAML text"),
    "zero bytes": (b"\0" * 300, "control character U+0000"),
    "control characters": (b"name: \x01\x02", "mine.yaml:1:7 control character U+0001; write plain text"),
    "escape in a title": (b'title: "a\\e[31mred"', "mine.yaml:1:8 control character U+001B; write plain text"),
    "escape in a key": (b'"a\\e[31mred": 1', "mine.yaml:1:1 control character U+001B; write plain text"),
    "text that runs backwards": ("title: a\u202ebc".encode(), "mine.yaml:1:9 control character U+202E"),
    "prose": (b"once upon a time", "mine.yaml:1:1 must be a mapping of keys and values"),
    "list": (b"- 1\n- 2\n", "mine.yaml:1:1 must be a mapping of keys and values"),
    "latin-1": ("name: caf\xe9".encode("latin-1"), "mine.yaml:1:1 is not a YAML text: not UTF-8"),
    "image": (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "is not a YAML text: not UTF-8"),
    "deep": (b"name: " + b"[" * 5000 + b"]" * 5000, "is nested deeper than 40 levels"),
    "long number": (b"years: " + b"9" * 5000, "number of 5000 digits"),
    "no start": (b"name: x\ntitle: y\n", "start: is missing"),
}


@pytest.mark.parametrize("name", NOT_YAML)
def test_what_is_no_scenario_is_told_plainly(name: str, tmp_path: Path) -> None:
    data, expected = NOT_YAML[name]
    assert expected in error_of(data, tmp_path)


def test_aliases_that_swell_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.scenario.yaml_tree.NODES_MAX", 20_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "holds more than 20,000 values once its aliases are written out" in error_of("\n".join(lines), tmp_path)


def test_an_alias_to_itself_is_refused(tmp_path: Path) -> None:
    assert "mine.yaml:1:8 alias 'a' stands for nothing that ended before it" in error_of("a: &a [*a]\n", tmp_path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    assert "is larger than 32,000,000 bytes" in error_of(b"# " + b"x" * 32_000_001, tmp_path)


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is a folder; name a YAML file"):
        load_scenario(tmp_path)
    with pytest.raises(ScenarioError, match=r"nowhere.yaml:1:1 cannot be read: no such file or directory"):
        load_scenario(tmp_path / "nowhere.yaml")
    with pytest.raises(ScenarioError, match=r"no scenario of this name; did you mean 'frontier-2023'"):
        load_scenario("frontier-2023x")


def test_a_pipe_and_a_device_are_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(ScenarioError, match=r"is a pipe or a device; name a YAML file"):
            load_scenario(path)


def test_a_scenario_that_extends_itself_is_refused(tmp_path: Path) -> None:
    text = "name: mine\nextends: mine.yaml\n"
    assert "mine.yaml:2:10 extends: mine.yaml extends itself in a circle" in error_of(text, tmp_path)


SETS = {
    ("supply.x", "1"): "--set supply.x: unknown key; did you mean",
    ("supply.slots_per_week", "-4"): "--set parameters.supply.slots_per_week: must be >= 0, was -4",
    ("supply.slots_per_week", "many"): "--set parameters.supply.slots_per_week: must be a number, was 'many'",
    ("orgs.xai.cash", "3"): "--set orgs.xai.cash: unknown key; did you mean 'cash_usd'",
    ("orgs.xia.cash_usd", "3"): "--set orgs.xia.cash_usd: unknown key; did you mean 'orgs.xai'",
    ("sites.abilene.energised_mw_it", "-4"): "--set sites.abilene.energised_mw_it: must be >= 0, was -4",
    ("sites.abilene.buildings.7.power_mw_it", "4"): "--set sites.abilene.buildings.7: no such item; there are 2",
    ("years", ""): "--set years: must be a number, was None",
    ("years", "[3"): "--set years is not valid YAML",
    ("start", "2024-13-01"): "--set start: must be a date such as 2024-07-15, was '2024-13-01'",
    ("", "3"): "--set unknown key",
    ("...", "3"): "--set ...: unknown key",
    ("orgs", "3"): "--set orgs: unknown key",
}


@pytest.mark.parametrize(("key", "value"), SETS)
def test_a_wrong_set_is_told_like_a_wrong_file(key: str, value: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("frontier-2024", {key: value})
    assert SETS[key, value] in str(caught.value)


def test_a_start_before_the_catalogue_is_refused_in_one_line(tmp_path: Path) -> None:
    expected = r"--set start: must be 2023-06-30 or later unless parameters alone are drawn, was 2022-01-01$"
    with pytest.raises(ScenarioError, match=expected):
        load_scenario("frontier-2024", {"start": "2022-01-01"})
    assert error_of(HEAD + "start: 2023-06-29\n", tmp_path).startswith("mine.yaml:3:8 start: must be 2023-06-30 or ")


def test_a_parameter_that_was_not_known_at_the_start_names_its_row(tmp_path: Path) -> None:
    text = HEAD + "start: 2022-01-01\ndraw: {parameters: all}\n"
    assert re.match(r"catalogue/\w+.csv:\d+ .* as_of \S+ is after the start 2022-01-01", error_of(text, tmp_path))
