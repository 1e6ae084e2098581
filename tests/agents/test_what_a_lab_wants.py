"""What a lab wants: what it believes in, what it can carry, what it has, and what is left to ask for."""

from __future__ import annotations

import math

import pytest
from given import START
from seen import GB200, H100, ME, Seen, held, lab, nothing, rented, signed, some

from agents import labs, targets

YEAR_HOURS = 8760


def money(**values):
    return some(**{"sought_cents": 0, "round_day": -(10**6), "valuation_cents": 0, **values})


# --- beliefs


@pytest.mark.parametrize(("days", "share"), [(0, 0.3), (54.75, 0.3), (73, 0.4), (182.5, 1.0), (400, 1.0)])
def test_a_lab_spends_on_all_its_aims_with_half_a_year_of_cash_and_on_less_with_less(days, share):
    assert targets.runway_share(Seen({"labs.runway_share_min": 0.3}, runway_days=days)) == pytest.approx(share)


@pytest.mark.parametrize(("seen", "believed"), [(-0.5, 0.0), (0.4, 0.4), (0.9, 0.8)])
def test_no_lab_believes_in_decline_nor_in_more_growth_than_the_most(seen, believed):
    assert targets.growth(Seen({"labs.belief_max_per_year": 0.8}, revenue_growth=seen)) == believed


def test_revenue_grows_by_all_that_is_believed_at_first_and_by_no_more_than_so_many_years_of_it():
    believing = Seen({"labs.belief_years": 2.0, "labs.belief_max_per_year": 9.0}, revenue_growth=0.5)
    served, waiting = lab(revenue_usd_per_year=100.0), lab(revenue_usd_per_year=80.0, demand_usd_per_year=100.0)
    for each in (served, waiting):
        assert targets.believed_revenue_usd(believing, each, 0.0) == pytest.approx(100)
        year = 100 * math.exp(0.5 * 2 * (1 - math.exp(-0.5)))
        assert targets.believed_revenue_usd(believing, each, 52.0) == pytest.approx(year)
        assert targets.believed_revenue_usd(believing, each, 1e6) == pytest.approx(100 * math.e)
    soon = targets.believed_years(believing, 1.0)
    assert soon == pytest.approx(1 / 52, rel=0.01)
    assert soon < 1 / 52


def wanting(cash_cents=10**12, weeks=0.0, **traits):
    terms = {
        "labs.want_cash_years": 2.0, "labs.belief_years": 2.0, "serving.revenue_per_inference_usd": 4.0,
        "labs.runway_share_min": 0.25, "labs.belief_max_per_year": 9.0,
    }  # fmt: skip
    facts = {"runway_days": 91.25, "revenue_growth": 0.5, "cash_cents": cash_cents}
    return Seen(terms, {"research_share": 0.2, **traits}, **facts)


def test_a_lab_aims_at_serving_what_it_believes_in_and_at_research_as_its_runway_allows():
    mine = lab(revenue_usd_per_year=1e9)
    research = 0.2 * (1e9 * math.exp(0.5) + 1e10 / 2)  # what is served in a year, and cash
    assert targets.wanted_usd(wanting(), mine, 0.0) == pytest.approx(1e9 / 4 + research / 2)
    seen = wanting()
    now, then = (targets.believed_revenue_usd(seen, mine, weeks) for weeks in (26.0, 78.0))
    assert targets.wanted_usd(seen, mine, 26.0) == pytest.approx(now / 4 + 0.2 * (then + 1e10 / 2) / 2)


@pytest.mark.parametrize(("cents", "wants"), [(-100, False), (0, False), (1, True)])
def test_who_has_no_cash_aims_at_nothing(cents, wants):
    assert (targets.wanted_usd(wanting(cents), lab(revenue_usd_per_year=1e9), 0.0) > 0) == wants


def test_what_is_aimed_at_is_as_much_compute_as_its_money_rents_for_a_year():
    mine, seen = lab(revenue_usd_per_year=1e9), wanting()
    assert targets.wanted_h100e(seen, mine, 9.0, 2.0) * 2.0 * YEAR_HOURS == pytest.approx(
        targets.wanted_usd(seen, mine, 9.0)
    )


