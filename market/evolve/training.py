"""How facts of training and serving change the state."""

from __future__ import annotations

from events.facts import training as facts
from market.evolve.ids import count
from market.state import State
from market.state.chips import key
from market.state.training import Lab, Project, TrainingRun


def lab(state: State, org: str) -> Lab:
    """Find or open the record of a lab."""
    found = state.training.labs.get(org)
    if found is None:
        found = state.training.labs[org] = Lab(org)
    return found


def cluster_formed(state: State, fact: facts.ClusterFormed, day: int) -> None:
    state.training.clusters[key(fact.org, fact.chip, fact.site)] = fact.gpus
    largest = state.training.largest_cluster
    largest[fact.chip] = max(largest.get(fact.chip, 0), fact.gpus)


def compute_split_set(state: State, fact: facts.ComputeSplitSet, day: int) -> None:
    lab(state, fact.org).inference_share = fact.share


def project_started(state: State, fact: facts.ProjectStarted, day: int) -> None:
    count(state, fact.run_id)
    state.training.projects[fact.run_id] = Project(fact.run_id, fact.org, fact.h100e, fact.end_day)


def project_ended(state: State, fact: facts.ProjectEnded, day: int) -> None:
    del state.training.projects[fact.run_id]


def training_started(state: State, fact: facts.TrainingStarted, day: int) -> None:
    count(state, fact.run_id)
    if fact.model.startswith(f"{fact.org}/model/"):
        count(state, fact.model)
    state.training.runs[fact.run_id] = TrainingRun(
        fact.run_id, fact.org, fact.model, fact.site, fact.chip, fact.gpus, fact.flop, fact.flop, fact.mfu,
        fact.goodput, fact.start_day, fact.start_day, fact.due_day,
    )  # fmt: skip


def training_replanned(state: State, fact: facts.TrainingReplanned, day: int) -> None:
    run = state.training.runs[fact.run_id]
    run.gpus, run.flop, run.mfu, run.goodput = fact.gpus, fact.flop, fact.mfu, fact.goodput
    run.since_day, run.due_day = day, fact.due_day


def training_finished(state: State, fact: facts.TrainingFinished, day: int) -> None:
    del state.training.runs[fact.run_id]
    record = lab(state, fact.org)
    record.pending_model, record.pending_flop, record.pending_day = fact.model, fact.flop, day


def training_abandoned(state: State, fact: facts.TrainingAbandoned, day: int) -> None:
    del state.training.runs[fact.run_id]


def model_released(state: State, fact: facts.ModelReleased, day: int) -> None:
    record = lab(state, fact.org)
    record.best_model, record.capability, record.released_day = fact.model, fact.capability, fact.start_day
    record.best_flop = max(record.best_flop, fact.flop)
    if record.pending_model == fact.model:
        record.pending_model, record.pending_flop, record.pending_day = "", 0.0, 0


def serving_measured(state: State, fact: facts.ServingMeasured, day: int) -> None:
    record = lab(state, fact.org)
    record.revenue_usd_per_year, record.demand_usd_per_year = fact.revenue_usd_per_year, fact.value
    record.serving_h100e = fact.h100e


def frontier_measured(state: State, fact: facts.FrontierMeasured, day: int) -> None:
    state.training.frontier.append(fact.capability)
    del state.training.frontier[:-27]


APPLY = {
    facts.ClusterFormed: cluster_formed,
    facts.ComputeSplitSet: compute_split_set,
    facts.ProjectStarted: project_started,
    facts.ProjectEnded: project_ended,
    facts.TrainingStarted: training_started,
    facts.TrainingReplanned: training_replanned,
    facts.TrainingFinished: training_finished,
    facts.TrainingAbandoned: training_abandoned,
    facts.ModelReleased: model_released,
    facts.ServingMeasured: serving_measured,
    facts.FrontierMeasured: frontier_measured,
}
INERT = (facts.ProjectDeferred, facts.TrainingRefused)
