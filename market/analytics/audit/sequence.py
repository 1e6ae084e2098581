"""The log itself: positions, days, causes and roots, weeks, reasons."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import WHEN, Book, Check, Finding, found

ROOTS_LATER = ("PolicyEnacted", "ExogenousShock")  # may begin a chain of causes after the start


def sequence(book: Book) -> list[Finding]:
    """Seq is contiguous from 0 and days never fall."""
    events = book.events.select(*WHEN, place=pl.int_range(pl.len()), before=pl.col("day").shift(1))
    gaps = events.filter(pl.col("seq") != pl.col("place"))
    falls = events.filter(pl.col("day") < pl.col("before"))
    return [
        *found(gaps.head(1), "sequence", "seq {} stands at place {}", "seq", "place"),
        *found(falls, "sequence", "day {} after day {}", "day", "before"),
    ]


def causes(book: Book) -> list[Finding]:
    """A cause comes before its event, a week's end causes nothing, and the chain of causes leads to the root named."""
    events = book.events.select(*WHEN, "type", "cause_seq", "root_seq")
    led = events.filter(pl.col("cause_seq") >= 0).join(
        events.select(cause_seq="seq", above="root_seq", cause="type"),
        on="cause_seq",
        how="left",
        maintain_order="left",
    )
    roots = events.filter(pl.col("cause_seq") < 0)
    start = (pl.col("seq") == pl.int_range(pl.len())) | pl.col("type").is_in(ROOTS_LATER)
    return [
        *found(
            led.filter((pl.col("cause_seq") >= pl.col("seq")) | pl.col("above").is_null()),
            "causes", "cause {} does not come before its event", "cause_seq",
        ),
        *found(led.filter(pl.col("above") != pl.col("root_seq")), "causes", "root {}, but its cause has root {}",
               "root_seq", "above"),
        *found(led.filter(pl.col("cause").is_in(["WeekClosed", "RunEnded"])), "causes", "{} causes nothing", "cause"),
        *found(roots.filter(pl.col("root_seq") != pl.col("seq")), "causes", "no cause, yet root {}", "root_seq"),
        *found(roots.filter(~start), "causes", "{} cannot begin a chain of causes", "type"),
    ]  # fmt: skip


def weeks(book: Book) -> list[Finding]:
    """Weeks close in order, each on its seventh day, and nothing follows the end of the run."""
    closed = book.of("WeekClosed").with_columns(due=book.start_day + 7 * pl.col("closing") + 6)
    wrong = closed.filter((pl.col("week") != pl.col("closing")) | (pl.col("day") != pl.col("due")))
    late = book.events.filter(pl.col("day") > book.start_day + 7 * pl.col("closing") + 6, pl.col("type") != "RunEnded")
    ended = book.of("RunEnded")["seq"].min()
    after = book.events.filter(pl.col("seq") > ended) if ended is not None else book.events.head(0)
    return [
        *found(wrong, "weeks", "week {} closes as number {}, due on day {}", "week", "closing", "due"),
        *found(late, "weeks", "{} takes effect after the week that it is in", "type"),
        *found(after, "weeks", "{} after the end of the run", "type"),
    ]


def reasons(book: Book) -> list[Finding]:
    """What was refused or failed says why."""
    mute = book.with_reasons().filter(pl.col("reason") == "")
    return found(mute, "reasons", "{} without a reason", "type")


CHECKS: tuple[Check, ...] = (sequence, causes, weeks, reasons)
