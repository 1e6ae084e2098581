"""The log itself: positions, days, causes and roots, weeks, reasons."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import WHEN, Book, Check, Finding, found

ROOTS_LATER = ("PolicyEnacted", "ExogenousShock")  # may begin a chain of causes after the start


def sequence(book: Book) -> list[Finding]:
    """Seq is contiguous from 0 and days never fall."""
    latest = book.carried.get("latest")
    place, day = (int(latest["place"][0]), int(latest["day"][0])) if latest is not None else (0, None)
    events = book.events.select(
        *WHEN, place=place + pl.int_range(pl.len()), before=pl.col("day").shift(1, fill_value=day)
    )
    book.carried["latest"] = events.tail(1).select("day", place=pl.col("place") + 1)
    gaps = events.filter(pl.col("seq") != pl.col("place")).head(0 if "gaps" in book.carried else 1)
    if len(gaps):
        book.carried["gaps"] = gaps
    falls = events.filter(pl.col("day") < pl.col("before"))
    return [
        *found(gaps, "sequence", "seq {} stands at place {}", "seq", "place"),
        *found(falls, "sequence", "day {} after day {}", "day", "before"),
    ]


def causes(book: Book) -> list[Finding]:
    """A cause comes before its event, a week's end causes nothing, and the chain of causes leads to the root named.

    The root of every event is kept, by its place: four bytes. Behind a gap places say nothing and are not asked.
    """
    events = _in_place(book).select(*WHEN, "type", "cause_seq", "root_seq")
    roots = events.select(pl.col("root_seq").cast(pl.UInt32, strict=False))
    roots = pl.concat([book.carried["roots"], roots]) if "roots" in book.carried else roots
    book.carried["roots"] = roots
    led = events.filter(pl.col("cause_seq") >= 0)
    late = led.filter(pl.col("cause_seq") >= pl.col("seq"))
    led = led.filter(pl.col("cause_seq") < pl.col("seq"))
    led = led.with_columns(roots["root_seq"].gather(led["cause_seq"]).cast(pl.Int64).alias("above"))
    ends = book.of("WeekClosed", "RunEnded", only=("type",)).select(cause_seq="seq", cause="type")
    return [
        *found(late, "causes", "cause {} does not come before its event", "cause_seq"),
        *found(led.filter(pl.col("above") != pl.col("root_seq")), "causes", "root {}, but its cause has root {}",
               "root_seq", "above"),
        *found(led.join(ends, on="cause_seq", how="inner"), "causes", "{} causes nothing", "cause"),
        *_beginnings(book, events.filter(pl.col("cause_seq") < 0)),
    ]  # fmt: skip


def _in_place(book: Book) -> pl.DataFrame:
    """Events of the part before the first gap in seq."""
    if "gaps" not in book.carried:
        return book.events
    first = int(book.carried["latest"]["place"][0]) - book.events.height
    return book.events.head(max(0, int(book.carried["gaps"]["place"][0]) - first))


def _beginnings(book: Book, roots: pl.DataFrame) -> list[Finding]:
    """Only what opens the run, from its first event on, and a few types later begin a chain of causes."""
    before = int(book.carried["beginnings"]["count"][0]) if "beginnings" in book.carried else 0
    book.carried["beginnings"] = pl.DataFrame({"count": [before + len(roots)]})
    may_begin = (pl.col("seq") == before + pl.int_range(pl.len())) | pl.col("type").is_in(ROOTS_LATER)
    return [
        *found(roots.filter(pl.col("root_seq") != pl.col("seq")), "causes", "no cause, yet root {}", "root_seq"),
        *found(roots.filter(~may_begin), "causes", "{} cannot begin a chain of causes", "type"),
    ]


def weeks(book: Book) -> list[Finding]:
    """Weeks close in order, each on its seventh day, and nothing follows the end of the run."""
    closed = book.part("WeekClosed").with_columns(due=book.start_day + 7 * pl.col("closing") + 6)
    wrong = closed.filter((pl.col("week") != pl.col("closing")) | (pl.col("day") != pl.col("due")))
    late = book.events.filter(pl.col("day") > book.start_day + 7 * pl.col("closing") + 6, pl.col("type") != "RunEnded")
    ended = book.of("RunEnded", only=())["seq"].min()
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


BY_PART: tuple[Check, ...] = (sequence, causes, weeks, reasons)
