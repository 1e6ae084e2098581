"""Clauses that pay both sides: which of them a lessor writes into what it offers, and when a lessee uses its options.

A clause is worth what both sides together gain by the valuations that they use anyway (docs/odd.md, clauses): what a
change of lessor and a gap between two lessees cost, what delay costs, what a dollar in hand is worth to each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from agents.amounts import position_h100e, target_h100e
from agents.means import YEAR_DAYS, slip
from agents.owning import capital_rate
from agents.targets import gap_h100e, near_limit_usd, rent_usd
from events.commands.clauses import ExerciseOption
from events.terms import LeaseTerms
from market.view import Lab as LabRecord
from market.view import Lease, MarketView, Request

OPEN_ENDED = ("serving", "frontier", "capacity")  # what goes on while it pays: no bridge, nothing within a group


def with_clauses(
    view: MarketView, request: Request, terms: LeaseTerms, asked_gpus: int, *, late_weeks: float | None = None
) -> LeaseTerms:
    """Write in the clauses that pay: renewal at the index, the rest of what was asked, a deposit, rebates for delay.

    `late_weeks` : delay that the lessor itself expects of what stands or has power, None where it has yet to build.
    """
    if request.kind not in OPEN_ENDED:
        return terms
    p, found = view.param, dict[str, object]()
    if p("talks.switching_share") > 0 or p("estates.relet_weeks") > 0:
        found |= {"renew_days": terms.duration_days, "renew_price": "index"}
    if asked_gpus > terms.gpus:
        found |= {"expand_gpus": asked_gpus - terms.gpus, "expand_days": round(p("clauses.expand_days"))}
    if not terms.prepaid_share and deposit_gain_per_year(view, request.lessee) > 0:
        found |= {"deposit_days": round(7 * p("estates.relet_weeks"))}
    if late_weeks is not None:
        feared = slip(view, (terms.start_day - view.day) / 7).late_weeks
        if feared > late_weeks:
            share = p("clauses.rebate_share")
            dearer = 1 + share * late_weeks / (terms.duration_days / 7)
            price = terms.price_usd_per_gpu_hour * dearer
            found |= {"rebate_share": share, "price_usd_per_gpu_hour": price}
    return replace(terms, **found)


def deposit_gain_per_year(view: MarketView, lessee: str) -> float:
    """What both sides gain a year by a dollar of deposit: what a default would cost, and the lessor's use of it.

    Only a lessee without a group or a rating behind it may fail; its own capital is that of a lab.
    """
    p = view.param
    if lessee not in view.labs() or view.parent_of(lessee):
        return 0.0
    lost = p("clauses.default_per_year") * (1 - p("clauses.recovery_share"))
    return lost + capital_rate(view) - p("means.capital_rate_lab")


def rebated(terms: LeaseTerms, late_weeks: float) -> float:
    """Part of the rent that a lessee still reckons to pay: rebates for the delay that it fears come off."""
    return 1 - terms.rebate_share * late_weeks / (terms.duration_days / 7)


# --- options that a lessee uses


def options_of_lab(view: MarketView, lab: LabRecord) -> Iterator[ExerciseOption]:
    """Use options for what a lab lacks within half a year."""
    p = view.param
    if any(can_renew(view, x) or can_grow(view, x) for x in view.rented()):
        price = rent_usd(view, p("labs.near_term_years"), p("desk.lead_weeks"))
        gap = gap_h100e(view, lab, p("labs.near_weeks"), price, near_limit_usd(view, lab))
        yield from use_options(view, gap, price)


def options_of_cloud(view: MarketView) -> Iterator[ExerciseOption]:
    """Use options for what a cloud's own users lack within half a year once what ends has ended."""
    p, mine = view.param, view.rented()
    if any(can_renew(view, x) or can_grow(view, x) for x in mine):
        ending = math.fsum(x.gpus * view.chip(x.chip).h100e for x in mine if can_renew(view, x))
        gap = target_h100e(view, p("labs.near_weeks")) - position_h100e(view) + ending
        yield from use_options(view, gap, view.contract_price(YEAR_DAYS, p("desk.lead_weeks")))


def can_renew(view: MarketView, lease: Lease) -> bool:
    """Whether a lease ends within the plan for soon and may be renewed."""
    soon = lease.end_day - view.day < 7 * view.param("labs.near_weeks")
    return soon and lease.renew_days > 0 and not lease.renews and lease.kind in OPEN_ENDED


def can_grow(view: MarketView, lease: Lease) -> bool:
    """Whether a lease still allows more GPUs."""
    return lease.expand_gpus > 0 and view.day <= lease.start_day + lease.expand_days


def use_options(view: MarketView, gap: float, price: float) -> Iterator[ExerciseOption]:
    """Close a gap in H100e: renew what ends and is still wanted, then take more where it costs no more than `price`."""
    p, mine = view.param, view.rented()
    for lease in sorted((x for x in mine if can_renew(view, x)), key=lambda x: (x.end_day, x.lease_id)):
        h100e = lease.gpus * view.chip(lease.chip).h100e
        if gap >= p("desk.part_min") * h100e and renewal_pays(view, lease):
            gap -= h100e
            yield ExerciseOption(actor=view.me, because=lease.lease_id, lease_id=lease.lease_id, kind="renew")
    for lease in sorted((x for x in mine if can_grow(view, x)), key=_by_price(view)):
        name, each = lease.lease_id, view.chip(lease.chip).h100e
        gpus = min(view.may_take(name), math.floor(max(0.0, gap) / each))
        rent = lease.price_usd_per_gpu_hour / view.work_h100e(lease.chip)
        if gpus * each >= p("labs.ask_min_h100e") and rent <= price:
            gap -= gpus * each
            yield ExerciseOption(actor=view.me, because=name, lease_id=name, kind="expand", gpus=gpus)


def taken_h100e(view: MarketView, options: Sequence[ExerciseOption]) -> float:
    """Compute that options bring beyond what the leases hold without them."""
    taken = ((view.lease(x.lease_id), x.gpus) for x in options)
    return math.fsum((gpus or lease.gpus) * view.chip(lease.chip).h100e for lease, gpus in taken)


def renewal_pays(view: MarketView, lease: Lease) -> bool:
    """Whether to go on at the index of the last day is foreseen to be no dearer than another lease and the change."""
    wait = (lease.end_day - view.day) / 7
    anew = view.rent(lease.chip, lease.renew_days, wait) * (1 + view.param("talks.switching_share"))
    return view.contract_price(YEAR_DAYS, wait) * view.work_h100e(lease.chip) <= anew


def _by_price(view: MarketView) -> Callable[[Lease], tuple[float, str]]:
    return lambda lease: (lease.price_usd_per_gpu_hour / view.work_h100e(lease.chip), lease.lease_id)
