"""A log that counts events as they pass: what a run's metrics need beside its state, and nothing kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from events.kinds import BuildingKind
from events.memory import Log, check_seq
from events.rows import Rows
from events.types import Entry, Event
from events.types.chips import ChipsAllocated
from events.types.finance import LoanGranted, RoundClosed
from events.types.leases import LeaseSigned
from events.types.policy import LevyCharged, SubsidyPaid
from events.types.run import OptionRejected, OrgRegistered
from events.types.sites import BuildingStarted, PlantStopped, PowerEnergised

SUMMED: dict[type[Event], str] = {
    LeaseSigned: "gpus",
    LevyCharged: "amount_usd_cents",
    SubsidyPaid: "amount_usd_cents",
    LoanGranted: "amount_usd_cents",
    RoundClosed: "amount_usd_cents",
    PlantStopped: "power_kw_it",
}
"""Events whose amounts are added up, and the field that holds the amount."""

READ = frozenset({OptionRejected, ChipsAllocated, BuildingStarted, PowerEnergised, *SUMMED})
"""Events of which more than their number is kept."""


class Begun(NamedTuple):
    """A building begun during the run: what, where, when, how large, and the day on which it had power, if it has."""

    kind: BuildingKind
    region: str
    power_kw: int
    day: int
    energised_day: int | None = None


class Tally:
    """Counts the events of a run by type, those of its start apart, and passes them on to a log if there is one.

    Without a log behind it a run needs no memory for its events.

    Attributes
    ----------
    counts : events so far by type, without those of the start.
    sums : what they add up to, for the types in `SUMMED`.
    foreseen : candidates of decisions that were left because a policy stood in the way.
    begun : buildings begun during the run, by id.
    allocated : GPUs that makers gave to orders during the run, by buyer and chip.
    countries : seats of all orgs that were ever there.
    """

    def __init__(self, behind: Log | None = None) -> None:
        self.head = ""
        self.next_seq = 0
        self.behind = behind
        self.is_kept = behind is not None
        self.counts: dict[type[Event], int] = defaultdict(int)
        self.sums: dict[type[Event], int] = defaultdict(int)
        self.foreseen = 0
        self._is_under_way = False  # the start is recorded before the first week is closed
        self.begun: dict[str, Begun] = {}
        self.allocated: dict[tuple[str, str], int] = defaultdict(int)
        self.countries: dict[str, str] = {}

    def append(self, entry: Entry) -> None:
        """Take one event."""
        check_seq(entry.seq, self.next_seq)
        self.next_seq += 1
        if entry.cause_seq >= 0:  # events of the start have no cause
            self._count(type(entry.event), 1, entry.day, (entry.event,))
        if isinstance(entry.event, OrgRegistered):
            self.countries[entry.event.org] = entry.event.country
        if self.behind is not None:
            self.behind.append(entry)

    def append_rows(self, rows: Rows) -> None:
        """Take many events of one type."""
        check_seq(rows.first_seq, self.next_seq)
        self.next_seq += len(rows)
        self._count(rows.kind, len(rows), rows.day, rows.events() if rows.kind in READ else ())
        if self.behind is not None:
            self.behind.append_rows(rows)

    def _count(self, kind: type[Event], number: int, day: int, events: Iterable[Event]) -> None:
        self.counts[kind] += number
        if kind not in READ:
            return
        field = SUMMED.get(kind)
        for event in events:
            if field is not None:
                self.sums[kind] += getattr(event, field)
            elif self._is_under_way:
                self._read(event, day)

    def _read(self, event: Event, day: int) -> None:
        """Keep what metrics say of an event beyond its number and its amount."""
        match event:
            case OptionRejected():
                self.foreseen += event.policy is not None
            case ChipsAllocated():
                self.allocated[event.org, event.chip] += event.gpus
            case BuildingStarted():
                self.begun[event.building_id] = Begun(event.kind, event.region, event.power_kw_it, day)
            case PowerEnergised() if (begun := self.begun.get(event.building_id)) is not None:
                self.begun[event.building_id] = begun._replace(energised_day=day)

    def close_week(self) -> None:
        """Say that the events so far are whole weeks."""
        self._is_under_way = True
        if self.behind is not None:
            self.behind.close_week()
            self.head = self.behind.head

    def finish(self) -> None:
        """Say that the run is over."""
        if self.behind is not None:
            self.behind.finish()
            self.head = self.behind.head
