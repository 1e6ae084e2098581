"""The one decision: every way to meet a target, scored, gated, and why those that were left were left.

Pure. Options come from `agents.options`, what is done about the answer is in `agents.talks` and `agents.execution`.
Scores are logs of ratios, so they are free of money's unit. The terms of every option are kept: an option is left for
the term that would have turned the order, or for the gate that it failed.

    U = -ln(cost / reference) - urgency (wait + behind + risk_weight late) / 26 weeks + control * owned + noise

with `late` the weeks that slips beyond a quarter are expected to cost: who is in no hurry fears them as little as a
wait. `behind` are those by which a part of a machine is behind the whole at the pace of the race.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from agents.valuation import why_left
from events.commands import Choice, Terms
from events.kinds import LeaseKind, NewSiteKind, OptionLeft
from market.units import YEAR_WEEKS

HALF_YEAR_WEEKS = 26


class Way(StrEnum):
    """The ways to get compute."""

    LEASE = "lease"  # GPUs that stand free today
    CONTRACT = "contract"  # capacity that a lessor still has to build or fill
    SUBLEASE = "sublease"  # GPUs that a lessor itself rents
    ON_DEMAND = "on demand"
    OWN_SITE = "own site"  # chips for own power that stands or is promised
    BROWNFIELD = "brownfield"
    GREENFIELD = "greenfield"
    LEASED_SHELL = "leased shell"  # power that a developer builds and leases out


SITE_KINDS: Mapping[str, NewSiteKind] = {Way.BROWNFIELD: "brownfield", Way.LEASED_SHELL: "leased"}  # others: new land
Gate = Literal["permission", "power", "finance"]  # what an option must pass whatever it scores


class Target(Struct, frozen=True, kw_only=True):
    """Compute that an org wants by a day, and what it is worth.

    Attributes
    ----------
    kind : a cluster for one run, serving, a bridge until something larger is ready, or capacity to rent out again
    h100e : H100 equivalents
    due_day : day by which it is wanted; an option that is ready earlier waits no less than nothing
    years : how long it is wanted
    worth_usd_per_h100e_hour_max : what an hour is worth; a dearer option is worse than none
    urgency : score lost by 26 weeks of waiting (w_t of docs/odd.md)
    control : score of an own site (w_k)
    chip : chip that is wanted, None when any will do
    region : region in which it is wanted, None when any will do
    because : id of what the target answers
    is_funded : whether it is within what the org can pay for as a whole: then money is no gate
    chips_wait : whether its chips are there and lack power alone
    """

    kind: LeaseKind
    h100e: float
    due_day: int
    years: float
    worth_usd_per_h100e_hour_max: float
    urgency: float = 0.1
    control: float = 0.0
    chip: str | None = None
    region: str | None = None
    because: str = ""
    is_funded: bool = False
    chips_wait: bool = False

    @property
    def duration_days(self) -> int:
        """Length in days."""
        return round(365 * self.years)

    @property
    def is_machine(self) -> bool:
        """Whether it is for one run: GPUs of one chip that train together."""
        return self.kind == "frontier" and self.chip is not None

    @property
    def is_fleet(self) -> bool:
        """Whether it is for a builder's users and tenants: it may come chip by chip and region by region."""
        return self.kind == "capacity"


class Option(Struct, frozen=True, kw_only=True):
    """One way to meet a target, with its terms.

    cost_usd_per_h100e_hour : rent or cost of ownership with levies
    wait_weeks : weeks from today until it can be used
    slip_share, late_weeks : chance that it comes more than a quarter late, and weeks that this is expected to cost
    failed : gates that it does not pass
    is_executable : False for a hope, such as a hall not found yet: a reason to hold out, never to break talks
    is_away : whether it lies in a region that is new to an org which has sites elsewhere
    available : how much of it there is beside the other options; 1 where that limits nothing
    is_slot_lost : whether it comes later than first offered because another buyer took its place
    """

    name: str
    way: Way
    h100e: float
    cost_usd_per_h100e_hour: float
    wait_weeks: float
    slip_share: float = 0.0
    late_weeks: float = 0.0
    is_owned: bool = False
    failed: tuple[Gate, ...] = ()
    is_executable: bool = True
    counterparty: str = ""
    region: str = ""
    site: str = ""
    chip: str = ""
    quote_id: str = ""
    on_site_power: bool = False
    is_firm: bool = True
    is_away: bool = False
    available: float = 1.0
    is_slot_lost: bool = False

    @property
    def site_kind(self) -> NewSiteKind:
        """Kind of site that building by it begins."""
        return SITE_KINDS.get(self.way, "greenfield")


class Weights(Struct, frozen=True):
    """The price that scores zero, a week lost to a slip over one known before, what a region costs that is new."""

    reference_usd_per_h100e_hour: float
    risk: float
    away: float = 0.0
    pace_per_year: float = 1.0  # by which machines grow that lead; 1: a part of one is as good


