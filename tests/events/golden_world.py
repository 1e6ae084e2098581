"""A run of the default world by an earlier program: 26 weeks of frontier-2024 with seed 0, state form 1.

`golden/world-1` never changes. `python -m tests.events.golden_world` writes the quantities to which its replay leads
(`golden/world-1.json`) anew: do that only where an event is now rightly read as something else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from market.runs.reading import open_run
from market.state import State

HOME = Path(__file__).parent / "golden"
WORLD = HOME / "world-1"
QUANTITIES = HOME / "world-1.json"


def quantities(state: State) -> dict[str, Any]:
    """What a state says in numbers that outlive its form: GPUs owned and leased in, leases, cash, prices."""
    owned: dict[str, int] = {}
    leased: dict[str, int] = {}
    for held in state.chips.holdings.values():
        owned[f"{held.org} {held.chip}"] = owned.get(f"{held.org} {held.chip}", 0) + held.owned
        leased[f"{held.org} {held.chip}"] = leased.get(f"{held.org} {held.chip}", 0) + held.leased_in
    return {
        "week": state.run.week,
        "owned_gpus": {name: gpus for name, gpus in sorted(owned.items()) if gpus},
        "leased_in_gpus": {name: gpus for name, gpus in sorted(leased.items()) if gpus},
        "leases": len(state.leases.leases),
        "cash_usd_cents": dict(sorted(state.finance.ledger.accounts.items())),
        "price_usd_per_h100e_hour": state.leases.price_usd_per_h100e_hour,
        "spot_usd_per_h100e_hour": state.leases.spot_usd_per_h100e_hour,
    }


def write() -> None:
    """Write the quantities of the golden run as this program replays it."""
    content = quantities(open_run(WORLD).replay().state)
    QUANTITIES.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
