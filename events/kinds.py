"""Closed sets of words: what `kind` and `reason` may say, event by event. A word outside its set is a fault.

The sets are types, so that a wrong word in our code fails the type check; commands of agents from elsewhere are checked
when they arrive (`events.commands.base`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Buyers = Literal["all", "china", "own"]  # own: the supplier's parent
SiteKind = Literal["pool", "brownfield", "greenfield", "leased"]  # leased: a developer's shell with power
NewSiteKind = Literal["brownfield", "greenfield", "leased"]
BuildingKind = Literal["brownfield", "greenfield", "next", "leased"]
# the last two were there when the run began, leased: in shells of a developer
PowerSource = Literal["grid", "non-firm", "on-site", "standing", "leased"]
PlantPermitKind = Literal["temporary", "operating"]  # temporary: of turbines that can be moved
LeaseKind = Literal["frontier", "serving", "bridge", "capacity", "internal"]  # capacity: a cloud rents from a cloud
QuoteForm = Literal["lease", "contract"]
Clause = Literal["price", "date", "site", "term", "hold"]  # what a counter-offer asks for
PriceRule = Literal["fixed", "index"]  # of a renewal: the price of the lease, or the index of the day
Consent = Literal["never", "consent", "free"]  # whether a lessee may, may when its lessor agrees, or may as it likes
ConsentTo = Literal["assign", "sublease"]
OptionKind = Literal["renew", "expand"]
ChoiceOf = Literal["fixed", "listed", "seller"]  # what of chip or site is left to the lessor
StakeKind = Literal["equity", "equity for compute"]
Input = Literal["packaging", "memory", "racks", "shells", "plant"]  # the last two: of builders
SegmentName = Literal["consumer", "api", "enterprise"]  # of end users
ClusterNews = Literal["first of generation", "new", "grown"]
ReleaseKind = Literal["frontier", "refresh"]
Repricing = Literal["cut", "rise"]
MarketName = Literal["chips", "on_demand"]  # that a scenario can have cleared by a mechanism of its choice
PaymentKind = Literal[
    "opening", "chips", "servers", "shell deposit", "shell", "plant", "equity", "loan", "instalment", "rent",
    "on demand", "energy", "fuel", "shell rent", "staff", "revenue", "other business", "subscription",
    "parent funding", "levy", "subsidy", "prepayment", "exit fee", "termination fee", "own users", "operations",
    "deposit", "deposit back", "late rebate", "tranche rebate", "prepaid back", "tranche back",
    "overdraft", "estate sale", "recovery",
]  # fmt: skip
# insolvency
ClaimRank = Literal["secured", "administrative", "unsecured", "equity"]  # in the order in which they are paid
EstatePlan = Literal["restructuring", "liquidation"]  # what the estate of a default is run for
EstateEnd = Literal["restructured", "liquidated", "unsold"]  # unsold: was to sell all, and goes on with the rest
SettledIn = Literal["cash", "loan", "equity"]  # what a claim is settled in
LotKind = Literal["site", "chips"]  # a site with all that stands on it, or chips in the warehouse
LeaseSide = Literal["lessor", "lessee"]

# why something was refused
OrderRefusal = Literal[
    "unknown chip", "nothing ordered", "end of life", "not yet on offer", "its own", "export control", "not for sale",
    "no such open order", "not the actor's to price", "no OEM", "no cash",
]  # fmt: skip
SiteRefusal = Literal[
    "unknown region", "unknown kind", "no power asked", "cash", "not the actor's site", "nothing to pause",
    "nothing to resume", "no permit to renew", "nothing to connect",
]  # fmt: skip
RequestRefusal = Literal[
    "unknown lessor", "unknown kind", "nothing asked", "no price", "talks already open", "no such talks",
    "unknown region or chip", "in default",
]  # fmt: skip
QuoteRefusal = Literal[
    "no such request", "unknown chip or site", "empty term", "no price", "the lessee's own", "not the actor's site",
    "capacity", "power", "not the actor's lease", "not what the parent lease holds", "chain too long",
    "outside the parent's term", "a share is no share", "unknown choice", "unknown form", "term", "tranches",
    "no consent", "prepaid without a contract",
]  # fmt: skip
QuoteClosed = Literal["quote lapsed", "not the addressee"]
CounterRefusal = Literal["no such clause", "no lower price", "no earlier day", "unknown region", "empty term"]
LeaseRefusal = Literal[QuoteClosed, CounterRefusal, "a counter-offer is open", "parent lease ended", "finance"]
ContractRefusal = Literal["not the actor's contract", "not the actor's GPUs", "in use", "cash"]
ClauseRefusal = Literal[
    "not the actor's lease", "no such option", "too late", "capacity", "outside the parent's term", "cash",
    "no consent", "unknown assignee", "not offered", "in use",
]  # fmt: skip
LetterRefusal = Literal["unknown lessor", "nothing announced", "a letter is open"]
BidRefusal = Literal["no such lot", "not yet open", "nothing bid", "cash", "rents and sublets there"]
WarrantRefusal = Literal["no supplier", "unknown buyer", "nothing granted", "warrants are open"]
EntryRefusal = Literal[
    "no name", "name taken", "unknown role or behaviour", "unknown country", "no founder", "cash",
]  # fmt: skip
ExitRefusal = Literal["not the actor's", "under way", "of no such role"]
TradeRefusal = Literal["in default", "not in the market"]
RoundRefusal = Literal["a round is open", "no open round", "no such terms", "investor without cash"]
LoanRefusal = Literal["unknown lender", "coverage", "lender without cash"]
TrainingRefusal = Literal[
    "a run is under way", "not enough GPUs", "no such run", "chip not suited", "too long", "does not fit"
]
ProjectRefusal = Literal["nothing asked", "list full"]
ProjectResizing = Literal["widened", "makes room"]

# why something was revised, is late or ended
Cancelling = Literal["buyer", "takes another chip", "end of life", "default", "policy"]
SlipReason = Literal["yield"]
WaitReason = Literal["power"]
DefaultReason = Literal["cash", "covenant", "forced", "wound up"]  # forced: a policy's what-if; wound up: by its owners
RunReason = Literal["GPUs lost", "curtailed"]
RunEnd = Literal["end", "stopped"]
Lateness = Literal["parent late", "power", "chips"]
LateLayer = Literal["power", "shell"]
OptionLeft = Literal[
    "price", "too late", "risk", "control", "noise", "permission", "power", "finance", "lost to another", "not told"
]
TalksEnd = Literal[OptionLeft, "chips", "capacity", "no answer", "default"]
ContractEnd = Literal["drawn", "cancelled", "rejected", "term"]
# merged: the lessee bought the site; terminated: it paid its way out; walked away: it came too late; cross default:
# its clause counts a default of the other side
LeaseEnd = Literal[
    "term", "parent ended", "default", "rejected", "merged", "terminated", "walked away", "cross default"
]
LetterEnd = Literal["lapsed", "definitive", "finance", "power", "default"]
WarrantEnd = Literal["vested", "lapsed"]
RoundFailure = Literal["market closed", "investors without cash", "no answer", "default"]
BudgetReason = Literal[
    "start", "rents above cost", "rents below cost", "means", "demand", "finance", "power", "no cash"
]
PlanReason = Literal["demand", "cash", "customers wait", "growth"]
GivenUp = Literal["paused too long"]


def roles_text(roles: Sequence[str]) -> str:
    """Write the roles of an org as the column `role` holds them."""
    return "+".join(roles)


def roles_of(text: str) -> tuple[str, ...]:
    """Read the roles of an org from the column `role`."""
    return tuple(text.split("+"))
