"""What two parties agree on: the clauses that quotes, leases and contracts share. A clause is written here, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import msgspec

from events.kinds import ChoiceOf, Consent, PriceRule


class LeaseTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The clauses of a quote, a lease and a contract for capacity.

    Attributes
    ----------
    chip, site : what and where; with a choice left to the lessor, what the price is counted in
    region : where, when the site is not built yet or left to the lessor
    gpus : of `chip`, all tranches together
    start_day, end_day : first day of the first tranche, and first day after its term; every tranche runs as long
    price_usd_per_gpu_hour : rent, of `chip`
    chip_choice : `fixed`, `listed` (a substitute that is no slower) or `seller` (any substitute)
    site_choice : `fixed`, `listed` (the region's sites) or `seller`
    tranches, ramp_days : number of equal parts, and days from the first of them to the last
    take_or_pay_share : part of the rent that is due whether the GPUs are used or not
    prepaid_share : part of the rent that is paid at signature, and taken off the rent
    exit_share : part of the rent still to come for which the lessee may end a lease before its time
    walk_days : days from the first one on which a lessee of a lease that is not whole may end it for nothing; 0: never
    renew_days, renew_price : days by which a lessee may renew once, at its price or at the index of the last day
    expand_gpus, expand_days : GPUs that a lessee may take beside where they are free, and days in which it may
    step_share : part by which the rent rises each year
    deposit_days : days of rent that the lessor holds; returned at the end, kept where the lessee breaks the lease off
    rebate_share : part of the rent of GPUs that are missing which the lessor pays for each week that it is late
    assigning, subleasing : whether the lessee may put another in its place, and let others have GPUs
    cross_default : whether either side may end a lease for nothing when the other defaults
    """

    chip: str
    site: str
    gpus: int
    start_day: int
    end_day: int
    price_usd_per_gpu_hour: float
    region: str = ""
    chip_choice: ChoiceOf = "fixed"
    site_choice: ChoiceOf = "fixed"
    tranches: int = 1
    ramp_days: int = 0
    take_or_pay_share: float = 1.0
    prepaid_share: float = 0.0
    exit_share: float = 1.0
    walk_days: int = 0
    renew_days: int = 0
    renew_price: PriceRule = "fixed"
    expand_gpus: int = 0
    expand_days: int = 0
    step_share: float = 0.0
    deposit_days: int = 0
    rebate_share: float = 0.0
    assigning: Consent = "never"
    subleasing: Consent = "free"
    cross_default: bool = False

    @property
    def duration_days(self) -> int:
        """Length of the term of each tranche, days."""
        return self.end_day - self.start_day

    def deposit_usd(self, gpus: int) -> float:
        """Deposit on so many GPUs, USD."""
        return gpus * self.price_usd_per_gpu_hour * 24 * self.deposit_days

    @property
    def worth_usd(self) -> float:
        """Rent over the whole term, USD."""
        return self.gpus * self.price_usd_per_gpu_hour * 24 * self.duration_days


CLAUSES = LeaseTerms.__struct_fields__
_CLAUSES_OF: Callable[[LeaseTerms], tuple[Any, ...]] = attrgetter(*CLAUSES)
DEFAULTS: dict[str, Any] = dict(
    zip(CLAUSES[-len(LeaseTerms.__struct_defaults__) :], LeaseTerms.__struct_defaults__, strict=True)
)
"""What a paper that does not say a clause says: what an event reads as that was logged before the clause was there."""


def spread(terms: LeaseTerms) -> dict[str, Any]:
    """Give the clauses of anything that holds terms, to be spread into an event."""
    return dict(zip(CLAUSES, _CLAUSES_OF(terms), strict=True))


def schedule(terms: LeaseTerms) -> Iterator[tuple[int, int, int]]:
    """Tranches of terms: number, GPUs, first day. Equal parts; the first ones take what does not divide."""
    least, more = divmod(terms.gpus, terms.tranches)
    for number in range(1, terms.tranches + 1):
        share = (number - 1) / max(1, terms.tranches - 1)
        yield number, least + (number <= more), terms.start_day + round(share * terms.ramp_days)


def terms_of(holder: LeaseTerms) -> LeaseTerms:
    """Take the bare terms out of a quote, a lease or a contract."""
    return LeaseTerms(**spread(holder))