def test_a_follower_with_a_strategic_backer_wants_a_part_of_the_largest_lab_that_no_parent_owns():
    fleets = {"first": 1000.0, "second": 600.0, "owned": 9e9}
    parents = {"owned": "google"}

    def wants(backed, cents=1):
        seen = Seen(
            {"labs.follower_share": 0.5}, {"backed": backed}, cash_cents=cents, labs=dict.fromkeys(fleets),
            fleet_of=fleets.get, parent_of=parents.get, runway_days=0.0, revenue_growth=0.0,
        )  # fmt: skip
        return targets.wanted_h100e(seen, lab(), 0.0, 1.0)

    assert wants(1.0) == 500.0
    assert wants(0.0) < 1.0
    assert wants(1.0, cents=0) == 0.0


# --- what it has


@pytest.mark.parametrize(
    ("first", "last", "counts"), [(-5, 5, True), (0, 1, True), (1, 9, False), (-9, 0, False), (-9, 1, True)]
)
def test_a_lease_counts_from_its_first_day_until_the_day_before_its_last(first, last, counts):
    there = rented(start_day=START + 50 + first, last_day=START + 50 + last)
    seen = Seen(**nothing(rented=(there,)))
    assert targets.held_on(seen, START + 50) == (100.0 if counts else 0.0)
    assert targets.rent_promised_usd(seen, 50 / 7) == pytest.approx(100 * 2.0 * YEAR_HOURS if counts else 0.0)


def test_what_a_group_gives_its_lab_counts_on_every_day():
    there = rented(start_day=START + 90, last_day=START + 100, kind="internal")
    assert targets.held_on(Seen(**nothing(rented=(there,))), START) == 100.0


def test_tranches_of_own_contracts_count_from_their_first_days_in_compute_and_in_rent():
    mine = signed((10, START + 10), (20, START + 20), chip="GB200")
    other = signed((5_000, START), lessee="another")
    seen = Seen(**nothing(contracts=(mine, other)))
    for day, gpus in ((9, 0), (10, 10), (19, 10), (20, 30)):
        assert targets.held_on(seen, START + day) == gpus * 2.5
        assert targets.rent_promised_usd(seen, day / 7) == pytest.approx(gpus * 2.0 * YEAR_HOURS)


def test_what_is_owned_in_the_warehouse_in_transit_and_on_order_counts_by_its_compute():
    owned = nothing(holdings=(held("H100", 7), held("GB200", 10)), warehouse={"GB200": 2}, coming={"H100": 3},
                    orders=(some(chip="GB200", gpus=4),))  # fmt: skip
    assert targets.held_on(Seen(**owned), START) == 7 + 25 + 5 + 3 + 10


# --- what it can carry


def test_years_ahead_a_lab_can_promise_a_part_of_its_revenue_half_of_its_cash_and_of_a_round():
    terms = {"labs.far_revenue_share": 0.4, "labs.round_share": 0.5}
    seen = Seen(terms, cash_cents=1_000, books=money(sought_cents=600), revenue_growth=0.0)
    mine = lab(revenue_usd_per_year=50.0)
    assert targets.far_limit_usd(seen, mine, 99.0) == pytest.approx(0.4 * 50 + (10 + 0.5 * 6) / 2)
    owing = Seen(terms, cash_cents=-1_000, books=money(), revenue_growth=0.0)
    assert targets.far_limit_usd(owing, mine, 99.0) == pytest.approx(0.4 * 50)


def test_soon_a_lab_can_carry_revenue_cash_over_years_and_a_round_less_its_other_costs():
    terms = {
        "finance.revenue_margin": 0.5, "labs.cash_years": 2.0, "labs.round_share": 0.25, "finance.spend_burn": 1.5,
        "labs.near_weeks": 52.0, "labs.belief_years": 2.0, "labs.belief_max_per_year": 9.0,
    }  # fmt: skip
    seen = Seen(terms, cash_cents=1_000, books=money(sought_cents=800), revenue_growth=0.5)
    then = 50 * math.exp(0.5 * 2 * (1 - math.exp(-0.5)))
    assert targets.near_limit_usd(seen, lab(revenue_usd_per_year=50.0)) == pytest.approx((then / 2 + 5 + 2) / 1.5)
    owing = Seen(terms, cash_cents=-1_000, books=money(), revenue_growth=0.0)
    assert targets.near_limit_usd(owing, lab(revenue_usd_per_year=60.0)) == pytest.approx(20)


