"""Old versions of events, lifted one step at a time until they are today's.

A step works on columns: it takes those of the old version (`events/registry.json`) and gives those of the next one, or
of another type where the event was renamed. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from events.registry import Key, known_shapes
from events.terms import DEFAULTS, LeaseTerms
from events.types import EVENTS
from events.types.base import Event

type Columns = dict[str, list[Any]]
DAYS_A_WEEK = 7


PAPERS = frozenset(name for name, kind in EVENTS.items() if issubclass(kind, LeaseTerms))
"""Events that hold clauses: one that is missing reads as its default, so that a new clause needs no step here."""


class Upcast(NamedTuple):
    """How a version of an event becomes the next, or version `becomes` (type, version) of another type."""

    lift: Callable[[Columns], Columns]
    becomes: Key | None = None


def _backlog_in_weeks(old: Columns) -> Columns:
    days = old.pop("duration_days")
    return old | {"lead_time_weeks": [count / DAYS_A_WEEK for count in days]}


NO_OPTION = {
    "term_noise": 0.0, "way": "", "counterparty": "", "h100e": 0.0, "cost_usd_per_h100e_hour": 0.0, "wait_weeks": 0.0,
    "slip_share": 0.0, "on_site_power": None,
}  # fmt: skip


def _plus(**added: Any) -> Callable[[Columns], Columns]:
    """A step that adds columns of one value each."""

    def lift_with(old: Columns) -> Columns:
        count = len(next(iter(old.values())))
        return old | {name: [value] * count for name, value in added.items()}

    return lift_with


ON_SITE = " on-site"


def _own_power_apart(old: Columns) -> Columns:
    kinds = old["kind"]
    return old | {
        "kind": [kind.removesuffix(ON_SITE) for kind in kinds],
        "on_site_power": [kind.endswith(ON_SITE) for kind in kinds],
    }


def _other_chip_unnamed(old: Columns) -> Columns:
    reasons = ["takes another chip" if reason.startswith("takes ") else reason for reason in old["reason"]]
    return old | {"reason": reasons}


def _dense(old: Columns) -> Columns:
    return old | {"effective_flop": list(old["flop"])}


def _as_it_was(old: Columns) -> Columns:
    return old


UPCASTS: dict[Key, Upcast] = {
    ("QuoteGiven", 2): Upcast(_as_it_was),
    ("LeaseSigned", 2): Upcast(_as_it_was),
    ("ContractSigned", 1): Upcast(_as_it_was),
    ("BuildingStarted", 1): Upcast(_own_power_apart),
    ("BuildingStarted", 2): Upcast(_plus(is_firm=True)),
    ("BuildingStarted", 3): Upcast(_plus(duration_days=None)),
    ("OrderCancelled", 1): Upcast(_other_chip_unnamed),
    ("OptionChosen", 1): Upcast(_plus(**NO_OPTION)),
    ("OptionRejected", 1): Upcast(_plus(**NO_OPTION, reason="not told")),
    ("OptionRejected", 2): Upcast(_plus(policy=None)),
    ("LeaseRequested", 1): Upcast(_plus(region="", chip="")),
    ("LeaseTalksFailed", 1): Upcast(_plus(option=None)),
    ("QuoteGiven", 1): Upcast(_plus(form="lease", turn=1)),
    ("QuoteCountered", 1): Upcast(_plus(clause="price", start_day=None, end_day=None, region=None)),
    ("LeaseSigned", 1): Upcast(_plus(contract_id=None)),
    ("OnDemandRepriced", 1): Upcast(_plus(lessor="world")),
    ("TrainingStarted", 1): Upcast(lambda old: _plus(experts=0)(_dense(old))),
    ("ModelReleased", 1): Upcast(_dense),
    ("ServingMeasured", 1): Upcast(_plus(tokens_per_s=0.0)),
    ("OutputMade", 1): Upcast(_backlog_in_weeks),
}


def following(key: Key, step: Upcast) -> Key:
    """Type and version that a step gives."""
    return step.becomes or (key[0], key[1] + 1)


def lift(key: Key, columns: Columns, upcasts: Mapping[Key, Upcast] = UPCASTS) -> tuple[Key, Columns]:
    """Bring columns of an event type and version to the present one; both come back."""
    while (step := upcasts.get(key)) is not None:
        key, columns = following(key, step), step.lift(columns)
    return key, _with_clauses(columns) if key[0] in PAPERS else columns


def _with_clauses(columns: Columns) -> Columns:
    """Say every clause as its default where a log was written before there was one."""
    count = len(columns["chip"])
    return columns | {
        name: [default if value is None else value for value in columns.get(name, [None] * count)]
        for name, default in DEFAULTS.items()
        if None in columns.get(name, [None])
    }


def gaps(
    shapes: Mapping[Key, Mapping[str, bool]] | None = None,
    events: Mapping[str, type[Event]] = EVENTS,
    upcasts: Mapping[Key, Upcast] = UPCASTS,
) -> list[str]:
    """Say which old versions do not reach the present; empty when every old event can be read.

    A type that is written no more is read as it is: its last version needs no step.
    """
    shapes = known_shapes() if shapes is None else shapes
    now = {(name, kind.version) for name, kind in events.items()}
    last = dict(sorted(shapes)) | dict(now)
    wanted = {key for key in shapes if key[1] < last[key[0]]}
    missing = [f"{name} v{version} has no upcast" for name, version in wanted - set(upcasts)]
    ends = {key for key, step in upcasts.items() if key not in shapes or following(key, step) not in shapes}
    stray = [f"upcast of {name} v{version} leads nowhere" for name, version in ends | (now & set(upcasts))]
    return sorted(missing + stray)
