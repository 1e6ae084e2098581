"""How investors answer rounds, labs divide their compute and policies bound what is asked for: over plain facts."""

from __future__ import annotations

import math
from collections import Counter
from types import SimpleNamespace

import pytest
from given import START
from msgspec.structs import replace
from seen import H100, ME, Seen, some
from test_amounts_of_a_builder import site
from test_ways_to_get_compute import way, wish
from test_what_a_lessor_offers import Normal

from agents import (
    investors,
    permission,
    research,
)
from agents.decision import Scored, Weights, decide
from events.commands import Choice
from events.commands.finance import FundRound
from market.rng import Draws
from market.view import GIVEN
from market.view.records import Round

YEAR_HOURS = 8760


# --- investors

INVEST = {
    "finance.strategic_round_usd": 100.0, "finance.round_part_min": 0.5, "finance.round_share": 0.1,
    "finance.rounds_usd_per_year": 1_000.0, "finance.builder_rounds_usd_per_year": 500.0,
    "finance.rounds_growth_per_year": 0.5, "finance.backer_share": 0.6, "finance.value_per_revenue": 20.0,
    "finance.value_floor_usd": 50.0, "finance.value_per_h100e_usd": 2.0,
}  # fmt: skip


def books(sought=5_000, **values):
    terms = {"org": "lab", "sought_cents": sought, "sought_day": START, "valuation_cents": 0, "compute_h100e": 0.0,
             "backer_draw": 0.9, "fund_draws": {"fund": 0.5, "big": 0.7}}  # fmt: skip
    return Round(**{**terms, **values})


def funded(monkeypatch, *rounds, kind="equity", cents=10**9, strategic=True, me="fund", backer=None, leads=None):
    monkeypatch.setattr(investors, "leader", lambda view, one: leads or me)
    monkeypatch.setattr(investors, "kept_out", lambda *_: None)
    monkeypatch.setattr(investors, "carried_cents", lambda *_: 10**12)
    seen = Seen(INVEST, me=me, rounds_sought=rounds, is_strategic=strategic, cash_cents=cents, funds=("fund", "big"),
                backs_a_round=me == backer, labs={"lab": 1}, raised_in_a_year_cents=lambda role: 20_000,
                week=0)  # fmt: skip
    return [
        (command.amount_usd_cents if isinstance(command, FundRound) else command.reason)
        for command in investors.fund_rounds(seen, kind)
    ]


def test_rounds_are_led_within_cash_the_years_appetite_and_for_funds_a_size(monkeypatch):
    assert funded(monkeypatch, books()) == [5_000]
    assert funded(monkeypatch, books(), cents=3_000) == [3_000]
    assert funded(monkeypatch, books(), cents=2_500) == [2_500]
    assert funded(monkeypatch, books(), cents=2_499) == ["investors without cash"]
    assert funded(monkeypatch, books(100_000)) == [80_000]
    assert funded(monkeypatch, books(200_000)) == ["market closed"]
    assert funded(monkeypatch, books(50_000, org="cloud")) == [30_000]
    assert funded(monkeypatch, books(30_000), strategic=False) == [10_000]
    assert funded(monkeypatch, books(30_000), strategic=False, cents=4_999) == ["investors without cash"]
    assert funded(monkeypatch, books(30_000), strategic=False, cents=5_000) == [5_000]
    assert funded(
        monkeypatch, books(30_000), kind="equity for compute", strategic=False, me="cloud", backer="cloud"
    ) == [30_000]
    assert funded(monkeypatch, books(60_000), books(30_000)) == [60_000, 20_000]
    assert funded(monkeypatch, books(3_000), books(3_000), cents=4_000) == [3_000, "investors without cash"]
    assert (
        funded(monkeypatch) == funded(monkeypatch, books(), leads="big") == funded(monkeypatch, books(), me="x") == []
    )


