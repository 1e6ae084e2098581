"""What agents make of policies: other chips, other regions, runs just below a threshold, other money."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from given import CLOUD, FIELD, FUND, LAB, START, given, handed, lease

from agents import means, permission, targets
from agents.investors import leader
from events.commands.training import StartTraining
from events.types.policy import PolicyEnacted, SubsidyPaid
from events.types.sites import BuildingStarted
from market.policies.load import load_policy
from market.policies.schema import Policy
from market.rules.policy import PolicyHooks, policy_hooks
from market.units import digits
from market.view import MarketView, Shared

EPOCH = date(1970, 1, 1)


def in_force(world, *rules, **body):
    """The hooks of a policy that is in force."""
    hooks = PolicyHooks([
        Policy.model_validate({"name": "rule", "title": "A rule", "description": "For tests.",
                               "from": EPOCH + timedelta(START), "permit": list(rules), **body})
    ])  # fmt: skip
    world.happened(PolicyEnacted(policy="rule", kind="A rule"))
    return hooks


def seen(world, *rules, org=LAB, **body):
    """The view of an org under policies in force."""
    hooks = in_force(world, *rules, **body)
    return MarketView(Shared(world.state, hooks), org)


def refuse(command, when, **more):
    return {"refuse": command, "when": when, "reason": "no", **more}


MACHINE = SimpleNamespace(site=FIELD, chip="H100", gpus=4_000, flop=3e25)


def run(view, least=1e25):
    return permission.run_of(view, MACHINE, least)


def test_without_a_policy_a_run_is_as_large_as_its_machine():
    view = MarketView(Shared(given().state), LAB)
    found = run(view)
    assert isinstance(found, StartTraining)
    assert (found.flop, found.why) == (3e25, None)


@pytest.mark.parametrize("rule", [refuse("StartTraining", {"flop": {"at_least": 2e25}})])
def test_a_run_stays_just_below_a_threshold_and_says_so(rule):
    found = run(seen(given(), rule))
    assert found.flop == digits(found.flop) == pytest.approx(2e25)
    assert found.flop < 2e25, "as the log tells it"
    assert found.why.chosen.option == "1.99999999e+25 FLOP"
    (left,) = found.why.rejected
    assert (left.reason, left.policy, left.option) == ("permission", "rule", "3e+25 FLOP")


def test_a_lab_waits_for_a_licence_that_is_quick_and_shrinks_its_run_where_it_is_slow():
    def under(days):
        return run(seen(given(), refuse("StartTraining", {"flop": {"at_least": 2e25}}, licence={"days": days})))

    assert under(1).flop == 3e25
    assert under(3_000).flop < 2e25


def test_a_run_for_which_no_allowed_size_is_a_step_is_not_started():
    view = seen(given(), refuse("StartTraining", {"flop": {"at_least": 9e24}}))
    assert view.week % 13 == 0 or run(view) is None


def test_a_run_that_is_only_charged_shrinks_when_it_lies_little_above_the_threshold():
    def of(flop, usd):
        report = {"on": "StartTraining", "when": {"flop": {"at_least": 2e25}}, "usd": usd, "reason": "report"}
        view = seen(given(), report=[report])
        return permission.run_of(view, SimpleNamespace(**{**vars(MACHINE), "flop": flop}), 1e25).flop

    assert of(2.001e25, 1e8) < 2e25
    assert of(8e25, 1e6) == 8e25


def test_a_refused_chip_is_no_offer_and_is_named():
    view = seen(given(), refuse("PlaceOrder", {"chip": "H100"}))
    assert not view.may_buy("H100")
    assert view.is_for_sale("H100")
    assert [(left.option, left.policy) for left in permission.refused_chips(view)] == [("H100", "rule")]


def test_an_order_is_cut_to_what_a_cap_lets_pass():
    gpus, left = permission.order_size(seen(given(), refuse("PlaceOrder", {"gpus": {"above": 100}})), "H100", 5_000)
    assert gpus == 100
    assert left[0].h100e == 5_000


def test_a_region_is_refused_by_size_and_a_licence_adds_its_wait():
    view = seen(given(), refuse(["PlanSite", "StartBuilding"], {"region": "texas", "power_mw_it": {"above": 20}}))
    assert permission.to_build(view, "texas", "greenfield", 20_001, on_site=False).is_refused
    assert permission.to_build(view, "texas", "greenfield", 20_000, on_site=False).is_given
    assert permission.open_regions(view, ["texas"], 30_000) == []
    slow = seen(given(), refuse("StartBuilding", {"region": "texas"}, licence={"days": 90, "by": ["region"]}))
    assert permission.to_build(slow, "texas", "greenfield", 100, on_site=False).wait_days == 90


def test_a_fee_and_a_credit_move_the_cost_of_a_building():
    fee = [{"on": "BuildingStarted", "usd_per_unit": 1_000, "unit": "mw_it"}]
    credit = [{"on": "BuildingStarted", "rate": 0.1}]
    dear, cheap = seen(given(), levy=fee), seen(given(), subsidy=credit)
    assert permission.building_levy_usd(dear, "texas", (5_000, 1e6), on_site=False) == pytest.approx(5_000)
    assert permission.building_levy_usd(cheap, "texas", (5_000, 1e6), on_site=False) == pytest.approx(-1e5)


@pytest.mark.parametrize("on_site", [False, True])
@pytest.mark.parametrize("kind", ["greenfield", "brownfield", "leased"])
def test_who_builds_reckons_with_the_credit_that_a_building_gets_when_it_begins(kind, on_site):
    credit = [{"on": "BuildingStarted", "when": {"region_country": "US"}, "rate": 0.1}]
    world, build = given(), means.Build(kind, "texas", on_site)
    hooks = in_force(world, subsidy=credit)
    bare, view = (MarketView(Shared(world.state, each), LAB) for each in (None, hooks))
    saved = means.works_usd(bare, build, 5_000) - means.works_usd(view, build, 5_000)
    started = BuildingStarted(
        building_id=f"{FIELD}/building/1", site=FIELD, org=LAB, region="texas", kind=kind, on_site_power=on_site,
        power_kw_it=5_000, start_day=START, due_day=START,
    )  # fmt: skip
    told = [happening.event for happening in hooks.levy(world.state, [started], START)]
    paid = sum(event.amount_usd_cents for event in told if isinstance(event, SubsidyPaid))
    assert saved == pytest.approx(paid / 100, abs=0.01)
    assert (paid > 0) == (kind != "leased" or on_site)


def test_a_tax_on_rent_and_a_public_buyer_move_what_a_tenant_pays():
    taxed = seen(given(), levy=[{"on": "LeaseSigned", "rate": 0.2}])
    helped = seen(given(), subsidy=[{"on": "LeaseSigned", "when": {"role": "lab"}, "rate": 0.5}])
    assert permission.rent_levy(taxed, 365, CLOUD) == pytest.approx(0.2)
    assert permission.rent_levy(helped, 365, CLOUD) == pytest.approx(-0.5)


def test_a_levy_on_leases_of_more_than_a_year_leaves_a_year_alone():
    long = [{"on": "LeaseSigned", "when": {"duration_days": {"above": 365}}, "rate": 0.2}]
    view = seen(given(), levy=long)
    assert targets.rent_usd(view, 1.0, 0.0) == view.contract_price(365, 0.0)
    assert targets.rent_usd(view, 2.0, 0.0) == pytest.approx(1.2 * view.contract_price(730, 0.0))


def test_a_public_buyer_pays_a_smaller_part_of_more_rent():
    grant = [{"on": "PaymentMade", "when": {"role": "lab", "kind": "rent"}, "rate": 0.5, "usd_per_year": 1_000_000}]

    def renting(gpus):
        world, signed = given(), lease(gpus=gpus)
        world.happened(signed, handed(signed))
        return seen(world, subsidy=grant)

    few, many = renting(10), renting(1_000)
    assert permission.rent_levy(few, 365, CLOUD) == pytest.approx(-0.5)
    yearly = 13 * many.monthly_rent_cents() / 100
    assert permission.rent_levy(many, 365, CLOUD) == pytest.approx(-1_000_000 / yearly)


def test_a_shell_stands_sooner_where_permits_are_faster():
    quick, usual = (seen(given(regions__texas__shell_time_saved=saved)) for saved in (0.2, 0.0))
    weeks = means.shell_weeks(usual, "greenfield", "texas")
    assert means.shell_weeks(quick, "greenfield", "texas") == pytest.approx(0.8 * weeks)
    assert means.shell_weeks(quick, "greenfield", "beijing") == pytest.approx(weeks)


def test_a_round_that_its_backer_may_not_lead_is_led_by_other_money():
    books = SimpleNamespace(org=LAB, sought_cents=100, backer_draw=0.0, fund_draws={FUND: 0.5})

    class Backed(MarketView):
        __slots__ = ()

        def compute_backer(self, org):
            return CLOUD

    def led(*rules):
        view = seen(given(), *rules)
        hooks = PolicyHooks([Policy.model_validate({
            "name": "rule", "title": "A rule", "description": "For tests.", "from": EPOCH + timedelta(START),
            "permit": list(rules)})]) if rules else None  # fmt: skip
        assert view is not None
        world = given()
        world.happened(PolicyEnacted(policy="rule", kind="A rule"))
        return leader(Backed(Shared(world.state, hooks), FUND), books)

    assert led() == CLOUD
    assert led(refuse("FundRound", {"kind": "equity for compute"})) == FUND


def test_a_policy_that_changes_nothing_changes_no_cost_of_chips():
    world, hooks = given(), policy_hooks([load_policy("placebo")])
    free, bound = MarketView(Shared(world.state), LAB), MarketView(Shared(world.state, hooks), LAB)
    for chip in ("A100", "H100", "GB200"):
        assert free.own_cost(chip) == bound.own_cost(chip)
