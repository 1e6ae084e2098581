"""What orgs do about what they see: scores, budgets, quotes, lease or build, rounds, the race."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from given import CLOUD, LAB, OEM, RESELLER, RIVAL, SITE, START, SUPPLIER, given, handed, lease

from agents import amounts, buyers, clouds, desk, fulfilment, labs, means, options, shelf, siting, targets, valuation
from agents.clouds import Cloud
from agents.decision import Option, Way, Weights, decide, divide
from agents.labs import Lab
from agents.oems import Oem
from agents.resources import buildable_kw
from agents.suppliers import Supplier
from events.commands.chips import CancelOrder, ExpandIntegration, ListPrice, PlaceOrder
from events.commands.finance import SeekRound
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote, GiveQuote, RequestLease
from events.commands.sites import PauseBuilding, PlanSite, ResumeBuilding, StartBuilding
from events.types import chips as chip_events
from events.types import leases as lease_events
from events.types import sites as site_events
from events.types.demand import MarketCleared, UseMeasured
from events.types.finance import BudgetSet, PaymentMade, PlanAdopted
from events.types.policy import PolicyEnacted
from events.types.training import ServingMeasured
from market.policies.load import load_policy
from market.rng import Draws
from market.rules.policy import policy_hooks
from market.view import MarketView, Shared

DRAWS = Draws(7, LAB, 0)


def view(world, org=LAB, hooks=None):
    return MarketView(Shared(world.state, hooks), org)


def of(commands, *kinds):
    return [command for command in commands if isinstance(command, kinds)]


# --- scores


def option(name, cost=1.0, **changed):
    return Option(**{"name": name, "way": Way.OWN_SITE, "h100e": 1.0, "cost_usd_per_h100e_hour": cost,
                     "wait_weeks": 0.0, **changed})  # fmt: skip


def divided(*ways, scale=1.0):
    wanted = amounts.fleet(view(given()), 1.0, 0.0, 0.1)
    return {scored.option.name: part for scored, part in divide(decide(wanted, ways, Weights(1.0, 1.0)), scale)}


def test_a_target_that_can_be_divided_goes_by_score_and_by_what_there_is():
    assert divided(option("a"), option("b", math.exp(-math.log(3)))) == pytest.approx({"a": 0.25, "b": 0.75})
    assert divided(option("a"), option("b", available=3.0)) == pytest.approx({"a": 0.25, "b": 0.75})
    assert divided(option("a"), option("b", 2.0), scale=0.01) == pytest.approx({"a": 1.0, "b": 0.0})
    assert divided(option("a", failed=("power",)), option("hope", is_executable=False)) == {}


def test_monthly_decisions_are_spread_over_the_weeks():
    phases = set()
    for number in range(40):
        seen = [SimpleNamespace(draws=Draws(0, f"org-{number}", week + 1), week=week) for week in range(8)]
        weeks = [each.week for each in seen if valuation.is_my_week(each, 4)]
        assert weeks[1] == weeks[0] + 4
        phases.add(weeks[0])
    assert phases == {0, 1, 2, 3}


def test_a_promise_further_ahead_is_likelier_to_slip():
    slips = [means.slip(view(given()), weeks) for weeks in (2, 20, 60, 120)]
    risks = [slip.slip_share for slip in slips]
    assert [slip.late_weeks for slip in slips] == sorted(slip.late_weeks for slip in slips)
    assert risks == sorted(risks)
    assert risks[0] == 0.0
    assert risks[-1] < 1.0


# --- buyers


def buying(**parameters):
    return given(**{"orgs__lab__build": 1, **parameters}).happened(BudgetSet(org=LAB, value=1e9, reason="start"))


def cleared(world, spot=3.0, cost=1.5, wanted=14_000.0):
    """The market clears at a price."""
    return world.happened(
        MarketCleared(
            clearing_usd_per_h100e_hour=spot, reference_usd_per_h100e_hour=3.0, cost_usd_per_h100e_hour=cost,
            h100e=wanted, supply_h100e=14_000.0,
        )
    )  # fmt: skip


def used(world, usd, org=LAB):
    """What an org would spend on compute for its own users."""
    return world.happened(UseMeasured(org=org, usd_per_year=usd, growth_per_year=0.5, h100e=1.0))


def powered(world):
    """Plenty of power at the lab's own site."""
    return world.happened(
        site_events.PowerEnergised(
            building_id="field/building/9", site="field", org=LAB, region="texas", kind="grid", power_kw_it=900_000,
            power_kw_facility=1_125_000,
        )
    )  # fmt: skip


