"""How talks are opened, answered, lost and signed, and which machine a lab races for: laws over plain facts."""

from __future__ import annotations

import math

import pytest
from given import START
from msgspec.structs import replace
from seen import GB200, H100, ME, Seen, lab, nothing, rented, some
from test_amounts_of_a_builder import site
from test_ways_to_get_compute import FLEET, MACHINE, way, wish
from test_what_a_lessor_offers import Normal, asked, quote

from agents import desk, race, talks, valuation
from agents.decision import Decision, Way, Weights, decide, score
from events.commands.chips import PlaceOrder
from events.commands.finance import SeekRound
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote
from events.commands.sites import PlanSite
from market.rules.machines import LabMachine
from market.view import GIVEN

YEAR_HOURS = 8760
TALKS = {
    "price.need_slack_weeks": 26.0, "desk.limit_reach": 1.5, "desk.limit_share": 0.9, "desk.counter_above": 1.2,
    "desk.counter_at": 0.8, "talks.price_floor_share": 0.6, "talks.wait_floor_share": 0.5,
    "talks.concession_share": 0.5, "talks.turns_idle_max": 3.0, "talks.turns_min": 2.0, "desk.lessors_asked": 2.0,
    "talks.finance_weeks": 8.0, "finance.round_gap_weeks": 26.0, "talks.raise_share": 0.3,
    "finance.value_floor_usd": 1_000.0, "finance.value_per_h100e_usd": 10.0,
}  # fmt: skip


def settled(price=2.0, limit=3.0, rounds=0, due=START + 100, market=2.0, traits=(), **facts):
    request = asked(rounds=rounds, due_day=due, price_limit_usd_per_h100e_hour=limit, chip=facts.pop("chip", "H100"))
    usual = {"request": request, "parent_of": None, "price": market, "work_h100e": 4.0}
    seen = Seen(TALKS, dict(traits), **{**usual, **facts})
    return talks.settle(seen, quote(price_usd_per_gpu_hour=price, lessor="cloud"), None)


# --- a lease that stands free


def test_a_fair_quote_is_taken():
    assert isinstance(settled(), AcceptQuote)
    assert isinstance(settled(price=2.4), AcceptQuote)  # 1.2 of the rent of the day


def test_a_quote_above_the_rent_of_the_day_is_countered_twice_at_most():
    countered = settled(price=2.41)
    assert isinstance(countered, CounterQuote)
    assert countered.terms.price_usd_per_gpu_hour == pytest.approx(0.8 * 2.41)
    assert isinstance(settled(price=2.41, rounds=1), CounterQuote)
    assert isinstance(settled(price=2.41, rounds=2), AcceptQuote)


def test_a_quote_over_its_worth_is_asked_down_within_reach_and_left_beyond():
    asked_down = settled(price=4.4)
    assert asked_down.terms.price_usd_per_gpu_hour == pytest.approx(0.9 * 3.0)
    assert isinstance(settled(price=3.0, market=9.0), AcceptQuote)
    for left in (settled(price=4.5), settled(price=3.1, rounds=2)):
        assert (type(left), left.reason, left.request_id) == (BreakTalks, "price", "lab/request/1")
    assert isinstance(settled(price=3.1, rounds=1), CounterQuote)


def test_a_quote_is_weighed_by_the_work_that_the_chip_does_or_is_rated_at_for_a_machine():
    work = settled(price=4 * 3.1, chip="")
    assert work.terms.price_usd_per_gpu_hour == pytest.approx(0.9 * 3.0 * 4)
    assert isinstance(settled(price=4 * 2.3, chip=""), AcceptQuote)


def test_a_levy_counts_in_the_price():
    taxed = {"is_regulated": True, "levy": lambda name, case, *_: 0.25 * case["amount_usd"] * (name == "LeaseSigned"),
             "monthly_rent_cents": 0}  # fmt: skip
    assert isinstance(settled(price=2.4, limit=3.0, market=9.0, **taxed), AcceptQuote)
    assert isinstance(settled(price=2.41, limit=3.0, market=9.0, **taxed), CounterQuote)


def test_what_comes_half_a_year_late_is_left_but_by_the_patient_and_the_own_group():
    late = {"due": START + 100 - 183}
    assert isinstance(settled(due=START + 100 - 182), AcceptQuote)
    assert settled(**late).reason == "too late"
    assert isinstance(settled(traits={"patient": 1.0}.items(), **late), AcceptQuote)
    assert isinstance(settled(price=99.0, parent_of="cloud", **late), AcceptQuote)


# --- years ahead: what to ask for


def counter(clause=None, target=None, **values):
    known = {
        "price_usd_per_gpu_hour": 2.0, "first_price_usd_per_gpu_hour": 2.5, "slot_day": START,
        "slot_start_day": START + 120, "start_day": START + 100, "end_day": START + 1_100, "turn": 2,
        "region": "texas", **values,
    }  # fmt: skip
    return talks.counter(Seen(TALKS), quote(**known), target or wish(urgency=0.0), clause)


