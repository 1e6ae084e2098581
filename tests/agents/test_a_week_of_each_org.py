"""What each kind of org does in a week, how it bids for estates and what power it could lease out: plain facts."""

from __future__ import annotations

import math

import pytest
from given import START
from msgspec.structs import replace
from seen import A100, GB200, H100, ME, Seen, lab, nothing, rented, signed, some
from test_amounts_of_a_builder import building, site
from test_what_a_lessor_offers import Normal, asked

from agents import (
    bidders,
    buyers,
    clouds,
    investors,
    labs,
    oems,
    rest,
    rooms,
    siting,
    suppliers,
    valuation,
)
from market.view.records import Lot

YEAR_HOURS = 8760


def named(monkeypatch, module, *names):
    """Let functions of a module answer with their names alone."""
    for name in names:
        monkeypatch.setattr(module, name, lambda *_, _name=name, **__: iter([_name]))


# --- who does what in a week


@pytest.fixture
def due(monkeypatch):
    """Say which decisions are due this week: every so many weeks."""
    now = set()
    for module in (labs, clouds, siting, oems, buyers, suppliers):
        if hasattr(module, "is_my_week"):
            monkeypatch.setattr(module, "is_my_week", lambda _, every: every in now)
    return now


def lab_week(monkeypatch, due, *weeks, traits=(), **facts):
    due.clear()
    due.update(weeks)
    named(monkeypatch, labs, "purchases", "works", "bids", "options_of_lab", "plan", "power_chips", "answer_requests",
          "answer_counters", "train", "projects", "renewals", "raise_money", "pursue")  # fmt: skip
    monkeypatch.setattr(labs, "taken_h100e", lambda view, options: len(options))
    monkeypatch.setattr(labs, "wanted_targets", lambda view, lab, taken: [taken])
    monkeypatch.setattr(labs, "pursue", lambda view, targets, draws: [f"pursue {targets[0]}"])
    monkeypatch.setattr(labs, "split", lambda *_: "split")
    usual = {"lab": lab(), "requests_to_me": (), "parent_of": None}
    return labs.Lab().act(Seen(None, dict(traits), **{**usual, **facts}), None)


def test_a_lab_pursues_trains_and_raises_each_week_and_plans_each_month(monkeypatch, due):
    weekly = ["pursue 0", "train", "projects", "renewals", "raise_money"]
    assert lab_week(monkeypatch, due) == weekly
    monthly = ["options_of_lab", "pursue 1", "plan", "split", *weekly[1:]]
    assert lab_week(monkeypatch, due, 4) == monthly
    assert lab_week(monkeypatch, due, 13) == weekly
    assert lab_week(monkeypatch, due, 4, parent_of="g") == ["pursue 0", "split", *weekly[1:]]
    assert lab_week(monkeypatch, due, 4, traits={"in_house": 1.0}.items()) == ["pursue 0", "split", *weekly[1:]]
    asked_for = lab_week(monkeypatch, due, requests_to_me=("one",))
    assert asked_for == ["pursue 0", "answer_requests", "answer_counters", *weekly[1:]]
    assert lab_week(monkeypatch, due, 4, lab=None) == []


def test_a_lab_that_builds_buys_for_its_other_business_or_powers_its_chips(monkeypatch, due):
    weekly = ["pursue 0", "train", "projects", "renewals", "raise_money"]
    rich = {"build": 1.0, "income_usd_per_year": 1.0}
    assert lab_week(monkeypatch, due, traits=rich.items()) == ["purchases", "works", "bids", *weekly]
    assert "power_chips" not in lab_week(monkeypatch, due, 4, traits=rich.items())
    assert lab_week(monkeypatch, due, traits={"build": 1.0}.items()) == weekly
    assert "power_chips" in lab_week(monkeypatch, due, 4, traits={"build": 1.0}.items())
    assert lab_week(monkeypatch, due, traits={"income_usd_per_year": 1.0}.items()) == weekly


