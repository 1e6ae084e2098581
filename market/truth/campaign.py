"""Put a forecast together: draw, simulate, gather."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from market.runs.drive import MakeModel
from market.scenario.load import Resolved
from market.truth.forecast import forecast_of
from market.truth.futures import Job, draw, ranges, simulate, simulate_all
from market.truth.posterior import drawn_from
from market.truth.questions import Asked, QuestionError

RANGES = "the catalogue's ranges"


def run_forecast(
    resolved: Resolved, make: MakeModel, questions: Sequence[Asked], *, futures: int, posterior: str | None = None,
    engine: str = "local", tell: Callable[[int, int], None],
) -> dict[str, Any]:  # fmt: skip
    """Simulate `futures` futures of a scenario and gather what they say.

    Raises
    ------
    QuestionError : a question's SQL cannot be answered by the first future.
    """
    drawn_futures = draw(ranges(resolved), futures)
    if posterior is not None:
        drawn_futures = drawn_from(posterior, drawn_futures)
    job = Job(resolved.scenario, make, tuple((asked.id, asked.sql) for asked in questions), is_chained=True)
    first = simulate(job, drawn_futures[0])
    if first.error.startswith("Usage:"):
        raise QuestionError(f"a question cannot be answered: {first.error.removeprefix('Usage: ')}")
    answers = [first, *simulate_all(job, drawn_futures[1:], engine, tell)]
    drawn = RANGES if posterior is None else f"posterior {posterior}"
    return forecast_of(resolved, answers, questions, drawn)
