"""`market policy check`: every fault of a file at once, each at its place; nothing that can never act."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.commands import COMMANDS
from market.policies.cases import testable as fields_of
from market.policies.load import check_against, check_policy, library, load_policy
from market.scenario.load import load_scenario

BAD = """name: bad
title: Bad
description: Everything is wrong
from: 2025-01-01
parameters:
  a: {value: 1, meaning: read}
  b: {value: 2, meaning: idle}
set:
  price.margn: 3
  supply.china_share: 4
  price.margin: {times: 2}
permit:
  - {refuse: PlaceOrder, when: {region: us-texas}, reason: r}
  - {refuse: PlanSit, when: {region: us-texas}, reason: r}
  - {refuse: PlanSite, when: {regoin: us-texas}, quota: {limit: 1, of: flop}, reason: r}
  - {refuse: [PlaceOrder, PlanSite], when: {region: us-texas}, quota: {limit: $a, of: flop}, reason: r}
  - {refuse: PlanSite, when: {region: us-texas}, open_orders: true, reason: r}
levy:
  - {on: TrainingStarted, rate: 0.1}
  - {on: ChipsAllocated, rate: $c}
"""


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    told = [f"{problem.where.removeprefix('bad.yaml:')} {problem.path}" for problem in check_policy(path)]
    assert told == [
        "7:3 parameters.b",
        "9:3 set.price.margn",
        "10:23 set.supply.china_share",
        "11:18 set.price.margin.times",
        "13:41 permit.0.when.region",
        "14:14 permit.1.refuse",
        "15:24 permit.2.when.0.regoin",
        "16:87 permit.3.quota.of",
        "17:63 permit.4.open_orders",
        "19:33 levy.0.rate",
        "20:32 levy.1.rate",
    ]


@pytest.mark.parametrize("name", library())
def test_every_policy_of_the_library_holds(name: str) -> None:
    assert check_policy(name) == []


def test_a_value_that_leaves_its_bounds_in_this_world_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("name: p\ntitle: P\ndescription: D\nfrom: 2025-01-01\nset: {supply.china_share: {multiply: 5}}\n")
    assert check_policy(path) == []
    (problem,) = check_against(load_policy(path), load_scenario("frontier-2024").scenario)
    assert "must be <= 1, was 1.275 (a part of a whole)" in str(problem)


def test_a_command_can_be_tested_on_what_it_names() -> None:
    assert {"chip", "tpp", "h100e", "supplier", "country", "counterparty_country"} <= fields_of("PlaceOrder")
    assert {"region", "region_country", "power_mw_it", "on_site_power"} <= fields_of("StartBuilding")
    assert {"chip", "site", "region", "duration_days", "sublease"} <= fields_of("AcceptQuote")
    assert "flop" not in fields_of("PlaceOrder")
    assert all({"org", "role", "country"} <= fields_of(name) for name in COMMANDS)
