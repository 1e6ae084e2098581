"""A state in the figures that scripts rely on: who holds what, models, prices, power."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from market.rules import roadmap
from market.state import State
from market.units import to_date

if TYPE_CHECKING:
    import polars as pl

COUNTS = ("gpus_owned", "gpus_leased_in", "gpus_leased_out", "gpus_held", "h100e", "power_kw_it")


def summarise(state: State, log: pl.LazyFrame, events: int) -> dict[str, Any]:
    """Sum up a state and the models trained within the first `events` events of its log."""
    return {
        "labs": orgs(state, "lab"),
        "clouds": orgs(state, "cloud"),
        "models": list(models(log, events)),
        "prices": prices(state),
        "energised_kw": sum(site.energised_kw for site in state.sites.sites.values()),
    }


def orgs(state: State, role: str) -> dict[str, dict[str, Any]]:
    """Compute, power and cash of the orgs of a role. Power and H100 equivalents are of the GPUs held."""
    empty = dict.fromkeys(COUNTS, 0)
    found: dict[str, dict[str, Any]] = {name: dict(empty) for name, org in state.run.orgs.items() if role in org.roles}
    for holding in state.chips.holdings.values():
        if (row := found.get(holding.org)) is None:
            continue
        chip = state.chips.chips[holding.chip]
        row["gpus_owned"] += holding.owned
        row["gpus_leased_in"] += holding.leased_in
        row["gpus_leased_out"] += holding.leased_out
        row["gpus_held"] += holding.held
        row["h100e"] += holding.held * chip.h100e
        row["power_kw_it"] += holding.held * chip.power_kw_it_per_gpu
    for name, row in found.items():
        row["h100e"], row["power_kw_it"] = round(row["h100e"]), round(row["power_kw_it"])
        row["cash_usd"] = state.finance.ledger.accounts.get(name, 0) / 100
        row["leased_from"] = sources(state, name)
    return found


def sources(state: State, org: str) -> dict[str, int]:
    """GPUs that an org rents, by the chain of lessors from its own back to the owner: `azure < oci`."""
    leases, found = state.leases.leases, defaultdict[str, int](int)
    for lease in leases.values():
        if lease.lessee != org or not lease.delivered:
            continue
        chain, parent = [lease.lessor], lease.parent_lease_id
        while parent in leases:
            chain.append(leases[parent].lessor)
            parent = leases[parent].parent_lease_id
        found[" < ".join(chain)] += lease.delivered
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def prices(state: State) -> dict[str, float]:
    """One-year contract price of each chip that anybody runs, USD per GPU-hour, at the reference price per H100e."""
    desk, chips = state.leases, state.chips.chips
    held = {h.chip for h in state.chips.holdings.values() if h.held}
    return {name: round(desk.price_usd_per_h100e_hour * chips[name].h100e, 4) for name in chips if name in held}


def models(log: pl.LazyFrame, events: int) -> Iterator[dict[str, Any]]:
    """List the models trained, in order, with the day of their release (null: not yet)."""
    released: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in _events(log, events, "ModelReleased", ("org", "model", "start_day")):
        released[row["org"], row["model"]].append(row["start_day"])
    for row in _events(log, events, "TrainingFinished", ("org", "model", "flop", "duration_days")):
        days = [day for day in released[row["org"], row["model"]] if day >= row["day"]]
        yield {
            "model": row["model"],
            "lab": row["org"],
            "flop": row["flop"],
            "days": row["duration_days"],
            "trained": iso(row["day"]),
            "released": iso(min(days)) if days else None,
        }


def beyond_the_roadmap(state: State) -> str | None:
    """Say, in a line of a terminal, from when on chips beyond the roadmap are in volume; None before there is one."""
    chips = (chip for chip in state.chips.chips.values() if chip.in_volume and roadmap.is_assumed(chip.name))
    found = min(((chip.start_day, chip.name) for chip in chips), default=None)
    return None if found is None else f"chips are assumed from {iso(found[0])} on: {found[1]}"


def _events(log: pl.LazyFrame, events: int, kind: str, columns: Iterable[str]) -> list[dict[str, Any]]:
    import polars as pl

    wanted = (pl.col("type") == kind) & (pl.col("seq") < events)
    return log.filter(wanted).select("seq", "day", *columns).collect().to_dicts()


def iso(day: int) -> str:
    """Write a day as an ISO date."""
    return to_date(day).isoformat()
