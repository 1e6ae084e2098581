"""Books of a market as JSON (docs/mechanisms.md): read with every fault at its line, and written.

Units are named by the reserve that lots state: `reserve_usd_per_gpu_hour` (GPUs let), `reserve_usd_per_gpu` (sold), or
`reserve_usd_per_kw_hour` (powered shells let: `gpus` then counts kW).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from market.catalogue.tables import Row, table
from market.clearing import Alternative, Bid, Book, Lot, book
from market.clearing.book import UNLIMITED, Unit
from market.scenario.draw import Key
from market.scenario.errors import Problem, ScenarioError, refuse, shorten
from market.scenario.schema import Share, Strict
from market.scenario.validate import parse
from market.scenario.yaml_tree import Tree, read_file

LOTS_MAX, BIDS_MAX = 100_000, 5_000
RESERVES: dict[str, Unit] = {
    "reserve_usd_per_gpu_hour": "GPU-hour", "reserve_usd_per_gpu": "GPU", "reserve_usd_per_kw_hour": "kW-hour",
}  # fmt: skip
Name = Annotated[str, Field(min_length=1, max_length=200)]
Units = Annotated[int, Field(ge=0, le=1_000_000_000)]
Some = Annotated[int, Field(ge=1, le=1_000_000_000)]
Week = Annotated[int, Field(ge=0, le=5_000)]
Money = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Kilowatts = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


Draw = Annotated[float, Field(ge=0, le=1e3, allow_inf_nan=False)]


class LotRow(Strict):
    """A line of `supply`."""

    site: Name
    chip: Name
    region: Name = "anywhere"
    week: Week = 0
    gpus: Units
    power_kw: Kilowatts | None = None
    reserve_usd_per_gpu_hour: Money | None = None
    reserve_usd_per_gpu: Money | None = None
    reserve_usd_per_kw_hour: Money | None = None

    @property
    def reserves(self) -> list[str]:
        """Which reserves are stated."""
        return [name for name in RESERVES if getattr(self, name) is not None]


class AlternativeRow(Strict):
    """One of a bid's `alternatives`."""

    gpus: Some
    value_usd: Money
    chips: tuple[Name, ...] = ()
    sites: tuple[Name, ...] = ()
    regions: tuple[Name, ...] = ()
    first_week: Week = 0
    weeks: Annotated[int, Field(ge=1, le=5_000)] = 1
    contiguous: bool = False
    share_min: Share = 1.0


class BidRow(Strict):
    """A line of `bids`."""

    id: Name
    buyer: Name = "?"
    alternatives: Annotated[list[AlternativeRow], Field(min_length=1, max_length=100)]
    weight: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    prepaid_share: Share = 0.0
    powered_share: Share = 1.0


class BookFile(Strict):
    """A book as a file says it."""

    supply: Annotated[list[LotRow], Field(max_length=LOTS_MAX)]
    bids: Annotated[list[BidRow], Field(max_length=BIDS_MAX)]
    kw_per_gpu: dict[Name, Draw] = Field(default_factory=dict)


