"""What a condition of a policy sees: a command or an event as a case, with what follows from the names in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from events.commands import Command
from events.types import Event
from events.types.sites import BuildingStarted
from market.rules.duties import drawn_share
from market.rules.energy import month_mwh, plant_usd_per_kw
from market.state import State
from market.units import CENTS

if TYPE_CHECKING:
    from market.policies.schema import Condition

type Case = dict[str, Any]

WORDS = ("org", "country", "counterparty", "counterparty_country", "region", "region_country", "site", "chip",
         "supplier", "kind")  # fmt: skip
NAMED = ("chip", "site", "gpus", "h100e", "region", "kind", "flop", "share", "duration_days", "start_day", "end_day",
         "power_kw_it", "amount_usd_cents", "on_site_power", "is_firm", "parent_lease_id", "lessor",
         "lessee")  # fmt: skip
NUMBERS = ("tpp", "gpus", "h100e", "power_mw_it", "flop", "share", "amount_usd", "duration_days")


def any_holds(conditions: Sequence[Condition], case: Mapping[str, Any]) -> bool:
    """Test whether one of several conditions holds."""
    return any(holds(condition, case) for condition in conditions)


def holds(condition: Condition, case: Mapping[str, Any]) -> bool:
    """Test a condition on a case: every test that it states must pass."""
    for name in WORDS:
        test = getattr(condition, name)
        if test is not None and not test.holds(case.get(name)):
            return False
    for name in NUMBERS:
        test = getattr(condition, name)
        if test is not None and not test.holds(case.get(name)):
            return False
    for name, roles in (("role", case.get("roles", ())), ("counterparty_role", case.get("counterparty_roles", ()))):
        test = getattr(condition, name)
        if test is not None and not _roles_hold(test, roles):
            return False
    for name in ("on_site_power", "is_firm", "sublease"):
        test = getattr(condition, name)
        if test is not None and bool(case.get(name)) != test:
            return False
    return True


def could_hold(condition: Condition, case: Mapping[str, Any]) -> bool:
    """Test the words and roles of a condition that a case has; what it does not have yet may come to hold."""
    tests = ((getattr(condition, name), case.get(name)) for name in WORDS)
    if any(test is not None and word is not None and not test.holds(word) for test, word in tests):
        return False
    named = ((condition.role, case.get("roles")), (condition.counterparty_role, case.get("counterparty_roles")))
    return all(test is None or not roles or _roles_hold(test, roles) for test, roles in named)


def _roles_hold(test: Any, roles: Sequence[str]) -> bool:
    if any(role in test.none_of for role in roles):
        return False
    return test.any_of is None or any(role in test.any_of for role in roles)


def command_case(state: State, command: Command) -> Case:
    """Say what a command is about, with the quote, request or lease that it names."""
    quote = state.leases.quotes.get(getattr(command, "quote_id", ""))
    request_id = quote.request_id if quote else getattr(command, "request_id", "")
    request = state.leases.requests.get(request_id)
    lease = state.leases.leases.get(getattr(command, "lease_id", ""))
    building_id = getattr(command, "building_id", "")
    building = state.sites.permits.get(building_id) or state.sites.buildings.get(building_id)
    found: Case = {"org": command.actor}
    for source in (command, getattr(command, "terms", None), quote, request, lease, building):
        for name in NAMED:
            value = getattr(source, name, None)
            if value is not None and name not in found:
                found[name] = value
    lessor, lessee = found.get("lessor"), found.get("lessee")
    found["counterparty"] = lessee if lessor in (None, command.actor) else lessor
    return completed(state, found)


def event_case(state: State, event: Event) -> Case:
    """Say what an event is about."""
    found = {name: getattr(event, name) for name in event.__struct_fields__}
    found["org"] = found.get("org") or found.get("lessee") or found.get("lessor")
    found["counterparty"] = found.get("counterparty") or found.get("supplier") or found.get("lessor")
    subject = type(event).subject
    found["contract_id"] = found.get("contract_id") or (found.get(subject) if subject else None)
    case = completed(state, found)
    if isinstance(event, BuildingStarted):
        case["amount_usd"] = building_usd(state, event)
    if case.get("amount_usd") is None and case.get("gpus"):
        price = case.get("price_usd_per_gpu")
        hourly = case.get("price_usd_per_gpu_hour")
        if price is not None:
            case["amount_usd"] = case["gpus"] * price
        elif hourly is not None and case.get("duration_days"):
            case["amount_usd"] = case["gpus"] * hourly * 24 * case["duration_days"]
    return case


def building_usd(state: State, event: BuildingStarted) -> float:
    """Bill of a building for its owner: shell, which is the developer's where it is leased, and own plant."""
    p = state.run.parameters
    shell = 0.0 if event.kind == "leased" else p["build.shell_usd_per_kw"]
    plant = plant_usd_per_kw(state) * p[f"regions.{event.region}.pue"] if event.on_site_power else 0.0
    return event.power_kw_it * (shell + plant)


def completed(state: State, case: Case) -> Case:
    """Add what follows from the names in a case: countries, regions, performance, power, energy."""
    orgs, run = state.run.orgs, state.run
    chip = state.chips.chips.get(case.get("chip") or "")
    site = state.sites.sites.get(case.get("site") or case.get("contract_id") or "")
    if chip is not None:
        from market.policies.schema import TPP_PER_H100E

        case["supplier"] = case.get("supplier") or chip.supplier
        case["counterparty"] = case.get("counterparty") or chip.supplier
        case["tpp"] = TPP_PER_H100E * chip.h100e
        if case.get("gpus") is not None:
            case["h100e"] = case["gpus"] * chip.h100e
    if site is not None:
        case["region"] = case.get("region") or site.region
        watts = site.plant_w if case.get("kind") == "fuel" else site.grid_w
        case["mwh"] = month_mwh(state, watts * drawn_share(state, site), site.region)
    region = run.regions.get(case.get("region") or "")
    case["region_country"] = region.country if region else None
    for side, prefix in (("org", ""), ("counterparty", "counterparty_")):
        org = orgs.get(case.get(side) or "")
        case[f"{prefix}country"] = org.country if org else None
        case[f"{prefix}roles"] = org.roles if org else ()
    if case.get("power_kw_it") is not None:
        case["power_mw_it"] = case["power_kw_it"] / 1000
    if case.get("amount_usd_cents") is not None:
        case["amount_usd"] = case["amount_usd_cents"] / CENTS
    case["sublease"] = case.get("parent_lease_id") is not None
    if case.get("duration_days") is None and case.get("start_day") is not None and case.get("end_day") is not None:
        case["duration_days"] = case["end_day"] - case["start_day"]
    return case
