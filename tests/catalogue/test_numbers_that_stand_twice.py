"""A number that is in two places is the same number: chips of market and core, and constants of one name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from market import units
from market.cluster import ClusterError, chip
from market.cluster.chips import CHIPS
from market.scenario.load import load_scenario

ROOT = Path(__file__).parents[2]
LIBRARY = sorted(path.stem for path in (ROOT / "market/scenario/library").glob("*.yaml"))


@pytest.mark.parametrize("name", LIBRARY)
def test_every_chip_of_a_library_scenario_weighs_and_draws_what_the_core_says(name):
    chips = load_scenario(name).scenario.chips
    assert len(chips) > 5
    for market_id, planned in chips.items():
        core = chip(market_id)
        assert (planned.h100e, planned.power_kw_it_per_gpu) == (core.h100e, core.it_kw_per_gpu), market_id


MEASURE = re.compile(r"_PER_|^(GIB|CENTS|WEEK_DAYS)$|_(WEEKS|HOURS)$")  # other names count something local


def constants():
    """Numbers that modules give a name in capitals: name -> file -> value."""
    found = defaultdict(dict)
    for path in sorted(p for package in ("market", "agents", "events") for p in (ROOT / package).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
                try:
                    value = eval(compile(ast.Expression(node.value), path.name, "eval"), {})
                except Exception:
                    continue  # no number, or one made of others
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found[node.targets[0].id][str(path.relative_to(ROOT))] = value
    return found


def test_one_name_is_one_number():
    several = {n: f for n, f in constants().items() if MEASURE.search(n) and len(set(f.values())) > 1}
    assert several == {}


def test_what_units_says_agrees_with_those_who_say_it_for_themselves():
    """The tables over events and the auditor share no code with the market, and say some of it again."""
    again = {
        name: files for name, files in constants().items() if hasattr(units, name) and set(files) != {"market/units.py"}
    }
    for name, files in again.items():
        assert set(files.values()) == {getattr(units, name)}, files
        assert all(file.startswith(("market/analytics", "market/units")) for file in files), files


def test_the_reference_of_h100e_is_the_cores_h100():
    assert chip("H100").h100e == 1.0
    with pytest.raises(ClusterError):
        chip("H100e")
    assert len(CHIPS) > 20