def test_the_gap_is_what_is_aimed_at_within_what_can_be_carried_less_what_will_be_there():
    mine = lab(revenue_usd_per_year=1e9)
    ending = rented(gpus=300, last_day=START + 70)
    facts = nothing(rented=(ending,), cash_cents=10**12, runway_days=9e9, revenue_growth=0.0)
    seen = Seen({}, {"research_share": 0.0}, **facts)
    aimed = targets.wanted_h100e(seen, mine, 9.0, 2.0)
    assert targets.gap_h100e(seen, mine, 9.0, 2.0, 1e99) == pytest.approx(aimed - 300)
    assert targets.gap_h100e(seen, mine, 10.0, 2.0, 1e99) == pytest.approx(aimed)
    assert targets.gap_h100e(seen, mine, 10.0, 2.0, 500 * 2.0 * YEAR_HOURS) == pytest.approx(500)


# --- what it asks for


def makers(**more):
    return {"outlook_in": {"H100": 10, "GB200": 2}, "chips": (H100, GB200), **more}


def test_one_buyer_gets_its_part_of_what_makers_make_in_the_time():
    seen = Seen({"contracts.supply_share_max": 0.5, "contracts.fleet_ramp_days": 28.0}, **makers())
    assert targets.obtainable_h100e(seen, 0.0, 6.0) == pytest.approx(0.5 * 15 * 6)
    assert targets.asked_h100e(seen, 0.0) == pytest.approx(0.5 * 15 * 4)


def test_what_one_buyer_asks_for_is_a_part_of_what_makers_make_when_it_comes_not_today():
    outlook = {"outlook_in": lambda weeks: {"H100": round(weeks)}}
    seen = Seen({"contracts.supply_share_max": 0.5, "contracts.fleet_ramp_days": 28.0}, **makers(**outlook))
    assert targets.asked_h100e(seen, 0.0) == pytest.approx(0.5 * 2 * 4), "the middle of the weeks in which it comes"
    assert targets.asked_h100e(seen, 100.0) == pytest.approx(0.5 * 102 * 4)


@pytest.mark.parametrize(("cost", "years", "lost"), [(1.0, 1.0, 1.5), (2.0, 1.0, 0.5), (1.0, 3.0, 0.5), (5.0, 1.0, 0)])
def test_users_who_wait_lose_half_a_year_of_what_serving_earns_over_its_cost_for_the_term(cost, years, lost):
    seen = Seen({"serving.revenue_per_inference_usd": 2.0}, price=2.0)
    assert targets.users_urgency(seen, cost, years) == pytest.approx(lost)


def asking(gap, every=4, served=1.0, kind="serving", **terms):
    values = {
        "labs.sign_weeks": 8.0, "labs.ask_min_h100e": 10.0, "price.walk_away": 1.5, "labs.near_term_years": 1.0,
        "labs.far_term_years": 4.0, "contracts.supply_share_max": 1.0, "contracts.fleet_ramp_days": 7_000.0,
    }  # fmt: skip
    seen = Seen({**values, **terms}, served_share=served, **makers())
    return list(targets._target(seen, kind, (gap, every), 13.0, 2.0))


def test_a_part_of_a_gap_is_asked_for_in_each_interval_and_more_where_customers_wait():
    part = 1 - math.exp(-4 / 8)
    (one,) = asking(1_000.0)
    assert one.h100e == pytest.approx(1_000 * part)
    assert (one.kind, one.due_day, one.years, one.because) == ("serving", START + 91, 1.0, ME)
    assert one.worth_usd_per_h100e_hour_max == pytest.approx(3.0)
    (short,) = asking(1_000.0, served=0.5)
    assert short.h100e == pytest.approx(1_000 * 1.5 * part)
    (whole,) = asking(1_000.0, every=400, served=0.5)
    assert whole.h100e == pytest.approx(1_000)
    (far,) = asking(1_000.0, kind="frontier")
    assert far.years == 4.0


def test_no_less_is_asked_for_than_the_least_and_no_more_than_makers_make():
    part = 1 - math.exp(-4 / 8)
    assert asking(9.99 / part) == []
    (least,) = asking(10.0 / part, **{"labs.ask_min_h100e": 10.0 / part * part})
    assert least.h100e == pytest.approx(10)
    (most,) = asking(1e9, **{"contracts.fleet_ramp_days": 70.0})
    assert most.h100e == pytest.approx(15 * 10)


