"""Leases: the terms that were quoted, the tree of subleases, handover within the term, and quotes that can be kept."""

from __future__ import annotations

import polars as pl

from events.terms import CLAUSES
from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, running, stacked
from market.analytics.audit.fleet import PLACE, handed, handed_lately, training_changes
from market.analytics.audit.sites import owned_by

TERMS = ("lessor", "lessee", *CLAUSES)
LEASE = (
    "lease_id", "parent_lease_id", "lessor", "lessee", "chip", "site", "gpus", "start_day", "end_day", "depth",
    "price_usd_per_gpu_hour", "deposit_days", "rebate_share", "prepaid_share",
)  # fmt: skip
QUOTE = ("quote_id", "request_id", "parent_lease_id", "lessor", "chip", "site", "gpus", "start_day", "form")
SOON_DAYS = 7  # a quote that starts within this many days must be free today


def book_of_leases(book: Book) -> pl.DataFrame:
    """Signed leases with the seq at which each ended, by the end of the part."""
    ends = book.of("LeaseEnded", only=("lease_id",)).group_by("lease_id").agg(ended=pl.col("seq").min())
    signed = book.of("LeaseSigned", only=LEASE).join(ends, on="lease_id", how="left", maintain_order="left")
    return signed.with_columns(pl.col("ended").fill_null(NEVER))


def papers(book: Book) -> pl.DataFrame:
    """Rent, last day, prepaid part and GPUs of each lease behind each event that changes them.

    Columns `price`, `last`, `prepaid`, `all`: of the rent of a term that is renewed nothing was prepaid.
    """
    more = book.of("OptionExercised", only=("lease_id", "kind", "gpus")).filter(pl.col("kind") == "expand")
    terms = ("lease_id", "price_usd_per_gpu_hour", "end_day", "gpus", "prepaid_share")
    rows = stacked(
        book.of("LeaseSigned", only=terms).select(
            "seq", "lease_id", price="price_usd_per_gpu_hour", last="end_day", added="gpus", prepaid="prepaid_share"
        ),
        book.of("LeaseRenewed").select(
            "seq", "lease_id", price="price_usd_per_gpu_hour", last="end_day", prepaid=pl.lit(0.0)
        ),
        book.of("RentStepped").select("seq", "lease_id", price="price_usd_per_gpu_hour"),
        more.select("seq", "lease_id", added="gpus"),
    ).sort("seq")
    return rows.select(
        "seq", "lease_id", pl.col("price", "last", "prepaid").forward_fill().over("lease_id"),
        all=pl.col("added").fill_null(0).cum_sum().over("lease_id"),
    )  # fmt: skip


def last_days(book: Book) -> pl.DataFrame:
    """The last day of each lease, renewals included."""
    return book.once(papers).group_by("lease_id").agg(pl.col("last").last())


def closings(book: Book) -> pl.DataFrame:
    """The seq at which each quote (`seq`) was `closed`: taken, lapsed, replaced, or talks broken off."""
    quotes = book.of("QuoteGiven", only=("quote_id", "request_id"))
    asked = quotes.select("quote_id", "request_id")
    taken = book.of("LeaseSigned", "ContractSigned", only=("quote_id",)).filter(pl.col("quote_id").is_not_null())
    steps = stacked(
        quotes.select("seq", "request_id"),
        book.of("QuoteLapsed", "LeaseTalksFailed", only=("request_id",)).select("seq", "request_id"),
        taken.join(asked, on="quote_id", how="inner").select("seq", "request_id"),
    ).sort("seq")
    return steps.select("seq", closed=pl.col("seq").shift(-1).over("request_id").fill_null(NEVER))


def book_of_quotes(book: Book) -> pl.DataFrame:
    """Quotes with the seq at which each was closed, by the end of the part."""
    quotes = book.of("QuoteGiven", only=QUOTE)
    return quotes.join(book.once(closings), on="seq", how="left", maintain_order="left")


def as_quoted(book: Book) -> pl.DataFrame:
    """All terms of each quote as `q_...`, the `seq` at which it was closed as `closed` and its own as `since`."""
    names = ("quote_id", "form", "parent_lease_id", *TERMS)
    quotes = book.of("QuoteGiven", only=names).join(book.once(closings), on="seq", how="left", maintain_order="left")
    return quotes.select("quote_id", "closed", pl.col(names[1:]).name.prefix("q_"), since="seq")


