"""The story of xAI and Oracle over draws of the parameters: shares with counts, base and five what-ifs.

    python -m tests.memphis --draws 200 [--first 1000] [--cases base,ample] [--out FILE.jsonl]

Every parameter of the catalogue that has a range is multiplied by U(0.7, 1.3), within its range; draws, and the seed
of the world, are the same in every case. `--first` begins at draws not looked at before. A run stops when its
story is told. Results are appended to FILE as they come; the same command goes on where it stopped. Nothing here is a
target: what is expected is the direction.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from agents.means import hall_region
from events.memory import MemoryLog
from events.types import contracts as contract_events
from events.types import leases as lease_events
from events.types import sites as site_events
from market import rng
from market.catalogue.bounds import bounds_of
from market.catalogue.tables import table

LAB, LESSOR = "xai", "oci"
WEEKS = {"base": 38, "catalogue": 38}  # to the end of autumn 2024
WEEKS_OTHER = 30
SPREAD = 0.3
CASES = ("base", "ample", "patient", "timeless", "no-round", "dear")
TIME = ("too late", "power", "lost to another")  # why talks end where time decides
PLAIN = "catalogue"  # the base with the catalogue's values, over seeds alone


def parameters(draw: int) -> dict[str, float]:
    """Every parameter with a range times a draw of its own, within the range; 0 anywhere in it; neutral ones stay."""
    found = {}
    for row in table("parameters"):
        if row.low is None or row.high is None or row.low == row.high or row.note.startswith("neutral"):
            continue
        u = rng.uniform(draw, "memphis", row.id)
        bounds = bounds_of(row.id)
        value = row.number * (1 + SPREAD * (2 * u - 1)) if row.number else row.low + u * (row.high - row.low)
        value = min(row.high, max(row.low, value))
        found[f"parameters.{row.id}"] = min(bounds.max, max(bounds.min, value))
    return found


def what_if(case: str, draw: int, regions: list[str]) -> dict[str, float]:
    """What a case changes: power at the site that the lab has in view, patience, no money, dear offers.

    All that time costs a lab in the decision goes through `wait_weight`, also what slips cost and which chip is taken;
    without any (timeless), talks break for what does not hang on time at all: what patience can move is the rest.
    """
    site = hall_region(rng.Draws(draw, LAB, 0), tuple(regions))
    return {
        "base": {},
        PLAIN: {},
        "ample": {f"regions.{site}.queue_days": 30.0, f"regions.{site}.grid_mw_per_year": 20_000.0},
        "patient": {f"orgs.{LAB}.traits.wait_weight": 0.1},
        "timeless": {f"orgs.{LAB}.traits.wait_weight": 0.0},
        "no-round": {"parameters.finance.rounds_usd_per_year": 1.0},
        "dear": {"parameters.talks.quote_factor": 1.8},
    }[case]


class Story(NamedTuple):
    """What became of the talks with Oracle over the cluster, of the lease that ran, and of the machine."""

    asked: bool
    value_usd: float  # of the last offer
    outcome: str  # signed, or why the talks ended
    ended_week: int
    other: str  # lessor with whom the cluster was signed instead
    built: str  # kind of site begun
    built_gpus: int
    energised_week: int  # -1: not yet
    rented_gpus: int  # GPUs of Oracle that the lab rents after thirty weeks, or when its story is told
    site_refused: bool


def tell(case: str, draw: int) -> Story:
    """Run one world until its story is told."""
    from agents.model import MarketModel
    from market.scenario.load import load_scenario

    plain = load_scenario("memphis-2024", {}).scenario
    home = [name for name, region in plain.regions.items() if region.country == plain.orgs[LAB].country]
    sets = ({} if case == PLAIN else parameters(draw)) | what_if(case, draw, home)
    log = MemoryLog()
    scenario = load_scenario("memphis-2024", {name: repr(value) for name, value in sets.items()}).scenario
    model = MarketModel(scenario, draw, log=log)
    weeks = WEEKS.get(case, WEEKS_OTHER)
    for week in range(weeks):
        model.step()
        story = read(log, model)
        if case not in WEEKS and story.outcome != "open" and week > 4:
            break
    return story


def read(log: MemoryLog, model: Any) -> Story:
    """Read the story from the events so far."""
    found: dict[str, Any] = {"asked": False, "value_usd": 0.0, "outcome": "open", "ended_week": -1, "other": "",
                             "built": "", "built_gpus": 0, "energised_week": -1, "site_refused": False}  # fmt: skip
    start, talks, wish, site, rented = model.state.run.start_day, "", "", "", 0
    machine: set[str] = (
        set()
    )  # requests for the cluster, and quotes for them; what is signed for the fleet is not meant
    for entry in log.entries():
        event, week = entry.event, (entry.day - start) // 7
        if isinstance(event, lease_events.LeaseRequested) and (event.lessee, event.kind) == (LAB, "frontier"):
            machine |= {event.request_id} if event.chip else set()
            if event.lessor == LESSOR and event.chip and not talks:
                talks, wish, found["asked"] = event.request_id, event.region, True
        elif isinstance(event, lease_events.QuoteGiven) and event.request_id in machine:
            machine.add(event.quote_id)
            if event.request_id == talks:
                found["value_usd"] = event.worth_usd
                found["site_refused"] = found["site_refused"] or event.region != wish
        elif isinstance(event, lease_events.LeaseTalksFailed) and event.request_id == talks:
            found["outcome"], found["ended_week"] = event.reason, week
        elif isinstance(event, contract_events.ContractSigned) and event.quote_id in machine and found["other"] == "":
            own = event.lessor == LESSOR
            found["other"] = "" if own else event.lessor
            if own and found["outcome"] == "open":
                found["outcome"], found["ended_week"] = "signed", week
        elif isinstance(event, lease_events.LeaseSigned | lease_events.LeaseEnded) and week <= WEEKS_OTHER:
            if (event.lessee, event.lessor) == (LAB, LESSOR):
                rented += event.gpus if isinstance(event, lease_events.LeaseSigned) else -event.gpus
        elif isinstance(event, site_events.SitePlanned) and event.org == LAB and entry.cause_seq >= 0:
            if not site:  # a second one is of the next machine
                site, found["built"] = event.site, event.kind
                found["built_gpus"] = round(event.power_kw_it / model.state.chips.chips["H100"].power_kw_it_per_gpu)
        elif isinstance(event, site_events.PowerEnergised) and event.site == site and found["energised_week"] < 0:
            found["energised_week"] = week
    return Story(**found, rented_gpus=rented)


def lacking(story: Story) -> list[str]:
    """What the whole story lacks.

    Talks over 5-15 B USD are broken on time, power or a lost slot; the lease that ran goes on; an old hall for about
    100,000 GPUs stands by the end of autumn.
    """
    parts = {
        "talks": story.asked,
        "5 to 15 B USD": 5e9 <= story.value_usd <= 15e9,
        "broken for time": story.outcome in TIME,
        "old lease goes on": story.rented_gpus >= 16_000,
        "old hall": story.built == "brownfield",
        "70,000 to 140,000 GPUs": 70_000 <= story.built_gpus <= 140_000,
        "runs by autumn": story.energised_week >= 0,
    }
    return [name for name, is_met in parts.items() if not is_met]


def is_broken(story: Story) -> bool:
    """Whether talks were held with Oracle and ended without a contract."""
    return story.asked and story.outcome not in ("signed", "open")


def summary(stories: list[Story]) -> dict[str, Any]:
    """Shares of a case: of all draws but for `broken_of_talks`; `lacks` and `lacks_alone` tell of the whole story."""
    n, lacks = len(stories), [lacking(s) for s in stories]
    outcomes = Counter(s.outcome for s in stories if s.asked)
    return {
        "draws": n,
        "talks": sum(s.asked for s in stories) / n,
        "broken": sum(map(is_broken, stories)) / n,
        "broken_of_talks": sum(map(is_broken, stories)) / max(1, sum(s.asked for s in stories)),
        "broken_for_time": sum(s.asked and s.outcome in TIME for s in stories) / n,
        "signed": outcomes["signed"] / n,
        "signed_elsewhere": sum(bool(s.other) for s in stories) / n,
        "outcomes": {name: round(count / n, 3) for name, count in sorted(outcomes.items())},
        "value_5_15": sum(5e9 <= s.value_usd <= 15e9 for s in stories) / n,
        "site_refused": sum(s.site_refused for s in stories) / n,
        "brownfield": sum(s.built == "brownfield" for s in stories) / n,
        "grown": sum(s.rented_gpus > 16_000 for s in stories) / n,
        "whole": sum(not names for names in lacks) / n,
        "lacks": _shares([name for names in lacks for name in names], n),
        "lacks_alone": _shares([names[0] for names in lacks if len(names) == 1], n),
    }


def _shares(names: list[str], n: int) -> dict[str, float]:
    return {name: round(count / n, 3) for name, count in Counter(names).most_common()}


def beside(base: list[Story], other: list[Story]) -> dict[str, list[float]]:
    """Changes of shares against the base over the same draws, each with its 95 % interval (normal, paired)."""
    pairs = list(zip(base, other, strict=True))
    both = [(a, b) for a, b in pairs if a.asked and b.asked]
    return {
        "broken": _change([is_broken(b) - is_broken(a) for a, b in pairs]),
        "broken_where_both_talk": _change([is_broken(b) - is_broken(a) for a, b in both]),
        "broken_for_time": _change([(b.outcome in TIME) - (a.outcome in TIME) for a, b in pairs]),
    }


def _change(found: list[int]) -> list[float]:
    if len(found) < 2:
        return []
    mean, half = statistics.fmean(found), 1.96 * statistics.stdev(found) / math.sqrt(len(found))
    return [round(x, 3) for x in (mean, mean - half, mean + half)]


def campaign(cases: list[str], draws: range, out: Path | None) -> Iterator[tuple[str, list[Story]]]:
    """Tell every story of the cases that is not in the file yet; give the stories of each case."""
    known: dict[tuple[str, int], Story] = {}
    if out is not None and out.exists():
        for line in out.read_text().splitlines():
            row = json.loads(line)
            known[row["case"], row["draw"]] = Story(*row["story"])
    for case in cases:
        for draw in draws:
            if (case, draw) not in known:
                story = known[case, draw] = tell(case, draw)
                if out is not None:
                    with out.open("a") as file:
                        file.write(json.dumps({"case": case, "draw": draw, "story": list(story)}) + "\n")
        yield case, [known[case, draw] for draw in draws]


@click.command()
@click.option("--draws", default=200, show_default=True, type=click.IntRange(1))
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="Number of the first draw.")
@click.option("--cases", default=",".join(CASES), show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File of results to go on with.")
def main(draws: int, first: int, cases: str, out: Path | None) -> None:
    """Publish the shares of the story of xAI and Oracle over parameter draws."""
    wanted = cases.split(",")
    if strange := sorted(set(wanted) - {*CASES, PLAIN}):
        raise click.UsageError(f"no case {', '.join(strange)}; known: {', '.join((*CASES, PLAIN))}")
    base: list[Story] = []
    for case, stories in campaign(wanted, range(first, first + draws), out):
        base = stories if case == "base" else base
        against = {"against_base": beside(base, stories)} if base and case not in WEEKS else {}
        json.dump({"case": case, **summary(stories), **against}, sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
