"""What the parts of a vintage share: chips, the builder's own rules, and rows that say what they were derived from."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property

from market.catalogue.known import Entries, Knowledge, newest, rank
from market.catalogue.tables import Row, table, vintages

YEAR_DAYS = 365.25


class Parts:
    """The observations that a start may know, by table."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.day = knowledge.day

    def known(self, name: str) -> Entries:
        """Newest known rows of a table of vintages."""
        return newest(vintages(name), self.knowledge)

    def history(self, name: str, id_: str, field: str) -> list[Row]:
        """All known rows of one figure, the oldest first; of rows of one day the one said last."""
        by_day: dict[date | None, Row] = {}
        for row in vintages(name):
            if (row.id, row.field) == (id_, field) and self.knowledge.has(row):
                before = by_day.get(row.as_of)
                if before is None or rank(before) <= rank(row):
                    by_day[row.as_of] = row
        return sorted(by_day.values(), key=rank)

    @cached_property
    def _rules(self) -> dict[str, float]:
        return {row.id: row.number for row in vintages("rules")}

    def rule(self, name: str) -> float:
        """A number of the builder's own, from `rules.csv`."""
        return self._rules[name]

    def days(self, name: str) -> timedelta:
        """A rule that is a number of days."""
        return timedelta(round(self.rule(name)))

    def still_due(self, promised: date) -> date:
        """Day to which a promise is taken: a quarter on once it has passed; on its very day it has not."""
        return promised if promised > self.day else self.day + self._delay(promised)

    def _delay(self, promised: date) -> timedelta:
        return timedelta(1) if promised == self.day else self.days("overdue_days")

    def carried(self, growth: float) -> float:
        """Growth a year at which a report is carried on to the day: damped, and no faster than by e in a while."""
        return self.rule("carry_damping") * min(growth, YEAR_DAYS / self.rule("carry_fold_days"))

    @cached_property
    def chips(self) -> Entries:
        """Chips with what the roadmap and later observations say of them."""
        return newest((*table("roadmap"), *vintages("chips")), self.knowledge)

    def grid_study(self, region: str) -> timedelta:
        """Time that studies and works for a new load take in a region, from the first works on its hall."""
        rows = (*table("regions"), *table("parameters"))
        found = {(row.id, row.field): row.number for row in rows if row.field in ("queue_days", "value")}
        return timedelta(round(found[region, "queue_days"] - found["sites.power_lead_days", "value"]))

    def kw(self, chip: str) -> float:
        """IT power of a GPU."""
        return self.chips[chip]["power_kw_it_per_gpu"].number

    def h100e(self, chip: str) -> float:
        """H100 equivalents of a GPU."""
        return self.chips[chip]["h100e"].number

    def newness(self, chip: str) -> str:
        """Sort key: the later a chip came to market the larger."""
        start = self.chips[chip].get("start")
        return start.value if start else ""

    def is_own(self, chip: str) -> bool:
        """True for chips that their maker's parent alone buys."""
        buyers = self.chips[chip].get("buyers")
        return buyers is not None and buyers.value == "own"


def derived(row: Row, id_: str, field: str, value: object, unit: str, note: str = "") -> Row:
    """A row of the vintage, worked out from an observation and pointing at it."""
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    kind = row.kind if row.kind == "assumption" else "derived"
    return row._replace(
        id=id_, field=field, value=text, unit=unit, low=None, high=None, kind=kind, note=note or row.note
    )