def sides(book: Book) -> pl.DataFrame:
    """Lessor (`owner`) and lessee (`user`) of each lease from which event on: as signed, and as it is assigned."""
    moved = book.of("LeaseAssigned", only=("lease_id", "kind", "counterparty"))
    side = {kind: pl.when(pl.col("kind") == kind).then(pl.col("counterparty")) for kind in ("lessor", "lessee")}
    rows = [
        book.of("LeaseSigned", only=("lease_id", "lessor", "lessee")).select(
            "seq", "lease_id", owner="lessor", user="lessee"
        ),
        moved.select("seq", "lease_id", owner=side["lessor"], user=side["lessee"]),
    ]
    every = pl.concat(rows).sort("seq")
    return every.with_columns(pl.col("owner", "user").forward_fill().over("lease_id"))


def tree(book: Book) -> list[Finding]:
    """A sublease stands on a lease of its lessor: signed before, in force, of the same GPUs, longer, one level up."""
    leases = book.once(book_of_leases)
    above = leases.join(last_days(book), on="lease_id", how="left").select(
        "last", parent_lease_id="lease_id", what="chip", where="site", first="start_day", level="depth", since="seq",
        until="ended",
    )  # fmt: skip
    holders = book.once(sides).select("seq", parent_lease_id="lease_id", of="user")
    subs = leases.filter(pl.col("parent_lease_id").is_not_null())
    subs = subs.join(above, on="parent_lease_id", how="left", maintain_order="left").sort("seq").join_asof(
        holders, on="seq", by="parent_lease_id", strategy="backward", check_sortedness=False
    )  # fmt: skip
    orphan = subs.filter(
        pl.col("since").is_null() | (pl.col("since") >= pl.col("seq")) | (pl.col("until") < pl.col("seq"))
    )
    foreign = subs.filter(
        (pl.col("of") != pl.col("lessor")) | (pl.col("what") != pl.col("chip")) | (pl.col("where") != pl.col("site"))
        | (pl.col("level") + 1 != pl.col("depth"))
    )  # fmt: skip
    longer = subs.filter((pl.col("end_day") > pl.col("last")) | (pl.col("start_day") < pl.col("first")))
    outlives = subs.filter(pl.col("until") < pl.col("ended"))
    roots = owned_by(book, leases.filter(pl.col("parent_lease_id").is_null()), "owner")
    homeless = roots.filter((pl.col("lessor") != pl.col("owner")) | (pl.col("depth") != 1))
    names = ("lease_id", "parent_lease_id")
    return [
        *found(orphan, "sublease", "{}: its parent {} is not in force", *names),
        *found(foreign, "sublease", "{} does not pass on what {} gives its lessor", *names),
        *found(longer, "sublease", "{} is outside the term of {}", *names),
        *found(outlives, "sublease", "{} outlives {}", *names),
        *found(homeless, "sublease", "{}: {} leases out at {}, and has no site or lease there", "lease_id", "lessor",
               "site"),
        *found(leases.filter(pl.col("lessor") == pl.col("lessee")), "sublease", "{} is with itself", "lease_id"),
        *found(leases.filter(pl.col("lease_id").is_duplicated()), "sublease", "{} is signed twice", "lease_id"),
    ]  # fmt: skip


def sublet(book: Book) -> list[Finding]:
    """What is sublet or quoted under a lease is within its GPUs; what is handed on is within what was handed over."""
    leases, quotes, moves = book.once(book_of_leases), book.once(book_of_quotes), book.once(handed)
    subs = leases.filter(pl.col("parent_lease_id").is_not_null())
    offers = quotes.filter(pl.col("parent_lease_id").is_not_null(), pl.col("form") == "lease")
    added = expansions(book)
    added_under = added.join(subs.select("lease_id", "parent_lease_id", "ended"), on="lease_id", how="inner")
    promised = running(
        stacked(
            leases.select(*WHEN, "lease_id", room="gpus"),
            added.select(*WHEN, "lease_id", room="gpus"),
            added_under.select(*WHEN, lease_id="parent_lease_id", room=-pl.col("gpus")),
            _until(added_under, "ended").select(*WHEN, lease_id="parent_lease_id", room="gpus"),
            _until(subs, "ended").select(*WHEN, lease_id="parent_lease_id", room="gpus"),
            _until(offers, "closed").select(*WHEN, lease_id="parent_lease_id", room="gpus"),
            subs.select(*WHEN, lease_id="parent_lease_id", room=-pl.col("gpus")),
            offers.select(*WHEN, lease_id="parent_lease_id", room=-pl.col("gpus")),
        ),
        "lease_id", "room",
    )  # fmt: skip
    parents = subs.select("lease_id", "parent_lease_id").unique("lease_id", keep="first")
    under = moves.join(parents, on="lease_id", how="inner")
    passed = running(
        stacked(
            moves.select(*WHEN, "lease_id", room="gpus"),
            under.select(*WHEN, lease_id="parent_lease_id", room=-pl.col("gpus")),
        ),
        "lease_id", "room",
    )  # fmt: skip
    beyond = book.at_close(passed, "lease_id").filter(pl.col("room") < 0)
    return [
        *found(promised.filter(pl.col("room") < 0), "sublease", "{}: {} GPUs left to sublet", "lease_id", "room"),
        *found(beyond, "sublease", "{}: {} GPUs left of those handed over", "lease_id", "room"),
    ]