def test_a_budget_rises_when_more_is_foreseen_than_owned_and_falls_otherwise():
    little, much = used(powered(buying()), 1e6), used(powered(buying()), 2e9)
    assert buyers.budget(view(little)).value < 1e9 < buyers.budget(view(much)).value
    assert buyers.budget(view(little)).reason == "demand"


def test_a_builder_orders_nothing_where_the_rent_foreseen_does_not_cover_its_cost():
    world = used(buying(), 2e9)
    assert amounts.margin(view(cleared(world, spot=6.0))) == 1.0
    assert amounts.margin(view(cleared(world, spot=0.05))) == 0.0
    assert amounts.wish_usd_per_year(view(world)) == 0.0


def test_a_levy_on_chips_lowers_the_margin_and_the_order():
    policy = load_policy("chip-tariff:rate=1,exempt=AQ,from=2024-01-01")
    world, hooks = used(buying(), 2e9), policy_hooks([policy])
    world.happened(PolicyEnacted(policy=policy.label, kind=policy.title))
    assert amounts.margin(view(world, hooks=hooks)) < amounts.margin(view(world))
    assert amounts.wish_usd_per_year(view(world, hooks=hooks)) < amounts.wish_usd_per_year(view(world))


def test_what_money_or_power_does_not_allow_is_not_budgeted_and_the_limit_is_named():
    def poor(world):
        spent = PaymentMade(
            org=LAB, counterparty="world/contractors", amount_usd_cents=10**12 + 1, kind="shell", contract_id="x"
        )
        return world.happened(spent)

    assert buyers.budget(view(poor(used(buying(), 2e9)))).reason in {"no cash", "finance"}
    assert amounts.powered_usd_per_year(view(buying())) > 0
    full = buying().happened(
        chip_events.FleetRegistered(org=LAB, site="field", chip="H100", gpus=10_285, power_kw_it=14_399)
    )
    assert amounts.powered_usd_per_year(view(full)) < 1e5
    assert buyers.budget(view(used(full, 2e9))).reason == "power"


def test_a_buyer_orders_what_is_on_offer_within_its_money():
    placed = of(buyers.orders(view(buying())), PlaceOrder)
    assert placed
    assert {order.chip for order in placed} <= {"H100", "A100", "GB200"}
    world = buying()
    spent = sum(o.gpus * world.state.chips.chips[o.chip].price_usd_per_gpu for o in placed)
    assert spent <= amounts.spending_usd(view(world)) * (1 + 1e-9)
    assert all(order.why is not None for order in placed)


def test_what_signed_leases_lack_is_ordered_first():
    world = given().happened(
        BudgetSet(org=CLOUD, value=1e9, reason="start"), lease(gpus=10_400), handed(lease(), 10_000)
    )
    first = next(iter(buyers.orders(view(world, CLOUD))))
    assert (first.chip, first.gpus, first.because) == ("H100", 400, "lab/lease/1")


def ordered(world, *gpus):
    for n, count in enumerate(gpus, 1):
        world.happened(
            chip_events.OrderPlaced(
                order_id=f"lab/order/{n}", org=LAB, supplier=SUPPLIER, chip="H100", gpus=count,
                price_usd_per_gpu=25_000.0,
            )
        )  # fmt: skip
    return world


def test_the_backlog_beyond_the_target_is_cancelled_newest_first():
    assert list(buyers.cancellations(view(used(ordered(buying(), 1000, 1000), 1e10)))) == []
    cancel, *_ = of(buyers.cancellations(view(used(ordered(buying(), 1000, 1000), 1e3))), CancelOrder)
    assert (cancel.order_id, cancel.gpus) == ("lab/order/2", 800)


def test_power_is_built_for_what_is_coming():
    world = used(ordered(buying(), 20_000), 4e9)
    assert amounts.power_gap_kw(view(world)) > 0
    started = of(siting.buildings(view(world), DRAWS), PlanSite, StartBuilding)
    assert started
    assert all(command.power_kw_it >= world.state.run.parameters["sites.building_kw_min"] for command in started)
    assert sum(c.power_kw_it for c in started) <= buildable_kw(view(world))


