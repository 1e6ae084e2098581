"""The shell around the pure world: decide, append, evolve; the steps of a week; replay.

A `Kernel` holds a state and a log and is the only thing that joins them. Nothing here is a rule.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from events.commands import Choice, Command, Terms
from events.facts import Batch, Entry, Fact
from events.facts.chips import ChipsAllocated
from events.facts.policy import CommandForbidden, PolicyEnacted
from events.facts.run import ExogenousShock, OptionChosen, OptionRejected, RunEnded, WeekClosed
from events.memory import Log
from events.rows import Rows
from market import rng, rules
from market.evolve import evolve
from market.rules.base import Happening
from market.state import State, state_hash

WORLD = "world"
Outcome = Happening | Batch | None
WEEK = 7
START = (0, 0)
Place = tuple[int, int]  # seq of a fact, and of the root of its chain of causes
ROOTS = (PolicyEnacted, ExogenousShock)  # what nothing in the world led to


class Hooks(Protocol):
    """What policies may do: change parameters on a date, forbid a command, levy on a fact."""

    def calendar(self, state: State, first: int, last: int) -> Iterable[Happening]:
        """Facts of policies that begin or end between two days."""

    def permit(self, state: State, command: Command, day: int) -> Sequence[Fact]:
        """The refusal of a command, or what it takes from quotas, or nothing."""

    def levy(self, state: State, facts: Sequence[Fact], day: int) -> Iterable[Happening]:
        """What policies charge on facts."""


class ReplayMismatch(Exception):
    """A week's state hash is not the one that the log recorded."""

    def __init__(self, week: int, recorded: str, found: str) -> None:
        super().__init__(f"week {week}: the log recorded state {recorded[:16]}, replay gives {found[:16]}")
        self.week = week


