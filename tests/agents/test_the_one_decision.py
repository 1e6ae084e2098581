"""The one decision: gates before scores, the reason that turned the order, and what does not matter."""

from __future__ import annotations

import itertools
import math

import pytest
from given import CLOUD, LAB, RESELLER, RIVAL, START, given, lease
from hypothesis import given as drawn
from hypothesis import strategies as st
from msgspec.structs import replace

from agents import desk, fulfilment, lessors, means, options, owning, places, question, race, rooms, talks, targets
from agents.decision import Option, Target, Way, Weights, decide, score, true_reason
from events.commands.chips import PlaceOrder
from events.commands.finance import SeekRound
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote, GiveQuote, RequestLease
from events.commands.sites import PlanSite
from events.terms import terms_of
from events.types.demand import UseMeasured
from events.types.finance import PaymentMade, RoundClosed
from events.types.leases import LeaseRequested
from events.types.training import ServingMeasured
from market.rng import Draws, gumbel
from market.view import MarketView, Shared
from market.view.base import NotVisible

WEIGHTS = Weights(2.5, 1.0)
DRAWS = Draws(7, LAB, 0)


def target(**changed):
    values = {
        "kind": "frontier", "h100e": 100_000.0, "due_day": START + 180, "years": 3.0,
        "worth_usd_per_h100e_hour_max": 9.0, "urgency": 0.81, "control": 0.1,
    }  # fmt: skip
    return Target(**{**values, **changed})


def leased(price=2.1, weeks=60.0, **changed):
    values = {
        "name": "contract oracle",
        "way": Way.CONTRACT,
        "h100e": 1e5,
        "slip_share": 0.1,
        "late_weeks": 3.0,
        "quote_id": "q",
    }
    return Option(**{**values, "cost_usd_per_h100e_hour": price, "wait_weeks": weeks, **changed})


def built(price=2.42, weeks=24.0, **changed):
    values = {
        "name": "brownfield",
        "way": Way.BROWNFIELD,
        "h100e": 1e5,
        "slip_share": 0.05,
        "late_weeks": 1.0,
        "is_owned": True,
    }
    return Option(**{**values, "cost_usd_per_h100e_hour": price, "wait_weeks": weeks, **changed})


def best(*options, **changed):
    found = decide(target(**changed), options, WEIGHTS)
    lost = next(s for s in found.ranked if s.option.way != found.best.option.way)
    return found.best.option.way, found.because_of(lost)


def test_a_follower_builds_in_an_old_hall_because_the_lease_comes_too_late():
    assert best(leased(), built()) == (Way.BROWNFIELD, "too late")


def test_with_power_at_the_site_the_same_follower_leases():
    assert best(leased(weeks=22.0), built())[0] is Way.CONTRACT


def test_noise_that_is_added_later_makes_the_same_score():
    wanted, option = target(), built()
    assert score(wanted, option, WEIGHTS).with_noise(0.3) == score(wanted, option, WEIGHTS, 0.3)
    assert score(wanted, option, WEIGHTS, 0.2).time < 0 < score(wanted, option, WEIGHTS, 0.2).control


def test_a_patient_lab_leases():
    assert best(leased(price=2.0), built(), urgency=0.05, control=0.05)[0] is Way.CONTRACT


def test_a_dear_lease_is_left_for_its_price():
    assert best(leased(price=2.1 * 1.8, weeks=22.0), built()) == (Way.BROWNFIELD, "price")


def test_a_lab_that_prizes_control_builds_for_control():
    assert best(leased(weeks=22.0), built(), control=0.8) == (Way.BROWNFIELD, "control")


@pytest.mark.parametrize("gate", ["finance", "power", "permission"])
def test_a_gate_is_no_weight_and_names_itself(gate):
    way, reason = best(leased(price=0.01, weeks=0.0, failed=(gate,)), built())
    assert (way, reason) == (Way.BROWNFIELD, gate)


