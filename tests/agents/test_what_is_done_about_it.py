"""What follows a comparison: talks that are weighed, buildings that are begun, answers to a question from outside."""

from __future__ import annotations

import math
from datetime import date

import pytest
from given import START
from seen import GB200, H100, ME, Seen, lab, nothing, signed, some
from test_amounts_of_a_builder import site
from test_talks_and_the_race import given as offered
from test_ways_to_get_compute import FLEET, MACHINE, way, wish
from test_what_a_lessor_offers import Normal, asked

from agents import desk, fulfilment, options, question, siting
from agents.decision import Way, Weights, decide, score
from agents.means import Offered
from events.terms import LeaseTerms
from market.rng import gumbel

# --- talks


def test_a_target_is_what_its_request_says(monkeypatch):
    monkeypatch.setattr(desk, "_urgency", lambda *_: 0.7)
    request = asked(h100e=5.0, duration_days=730, price_limit_usd_per_h100e_hour=3.0, region="texas", chip="H100")
    target = desk.target_of(Seen({"choice.own_weight": 0.2}), request)
    assert (target.h100e, target.years, target.worth_usd_per_h100e_hour_max) == (5.0, 2.0, 3.0)
    assert (target.urgency, target.control, target.region, target.chip) == (0.7, 0.2, "texas", "H100")
    plain = desk.target_of(Seen(None, {"own_weight": 0.4}), asked())
    assert (plain.control, plain.region, plain.chip, plain.because) == (0.4, None, None, "lab/request/1")


def weighed(monkeypatch, *pairs, **request):
    seen_options = []

    def everything(view, target, quotes, since):
        seen_options.append(([quote.quote_id for quote in quotes], since))
        return [way("all")]

    monkeypatch.setattr(desk.options, "all_options", everything)
    monkeypatch.setattr(
        desk.options, "quoted", lambda view, target, quote: way(quote.quote_id, quote_id=quote.quote_id)
    )
    monkeypatch.setattr(desk, "_urgency", lambda *_: 0.0)
    draws = Normal(u=0.5)
    seen = Seen({"decision.noise": 0.1, "choice.own_weight": 0.0}, price=1.0, week=9, draws=draws)
    found = desk.weigh(seen, [(asked(day=day, **request), quote) for day, quote in pairs])
    return seen_options, [(s.option.name, s.terms.term_noise) for s in found.ranked]


def test_what_an_org_could_build_is_weighed_against_every_way_and_the_rest_among_its_quotes(monkeypatch):
    one, silent = offered(1), offered(2, countered="price")
    seen_options, ranked = weighed(monkeypatch, (START, one), (START - 9, silent), (START, None), kind="capacity")
    assert seen_options == [(["cloud/quote/1"], START - 9)]
    assert ranked[0] == ("all", pytest.approx(gumbel(0.5, 0.1)))
    seen_options, ranked = weighed(monkeypatch, (START, one), (START, silent), kind="serving")
    assert seen_options == []
    assert [name for name, _ in ranked] == ["cloud/quote/1"]


def answered(monkeypatch, *quotes, best=None):
    tables = [[(asked(request_id=str(n)), quote)] for n, quote in enumerate(quotes)]
    monkeypatch.setattr(desk, "tables", lambda _: tables)
    monkeypatch.setattr(desk, "weigh", lambda view, talks: decide(wish(), [
        way("x", quote_id=best or talks[0][1].quote_id)], Weights(1.0, 0.0)))  # fmt: skip
    monkeypatch.setattr(desk, "negotiate", lambda *_: iter(["negotiate"]))
    monkeypatch.setattr(desk, "take_or_leave", lambda *_: iter(["take or leave"]))
    return list(desk.answer_quotes(Seen()))


def test_contracts_are_negotiated_and_what_stands_free_is_taken_or_left(monkeypatch):
    assert answered(monkeypatch, offered(1, form="contract"), offered(2, form="lease")) == [
        "negotiate",
        "take or leave",
    ]
    assert answered(monkeypatch, None, offered(1, countered="price")) == []
    assert answered(monkeypatch, offered(1), best="another") == []


