"""What a forced default of CoreWeave leads to, over seeds: `python -m tests.estates --seeds 20`; runs are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from market.analytics import table
from market.analytics.audit import audit
from market.policies.load import load_policies
from market.rules.policy import policy_hooks
from market.scenario.load import load_scenario
from tests.campaign import Verdict, arguments, outcomes, over_seeds
from tests.worlds import WORLD, simulate

DEFAULTER, DAY, WEEKS = "coreweave", "2025-07-01", 92
HALF_YEAR_DAYS = 182
type Found = Mapping[str, Any]  # figures of one seed


def causes_from(frame: pl.DataFrame, org: str) -> dict[int, tuple[str, ...]]:
    """What follows from the default of an org: of each event the orgs that acted along its causes, it first."""
    (start,) = frame.filter(pl.col("type") == "OrgDefaulted", pl.col("org") == org)["seq"]
    found: dict[int, tuple[str, ...]] = {start: (org,)}
    for seq, cause, actor in frame.select("seq", "cause_seq", "actor").iter_rows():
        if cause in found:
            before = found[cause]
            found[seq] = before if actor in before else (*before, actor)
    return found


def run(seed: int) -> dict[str, Any]:
    """Put the org into default in the default world, and read what came of it from the log."""
    hooks = policy_hooks(load_policies([f"org-default:org={DEFAULTER},from={DAY}"]))
    frame = simulate(load_scenario(WORLD).scenario, seed, WEEKS, hooks).frame

    def of(kind: str, org: str = DEFAULTER) -> pl.DataFrame:
        return frame.filter(pl.col("type") == kind, pl.col("org") == org)

    (opened,) = of("EstateOpened")["day"]
    taken = of("GpusTransferred")
    estates = table("estates", frame.lazy()).collect().filter(pl.col("org") == DEFAULTER)
    closed = of("EstateClosed")
    return {
        "longest_chain": max(map(len, causes_from(frame, DEFAULTER).values())),
        "defaults": frame.filter(pl.col("type") == "OrgDefaulted", pl.col("day") >= opened)["org"].n_unique(),
        "gpus_sold": int(taken["gpus"].sum()),
        "days_to_last_gpu": int((taken["day"].max() or opened) - opened),
        "is_closed": closed.height == 1,
        "closed_cents": int(closed["amount_usd_cents"].sum()),
        "recovered_cents": int(estates["recovered_usd_cents"].sum()),
        "leases": {kind: of(kind).height for kind in ("LeaseAssumed", "LeaseRejected", "LeaseAssigned")},
        "findings": len(audit(frame.lazy())),
    }


def cascades(found: Found) -> Verdict:
    """8 What follows reaches more than two orgs along one chain of causes (orgs)."""
    return Verdict(found["longest_chain"] > 2, found["longest_chain"])


def recoveries_sum(found: Found) -> Verdict:
    """8 Recoveries of all claims sum to the estate, to the cent (billion USD)."""
    return Verdict(
        found["is_closed"] and found["recovered_cents"] == found["closed_cents"], found["closed_cents"] / 1e11
    )


def gpus_are_taken_over(found: Found) -> Verdict:
    """8 Others own all GPUs within two quarters (days)."""
    days = found["days_to_last_gpu"]
    return Verdict(found["gpus_sold"] > 0 and days <= HALF_YEAR_DAYS, days)


def leases_are_dealt_with(found: Found) -> Verdict:
    """8 Leases are assumed, assigned or rejected (leases)."""
    number = sum(found["leases"].values())
    return Verdict(number > 0, number)


def auditor_agrees(found: Found) -> Verdict:
    """8 The auditor finds nothing (findings)."""
    return Verdict(not found["findings"], found["findings"])


LAWS: tuple[Callable[[Found], Verdict], ...] = (
    cascades, recoveries_sum, gpus_are_taken_over, leases_are_dealt_with, auditor_agrees,
)  # fmt: skip


def main() -> int:
    """Run what is missing, print each law over the seeds, and fail when one does not hold in each."""
    asked = arguments("estates", __doc__, 20).parse_args()
    seeds = [runs["default"] for runs in outcomes(asked, {"default": run})]
    for law in LAWS:
        print(f"{over_seeds([law(found) for found in seeds])}  {law.__doc__}")
    defaults = [found["defaults"] for found in seeds]
    print(f"orgs in default from that day on, it among them: {min(defaults)} to {max(defaults)}")
    return int(not all(law(found).holds for law in LAWS for found in seeds))


if __name__ == "__main__":
    sys.exit(main())
