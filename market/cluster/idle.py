"""Why a plan leaves GPUs without work, and how much slower the best plan is that uses nearly all of them."""

from dataclasses import dataclass

import numpy as np

from market.cluster.case import Case
from market.cluster.constants import Constants
from market.cluster.models import Model
from market.cluster.parallelism import Fixed
from market.cluster.search import Found, search, worth_using

NEARLY_ALL = 0.97
"""Share of the GPUs that counts as all of them: what is left is spares."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What keeps the fastest plan from using `NEARLY_ALL` of the GPUs."""

    because: str  # "", or "batch", "copies", "failures"
    all_gpus_slower: float | None  # time of the best plan on nearly all of them over the fastest's, less 1; None: none


def idle(case: Case, m: Model, usable: float, found: Found, known: tuple[Constants, Fixed]) -> Idle:
    """Explain the GPUs that the best plan of a search leaves without work.

    `batch`: one more copy of the model would have room, and the batch has no sequences for it. `copies`: the GPUs left
    over make no further copy, and a finer split is slower. `failures`: more GPUs would lose more than they give.
    """
    k, fixed = known
    best, least = found.case.at(slice(0, 1)), NEARLY_ALL * usable
    used = best.used().item()
    if used >= least:
        return Idle("", 0.0)
    all_used = search(case, m, usable, k, fixed, exact=1, least=least)
    slower = float(all_used.order[0] / found.order[0] - 1) if np.size(all_used.order) else None
    if worth_using(case, usable, k) < least:
        return Idle("failures", slower)
    copy = (best.tp * best.pp * best.cp).item()
    ranks = (best.ep / np.gcd(best.ep.astype(int), (best.tp * best.cp).astype(int))).item()
    return Idle("batch" if used + copy * ranks <= usable else "copies", slower)
