"""What a scenario says of leases, money and labs at its start, as events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from events.kinds import StakeKind
from events.types import Event, finance, leases, training
from market.rules.training import compute_optimal, index_of
from market.state.training import FRONTIER_WEEKS
from market.units import CENTS, QUARTER_DAYS, SECONDS_PER_DAY, to_day

if TYPE_CHECKING:
    from market.scenario.schema import Scenario


def is_late(scenario: Scenario, name: str) -> bool:
    """Whether an org enters after the start."""
    enters = scenario.orgs[name].enters
    return enters is not None and enters > scenario.start


def leases_at_start(scenario: Scenario, start: int) -> Iterator[Event]:
    """Standing leases, parents before children; GPUs are handed over where the term has begun."""
    ids: dict[str, str] = {}
    depth: dict[str, int] = {}
    counts: dict[str, int] = {}
    left = dict(sorted(scenario.leases.items()))
    while left:
        ready = [name for name, lease in left.items() if lease.parent is None or lease.parent in ids]
        for name in ready:
            lease = left.pop(name)
            counts[lease.lessee] = counts.get(lease.lessee, 0) + 1
            ids[name] = f"{lease.lessee}/lease/{counts[lease.lessee]}"
            depth[name] = depth[lease.parent] + 1 if lease.parent else 1
            yield leases.LeaseSigned(
                lease_id=ids[name],
                parent_lease_id=ids[lease.parent] if lease.parent else None,
                quote_id=None,
                lessor=lease.lessor,
                lessee=lease.lessee,
                chip=lease.chip,
                site=lease.site,
                gpus=lease.gpus,
                start_day=to_day(lease.start),
                end_day=to_day(lease.end),
                price_usd_per_gpu_hour=lease.price_usd_per_gpu_hour,
                kind=lease.kind,
                depth=depth[name],
            )
            if to_day(lease.start) <= start:
                yield leases.GpusHandedOver(
                    lease_id=ids[name],
                    lessor=lease.lessor,
                    lessee=lease.lessee,
                    chip=lease.chip,
                    site=lease.site,
                    gpus=lease.gpus,
                )


def money_at_start(scenario: Scenario, start: int) -> Iterator[Event]:
    lenders = [name for name, org in sorted(scenario.orgs.items()) if org.traits.get("lends")]
    for name, org in sorted(scenario.orgs.items()):
        if is_late(scenario, name):
            continue
        if org.cash_usd:
            yield finance.PaymentMade(
                org="world/savers",
                counterparty=name,
                amount_usd_cents=round(org.cash_usd * CENTS),
                kind="opening",
                contract_id=name,
            )
        if org.valuation_usd:
            yield finance.ValuationStated(org=name, valuation_usd_cents=round(org.valuation_usd * CENTS))
        if org.chip_budget_usd_per_year:
            yield finance.BudgetSet(org=name, value=org.chip_budget_usd_per_year, reason="start")
        yield from _debt(scenario, name, start, lenders)
    for _, stake in sorted(scenario.investments.items()):
        kind: StakeKind = "equity for compute" if stake.for_compute else "equity"
        cents = round(stake.amount_usd * CENTS)
        yield finance.StakeKnown(
            org=stake.org,
            counterparty=stake.investor,
            amount_usd_cents=cents,
            kind=kind,
            start_day=to_day(stake.closed),
        )


def _debt(scenario: Scenario, name: str, start: int, lenders: list[str]) -> Iterator[Event]:
    """What an org owes at the start, in equal instalments (traits `debt_usd`, `debt_rate`, `debt_years`)."""
    traits = scenario.orgs[name].traits
    lender = next((other for other in lenders if other != name), None)
    if traits.get("debt_usd") and lender:
        yield finance.LoanKnown(
            deal_id=f"{name}/deal/1", org=name, counterparty=lender,
            amount_usd_cents=round(traits["debt_usd"] * CENTS),
            value=traits.get("debt_rate", scenario.parameters["finance.loan_rate"]),
            end_day=start + round(365 * traits.get("debt_years", scenario.parameters["finance.loan_years"])),
        )  # fmt: skip


def labs_at_start(scenario: Scenario, start: int) -> Iterator[Event]:
    """Models of the start, the frontier week by week up to it, what labs sell and their runs under way."""
    p = scenario.parameters
    released = list(_released(scenario))
    yield from released
    yield from _refreshed(released, p, start)
    for week in range(FRONTIER_WEEKS - 1, -1, -1):
        day = start - 7 * week
        known = [model for model in released if model.start_day <= day]
        best = max((model.capability for model in (*known, *_refreshed(known, p, day))), default=0.0)
        if known or not week:
            yield training.FrontierMeasured(capability=best)
    for name, org in sorted(scenario.orgs.items()):
        if "lab" not in org.roles or is_late(scenario, name):
            continue
        yield training.ComputeSplitSet(org=name, share=p["split.inference_start"])
        heads = org.traits.get("researchers", 0.0)
        yield training.ResearchersMeasured(org=name, researchers=heads, h100e=0.0)
        revenue = org.revenue_usd_per_year
        yield training.ServingMeasured(
            org=name, revenue_usd_per_year=revenue, value=revenue, h100e=0.0, tokens_per_s=0.0
        )
    yield from _runs(scenario, start)


def _released(scenario: Scenario) -> Iterator[training.ModelReleased]:
    """Every model of the start, as capable as on the day of its release."""
    for name, model in sorted(scenario.models.items()):
        day = to_day(model.released)
        yield training.ModelReleased(
            model=name,
            org=model.lab,
            flop=model.flop,
            effective_flop=model.flop,
            capability=index_of(scenario.parameters, model.flop, day),
            kind="frontier",
            start_day=day,
        )


def _refreshed(
    released: list[training.ModelReleased], p: Mapping[str, float], start: int
) -> Iterator[training.ModelReleased]:
    """Latest refresh before the start of each lab's latest model: all that were due came in the first week else."""
    every = round(7 * p["labs.refresh_weeks"])
    latest = {model.org: model for model in sorted(released, key=attrgetter("start_day"))}
    for model in (each for each in released if each is latest[each.org]):
        day = model.start_day + (start - model.start_day) // every * every
        if day > model.start_day:
            past = (each.capability for each in released if each.start_day <= day - 2 * QUARTER_DAYS)
            index = index_of(p, model.effective_flop, day, max(past, default=-math.inf))
            yield msgspec.structs.replace(model, capability=index, kind="refresh", start_day=day)