class Keys(Normal):
    """Draws that differ by what they are about, as those of an org do."""

    def uniform(self, stream, about, week):
        self.asked.append((about, week))
        return (sum(map(ord, about)) + week) % 97 / 97 + 0.005


def unseen(*found, week=11, since=START):
    draws = Keys()
    return desk.noise(Seen({"decision.noise": 0.2}, week=week, draws=draws), found, since), draws.asked


def quote_of(lessor, number, kind="lease"):
    return way(f"{kind} {lessor}/quote/{number}", counterparty=lessor, quote_id=f"{lessor}/quote/{number}")


def test_noise_is_drawn_once_for_a_lessor_or_a_way_of_ones_own_in_talks_begun_in_a_month():
    build = way("greenfield texas")
    noise, asked = unseen(build, quote_of("alpha", 1), quote_of("beta", 2))
    assert asked == [("greenfield texas", 2), ("alpha", 2), ("beta", 2)]
    assert len(set(noise.values())) == 3
    assert noise["greenfield texas"] == pytest.approx(gumbel(Keys().uniform("option", "greenfield texas", 2), 0.2))
    assert unseen(build, week=11 + 9, since=START - 9 * 7)[0] == {"greenfield texas": noise["greenfield texas"]}
    assert unseen(build, week=12)[1] == [("greenfield texas", 3)]


@pytest.mark.parametrize(("number", "kind"), [(1, "lease"), (2, "contract"), (977, "sublease")])
def test_how_many_offers_were_made_before_changes_nothing_that_is_thought_of_an_offer(number, kind):
    first, another = quote_of("alpha", 1), quote_of("alpha", number, kind)
    assert unseen(another)[0][another.name] == unseen(first)[0][first.name]


# --- buildings


def begun(monkeypatch, *ways, taken=None, h100e=100.0):
    found, taken = [], {} if taken is None else taken
    monkeypatch.setattr(siting, "best_chip", lambda _: GB200)
    monkeypatch.setattr(siting.means, "weights", lambda _: Weights(1.0, 0.0))
    monkeypatch.setattr(
        siting.execution,
        "begin",
        lambda view, option, kw, because, why: found.append((option.name, kw, why)) or "begun",
    )
    monkeypatch.setattr(siting, "_after", lambda view, option, kw, before: option)
    wanted = wish(h100e=h100e, **FLEET)
    scored = [(score(wanted, one, Weights(1.0, 0.0)), siting._queue(one)) for one in ways]
    seen = Seen({"decision.noise": 0.0})
    list(siting._begin(seen, Normal(u=0.4), (wanted, "new 0"), scored, taken))
    return found, taken


def test_the_best_way_is_begun_where_it_is_the_orgs_own_and_its_power_is_counted(monkeypatch):
    own = way("own", 1.0, is_owned=True, region="texas", way=Way.GREENFIELD)
    other = way("other", 2.0)
    ((name, kw, why),), taken = begun(monkeypatch, own, other)
    assert (name, kw, why.chosen.option, taken) == ("own", 80.0, "own", {"texas firm": 80.0})
    _, again = begun(monkeypatch, own, other, taken=taken)
    assert again == {"texas firm": 160.0}
    assert begun(monkeypatch, way("own", 3.0, is_owned=True, region="texas"), other) == ([], {})


def test_a_refused_building_is_applied_for_all_the_same_and_one_without_power_is_not(monkeypatch):
    refused = way("no", is_owned=True, failed=("permission",), region="texas")
    ((name, _, why),), taken = begun(monkeypatch, refused)
    assert (name, why, taken) == ("no", None, {})
    assert begun(monkeypatch, way("no", is_owned=True, failed=("power",)))[0] == []
    assert begun(monkeypatch, way("no", is_owned=True, failed=("power", "permission")))[0] == []


