"""A small sample of the campaign, one seed and half a year; `python -m tests.policies --seeds 20` tries all."""

from __future__ import annotations

import pytest

from market.policies.load import library, load_policy
from market.policies.schema import Expectation, Trial
from tests.policies.judge import judged, mechanism
from tests.policies.table import HEAD, Tried, written
from tests.policies.trial import ADOPTING, baseline, parting, wanted, with_policy, world_of

WEEKS = 26
SAMPLE = ("placebo", "power-moratorium:region=us-texas,from=2024-08-15", "public-compute:from=2024-08-15",
          "texas-sb6:from=2024-08-15,hours=175", "export-controls:from=2024-08-15")  # fmt: skip


@pytest.fixture(scope="module")
def tried():
    """The baseline, and each policy of the sample from where it parts from it."""
    scenario, short = world_of({}), {"tried": Trial(weeks=WEEKS)}
    policies = {spec.partition(":")[0]: load_policy(spec).model_copy(update=short) for spec in SAMPLE}
    base, pasts = baseline(scenario, 0, {parting(scenario, policy) for policy in policies.values()}, WEEKS)
    runs = {name: with_policy(pasts[parting(scenario, policy)], policy) for name, policy in policies.items()}
    return runs | {"baseline": base}


def last(run, metric):
    return run["quarters"][-1][metric]


def test_the_placebo_changes_exactly_nothing(tried):
    assert {key: found for key, found in tried["placebo"].items() if key != "adopting"} == tried["baseline"]


def test_a_moratorium_keeps_builders_out_of_its_region_and_says_where_they_go(tried):
    assert any("us-texas" in what for what in tried["power-moratorium"]["refused"])
    elsewhere = [what for what in tried["power-moratorium"]["instead"] if "us-texas" not in what.partition(" -> ")[2]]
    assert elsewhere
    assert tried["baseline"]["refused"] == {}


def test_what_policies_pay_report_and_switch_off_is_counted(tried):
    assert last(tried["public-compute"], "policy.subsidised_usd") > 0
    assert last(tried["texas-sb6"], "policy.curtailments") > 0
    assert last(tried["baseline"], "policy.curtailments") == 0


def test_controls_leave_chinese_buyers_other_chips(tried):
    assert any(what.startswith("chip: H20 -> ") for what in tried["export-controls"]["instead"])


def test_a_sign_holds_when_its_interval_lies_on_one_side_of_zero():
    def pair(without, with_it):
        return [{"quarters": [{"x": value}]} for value in (without, with_it)]

    plus, none = Expectation(metric="x", sign="+"), Expectation(metric="x", sign="0")
    assert judged(plus, [pair(1, 2), pair(1, 2.1), pair(1, 1.9)], 13).holds
    assert not judged(plus, [pair(1, 2), pair(1, 0.5), pair(1, 1.9)], 13).holds
    assert judged(none, [pair(1, 1), pair(2, 2)], 13).holds
    assert not judged(none, [pair(1, 1), pair(2, 2.0000001)], 13).holds


def test_what_a_sign_says_of_the_regions_that_adopt_a_policy_is_their_sum_in_both_worlds():
    metric = "regions.{adopting}.x"
    base = {"quarters": [{"regions.a.x": 5, "regions.b.x": 7, "regions.c.x": 9}]}
    with_it = {"quarters": [{"regions.a.x": 4, "regions.b.x": 9, "regions.c.x": 8}], "adopting": ["a", "c"]}
    found = judged(Expectation(metric=metric, sign="-"), [(base, with_it)], 13)
    assert (found.mean, found.baseline) == (-2, 14)


def test_a_page_has_the_table_of_what_is_kept_in_place_of_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{HEAD[0]}\n|---|\n| old |\n\nafter\n")
    policy = load_policy("chip-tariff").model_copy(update={"tried": Trial(weeks=WEEKS)})
    quarters = [[{"policy.levied_usd": usd}] * 2 for usd in (0.0, 2e9, 4e9)]
    pairs = [({"quarters": quarters[0]}, {"quarters": found}) for found in quarters[1:]]
    written(page, [Tried(policy, pairs), Tried(load_policy("placebo"), [])])
    rows = ["| `chip-tariff` | `policy.levied_usd` | + | 26 | 2 | +3.00 bn [-9.71 bn, +15.71 bn] | 2 of 2 that way |",
            "| `placebo` | | | | 0 | | not tried |"]  # fmt: skip
    assert page.read_text() == "\n".join(["before", "", *HEAD, *rows, "", "after", ""])
    written(page, [Tried(policy, pairs[:1])])
    assert (
        rows[0].replace("| 2 | +3.00 bn [-9.71 bn, +15.71 bn] | 2 of 2", "| 1 | +2.00 bn | 1 of 1") in page.read_text()
    )
    page.write_text("nothing")
    with pytest.raises(ValueError, match="wants one table"):
        written(page, [])


def test_what_is_done_without_a_policy_as_well_is_not_told_of_it():
    none = {"refused": {}, "instead": {}}
    pair = ({**none, "done": {"a": 2, "b": 1}}, {**none, "done": {"a": 5, "b": 1}})
    assert list(mechanism([pair])) == ["done a (3)"]


def test_every_metric_of_which_a_policy_states_a_sign_is_measured():
    said = {expected.metric for name in library() for expected in load_policy(name).expects}
    assert said <= set(wanted()) | {metric for metric in said if ADOPTING in metric}
    assert {"regions.us-texas.begun_kw", "regions.us-ohio.energised_kw"} <= set(wanted())


REAL = {  # real policies, by what they are called, and the files that say them
    "advanced-chip export control v1": "export-control-2022", "export control v2": "export-control-2023",
    "AI Diffusion rule": "ai-diffusion", "H20 licence requirement": "h20-licence",
    "H20/MI308 revenue share": "h20-revenue-share", "H200 sales with a revenue share": "h200-to-china",
    "Remote Access Security Act": "remote-access", "EO 14110 reporting": "compute-reporting",
    "EU AI Act, systemic risk": "eu-ai-act", "California SB 1047": "sb-1047", "California SB 53": "sb-53",
    "New York RAISE Act": "raise-act", "Texas SB 6": "texas-sb6", "FERC PJM co-location": "pjm-co-location",
    "DOE directive on large loads": "interconnection-reform", "permitting acceleration": "permitting-acceleration",
    "state moratorium wave": "state-moratoria", "Ireland, large energy users": "ireland-large-energy-users",
    "Memphis turbine permits": "memphis-turbines", "NAIRR": "public-compute", "EU gigafactories": "eu-gigafactories",
    "antitrust on NVIDIA": "allocation-fairness", "FTC 6(b) on partnerships": "equity-for-compute-ban",
    "chip security": "chip-security", "AEP Ohio tariff": "aep-ohio-tariff", "SPP CHILLS": "spp-chills",
    "depreciation of 2025": "faster-depreciation", "know-your-customer for clouds": "cloud-kyc",
}  # fmt: skip


def test_at_least_27_real_policies_are_files_with_source_date_and_sign():
    assert len(set(REAL.values())) >= 27
    for name in REAL.values():
        policy = load_policy(name)
        assert name in library()
        assert policy.jurisdiction
        assert policy.expects
        assert any(source.as_of is not None and source.source != "assumption" for source in policy.sources), name