def test_no_more_power_is_begun_than_the_cash_of_today_pays_for():
    world = used(ordered(buying(), 20_000), 4e9)
    p, gap = world.state.run.parameters, amounts.power_gap_kw(view(world))
    p["sites.building_kw_min"] = 1.0
    p["build.cash_use"] *= gap / 4 / buildable_kw(view(world))
    started = of(siting.buildings(view(world), DRAWS), PlanSite, StartBuilding)
    assert 0 < sum(c.power_kw_it for c in started) <= buildable_kw(view(world)) + len(started)


def under_way(world):
    return world.happened(
        site_events.BuildingStarted(
            building_id="field/building/1", site="field", org=LAB, region="texas", kind="next", power_kw_it=40_000,
            start_day=START, due_day=START + 90,
        ),
        site_events.PowerQueued(
            building_id="field/building/1", site="field", org=LAB, region="texas", power_kw_it=40_000,
            power_kw_facility=50_000,
        ),
    )  # fmt: skip


def test_work_that_nobody_needs_is_paused_and_taken_up_again_when_somebody_does():
    world = used(under_way(buying()), 1e3)
    (pause,) = of(siting.pauses(view(world)), PauseBuilding)
    world.when(pause)
    assert world.state.sites.buildings["field/building/1"].paused_day == START
    world.close_weeks(4)
    used(world, 2e9)
    (resume,) = of(siting.pauses(view(world)), ResumeBuilding)
    (event,) = world.when(resume)
    assert event.due_day == START + 90 + event.duration_days
    assert event.duration_days == 27


# --- clouds


def talks(world=None, h100e=1000.0, kind="serving", due=START + 60, days=364, lessee=LAB):
    world = world or given()
    world.happened(
        lease_events.LeaseRequested(
            request_id=f"{lessee}/request/1",
            lessee=lessee,
            lessor=CLOUD,
            h100e=h100e,
            due_day=due,
            duration_days=days,
            price_usd_per_h100e_hour=3.0,
            kind=kind,
        )
    )
    return world


def quotes(world, org=CLOUD):
    return [c.terms for c in of(Cloud().act(view(world, org), DRAWS), GiveQuote)]


def test_a_cloud_quotes_from_its_shelf():
    (quote,) = quotes(talks())
    assert (quote.chip, quote.site, quote.gpus) == ("H100", SITE, 1000)


def test_scarcity_costs_more_a_longer_term_in_scarcity_less_and_the_family_pays_cost():
    def price(spot=6.0, **terms):
        return quotes(cleared(talks(**terms), spot=spot))[0].price_usd_per_gpu_hour

    assert price() > price(spot=3.0) > price(spot=1.0)
    assert price() > price(days=1095)
    assert price(kind="internal") < price()


def test_inside_a_group_whatever_is_free_is_given_at_once():
    """A lab of the group that wants more than its parent has free takes that, and asks again for the rest."""
    (quote,) = quotes(talks(h100e=500_000.0, kind="internal"))
    (shelf,) = quotes(talks(h100e=5_000.0))
    assert (quote.chip, quote.site, quote.start_day) == (shelf.chip, shelf.site, shelf.start_day)
    assert 5_000 <= quote.gpus < 500_000


def test_what_comes_years_later_is_not_sold_from_the_shelf():
    late = quotes(talks(due=START + 728))
    assert all(quote.start_day >= START + 728 for quote in late)


def test_a_cloud_that_cannot_serve_says_why():
    world = talks(h100e=500_000.0)
    (broken,) = of(Cloud().act(view(world, CLOUD), DRAWS), BreakTalks)
    assert broken.reason == "power"
    world = talks(given(sites__brownfield_days=9), h100e=12_000.0, due=START - 900)
    assert {c.reason for c in of(Cloud().act(view(world, CLOUD), DRAWS), BreakTalks)} <= {"too late", "power", "chips"}


def test_two_requests_in_one_week_are_not_quoted_the_same_gpus():
    world = talks(talks(h100e=8_000.0), h100e=8_000.0, lessee=RIVAL)
    shelf = [q for q in quotes(world) if q.start_day <= START + 60]
    assert sum(q.gpus for q in shelf) <= 10_000


