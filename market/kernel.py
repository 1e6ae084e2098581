"""The shell around the pure world: decide, append, evolve; the steps of a week; replay.

A `Kernel` holds a state and a log and is the only thing that joins them. Nothing here is a rule.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from typing import Any, Protocol

from events.commands import Choice, Command, Terms, fault
from events.kinds import RunEnd
from events.memory import Log
from events.rows import Rows, plain
from events.types import Batch, Entry, Event
from events.types.base import by_position
from events.types.policy import CommandForbidden, PolicyEnacted
from events.types.run import ExogenousShock, OptionChosen, OptionRejected, RunEnded, WeekClosed
from market import rng, rules
from market.evolve import APPLIERS, ROWS, evolve
from market.rules.base import Happening
from market.rules.permits import Permission
from market.state import State, state_hash
from market.units import WEEK_DAYS, digits
from market.week import Outcome, Phase, fell_due, outcomes, steps

WORLD = "world"
Place = tuple[int, int]  # seq of an event, and of the root of its chain of causes
ROOTS = (PolicyEnacted, ExogenousShock)  # what nothing in the world led to


class Hooks(Protocol):
    """What policies may do: change parameters on a date, forbid a command, levy on an event."""

    def calendar(self, state: State, first: int, last: int) -> Iterable[Happening]:
        """Events of policies that begin or end between two days."""

    def permit(self, state: State, command: Command, day: int) -> Sequence[Event]:
        """The refusal of a command, or what it takes from quotas, or nothing."""

    def levy(self, state: State, events: Sequence[Event], day: int) -> Iterable[Happening]:
        """What policies charge on events."""

    def may(self, state: State, command: Command, day: int, today: int) -> Permission:
        """What policies would say of a command on a day, as far as can be known today."""

    def owed_usd(self, state: State, name: str, case: dict[str, Any], day: int, today: int) -> float:
        """What an event on a day would cost its org, as far as can be known today."""


class ReplayMismatch(Exception):
    """A week's state hash is not the one that the log recorded."""

    def __init__(self, week: int, recorded: str, found: str) -> None:
        super().__init__(f"week {week}: the log recorded state {recorded[:16]}, replay gives {found[:16]}")
        self.week = week


class UnknownCause(Exception):
    """An event names as its cause a thing that nothing was said about."""


class BehaviourFault(Exception):
    """A behaviour failed, or asked for what no org may ask for. A defect of the behaviour: the run ends."""

    def __init__(self, state: State, org: str, what: str) -> None:
        behaviour, week = state.run.orgs[org].behaviour, state.run.week + 1
        super().__init__(f"behaviour {behaviour!r} of {org} in week {week}: {what}")
        self.behaviour, self.org, self.week = behaviour, org, week


