"""What a mechanism makes of a book, as JSON fields and as text; and all mechanisms on one book."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from market.report.console import Column, columns, table, wrapped

if TYPE_CHECKING:
    from market.clearing import Book, Clearing

SHOWN = 20  # rows of a table for a person; --json holds all
COLUMNS = [
    Column("mechanism", is_text=True), Column("allotted"), Column("unserved"), Column("surplus M USD"),
    Column("paid M USD", keep=5), Column("price", keep=6), Column("last bid", keep=4), Column("regret", keep=3),
    Column("gap", keep=2), Column("loses most", is_text=True, keep=7),
]  # fmt: skip


def fields(of: Book, found: Clearing) -> dict[str, Any]:
    """What scripts rely on: mechanism, allotments, prices, surplus (USD), unserved, gap, and the totals."""
    per, total = per_unit(of), found.account
    bids = {bid.id: bid for bid in of.bids}
    allotments = []
    for x in found.cleared.allotments:
        asked = bids[x.bid].alternatives[x.alternative]
        allotments.append({
            "bid": x.bid, "buyer": bids[x.bid].buyer, "alternative": x.alternative, "site": x.site, "chip": x.chip,
            "gpus": x.units, "first_week": asked.first_week, "weeks": asked.weeks, "pays_usd": x.pays_usd,
            "value_usd": asked.value_usd * x.units / asked.units,
        })  # fmt: skip
    prices = [
        {"site": p.site, "chip": p.chip, "region": p.region, "week": p.week, f"price_usd_per_{per}": p.price_usd}
        for p in found.cleared.prices
    ]
    unserved = [{"bid": bid, "buyer": bids[bid].buyer, "gpus": n} for bid, n in total.unserved.items()]
    return {
        "mechanism": found.mechanism, "allotments": allotments, "prices": prices, "surplus": total.surplus_usd,
        "unserved": unserved, "gap": found.cleared.gap, "offered_gpus": total.offered_units,
        "wanted_gpus": total.wanted_units, "allotted_gpus": total.allotted_units, "paid_usd": total.paid_usd,
        "buyers_usd": total.buyers_usd, "sellers_usd": total.sellers_usd,
        f"marginal_bid_usd_per_{per}": total.marginal_usd, f"excluded_bid_usd_per_{per}": total.excluded_usd,
        "regret_usd": total.regret_usd,
    }  # fmt: skip


def per_unit(of: Book) -> str:
    """What a price is per, as names of fields end."""
    return {"GPU-hour": "gpu_hour", "GPU": "gpu", "kW-hour": "kw_hour"}[of.unit]


def told(of: Book, found: Clearing) -> str:
    """Tell a clearing to a person."""
    heads = [Column("bid", is_text=True), Column("buyer", is_text=True, keep=3), Column(_unit(of)), Column("chip"),
             Column("site", is_text=True, keep=5), Column("pays USD", keep=6)]  # fmt: skip
    rows = [(x["bid"], x["buyer"], f"{x['gpus']:,}", x["chip"], x["site"], f"{x['pays_usd']:,.0f}")
            for x in fields(of, found)["allotments"]]  # fmt: skip
    lines = wrapped(" ".join(_sentences(of, found)), columns())
    lines += table(heads, rows[:SHOWN], columns()) if rows else []
    lines += [f"({len(rows) - SHOWN} more; all with --json)"] if len(rows) > SHOWN else []
    return "\n".join(lines) + "\n"


def _unit(of: Book) -> str:
    return "kW" if of.unit == "kW-hour" else "GPUs"


def _sentences(of: Book, found: Clearing) -> Iterator[str]:
    total = found.account
    yield f"{found.mechanism}: of {total.wanted_units:,} {_unit(of)} asked for {total.allotted_units:,} are allotted;"
    gap = "" if found.cleared.gap is None else f", at most {found.cleared.gap:.1%} below the greatest"
    yield f"{total.offered_units:,} were offered. Surplus {total.surplus_usd / 1e6:,.2f} M USD{gap}."
    if total.marginal_usd is not None:
        left = "" if total.excluded_usd is None else f", the best left out {total.excluded_usd:,.2f}"
        yield f"The last bid served is worth {total.marginal_usd:,.2f} USD a {of.unit}{left}."
    yield f"Bids left out would gain {total.regret_usd / 1e6:,.2f} M USD at these prices."


def compared(of: Book, found: list[Clearing]) -> list[dict[str, Any]]:
    """Rows of a comparison: one mechanism each."""
    return [_row(of, one, max(x.account.surplus_usd for x in found)) for one in found]


def _row(of: Book, found: Clearing, most: float) -> dict[str, Any]:
    total = found.account
    bids = {bid.id: bid for bid in of.bids}
    lost: dict[str, int] = {}
    for bid, n in total.unserved.items():
        lost[bids[bid].buyer] = lost.get(bids[bid].buyer, 0) + n
    loser = max(sorted(lost), key=lost.__getitem__, default="")
    got = sum(x.units for x in found.cleared.allotments)
    weighted = sum(x.pays_usd / (of.hours * bids[x.bid].alternatives[x.alternative].weeks)
                   for x in found.cleared.allotments)  # fmt: skip
    return {
        "mechanism": found.mechanism, "allotted_gpus": total.allotted_units,
        "unserved_gpus": sum(total.unserved.values()), "surplus_usd": total.surplus_usd,
        "surplus_share_of_most": total.surplus_usd / most if most > 0 else 1.0, "paid_usd": total.paid_usd,
        f"mean_price_usd_per_{per_unit(of)}": weighted / got if got else None,
        f"marginal_bid_usd_per_{per_unit(of)}": total.marginal_usd, "regret_usd": total.regret_usd,
        "gap": found.cleared.gap, "loses_most": loser, "loses_most_gpus": lost.get(loser, 0),
    }  # fmt: skip


def compared_text(of: Book, rows: list[dict[str, Any]]) -> str:
    """The comparison as a table."""

    def number(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    per, unit = per_unit(of), _unit(of)
    asked, offered = rows[0]["allotted_gpus"] + rows[0]["unserved_gpus"], sum(lot.units for lot in of.lots)
    head = f"{asked:,} {unit} are asked for and {offered:,} offered; allotted and unserved are {unit}."
    cells = [
        (r["mechanism"], f"{r['allotted_gpus']:,}", f"{r['unserved_gpus']:,}", f"{r['surplus_usd'] / 1e6:,.2f}",
         f"{r['paid_usd'] / 1e6:,.2f}", number(r[f"mean_price_usd_per_{per}"], ",.2f"),
         number(r[f"marginal_bid_usd_per_{per}"], ",.2f"), f"{r['regret_usd'] / 1e6:,.2f}", number(r["gap"], ".1%"),
         f"{r['loses_most']} ({r['loses_most_gpus']:,})" if r["loses_most"] else "nobody")
        for r in rows
    ]  # fmt: skip
    return "\n".join([*wrapped(head, columns()), *table(COLUMNS, cells, columns())]) + "\n"
