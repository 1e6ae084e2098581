"""The default world: what it must contain, and that it knows nothing of its future."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pytest

from market.catalogue.tables import table
from market.cluster.chips import chip
from market.scenario.load import Resolved, load_scenario
from market.scenario.schema import Scenario

START = date(2024, 7, 15)


@pytest.fixture(scope="module")
def resolved() -> Resolved:
    return load_scenario("frontier-2024")


@pytest.fixture(scope="module")
def world(resolved: Resolved) -> Scenario:
    return resolved.scenario


def with_role(world: Scenario, role: str) -> list[str]:
    return [id_ for id_, org in world.orgs.items() if role in org.roles]


def h100e_of(world: Scenario, owner: str) -> float:
    return sum(f.gpus * world.chips[f.chip].h100e for f in world.fleets if f.owner == owner)


def test_no_figure_describes_a_date_after_the_start(resolved: Resolved) -> None:
    late = [
        key for key, row in resolved.sources.items() if row.kind != "engineering" and row.as_of and row.as_of > START
    ]
    assert late == []


def test_every_number_has_its_row_and_engineering_constants_are_listed(resolved: Resolved, world: Scenario) -> None:
    for name in world.parameters:
        assert f"parameters.{name}" in resolved.sources
    for id_ in world.chips:
        assert f"chips.{id_}.power_kw_it_per_gpu" in resolved.exempt
    assert all(resolved.sources[key].kind == "engineering" for key in resolved.exempt)


def test_nothing_of_the_catalogue_is_left_out_for_a_dangling_name(resolved: Resolved) -> None:
    assert resolved.dropped == ()


def test_enough_actors_of_every_kind(world: Scenario) -> None:
    assert len(with_role(world, "lab")) >= 13
    assert len(with_role(world, "cloud")) >= 12
    assert len(world.regions) >= 12
    assert {"nvidia", "amd", "google-tpu", "aws-trainium"} <= set(with_role(world, "supplier"))
    assert {"dell", "supermicro"} <= set(with_role(world, "oem"))
    assert {"venture", "strategic", "credit"} <= set(with_role(world, "investor"))
    assert set(with_role(world, "rest")) == {"enterprise", "sovereign", "china-rest"}
    assert {"openai", "xai", "anthropic", "google-deepmind", "meta", "microsoft-ai", "mistral", "deepseek"} <= set(
        world.orgs
    )


def test_every_behaviour_and_parent_is_consistent(world: Scenario) -> None:
    assert {org.behaviour for org in world.orgs.values()} == {"lab", "cloud", "supplier", "oem", "investor", "rest"}
    parents = {id_: org.parent for id_, org in world.orgs.items() if org.parent}
    assert parents["google-deepmind"] == parents["google-tpu"] == "google-cloud"
    assert parents["microsoft-ai"] == "azure"
    assert parents["aws-trainium"] == parents["amazon-agi"] == "aws"


def test_every_chip_is_known_to_the_cluster_core(world: Scenario) -> None:
    for name in world.chips:
        assert chip(name).bf16_flop_per_s > 0


def test_xai_builds_for_a_hundred_thousand_h100_by_the_end_of_july(world: Scenario) -> None:
    (building,) = world.sites["memphis-colossus"].buildings
    assert building.due == date(2024, 7, 31)
    assert building.kind == "brownfield"
    assert building.on_site_power
    assert building.power_mw_it >= 100_000 * world.chips["H100"].power_kw_it_per_gpu / 1000
    assert [(o.chip, o.gpus) for o in world.orders if o.buyer == "xai"] == [("H100", 100_000)]
    lease = world.leases["xai-oci"]
    assert (lease.lessor, lease.chip, lease.gpus) == ("oci", "H100", 24_000)
    assert world.orgs["xai"].traits["build"] == 1


def test_the_abilene_chain_passes_from_oracle_to_microsoft_to_openai(world: Scenario) -> None:
    first, second = world.leases["azure-oci-abilene"], world.leases["openai-azure-abilene"]
    assert (first.lessor, first.lessee, second.lessor, second.lessee) == ("oci", "azure", "azure", "openai")
    assert second.parent == "azure-oci-abilene"
    assert first.chip == "GB200"
    assert first.gpus == 100_000
    assert (first.end - first.start).days == pytest.approx(730, abs=2)
    cost = first.gpus * first.price_usd_per_gpu_hour * 24 * (first.end - first.start).days
    assert cost == pytest.approx(5e9, rel=0.02)
    due = max(b.due for b in world.sites["abilene"].buildings)
    assert due == first.start == date(2025, 6, 30)
    power = sum(b.power_mw_it for b in world.sites["abilene"].buildings)
    assert power * 1000 >= first.gpus * world.chips["GB200"].power_kw_it_per_gpu


def test_fleets_agree_with_the_owners_table(world: Scenario) -> None:
    """Epoch AI, cumulative NVIDIA chips by owner to 2024-06-30, in H100e."""
    nvidia = {c for c, chip in world.chips.items() if chip.supplier == "nvidia"}
    held: dict[str, float] = defaultdict(float)
    for f in world.fleets:
        if f.chip in nvidia:
            held[f.owner] += f.gpus * world.chips[f.chip].h100e
    published = {"azure": 606_713, "meta": 319_766, "aws": 231_843, "google-cloud": 231_631, "oci": 130_525}
    for owner, h100e in published.items():
        assert held[owner] == pytest.approx(h100e, rel=0.01)
    china = sum(held[o] for o, org in world.orgs.items() if org.country == "CN")
    assert china == pytest.approx(232_471, rel=0.03)
    assert sum(held.values()) == pytest.approx(2_649_129, rel=0.02)


def test_china_holds_no_chip_that_the_rules_of_2023_forbid_to_sell_there(world: Scenario) -> None:
    chips = {f.chip for f in world.fleets if world.orgs[f.owner].country == "CN"}
    assert chips <= {"A100", "A800", "H800", "H20"}


def test_labs_hold_what_is_sourced(world: Scenario) -> None:
    held: dict[str, float] = defaultdict(float)
    for lease in world.leases.values():
        if lease.start <= world.start:
            held[lease.lessee] += lease.gpus * world.chips[lease.chip].h100e
    assert held["openai"] == pytest.approx(195_000, rel=0.02)
    assert held["anthropic"] == pytest.approx(105_000, rel=0.02)
    assert held["xai"] == 24_000
    google = h100e_of(world, "google-cloud")
    assert held["google-deepmind"] / google == pytest.approx(0.30, abs=0.01)
    assert held["microsoft-ai"] / h100e_of(world, "azure") == pytest.approx(0.06, abs=0.01)


def test_each_pool_has_a_little_more_power_than_its_chips_need(world: Scenario) -> None:
    need: dict[str, float] = defaultdict(float)
    for f in world.fleets:
        need[f.site] += f.gpus * world.chips[f.chip].power_kw_it_per_gpu / 1000
    headroom = 1.12  # as the rows of pools in sites.csv say
    for id_, site in world.sites.items():
        if site.kind == "pool":
            assert site.energised_mw_it == pytest.approx(headroom * need[id_], abs=0.2)


def test_the_largest_buyers_of_chips_have_somewhere_to_put_them(world: Scenario) -> None:
    owners = {site.owner for site in world.sites.values()}
    assert {id_ for id_, org in world.orgs.items() if org.chip_budget_usd_per_year} <= owners


def test_chip_budgets_add_up_to_the_trend_of_the_market(world: Scenario) -> None:
    """28.2 billion USD a quarter: 4.1 billion a quarter over the 22.6 of the quarter to 2024-04-28."""
    assert sum(org.chip_budget_usd_per_year for org in world.orgs.values()) == pytest.approx(4 * 28.2e9, rel=0.01)


def test_the_roadmap_is_what_was_announced_by_june_2024(world: Scenario) -> None:
    starts = {name: chip.start for name, chip in world.chips.items()}
    assert date(2024, 9, 1) <= starts["GB200"] <= date(2024, 12, 31)
    assert starts["GB300"].year == 2025
    assert starts["Rubin"].year == 2026
    assert (starts["MI325X"].year, starts["MI355X"].year, starts["MI455X"].year) == (2024, 2025, 2026)
    assert world.chips["H20"].buyers == "china"
    assert all(chip.buyers == "own" for chip in world.chips.values() if chip.supplier in ("google-tpu", "aws-trainium"))


def test_parameters_lie_within_their_own_sweeps() -> None:
    for row in table("parameters"):
        assert row.low is not None, row.id
        assert row.high is not None, row.id
        assert row.low <= row.number <= row.high
        assert row.low < row.high, row.id


def test_who_had_invested_in_whom(world: Scenario) -> None:
    stakes: dict[tuple[str, str], float] = defaultdict(float)
    for stake in world.investments.values():
        stakes[stake.investor, stake.org] += stake.amount_usd
        assert stake.closed <= world.start
    assert stakes["azure", "openai"] == 13e9
    assert stakes["aws", "anthropic"] == 4e9
    assert stakes["google-cloud", "anthropic"] == 2e9
    assert stakes["venture", "xai"] == 6e9