class Scored(Struct, frozen=True):
    """An option with its score, which is the sum of the five terms before it."""

    option: Option
    price: float
    time: float
    control: float
    risk: float
    noise: float
    score: float

    def with_noise(self, noise: float) -> Scored:
        """The same with what observers do not see."""
        seen = self.price + self.time + self.control + self.risk
        return Scored(self.option, self.price, self.time, self.control, self.risk, noise, seen + noise)

    @property
    def terms(self) -> Terms:
        """The terms as they are recorded: made for those options that are."""
        return self.told("not told")

    def told(self, reason: OptionLeft) -> Terms:
        """The terms with the reason why the option was left."""
        option = self.option
        return Terms(
            option.name, self.price, self.time, self.control, self.risk, self.noise, str(option.way),
            option.counterparty, option.h100e, option.cost_usd_per_h100e_hour, option.wait_weeks, option.slip_share,
            None, reason)  # fmt: skip

    @property
    def is_open(self) -> bool:
        """Whether it passes its gates and can be executed today."""
        return self.option.is_executable and not self.option.failed


class Decision(Struct, frozen=True):
    """Options from best to worst, the gated ones last; the first is taken. None when every one is gated."""

    target: Target
    ranked: tuple[Scored, ...]

    @property
    def best(self) -> Scored | None:
        """The option taken; it may be a hope."""
        return next((scored for scored in self.ranked if not scored.option.failed), None)

    def best_of(self, wanted: Callable[[Option], bool]) -> Scored | None:
        """The best open option of a kind."""
        return next((scored for scored in self.ranked if scored.is_open and wanted(scored.option)), None)

    def because_of(self, lost: Scored, winner: Scored | None = None) -> OptionLeft:
        """Why an option was left for the winner."""
        won = winner or self.best
        return true_reason(lost, won) if won else lost.option.failed[0]

    def choice(self, topic: str, winner: Scored | None = None) -> Choice | None:
        """The whole decision to be recorded: the option taken, and all others with the reason why they were left."""
        won = winner or self.best
        if won is None:
            return None
        rejected = tuple(s.told(true_reason(s, won)) for s in self.ranked if s is not won)
        return Choice(topic, won.terms, rejected)

    def summary(self, topic: str) -> Choice | None:
        """The decision to be recorded where many places were open: the option taken, and the best left of each way."""
        won = self.best
        if won is None:
            return None
        first: dict[str, Scored] = {}
        for s in self.ranked:
            if s is not won:
                is_refused = s.option.failed[:1] == ("permission",)
                first.setdefault(s.option.name if is_refused else str(s.option.way), s)
        return Decision(self.target, (won, *first.values())).choice(topic, won)


def true_reason(lost: Scored, won: Scored) -> OptionLeft:
    """Name what an option was left for: the gate that it failed, else the term that turned the order.

    Time that turned it is another buyer's where that one took the place.
    """
    if lost.option.failed:
        return lost.option.failed[0]
    reason = why_left(lost, won)
    return "lost to another" if reason == "too late" and lost.option.is_slot_lost else reason


def behind_weeks(target: Target, option: Option, weights: Weights) -> float:
    """Weeks by which a part of a machine is behind the whole: a machine of its size would have led so much earlier."""
    if not target.is_machine or option.h100e >= target.h100e or weights.pace_per_year <= 1:
        return 0.0
    return YEAR_WEEKS * math.log(target.h100e / option.h100e) / math.log(weights.pace_per_year)


def score(target: Target, option: Option, weights: Weights, noise: float = 0.0) -> Scored:
    """Score an option on its terms; `noise` is what observers do not see."""
    price = -math.log(max(option.cost_usd_per_h100e_hour, 1e-9) / weights.reference_usd_per_h100e_hour)
    weeks = max(0.0, option.wait_weeks) + behind_weeks(target, option, weights)
    time = -target.urgency * weeks / HALF_YEAR_WEEKS
    control = (target.control if option.is_owned else 0.0) - (weights.away if option.is_away else 0.0)
    risk = -target.urgency * weights.risk * option.late_weeks / HALF_YEAR_WEEKS
    return Scored(option, price, time, control, risk, noise, price + time + control + risk + noise)


def decide(
    target: Target,
    options: Sequence[Option],
    weights: Weights,
    noise: Callable[[str], float] = lambda name: 0.0,
    tie: Callable[[str], float] = lambda name: 0.0,
) -> Decision:
    """Rank all ways to meet a target. `tie` is the draw by which one of several equal ones comes first.

    An option dearer than the target's worth fails nothing: it ranks below the others with the reason `price`. To wait
    is no way to meet a target: how much is worth having by when is what a target says.
    """
    return ranked(target, [score(target, option, weights, noise(option.name)) for option in options], tie)


def ranked(target: Target, found: Sequence[Scored], tie: Callable[[str], float]) -> Decision:
    """Rank options that are scored already."""
    most = target.worth_usd_per_h100e_hour_max

    def rank(scored: Scored) -> tuple[bool, bool, float, float, str]:
        option = scored.option
        is_dear = option.cost_usd_per_h100e_hour > most
        return bool(option.failed), is_dear, -scored.score, -tie(option.name), option.name

    return Decision(target, tuple(sorted(found, key=rank)))


def divide(found: Decision, scale: float) -> list[tuple[Scored, float]]:
    """Divide a target over its open options by available exp(score / scale) / sum, as noise would; largest first."""
    ranked = [s for s in found.ranked if s.is_open]
    top = max((s.score for s in ranked), default=0.0)
    weights = [s.option.available * math.exp((s.score - top) / scale) for s in ranked]
    total = math.fsum(weights)
    parts = [(s, weight / total) for s, weight in zip(ranked, weights, strict=True) if weight > 0]
    return sorted(parts, key=lambda item: -item[1])  # of equal parts, as they are ranked
