"""Two runs compared: quantities side by side, and which experiment would be evidence."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from market.experiments.results.pair import Pair, Row, Side, pair
from market.experiments.tell.wording import number, percent, scale, together
from market.kernel import ReplayMismatch
from market.report.console import Column, Page, para, show
from market.runs.outcome import Outcome
from market.runs.reading import Run

if TYPE_CHECKING:
    from market.runs.question import Stage

RUNS = 20
"""Seeds of the experiment that is named: about what it takes for an interval that leaves zero out."""
SAME_SHARE = 0.0005


class Told(NamedTuple):
    """A comparison with the names of its sides."""

    found: Pair
    names: tuple[str, str]
    evidence: str

    def rows_json(self) -> list[dict[str, Any]]:
        """Rows for scripts."""
        return [row._asdict() | {"difference": row.difference} for row in self.found.rows]


def compare(a: Run, b: Run) -> Told:
    """Compare two runs."""
    found = pair(a, b)
    return Told(found, ("a", "b"), evidence(a, b))


def compare_if_replayed(a: Run, b: Run) -> Told | None:
    """Compare two runs; None where the states of one do not replay, so that there are no quantities to trust."""
    try:
        return compare(a, b)
    except (ReplayMismatch, ValueError):
        return None


def with_parent(parent: Run, outcome: Outcome) -> Told:
    """Compare a fork, whose end is known, with the run that it left."""
    found = pair(parent, outcome.run, Side(outcome.run, outcome.state, outcome.last_day))
    return Told(found, ("parent", "fork"), evidence(parent, outcome.run))


def evidence(a: Run, b: Run) -> str:
    """Say that two histories are no evidence, and name the experiment that would be."""
    head = "One pair of histories is no evidence: part of every difference is chance."
    new = [stage for stage in b.question.stages if stage not in a.question.stages]
    rest = [stage for stage in a.question.stages if stage not in b.question.stages]
    same_world = a.question.scenario == b.question.scenario
    if not same_world or rest or not new:
        return f"{head} Repeat both with other seeds (--seed 1, --seed 2 and so on) and see whether the sign stays."
    words = " ".join(f"--policy {shlex.quote(_spec(b, stage))}" for stage in new)
    base = b.question
    scenario = "" if base.scenario.name == "frontier-2024" else f" --scenario {shlex.quote(base.scenario.name)}"
    years = f" --years {base.fork_years or base.scenario.years:g}"
    command = f"market experiment {words} --runs {RUNS}{scenario}{years}"
    return f"{head} This experiment would tell, over {RUNS} seeds: {command}"


def _spec(run: Run, stage: Stage) -> str:
    """Write a policy as it acts in a fork: not before the week in which it came."""
    policy, scenario = stage.policy, run.question.scenario
    first = scenario.start + timedelta(7 * stage.week)
    given = {k: v for k, v in policy.given.items() if k != "from"}
    settings = [f"{key}={value}" for key, value in given.items()]
    if stage.week or "from" in policy.given:
        settings.insert(0, f"from={max(first, policy.from_day)}")
    return f"{policy.name}:{','.join(settings)}" if settings else policy.name


def show_compared(out: Page, told: Told) -> None:
    """Print a comparison; what does not differ is named in a line."""
    moved = [row for row in told.found.rows if abs(row.difference) > SAME_SHARE * max(abs(row.a), abs(row.b))]
    still = [row.metric for row in told.found.rows if row not in moved]
    heads = (Column("quantity", True), Column("unit", True, 5), Column(told.names[0]), Column(told.names[1]),
             Column("difference"), Column("", False, 3))  # fmt: skip
    if moved:
        show(out, heads, [_cells(row) for row in moved])
    if still:
        names = together(still, [row.metric for row in told.found.rows])
        para(out, f"the same within {SAME_SHARE:.2%}: {', '.join(names)}")
    if not told.found.same_seed:
        para(out, "The two have other seeds, starts or scenarios: chance differs from the first week on.")
    para(out, told.evidence)


def _cells(row: Row) -> tuple[str, ...]:
    name, size = scale(max(abs(row.a), abs(row.b)), row.unit)
    if size == 1 and row.a.is_integer() and row.b.is_integer():
        values = (f"{row.a:,.0f}", f"{row.b:,.0f}", f"{row.difference:+,.0f}")
    else:
        values = (number(row.a / size), number(row.b / size), number(row.difference / size, sign=True))
    share = percent(row.difference / row.a, sign=True) if row.a else ""
    return row.metric, "" if name == "1" else name, *values, share
