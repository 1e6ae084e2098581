"""Clauses: options taken within their terms, rents that step, deposits, rebates, consent, ends that a clause allows."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, stacked
from market.analytics.audit.contracts import book_of_contracts
from market.analytics.audit.leases import book_of_leases, expansions, papers

YEAR_DAYS, CENTS = 365, 100
BACK = ("term", "merged", "walked away", "parent ended")  # ends that return a deposit


def signed(book: Book, *names: str, **others: str) -> pl.DataFrame:
    """Clauses of leases as signed, one row a lease, some under another name."""
    columns = ("lease_id", *names, *others.values())
    return book.of("LeaseSigned", only=columns).select("lease_id", *names, **others).unique("lease_id", keep="first")


def options(book: Book) -> list[Finding]:
    """A lease is renewed once, for its days, when it was over; it is expanded within its GPUs and days."""
    taken = book.of("OptionExercised").select(*WHEN, "lease_id", "kind", "gpus", "end_day").join(
        signed(book, "expand_gpus", "expand_days", "renew_days", first="start_day", last="end_day"),
        on="lease_id", how="left", maintain_order="left",
    )  # fmt: skip
    more = taken.filter(pl.col("kind") == "expand").with_columns(
        taken=pl.col("gpus").cum_sum().over("lease_id"), until=pl.col("first") + pl.col("expand_days")
    )
    renewed = taken.filter(pl.col("kind") == "renew")
    went_on = book.of("LeaseRenewed").select(*WHEN, "lease_id", "end_day").join(
        renewed.select("lease_id", due="end_day", since="seq", last="last", days="renew_days"), on="lease_id",
        how="left", maintain_order="left",
    )  # fmt: skip
    wrong = went_on.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("day") < pl.col("last"))
        | (pl.col("end_day") != pl.col("last") + pl.col("days"))
    )  # fmt: skip
    return [
        *found(more.filter((pl.col("taken") > pl.col("expand_gpus")) | (pl.col("day") > pl.col("until"))), "clauses",
               "{}: {} GPUs taken of {} until day {}", "lease_id", "taken", "expand_gpus", "until"),
        *found(renewed.filter((pl.col("renew_days") < 1) | pl.col("lease_id").is_duplicated()), "clauses",
               "{} is renewed without a clause, or twice", "lease_id"),
        *found(wrong, "clauses", "{} goes on to day {} otherwise than its clause says", "lease_id", "end_day"),
    ]  # fmt: skip


def prices(book: Book) -> list[Finding]:
    """Rent rises by its step within a week of the end of each year, and at a renewal is what the clause says.

    At the index it is the index of the day times the work of a GPU, which the event says; the work of an H100 follows
    from the index too, and a chip has one work on one day.
    """
    names = ("type", "lease_id", "chip", "price_usd_per_gpu_hour", "work_h100e")
    steps = book.of("RentStepped", "LeaseRenewed", "LeaseSigned", only=names).sort("seq")
    steps = steps.with_columns(before=pl.col("price_usd_per_gpu_hour").shift(1).over("lease_id"))
    terms = signed(book, "chip", "renew_price", "step_share", first="start_day")
    steps = steps.drop("chip").join(terms, on="lease_id", how="left")
    index = book.of("PriceMoved").select("seq", index="price_usd_per_h100e_hour", mean="work_per_h100e").sort("seq")
    steps = steps.sort("seq").join_asof(index, on="seq")
    said = pl.col("work_h100e").first().over("type", "chip", "day")
    one = pl.when(pl.col("chip") == "H100").then(1 / pl.col("mean").fill_null(1.0)).otherwise(said)
    is_step = pl.col("type") == "RentStepped"
    same = pl.when(pl.col("renew_price") == "index").then(pl.col("index") * one.fill_null(0.0))
    due = (
        pl.when(is_step).then(pl.col("before") * (1 + pl.col("step_share"))).otherwise(same.otherwise(pl.col("before")))
    )
    behind = (pl.col("day") - pl.col("first")) % YEAR_DAYS
    wrong = steps.filter(pl.col("type") != "LeaseSigned").with_columns(due=due)
    wrong = wrong.filter(
        ((pl.col("price_usd_per_gpu_hour") - pl.col("due")).abs() > 1e-6 * pl.col("due"))
        | ((pl.col("type") == "RentStepped") & ((behind >= 7) | (pl.col("step_share") == 0)))
    )
    return found(wrong, "clauses", "{}: its rent becomes {}, its clauses say {}", "lease_id", "price_usd_per_gpu_hour",
                 "due")  # fmt: skip


def deposits(book: Book) -> list[Finding]:
    """A lease leaves the deposit of its GPUs; it comes back at an end that is not the lessee's, and at no other."""
    each = pl.col("price_usd_per_gpu_hour") * pl.col("deposit_days") * 24 * CENTS
    leases = book.once(book_of_leases)
    more = book.of("OptionExercised").filter(pl.col("kind") == "expand").select("seq", "lease_id", "gpus")
    more = more.join(leases.select("lease_id", "deposit_days"), on="lease_id", how="left").sort("seq")
    more = more.join_asof(
        book.once(papers), on="seq", by="lease_id", strategy="backward", check_sortedness=False
    ).with_columns(price_usd_per_gpu_hour="price")
    due = stacked(*(frame.select("lease_id", due=pl.col("gpus") * each) for frame in (leases, more)))
    paid = book.of("PaymentMade").filter(pl.col("kind").is_in(["deposit", "deposit back"]))
    paid = paid.select(lease_id="contract_id", kind="kind", cents="amount_usd_cents")
    sums = due.group_by("lease_id").agg(pl.col("due").sum(), parts=pl.len())
    for kind, name in (("deposit", "left"), ("deposit back", "back")):
        part = paid.filter(pl.col("kind") == kind).group_by("lease_id").agg(pl.col("cents").sum().alias(name))
        sums = sums.join(part, on="lease_id", how="left").with_columns(pl.col(name).fill_null(0))
    ends = book.of("LeaseEnded").select(*WHEN, "lease_id", "reason", "lessor")
    broke = book.of("EstateOpened").group_by(lessor="org").agg(opened=pl.col("seq").min())
    ends = ends.join(sums, on="lease_id", how="left", maintain_order="left").join(broke, on="lessor", how="left")
    is_due = pl.col("reason").is_in(BACK)
    solvent = pl.col("opened").fill_null(NEVER) > pl.col("seq")
    kept = ends.filter((is_due & solvent & (pl.col("back") != pl.col("left"))) | (~is_due & (pl.col("back") > 0)))
    short = leases.join(sums, on="lease_id").filter((pl.col("left") - pl.col("due")).abs() > pl.col("parts"))
    return [
        *found(short, "clauses", "{}: a deposit of {} cents, {} are due", "lease_id", "left", "due"),
        *found(kept, "clauses", "{} ends ({}): {} of {} cents of deposit come back", "lease_id", "reason", "back",
               "left"),
    ]  # fmt: skip


