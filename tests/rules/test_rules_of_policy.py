"""Policies: parameters on a date, permission for a command, levies on a transaction."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from given import CHINESE, CLOUD, FIELD, LAB, RESELLER, RIVAL, SITE, START, SUPPLIER, given, handed, lease
from msgspec.structs import replace

from events.commands.chips import PlaceOrder
from events.commands.leases import AcceptQuote, GiveQuote, RequestLease
from events.commands.sites import PlanSite
from events.commands.training import StartTraining
from events.terms import LeaseTerms
from events.types import chips as chip_events
from events.types import finance as finance_events
from events.types import policy as events
from events.types.leases import LeaseSigned, QuoteGiven
from events.types.run import ParameterSet
from market.policies.schema import Policy
from market.rules.policy import PolicyHooks, policy_hooks

EPOCH = date(1970, 1, 1)


def policy(name="rule", begins=START, ends=None, **hooks):
    body = {"name": name, "title": "A rule", "description": "For tests.", "from": EPOCH + timedelta(begins), **hooks}
    if ends is not None:
        body["until"] = EPOCH + timedelta(ends)
    return Policy.model_validate(body)


def in_force(*policies, **parameters):
    """A small world in which policies have begun."""
    world, hooks = given(**parameters), PolicyHooks(policies)
    world.after(hooks.calendar(world.state, START, START + 6))
    return world, hooks


def order(org=LAB, chip="H100", gpus=10):
    return PlaceOrder(actor=org, because=org, chip=chip, gpus=gpus)


def forbidden(hooks, world, command):
    """The reason of a refusal, or nothing."""
    noted = hooks.permit(world.state, command, world.day)
    world.happened(*noted)
    refusals = [event for event in noted if isinstance(event, events.CommandForbidden)]
    return refusals[0].reason if refusals else ""


# --- the calendar


def test_a_policy_begins_and_ends_on_its_days_and_leaves_the_baseline_behind():
    world = given()
    hooks = PolicyHooks([policy(begins=START + 9, ends=START + 20, set={"allocation.powered_weight": 0.9})])
    assert list(hooks.calendar(world.state, START, START + 6)) == []
    enacted, changed = hooks.calendar(world.state, START + 7, START + 13)
    assert (enacted.day, enacted.event) == (START + 9, events.PolicyEnacted(policy="rule", kind="A rule"))
    assert changed.event == ParameterSet(parameter="allocation.powered_weight", value=0.9)
    world.happened(enacted.event, changed.event)
    assert list(hooks.calendar(world.state, START + 14, START + 19)) == []
    repealed, back = hooks.calendar(world.state, START + 14, START + 20)
    assert (repealed.day, repealed.event) == (START + 20, events.PolicyRepealed(policy="rule", kind="A rule"))
    assert back.event.value == 0.5
    world.happened(repealed.event, back.event)
    assert world.state.run.policies == {}


def test_a_policy_from_before_the_start_is_in_force_from_the_first_day_and_one_that_is_over_never():
    world, _ = in_force(policy(begins=START - 500))
    assert list(world.state.run.policies) == ["rule"]
    over = PolicyHooks([policy(begins=START - 500, ends=START - 400)])
    assert list(over.calendar(given().state, START, START + 6)) == []


def test_a_policy_in_force_from_the_first_day_leaves_the_baseline_behind():
    world, hooks = in_force(policy(begins=START - 9, ends=START + 20, set={"shipping.weeks": {"multiply": 2}}))
    assert world.state.run.parameters["shipping.weeks"] == 8
    world.after(hooks.calendar(world.state, START + 14, START + 20))
    assert world.state.run.parameters["shipping.weeks"] == 4


def test_changes_of_a_parameter_compose_in_order():
    double = policy("double", set={"shipping.weeks": {"multiply": 2}})
    more = policy("more", set={"shipping.weeks": {"add": 3}})
    assert in_force(double, more)[0].state.run.parameters["shipping.weeks"] == 11
    assert in_force(more, double)[0].state.run.parameters["shipping.weeks"] == 14


@pytest.mark.parametrize("swapped", [False, True])
def test_what_ends_and_begins_in_a_week_counts_by_its_days_whatever_the_order_of_the_policies(swapped):
    early = policy("early", begins=START - 9, ends=START + 9, set={"shipping.weeks": {"multiply": 2}})
    late = policy("late", begins=START + 11, set={"shipping.weeks": {"multiply": 3}})
    world, hooks = in_force(*([late, early] if swapped else [early, late]))
    assert world.state.run.parameters["shipping.weeks"] == 8
    world.after(sorted(hooks.calendar(world.state, START + 7, START + 13), key=lambda happening: happening.day))
    assert list(world.state.run.policies) == ["late"]
    assert world.state.run.parameters["shipping.weeks"] == 12


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("pause", [0, 2])
def test_a_levy_that_follows_another_of_the_same_rate_goes_on(swapped, pause):
    rule = {"on": "ChipsAllocated", "payer": "org", "to": "treasury", "rate": 0.2}
    early = policy("early", begins=START - 9, ends=START + 9, levy=[rule])
    late = policy("late", begins=START + 9 + pause, levy=[rule])
    world = given().happened(finance_events.BudgetSet(org=CLOUD, value=1e9, reason="start"))
    hooks = PolicyHooks([late, early] if swapped else [early, late])
    for week in (0, 1):
        first = START + 7 * week
        world.after(sorted(hooks.calendar(world.state, first, first + 6), key=lambda happening: happening.day))
        assert world.state.run.parameters["levy.chips"] == pytest.approx(0.2)


def test_an_open_order_that_two_rules_forbid_is_cancelled_once():
    rule = {"refuse": "PlaceOrder", "when": {"country": "CN"}, "reason": "no", "open_orders": True}
    world, hooks = given(), PolicyHooks([policy("one", permit=[rule, rule]), policy("two", permit=[rule])])
    placed = chip_events.OrderPlaced(
        order_id=f"{CHINESE}/order/1", org=CHINESE, supplier=SUPPLIER, chip="H20", gpus=10, price_usd_per_gpu=1.0
    )
    happened = world.happened(placed).after(hooks.calendar(world.state, START, START + 6))
    assert [event.gpus for event in happened if isinstance(event, chip_events.OrderCancelled)] == [10]
    assert world.state.chips.orders == {}


def test_no_policy_no_hooks():
    assert policy_hooks([]) is None
    assert isinstance(policy_hooks([policy()]), PolicyHooks)


# --- permits


def refuse(command="PlaceOrder", when=None, **more):
    rule = {"refuse": command, "reason": "no", **more}
    return policy(permit=[rule | ({"when": when} if when is not None else {})])


def test_a_command_that_a_policy_refuses_is_an_event_with_the_case():
    world, hooks = in_force(refuse(when={"country": "CN", "tpp": {"at_least": 4800}}))
    (event,) = hooks.permit(world.state, order(CHINESE), START)
    assert event == events.CommandForbidden(
        org=CHINESE,
        policy="rule",
        kind="PlaceOrder",
        reason="no",
        region=None,
        counterparty=SUPPLIER,
        chip="H100",
        gpus=10,
    )
    assert forbidden(hooks, world, order(CHINESE, "H20")) == ""
    assert forbidden(hooks, world, order(LAB)) == ""


def test_a_policy_that_is_not_in_force_or_not_enabled_refuses_nothing():
    world = given()
    assert PolicyHooks([refuse()]).permit(world.state, order(), START) == []
    world, hooks = in_force(refuse(enabled=False))
    assert forbidden(hooks, world, order()) == ""


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"org": LAB}, True),
        ({"org": {"not": [LAB]}}, False),
        ({"role": "lab"}, True),
        ({"role": {"not": ["lab"]}}, False),
        ({"role": ["cloud", "supplier"]}, False),
        ({"counterparty_role": "supplier"}, True),
        ({"counterparty": SUPPLIER, "counterparty_country": "US"}, True),
        ({"chip": ["H100", "H20"]}, True),
        ({"supplier": "google"}, False),
        ({"gpus": {"above": 9, "below": 11, "at_most": 10}}, True),
        ({"gpus": {"above": 10}}, False),
        ({"gpus": {"below": 10}}, False),
        ({"gpus": {"at_most": 9}}, False),
        ({"h100e": {"at_least": 10}}, True),
        ({"flop": {"at_least": 0}}, False),
        ({"region": "texas"}, False),
        ({"on_site_power": True}, False),
        ({"sublease": False}, True),
        ([{"org": RIVAL}, {"org": LAB}], True),
        ({}, True),
    ],
)
def test_conditions_test_what_a_command_is_about(when, holds):
    world, hooks = in_force(refuse(when=when))
    assert forbidden(hooks, world, order()) == ("no" if holds else "")


def test_a_site_is_judged_by_its_region_and_power():
    world, hooks = in_force(refuse("PlanSite", {"region_country": "US", "power_mw_it": {"above": 1}}))
    plan = PlanSite(actor=LAB, because=LAB, region="texas", kind="greenfield", power_kw_it=2_000)
    assert forbidden(hooks, world, plan) == "no"
    small = PlanSite(actor=LAB, because=LAB, region="texas", kind="greenfield", power_kw_it=900)
    assert forbidden(hooks, world, small) == ""


def talks(world):
    world.when(RequestLease(
        actor=LAB, because=LAB, lessor=RESELLER, h100e=9.0, due_day=START, duration_days=364,
        price_usd_per_h100e_hour=3.0, kind="serving",
    ))  # fmt: skip
    return GiveQuote(
        actor=RESELLER, because="lab/request/1", request_id="lab/request/1", parent_lease_id="reseller/lease/1",
        terms=LeaseTerms(
            chip="H100", site=SITE, gpus=9, start_day=START, end_day=START + 90, price_usd_per_gpu_hour=2.5
        ),
    )  # fmt: skip


def test_a_ban_on_subleases_sees_the_parent():
    world, hooks = in_force(refuse("GiveQuote", {"sublease": True, "counterparty": LAB, "region": "texas"}))
    parent = lease(RESELLER)
    world.happened(parent, handed(parent))
    assert forbidden(hooks, world, talks(world)) == "no"


def test_an_acceptance_is_judged_by_its_quote():
    world, hooks = in_force(refuse("AcceptQuote", {"chip": "H100", "counterparty": RESELLER, "kind": "serving"}))
    parent = lease(RESELLER)
    world.happened(parent, handed(parent))
    (quote,) = world.when(talks(world))
    assert isinstance(quote, QuoteGiven)
    assert forbidden(hooks, world, AcceptQuote(actor=LAB, because=quote.quote_id, quote_id=quote.quote_id)) == "no"


@pytest.mark.parametrize(
    ("quota", "passed"),
    [
        ({"limit": 25, "of": "gpus"}, 2),
        ({"limit": 3, "of": "commands", "per": "week"}, 3),
        ({"limit": 10, "of": "h100e", "by": ["org", "country"], "per": "quarter"}, 1),
        ({"limit": 0, "of": "gpus", "per": "policy"}, 0),
    ],
)
def test_a_quota_lets_commands_pass_until_it_is_used(quota, passed):
    world, hooks = in_force(refuse(quota=quota))
    answers = [forbidden(hooks, world, order()) for _ in range(4)]
    assert answers == [""] * passed + ["no"] * (4 - passed)


def test_a_quota_is_new_in_every_period_and_for_every_group():
    world, hooks = in_force(refuse(quota={"limit": 10, "of": "gpus", "by": ["org"], "per": "week"}))
    assert [forbidden(hooks, world, order(org)) for org in (LAB, RIVAL, LAB)] == ["", "", "no"]
    world.day += 7
    assert forbidden(hooks, world, order()) == ""


# --- levies


def levied(hooks, world, event):
    told = [happening.event for happening in hooks.levy(world.state, [event], world.day)]
    world.happened(*told)
    return told


def levy(on, **terms):
    return policy(levy=[{"on": on, **terms}])


PLACED = chip_events.OrderPlaced(
    order_id="lab/order/1", org=LAB, supplier=SUPPLIER, chip="H100", gpus=10, price_usd_per_gpu=25_000.0
)


def test_a_levy_takes_a_part_and_is_paid_under_the_same_contract():
    world, hooks = in_force(levy("OrderPlaced", rate=0.1))
    charged, paid = levied(hooks, world, PLACED)
    assert charged == events.LevyCharged(policy="rule", org=LAB, amount_usd_cents=2_500_000, contract_id="lab/order/1")
    assert paid == finance_events.PaymentMade(
        org=LAB, counterparty="world/treasury", amount_usd_cents=2_500_000, kind="levy", contract_id="lab/order/1"
    )
    assert sum(world.state.finance.ledger.accounts.values()) == 0


def test_a_levy_by_the_unit_on_the_other_side_to_the_world():
    world, hooks = in_force(levy("OrderPlaced", usd_per_unit=3, unit="h100e", payer="counterparty", to="world"))
    charged, paid = levied(hooks, world, PLACED)
    assert (charged.org, charged.amount_usd_cents, paid.counterparty) == (SUPPLIER, 3_000, "world")


def test_a_levy_on_a_lease_takes_a_part_of_its_rent():
    world, hooks = in_force(levy("LeaseSigned", rate=0.5, when={"duration_days": {"at_least": 300}}))
    (charged, _) = levied(hooks, world, lease(gpus=10))
    assert charged.amount_usd_cents == round(0.5 * 10 * 2.5 * 24 * 364 * 100)
    assert charged.org == LAB
    assert isinstance(lease(), LeaseSigned)


def test_energy_is_levied_by_what_a_site_draws():
    world, hooks = in_force(
        levy("PaymentMade", usd_per_unit=10, unit="mwh", when={"kind": "energy"}), energy__load_factor=0.5
    )
    bill = finance_events.PaymentMade(
        org=CLOUD, counterparty="world/utilities", amount_usd_cents=100, kind="energy", contract_id=SITE
    )
    (charged, _) = levied(hooks, world, bill)
    mwh = 14_000 * 1.25 * 0.5 / 1000 * 8760 * 28 / 365
    assert charged.amount_usd_cents == pytest.approx(1000 * mwh, abs=1)
    assert (
        levied(
            hooks,
            world,
            finance_events.PaymentMade(
                org=LAB, counterparty=SUPPLIER, amount_usd_cents=100, kind="chips", contract_id=FIELD
            ),
        )
        == []
    )


def test_a_levy_is_not_levied_and_nothing_is_charged_for_nothing():
    world, hooks = in_force(levy("PaymentMade", rate=0.5))
    assert (
        levied(
            hooks,
            world,
            finance_events.PaymentMade(
                org=LAB, counterparty="world/treasury", amount_usd_cents=100, kind="levy", contract_id=LAB
            ),
        )
        == []
    )
    assert (
        levied(
            hooks,
            world,
            finance_events.PaymentMade(
                org=LAB, counterparty=SUPPLIER, amount_usd_cents=0, kind="chips", contract_id=LAB
            ),
        )
        == []
    )
    assert levied(hooks, world, PLACED) == []
    world, hooks = in_force(levy("OrderPlaced", rate=0.5, enabled=False))
    assert levied(hooks, world, PLACED) == []
    world, hooks = in_force(levy("OrderPlaced", rate=0.5, when={"org": RIVAL}))
    assert levied(hooks, world, PLACED) == []
    assert list(PolicyHooks([levy("OrderPlaced", rate=0.5)]).levy(given().state, [PLACED], START)) == []
    two = PolicyHooks([policy("one", levy=[{"on": "OrderPlaced", "rate": 0.1}, {"on": "LeaseSigned", "rate": 0.1}])])
    world.after(two.calendar(world.state, START, START + 6))
    assert len(levied(two, world, PLACED)) == 2


# --- licences, adoption, shares of output, reports, subsidies, several jurisdictions


def answers(hooks, world, command):
    """What is noted of a command, applied."""
    noted = hooks.permit(world.state, command, world.day)
    world.happened(*[event for event in noted if not isinstance(event, finance_events.PaymentMade)])
    return noted


def licensed(**licence):
    return refuse(licence={"days": 90, "holds_days": 100, **licence})


def later(hooks, world, days):
    """Let days pass, and what the calendar decides on them."""
    world.day += days
    world.after(hooks.calendar(world.state, world.day - 6, world.day))


def test_a_licence_takes_its_time_then_holds_and_expires():
    world, hooks = in_force(licensed())
    sought, refused = answers(hooks, world, order())
    assert isinstance(sought, events.LicenceSought)
    assert (sought.due_day - world.day, sought.end_day - sought.due_day) == (90, 100)
    assert isinstance(refused, events.CommandForbidden)
    assert [type(event) for event in answers(hooks, world, order())] == [events.CommandForbidden]
    later(hooks, world, 90)
    assert answers(hooks, world, order()) == []
    assert forbidden(hooks, world, order(RIVAL)) == "no"
    later(hooks, world, 100)
    assert [type(event) for event in answers(hooks, world, order())] == [events.LicenceSought, events.CommandForbidden]


def test_a_licence_that_is_denied_bars_until_it_may_be_sought_again():
    world, hooks = in_force(licensed(granted_share=0))
    answers(hooks, world, order())
    later(hooks, world, 90)
    assert [type(event) for event in answers(hooks, world, order())] == [events.CommandForbidden]
    assert hooks.may(world.state, order(), world.day, world.day).is_refused
    later(hooks, world, 100)
    assert isinstance(answers(hooks, world, order())[0], events.LicenceSought)


def test_a_licence_costs_its_fee_once():
    world, hooks = in_force(licensed(fee_usd=1_000))
    charged = [event for event in answers(hooks, world, order()) if isinstance(event, events.LevyCharged)]
    assert [event.amount_usd_cents for event in charged] == [100_000]
    assert not [event for event in answers(hooks, world, order()) if isinstance(event, events.LevyCharged)]


def test_several_jurisdictions_must_consent_and_each_says_no_for_itself():
    rules = [policy(name, permit=[{"refuse": "PlaceOrder", "reason": name}]) for name in ("one", "two")]
    world, hooks = in_force(*rules, policy("three", permit=[{"refuse": "PlanSite", "reason": "other"}]))
    assert [event.reason for event in answers(hooks, world, order())] == ["one", "two"]


def test_a_refusal_elsewhere_leaves_a_quota_untouched():
    world, hooks = in_force(
        policy("quota", permit=[{"refuse": "PlaceOrder", "quota": {"limit": 99, "of": "gpus"}, "reason": "cap"}]),
        policy("ban", permit=[{"refuse": "PlaceOrder", "when": {"org": LAB}, "reason": "ban"}]),
    )
    answers(hooks, world, order())
    assert world.state.run.quotas == {}
    answers(hooks, world, order(RIVAL))
    assert world.state.run.quotas == {"quota": {"permit 0  2024": 10.0}}


def test_a_rule_that_a_part_of_the_groups_adopts_holds_in_those_alone():
    def held_in(share):
        world, hooks = in_force(refuse(adopted={"share": share, "by": "chip"}))
        return {chip for chip in ("A100", "H100", "GB200", "H20") if forbidden(hooks, world, order(chip=chip))}

    assert held_in(0.0) == set()
    assert held_in(0.5) <= held_in(0.9) <= held_in(1.0) == {"A100", "H100", "GB200", "H20"}


def test_who_adopts_a_rule_is_told_when_it_begins_and_is_whom_it_refuses():
    rule = refuse(adopted={"share": 0.5, "by": "chip"}, when={"chip": {"not": "H20"}})
    hooks, world = PolicyHooks([rule]), given()
    told = [happening.event for happening in hooks.calendar(world.state, START, START + 6)]
    world.happened(*told)
    adopted = {event.kind for event in told if isinstance(event, events.PolicyAdopted)}
    chips = set(world.state.chips.chips)
    assert 0 < len(adopted) < len(chips)
    assert adopted == {chip for chip in chips if forbidden(hooks, world, order(chip=chip))}
    assert list(hooks.calendar(world.state, START + 7, START + 13)) == []


def test_orgs_of_another_role_than_a_rule_asks_for_adopt_nothing():
    rule = refuse(adopted={"share": 1.0, "by": "org"}, when={"role": "lab"})
    world = given()
    told = [happening.event for happening in PolicyHooks([rule]).calendar(world.state, START, START + 6)]
    orgs = world.state.run.orgs
    labs = {name for name, org in orgs.items() if "lab" in org.roles}
    assert {event.kind for event in told if isinstance(event, events.PolicyAdopted)} == labs
    assert 0 < len(labs) < len(orgs)


@pytest.mark.parametrize(("open_orders", "left"), [(True, {LAB: 7}), (False, {LAB: 7, CHINESE: 10})])
def test_an_export_that_is_forbidden_takes_what_is_on_order_and_a_contract_that_is_does_not(open_orders, left):
    world = given()
    for org, gpus in ((LAB, 7), (CHINESE, 10)):
        world.happened(replace(PLACED, order_id=f"{org}/order/1", org=org, gpus=gpus))
    hooks = PolicyHooks([refuse(when={"country": "CN"}, open_orders=open_orders)])
    world.after(hooks.calendar(world.state, START, START + 6))
    assert {each.org: each.gpus for each in world.state.chips.orders.values()} == left
    assert forbidden(hooks, world, order(CHINESE)) == "no"


def test_a_relative_cap_is_a_part_of_what_the_supplier_makes():
    world, hooks = in_force(refuse(quota={"share_of_output": 0.5, "of": "gpus", "per": "quarter", "by": ["org"]}))
    for chip in world.state.chips.chips.values():
        chip.made_gpus = 100 if chip.name == "H100" else 0
    assert forbidden(hooks, world, order(gpus=651)) == "no"
    assert forbidden(hooks, world, order(gpus=650)) == ""


def test_a_report_passes_is_told_and_costs():
    rule = {"on": "StartTraining", "when": {"flop": {"at_least": 1e24}}, "usd": 500, "reason": "large run"}
    world, hooks = in_force(policy(report=[rule]))
    run = StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=4_000, flop=1e24)
    filed, charged, _ = hooks.permit(world.state, run, world.day)
    assert (filed.value, filed.kind, filed.reason) == (1e24, "StartTraining", "large run")
    assert charged.amount_usd_cents == 50_000
    may = hooks.may(world.state, run, world.day, world.day)
    assert (may.is_given, may.usd) == (True, 500)
    small = StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=4_000, flop=9e23)
    assert hooks.permit(world.state, small, world.day) == []


def test_a_subsidy_is_paid_within_its_yearly_budget_and_not_levied_on():
    grant = {"on": "OrderPlaced", "when": {"org": LAB}, "rate": 0.1, "usd_per_year": 30_000}
    world, hooks = in_force(policy(subsidy=[grant]), levy("PaymentMade", rate=0.5))
    paid = levied(hooks, world, PLACED)
    assert [type(event) for event in paid] == [events.SubsidyPaid, events.QuotaUsed, finance_events.PaymentMade]
    assert (paid[2].org, paid[2].counterparty, paid[2].amount_usd_cents) == ("world/treasury", LAB, 2_500_000)
    assert levied(hooks, world, PLACED)[0].amount_usd_cents == 500_000
    assert levied(hooks, world, PLACED) == []
    assert levied(hooks, world, paid[2]) == []


def test_payments_of_a_day_share_what_is_left_of_a_budget():
    grant = {"on": "OrderPlaced", "when": {"org": LAB}, "rate": 0.1, "usd_per_year": 30_000}
    world, hooks = in_force(policy(subsidy=[grant]))
    paid = []
    for charge in hooks.levy(world.state, [PLACED, PLACED], world.day):
        world.happened(charge.event)  # as the kernel does: each before the next
        paid.append(charge.event)
    assert [e.amount_usd_cents for e in paid if isinstance(e, events.SubsidyPaid)] == [2_500_000, 500_000]


def test_what_is_announced_counts_for_days_to_come_and_what_expires_does_not():
    day, announced = START + 100, EPOCH + timedelta(START)
    told = policy("told", begins=day, announced=announced, levy=[{"on": "OrderPlaced", "rate": 0.1}])
    silent = policy("silent", begins=day, levy=[{"on": "OrderPlaced", "rate": 0.2}])
    over = policy("over", ends=START + 50, levy=[{"on": "OrderPlaced", "rate": 0.4}])
    world, hooks = in_force(told, silent, over)
    case = {"org": LAB, "amount_usd": 100.0}
    owed = [
        hooks.owed_usd(world.state, "OrderPlaced", case, when, START) for when in (START, START + 49, START + 50, day)
    ]
    assert owed == pytest.approx([40.0, 40.0, 0.0, 10.0])
    ban = policy("ban", begins=day, announced=announced, permit=[{"refuse": "PlaceOrder", "reason": "no"}])
    world, hooks = in_force(ban)
    assert hooks.may(world.state, order(), START, START).is_given
    assert hooks.may(world.state, order(), day, START).is_refused


def test_a_collar_bounds_a_parameter():
    low = in_force(policy(set={"shipping.weeks": {"multiply": 0.1, "at_least": 2}}))[0]
    high = in_force(policy(set={"shipping.weeks": {"multiply": 9, "at_most": 10}}))[0]
    assert (low.state.run.parameters["shipping.weeks"], high.state.run.parameters["shipping.weeks"]) == (2, 10)


def test_a_duty_of_a_region_begins_at_nothing_and_ends_there():
    name = "regions.texas.curtailment_hours_per_year"
    world, hooks = in_force(policy(ends=START + 20, set={name: 175}))
    assert world.state.run.parameters[name] == 175
    world.after(hooks.calendar(world.state, START + 14, START + 20))
    assert world.state.run.parameters[name] == 0
