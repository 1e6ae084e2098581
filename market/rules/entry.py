"""Rules of who enters the market and who leaves it on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median

from events.commands import entry as commands
from events.kinds import EntryRefusal, ExitRefusal, SegmentName, roles_of, roles_text
from events.types import Event
from events.types import estates as estate_events
from events.types.demand import ShareMeasured
from events.types.finance import BudgetSet, PaymentMade, RoundClosed, ValuationStated
from events.types.run import OrgRegistered, ParameterSet
from events.types.training import ComputeSplitSet, ResearchersMeasured
from market.rules.base import Deciders, Happening, cash, trait
from market.rules.demand import SEGMENTS
from market.state import State
from market.state.run import Entrant
from market.units import digits

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}")
ROLES = frozenset({"lab", "cloud", "rest", "investor"})  # suppliers and OEMs come with lines that no command makes
FOUNDERS = frozenset({"investor", "cloud", "lab"})


def enter(state: State, day: int) -> Iterator[Happening]:
    """Let orgs enter whose day has come: registered, with the cash, valuation and budget that were announced."""
    for entrant in state.run.entrants.values():
        if entrant.day <= day:
            for event in _entered(state, entrant):
                cause = f"{entrant.name}/entry" if isinstance(event, OrgRegistered) else entrant.name
                yield Happening(day, event, entrant.name, cause)


def _entered(state: State, entrant: Entrant) -> Iterator[Event]:
    name = entrant.name
    yield OrgRegistered(
        org=name,
        role=roles_text(entrant.roles),
        country=entrant.country,
        kind=entrant.behaviour,
        parent_org=entrant.parent,
    )
    if entrant.cash_cents:
        yield PaymentMade(
            org="world/savers",
            counterparty=name,
            amount_usd_cents=entrant.cash_cents,
            kind="opening",
            contract_id=name,
        )
    if entrant.valuation_cents:
        yield ValuationStated(org=name, valuation_usd_cents=entrant.valuation_cents)
    if entrant.budget_usd_per_year:
        yield BudgetSet(org=name, value=entrant.budget_usd_per_year, reason="start")
    yield from _as_lab(state, name, entrant.roles)


def _as_lab(state: State, name: str, roles: tuple[str, ...]) -> Iterator[Event]:
    """What a new lab begins with: no customers, the least appeal and heads of those with some, research as others."""
    if "lab" not in roles:
        return
    others = list(state.training.labs)
    yield ComputeSplitSet(org=name, share=state.run.parameters["split.inference_start"])
    heads = [lab.researchers for lab in state.training.labs.values() if lab.researchers > 0]
    yield ResearchersMeasured(org=name, researchers=min(heads, default=0.0), h100e=0.0)
    for what in ("research_share", "revenue_growth_start"):
        known = [trait(state, org, what) for org in others if f"orgs.{org}.{what}" in state.run.parameters]
        if known:
            yield ParameterSet(parameter=f"orgs.{name}.{what}", value=digits(median(known)))
    for segment in SEGMENTS:
        yield from _customers(state, name, segment)


def _customers(state: State, name: str, segment: SegmentName) -> Iterator[Event]:
    found = state.demand.segments.get(segment)
    pulls = [trait(state, org, f"appeal_{segment}") for org in found.shares] if found is not None else []
    if pulls:
        yield ParameterSet(parameter=f"orgs.{name}.appeal_{segment}", value=min(pulls))
        yield ShareMeasured(org=name, segment=segment, share=0.0)


# --- commands


def found_org(state: State, command: commands.FoundOrg, day: int) -> list[Event]:
    """Found an org with a first round, or a subsidiary."""
    if reason := _no_founding(state, command):
        return [estate_events.EntryRefused(org=command.actor, reason=reason)]
    name, roles = command.org, tuple(sorted(set(roles_of(command.role))))
    deal, cents = f"{name}/deal/1", command.amount_usd_cents
    registered = OrgRegistered(
        org=name,
        role=roles_text(roles),
        country=command.country,
        kind=command.behaviour,
        parent_org=command.actor if command.subsidiary else None,
    )
    closed = RoundClosed(
        deal_id=deal,
        org=name,
        counterparty=command.actor,
        amount_usd_cents=cents,
        valuation_usd_cents=max(cents, command.valuation_usd_cents),
        kind="equity",
    )
    paid = PaymentMade(org=command.actor, counterparty=name, amount_usd_cents=cents, kind="equity", contract_id=deal)
    budget = BudgetSet(org=name, value=round(max(0.0, command.budget_usd_per_year), 2), reason="start")
    return [registered, closed, paid, budget, *_as_lab(state, name, roles)]


def _no_founding(state: State, command: commands.FoundOrg) -> EntryRefusal | None:
    run, roles = state.run, roles_of(command.role)
    known = {org.behaviour for org in run.orgs.values()}
    if not NAME.fullmatch(command.org):
        return "no name"
    if command.org in run.orgs or command.org in run.entrants or command.org in state.finance.ledger.accounts:
        return "name taken"
    if not set(roles) <= ROLES or command.behaviour not in known or command.behaviour not in roles:
        return "unknown role or behaviour"
    countries = {region.country for region in run.regions.values()} | {org.country for org in run.orgs.values()}
    if command.country not in countries:
        return "unknown country"
    if not FOUNDERS & set(run.orgs[command.actor].roles):
        return "no founder"
    if not 1 <= command.amount_usd_cents <= cash(state, command.actor):
        return "cash"
    return None


def wind_up(state: State, command: commands.WindUp, day: int) -> list[Event]:
    """Ask that the org, or a subsidiary of it, be wound up: its estate is opened this week."""
    org = state.run.orgs.get(command.org)
    reason: ExitRefusal | None = None
    if org is None or command.actor not in (command.org, org.parent):
        reason = "not the actor's"
    elif command.org in state.finance.estates or command.org in state.finance.filings:
        reason = "under way"
    elif not {"cloud", "lab", "rest"} & set(org.roles):
        reason = "of no such role"
    if reason:
        return [estate_events.ExitRefused(org=command.actor, reason=reason)]
    return [estate_events.WindUpFiled(org=command.org, counterparty=command.actor)]


DECIDE: Deciders = {commands.FoundOrg: found_org, commands.WindUp: wind_up}
