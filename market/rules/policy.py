"""Rules of policy: dated interventions at three hooks over an untouched baseline.

`calendar` enacts and repeals on dates and sets parameters, `permit` refuses commands, `levy` charges on events. The
hooks hold no state: what is in force and what a quota has left is in the state, so a fork or a resume is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from events.commands import Command
from events.types import Event
from events.types.finance import PaymentMade
from events.types.policy import CommandForbidden, LevyCharged, PolicyEnacted, PolicyRepealed, QuotaUsed
from events.types.run import ParameterSet
from market.rules import levies
from market.rules.base import Happening
from market.state import State
from market.units import CENTS, HOURS_PER_YEAR, digits, to_date, to_day

if TYPE_CHECKING:
    from market.policies.schema import Condition, Levy, Permit, Policy, Quota

TREASURY = "world/treasury"
WORDS = ("org", "country", "counterparty", "counterparty_country", "region", "region_country", "site", "chip",
         "supplier", "kind")  # fmt: skip
NAMED = ("chip", "site", "gpus", "h100e", "region", "kind", "flop", "share", "duration_days", "power_kw_it",
         "amount_usd_cents", "on_site_power", "parent_lease_id", "lessor", "lessee")  # fmt: skip
NUMBERS = ("tpp", "gpus", "h100e", "power_mw_it", "flop", "share", "amount_usd", "duration_days")


class PolicyHooks:
    """The policies of a run, in the order in which they compose."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        self.levied = {name for policy in policies for levy in policy.levy if levy.enabled for name in levy.on}

    def calendar(self, state: State, first: int, last: int) -> Iterator[Happening]:
        """Enact and repeal what begins or ends by `last`; parameters follow from the baseline and what is in force."""
        active = dict.fromkeys(state.run.policies)
        for policy in self.policies:
            begins, ends = _day(policy.from_day), _day(policy.until_day) if policy.until_day else last + 1
            label = policy.label
            if label in active and ends <= last:
                del active[label]
                day = max(first, ends)
                yield Happening(day, PolicyRepealed(policy=label, kind=policy.title), "world", label)
                yield from self._parameters(state, policy, active, day)
            elif label not in active and begins <= last < ends:
                active[label] = None
                day = max(first, begins)
                yield Happening(day, PolicyEnacted(policy=label, kind=policy.title), "world", "")
                yield from self._parameters(state, policy, active, day)

    def _parameters(self, state: State, policy: Policy, active: Mapping[str, None], day: int) -> Iterator[Happening]:
        for name in policy.set_:
            if name not in state.run.baseline:  # of the catalogue, but not of this scenario
                continue
            value = state.run.baseline[name]
            for other in self.policies:
                if other.label in active and name in other.set_:
                    value = other.set_[name].of(value)
            yield Happening(day, ParameterSet(parameter=name, value=digits(value)), "world", policy.label)
        if policy.levy:
            active_levies = [levy for other in self.policies if other.label in active for levy in other.levy]
            yield from levies.in_force(state, active_levies, holds, policy.label, day)

    def permit(self, state: State, command: Command, day: int) -> list[Event]:
        """Refuse a command, or note what it takes from quotas; nothing when no policy touches it."""
        noted: list[Event] = []
        case: dict[str, Any] | None = None
        for policy in self.policies:
            if policy.label not in state.run.policies:
                continue
            for number, rule in enumerate(policy.permit):
                if not rule.enabled or type(command).__name__ not in rule.refuse:
                    continue
                case = case if case is not None else command_case(state, command)
                if not any(holds(condition, case) for condition in rule.when):
                    continue
                used = _take(state, policy, rule, number, case, day)
                if used is None:
                    return [_forbidden(policy, rule, command, case)]
                noted.append(used)
        return noted

    def levy(self, state: State, events: Sequence[Event], day: int) -> Iterator[Happening]:
        """Charge what policies take of transactions; levies are not levied on."""
        for event in events:
            if type(event).__name__ not in self.levied or getattr(event, "kind", "") == "levy":
                continue
            case = event_case(state, event)
            for policy in self.policies:
                if policy.label in state.run.policies:
                    for rule in policy.levy:
                        yield from _charge(policy, rule, event, case, day)


def policy_hooks(policies: Sequence[Policy]) -> PolicyHooks | None:
    """Make the hooks of a run; None when there is no policy."""
    return PolicyHooks(policies) if policies else None


def _day(when: date) -> int:
    return to_day(when)


def _forbidden(policy: Policy, rule: Permit, command: Command, case: Mapping[str, Any]) -> CommandForbidden:
    gpus = case.get("gpus")
    return CommandForbidden(
        org=command.actor,
        policy=policy.label,
        kind=type(command).__name__,
        reason=rule.reason,
        region=case.get("region"),
        counterparty=case.get("counterparty"),
        chip=case.get("chip"),
        gpus=int(gpus) if gpus is not None else None,
    )


