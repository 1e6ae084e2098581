"""Policies: what a file may say, how settings are given, and the one line for each mistake."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.commands.errors import code_of
from market.policies.load import check_against, in_force, library, load_policies, load_policy
from market.policies.schema import TPP_PER_H100E, Bounds, Change, Words
from market.scenario.errors import ScenarioError
from market.scenario.load import load_scenario

HEAD = "name: mine\ntitle: Mine\ndescription: Something\nfrom: 2025-01-01\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def error_of(spec: str | Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_policy(spec)
    assert code_of(caught.value) == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", library())
def test_every_policy_of_the_library_loads_is_sourced_and_fits_the_default_world(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy.sources
    assert policy.expects
    assert check_against(policy, load_scenario("frontier-2024").scenario) == []


def test_the_moratorium_refuses_large_buildings_of_its_region() -> None:
    policy = load_policy("power-moratorium:region=us-ohio+us-texas,power_mw=50,from=2025-03-01,until=2026-01-01")
    assert policy.label == "power-moratorium:region=us-ohio+us-texas,power_mw=50,from=2025-03-01,until=2026-01-01"
    assert (policy.from_day, policy.until_day) == (date(2025, 3, 1), date(2026, 1, 1))
    (condition,) = policy.permit[0].when
    assert condition.region is not None
    assert condition.power_mw_it is not None
    assert set(policy.permit[0].refuse) == {"PlanSite", "StartBuilding"}
    assert [condition.region.holds(r) for r in ("us-ohio", "us-texas", "us-virginia", None)] == [
        True,
        True,
        False,
        False,
    ]
    assert [condition.power_mw_it.holds(mw) for mw in (49.0, 50.0, 51.0)] == [False, False, True]


def test_its_exception_for_own_power_can_be_switched() -> None:
    strict = load_policy("power-moratorium").permit
    mild = load_policy("power-moratorium:own_power_too=false").permit
    assert [p.enabled for p in strict] == [True, True]
    assert [p.enabled for p in mild] == [True, False]


def test_export_controls_reach_the_h20_but_not_below_the_threshold() -> None:
    policy = load_policy("export-controls")
    chips = load_scenario("frontier-2024").scenario.chips
    (condition,) = policy.permit[0].when
    assert condition.tpp is not None
    assert condition.country is not None
    held = {name for name, chip in chips.items() if condition.tpp.holds(TPP_PER_H100E * chip.h100e)}
    assert {"H20", "H100", "GB200", "MI300X"} <= held
    loose = load_policy("export-controls:tpp=4800").permit[0].when[0].tpp
    assert loose is not None
    assert not loose.holds(TPP_PER_H100E * chips["H20"].h100e)
    assert loose.holds(TPP_PER_H100E * chips["A100"].h100e)
    assert condition.country.holds("CN")
    assert not condition.country.holds("US")


def test_settings_may_be_given_apart_as_an_experiment_does() -> None:
    policy = load_policy("export-controls", {"quota_h100e": 50000, "countries": ["CN", "AE"]})
    quota = policy.permit[0].quota
    assert quota is not None
    assert (quota.limit, quota.of, quota.by, quota.per) == (50_000, "h100e", ("country",), "year")
    assert policy.permit[0].when[0].counterparty_country == Words(none_of=("CN", "AE"))
    assert policy.label == "export-controls:quota_h100e=50000,countries=CN+AE"


def test_another_first_day_is_another_announcement() -> None:
    assert load_policy("eu-ai-act").announced == date(2024, 8, 1)
    assert load_policy("eu-ai-act:from=2024-07-20").announced is None
    assert load_policy("eu-ai-act:from=2025-01-01,announced=2024-12-01").announced == date(2024, 12, 1)
    assert "announced: must not be after from 2025-01-01" in error_of("eu-ai-act:from=2025-01-01,announced=2025-02-01")


def test_a_policy_holds_from_its_first_day_to_the_day_before_until() -> None:
    policy = load_policy("power-moratorium:from=2025-01-01,until=2025-01-03")
    days = [date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 3)]
    assert [in_force(policy, day) for day in days] == [False, True, True, False]


def test_all_three_hooks_are_read(tmp_path: Path) -> None:
    text = HEAD + (
        "set:\n  price.margin: 0.5\n  sites.slip_median: {multiply: 2}\n  supply.slots_per_week: {add: -100}\n"
        "permit:\n  - {refuse: AcceptQuote, when: [{role: lab, country: {not: US}}, {sublease: true}], reason: no}\n"
        "levy:\n  - {on: ChipsAllocated, when: {country: US, chip: [H100, H200]}, rate: 0.25}\n"
        "  - {on: [LeaseSigned], usd_per_unit: 100, unit: gpus, payer: counterparty, to: world}\n"
    )
    policy = load_policy(write(tmp_path, text))
    assert {name: change.of(2.0) for name, change in policy.set_.items()} == {
        "price.margin": 0.5,
        "sites.slip_median": 4.0,
        "supply.slots_per_week": -98.0,
    }
    first, second = policy.permit[0].when
    assert first.country == Words(none_of=("US",))
    assert second.sublease is True
    assert policy.levy[0].when[0].chip == Words(any_of=("H100", "H200"))
    assert (policy.levy[1].on, policy.levy[1].payer, policy.levy[1].to) == (("LeaseSigned",), "counterparty", "world")


def test_tests_of_words_and_numbers() -> None:
    assert Words(none_of=("a",)).holds("b")
    assert not Words(none_of=("a",)).holds("a")
    assert not Words(none_of=("a",)).holds(None)
    assert Words().holds("anything")
    bounds = Bounds(at_least=1, below=2)
    assert [bounds.holds(x) for x in (0.9, 1.0, 1.9, 2.0, None)] == [False, True, True, False, False]
    assert [Bounds(above=1, at_most=2).holds(x) for x in (1.0, 1.5, 2.0, 2.1)] == [False, True, True, False]
    assert Change(multiply=0.5, add=1).of(4.0) == 3.0


WRONG = {
    "unknown key": ("premit: []", "mine.yaml:5:1 premit: unknown key; did you mean 'permit'"),
    "given in a file": ("given: {a: b}", "mine.yaml:5:1 given: unknown key"),
    "nothing": ("", "changes nothing; give set, permit, report, levy, subsidy or default"),
    "unknown parameter": (
        "set: {price.margn: 1}",
        "mine.yaml:5:7 set.price.margn: unknown parameter; did you mean 'price.margin'",
    ),
    "text for a number": (
        "set: {price.margin: high}",
        "mine.yaml:5:21 set.price.margin.to: must be a number, was 'high'",
    ),
    "unknown change": (
        "set: {price.margin: {times: 2}}",
        "mine.yaml:5:22 set.price.margin.times: unknown key",
    ),
    "unknown command": (
        "permit: [{refuse: PlaceOrders, reason: x}]",
        "mine.yaml:5:19 permit.0.refuse: unknown command 'PlaceOrders'; did you mean 'PlaceOrder'",
    ),
    "unknown event": (
        "levy: [{on: LeaseSign, rate: 0.1}]",
        "mine.yaml:5:13 levy.0.on: unknown event 'LeaseSign'; did you mean 'LeaseSigned'",
    ),
    "unknown condition": (
        "permit: [{refuse: PlaceOrder, when: {contry: CN}, reason: x}]",
        "permit.0.when.0.contry: unknown key; did you mean 'country'",
    ),
    "number where a bound is due": (
        "permit: [{refuse: PlaceOrder, when: {gpus: 4}, reason: x}]",
        "permit.0.when.0.gpus: must be a mapping, was 4",
    ),
    "no reason": ("permit: [{refuse: PlaceOrder}]", "mine.yaml:5:10 permit.0.reason: is missing; give it a value"),
    "negative rate": ("levy: [{on: LeaseSigned, rate: -0.1}]", "mine.yaml:5:32 levy.0.rate: must be >= 0, was -0.1"),
    "no rate": ("levy: [{on: LeaseSigned}]", "mine.yaml:5:8 levy.0: give one of rate, usd_per_unit and usd"),
    "two rates": (
        "levy: [{on: LeaseSigned, rate: 0.1, usd_per_unit: 5}]",
        "mine.yaml:5:8 levy.0: give one of rate, usd_per_unit and usd",
    ),
    "ends first": (
        "until: 2024-01-01\nset: {price.margin: 1}",
        "mine.yaml:5:8 until: must be after from 2025-01-01, was 2024-01-01",
    ),
    "impossible date": (
        "until: 2025-02-29\nset: {price.margin: 1}",
        "mine.yaml:5:8 until: must be a date such as 2024-07-15, was '2025-02-29'",
    ),
    "unknown setting": ("set: {price.margin: $margn}", "mine.yaml:5:21 set.price.margin: unknown setting $margn"),
    "late announcement": (
        "announced: 2025-02-01\nset: {price.margin: 1}",
        "mine.yaml:5:12 announced: must not be after from 2025-01-01, was 2025-02-01",
    ),
    "two kinds of quota": (
        "permit: [{refuse: PlaceOrder, reason: x, quota: {limit: 1, share_of_output: 0.1, of: gpus}}]",
        "mine.yaml:5:49 permit.0.quota: give either limit or share_of_output",
    ),
    "licence by what it has not": (
        "permit: [{refuse: PlaceOrder, reason: x, licence: {days: 9, by: [region]}}]",
        "permit.0.licence.by: PlaceOrder has no region, so it never holds",
    ),
    "report on an event": (
        "report: [{on: OrderPlaced, reason: x}]",
        "mine.yaml:5:15 report.0.on: unknown command 'OrderPlaced'; did you mean 'PlaceOrder'",
    ),
    "field that nothing reads": (
        "set: {regions.us-ohio.queue_dais: 3}",
        "mine.yaml:5:7 set.regions.us-ohio.queue_dais: unknown parameter; did you mean 'regions.us-ohio.queue_days'",
    ),
    "number of the start": (
        "set: {price.start_usd_per_h100e_hour: 3}",
        "mine.yaml:5:7 set.price.start_usd_per_h100e_hour: is read at the start of a run alone; set it in a scenario",
    ),
    "trait that nothing reads": ("set: {orgs.xai.charm: 3}", "mine.yaml:5:7 set.orgs.xai.charm: unknown parameter"),
    "strange sign": (
        "set: {price.margin: 1}\nexpects: [{metric: x, sign: up}]",
        "mine.yaml:6:29 expects.0.sign: must be one of '+', '-' or '0', was 'up'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_policy_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    body, expected = WRONG[name]
    assert expected in error_of(write(tmp_path, f"{HEAD}{body}\n"))


WRONG_SPECS = {
    "power-moratorum": "no policy of this name; did you mean 'power-moratorium'",
    "power-moratorium:": "must read name:key=value,key=value",
    "power-moratorium:power_mw": "must read name:key=value,key=value",
    "power-moratorium:power_mw=1,power_mw=2": "power_mw is given twice",
    "power-moratorium:regin=us-ohio": "regin: no such setting; did you mean 'region'",
    "power-moratorium:power_mw=big": "power_mw: must be a number, was 'big'",
    "power-moratorium:power_mw=-3": "power_mw: must be >= 0, was -3",
    "power-moratorium:own_power_too=maybe": "own_power_too: must be true or false, was 'maybe'",
    "power-moratorium:from=2026-13-01": "from: must be a date such as 2024-07-15, was '2026-13-01'",
    "nowhere/mine.yaml": "mine.yaml:1:1 cannot be read: no such file or directory",
    "": "no policy of this name; `market policy list` names all",
}


@pytest.mark.parametrize("spec", WRONG_SPECS)
def test_a_wrong_spec_is_told_in_one_line(spec: str) -> None:
    assert WRONG_SPECS[spec] in error_of(spec)


def test_a_policy_given_twice_is_refused_but_variants_stand_side_by_side() -> None:
    assert len(load_policies(["power-moratorium", "power-moratorium:power_mw=50"])) == 2
    with pytest.raises(ScenarioError, match="power-moratorium: is given twice"):
        load_policies(["power-moratorium", "power-moratorium"])


def test_names_that_a_scenario_lacks_are_found() -> None:
    policy = load_policy("power-moratorium:region=us-ohyo")
    (problem, *_) = check_against(policy, load_scenario("frontier-2024").scenario)
    assert "the scenario frontier-2024 has no region 'us-ohyo'; did you mean 'us-ohio'" in str(problem)


def test_a_pattern_sets_every_name_it_matches_and_a_full_name_counts_over_it(tmp_path: Path) -> None:
    text = HEAD + "set:\n  regions.us-*.queue_days: {multiply: 0.5}\n  regions.us-ohio.queue_days: 10\n"
    policy = load_policy(write(tmp_path, text))
    assert policy.set_["regions.us-texas.queue_days"].of(540) == 270
    assert policy.set_["regions.us-ohio.queue_days"].of(900) == 10
    assert "regions.china-east.queue_days" not in policy.set_
    assert "matches no parameter" in error_of(write(tmp_path, HEAD + "set: {regions.mars-*.queue_days: 1}"))


def test_a_number_that_only_another_scenario_has_is_found(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, HEAD + "set: {regions.mars.queue_days: 1}"))
    (problem,) = check_against(policy, load_scenario("frontier-2024").scenario)
    assert "set.regions.mars.queue_days: the scenario frontier-2024 has no number of this name" in str(problem)


PIECES = st.sampled_from(
    ["power-moratorium", "mine", ":", ",", "=", "region", "us-ohio", "from", "2025-01-01", "+", "power_mw", "5"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
def test_any_spec_loads_or_is_refused_in_one_line(spec: str) -> None:
    message = ""
    try:
        load_policy(spec)
    except ScenarioError as error:
        message = str(error)
    assert "\n" not in message


BODIES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["PlaceOrder", "$x", "US", "LeaseSigned"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["set", "permit", "levy", "refuse", "when", "reason", "not", "value", "on", "quota"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["set", "permit", "levy", "parameters", "expects", "sources"]), BODIES, max_size=3)
)
def test_any_file_of_known_words_loads_or_is_refused_in_one_line(tmp_path: Path, body: dict[str, object]) -> None:
    message = ""
    try:
        load_policy(write(tmp_path, HEAD + "".join(f"{key}: {json.dumps(value)}\n" for key, value in body.items())))
    except ScenarioError as error:
        message = str(error)
    assert "\n" not in message