def built(monkeypatch, ways=(), undrawn=100, at="", room=0.0, start=70, **terms):
    """A contract of 100 GB200, 200 kW, from ten weeks on; the org has one site there."""
    told, found = [], []

    def every(view, wanted, since, region=""):
        told.append((wanted.h100e, wanted.due_day - START, wanted.chip, region))
        return list(ways)

    monkeypatch.setattr(fulfilment.options, "every_build", every)
    monkeypatch.setattr(fulfilment.means, "weights", lambda _: Weights(1.0, 0.0))
    monkeypatch.setattr(fulfilment, "urgency", lambda _: 1.0)
    monkeypatch.setattr(fulfilment.execution, "begin", lambda view, option, kw, because, why, site=None: found.append(
        (option.name, kw, site.name if site else None)) or "begun")  # fmt: skip
    values = {"sites.building_kw_min": 10.0, "sites.building_kw_max": 150.0, **terms}
    seen = Seen(values, sites=(site(energised_kw=1), site("far", region="utah", energised_kw=9)))
    contract = signed((undrawn, START + start), lessor=ME, chip="GB200", site=at)
    list(fulfilment.build_for(seen, contract, {"alpha": room, "far": 1e9}))
    return told, found


def test_what_a_contract_lacks_of_power_is_built_at_its_place(monkeypatch):
    land, hall = way("land", 1.0, wait_weeks=30.0), way("hall", 1.1, wait_weeks=10.0)
    told, found = built(monkeypatch, (land, hall))
    assert told == [(pytest.approx(187.5), 70, "GB200", "texas")]
    assert found == [("hall", 150, "alpha")]
    assert built(monkeypatch, (land, hall), start=210)[1] == [("land", 150, "alpha")]  # all are in time
    assert built(monkeypatch, (land,), room=80.0)[1] == [("land", 120, "alpha")]
    assert built(monkeypatch, (land,), room=190.0)[1] == [("land", 10, "alpha")]
    assert built(monkeypatch, (land,), room=190.1)[1] == [("land", 10, "alpha")]
    assert built(monkeypatch, (land,), room=191.0)[1] == []
    assert built(monkeypatch, (land,), at="far") == ([], [])


def test_what_has_no_power_in_time_is_begun_all_the_same_and_a_shell_apart_is_none_of_a_site(monkeypatch):
    late = way("late", failed=("power",))
    assert built(monkeypatch, (late,))[1] == [("late", 150, "alpha")]
    assert built(monkeypatch, (late, way("ok", 9.0)))[1] == [("ok", 150, "alpha")]
    assert built(monkeypatch, (way("no", failed=("permission",)),))[1] == []
    shell = way("shell", 0.1, way=Way.LEASED_SHELL)
    assert built(monkeypatch, (shell, way("land")))[1] == [("shell", 150, "alpha")]
    assert built(monkeypatch, (shell, way("land")), at="alpha")[1] == [("land", 150, "alpha")]


# --- options


def test_each_chip_on_offer_is_an_option_of_an_order(monkeypatch):
    monkeypatch.setattr(options, "offers", lambda _: (Offered(H100, 2.0, 5.0, 0.4),))
    (one,) = options.orders(Seen())
    assert (one.chip, one.cost_usd_per_h100e_hour, one.wait_weeks, one.available) == ("H100", 2.0, 5.0, 0.4)
    assert (one.is_owned, one.way, one.is_executable) == (True, Way.OWN_SITE, True)


def test_of_regions_the_cheaper_and_sooner_is_kept_for_each_kind(monkeypatch):
    known = [way("a", 1.0, way=Way.GREENFIELD, failed=("permission",)), way("b", 3.0, way=Way.GREENFIELD),
             way("c", 2.0, way=Way.GREENFIELD), way("h", 5.0, way=Way.BROWNFIELD)]  # fmt: skip
    monkeypatch.setattr(options, "every_build", lambda *_: known)
    seen = Seen({"choice.risk_weight": 1.0}, price=1.0)
    found = options.builds(seen, wish(), START)
    assert sorted(option.name for option in found) == ["c", "h"]
    monkeypatch.setattr(options, "every_build", lambda *_: known[:1])
    assert [option.name for option in options.builds(seen, wish(), START)] == ["a"]


