"""GPUs that go from lessors to lessees: who gets which on what day, and which layer makes a lease late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from events.kinds import Lateness
from events.types import leases as events
from market.rules.base import Happening, training_use
from market.state import State
from market.state.chips import Place
from market.state.leases import Lease


def hand_over(state: State, day: int) -> Iterator[Happening]:
    """Give free GPUs to the leases that are owed them: earlier start first, owners' leases before subleases."""
    leases = state.leases.leases
    owing = (leases[name] for names in state.index.owing.values() for name in names)
    waiting = [lease for lease in owing if lease.start_day <= day]
    if not waiting:
        return
    free = _Unused(state)
    passed: dict[str, int] = defaultdict(int)  # lease -> sublet GPUs handed on
    for lease in leases.values() if any(x.parent_lease_id for x in waiting) else ():
        if lease.parent_lease_id is not None:
            passed[lease.parent_lease_id] += lease.delivered
    arrived: dict[str, int] = defaultdict(int)
    for lease in sorted(waiting, key=lambda x: (x.depth, x.start_day, x.lease_id)):
        source = Place(lease.lessor, lease.chip, lease.site)
        gpus = min(lease.owed, max(0, free[source]))
        if lease.parent_lease_id is not None:
            parent = state.leases.leases[lease.parent_lease_id]
            here = parent.delivered + arrived[parent.lease_id] - passed[parent.lease_id]
            gpus = min(gpus, max(0, here))
            passed[parent.lease_id] += gpus
        if gpus:
            free[source] -= gpus
            free[Place(lease.lessee, lease.chip, lease.site)] += gpus
            arrived[lease.lease_id] += gpus
            handed = events.GpusHandedOver(
                lease_id=lease.lease_id,
                lessor=lease.lessor,
                lessee=lease.lessee,
                chip=lease.chip,
                site=lease.site,
                gpus=gpus,
            )
            yield Happening(day, handed, lease.lessor, lease.lease_id)
        if gpus < lease.owed and not lease.late_said:
            late = events.LeaseLate(
                lease_id=lease.lease_id,
                lessor=lease.lessor,
                lessee=lease.lessee,
                gpus=lease.owed - gpus,
                reason=_cause(state, lease),
            )
            yield Happening(day, late, lease.lessor, lease.lease_id)


class _Unused(dict[Place, int]):
    """GPUs of holdings that no run trains on, counted when first asked for."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def __missing__(self, place: Place) -> int:
        holding = self._state.chips.holdings.get(place)
        self[place] = holding.held - training_use(self._state, *place) if holding else 0
        return self[place]


def _cause(state: State, lease: Lease) -> Lateness:
    """Say which layer makes a lease late: the parent's GPUs, power, or chips."""
    if lease.parent_lease_id is not None:
        return "parent late"
    if state.chips.warehouse.get(lease.lessor, {}).get(lease.chip, 0):
        return "power"
    return "chips"
