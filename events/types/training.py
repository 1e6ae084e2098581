"""Events of clusters, training runs, models, and the split of a lab's compute."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import ClusterNews, ProjectRefusal, ProjectResizing, ReleaseKind, RunReason, TrainingRefusal
from events.types.base import Event, Visibility


class ClusterFormed(Event, frozen=True, kw_only=True):
    """GPUs of one chip at one site under one org pass a size; `kind` is first of generation, new or grown."""

    org: str
    site: str
    chip: str
    gpus: int
    kind: ClusterNews
    racks: int | None = None  # of chips that come in racks of one scale-up domain


class ComputeSplitSet(Event, frozen=True, kw_only=True):
    """Leadership moves the share of compute that serves customers (`share`); the rest is research."""

    sees: ClassVar[Visibility] = "own"
    org: str
    share: float


class ProjectProposed(Event, frozen=True, kw_only=True):
    """Researchers put a project on the lab's list: the GPUs that it needs at least, its work, what a week is worth."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    h100e: float
    work_h100e_weeks: float
    worth: float


class ProjectRejected(Event, frozen=True, kw_only=True):
    """A project that was brought forward does not get on the list."""

    sees: ClassVar[Visibility] = "own"
    org: str
    h100e: float
    reason: ProjectRefusal


class ProjectStarted(Event, frozen=True, kw_only=True):
    """Research gives GPUs (as H100e) to a project until `end_day`."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    h100e: float
    start_day: int
    end_day: int


class ProjectResized(Event, frozen=True, kw_only=True):
    """Operations widen a project over GPUs that would idle, or take from it what it does not need."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    h100e: float
    work_h100e_weeks: float  # still to do
    end_day: int
    reason: ProjectResizing


class ProjectStopped(Event, frozen=True, kw_only=True):
    """A project makes room for a run, or for what was lost, and goes back to the list with the work that is left."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    h100e: float
    work_h100e_weeks: float


class ProjectEnded(Event, frozen=True, kw_only=True):
    """A project winds down and operations free its GPUs."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    h100e: float


class ResearchersMeasured(Event, frozen=True, kw_only=True):
    """Researchers of a lab and the research compute that they share; people drift to where there is more for each."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "org"
    periodic: ClassVar[bool] = True
    org: str
    researchers: float
    h100e: float


class TrainingStarted(Event, frozen=True, kw_only=True):
    """A frontier run starts on GPUs of one chip at one site; `due_day` is its planned end.

    `experts` are those of a layer, 0 in a dense model; `effective_flop` is what a dense model as good would take; `mfu`
    is of the BF16 nameplate at any precision.
    """

    version: ClassVar[int] = 2
    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    model: str
    site: str
    chip: str
    gpus: int
    flop: float
    effective_flop: float
    params: float
    tokens: float
    experts: int
    mfu: float
    goodput: float
    plan: str
    start_day: int
    due_day: int


class TrainingRefused(Event, frozen=True, kw_only=True):
    """A run may not start."""

    sees: ClassVar[Visibility] = "own"
    org: str
    flop: float
    reason: TrainingRefusal


class TrainingReplanned(Event, frozen=True, kw_only=True):
    """A run goes on with another number of GPUs; what was trained stays trained."""

    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    gpus: int
    flop: float  # still to do
    mfu: float
    goodput: float
    plan: str
    due_day: int
    reason: RunReason


class TrainingFinished(Event, frozen=True, kw_only=True):
    """A run reaches its FLOP."""

    subject: ClassVar[str] = "model"
    run_id: str
    org: str
    model: str
    flop: float
    start_day: int
    duration_days: int


class TrainingAbandoned(Event, frozen=True, kw_only=True):
    """A run ends without a model."""

    subject: ClassVar[str] = "run_id"
    run_id: str
    org: str
    flop: float  # still to do
    reason: RunReason


class ModelReleased(Event, frozen=True, kw_only=True):
    """A trained model reaches customers; `kind` is frontier or refresh."""

    version: ClassVar[int] = 2
    subject: ClassVar[str] = "model"
    model: str
    org: str
    flop: float
    effective_flop: float  # what a dense model as good would take
    capability: float
    kind: ReleaseKind
    start_day: int  # of release


class ServingMeasured(Event, frozen=True, kw_only=True):
    """A lab's annualised revenue, and what its customers would pay for with GPUs enough (`value`).

    `tokens_per_s` are the output tokens sold for the revenue, those of smaller models counted by what they cost.
    """

    version: ClassVar[int] = 2
    subject: ClassVar[str] = "org"
    periodic: ClassVar[bool] = True
    org: str
    revenue_usd_per_year: float
    value: float
    h100e: float
    tokens_per_s: float


class FrontierMeasured(Event, frozen=True, kw_only=True):
    """Capability of the best released model, weekly."""

    periodic: ClassVar[bool] = True
    capability: float
