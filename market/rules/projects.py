"""Research inside labs: a list of valued projects that is longer than compute, and operations that fill what is free.

Every week operations first make room where a run began or GPUs were lost: projects that were widened give back what
they do not need, then those worth least stop and go back to the list. What is free goes to the projects on the list,
the worthiest first that fits, and widens these and those under way up to `projects.widen_max` of their least size. What
is still free begins the worthiest project that may start on so small a part of its plan (`projects.narrow_min`). So
compute idles only when all are wide and nothing on the list fits even so (docs/odd.md, inside a lab).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from events.commands import training as commands
from events.kinds import ProjectResizing
from events.types import Batch, Event
from events.types import training as events
from events.vocabulary import DAY_MAX
from market.rules.base import Deciders, Happening, columns_of, fleets_h100e
from market.state import State, next_id
from market.state.training import Project
from market.units import WEEK_DAYS, clip, digits


@dataclass
class Bench:
    """A lab's research compute, H100e: all of it, what runs take, the projects under way and on the list."""

    research: float
    runs: float
    working: list[Project] = field(default_factory=list)
    waiting: list[Project] = field(default_factory=list)

    @property
    def free(self) -> float:
        """What neither a run nor a project uses; negative where there is less than is promised."""
        return self.research - self.runs - math.fsum([p.h100e for p in self.working])

    @property
    def listed(self) -> float:
        """Least sizes of all projects, under way and waiting, without those larger than all research compute."""
        return math.fsum([p.least_h100e for p in (*self.working, *self.waiting) if p.least_h100e <= self.research])


def benches(state: State, fleets: Mapping[str, float]) -> dict[str, Bench]:
    """Research compute of every lab and what uses it, in one pass."""
    p, chips, training = state.run.parameters, state.chips.chips, state.training
    runs: dict[str, list[float]] = defaultdict(list)
    for run in training.runs.values():
        runs[run.org].append(run.gpus * chips[run.chip].h100e)
    found = {}
    for org, lab in training.labs.items():
        captive = p.get(f"orgs.{org}.captive_share", 0.0)
        research = fleets[org] * (1 - lab.inference_share) * (1 - captive)
        found[org] = Bench(research, math.fsum(runs[org]))
    for org, each in training.projects.items():
        found[org].working.extend(each.values())
    for org, each in training.waiting.items():
        found[org].waiting.extend(each.values())
    return found


