"""Read a run folder from Python: events and tables as lazy frames, the state at any date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from events import EVENTS, LogReader, Parent, open_log
from events.vocabulary import ENVELOPE
from market.kernel import ReplayMismatch, few_collections, replay
from market.state import State, state_form, state_hash
from market.units import to_date, to_day

if TYPE_CHECKING:
    import polars as pl

    from market.policies.schema import Policy
    from market.runs.question import Question

ORG_COLUMNS = ("actor", "org", "counterparty", "lessor", "lessee", "supplier")


class Usage(ValueError):
    """A question that this run cannot answer; the text is one line."""


class Replayed(NamedTuple):
    """A state rebuilt from events, after a whole week.

    day : last day of that week. events : events replayed. state_hash : of that week, as the log recorded it.
    mismatch : what disagreed with the log, empty when every week's hash held.
    unchecked : why no hash was compared, empty when all were.
    """

    state: State
    day: date
    week: int
    events: int
    state_hash: str
    mismatch: str
    unchecked: str = ""


@dataclass(frozen=True)
class Run:
    """A run folder, finished or in progress. Damage raises events.LogDamaged when the log is first read."""

    reader: LogReader

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.reader.folder

    @cached_property
    def log(self) -> pl.LazyFrame:
        """All events: envelope and vocabulary columns."""
        return self.reader.scan()

    def events(self, kind: str | None = None) -> pl.LazyFrame:
        """Events of one type with the columns that the type fills, or all events with all columns."""
        if kind is None:
            return self.log
        import polars as pl

        if kind not in EVENTS:
            raise Usage(unknown("event type", kind, EVENTS))
        return self.log.filter(pl.col("type") == kind).select(*ENVELOPE, *EVENTS[kind].__struct_fields__)

    def table(self, name: str) -> pl.LazyFrame:
        """One of `market.analytics.TABLES`, such as prices or leases."""
        from market.analytics import TABLES, table

        if name not in TABLES:
            raise Usage(unknown("table", name, TABLES))
        return table(name, self.log)

    def chosen(
        self,
        kinds: tuple[str, ...] = (),
        *,
        org: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
    ) -> pl.LazyFrame:
        """Events of some types, that name an org, between two days, the first so many of them."""
        import polars as pl

        log = self.log
        for kind in kinds:
            if kind not in EVENTS:
                raise Usage(unknown("event type", kind, EVENTS))
        if kinds:
            log = log.filter(pl.col("type").is_in(kinds))
        if org is not None:
            self._check_org(org)
            log = log.filter(pl.any_horizontal(pl.col(name) == org for name in ORG_COLUMNS))
        if since is not None and until is not None and _day(since) > _day(until):
            raise Usage(f"--since {since} lies after --until {until}: no day lies between them")
        if since is not None:
            log = log.filter(pl.col("day") >= _day(since))
        if until is not None:
            log = log.filter(pl.col("day") <= _day(until))
        return log if limit is None else log.head(limit)

    def _check_org(self, org: str) -> None:
        known = self.events("OrgRegistered").select("org").collect()["org"].to_list()
        if org not in known:
            raise Usage(unknown("org", org, known))

    def query(self, sql: str) -> pl.DataFrame:
        """Ask in SQL over `log` and the tables of `market.analytics`: one SELECT, which reads nothing else."""
        return ask(sql, self.log, self.table)

    @cached_property
    def question(self) -> Question:
        """What the run asks: scenario, seed, policies, length."""
        from market.runs.question import read_question

        return read_question(self.reader.scenario_text, self.reader.manifest)

    def state(self, until: date | str | None = None) -> State:
        """What was true at the end of the last week that closed not after a date."""
        replayed = self.replay(until)
        if replayed.mismatch:
            raise ValueError(replayed.mismatch)
        return replayed.state

    def replay(self, until: date | str | None = None) -> Replayed:
        """Rebuild the state by events alone and check each week's hash on the way."""
        last = None if until is None else _day(until)
        state, found = State(), None
        try:
            with few_collections():
                for entry, _ in replay(self.reader.entries(last), state, hashes=not self.other_form, trail=False):
                    found = entry
                    if last is not None and entry.day + 7 > last:
                        break
        except ReplayMismatch as error:
            return self._parted(state, error)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if not self.other_form:
                raise
            raise Usage(f"{self.folder}: cannot be replayed by this program: {self.other_form} ({error!r})") from error
        if found is None:
            raise Usage(self._too_early(until))
        events = self.reader.summary.events if until is None else found.seq + 1
        digest = str(getattr(found.event, "state_hash", ""))
        return Replayed(state, to_date(found.day), state.run.week, events, digest, "", self.other_form)

    @property
    def other_form(self) -> str:
        """Why the state hashes of this run say nothing about a state of this program; empty when they do."""
        form, now = self.reader.manifest.state_form, state_form()
        return "" if form == now else f"hashes not replayed: state form {form}, now {now}"

    def _parted(self, state: State, error: ReplayMismatch) -> Replayed:
        """Describe the state at the first week that does not hash to what the log recorded."""
        closed = self.events("WeekClosed").collect().filter(week=error.week).select("seq", "day")
        seq, day = closed.row(0)
        return Replayed(state, to_date(day), error.week, seq + 1, state_hash(state), str(error))

    def forked(self, day: date | str, policies: Sequence[Policy], years: float | None = None) -> Question:
        """Ask what would have come of this run, had policies come after the last week that closed not after a day."""
        import polars as pl

        from market.scenario.errors import refuse

        closed = self.events("WeekClosed").filter(pl.col("day") <= _day(day)).select("week").collect()["week"]
        if closed.is_empty():
            raise Usage(self._too_early(day))
        week = int(closed[-1])
        parent = Parent(self.folder.resolve().name, week, self.reader.head)
        question = self.question.forked(policies, week, parent, years)
        if question.weeks <= week + 1:
            raise refuse("--at", f"nothing is left to simulate: the fork would end on {question.end}; give --years")
        return question

    def _too_early(self, until: date | str | None) -> str:
        begun = self.events("RunStarted").select("start_day").collect()["start_day"]
        if until is None or begun.is_empty():
            return f"{self.folder}: no week has closed yet"
        return f"{until}: the first week of {self.folder} closes on {to_date(begun[0] + 6)}"


