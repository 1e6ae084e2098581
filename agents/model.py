"""The Mesa model: one agent an org, and the order of a week. The only file that imports Mesa."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import mesa

from agents.behaviour import Behaviour
from events.commands import Command
from events.memory import Log, MemoryLog
from events.plugins import points
from market.kernel import BehaviourFault, Hooks, Kernel, few_collections
from market.rng import Draws
from market.rules.start import opening
from market.state import State
from market.view import MarketView, Shared

if TYPE_CHECKING:
    from market.scenario.schema import Scenario


class PluginUnusable(Exception):
    """The package of a behaviour that a scenario names cannot be imported; the text names both."""

    exit_code = 1


def behaviours(names: set[str]) -> dict[str, type[Behaviour]]:
    """Import the behaviours of these names, and no other: ours and those of packages outside, by entry point.

    Raises PluginUnusable where the package of one cannot be imported.
    """
    found = points("market.behaviours")
    return {name: _loaded(found[name]) for name in sorted(names & set(found))}


def _loaded(point: EntryPoint) -> type[Behaviour]:
    try:
        behaviour: type[Behaviour] = point.load()
    except Exception as error:
        package = point.dist.name if point.dist is not None else point.module
        what = f"behaviour {point.name!r} of the package {package} cannot be imported"
        raise PluginUnusable(f"{what}: {type(error).__name__}: {error}") from error
    return behaviour


class Participant(mesa.Agent):  # type: ignore[misc]
    """Hosts the behaviour of one org."""

    def __init__(self, model: MarketModel, org: str, behaviour: Behaviour) -> None:
        super().__init__(model)
        self.org = org
        self.behaviour = behaviour

    def ask(self, shared: Shared, draws: Draws) -> list[Command]:
        """Let the org answer the week."""
        return self.behaviour.act(MarketView(shared, self.org), draws)


class MarketModel(mesa.Model):  # type: ignore[misc]
    """A run as Mesa knows it: `step()` is one week.

    Parameters
    ----------
    scenario : a resolved scenario
    rng : seed of the run
    log : where events go; a log in memory when left out
    hooks : policies
    kernel : a kernel that already stands somewhere (a fork or a resumed run); scenario is then not said again
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        rng: int = 0,
        *,
        log: Log | None = None,
        hooks: Hooks | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        super().__init__(rng=rng)
        if kernel is None:
            if scenario is None:
                raise ValueError("a model needs a scenario or a kernel")
            kernel = Kernel(log or MemoryLog(), hooks)
            kernel.begin(opening(scenario, rng))
        self.kernel = kernel
        kinds = behaviours({org.behaviour for org in self.state.run.orgs.values()})
        self.participants: list[Participant] = []
        for name, org in self.state.run.orgs.items():
            if org.behaviour not in kinds:
                known = ", ".join(points("market.behaviours"))
                raise ValueError(f"orgs.{name}.behaviour: no behaviour {org.behaviour!r}; known: {known}")
            self.participants.append(Participant(self, name, kinds[org.behaviour]()))

    @property
    def state(self) -> State:
        """What is true now."""
        return self.kernel.state

    @property
    def is_over(self) -> bool:
        """Whether the next week would end after the run."""
        run = self.state.run
        return run.start_day + 7 * (run.week + 2) > run.end_day

    def step(self) -> None:
        """Simulate one week: clock, people, decide, clear, close."""
        kernel, run = self.kernel, self.state.run
        week = run.week + 1
        kernel.clock(week)
        shared, draws = Shared(self.state), Draws(run.seed, week)
        kernel.decide({participant.org: self._ask(participant, shared, draws) for participant in self.participants})
        kernel.clear()
        kernel.close()

    def _ask(self, participant: Participant, shared: Shared, draws: Draws) -> list[Command]:
        try:
            return participant.ask(shared, draws)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            raise BehaviourFault(self.state, participant.org, what) from error


def simulate(
    scenario: Scenario,
    seed: int,
    log: Log | None = None,
    hooks: Hooks | None = None,
    progress: Callable[[int, Kernel], None] | None = None,
) -> Kernel:
    """Run a scenario to its end; give back the kernel with its state and log."""
    return finish(MarketModel(scenario, seed, log=log, hooks=hooks), progress)


def finish(model: MarketModel, progress: Callable[[int, Kernel], None] | None = None) -> Kernel:
    """Step a model to its end and close its log."""
    with few_collections():
        while not model.is_over:
            model.step()
            if progress is not None:
                progress(model.state.run.week, model.kernel)
    model.kernel.end()
    return model.kernel
