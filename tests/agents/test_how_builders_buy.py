"""How builders buy chips, borrow, begin and pause work, and ask others for capacity: sums over plain facts."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from given import START
from msgspec.structs import replace
from seen import A100, GB200, H100, ME, Seen, nothing, rented, signed, some
from test_a_week_of_each_org import due, named
from test_amounts_of_a_builder import building, site
from test_talks_and_the_race import kinds
from test_ways_to_get_compute import way
from test_what_a_lessor_offers import Normal

from agents import (
    buyers,
    clouds,
    fulfilment,
    permission,
    siting,
)
from agents.decision import Way, Weights
from agents.valuation import ties
from events.commands.chips import PlaceOrder
from market.rng import Draws

YEAR_HOURS = 8760


__all__ = ["due"]


# --- budgets and orders

BUYING = {
    "finance.bill_factor": 2.0, "budget.speed_per_week": 0.1, "budget.down_per_week": 0.05, "budget.up_per_week": 0.2,
    "choice.chip_temperature": 1.0, "orders.chips_at_once": 2.0, "choice.chip_wait_weight": 0.0,
    "orders.excess": 1.5, "orders.excess_cancel_per_week": 0.1, "finance.loan_least_usd": 10.0,
    "finance.loan_share": 0.5, "finance.coverage_min": 2.0, "finance.covenant_min": 1.0,
    "finance.builder_round_weeks": 26.0, "finance.round_share": 0.1, "finance.value_per_rent": 5.0,
}  # fmt: skip


def budgeted(monkeypatch, wish=1e12, finance=1e12, power=1e12, cents=1, before=1_000.0):
    monkeypatch.setattr(buyers, "wish_usd_per_year", lambda _: wish)
    monkeypatch.setattr(buyers, "finance_usd_per_year", lambda _: finance)
    monkeypatch.setattr(buyers, "powered_usd_per_year", lambda _: power)
    seen = Seen(BUYING, books=some(budget_usd_per_year=before), cash_cents=cents)
    found = buyers.budget(seen)
    return found.value, found.reason


def test_a_budget_moves_towards_the_tightest_limit_at_its_speed_within_steps(monkeypatch):
    for name, value in (("wish", 1_100.0), ("finance", 2_200.0), ("power", 1_100.0)):
        found, reason = budgeted(monkeypatch, **{name: value})
        assert found == pytest.approx(1_000 * math.exp(0.4 * math.log(1.1)))
        assert reason == {"wish": "demand"}.get(name, name)
    assert budgeted(monkeypatch, wish=1e9)[0] == pytest.approx(1_000 * math.exp(0.8))
    assert budgeted(monkeypatch, wish=1.0)[0] == pytest.approx(1_000 * math.exp(-0.2))
    assert budgeted(monkeypatch, wish=0.0, before=0.5)[0] == pytest.approx(0.5)
    assert budgeted(monkeypatch, cents=-1) == (pytest.approx(1_000 * math.exp(-0.2)), "no cash")
    assert budgeted(monkeypatch, cents=0)[1] != "no cash"


def test_purchases_are_made_once_a_month_by_who_has_a_budget(monkeypatch, due):
    named(monkeypatch, buyers, "orders", "cancellations", "loan", "equity")
    monkeypatch.setattr(buyers, "budget", lambda _: "budget")
    has, none = (Seen(books=some(budget_usd_per_year=usd)) for usd in (1.0, 0.0))
    assert list(buyers.purchases(has)) == []
    due.add(4)
    assert list(buyers.purchases(has)) == ["budget", "orders", "cancellations", "loan", "equity"]
    assert list(buyers.purchases(none)) == []


def ordered(
    monkeypatch, month=1_000_000.0, spendable=1e12, leases=(), allowed=None, levy=0.0, refused=(), seed=None, **terms
):
    """Three chips are as cheap; of each a third is available; without a seed they come by name."""
    monkeypatch.setattr(buyers, "ties", ties if seed is not None else lambda _: lambda name: 0.0)
    found = [way(name, chip=name) for name in ("H100", "GB200", "A100")]
    monkeypatch.setattr(buyers, "_lease_orders", lambda _: iter(leases))
    monkeypatch.setattr(buyers, "_own_orders", lambda _: iter(["own"]))
    monkeypatch.setattr(buyers, "spending_usd", lambda _: month)
    monkeypatch.setattr(buyers, "spendable_usd", lambda _: spendable)
    monkeypatch.setattr(buyers, "usd_per_h100e", lambda _: 1.0)
    monkeypatch.setattr(buyers, "horizon_weeks", lambda _: 0.0)
    monkeypatch.setattr(buyers.options, "orders", lambda _: found)
    monkeypatch.setattr(buyers.permission, "refused_chips", lambda _: refused)
    monkeypatch.setattr(buyers.permission, "order_size", lambda _, chip, gpus: (min(gpus, allowed or gpus), ()))
    monkeypatch.setattr(buyers.means, "weights", lambda _: Weights(1.0, 0.0))
    seen = Seen({**BUYING, **terms}, levy_on_chips=levy, chips=(H100, GB200, A100), draws=Draws(seed or 0, ME, 0))
    return [(c.chip, c.gpus) for c in buyers.orders(seen) if c != "own"]


def test_of_chips_that_are_as_good_no_name_comes_first(monkeypatch):
    first = {ordered(monkeypatch, seed=seed)[0][0] for seed in range(20)}
    assert first == {"A100", "GB200", "H100"}


def test_a_months_money_is_divided_over_the_best_chips_on_offer(monkeypatch):
    part = 1_000_000 / 3
    assert ordered(monkeypatch) == [("A100", int(part / 10_000)), ("GB200", int(part / 40_000))]
    assert len(ordered(monkeypatch, **{"orders.chips_at_once": 3.0})) == 3
    assert ordered(monkeypatch, levy=0.25)[0] == ("A100", int(part / 12_500))
    assert ordered(monkeypatch, spendable=600_000.0)[0] == ("A100", 20)
    assert ordered(monkeypatch, month=240_001.0) == [("A100", 8)]
    assert ordered(monkeypatch, month=239_000.0) == []
    assert ordered(monkeypatch, month=0.0) == ordered(monkeypatch, spendable=0.0) == []
    assert ordered(monkeypatch, allowed=8)[0] == ("A100", 8)
    assert ordered(monkeypatch, allowed=7) == []
    first = PlaceOrder(actor=ME, because="x", chip="H100", gpus=10)
    assert ordered(monkeypatch, spendable=850_000.0, leases=(first,))[1] == ("A100", 20)


def own_orders(monkeypatch, promised=10, room=1e9, wish=1.0, backlog=0, start=START, lines=None):
    monkeypatch.setattr(buyers, "wish_usd_per_year", lambda _: wish)
    monkeypatch.setattr(buyers, "room_kw", lambda *_: room)
    monkeypatch.setattr(buyers, "horizon_weeks", lambda _: 1.0)
    chips = lines or (replace(H100, start_day=start),)
    seen = Seen(
        outlook=dict.fromkeys(("H100", "GB200"), promised), own_lines=chips, lead_time_weeks=6.0,
        orders=(some(chip="H100", gpus=backlog), some(chip="GB200", gpus=0)),
    )  # fmt: skip
    return [(c.chip, c.gpus) for c in buyers._own_orders(seen)]


def test_own_lines_are_taken_for_the_next_month_as_far_as_there_is_power(monkeypatch):
    assert own_orders(monkeypatch) == [("H100", 100)]
    assert own_orders(monkeypatch, backlog=30) == [("H100", 70)]
    assert own_orders(monkeypatch, backlog=92) == [("H100", 8)]
    assert own_orders(monkeypatch, backlog=93) == []
    assert own_orders(monkeypatch, room=14.0, backlog=30) == [("H100", 10)]
    assert own_orders(monkeypatch, room=-14.0) == []
    assert own_orders(monkeypatch, wish=0.0) == []
    assert own_orders(monkeypatch, start=START + 1) == []
    both = (replace(H100, start_day=START - 9), replace(GB200, start_day=START))
    assert own_orders(monkeypatch, lines=both, room=228.0) == [("GB200", 100), ("H100", 20)]


def lease_orders(lack, leases=(), may=True, chips=(H100,)):
    def of(monkeypatch):
        monkeypatch.setattr(buyers, "lacking", lambda _: {"H100": SimpleNamespace(leases=lack)})
        owed = {x.chip: 1 for x in leases if x.owed and x.parent_lease_id is None}
        seen = Seen(let=leases, owed_gpus=owed, may_buy=may, chips=chips)
        return [(c.gpus, c.because) for c in buyers._lease_orders(seen)]

    return of


def test_what_signed_leases_lack_is_ordered_for_the_first_of_them(monkeypatch):
    late = rented(lease_id="a", start_day=START + 1, owed=5)
    first = rented(lease_id="b", owed=5)
    others = (rented(lease_id="0", owed=0), rented(lease_id="1", owed=5, parent_lease_id="x"),
              rented(lease_id="2", owed=5, chip="A100"))  # fmt: skip
    assert lease_orders(8, (*others, late, first))(monkeypatch) == [(8, "b")]
    assert lease_orders(7, (first,))(monkeypatch) == []
    assert lease_orders(8, (first,), may=False)(monkeypatch) == []
    assert lease_orders(8, (first,), chips=(replace(H100, retired=True),))(monkeypatch) == []


def cancelled(monkeypatch, position, orders, room=1e9, cents=1, rate=0.1):
    monkeypatch.setattr(buyers, "position_h100e", lambda _: position)
    monkeypatch.setattr(buyers, "target_h100e", lambda *_: 100.0)
    monkeypatch.setattr(buyers, "horizon_weeks", lambda _: 1.0)
    monkeypatch.setattr(buyers, "room_kw", lambda *_: room)
    placed = tuple(some(order_id=str(n), chip=chip, gpus=gpus) for n, (chip, gpus) in enumerate(orders))
    seen = Seen({**BUYING, "orders.excess_cancel_per_week": rate}, orders=placed, cash_cents=cents)
    return [(c.order_id, c.gpus) for c in buyers.cancellations(seen)]


def test_a_part_of_what_is_beyond_target_or_power_is_cancelled_newest_first(monkeypatch):
    two = (("H100", 100), ("H100", 100))
    assert cancelled(monkeypatch, 150.0, two) == []
    assert cancelled(monkeypatch, 250.0, two) == [("1", math.ceil(0.4 * 0.5 * 200))]
    assert cancelled(monkeypatch, 9_999.0, two) == [("1", 80)]
    assert cancelled(monkeypatch, 9_999.0, two, rate=0.2) == [("1", 100), ("0", 60)]
    assert cancelled(monkeypatch, 9_999.0, two, rate=9.0) == [("1", 100), ("0", 100)]
    assert cancelled(monkeypatch, 0.0, two, cents=-1) == [("1", 80)]
    assert cancelled(monkeypatch, 0.0, two, room=-70.0) == [("1", 20)]
    assert cancelled(monkeypatch, 9_999.0, ()) == []
    assert cancelled(monkeypatch, 9_999.0, (("GB200", 10),)) == [("0", 4)]


# --- debt and equity


def borrowed(monkeypatch, bill=1_000.0, shells=0.0, spendable=0.0, room=0, borrows=1.0, coverage=None, vendors=()):
    monkeypatch.setattr(buyers, "quarter_bill_usd", lambda _: bill)
    monkeypatch.setattr(buyers, "shells_usd_per_year", lambda _: shells)
    monkeypatch.setattr(buyers, "spendable_usd", lambda _: spendable)
    seen = Seen(
        BUYING, {"borrows": borrows}, bond_room_cents=room, is_lender=lambda name: name == "bank",
        orgs=lambda role: {"investor": ("bank", "fund")}.get(role, tuple(dict(vendors)) if role == "oem" else ()),
        coverage=coverage or (lambda cents: 9.0), vendor_room_cents=dict(vendors).get, draws=Normal(),
    )  # fmt: skip
    return [(c.lender, c.amount_usd_cents) for c in buyers.loan(seen)]


def test_a_quarters_bill_is_borrowed_when_money_would_run_out(monkeypatch):
    assert borrowed(monkeypatch) == [("bank", 50_000)]
    assert borrowed(monkeypatch, shells=4_000.0) == [("bank", 100_000)]
    assert borrowed(monkeypatch, spendable=999.0) == [("bank", 50_000)]
    assert borrowed(monkeypatch, spendable=1_000.0) == []
    assert borrowed(monkeypatch, borrows=0.0) == []
    assert borrowed(monkeypatch, borrows=0.0, room=1_000) == [("bank", 1_000)]
    assert borrowed(monkeypatch, borrows=0.0, room=999_999) == [("bank", 100_000)]
    assert borrowed(monkeypatch, room=999) == [("bank", 50_000)]


def test_a_loan_is_halved_until_income_covers_it_and_makers_lend_where_that_covers_none(monkeypatch):
    assert borrowed(monkeypatch, coverage=lambda cents: 2.0 if cents <= 20_000 else 1.9) == [("bank", 12_500)]
    assert borrowed(monkeypatch, coverage=lambda cents: 2.0 if cents <= 999 else 1.9) == []
    thin = {"coverage": lambda cents: 1.5}
    assert borrowed(monkeypatch, vendors={"dell": 30_000}.items(), **thin) == [("dell", 30_000)]
    assert borrowed(monkeypatch, vendors={"dell": 90_000}.items(), **thin) == [("dell", 50_000)]
    assert borrowed(monkeypatch, vendors={"dell": 1_000}.items(), **thin) == [("dell", 1_000)]
    assert borrowed(monkeypatch, vendors={"dell": 999}.items(), **thin) == []


def test_a_quarters_bill_is_chips_of_the_budget_and_what_is_short_of_orders(monkeypatch):
    for unspent, more in ((5.0, 0.0), (-5.0, 5.0)):
        monkeypatch.setattr(buyers, "unspent_usd", lambda _, _usd=unspent: _usd)
        seen = Seen(BUYING, books=some(budget_usd_per_year=100.0))
        assert buyers.quarter_bill_usd(seen) == 50 + more


def sold(monkeypatch, wish=1.0, spendable=0.0, borrows=1.0, let=1_000, **books):
    monkeypatch.setattr(buyers, "quarter_bill_usd", lambda _: 10.0)
    monkeypatch.setattr(buyers, "spendable_usd", lambda _: spendable)
    monkeypatch.setattr(buyers, "wish_usd_per_year", lambda _: wish)
    usual = {"sought_cents": 0, "round_day": START - 182, "valuation_cents": 0}
    seen = Seen(BUYING, {"borrows": borrows}, books=some(**{**usual, **books}), monthly_let_cents=let)
    return [command.amount_usd_cents for command in buyers.equity(seen)]


def test_an_org_that_lives_on_contracts_sells_a_part_of_itself_when_money_is_short(monkeypatch):
    assert sold(monkeypatch) == [round(0.1 * 5 * 13 * 1_000)]
    assert sold(monkeypatch, valuation_cents=99_990) == [9_999]
    assert sold(monkeypatch, spendable=9.0) == [6_500]
    assert sold(monkeypatch, spendable=10.0) == sold(monkeypatch, borrows=0.0) == sold(monkeypatch, wish=0.0) == []
    assert sold(monkeypatch, round_day=START - 181) == sold(monkeypatch, sought_cents=1) == []
    assert sold(monkeypatch, let=0) == []


# --- starts, pauses and contracts

SITING = {
    "sites.pause_per_week": 0.125, "orders.excess": 1.5, "sites.need_margin": 2.0, "sites.brownfield_share": 0.25,
    "sites.waiting_share": 0.5, "sites.building_kw_max": 100.0, "sites.building_kw_min": 10.0,
    "sites.patience_weeks": 5.0, "power.permit_apply_days": 90.0, "decision.noise": 0.0,
    "contracts.early_days": 30.0, "orders.ahead_days": 180.0, "shipping.server_cost_share": 0.1,
    "build.shell_usd_per_kw": 10.0,
}  # fmt: skip


def test_work_is_reviewed_by_the_month_and_begun_by_the_quarter(monkeypatch, due):
    named(monkeypatch, siting, "pauses", "buildings")
    has = Seen(books=some(budget_usd_per_year=1.0))
    for weeks, found in (((), []), ((4,), ["pauses"]), ((13,), ["buildings"]), ((4, 13), ["pauses", "buildings"])):
        due.clear()
        due.update(weeks)
        assert list(siting.works(has, None)) == found
        assert list(siting.works(Seen(books=some(budget_usd_per_year=0.0)), None)) == []


def paused(monkeypatch, needed, *works, stands=0, cents=1, margin=1.0):
    monkeypatch.setattr(siting, "power_needed_kw", lambda _: needed)
    monkeypatch.setattr(siting, "margin", lambda _: margin)
    seen = Seen(SITING, buildings=works, sites=(site(running_kw=stands),), cash_cents=cents)
    return [(type(c).__name__, c.building_id) for c in siting.pauses(seen)]


def test_the_newest_work_beyond_need_is_paused_by_a_part_and_taken_up_when_needed(monkeypatch):
    old = building(building_id="old", power_kw=300)
    new = building(building_id="new", power_kw=300, start_day=START + 1)
    rests = building(building_id="rests", power_kw=300, paused_day=START)
    assert paused(monkeypatch, 200.0, old, new) == []
    assert paused(monkeypatch, 100.0, old, new) == [("PauseBuilding", "new")]
    assert paused(monkeypatch, 0.0, old, new, stands=10) == [("PauseBuilding", "new"), ("PauseBuilding", "old")]
    assert paused(monkeypatch, 0.0, old, new) == [("PauseBuilding", "new")]
    done = (building(shell_ready=True, power_kw=999), building(kind="leased", power_kw=999))
    assert paused(monkeypatch, 0.0, *done) == []
    assert paused(monkeypatch, 9e9, old, new, cents=-1) == [("PauseBuilding", "new")]
    assert paused(monkeypatch, 201.0, old, new, rests) == [("ResumeBuilding", "rests")]
    assert paused(monkeypatch, 200.0, old, new, rests) == []
    assert paused(monkeypatch, 201.0, old, new, rests, cents=-1) == [("PauseBuilding", "new")]
    assert paused(monkeypatch, 201.0, old, new, rests, margin=0.0) == []
    later = building(building_id="later", power_kw=300, paused_day=START, start_day=START + 9)
    assert paused(monkeypatch, 300.0, old, new, later, rests) == [("ResumeBuilding", "rests")]
    assert len(paused(monkeypatch, 301.0, old, new, later, rests)) == 2


def permits(due, end=START + 90, decided=-1, is_running=True, sought=True, is_open=True, queued=(), monkeypatch=None):
    due.add(4)
    monkeypatch.setattr(permission, "is_to_be_sought", lambda *_: sought)
    monkeypatch.setattr(permission, "is_permit_open", lambda *_: is_open)
    one = some(end_day=end, decided_day=decided, is_running=is_running, building_id="b")
    return kinds(siting.renewals(Seen(SITING, plant_permits=(one,), queued_plant=queued)))


def test_a_permit_is_sought_in_time_and_the_grid_where_plant_stands_still_or_may_not_run(monkeypatch, due):
    assert permits(due, monkeypatch=monkeypatch) == ["RenewPermit"]
    assert permits(due, end=START + 91, monkeypatch=monkeypatch) == []
    assert permits(due, decided=0, monkeypatch=monkeypatch) == []
    assert permits(due, is_running=False, monkeypatch=monkeypatch) == ["RenewPermit", "ConnectToGrid"]
    assert permits(due, is_open=False, sought=False, monkeypatch=monkeypatch) == ["ConnectToGrid"]
    assert permits(due, is_running=False, queued=("b",), monkeypatch=monkeypatch) == ["RenewPermit"]
    due.clear()
    monkeypatch.setattr(siting, "is_my_week", lambda *_: False)
    assert permits(due, monkeypatch=monkeypatch) == []


def started(monkeypatch, gap=400.0, buildable=1e9, fundable=1e9, waiting=0, margin=1.0, chip=H100, cents=0):
    found = []
    monkeypatch.setattr(siting, "power_gap_kw", lambda _: gap)
    monkeypatch.setattr(siting, "best_chip", lambda _: chip)
    monkeypatch.setattr(siting, "buildable_kw", lambda _: buildable)
    monkeypatch.setattr(siting, "fundable_kw", lambda _: fundable)
    monkeypatch.setattr(siting, "margin", lambda _: margin)
    monkeypatch.setattr(siting, "greenfield_weeks", lambda _: 0.0)
    monkeypatch.setattr(siting, "urgency", lambda _: 0.0)
    monkeypatch.setattr(siting.options, "fleet", lambda view, wanted, *, halls: [])

    def begin(view, draws, piece, ways, taken):
        found.append((piece[1], round(piece[0].h100e * 1.4, 6)))
        return iter(())

    monkeypatch.setattr(siting, "_begin", begin)
    list(siting.buildings(Seen(SITING, cash_cents=cents, warehouse={"H100": waiting}, price=1.0), None))
    return found


def test_a_gap_is_closed_by_new_land_and_what_is_found_within_money_in_buildings_of_a_size(monkeypatch):
    assert started(monkeypatch) == [("new 0", 100), ("new 1", 100), ("new 2", 100), ("found 0", 100)]
    assert started(monkeypatch, gap=404.0)[0] == ("new 0", 75.75)
    assert started(monkeypatch, buildable=250.0) == [(f"new {n}", round(250 / 3, 6)) for n in range(3)]
    assert started(monkeypatch, fundable=310.0)[-1] == ("found 0", 10)
    assert started(monkeypatch, fundable=309.0)[-1] == ("new 2", 100)
    assert started(monkeypatch, gap=0.0) == started(monkeypatch, gap=-5.0) == []
    assert started(monkeypatch, gap=0.0, waiting=100) == [("found 0", 70)]
    assert started(monkeypatch, gap=0.0, waiting=100, margin=0.5) == [("found 0", 35)]
    assert started(monkeypatch, cents=-1) == started(monkeypatch, chip=None) == []


def test_buildings_wait_in_line_for_makers_of_plant_a_grid_or_developers():
    names = [
        siting._queue(way(region="texas", **values))
        for values in ({"on_site_power": True}, {"way": Way.LEASED_SHELL}, {"is_firm": True}, {"is_firm": False})
    ]
    assert names == ["own plant", "texas leased", "texas firm", "texas not firm"]


def behind(monkeypatch, before=10.0, weeks=20.0, owned=True):
    monkeypatch.setattr(siting.means, "fleet_power_weeks", lambda view, build, kw: weeks if kw == 15.0 else -1.0)
    monkeypatch.setattr(siting.means, "shell_weeks", lambda *_: 15.0)
    return siting._after(Seen(SITING), way(is_owned=owned, wait_weeks=12.0, region="texas"), 5.0, before)


def test_a_building_behind_others_waits_for_them_and_no_longer_than_patience(monkeypatch):
    assert behind(monkeypatch).wait_weeks == 20.0
    assert behind(monkeypatch, weeks=11.0).wait_weeks == 12.0
    assert behind(monkeypatch, weeks=20.1).failed == ("power",)
    assert behind(monkeypatch, before=0.0).wait_weeks == behind(monkeypatch, owned=False).wait_weeks == 12.0


def fed(monkeypatch, pending=100.0, installed=0, stands=20, coming=0, cash=1_000_000, chip=H100, places=True, **terms):
    found = []
    monkeypatch.setattr(fulfilment.means, "best_chip", lambda _: chip)
    monkeypatch.setattr(fulfilment.means, "other_burn_usd", lambda _: 100.0)
    monkeypatch.setattr(fulfilment.means, "kept_for_contracts_usd", lambda _: 50.0)
    monkeypatch.setattr(fulfilment.means, "weights", lambda _: Weights(1.0, 0.0))
    monkeypatch.setattr(
        fulfilment.options, "every_build", lambda *_, **__: [way(way=Way.BROWNFIELD), way("g", 0.1, way=Way.GREENFIELD)]
    )
    monkeypatch.setattr(
        fulfilment.execution, "begin", lambda view, option, kw, because, why: found.append((option.name, kw))
    )
    sites = (site(running_kw=stands, energised_kw=1, installed_w=installed),) if places else ()
    seen = Seen({**SITING, **terms}, **nothing(
        sites=sites, buildings=(building(power_kw=coming),), cash_cents=cash, pending_kw=pending,
    ))  # fmt: skip
    list(fulfilment.power_chips(seen))
    return found


def test_chips_without_power_get_a_building_within_cash_and_size(monkeypatch):
    assert fed(monkeypatch) == [("a", 80)]
    assert fed(monkeypatch, installed=5_000) == [("a", 85)]
    assert fed(monkeypatch, coming=30) == [("a", 50)]
    assert fed(monkeypatch, coming=70) == [("a", 10)]
    assert fed(monkeypatch, coming=71) == []
    assert fed(monkeypatch, pending=999.0) == [("a", 100)]
    assert fed(monkeypatch, cash=45_000) == [("a", 30)]
    assert fed(monkeypatch, cash=0) == fed(monkeypatch, chip=None) == fed(monkeypatch, places=False, stands=0) == []


def contracted(monkeypatch, undrawn=100, start=START + 100, short=1_000, placed=(), room=1e9, money=1e12, chip=H100,
               may=True, size=None):  # fmt: skip
    asked_weeks = []
    monkeypatch.setattr(fulfilment.means, "chip_weeks", lambda *_: 10.0)
    monkeypatch.setattr(fulfilment, "room_kw", lambda view, weeks, trust: asked_weeks.append((weeks, trust)) or room)
    monkeypatch.setattr(fulfilment, "payable_usd", lambda _: money)
    monkeypatch.setattr(permission, "order_size", lambda view, name, gpus: (min(gpus, size or gpus), ()))
    left = {"H100": short}
    contract = signed((undrawn, start), lessor=ME)
    order = fulfilment.order_for(Seen(SITING, chips=(chip,), may_buy=may), contract, left, placed)
    if order is not None:
        assert asked_weeks == [(pytest.approx((start - START) / 7 + 13), 1.0)]
        assert left["H100"] == short - order.gpus
    return order.gpus if order is not None else None


def test_chips_for_a_contract_are_ordered_when_it_is_time_within_power_and_money(monkeypatch):
    assert contracted(monkeypatch) == 100
    assert contracted(monkeypatch, start=START + 101) is None
    assert contracted(monkeypatch, short=60) == 60
    assert contracted(monkeypatch, short=8) == 8
    assert contracted(monkeypatch, short=7) is None
    assert contracted(monkeypatch, room=70.0) == 50
    assert contracted(monkeypatch, room=-70.0) is None
    assert contracted(monkeypatch, money=27_500.1 * 30) == 30
    before = [PlaceOrder(actor=ME, because="x", chip="H100", gpus=10)]
    assert contracted(monkeypatch, room=70.0, placed=before) == 40
    assert contracted(monkeypatch, money=27_500.1 * 30, placed=before) == 20
    assert contracted(monkeypatch, size=9) == 9
    assert contracted(monkeypatch, size=7) is None
    assert contracted(monkeypatch, may=False) is None
    assert contracted(monkeypatch, chip=replace(H100, retired=True)) is None
    assert contracted(monkeypatch, chip=replace(H100, start_day=START + 180)) == 100
    assert contracted(monkeypatch, chip=replace(H100, start_day=START + 181)) is None


def test_power_of_sites_is_taken_in_order_and_what_lacks_is_told():
    places, left = (site("a"), site("b")), {"a": 5.0, "b": 10.0, "c": 99.0}
    assert fulfilment.taken_kw(left, places, 8.0) == 0.0
    assert left == {"a": 0.0, "b": 7.0, "c": 99.0}
    assert fulfilment.taken_kw(left, places, 8.0) == 1.0
    assert fulfilment.taken_kw({"a": -4.0, "b": 0.0}, places, 8.0) == 8.0


def test_power_free_or_under_way_is_there_beside_what_was_promised():
    seen = Seen(sites=(site(spare_w=50_000),), promised_kw=20.0, buildings=(building(power_kw=7),))
    assert fulfilment.rooms_kw(seen) == {"alpha": 37.0}


def test_contracts_are_fulfilled_in_the_order_of_their_days(monkeypatch):
    found = []
    monkeypatch.setattr(fulfilment, "lacking", lambda _: {"H100": some(contracts=5)})
    monkeypatch.setattr(fulfilment, "rooms_kw", lambda _: {})
    monkeypatch.setattr(fulfilment, "order_for", lambda view, one, short, placed: found.append(
        (one.contract_id, short["H100"], len(placed))) or "order")  # fmt: skip
    monkeypatch.setattr(fulfilment, "build_for", lambda view, one, room: iter(["build"]))
    known = (signed((1, START + 5), lessor=ME, contract_id="b"), signed((1, START + 9), lessor=ME, contract_id="a"),
             signed((0, START), lessor=ME), signed((1, START)))  # fmt: skip
    before = [PlaceOrder(actor=ME, because="x", chip="H100", gpus=1), "other"]
    assert list(fulfilment.fulfil(Seen(contracts=known), before)) == ["order", "build", "order", "build"]
    assert found == [("b", 5, 1), ("a", 5, 2)]
    assert list(fulfilment.fulfil(Seen(contracts=known[2:]), before)) == []


# --- capacity of clouds


def lacked(monkeypatch, captive=0.5, cents=1, chip=GB200, target=1_000.0, owned=200.0, power=0, installed=0, margin=1.0,
           finance=1e12, obtainable=1e12, **terms):  # fmt: skip
    for name, value in (("horizon_weeks", 10.0), ("owned_h100e", owned), ("rented_h100e", 100.0),
                        ("finance_usd_per_year", finance), ("margin", margin), ("asked_h100e", obtainable),
                        ("best_chip", chip), ("installed_kw", installed)):  # fmt: skip
        monkeypatch.setattr(clouds, name, lambda *_, _value=value: _value)
    monkeypatch.setattr(clouds, "target_h100e", lambda view, weeks: target if weeks == 10 else 0.0)
    monkeypatch.setattr(clouds, "trusted_kw", lambda view, weeks: power if weeks == 10 else 0.0)
    monkeypatch.setattr(clouds, "users_urgency", lambda _, cost, years: cost + years)
    values = {"labs.far_term_years": 4.0, "sites.start_weeks": 26.0, "contracts.ask_min_h100e": 50.0,
              "price.walk_away": 1.5, **terms}  # fmt: skip
    seen = Seen(values, captive_share=captive, cash_cents=cents, own_cost=3.0,
                contract_price=lambda days, weeks: days / 365 + weeks / 10)  # fmt: skip
    return [(c.h100e, c.due_day, c.years, c.worth_usd_per_h100e_hour_max, c.urgency) for c in clouds.capacity(seen)]


def test_a_cloud_asks_others_for_its_part_of_what_its_users_will_lack(monkeypatch):
    assert lacked(monkeypatch) == [(350.0, START + 70, 4.0, 7.5, 7.0)]
    assert lacked(monkeypatch, power=120, installed=40)[0][0] == 300.0
    assert lacked(monkeypatch, power=40, installed=120)[0][0] == 350.0
    assert lacked(monkeypatch, margin=0.5)[0][0] == 175.0
    assert lacked(monkeypatch, **{"sites.start_weeks": 5.0})[0][0] == 700.0
    assert lacked(monkeypatch, obtainable=99.0)[0][0] == 99.0
    assert lacked(monkeypatch, finance=5 * YEAR_HOURS * 77)[0][0] == pytest.approx(77)
    assert len(lacked(monkeypatch, obtainable=50.0)) == 1
    assert lacked(monkeypatch, obtainable=49.9) == []
    assert lacked(monkeypatch, captive=0.0) == lacked(monkeypatch, cents=0) == lacked(monkeypatch, chip=None) == []
