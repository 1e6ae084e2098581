"""Commands about a lab's compute."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import PlanReason


class SetSplit(Command, frozen=True, kw_only=True):
    """Set the share of compute that serves customers."""

    share: float


class StartProject(Command, frozen=True, kw_only=True):
    """Give research compute to a project for some days."""

    h100e: float
    duration_days: int


class StartTraining(Command, frozen=True, kw_only=True):
    """Start a frontier run on GPUs of one chip at one site."""

    site: str
    chip: str
    gpus: int
    flop: float


class AdoptPlan(Command, frozen=True, kw_only=True):
    """Write down the compute that a lab wants and by when."""

    h100e: float
    due_day: int
    reason: PlanReason
