"""The web of leases as data for a page: who owns, who resells, who uses, at any date of a run."""

from __future__ import annotations

from typing import Any

import polars as pl

from market.analytics.base import events, week_ends
from market.analytics.leases import leases


def lease_web(log: pl.LazyFrame) -> dict[str, Any]:
    """Give the weeks of a run and every lease with the days on which its GPUs changed hands.

    days : last days of the weeks, as a slider steps. leases : one row a lease, in order of signature: id, parent,
    owner, reseller (None where the owner itself is the lessor), user, chip, site, day signed, day ended or None, USD
    per GPU-hour, and `moves` [[day, GPUs]]; GPUs in use on a day are the sum of the moves up to it.
    """
    rows = leases(log).collect()
    parents = dict(rows.select("lease_id", "parent_lease_id").iter_rows())
    lessors = dict(rows.select("lease_id", "lessor").iter_rows())
    moves = _moves(log)
    found = []
    for row in rows.iter_rows(named=True):
        root = row["lease_id"]
        while parents.get(root) is not None:
            root = parents[root]
        owner = lessors[root]
        found.append(
            {
                "id": row["lease_id"], "owner": owner, "reseller": None if owner == row["lessor"] else row["lessor"],
                "user": row["lessee"], "chip": row["chip"], "site": row["site"], "signed": row["signed_day"],
                "ended": row["ended_day"], "price": round(row["price_usd_per_gpu_hour"], 3),
                "moves": moves.get(row["lease_id"], []),
            }
        )  # fmt: skip
    return {"days": week_ends(log).collect()["day"].to_list(), "leases": found}


def _moves(log: pl.LazyFrame) -> dict[str, list[list[int]]]:
    handed = events(log, "GpusHandedOver").select("lease_id", "day", "gpus")
    shed = events(log, "CapacityShed").select("lease_id", "day", -pl.col("gpus"))
    moves: dict[str, list[list[int]]] = {}
    for lease_id, day, gpus in pl.concat([handed, shed]).sort("day", maintain_order=True).collect().iter_rows():
        moves.setdefault(lease_id, []).append([day, gpus])
    return moves