def test_a_round_values_an_org_at_what_it_gives_away_or_what_investors_carry(monkeypatch):
    def valued(most):
        monkeypatch.setattr(investors, "leader", lambda *_: "fund")
        monkeypatch.setattr(investors, "kept_out", lambda *_: None)
        monkeypatch.setattr(investors, "carried_cents", lambda *_: most)
        seen = Seen(INVEST, me="fund", rounds_sought=(books(),), is_strategic=True, cash_cents=10**9, funds=("fund",),
                    backs_a_round=False, labs={"lab": 1}, raised_in_a_year_cents=0, week=0)  # fmt: skip
        (command,) = investors.fund_rounds(seen, "equity")
        return command.valuation_usd_cents

    assert (valued(10**12), valued(42_000)) == (50_000, 42_000)


def test_appetite_is_a_years_money_as_it_grows_less_what_was_put_in():
    seen = Seen(INVEST, week=52, raised_in_a_year_cents={"lab": 100, "cloud": 200}.get)
    assert investors.appetite_cents(seen, "lab") == 150_000 - 100
    assert investors.appetite_cents(seen, "cloud") == 75_000 - 200


def carried(revenue=0.0, **values):
    seen = Seen(INVEST, labs={"lab": some(revenue_usd_per_year=revenue)})
    return investors.carried_cents(seen, books(100, **values))


def test_a_lab_is_carried_at_what_it_was_worth_with_new_money_its_revenue_its_compute_or_the_floor():
    assert carried() == 5_000
    assert carried(revenue=3.0) == 6_000
    assert carried(compute_h100e=40.0) == 8_000
    assert carried(valuation_cents=9_900) == 10_000
    assert carried(org="cloud") == math.inf


def led(sought=5_000, backer=None, draw=0.5, strategic=("big",), kept=(), **values):
    seen = Seen(
        INVEST, compute_backer=backer, funds=("fund", "big"), is_strategic=lambda name: name in strategic,
        is_regulated=bool(kept), may=lambda command: some(is_worth_asking=command.actor not in kept),
    )  # fmt: skip
    return investors.leader(seen, books(sought, backer_draw=draw, **values))


def test_a_round_is_led_by_a_keen_backer_strategic_money_for_a_large_one_or_a_fund():
    assert led() == led(9_999) == "fund"
    assert led(10_000) == "big"
    assert led(backer="cloud") == "cloud"
    assert led(backer="cloud", draw=0.6) == "fund"
    assert led(backer="cloud", kept=("cloud",)) == "fund"
    assert led(kept=("fund",)) == "big"
    assert led(strategic=("fund", "big")) == "big"
    assert led(kept=("fund", "big")) == ""


def test_who_was_kept_out_is_named():
    def told(kept, backer="cloud"):
        seen = Seen(INVEST, compute_backer=backer, funds=("fund",), is_regulated=True,
                    may=lambda command: some(is_worth_asking=command.actor not in kept, policy="p"))  # fmt: skip
        found = investors.kept_out(seen, books())
        return [one.option for one in found.rejected] if found else None

    assert told(("cloud", "fund")) == ["cloud", "fund"]
    assert told(("cloud",), backer=None) is None
    assert told(()) is None


# --- inside a lab


def divided(share=0.5, need=0.4, full=100.0, fleet=50.0, half_year=0.0, monkeypatch=None):
    monkeypatch.setattr(research, "half_year_usd", lambda _: half_year)
    terms = {"serving.revenue_per_inference_usd": 2.0, "split.speed_per_week": 0.5, "split.inference_min": 0.1,
             "split.inference_max": 0.6}  # fmt: skip
    mine = some(inference_share=share, demand_usd_per_year=need * full)
    seen = Seen(terms, serving_capacity_usd=full, fleet_h100e=fleet, reference=3.0)
    return research.split(seen, mine).share


def test_serving_keeps_what_customers_want_and_research_what_it_is_worth_more_on(monkeypatch):
    def towards(target):
        return pytest.approx(0.5 + (1 - 0.5**4) * (target - 0.5))

    hours = 26 * 168
    worth = 2.0 * 3.0 * 50 * hours
    assert divided(monkeypatch=monkeypatch) == towards(0.4)
    assert divided(need=0.9, monkeypatch=monkeypatch) == towards(0.6)
    assert divided(need=0.01, monkeypatch=monkeypatch) == towards(0.1)
    assert divided(half_year=0.7 * worth, monkeypatch=monkeypatch) == towards(0.3)
    assert divided(full=0.0, monkeypatch=monkeypatch) == divided(fleet=0.0, monkeypatch=monkeypatch) == 0.5