def expansions(book: Book) -> pl.DataFrame:
    """GPUs that lessees took beside those of their leases."""
    taken = book.of("OptionExercised", only=("lease_id", "kind", "gpus", "lessor"))
    return taken.filter(pl.col("kind") == "expand").select(*WHEN, "lease_id", "gpus", "lessor")


def _until(frame: pl.DataFrame, end: str) -> pl.DataFrame:
    """The same things at the moment at which they end; those that have not are left out."""
    return frame.filter(pl.col(end) < NEVER).with_columns(seq=pl.col(end))


def handover(book: Book) -> list[Finding]:
    """GPUs move under a lease in force between its parties, within its GPUs and term; a lease ends when it is over."""
    leases, moves = book.once(book_of_leases), book.once(handed)
    terms = leases.select("lease_id", what="chip", where="site", first="start_day", since="seq", until="ended")
    known = moves.join(terms.unique("lease_id", keep="first"), on="lease_id", how="left", maintain_order="left")
    known = known.sort("seq").join_asof(
        book.once(sides), on="seq", by="lease_id", strategy="backward", check_sortedness=False
    )
    stray = known.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("until") < pl.col("seq"))
        | (pl.col("owner") != pl.col("lessor")) | (pl.col("user") != pl.col("lessee"))
        | (pl.col("what") != pl.col("chip")) | (pl.col("where") != pl.col("site"))
    )  # fmt: skip
    early = known.filter(pl.col("type") == "GpusHandedOver", pl.col("day") < pl.col("first"))
    owing = pl.when(pl.col("type") == "CapacityShed").then(0).otherwise(-pl.col("gpus"))
    owed = running(
        stacked(leases.select(*WHEN, "lease_id", left="gpus", over=pl.lit(0, pl.Int64)),
                expansions(book).select(*WHEN, "lease_id", left="gpus"),
                moves.select(*WHEN, "lease_id", "type", left=owing, over="gpus")),
        "lease_id", "left", "over",
    )  # fmt: skip
    wrong = owed.filter((pl.col("left") < 0) | (pl.col("over") < 0))
    kept = owed.filter(pl.col("type") == "LeaseEnded", pl.col("over") != 0)
    renewed = leases.drop("end_day").join(last_days(book).rename({"last": "end_day"}), on="lease_id", how="left")
    late = book.closed_by(renewed, "end_day").filter(pl.col("ended") > pl.col("latest"))
    return [
        *found(stray, "handover", "{} under {} is not in its terms or not in force", "type", "lease_id"),
        *found(early, "handover", "GPUs of {} are handed over before its first day", "lease_id"),
        *found(wrong, "handover", "{}: {} GPUs handed over, {} owed", "lease_id", "over", "left"),
        *found(kept, "handover", "{} ends and {} GPUs do not go back", "lease_id", "over"),
        *found(late, "handover", "{} goes on after its last day {}", "lease_id", "end_day"),
    ]


def signatures(book: Book) -> list[Finding]:
    """A lease signed on a quote has the quote's terms, begins not before that day, and the quote was open.

    After the start every lease has a quote or a contract.
    """
    names = ("lease_id", "quote_id", "contract_id", "parent_lease_id", "cause_seq", *TERMS)
    signed = book.of("LeaseSigned", only=names)
    signed = signed.join(as_quoted(book), on="quote_id", how="left", maintain_order="left")
    quoted = pl.col("quote_id").is_not_null()
    differ = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"q_{name}")) for name in TERMS if name != "start_day")
    differ |= pl.col("start_day") != pl.max_horizontal("q_start_day", "day")
    differ |= pl.col("parent_lease_id").ne_missing(pl.col("q_parent_lease_id"))
    bare = signed.filter(~quoted, pl.col("contract_id").is_null(), pl.col("cause_seq") >= 0)
    other = signed.filter(quoted, pl.col("since").is_not_null(), differ)
    early = signed.filter(quoted, pl.col("start_day") < pl.col("day"))
    shut = signed.filter(quoted, pl.col("since").is_null() | (pl.col("closed") != pl.col("seq")))
    return [
        *found(bare, "quotes", "{} is signed without a quote", "lease_id"),
        *found(other, "quotes", "{} is not signed as {} offered it", "lease_id", "quote_id"),
        *found(early, "quotes", "{} begins on day {}, before it is signed", "lease_id", "start_day"),
        *found(shut, "quotes", "{} is signed on {}, which is not open", "lease_id", "quote_id"),
    ]


