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
from market.rules.base import Deciders, Happening
from market.state import State, next_id
from market.state.leases import Letter
from market.units import digits


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
    """What becomes of letters in a week, by weekly hazards; one that reaches its date unsigned lapses."""
    p, run = state.run.parameters, state.run
    week = (first - run.start_day) // 7
    definitive, cut = 1 / p["letters.definitive_weeks"], 1 / p["letters.cut_weeks"]
    lapse = 1 / p["letters.lapse_weeks"]
    begun: Counter[str] = Counter()  # talks of an org in this week, each with an id of its own
    for letter in state.leases.letters.values():
        u = rng.uniform(run.seed, "letter", letter.deal_id, week)
        if letter.due_day <= last or definitive + cut <= u < definitive + cut + lapse:
            yield _ended(letter, "lapsed", last)
        elif u < definitive:
            yield _ended(letter, "definitive", last)
            yield from _talks(state, letter, last, begun)
        elif u < definitive + cut:
            low, high = p["letters.keep_min"], p["letters.keep_max"]
            share = digits(low + (high - low) * rng.uniform(run.seed, "letter keeps", letter.deal_id, week))
            event = events.LetterCut(
                deal_id=letter.deal_id,
                org=letter.org,
                counterparty=letter.counterparty,
                h100e=round(share * letter.h100e, 3),
                share=share,
            )
            yield Happening(last, event, letter.counterparty, letter.deal_id)


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
        price_usd_per_h100e_hour=round(state.leases.price_usd_per_h100e_hour * p["price.walk_away"], 6),
        kind="frontier",
    )
    yield Happening(day, event, letter.org, letter.deal_id)


DECIDE: Deciders = {commands.SignLetter: sign_letter}
