"""Commands about a lab's compute."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import PlanReason


class SetSplit(Command, frozen=True, kw_only=True):
    """Set the share of compute that serves customers."""

    share: float


class ProposeProject(Command, frozen=True, kw_only=True):
    """Put a project on the lab's list: the compute that it needs at least, its work, what a week of it is worth."""

    h100e: float
    work_h100e_weeks: float
    worth: float


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