def targets_of(monkeypatch, due, *weeks, traits=(), racing=False, machine=("frontier",), **facts):
    due.clear()
    due.update(weeks)
    named(monkeypatch, labs, "internal", "bridge", "near", "far")
    monkeypatch.setattr(labs, "frontier", lambda _: iter(machine))
    monkeypatch.setattr(labs, "is_racing", lambda _: racing)
    usual = {"parent_of": None, "requests_by_me": ()}
    return list(labs.wanted_targets(Seen(None, dict(traits), **{**usual, **facts}), lab(), 0.0))


def test_a_lab_wants_a_machine_a_bridge_and_by_month_and_quarter_compute_soon_and_years_ahead(monkeypatch, due):
    assert targets_of(monkeypatch, due) == ["frontier", "bridge"]
    assert targets_of(monkeypatch, due, 4, 13) == ["frontier", "bridge", "near"]
    assert targets_of(monkeypatch, due, 4, 13, machine=()) == ["bridge", "near", "far"]
    assert targets_of(monkeypatch, due, 4, machine=()) == ["bridge", "near"]
    assert targets_of(monkeypatch, due, 13, machine=(), racing=True) == ["bridge"]
    assert targets_of(monkeypatch, due, 4, 13, traits={"in_house": 1.0}.items()) == ["frontier", "bridge"]
    talking = (asked(kind="serving"), asked(kind="frontier", chip="H100"))
    assert targets_of(monkeypatch, due, 4, 13, requests_by_me=talking) == ["bridge", "near"]
    part_of_a_fleet = (asked(kind="frontier", chip=""),)
    assert targets_of(monkeypatch, due, 13, requests_by_me=part_of_a_fleet) == ["frontier", "bridge"]
    assert targets_of(monkeypatch, due, 13, machine=(), requests_by_me=part_of_a_fleet) == ["bridge"]
    assert targets_of(monkeypatch, due, 13, machine=(), requests_by_me=talking[:1]) == ["bridge", "far"]
    assert targets_of(monkeypatch, due, 13, parent_of="g") == []
    assert targets_of(monkeypatch, due, 4, parent_of="g") == ["internal"]


def test_a_cloud_buys_answers_fulfils_bids_and_seeks_capacity_by_the_quarter(monkeypatch, due):
    named(monkeypatch, clouds, "purchases", "works", "renewals", "answer_requests", "answer_counters", "first_offers",
          "concessions", "fulfil", "bids", "options_of_cloud", "capacity", "fund_rounds")  # fmt: skip
    monkeypatch.setattr(clouds, "pursue", lambda view, short, draws: [("pursue", *short)])
    monkeypatch.setattr(clouds, "fulfil", lambda view, commands: [("fulfil", len(commands))])
    before = ["purchases", "works", "renewals", "answer_requests", "answer_counters", "first_offers", "concessions"]

    def week(*weeks):
        due.clear()
        due.update(weeks)
        return clouds.Cloud().act(Seen(), None)

    assert week() == [*before, ("fulfil", 7), "bids", ("pursue",), "fund_rounds"]
    assert week(4) == [*before, ("fulfil", 7), "bids", "options_of_cloud", ("pursue",), "fund_rounds"]
    assert week(13) == [*before, ("fulfil", 7), "bids", ("pursue", "capacity"), "fund_rounds"]


def test_the_rest_buys_builds_and_bids(monkeypatch):
    named(monkeypatch, rest, "purchases", "works", "renewals", "bids")
    assert rest.Rest().act(Seen(), None) == ["purchases", "works", "renewals", "bids"]


def test_a_lender_leads_no_round(monkeypatch):
    named(monkeypatch, investors, "fund_rounds")
    assert investors.Investor().act(Seen(is_lender=False), None) == ["fund_rounds"]
    assert investors.Investor().act(Seen(is_lender=True), None) == []


