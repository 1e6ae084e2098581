"""Rules of what a party may do under a lease: renew, expand, agree, assign, end it."""

from __future__ import annotations

from events.commands import clauses as commands
from events.commands.contracts import TerminateLease
from events.kinds import ClauseRefusal, ContractRefusal, LeaseEnd
from events.types import Event
from events.types import clauses as events
from events.types.contracts import ContractRefused
from events.types.estates import LeaseAssigned
from market.rules import clauses
from market.rules.base import Deciders, above, can_pay, held, training_use
from market.rules.clauses import paid
from market.rules.free import free_gpus, quoted_under
from market.rules.leases import end_lease
from market.state import State
from market.state.leases import Lease
from market.units import CENTS, HOURS_PER_DAY


def exercise(state: State, command: commands.ExerciseOption, day: int) -> list[Event]:
    """Renew a lease once, or take more GPUs under it as far as the lessor has them free."""
    lease = state.leases.leases.get(command.lease_id)
    if lease is None or lease.lessee != command.actor:
        return _refused(command, "not the actor's lease")
    is_renewal = command.kind == "renew"
    reason = _renewal_fault(state, lease) if is_renewal else _expansion_fault(state, lease, command.gpus, day)
    if reason:
        return _refused(command, reason)
    gpus = lease.gpus if is_renewal else command.gpus
    exercised = events.OptionExercised(
        lease_id=lease.lease_id, lessor=lease.lessor, lessee=lease.lessee, kind=command.kind, gpus=gpus,
        start_day=lease.end_day if is_renewal else max(day, lease.start_day),
        end_day=lease.end_day + lease.renew_days * is_renewal,
    )  # fmt: skip
    return [exercised, *([] if is_renewal else _paid_first(lease, gpus, day))]


def _paid_first(lease: Lease, gpus: int, day: int) -> list[Event]:
    """Deposit and prepayment of GPUs that are taken beside."""
    sides, cents = (lease.lessee, lease.lessor), clauses.prepaid_cents(lease, gpus, day)
    before = [paid(*sides, cents, "prepayment", lease.contract_id)] if cents and lease.contract_id else []
    return [*clauses.deposit(lease, gpus, sides, lease.lease_id), *before]


def _renewal_fault(state: State, lease: Lease) -> ClauseRefusal | None:
    if not lease.renew_days or lease.renews:
        return "no such option"
    parent = state.leases.leases.get(lease.parent_lease_id or "")
    return "outside the parent's term" if parent and parent.end_day < lease.end_day + lease.renew_days else None


def _expansion_fault(state: State, lease: Lease, gpus: int, day: int) -> ClauseRefusal | None:
    if not 0 < gpus <= lease.expand_gpus:
        return "no such option"
    if day > lease.start_day + lease.expand_days:
        return "too late"
    if gpus > takeable(state, lease, day):
        return "capacity"
    first = clauses.deposit_cents(lease, gpus) + clauses.prepaid_cents(lease, gpus, day)
    return None if can_pay(state, lease.lessee, first) else "cash"


def takeable(state: State, lease: Lease, day: int) -> int:
    """GPUs that a lessee may take beside those of its lease: what the clause leaves of what the lessor has free."""
    if not lease.expand_gpus or day > lease.start_day + lease.expand_days:
        return 0
    free = free_gpus(state, lease.lessor, lease.chip, lease.site)
    parent = state.leases.leases.get(lease.parent_lease_id or "")
    if parent is not None:
        free = min(free, parent.gpus - parent.subleased - quoted_under(state, parent.lease_id))
    return max(0, min(lease.expand_gpus, free))


def consent(state: State, command: commands.GiveConsent, day: int) -> list[Event]:
    """Agree to what a clause leaves to the lessor's consent."""
    lease = state.leases.leases.get(command.lease_id)
    if lease is None or lease.lessor != command.actor:
        return _refused(command, "not the actor's lease")
    if (lease.assigning if command.kind == "assign" else lease.subleasing) != "consent":
        return _refused(command, "no such option")
    return [events.ConsentGiven(lease_id=lease.lease_id, lessor=lease.lessor, lessee=lease.lessee, kind=command.kind)]