@pytest.mark.parametrize("spot", [1.5, 4.0])
def test_a_cloud_resells_what_it_rents_at_the_rent_of_the_day_whatever_it_pays(spot):
    world = cleared(given(price__signed_sd=0.0), spot=spot, cost=1.2)
    parent = lease(RESELLER, gpus=2_000, kind="capacity")
    world.happened(parent, handed(parent))
    world.happened(
        lease_events.LeaseRequested(
            request_id="lab/request/1",
            lessee=LAB,
            lessor=RESELLER,
            h100e=900.0,
            due_day=START + 60,
            duration_days=364,
            price_usd_per_h100e_hour=3.0,
            kind="serving",
        )
    )
    (quote,) = of(Cloud().act(view(world, RESELLER), DRAWS), GiveQuote)
    assert quote.parent_lease_id == parent.lease_id
    seen = view(world, RESELLER)
    rent = seen.rent("H100", 364, (quote.terms.start_day - seen.day) / 7)
    assert quote.terms.price_usd_per_gpu_hour == pytest.approx(rent, rel=1e-3)
    assert (rent > parent.price_usd_per_gpu_hour) == (spot == 4.0)


def test_a_cloud_whose_power_comes_too_late_for_its_own_users_asks_others_for_capacity():
    def short(users, **parameters):
        parameters = {"orgs__cloud__target_factor": 1.0, "contracts__supply_share_max": 1.0, **parameters}
        world = cleared(given(**parameters), spot=4.0, cost=1.2)
        world.happened(UseMeasured(org=CLOUD, usd_per_year=users, growth_per_year=0.5, h100e=8_000.0))
        return list(clouds.capacity(view(world, CLOUD)))

    assert short(1e8) == []
    (target,) = short(1e10)
    assert (target.kind, target.chip) == ("capacity", None)
    assert short(1e10, targets__npv_slope=1e9, targets__cost_margin=9.0) == []  # it would not pay


def test_a_counter_offer_is_met_above_the_floor_and_not_below():
    for price, kind in ((2.4, GiveQuote), (0.2, BreakTalks)):
        world = talks()
        world.when(of(Cloud().act(view(world, CLOUD), DRAWS), GiveQuote)[0])
        world.happened(
            lease_events.QuoteCountered(
                quote_id="cloud/quote/1", lessor=CLOUD, lessee=LAB, price_usd_per_gpu_hour=price
            )
        )
        assert len(of(shelf.answer_counters(view(world, CLOUD)), kind)) == 1


def letting(wanted):
    """A lab that owns 4,000 GPUs and wants so much compute; a rival asks it for 900."""
    return given().happened(
        PlanAdopted(org=LAB, h100e=wanted, due_day=START + 100, reason="growth"),
        lease_events.LeaseRequested(
            request_id="rival/request/1", lessee=RIVAL, lessor=LAB, h100e=900.0, due_day=START + 7, duration_days=364,
            price_usd_per_h100e_hour=3.0, kind="serving",
        ),
    )  # fmt: skip


def test_a_lab_lets_what_it_owns_and_does_not_want_and_nothing_else():
    (quote,) = of(shelf.answer_requests(view(letting(500.0))), GiveQuote)
    assert (quote.terms.gpus, quote.terms.site) == (900, "field")
    (no,) = shelf.answer_requests(view(letting(1e6)))
    assert (type(no), no.reason) == (BreakTalks, "capacity")


def test_only_a_lab_with_idle_compute_is_asked_beside_clouds():
    assert LAB in desk.known_lessors(view(letting(500.0), RIVAL))
    assert LAB not in desk.known_lessors(view(letting(1e6), RIVAL))
    assert LAB not in desk.known_lessors(view(letting(500.0), LAB))


def test_of_many_lessors_an_org_knows_the_largest_and_for_life_as_many_of_any_size():
    names = [f"cloud-{n:03d}" for n in range(200)]
    both = [desk.known(view(given(), org), names) for org in (LAB, RIVAL)]
    for known in both:
        assert (len(known), known[:16], sorted(known)) == (32, names[:16], known)
    assert both[0] == desk.known(view(given()), names) != both[1]
    assert desk.known(view(given()), names[:32]) == names[:32]


def test_chips_that_have_no_power_get_a_building_and_no_larger_than_their_owner_can_pay():
    def built(gpus, **parameters):
        world = given(orgs__lab__build=1, **parameters)
        name = {"order_id": "lab/order/1", "shipment_id": "lab/shipment/1", "org": LAB, "chip": "H100", "gpus": gpus}
        world.happened(
            chip_events.ShipmentSent(counterparty=OEM, due_day=START, **name), chip_events.ShipmentDelivered(**name)
        )
        return list(fulfilment.power_chips(view(world)))

    assert built(5_000) == []  # its site has power for them
    (start,) = built(100_000)
    assert start.site == "field"
    assert start.why.topic == "building"
    plant = {"orgs__lab__on_site_power": 1, "regions__texas__queue_days": 1_500}
    calm, keen = (built(100_000, orgs__lab__wait_weight=haste, **plant)[0] for haste in (0.0, 5.0))
    assert (calm.on_site_power, keen.on_site_power) == (False, True)  # who is in haste pays for turbines
    dear = built(100_000, build__shell_usd_per_kw=1e6)
    assert sum(building.power_kw_it for building in dear) < start.power_kw_it