def late_leases(book: Book) -> pl.DataFrame:
    """What leases with a rebate or prepaid rent owe at the end of each week: `contract_id`, `owed`, their terms."""
    leases, weeks = book.once(book_of_leases), book.part("WeekClosed").select(*WHEN)
    changes = stacked(
        leases.select("seq", "lease_id", owed="gpus"),
        book.of("GpusHandedOver", only=("lease_id", "gpus")).select("seq", "lease_id", owed=-pl.col("gpus")),
        expansions(book).select("seq", "lease_id", owed="gpus"),
    )
    owed = book.running("lease owed", book.lately(changes), "lease_id", "owed", whole=True).sort("seq")
    clause = leases.filter((pl.col("rebate_share") > 0) | (pl.col("prepaid_share") > 0))
    clause = clause.select("lease_id", "rebate_share", "ended", first="start_day", since="seq")
    grid = clause.join(weeks, how="cross").filter(pl.col("since") < pl.col("seq"), pl.col("ended") > pl.col("seq"))
    grid = grid.sort("seq").join_asof(owed, on="seq", by="lease_id", strategy="backward", check_sortedness=False)
    grid = grid.join_asof(book.once(papers), on="seq", by="lease_id", strategy="backward", check_sortedness=False)
    return grid.rename({"lease_id": "contract_id"})