class _Places:
    """Where each value of a book stands."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.top = tree, f"{tree.name}:1:1"

    def place(self, path: Key, *, key: bool = False) -> str:
        """File, line and column."""
        return self.tree.where(path, key=key)

    def later(self, path: Key) -> Row | None:
        """Nothing fills a book but its file."""
        return None


def read_book(path: Path) -> Book:
    """Read a book from JSON or YAML. Raises ScenarioError with file, line and column of what is wrong."""
    places = _Places(read_file(path))
    said = parse(BookFile, places.tree.value, places)
    if problems := list(_problems(said, places)):
        raise ScenarioError(problems)
    names = [lot.reserves[0] for lot in said.supply] or ["reserve_usd_per_gpu_hour"]
    lots = [_lot(row, name) for row, name in zip(said.supply, names, strict=bool(said.supply))]
    bids = [_bid(row) for row in said.bids]
    return book(lots, bids, RESERVES[names[0]], _power() | said.kw_per_gpu)


def _power() -> dict[str, float]:
    """IT power of a GPU of each chip of the catalogue, kW."""
    return {row.id: float(row.value) for row in table("roadmap") if row.field == "power_kw_it_per_gpu"}


def _lot(row: LotRow, reserve: str) -> Lot:
    power = UNLIMITED if row.power_kw is None else row.power_kw
    return Lot(row.site, row.chip, row.region, row.week, row.gpus, getattr(row, reserve), power)


def _bid(row: BidRow) -> Bid:
    alternatives = tuple(
        Alternative(
            a.gpus, a.value_usd, tuple(sorted(a.chips)), tuple(sorted(a.sites)), tuple(sorted(a.regions)),
            a.first_week, a.weeks, a.contiguous, a.share_min,
        )
        for a in row.alternatives
    )  # fmt: skip
    return Bid(row.id, row.buyer, alternatives, row.weight, row.prepaid_share, row.powered_share)


def _problems(said: BookFile, places: _Places) -> Iterator[Problem]:
    """What no single field can tell."""
    seen: dict[object, int] = {}
    first = said.supply[0].reserves if said.supply else []
    regions: dict[str, str] = {}
    for i, lot in enumerate(said.supply):
        where = places.place(("supply", i))
        if len(lot.reserves) != 1 or lot.reserves != first:
            text = (
                f"states {' and '.join(lot.reserves) or 'no reserve'}; give one of {', '.join(RESERVES)}, all the same"
            )
            yield Problem(where, f"supply.{i}", text)
        if (other := seen.setdefault((lot.site, lot.chip, lot.week), i)) != i:
            text = f"{lot.chip} at {lot.site} in week {lot.week} stands already in supply.{other}; add them up"
            yield Problem(where, f"supply.{i}", text)
        if regions.setdefault(lot.site, lot.region) != lot.region:
            at = places.place(("supply", i, "region"))
            text = f"{lot.site} lies in {shorten(regions[lot.site])}, was {shorten(lot.region)}"
            yield Problem(at, f"supply.{i}.region", text)
    for i, bid in enumerate(said.bids):
        if (other := seen.setdefault(bid.id, i)) != i:
            at = places.place(("bids", i, "id"))
            yield Problem(at, f"bids.{i}.id", f"{shorten(bid.id)} stands already in bids.{other}; rename one")


def write_book(of: Book) -> dict[str, Any]:
    """Say a book as its file does."""
    reserve = next(name for name, unit in RESERVES.items() if unit == of.unit)
    supply = [
        {"site": x.site, "chip": x.chip, "region": x.region, "week": x.week, "gpus": x.units}
        | ({} if x.power_kw == UNLIMITED else {"power_kw": x.power_kw})
        | {reserve: x.reserve_usd}
        for x in of.lots
    ]
    chips = {lot.chip for lot in of.lots}
    kw = {chip: of.kw_per_unit.get(chip, 0.0) for chip in sorted(chips)}
    return {"supply": supply, "bids": [_said(bid) for bid in of.bids], "kw_per_gpu": kw}


def _said(bid: Bid) -> dict[str, Any]:
    alternatives = [
        {"gpus": a.units, "value_usd": a.value_usd}
        | _named(chips=a.chips, sites=a.sites, regions=a.regions)
        | {"first_week": a.first_week, "weeks": a.weeks, "contiguous": a.contiguous, "share_min": a.share_min}
        for a in bid.alternatives
    ]
    return {
        "id": bid.id, "buyer": bid.buyer, **({} if bid.weight is None else {"weight": bid.weight}),
        "prepaid_share": bid.prepaid_share, "powered_share": bid.powered_share, "alternatives": alternatives,
    }  # fmt: skip


def _named(**words: Iterable[str]) -> dict[str, list[str]]:
    return {name: list(found) for name, found in words.items() if found}


def mechanism_for(name: str, at: str) -> str:
    """Check the name of a mechanism that is installed. Raises ScenarioError at the place that states it."""
    from market.clearing import names
    from market.scenario.errors import did_you_mean

    known = names()
    if name not in known:
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        raise refuse(at, f"no mechanism {shorten(name)} is installed{hint}")
    return name