def ask(sql: str, log: pl.LazyFrame, table_of: Callable[[str], pl.LazyFrame]) -> pl.DataFrame:
    """Answer one SELECT over a log and the tables made of it; Usage where it is none, or reads anything else.

    Every integer has 64 bits: of narrower ones Polars' sums and products wrap without a word.
    """
    import polars as pl
    from polars import selectors

    from market.analytics import TABLES
    from market.runs.sql import fault_of_plan, fault_of_text, named_in

    if fault := fault_of_text(sql, ("log", *TABLES)):
        raise Usage(fault)
    tables = {"log": log} | {name: table_of(name) for name in TABLES if named_in(sql, name)}
    frames = {name: frame.with_columns(selectors.integer().cast(pl.Int64)) for name, frame in tables.items()}
    with pl.SQLContext(frames, eager=False, register_globals=False) as context:
        try:
            asked = context.execute(sql)
            if fault := fault_of_plan(asked.explain(optimized=False)):
                raise Usage(fault)
            return asked.collect()
        except pl.exceptions.PolarsError as error:
            raise Usage(f"this SQL cannot be answered: {str(error).splitlines()[0]}") from None


def open_run(folder: Path | str) -> Run:
    """Open a run folder to read. events.LogMissing where there is none."""
    return Run(open_log(folder))


def unknown(what: str, word: str, known: object) -> str:
    """Say that a name is not known, and which are close."""
    from market.scenario.errors import did_you_mean, shorten

    names = sorted(known)  # type: ignore[call-overload]
    hint = did_you_mean(word, names) or f"; there are {', '.join(names)}"
    return f"no {what} {shorten(word)}{hint}"


def _day(when: date | str) -> int:
    try:
        return to_day(date.fromisoformat(when) if isinstance(when, str) else when)
    except ValueError:
        raise Usage(f"{when!r} is no date; write it as 2025-06-30") from None
