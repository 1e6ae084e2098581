"""Rules of how estates end: who recovers what by rank, what lenders lose, who goes on and who leaves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from events.kinds import ClaimRank, EstateEnd, SegmentName, SettledIn
from events.types import Event
from events.types import estates as events
from events.types.demand import ShareMeasured
from events.types.finance import PaymentMade
from market.clearing import largest_remainder
from market.rules import finance, insolvency, solvency
from market.rules.base import Happening, cash
from market.state import State, next_id
from market.state.estates import Claim, Estate
from market.units import MONTH_WEEKS, digits

RANKS: tuple[ClaimRank, ...] = ("secured", "administrative", "unsecured")
IN_CASH: tuple[ClaimRank, ...] = ("administrative", "secured", "unsecured")  # who sees cash first; value goes by rank
ADMINISTRATORS, SAVERS = "world/administrators", "world/savers"


class Settled(NamedTuple):
    """What a claim recovers, in cents of each kind."""

    claim: Claim
    parts: dict[SettledIn, int]

    @property
    def cents(self) -> int:
        """All that it recovers."""
        return sum(self.parts.values())


def waterfall(claims: list[Claim], cents: int) -> dict[str, int]:
    """Give each claim its part of so many cents: a rank gets nothing before those above it are whole (pro rata)."""
    given: dict[str, int] = {}
    for rank in RANKS:
        equal = [claim for claim in claims if claim.rank == rank]
        owed = [claim.cents for claim in equal]
        paid = min(cents, sum(owed))
        cents -= paid
        parts = owed if paid == sum(owed) else largest_remainder(paid, owed)
        given.update((claim.claim_id, part) for claim, part in zip(equal, parts, strict=True))
    return given


def settled(claims: list[Claim], value: int, money: int, is_over: bool) -> list[Settled]:
    """Settle claims out of a value of which `money` is cash: the rest are loans to secured lenders, and equity."""
    given, found = waterfall(claims, value), []
    for rank in IN_CASH:
        for claim in claims:
            if claim.rank == rank and (due := given[claim.claim_id]):
                paid = due if is_over else min(due, money)
                money -= paid
                other: SettledIn = "loan" if rank == "secured" else "equity"
                found.append(Settled(claim, {"cash": paid, other: due - paid}))
    return found


def close(state: State, day: int) -> Iterator[Happening]:
    """Close estates that are due, or that have sold all: pay by rank, write off, restructure or wind up."""
    gone: list[str] = []
    for estate in list(state.finance.estates.values()):
        is_over = estate.plan == "liquidation" and _is_over(state, estate, day)
        if is_over and _rent_is_open(state, estate.org, day):
            continue  # until the end of the month, when the rent of leases that ended is paid
        if is_over or day >= estate.due_day:
            yield from _Closing(state, estate, day, is_over, gone).happenings()
        if is_over:
            gone.append(estate.org)


def _rent_is_open(state: State, org: str, day: int) -> bool:
    """Whether an org owes or is owed rent of leases that ended; where all of it was prepaid, there is none."""
    over = (lease for lease in state.leases.over.values() if org in (lease.lessee, lease.lessor))
    return any(finance.rent_due(lease, day) > 0 for lease in over)


def _is_over(state: State, estate: Estate, day: int) -> bool:
    """Whether an estate is empty and no other still owes it anything.

    Of estates that wait for each other the one ends first that is owed least: what it is owed lapses with it.
    """
    if not _is_empty(state, estate, day):
        return False
    estates, mine = state.finance.estates, _debtors(state, estate.org)
    return all(
        estate.org in (theirs := _debtors(state, org))
        and _is_empty(state, estates[org], day)
        and (mine[estate.org], estate.org) < (theirs[org], org)
        for org in mine
        if org != estate.org
    )


def _debtors(state: State, org: str) -> dict[str, int]:
    """Estates that an org waits for, by themselves or by those that they wait for, and what each of them is owed."""
    estates, found, new = state.finance.estates, dict[str, int](), [org]
    while new:
        who = new.pop()
        owed = {x.org: sum(c.cents for c in x.claims.values() if c.creditor == who) for x in estates.values()}
        found[who] = sum(owed.values())
        new += [name for name, cents in owed.items() if cents and name not in found and name not in new]
    return found


def _is_empty(state: State, estate: Estate, day: int) -> bool:
    """Whether an estate has sold all that it had, and no goods are on their way to it."""
    org = estate.org
    return (
        day >= estate.day + 7 * state.run.parameters["estates.notice_weeks"]
        and not estate.lots
        and not state.chips.warehouse.get(org)
        and not any(shipment.org == org for shipment in state.chips.shipments.values())
        and not any(h.org == org and h.held for h in state.chips.holdings.values())
        and not any(org in (x.lessor, x.lessee) for x in state.leases.leases.values())
        and not any(site.owner == org for site in state.sites.sites.values() if site.energised_kw)
        and not any(building.org == org for building in state.sites.buildings.values())
        and not any(item.parent == org for item in state.run.orgs.values())
        and not any(loan.lender == org for loan in state.finance.loans.values())
    )


class _Closing:
    """The last day of an estate; `gone` are the orgs that left the market before it on that day."""

    def __init__(self, state: State, estate: Estate, day: int, is_over: bool, gone: Sequence[str] = ()) -> None:
        self.state, self.estate, self.day, self.is_over = state, estate, day, is_over
        self.gone = frozenset(gone)
        self.org = estate.org
        self.late: list[Claim] = []  # filed on this day
        balance = cash(state, self.org)
        self.lacks, self.pot = max(0, -balance), max(0, balance)
        kept = 0 if is_over else solvency.assets_cents(state, self.org, day)
        self.value = self.pot + kept

    def happenings(self) -> Iterator[Happening]:
        """Say it all in order."""
        yield from self._costs()
        claims = [*self.estate.claims.values(), *self.late]
        owed = sum(claim.cents for claim in claims)
        yield from self._owners(max(0, self.value - owed))
        working = 0 if self.is_over else self._working_cents()
        found = settled(claims, min(self.value, owed), max(0, self.pot - working), self.is_over)
        for one in found:
            yield from self._paid(one)
        yield from self._loans(found)
        end = events.EstateClosed(
            estate_id=self.estate.estate_id,
            org=self.org,
            kind=self._end(),
            amount_usd_cents=self.value,
        )
        yield self._happening(end)
        if self.is_over:
            yield from self._exit()

    def _end(self) -> EstateEnd:
        """What became of the org; one that was to be sold and was not goes on with the rest."""
        if self.is_over:
            return "liquidated"
        return "unsold" if self.estate.plan == "liquidation" else "restructured"

    def _happening(self, event: Event, cause: str = "") -> Happening:
        return Happening(self.day, event, self.org, cause or self.estate.estate_id)

    def _claim(self, creditor: str, rank: ClaimRank, cents: int) -> tuple[Claim, Happening]:
        stem, _, number = next_id(self.state, self.org, "claim").rpartition("/")
        name = f"{stem}/{int(number) + len(self.late)}"
        claim = Claim(name, creditor, rank, cents, self.estate.estate_id)
        self.late.append(claim)
        filed = events.ClaimFiled(
            claim_id=name,
            estate_id=self.estate.estate_id,
            org=self.org,
            counterparty=creditor,
            rank=rank,
            amount_usd_cents=cents,
            contract_id=self.estate.estate_id,
        )
        return claim, self._happening(filed)

    def _costs(self) -> Iterator[Happening]:
        """What running the estate took: its overdraft, and the part of its sales that administrators ask for."""
        if self.lacks:
            yield self._happening(
                PaymentMade(
                    org=insolvency.CREDITORS, counterparty=self.org, amount_usd_cents=self.lacks, kind="overdraft",
                    contract_id=self.estate.estate_id,
                )
            )  # fmt: skip
            yield self._claim(insolvency.CREDITORS, "administrative", self.lacks)[1]
        fee = round(self.state.run.parameters["estates.cost_share"] * self.estate.sold_cents)
        if fee:
            yield self._claim(ADMINISTRATORS, "administrative", fee)[1]

    def _working_cents(self) -> int:
        """Cash that an org needs to go on."""
        months = self.state.run.parameters["estates.keep_weeks"] / MONTH_WEEKS
        monthly = finance.monthly_rent(self.state, self.org) + solvency.running_cents(self.state, self.org)
        return min(self.pot, round(months * monthly))

    def _owners(self, rest: int) -> Iterator[Happening]:
        """Leave owners what is beyond all claims; where nothing is, they lose their stakes."""
        stakes = self.state.finance.stakes.get(self.org, {})
        if not rest or self.is_over:
            for investor, stake in sorted(stakes.items()):
                lost = events.StakeCancelled(org=self.org, counterparty=investor, amount_usd_cents=stake.invested_cents)
                yield self._happening(lost)
        if rest:
            owner = self.state.run.orgs[self.org].parent or SAVERS
            claim, filed = self._claim(owner, "equity", rest)
            yield filed
            self.late.remove(claim)  # no claim of a creditor
            yield from self._paid(Settled(claim, {"cash" if self.is_over else "equity": rest}))
            self.late.append(claim)

    def _paid(self, one: Settled) -> Iterator[Happening]:
        claim = one.claim
        for kind, cents in one.parts.items():
            if not cents:
                continue
            said = events.ClaimSettled(
                claim_id=claim.claim_id,
                estate_id=self.estate.estate_id,
                org=self.org,
                counterparty=claim.creditor,
                rank=claim.rank,
                kind=kind,
                amount_usd_cents=cents,
            )
            yield self._happening(said, claim.claim_id)
            if kind == "cash":
                paid = PaymentMade(
                    org=self.org, counterparty=claim.creditor, amount_usd_cents=cents, kind="recovery",
                    contract_id=claim.claim_id,
                )  # fmt: skip
                yield self._happening(paid, claim.claim_id)

    def _loans(self, found: list[Settled]) -> Iterator[Happening]:
        """Write off what lenders do not recover; what they take as a loan goes on as one."""
        p, loans = self.state.run.parameters, self.state.finance.loans
        owed: dict[str, int] = defaultdict(int)
        back: dict[str, int] = defaultdict(int)
        lent: dict[str, int] = defaultdict(int)
        for claim in self.estate.claims.values():
            owed[claim.contract_id] += claim.cents
        for one in found:
            back[one.claim.contract_id] += one.cents
            lent[one.claim.contract_id] += one.parts.get("loan", 0)
        for deal_id in [name for name in owed if name in loans]:
            loan = loans[deal_id]
            lost = events.LoanWrittenOff(
                deal_id=deal_id, estate_id=self.estate.estate_id, org=self.org, counterparty=loan.lender,
                amount_usd_cents=owed[deal_id] - back[deal_id],
            )  # fmt: skip
            yield self._happening(lost)
            if lent[deal_id]:
                again = events.LoanRestructured(
                    deal_id=deal_id, estate_id=self.estate.estate_id, org=self.org, counterparty=loan.lender,
                    amount_usd_cents=lent[deal_id], value=loan.rate,
                    end_day=self.day + math.ceil(365 * p["finance.loan_years"]),
                )  # fmt: skip
                yield self._happening(again)

    def _exit(self) -> Iterator[Happening]:
        """Leave the market: customers go to the other providers of each segment."""
        for name in get_args(SegmentName):
            segment = self.state.demand.segments.get(name)
            if segment is None or self.org not in segment.shares:
                continue
            shares = {org: share for org, share in segment.shares.items() if org not in self.gone}
            left = 1 - math.fsum(share for org, share in segment.shares.items() if org in self.gone | {self.org})
            for org, share in shares.items():
                now = 0.0 if org == self.org or left <= 0 else digits(share / left)
                yield self._happening(ShareMeasured(org=org, segment=name, share=now))
        yield Happening(self.day, events.OrgExited(org=self.org, reason="liquidated"), self.org, self.org)
