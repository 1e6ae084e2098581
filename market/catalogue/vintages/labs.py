"""Each lab's best model on a day, and the runs that are taken as under way."""

from __future__ import annotations

import math
from datetime import timedelta

from market.catalogue.known import Entries
from market.catalogue.tables import Row
from market.catalogue.vintages.parts import Parts, derived
from market.catalogue.vintages.sites import Stock

REVENUE = "revenue_usd_per_year"


def models(parts: Parts) -> Entries:
    """The model of most training compute of each lab."""
    best: dict[str, tuple[float, str]] = {}
    known = parts.known("models")
    for id_, fields in known.items():
        if not {"lab", "flop", "released"} <= set(fields):
            continue
        lab = fields["lab"].value
        best[lab] = max(best.get(lab, (0.0, "")), (fields["flop"].number, id_))
    return {id_: known[id_] for _, id_ in best.values()}


def carried(parts: Parts, orgs: Entries) -> Entries:
    """Carry each lab's last reported revenue on to the day, at its growth over the half year and more before it.

    A report is months old on most days; growth is damped and bounded, and a single report is carried nowhere.
    """
    found = dict(orgs)
    for id_, fields in orgs.items():
        told = [(row.as_of, row) for row in parts.history("books", id_, REVENUE) if row.as_of is not None]
        if not told or told[-1][0] >= parts.day:
            continue
        day, last = told[-1]
        before = [(then, row) for then, row in told if then <= day - parts.days("carry_days") and row.number > 0]
        if not before or last.number <= 0:
            continue
        then, first = before[-1]
        growth = math.log(last.number / first.number) / (day - then).days
        growth = parts.rule("carry_damping") * min(max(0.0, growth), 1 / parts.rule("carry_fold_days"))
        value = float(f"{last.number * math.exp(growth * (parts.day - day).days):.3g}")
        note = f"{last.value} of {day}, carried on at its growth since {then}"
        found[id_] = {**fields, REVENUE: derived(last, id_, REVENUE, value, last.unit, note)}
    return found


def runs(parts: Parts, released: Entries, stock: Stock, let: Entries) -> Entries:
    """A larger run under way at every lab with a frontier fleet, staggered by lab (an assumption).

    It is no larger than the lab's largest holding of one chip at one site can train.
    """
    largest = _largest(parts, _held(parts, stock, let))
    found: Entries = {}
    for fields in released.values():
        lab = fields["lab"].value
        h100e = largest.get(lab, 0.0)
        if h100e < parts.rule("run_h100e_min"):
            continue
        flop = min(fields["flop"].number * parts.rule("run_flop_step"), h100e * parts.rule("run_flop_per_h100e"))
        begun = parts.day - (1 + len(found) % 4) * parts.days("run_begun_days")
        due = max(begun + parts.days("run_days"), parts.day + timedelta(1))
        found[f"{lab}-next"] = _run(fields["lab"], f"{lab}-next", lab, float(f"{flop:.3g}"), begun, due)
    return found


def _run(source: Row, id_: str, lab: str, flop: float, begun: object, due: object) -> dict[str, Row]:
    note = "taken as under way: the lab's best model times a step, within what its compute can train"
    row = source._replace(kind="assumption", source="assumption", confidence="low")
    said = {"lab": (lab, "text"), "flop": (flop, "FLOP"), "start": (begun, "date"), "due": (due, "date")}
    return {name: derived(row, id_, name, value, unit, note) for name, (value, unit) in said.items()}


def _held(parts: Parts, stock: Stock, let: Entries) -> Stock:
    """GPUs that each org has at each site: owned and not let, or rented."""
    held = dict(stock)
    for entry in let.values():
        if entry["start"].value > parts.day.isoformat():
            continue
        gpus = int(entry["gpus"].number)
        for org, sign in ((entry["lessor"].value, -1), (entry["lessee"].value, 1)):
            place = (org, entry["site"].value, entry["chip"].value)
            held[place] = held.get(place, 0) + sign * gpus
    return held


def _largest(parts: Parts, held: Stock) -> dict[str, float]:
    """H100e of each org's largest holding of one chip at one site."""
    found: dict[str, float] = {}
    for (org, _, chip), gpus in held.items():
        found[org] = max(found.get(org, 0.0), gpus * parts.h100e(chip))
    return found
