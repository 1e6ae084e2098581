"""A synthetic tail: drawn by one seed, grown by a number, refused where it cannot be drawn."""

from __future__ import annotations

import statistics
from math import log
from pathlib import Path

import pytest

from market.catalogue.tables import HERE, read
from market.scenario.errors import ScenarioError
from market.scenario.load import load_scenario
from market.scenario.schema import Scenario
from tests.variants.make import variant
from tests.variants.run import outcome


def tail(**parts: int) -> Scenario:
    return load_scenario("frontier-2024", {f"population.{part}": str(n) for part, n in parts.items()}).scenario


def test_the_same_seed_draws_the_same_tail_and_another_seed_another() -> None:
    assert tail(labs=9, clouds=3) == tail(labs=9, clouds=3)
    assert tail(labs=9, clouds=3, seed=1) != tail(labs=9, clouds=3)


def test_a_larger_tail_begins_with_the_smaller_one() -> None:
    small, large = tail(labs=5, clouds=3, others=2), tail(labs=9, clouds=3, others=7)
    for section in ("orgs", "sites", "leases"):
        assert getattr(small, section).items() <= getattr(large, section).items()
    assert len(large.orgs) - len(small.orgs) == 9


def test_what_a_lab_rents_can_be_spread_over_many_leases_of_any_term() -> None:
    few, many = (tail(labs=9, clouds=30, **more).leases for more in ({}, {"leases": 20, "lease_years": 4}))
    rented = [sum(lease.gpus for lease in of.values() if lease.lessee.startswith("tail-lab-")) for of in (few, many)]
    assert rented[1] >= rented[0]  # one cloud may not have all of it
    tails = {id_: lease for id_, lease in many.items() if lease.lessee.startswith("tail-lab-")}
    assert len(tails) > 10 * sum(lease.lessee.startswith("tail-lab-") for lease in few.values())
    assert all((lease.end - lease.start).days == 1461 for lease in tails.values())


def test_leases_of_the_longest_term_fit_the_calendar() -> None:
    leases = tail(labs=3, clouds=3, lease_years=100).leases
    terms = [(x.end - x.start).days for x in leases.values() if x.lessee.startswith("tail-lab-")]
    assert set(terms) == {36525}


def test_the_tail_follows_the_stated_distribution() -> None:
    rows = {(row.id, row.field): row.number for row in read(HERE / "population.csv")}
    logs = [log(org.cash_usd) for id_, org in tail(labs=2000).orgs.items() if id_.startswith("tail-lab-")]
    assert abs(statistics.mean(logs) - log(rows["population.labs.cash_usd", "median"])) < 0.1
    assert abs(statistics.stdev(logs) - rows["population.labs.cash_usd", "sd"]) < 0.1


def test_every_figure_of_the_tail_names_its_row() -> None:
    resolved = load_scenario("frontier-2024", {"population.clouds": "2"})
    assert resolved.sources["orgs.tail-cloud-1.chip_budget_usd_per_year"].where.startswith("population.csv:")


def test_a_file_counts_over_the_draw(tmp_path: Path) -> None:
    text = variant("x", {"population": {"labs": 2}, "orgs": {"tail-lab-2": {"country": "FR"}}}).text
    (tmp_path / "x.yaml").write_text(text)
    orgs = load_scenario(tmp_path / "x.yaml").scenario.orgs
    assert (orgs["tail-lab-1"].country, orgs["tail-lab-2"].country) == ("US", "FR")


def test_a_world_with_a_tail_runs() -> None:
    found = outcome(variant("tail", {"population": {"labs": 20, "clouds": 8, "others": 8, "seed": 3}}), 13)
    assert found.kind == "ran", found.text


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        ({"labz": 3}, "variant.yaml:4:22 population.labz: unknown key; did you mean 'labs'"),
        ({"labs": -1}, "population.labs: must be a whole number from 0 to 100,000, was -1"),
        ({"lease_years": 101}, "population.lease_years: must be a whole number from 0 to 100, was 101"),
        ({"labs": 1.5}, "population.labs: must be a whole number from 0 to 100,000, was 1.5"),
        ([3], "variant.yaml:4:13 population: must be {labs, clouds, others, leases, lease_years, seed}, was [3]"),
    ],
)
def test_a_wrong_population_is_refused_at_its_place(population: object, expected: str, tmp_path: Path) -> None:
    (tmp_path / "variant.yaml").write_text(variant("x", {"population": population}).text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "variant.yaml")
    assert expected in str(caught.value)