# --- lease or build


def offered(world=None, price=2.0, start=START + 14, limit=3.0):
    world = world or given()
    world.happened(
        lease_events.LeaseRequested(
            request_id="lab/request/1",
            lessee=LAB,
            lessor=CLOUD,
            h100e=9_000.0,
            due_day=START + 60,
            duration_days=364,
            price_usd_per_h100e_hour=limit,
            kind="serving",
        ),
        lease_events.QuoteGiven(
            quote_id="cloud/quote/1",
            request_id="lab/request/1",
            parent_lease_id=None,
            lessor=CLOUD,
            lessee=LAB,
            chip="H100",
            site=SITE,
            gpus=9_000,
            start_day=start,
            end_day=start + 364,
            price_usd_per_gpu_hour=price,
        ),
    )
    return world


def answers(world):
    return list(desk.answer_quotes(view(world)))


def test_a_lab_that_cannot_build_takes_a_fair_quote():
    (taken,) = answers(offered())
    assert isinstance(taken, AcceptQuote)


def test_a_dear_quote_is_countered_once_and_a_very_dear_one_left():
    reference = given().state.leases.price_usd_per_h100e_hour
    above = given().state.run.parameters["desk.counter_above"]
    (counter,) = answers(offered(price=reference * above * 1.1))
    assert isinstance(counter, CounterQuote)
    (gone,) = answers(offered(price=9.0))
    assert isinstance(gone, BreakTalks)
    assert gone.reason == "price"


def test_a_quote_that_comes_too_late_is_left():
    (gone,) = answers(offered(start=START + 900))
    assert (type(gone), gone.reason) == (BreakTalks, "too late")


def test_the_better_of_two_quotes_is_taken_and_the_other_talks_end():
    world = offered()
    world.happened(
        lease_events.LeaseRequested(
            request_id="lab/request/2",
            lessee=LAB,
            lessor=RESELLER,
            h100e=9_000.0,
            due_day=START + 60,
            duration_days=364,
            price_usd_per_h100e_hour=3.0,
            kind="serving",
        ),
        lease_events.QuoteGiven(
            quote_id="reseller/quote/1",
            request_id="lab/request/2",
            parent_lease_id=None,
            lessor=RESELLER,
            lessee=LAB,
            chip="H100",
            site=SITE,
            gpus=9_000,
            start_day=START + 14,
            end_day=START + 378,
            price_usd_per_gpu_hour=2.9,
        ),
    )
    commands = answers(world)
    assert [c.quote_id for c in of(commands, AcceptQuote)] == ["cloud/quote/1"]
    assert [c.request_id for c in of(commands, BreakTalks)] == ["lab/request/2"]


# --- labs


def wanting(**parameters):
    return given(**{"orgs__lab__research_share": 0.2, "orgs__lab__revenue_growth_start": 1.0, **parameters})


def test_a_backed_follower_wants_a_part_of_the_leader():
    def wants(backed):
        world = wanting(orgs__lab__backed=backed, labs__follower_share=2.0)
        rival = lease(RIVAL, gpus=9_000)
        world.happened(
            rival,
            handed(rival),
            ServingMeasured(org=RIVAL, revenue_usd_per_year=1e8, value=1e8, h100e=0.0, tokens_per_s=0.0),
        )
        return targets.wanted_h100e(view(world), view(world).lab, 0.0, 1e6)

    assert wants(0.0) < wants(1.0)
    assert wants(1.0) == pytest.approx(2 * 9_000)


def test_a_lab_that_grows_faster_plans_more_and_the_more_the_further_ahead():
    slow, fast = wanting(orgs__lab__revenue_growth_start=0.2), wanting()
    near, far = (targets.wanted_usd(view(fast), view(fast).lab, weeks) for weeks in (26, 104))
    assert targets.wanted_usd(view(slow), view(slow).lab, 26) < near < far


