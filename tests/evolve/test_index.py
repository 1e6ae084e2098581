"""The index of a state follows from the rest of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from worlds import WORLD, simulate

from market.kernel import replay
from market.scenario.load import load_scenario
from market.state import State, state_hash
from market.state.chips import Place
from market.state.index import Index
from market.state.leases import Lease

COUNTS = ("quote", "owing", "owed", "owed_on")  # those that hold more than ids
Pairs = Iterable[tuple[str, object]]


def _by_owner(pairs: Pairs) -> dict[str, set[object]]:
    found: dict[str, set[object]] = {}
    for owner, name in pairs:
        found.setdefault(owner, set()).add(name)
    return found


def _counted(leases: Iterable[tuple[Lease, object]]) -> dict[str, dict[object, int]]:
    found: dict[str, dict[object, int]] = {}
    for lease, name in leases:
        if lease.owed:
            counts = found.setdefault(lease.lessor, {})
            counts[name] = counts.get(name, 0) + lease.owed
    return found


def place_of(lease: Lease) -> Place:
    """Where a lessor's GPUs of a lease are."""
    return Place(lease.lessor, lease.chip, lease.site)


def rebuilt(state: State) -> dict[str, object]:
    """What the index must hold, found by a look at all things."""
    desk = state.leases
    return {
        "asked": _by_owner((x.lessee, x.request_id) for x in desk.requests.values()),
        "quote": {x.request_id: x.quote_id for x in desk.quotes.values()},
        "quoted": _by_owner((x.lessor, x.quote_id) for x in desk.quotes.values()),
        "let": _by_owner((x.lessor, x.lease_id) for x in desk.leases.values()),
        "rented": _by_owner((x.lessee, x.lease_id) for x in desk.leases.values()),
        "sold": _by_owner((x.lessor, x.contract_id) for x in state.contracts.open.values()),
        "bought": _by_owner((x.lessee, x.contract_id) for x in state.contracts.open.values()),
        "buildings": _by_owner((x.site, x.building_id) for x in state.sites.buildings.values()),
        "owing": _counted((x, x.lease_id) for x in desk.leases.values()),
        "owed": _counted((x, place_of(x)) for x in desk.leases.values() if x.parent_lease_id is None),
        "owed_on": _counted((x, place_of(x)) for x in desk.leases.values() if x.parent_lease_id is not None),
        "holdings": _by_owner((place.org, place) for place in state.chips.holdings),
    }


def held(index: Index) -> dict[str, object]:
    """What it holds, the order of ids left out."""
    tables = {name: getattr(index, name) for name in index.__struct_fields__}
    return {
        name: table if name in COUNTS else {owner: set(names) for owner, names in table.items()}
        for name, table in tables.items()
    }


@pytest.mark.parametrize("default", ["", "coreweave"])
def test_the_index_holds_what_a_look_at_all_would_find(default: str) -> None:
    scenario = load_scenario(WORLD, {f"orgs.{default}.cash_usd": "0"} if default else {}).scenario
    run = simulate(scenario, 1, 40)
    assert held(run.kernel.state.index) == rebuilt(run.kernel.state)
    state = State()
    for _ in replay(run.entries, state):
        pass
    assert (state.index, state_hash(state)) == (run.kernel.state.index, state_hash(run.kernel.state))
