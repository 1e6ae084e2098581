"""What a command is: one thing that an org asks for, imperative."""

from __future__ import annotations

import msgspec


class Terms(msgspec.Struct, frozen=True):
    """The named terms of one candidate of a decision; `score` is their sum."""

    option: str
    term_price: float = 0.0
    term_time: float = 0.0
    term_control: float = 0.0
    term_risk: float = 0.0
    on_site_power: bool | None = None  # of candidates that differ in it

    @property
    def score(self) -> float:
        return self.term_price + self.term_time + self.term_control + self.term_risk


class Choice(msgspec.Struct, frozen=True):
    """Why a command was given: the candidate taken, and the best of the rest (None when there was no other)."""

    topic: str
    chosen: Terms
    rejected: Terms | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An intent of `actor`; `because` is the id of what it answers (an order, a request, a site, an org's own plan)."""

    actor: str
    because: str
    why: Choice | None = None