def test_a_part_of_a_machine_is_left_for_the_whole_by_who_is_in_a_hurry():
    race = Weights(2.5, 1.0, pace_per_year=4.4)
    part = leased(price=2.0, weeks=20.0, h100e=7.5e4)
    whole = leased(name="contract azure", price=2.05, weeks=20.0)

    def taken(weights=race, **changed):
        return decide(target(**{"kind": "frontier", "chip": "H100", **changed}), [part, whole], weights).best.option

    assert taken(urgency=0.5) is whole
    assert taken(urgency=0.01) is part, "who does not mind waiting takes the cheaper"
    assert taken(urgency=0.5, chip=None) is part, "a fleet comes part by part"
    assert taken(urgency=0.5, h100e=7.5e4) is part, "more than was asked for is worth no more"
    assert taken(Weights(2.5, 1.0), urgency=0.5) is part


@drawn(st.floats(0.1, 1.0), st.floats(1.1, 10.0))
def test_a_part_of_a_machine_scores_as_the_whole_that_comes_when_the_part_would_have_led(share, pace):
    race, wish = Weights(2.5, 1.0, pace_per_year=pace), target(kind="frontier", chip="H100")
    later = 52 * math.log(1 / share) / math.log(pace)
    part = score(wish, leased(weeks=20.0, h100e=share * wish.h100e), race).score
    assert part == pytest.approx(score(wish, leased(weeks=20.0 + later, h100e=wish.h100e), race).score)


def test_a_slot_that_another_buyer_took_costs_its_wait_and_no_more():
    late = leased(price=1.5, weeks=100.0, is_slot_lost=True)
    assert best(late, built(price=2.1), urgency=0.01)[0] == Way.CONTRACT, "who does not mind waiting waits"
    assert best(late, built(price=2.1)) == (Way.BROWNFIELD, "lost to another")
    assert best(leased(price=1.5, weeks=100.0), built(price=2.1)) == (Way.BROWNFIELD, "too late")


def test_a_hope_is_a_reason_to_hold_out_and_is_never_executed():
    found = decide(target(), [leased(), built(is_executable=False)], WEIGHTS)
    assert found.best.option.way is Way.BROWNFIELD
    assert not found.best.is_open
    assert found.best_of(lambda option: option.is_owned) is None


def test_no_option_is_told_that_nobody_could_take():
    offered = [leased(), built(is_executable=False)]
    assert [s.option for s in decide(target(urgency=0.0), offered, WEIGHTS).ranked] == offered
    assert decide(target(), offered[:1], WEIGHTS).choice("compute").rejected == ()


def test_what_is_dearer_than_its_worth_ranks_behind_everything_that_pays():
    found = decide(target(worth_usd_per_h100e_hour_max=2.2), [built(weeks=0.0), leased()], WEIGHTS)
    assert found.best.option.way is Way.CONTRACT


@drawn(
    st.permutations([leased(), built(), leased(name="contract azure", price=2.3), built(name="greenfield", weeks=90.0)])
)
def test_the_order_of_options_decides_nothing(options):
    found = decide(target(), options, WEIGHTS)
    assert [s.option.name for s in found.ranked] == [
        s.option.name for s in decide(target(), sorted(options, key=lambda o: o.name), WEIGHTS).ranked
    ]


@drawn(st.floats(0.5, 9), st.floats(0, 120), st.floats(0.5, 9), st.floats(0, 120), st.floats(0, 2))
def test_money_in_another_unit_changes_no_decision(price, weeks, other, later, urgency):
    def ranked(unit):
        options = [leased(price * unit, weeks), built(other * unit, later)]
        wish = target(urgency=urgency, worth_usd_per_h100e_hour_max=20.0 * unit)
        return [s.option.name for s in decide(wish, options, Weights(2.5 * unit, 0.5)).ranked]

    assert ranked(1.0) == ranked(1024.0)


