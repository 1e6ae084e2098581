"""Cash: between known accounts, under a contract between its parties, and from nowhere else."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import MONTH_WEEKS, WHEN, Book, Check, Finding, found, stacked

WORLD = (
    "customers", "staff", "utilities", "contractors", "developers", "savers", "treasury", "creditors", "administrators",
)  # fmt: skip
PAYERS = {  # what the world may pay, and from which account
    "opening": "savers", "subscription": "savers", "other business": "customers", "revenue": "customers",
    "on demand": "customers", "own users": "customers", "overdraft": "creditors", "subsidy": "treasury",
}  # fmt: skip
# kind -> family of its contract, who pays, who is paid (a, b: the contract's parties)
KINDS: dict[str, tuple[str, str, str]] = {
    "opening": ("org", "world/savers", "a"),
    "subscription": ("org", "world/savers", "a"),
    "other business": ("org", "world/customers", "a"),
    "revenue": ("org", "world/customers", "a"),
    "own users": ("org", "world/customers", "a"),
    "staff": ("org", "a", "world/staff"),
    "operations": ("org", "a", "world/staff"),
    "parent funding": ("org", "b", "a"),
    "chips": ("order", "a", "b"),
    "servers": ("shipment", "a", "b"),
    "shell deposit": ("building", "a", "world/contractors"),
    "shell": ("building", "a", "world/contractors"),
    "plant": ("building", "a", "world/contractors"),
    "energy": ("site", "a", "world/utilities"),
    "fuel": ("site", "a", "world/utilities"),
    "shell rent": ("site", "a", "world/developers"),
    "on demand": ("site", "world/customers", ""),
    "rent": ("lease", "a", "b"),
    "prepayment": ("contract", "a", "b"),
    "exit fee": ("contract", "a", "b"),
    "termination fee": ("lease", "a", "b"),
    "deposit": ("lease", "a", "b"),
    "deposit back": ("lease", "b", "a"),
    "late rebate": ("lease", "b", "a"),
    "tranche rebate": ("contract", "b", "a"),
    "prepaid back": ("lease", "b", "a"),
    "tranche back": ("contract", "b", "a"),
    "equity": ("round", "b", "a"),
    "loan": ("loan", "b", "a"),
    "instalment": ("loan", "a", "b"),
    "overdraft": ("estate", "world/creditors", "a"),
    "estate sale": ("lot", "", "a"),
    "recovery": ("claim", "a", "b"),
}


FAMILIES = (  # of what a payment may rest on: name, type of event, id, parties a and b
    ("order", "OrderPlaced", "order_id", "org", "supplier"),
    ("shipment", "ShipmentSent", "shipment_id", "org", "counterparty"),
    ("lease", "LeaseSigned", "lease_id", "lessee", "lessor"),
    ("contract", "ContractSigned", "contract_id", "lessee", "lessor"),
    ("round", "RoundClosed", "deal_id", "org", "counterparty"),
    ("loan", "LoanGranted", "deal_id", "org", "counterparty"),
    ("loan", "LoanKnown", "deal_id", "org", "counterparty"),
    ("building", "BuildingStarted", "building_id", "org", None),
    ("site", "SitePlanned", "site", "org", None),
    ("org", "OrgRegistered", "org", "org", "parent_org"),
    ("estate", "EstateOpened", "estate_id", "org", None),
    ("claim", "ClaimFiled", "claim_id", "org", "counterparty"),
    ("lot", "LotOffered", "lot_id", "org", None),
)
CODES = ("contract_id", "family", "a", "b")


def contracts(book: Book) -> pl.DataFrame:
    """Everything that a payment may rest on: `contract_id`, family, parties `a` and `b`, seq from which it is known.

    The only ids that are kept of what is over, in 24 bytes each beside its name. Rows in the order of the log.
    """

    def family(name: str, kind: str, key: str, a: str, b: str | None) -> pl.DataFrame:
        other = pl.col(b) if b else pl.lit(None, pl.String)
        return book.part(kind).select(contract_id=key, family=pl.lit(name), a=a, b=other, since="seq")

    rows = pl.concat([family(*each) for each in FAMILIES]).with_columns(pl.col(CODES).cast(pl.Categorical))
    before = [book.carried["contracts"]] if "contracts" in book.carried else []
    book.carried["contracts"] = pl.concat([*before, rows], rechunk=True)
    return book.carried["contracts"]


def made_before(book: Book, ids: pl.Series) -> pl.DataFrame:
    """The rows of `contracts` under some ids, by the end of the part, the first of each family."""
    asked = pl.DataFrame({"contract_id": ids.unique().cast(pl.Categorical)})
    known = book.once(contracts).join(asked, on="contract_id", how="semi", maintain_order="left")
    known = known.unique(["contract_id", "family"], keep="first", maintain_order=True)
    return known.with_columns(pl.col(CODES).cast(pl.String))


def parties(book: Book, first: pl.DataFrame) -> pl.DataFrame:
    """Contracts with a row more for each time that a party changes: sites and leases that estates sell."""
    sites = book.of("LotSold", only=("site", "counterparty", "kind")).filter(pl.col("kind") == "site")
    begun = book.of("BuildingStarted", only=("site", "building_id")).select("site", "building_id")
    moved = book.of("LeaseAssigned", only=("lease_id", "kind", "counterparty"))
    side = [pl.when(pl.col("kind") == kind).then(pl.col("counterparty")) for kind in ("lessee", "lessor")]
    rows = [
        sites.select(contract_id="site", family=pl.lit("site"), a="counterparty", since="seq"),
        sites.join(begun, on="site", how="inner").select(
            contract_id="building_id", family=pl.lit("building"), a="counterparty", since="seq"
        ),
        moved.select(contract_id="lease_id", family=pl.lit("lease"), a=side[0], b=side[1], since="seq"),
    ]  # fmt: skip
    every = pl.concat([first, *rows], how="diagonal_relaxed").sort("since", maintain_order=True)
    return every.with_columns(pl.col("a", "b").forward_fill().over("contract_id", "family"))


def accounts(book: Book) -> list[Finding]:
    """Cash moves in positive amounts between two accounts, of registered orgs or the world's, and sums to zero."""
    paid = book.part("PaymentMade")
    orgs = book.of("OrgRegistered", only=("org",)).select(account="org", since="seq").unique("account", keep="first")
    names = ["world", *(f"world/{name}" for name in WORLD)]
    world = pl.DataFrame({"account": names, "since": [-1] * len(names)})
    known = pl.concat([orgs, world])
    legs = pl.concat([paid.select(*WHEN, account="org"), paid.select(*WHEN, account="counterparty")])
    legs = legs.join(known, on="account", how="left", maintain_order="left")
    strange = legs.filter(pl.col("since").is_null() | (pl.col("since") > pl.col("seq")))
    small = paid.filter((pl.col("amount_usd_cents") < 0) | (pl.col("org") == pl.col("counterparty")))
    return [
        *found(strange.sort("seq"), "cash", "{} is no account", "account"),
        *found(small, "cash", "{} pays {} cents to {}", "org", "amount_usd_cents", "counterparty"),
    ]


