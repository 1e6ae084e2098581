"""What must be true stays true when policies levy, refuse and change parameters."""

from __future__ import annotations

import pytest
from worlds import simulate

from market.analytics.audit import audit
from market.policies.load import load_policies
from market.rules.policy import policy_hooks


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
