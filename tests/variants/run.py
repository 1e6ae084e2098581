"""Run a variant: it ends and its events can all be true, or it is refused at the user's line; all else is a fault."""

from __future__ import annotations

import re
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Literal, NamedTuple

from agents.simulation import begin
from events import MemoryLog
from market.analytics.audit import audit
from market.kernel import few_collections
from market.runs.question import Question, checked
from market.scenario.errors import ScenarioError
from market.scenario.load import load_scenario
from tests.variants.make import Variant
from tests.worlds import as_table

PLACE = re.compile(r"variant\.yaml:\d+:\d+ ")
SEED = 0


class Outcome(NamedTuple):
    """How a variant went: ran to its end, was refused at its line, or is a fault, with the line that says so."""

    name: str
    kind: Literal["ran", "refused", "fault"]
    text: str


def outcome(each: Variant, weeks: int) -> Outcome:
    """Check a variant, and run what check passes."""
    with tempfile.TemporaryDirectory() as top:
        path = Path(top) / "variant.yaml"
        path.write_text(each.text)
        try:
            question = checked(Question(load_scenario(path).scenario, SEED))
        except ScenarioError as error:
            kind: Literal["refused", "fault"] = "refused" if PLACE.match(str(error)) else "fault"
            return Outcome(each.name, kind, str(error))
        except Exception:
            return Outcome(each.name, "fault", f"check: {_last(traceback.format_exc())}")
    return _ran(each, question, weeks)


def answered(asked: tuple[Variant, int]) -> Outcome:
    """`outcome`, for a pool of processes."""
    return outcome(*asked)


def _ran(each: Variant, question: Question, weeks: int) -> Outcome:
    week, log = -1, MemoryLog()
    try:
        with warnings.catch_warnings(), few_collections():
            warnings.simplefilter("error", RuntimeWarning)
            model = begin(question.scenario, question.seed, log)
            while not model.is_over and week + 1 < weeks:
                model.step()
                week = model.state.run.week
    except Exception:
        return Outcome(each.name, "fault", f"week {week + 1}: {_last(traceback.format_exc())}")
    found = list(audit(as_table(list(log.entries())).lazy()))
    if found:
        return Outcome(each.name, "fault", f"{len(found)} findings of the audit: {found[0]}")
    return Outcome(each.name, "ran", f"{week + 1} weeks")


def _last(text: str) -> str:
    """The innermost line of ours and the error."""
    lines = [line.strip() for line in text.splitlines()]
    ours = [
        line
        for line in lines
        if line.startswith('File "') and "/site-packages/" not in line and "/lib/python" not in line
    ]
    where = (
        re.sub(r'File ".*?((market|agents|events|tests)/[^"]*)", line (\d+), in (\w+)', r"\1:\3 \4", ours[-1])
        if ours
        else ""
    )
    return f"{where} {lines[-1]}"
