"""What a command is: one thing that an org asks for, imperative."""

from __future__ import annotations

import msgspec

from events.kinds import OptionLeft


class Terms(msgspec.Struct, frozen=True):
    """The named terms of one candidate of a decision; `score` is their sum.

    Beside the scores: the way to get compute and with whom, what was scored, and why the candidate was left.
    """

    option: str
    term_price: float = 0.0
    term_time: float = 0.0
    term_control: float = 0.0
    term_risk: float = 0.0
    term_noise: float = 0.0
    way: str = ""
    counterparty: str = ""
    h100e: float = 0.0
    cost_usd_per_h100e_hour: float = 0.0
    wait_weeks: float = 0.0
    slip_share: float = 0.0
    on_site_power: bool | None = None  # of candidates that differ in it
    reason: OptionLeft = "not told"
    policy: str | None = None  # the one that refuses it, where `reason` is permission

    @property
    def score(self) -> float:
        """Sum of the named terms."""
        return self.term_price + self.term_time + self.term_control + self.term_risk + self.term_noise


class Choice(msgspec.Struct, frozen=True):
    """Why a command was given: the candidate taken, and those that were left, best first."""

    topic: str
    chosen: Terms
    rejected: tuple[Terms, ...] = ()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An intent of `actor`; `because` is the id of what it answers (an order, a request, a site, an org's own plan)."""

    actor: str
    because: str
    why: Choice | None = None