def test_the_lower_price_is_asked_for_that_the_floor_leaves():
    found = counter()
    assert (found.clause, found.terms.price_usd_per_gpu_hour) == ("price", pytest.approx(0.6 * 2.5))
    least = counter("price", price_usd_per_gpu_hour=1.5)
    assert least.terms.price_usd_per_gpu_hour == pytest.approx(1.5 * (1 - 1e-6), rel=1e-9)
    assert least.terms.price_usd_per_gpu_hour < 1.5


def test_the_day_is_asked_for_where_it_is_worth_more_than_the_price():
    """Half of 40 days is worth urgency * 20 / 7 / 26, half of the room in price -ln(1 - .125)."""
    turning = -math.log(1 - 0.5 * 0.5 / 2) / (0.5 * 40 / 7 / 26)
    assert counter(target=wish(urgency=0.99 * turning)).clause == "price"
    sooner = counter(target=wish(urgency=1.01 * turning))
    assert sooner.clause == "date"
    assert (sooner.terms.start_day, sooner.terms.end_day) == (START + 60, START + 1_060)
    spent = counter("date", start_day=START + 60)
    assert (spent.terms.start_day, spent.terms.end_day) == (START + 59, START + 1_099)


def test_where_nothing_is_to_be_won_an_offer_is_held():
    held_out = counter(target=wish(urgency=1.0), price_usd_per_gpu_hour=1.5, start_day=START + 60)
    assert held_out.clause == "hold"
    assert (held_out.terms.price_usd_per_gpu_hour, held_out.terms.start_day) == (1.5, START + 60)
    assert counter(target=wish(urgency=1.0), price_usd_per_gpu_hour=1.5, start_day=START + 61).clause == "date"
    assert counter(price_usd_per_gpu_hour=1.51, start_day=START + 60).clause == "price"


def test_the_wished_region_is_asked_for_first_and_once():
    target = wish(region="utah", urgency=0.0)
    assert (counter(target=target, turn=1).clause, counter(target=target, turn=1).terms.region) == ("site", "utah")
    assert counter(target=target, turn=2).clause == "price"
    assert counter(target=target, turn=1, region="utah").clause == "price"
    assert counter(turn=1).clause == "price"
    assert counter("hold", target=target, turn=1).clause == "hold"


def hopeless(gap, before=2.0, before_day=START + 100, turn=9, urgency=0.0):
    last = quote(before_price_usd_per_gpu_hour=before, before_start_day=before_day, turn=turn)
    return talks.is_hopeless(Seen(TALKS), last, gap, wish(urgency=urgency))


def test_talks_are_hopeless_where_two_more_rounds_like_the_last_do_not_close_the_gap():
    moved = 2 * math.log(2.5 / 2.0)
    assert not hopeless(0.999 * moved, before=2.5)
    assert hopeless(1.001 * moved, before=2.5)
    days = 2 * 0.5 * 26 / 26
    assert not hopeless(0.999 * days, before_day=START + 100 + 182, urgency=0.5)
    assert hopeless(1.001 * days, before_day=START + 100 + 182, urgency=0.5)
    assert not hopeless(9.0, turn=2)
    assert hopeless(9.0, turn=3)
    assert hopeless(9.0, turn=2, before=2.01)


# --- years ahead: what to do


def scored(option, target=None):
    return score(target or wish(), option, Weights(1.0, 0.0))


def offer(name="cloud/quote/1", cost=1.0, **values):
    return way(f"contract {name}", cost, quote_id=name, **values)


def table(*quotes):
    return [(asked(request_id=f"{one.quote_id}/r"), one) for one in quotes]


def given(number=1, **values):
    """A quote that waits for an answer."""
    terms = {"quote_id": f"cloud/quote/{number}", "turn": 2, "first_day": START, "countered": "",
             "before_price_usd_per_gpu_hour": 2.0, "before_start_day": START + 100,
             "request_id": f"cloud/quote/{number}/r"}  # fmt: skip
    return quote(**{**terms, **values})


Q1, Q2, Q3 = (given(number) for number in (1, 2, 3))
OWN = {"way": Way.OWN_SITE, "is_owned": True, "chip": "H100"}


def negotiated(*options, quotes=(Q1,), target=None, terms=(), **facts):
    found = decide(target or wish(), options, Weights(1.0, 0.0))
    best = next(s for s in found.ranked if s.option.quote_id)
    books = some(sought_cents=0, round_day=START - 900, valuation_cents=0)
    usual = {"books": books, "parent_of": None, "fleet_h100e": 0.0}
    seen = Seen({**TALKS, **dict(terms)}, **{**usual, **facts})
    return list(talks.negotiate(seen, table(*quotes), found, best))


def kinds(commands):
    return [type(command).__name__ for command in commands]


def test_the_best_offer_is_signed_from_the_second_turn_on_and_others_are_left():
    taken = negotiated(offer(cost=1.0), offer("cloud/quote/2", 1.1), quotes=(Q1, Q2))
    assert kinds(taken) == ["BreakTalks", "AcceptQuote"]
    assert (taken[0].request_id, taken[0].reason, taken[1].quote_id) == ("cloud/quote/2/r", "price", "cloud/quote/1")
    early = given(turn=1)
    assert kinds(negotiated(offer(), quotes=(early,))) == ["CounterQuote"]


