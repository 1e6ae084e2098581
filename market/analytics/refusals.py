"""What was refused or failed, each with its reason."""

from __future__ import annotations

import polars as pl

REFUSED = ("LeaseTalksFailed", "OrderRefused", "SiteRefused", "LoanRefused", "RoundFailed", "TrainingRefused",
           "CommandForbidden")  # fmt: skip


BETTER = "better offer: "


def refusals(log: pl.LazyFrame) -> pl.LazyFrame:
    """Events that say what did not come about; `why` tells talks lost to a better offer from those that just failed.

    Gives
    -----
    type : event type
    why : its reason; for talks that were lost to another offer "better offer: " and the term on which it was better
    """
    lost = (pl.col("type") == "LeaseTalksFailed") & pl.col("option").is_not_null()
    why = pl.when(lost).then(pl.lit(BETTER) + pl.col("reason")).otherwise(pl.col("reason"))
    return log.filter(pl.col("type").is_in(REFUSED)).select("type", why.alias("why"))
