"""Insolvency: no trade in default, claims paid by rank out of the estate, a loan written off once, a lot sold once."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, stacked
from market.analytics.audit.money import balances

RANKS = ("secured", "administrative", "unsecured", "equity")
TRADES = {  # event -> who trades by it
    "OrderPlaced": "org", "SitePlanned": "org", "BuildingStarted": "org", "RoundSought": "org", "RoundClosed": "org",
    "LoanGranted": "org", "LeaseRequested": "lessee", "QuoteGiven": "lessor", "LetterSigned": "org",
    "BidPlaced": "org", "TailSigned": "lessor",
}  # fmt: skip
BOTH = ("LeaseSigned", "ContractSigned")  # trades of two


def book_of_estates(book: Book) -> pl.DataFrame:
    """Estates with the seq at which each was closed, and what it is said to have come to."""
    ends = book.of("EstateClosed").group_by("estate_id").agg(
        closed=pl.col("seq").min(), times=pl.len(), said=pl.col("amount_usd_cents").first(), end=pl.col("kind").first()
    )  # fmt: skip
    opened = book.of("EstateOpened").join(ends, on="estate_id", how="left", maintain_order="left")
    return opened.with_columns(pl.col("closed").fill_null(NEVER))


def opening(book: Book) -> list[Finding]:
    """Every default opens one estate, which is closed once, and no org has two at a time."""
    estates = book.once(book_of_estates)
    broke = book.of("OrgDefaulted").filter(pl.col("estate_id").is_not_null() | (len(estates) > 0))
    known = broke.select(*WHEN, "org", "estate_id").join(
        estates.select("estate_id", "org", opened="seq"), on=["estate_id", "org"], how="left", maintain_order="left"
    )
    bare = known.filter(pl.col("opened").is_null() | (pl.col("opened") < pl.col("seq")))
    before = estates.with_columns(last=pl.col("closed").shift(1).over("org")).filter(pl.col("last") > pl.col("seq"))
    return [
        *found(bare, "estates", "{} defaults and no estate is opened", "org"),
        *found(before, "estates", "{} is opened while another of {} is open", "estate_id", "org"),
        *found(estates.filter(pl.col("times") > 1), "estates", "{} is closed {} times", "estate_id", "times"),
        *found(estates.filter(pl.col("estate_id").is_duplicated()), "estates", "{} is opened twice", "estate_id"),
    ]


def trade(book: Book) -> list[Finding]:
    """Nobody trades while in default, and nobody does anything after leaving the market."""
    spans = book.once(book_of_estates).select("org", "closed", opened="seq")
    sides = list(TRADES.items())
    sides += [(kind, side) for kind in BOTH for side in ("lessor", "lessee")]
    steps = pl.concat([book.part(kind).select(*WHEN, "type", who=side) for kind, side in sides])
    inside = steps.join(spans, left_on="who", right_on="org", how="inner", maintain_order="left").filter(
        (pl.col("opened") < pl.col("seq")) & (pl.col("seq") < pl.col("closed"))
    )
    gone = book.of("OrgExited", only=("org",)).select(who="org", left="seq")
    paid, served = book.part("PaymentMade"), book.part("ShareMeasured").select(*WHEN, "type", who="org")
    moves = pl.concat([steps, served, *(paid.select(*WHEN, "type", who=side) for side in ("org", "counterparty"))])
    after = moves.join(gone, on="who", how="inner", maintain_order="left").filter(pl.col("seq") > pl.col("left"))
    entered = book.of("OrgRegistered", only=("org",)).select("seq", who="org", entered="seq")
    after = after.sort("seq").join_asof(entered, on="seq", by="who", check_sortedness=False)
    after = after.filter(pl.col("entered").fill_null(-1) <= pl.col("left"))  # and was not registered again since
    return [
        *found(inside.sort("seq"), "estates", "{} by {}, which is in default", "type", "who"),
        *found(after, "estates", "{} by {}, which has left the market", "type", "who"),
    ]


def claims(book: Book) -> list[Finding]:
    """Claims are filed while the estate is open, and recover from it no more than they are worth, in each kind once."""
    filed, paid = book.of("ClaimFiled"), book.of("ClaimSettled")
    spans = book.once(book_of_estates).select("estate_id", "closed", opened="seq", of="org")
    both = pl.concat([filed.select(*WHEN, "type", "claim_id", "estate_id", "org"),
                      paid.select(*WHEN, "type", "claim_id", "estate_id", "org")])  # fmt: skip
    known = both.join(spans, on="estate_id", how="left", maintain_order="left")
    stray = known.filter(
        pl.col("opened").is_null() | (pl.col("opened") > pl.col("seq")) | (pl.col("closed") < pl.col("seq"))
        | (pl.col("of") != pl.col("org"))
    )  # fmt: skip
    terms = filed.select("claim_id", owed="amount_usd_cents", to="counterparty", ranked="rank", since="seq")
    sums = paid.join(terms, on="claim_id", how="left", maintain_order="left")
    other = sums.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("to") != pl.col("counterparty"))
        | (pl.col("ranked") != pl.col("rank"))
    )  # fmt: skip
    over = sums.with_columns(got=pl.col("amount_usd_cents").cum_sum().over("claim_id"))
    twice = paid.filter(pl.struct("claim_id", "kind").is_duplicated())
    return [
        *found(stray.sort("seq"), "estates", "{} of {} outside its estate {}", "type", "claim_id", "estate_id"),
        *found(other, "estates", "{} is settled otherwise than it was filed", "claim_id"),
        *found(over.filter(pl.col("got") > pl.col("owed")), "estates", "{} recovers {} of {} cents", "claim_id", "got",
               "owed"),
        *found(twice, "estates", "{} is settled in {} twice", "claim_id", "kind"),
        *found(filed.filter(pl.col("claim_id").is_duplicated()), "estates", "{} is filed twice", "claim_id"),
    ]  # fmt: skip


def recoveries(book: Book) -> list[Finding]:
    """What claims recover sums to the estate; no rank is paid before those above it are whole; cash is paid."""
    estates = book.once(book_of_estates).filter(pl.col("closed") < NEVER)
    got = book.of("ClaimSettled").group_by("estate_id").agg(got=pl.col("amount_usd_cents").sum())
    sums = estates.join(got, on="estate_id", how="left").with_columns(pl.col("got").fill_null(0)).sort("seq")
    return [
        *found(sums.filter(pl.col("got") != pl.col("said")), "estates", "{}: {} cents recovered of {}", "estate_id",
               "got", "said"),
        *_by_rank(book, estates),
        *_in_cash(book),
    ]  # fmt: skip


def _by_rank(book: Book, estates: pl.DataFrame) -> list[Finding]:
    owed = book.of("ClaimFiled").group_by("estate_id", "rank").agg(owed=pl.col("amount_usd_cents").sum())
    paid = book.of("ClaimSettled").group_by("estate_id", "rank").agg(paid=pl.col("amount_usd_cents").sum())
    table = owed.join(paid, on=["estate_id", "rank"], how="left").with_columns(pl.col("paid").fill_null(0))
    table = table.with_columns(order=pl.col("rank").replace_strict(RANKS, range(len(RANKS)), return_dtype=pl.Int64))
    table = table.join(estates.select("estate_id", *WHEN), on="estate_id", how="inner").sort("seq", "order")
    short = (pl.col("owed") - pl.col("paid")).cum_sum().shift(1, fill_value=0).over("estate_id")
    early = table.filter(pl.col("paid") > 0, short > 0)
    return found(early, "estates", "{}: {} claims are paid before those above them", "estate_id", "rank")


def _in_cash(book: Book) -> list[Finding]:
    """What is settled in cash is paid."""
    paid = book.of("PaymentMade").filter(pl.col("kind") == "recovery")
    said = book.of("ClaimSettled").filter(pl.col("kind") == "cash")
    both = said.select(*WHEN, "claim_id", "counterparty", due="amount_usd_cents").join(
        paid.select(claim_id="contract_id", counterparty="counterparty", paid="amount_usd_cents"),
        on=["claim_id", "counterparty"], how="full", coalesce=True,
    )  # fmt: skip
    wrong = both.filter(pl.col("due").fill_null(0) != pl.col("paid").fill_null(0)).with_columns(
        *(pl.col(name).fill_null(0) for name in WHEN), pl.col("due", "paid").fill_null(0)
    )
    return found(wrong.sort("seq"), "estates", "{}: {} cents settled in cash, {} paid", "claim_id", "due", "paid")


def emptied(book: Book) -> list[Finding]:
    """An org that is wound up is left without any cash."""
    over = book.once(book_of_estates).filter(pl.col("end") == "liquidated")
    over = over.select("seq", "closing", "day", "estate_id", "org", at="closed").sort("at")
    over = over.filter(pl.col("at") >= book.events["seq"][0])
    totals = book.once(balances).select(at="seq", org="account", cents="cents").sort("at")
    left = over.join_asof(totals, on="at", by="org", strategy="backward", check_sortedness=False)
    kept = left.filter(pl.col("cents").fill_null(0) != 0)
    return found(kept, "estates", "{} is wound up and {} keeps {} cents", "estate_id", "org", "cents")


def instalments(book: Book) -> list[Finding]:
    """An org in default pays no instalment of a loan."""
    after = book.part("PaymentMade").filter(pl.col("kind") == "instalment").join(
        book.once(book_of_estates).select("org", "closed", opened="seq"), on="org", how="inner", maintain_order="left"
    ).filter((pl.col("opened") < pl.col("seq")) & (pl.col("seq") < pl.col("closed")))  # fmt: skip
    return found(after, "estates", "{} pays an instalment of {} in default", "org", "contract_id")


def loans(book: Book) -> list[Finding]:
    """A loan of an org in default is written off once an estate, by what its claims do not recover."""
    lost = book.of("LoanWrittenOff")
    filed = book.of("ClaimFiled").select("claim_id", "estate_id", "contract_id", owed="amount_usd_cents")
    paid = book.of("ClaimSettled").group_by("claim_id").agg(got=pl.col("amount_usd_cents").sum())
    due = filed.join(paid, on="claim_id", how="left").group_by("estate_id", "contract_id").agg(
        due=pl.col("owed").sum() - pl.col("got").fill_null(0).sum()
    )  # fmt: skip
    both = lost.join(due, left_on=["estate_id", "deal_id"], right_on=["estate_id", "contract_id"], how="left",
                     maintain_order="left")  # fmt: skip
    wrong = both.filter(pl.col("due").is_null() | (pl.col("due") != pl.col("amount_usd_cents")))
    twice = lost.filter(pl.struct("estate_id", "deal_id").is_duplicated())
    closed = book.once(book_of_estates).filter(pl.col("closed") < NEVER)
    granted = pl.concat([book.of(kind).select("deal_id") for kind in ("LoanGranted", "LoanKnown")])
    claimed = filed.join(granted, left_on="contract_id", right_on="deal_id", how="semi")
    open_still = claimed.join(closed.select("estate_id", *WHEN), on="estate_id", how="inner").join(
        lost.select("estate_id", contract_id="deal_id"), on=["estate_id", "contract_id"], how="anti"
    )
    return [
        *found(wrong, "estates", "{} is written off by {} cents, {} are lost", "deal_id", "amount_usd_cents", "due"),
        *found(twice, "estates", "{} is written off twice", "deal_id"),
        *found(open_still.sort("seq"), "estates", "{} of {} is not written off", "contract_id", "estate_id"),
    ]


def lots(book: Book) -> list[Finding]:
    """A lot is sold once, to the highest of the bids of that week, and paid for at that price."""
    sold, offered = book.of("LotSold"), book.of("LotOffered")
    terms = offered.select("lot_id", of="org", since="seq")
    known = sold.join(terms, on="lot_id", how="left", maintain_order="left")
    stray = known.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("of") != pl.col("org"))
    )
    bids = book.of("BidPlaced").select("lot_id", "closing", bidder="org", cents="amount_usd_cents")
    own = bids.group_by("lot_id", "closing", "bidder").agg(pl.col("cents").last())
    both = sold.join(own, left_on=["lot_id", "closing", "counterparty"], right_on=["lot_id", "closing", "bidder"],
                     how="left", maintain_order="left")  # fmt: skip
    other = both.filter(pl.col("cents").is_null() | (pl.col("cents") != pl.col("amount_usd_cents")))
    paid = book.of("PaymentMade").filter(pl.col("kind") == "estate sale")
    money = sold.select(*WHEN, "lot_id", "counterparty", due="amount_usd_cents").join(
        paid.select(lot_id="contract_id", counterparty="org", paid="amount_usd_cents"), on=["lot_id", "counterparty"],
        how="left", maintain_order="left",
    )  # fmt: skip
    unpaid = money.filter(pl.col("paid").is_null() | (pl.col("paid") != pl.col("due")))
    return [
        *found(stray, "estates", "{} is sold and was not offered by {}", "lot_id", "org"),
        *found(sold.filter(pl.col("lot_id").is_duplicated()), "estates", "{} is sold twice", "lot_id"),
        *found(other, "estates", "{} goes to {}, which did not bid {} cents", "lot_id", "counterparty",
               "amount_usd_cents"),
        *found(unpaid.with_columns(pl.col("paid").fill_null(0)), "estates", "{}: {} cents due, {} paid", "lot_id",
               "due", "paid"),
    ]  # fmt: skip


def warrants(book: Book) -> list[Finding]:
    """Warrants vest with the GPUs that their supplier allots to their buyer, and never beyond what was granted."""
    granted = book.of("WarrantsGranted", only=("deal_id", "org", "counterparty", "gpus", "amount_usd_cents")).select(
        "deal_id", "org", supplier="counterparty", of="gpus", all="amount_usd_cents", since="seq"
    )
    sold = book.part("ChipsAllocated").select(*WHEN, "org", "supplier", "gpus")
    taken = sold.join(granted, on=["org", "supplier"], how="inner", maintain_order="left").filter(
        pl.col("seq") > pl.col("since")
    )
    changes = stacked(
        taken.select(*WHEN, "deal_id", taken="gpus"),
        book.part("WarrantsVested").select(*WHEN, "deal_id", got="amount_usd_cents", is_vested=pl.lit(True)),
    )
    both = book.lately(book.running("warrants", changes, "deal_id", "taken", "got")).filter("is_vested")
    both = both.join(granted, on="deal_id", how="left", maintain_order="left")
    most = pl.col("all") * pl.min_horizontal("taken", "of") // pl.col("of")
    wrong = both.filter(pl.col("since").is_null() | (pl.col("got") > most))
    return found(wrong, "warrants", "{}: {} cents vested with {} GPUs taken", "deal_id", "got", "taken")


BY_PART: tuple[Check, ...] = (trade, emptied, instalments, warrants)
AT_END: tuple[Check, ...] = (opening, claims, recoveries, loans, lots)