def begun(monkeypatch, machine=2e25, step=1.5e25, best=1e25, first=1e24):
    found = []
    monkeypatch.setattr(research, "run_of", lambda view, one, least: found.append(least) or "run")
    machines = (some(effective_flop=machine, flop=machine / 2),) if machine else ()
    mine = some(best_effective_flop=best)
    runs = list(research.train(Seen({"labs.step_up": 1.2, "labs.first_run_flop": first}, machines=machines,
                                    step_flop=step), mine))  # fmt: skip
    return runs, found


def test_a_run_begins_where_a_machine_is_a_step_ahead_and_no_smaller_than_a_step(monkeypatch):
    runs, least = begun(monkeypatch)
    assert (runs, least) == (["run"], [pytest.approx(1.2e25 / 2)])
    assert begun(monkeypatch, machine=1.5e25)[0] == ["run"]
    assert begun(monkeypatch, machine=1.499e25)[0] == []
    assert begun(monkeypatch, machine=None)[0] == []
    assert begun(monkeypatch, best=0.0)[1] == [pytest.approx(1.2e24 / 2)]


class Ideas(Normal):
    def __init__(self, u=0.5, **z):
        super().__init__(u=u)
        self.named = z

    def normal(self, name, *_, **__):
        return self.named.get(name.split()[1], 0.0)


def ideas(draws=None, heads=100.0, fleet=1_000.0, listed=0.0, **terms):
    values = {
        "projects.fleet_min_h100e": 100.0, "projects.team": 5.0, "projects.team_share": 0.1,
        "projects.list_over_research": 2.0, "projects.ideas_per_week": 0.025, "projects.size_sd": 0.5,
        "projects.days_sd": 0.3, "projects.days": 70.0, "projects.worth_power": 0.8, "projects.worth_sd": 0.4, **terms,
    }  # fmt: skip
    seen = Seen(values, research_h100e=500.0, fleet_h100e=fleet, listed_h100e=listed)
    return list(research.projects(seen, some(researchers=heads), draws or Ideas()))


def test_an_idea_is_the_work_of_a_team_with_the_compute_that_so_many_have():
    one, two = ideas()
    assert one == two
    assert (one.h100e, one.work_h100e_weeks, one.worth) == (50.0, 500.0, 1.0)
    assert ideas(heads=40.0)[0].h100e == pytest.approx(5 * 500 / 40)
    assert len(ideas(Ideas(u=0.49))) == 3
    assert len(ideas(heads=120.0, draws=Ideas(u=0.0))) == 3
    assert ideas(fleet=99.0) == ideas(heads=0.0) == []
    assert len(ideas(fleet=100.0)) == 2


def test_size_days_and_worth_of_an_idea_vary_by_themselves():
    large, long, good = (ideas(Ideas(**{what: 1.0}))[0] for what in ("size", "days", "worth"))
    assert large.h100e == pytest.approx(50 * math.exp(0.5))
    assert large.work_h100e_weeks == pytest.approx(500 * math.exp(0.5))
    assert large.worth == pytest.approx(math.exp(0.5 * -0.2))
    assert (long.h100e, long.work_h100e_weeks) == (50.0, pytest.approx(500 * math.exp(0.3)))
    assert long.worth == pytest.approx(math.exp(0.3 * -0.2))
    assert (good.h100e, good.worth) == (50.0, pytest.approx(math.exp(0.4)))


def test_no_more_ideas_come_than_the_list_has_place_for():
    assert len(ideas(listed=999.0)) == 1
    assert len(ideas(listed=950.0)) == 1
    assert len(ideas(listed=949.0)) == 2
    assert ideas(listed=1_000.0) == []


# --- what policies make of it


def test_the_largest_that_is_allowed_is_found():
    assert permission.largest(lambda x: x <= 50, 1.0, 100.0) == pytest.approx(50)
    assert permission.largest(lambda x: x <= 50, 1.0, 50.0) == 50.0
    assert permission.largest(lambda x: x <= 50, 51.0, 100.0) is None
    assert permission.largest(lambda x: True, 5.0, 5.0) == 5.0
    assert permission.largest(lambda x: True, 5.1, 5.0) is None