def planning(**facts):
    """A lab of which money and aims are plain: it aims at what 100 M USD of revenue and no research rent."""
    terms = {
        "serving.revenue_per_inference_usd": 1.0, "labs.near_weeks": 26.0, "desk.lead_weeks": 4.0,
        "labs.far_weeks": 60.0, "targets.lead_weeks_max": 30.0, "contracts.fleet_ramp_days": 70.0,
        "labs.sign_weeks": 1e-9, "labs.ask_min_h100e": 1.0, "contracts.supply_share_max": 1e9,
        "labs.near_term_years": 1.0, "labs.far_term_years": 4.0, "labs.cash_years": 1.0, "price.walk_away": 1.5,
        "letters.ahead_years": 3.0, "letters.h100e_min": 100.0, "labs.far_revenue_share": 1.0,
        **facts.pop("terms", {}),
    }  # fmt: skip
    usual = nothing(
        cash_cents=10**14, runway_days=9e9, revenue_growth=0.0, served_share=1.0, lead_time_weeks=20.0,
        contract_price=lambda days, wait: 1.0 + days / 365 + wait / 100, **makers(),
    )  # fmt: skip
    return Seen(terms, {"research_share": 0.0}, **{**usual, **facts})


MINE = lab(revenue_usd_per_year=1e8)


def test_the_rent_of_a_lab_is_that_of_its_term_and_wait():
    assert targets.rent_usd(planning(), 4.0, 50.0) == pytest.approx(5.5)


def test_soon_a_lab_asks_for_the_larger_of_two_gaps_less_what_its_options_bring():
    price = 2.0 + 4 / 100
    aimed = 1e8 / (price * YEAR_HOURS)
    ends = rented(gpus=1_000, last_day=START + 100)  # within half a year, not within four weeks
    for there, gap in (((), aimed), ((ends,), aimed), ((rented(gpus=1_000),), aimed - 1_000)):
        (one,) = targets.near(planning(rented=there), MINE)
        assert one.h100e == pytest.approx(gap)
        assert (one.kind, one.due_day, one.years) == ("serving", START + 28, 1.0)
    (less,) = targets.near(planning(), MINE, taken=700.0)
    assert less.h100e == pytest.approx(aimed - 700)


def test_years_ahead_a_lab_asks_for_what_comes_while_its_fleet_grows():
    weeks = 60 + 20 / 2
    (one,) = targets.far(planning(), MINE)
    assert one.h100e == pytest.approx(1e8 / ((5 + weeks / 100) * YEAR_HOURS))
    assert (one.kind, one.years) == ("frontier", 4.0)
    assert one.due_day == START + 7 * (weeks - 10)
    (slow,) = targets.far(planning(lead_time_weeks=99.0), MINE)
    assert slow.due_day == START + 7 * (60 + 15 - 10)


def test_a_letter_names_what_is_lacking_further_ahead_and_is_written_for_no_small_amount():
    price = 5 + 156 / 100
    gap = 1e8 / (price * YEAR_HOURS)
    (one,) = targets.announced(planning(), MINE)
    assert one.h100e == pytest.approx(gap)
    assert (one.due_day, one.years, one.because) == (START + 7 * 156, 4.0, f"{ME}/plan")
    assert one.worth_usd_per_h100e_hour_max == pytest.approx(1.5 * price)
    assert len(list(targets.announced(planning(terms={"letters.h100e_min": one.h100e}), MINE))) == 1
    assert list(targets.announced(planning(terms={"letters.h100e_min": one.h100e * 1.001}), MINE)) == []
    (made,) = targets.announced(planning(terms={"contracts.supply_share_max": 0.1}), MINE)
    assert made.h100e == pytest.approx(0.1 * 15 * 156)


# --- money


def test_compute_to_come_is_what_is_owed_less_what_ends_soon():
    terms, soon = {"price.need_slack_weeks": 26.0}, START + 182

    def coming(**lease):
        return labs.coming_h100e(Seen(terms, **nothing(rented=(rented(chip="GB200", **lease),), coming={"H100": 7})))

    assert coming(owed=10, delivered=90) == 7 + 25
    assert coming(owed=10, delivered=90, last_day=soon) == 7 + 25
    assert coming(owed=10, delivered=90, last_day=soon - 1) == 7 + 25 - 225
    assert coming(owed=10, delivered=90, last_day=soon - 1, kind="internal") == 7 + 25


class Draws:
    """Draws of which the chance is told."""

    def __init__(self, u=0.0):
        self.u, self.asked = u, []

    def chance(self, share, name):
        self.asked.append(share)
        return self.u < share

    def uniform(self, *_):
        return 0.5