@pytest.mark.parametrize(("weight", "best"), [(0.6, "home"), (0.8, "home"), (0.5, "away")])
def test_of_regions_one_that_is_new_to_the_org_must_be_better_by_what_that_costs(monkeypatch, weight, best):
    known = [way("home", 2.0, way=Way.GREENFIELD), way("away", 2.0 * math.exp(-0.55), way=Way.GREENFIELD, is_away=True)]
    monkeypatch.setattr(options, "every_build", lambda *_: known)
    (found,) = options.builds(Seen({"choice.presence_weight": weight}, price=1.0), wish(**FLEET), START)
    assert found.name == best


def test_all_ways_are_quotes_own_sites_builds_and_by_the_hour_and_a_fleet_takes_own_power_first(monkeypatch):
    for name in ("own_sites", "builds", "on_demand"):
        monkeypatch.setattr(options, name, lambda *_, _name=name: [_name])
    monkeypatch.setattr(options, "quoted", lambda view, target, quote: quote)
    assert options.all_options(Seen(), wish(), ["q"], START) == ["q", "own_sites", "builds", "on_demand"]
    assert options.all_options(Seen(), wish(**FLEET), ["q"], START) == ["q", "builds", "on_demand"]


# --- a question from outside


def asking(**facts):
    usual = {"lab": None, "price": 2.0, "chips": (H100, GB200), "cash_cents": 10**12}
    return Seen({"choice.wait_weight_default": 0.3, "choice.own_weight": 0.1, "labs.race_money_share": 0.25,
                 "sites.slip_sd": 0.3}, **nothing(**{**usual, **facts}))  # fmt: skip


def test_a_question_is_a_machine_of_so_many_gpus_by_a_day(monkeypatch):
    monkeypatch.setattr(question.race, "urgency", lambda _, h100e: h100e)
    what = {"gpus": 10, "chip": "GB200", "by": date(2024, 7, 22), "region": "texas", "years": 3.0}
    target = question._target(asking(), **what)
    assert (target.h100e, target.due_day, target.years, target.urgency) == (25.0, START + 7, 3.0, 0.3)
    assert (target.kind, target.chip, target.region, target.control) == ("frontier", "GB200", "texas", 0.1)
    assert target.is_machine
    assert question._target(asking(lab=lab()), **what).urgency == 25.0


@pytest.mark.parametrize(("cents", "failed"), [(10 * 2 * 8_760 * 25, ()), (10 * 2 * 8_760 * 25 - 1, ("finance",))])
def test_a_lessors_first_offer_is_an_option_with_a_part_of_a_years_rent_in_hand(monkeypatch, cents, failed):
    terms = LeaseTerms(chip="H100", site="", region="texas", gpus=10, start_day=START + 70, end_day=START + 500,
                       price_usd_per_gpu_hour=2.0)  # fmt: skip
    requests = []
    monkeypatch.setattr(
        question.lessors, "offer", lambda lessor, request, spread: requests.append((request, spread)) or terms
    )
    found = question._offered(some(me="cloud"), asking(cash_cents=cents, training_yield=1.0), wish(**MACHINE))
    assert (found.h100e, found.wait_weeks, found.cost_usd_per_h100e_hour, found.failed) == (10.0, 10.0, 2.0, failed)
    ((request, spread),) = requests
    assert (request.lessee, request.lessor, request.h100e, spread) == (ME, "cloud", 100.0, 0.0)
    monkeypatch.setattr(question.lessors, "offer", lambda *_, **__: "power")
    assert question._offered(some(me="cloud"), asking(), wish(**MACHINE)) is None


def test_what_a_scenario_does_not_have_is_no_question():
    question._check("chip", "a", ["b", "a"])
    with pytest.raises(question.NoSuchThing, match="known: a, b"):
        question._check("chip", "c", ["b", "a"])