@pytest.mark.parametrize(("load", "gpus"), [(319, None), (320, 20), (9_999, 20)])
def test_an_oem_grows_by_a_part_when_its_lines_are_fuller_than_a_part(due, load, gpus):
    terms = {"oem.expand_above": 0.8, "oem.expand_by": 0.2, "shipping.weeks": 4.0}
    due.add(4)
    grown = oems.Oem().act(Seen(terms, integration=(100, load)), None)
    assert [command.gpus for command in grown] == ([gpus] if gpus else [])
    assert oems.Oem().act(Seen(terms, integration=(0, load)), None) == []
    assert [c.gpus for c in oems.Oem().act(Seen({**terms, "oem.expand_by": 0.0}, integration=(1, 999)), None)] == [1]
    due.clear()
    assert oems.Oem().act(Seen(terms, integration=(100, load)), None) == []


def maker(monkeypatch, week=12, backstop=0.0, chips=(H100,)):
    monkeypatch.setattr(suppliers, "backstop", lambda *_: iter(["rent"]))
    monkeypatch.setattr(suppliers, "prices", lambda _, own: iter(chip.name for chip in own))
    monkeypatch.setattr(suppliers, "warrants", lambda *_: iter(["warrants"]))
    seen = Seen(None, {"backstop_usd_per_year": backstop}, week=week, chips=chips, me="nvidia")
    return suppliers.Supplier().act(seen, None)


def test_a_maker_reprices_what_it_makes_at_the_end_of_a_quarter(monkeypatch):
    assert maker(monkeypatch) == ["H100", "warrants"]
    assert maker(monkeypatch, week=11) == maker(monkeypatch, week=13) == []
    assert maker(monkeypatch, week=11, backstop=1.0) == ["rent"]
    assert maker(monkeypatch, backstop=1.0) == ["rent", "H100", "warrants"]
    assert maker(monkeypatch, chips=(A100, GB200, replace(H100, retired=True))) == ["warrants"]


@pytest.mark.parametrize(("lead", "pull"), [(10.0, 0.0), (20.0, 0.2), (1e9, 0.3), (0.0, -0.4)])
def test_list_prices_follow_a_trend_and_the_backlog_within_bounds(lead, pull):
    terms = {"supply.list_price_pull": 0.2 / math.log(2), "supply.list_price_balance_weeks": 10.0,
             "supply.list_price_min": -0.4, "supply.list_price_max": 0.3}  # fmt: skip
    (priced,) = suppliers.prices(Seen(terms, lead_time_weeks=lead, chip_param=-0.1), [H100])
    assert priced.price_usd_per_gpu == pytest.approx(25_000 * math.exp((math.log(0.9) + pull) / 4))


def granted(share=0.1, valuation=10**12, granted=False, lead=9.9, chips=None, clouds=("a", "b")):
    terms = {"supply.list_price_balance_weeks": 10.0, "vendors.warrant_price_share": 0.5, "vendors.warrant_years": 2.0}
    own = [replace(H100, lead_time_weeks=lead)] if chips is None else chips
    seen = Seen(
        terms, {"warrant_share": share}, books=some(valuation_cents=valuation), has_granted_warrants=granted,
        orgs_of_bloc=clouds, fleet_owned_by={"a": 1.0, "b": 2.0}.get,
    )  # fmt: skip
    return list(suppliers.warrants(seen, own))


def test_warrants_are_of_a_part_of_the_makers_worth_for_the_newest_chip_that_is_not_sold_out():
    (one,) = granted()
    assert (one.org, one.gpus, one.amount_usd_cents) == ("b", round(1e9 / 12_500), 10**11)
    assert one.end_day == START + round(2 * 365.25)
    assert granted(share=0.0) == granted(valuation=0) == granted(granted=True) == granted(lead=10.0) == []
    assert granted(clouds=()) == granted(chips=[]) == granted(valuation=1) == []
    newer = replace(GB200, made_gpus=5, lead_time_weeks=1.0)
    assert granted(chips=[replace(H100, lead_time_weeks=1.0), newer])[0].because == "GB200"
    assert granted(chips=[replace(H100, lead_time_weeks=99.0), newer]) == []
    assert granted(chips=[replace(newer, buyers="own"), replace(newer, made_gpus=0)]) == []


