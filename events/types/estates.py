"""Events of insolvency: the estate of a default, claims on it, what is sold, who recovers what, and who leaves."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import (
    BidRefusal,
    ClaimRank,
    EntryRefusal,
    EstateEnd,
    EstatePlan,
    ExitRefusal,
    LeaseSide,
    LotKind,
    SettledIn,
    TradeRefusal,
)
from events.types.base import Event, Visibility


class EstateOpened(Event, frozen=True, kw_only=True):
    """A default opens an estate, worth `amount_usd_cents` as appraised, to be closed by `due_day`.

    `kind` is its plan: to restructure what earns its keep, or to sell all. Until it is closed the org does not trade.
    """

    subject: ClassVar[str] = "estate_id"
    estate_id: str
    org: str
    kind: EstatePlan
    amount_usd_cents: int
    due_day: int


class ClaimFiled(Event, frozen=True, kw_only=True):
    """A creditor (`counterparty`) claims money from an estate under a contract, in a rank."""

    subject: ClassVar[str] = "claim_id"
    claim_id: str
    estate_id: str
    org: str
    counterparty: str
    rank: ClaimRank
    amount_usd_cents: int
    contract_id: str


class LeaseAssumed(Event, frozen=True, kw_only=True):
    """An estate keeps a lease and goes on paying its rent, or serving it."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    estate_id: str
    org: str
    counterparty: str


class LeaseRejected(Event, frozen=True, kw_only=True):
    """An estate breaks a lease off; the other side (`counterparty`) is left with a claim."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    estate_id: str
    org: str
    counterparty: str


class LeaseAssigned(Event, frozen=True, kw_only=True):
    """A lease passes from `org` to `counterparty`, who takes its place as lessor or lessee (`kind`)."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    org: str
    counterparty: str
    kind: LeaseSide
    chip: str
    site: str
    gpus: int


class LotOffered(Event, frozen=True, kw_only=True):
    """An estate offers a site with its GPUs and leases, or chips in the warehouse, appraised at `amount_usd_cents`."""

    subject: ClassVar[str] = "lot_id"
    lot_id: str
    estate_id: str
    org: str
    kind: LotKind
    site: str
    chip: str
    gpus: int
    amount_usd_cents: int


class BidPlaced(Event, frozen=True, kw_only=True):
    """An org bids for a lot, sealed, for this week."""

    sees: ClassVar[Visibility] = "own"
    lot_id: str
    org: str
    amount_usd_cents: int


class BidRefused(Event, frozen=True, kw_only=True):
    """A bid cannot stand."""

    sees: ClassVar[Visibility] = "own"
    lot_id: str
    org: str
    reason: BidRefusal


class LotSold(Event, frozen=True, kw_only=True):
    """The highest bidder (`counterparty`) takes a lot at its bid."""

    subject: ClassVar[str] = "lot_id"
    lot_id: str
    estate_id: str
    org: str
    counterparty: str
    kind: LotKind
    site: str
    chip: str
    gpus: int
    amount_usd_cents: int


class GpusTransferred(Event, frozen=True, kw_only=True):
    """GPUs of a chip change owner where they stand, with the leases under which `gpus_let` of them are let."""

    subject: ClassVar[str] = "lot_id"
    lot_id: str
    org: str
    counterparty: str
    chip: str
    site: str
    gpus: int
    gpus_let: int


class StockTransferred(Event, frozen=True, kw_only=True):
    """Chips in a warehouse change owner."""

    subject: ClassVar[str] = "lot_id"
    lot_id: str
    org: str
    counterparty: str
    chip: str
    gpus: int


class LoanWrittenOff(Event, frozen=True, kw_only=True):
    """A lender (`counterparty`) loses what its loan was owed beyond what it recovers."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    estate_id: str
    org: str
    counterparty: str
    amount_usd_cents: int


class LoanRestructured(Event, frozen=True, kw_only=True):
    """A loan goes on after a restructuring with the principal `amount_usd_cents`, at the rate `value`, to `end_day`."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    estate_id: str
    org: str
    counterparty: str
    amount_usd_cents: int
    value: float
    end_day: int


class StakeCancelled(Event, frozen=True, kw_only=True):
    """An investor (`counterparty`) loses its stake in a default: `amount_usd_cents` is what it had put in."""

    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/stakes"
    org: str
    counterparty: str
    amount_usd_cents: int


class ClaimSettled(Event, frozen=True, kw_only=True):
    """A creditor recovers `amount_usd_cents` of its claim in cash, or as a loan or equity of what goes on (`kind`)."""

    subject: ClassVar[str] = "claim_id"
    claim_id: str
    estate_id: str
    org: str
    counterparty: str
    rank: ClaimRank
    kind: SettledIn
    amount_usd_cents: int


class EstateClosed(Event, frozen=True, kw_only=True):
    """An estate is over: `amount_usd_cents` went to its claims, by rank; the org goes on, or leaves (`kind`)."""

    subject: ClassVar[str] = "org"
    estate_id: str
    org: str
    kind: EstateEnd
    amount_usd_cents: int


class OrgExited(Event, frozen=True, kw_only=True):
    """An org leaves the market: nothing is left of it."""

    subject: ClassVar[str] = "org"
    org: str
    reason: EstateEnd


class WindUpFiled(Event, frozen=True, kw_only=True):
    """An org, or its owner (`counterparty`), wants it wound up."""

    subject: ClassVar[str] = "org"
    org: str
    counterparty: str


class ExitRefused(Event, frozen=True, kw_only=True):
    """An org may not be wound up by who asked for it (`org`)."""

    sees: ClassVar[Visibility] = "own"
    org: str
    reason: ExitRefusal


class EntryRefused(Event, frozen=True, kw_only=True):
    """An org could not be founded by who asked for it (`org`)."""

    sees: ClassVar[Visibility] = "own"
    org: str
    reason: EntryRefusal


class TradeRefused(Event, frozen=True, kw_only=True):
    """An org in default asked for what only orgs that trade may do; `kind` names the command."""

    sees: ClassVar[Visibility] = "own"
    org: str
    kind: str
    reason: TradeRefusal
