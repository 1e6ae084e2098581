"""What a lessor could hand over or carry: GPUs that are free, and power that is promised."""

from __future__ import annotations

from collections import defaultdict

from market.rules.base import holdings_of, quoted_by, training_use
from market.rules.uses import is_in_house
from market.state import State
from market.state.chips import Place


def held_in_quotes(state: State, lessor: str, chip: str, site: str) -> int:
    """GPUs of own fleet that open quotes of a lessor hold."""
    return sum(
        q.gpus
        for q in quoted_by(state, lessor)
        if q.chip == chip and q.site == site and q.parent_lease_id is None and q.form == "lease"
    )


def owed(state: State, lessor: str, chip: str, site: str) -> int:
    """GPUs of own fleet that a lessor has promised and not handed over."""
    places = state.index.owed.get(lessor)
    return places.get(Place(lessor, chip, site), 0) if places else 0


def free_gpus(state: State, org: str, chip: str, site: str) -> int:
    """GPUs that an org could hand over today: held, not training, not owed, not in a quote."""
    holding = state.chips.holdings.get(Place(org, chip, site))
    if holding is None:
        return 0
    busy = training_use(state, org, chip, site) + owed(state, org, chip, site) + held_in_quotes(state, org, chip, site)
    return holding.held - busy


def promised_watts(state: State, site: str) -> int:
    """IT power that the leases and quotes of a site's owner will take there, beyond what is installed."""
    owner = state.sites.sites[site].owner
    return promised_by(state, owner).get(site, 0)


def promised_by(state: State, owner: str) -> dict[str, int]:
    """`promised_watts` of each site at which an owner has promised anything."""
    chips = state.chips.chips
    promised: dict[tuple[str, str], int] = defaultdict(int)
    for owed in (state.index.owed, state.index.owed_on):
        for place, gpus in owed.get(owner, {}).items():
            promised[place.site, place.chip] += gpus
    for quote in quoted_by(state, owner):
        if quote.form == "lease":
            promised[quote.site, quote.chip] += quote.gpus
    watts: dict[str, int] = defaultdict(int)
    for (site, chip), gpus in promised.items():
        holding = state.chips.holdings.get(Place(owner, chip, site))
        missing = gpus - (holding.held if holding else 0)
        if missing > 0:
            watts[site] += missing * round(chips[chip].power_kw_it_per_gpu * 1000)
    return watts


def idle_h100e(state: State, org: str) -> float:
    """H100e that an outside lab owns and holds beyond what it wants; none of others.

    Owned GPUs first serve what the lab wants, beside those that it rents.
    """
    lab = state.training.labs.get(org)
    if lab is None or is_in_house(state, org) or not lab.wanted_h100e:
        return 0.0
    chips = state.chips.chips
    mine = list(holdings_of(state, org))
    held = sum(h.held * chips[h.chip].h100e for h in mine)
    if held <= lab.wanted_h100e:
        return 0.0
    own = sum(max(0, h.owned - h.leased_out) * chips[h.chip].h100e for h in mine)
    return max(0.0, min(own, held - lab.wanted_h100e))


def quoted_under(state: State, lease_id: str) -> int:
    """GPUs of a lease that open quotes hold."""
    lessor = state.leases.leases[lease_id].lessee
    return sum(q.gpus for q in quoted_by(state, lessor) if q.parent_lease_id == lease_id)