def promises(book: Book) -> list[Finding]:
    """GPUs quoted for the coming week are free: held, not training, not owed under a lease, not in another quote."""
    down = pl.when(pl.col("type") == "GpusRetired").then(-pl.col("gpus")).otherwise(pl.col("gpus"))
    place = (*WHEN, "chip", "site")
    sold, moves = book.part("GpusTransferred"), handed_lately(book)
    roots = book.once(book_of_leases).filter(pl.col("parent_lease_id").is_null())
    subs = moves.join(roots.select("lease_id"), on="lease_id", how="anti")
    changes = stacked(
        book.part("FleetRegistered", "GpusInstalled", "GpusRetired").select(*place, "org", free=down),
        sold.select(*place, "org", free=-pl.col("gpus")),
        sold.select(*place, org="counterparty", free="gpus"),
        training_changes(book).select(*place, "org", free=-pl.col("training")),
        moves.select(*place, org="lessee", free="gpus"),
        subs.select(*place, org="lessor", free=-pl.col("gpus")),
        book.lately(_promised(book, roots)),
    )
    soon = pl.col("begins") - pl.col("day") <= SOON_DAYS
    free = book.lately(book.running("free", changes, PLACE, "free"))
    short = free.filter(soon, pl.col("free") < 0)
    return found(short, "double sale", "{} quotes {} at {} with {} GPUs free behind it", "org", "chip", "site", "free")


def _promised(book: Book, own: pl.DataFrame) -> pl.DataFrame:
    """Changes of what is owed under leases of own GPUs and held by quotes of them, from the first on."""
    offers = book.once(book_of_quotes).filter(pl.col("parent_lease_id").is_null(), pl.col("form") == "lease")
    given = stacked(
        book.of("CapacityShed", only=("chip", "site", "lease_id", "gpus", "lessor")),
        expansions(book).with_columns(-pl.col("gpus")).join(own.select("lease_id", "chip", "site"), on="lease_id"),
    )  # shed, or taken beside
    shed = given.join(own.select("lease_id", "ended"), on="lease_id", how="inner")
    moved = book.of("LeaseAssigned", only=("kind", "lease_id", "org", "counterparty", "chip", "site"))
    taken = moved.filter(pl.col("kind") == "lessor").join(
        own.select("lease_id", "ended", kept="gpus"), on="lease_id", how="inner", maintain_order="left"
    )  # fmt: skip
    gave = shed.sort("seq").select("seq", "lease_id", shed=pl.col("gpus").cum_sum().over("lease_id"))
    taken = taken.sort("seq").join_asof(gave, on="seq", by="lease_id", check_sortedness=False)
    taken = taken.with_columns(pl.col("kept") - pl.col("shed").fill_null(0))
    left, over, back = _until(taken, "ended"), _until(own, "ended"), _until(shed, "ended")
    kept = pl.col("kept")
    return stacked(
        *(_by(each, "org", sign * kept) for each, sign in ((taken, 1), (left, -1))),
        *(_by(each, "counterparty", sign * kept) for each, sign in ((taken, -1), (left, 1))),
        *(_by(each, "lessor", -pl.col("gpus")) for each in (own, back)),
        *(_by(each, "lessor", pl.col("gpus")) for each in (shed, over, _until(offers, "closed"))),
        _by(offers.with_columns(begins="start_day"), "lessor", -pl.col("gpus"), "begins"),
    )


def _by(frame: pl.DataFrame, org: str, free: pl.Expr, *more: str) -> pl.DataFrame:
    return frame.select(*WHEN, "chip", "site", *more, org=org, free=free)


BY_PART: tuple[Check, ...] = (promises,)
AT_END: tuple[Check, ...] = (tree, sublet, handover, signatures)