def balances(book: Book) -> pl.DataFrame:
    """Balance of every account before the part and behind every payment of it: `account`, `cents`."""
    paid = book.part("PaymentMade")
    legs = stacked(
        paid.select(*WHEN, account="org", cents=-pl.col("amount_usd_cents")),
        paid.select(*WHEN, account="counterparty", cents="amount_usd_cents"),
    )
    return book.running("balances", legs, "account", "cents", whole=True)


def defaults(book: Book) -> list[Finding]:
    """An org that defaults lacks exactly the cash that its payments leave it without."""
    broke = book.part("OrgDefaulted").select(*WHEN, account="org", said="amount_usd_cents")
    paths = book.once(balances).select("seq", "account", "cents").sort("seq")
    both = broke.sort("seq").join_asof(paths, on="seq", by="account", strategy="backward", check_sortedness=False)
    lacks = (-pl.col("cents").fill_null(0)).clip(lower_bound=0)
    wrong = both.filter(lacks != pl.col("said"))
    return found(wrong, "cash", "{} defaults on {} cents; its balance is {}", "account", "said", "cents")


def under_contract(book: Book) -> list[Finding]:
    """Every payment names a contract that was made before, and passes between its parties."""
    terms = pl.DataFrame(
        [(kind, *form) for kind, form in KINDS.items()], orient="row",
        schema={"kind": pl.String, "family": pl.String, "payer": pl.String, "payee": pl.String},
    )  # fmt: skip
    paid = book.part("PaymentMade").filter(~pl.col("kind").is_in(["levy", "subsidy"]))
    paid = paid.select(*WHEN, "org", "counterparty", "kind", "contract_id")
    known = made_before(book, paid["contract_id"])
    named = paid.join(terms, on="kind", how="left", maintain_order="left")
    usual = named.filter(pl.col("family").is_not_null())
    usual = usual.sort("seq").join_asof(
        parties(book, known), left_on="seq", right_on="since", by=["contract_id", "family"], strategy="backward",
        check_sortedness=False, coalesce=False,
    )  # fmt: skip
    other = named.filter(pl.col("family").is_null()).drop("family")
    other = other.join(known.unique("contract_id", keep="first"), on="contract_id", how="left", maintain_order="left")
    bare = pl.concat([frame.select(*WHEN, "kind", "contract_id", "since") for frame in (usual, other)])
    bare = bare.filter(pl.col("since").is_null() | (pl.col("since") > pl.col("seq")))

    def stranger(side: str, role: str) -> pl.Expr:
        due = pl.when(pl.col(role) == "a").then(pl.col("a")).when(pl.col(role) == "b").then(pl.col("b"))
        return (pl.col(role) != "") & pl.col(side).ne_missing(due.otherwise(pl.col(role)))

    wrong = usual.filter(pl.col("since").is_not_null(), stranger("org", "payer") | stranger("counterparty", "payee"))
    return [
        *found(bare, "contract", "{} under {}, which is no contract yet", "kind", "contract_id"),
        *found(wrong, "contract", "{} under {} from {} to {}", "kind", "contract_id", "org", "counterparty"),
    ]


