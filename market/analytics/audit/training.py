"""What labs do with their compute: runs that begin, go on and end once, within what the lab can use."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, stacked
from market.analytics.audit.fleet import holdings

H100_FLOP_PER_DAY = 989.4e12 * 86_400  # dense BF16, NVIDIA H100 data sheet: what an H100 equivalent is
SLACK = 0.02  # days are whole


def runs(book: Book) -> list[Finding]:
    """A run begins once, ends at most once by its due day, and nothing happens to it before or after."""
    begun, ends = book.of("TrainingStarted"), book.of("TrainingFinished", "TrainingAbandoned")
    over = ends.group_by("run_id").agg(ended=pl.col("seq").min(), times=pl.len())
    known = begun.select("run_id", of="org", since="seq").join(over, on="run_id", how="left", maintain_order="left")
    steps = book.of("TrainingReplanned", "TrainingFinished", "TrainingAbandoned")
    steps = steps.join(known.unique("run_id", keep="first"), on="run_id", how="left", maintain_order="left")
    stray = steps.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("org") != pl.col("of"))
        | (pl.col("ended").fill_null(NEVER) < pl.col("seq"))
    )  # fmt: skip
    plans = book.of("TrainingStarted", "TrainingReplanned").with_columns(
        next=pl.col("seq").shift(-1).over("run_id").fill_null(NEVER)
    )
    plans = plans.join(over, on="run_id", how="left", maintain_order="left")
    behind = book.closed_by(plans, "due_day").filter(
        pl.min_horizontal(pl.col("next"), pl.col("ended").fill_null(NEVER)) > pl.col("latest")
    )
    return [
        *found(stray, "runs", "{} of {}, which is not under way", "type", "run_id"),
        *found(begun.filter(pl.col("run_id").is_duplicated()), "runs", "{} begins twice", "run_id"),
        *found(behind, "runs", "{} neither ends nor is planned anew by its day {}", "run_id", "due_day"),
    ]


def speed(book: Book) -> list[Finding]:
    """A run ends no sooner than its GPUs reach its FLOP: GPUs x peak x MFU x goodput x days, plan after plan."""
    weight = book.of("ChipAnnounced").select("chip", each="h100e").unique("chip", keep="first")
    begun = book.of("TrainingStarted").unique("run_id", keep="first").join(weight, on="chip", how="left")
    known = begun.select("run_id", "each", asked="flop", begins="start_day")
    plans = book.of("TrainingStarted", "TrainingReplanned", "TrainingFinished").select(
        *WHEN, "run_id", "type", "gpus", "mfu", "goodput"
    )
    plans = plans.join(known, on="run_id", how="inner", maintain_order="left")
    since = pl.when(pl.col("type") == "TrainingStarted").then("begins").otherwise("day")
    plans = plans.with_columns(since=since).with_columns(
        days=pl.col("since").shift(-1).over("run_id") - pl.col("since")
    )
    each_day = pl.col("gpus") * pl.col("each") * H100_FLOP_PER_DAY * pl.col("mfu") * pl.col("goodput")
    done = plans.with_columns(flop=(each_day * pl.col("days")).fill_null(0.0).sum().over("run_id"))
    fast = done.filter(pl.col("type") == "TrainingFinished", pl.col("asked") > pl.col("flop") * (1 + SLACK))
    return found(fast, "training", "{} claims {} FLOP where its GPUs give {}", "run_id", "asked", "flop")


def compute(book: Book) -> list[Finding]:
    """At the end of every week in the market runs and projects of a lab use no more H100 equivalents than it holds."""
    weight = book.of("ChipAnnounced", only=("chip", "h100e")).unique("chip", keep="first")
    weight = weight.select("chip", announced="seq", each="h100e")
    steps = (
        book.once(holdings).join(weight, on="chip", how="left", maintain_order="left").sort("seq", maintain_order=True)
    )
    each = pl.when(pl.col("announced") < pl.col("seq")).then(pl.col("each"))
    change = {name: (pl.col(name) - pl.col(f"{name}_before")) * each for name in ("held", "training")}
    projects = book.of("ProjectStarted", "ProjectResized", "ProjectStopped", "ProjectEnded")
    is_over = pl.col("type").is_in(["ProjectStopped", "ProjectEnded"])
    size = pl.when(is_over).then(0.0).otherwise(pl.col("h100e"))
    grown = (size - size.shift(1, fill_value=0.0)).over("run_id")
    changes = stacked(
        steps.select(*WHEN, "org", held=change["held"], used=change["training"]),
        book.lately(projects.sort("seq").select(*WHEN, "org", used=grown)),
    )
    totals = book.lately(book.running("compute", changes, "org", "held", "used"))
    gone = book.of("OrgExited").select("org", left="closing").unique("org", keep="first", maintain_order=True)
    closes = book.at_close(totals, "org").join(gone, on="org", how="left", maintain_order="left")
    stays = pl.col("closing") < pl.col("left").fill_null(NEVER)  # who leaves the market leaves its projects
    over = closes.filter(stays, pl.col("used") > pl.col("held") * (1 + 1e-9) + 0.01)
    return found(over, "training", "{} uses {} H100e and holds {}", "org", "used", "held")


BY_PART: tuple[Check, ...] = (compute,)
AT_END: tuple[Check, ...] = (runs, speed)
