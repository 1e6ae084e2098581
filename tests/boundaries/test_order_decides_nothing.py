"""The order in which a scenario names things decides nothing."""

from __future__ import annotations

import pytest
from given import FUND, LAB, given
from worlds import simulate

from agents.investors import leader
from events.types.finance import PaymentMade
from events.types.run import OrgRegistered
from market.rules.start import opening
from market.view import MarketView, Shared

MAPPINGS = ("orgs", "regions", "chips", "sites", "leases", "investments", "models", "runs", "parameters")
LISTS = ("fleets", "orders")


@pytest.fixture
def turned(frontier):
    """The default world said backwards."""
    backwards = {name: dict(reversed(getattr(frontier, name).items())) for name in MAPPINGS}
    backwards |= {name: getattr(frontier, name)[::-1] for name in LISTS}
    return frontier.model_copy(update=backwards)


def test_a_scenario_said_backwards_opens_with_the_same_events(frontier, turned):
    assert list(turned.orgs) != list(frontier.orgs)
    assert list(opening(turned, 0)) == list(opening(frontier, 0))


def test_a_scenario_said_backwards_runs_to_the_same_events(frontier, turned):
    assert simulate(turned, 3, 9).entries == simulate(frontier, 3, 9).entries


def test_large_rounds_go_to_strategic_investors_wherever_they_stand():
    world = given()
    p = world.state.run.parameters
    for name in ("aaa", "zzz"):
        world.happened(
            OrgRegistered(org=name, role="investor", country="US", kind="investor", parent_org=None),
            PaymentMade(
                org="world/savers", counterparty=name, amount_usd_cents=10**12, kind="opening", contract_id=name
            ),
        )
    for strategic in ("aaa", "zzz"):
        p |= {f"orgs.{name}.strategic": float(name == strategic) for name in ("aaa", FUND, "zzz")}
        books = world.state.finance.books[LAB]
        books.sought_cents = round(2 * p["finance.strategic_round_usd"] * 100)
        view = MarketView(Shared(world.state), FUND)
        assert [leader(view, each) for each in view.rounds_sought()] == [strategic]