def late_tranches(book: Book) -> pl.DataFrame:
    """The same of the tranches of contracts, for what of them is not drawn."""
    clause = book.once(book_of_contracts).filter((pl.col("rebate_share") > 0) | (pl.col("prepaid_share") > 0))
    clause = clause.select(
        "contract_id", "rebate_share", "ended", prepaid="prepaid_share", price="price_usd_per_gpu_hour"
    )
    key = ["contract_id", "tranche"]
    scheduled = book.of("TrancheScheduled", only=(*key, "start_day", "end_day", "gpus"))
    parts = scheduled.select("contract_id", "tranche", first="start_day", last="end_day")
    changes = stacked(
        scheduled.select("seq", *key, owed="gpus"),
        book.of("TrancheDrawn", only=(*key, "gpus")).select("seq", *key, owed=-pl.col("gpus")),
    )
    owed = book.running("tranche owed", book.lately(changes), key, "owed", whole=True).sort("seq")
    grid = clause.join(parts, on="contract_id").join(book.part("WeekClosed").select(*WHEN), how="cross")
    grid = grid.filter(pl.col("ended") > pl.col("seq")).sort("seq")
    return grid.join_asof(owed, on="seq", by=key, strategy="backward", check_sortedness=False)


def rebates(book: Book) -> list[Finding]:
    """Who is a week late pays the share of the week's rent of what is missing, each week, and nobody else does."""
    grids = {"late rebate": book.once(late_leases), "tranche rebate": book.once(late_tranches)}
    late, share = pl.col("first") + 7 <= pl.col("day"), 7 * pl.col("rebate_share")
    return [one for kind, grid in grids.items() for one in _differ(book, grid.filter(late), kind, share)]


def prepaid(book: Book) -> list[Finding]:
    """What was prepaid of the week to come for GPUs that are missing comes back, and no more."""
    grids = {"prepaid back": book.once(late_leases), "tranche back": book.once(late_tranches)}
    days = pl.min_horizontal(pl.col("day") + 7, "last") - pl.max_horizontal("day", "first")
    share = pl.col("prepaid") * days.clip(lower_bound=0)
    return [one for kind, grid in grids.items() for one in _differ(book, grid, kind, share)]


def _differ(book: Book, grid: pl.DataFrame, kind: str, share: pl.Expr) -> list[Finding]:
    """Weeks in which a payment was not so many days' rent (`share`) of what was `owed` under a paper."""
    due = pl.col("owed") * pl.col("price") * 24 * CENTS * share
    paid = book.part("PaymentMade").filter(pl.col("kind") == kind)
    paid = paid.select(*WHEN, "contract_id", paid="amount_usd_cents")
    both = stacked(grid.filter(pl.col("owed") > 0).select(*WHEN, "contract_id", due=due), paid)
    both = both.filter(pl.col("closing") < book.weeks).group_by("contract_id", "closing").agg(
        pl.col("due", "paid").sum(), pl.col("seq", "day").last()
    )  # fmt: skip
    wrong = both.filter((pl.col("due") - pl.col("paid")).abs() > 1)
    return found(wrong, "clauses", "{}: {} cents of " + kind + ", {} are due", "contract_id", "paid", "due")


def consents(book: Book) -> list[Finding]:
    """Who sublets or puts another in its place may, by its clause or by its lessor's consent."""
    given = book.of("ConsentGiven").select("lease_id", "kind", agreed="seq").unique(["lease_id", "kind"], keep="first")
    under = book.of("LeaseSigned").filter(pl.col("parent_lease_id").is_not_null())
    under = under.select(*WHEN, lease_id="parent_lease_id", kind=pl.lit("sublease"))
    moved = book.of("LeaseAssigned").filter(pl.col("kind") == "lessee")
    offers = book.of("AssignmentOffered").select("lease_id", "seq", to="counterparty").sort("seq")
    stray = moved.select(*WHEN, "lease_id", "counterparty").sort("seq").join_asof(
        offers, on="seq", by="lease_id", check_sortedness=False
    )  # fmt: skip
    done = stacked(under, moved.select(*WHEN, "lease_id", kind=pl.lit("assign")))
    done = done.join(signed(book, "assigning", "subleasing"), on="lease_id", how="inner", maintain_order="left")
    done = done.join(given, on=["lease_id", "kind"], how="left", maintain_order="left")
    clause = pl.when(pl.col("kind") == "assign").then(pl.col("assigning")).otherwise(pl.col("subleasing"))
    asked = (clause == "consent") & (pl.col("agreed").fill_null(NEVER) > pl.col("seq"))
    return [
        *found(done.filter((clause == "never") | asked), "clauses", "{}: {} without consent", "lease_id", "kind"),
        *found(stray.filter(pl.col("to").ne_missing(pl.col("counterparty"))), "clauses",
               "{} passes to {}, to whom it was not offered", "lease_id", "counterparty"),
    ]  # fmt: skip