def assign(state: State, command: commands.AssignLease, day: int) -> list[Event]:
    """Offer a lease to another org; it passes when that org takes it."""
    lease, other = state.leases.leases.get(command.lease_id), command.assignee
    if lease is None or lease.lessee != command.actor:
        return _refused(command, "not the actor's lease")
    if lease.assigning == "never":
        return _refused(command, "no such option")
    if not _can_be_lessee(state, lease, other):
        return _refused(command, "unknown assignee")
    return [
        events.AssignmentOffered(
            lease_id=lease.lease_id, lessor=lease.lessor, lessee=lease.lessee, counterparty=other
        )
    ]  # fmt: skip


def take(state: State, command: commands.TakeAssignment, day: int) -> list[Event]:
    """Take the place of a lessee, once its lessor agrees where the clause asks for it, and its GPUs are idle."""
    lease = state.leases.leases.get(command.lease_id)
    if lease is None or lease.assignee != command.actor:
        return _refused(command, "not offered")
    if not _can_be_lessee(state, lease, command.actor):
        return _refused(command, "unknown assignee")
    if not clauses.may_assign(lease):
        return _refused(command, "no consent")
    if lease.subleased or quoted_under(state, lease.lease_id) or _is_busy(state, lease):
        return _refused(command, "in use")
    return [
        LeaseAssigned(
            lease_id=lease.lease_id, org=lease.lessee, counterparty=command.actor, kind="lessee", chip=lease.chip,
            site=lease.site, gpus=lease.delivered,
        )
    ]  # fmt: skip


def _can_be_lessee(state: State, lease: Lease, org: str) -> bool:
    """Whether an org could have a lease: it has it not, does not let its GPUs on, and has not defaulted."""
    return org in state.run.orgs and org not in (lease.lessee, *above(state, lease), *state.finance.estates)


def _is_busy(state: State, lease: Lease) -> bool:
    """Whether a lessee needs GPUs of a lease for a run."""
    place = (lease.lessee, lease.chip, lease.site)
    return held(state, *place) - lease.delivered < training_use(state, *place)


def terminate(state: State, command: TerminateLease, day: int) -> list[Event]:
    """End a lease for its fee, or for nothing where it is late or its clause counts a default of the other side.

    A lessee first ends what is sublet or offered under it.
    """
    lease = state.leases.leases.get(command.lease_id)
    if lease is None or command.actor not in (lease.lessee, lease.lessor):
        return [_no(command, "not the actor's GPUs")]
    other = lease.lessor if command.actor == lease.lessee else lease.lessee
    if lease.cross_default and other in state.finance.estates:
        return [each.event for each in end_lease(state, lease, day, "cross default")]
    if command.actor != lease.lessee:
        return [_no(command, "not the actor's GPUs")]
    if lease.subleased or quoted_under(state, lease.lease_id):
        return [_no(command, "in use")]
    is_late = bool(lease.walk_days and lease.owed and day >= lease.start_day + lease.walk_days)
    cents = 0 if is_late else termination_cents(lease, day)
    if not can_pay(state, command.actor, cents):
        return [_no(command, "cash")]
    fee = [paid(lease.lessee, lease.lessor, cents, "termination fee", lease.lease_id)] if cents else []
    reason: LeaseEnd = "walked away" if is_late else "terminated"
    return [*fee, *(each.event for each in end_lease(state, lease, day, reason))]


def termination_cents(lease: Lease, day: int) -> int:
    """Fee for ending a lease today: a part of the rent to come, at today's price, of what was handed over."""
    hours = HOURS_PER_DAY * max(0, lease.end_day - max(day, lease.start_day))
    return round(lease.exit_share * lease.delivered * lease.due_usd_per_gpu_hour * hours * CENTS)


def _no(command: TerminateLease, reason: ContractRefusal) -> ContractRefused:
    return ContractRefused(org=command.actor, contract_id=command.lease_id, reason=reason)


Asked = commands.ExerciseOption | commands.GiveConsent | commands.AssignLease | commands.TakeAssignment


def _refused(command: Asked, reason: ClauseRefusal) -> list[Event]:
    return [events.ClauseRefused(org=command.actor, lease_id=command.lease_id, reason=reason)]


DECIDE: Deciders = {
    commands.ExerciseOption: exercise,
    commands.GiveConsent: consent,
    commands.AssignLease: assign,
    commands.TakeAssignment: take,
    TerminateLease: terminate,
}