MACHINE = SimpleNamespace(site="hall", chip="H100", gpus=1_000, flop=4e25)


def sized(may, best=1e24, price=2.0, week=1, least=1e25):
    terms = {"labs.run_days": 100.0, "labs.first_run_flop": 1e23}
    seen = Seen(terms, may=may, lab=some(best_model="m", best_flop=best), price=price, week=week)
    return permission.run_of(seen, MACHINE, least)


def may(given=True, refused=False, worth=True, days=0.0, usd=0.0):
    return some(is_given=given, is_refused=refused, is_worth_asking=worth, wait_days=days, usd=usd, policy="p")


def above(limit, over):
    return lambda command: over if command.flop >= limit else may()


def test_a_licence_is_waited_for_where_a_smaller_run_gains_less_a_day():
    """Half the FLOP gains log10(20) a day of 100, the whole log10(40) of 100 and the wait."""
    even = 100 * (math.log10(40) / math.log10(20) - 1)
    quick = may(given=False, days=even * 0.99)
    slow = may(given=False, days=even * 1.01)
    assert sized(above(2e25, quick)).flop == 4e25
    small = sized(above(2e25, slow))
    assert small.flop == pytest.approx(2e25)
    assert small.why.rejected[0].option == "4e+25 FLOP"


def test_a_charge_counts_as_days_of_the_machine():
    day = 1_000 * 2.0 * 24
    even = 100 * (math.log10(40) / math.log10(20) - 1)
    assert sized(above(2e25, may(usd=0.99 * even * day))).flop == 4e25
    assert sized(above(2e25, may(usd=1.01 * even * day))).flop == pytest.approx(2e25)


def test_a_refused_run_is_asked_for_once_a_quarter():
    refused = may(given=False, refused=True, worth=False)
    assert sized(above(1e24, refused)) is None
    assert sized(above(1e24, refused), week=13).flop == 4e25
    assert sized(above(2e25, refused)).flop == pytest.approx(2e25)
    waits = may(given=False, refused=False, worth=False)
    assert sized(above(1e24, waits)) is None
    assert sized(above(1e24, waits), week=13) is None


def test_gain_is_counted_over_the_best_run_or_a_tenth_of_a_first_one():
    terms = {"labs.run_days": 100.0, "labs.first_run_flop": 1e24}
    seen = Seen(terms, lab=some(best_flop=0.0), price=2.0)
    size = permission.Size(1e25, 25.0, 0.0)
    assert permission._gain_per_day(seen, MACHINE, size) == pytest.approx(2 / 125)
    better = Seen(terms, lab=some(best_flop=1e24), price=2.0)
    assert permission._gain_per_day(better, MACHINE, size) == pytest.approx(1 / 125)


def test_an_order_is_cut_to_what_is_allowed_and_at_least_one_is_asked_for():
    def cut(limit, gpus=1_000, worth=False):
        answer = may(given=False, worth=worth)
        seen = Seen(may=lambda command: may() if command.gpus <= limit else answer)
        return permission.order_size(seen, "GB200", gpus)

    assert cut(1_000) == (1_000, ())
    gpus, (left,) = cut(100)
    assert gpus in (99, 100)
    assert (left.h100e, left.policy, left.reason) == (2_500.0, "p", "permission")
    assert cut(0)[0] == 0
    assert cut(100, worth=True) == (1_000, ())
    assert cut(5, gpus=0) == (0, ())


def test_a_building_joins_the_own_campus_of_its_region_and_a_shell_stands_apart():
    own = site(energised_kw=5)
    seen = Seen(sites=(own, site("far", region="utah", energised_kw=99)))
    joined = permission.building(seen, "texas", "greenfield", 9.1, on_site=True, is_firm=False)
    assert (joined.site, joined.power_kw_it, joined.on_site_power, joined.is_firm) == ("alpha", 10, True, False)
    apart = permission.building(seen, "texas", "leased", 0.0, on_site=False)
    assert (apart.region, apart.power_kw_it, apart.is_firm) == ("texas", 1, True)
    assert permission.main_site(seen, []) is None
    pool = site("pool", kind="pool", energised_kw=1_000)
    assert permission.main_site(seen, [pool, own]) is own


