"""Compare all mechanisms on books of the default world: `python docs/mechanisms_compared.py` in the project's folder.

Writes docs/mechanisms-compared.md and its picture. The run is `market run --years 0.7`, the books are those of
`market clear RUN --market M --week N -m all`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

HERE = Path(__file__).parent
BOOKS = {"chips": 30, "leases": 18, "on_demand": 23, "shells": 30}
TITLES = {
    "chips": "Chips in stock, and the orders that wait for them",
    "leases": "What clouds have free, and the requests for leases that are open",
    "on_demand": "What is open by the hour, and the demand of the tail",
    "shells": "Powered shells that stand empty, and chips that wait for power: kW in place of GPUs",
}
HEAD = """# Mechanisms compared

The same book, cleared by every mechanism ([mechanisms](mechanisms.md)). The books are those of four markets of the
default scenario, seed 0, each in one week: an example, and no evidence of what a mechanism does in general.

Surplus is what is allotted is worth to the bids that get it, less the least that sellers take. Rules of sharing out pay
sellers that least; the auction and the exchange pay what scarcity makes of it. Rules by region and chip take one chip
and one region of each bid; the exchange spreads it. GPUs count those of the alternative that a bid took, or else its
largest, so that what is unserved differs with the chips. Regret is what bids left out altogether would gain at the
prices; a price is the mean paid. `python docs/mechanisms_compared.py` made this page.
"""
COLUMNS = (
    "| mechanism | allotted GPUs | unserved GPUs | surplus, M USD | of the most | price, USD | last bid, USD "
    "| regret, M USD | gap | who loses most (GPUs) |"
)


def main() -> None:
    """Simulate, clear every book by every mechanism, write the page and the picture."""
    from click.testing import CliRunner

    import cli
    from market.clearing import clear, names
    from market.report.clearing import compared
    from market.runs.books import book_of
    from market.runs.reading import open_run

    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        made = CliRunner().invoke(cli.main, ["run", "--years", "0.7", "--out", str(run), "--quiet"])
        assert made.exit_code == 0, made.output
        parts = [HEAD]
        for market, week in BOOKS.items():
            of = book_of(open_run(run), market, week)
            found = [clear(name, of) for name in names()]
            parts.append(section(market, week, len(of.bids), of.unit, compared(of, found)))
            if market == "chips":
                draw([row for one in found for row in served(of, one)])
                parts.append(PICTURE)
    (HERE / "mechanisms-compared.md").write_text("\n".join(parts), encoding="utf-8")


PICTURE = """![Part of each buyer's order that is met, by mechanism](images/mechanisms.svg)

*Part of what each buyer waits for that it gets. Buyers of ten thousand GPUs and more.*
"""


def section(market: str, week: int, bids: int, unit: str, rows: list[dict[str, Any]]) -> str:
    """One book as a table."""
    per = {"GPU": "gpu", "GPU-hour": "gpu_hour", "kW-hour": "kw_hour"}[unit]
    lines = [f"## {TITLES[market]}", "", f"`{market}`, week {week}: {bids:,} bids; prices a {unit}.", "", COLUMNS]
    lines.append("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    for row in rows:
        cells = [
            f"`{row['mechanism']}`", f"{row['allotted_gpus']:,}", f"{row['unserved_gpus']:,}",
            f"{row['surplus_usd'] / 1e6:,.1f}", f"{row['surplus_share_of_most']:.0%}",
            number(row[f"mean_price_usd_per_{per}"], ",.2f"), number(row[f"marginal_bid_usd_per_{per}"], ",.2f"),
            f"{row['regret_usd'] / 1e6:,.1f}", number(row["gap"], ".1%"),
            f"{row['loses_most']} ({row['loses_most_gpus']:,})" if row["loses_most"] else "nobody",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def number(value: float | None, form: str) -> str:
    """Write a number that there may be none of."""
    return "" if value is None else format(value, form)


def served(of: Any, found: Any) -> list[dict[str, Any]]:
    """Part of what each large buyer waits for that a mechanism gives it."""
    wanted: dict[str, int] = {}
    got: dict[str, int] = {}
    buyers = {bid.id: bid.buyer for bid in of.bids}
    for bid in of.bids:
        wanted[bid.buyer] = wanted.get(bid.buyer, 0) + bid.alternatives[0].units
    for x in found.cleared.allotments:
        got[buyers[x.bid]] = got.get(buyers[x.bid], 0) + x.units
    large = [buyer for buyer, gpus in wanted.items() if gpus >= 10_000]
    return [{"mechanism": found.mechanism, "buyer": b, "met": got.get(b, 0) / wanted[b]} for b in sorted(large)]


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw the parts as a heat map."""
    import altair as alt
    import polars as pl

    order = list(dict.fromkeys(row["mechanism"] for row in rows))
    base = alt.Chart(pl.DataFrame(rows)).encode(
        x=alt.X("mechanism:N", sort=order, title=None, axis=alt.Axis(labelAngle=-30)), y=alt.Y("buyer:N", title=None)
    )
    cells = base.mark_rect().encode(color=alt.Color("met:Q", title="part met", scale=alt.Scale(scheme="blues")))
    is_dark = "datum.met > 0.25"
    text = base.mark_text(fontSize=10).encode(
        text=alt.Text("met:Q", format=".0%"), color=alt.condition(is_dark, alt.value("white"), alt.value("black"))
    )
    chart = (cells + text).properties(width=460, height=320, background="white")
    chart.save(str(HERE / "images" / "mechanisms.svg"))


if __name__ == "__main__":
    main()
