"""What levies in force come to for who buys chips and draws power: numbers that prices, quotes and plans read.

A levy is charged on an event when it happens. Who decides before it happens finds its rate in parameters:
`orgs.*.levy_on_chips`, their mean `levy.chips`, `regions.*.levy_usd_per_mwh` and its mean `levy.energy_usd_per_mwh`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from events.types.run import ParameterSet
from market.rules.base import Happening
from market.state import State
from market.state.chips import Chip
from market.units import digits

if TYPE_CHECKING:
    from market.policies.schema import Levy

type Holds = Callable[[Any, Mapping[str, Any]], bool]


def in_force(state: State, levies: list[Levy], holds: Holds, cause: str, day: int) -> Iterator[Happening]:
    """Set what the levies in force come to, where that has changed."""
    chips = [levy for levy in levies if "ChipsAllocated" in levy.on]
    power = [levy for levy in levies if "PaymentMade" in levy.on and levy.unit == "mwh"]
    found = {f"orgs.{org}.levy_on_chips": _on_chips(state, chips, holds, org) for org in _buyers(state)}
    budgets = {org: state.finance.books[org].budget_usd_per_year for org in _buyers(state)}
    total = math.fsum(budgets.values())
    mean = math.fsum(found[f"orgs.{org}.levy_on_chips"] * usd for org, usd in budgets.items())
    found["levy.chips"] = mean / total if total else 0.0
    rates = {region: _on_power(state, power, holds, region) for region in state.run.regions}
    found |= {f"regions.{region}.levy_usd_per_mwh": rate for region, rate in rates.items()}
    energised = dict.fromkeys(rates, 0)
    for site in state.sites.sites.values():
        energised[site.region] += site.energised_kw
    drawn = sum(energised.values())
    found["levy.energy_usd_per_mwh"] = (
        math.fsum(rates[region] * kw for region, kw in energised.items()) / drawn if drawn else 0.0
    )
    for name, value in found.items():
        if digits(value) != state.run.parameters.get(name, 0.0):
            yield Happening(day, ParameterSet(parameter=name, value=digits(value)), "world", cause)


def _buyers(state: State) -> list[str]:
    return [org for org, books in state.finance.books.items() if books.budget_usd_per_year > 0]


def _on_chips(state: State, levies: list[Levy], holds: Holds, org: str) -> float:
    """Part of the price of the leading chip that a buyer pays on top."""
    if not levies:
        return 0.0
    case = _case(state, org, _leading(state))
    return math.fsum(levy.rate for levy in levies if levy.enabled and any(holds(when, case) for when in levy.when))


def _leading(state: State) -> Chip:
    """The strongest chip in volume that anybody may buy."""
    chips = [c for c in state.chips.chips.values() if c.buyers == "all" and c.in_volume and not c.retired]
    return max(chips or list(state.chips.chips.values()), key=lambda c: (c.h100e, c.name))


def _case(state: State, org: str, chip: Chip) -> dict[str, Any]:
    from market.policies.schema import TPP_PER_H100E

    buyer, seller = state.run.orgs[org], state.run.orgs[chip.supplier]
    return {
        "org": org, "country": buyer.country, "roles": buyer.roles, "counterparty": chip.supplier,
        "counterparty_country": seller.country, "counterparty_roles": seller.roles, "supplier": chip.supplier,
        "chip": chip.name, "tpp": TPP_PER_H100E * chip.h100e,
    }  # fmt: skip


def _on_power(state: State, levies: list[Levy], holds: Holds, region: str) -> float:
    """USD a MWh that a site of a region pays on top."""
    country = state.run.regions[region].country
    case = {"kind": "energy", "region": region, "region_country": country, "country": country, "roles": ()}
    return math.fsum(
        levy.usd_per_unit for levy in levies if levy.enabled and any(holds(when, case) for when in levy.when)
    )
