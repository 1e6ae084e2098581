"""What is true inside labs: runs, projects, models, serving."""

from __future__ import annotations

import msgspec

from market.state.chips import Place

FRONTIER_WEEKS = 27  # half a year from its first day to its last


class TrainingRun(msgspec.Struct, array_like=True):
    """A frontier run under way. `flop` is what was still to do on `since_day`."""

    run_id: str
    org: str
    model: str
    site: str
    chip: str
    gpus: int
    flop_total: float
    effective_flop: float
    flop: float
    mfu: float
    goodput: float
    start_day: int
    since_day: int
    due_day: int


class Project(msgspec.Struct, array_like=True):
    """A research project, under way or waiting; `work_h100e_weeks` was still to do on `since_day`."""

    run_id: str
    org: str
    least_h100e: float
    work_h100e_weeks: float
    worth: float
    h100e: float = 0.0
    since_day: int = 0
    end_day: int = 0


class Lab(msgspec.Struct, array_like=True):
    """A lab's best model, its release calendar, revenue and split."""

    org: str
    best_flop: float = 0.0
    best_effective_flop: float = 0.0  # what a dense model as good would take
    best_model: str = ""
    capability: float = 0.0  # of the latest release
    released_day: int = 0  # of the latest release
    pending_model: str = ""  # trained, not released
    pending_flop: float = 0.0
    pending_effective_flop: float = 0.0
    pending_day: int = 0
    revenue_usd_per_year: float = 0.0
    demand_usd_per_year: float = 0.0
    serving_h100e: float = 0.0
    inference_share: float = 0.0
    wanted_h100e: float = 0.0
    wanted_day: int = 0
    run_day: int = 0  # on which its latest run began
    researchers: float = 0.0


class Training(msgspec.Struct, array_like=True):
    """Runs, projects, labs; capability of the frontier by week for its lagged effect on demand."""

    runs: dict[str, TrainingRun] = {}
    projects: dict[str, dict[str, Project]] = {}  # org -> under way, by id
    waiting: dict[str, dict[str, Project]] = {}  # org -> proposed or stopped, by id
    labs: dict[str, Lab] = {}
    frontier: list[float] = []  # frontier capability of the latest FRONTIER_WEEKS
    largest_cluster: dict[str, int] = {}  # chip -> GPUs of the largest cluster so far
    clusters: dict[Place, int] = {}  # size last announced