def unsold(due, tight=0.99, rents=0, talks=(), budget=2.0, stakes=("a", "b", "bank")):
    due.add(4)
    seen = Seen(
        {"labs.ask_min_h100e": 10.0, "price.walk_away": 1.5}, {"backstop_usd_per_year": budget * YEAR_HOURS * 100},
        tightness=tight, requests_by_me=talks, stakes=stakes, clouds=("a", "b", "c"), contract_price=2.0,
        rented=(rented(gpus=rents),), lost_lease="",
    )  # fmt: skip
    return [(c.lessor, c.h100e, c.due_day, c.price_usd_per_h100e_hour) for c in suppliers.backstop(seen)]


def test_a_maker_rents_what_its_clouds_leave_unsold_within_what_it_agreed_to(monkeypatch, due):
    monkeypatch.setattr(suppliers, "answer_quotes", lambda *_: iter(()))
    assert unsold(due) == [("a", 50.0, START + 7, 3.0), ("b", 50.0, START + 7, 3.0)]
    assert unsold(due, rents=40)[0][1] == 30.0
    assert unsold(due, rents=90)[0][1] == 5.0
    assert unsold(due, rents=91) == unsold(due, tight=1.0) == unsold(due, talks=("one",)) == []
    assert unsold(due, stakes=("bank",)) == []
    due.clear()
    due.add(13)
    monkeypatch.setattr(suppliers, "is_my_week", lambda *_: False)
    assert unsold(due) == []


# --- lots


def lot(**values):
    terms = {
        "lot_id": "l", "org": "estate", "kind": "site", "site": "hall", "region": "texas", "chip": "H100", "gpus": 100,
        "h100e": 100.0, "value_cents": 1_000, "reserve_cents": 100,
    }  # fmt: skip
    return Lot(**{**terms, **values})


BIDS = {"estates.bid_cash_share": 0.5, "estates.bid_sd": 0.2, "estates.forced_share": 0.8,
        "estates.bid_without_need": 0.25}  # fmt: skip


def bidding(*lots, cents=4_000, need=1e9, budget=1.0, monkeypatch=None):
    monkeypatch.setattr(bidders, "target_h100e", lambda *_: need)
    monkeypatch.setattr(bidders, "position_h100e", lambda _: 0.0)
    monkeypatch.setattr(bidders, "horizon_weeks", lambda _: 1.0)
    monkeypatch.setattr(bidders, "worth_cents", lambda view, each, need: each.value_cents * (0.8 if need > 0 else 0.1))
    seen = Seen(BIDS, **nothing(
        lots=lots, cash_cents=cents, books=some(budget_usd_per_year=budget), same_bloc=True, may_buy=True,
    ))  # fmt: skip
    return [(bid.lot_id, bid.amount_usd_cents) for bid in bidders.bids(seen)]


def test_lots_are_bid_for_the_dearest_first_while_cash_and_need_last(monkeypatch):
    dear, cheap = lot(lot_id="dear", value_cents=2_000), lot(lot_id="cheap")
    assert bidding(cheap, dear, monkeypatch=monkeypatch) == [("dear", 1_600), ("cheap", 400)]
    assert bidding(cheap, dear, cents=400, monkeypatch=monkeypatch) == [("dear", 200)]
    assert bidding(cheap, dear, need=100.0, monkeypatch=monkeypatch) == [("dear", 1_600), ("cheap", 100)]
    assert bidding(cheap, dear, need=0.0, monkeypatch=monkeypatch) == [("dear", 200), ("cheap", 100)]
    assert bidding(lot(reserve_cents=800), monkeypatch=monkeypatch) == [("l", 800)]
    assert bidding(lot(reserve_cents=801), monkeypatch=monkeypatch) == []
    assert bidding(dear, budget=0.0, monkeypatch=monkeypatch) == []
    assert bidding(dear, cents=-9, monkeypatch=monkeypatch) == []


