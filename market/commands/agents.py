"""What commands need from the agents. Nothing in `market` imports them: `cli.py` brings these functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from market.kernel import Kernel
    from market.runs.drive import Model
    from market.runs.question import Question
    from market.scenario.schema import Scenario


class Agents(Protocol):
    """Functions over the agents, each of which imports them when it is called."""

    def check_behaviours(self, question: Question) -> None:
        """Import the behaviours and mechanisms that a scenario names, before there is a folder."""

    def model_around(self, kernel: Kernel) -> Model:
        """Make what simulates around a kernel; pickles by reference."""

    def simulate(self) -> Callable[..., Kernel]:
        """Give the function that runs a scenario; pickles by reference."""

    def decide(self, scenario: Scenario, seed: int, org: str, **asked: Any) -> dict[str, Any]:
        """Compare the ways in which an org could get a machine on the first day of a scenario."""