@contextmanager
def few_collections() -> Iterator[None]:
    """Let the garbage collector look less often: events hold no cycles, and every look walks all that a run made."""
    before = gc.get_threshold()
    gc.freeze()  # nor at what was imported before
    gc.set_threshold(1_000_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def remember(state: State, event: Event, seq: int, root: int) -> None:
    """Note the latest event about a thing, for those that will name it as their cause."""
    if about := _about(type(event)):
        state.trail[getattr(event, about[0]) + about[1]] = (seq, root)


@cache
def _about(kind: type[Event]) -> tuple[str, str] | None:
    """Subject and aspect of the events that later ones may name as their cause."""
    return (kind.subject, kind.aspect) if kind.subject and not kind.periodic else None


class Kernel:
    """One run: its state, its log, and the policies that act on it."""

    def __init__(self, log: Log, hooks: Hooks | None = None, state: State | None = None) -> None:
        self.state = state if state is not None else State()
        self.log = log
        self.hooks = hooks
        self.day = 0

    # --- recording

    def record(self, day: int, event: Event, actor: str, cause: str | Place | None) -> Place:
        """Append one event and apply it.

        `cause` is the id of the thing that led to it, the place of an event, or None for a root; the event's own place
        comes back. Raises UnknownCause for an id that nothing was said about.
        """
        state, seq, kind = self.state, self.log.next_seq, type(event)
        if cause is None or kind in ROOTS:
            cause_seq, root = -1, seq
        elif isinstance(cause, str):
            cause_seq, root = state.trail.get(cause) or self._place(cause, kind)
        else:
            cause_seq, root = cause
        self.log.append(Entry(seq, day, actor, cause_seq, root, event))
        APPLIERS[kind](state, event, day)
        if about := _about(kind):  # `remember`, without a call for each of all events
            state.trail[getattr(event, about[0]) + about[1]] = (seq, root)
        return seq, root

    def _place(self, cause: str, kind: type[Event]) -> Place:
        """Find the latest event about a thing."""
        found = self.state.trail.get(cause)
        if found is None:
            raise UnknownCause(f"{kind.__name__} names {cause!r} as its cause, and nothing was said about that")
        return found

    def record_batch(self, day: int, batch: Batch) -> list[Event]:
        """Append many events of one type and apply them; give back those that policies may levy on."""
        state, trail = self.state, self.state.trail
        causes = [trail.get(cause) or self._place(cause, batch.kind) for cause in batch.cause]
        rows = Rows(
            batch.kind, self.log.next_seq, day, batch.actor, [c for c, _ in causes], [r for _, r in causes],
            batch.columns,
        )  # fmt: skip
        self.log.append_rows(rows)
        is_by_row = batch.kind in ROWS
        events = [] if is_by_row and self.hooks is None else rows.events()
        apply = ROWS[batch.kind] if is_by_row else APPLIERS[batch.kind]
        for row in rows.values() if is_by_row else events:
            apply(state, row, day)
        if about := _about(batch.kind):
            names = plain(batch.columns[about[0]])
            for seq, (name, (_, root)) in enumerate(zip(names, causes, strict=True), rows.first_seq):
                trail[name + about[1]] = (seq, root)
        return events if self.hooks is not None else []

    def record_all(self, outcomes: Iterable[Outcome], day: int) -> list[Event]:
        """Append happenings and batches in order, with what policies levy on them; give back the single events."""
        events: list[Event] = []
        for outcome in outcomes:
            if isinstance(outcome, Batch):
                events.extend(self.record_batch(day, outcome))
                continue
            self.record(outcome.day, outcome.event, outcome.actor, outcome.cause)
            events.append(outcome.event)
        self._levy(events, day)
        return events

    def _levy(self, events: Sequence[Event], day: int) -> None:
        if self.hooks is not None:
            for charge in self.hooks.levy(self.state, events, day):  # each is written before the next: a budget shrinks
                self.record(charge.day, charge.event, charge.actor, charge.cause)

    # --- the steps of a week

    def begin(self, events: Iterable[tuple[int, Event]]) -> None:
        """Record the start: every event of it is a root."""
        for day, event in events:
            self.record(day, event, getattr(event, "org", WORLD), None)
        self.record_all(rules.calibrate(self.state), self.state.run.start_day)
        self.log.close_week()

    def clock(self, week: int) -> None:
        """Turn time into events: everything that fell due in a week, by day, type and id."""
        first = self.state.run.start_day + WEEK_DAYS * week
        self.day = first + WEEK_DAYS - 1
        policies = list(self.hooks.calendar(self.state, first, self.day)) if self.hooks is not None else []
        due = fell_due(self.state, first, self.day, week)
        happenings = sorted([*policies, *due], key=lambda happening: happening.day)
        self.record_all(happenings, self.day)

    def decide(self, asked: Mapping[str, Sequence[Command]]) -> None:
        """Answer the commands of orgs in the order of a keyed permutation of them.

        Raises BehaviourFault, before any is answered, where an org asks in another's name or for what is no command;
        and where the cause of a command is a thing that nothing was said about.
        """
        for org, commands in asked.items():
            self._check(org, commands)
        seed, week = self.state.run.seed, self.state.run.week + 1
        for org in sorted(asked, key=lambda name: (rng.uniform(seed, "turn", name, week), name)):
            for command in asked[org]:
                if command.because not in self.state.trail:
                    what = f"{type(command).__name__}: nothing was said about its cause {command.because!r}"
                    raise BehaviourFault(self.state, org, what)
                self.answer(command)

    def _check(self, org: str, commands: Sequence[Command]) -> None:
        """Refuse what no org may ask for."""
        if not isinstance(commands, list | tuple):
            raise BehaviourFault(self.state, org, f"an answer is a list of commands, was {type(commands).__name__}")
        for command in commands:
            name = type(command).__name__
            if type(command) not in rules.DECIDERS:
                raise BehaviourFault(self.state, org, f"{name} is no command")
            if command.actor != org:
                raise BehaviourFault(self.state, org, f"{name} speaks for {command.actor!r}; an org speaks for itself")
            if found := fault(command):
                raise BehaviourFault(self.state, org, f"{name}: {found}")

    def answer(self, command: Command) -> list[Event]:
        """Decide one command and record its events behind the choice that led to it; a refusal takes from no quota."""
        cause: str | Place = command.because
        noted = self.hooks.permit(self.state, command, self.day) if self.hooks is not None else ()
        is_forbidden = any(type(event) is CommandForbidden for event in noted)
        events = [] if is_forbidden else rules.decide(self.state, command, self.day)
        if noted and (is_forbidden or not rules.refused(events)):
            place = cause
            for event in noted:  # a payment follows what it is paid for
                place = self.record(self.day, event, command.actor, getattr(event, "policy", place))
        if is_forbidden:
            return list(noted)
        if command.why is not None:
            cause = self._choice(command.actor, command.why, command.because)
        for event in events:
            self.record(self.day, event, command.actor, cause)
        self._levy(events, self.day)
        return events

    def _choice(self, actor: str, why: Choice, because: str) -> Place:
        """Record the terms of the candidate taken, behind those of all that were left."""
        for left in why.rejected:
            self.record(self.day, _option(OptionRejected, actor, why.topic, left), actor, because)
        return self.record(self.day, _option(OptionChosen, actor, why.topic, why.chosen), actor, because)

    def clear(self) -> None:
        """Share out what is scarce, measure and pay, one step of the week's table after the other."""
        for step in steps(Phase.CLEAR, Phase.MEASURE, week=self.state.run.week + 1):
            self.record_all(outcomes(step.rule(self.state, self.day)), self.day)

    def close(self) -> str:
        """Close the week: hash the state and hand the week to the log."""
        week = self.state.run.week + 1
        digest = state_hash(self.state) if self.log.is_kept else ""
        self.record(self.day, WeekClosed(week=week, state_hash=digest), WORLD, WORLD)
        self.log.close_week()
        return digest

    def end(self, reason: RunEnd = "end") -> None:
        """Close the run."""
        run = self.state.run
        last = run.start_day + max(0, WEEK_DAYS * (run.week + 1) - 1)  # also of a run that was cut after its last week
        self.record(last, RunEnded(week=run.week, reason=reason), WORLD, WORLD)
        self.log.finish()


def _option(kind: type[OptionChosen | OptionRejected], actor: str, topic: str, terms: Terms) -> Event:
    make, values_of = _teller(kind)
    return make(actor, topic, *[digits(x) if x and isinstance(x, float) else x for x in values_of(terms)])


@cache
def _teller(kind: type[OptionChosen | OptionRejected]) -> tuple[Callable[..., Event], Callable[[Terms], Any]]:
    """How an event of a choice is made of its org, its topic and what it tells of the terms."""
    told = kind.__struct_fields__[2:]
    return by_position(kind), attrgetter(*told)


def replay(
    entries: Iterable[Entry], state: State | None = None, *, hashes: bool = True, trail: bool = True
) -> Iterator[tuple[Entry, State]]:
    """Rebuild the state from events alone; yield it after each week, checked against the recorded hash.

    Raises ReplayMismatch at the first week whose hash differs; with `hashes` false none is compared. Only a run that
    goes on needs the `trail`, which holds every thing that was ever named.
    """
    state = state or State()
    for entry in entries:
        event = entry.event
        if type(event) is WeekClosed:
            if hashes and (found := state_hash(state)) != event.state_hash:
                raise ReplayMismatch(event.week, event.state_hash, found)
            evolve(state, event, entry.day)
            yield entry, state
            continue
        kind = type(event)
        APPLIERS[kind](state, event, entry.day)
        if trail and (about := _about(kind)):  # `remember`, without a call for each of all events
            state.trail[getattr(event, about[0]) + about[1]] = (entry.seq, entry.root_seq)
