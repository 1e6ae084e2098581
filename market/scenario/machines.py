"""What the runs of a scenario train on: the lab's largest holding of one chip at one site on the first day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from market.cluster import ClusterError
from market.cluster import chip as cluster_chip
from market.scenario.blame import Places, clash
from market.scenario.draw import Key
from market.scenario.errors import Problem
from market.scenario.schema import Scenario
from market.units import SECONDS_PER_DAY


class Machine(NamedTuple):
    """GPUs of one chip at one site that a lab holds, owned or rented."""

    chip: str
    site: str
    gpus: int


def largest_machines(scenario: Scenario) -> dict[str, Machine]:
    """Find, for every org that holds any GPU on the first day, its largest holding by H100e."""
    held: dict[tuple[str, str, str], int] = defaultdict(int)
    for fleet in scenario.fleets:
        held[fleet.owner, fleet.chip, fleet.site] += fleet.gpus
    for lease in scenario.leases.values():
        if lease.start <= scenario.start:
            held[lease.lessor, lease.chip, lease.site] -= lease.gpus
            held[lease.lessee, lease.chip, lease.site] += lease.gpus
    found: dict[str, Machine] = {}
    by_size = sorted(held, key=lambda place: (held[place] * scenario.chips[place[1]].h100e, place))
    for org, chip, site in by_size:  # the largest comes last and stays
        if held[org, chip, site] > 0:
            found[org] = Machine(chip, site, held[org, chip, site])
    return found


def peak_flop_per_s(scenario: Scenario, chip: str) -> float:
    """Dense BF16 peak of a GPU; of a chip that the core does not know, by its weight in H100s."""
    try:
        return cluster_chip(chip).bf16_flop_per_s
    except ClusterError:
        return scenario.chips[chip].h100e * cluster_chip("H100").bf16_flop_per_s


def problems_of_runs(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Runs under way at the start fit the calendar, one a lab, and do no more than its largest machine can."""
    machines, training = largest_machines(scenario), dict[str, str]()
    for id_, run in scenario.runs.items():
        if run.start > scenario.start:
            text = f"under way at the start, so not after {scenario.start}; was {run.start}"
            yield clash(places, [("runs", id_, "start"), ("start",)], text)
        if run.due < scenario.start or run.due <= run.start:
            text = f"{run.due} is past at the start {scenario.start}"
            yield clash(places, [("runs", id_, "due"), ("runs", id_, "start"), ("start",)], text)
        elif machine := machines.get(run.lab):
            yield from _too_fast(scenario, places, id_, machine)
        if (other := training.setdefault(run.lab, id_)) != id_:
            paths: list[Key] = [("runs", id_, "lab"), ("runs", other, "lab")]
            yield clash(places, paths, f"{run.lab!r} trains {other!r} already; give a lab one run under way")


def _too_fast(scenario: Scenario, places: Places, id_: str, machine: Machine) -> Iterator[Problem]:
    run, most = scenario.runs[id_], scenario.parameters["labs.mfu_max"]
    seconds = (run.due - run.start).days * SECONDS_PER_DAY
    mfu = run.flop / (machine.gpus * peak_flop_per_s(scenario, machine.chip) * seconds)
    if mfu > most:
        text = f"{run.flop:g} FLOP in {(run.due - run.start).days} days ask {mfu:.0%} of the peak of "
        text += f"{machine.gpus:,} {machine.chip} at {machine.site}, more than {most:.0%}; move a date, or give it more"
        fields: list[Key] = [("runs", id_, field) for field in ("flop", "start", "due", "lab")]
        fleet = ("fleets", f"{run.lab}/{machine.site}/{machine.chip}", "gpus")
        yield clash(places, [*fields, fleet, ("parameters", "labs.mfu_max"), ("orgs",)], text)
