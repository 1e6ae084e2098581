"""Rules of insolvency: when an org defaults, what its estate keeps and breaks off, and who claims what.

What the estate then sells and pays out is in `estates`.
"""

from __future__ import annotations

from collections.abc import Iterator

from events.kinds import ClaimRank, DefaultReason, EstatePlan
from events.types import Event
from events.types import estates as events
from events.types.chips import OrderCancelled
from events.types.contracts import ContractEnded
from events.types.finance import OrgDefaulted, PaymentMade, RoundFailed
from events.types.leases import LeaseEnded, LeaseTalksFailed, LetterEnded
from events.types.vendors import WarrantsEnded
from market.rules import credit, finance, prices, solvency, work, worth
from market.rules.base import Happening, cash, trait
from market.rules.leases import end_lease
from market.state import State, next_id
from market.state.contracts import Contract
from market.state.leases import Lease
from market.units import CENTS, HOURS_PER_DAY

CREDITORS = "world/creditors"  # suppliers and banks that carry what an org owes beyond its cash


def defaults(state: State, day: int) -> Iterator[Happening]:
    """Orgs default far below zero, or on loans that are called: each opens an estate."""
    done = set[str]()  # what one default ended, another that day does not end again
    for org in state.finance.books:
        is_broke = finance.is_insolvent(state, org)
        if org not in state.finance.estates and (is_broke or credit.is_called(state, org, day)):
            rented = (lease for lease in state.leases.leases.values() if lease.lessee == org)
            dearest = max(rented, key=lambda x: (x.delivered * x.price_usd_per_gpu_hour, x.lease_id), default=None)
            cause = dearest.lease_id if dearest else org
            yield from _Opening(state, org, day, done).happenings("cash" if is_broke else "covenant", cause)


def forced(state: State, day: int) -> Iterator[Happening]:
    """Open the estates of orgs that a policy puts into default whatever cash they have, or that are to be wound up."""
    done = set[str]()
    for org, books in state.finance.books.items():
        name = forced_by(org)
        when = state.run.parameters.get(name, -1.0)
        if org in state.finance.estates:
            continue
        if org in state.finance.filings:
            yield from _Opening(state, org, day, done).happenings("wound up", org)
        elif when >= 0 and books.defaulted_day < when:
            yield from _Opening(state, org, day, done).happenings("forced", name)


def forced_by(org: str) -> str:
    """The number that holds the day from which a policy puts an org into default."""
    return f"orgs.{org}.default_day"


