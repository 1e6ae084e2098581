"""The data dictionary of the tables: every column with its unit and meaning.

Columns that the event log has too keep its meaning; `DERIVED` says what the others are. A column that is in neither
fails a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from events.vocabulary import DAY, ENVELOPE, VOCABULARY
from market.analytics import TABLES

DERIVED: dict[str, tuple[str, str]] = {
    "account": ("", "org, or `world/...` for those outside: customers, staff, utilities"),
    "amount_usd": ("USD", "worth over the term, price of the chips, equity or loan"),
    "appraised_usd_cents": ("USD cents", "worth of the estate when it was opened"),
    "announced_kw": ("kW", "nameplate of the site's plan, at least what is under contract there"),
    "balance_usd_cents": ("USD cents", "received less paid since the start"),
    "backlog_gpus": ("", "GPUs of leases and undrawn tranches whose term has not begun"),
    "backlog_usd": ("USD", "rent of terms that have not begun"),
    "contracted_kw": ("kW", "energised, and buildings whose work has begun"),
    "cash_usd_cents": ("USD cents", "recovered in cash"),
    "claimed_usd_cents": ("USD cents", "claims of the rank together"),
    "claims": ("", "claims filed"),
    "h100_on_demand_usd_per_hour": ("USD/GPU-hour", "posted price of an H100 by the hour"),
    "h100_usd_per_hour": ("USD/GPU-hour", "index of contracts of a year as the rent of an H100"),
    "equity_usd_cents": ("USD cents", "recovered as equity of what goes on"),
    "loan_usd_cents": ("USD cents", "recovered as a loan to what goes on"),
    "opened_day": (DAY, "day of the default"),
    "plan_kind": ("", "what the estate is run for: restructuring or liquidation"),
    "recovered_usd_cents": ("USD cents", "recovered of them in all forms"),
    "contracts": ("", "leases and contracts signed"),
    "decision_seq": ("", "seq of the option that was taken instead; of an option taken its own"),
    "end_reason": ("", "why the lease ended; null while it runs"),
    "ended_day": (DAY, "day on which it ended; null while it goes on"),
    "energised_kw": ("kW", "IT power that may be used"),
    "held_by": ("", "scarcest input of a maker; or what held a builder's budget down"),
    "high_usd_per_h100e_hour": ("USD/H100e-hour", "price that a tenth of them exceed"),
    "lessors": ("", "different lessors among them"),
    "market": ("", "market that was cleared: chips, or on_demand"),
    "last_day": (DAY, "first day after the term of a lease, with the renewal that its lessee took"),
    "low_usd_per_h100e_hour": ("USD/H100e-hour", "price that a tenth of them stay below"),
    "median_usd_per_h100e_hour": ("USD/H100e-hour", "median of the prices signed"),
    "month": ("", "months of 28 days since the start, from 0"),
    "side": ("", "maker, works of a builder, or a builder's budget (builder)"),
    "term_years": ("years", "length of their terms, rounded"),
    "gpus_added": ("", "GPUs added by an option to expand, less what the lessee gave back before the end"),
    "gpus_delivered": ("", "GPUs handed over and not taken back"),
    "gpus_drawn": ("", "GPUs of the contract that leases have taken"),
    "gpus_held": ("", "GPUs that the org can use: owned and leased in, less leased out"),
    "gpus_leased_in": ("", "GPUs handed over to the org under leases"),
    "gpus_leased_out": ("", "GPUs handed over by the org under leases"),
    "gpus_owned": ("", "installed GPUs that the org owns"),
    "hhi": ("points", "sum of squared percentage shares, 0 to 10,000"),
    "id": ("", "id of the lease, order or deal"),
    "installed_kw": ("kW", "IT power of the GPUs that run there"),
    "is_chosen": ("", "whether the option was taken"),
    "largest": ("", "org that can use most compute"),
    "outcome": ("", "of a run: running, trained or abandoned; of an estate: restructured, liquidated or unsold"),
    "owner": ("", "org that owns the site"),
    "paid_usd_cents": ("USD cents", "all that went out since the start"),
    "planned_days": ("days", "length promised at the start of the run"),
    "planned_kw": ("kW", "nameplate as last announced"),
    "received_usd_cents": ("USD cents", "all that came in since the start"),
    "released_day": (DAY, "day of the model's release; null before it"),
    "remaining_usd": ("USD", "rent still to come under leases and undrawn tranches, take-or-pay assumed"),
    "replans": ("", "how often the run was planned again"),
    "score": ("", "sum of the option's terms"),
    "share_of_first": ("", "share of the largest holder"),
    "share_of_ten": ("", "share of the ten largest holders"),
    "share_of_three": ("", "share of the three largest holders"),
    "signed_day": (DAY, "day of the signature"),
    "signed_gpus": ("", "GPUs of the leases and contracts signed in the week"),
    "signed_seq": ("", "seq of the event that signed it"),
    "signed_usd_per_h100e_hour": ("USD/H100e-hour", "mean price of the leases and contracts signed in the week"),
    "source": ("", "org that leases out, sells, invests or lends"),
    "started_day": (DAY, "day on which the run began"),
    "started_seq": ("", "seq of the event that began it"),
    "target": ("", "org that rents, buys, is invested in or borrows"),
    "unserved_gpus": ("", "wanted in a clearing and not allotted"),
    "worth_usd": ("USD", "GPUs x price x hours of the term"),
}


class Column(NamedTuple):
    """One column of one table."""

    table: str
    column: str
    type: str
    unit: str
    meaning: str


def columns_of(name: str, frame: pl.LazyFrame) -> Iterator[Column]:
    """Describe the columns of one table in order.

    Raises KeyError for a column that is neither in the log nor in `DERIVED`.
    """
    for column, dtype in frame.collect_schema().items():
        if column in DERIVED:
            unit, meaning = DERIVED[column]
        else:
            field = ENVELOPE.get(column) or VOCABULARY[column]
            unit, meaning = field.unit, field.meaning
        yield Column(name, column, str(dtype), unit, meaning)


def dictionary(log: pl.LazyFrame) -> pl.DataFrame:
    """Describe every column of every table: `table`, `column`, `type`, `unit`, `meaning`."""
    rows = [column for name, make in TABLES.items() for column in columns_of(name, make(log))]
    return pl.DataFrame(rows, schema=list(Column._fields), orient="row")