def ends(book: Book) -> list[Finding]:
    """A lease ends by cross default only with the clause and an estate; nobody walks away from one that is in time."""
    over = book.of("LeaseEnded").filter(pl.col("reason") == "cross default").drop("cross_default")
    over = over.join(signed(book, "cross_default"), on="lease_id", how="left", maintain_order="left")
    broke = [
        book.of("EstateOpened").group_by(pl.col("org").alias(side)).agg(pl.col("seq").min().alias(f"{side}_broke"))
        for side in ("lessor", "lessee")
    ]
    for side, frame in zip(("lessor", "lessee"), broke, strict=True):
        over = over.join(frame, on=side, how="left", maintain_order="left")
    first = pl.min_horizontal("lessor_broke", "lessee_broke").fill_null(NEVER)
    strange = over.filter(~pl.col("cross_default") | (first > pl.col("seq")))
    early = late_or_not(book).filter(pl.col("reason") == "walked away", ~pl.col("is_late"))
    return [
        *found(strange, "clauses", "{} ends by a default that its clauses do not count", "lease_id"),
        *found(early, "clauses", "{} is left, and was not late", "lease_id"),
    ]


def late_or_not(book: Book) -> pl.DataFrame:
    """Leases that their lessees ended, with their terms by then, and whether they were late enough to be left."""
    terms = book.of("LeaseSigned").select("lease_id", "walk_days", "exit_share", first="start_day")
    ended = book.of("LeaseEnded").filter(pl.col("reason").is_in(["terminated", "walked away"]))
    ended = ended.select(*WHEN, "lease_id", "gpus", "reason").sort("seq")
    ended = ended.join_asof(book.once(papers), on="seq", by="lease_id", check_sortedness=False)
    shed = book.of("CapacityShed").group_by("lease_id").agg(shed=pl.col("gpus").sum())
    both = ended.join(terms, on="lease_id", how="left", maintain_order="left").join(shed, on="lease_id", how="left")
    is_due = (pl.col("walk_days") > 0) & (pl.col("day") >= pl.col("first") + pl.col("walk_days"))
    return both.with_columns(is_late=is_due & (pl.col("gpus") < pl.col("all") - pl.col("shed").fill_null(0)))


def terminations(book: Book) -> list[Finding]:
    """A lease that its lessee ends costs the part of its rent to come that was agreed, or nothing where it was late."""
    paid = book.of("PaymentMade").filter(pl.col("kind") == "termination fee")
    paid = paid.select(lease_id="contract_id", paid="amount_usd_cents")
    both = late_or_not(book).join(paid, on="lease_id", how="left", maintain_order="left")
    days = (pl.col("last") - pl.max_horizontal("day", "first")).clip(lower_bound=0)
    part = (1 - pl.col("prepaid")) * pl.col("exit_share")
    fee = pl.col("gpus") * pl.col("price") * part * days * 24 * CENTS
    due = pl.when(pl.col("is_late")).then(0.0).otherwise(fee)
    both = both.with_columns(pl.col("paid").fill_null(0), due=due)
    wrong = both.filter((pl.col("paid") - pl.col("due")).abs() > 0.5 + 1e-9 * pl.col("due"))
    return found(wrong, "payments", "{} is ended for {} cents, {} are due", "lease_id", "paid", "due")


BY_PART: tuple[Check, ...] = (rebates, prepaid)
AT_END: tuple[Check, ...] = (options, prices, deposits, consents, ends, terminations)
