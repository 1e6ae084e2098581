"""Contracts for capacity: the terms that were quoted, schedules that add up, leases drawn within them."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, running, stacked
from market.analytics.audit.leases import TERMS, as_quoted


def book_of_contracts(book: Book) -> pl.DataFrame:
    """Signed contracts with the seq at which each ended."""
    ends = book.of("ContractEnded").group_by("contract_id").agg(ended=pl.col("seq").min())
    signed = book.of("ContractSigned").join(ends, on="contract_id", how="left", maintain_order="left")
    return signed.with_columns(pl.col("ended").fill_null(NEVER))


def signatures(book: Book) -> list[Finding]:
    """A contract is signed once, on an open quote of form contract, with the quote's terms."""
    signed = book.once(book_of_contracts).drop("form")
    signed = signed.join(as_quoted(book), on="quote_id", how="left", maintain_order="left")
    quoted = pl.col("quote_id").is_not_null()
    differ = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"q_{name}")) for name in TERMS)
    other = signed.filter(quoted, pl.col("since").is_not_null(), differ | (pl.col("q_form") != "contract"))
    shut = signed.filter(quoted, pl.col("since").is_null() | (pl.col("closed") != pl.col("seq")))
    bare = signed.filter(~quoted, pl.col("cause_seq") >= 0)
    return [
        *found(signed.filter(pl.col("contract_id").is_duplicated()), "contracts", "{} is signed twice", "contract_id"),
        *found(other, "contracts", "{} is not signed as {} offered it", "contract_id", "quote_id"),
        *found(shut, "contracts", "{} is signed on {}, which is not open", "contract_id", "quote_id"),
        *found(bare, "contracts", "{} is signed without a quote", "contract_id"),
    ]


def schedules(book: Book) -> list[Finding]:
    """The tranches of a contract add up to its GPUs; no more of one is drawn than there is, while it is in force."""
    signed, tranches = book.once(book_of_contracts), book.of("TrancheScheduled")
    drawn = book.of("TrancheDrawn")
    sums = tranches.group_by("contract_id").agg(total=pl.col("gpus").sum(), count=pl.len())
    both = signed.join(sums, on="contract_id", how="left", maintain_order="left")
    short = both.filter(
        (pl.col("total").fill_null(0) != pl.col("gpus")) | (pl.col("count").fill_null(0) != pl.col("tranches"))
    )
    left = running(
        stacked(
            tranches.select(*WHEN, "contract_id", "tranche", left="gpus"),
            drawn.select(*WHEN, "contract_id", "tranche", left=-pl.col("gpus")),
        ),
        ["contract_id", "tranche"], "left",
    )  # fmt: skip
    spans = signed.select("contract_id", since="seq", until="ended").unique("contract_id", keep="first")
    steps = drawn.join(spans, on="contract_id", how="left", maintain_order="left")
    stray = steps.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("until") < pl.col("seq"))
    )
    return [
        *found(short, "contracts", "{}: tranches hold {} of {} GPUs", "contract_id", "total", "gpus"),
        *found(left.filter(pl.col("left") < 0), "contracts", "{}: tranche {} has {} GPUs left", "contract_id",
               "tranche", "left"),
        *found(stray, "contracts", "{} is drawn while it is not in force", "contract_id"),
        *_ends(book, left),
    ]  # fmt: skip


def _ends(book: Book, left: pl.DataFrame) -> list[Finding]:
    """A contract ends with the GPUs that were never drawn, and `drawn` with none."""
    open_still = left.sort("seq").group_by("contract_id", "tranche", maintain_order=True).agg(pl.col("left").last())
    rest = open_still.group_by("contract_id").agg(rest=pl.col("left").sum())
    ends = book.of("ContractEnded").join(rest, on="contract_id", how="left", maintain_order="left")
    wrong = ends.filter(
        (pl.col("rest").fill_null(0) != pl.col("gpus")) | ((pl.col("reason") == "drawn") & (pl.col("gpus") != 0))
    )
    return found(
        wrong, "contracts", "{} ends ({}) with {} GPUs, {} are undrawn", "contract_id", "reason", "gpus", "rest"
    )


def leases(book: Book) -> list[Finding]:
    """A lease under a contract has its parties, price and choices, and gives what it takes of the tranche.

    A substitute goes by the work that is said of it.
    """
    chips = book.of("ChipAnnounced").select("chip", "h100e").unique("chip", keep="last", maintain_order=True)
    terms = book.once(book_of_contracts).select(
        "contract_id", a="lessor", b="lessee", what="chip", where="site", at="region", p="price_usd_per_gpu_hour",
        chips="chip_choice", sites="site_choice", since="seq",
    ).unique("contract_id", keep="first")  # fmt: skip
    drawn = book.of("TrancheDrawn").select("lease_id", took="gpus", said="work_ratio")
    names = ("lease_id", "contract_id", "lessor", "lessee", "chip", "site", "region", "gpus", "price_usd_per_gpu_hour")
    under = book.of("LeaseSigned", only=names).filter(pl.col("contract_id").is_not_null())
    under = under.join(terms, on="contract_id", how="left", maintain_order="left")
    under = under.join(drawn, on="lease_id", how="left", maintain_order="left").with_columns(
        own=pl.col("chip").replace_strict(chips["chip"], chips["h100e"], default=None),
        asked=pl.col("what").replace_strict(chips["chip"], chips["h100e"], default=None),
    )
    parties = pl.col("since").is_null() | (pl.col("a") != pl.col("lessor")) | (pl.col("b") != pl.col("lessee"))
    elsewhere = (
        ((pl.col("chips") == "fixed") & (pl.col("chip") != pl.col("what")))
        | ((pl.col("sites") == "fixed") & (pl.col("site") != pl.col("where")))
        | ((pl.col("sites") == "listed") & (pl.col("region") != pl.col("at")))
    )
    ratio = pl.when(pl.col("chip") == pl.col("what")).then(1.0).otherwise(
        pl.coalesce("said", pl.col("own") / pl.col("asked"))  # logs written before the work was said go by H100e
    )  # fmt: skip
    fair = pl.col("p") * ratio
    dear = (pl.col("price_usd_per_gpu_hour") - fair).abs() > 1e-6 + 1e-6 * fair
    given = pl.col("gpus") * ratio + 1  # within a GPU of the contract's chip
    less = pl.col("took").is_null() | (pl.col("took") > given)
    return [
        *found(under.filter(parties), "contracts", "{} names {}, which is no contract of its parties", "lease_id",
               "contract_id"),
        *found(under.filter(elsewhere), "contracts", "{} lies outside the choices of {}", "lease_id", "contract_id"),
        *found(under.filter(dear), "contracts", "{} has not the price of {}", "lease_id", "contract_id"),
        *found(under.filter(less), "contracts", "{} gives less than it takes of {}", "lease_id", "contract_id"),
    ]  # fmt: skip


AT_END: tuple[Check, ...] = (signatures, schedules, leases)