def propose(state: State, command: commands.ProposeProject, day: int) -> list[Event]:
    """Put a project on the lab's list, unless that is full already."""
    org, said = command.actor, (command.h100e, command.work_h100e_weeks, command.worth)
    if org not in state.training.labs or not all(0 < number < math.inf for number in said):
        return [events.ProjectRejected(org=org, h100e=0.0, reason="nothing asked")]
    if 7 * command.work_h100e_weeks / command.h100e > DAY_MAX - day:  # it would outlast the days that a log holds
        return [events.ProjectRejected(org=org, h100e=0.0, reason="nothing asked")]
    if len(state.training.waiting.get(org, ())) >= state.run.parameters["projects.list_max"]:
        return [events.ProjectRejected(org=org, h100e=digits(command.h100e), reason="list full")]
    return [
        events.ProjectProposed(
            run_id=next_id(state, org, "project"),
            org=org,
            h100e=digits(command.h100e),
            work_h100e_weeks=digits(command.work_h100e_weeks),
            worth=digits(command.worth),
        )
    ]


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Projects that end between two days, and free their GPUs."""
    for projects in state.training.projects.values():
        for project in projects.values():
            if project.end_day <= last:
                ended = events.ProjectEnded(run_id=project.run_id, org=project.org, h100e=project.h100e)
                yield Happening(max(first, project.end_day), ended, project.org, project.run_id)


def operate(state: State, day: int) -> Iterator[Happening]:
    """Make room where research compute fell short; give what is free to projects, the worthiest first that fits."""
    widest, narrowest = state.run.parameters["projects.widen_max"], state.run.parameters["projects.narrow_min"]
    for org, on in benches(state, fleets_h100e(state, state.training.labs)).items():
        free = on.free
        changes = list(_make_room(on.working, -free, narrowest, day)) if free < 0 else []
        if changes:
            free += math.fsum(_freed({p.run_id: p.h100e for p in on.working}, changes))
        begun = list(_fitting(on.waiting, free))
        free -= math.fsum(p.least_h100e for p in begun)
        touched = {event.run_id for event in changes}
        steady = [p for p in on.working if p.run_id not in touched]
        more = dict(_wider([*steady, *begun], free, widest))
        free -= math.fsum(more.values())
        changes += [_started(p, p.least_h100e + more.get(p.run_id, 0.0), day) for p in begun]
        changes += [_resized(p, p.h100e + more[p.run_id], "widened", day) for p in steady if p.run_id in more]
        names = {p.run_id for p in begun}
        changes += _narrow([p for p in on.waiting if p.run_id not in names], free, narrowest, day)
        for event in changes:
            yield Happening(day, event, org, event.run_id)


type Change = events.ProjectStarted | events.ProjectResized | events.ProjectStopped


def _by_worth(projects: list[Project]) -> list[Project]:
    return sorted(projects, key=lambda p: (-p.worth, p.run_id))


def left_h100e_weeks(project: Project, day: int) -> float:
    """Work of a project under way that is still to do."""
    return max(0.0, project.work_h100e_weeks - project.h100e * (day - project.since_day) / WEEK_DAYS)


def _end_day(work: float, h100e: float, day: int) -> int:
    return day + max(1, math.ceil(WEEK_DAYS * work / h100e))


def _make_room(working: list[Project], short: float, narrowest: float, day: int) -> Iterator[Change]:
    """Stop the least worthy projects until the rest can give back what is short of what they do not need."""
    upwards = _by_worth(working)[::-1]
    spares = {p.run_id: _spare(p, narrowest) for p in upwards}
    spare = math.fsum(spares.values())
    for project in upwards:
        mine = spares[project.run_id]
        if spare < short:
            short -= project.h100e
            spare -= mine
            left = digits(left_h100e_weeks(project, day))
            yield events.ProjectStopped(
                run_id=project.run_id, org=project.org, h100e=project.h100e, work_h100e_weeks=left
            )
        elif (taken := min(short, mine)) > 0:
            short -= taken
            spare -= mine
            yield _resized(project, project.h100e - taken, "makes room", day)


def _spare(project: Project, narrowest: float) -> float:
    """What a project can give back: what it has beyond its need, or beyond the least part of it if it began on one."""
    need = project.least_h100e if project.h100e >= project.least_h100e else narrowest * project.least_h100e
    return max(0.0, project.h100e - need)


def _freed(held: Mapping[str, float], changes: list[Change]) -> Iterator[float]:
    """What each change gave back."""
    for event in changes:
        yield event.h100e if isinstance(event, events.ProjectStopped) else held[event.run_id] - event.h100e


def _fitting(waiting: list[Project], free: float) -> Iterator[Project]:
    """Projects that fit, the worthiest first."""
    for project in _by_worth([p for p in waiting if p.least_h100e <= free]):
        if project.least_h100e <= free:
            free -= project.least_h100e
            yield project


def _narrow(waiting: list[Project], free: float, narrowest: float, day: int) -> Iterator[Change]:
    """Start the worthiest that may begin on what is left: fewer GPUs do the same work in more time."""
    fits = [p for p in waiting if narrowest * p.least_h100e <= free] if free > 0 else []
    if fits:
        yield _started(_by_worth(fits)[0], free, day)


def _started(project: Project, h100e: float, day: int) -> events.ProjectStarted:
    size = digits(h100e)
    return events.ProjectStarted(
        run_id=project.run_id,
        org=project.org,
        h100e=size,
        start_day=day,
        end_day=_end_day(project.work_h100e_weeks, size, day),
    )


def _wider(projects: list[Project], free: float, widest: float) -> Iterator[tuple[str, float]]:
    """Spread what is left over what is under way and what begins, the worthiest first: H100e more by project."""
    sizes = {p.run_id: p.h100e or p.least_h100e for p in projects}
    for project in _by_worth([p for p in projects if sizes[p.run_id] < _widest(p.least_h100e, widest)]):
        if free <= 0:
            return
        more = min(free, _widest(project.least_h100e, widest) - sizes[project.run_id])
        free -= more
        yield project.run_id, more


@lru_cache(1 << 12)
def _widest(least_h100e: float, widest: float) -> float:
    """Size up to which a project is widened: it stays, and is asked for every week."""
    return digits(widest * least_h100e)


def _resized(project: Project, h100e: float, reason: ProjectResizing, day: int) -> Change:
    size, left = digits(h100e), digits(left_h100e_weeks(project, day))
    return events.ProjectResized(
        run_id=project.run_id,
        org=project.org,
        h100e=size,
        work_h100e_weeks=left,
        end_day=_end_day(left, size, day),
        reason=reason,
    )


def people(state: State, day: int) -> Batch | None:
    """Move researchers towards labs where each has more compute, a month's part."""
    p, labs = state.run.parameters, state.training.labs
    on = benches(state, fleets_h100e(state, labs))
    active = [org for org, lab in labs.items() if lab.researchers > 0 and on[org].research > 0]
    if not active:
        return None
    usual = math.fsum(on[o].research for o in active) / math.fsum(labs[o].researchers for o in active)
    rows = []
    for org in active:
        each = on[org].research / labs[org].researchers
        drift = p["projects.drift_per_month"] * clip(math.log(each / usual), -1.0, 1.0)
        rows.append((org, digits(labs[org].researchers * math.exp(drift)), digits(on[org].research)))
    columns = columns_of(("org", "researchers", "h100e"), rows)
    return Batch(events.ResearchersMeasured, columns, active, active)


DECIDE: Deciders = {commands.ProposeProject: propose}
