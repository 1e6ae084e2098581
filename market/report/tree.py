"""Chains of leases as a tree: what an org leases, from whom, down to the owner of the GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from market.analytics.leases import leases
from market.runs.reading import Run, Usage, unknown
from market.runs.summary import iso
from market.units import to_date


def tree(run: Run, org: str) -> list[dict[str, Any]]:
    """Give the leases of an org as lessee that are in force at the end of a run, largest first, each with its chain.

    Each row: lease_id, lessor, chip, site, gpus, gpus_delivered, start, end, price_usd_per_gpu_hour, and `under`, the
    same of the lease that it passes on, or None where the lessor owns the GPUs. Raises Usage for an unknown org.
    """
    known = run.events("OrgRegistered").select("org").collect()["org"].to_list()
    if org not in known:
        raise Usage(unknown("org", org, known))
    by_id = {row["lease_id"]: row for row in leases(run.log).collect().iter_rows(named=True)}
    mine = [row for row in by_id.values() if row["lessee"] == org and row["ended_day"] is None]
    mine.sort(key=lambda row: (-row["gpus"], row["lease_id"]))
    return [_node(row, by_id) for row in mine]


def _node(row: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parent = by_id.get(row["parent_lease_id"]) if row["parent_lease_id"] else None
    same = ("lease_id", "lessor", "chip", "site", "gpus", "gpus_delivered", "price_usd_per_gpu_hour")
    node = {name: row[name] for name in same} | {"start": iso(row["start_day"]), "end": iso(row["end_day"])}
    node["gpus"] += row["gpus_added"]
    return node | {"under": _node(parent, by_id) if parent else None}


def tree_lines(org: str, nodes: list[dict[str, Any]]) -> Iterator[str]:
    """Say the tree in lines, each chain indented under the lease that it serves."""
    total = sum(node["gpus_delivered"] for node in nodes)
    yield f"{org} leases in {total:,} GPUs under {len(nodes)} leases" if nodes else f"{org} leases in no GPUs"
    for node in nodes:
        depth, at = 1, node
        while at is not None:
            yield (
                f"{'  ' * depth}{'from' if depth == 1 else 'who has them from'} {at['lessor']}: "
                f"{at['gpus_delivered']:,} of {at['gpus']:,} {at['chip']} at {at['site']}, "
                f"{at['start']} to {at['end']}, {at['price_usd_per_gpu_hour']:.2f} USD a GPU-hour ({at['lease_id']})"
            )
            depth, at = depth + 1, at["under"]


def last_day(run: Run) -> date:
    """Day of the last event of a run."""
    return to_date(run.log.select(pl.col("day").max()).collect().item())


def lease_table(run: Run) -> pl.DataFrame:
    """Leases in force at the end of a run, by worth."""
    columns = ("lease_id", "lessor", "lessee", "chip", "site", "gpus", "gpus_added", "gpus_delivered", "start_day",
               "end_day", "price_usd_per_gpu_hour", "worth_usd")  # fmt: skip
    found = (
        leases(run.log).filter(pl.col("ended_day").is_null()).sort(["worth_usd", "lease_id"], descending=[True, False])
    )
    return found.select(columns).collect()