def test_who_may_bid_is_of_the_bloc_may_buy_the_chips_and_has_sublet_nothing_there():
    def may(one=None, bloc=True, buy=True, leases=()):
        return bidders.may_bid(Seen(same_bloc=bloc, may_buy=buy, rented=leases), one or lot())

    assert may()
    assert not may(lot(org=ME))
    assert not may(bloc=False)
    assert not may(buy=False)
    assert may(lot(chip=""), buy=False)
    there = {"site": "hall", "lessor": "estate"}
    assert not may(leases=(rented(subleased=1, **there),))
    assert may(leases=(rented(**there), rented(subleased=1, site="x", lessor="estate"), rented(subleased=1)))


def test_a_lot_is_worth_its_appraisal_in_a_forced_sale_by_the_need_for_it_and_an_opinion():
    def worth(need=100.0, h100e=100.0, z=0.0, orgs=1):
        seen = Seen(BIDS, draws=Normal(z), orgs_of_bloc=lambda role: ("x",) * orgs if role == "cloud" else ())
        return bidders.worth_cents(seen, lot(h100e=h100e), need)

    assert worth() == worth(need=900.0) == pytest.approx(800)
    assert worth(need=0.0) == worth(need=-5.0) == worth(h100e=0.0) == pytest.approx(200)
    assert worth(need=40.0) == pytest.approx(800 * (0.25 + 0.75 * 0.4))
    assert worth(z=1.0) == pytest.approx(800 * math.exp(0.2))
    assert worth(orgs=5) == pytest.approx(800 * math.exp(-0.2 * bidders.expected_maximum(5)))


def test_the_highest_of_more_opinions_lies_further_above_the_mean():
    """Means of order statistics of the normal, to three digits; Blom's formula lies within .02 of them."""
    for count, mean in ((1, 0.0), (2, 0.564), (3, 0.846), (5, 1.163), (10, 1.539), (20, 1.867)):
        assert bidders.expected_maximum(count) == pytest.approx(mean, abs=0.03)
    assert bidders.expected_maximum(0) == 0.0


# --- power that a lessor could lease out


def test_room_comes_building_after_building_beside_what_others_were_promised(monkeypatch):
    monkeypatch.setattr(rooms, "needed_kw", lambda view, weeks: 10.0 * weeks)
    monkeypatch.setattr(rooms, "greenfield_weeks", lambda view: 20.0)
    place = rooms.Room("alpha", "texas", 100.0, ((START + 70, 200), (START + 140, 300)), 0.5)
    for kw, weeks in ((100.0, 0.0), (100.1, 10.0), (250.0, 10.0), (250.1, 20.0), (500.0, 20.0), (500.1, None)):
        assert place.weeks_until(Seen(), kw) == weeks
    past = place._replace(coming=((START - 70, 200), (START + 140, 100)))
    assert past.weeks_until(Seen(), 300.0) == 0.0


def test_power_is_not_let_for_years_that_own_users_lack_before_new_land_could_serve_them(monkeypatch):
    monkeypatch.setattr(rooms, "needed_kw", lambda view, weeks: 10.0 * weeks)
    place = rooms.Room("alpha", "texas", 100.0, ((START + 70, 200), (START + 140, 300)), 0.5)
    for land, kw, weeks in ((20.0, 250.0, 10.0), (80.0, 200.0, 10.0), (80.0, 200.1, None), (130.0, 0.1, None)):
        monkeypatch.setattr(rooms, "greenfield_weeks", lambda view, land=land: land)
        assert place.weeks_until(Seen(), kw) == weeks