def _take(
    state: State, policy: Policy, rule: Permit, number: int, case: Mapping[str, Any], day: int
) -> QuotaUsed | None:
    """Take a command's amount from its quota; None when there is none or too little left."""
    quota = rule.quota
    if quota is None:
        return None
    name = f"permit {number} {' '.join(str(case.get(by)) for by in quota.by)} {_period(quota, state, day)}".strip()
    amount = 1.0 if quota.of == "commands" else float(case.get(quota.of) or 0.0)
    used = state.run.quotas.get(policy.label, {}).get(name, 0.0) + amount
    return (
        QuotaUsed(policy=policy.label, org=case["org"], kind=name, value=digits(used)) if used <= quota.limit else None
    )


def _period(quota: Quota, state: State, day: int) -> str:
    when = to_date(day)
    if quota.per == "week":
        return f"week {(day - state.run.start_day) // 7}"
    if quota.per == "quarter":
        return f"{when.year} quarter {(when.month + 2) // 3}"
    return str(when.year) if quota.per == "year" else "all"


def _charge(policy: Policy, rule: Levy, event: Event, case: Mapping[str, Any], day: int) -> Iterator[Happening]:
    if not rule.enabled or type(event).__name__ not in rule.on:
        return
    if not any(holds(condition, case) for condition in rule.when):
        return
    usd = rule.rate * float(case.get("amount_usd") or 0.0)
    usd += rule.usd_per_unit * float(case.get({"mw_it": "power_mw_it"}.get(rule.unit, rule.unit)) or 0.0)
    cents = round(usd * CENTS)
    payer = case.get(rule.payer)
    if cents <= 0 or payer is None:
        return
    contract = str(case["contract_id"] or payer)
    yield Happening(
        day,
        LevyCharged(policy=policy.label, org=payer, amount_usd_cents=cents, contract_id=contract),
        payer,
        policy.label,
    )
    payee = TREASURY if rule.to == "treasury" else "world"
    yield Happening(
        day,
        PaymentMade(org=payer, counterparty=payee, amount_usd_cents=cents, kind="levy", contract_id=contract),
        payer,
        policy.label,
    )


# --- what a condition sees


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
    for name in ("on_site_power", "sublease"):
        test = getattr(condition, name)
        if test is not None and bool(case.get(name)) != test:
            return False
    return True


def _roles_hold(test: Any, roles: Sequence[str]) -> bool:
    if any(role in test.none_of for role in roles):
        return False
    return test.any_of is None or any(role in test.any_of for role in roles)


def command_case(state: State, command: Command) -> dict[str, Any]:
    """Say what a command is about, with the quote or request that it names."""
    quote = state.leases.quotes.get(getattr(command, "quote_id", ""))
    request_id = quote.request_id if quote else getattr(command, "request_id", "")
    request = state.leases.requests.get(request_id)
    found: dict[str, Any] = {"org": command.actor}
    for source in (command, getattr(command, "terms", None), quote, request):
        for name in NAMED:
            value = getattr(source, name, None)
            if value is not None and name not in found:
                found[name] = value
    lessor, lessee = found.get("lessor"), found.get("lessee")
    found["counterparty"] = lessee if lessor in (None, command.actor) else lessor
    return _completed(state, found)


def event_case(state: State, event: Event) -> dict[str, Any]:
    """Say what an event is about."""
    found = {name: getattr(event, name) for name in event.__struct_fields__}
    found["org"] = found.get("org") or found.get("lessee") or found.get("lessor")
    found["counterparty"] = found.get("counterparty") or found.get("supplier") or found.get("lessor")
    subject = type(event).subject
    found["contract_id"] = found.get("contract_id") or (found.get(subject) if subject else None)
    case = _completed(state, found)
    if case.get("amount_usd") is None and case.get("gpus"):
        price = case.get("price_usd_per_gpu")
        hourly = case.get("price_usd_per_gpu_hour")
        if price is not None:
            case["amount_usd"] = case["gpus"] * price
        elif hourly is not None and case.get("duration_days"):
            case["amount_usd"] = case["gpus"] * hourly * 24 * case["duration_days"]
    return case


def _completed(state: State, case: dict[str, Any]) -> dict[str, Any]:
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
        case["mwh"] = _monthly_mwh(state, site.installed_w, site.region)
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


def _monthly_mwh(state: State, installed_w: int, region: str) -> float:
    """Energy that a site draws in four weeks, PUE and load factor included."""
    p = state.run.parameters
    facility_mw = installed_w / 1e6 * p[f"regions.{region}.pue"] * p["energy.load_factor"]
    return facility_mw * HOURS_PER_YEAR * 28 / 365
