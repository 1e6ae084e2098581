"""What there is at the start fits together: fleets at sites of their owners and within power, leases within fleets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from market.scenario.blame import Places, at, clash, written
from market.scenario.draw import Key
from market.scenario.errors import Problem
from market.scenario.schema import Scenario, StandingLease


def fleets(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Installed IT power stays within energised IT power at every site."""
    installed: dict[str, float] = defaultdict(float)
    for fleet in scenario.fleets:
        installed[fleet.site] += fleet.gpus * scenario.chips[fleet.chip].power_kw_it_per_gpu / 1000
    for id_, mw in installed.items():
        energised = scenario.sites[id_].energised_mw_it
        if mw > energised + 1e-6:
            text = f"{energised:g} MW carry no fleet of {mw:.1f} MW; raise it or move GPUs elsewhere"
            there = [f for f in scenario.fleets if f.site == id_]
            paths: list[Key] = [("sites", id_, "energised_mw_it")]
            paths += [("fleets", f"{f.owner}/{f.site}/{f.chip}", "gpus") for f in there]
            paths += [("chips", f.chip, "power_kw_it_per_gpu") for f in there]
            yield at(places, written(places, paths), text)


def grounds(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """GPUs run at a site of their owner, who leases them out there; a sublease stands where its parent does."""
    at_sites = [("fleets", f"{f.owner}/{f.site}/{f.chip}", "owner", f.owner, f.site) for f in scenario.fleets]
    at_sites += [("leases", id_, "lessor", x.lessor, x.site) for id_, x in scenario.leases.items() if x.parent is None]
    for section, id_, field, org, site in at_sites:
        if org != (owner := scenario.sites[site].owner):
            text = f"is {org!r}, and {site} is a site of {owner!r}; give the GPUs and the site one owner"
            yield clash(places, [(section, id_, field), (section, id_, "site"), ("sites", site, "owner")], text)


def leases(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """A lease has two sides, ends after it starts, and is in force at the start or later."""
    for id_, lease in scenario.leases.items():
        if lease.end <= lease.start:
            text = f"must be after start {lease.start}, was {lease.end}"
            yield clash(places, [("leases", id_, "end"), ("leases", id_, "start")], text)
        elif lease.end <= scenario.start:
            text = f"{lease.end} is not after the scenario's start {scenario.start}; leave the lease out"
            yield clash(places, [("leases", id_, "end"), ("start",)], text)
        if lease.lessor == lease.lessee:
            text = f"{lease.lessee!r} cannot rent from itself"
            yield clash(places, [("leases", id_, "lessee"), ("leases", id_, "lessor")], text)


def chains(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """A sublease stays within its parent: same chip and site, no circle, not more GPUs, not longer."""
    sublet: dict[str, int] = defaultdict(int)
    circles = _circles(scenario)
    for id_, lease in scenario.leases.items():
        if lease.parent is None:
            continue
        path: Key = ("leases", id_, "parent")
        if id_ in circles:
            yield at(places, path, f"{lease.parent!r} leads back to this lease in a circle")
            continue
        parent = scenario.leases[lease.parent]
        mismatch = _mismatch(lease, parent)
        if mismatch:
            yield clash(places, [path, *_fields(id_), *_fields(lease.parent)], f"{lease.parent!r} {mismatch}")
        sublet[lease.parent] += lease.gpus
        if sublet[lease.parent] > parent.gpus:
            text = f"{lease.parent!r} holds {parent.gpus:,} GPUs, {sublet[lease.parent]:,} are passed on"
            yield clash(places, [("leases", id_, "gpus"), ("leases", lease.parent, "gpus")], text)


def _fields(id_: str) -> list[Key]:
    return [("leases", id_, field) for field in ("lessor", "lessee", "chip", "site", "start", "end")]


def _circles(scenario: Scenario) -> set[str]:
    """Leases whose parents lead back to a lease that was passed already."""
    ends: dict[str, bool] = {}  # whether the line of parents from a lease ends
    for id_ in scenario.leases:
        line: dict[str, None] = {}
        at: str | None = id_
        while at is not None and at not in line and at not in ends:
            line[at] = None
            at = scenario.leases[at].parent
        ends.update(dict.fromkeys(line, at is None or ends.get(at, False)))
    return {id_ for id_, does_end in ends.items() if not does_end}


def _mismatch(lease: StandingLease, parent: StandingLease) -> str:
    if parent.lessee != lease.lessor:
        return f"is held by {parent.lessee!r}, not by the lessor {lease.lessor!r}"
    if (parent.chip, parent.site) != (lease.chip, lease.site):
        return f"is for {parent.chip} at {parent.site}, not {lease.chip} at {lease.site}"
    if lease.start < parent.start or lease.end > parent.end:
        return f"runs from {parent.start} to {parent.end}; a sublease stays within"
    return ""


def stock(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Leases in force at the start let no more GPUs than their owner has at the site."""
    owned = {(f.owner, f.site, f.chip): f.gpus for f in scenario.fleets}
    let: dict[tuple[str, str, str], int] = defaultdict(int)
    for id_, lease in scenario.leases.items():
        if lease.parent is not None or lease.start > scenario.start:
            continue
        key = (lease.lessor, lease.site, lease.chip)
        let[key] += lease.gpus
        if let[key] > owned.get(key, 0):
            text = f"{lease.lessor} has {owned.get(key, 0):,} {lease.chip} at {lease.site}, its leases let {let[key]:,}"
            paths = [
                ("leases", id_, "gpus"),
                ("fleets", "/".join((key[0], key[1], key[2])), "gpus"),
                *_fields(id_),
            ]
            yield at(places, written(places, paths), text)
