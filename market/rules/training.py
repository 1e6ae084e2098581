"""Rules inside labs: the split of compute, frontier runs, releases, clusters."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from events.commands import training as commands
from events.kinds import ClusterNews, ReleaseKind, TrainingRefusal
from events.types import Event
from events.types import training as events
from events.types.finance import PlanAdopted
from market.cluster import ClusterError, plan_for_budget
from market.rules.base import Deciders, Happening, held
from market.rules.inputs import RACK_GPUS, is_rack_scale
from market.state import State, next_id
from market.state.chips import Place
from market.state.training import TrainingRun
from market.units import DAYS_PER_YEAR, digits, finite, to_year

CAPABILITY_ORIGIN_DAY = 19412  # 2023-02-24, the origin of the capability index
FLOP_MIN, FLOP_MAX = 1e15, 1e32  # what the cluster core answers for
CLUSTER_SIZES = (4_608, 16_384, 32_768, 65_536, 100_000, 200_000, 400_000, 800_000)  # sizes that make news


def set_split(state: State, command: commands.SetSplit, day: int) -> list[Event]:
    """Move the share of compute that serves customers, within its bounds."""
    p = state.run.parameters
    share = min(p["split.inference_max"], max(p["split.inference_min"], command.share))
    return [events.ComputeSplitSet(org=command.actor, share=digits(share))]


def adopt_plan(state: State, command: commands.AdoptPlan, day: int) -> list[Event]:
    """Write down what a lab wants."""
    return [
        PlanAdopted(
            org=command.actor,
            h100e=round(max(0.0, finite(command.h100e)), 3),
            due_day=command.due_day,
            reason=command.reason,
        )
    ]


class Plan(NamedTuple):
    """How a run would go on so many GPUs: parallelism, utilisation, size of the model, days (inf: it does not fit)."""

    text: str
    mfu: float  # of the BF16 nameplate
    goodput: float
    params: float
    experts: int
    tokens: float
    days: float


def plan_run(chip: str, gpus: int, flop: float, day: int) -> Plan:
    """Ask the cluster core for the best plan of a model as the date builds them: mixture, FP8 (docs/cluster).

    Raises ClusterError for a chip that the core does not know.
    """
    found = plan_for_budget([flop], [chip], [gpus], year=to_year(day), precision=None, sparse=None)
    return Plan(
        found.plan[0],
        digits(float(found.mfu_bf16[0])),
        digits(float(found.goodput[0])),
        digits(float(found.params[0])),
        int(found.experts[0]),
        digits(float(found.tokens[0])),
        float(found.days[0]),
    )


def start_training(state: State, command: commands.StartTraining, day: int) -> list[Event]:
    """Start a frontier run, the lab's only one, on GPUs that it holds at one site."""
    org = command.actor
    reason: TrainingRefusal = "does not fit"
    plan = None
    if any(r.org == org for r in state.training.runs.values()):
        reason = "a run is under way"
    elif not 1 <= command.gpus <= held(state, org, command.chip, command.site):
        reason = "not enough GPUs"
    elif not FLOP_MIN <= command.flop <= FLOP_MAX:
        reason = "no such run"
    else:
        try:
            plan = plan_run(command.chip, command.gpus, command.flop, day)
        except ClusterError:
            reason = "chip not suited"
    if plan is None:
        return [events.TrainingRefused(org=org, flop=digits(finite(command.flop)), reason=reason)]
    if plan.days > state.run.parameters["labs.run_days_max"]:
        return [
            events.TrainingRefused(
                org=org, flop=digits(command.flop), reason="too long" if plan.text else "does not fit"
            )
        ]
    return [
        events.TrainingStarted(
            run_id=next_id(state, org, "run"),
            org=org,
            model=next_id(state, org, "model"),
            site=command.site,
            chip=command.chip,
            gpus=command.gpus,
            flop=digits(command.flop),
            effective_flop=digits(effective_flop(state, command.flop, plan.experts)),
            params=plan.params,
            tokens=plan.tokens,
            experts=plan.experts,
            mfu=plan.mfu,
            goodput=plan.goodput,
            plan=plan.text,
            start_day=day,
            due_day=day + math.ceil(plan.days),
        )
    ]


def effective_flop(state: State, flop: float, experts: float) -> float:
    """FLOP that a dense model as good would take: a mixture of experts learns more from each (docs/odd.md, runs)."""
    credit: float = state.run.parameters["labs.mixture_credit"] if experts else 1.0
    return flop * credit


def compute_optimal(flop: float) -> tuple[float, float]:
    """Split FLOP = 6 N D at 20 tokens a parameter (Hoffmann et al. 2022, arXiv:2203.15556)."""
    params = math.sqrt(flop / 120)
    return digits(params), digits(20 * params)


def flop_left(state: State, run: TrainingRun, day: int) -> float:
    """FLOP that a run still has to do on a day, at its present pace."""
    span = run.due_day - run.since_day
    return run.flop * max(0.0, (run.due_day - day) / span) if span > 0 else 0.0


