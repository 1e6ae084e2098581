"""What must be true stays true when policies levy, refuse and change parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import simulate

from market.analytics.audit import audit
from market.policies.load import load_policies
from market.rules.policy import policy_hooks
from market.scenario.load import load_scenario

SMALL = Path(__file__).parents[1] / "invariance" / "small.yaml"


@pytest.mark.parametrize(
    ("policy", "shown_by"),
    [
        ("chip-tariff:from=2024-08-01", "LevyCharged"),
        ("export-controls:from=2024-08-01", "OptionRejected"),
        ("supply-shock:from=2024-08-01", "ParameterSet"),
        ("public-compute:from=2024-08-01", "SubsidyPaid"),
        ("texas-sb6:from=2024-08-01", "LoadCurtailed"),
        ("curtailable-load:from=2024-08-01", "ParameterSet"),
        ("compute-reporting:flop=1e24", "ReportFiled"),
        ("h20-licence:from=2024-08-01", "LicenceSought"),
        ("h20-licence:from=2024-08-01", "OrderCancelled"),
        ("state-moratoria:from=2024-08-01", "PolicyAdopted"),
    ],
)
def test_the_auditor_holds_under_a_policy(frontier, policy, shown_by):
    run = simulate(frontier, 0, 16, policy_hooks(load_policies([policy])))
    shown = run.frame.filter(run.frame["type"] == shown_by, run.frame["day"] > run.frame["day"][0])
    assert len(shown) > 0
    assert audit(run.frame.lazy()) == []


@pytest.mark.parametrize(
    "falling",
    [
        {"finance.rounds_growth_per_year": "-0.9"},
        {"orgs.cloud-a.income_usd_per_year": "1e9", "orgs.cloud-a.traits.income_growth": "-1"},
    ],
)
def test_the_auditor_holds_where_what_comes_from_outside_falls(falling):
    run = simulate(load_scenario(SMALL, falling).scenario, 0, 9)
    kind = "subscription" if "finance.rounds_growth_per_year" in falling else "other business"
    assert len(run.frame.filter(run.frame["kind"] == kind)) >= 2
    assert audit(run.frame.lazy()) == []