class _Opening:
    """The day of a default: numbers claims as it says them, and ends nothing twice (`done`)."""

    def __init__(self, state: State, org: str, day: int, done: set[str]) -> None:
        self.state, self.org, self.day, self.done = state, org, day, done
        self.estate_id = next_id(state, org, "estate")
        self.worth_cents = solvency.assets_cents(state, org, day)
        self._claims = 0

    def happenings(self, reason: DefaultReason, cause: str) -> Iterator[Happening]:
        """Say that the org defaults, and all that follows on that day."""
        lacks, name = max(0, -cash(self.state, self.org)), self.estate_id
        defaulted = OrgDefaulted(org=self.org, amount_usd_cents=lacks, reason=reason, estate_id=name)
        yield Happening(self.day, defaulted, self.org, cause)
        plan: EstatePlan = self.plan() if reason == "cash" else "liquidation"
        yield self._opened(plan)
        if lacks:
            paid = PaymentMade(
                org=CREDITORS, counterparty=self.org, amount_usd_cents=lacks, kind="overdraft", contract_id=name
            )
            yield self.happening(paid)
            yield self.claim(CREDITORS, "unsecured", lacks, name)
        for part in (self.talks(), self.orders(), self.contracts(), self.leases(plan), self.loans()):
            yield from part

    def first(self, name: str) -> bool:
        """Whether a thing was not ended yet on this day; mark it as ended."""
        is_new = name not in self.done
        self.done.add(name)
        return is_new

    def happening(self, event: Event, cause: str = "") -> Happening:
        """An event of the estate, which follows from its opening unless something nearer led to it."""
        return Happening(self.day, event, self.org, cause or self.estate_id)

    def claim(self, creditor: str, rank: ClaimRank, cents: int, contract_id: str, cause: str = "") -> Happening:
        """File a claim."""
        stem, _, number = next_id(self.state, self.org, "claim").rpartition("/")
        self._claims += 1
        filed = events.ClaimFiled(
            claim_id=f"{stem}/{int(number) + self._claims - 1}",
            estate_id=self.estate_id,
            org=self.org,
            counterparty=creditor,
            rank=rank,
            amount_usd_cents=cents,
            contract_id=contract_id,
        )
        return self.happening(filed, cause)

    # --- what it is run for, and what it is worth

    def plan(self) -> EstatePlan:
        """Restructure what earns more than it costs once the leases are rejected; else sell all."""
        state, org = self.state, self.org
        broken = {lease.lease_id for lease in self.rejected("restructuring")}
        rents = sum(
            finance.lease_rent(x) for x in state.leases.leases.values() if x.lessee == org and x.lease_id not in broken
        )
        costs = rents + solvency.running_cents(state, org)
        return "restructuring" if solvency.monthly_income(state, org) > costs else "liquidation"

    def _opened(self, plan: EstatePlan) -> Happening:
        """Open it, at what its sites and chips are worth."""
        weeks = self.state.run.parameters["estates.weeks"]
        opened = events.EstateOpened(
            estate_id=self.estate_id,
            org=self.org,
            kind=plan,
            amount_usd_cents=self.worth_cents,
            due_day=self.day + round(7 * weeks),
        )
        return Happening(self.day, opened, self.org, self.org)

    # --- what stops at once

    def talks(self) -> Iterator[Happening]:
        """End talks, letters of intent and an open round."""
        state, org = self.state, self.org
        for request in state.leases.requests.values():
            if org in (request.lessee, request.lessor) and self.first(request.request_id):
                self.done.update(q.quote_id for q in state.leases.quotes.values() if q.request_id == request.request_id)
                yield self.happening(
                    LeaseTalksFailed(
                        request_id=request.request_id, lessee=request.lessee, lessor=request.lessor,
                        h100e=request.h100e, reason="default",
                    )
                )  # fmt: skip
        for letter in state.leases.letters.values():
            if org in (letter.org, letter.counterparty) and self.first(letter.deal_id):
                yield self.happening(
                    LetterEnded(
                        deal_id=letter.deal_id, org=letter.org, counterparty=letter.counterparty, h100e=letter.h100e,
                        reason="default",
                    )
                )  # fmt: skip
        for warrant in state.finance.warrants.values():
            if org in (warrant.org, warrant.supplier) and self.first(warrant.deal_id):
                lost = WarrantsEnded(
                    deal_id=warrant.deal_id, org=warrant.org, counterparty=warrant.supplier,
                    amount_usd_cents=warrant.cents - warrant.vested_cents, reason="lapsed",
                )  # fmt: skip
                yield self.happening(lost)
        if sought := state.finance.books[org].sought_cents:
            yield self.happening(RoundFailed(org=org, amount_usd_cents=sought, reason="default"))

    def orders(self) -> Iterator[Happening]:
        """Cancel what is on order: suppliers lose the sale."""
        for order in self.state.chips.orders.values():
            if order.org == self.org:
                yield self.happening(
                    OrderCancelled(
                        order_id=order.order_id, org=order.org, chip=order.chip, gpus=order.gpus, reason="default"
                    )
                )

    # --- contracts and leases

    def contracts(self) -> Iterator[Happening]:
        """Reject what is not drawn of contracts for capacity."""
        for contract in self.state.contracts.open.values():
            if self.org not in (contract.lessor, contract.lessee) or not self.first(contract.contract_id):
                continue
            other = contract.lessee if contract.lessor == self.org else contract.lessor
            ended = ContractEnded(
                contract_id=contract.contract_id, lessor=contract.lessor, lessee=contract.lessee,
                gpus=contract.undrawn, reason="rejected",
            )  # fmt: skip
            yield self.happening(ended)
            if cents := self._contract_damages(contract):
                yield self.claim(other, "unsecured", cents, contract.contract_id, contract.contract_id)

    def _contract_damages(self, contract: Contract) -> int:
        """Prepayment that was not used, and what the same costs beyond the contract's price, for a year at most."""
        state, hours = self.state, HOURS_PER_DAY * min(contract.duration_days, 365)
        market = prices.quote(state, contract.duration_days, max(0.0, (contract.start_day - self.day) / 7))
        market *= work.in_h100e(state, self.day)[contract.chip]
        price, gpus = contract.price_usd_per_gpu_hour, contract.undrawn
        days = sum(x.gpus * max(0, x.end_day - max(self.day, x.start_day)) for x in contract.schedule)
        prepaid = contract.prepaid_share * price * days * HOURS_PER_DAY
        if contract.lessor == self.org:
            return round((prepaid + max(0.0, market - price) * gpus * hours) * CENTS)
        lost = contract.take_or_pay_share * max(0.0, price - market) * gpus * hours
        return round(max(0.0, lost - prepaid) * CENTS)

    def rejected(self, plan: EstatePlan) -> Iterator[Lease]:
        """Leases that the estate breaks off: let far below the market, not begun, or rented beyond what it can pay.

        Who sells all rents nothing any more.
        """
        state, p = self.state, self.state.run.parameters
        left = solvency.monthly_income(state, self.org) - solvency.running_cents(state, self.org)
        rented = []
        for lease in state.leases.leases.values():
            if self.org not in (lease.lessor, lease.lessee):
                continue
            if lease.kind == "internal" and (plan == "restructuring" or lease.lessor == self.org):
                continue
            dear = lease.price_usd_per_gpu_hour / max(1e-9, worth.market_rent(state, lease, self.day))
            if lease.lessor == self.org and (dear < p["estates.reject_below"] or not lease.delivered):
                yield lease
            elif lease.lessee == self.org:
                rented.append((dear, lease.lease_id, lease))
        for dear, _, lease in sorted(rented, key=lambda item: item[:2]):
            left -= finance.lease_rent(lease)
            if left < 0 or plan == "liquidation" or not lease.delivered or dear > p["estates.reject_above"]:
                left += finance.lease_rent(lease)
                yield lease

    def leases(self, plan: EstatePlan) -> Iterator[Happening]:
        """Assume or reject every lease; the other side of one that is rejected claims its damage."""
        broken = list(self.rejected(plan))
        names = {lease.lease_id for lease in broken}
        for lease in list(self.state.leases.leases.values()):
            is_broken = lease.lease_id in names | self.done or lease.parent_lease_id in names
            if self.org in (lease.lessor, lease.lessee) and not is_broken:
                other = lease.lessee if lease.lessor == self.org else lease.lessor
                assumed = events.LeaseAssumed(
                    lease_id=lease.lease_id, estate_id=self.estate_id, org=self.org, counterparty=other
                )
                yield self.happening(assumed)
        for lease in broken:
            if lease.lease_id not in self.done:
                yield from self._reject(lease)

    def _reject(self, lease: Lease) -> Iterator[Happening]:
        """Break a lease off with all that is sublet under it; the other side of each claims its damage.

        Deposits of subtenants do not go back ahead of other claims.
        """
        name, other = lease.lease_id, lease.lessee if lease.lessor == self.org else lease.lessor
        rejected = events.LeaseRejected(lease_id=name, estate_id=self.estate_id, org=self.org, counterparty=other)
        yield self.happening(rejected)
        ended: list[Lease] = []
        for happening in end_lease(self.state, lease, self.day, "rejected"):
            event = happening.event
            if isinstance(event, PaymentMade):  # a deposit that goes back to a subtenant, ahead of the end
                is_new = happening.cause not in self.done and event.org != self.org
            else:
                is_new = self.first(happening.cause)
            if is_new:
                yield happening
            if is_new and isinstance(event, LeaseEnded) and self.org in (event.lessor, event.lessee):
                ended.append(self.state.leases.leases[event.lease_id])
        for one in reversed(ended):
            other = one.lessee if one.lessor == self.org else one.lessor
            if cents := solvency.lease_damages(self.state, self.org, one, self.day):
                yield self.claim(other, "unsecured", cents, one.lease_id, one.lease_id)

    # --- loans

    def loans(self) -> Iterator[Happening]:
        """Make all loans due: secured up to what sites and chips are worth, the rest unsecured."""
        owed = {
            x.deal_id: credit.outstanding(x, self.day) for x in self.state.finance.loans.values() if x.org == self.org
        }
        total = sum(owed.values())
        for deal_id, cents in owed.items():
            pledged = total and not trait(self.state, self.org, "rating")  # bonds on a rating pledge nothing
            secured = min(cents, self.worth_cents * cents // total) if pledged else 0
            lender = self.state.finance.loans[deal_id].lender
            if secured:
                yield self.claim(lender, "secured", secured, deal_id)
            if cents > secured:
                yield self.claim(lender, "unsecured", cents - secured, deal_id)