def test_an_offer_that_is_as_good_as_another_way_is_signed():
    other = way("own", 1.0, **OWN)
    free = wish(control=0.0)
    assert kinds(negotiated(offer(), other, target=free)) == ["AcceptQuote"]
    assert kinds(negotiated(offer(cost=1.01), other, target=free)) == ["CounterQuote"]


def test_a_better_hope_is_a_reason_to_talk_on():
    hope = way("hall", 0.9, is_executable=False, way=Way.BROWNFIELD)
    assert kinds(negotiated(offer(), hope)) == ["CounterQuote"]
    worse = way("hall", 1.1, is_executable=False, way=Way.BROWNFIELD)
    assert kinds(negotiated(offer(), worse)) == ["AcceptQuote"]


def test_a_better_way_is_taken_once_the_talks_are_hopeless():
    own = way("own", 0.8, **OWN)
    stuck = given(turn=9, before_price_usd_per_gpu_hour=2.0, before_start_day=START + 100)
    moving = given(turn=9, before_price_usd_per_gpu_hour=3.0, before_start_day=START + 100)
    assert kinds(negotiated(offer(), own, quotes=(stuck,))) == ["BreakTalks", "PlaceOrder"]
    assert kinds(negotiated(offer(), own, quotes=(moving,))) == ["CounterQuote"]


def test_no_more_offers_are_answered_than_lessors_are_asked_and_the_rest_is_left():
    options = [offer(f"cloud/quote/{n}", 1.0 + n / 10) for n in (1, 2, 3)]
    hope = way("hall", 0.9, is_executable=False, way=Way.BROWNFIELD)
    answers = negotiated(*options, hope, quotes=(Q1, Q2, Q3))
    assert kinds(answers) == ["CounterQuote", "CounterQuote", "BreakTalks"]
    assert answers[2].request_id == "cloud/quote/3/r"


def test_where_money_alone_lacks_a_round_is_sought_for_a_while_and_then_talks_end():
    gated = offer(failed=("finance",))
    sought = negotiated(gated)
    assert kinds(sought) == ["SeekRound", "CounterQuote"]
    assert (sought[0].amount_usd_cents, sought[1].clause) == (round(0.3 * 1_000 * 100), "hold")
    for day, still in ((START - 55, True), (START - 56, False)):
        old = given(first_day=day)
        found = kinds(negotiated(gated, quotes=(old,)))
        assert found == (["SeekRound", "CounterQuote"] if still else ["BreakTalks"])
    (left,) = negotiated(offer(failed=("permission",)))
    assert (type(left), left.reason) == (BreakTalks, "permission")
    assert kinds(negotiated(gated, way("own", 5.0, **OWN))) == ["BreakTalks", "PlaceOrder"]


def round_of(**facts):
    usual = {"books": some(sought_cents=0, round_day=START - 182, valuation_cents=0), "parent_of": None,
             "fleet_h100e": 0.0}  # fmt: skip
    return list(talks.raise_for(Seen(TALKS, **{**usual, **facts})))


def test_one_round_at_a_time_half_a_year_apart_and_none_by_who_has_a_parent():
    (command,) = round_of()
    assert isinstance(command, SeekRound)
    assert round_of(books=some(sought_cents=0, round_day=START - 181, valuation_cents=0)) == []
    assert round_of(books=some(sought_cents=1, round_day=START - 999, valuation_cents=0)) == []
    assert round_of(parent_of="g") == []


def awaited(target=None, first_day=START, sought=0, round_day=START - 182, parent=None, failed=("finance",)):
    own = way("own", 0.5, failed=failed, **OWN)
    found = decide(target or wish(**MACHINE), [own, offer()], Weights(1.0, 0.0))
    seen = Seen(TALKS, parent_of=parent, books=some(sought_cents=sought, round_day=round_day))
    return talks.awaiting_money(seen, found, quote(first_day=first_day)) is not None


def test_a_lab_holds_out_for_a_machine_of_its_own_that_lacks_money_alone_while_it_may_raise_some():
    assert awaited()
    assert awaited(first_day=START - 55)
    assert not awaited(first_day=START - 56)
    assert not awaited(round_day=START - 181)
    assert awaited(round_day=START - 181, sought=1)
    assert not awaited(parent="g")
    assert not awaited(wish())
    assert not awaited(failed=("finance", "power"))
    assert not awaited(failed=())


def test_a_better_machine_of_ones_own_without_money_keeps_the_talks_open():
    gated = way("own", 0.5, failed=("finance",), **OWN)
    assert kinds(negotiated(offer(), gated, target=wish(**MACHINE))) == ["SeekRound", "CounterQuote"]
    dearer = way("own", 1.5, failed=("finance",), **OWN)
    assert kinds(negotiated(offer(), dearer, target=wish(**MACHINE))) == ["AcceptQuote"]


def ended(*pairs, options=(), winner=None):
    ranked = tuple(scored(option) for option in options)
    found = Decision(wish(), ranked)
    won = next((s for s in ranked if s.option.quote_id == winner), None)
    return [(c.request_id, c.reason, c.lost_to) for c in talks.end_talks(Seen(), list(pairs), found, won)]