def test_a_lab_without_cash_wants_nothing():
    world = wanting().happened(
        PaymentMade(org=LAB, counterparty="world/contractors", amount_usd_cents=10**12, kind="shell", contract_id="x")
    )
    assert targets.wanted_usd(view(world), view(world).lab, 0.0) == 0.0


def test_a_lab_asks_lessors_for_what_it_lacks_and_only_once():
    commands = Lab().act(view(wanting(orgs__lab__research_share=2.0)), DRAWS)
    asked = of(commands, RequestLease)
    assert {request.lessor for request in asked} == {CLOUD}  # the reseller has nothing
    assert of(Lab().act(view(talks()), DRAWS), RequestLease) == []


def test_a_lab_with_long_runway_seeks_no_round_and_one_without_does():
    assert of(Lab().act(view(given()), DRAWS), SeekRound) == []
    world = given()
    big = lease(RIVAL, gpus=9_000)
    world.happened(big, handed(big))
    sought = [list(labs.raise_money(view(world, RIVAL), Draws(7, RIVAL, week))) for week in range(60)]
    assert any(sought)


# --- money, suppliers, OEMs


def test_a_supplier_reprices_its_chips_once_a_quarter():
    world = given()
    assert Supplier().act(view(world, SUPPLIER), DRAWS) == []
    world.close_weeks(12)
    priced = of(Supplier().act(view(world, SUPPLIER), DRAWS), ListPrice)
    assert {command.chip for command in priced} == {"A100", "H100", "H20"}


def test_a_full_oem_grows():
    world = given()
    assert Oem().act(view(world, OEM), DRAWS) == []
    world.happened(
        chip_events.ShipmentSent(
            shipment_id="lab/shipment/1",
            order_id="lab/order/1",
            org=LAB,
            counterparty=OEM,
            chip="H100",
            gpus=40_000,
            due_day=START + 9,
        )
    )
    (grows,) = Oem().act(view(world, OEM), DRAWS)
    assert isinstance(grows, ExpandIntegration)
    assert grows.gpus >= 1


# --- power before chips and shells


def land(world):
    """Ways to add to the cloud's fleet on new land."""
    v = view(world, CLOUD)
    wanted = amounts.fleet(v, 1_000.0, amounts.greenfield_weeks(v), 0.1)
    return v, [way for way in options.every_build(v, wanted, v.day) if way.way == Way.GREENFIELD]


def test_a_building_that_would_wait_too_long_for_power_is_not_begun():
    slow_plant = {"sites__patience_weeks": 0, "sites__on_site_days": 3_000.0}
    _, full = land(given(regions__texas__queue_days=3_000.0, **slow_plant))
    assert {way.failed for way in full} == {("power",)}
    _, free = land(given(**slow_plant))
    assert [(way.region, way.on_site_power) for way in free if not way.failed] == [("texas", False)]


def test_what_an_org_begins_elsewhere_in_a_region_is_before_its_next_building():
    v, (way, *_) = land(given(sites__patience_weeks=0, sites__on_site_days=3_000.0))
    assert siting._after(v, way, 1_000.0, 0.0) == way
    assert siting._after(v, way, 1_000.0, 5_000_000.0).failed == ("power",)


def test_a_region_that_is_new_costs_more_than_one_where_the_org_is():
    v, ways = land(given())
    assert {way.region: way.is_away for way in ways} == {
        name: name not in options.present(v) for name in v.home_regions()
    }
    home, away = option("home"), option("away", is_away=True)
    assert decide(amounts.fleet(v, 1.0, 0.0, 0.1), (away, home), means.weights(v)).best.option == home


def test_the_decision_on_a_fleet_compares_land_halls_and_what_others_could_let_and_tells_the_best_left_of_each():
    world = used(cleared(ordered(buying(), 20_000), spot=4.0), 4e9)
    started = of(siting.buildings(view(world), DRAWS), PlanSite, StartBuilding)
    assert started
    for command in started:
        left = [terms.way for terms in command.why.rejected]
        assert "contract" in left
        assert len(left) == len(set(left))
        assert command.why.chosen.way in ("greenfield", "brownfield")


def test_users_who_are_not_served_are_in_a_hurry_the_dearer_compute_is():
    v = view(given())
    assert targets.users_urgency(v, 1.0, 4.0) > targets.users_urgency(v, 2.0, 4.0) >= 0.0
    assert targets.users_urgency(v, 1.0, 2.0) > targets.users_urgency(v, 1.0, 4.0)
