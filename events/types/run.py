"""Events of the run itself: its start, its parameters, its weeks, its end."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import OptionLeft, RunEnd
from events.types.base import Event, Visibility


class RunStarted(Event, frozen=True, kw_only=True):
    """A run begins at `start_day` and is planned to `end_day`; `kind` is the scenario's name."""

    kind: str
    seed: int
    start_day: int
    end_day: int


class ParameterSet(Event, frozen=True, kw_only=True):
    """A settable number takes a value, at the start or under a policy."""

    subject: ClassVar[str] = "parameter"
    parameter: str
    value: float


class OrgRegistered(Event, frozen=True, kw_only=True):
    """An org exists; `kind` names the behaviour that decides for it."""

    subject: ClassVar[str] = "org"
    org: str
    role: str
    country: str
    kind: str
    parent_org: str | None = None


class OrgAnnounced(Event, frozen=True, kw_only=True):
    """An org will enter on `due_day`, with cash, a valuation and a budget for chips (`value`, USD a year)."""

    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/entry"
    org: str
    role: str
    country: str
    kind: str
    parent_org: str | None
    due_day: int
    amount_usd_cents: int
    valuation_usd_cents: int
    value: float


class RegionRegistered(Event, frozen=True, kw_only=True):
    """A power region exists."""

    subject: ClassVar[str] = "region"
    region: str
    country: str


class OptionChosen(Event, frozen=True, kw_only=True):
    """A decision was taken: the candidate taken, with its terms. `kind` is the topic."""

    version: ClassVar[int] = 2
    sees: ClassVar[Visibility] = "own"
    org: str
    kind: str
    option: str
    term_price: float
    term_time: float
    term_control: float
    term_risk: float
    term_noise: float = 0.0
    way: str = ""
    counterparty: str = ""
    h100e: float = 0.0
    cost_usd_per_h100e_hour: float = 0.0
    wait_weeks: float = 0.0
    slip_share: float = 0.0
    on_site_power: bool | None = None  # of candidates that differ in it


class OptionRejected(OptionChosen, frozen=True, kw_only=True):
    """A candidate that the decision which follows left, with its terms, and what it was left for."""

    version: ClassVar[int] = 3

    reason: OptionLeft
    policy: str | None = None  # that stood in the way of a candidate left for `permission`


class ExogenousShock(Event, frozen=True, kw_only=True):
    """Something from outside the model happened; `value` multiplies what `kind` names."""

    kind: str
    value: float


class WeekClosed(Event, frozen=True, kw_only=True):
    """A week is over and the state hashes to `state_hash`."""

    periodic: ClassVar[bool] = True
    week: int
    state_hash: str


class RunEnded(Event, frozen=True, kw_only=True):
    """The run reached its end; a log without this event is not complete."""

    periodic: ClassVar[bool] = True
    week: int
    reason: RunEnd
