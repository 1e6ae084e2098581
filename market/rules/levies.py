"""What policies take and pay on transactions, when they happen and for those who decide before they happen.

A levy is charged on an event, a subsidy paid on it. Agents ask what an event would cost them (`owed_usd`); rules that
price for the whole market find the means in parameters: `levy.chips`, `regions.*.levy_usd_per_mwh`, of own plant
`regions.*.plant_levy_usd_per_mwh`, and `levy.energy_usd_per_mwh`, net of subsidies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from events.types import Event
from events.types import policy as events
from events.types.finance import PaymentMade
from events.types.run import ParameterSet
from market.rules.base import Happening
from market.rules.cases import Case, any_holds, completed
from market.state import State
from market.state.chips import Chip
from market.units import CENTS, digits, to_date

if TYPE_CHECKING:
    from market.policies.schema import Levy, Policy

TREASURY = "world/treasury"
_UNITS = {"mw_it": "power_mw_it"}


def amount_usd(rule: Levy, case: Mapping[str, Any]) -> float:
    """What a levy or subsidy comes to in a case: a part of the amount, so much a unit, a fee."""
    usd = rule.rate * float(case.get("amount_usd") or 0.0) + rule.usd
    return usd + rule.usd_per_unit * float(case.get(_UNITS.get(rule.unit, rule.unit)) or 0.0)


def _touches(rule: Levy, name: str, case: Mapping[str, Any]) -> bool:
    return rule.enabled and name in rule.on and any_holds(rule.when, case)


# --- on an event


def charges(state: State, policy: Policy, event: Event, case: Mapping[str, Any], day: int) -> Iterator[Happening]:
    """Charge the levies of a policy on an event, and pay its subsidies."""
    name = type(event).__name__
    for rule in policy.levy:
        if _touches(rule, name, case):
            yield from _charge(policy, rule, case, day)
    for number, grant in enumerate(policy.subsidy):
        if _touches(grant, name, case):
            yield from _pay(state, policy, number, case, day)


def _charge(policy: Policy, rule: Levy, case: Mapping[str, Any], day: int) -> Iterator[Happening]:
    cents, payer = round(amount_usd(rule, case) * CENTS), case.get(rule.payer)
    if cents <= 0 or payer is None:
        return
    contract = str(case["contract_id"] or payer)
    charged = events.LevyCharged(policy=policy.label, org=payer, amount_usd_cents=cents, contract_id=contract)
    yield Happening(day, charged, payer, policy.label)
    payee = TREASURY if rule.to == "treasury" else "world"
    paid = PaymentMade(org=payer, counterparty=payee, amount_usd_cents=cents, kind="levy", contract_id=contract)
    yield Happening(day, paid, payer, policy.label)


def _pay(state: State, policy: Policy, number: int, case: Mapping[str, Any], day: int) -> Iterator[Happening]:
    rule = policy.subsidy[number]
    budget, used = _budget(state, policy, number, day)
    cents, payee = round(min(amount_usd(rule, case), budget) * CENTS), case.get(rule.payer)
    if cents <= 0 or payee is None:
        return
    contract = str(case["contract_id"] or payee)
    paid = events.SubsidyPaid(policy=policy.label, org=payee, amount_usd_cents=cents, contract_id=contract)
    yield Happening(day, paid, TREASURY, policy.label)
    if rule.usd_per_year is not None:
        total = digits(used + cents / CENTS)
        taken = events.QuotaUsed(policy=policy.label, org=payee, kind=_purse(number, day), value=total)
        yield Happening(day, taken, TREASURY, policy.label)
    payment = PaymentMade(
        org=TREASURY, counterparty=payee, amount_usd_cents=cents, kind="subsidy", contract_id=contract
    )
    yield Happening(day, payment, TREASURY, policy.label)


def _purse(number: int, day: int) -> str:
    return f"subsidy {number} {to_date(day).year}"


def _budget(state: State, policy: Policy, number: int, day: int) -> tuple[float, float]:
    """What a subsidy has left in a year, and what it has paid, in USD."""
    used = state.run.quotas.get(policy.label, {}).get(_purse(number, day), 0.0)
    limit = policy.subsidy[number].usd_per_year
    return (math.inf if limit is None else max(0.0, limit - used)), used


# --- before it happens


def owed_usd(state: State, policies: Sequence[Policy], name: str, case: Case, day: int) -> float:
    """What an event would cost the org of a case under some policies: levies it pays less subsidies it gets."""
    if not any(policy.levy or policy.subsidy for policy in policies):
        return 0.0
    case, usd = completed(state, case), 0.0
    for policy in policies:
        usd += math.fsum(amount_usd(x, case) for x in policy.levy if x.payer == "org" and _touches(x, name, case))
        for number, grant in enumerate(policy.subsidy):
            if grant.payer == "org" and _touches(grant, name, case):
                usd -= min(amount_usd(grant, case), _budget(state, policy, number, day)[0])
    return usd


def chip_case(org: str, chip: Chip) -> Case:
    """A chip that is sold to an org."""
    price = chip.price_usd_per_gpu
    return {"org": org, "chip": chip.name, "gpus": 1, "price_usd_per_gpu": price, "amount_usd": price}


def energy_case(org: str, region: str, kind: str = "energy") -> Case:
    """A MWh that an org draws in a region, or makes there with own plant (`fuel`)."""
    return {"org": org, "region": region, "kind": kind, "mwh": 1.0}


type Owed = Callable[[str, Case], float]


def in_force(state: State, owed: Owed, told: Mapping[str, float]) -> Iterator[ParameterSet]:
    """Set the means of what levies in force come to, where that is not `told` yet: by budgets, by energised power."""
    budgets = {org: books.budget_usd_per_year for org, books in state.finance.books.items()}
    total, chip = math.fsum(budgets.values()), _leading(state)
    parts = (usd * owed("ChipsAllocated", chip_case(org, chip)) for org, usd in budgets.items() if usd > 0)
    found = {"levy.chips": math.fsum(parts) / chip.price_usd_per_gpu / total if total else 0.0}
    drawn: dict[tuple[str, str], dict[str, int]] = {}  # by region and what its power is paid for as, by owner
    for site in state.sites.sites.values():
        for kind, kw in (("energy", site.grid_kw), ("fuel", site.plant_kw)):
            owners = drawn.setdefault((site.region, kind), {})
            owners[site.owner] = owners.get(site.owner, 0) + kw
    rates = {place: _on_power(place, owners, owed) for place, owners in drawn.items()}
    for region in state.run.regions:
        found[f"regions.{region}.levy_usd_per_mwh"] = rates.get((region, "energy"), 0.0)
        found[f"regions.{region}.plant_levy_usd_per_mwh"] = rates.get((region, "fuel"), 0.0)
    kws = {place: sum(owners.values()) for place, owners in drawn.items()}
    kw = sum(kws.values())
    found["levy.energy_usd_per_mwh"] = math.fsum(rates[place] * kws[place] for place in rates) / kw if kw else 0.0
    for name, value in found.items():
        if digits(value) != told.get(name, 0.0):
            yield ParameterSet(parameter=name, value=digits(value))


def _on_power(place: tuple[str, str], owners: Mapping[str, int], owed: Owed) -> float:
    """USD a MWh that owners pay on top of the energy or the fuel of a region, by their energised power."""
    kw, (region, kind) = sum(owners.values()), place
    if not kw:
        return 0.0
    return math.fsum(owed("PaymentMade", energy_case(org, region, kind)) * part for org, part in owners.items()) / kw


def _leading(state: State) -> Chip:
    """The strongest chip in volume that anybody may buy."""
    chips = [c for c in state.chips.chips.values() if c.buyers == "all" and c.in_volume and not c.retired]
    return max(chips or list(state.chips.chips.values()), key=lambda c: (c.h100e, c.name))
