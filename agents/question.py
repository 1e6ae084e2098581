"""One decision asked from outside: what an org would do about a machine at the start of a scenario."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from msgspec import structs

from agents import lessors, means, options, race
from agents.decision import Decision, Option, Target, decide
from agents.desk import lessors as open_to
from agents.valuation import own_weight, ties
from events.terms import spread
from market.units import to_date, to_day
from market.view import MarketView, Quote, Request

FOUND_DAYS = 3650  # who asks from outside has a hall in view


class NoSuchThing(ValueError):
    """An org, chip or region that the scenario does not have, or a day that is past."""


def answer(views: Callable[[str], MarketView], org: str, **asked: Any) -> dict[str, Any]:
    """Compare all ways in which an org could meet a target as things are in its view.

    views : the view of each org of a world
    asked : `gpus`, `chip`, `by` (a date), `region` or None, `years`
    """
    view = views(org)
    _check("chip", asked["chip"], [chip.name for chip in view.chips()])
    if asked["region"] is not None:
        _check("region", asked["region"], view.regions())
    if to_day(asked["by"]) < view.day:
        raise NoSuchThing(f"by: {asked['by']} lies before {to_date(view.day)}, the day of the decision")
    target = _target(view, **asked)
    ways = [*options.own_sites(view, target), *options.builds(view, target, view.day - FOUND_DAYS)]
    offers = (_offered(views(lessor), view, target) for lessor in open_to(view))
    ways += [option for option in offers if option is not None]
    found = decide(target, ways, means.weights(view), tie=ties(view))
    return {
        "org": org,
        "day": to_date(view.day).isoformat(),
        "target": {"gpus": asked["gpus"], "chip": target.chip, "h100e": target.h100e, "by": asked["by"].isoformat(),
                   "region": target.region, "years": target.years, "urgency": target.urgency},
        "chosen": found.best.option.name if found.best else None,
        "options": _rows(found),
    }  # fmt: skip


def _check(what: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        raise NoSuchThing(f"{what}: no {name!r} in the scenario; known: {', '.join(names)}")


def _target(view: MarketView, *, gpus: int, chip: str, by: date, region: str | None, years: float) -> Target:
    h100e = gpus * view.chip(chip).h100e
    return Target(
        kind="frontier", h100e=h100e, due_day=to_day(by), years=years, worth_usd_per_h100e_hour_max=math.inf,
        urgency=race.urgency(view, h100e) if view.lab else view.param("choice.wait_weight_default"),
        control=own_weight(view), chip=chip, region=region, because=view.me,
    )  # fmt: skip


def _offered(lessor: MarketView, view: MarketView, target: Target) -> Option | None:
    """A lessor's first offer as an option of the org's, by the work that it does as what the org would build.

    Its price is the median of what the lessor would offer: what is asked from outside has no draw of its own.
    """
    request = Request(
        f"{view.me}/question", view.me, lessor.me, target.h100e, target.due_day, target.duration_days, math.inf,
        "frontier", view.day, target.region or "", target.chip or "",
    )  # fmt: skip
    terms = lessors.offer(lessor, request, spread=0.0)
    if isinstance(terms, str):
        return None
    price, first = terms.price_usd_per_gpu_hour, terms.start_day
    return options.rented(view, target, Quote(
        **spread(terms), quote_id=lessor.me, request_id=request.request_id, parent_lease_id=None, lessor=lessor.me,
        lessee=view.me, form="contract", turn=1, day=view.day, first_price_usd_per_gpu_hour=price,
        first_start_day=first, first_day=view.day, slot_start_day=first, slot_day=view.day,
        before_price_usd_per_gpu_hour=price, before_start_day=first,
    ))  # fmt: skip


def _rows(found: Decision) -> list[dict[str, Any]]:
    rows = []
    for scored in found.ranked:
        terms = structs.asdict(scored.terms)
        reason = None if scored is found.best else found.because_of(scored)
        rows.append({
            **{name: value for name, value in terms.items() if name not in ("reason", "on_site_power", "term_noise")},
            "score": scored.score, "failed": list(scored.option.failed), "region": scored.option.region,
            "reason": reason,
        })  # fmt: skip
    return rows
