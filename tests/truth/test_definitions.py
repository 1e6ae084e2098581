"""Definitions: every series says what it is, and its query runs over a log."""

from __future__ import annotations

import pytest

from agents.simulation import begin
from market.catalogue.tables import observed, table
from market.scenario.load import load_scenario
from market.truth.answers import dates
from market.truth.definitions import DefinitionError, definition_of, definitions, series
from market.truth.queryable import QueryableLog


def test_every_observed_series_has_a_definition() -> None:
    named = {o.row.id for o in observed("series")}
    assert named <= set(definitions())


def test_every_dated_milestone_has_a_definition() -> None:
    days = {o.row.id for o in observed("milestones") if o.row.unit == "date"}
    assert days <= {d.id for d in definitions().values() if d.how == "day"}


def test_a_series_without_a_definition_is_refused_with_what_is_near() -> None:
    with pytest.raises(DefinitionError, match="'nvda_dc_revenu' has no definition; did you mean 'nvda_dc_revenue'"):
        definition_of("nvda_dc_revenu")


def test_what_cannot_be_compared_says_why() -> None:
    for found in definitions().values():
        assert found.source
        assert found.note or found.how == "day"
        if found.how == "none":
            assert "not compared" in found.note


def test_a_conversion_states_its_source_and_reason() -> None:
    revenue = definition_of("nvda_dc_revenue")
    assert revenue.factor == pytest.approx(1e-9)
    assert "THEN 1.27 ELSE 1.22" in revenue.query
    assert "1.27" in revenue.note
    assert revenue.shift_days == 28


def test_nvidias_revenue_is_over_the_chips_made_in_the_same_weeks() -> None:
    """Units of FY25Q1 and FY25Q2: Epoch AI, AI chip sales (ai-chip-counts, MIT), published 2026-03-31."""
    price = {row.id: row.number for row in table("roadmap") if row.field == "price_usd_per_gpu"}
    for usd, h100, h20 in ((22.6e9, 584_662, 200_372), (26.3e9, 680_302, 233_149)):
        ratio = usd / (h100 * price["H100"] + h20 * price["H20"])
        assert ratio == pytest.approx(1.27, abs=0.005)
        assert f"THEN {ratio:.2f} ELSE" in definition_of("nvda_dc_revenue").query


def test_power_that_stands_at_the_start_is_no_first_building_of_its_campus_whoever_built_it() -> None:
    scenario = load_scenario("frontier-2025", {}).scenario
    log = QueryableLog()
    begin(scenario, 0, log).step()
    log.finish()
    campuses = [site for site in scenario.sites.values() if site.kind != "pool" and site.energised_mw_it]
    assert {site.leased for site in campuses} == {False, True}
    assert all(day > scenario.start for day in dates(log, definition_of("campus")).values())


def test_families_hold_several_series_so_that_an_average_by_family_means_something() -> None:
    assert {"supply", "capex", "labs", "clouds", "prices", "sites"} <= {d.family for d in series()}