def test_room_at_a_site_is_spare_power_less_what_was_promised_and_signed_and_its_part_is_its_power():
    places = (site(spare_w=5_000_000, running_kw=30), site("beta", running_kw=10))
    works = (building(site="beta", power_kw=60),)
    mine = signed((100, START), lessor=ME)  # of 140 kW
    seen = Seen(
        **nothing(sites=places, buildings=works, contracts=(mine,), promised_kw={"alpha": 400.0, "beta": 0}.get)
    )
    alpha, beta = rooms.rooms(seen)
    assert (alpha.free_kw, alpha.share) == (5_000 - 400 - 70, 0.3)
    assert (beta.free_kw, beta.share, beta.coming) == (-70, 0.7, ((START + 100, 60),))
    at_beta = Seen(**nothing(sites=places, contracts=(signed((100, START), lessor=ME, site="beta"),)))
    assert rooms.contracted_kw(at_beta) == {"alpha": 0.0, "beta": pytest.approx(140)}
    elsewhere = Seen(
        **nothing(sites=places, contracts=(signed((100, START), lessor=ME, region="utah"), signed((9, 0))))
    )
    assert rooms.contracted_kw(elsewhere) == {"alpha": 0.0, "beta": 0.0}
    (idle,) = rooms.rooms(Seen(**nothing(sites=(site(),), promised_kw=0)))
    assert idle.share == 1.0


def test_power_is_spoken_for_by_chips_on_their_way_or_what_users_and_backed_labs_will_add(monkeypatch):
    monkeypatch.setattr(rooms, "backed_h100e", lambda _, weeks: 50.0 * weeks)

    def needed(chip=GB200, pending=0.0, users=100.0, weeks=2.0):
        monkeypatch.setattr(rooms, "best_chip", lambda _: chip)
        seen = Seen(pending_kw=pending, own_users_h100e=lambda weeks: 7 + users * weeks)
        return rooms.needed_kw(seen, weeks)

    assert needed() == pytest.approx((200 + 100) / 2.5 * 2.0)
    assert needed(users=-900.0) == pytest.approx(100 / 2.5 * 2.0)
    assert needed(pending=999.0) == 999.0
    assert needed(None, pending=5.0) == 5.0


def test_backed_labs_grow_as_they_report_and_as_far_as_labs_believe():
    growths, fleets = {"a": 0.5, "b": 9.0}, {"a": 100.0, "b": 10.0}
    terms = {"labs.belief_years": 2.0, "labs.belief_max_per_year": 1.0}
    seen = Seen(terms, growth_of=growths.get, fleet_of=fleets.get, backed_labs=tuple(growths))
    years = 2 * (1 - math.exp(-0.5))
    assert rooms.backed_h100e(seen, 52.0) == pytest.approx(100 * math.exp(0.5 * years) + 10 * math.exp(years))
    assert rooms.backed_h100e(seen, 0.0) == pytest.approx(110)


def test_what_is_lacking_is_spoken_for_where_the_power_is(monkeypatch):
    known = (rooms.Room("a", "texas", 10.0, ((START, 5),), 0.5), rooms.Room("b", "texas", 5.0, (), 0.25),
             rooms.Room("c", "utah", 0.0, (), 0.25))  # fmt: skip
    monkeypatch.setattr(rooms, "rooms", lambda _: known)
    monkeypatch.setattr(rooms, "greenfield_weeks", lambda _: 9.0)
    monkeypatch.setattr(rooms, "needed_kw", lambda view, weeks: 100.0 if weeks == 9 else 0.0)
    assert rooms.lacking_kw(Seen()) == 80.0
    assert rooms.spoken_for_kw(Seen()) == {"texas": 60.0, "utah": 20.0}
    monkeypatch.setattr(rooms, "needed_kw", lambda *_: 15.0)
    assert rooms.lacking_kw(Seen()) == 0.0


def test_a_decision_of_every_so_many_weeks_comes_once_in_each():
    for every in (4, 13):
        for u in (0.0, 0.3, 0.99):
            weeks = [week for week in range(52) if valuation.is_my_week(Seen(week=week, draws=Normal(u=u)), every)]
            assert weeks == list(range(int(u * every), 52, every))
