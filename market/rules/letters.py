"""Rules of letters of intent: announcements that become definitive, are cut, or lapse."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from events.commands import leases as commands
from events.kinds import LetterEnd, LetterRefusal
from events.types import Event
from events.types import leases as events
from market import rng
from market.rules import demand, finance
from market.rules.base import (
    Deciders,
    Happening,
    cash,
    holdings_of,
    income_usd_per_year,
    sold_by,
    to_come,
)
from market.rules.free import free_gpus, promised_by
from market.rules.power import days_of_new
from market.state import State, next_id
from market.state.leases import Letter
from market.units import CENTS, DAYS_PER_YEAR, HOURS_PER_YEAR, YEAR_MONTHS, digits


def sign_letter(state: State, command: commands.SignLetter, day: int) -> list[Event]:
    """Announce compute; one open letter between two orgs."""
    org = state.run.orgs.get(command.lessor)
    reason: LetterRefusal | None = None
    if org is None or "cloud" not in org.roles or command.lessor in {command.actor, *state.finance.estates}:
        reason = "unknown lessor"
    elif not 0 < command.h100e < math.inf or command.due_day <= day:
        reason = "nothing announced"
    elif any(x.org == command.actor and x.counterparty == command.lessor for x in state.leases.letters.values()):
        reason = "a letter is open"
    if reason:
        return [events.LetterRefused(org=command.actor, counterparty=command.lessor, reason=reason)]
    deal = next_id(state, command.actor, "deal")
    return [
        events.LetterSigned(
            deal_id=deal,
            org=command.actor,
            counterparty=command.lessor,
            h100e=round(command.h100e, 3),
            due_day=command.due_day,
        )
    ]


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """What becomes of letters in a week: at times the two decide by the money and power there are; else some lapse."""
    p, run = state.run.parameters, state.run
    week = (first - run.start_day) // 7
    begun: Counter[str] = Counter()  # talks of an org in this week, each with an id of its own
    for letter in state.leases.letters.values():
        if letter.due_day <= last:
            yield _ended(letter, "lapsed", last)
        elif rng.uniform(run.seed, "letter", letter.deal_id, week) < 1 / p["letters.decision_weeks"]:
            yield from _decided(state, letter, last, begun)


def _decided(state: State, letter: Letter, day: int, begun: Counter[str]) -> Iterator[Happening]:
    """Sign what money and power would fulfil: all of it, a part, which is said first, or nothing."""
    p = state.run.parameters
    money, power = financed_share(state, letter, day), powered_share(state, letter, day)
    share = digits(min(1.0, money, power))
    if share < p["letters.keep_min"]:
        yield _ended(letter, "finance" if money <= power else "power", day)
    elif share < p["letters.whole_share"]:
        event = events.LetterCut(
            deal_id=letter.deal_id,
            org=letter.org,
            counterparty=letter.counterparty,
            h100e=round(share * letter.h100e, 3),
            share=share,
        )
        yield Happening(day, event, letter.counterparty, letter.deal_id)
    else:
        yield _ended(letter, "definitive", day)
        yield from _talks(state, letter, day, begun)


def financed_share(state: State, letter: Letter, day: int) -> float:
    """Part of the first year's rent that the lab could pay: cash, a round, and by then its margin beyond its rents."""
    p, org = state.run.parameters, letter.org
    if state.run.orgs[org].parent is not None:
        return 1.0  # its parent pays
    lab, ahead = state.training.labs.get(org), (letter.due_day - day) / DAYS_PER_YEAR
    growth = min(demand.lab_growth(state, org), p["labs.belief_max_per_year"]) if lab else 0.0
    revenue = lab.revenue_usd_per_year * math.exp(growth * ahead) if lab else 0.0
    yearly = p["finance.revenue_margin"] * revenue + income_usd_per_year(state, org, day)
    yearly -= YEAR_MONTHS * finance.monthly_rent(state, org) / CENTS
    once = (max(0, cash(state, org)) + p["finance.round_share"] * state.finance.books[org].valuation_cents) / CENTS
    need = letter.h100e * HOURS_PER_YEAR * state.leases.price_usd_per_h100e_hour
    return max(0.0, yearly + once) / need


def powered_share(state: State, letter: Letter, day: int) -> float:
    """Part of the power that the lessor will have free by the day, or could have: a load that asks for it today."""
    lessor, chips = letter.counterparty, state.chips.chips.values()
    each = min((c.power_kw_it_per_gpu / c.h100e for c in chips if c.in_volume and c.buyers == "all"), default=1.0)
    need = letter.h100e * each
    own = [site for site in state.sites.sites.values() if site.owner == lessor]
    promised = promised_by(state, lessor) if own else {}
    free = sum(site.spare_w - promised.get(site.name, 0) for site in own) / 1000
    free -= _undrawn_kw(state, lessor)
    mine = (b for b in to_come(state, state.sites.buildings.values()) if b.org == lessor)
    coming = sum(b.power_kw for b in mine if b.due_day + b.resting_days(day) <= letter.due_day)
    left, country = letter.due_day - day, state.run.orgs[lessor].country
    regions = {site.region for site in own} | {r.name for r in state.run.regions.values() if r.country == country}
    builds = state.run.parameters["sites.greenfield_days"] * state.run.parameters["sites.slip_median"]
    for region in sorted(regions):
        lacks = max(0.0, need - free - coming)
        if lacks and max(builds, days_of_new(state, region, "greenfield", lacks, False, day)) <= left:
            return 1.0
    return max(0.0, free + coming) / need


def _undrawn_kw(state: State, lessor: str) -> float:
    """Power that GPUs will take which contracts have yet to draw, less those that the lessor has free already."""
    undrawn: Counter[str] = Counter()
    for contract in sold_by(state, lessor):
        undrawn[contract.chip] += contract.undrawn
    for holding in holdings_of(state, lessor):
        if holding.chip in undrawn:
            undrawn[holding.chip] -= max(0, free_gpus(state, lessor, holding.chip, holding.site))
    chips = state.chips.chips
    return sum(max(0, gpus) * chips[chip].power_kw_it_per_gpu for chip, gpus in undrawn.items())


def _ended(letter: Letter, reason: LetterEnd, day: int) -> Happening:
    event = events.LetterEnded(
        deal_id=letter.deal_id, org=letter.org, counterparty=letter.counterparty, h100e=letter.h100e, reason=reason
    )
    return Happening(day, event, letter.counterparty if reason == "definitive" else letter.org, letter.deal_id)


def _talks(state: State, letter: Letter, day: int, begun: Counter[str]) -> Iterator[Happening]:
    """Begin talks on the lease that a definitive letter calls for, unless the two are talking already."""
    if any(r.lessee == letter.org and r.lessor == letter.counterparty for r in state.leases.requests.values()):
        return
    p = state.run.parameters
    stem, _, number = next_id(state, letter.org, "request").rpartition("/")
    request_id = f"{stem}/{int(number) + begun[letter.org]}"
    begun[letter.org] += 1
    event = events.LeaseRequested(
        request_id=request_id,
        lessee=letter.org,
        lessor=letter.counterparty,
        h100e=letter.h100e,
        due_day=letter.due_day,
        duration_days=round(365 * p["labs.frontier_term_years"]),
        price_usd_per_h100e_hour=digits(state.leases.price_usd_per_h100e_hour * p["price.walk_away"]),
        kind="frontier",
    )
    yield Happening(day, event, letter.org, letter.deal_id)


DECIDE: Deciders = {commands.SignLetter: sign_letter}