def test_each_of_the_talks_ends_for_what_its_own_offer_was_left_for():
    one, two = (asked(request_id="1"), Q1), (asked(request_id="2"), Q2)
    options = [offer("cloud/quote/1", 1.0), offer("cloud/quote/2", 2.0)]
    assert ended(one, two, options=options, winner="cloud/quote/1") == [("2", "price", "contract cloud/quote/1")]
    silent = (asked(request_id="3"), None)
    assert ended(silent, options=options, winner="cloud/quote/1") == [("3", "no answer", "")]
    assert ended((asked(request_id="4"), Q3), options=options) == [("4", "too late", "")]
    assert ended(one, options=[offer("cloud/quote/1", failed=("power", "finance"))]) == [("1", "power", "")]


def test_a_gate_that_only_the_loser_fails_is_no_loss_to_another():
    def lost(mine, others):
        left = scored(offer("cloud/quote/1", 2.0, failed=mine))
        won = scored(offer("cloud/quote/2", 1.0, failed=others))
        command = talks._lose(Seen(), "1", left, won)
        return command.reason, command.lost_to

    assert lost((), ()) == ("price", "contract cloud/quote/2")
    assert lost(("power",), ()) == ("power", "")
    assert lost(("power",), ("power",)) == ("price", "contract cloud/quote/2")
    assert lost(("power",), ("finance",)) == ("power", "")


def taken(*options, quotes=(Q1, Q2)):
    found = decide(wish(), options, Weights(1.0, 0.0))
    best = next(s for s in found.ranked if s.option.quote_id)
    seen = Seen(TALKS, request=lambda name: asked(request_id=name), parent_of=None, price=9.0, work_h100e=1.0)
    return list(talks.take_or_leave(seen, table(*quotes), found, best))


def test_the_best_of_what_stands_free_is_settled_and_the_others_are_left():
    lost, won = taken(offer("cloud/quote/1", 2.0), offer("cloud/quote/2", 1.0))
    assert (lost.request_id, won.quote_id) == ("cloud/quote/1/r", "cloud/quote/2")
    assert {c.reason for c in taken(offer(failed=("power",)), offer("cloud/quote/2", failed=("power",)))} == {"power"}
    silent = given(countered="price")
    assert kinds(taken(offer("cloud/quote/2"), quotes=(silent, Q2))) == ["AcceptQuote"]


def done(option, **target):
    found = decide(wish(**{**MACHINE, "because": "x", **target}), [option], Weights(1.0, 0.0))
    return list(talks.execute(Seen(), found, found.ranked[0]))


def test_what_is_built_is_announced_and_its_chips_are_ordered():
    built = way("b", way=Way.BROWNFIELD, chip="GB200", region="texas", h100e=26.0, is_owned=True, on_site_power=True)
    plan, order = done(built)
    assert isinstance(plan, PlanSite)
    assert (plan.kind, plan.power_kw_it, plan.on_site_power, plan.because) == ("brownfield", 20, True, "x")
    assert isinstance(order, PlaceOrder)
    assert (order.gpus, order.why, plan.why.topic) == (10, None, "compute")
    (alone,) = done(way("o", h100e=26.0, **OWN))
    assert (alone.gpus, alone.why.topic) == (26, "compute")
    assert done(way("o", h100e=0.1, **OWN))[0].gpus == 1
    for kind in (Way.GREENFIELD, Way.LEASED_SHELL):
        assert kinds(done(way("g", way=kind, chip="H100", is_owned=True))) == ["PlanSite", "PlaceOrder"]
    assert done(built, kind="capacity", chip=None) == []


# --- the desk


def test_talks_of_one_thing_are_one_table():
    requests = [asked(request_id=str(n), h100e=h, due_day=START + d, kind=k)
                for n, (h, d, k) in enumerate(((1.0, 0, "serving"), (1.0, 0, "serving"), (2.0, 0, "serving"),
                                               (1.0, 1, "serving"), (1.0, 0, "bridge")))]  # fmt: skip
    machine = asked(request_id="5", h100e=1.0, due_day=START, kind="serving", chip="GB200")
    found = desk.tables(Seen(requests_by_me=(*requests, machine), quotes_to_me=(quote(request_id="1"),)))
    assert [len(each) for each in found] == [2, 1, 1, 1, 1]
    assert [found[0][0][1] is None, found[0][1][1] is None] == [True, False]


def opened(*targets, requests=(), monkeypatch=None):
    monkeypatch.setattr(desk, "answer_quotes", lambda *_: iter(()))
    monkeypatch.setattr(desk, "ask", lambda view, target, draws: iter([target.h100e]))
    return list(desk.pursue(Seen(requests_by_me=requests), targets, None))


def test_talks_are_opened_for_one_target_of_a_kind(monkeypatch):
    both = (wish(h100e=1.0), wish(h100e=2.0), wish(h100e=3.0, kind="bridge"))
    assert opened(*both, monkeypatch=monkeypatch) == [1.0, 3.0]
    assert opened(*both, requests=(asked(kind="serving"),), monkeypatch=monkeypatch) == [3.0]


