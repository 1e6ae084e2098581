"""How defaults are counted; `python -m tests.defaults --seeds 200` counts those of the default world."""

from __future__ import annotations

import pytest

from agents.simulation import begin
from events import MemoryLog
from market.scenario.load import load_scenario
from tests.defaults import measure


def test_wilsons_interval_narrows_with_more_runs_and_holds_the_frequency():
    few, many = measure.interval(2, 20), measure.interval(20, 200)
    assert few[0] < many[0] < 0.1 < many[1] < few[1]
    assert measure.interval(0, 200) == (0.0, pytest.approx(0.0188, abs=1e-3))


def test_a_class_agrees_when_the_intervals_meet():
    reference = measure.Reference(0.05, 0.1, "")
    assert measure.agrees(7, 100, reference)
    assert not measure.agrees(0, 1000, reference)
    assert not measure.agrees(50, 100, reference)


def test_the_first_default_of_an_org_counts_in_its_class():
    seeds = [{"orgs": {"labs": 3, "BBB+ to BBB-": 1}, "defaults": {"oci": ["BBB+ to BBB-", 700, "cash"]}}] * 2
    assert measure.totals(seeds) == {"BBB+ to BBB-": (2, 2), "labs": (0, 6)}
    assert "Oracle (oci) in 2" in measure.table(seeds)


def test_every_class_with_a_reference_has_orgs_in_the_default_world():
    state = begin(load_scenario(measure.WORLD, {}).scenario, 0, MemoryLog()).state
    assert set(measure.REFERENCE) <= {measure.class_of(state, org) for org in state.finance.books}


def test_a_seed_of_drawn_worlds_has_a_world_of_its_own(monkeypatch):
    monkeypatch.setattr(measure, "WEEKS", 0)
    asked = []

    def opened(seed, number, count, log):
        asked.append((seed, number, count))
        return begin(load_scenario(measure.WORLD, {}).scenario, seed, log)

    monkeypatch.setattr(measure, "opened", opened)
    found = [measure.run(seed, draws) for seed, draws in ((3, 0), (3, 20), (23, 20))]
    assert asked == [(3, 3, 20), (23, 3, 20)]
    assert all(each["orgs"]["unrated borrowers"] > 0 for each in found)
