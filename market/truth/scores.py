"""How the last back-test came out, series by series: what reports say of how far to trust the model.

`market/catalogue/observed/backtest.csv` holds one line a series; `market backtest --scores` writes it.

points      figures of the record that were forecast.
inside_80   of those, how many lay inside the 80 % band.
crps        mean continuous ranked probability score; log points for series on a log scale.
above       of the points, how many lay below the forecast's median.
origins     dates that were forecast from. futures: runs from each. code: hash of the code that ran.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from events.manifest import code_hash
from market.catalogue.tables import HERE
from market.runs.files import write_whole
from market.truth.definitions import definition_of

FILE = HERE / "observed" / "backtest.csv"
BAND = 80  # % of later figures that the band is meant to hold


class Score(NamedTuple):
    """One line of the table; the module says what the fields mean."""

    series: str
    points: int
    inside_80: int
    crps: float
    above: int
    origins: int
    futures: int
    code: str
    as_of: str


GROUPS = {
    "prices": ("h100_rental_market", "h100_one_year_contract"),
    "chips sold": ("nvda_dc_revenue", "nvda_h100e_sold_cumulative", "ai_chip_cost_all_designers"),
    "power": ("coreweave_active_power", "colossus1_it", "abilene_it", "new_carlisle_it"),
    "labs' compute and revenue": (
        "openai_h100e", "xai_h100e", "anthropic_h100e", "google_deepmind_h100e", "openai_annualised_revenue",
        "anthropic_annualised_revenue",
    ),
}  # fmt: skip
"""What reports show, by the series of the record that come nearest."""


@cache
def scores() -> tuple[Score, ...]:
    """Read the table; empty where no back-test has been kept."""
    if not FILE.is_file():
        return ()
    with FILE.open(newline="", encoding="utf-8") as handle:
        return tuple(_read(line) for line in csv.DictReader(handle))


def _read(line: dict[str, str]) -> Score:
    definition_of(line["series"])  # a series that nobody defined is refused
    whole = {name: int(line[name]) for name in ("points", "inside_80", "above", "origins", "futures")}
    return Score(series=line["series"], crps=float(line["crps"]), code=line["code"], as_of=line["as_of"], **whole)


def share_inside(found: Iterable[Score]) -> float | None:
    """Share of all points inside the 80 % band; None where there is no point."""
    rows = list(found)
    points = sum(row.points for row in rows)
    return sum(row.inside_80 for row in rows) / points if points else None


def scores_of(found: dict[str, Any], code: str, as_of: str) -> list[Score]:
    """Sum what a back-test found (`market.truth.summary`) by series."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for point in found["series"]:
        groups.setdefault(point["series"], []).append(point)
    return [
        Score(
            series=name, points=len(points), inside_80=sum(p["inside"] for p in points),
            crps=round(sum(p["crps"] for p in points) / len(points), 3),
            above=sum(p["median"] > p["observed"] for p in points),
            origins=len(found["origins"]), futures=found["futures"], code=code, as_of=as_of,
        )
        for name, points in sorted(groups.items())
    ]  # fmt: skip


def write_scores(found: dict[str, Any], out: Path) -> None:
    """Write the table of what a back-test found, with the code of this moment and the date."""
    handle = io.StringIO()
    writer = csv.writer(handle, lineterminator="\n")
    writer.writerow(Score._fields)
    writer.writerows(scores_of(found, code_hash()[:16], datetime.now(UTC).date().isoformat()))
    write_whole(out, handle.getvalue())