def test_a_machine_is_talked_about_beside_a_part_of_a_fleet(monkeypatch):
    fleet = wish(kind="frontier", h100e=1.0)
    machine = replace(fleet, chip="H100", h100e=2.0)
    assert opened(machine, requests=(asked(kind="frontier", chip=""),), monkeypatch=monkeypatch) == [2.0]
    assert opened(machine, requests=(asked(kind="frontier", chip="H100"),), monkeypatch=monkeypatch) == []
    assert opened(fleet, requests=(asked(kind="frontier", chip=""),), monkeypatch=monkeypatch) == []


def whom(target, monkeypatch, sites=(), builds=()):
    found = []
    monkeypatch.setattr(desk, "ask_all", lambda view, target, names, region: found.append((tuple(names), region)) or ())
    monkeypatch.setattr(desk, "present_lessor", lambda *_: ["present"])
    monkeypatch.setattr(desk, "lessors", lambda _: ["all"])
    monkeypatch.setattr(desk, "nearest_lessors", lambda *_: ["few"])
    monkeypatch.setattr(desk.options, "builds", lambda *_: list(builds))
    seen = Seen({"contracts.ask_min_h100e": 100.0}, parent_of="group", sites=sites)
    list(desk.ask(seen, target, None))
    return found[0]


def test_who_is_asked_depends_on_what_is_wanted(monkeypatch):
    hall = way("hall", way=Way.BROWNFIELD, region="texas")
    land = way("land", way=Way.GREENFIELD, region="utah")
    assert whom(wish(kind="bridge"), monkeypatch) == (("present",), "")
    assert whom(wish(kind="internal"), monkeypatch) == (("group",), "")
    assert whom(wish(**MACHINE), monkeypatch, builds=(land, hall)) == (("all",), "texas")
    assert whom(wish(**MACHINE), monkeypatch, sites=(site(),), builds=(hall,)) == (("all",), "")
    assert whom(wish(region="utah", **MACHINE), monkeypatch, builds=(hall,)) == (("all",), "utah")
    assert whom(wish(**FLEET), monkeypatch) == (("all",), "")
    assert whom(wish(h100e=99.9, **FLEET), monkeypatch) == (("few",), "")
    assert whom(wish(h100e=1e9, region="utah"), monkeypatch) == (("few",), "utah")


def nearest(loyal=0.5, noise=0.0, few=2, backer=None, leases=(), draws=None, sizes=None):
    sizes = sizes or {"a": 100.0, "b": 90.0, "c": 80.0, "d": 70.0}
    terms = {"desk.lessors_asked": few, "desk.loyalty": loyal, "desk.noise": noise, "desk.lessors_known": 32.0}
    seen = Seen(
        terms, compute_backer=backer, lessors_by_size=tuple(sizes), fleet_owned_by=sizes.get,
        leases_from=lambda me, name: name in leases,
    )  # fmt: skip
    return desk.nearest_lessors(seen, draws or Normal())


def test_the_largest_are_asked_and_before_them_those_that_the_org_rents_from_or_that_back_it():
    assert nearest() == ["a", "b"]
    assert nearest(few=3) == ["a", "b", "c"]
    assert nearest(leases=("d",)) == ["d", "a"]
    assert nearest(backer="c") == ["c", "a"]
    assert nearest(loyal=0.1, backer="d") == ["a", "b"]
    assert nearest(few=0) == []

    class One(Normal):
        def normal(self, stream, name):
            return 2.0 if name == "c" else 0.0

    assert nearest(noise=0.2, draws=One()) == ["c", "a"]
    assert nearest(sizes={"a": 0.0, "b": 0.0}) == ["a", "b"]


@pytest.mark.parametrize(("u", "more"), [(0.0, (2, 3)), (0.5, (5, 6)), (0.999, (8, 9))])
def test_of_many_lessors_half_are_the_largest_and_half_by_one_draw_for_life(u, more):
    names = list(range(10))
    assert desk.known(Seen({"desk.lessors_known": 4.0}, draws=Normal(u=u)), names) == [0, 1, *more]
    assert desk.known(Seen({"desk.lessors_known": 10.0}), names) == names


def test_a_lab_that_is_bound_to_its_cloud_asks_that_alone():
    def asks(exclusive, backer="b", me="a"):
        seen = Seen({"desk.lessors_known": 9.0}, {"exclusive_cloud": exclusive}, compute_backer=backer,
                    clouds=("b", "a", "c"), me=me, fleet_owned_by={"c": 9.0, "b": 1.0, "a": 2.0}.get,
                    lessors_by_size=("x", "a"))  # fmt: skip
        return desk.lessors(seen), desk.known_lessors(seen)

    assert asks(1.0) == (["b"], ["b"])
    assert asks(0.0) == (["b", "c"], ["x"])
    assert asks(1.0, backer=None) == (["b", "c"], ["c", "b"])
    assert asks(1.0, backer="gone") == (["b", "c"], ["c", "b"])
    assert asks(1.0, backer="b", me="b") == (["a", "c"], ["c", "a"])