def from_the_world(book: Book) -> list[Finding]:
    """The world pays what customers and savers bring, each kind from its own account, and no more than was due."""
    paid = book.part("PaymentMade").filter(pl.col("org").str.starts_with("world"))
    source = "world/" + pl.col("kind").replace_strict(PAYERS, default="")
    strange = paid.filter(pl.col("org") != source)
    entered = book.of("OrgRegistered", only=("org",)).select(counterparty="org", at="seq")
    late = paid.filter(pl.col("kind") == "opening", pl.col("cause_seq") >= 0).join(
        entered, left_on=["counterparty", "cause_seq"], right_on=["counterparty", "at"], how="anti"
    )  # who enters brings its opening balance
    opened = book.of("PaymentMade", only=("org", "counterparty", "kind")).filter(
        pl.col("kind") == "opening", pl.col("org").str.starts_with("world")
    )
    again = book.lately(opened.filter(~pl.col("counterparty").is_first_distinct()))
    return [
        *found(strange, "cash", "{} pays {}", "org", "kind"),
        *found(late, "cash", "an opening balance of {} after the start", "counterparty"),
        *found(again, "cash", "two opening balances of {}", "counterparty"),
        *_beyond(book, paid),
    ]


def _beyond(book: Book, paid: pl.DataFrame) -> list[Finding]:
    """Yearly income that the log states, against what four weeks of it brought."""
    settings = book.of("ParameterSet", only=("parameter", "value"))
    growth = settings.filter(pl.col("parameter") == "finance.rounds_growth_per_year").select(
        "seq", more=pl.col("value").cum_max()
    )
    parts = settings.filter(pl.col("parameter").str.starts_with("orgs.")).select(
        "seq", pl.col("parameter").str.split("."), yearly="value"
    )
    parts = parts.with_columns(counterparty=pl.col("parameter").list.get(1), trait=pl.col("parameter").list.get(2))
    rates = parts.filter(pl.col("trait") == "income_growth").select(
        "seq", "counterparty", rate=pl.col("yearly").cum_max().over("counterparty")
    )
    weeks = [(pl.col("day") - book.start_day - days).clip(0) / 365.25 for days in (0, 7)]  # what falls was more before
    more = 1 + pl.col("more").fill_null(0.0)
    served = book.part("ServingMeasured").select("seq", counterparty="org", yearly="revenue_usd_per_year")
    used = book.part("UseMeasured").select("seq", counterparty="org", yearly="usd_per_year")
    sources = {
        "revenue": (book.standing("served", served, "counterparty", whole=True), pl.lit(1.0)),
        "own users": (book.standing("used", used, "counterparty", whole=True), pl.lit(1.0)),
        "other business": (
            parts.filter(pl.col("trait") == "income_usd_per_year"),
            pl.max_horizontal([(pl.col("rate").fill_null(0.0) * years).exp() for years in weeks]),
        ),
        "subscription": (
            parts.filter(pl.col("trait") == "subscriptions_usd_per_year"),
            pl.max_horizontal([more.pow(years) for years in weeks]),
        ),
    }
    findings: list[Finding] = []
    for kind, (stated, growing) in sources.items():
        got = paid.filter(pl.col("kind") == kind).with_columns(month=pl.col("closing") // MONTH_WEEKS)
        got = got.with_columns(cents=pl.col("amount_usd_cents").sum().over("counterparty", "month")).sort("seq")
        got = got.select(*WHEN, "kind", "counterparty", "cents").join_asof(growth.sort("seq"), on="seq")
        for terms in (rates, stated.select("seq", "counterparty", "yearly")):
            got = got.join_asof(terms.sort("seq"), on="seq", by="counterparty", check_sortedness=False)
        most = pl.col("yearly").fill_null(0.0) * growing * 28 / 365 * 100
        over = got.filter(pl.col("cents") > most * (1 + 1e-9) + 1)
        findings += found(over, "cash", "{} of {} cents to {} beyond its source", "kind", "cents", "counterparty")
    return findings


BY_PART: tuple[Check, ...] = (accounts, defaults, under_contract, from_the_world)
