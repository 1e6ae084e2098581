"""Rules of money: monthly payments, rounds, loans, when cash is short. All cash moves by payments under a contract."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from events.commands import finance as commands
from events.types import Batch, Event
from events.types import finance as events
from market.rules.base import (
    Deciders,
    Happening,
    cash,
    columns_of,
    demand_factor,
    income_usd_per_year,
    let_by,
    overhead_share,
    rented_by,
    trait,
    week_start,
    years,
)
from market.rules.credit import bond_room_cents, instalments, service_cents, tail_rent_usd_per_year
from market.rules.duties import billed_w, fuelled_w
from market.rules.energy import energy_usd_per_mwh, month_mwh, plant_usd_per_mwh
from market.state import State, next_id
from market.state.leases import Lease
from market.units import CENTS, HOURS_PER_DAY, HOURS_PER_YEAR, MONTH_DAYS, MONTH_HOURS, MONTH_YEARS, finite

Payment = tuple[str, str, int, str, str]  # payer, payee, cents, kind, contract


def set_budget(state: State, command: commands.SetBudget, day: int) -> list[Event]:
    """Revise what an org means to spend on chips."""
    return [events.BudgetSet(org=command.actor, value=round(max(0.0, finite(command.value)), 2), reason=command.reason)]


def seek_round(state: State, command: commands.SeekRound, day: int) -> list[Event]:
    """Ask investors for equity; one open round at a time."""
    books = state.finance.books[command.actor]
    if books.sought_cents or command.amount_usd_cents < 1:
        return [
            events.RoundRefused(org=command.actor, amount_usd_cents=command.amount_usd_cents, reason="a round is open")
        ]
    return [
        events.RoundSought(
            org=command.actor,
            amount_usd_cents=command.amount_usd_cents,
            duration_days=runway_days(state, command.actor),
        )
    ]


def fund_round(state: State, command: commands.FundRound, day: int) -> list[Event]:
    """Close a round that was sought; the money follows."""
    books = state.finance.books.get(command.org)
    amount = command.amount_usd_cents
    if books is None or not books.sought_cents or command.org == command.actor:
        return [events.RoundRefused(org=command.org, amount_usd_cents=amount, reason="no open round")]
    if not 1 <= amount <= command.valuation_usd_cents:
        return [events.RoundRefused(org=command.org, amount_usd_cents=amount, reason="no such terms")]
    if cash(state, command.actor) < amount:
        return [events.RoundRefused(org=command.org, amount_usd_cents=amount, reason="investor without cash")]
    deal = next_id(state, command.org, "deal")
    closed = events.RoundClosed(
        deal_id=deal,
        org=command.org,
        counterparty=command.actor,
        amount_usd_cents=amount,
        valuation_usd_cents=command.valuation_usd_cents,
        kind=command.kind,
    )
    return [
        closed,
        events.PaymentMade(
            org=command.actor, counterparty=command.org, amount_usd_cents=amount, kind="equity", contract_id=deal
        ),
    ]


def decline_round(state: State, command: commands.DeclineRound, day: int) -> list[Event]:
    """Turn a round down."""
    books = state.finance.books.get(command.org)
    if books is None or not books.sought_cents:
        return [events.RoundRefused(org=command.org, amount_usd_cents=0, reason="no open round")]
    return [events.RoundFailed(org=command.org, amount_usd_cents=books.sought_cents, reason=command.reason)]


def monthly_rent(state: State, org: str) -> int:
    """Rent that an org pays in four weeks for what was handed over, in cents."""
    return sum(map(lease_rent, rented_by(state, org)))


def rent_earned(state: State, org: str) -> int:
    """Rent that an org earns in four weeks, in cents, on demand left out."""
    return sum(map(lease_rent, let_by(state, org)))


def lease_rent(lease: Lease) -> int:
    """Rent of a lease in four weeks, in cents: GPUs handed over, a part of those shed, less what was prepaid."""
    if not (lease.delivered or lease.shed):
        return 0
    due = lease.due_usd_per_gpu_hour
    rent = _rent(lease.delivered, due)
    return rent + _rent(lease.shed, due * lease.take_or_pay_share) if lease.shed else rent


def _rent(gpus: int, price: float) -> int:
    return round(gpus * price * 24 * MONTH_DAYS * CENTS)


def burn_cents(state: State, org: str, rent: int | None = None) -> int:
    """What an org spends in four weeks, chips included, beyond what it earns, in cents; never below zero.

    `rent` is its `monthly_rent` where the caller knows it.
    """
    p, lab = state.run.parameters, state.training.labs.get(org)
    revenue = lab.revenue_usd_per_year if lab else 0.0
    spend = monthly_rent(state, org) if rent is None else rent
    chips = state.finance.books[org].budget_usd_per_year * (1 + p["shipping.server_cost_share"]) * CENTS
    income = income_usd_per_year(state, org, week_start(state))
    earned = (p["finance.revenue_margin"] * revenue + income) * CENTS
    return max(0, round(p["finance.spend_burn"] * spend + (chips - earned) * MONTH_DAYS / 365))


def runway_days(state: State, org: str, rent: int | None = None) -> int:
    """Days that an org's cash lasts at its present burn, ten years at most."""
    burn = burn_cents(state, org, rent)
    return min(3650, cash(state, org) * MONTH_DAYS // burn) if burn else 3650


def monthly(state: State, day: int) -> Batch | None:
    """Pay rent, on-demand, revenue, staff, energy, other income and instalments of four weeks, as one batch."""
    rents = list(_rents(state, day))
    rows: list[Payment] = [*rents, *_staff(state, rents), *_operations(state), *site_costs(state), *instalments(state)]
    rows = [row for row in rows if row[2] > 0]
    if not rows:
        return None
    columns = columns_of(("org", "counterparty", "amount_usd_cents", "kind", "contract_id"), rows)
    return Batch(events.PaymentMade, columns, columns["org"], columns["contract_id"])


def _rents(state: State, day: int) -> Iterator[Payment]:
    for lease in (*state.leases.leases.values(), *state.leases.over.values()):
        yield lease.lessee, lease.lessor, rent_due(lease, day), "rent", lease.lease_id


def rent_due(lease: Lease, day: int) -> int:
    """Rent of a lease for the days since it was last paid, `day` included: GPUs held, a part of those shed; cents."""
    days = day + 1 - lease.since_day
    held, shed = lease.gpu_days + lease.delivered * days, lease.shed_days + lease.shed * days
    due = lease.due_usd_per_gpu_hour
    return lease.due_cents + round((held + lease.take_or_pay_share * shed) * due * HOURS_PER_DAY * CENTS)


def own_users_usd_per_year(state: State, org: str, day: int) -> float:
    """Cash flow, USD a year, from compute that serves a parent's own users beyond what it served at the start.

    A margin on what that compute would rent for, over what it rented for at the start and would by then without it.
    """
    use, p = state.demand.uses.get(org), state.run.parameters
    start = p.get(f"orgs.{org}.own_use_start_usd_per_year")
    if use is None or start is None:
        return 0.0
    worth = use.h100e * HOURS_PER_YEAR * state.leases.price_usd_per_h100e_hour
    usual = start * math.exp(p["finance.own_use_growth_per_year"] * years(state, day))
    return p["finance.own_use_margin"] * max(0.0, min(worth, use.usd_per_year * demand_factor(state)) - usual)


def _operations(state: State) -> Iterator[Payment]:
    p, month, today = state.run.parameters, MONTH_DAYS / 365 * CENTS, week_start(state)
    for name, org in state.run.orgs.items():
        income = income_usd_per_year(state, name, today)
        yield "world/customers", name, round(income * month), "other business", name
        served = own_users_usd_per_year(state, name, today)
        yield "world/customers", name, round(served * month), "own users", name
        if "investor" in org.roles:
            y = years(state, today)
            fresh = trait(state, name, "subscriptions_usd_per_year") * (1 + p["finance.rounds_growth_per_year"]) ** y
            yield "world/savers", name, round(fresh * month), "subscription", name
    yield from upkeep(state)
    for lab in state.training.labs.values():
        yield (
            "world/customers",
            lab.org,
            round(p["finance.revenue_margin"] * lab.revenue_usd_per_year * month),
            "revenue",
            lab.org,
        )
        parent = state.run.orgs[lab.org].parent
        if parent is not None:
            yield parent, lab.org, burn_cents(state, lab.org), "parent funding", lab.org


def upkeep(state: State) -> Iterator[Payment]:
    """Staff and spares of four weeks that owners of GPUs pay to run them, energy left out."""
    for name, weight in owned_h100e(state).items():
        usd = weight * state.run.parameters["price.running_usd_per_h100e_hour"] * MONTH_HOURS
        yield name, "world/staff", round(usd * CENTS), "operations", name


def _staff(state: State, rents: Iterable[Payment]) -> Iterator[Payment]:
    """Salaries and offices of four weeks: of labs by the rent that they pay, of clouds by the rents that they earn."""
    p = state.run.parameters
    for lab in state.training.labs:
        yield lab, "world/staff", round((p["finance.spend_burn"] - 1) * monthly_rent(state, lab)), "staff", lab
    yield from _overheads(state, ((lessor, cents) for _, lessor, cents, _, _ in rents))


def _overheads(state: State, earned: Iterable[tuple[str, int]]) -> Iterator[Payment]:
    """Overheads of clouds on what they earned, cents, one payment each."""
    total: dict[str, int] = {}
    for cloud, cents in earned:
        total[cloud] = total.get(cloud, 0) + cents
    for cloud, cents in total.items():
        if due := round(overhead_share(state, cloud) * cents):
            yield cloud, "world/staff", due, "staff", cloud


def owned_h100e(state: State) -> dict[str, float]:
    """H100e in use, by owner."""
    owned: dict[str, float] = {}
    for holding in state.chips.holdings.values():
        weight = holding.owned * state.chips.chips[holding.chip].h100e
        owned[holding.org] = owned.get(holding.org, 0.0) + weight
    return owned


def energy(state: State) -> Iterator[Payment]:
    """Energy of four weeks, site by site, paid by the owners of sites: the grid's, and own plant's by its cost."""
    for site in state.sites.sites.values():
        usd = month_mwh(state, billed_w(state, site), site.region) * energy_usd_per_mwh(state, site.region)
        yield site.owner, "world/utilities", round(usd * CENTS), "energy", site.name
        if site.plant_w:
            usd = month_mwh(state, fuelled_w(state, site), site.region) * plant_usd_per_mwh(state, site.region)
            yield site.owner, "world/utilities", round(usd * CENTS), "fuel", site.name


def shell_rents(state: State) -> Iterator[Payment]:
    """Rent of four weeks for developers' shells, from the day they are ready."""
    p = state.run.parameters
    for site in state.sites.sites.values():
        if site.leased_kw:
            usd = site.leased_kw * p["build.leased_usd_per_kw_year"] * MONTH_YEARS
            yield site.owner, "world/developers", round(usd * CENTS), "shell rent", site.name


def site_costs(state: State) -> Iterator[Payment]:
    """What owners of sites pay for them in four weeks: energy, and rent of developers' shells."""
    yield from energy(state)
    yield from shell_rents(state)


def on_demand_revenue(state: State, rented: Batch) -> Batch:
    """Pay clouds for four weeks of what the rest rented by the hour, and their staff of it."""
    of = rented.columns
    cents = map(_rent, of["gpus"], of["price_usd_per_gpu_hour"])
    rows: list[Payment] = [
        ("world/customers", lessor, paid, "on demand", site)
        for lessor, site, paid in zip(of["lessor"], of["site"], cents, strict=True)
    ]
    staff = list(_overheads(state, ((lessor, paid) for _, lessor, paid, _, _ in rows)))
    columns = columns_of(("org", "counterparty", "amount_usd_cents", "kind", "contract_id"), [*rows, *staff])
    clouds = [*of["lessor"], *(cloud for cloud, *_ in staff)]
    return Batch(events.PaymentMade, columns, clouds, clouds)


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Rounds that no investor answered in time, between two days."""
    wait = round(7 * state.run.parameters["finance.round_answer_weeks"])
    for books in state.finance.books.values():
        if books.sought_cents and books.sought_day + wait <= last:
            event = events.RoundFailed(org=books.org, amount_usd_cents=books.sought_cents, reason="no answer")
            yield Happening(max(first, books.sought_day + wait), event, books.org, books.org)


def turnover(state: State, org: str) -> float:
    """Cents a year that an org pays in rent and instalments, and earns in rent, by the hour too, and other business."""
    rents = 13 * (monthly_rent(state, org) + rent_earned(state, org)) + tail_rent_usd_per_year(state, org) * CENTS
    return rents + service_cents(state, org) + income_usd_per_year(state, org, week_start(state)) * CENTS


def is_insolvent(state: State, org: str) -> bool:
    """Whether cash, with what a rating would still borrow, lies further below zero than a part of the turnover."""
    if cash(state, org) >= 0:
        return False
    money = cash(state, org) + bond_room_cents(state, org, week_start(state))
    return money < state.run.parameters["finance.default_cash_share"] * turnover(state, org)


DECIDE: Deciders = {
    commands.SetBudget: set_budget,
    commands.SeekRound: seek_round,
    commands.FundRound: fund_round,
    commands.DeclineRound: decline_round,
}