@drawn(st.floats(0.5, 9), st.floats(0, 120), st.floats(0, 40), st.floats(0, 1))
def test_giving_the_loser_the_winners_term_named_turns_the_order_if_any_term_does(price, weeks, late, urgency):
    wish = target(urgency=urgency)
    one, two = score(wish, leased(price, weeks, late_weeks=late), WEIGHTS), score(wish, built(), WEIGHTS)
    won, lost = (one, two) if one.score > two.score else (two, one)
    terms = {"price": "term_price", "too late": "term_time", "risk": "term_risk", "control": "term_control"}
    gaps = {name: getattr(won.terms, field) - getattr(lost.terms, field) for name, field in terms.items()}
    if won.score > lost.score and max(gaps.values()) >= won.score - lost.score:
        assert gaps[true_reason(lost, won)] >= won.score - lost.score


def test_every_option_is_recorded_with_its_terms_and_its_reason():
    found = decide(target(), [leased(), built()], WEIGHTS)
    why = found.choice("compute")
    assert why.chosen.option == "brownfield"
    assert {left.option: left.reason for left in why.rejected}["contract oracle"] == "too late"
    assert all(left.way and left.cost_usd_per_h100e_hour and left.reason for left in why.rejected)


def test_gumbel_noise_of_equal_options_takes_each_as_often():
    draws = [gumbel((n + 0.5) / 1000, 0.05) for n in range(1000)]
    assert sum(draws) / 1000 == pytest.approx(0.05 * 0.5772, abs=0.002)


# --- means


def owned_usd(v, bill, gpus):
    return owning.owning_usd(v, bill, (v.chip("H100"), gpus), owning.Place("texas"), owning.capital_rate(v))


def view(world, org=LAB):
    return MarketView(Shared(world.state), org)


def rich(**parameters):
    world = given(**{"orgs__lab__build": 1, "orgs__lab__on_site_power": 1, "orgs__lab__wait_weight": 0.9, **parameters})
    paid = PaymentMade(org="world/savers", counterparty=LAB, amount_usd_cents=10**13, kind="opening", contract_id=LAB)
    sales = ServingMeasured(org=RIVAL, revenue_usd_per_year=1e9, value=1e9, h100e=0.0, tokens_per_s=0.0)
    return world.happened(paid, sales)


def test_capital_is_dearer_for_a_lab_than_for_a_firm_with_other_business():
    lab = owned_usd(view(given()), 5e9, 100_000)
    firm = owned_usd(view(given(orgs__lab__income_usd_per_year=1e9)), 5e9, 100_000)
    assert firm < lab


def test_a_machine_costs_what_the_annuity_says():
    v = view(given(means__residual_share=0.0, means__running_usd_per_h100e_hour=0.0, energy__load_factor=0.0))
    rate, years = v.param("means.capital_rate_lab"), v.param("means.life_years")
    annuity = rate / (1 - (1 + rate) ** -years)
    assert owned_usd(v, 8760e3, 1000) == pytest.approx(annuity)


def test_the_catalogues_build_of_a_hundred_thousand_h100_costs_what_the_first_colossus_did(frontier):
    """5.27 B USD for 100,000 H100 (52.7 thousand each), within 15 %."""
    p, chip = frontier.parameters, frontier.chips["H100"]
    each = chip.price_usd_per_gpu * (1 + p["shipping.server_cost_share"])
    each += chip.power_kw_it_per_gpu * (p["build.shell_usd_per_kw"] + 1.3 * p["means.turbine_usd_per_kw"])
    assert each == pytest.approx(52_700, rel=0.15)


def test_more_power_than_a_halls_own_connection_waits_for_a_study_and_own_plant_does_not():
    v = view(rich())
    small, large = (means.power_weeks(v, means.Build("brownfield", "texas", False), kw) for kw in (10_000, 200_000))
    assert large > small + 26
    assert means.power_weeks(v, means.Build("brownfield", "texas", True), 200_000) < small


def test_a_hall_is_found_after_a_while_and_stays_found():
    v = view(rich())
    found = [means.has_hall(v, v.day - days) for days in (0, 7, 21, 63, 365)]
    assert not found[0]
    assert found[-1]


# --- the race


def test_the_machine_that_is_wanted_grows_with_what_rivals_announced():
    v = view(rich())
    assert race.machine_h100e(v) > 0
    assert race.urgency(v, 50_000.0) > race.urgency(v, 100_000.0)