def _runs(scenario: Scenario, start: int) -> Iterator[Event]:
    """Runs under way: on the lab's largest holding of one chip, on as many GPUs as their dates ask for."""
    from market.scenario.machines import largest_machines, peak_flop_per_s  # a replay needs no scenario

    p, machines = scenario.parameters, largest_machines(scenario)
    for name, item in sorted(scenario.runs.items()):
        if item.lab not in machines:
            continue
        chip, site, held = machines[item.lab]
        first, due = to_day(item.start), to_day(item.due)
        pace = peak_flop_per_s(scenario, chip) * p["labs.mfu"] * p["labs.goodput"] * SECONDS_PER_DAY
        gpus = min(held, math.ceil(item.flop / (pace * (due - first))))
        due = max(due, first + math.ceil(item.flop / (pace * gpus)))  # no sooner than its GPUs get there
        params, tokens = compute_optimal(item.flop)
        yield training.TrainingStarted(
            run_id=f"{item.lab}/run/1",
            org=item.lab,
            model=name,
            site=site,
            chip=chip,
            gpus=gpus,
            flop=item.flop,
            effective_flop=item.flop,
            params=params,
            tokens=tokens,
            experts=0,
            mfu=p["labs.mfu"],
            goodput=p["labs.goodput"],
            plan="",
            start_day=first,
            due_day=due,
        )
