"""Training runs from start to model."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only

KINDS = ("TrainingStarted", "TrainingReplanned", "TrainingFinished", "TrainingAbandoned", "ModelReleased")


def training(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row a training run: cluster, size, plan, dates, how often it was planned again, its end, its release.

    planned_days : as promised at the start. ended_day : null while it trains. outcome : running, trained, abandoned.
    """
    log = only(log, *KINDS)
    begun = events(log, "TrainingStarted").drop("actor").rename({"seq": "started_seq", "day": "started_day"})
    again = events(log, "TrainingReplanned").group_by("run_id").agg(pl.len().alias("replans"))
    trained = events(log, "TrainingFinished").select("run_id", pl.col("day").alias("trained_day"), "duration_days")
    lost = events(log, "TrainingAbandoned").select("run_id", pl.col("day").alias("abandoned_day"), "reason")
    released = events(log, "ModelReleased").sort("start_day", "seq")
    released = released.select("org", "model", pl.col("start_day").alias("released_day"), "capability")
    outcome = (
        pl.when(pl.col("trained_day").is_not_null())
        .then(pl.lit("trained"))
        .when(pl.col("abandoned_day").is_not_null())
        .then(pl.lit("abandoned"))
        .otherwise(pl.lit("running"))
    )
    return (
        begun.join(again, on="run_id", how="left")
        .join(trained, on="run_id", how="left")
        .join(lost, on="run_id", how="left")
        .sort("trained_day")
        .join_asof(
            released,
            left_on="trained_day",
            right_on="released_day",
            by=["org", "model"],
            strategy="forward",
            check_sortedness=False,
        )
        .with_columns(
            pl.col("replans").fill_null(0),
            (pl.col("due_day") - pl.col("start_day")).alias("planned_days"),
            pl.coalesce("trained_day", "abandoned_day").alias("ended_day"),
            outcome.alias("outcome"),
        )
        .drop("trained_day", "abandoned_day")
        .sort("started_seq")
    )