def test_who_is_in_no_hurry_loses_nothing_by_waiting():
    assert race.urgency(view(rich(orgs__lab__wait_weight=0.0)), 1e5) == 0.0


# --- talks


def asked(h100e=30_000.0, world=None, lessor=CLOUD, number=1, **changed):
    values = {
        "request_id": f"lab/request/{number}", "lessee": LAB, "lessor": lessor, "h100e": h100e, "due_day": START + 180,
        "duration_days": 1095, "price_usd_per_h100e_hour": 9.0, "kind": "frontier", "region": "texas", "chip": "H100",
    }  # fmt: skip
    return (world or rich()).happened(LeaseRequested(**{**values, **changed}))


def conceded(v, quote):
    """Terms of a lessor's next offer."""
    return lessors.conceded(v, quote, lessors.least_usd(v, quote, terms_of(quote)))


def offered(world):
    (quote,) = [c for c in lessors.first_offers(view(world, CLOUD)) if isinstance(c, GiveQuote)]
    world.when(quote)
    return quote


def test_a_lessor_offers_capacity_that_it_has_yet_to_build_above_its_own_cost():
    world = asked()
    quote = offered(world)
    v = view(world, CLOUD)
    assert (quote.form, quote.terms.chip, quote.terms.gpus) == ("contract", "H100", 30_000)
    assert quote.terms.start_day > v.day + 7 * means.chip_weeks(v, v.chip("H100")) - 7
    bill = means.bill_usd(v, v.chip("H100"), 30_000, means.Build("greenfield", "texas", False))
    assert quote.terms.price_usd_per_gpu_hour > owned_usd(v, bill, 30_000)


def test_an_offer_is_made_at_the_wished_place_only_with_power_there():
    poor, ample = asked(), asked(world=rich(regions__texas__queue_days=0, regions__texas__grid_mw_per_year=1e5))
    v = view(poor, CLOUD)
    assert places.at_wish(v, v.chip("H100"), 100_000, "texas") is None
    v = view(ample, CLOUD)
    plan = places.at_wish(v, v.chip("H100"), 100_000, "texas")
    assert plan is not None
    assert plan.weeks < 60


@pytest.mark.parametrize("clause", ["price", "date"])
def test_every_concession_is_a_part_of_the_room_and_never_passes_the_floor(clause):
    world = asked()
    offered(world)
    prices, days = [], []
    for turn in itertools.count(1):
        (quote,) = world.state.leases.quotes.values()
        prices.append(quote.price_usd_per_gpu_hour)
        days.append(quote.start_day)
        if turn == 12:
            break
        wanted = talks.counter(view(world), quote, target(urgency=9.0 if clause == "date" else 0.0), clause)
        world.when(wanted)
        (quote,) = world.state.leases.quotes.values()
        terms = conceded(view(world, CLOUD), quote)
        world.when(GiveQuote(actor=CLOUD, because=CLOUD, request_id="lab/request/1", form="contract", terms=terms))
    if clause == "price":
        assert prices == sorted(prices, reverse=True)
        assert 0.85 * prices[0] <= prices[-1] < 0.87 * prices[0]
        assert len(set(days)) == 1
    else:
        assert days == sorted(days, reverse=True)
        assert days[-1] - START >= math.floor(0.85 * (days[0] - START))
        assert prices == sorted(prices)


def test_what_was_lost_with_a_slot_is_no_room_to_bargain_for():
    def days_won(lost):
        world = asked()
        given = offered(world).terms
        late = replace(given, start_day=given.start_day + lost, end_day=given.end_day + lost)
        world.when(GiveQuote(actor=CLOUD, because=CLOUD, request_id="lab/request/1", form="contract", terms=late))
        (quote,) = world.state.leases.quotes.values()
        world.when(talks.counter(view(world), quote, target(urgency=9.0), "date"))
        (quote,) = world.state.leases.quotes.values()
        v = view(world, CLOUD)
        wait = quote.start_day - v.day
        return (quote.start_day - conceded(v, quote).start_day) / wait

    assert days_won(0) == pytest.approx(0.4 * 0.15, abs=0.01)
    assert days_won(182) == pytest.approx(0.4 * 0.15, abs=0.01)


