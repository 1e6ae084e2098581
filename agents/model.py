"""The market as Mesa knows it, for those who work with Mesa: the only file that imports it, and no run needs it.

    model = MarketModel("frontier-2024", rng=0, years=1)
    model.run_model()
    model.agents.select(lambda org: "lab" in org.roles).agg("fleet_h100e", sum)
    model.datacollector.get_agent_vars_dataframe()

Agents only show what is true of their org. What orgs do is in behaviours, which see a view, never agent or model.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import mesa
from mesa.datacollection import DataCollector

from agents.simulation import Simulation, begin
from events import LogWriter
from events.memory import Log
from market.kernel import Hooks, Kernel
from market.rules.base import fleet_h100e, fleets_h100e
from market.scenario.load import load_scenario
from market.state import State
from market.units import CENTS, to_date

if TYPE_CHECKING:
    from datetime import date

    from market.scenario.schema import Scenario

MEASURES = ("price_usd_per_h100e_hour", "spot_usd_per_h100e_hour", "h100e")
SHOWN = ("org", "fleet_h100e", "cash_usd")
BY_HAND = "orgs enter and leave by commands that become events; Mesa's agents follow the state"


class OrgAgent(mesa.Agent):  # type: ignore[misc]
    """One org, to be looked at: every property reads the state of now."""

    model: MarketModel

    def __init__(self, model: MarketModel, org: str) -> None:
        if not model.is_following:
            raise TypeError(f"no agent is made by hand: {BY_HAND}")
        super().__init__(model)
        self.org = org

    def remove(self) -> None:
        """Refuse: an org is not taken out by hand."""
        raise TypeError(f"no agent is removed by hand: {BY_HAND}")

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles as registered."""
        return self.model.state.run.orgs[self.org].roles

    @property
    def country(self) -> str:
        """Country as registered."""
        return self.model.state.run.orgs[self.org].country

    @property
    def behaviour(self) -> str:
        """Name of the behaviour that decides for the org."""
        return self.model.state.run.orgs[self.org].behaviour

    @property
    def parent(self) -> str | None:
        """Owner of the org."""
        return self.model.state.run.orgs[self.org].parent

    @property
    def fleet_h100e(self) -> float:
        """H100e that the org can use."""
        return fleet_h100e(self.model.state, self.org)

    @property
    def fleet(self) -> dict[str, int]:
        """GPUs that the org can use, by chip."""
        found: dict[str, int] = {}
        for holding in self.model.state.chips.holdings.values():
            if holding.org == self.org and holding.held:
                found[holding.chip] = found.get(holding.chip, 0) + holding.held
        return found

    @property
    def cash_usd(self) -> float:
        """Balance, USD."""
        return self.model.state.finance.ledger.accounts.get(self.org, 0) / CENTS

    @property
    def revenue_usd_per_year(self) -> float:
        """Revenue of a lab, 0 of others."""
        lab = self.model.state.training.labs.get(self.org)
        return lab.revenue_usd_per_year if lab else 0.0

    @property
    def plan(self) -> tuple[float, date] | None:
        """Compute that a lab wants, H100e, and by when; None without a plan."""
        lab = self.model.state.training.labs.get(self.org)
        return (lab.wanted_h100e, to_date(lab.wanted_day)) if lab and lab.wanted_h100e else None


class MarketModel(mesa.Model):  # type: ignore[misc]
    """A run as a Mesa model: `step()` is a week, `running` turns false after the last one, `run_model()` runs to it.

    Parameters
    ----------
    world : name or file of a scenario, or a resolved one
    rng : seed of the run
    years : length, where another than the scenario's is wanted
    parameters : values for dotted keys of the scenario, as after `--set`
    log : where events go; a log in memory when left out
    hooks : policies
    kernel : a kernel that already stands somewhere, instead of a scenario
    """

    running: bool

    def __init__(
        self,
        world: str | Scenario = "frontier-2024",
        rng: int | None = None,
        *,
        years: float | None = None,
        parameters: dict[str, Any] | None = None,
        log: Log | None = None,
        hooks: Hooks | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        seed = kernel.state.run.seed if kernel is not None else int(rng or 0)
        super().__init__(rng=seed)
        self.is_following: bool = False
        if kernel is None:
            scenario = load_scenario(world, parameters or {}).scenario if isinstance(world, str) else world
            if years is not None:
                scenario = scenario.model_copy(update={"years": years})
            self.simulation = begin(scenario, seed, log, hooks)
        else:
            self.simulation = Simulation(kernel)
        self._by_org: dict[str, OrgAgent] = {}
        self._follow()
        self.datacollector = DataCollector(
            model_reporters={name: name for name in MEASURES},
            agent_reporters={name: attrgetter(name) for name in SHOWN},
        )

    @property
    def kernel(self) -> Kernel:
        """The kernel of the run: its state and its log."""
        return self.simulation.kernel

    @property
    def state(self) -> State:
        """What is true now; to be read."""
        return self.simulation.state

    @property
    def price_usd_per_h100e_hour(self) -> float:
        """Reference price of a one-year contract."""
        return self.state.leases.price_usd_per_h100e_hour

    @property
    def spot_usd_per_h100e_hour(self) -> float:
        """Posted on-demand price."""
        return self.state.leases.spot_usd_per_h100e_hour

    @property
    def h100e(self) -> float:
        """Compute of all orgs."""
        return sum(fleets_h100e(self.state).values())

    @property
    def date(self) -> date:
        """Last day simulated."""
        run = self.state.run
        return to_date(run.start_day + 7 * (run.week + 1) - 1)

    def agent(self, org: str) -> OrgAgent:
        """The agent of an org."""
        return self._by_org[org]

    def step(self) -> None:
        """Simulate a week, follow who entered and left, and collect data."""
        if not self.running:
            raise RuntimeError("the run is over: no week is left to simulate")
        self.simulation.step()
        self._follow()
        self.datacollector.collect(self)
        self.running = not self.simulation.is_over
        if not self.running:
            self.kernel.end()

    def run_model(self) -> None:
        """Simulate to the end of the run."""
        while self.running:
            self.step()

    def _follow(self) -> None:
        """Let Mesa's agents be the orgs of the state."""
        self.is_following = True
        for org in self.state.run.orgs:
            if org not in self._by_org:
                self._by_org[org] = OrgAgent(self, org)
        for org in [name for name in self._by_org if name not in self.state.run.orgs]:
            self.deregister_agent(self._by_org.pop(org))
        self.is_following = False

    def register_agent(self, agent: mesa.Agent) -> None:
        """Register an agent of ours; Mesa calls it."""
        if not self.is_following:
            raise TypeError(f"no agent is added by hand: {BY_HAND}")
        super().register_agent(agent)

    def deregister_agent(self, agent: mesa.Agent) -> None:
        """Take an agent of ours out; Mesa calls it."""
        if not self.is_following:
            raise TypeError(f"no agent is removed by hand: {BY_HAND}")
        super().deregister_agent(agent)

    def remove_all_agents(self) -> None:
        """Refuse: orgs are not taken out by hand."""
        raise TypeError(f"no agent is removed by hand: {BY_HAND}")

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to be pickled while a log on disk is open: it has one writer."""
        if isinstance(self.kernel.log, LogWriter):
            raise TypeError("a model that writes a log to disk is not pickled: resume its run, or log in memory")
        return super().__reduce_ex__(protocol)
