"""What two parties agree on: the clauses that quotes, leases and contracts share. A clause is written here, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from events.field import ArrowType, Field
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

    All others have a default: what every paper said before there was such a clause. Their annotations are the meanings
    of their columns in the log. A `_share` is a part of one, `_days` are no more than contracts may last.
    """

    chip: str
    site: str
    gpus: int
    start_day: int
    end_day: int
    price_usd_per_gpu_hour: float
    region: str = ""
    chip_choice: Annotated[ChoiceOf, "fixed: the chip named; listed or seller: one of its substitutes"] = "fixed"
    site_choice: Annotated[
        ChoiceOf, "fixed: the site named; listed: in the region named; seller: the lessor's choice"
    ] = "fixed"
    tranches: Annotated[int, "parts in which the GPUs come"] = 1
    ramp_days: Annotated[int, "days from the first part of a delivery to the last"] = 0
    take_or_pay_share: Annotated[float, "part of the rent that is due whether the GPUs are used or not"] = 1.0
    prepaid_share: Annotated[float, "part of the rent that is paid at signature and taken off the rent"] = 0.0
    exit_share: Annotated[float, "part of the rent still to come for which the lessee may end the lease"] = 1.0
    walk_days: Annotated[int, "days behind the first one after which a late lease may be ended; 0: never"] = 0
    renew_days: Annotated[int, "days by which the lessee may renew the lease once"] = 0
    renew_price: Annotated[PriceRule, "price of a renewal: fixed, the lease's; index, that of the day"] = "fixed"
    expand_gpus: Annotated[int, "accelerators that the lessee may take beside, where they are free"] = 0
    expand_days: Annotated[int, "days behind the first one until which the lessee may take them"] = 0
    step_share: Annotated[float, "part by which the rent rises each year"] = 0.0
    deposit_days: Annotated[int, "days of rent that the lessor holds until the lease ends"] = 0
    rebate_share: Annotated[float, "part of the rent of missing GPUs that the lessor pays for each week"] = 0.0
    assigning: Annotated[Consent, "whether the lessee may put another in its place: never, consent, free"] = "never"
    subleasing: Annotated[Consent, "whether the lessee may sublet: never, consent, free"] = "free"
    cross_default: Annotated[bool, "whether either side may end the lease when the other defaults"] = False

    @property
    def duration_days(self) -> int:
        """Length of the term of each tranche, days."""
        return self.end_day - self.start_day

    def deposit_usd(self, gpus: int) -> float:
        """Deposit on so many GPUs, USD."""
        return gpus * self.price_usd_per_gpu_hour * 24 * self.deposit_days

    @property
    def due_usd_per_gpu_hour(self) -> float:
        """Rent of a GPU-hour that falls due when it is used: less what was prepaid, USD."""
        return (1 - self.prepaid_share) * self.price_usd_per_gpu_hour

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


def _annotations() -> dict[str, tuple[Any, str]]:
    """Type and meaning of each clause that says what it means; a column with another use has its meaning there."""
    hints = get_type_hints(LeaseTerms, include_extras=True)
    return {name: (x.__origin__, *x.__metadata__) for name, x in hints.items() if hasattr(x, "__metadata__")}


_MEANT = _annotations()
WORDS = {name: get_args(kind) for name, (kind, _) in _MEANT.items() if get_origin(kind) is Literal}
"""Clauses that say one of some words, and those words."""
_TYPES: dict[Any, ArrowType] = {int: "int32", float: "float64", bool: "bool"}
_FIRST = ("tranches", "ramp_days", "chip_choice", "site_choice", "take_or_pay_share", "exit_share")
_LAST = "prepaid_share"  # the order of columns is that of logs that were written before


def _column(name: str) -> Field:
    """Make the column of a clause: its type and unit by its annotation and the end of its name."""
    kind, meaning = _MEANT[name]
    wide: ArrowType = "int64" if name.endswith("_gpus") else _TYPES.get(kind, "utf8")
    return Field(wide, "days" if name.endswith("_days") else "", meaning)


CLAUSE_COLUMNS = {name: _column(name) for name in (*_FIRST, *(x for x in _MEANT if x not in (*_FIRST, _LAST)), _LAST)}


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