def test_no_concession_goes_below_the_margin_over_what_the_capacity_costs_its_owner():
    world = asked(world=rich(talks__price_floor_share=0.2, talks__concession_share=0.9))
    offered(world)
    (quote,) = world.state.leases.quotes.values()
    world.when(talks.counter(view(world), quote, target(), "price"))
    (quote,) = world.state.leases.quotes.values()
    v, chip = view(world, CLOUD), view(world, CLOUD).chip("H100")
    terms = conceded(v, quote)
    bill = means.bill_usd(v, chip, 30_000, means.Build("greenfield", "texas", False))
    floor = v.param("price.entry_floor") * owned_usd(v, bill, 30_000)
    assert floor < terms.price_usd_per_gpu_hour < quote.price_usd_per_gpu_hour


def test_the_place_of_an_offer_is_found_again(monkeypatch):
    world = asked()
    given = offered(world).terms
    v = view(world, CLOUD)
    first = places.place_for(v, v.chip("H100"), given.gpus, v.requests_to_me()[0])
    again = places.place_of(v, given, "texas")
    assert places.own_usd(v, v.chip("H100"), given.gpus, again) == places.own_usd(v, v.chip("H100"), given.gpus, first)
    hall = places.Plan("", means.Build("brownfield", "texas", False), "texas", 9.0)
    monkeypatch.setattr(places, "at_wish", lambda *_: hall)
    assert places.place_of(v, replace(given, site=""), "texas") == hall
    assert places.place_of(v, replace(given, site=""), "ohio") != hall
    there = places.place_of(v, replace(given, site="alpha"), "texas")
    assert (there.site, there.build, there.region) == ("alpha", None, given.region)


def test_a_follower_breaks_off_builds_and_orders_when_two_more_rounds_would_not_help():
    world = asked(world=rich(talks__hall_weeks=1e-6, talks__quote_factor=0.85, regions__texas__queue_days=2000))
    offered(world)
    for _ in range(12):
        commands = list(desk.answer_quotes(view(world)))
        if any(isinstance(c, PlanSite) for c in commands):
            break
        (counter,) = commands
        assert isinstance(counter, CounterQuote)
        world.when(counter)
        (quote,) = world.state.leases.quotes.values()
        terms = conceded(view(world, CLOUD), quote)
        world.when(GiveQuote(actor=CLOUD, because=CLOUD, request_id="lab/request/1", form="contract", terms=terms))
    ended, site, order = commands
    assert (type(ended), ended.reason) == (BreakTalks, "too late")
    assert (site.kind, site.on_site_power, order.gpus) == ("brownfield", True, 30_000)
    assert {left.way for left in site.why.rejected} >= {"contract", "greenfield"}


def test_a_lab_that_lacks_money_alone_for_a_better_machine_of_its_own_seeks_a_round_and_holds_out():
    def answered(**parameters):
        far = {"talks__hall_weeks": 1e-6, "regions__texas__queue_days": 2000, "finance__round_gap_weeks": 0}
        world = asked(world=rich(**far, **parameters))
        spare = world.state.finance.ledger.accounts[LAB] - 10**9
        spent = PaymentMade(
            org=LAB, counterparty="world/contractors", amount_usd_cents=spare, kind="shell", contract_id="x"
        )
        offered(world.happened(spent))
        return {type(command) for command in desk.answer_quotes(view(world))}

    assert SeekRound in answered()
    assert AcceptQuote not in answered()
    assert SeekRound not in answered(talks__finance_weeks=0)


def test_a_patient_lab_signs_at_the_third_offer():
    world = asked(world=rich(orgs__lab__build=0, orgs__lab__wait_weight=0.1))
    offered(world)
    for _ in range(2):
        (counter,) = desk.answer_quotes(view(world))
        world.when(counter)
        (quote,) = world.state.leases.quotes.values()
        terms = conceded(view(world, CLOUD), quote)
        world.when(GiveQuote(actor=CLOUD, because=CLOUD, request_id="lab/request/1", form="contract", terms=terms))
    (taken,) = desk.answer_quotes(view(world))
    assert isinstance(taken, AcceptQuote)
    signed = world.when(taken)
    assert signed[0].gpus == 30_000