SEEKING = {
    "labs.cash_years": 100 / 52, "finance.round_gap_weeks": 26.0, "finance.round_calm": 0.2,
    "finance.round_keen": 1.0, "finance.round_hazard_weeks": 10.0, "finance.round_share": 0.1,
    "finance.value_per_revenue": 0.0, "finance.value_per_h100e_usd": 0.0, "finance.value_floor_usd": 1e9,
    "finance.value_least_usd": 1e6,
}  # fmt: skip


def seeking(weeks, round_day=-(10**6), draws=None, terms=(), **facts):
    usual = nothing(
        lab=None, runway_days=7 * weeks, books=money(round_day=round_day), clearing=1.0, entry_price=1.0,
        fleet_h100e=0.0,
    )  # fmt: skip
    draws = draws or Draws()
    return draws, list(labs.raise_money(Seen({**SEEKING, **dict(terms)}, **{**usual, **facts}), draws))


@pytest.mark.parametrize(("weeks", "chance"), [(0.0, 0.1), (50.0, 0.06), (99.9, 0.02)])
def test_the_hazard_of_a_round_grows_as_runway_shrinks(weeks, chance):
    draws, (command,) = seeking(weeks)
    assert draws.asked == [0.1, pytest.approx(chance, abs=1e-4)]  # whether it could with no runway, and with its own
    assert command.amount_usd_cents == round(0.1 * 1e6 * 100)


def test_no_round_is_sought_with_enough_runway_soon_after_another_during_one_or_by_who_has_a_parent():
    assert seeking(99.9)[1]
    assert seeking(100.0)[1] == []
    assert seeking(10.0, round_day=START - 182)[1]
    assert seeking(10.0, round_day=START - 181)[1] == []
    assert seeking(10.0, books=money(sought_cents=1))[1] == []
    assert seeking(10.0, parent_of="google")[1] == []
    assert seeking(10.0, draws=Draws(0.99))[1] == []


def planned(cash_cents=52_00, runway_weeks=1e6, promised=0, **terms):
    """The aim of a year's rent of 100 USD (serving alone), revenue of 40 USD."""
    values = {
        "labs.near_weeks": 26.0, "finance.spend_burn": 1.5, "finance.revenue_margin": 0.5,
        "serving.revenue_per_inference_usd": 0.4, **terms,
    }  # fmt: skip
    leases = (rented(gpus=promised, price_usd_per_gpu_hour=1 / YEAR_HOURS),)
    facts = nothing(
        lab=lab(revenue_usd_per_year=40.0), cash_cents=cash_cents, runway_days=7 * runway_weeks, revenue_growth=0.0,
        reference=2.0, rented=leases,
    )  # fmt: skip
    return labs.planned_runway_weeks(Seen(values, {"research_share": 0.0}, **facts))


def test_runway_is_cash_over_what_is_aimed_at_or_promised_less_revenue():
    assert planned() == pytest.approx(52 * 52 / 130)
    assert planned(cash_cents=13_00) == pytest.approx(52 * 13 / 130)
    assert planned(cash_cents=13_00, promised=200) == pytest.approx(52 * 13 / 280)
    assert planned(cash_cents=13_00, promised=50) == pytest.approx(52 * 13 / 130)
    assert planned(cash_cents=-1, promised=200) == 0.0


def test_a_lab_that_will_earn_what_it_spends_lasts_as_its_books_say_and_seeks_no_round():
    earns = {"finance.revenue_margin": 9.0}
    assert [planned(cash_cents=1, runway_weeks=weeks, **earns) for weeks in (30.0, 521.0)] == [30.0, 521.0]
    assert seeking(planned(**earns))[1] == []


@pytest.mark.parametrize("runway_weeks", [3.0, 26.0, 80.0, 521.0])
def test_runway_is_the_shorter_of_what_the_books_and_the_plan_say(runway_weeks):
    rich = planned(cash_cents=200_00, runway_weeks=1e6)
    assert rich == pytest.approx(52 * 200 / 130)  # beyond the half year of the plan
    assert planned(cash_cents=200_00, runway_weeks=runway_weeks) == min(rich, runway_weeks)


def test_what_is_ordered_and_not_paid_yet_is_no_cash_for_a_runway(monkeypatch):
    monkeypatch.setattr(labs, "committed_usd", lambda _: 13.0)
    assert planned() == pytest.approx(52 * (52 - 13) / 130)
    assert planned(runway_weeks=80.0, **{"finance.revenue_margin": 9.0}) == pytest.approx(80 * (52 - 13) / 52)
    monkeypatch.setattr(labs, "committed_usd", lambda _: 60.0)
    assert planned() == 0.0
    assert seeking(planned())[1], "a lab that cannot pay its orders seeks money"