def capability(state: State, flop: float, day: int) -> float:
    """Capability index of a model of so much effective compute, released on a day (docs/odd.md, capability)."""
    past = state.training.frontier
    return index_of(state.run.parameters, flop, day, past[0] if past else -math.inf)


def index_of(p: Mapping[str, float], flop: float, day: int, known: float = -math.inf) -> float:
    """Capability index by effective compute and date.

    Methods diffuse with half a year's lag: a model makes good a part of what it lacks to the frontier of then.

    Parameters
    ----------
    known : index of that frontier; none where it is not known.
    """
    years = (day - CAPABILITY_ORIGIN_DAY) / DAYS_PER_YEAR
    index = p["capability.intercept"] + p["capability.per_log10_flop"] * math.log10(flop)
    index += p["capability.per_year"] * years
    return digits(index + p["capability.diffusion_share"] * (known - index) if known > index else index)


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Runs that end, and models that reach customers, between two days."""
    p = state.run.parameters
    for run in state.training.runs.values():
        if run.due_day <= last:
            day = max(first, run.due_day)
            event = events.TrainingFinished(
                run_id=run.run_id,
                org=run.org,
                model=run.model,
                flop=run.flop_total,
                start_day=run.start_day,
                duration_days=day - run.start_day,
            )
            yield Happening(day, event, run.org, run.run_id)
    for lab in state.training.labs.values():
        ready = lab.pending_day + round(7 * p["labs.release_lag_weeks"])
        refresh = lab.released_day + round(7 * p["labs.refresh_weeks"])
        kind: ReleaseKind
        if lab.pending_model and ready <= last:
            day, model, kind = max(first, ready), lab.pending_model, "frontier"
            flop, effective = lab.pending_flop, lab.pending_effective_flop
        elif lab.best_model and not lab.pending_model and refresh <= last:
            day, model, kind = max(first, refresh), lab.best_model, "refresh"
            flop, effective = lab.best_flop, lab.best_effective_flop
        else:
            continue
        released = events.ModelReleased(
            model=model,
            org=lab.org,
            flop=flop,
            effective_flop=effective,
            capability=capability(state, effective, day),
            kind=kind,
            start_day=day,
        )
        yield Happening(day, released, lab.org, model)


def replan(state: State, day: int) -> Iterator[Happening]:
    """Go on with fewer GPUs where a holding shrank; what was trained stays trained."""
    p = state.run.parameters
    left: dict[Place, int] = {}
    for run in list(state.training.runs.values()):
        name = Place(run.org, run.chip, run.site)
        here = left[name] if name in left else held(state, run.org, run.chip, run.site)
        gpus = min(run.gpus, max(0, here))
        left[name] = here - gpus
        if gpus == run.gpus:
            continue
        todo = digits(flop_left(state, run, day))
        lost_by = state.leases.broken.get(name, run.run_id)
        pace = plan_run(run.chip, gpus, run.flop_total, day) if gpus else None
        days = pace.days * todo / run.flop_total if pace else math.inf
        if pace is None or days > p["labs.run_days_max"]:
            abandoned = events.TrainingAbandoned(run_id=run.run_id, org=run.org, flop=todo, reason="GPUs lost")
            yield Happening(day, abandoned, run.org, lost_by)
            continue
        event = events.TrainingReplanned(
            run_id=run.run_id,
            org=run.org,
            gpus=gpus,
            flop=todo,
            mfu=pace.mfu,
            goodput=pace.goodput,
            plan=pace.text,
            due_day=day + math.ceil(days),
            reason="GPUs lost",
        )
        yield Happening(day, event, run.org, lost_by)


def clusters(state: State, day: int) -> Iterator[Happening]:
    """Announce clusters that pass a size: the first of its chip, a new one, or one that has grown."""
    said, clusters = set[str](), state.training.clusters
    for name, holding in state.chips.holdings.items():
        gpus = holding.owned + holding.leased_in
        if gpus < CLUSTER_SIZES[0] or holding.leased_out:
            continue
        size, known = CLUSTER_SIZES[bisect_right(CLUSTER_SIZES, gpus) - 1], clusters.get(name, 0)
        first = holding.chip not in state.training.largest_cluster and holding.chip not in said
        if size <= known or (not first and holding.owned and state.sites.sites[holding.site].kind == "pool"):
            continue  # nothing new; or a pool, which stands for many halls and is no single machine
        said.add(holding.chip)
        kind: ClusterNews = "first of generation" if first else "grown" if known else "new"
        racks = math.ceil(size / RACK_GPUS) if is_rack_scale(holding.chip) else None
        event = events.ClusterFormed(
            org=holding.org, site=holding.site, chip=holding.chip, gpus=size, kind=kind, racks=racks
        )
        yield Happening(day, event, holding.org, holding.site)


DECIDE: Deciders = {
    commands.SetSplit: set_split,
    commands.StartTraining: start_training,
    commands.AdoptPlan: adopt_plan,
}