def test_a_lessor_orders_and_builds_for_what_it_signed():
    world = asked()
    quote = offered(world)
    (name,) = world.state.leases.quotes
    world.when(AcceptQuote(actor=LAB, because=name, quote_id=name))
    commands = list(fulfilment.fulfil(view(world, CLOUD)))
    assert sum(c.gpus for c in commands if isinstance(c, PlaceOrder)) <= quote.terms.gpus
    assert any(not isinstance(c, PlaceOrder) for c in commands)
    assert {c.because for c in commands} == {"lab/contract/1"}


def test_talks_are_opened_with_every_lessor_of_the_bloc_that_has_a_fleet():
    asks = [
        c.lessor for c in desk.ask(view(rich()), target(because=LAB, chip="H100"), DRAWS) if isinstance(c, RequestLease)
    ]
    assert asks == [CLOUD]  # the reseller has nothing yet


def test_what_stands_free_is_asked_of_a_few_and_capacity_years_ahead_of_everybody():
    near, far = (
        [c.lessor for c in desk.ask(view(rich(desk__lessors_asked=0)), wanted, DRAWS)]
        for wanted in (target(kind="serving", because=LAB), target(because=LAB))
    )
    assert (near, far) == ([], [CLOUD])


# --- what a lessor can offer


def test_a_lessor_offers_no_more_than_it_could_pay_for_and_of_a_machine_not_a_half():
    dear = {"build__shell_usd_per_kw": 1e6, "contracts__raise_years_max": 0.0}
    poor = view(asked(world=rich(**dear)), CLOUD)
    assert lessors.offer(poor, poor.requests_to_me()[0]) == "finance"
    able = view(asked(), CLOUD)
    assert lessors.offer(able, able.requests_to_me()[0]).gpus == 30_000


def test_who_borrows_can_offer_more_for_the_same_money():
    def carried(borrows):
        v = view(asked(world=rich(orgs__cloud__borrows=borrows)), CLOUD)
        return lessors.carried_gpus(v, v.chip("H100"), START + 180)

    assert carried(1.0) > carried(0.0)


def test_what_a_lessor_earns_until_the_first_day_pays_for_more():
    v = view(asked(world=rich(orgs__cloud__income_usd_per_year=1e9)), CLOUD)
    now, later, last = (lessors.carried_gpus(v, v.chip("H100"), START + days) for days in (0, 100, 200))
    assert last - later == pytest.approx(later - now, rel=0.1)
    assert later > now


def test_who_borrows_on_a_contract_builds_with_cheaper_capital():
    v = view(rich(orgs__cloud__borrows=1.0), CLOUD)
    assert owning.capital_rate(v, is_contracted=True) < owning.capital_rate(v)
    assert owning.capital_rate(view(rich(), CLOUD), is_contracted=True) == owning.capital_rate(view(rich(), CLOUD))


def test_who_is_in_no_hurry_fears_a_slip_as_little_as_a_wait():
    def lost(urgency):
        late, safe = leased(late_weeks=20.0), leased(late_weeks=0.0)
        wish = target(urgency=urgency)
        return score(wish, safe, WEIGHTS).score - score(wish, late, WEIGHTS).score

    assert lost(0.0) == 0.0
    assert lost(0.9) == pytest.approx(9 * lost(0.1))


def test_a_lab_that_a_lessor_backs_comes_before_others_who_ask():
    backed = rich().happened(
        RoundClosed(
            deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, amount_usd_cents=10**11, valuation_usd_cents=10**12,
            kind="equity for compute",
        ),
        UseMeasured(org=CLOUD, usd_per_year=1e6, growth_per_year=3.0, h100e=1.0),
    )  # fmt: skip
    v = view(backed, CLOUD)
    assert rooms.backed_h100e(v, 0.0) == v.fleet_of(LAB) > 0
    assert rooms.backed_h100e(view(rich(), CLOUD), 104) == 0
    assert rooms.needed_kw(v, 104) > rooms.needed_kw(v, 26)