def test_a_bridge_is_asked_of_who_leases_out_most_of_its_chip_for_runs():
    def runs(**values):
        return rented(kind="frontier", **values)

    leases = (runs(lessor="a", gpus=60), runs(lessor="b", gpus=65), runs(lessor="a", gpus=10))
    others = (runs(lessor="c", gpus=999, chip="GB200"), rented(lessor="d", gpus=999))
    assert desk.present_lessor(Seen(rented=(*leases, *others)), "H100") == ["a"]
    assert desk.present_lessor(Seen(rented=leases[1:]), "H100") == ["b"]
    assert desk.present_lessor(Seen(rented=others), "H100") == []


def hurry(monkeypatch, **request):
    request = {"chip": "H100" if request["kind"] == "frontier" else "", **request}
    monkeypatch.setattr(desk.race, "urgency", lambda _, h100e: h100e)
    monkeypatch.setattr(desk, "users_urgency", lambda _, cost, years: 10 * cost + years)
    monkeypatch.setattr(desk.means, "best_chip", lambda _: H100)
    return desk._urgency(Seen({"choice.wait_weight_default": 0.3}, own_cost={"H100": 2.0}.get), asked(**request))


def test_hurry_is_that_of_the_race_of_users_who_wait_or_of_the_org(monkeypatch):
    assert hurry(monkeypatch, kind="frontier", h100e=7.0) == 7.0
    assert hurry(monkeypatch, kind="capacity", h100e=7.0) == pytest.approx(20 + 364 / 365)
    assert hurry(monkeypatch, kind="serving", h100e=7.0) == 0.3


# --- why something was left


def left(taken=(0.0, 0.0, 0.0, 0.0), lost=(0.0, 0.0, 0.0, 0.0), noise=0.0):
    names = ("price", "time", "risk", "control")
    left_out, won = (some(score=sum(values), **dict(zip(names, values, strict=True))) for values in (lost, taken))
    won.score += noise
    return valuation.why_left(left_out, won)


def test_the_term_that_turned_the_order_is_the_reason_or_the_largest_gap_or_noise():
    assert left(taken=(1.0, 0.0, 0.0, 0.0)) == "price"
    assert left(taken=(0.5, 1.0, 0.0, 0.0), lost=(0.0, 0.0, 0.9, 0.0)) == "too late"
    assert left(taken=(0.3, 0.2, 0.1, 0.25)) == "price"
    assert left(taken=(0.0, 0.0, 0.0, 0.1), noise=0.5) == "control"
    assert left(lost=(0.1, 0.1, 0.0, 0.0), noise=0.5) == "noise"
    assert left() == "noise"


# --- the race

RACE = {
    "labs.race_ready_weeks": 26.0, "sites.grid_growth_per_year": 0.5, "labs.mfu": 0.4, "labs.goodput": 0.9,
    "labs.run_days": 90.0, "finance.value_floor_usd": 1_000.0, "finance.value_per_h100e_usd": 10.0,
    "labs.revenue_per_decade": 2.0, "labs.race_pace_per_year": 10.0, "labs.race_years": 4.0,
    "choice.wait_weight_default": 0.5, "talks.raise_share": 0.25, "contracts.ask_min_h100e": 100.0,
    "labs.bridge_share": 0.5, "labs.ask_min_h100e": 10.0, "desk.lead_weeks": 4.0, "price.walk_away": 1.5,
    "labs.race_least_share": 0.5, "labs.race_covered_share": 0.8, "finance.spend_burn": 1.0,
    "finance.revenue_margin": 1.0, "labs.bridge_years": 0.5, "choice.own_weight": 0.07,
}  # fmt: skip


def test_a_run_does_what_its_machine_does_in_its_days():
    seen = Seen(RACE, leading_flop=lambda weeks: 1e26 * weeks, rival_h100e=0.0)
    each = race.run_flop_per_h100e(seen)
    assert each == pytest.approx(989.5e12 * 0.4 * 0.9 * 90 * 86_400, rel=0.01)
    assert race.machine_h100e(seen) == pytest.approx(26e26 / each)


def test_a_machine_outdoes_the_largest_of_a_rival_on_the_day_that_it_is_ready():
    seen = Seen(RACE, leading_flop=lambda weeks: 0.0, rival_h100e={26.0: 300.0}.get)
    assert race.machine_h100e(seen) == 300.0


def test_the_largest_machine_is_at_one_place_on_order_or_contracted():
    def largest(machines=(), **facts):
        return race.coming_machine_h100e(Seen(lab_machines=machines, **nothing(**{"places_h100e": {}, **facts})))

    assert largest() == 0.0
    assert largest(places_h100e={"hall": 5.0, "other": 4.0}) == 5.0
    on_order = {"places_h100e": {"hall": 5.0, "other": 6.0}, "coming": {"H100": 2}}
    assert largest(**on_order) == 6.0
    assert largest(**on_order, sites=(site("hall"),)) == 7.0
    assert largest(coming={"H100": 2}) == 2.0
    assert largest(machines=(LabMachine(ME, 25.0, START + 500), LabMachine("x", 999.0, START))) == 25.0


