"""The shared vocabulary: every field name once, with its Arrow type, unit and one meaning.

A name means the same thing in every event, so the log's wide table is also the analytics table.
Ids read `owner/family/n`, n counted per owner: `xai/lease/3`.
"""

from __future__ import annotations

from events.field import Field
from events.terms import CLAUSE_COLUMNS

DAY = "days since 1970-01-01"  # the unit of a date
DAY_MIN, DAY_MAX = -25_567, 84_370  # 1900-01-01, 2200-12-31


ENVELOPE: dict[str, Field] = {
    "seq": Field("int64", "", "contiguous from 0: position and order of replay"),
    "day": Field("int32", DAY, "day on which the event takes effect"),
    "commit": Field("int32", "", "commit in which it was acknowledged"),
    "type": Field("utf8", "", "event type"),
    "version": Field("int16", "", "version of the event type"),
    "actor": Field("utf8", "", "org whose command or process caused it; `world` for the clock"),
    "cause_seq": Field("int64", "", "seq of the event that led to it, -1 for a root"),
    "root_seq": Field("int64", "", "seq of the first event of that chain"),
}

VOCABULARY: dict[str, Field] = {
    # who and what: names and ids
    "org": Field("utf8", "", "org that the event is about"),
    "counterparty": Field("utf8", "", "the other org"),
    "role": Field("utf8", "", "roles of an org, joined by +: lab cloud supplier oem investor rest"),
    "country": Field("utf8", "ISO 3166-1 alpha-2", "country of an org or region"),
    "parent_org": Field("utf8", "", "org that owns the org"),
    "region": Field("utf8", "", "power region"),
    "chip": Field("utf8", "", "accelerator, by its catalogue name"),
    "supplier": Field("utf8", "", "org that makes the chip"),
    "site": Field("utf8", "", "data-centre site"),
    "building_id": Field("utf8", "", "building of a site: site/building/n"),
    "order_id": Field("utf8", "", "order for chips: buyer/order/n"),
    "shipment_id": Field("utf8", "", "shipment from an OEM: buyer/shipment/n"),
    "request_id": Field("utf8", "", "request for a lease: lessee/request/n"),
    "quote_id": Field("utf8", "", "quote for a request: lessor/quote/n"),
    "lease_id": Field("utf8", "", "lease: lessee/lease/n"),
    "parent_lease_id": Field("utf8", "", "lease that a sublease passes on; null on a lease of owned GPUs"),
    "lessor": Field("utf8", "", "org that leases GPUs out"),
    "lessee": Field("utf8", "", "org that rents GPUs"),
    "run_id": Field("utf8", "", "training run: lab/run/n"),
    "model": Field("utf8", "", "trained model"),
    "deal_id": Field("utf8", "", "funding round, loan or letter of intent: org/deal/n"),
    "contract_id": Field("utf8", "", "what a payment or lease rests on: a contract, order, lease, deal, site, org"),
    "estate_id": Field("utf8", "", "estate of a default: org/estate/n"),
    "claim_id": Field("utf8", "", "claim on an estate: org/claim/n"),
    "lot_id": Field("utf8", "", "what an estate offers for sale: org/lot/n"),
    "rank": Field("utf8", "", "rank of a claim: secured, administrative, unsecured, equity"),
    "policy": Field("utf8", "", "policy by name"),
    "parameter": Field("utf8", "", "settable number, dotted name"),
    "reason": Field("utf8", "", "why it was refused, failed, slipped or ended"),
    "kind": Field("utf8", "", "variant of the event type"),
    "segment": Field("utf8", "", "kind of end user: consumer, api, enterprise"),
    "option": Field("utf8", "", "candidate of a decision"),
    "mechanism": Field("utf8", "", "how a market is cleared, by name"),
    "plan": Field("utf8", "", "parallelism of a training run, such as tp8 pp16 dp128"),
    "state_hash": Field("utf8", "", "sha256 of the state, hexadecimal"),
    # how many, when
    "gpus": Field("int64", "", "accelerators"),
    "gpus_let": Field("int64", "", "of these, handed over to lessees"),
    "offered_gpus": Field("int64", "", "accelerators offered in a clearing"),
    "wanted_gpus": Field("int64", "", "accelerators asked for in a clearing"),
    "racks": Field("int64", "", "racks that are one scale-up domain each"),
    "week": Field("int32", "", "week of the run, from 0"),
    "start_day": Field("int32", DAY, "first day of a term, plan or run"),
    "end_day": Field("int32", DAY, "first day after a term, plan or run"),
    "due_day": Field("int32", DAY, "day promised or needed"),
    "duration_days": Field("int32", "days", "length"),
    "seed": Field("int64", "", "seed of the run"),
    "depth": Field("int16", "", "leases between a lease and the owner of its GPUs"),
    # money: int cents; prices: float USD
    "amount_usd_cents": Field("int64", "USD cents", "money moved or promised"),
    "valuation_usd_cents": Field("int64", "USD cents", "value of an org after a round"),
    "price_usd_per_gpu": Field("float64", "USD/GPU", "purchase price"),
    "price_usd_per_gpu_hour": Field("float64", "USD/GPU-hour", "rent"),
    "price_usd_per_h100e_hour": Field(
        "float64", "USD/H100e-hour", "rent of an H100e: index, limit or price of a contract"
    ),
    "spot_usd_per_h100e_hour": Field("float64", "USD/H100e-hour", "posted on-demand price"),
    "revenue_usd_per_year": Field("float64", "USD/year", "annualised revenue"),
    "usd_per_year": Field("float64", "USD/year", "spending of end users, or on compute at the usual price"),
    "market_usd_per_year": Field("float64", "USD/year", "spending that the models of today would bring once adopted"),
    "growth_per_year": Field("float64", "1/year", "log growth a year, as seen and smoothed"),
    "clearing_usd_per_h100e_hour": Field("float64", "USD/H100e-hour", "spot: moves to where demand meets supply"),
    "reference_usd_per_h100e_hour": Field("float64", "USD/H100e-hour", "price to which budgets are used"),
    "surplus_usd": Field("float64", "USD", "worth of what a clearing allotted, less the least that sellers take"),
    "marginal_usd_per_gpu": Field("float64", "USD/GPU", "worth to the buyer served that values a GPU least"),
    "excluded_usd_per_gpu": Field("float64", "USD/GPU", "worth to the buyer left out that values a GPU most"),
    "marginal_usd_per_gpu_hour": Field("float64", "USD/GPU-hour", "worth to the renter served that values it least"),
    "excluded_usd_per_gpu_hour": Field("float64", "USD/GPU-hour", "worth to the renter left out that values it most"),
    # power
    "power_kw_it": Field("int64", "kW", "IT power: chips, servers and network"),
    "power_kw_it_per_gpu": Field("float64", "kW/GPU", "IT power of one GPU with its share of server and network"),
    "power_kw_facility": Field("int64", "kW", "IT power times PUE"),
    "on_site_power": Field("bool", "", "whether power is made on the site instead of taken from the grid"),
    "is_firm": Field("bool", "", "whether the grid serves a load at all hours"),
    # physics and measures
    "value": Field("float64", "as the parameter", "value of a parameter or shock"),
    "h100e": Field("float64", "H100 equivalents", "GPUs weighted by dense BF16 and FP8 rates against an H100"),
    "supply_h100e": Field("float64", "H100 equivalents", "compute that is energised"),
    "flop": Field("float64", "FLOP", "training compute"),
    "work_h100e_weeks": Field("float64", "H100e-weeks", "work of a project, or what is left of it"),
    "worth": Field("float64", "", "worth of a week of an H100 equivalent in a project, over that of a usual one"),
    "researchers": Field("float64", "", "people who bring projects forward"),
    "effective_flop": Field("float64", "FLOP", "training compute of a dense model as good"),
    "experts": Field("int32", "", "experts of a layer that a router chooses among; 0 in a dense model"),
    "mfu": Field("float64", "", "model FLOPs utilisation, of the BF16 nameplate"),
    "goodput": Field("float64", "", "share of wall time that trains"),
    "params": Field("float64", "", "parameters of a model"),
    "tokens": Field("float64", "tokens", "training tokens"),
    "work_per_h100e": Field("float64", "1", "mean work of an installed H100e over that of an H100"),
    "work_ratio": Field("float64", "1", "work of a GPU of a lease over that of a GPU of its contract's chip"),
    "work_h100e": Field("float64", "H100 equivalents", "work of a GPU in H100e of the mean work of all installed"),
    "tokens_per_s": Field("float64", "tokens/s", "output tokens sold, those of small models by what they cost"),
    "capability": Field("float64", "index", "capability index, 0 = frontier of 2023-02-24 scale (docs/cluster)"),
    "share": Field("float64", "", "part of one"),
    "tightness": Field("float64", "", "compute wanted at the price budgets are used to, over compute energised"),
    "lead_time_weeks": Field("float64", "weeks", "backlog over weekly output"),
    # the terms of a decision
    "term_price": Field("float64", "", "score for price or value"),
    "term_time": Field("float64", "", "score for time to compute"),
    "term_control": Field("float64", "", "score for control"),
    "term_risk": Field("float64", "", "score for risk of slip or default"),
    "term_noise": Field("float64", "", "score for what observers do not see: a draw keyed by org, option and month"),
    "way": Field("utf8", "", "way to get compute: lease, contract, sublease, on demand, own site, brownfield, ..."),
    "cost_usd_per_h100e_hour": Field("float64", "USD/H100e-hour", "replacement cost, or that of an option"),
    "wait_weeks": Field("float64", "weeks", "weeks from the decision until an option gives compute"),
    "slip_share": Field("float64", "", "chance that an option comes more than a quarter late"),
    # talks, and the clauses of what they lead to, which are written in events.terms
    "form": Field("utf8", "", "what a quote becomes when it is taken: lease or contract"),
    "clause": Field("utf8", "", "what a counter-offer asks for: price, date, site, term, or hold"),
    "turn": Field("int32", "", "number of the offer in its talks, from 1"),
    "tranche": Field("int32", "", "part of a contract with a date of its own, from 1"),
    **CLAUSE_COLUMNS,
}

DAYS = frozenset(name for name, field in {**ENVELOPE, **VOCABULARY}.items() if field.unit == DAY)
"""Columns that hold dates."""


def day_fault(name: str, low: int, high: int) -> str:
    """Say why the lowest and the highest value of a column of days cannot be, or nothing."""
    if low >= DAY_MIN and high <= DAY_MAX:
        return ""
    return f"{name} {low if low < DAY_MIN else high} is no day from 1900 to 2200"