def test_only_its_backer_is_told_how_fast_a_labs_revenue_grows():
    backed = rich(orgs__lab__revenue_growth_start=1.0).happened(
        RoundClosed(
            deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, amount_usd_cents=10**11, valuation_usd_cents=10**12,
            kind="equity for compute",
        )
    )  # fmt: skip
    assert view(backed, CLOUD).growth_of(LAB) == view(backed, LAB).revenue_growth()
    assert rooms.backed_h100e(view(backed, CLOUD), 52) > rooms.backed_h100e(view(backed, CLOUD), 0.0)
    with pytest.raises(NotVisible):
        view(backed, RESELLER).growth_of(LAB)


def test_a_machine_stands_at_one_place_and_a_pool_is_many():
    def places(place_kw):
        v = view(asked(world=rich(sites__pool_place_kw=place_kw)), CLOUD)
        pool = replace(v.sites()[0], kind="pool")
        return [means.holds(v, site, 40_000) for site in (pool, replace(pool, kind="greenfield"))]

    assert places(36_000) == [False, True]
    assert places(50_000) == [True, True]


def test_only_who_lives_on_contracts_or_has_other_business_is_a_developers_tenant():
    def ways(**traits):
        v = view(rich(**traits), CLOUD)
        return {build.kind for build in means.ways_to_build(v, (), 1_000)}

    assert ways(orgs__cloud__borrows=1.0) == {"greenfield", "leased"}
    assert ways(orgs__cloud__income_usd_per_year=1e9) == {"greenfield", "leased"}
    assert ways(orgs__cloud__borrows=0.0, orgs__cloud__income_usd_per_year=0.0) == {"greenfield"}


def test_a_lessor_offers_sooner_where_developers_have_shells():
    def first_weeks(share):
        slow = rich(
            orgs__cloud__borrows=1.0, sites__leased_grid_share=share, sites__leased_days=200.0,
            sites__greenfield_days=900.0, sites__next_days_min=900.0, sites__next_days_max=900.0,
        )  # fmt: skip
        return min(plan.weeks for plan in places.plans(view(slow, CLOUD), 0.0, 1_000, (["texas"], ())))

    assert first_weeks(0.1) < first_weeks(0.0)


def test_own_users_come_before_a_contract_and_who_rents_by_the_hour_does_not():
    def needed(org):
        used = UseMeasured(org=org, usd_per_year=1e9, growth_per_year=1.0, h100e=1.0)
        return rooms.needed_kw(view(rich().happened(used), CLOUD), 104)

    assert needed(CLOUD) > needed("tail") == rooms.needed_kw(view(rich(), CLOUD), 104)


def test_what_own_users_lack_has_asked_for_power_before_a_lessor_builds_for_others():
    def first_weeks(usd):
        slow = rich(regions__texas__grid_mw_per_year=100.0, sites__on_site_days=9_000.0)
        slow.happened(UseMeasured(org=CLOUD, usd_per_year=usd, growth_per_year=2.0, h100e=1.0))
        v = view(slow, CLOUD)
        return min(plan.weeks for plan in places.plans(v, 0.0, 1_000, (["texas"], v.sites())))

    assert first_weeks(1e10) > first_weeks(1.0)


def test_a_lessor_signs_no_more_than_a_multiple_of_what_it_runs():
    few, many = (view(asked(world=rich(contracts__backlog_max=most)), CLOUD) for most in (0.01, 6.0))
    assert lessors.buildable_gpus(few, few.chip("H100")) < lessors.buildable_gpus(many, many.chip("H100"))
    assert lessors.offer(few, few.requests_to_me()[0]) == "power"


# --- what is asked for


def test_a_request_asks_for_a_part_of_what_makers_will_make_while_it_comes():
    little, much = (targets.asked_h100e(view(rich(contracts__supply_share_max=part)), 52.0) for part in (0.01, 0.1))
    assert little == pytest.approx(much / 10)
    assert much > 0