def test_a_place_is_connected_by_the_largest_grid_as_it_grows():
    grids = {"texas": 10.0, "utah": 20.0}
    seen = Seen(RACE, home_regions=tuple(grids), week=52, region_param=lambda region, name: grids[region])
    kw = 20_000 * math.exp(0.5) / 2
    assert race.placeable_h100e(seen, GB200) == pytest.approx(kw / 2.0 * 2.5)
    assert race.placeable_h100e(Seen(RACE, home_regions=()), GB200) == 0.0


def valued(cents=0, fleet=0.0):
    return race.valuation_usd(Seen(RACE, books=some(valuation_cents=cents), fleet_h100e=fleet))


def test_a_lab_is_worth_what_was_stated_or_its_compute_or_the_floor():
    assert (valued(), valued(fleet=500.0), valued(cents=900_000)) == (1_000.0, 5_000.0, 9_000.0)
    assert valued(cents=900_000, fleet=5_000.0) == 50_000.0


def loses(revenue=25.0, total=100.0, traits=(), price=2.0):
    seen = Seen(RACE, dict(traits), books=some(valuation_cents=0), fleet_h100e=0.0, price=price,
                lab=lab(revenue_usd_per_year=revenue), labs_revenue_usd_per_year=total)  # fmt: skip
    return race.half_year_usd(seen), race.urgency(seen, 10.0)


def test_half_a_year_loses_the_customers_that_a_larger_model_would_win():
    usd, score_lost = loses()
    assert usd == pytest.approx(0.5 * 0.75 * 2.0 / 2 * 1_000)
    assert score_lost == pytest.approx(usd / (10 * 2.0 * YEAR_HOURS * 4))
    assert loses(total=0.0)[0] == pytest.approx(500)
    assert loses(traits={"wait_weight": 1.0}.items())[0] == pytest.approx(750)


def moneyed(cents=100_000, rent=0, parent=None):
    return Seen(RACE, books=some(valuation_cents=0), fleet_h100e=0.0, cash_cents=cents, parent_of=parent, lab=None,
                monthly_rent_cents=rent, income_usd_per_year=0.0)  # fmt: skip


def test_money_for_a_machine_is_cash_beside_other_costs_and_a_round():
    assert race.money_usd(moneyed()) == 1_250.0
    assert race.money_usd(moneyed(parent="g")) == 1_000.0
    assert race.money_usd(moneyed(rent=1_000)) == pytest.approx(1_120)
    assert race.money_usd(moneyed(cents=-(10**9))) == 0.0


def test_money_pays_the_bill_of_a_machine_by_the_gpu(monkeypatch):
    monkeypatch.setattr(race, "money_usd", lambda _: 1_000.0)
    monkeypatch.setattr(race.means, "hall_region", lambda draws, regions: regions[0] if regions else "")

    def bill(_, chip, gpus, build):
        return gpus * (50.0 if build is None else 200.0 if build.on_site else 100.0)

    monkeypatch.setattr(race.means, "bill_usd", bill)
    seen = {"draws": None, "home_regions": ("texas",)}
    assert race.money_h100e(Seen(**seen), GB200) == pytest.approx(10 * 2.5)
    assert race.money_h100e(Seen(None, {"on_site_power": 1.0}, **seen), GB200) == pytest.approx(5 * 2.5)
    assert race.money_h100e(Seen(draws=None, home_regions=()), GB200) == pytest.approx(20 * 2.5)


def racing(parent=None, income=0.0, requests=(), orders=(), works=()):
    seen = Seen(RACE, {"income_usd_per_year": income}, parent_of=parent, requests_by_me=requests, orders=orders,
                buildings=works)  # fmt: skip
    return race.is_racing(seen)


def test_a_cluster_is_in_hand_while_it_is_talked_about_ordered_or_built():
    talk = asked(kind="frontier", chip="H100", h100e=100.0)
    assert not racing()
    assert racing(requests=(talk,))
    assert not racing(requests=(asked(kind="frontier", chip="H100", h100e=99.0),))
    assert not racing(requests=(asked(kind="frontier", chip="", h100e=100.0),))
    assert not racing(requests=(asked(kind="serving", chip="H100", h100e=100.0),))
    assert racing(orders=(some(chip="GB200", gpus=40),))
    assert not racing(orders=(some(chip="GB200", gpus=39),))
    assert racing(works=(some(granted=False),))
    assert not racing(works=(some(granted=True),))
    assert not racing(requests=(talk,), parent="g")
    assert not racing(requests=(talk,), income=1.0)


def bridged(*leases, is_racing=True, monkeypatch=None, **facts):
    monkeypatch.setattr(race, "is_racing", lambda _: is_racing)
    usual = {"rented": leases, "price": 2.0, "lab": lab(best_model="m")}
    return list(race.bridge(Seen(RACE, **{**usual, **facts})))