@contextmanager
def few_collections() -> Iterator[None]:
    """Let the garbage collector look less often: facts hold no cycles, and every look walks all that a run made."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def remember(state: State, fact: Fact, seq: int, root: int) -> None:
    """Note the latest fact about a thing, for those that will name it as their cause."""
    kind = type(fact)
    if kind.subject and not kind.periodic:
        state.trail[getattr(fact, kind.subject) + kind.aspect] = (seq, root)


class Kernel:
    """One run: its state, its log, and the policies that act on it."""

    def __init__(self, log: Log, hooks: Hooks | None = None) -> None:
        self.state = State()
        self.log = log
        self.hooks = hooks
        self.day = 0

    # --- recording

    def record(self, day: int, fact: Fact, actor: str, cause: str | Place | None) -> Place:
        """Append one fact and apply it.

        `cause` is the id of the thing that led to it, the place of a fact, or None for a root; the fact's own place
        comes back. An id that nothing was said about stands for its actor, and at last for the start of the run.
        """
        state, seq = self.state, self.log.next_seq
        if cause is None or type(fact) in ROOTS:
            cause_seq, root = -1, seq
        elif isinstance(cause, str):
            cause_seq, root = state.trail.get(cause) or state.trail.get(actor) or START
        else:
            cause_seq, root = cause
        self.log.append(Entry(seq, day, actor, cause_seq, root, fact))
        evolve(state, fact, day)
        remember(state, fact, seq, root)
        return seq, root

    def record_batch(self, day: int, batch: Batch) -> list[Fact]:
        """Append many facts of one type and apply them; give back those that policies may levy on."""
        state, trail = self.state, self.state.trail
        causes = [trail.get(c) or trail.get(a) or START for c, a in zip(batch.cause, batch.actor, strict=True)]
        rows = Rows(
            batch.kind, self.log.next_seq, day, batch.actor, [c for c, _ in causes], [r for _, r in causes],
            batch.columns,
        )  # fmt: skip
        self.log.append_rows(rows)
        entries = list(rows.entries())
        for entry in entries:
            evolve(state, entry.fact, day)
            remember(state, entry.fact, entry.seq, entry.root_seq)
        return [entry.fact for entry in entries] if self.hooks is not None else []

    def record_all(self, outcomes: Iterable[Outcome], day: int) -> list[Fact]:
        """Append happenings and batches in order, with what policies levy on them; give back the single facts."""
        facts: list[Fact] = []
        for outcome in outcomes:
            if outcome is None:
                continue
            if isinstance(outcome, Batch):
                facts.extend(self.record_batch(day, outcome))
                continue
            self.record(outcome.day, outcome.fact, outcome.actor, outcome.cause)
            facts.append(outcome.fact)
        self._levy(facts, day)
        return facts

    def _levy(self, facts: Sequence[Fact], day: int) -> None:
        if self.hooks is not None:
            for charge in list(self.hooks.levy(self.state, facts, day)):
                self.record(charge.day, charge.fact, charge.actor, charge.cause)

    # --- the steps of a week

    def begin(self, facts: Iterable[tuple[int, Fact]]) -> None:
        """Record the start: every fact of it is a root."""
        for day, fact in facts:
            self.record(day, fact, getattr(fact, "org", WORLD), None)
        self.state.trail[WORLD] = START
        self.record_all(rules.calibrate(self.state), self.state.run.start_day)
        self.log.close_week()

    def clock(self, week: int) -> None:
        """Turn time into facts: everything that fell due in a week, by day, type and id."""
        first = self.state.run.start_day + WEEK * week
        self.day = first + WEEK - 1
        policies = list(self.hooks.calendar(self.state, first, self.day)) if self.hooks is not None else []
        due = sorted((fact for family in rules.CLOCK for fact in family(self.state, first, self.day)), key=_when)
        happenings: list[Happening] = sorted([*policies, *due], key=lambda happening: happening.day)
        self.record_all(happenings, self.day)

    def decide(self, commands: Iterable[Command]) -> None:
        """Answer commands in the order of a keyed permutation of their actors."""
        seed, week = self.state.run.seed, self.state.run.week + 1
        order: dict[str, float] = {}
        asked = list(commands)
        for command in asked:
            if command.actor not in order:
                order[command.actor] = rng.uniform(seed, "turn", command.actor, week)
        for command in sorted(asked, key=lambda c: (order[c.actor], c.actor)):
            self.answer(command)

    def answer(self, command: Command) -> list[Fact]:
        """Decide one command and record its facts behind the choice that led to it."""
        cause: str | Place = command.because
        if self.hooks is not None:
            noted = self.hooks.permit(self.state, command, self.day)
            for fact in noted:
                self.record(self.day, fact, command.actor, str(getattr(fact, "policy", "")))
            if any(type(fact) is CommandForbidden for fact in noted):
                return list(noted)
        facts = rules.decide(self.state, command, self.day)
        if command.why is not None:
            cause = self._choice(command.actor, command.why, command.because)
        for fact in facts:
            self.record(self.day, fact, command.actor, cause)
        self._levy(facts, self.day)
        return facts

    def _choice(self, actor: str, why: Choice, because: str) -> Place:
        """Record the terms of the candidate taken and of the best of the rest."""
        if why.rejected is not None:
            self.record(self.day, _option(OptionRejected, actor, why.topic, why.rejected), actor, because)
        return self.record(self.day, _option(OptionChosen, actor, why.topic, why.chosen), actor, because)

    def clear(self) -> None:
        """Let desks and lines allot what is scarce, one mechanism after the other."""
        for step in rules.CLEARING:
            self.record_all(list(step(self.state, self.day)), self.day)
        self.record_all(list(rules.allocation.convert(self.state, self.day)), self.day)
        allocated = self.record_all(list(rules.allocation.allocate(self.state, self.day)), self.day)
        sold = [fact for fact in allocated if isinstance(fact, ChipsAllocated)]
        self.record_all(list(rules.allocation.ship(self.state, sold, self.day)), self.day)
        for step in rules.SETTLING:
            self.record_all(list(step(self.state, self.day)), self.day)
        for batch in rules.measures(self.state, self.day):
            self.record_all([batch], self.day)

    def close(self) -> str:
        """Close the week: hash the state and hand the week to the log."""
        week = self.state.run.week + 1
        digest = state_hash(self.state) if self.log.is_kept else ""
        self.record(self.day, WeekClosed(week, digest), WORLD, WORLD)
        self.log.close_week()
        return digest

    def end(self, reason: str = "end") -> None:
        """Close the run."""
        run = self.state.run
        last = run.start_day + max(0, WEEK * (run.week + 1) - 1)  # also of a run that was cut after its last week
        self.record(last, RunEnded(run.week, reason), WORLD, WORLD)
        self.log.finish()


def _when(happening: Happening) -> tuple[int, str, str]:
    return happening.day, type(happening.fact).__name__, happening.cause


def _option(kind: type[OptionChosen | OptionRejected], actor: str, topic: str, terms: Terms) -> Fact:
    scores = (terms.term_price, terms.term_time, terms.term_control, terms.term_risk)
    return kind(actor, topic, terms.option, *(round(score, 9) for score in scores))


def replay(entries: Iterable[Entry], state: State | None = None) -> Iterator[tuple[Entry, State]]:
    """Rebuild the state from facts alone; yield it after each week, checked against the recorded hash.

    Raises ReplayMismatch at the first week whose hash differs.
    """
    state = state or State()
    for entry in entries:
        fact = entry.fact
        if type(fact) is WeekClosed:
            if (found := state_hash(state)) != fact.state_hash:
                raise ReplayMismatch(fact.week, fact.state_hash, found)
            evolve(state, fact, entry.day)
            yield entry, state
            continue
        evolve(state, fact, entry.day)
        remember(state, fact, entry.seq, entry.root_seq)
