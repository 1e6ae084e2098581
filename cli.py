"""The command line: composes the commands of `market.commands` with the agents. `market --help` imports nothing heavy.

stdout holds the answer, stderr the progress and the complaints. Exit codes: 0 done; 1 the run failed; 2 wrong use or an
invalid scenario; 3 a log is damaged or a replay disagrees; 4 some runs of an experiment failed; 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from market.commands import ask, clear, experiment, policy, read, scenario, show, simulate, trust, truth
from market.commands.group import Commands, version

if TYPE_CHECKING:
    from market.kernel import Kernel
    from market.runs.drive import Model
    from market.runs.question import Question
    from market.scenario.schema import Scenario

COMMANDS = (
    simulate.run_command, simulate.fork,
    read.replay, read.events, read.query, read.leases, read.runs_command,
    show.report, show.export, show.serve, show.plot,
    trust.verify, trust.diff, trust.compare, trust.explain,
    experiment.experiment,
    truth.forecast, truth.score, truth.backtest, truth.calibrate, truth.claims,
    scenario.scenario, policy.policy,
    ask.cluster, ask.decide, clear.clear, ask.doctor,
)  # fmt: skip


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=version, help="Print the version.")
@click.pass_context
def main(ctx: click.Context) -> None:
    """A simulation of the market for AI compute that keeps every event.

    Begin with `market run`.
    """
    ctx.obj = Hosted()


for each in COMMANDS:
    main.add_command(each)


def model_around(kernel: Kernel) -> Model:
    """Make the agents around a kernel."""
    from agents.simulation import Simulation

    return Simulation(kernel)


class Hosted:
    """The agents of this program, as commands call them (see `market.commands.agents`)."""

    model_around = staticmethod(model_around)

    def check_behaviours(self, question: Question) -> None:
        """Import the behaviours and mechanisms that a scenario names, before there is a folder."""
        from agents.simulation import behaviours
        from market.clearing import mechanism

        behaviours({org.behaviour for org in question.scenario.orgs.values()})
        for name in set(question.scenario.mechanisms.values()) - {"posted"}:
            mechanism(name)

    def simulate(self) -> Callable[..., Kernel]:
        """Give the function that runs a scenario."""
        from agents import simulation

        return simulation.simulate

    def decide(self, scenario: Scenario, seed: int, org: str, **asked: Any) -> dict[str, Any]:
        """Compare the ways in which an org could get a machine on the first day of a scenario."""
        from agents.question import answer
        from agents.simulation import begin
        from market.view import MarketView, Shared

        shared = Shared(begin(scenario, seed).state)
        return answer(lambda name: MarketView(shared, name), org, **asked)


if __name__ == "__main__":
    main(prog_name="market")