def test_a_machine_is_no_larger_than_one_grid_connects_by_the_day():
    def placed(mw):
        v = view(rich(regions__texas__grid_mw_per_year=mw))
        return race.placeable_h100e(v, v.chip("H100"))

    small, large = placed(50.0), placed(500.0)
    assert small == pytest.approx(large / 10)


def test_money_pays_for_the_whole_bill_of_a_machine_with_its_own_plant():
    def paid(own, chip="H100"):
        v = view(rich(orgs__lab__on_site_power=own))
        return race.money_h100e(v, v.chip(chip))

    assert 0 < paid(1) < paid(0)
    assert paid(1, "GB200") > paid(1)  # of a chip that does more for its price more can be paid for


# --- asked from outside


def test_the_command_tells_every_option_with_its_terms_and_takes_the_first():
    import json

    from click.testing import CliRunner

    import cli

    line = ["decide", "memphis-2024", "--gpus", "100000", "--chip", "H100", "--by", "2024-11-01", "--json"]
    rich_lab = ["--set", "orgs.xai.cash_usd=9e9"]
    found = json.loads(CliRunner().invoke(cli.main, [*line, *rich_lab]).stdout)
    assert found["chosen"] == found["options"][0]["option"]
    assert found["options"][0]["way"] == "brownfield"
    assert {row["reason"] for row in found["options"] if row["way"] == "contract"} == {"too late"}
    poor = json.loads(CliRunner().invoke(cli.main, line).stdout)
    assert poor["chosen"] is None
    assert all("finance" in row["failed"] for row in poor["options"])


@pytest.mark.parametrize("cash_usd", [1e11, 2e8])
def test_what_is_asked_from_outside_is_weighed_like_the_quote_that_would_be_given(cash_usd):
    world = asked(world=rich(price__signed_sd=0.0))
    held = world.state.finance.ledger.accounts[LAB] - round(100 * cash_usd)
    world.happened(
        PaymentMade(org=LAB, counterparty="world/staff", amount_usd_cents=held, kind="staff", contract_id=LAB),
        lease(LAB, RESELLER, 8, contract_id=None),
    )
    wanted = target(h100e=30_000.0, chip="H100", region="texas", due_day=START + 180)
    told = question._offered(view(world, CLOUD), view(world), wanted)
    offered(world)
    (quote,) = view(world).quotes_to_me()
    asked_for = options.quoted(view(world), wanted, quote)
    assert told.cost_usd_per_h100e_hour == pytest.approx(asked_for.cost_usd_per_h100e_hour)
    names = ("wait_weeks", "late_weeks", "h100e", "failed", "region", "chip")
    assert [getattr(told, name) for name in names] == [getattr(asked_for, name) for name in names]
    assert told.failed == (() if cash_usd > 1e10 else ("finance",))


def test_an_answer_from_outside_is_at_the_median_of_what_would_be_offered():
    def told(sd):
        world = asked(world=rich(price__signed_sd=sd))
        return question._offered(view(world, CLOUD), view(world), target(h100e=30_000.0, chip="H100", region="texas"))

    assert told(0.5) == told(0.0)


@pytest.mark.parametrize("org", ["azure", "meta"])
def test_a_cloud_and_a_parent_are_shown_the_same_ways_as_a_lab(org):
    import json

    from click.testing import CliRunner

    import cli

    line = ["decide", "--org", org, "--gpus", "100000", "--chip", "GB200", "--by", "2026-01-01", "--json"]
    found = json.loads(CliRunner().invoke(cli.main, line).stdout)
    assert {row["way"] for row in found["options"]} >= {"own site", "brownfield", "greenfield", "contract"}
    assert all(row["reason"] for row in found["options"][1:])


def test_an_unknown_chip_region_or_org_is_one_clear_line():
    from click.testing import CliRunner

    import cli

    for option, name in (("--chip", "H900"), ("--region", "atlantis"), ("--org", "nobody")):
        line = ["decide", "--gpus", "9", "--chip", "H100", "--by", "2024-11-01", option, name]
        failed = CliRunner().invoke(cli.main, line)
        assert failed.exit_code == 2
        assert f"no '{name}' in the scenario" in failed.stderr
