"""Hashes of what is built for the start dates that the project promises, so that anybody can rebuild and compare."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date

from market.catalogue.known import Knowledge
from market.catalogue.tables import HERE
from market.catalogue.vintages.entries import built_entries

_ENDS = ((3, 31), (6, 30), (9, 30), (12, 31))
_QUARTERS = [date(year, month, day) for year in (2023, 2024, 2025) for month, day in _ENDS]
STARTS = sorted({
    *(day for day in _QUARTERS if day >= date(2023, 6, 30)), date(2024, 4, 1), date(2024, 7, 15), date(2025, 10, 11),
})  # fmt: skip
"""Quarters' ends, and the days of the library's scenarios."""
BUILT = ("fleets", "sites", "leases", "orders", "models", "runs")


def hash_of(start: date, is_strict: bool) -> str:
    """Hash the values of all sections that the program builds."""
    built = built_entries(Knowledge(start, is_strict))
    values = {
        section: {id_: {field: row.value for field, row in fields.items()} for id_, fields in built[section].items()}
        for section in BUILT
    }
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def committed() -> dict[tuple[date, bool], str]:
    """Hashes as committed: {(start, is_strict): sha256}."""
    with (HERE / "observed" / "vintages" / "hashes.csv").open(newline="", encoding="utf-8") as handle:
        return {
            (date.fromisoformat(row["start"]), row["vintage"] == "strict"): row["sha256"]
            for row in csv.DictReader(handle)
        }