def test_of_campuses_that_are_as_large_no_name_comes_first():
    sites = [site("alpha", energised_kw=5), site("beta", energised_kw=5), site("gamma", energised_kw=4)]
    seeds = [Seen(draws=Draws(seed, ME, 0)) for seed in range(60)]
    found = Counter(permission.main_site(seen, sites).name for seen in seeds)
    assert set(found) == {"alpha", "beta"}
    assert min(found.values()) > 15
    later = [Seen(draws=Draws(seed, ME, 9)) for seed in range(60)]
    assert found == Counter(permission.main_site(seen, sites[::-1]).name for seen in later), "one draw for life"


def test_without_policies_all_regions_are_open_and_nothing_is_refused():
    seen = Seen(sites=(), outlook={"H100": 1}, chips=(H100,), is_for_sale=True)
    assert permission.open_regions(seen, ["a", "b"], 9.0) == ["a", "b"]
    assert permission.to_build(seen, "a", "greenfield", 9.0, on_site=False) is GIVEN
    assert permission.refused_chips(seen) == ()
    assert permission.rent_levy(seen, 365) == 0.0
    kept = Seen(is_regulated=True, sites=(), may=lambda command: may(worth=command.region == "b"))
    assert permission.open_regions(kept, ["a", "b"], 9.0) == ["b"]


def test_chips_that_are_promised_made_sold_and_refused_are_named():
    chips = (H100, replace(H100, name="later", in_volume=False), replace(H100, name="none"), replace(H100, name="own"))
    facts = {
        "outlook": {"H100": 1, "later": 1, "own": 1, "none": 0}, "chips": chips, "is_regulated": True,
        "is_for_sale": lambda name: name != "own", "may": may(worth=False),
    }  # fmt: skip
    assert [one.option for one in permission.refused_chips(Seen(**facts))] == ["H100"]
    assert permission.refused_chips(Seen(**{**facts, "may": may()})) == ()


def test_plant_that_may_not_run_is_asked_for_once_a_quarter():
    def sought(worth, week):
        return permission.is_to_be_sought(Seen(is_regulated=True, may=may(worth=worth), week=week), "b")

    assert [sought(True, 1), sought(False, 1), sought(False, 13), sought(False, 0)] == [True, False, True, True]


def test_a_levy_on_rent_is_a_part_of_it_at_signature_and_a_part_of_a_years_rent():
    seen_cases = []

    def levy(event, case, day=None):
        seen_cases.append((event, dict(case), day))
        return 0.1 * case["amount_usd"] if event == "LeaseSigned" else 26.0

    seen = Seen(is_regulated=True, levy=levy, monthly_rent_cents=1_000)
    assert permission.rent_levy(seen, 100, "x", 50.0) == pytest.approx(0.1 + 26 / 130)
    (_, later, day), (_, now, _) = seen_cases
    assert (later["amount_usd"], later["lessor"], day) == (130.0, "x", START + 364)
    assert (now["amount_usd"], now["duration_days"]) == (50.0, 100)
    poor = Seen(is_regulated=True, levy=levy, monthly_rent_cents=0)
    assert permission.rent_levy(poor, 100) == pytest.approx(0.1 + 26)
    paper = some(gpus=10, price_usd_per_gpu_hour=2.0, duration_days=5, lessor="x")
    permission.quote_levy(seen, paper)
    assert seen_cases[-1][1]["amount_usd"] == 10 * 2.0 * 24 * 5


def test_a_choice_is_told_with_what_policies_took_away():
    why = Choice("chip", wish_terms(), ())
    assert permission.with_refused(why, ()) is why
    left = permission.kept_from("H100", may(), 5.0)
    assert permission.with_refused(why, (left,)).rejected == (left,)
    assert (left.h100e, left.reason, permission.kept_from("x", may()).h100e) == (5.0, "permission", 0.0)


def wish_terms():
    found = decide(wish(), [way()], Weights(1.0, 0.0))
    assert isinstance(found.best, Scored)
    return found.best.terms
