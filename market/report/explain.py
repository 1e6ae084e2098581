"""Why an event came about: its chain of causes to the root, the terms of decisions, policies in the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from events import EVENTS
from market.report.listing import say
from market.report.sentences import sentence, terms
from market.runs.reading import Run, Usage

if TYPE_CHECKING:
    import polars as pl

BEFORE_DAYS = 182  # how far back a policy's refusals are looked for
PARTIES = ("org", "lessor", "lessee", "actor")
CHAIN_MAX = 10_000


@dataclass(frozen=True)
class Step:
    """An event of the chain in words; on a decision, the candidates that it left, how they scored and why."""

    seq: int
    day: str
    type: str
    actor: str
    says: str
    rejected: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Fields for scripts."""
        fields = {"seq": self.seq, "day": self.day, "type": self.type, "actor": self.actor, "says": self.says}
        return fields | {"rejected": list(self.rejected)} if self.rejected else fields


@dataclass(frozen=True)
class Explanation:
    """The chain from an event back to its root, and what policies refused its parties in the half year before."""

    chain: list[Step]
    policies: list[Step] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Fields for scripts."""
        return {
            "seq": self.chain[0].seq,
            "root": self.chain[-1].seq,
            "chain": [step.as_json() for step in self.chain],
            "policies": [step.as_json() for step in self.policies],
        }


def explain(run: Run, seq: int) -> Explanation:
    """Walk from an event to its root."""
    events = run.log.collect()
    if not 0 <= seq < events.height:
        raise Usage(f"no event {seq}; the log of {run.folder} holds 0 to {events.height - 1}")
    chain: list[Step] = []
    at = seq
    while at >= 0 and len(chain) < CHAIN_MAX:
        row = events.row(at, named=True)
        chain.append(_step(events, row))
        at = row["cause_seq"] if row["cause_seq"] < at else -1
    return Explanation(chain, _policies(events, events.row(seq, named=True)))


def _step(events: pl.DataFrame, row: dict[str, Any]) -> Step:
    says = " ".join([sentence(row["type"], fields_of(row)), *_cleared(events, row)])
    step = Step(row["seq"], say("day", row["day"]), row["type"], row["actor"], says)
    if row["type"] != "OptionChosen":
        return step
    rejected = tuple(
        {"option": x["option"], "terms": terms(x), "reason": x["reason"] or ""} for x in _left(events, row)
    )
    return Step(step.seq, step.day, step.type, step.actor, says, rejected)


def _cleared(events: pl.DataFrame, row: dict[str, Any]) -> list[str]:
    """What the clearing amounted to in which chips were allotted."""
    import polars as pl

    if row["type"] != "ChipsAllocated":
        return []
    same = (pl.col("type") == "ChipsCleared") & (pl.col("chip") == row["chip"]) & (pl.col("day") == row["day"])
    found = events.filter(same & (pl.col("seq") < row["seq"])).tail(1)
    return [sentence(x["type"], fields_of(x)) for x in found.iter_rows(named=True)]


def _left(events: pl.DataFrame, chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """The candidates that a decision left stand just before the one that it took, best first."""
    found: list[dict[str, Any]] = []
    for seq in range(chosen["seq"] - 1, -1, -1):
        before = events.row(seq, named=True)
        if before["type"] != "OptionRejected" or (before["org"], before["kind"]) != (chosen["org"], chosen["kind"]):
            break
        found.append(before)
    return found[::-1]


def _policies(events: pl.DataFrame, row: dict[str, Any]) -> list[Step]:
    """The latest refusal by each policy of each party to an event in the half year before it, asked for or foreseen."""
    import polars as pl

    parties = sorted({row[name] for name in PARTIES if row[name]})
    near = (pl.col("seq") <= row["seq"]) & (pl.col("day") > row["day"] - BEFORE_DAYS)
    said = (pl.col("type") == "CommandForbidden") | (pl.col("reason") == "permission")
    refused = events.filter(said & pl.col("policy").is_not_null() & near & pl.col("org").is_in(parties))
    latest = refused.unique(["org", "policy"], keep="last", maintain_order=True)
    return [_step(events, found) for found in latest.iter_rows(named=True)]


def fields_of(row: dict[str, Any]) -> dict[str, Any]:
    """Fields that the type of an event fills, of a row of the wide table."""
    kind = EVENTS.get(row["type"])
    return {name: row[name] for name in kind.__struct_fields__} if kind else row