def test_a_bridge_is_a_part_of_what_is_rented_of_the_chip_of_most_of_it_less_the_bridges_there_are(monkeypatch):
    most, few = rented(kind="frontier", chip="GB200", gpus=40), rented(kind="frontier", gpus=60)
    (one,) = bridged(most, few, monkeypatch=monkeypatch)
    assert (one.h100e, one.chip, one.due_day, one.years, one.because) == (50.0, "GB200", START + 28, 0.5, "m")
    assert one.worth_usd_per_h100e_hour_max == 3.0
    there = rented(kind="bridge", gpus=16, chip="GB200")
    assert bridged(most, there, monkeypatch=monkeypatch)[0].h100e == 10.0
    assert bridged(most, rented(kind="bridge", gpus=41), monkeypatch=monkeypatch) == []
    assert bridged(most, is_racing=False, monkeypatch=monkeypatch) == []
    assert bridged(rented(kind="serving", gpus=999), monkeypatch=monkeypatch) == []
    assert bridged(monkeypatch=monkeypatch) == []
    assert bridged(most, monkeypatch=monkeypatch, lab=lab())[0].because == ME


def raced(monkeypatch, coming=0.0, **facts):
    """The machine is of 1,000 H100e unless something is smaller."""
    sizes = {"machine": 1_000.0, "asked": 1e9, "placeable": 1e9, "money": 1e9, "usd": 1e12, "round": 1e12}
    sizes |= facts.pop("sizes", {})
    monkeypatch.setattr(race, "machine_h100e", lambda _: sizes["machine"])
    monkeypatch.setattr(race, "asked_h100e", lambda *_: sizes["asked"])
    monkeypatch.setattr(race, "placeable_h100e", lambda *_: sizes["placeable"])
    monkeypatch.setattr(race, "money_h100e", lambda *_: sizes["money"])
    monkeypatch.setattr(race, "money_usd", lambda _: sizes["usd"])
    monkeypatch.setattr(race, "placeable_kw", lambda _: sizes["placeable"])
    monkeypatch.setattr(race, "round_usd", lambda _: sizes["round"])
    monkeypatch.setattr(race, "coming_machine_h100e", lambda _: coming)
    monkeypatch.setattr(race, "urgency", lambda _, h100e: h100e / 1e6)
    monkeypatch.setattr(race.means, "chip_for", lambda *_: facts.get("chip", H100))
    usual = {
        "lab": lab(best_model="m"), "parent_of": None, "clearing": 2.0, "mix_cost": 2.0, "least_usd_per_h100e": 10.0,
        "least_h100e_per_kw": 1.0, "cash_cents": 0, "price": 2.0,
        **{name: value for name, value in facts.items() if name != "chip"},
    }  # fmt: skip
    return [one.h100e for one in race.frontier(Seen({**RACE, **usual.pop("terms", {})}, **usual))]


def test_the_machine_is_what_leads_what_makers_make_what_a_grid_connects_and_what_money_pays(monkeypatch):
    assert raced(monkeypatch) == [1_000.0]
    for name in ("machine", "asked", "placeable", "money"):
        assert raced(monkeypatch, sizes={name: 700.0}) == [700.0], name
    assert raced(monkeypatch, sizes={"money": 500.0}) == [500.0]
    assert raced(monkeypatch, sizes={"money": 499.0}) == []
    assert raced(monkeypatch, sizes={"machine": 100.0}) == [100.0]
    assert raced(monkeypatch, sizes={"machine": 99.0}) == []
    assert raced(monkeypatch, sizes={"machine": 0.0}) == []
    tiny = {"machine": 0.5, "asked": 0.5}
    assert raced(monkeypatch, sizes=tiny, terms={"contracts.ask_min_h100e": 0.1}) == [0.5]


def test_no_machine_is_wanted_that_is_near_in_a_glut_without_money_or_within_a_group(monkeypatch):
    assert raced(monkeypatch, coming=799.0) == [1_000.0]
    assert raced(monkeypatch, coming=800.0) == []
    assert raced(monkeypatch, clearing=1.99) == []
    assert raced(monkeypatch, lab=None) == []
    assert raced(monkeypatch, parent_of="g") == []
    assert raced(monkeypatch, chip=None) == []
    for name in ("usd", "round"):  # half the machine at least, at ten a piece
        assert raced(monkeypatch, sizes={name: 5_000.0}) == [1_000.0]
        assert raced(monkeypatch, sizes={name: 4_999.0}) == []
        assert raced(monkeypatch, sizes={name: 1_000.0, "machine": 150.0}) == [150.0]
        assert raced(monkeypatch, sizes={name: 999.0, "placeable": 150.0}) == []
    assert raced(monkeypatch, sizes={"usd": 4_999.0}, is_regulated=True, may=GIVEN) == [1_000.0]


def test_a_machine_is_worth_twice_the_rent_of_the_day_and_more():
    seen = Seen(RACE, price=2.0, lab=lab(best_model="m", revenue_usd_per_year=0.0), books=some(valuation_cents=0),
                fleet_h100e=0.0, labs_revenue_usd_per_year=1.0)  # fmt: skip
    one = race._machine(seen, 50.0)
    assert (one.worth_usd_per_h100e_hour_max, one.due_day, one.years, one.because) == (6.0, START + 182, 4.0, "m")
    assert one.control == 0.07
    assert one.urgency == pytest.approx(race.urgency(seen, 50.0))