def test_who_is_no_lab_or_is_bound_to_its_group_lasts_as_long_as_its_books_say():
    for trait, own in (({}, None), ({"in_house": 1.0}, lab(revenue_usd_per_year=40.0))):
        seen = Seen(None, trait, runway_days=70.0, lab=own)
        assert labs.planned_runway_weeks(seen) == 10.0


def worth(revenue=0.0, fleet=0.0, clearing=2.0, valuation_cents=0):
    terms = {
        "finance.value_per_revenue": 20.0, "finance.value_per_h100e_usd": 30.0, "finance.value_floor_usd": 500.0,
        "finance.value_least_usd": 100.0,
    }  # fmt: skip
    facts = nothing(lab=lab(revenue_usd_per_year=revenue), fleet_h100e=fleet, clearing=clearing, entry_price=2.0,
                    coming={"H100": 5}, books=money(valuation_cents=valuation_cents))  # fmt: skip
    return labs.worth_usd(Seen(terms, **facts))


def test_an_org_claims_the_worth_of_its_revenue_of_its_compute_or_the_floor_whichever_is_most():
    assert worth(revenue=50.0) == 1_000.0
    assert worth(fleet=95.0) == 30 * 100
    assert worth(fleet=95.0, clearing=1.0) == 30 * 50  # its rent does not cover what it cost
    assert worth(fleet=95.0, clearing=9.0) == 30 * 100
    assert worth() == 150.0
    assert worth(valuation_cents=300_00) == 300.0
    assert worth(valuation_cents=900_00) == 500.0


# --- plans


def plan(wanted, served=1.0, change=0.1, regulated=()):
    facts = nothing(
        cash_cents=10**14, runway_days=9e9, revenue_growth=0.0, served_share=served, letters=("one",),
        contract_price=1.0, **makers(),
    )  # fmt: skip
    terms = {"labs.plan_change_min": change, "serving.revenue_per_inference_usd": 1.0, "letters.h100e_min": 1e99}
    mine = lab(revenue_usd_per_year=100.0 * YEAR_HOURS, wanted_h100e=wanted, best_model="m")
    return list(labs.plan(Seen(terms, {"research_share": 0.0}, **facts), mine, Draws()))


def test_a_plan_is_revised_when_what_is_wanted_moved_by_more_than_a_part_of_it():
    (new,) = plan(90.0)
    assert (new.h100e, new.due_day, new.reason, new.because) == (pytest.approx(100), START + 182, "growth", "m")
    assert plan(91.0) == []
    assert plan(111.0) == [] != plan(112.0)
    assert plan(50.0, served=0.9)[0].reason == "customers wait"


def inside(gap, owned=1_000.0):
    terms = {"labs.ask_min_h100e": 50.0, "labs.internal_gap_min": 0.1, "labs.internal_term_years": 2.0}
    facts = nothing(fleet_owned_by=owned, fleet_h100e=0.5 * owned - gap - 7, coming={"H100": 7}, price=2.0)
    return list(labs.internal(Seen(terms, {"parent_share": 0.5}, **facts), "google"))


def test_a_lab_asks_its_group_for_what_it_lacks_of_its_part_where_that_is_no_trifle():
    (one,) = inside(51.0)
    assert (one.h100e, one.kind, one.due_day, one.years) == (pytest.approx(51), "internal", START + 7, 2.0)
    assert one.worth_usd_per_h100e_hour_max == 2.0
    assert inside(50.0) == []
    assert inside(100.0, owned=2_000.0) == [] != inside(101.0, owned=2_000.0)


def letter(letters=(), draws=None, clouds=("a", "b", ME)):
    fleets = {"a": 10.0, "b": 20.0, ME: 99.0}
    seen = Seen({"letters.chance": 0.5}, letters=letters, orgs_of_bloc=clouds, fleet_owned_by=fleets.get)
    wish = some(because="x", h100e=5.0, due_day=START + 9)
    return list(labs.announce(seen, draws or Draws(), wish))


def test_a_letter_goes_to_a_large_lessor_other_than_oneself_unless_one_stands():
    (one,) = letter()
    assert (one.lessor, one.h100e, one.due_day, one.because) == ("b", 5.0, START + 9, "x")
    assert letter(letters=("one",)) == []
    assert letter(draws=Draws(0.5)) == []
    assert letter(clouds=(ME,)) == []
