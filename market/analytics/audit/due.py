"""What is due: purchases, rounds, levies and rents are paid to the cent, in the week or month they belong to."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import MONTH_WEEKS, WHEN, Book, Check, Finding, found, stacked
from market.analytics.audit.fleet import handed_lately
from market.analytics.audit.leases import papers

MONTH_HOURS = MONTH_WEEKS * 7 * 24


def as_due(book: Book) -> list[Finding]:
    """Purchases, hourly rents, rounds and loans cost what was agreed, to the cent."""
    sold = book.part("ChipsAllocated").filter(pl.col("day") > book.start_day)
    price = pl.col("gpus") * pl.col("price_usd_per_gpu") * 100
    hours = pl.col("gpus") * pl.col("price_usd_per_gpu_hour") * MONTH_HOURS * 100
    deals = {"equity": book.part("RoundClosed"), "loan": book.part("LoanGranted")}
    due = stacked(
        sold.select(*WHEN, kind=pl.lit("chips"), contract_id="order_id", payee="supplier", due=price.round()),
        book.part("OnDemandRented").select(
            *WHEN, kind=pl.lit("on demand"), contract_id="site", payee="lessor", due=hours.round()
        ),
        *(
            deal.select(*WHEN, kind=pl.lit(kind), contract_id="deal_id", payee="org", due="amount_usd_cents")
            for kind, deal in deals.items()
        ),
    )
    paid = book.part("PaymentMade").filter(pl.col("kind").is_in(["chips", "on demand", *deals]))
    paid = paid.select(*WHEN, "kind", "contract_id", payee="counterparty", paid="amount_usd_cents")
    return _unequal(book, stacked(due, paid), ["kind", "contract_id", "payee"], "{} under {} to {}")


def levies(book: Book) -> list[Finding]:
    """Every levy and subsidy that is paid was charged or granted, and every one granted is paid, in the same week."""
    wrong: list[Finding] = []
    for kind, said, side in (("levy", "LevyCharged", "org"), ("subsidy", "SubsidyPaid", "counterparty")):
        due = book.part(said).select(*WHEN, "org", "contract_id", due="amount_usd_cents")
        paid = book.part("PaymentMade").filter(pl.col("kind") == kind)
        paid = paid.select(*WHEN, pl.col(side).alias("org"), "contract_id", paid="amount_usd_cents")
        wrong += _unequal(book, stacked(due, paid), ["org", "contract_id"], kind + " of {} under {}")
    return wrong


def _unequal(book: Book, legs: pl.DataFrame, keys: list[str], text: str) -> list[Finding]:
    """Weeks and keys in which more or less was paid than was due, beyond a cent a part for rounding."""
    sums = (
        legs.filter(pl.col("closing") < book.weeks)
        .sort("seq")
        .group_by(*keys, "closing", maintain_order=True)
        .agg(pl.col("due", "paid").sum(), pl.col("seq", "day").last(), parts=pl.col("due").is_not_null().sum())
    )
    wrong = sums.filter((pl.col("due") - pl.col("paid")).abs() > pl.col("parts"))
    return found(wrong, "payments", text + ": {} cents due, {} paid", *keys, "due", "paid")


def rent(book: Book) -> list[Finding]:
    """Rent is paid once a month, for the days that GPUs were held since the last time, times the price."""
    names = ("lease_id", "lessor", "lessee", "take_or_pay_share")
    leases = book.of("LeaseSigned", only=names).select(*names, since="seq")
    repriced = book.part("RentStepped", "LeaseRenewed").select(*WHEN, "lease_id", gpus=pl.lit(0.0))
    months = book.part("WeekClosed").filter(pl.col("closing") % MONTH_WEEKS == MONTH_WEEKS - 1)
    totals = _rent_due(book, leases, repriced)
    month = pl.col("closing") // MONTH_WEEKS
    grid = leases.join(months.select(*WHEN, month=month), how="cross")
    grid = grid.filter(pl.col("since") < pl.col("seq")).sort("seq")
    grid = grid.join_asof(totals, on="seq", by="lease_id", strategy="backward", check_sortedness=False)
    days = pl.col("rate") * (pl.col("day") + 1 - book.start_day) - pl.col("before")
    grid = grid.select(*WHEN, "lease_id", "lessor", "lessee", "month", days=days.fill_null(0.0))
    grid = book.standing("rent", grid, "lease_id").with_columns(
        days=pl.col("days") - pl.col("days").shift(1, fill_value=0.0).over("lease_id")
    )
    paid = book.part("PaymentMade").filter(pl.col("kind") == "rent")
    sums = paid.group_by(pl.col("contract_id").alias("lease_id"), month=month).agg(
        paid=pl.col("amount_usd_cents").sum(), times=pl.len()
    )
    steps = repriced.group_by("lease_id", month=month).agg(steps=pl.len())
    grid = book.lately(grid).join(sums, on=["lease_id", "month"], how="left").with_columns(pl.col("paid").fill_null(0))
    grid = _without_claimed(book, grid).join(steps, on=["lease_id", "month"], how="left")
    cents = pl.col("days") * 24 * 100
    least = 0.5 * (1 + pl.col("steps").fill_null(0))
    wrong = grid.with_columns(cents=cents).filter(
        (pl.col("paid") - pl.col("cents")).abs() > least + 1e-9 * pl.col("cents").abs()
    )
    stray = paid.filter(pl.col("closing") % MONTH_WEEKS != MONTH_WEEKS - 1)
    return [
        *found(wrong, "rent", "{}: {} cents paid, {} are due", "lease_id", "paid", "cents"),
        *found(grid.filter(pl.col("times") > 1), "rent", "{} is paid {} times in a month", "lease_id", "times"),
        *found(stray, "rent", "{} pays between months", "contract_id"),
    ]


def _rent_due(book: Book, leases: pl.DataFrame, repriced: pl.DataFrame) -> pl.DataFrame:
    """What each lease costs behind each event that changes it: `rate`, USD an hour, and `before`.

    By a day `rate` x days of the run - `before` was due in all.
    """
    moves = _paid_for(book, leases).with_columns(is_over=pl.col("type") == "LeaseEnded")
    paths = book.lately(book.running("GPUs under rent", stacked(moves, repriced), "lease_id", "gpus")).sort("seq")
    paths = paths.join_asof(book.once(papers), on="seq", by="lease_id", check_sortedness=False)
    rate = pl.when(pl.col("is_over")).then(0.0).otherwise(
        pl.col("gpus") * pl.col("price") * (1 - pl.col("prepaid"))
    )  # fmt: skip
    paths = book.standing("rates", paths.select(*WHEN, "lease_id", rate=rate), "lease_id")
    step = pl.col("rate") - pl.col("rate").shift(1, fill_value=0.0).over("lease_id")
    changes = book.lately(paths.with_columns(rate=step, before=step * (pl.col("day") - book.start_day)))
    return book.running("rent due", changes, "lease_id", "rate", "before", whole=True).sort("seq")


def _without_claimed(book: Book, grid: pl.DataFrame) -> pl.DataFrame:
    """Leave out the month in which a lease was rejected by its lessee, who owes its rent as a claim."""
    rejected = book.of("LeaseRejected").join(
        book.of("LeaseSigned").select("lease_id", "lessee"), on="lease_id", how="inner", suffix="_of"
    )
    rejected = rejected.filter(pl.col("org") == pl.col("lessee_of"))
    claimed = rejected.select("lease_id", month=pl.col("closing") // MONTH_WEEKS)
    return grid.join(claimed, on=["lease_id", "month"], how="anti", maintain_order="left")


def _paid_for(book: Book, leases: pl.DataFrame) -> pl.DataFrame:
    """Changes of the GPUs that rent is paid for: those handed over, and of those shed the take-or-pay share."""
    moves = handed_lately(book).select(*WHEN, "type", "lease_id", gpus=pl.col("gpus").cast(pl.Float64))
    moves = moves.join(leases.select("lease_id", "take_or_pay_share"), on="lease_id", how="left", maintain_order="left")
    is_shed = pl.col("type") == "CapacityShed"
    kept = pl.col("gpus") * pl.when(is_shed).then(1 - pl.col("take_or_pay_share")).otherwise(1.0)
    return moves.select(*WHEN, "type", "lease_id", gpus=kept)


BY_PART: tuple[Check, ...] = (as_due, levies, rent)
