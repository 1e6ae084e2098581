"""How events of training and serving change the state."""

from __future__ import annotations

from events.types import training as events
from market.evolve.ids import count
from market.state import State
from market.state.chips import Place
from market.state.training import FRONTIER_WEEKS, Lab, Project, TrainingRun


def lab(state: State, org: str) -> Lab:
    """Find or open the entry of a lab."""
    found = state.training.labs.get(org)
    if found is None:
        found = state.training.labs[org] = Lab(org)
    return found


def cluster_formed(state: State, event: events.ClusterFormed, day: int) -> None:
    state.training.clusters[Place(event.org, event.chip, event.site)] = event.gpus
    largest = state.training.largest_cluster
    largest[event.chip] = max(largest.get(event.chip, 0), event.gpus)


def compute_split_set(state: State, event: events.ComputeSplitSet, day: int) -> None:
    lab(state, event.org).inference_share = event.share


def project_proposed(state: State, event: events.ProjectProposed, day: int) -> None:
    count(state, event.run_id)
    state.training.waiting.setdefault(event.org, {})[event.run_id] = Project(
        event.run_id, event.org, event.h100e, event.work_h100e_weeks, event.worth
    )


def project_started(state: State, event: events.ProjectStarted, day: int) -> None:
    listed = state.training.waiting.setdefault(event.org, {})
    project = listed.pop(event.run_id, None) or Project(event.run_id, event.org, event.h100e, 0.0, 0.0)
    project.h100e, project.since_day, project.end_day = event.h100e, event.start_day, event.end_day
    state.training.projects.setdefault(event.org, {})[event.run_id] = project


def project_resized(state: State, event: events.ProjectResized, day: int) -> None:
    project = state.training.projects[event.org][event.run_id]
    project.work_h100e_weeks, project.h100e = event.work_h100e_weeks, event.h100e
    project.since_day, project.end_day = day, event.end_day


def project_stopped(state: State, event: events.ProjectStopped, day: int) -> None:
    project = state.training.projects[event.org].pop(event.run_id)
    project.h100e, project.work_h100e_weeks = 0.0, event.work_h100e_weeks
    state.training.waiting.setdefault(event.org, {})[event.run_id] = project


def researchers_measured(state: State, event: events.ResearchersMeasured, day: int) -> None:
    lab(state, event.org).researchers = event.researchers


def project_ended(state: State, event: events.ProjectEnded, day: int) -> None:
    del state.training.projects[event.org][event.run_id]


def training_started(state: State, event: events.TrainingStarted, day: int) -> None:
    count(state, event.run_id)
    lab(state, event.org).run_day = event.start_day
    if event.model.startswith(f"{event.org}/model/"):
        count(state, event.model)
    state.training.runs[event.run_id] = TrainingRun(
        event.run_id, event.org, event.model, event.site, event.chip, event.gpus, event.flop,
        event.effective_flop, event.flop, event.mfu, event.goodput, event.start_day, event.start_day, event.due_day,
    )  # fmt: skip


def training_replanned(state: State, event: events.TrainingReplanned, day: int) -> None:
    run = state.training.runs[event.run_id]
    run.gpus, run.flop, run.mfu, run.goodput = event.gpus, event.flop, event.mfu, event.goodput
    run.since_day, run.due_day = day, event.due_day


def training_finished(state: State, event: events.TrainingFinished, day: int) -> None:
    run = state.training.runs.pop(event.run_id)
    record = lab(state, event.org)
    record.pending_model, record.pending_flop, record.pending_day = event.model, event.flop, day
    record.pending_effective_flop = run.effective_flop


def training_abandoned(state: State, event: events.TrainingAbandoned, day: int) -> None:
    del state.training.runs[event.run_id]


def model_released(state: State, event: events.ModelReleased, day: int) -> None:
    record = lab(state, event.org)
    if event.start_day >= record.released_day:  # a start tells a lab's models in the order of their names
        record.best_model, record.capability, record.released_day = event.model, event.capability, event.start_day
    record.best_flop = max(record.best_flop, event.flop)
    record.best_effective_flop = max(record.best_effective_flop, event.effective_flop)
    if record.pending_model == event.model:
        record.pending_model, record.pending_flop, record.pending_day = "", 0.0, 0
        record.pending_effective_flop = 0.0


def serving_measured(state: State, event: events.ServingMeasured, day: int) -> None:
    record = lab(state, event.org)
    record.revenue_usd_per_year, record.demand_usd_per_year = event.revenue_usd_per_year, event.value
    record.serving_h100e = event.h100e
    past = state.demand.revenues.setdefault(event.org, [])
    past.append(event.revenue_usd_per_year)
    del past[:-27]


def frontier_measured(state: State, event: events.FrontierMeasured, day: int) -> None:
    state.training.frontier.append(event.capability)
    del state.training.frontier[:-FRONTIER_WEEKS]


APPLY = {
    events.ClusterFormed: cluster_formed,
    events.ComputeSplitSet: compute_split_set,
    events.ProjectProposed: project_proposed,
    events.ProjectStarted: project_started,
    events.ProjectResized: project_resized,
    events.ProjectStopped: project_stopped,
    events.ResearchersMeasured: researchers_measured,
    events.ProjectEnded: project_ended,
    events.TrainingStarted: training_started,
    events.TrainingReplanned: training_replanned,
    events.TrainingFinished: training_finished,
    events.TrainingAbandoned: training_abandoned,
    events.ModelReleased: model_released,
    events.ServingMeasured: serving_measured,
    events.FrontierMeasured: frontier_measured,
}
INERT = (events.ProjectRejected, events.TrainingRefused)
