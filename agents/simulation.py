"""A run: behaviours of orgs, asked week by week around a kernel. Nothing here needs Mesa; `agents.model` does."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from agents.behaviour import Behaviour
from events.commands import Command
from events.memory import Log, MemoryLog
from events.plugins import points
from market.kernel import BehaviourFault, Hooks, Kernel, few_collections
from market.rules.start import opening
from market.state import State
from market.view import MarketView, Shared

if TYPE_CHECKING:
    from market.scenario.schema import Scenario

GROUP = "market.behaviours"


class PluginUnusable(Exception):
    """The package of a behaviour that a scenario names cannot be imported; the text names both."""


def behaviours(names: set[str]) -> dict[str, type[Behaviour]]:
    """Import the behaviours of these names, and no other: ours and those of packages outside, by entry point.

    Raises PluginUnusable where the package of one cannot be imported.
    """
    found = points(GROUP)
    return {name: _loaded(found[name]) for name in sorted(names & set(found))}


@cache
def _loaded(point: EntryPoint) -> type[Behaviour]:
    try:
        behaviour: type[Behaviour] = point.load()
    except Exception as error:
        package = point.dist.name if point.dist is not None else point.module
        what = f"behaviour {point.name!r} of the package {package} cannot be imported"
        raise PluginUnusable(f"{what}: {type(error).__name__}: {error}") from error
    return behaviour


class Simulation:
    """Orgs around a kernel; `step()` is one week."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.behaviours: dict[str, Behaviour] = {}
        self.follow()

    @property
    def state(self) -> State:
        """What is true now."""
        return self.kernel.state

    @property
    def is_over(self) -> bool:
        """Whether the next week would end after the run."""
        run = self.state.run
        return run.ended or run.start_day + 7 * (run.week + 2) > run.end_day

    def follow(self) -> None:
        """Give every org of the state its behaviour: those that enter are asked from their first week on."""
        for name in [name for name in self.behaviours if name not in self.state.run.orgs]:
            del self.behaviours[name]
        new = {name: org.behaviour for name, org in self.state.run.orgs.items() if name not in self.behaviours}
        kinds = behaviours(set(new.values())) if new else {}
        for name, behaviour in new.items():
            if behaviour not in kinds:
                raise ValueError(
                    f"orgs.{name}.behaviour: no behaviour {behaviour!r}; known: {', '.join(points(GROUP))}"
                )
            self.behaviours[name] = kinds[behaviour]()

    def step(self) -> None:
        """Simulate one week: clock, ask, decide, clear, close."""
        kernel, run = self.kernel, self.state.run
        kernel.clock(run.week + 1)
        self.follow()
        kernel.decide(dict(self._answers()))
        kernel.clear()
        kernel.close()

    def _answers(self) -> Iterator[tuple[str, list[Command]]]:
        """Ask every org at one moment of the week."""
        shared = Shared(self.state, self.kernel.hooks)
        for org, behaviour in self.behaviours.items():
            if org in self.state.finance.estates:  # it does not trade, so it is not asked
                continue
            try:
                view = MarketView(shared, org)
                yield org, behaviour.act(view, view.draws)
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
                raise BehaviourFault(self.state, org, what) from error


def begin(scenario: Scenario, seed: int, log: Log | None = None, hooks: Hooks | None = None) -> Simulation:
    """Say the start of a scenario, into a log in memory where none is given."""
    kernel = Kernel(log if log is not None else MemoryLog(), hooks)
    kernel.begin(opening(scenario, seed))
    return Simulation(kernel)


def simulate(
    scenario: Scenario,
    seed: int,
    log: Log | None = None,
    hooks: Hooks | None = None,
    progress: Callable[[int, Kernel], None] | None = None,
    *,
    past: State | None = None,
) -> Kernel:
    """Run a scenario to its end; give back the kernel with its state and log.

    With `past`, the state of the same scenario and seed at the end of a week, it goes on from there.
    """
    if past is None:
        simulation = begin(scenario, seed, log, hooks)
    else:
        simulation = Simulation(Kernel(log if log is not None else MemoryLog(), hooks, past))
    with few_collections():
        while not simulation.is_over:
            simulation.step()
            if progress is not None:
                progress(simulation.state.run.week, simulation.kernel)
    simulation.kernel.end()
    return simulation.kernel
