"""The day on which something is due is a day on which it comes: entries, permits, licences, levies, quotas."""

from __future__ import annotations

import math
from datetime import date
from types import SimpleNamespace

import pytest
from given import CLOUD, LAB, SITE, START, given

from events.commands.sites import ConnectToGrid, RenewPermit
from events.types.run import OrgAnnounced
from events.types.sites import PlantPermitted
from market.rules import entry, levies, permits, plant
from market.rules.power import grid_days, queued_kw


def some(**values):
    return SimpleNamespace(**values)


# --- who enters


@pytest.mark.parametrize(("days", "enters"), [(9, False), (10, True), (99, True)])
def test_an_org_enters_from_its_day_on_with_what_was_announced(days, enters):
    world = given().happened(OrgAnnounced(
        org="new", role="cloud", country="US", kind="cloud", parent_org=None, due_day=START + 10, amount_usd_cents=5,
        valuation_usd_cents=7, value=9.0,
    ))  # fmt: skip
    said = [h.event for h in entry.enter(world.state, START + days)]
    assert [type(event).__name__ for event in said] == (
        ["OrgRegistered", "PaymentMade", "ValuationStated", "BudgetSet"] if enters else []
    )
    if enters:
        assert (said[1].amount_usd_cents, said[2].valuation_usd_cents, said[3].value) == (5, 7, 9.0)


def test_who_brings_nothing_is_registered_alone():
    world = given().happened(OrgAnnounced(
        org="new", role="cloud", country="US", kind="cloud", parent_org=None, due_day=START, amount_usd_cents=0,
        valuation_usd_cents=0, value=0.0,
    ))  # fmt: skip
    (registered,) = entry.enter(world.state, START)
    assert (registered.event.org, registered.cause) == ("new", "new/entry")


# --- permits of own plant


def permitted(**values):
    world = given(power__permit_days=60.0)
    world.happened(PlantPermitted(
        building_id=f"{SITE}/building/1", site=SITE, org=CLOUD, region="texas", kind="operating", power_kw_it=10,
        end_day=START + 100,
    ))  # fmt: skip
    permit = world.state.sites.permits[f"{SITE}/building/1"]
    for name, value in values.items():
        setattr(permit, name, value)
    return world


@pytest.mark.parametrize(
    ("actor", "decided", "reason"),
    [(CLOUD, -1, None), (LAB, -1, "no permit to renew"), (CLOUD, 0, "no permit to renew"),
     (CLOUD, START, "no permit to renew")],
)  # fmt: skip
def test_a_permit_is_sought_by_its_owner_once_at_a_time(actor, decided, reason):
    command = RenewPermit(actor=actor, because="x", building_id=f"{SITE}/building/1")
    (event,) = plant.renew(permitted(decided_day=decided).state, command, START)
    assert getattr(event, "reason", None) == reason
    if reason is None:
        assert (event.due_day, event.power_kw_it) == (START + 60, 10)


def test_the_grid_is_asked_for_the_load_of_own_plant_behind_all_that_wait():
    world = permitted()
    command = ConnectToGrid(actor=CLOUD, because="x", building_id=f"{SITE}/building/1")
    (event,) = plant.connect(world.state, command, START)
    wait = grid_days(world.state, "texas", 10 + queued_kw(world.state, world.state.run.regions["texas"].queue), START)
    assert (event.due_day, event.power_kw_it) == (START + round(wait), 10)
    (no,) = plant.connect(world.state, ConnectToGrid(actor=LAB, because="x", building_id=f"{SITE}/building/1"), START)
    assert no.reason == "nothing to connect"


# --- levies and subsidies


def rule(**values):
    usual = {"rate": 0.0, "usd": 0.0, "usd_per_unit": 0.0, "unit": "gpus", "payer": "org", "to": "treasury",
             "enabled": True, "on": ("X",), "when": [some()], "usd_per_year": None}  # fmt: skip
    return some(**{**usual, **values})


CASE = {"org": LAB, "amount_usd": 10.0, "gpus": 3, "contract_id": ""}


@pytest.mark.parametrize(("usd", "cents"), [(0.01, 1), (0.004, None), (0.0, None), (-5.0, None)])
def test_a_levy_of_a_cent_is_charged_and_paid(usd, cents):
    out = [h.event for h in levies._charge(some(label="p"), rule(usd=usd), CASE, START)]
    assert [event.amount_usd_cents for event in out] == ([cents] * 2 if cents else [])
    if cents:
        assert (out[0].contract_id, out[1].counterparty) == (LAB, "world/treasury")
    assert list(levies._charge(some(label="p"), rule(usd=5.0, payer="counterparty"), CASE, START)) == []
    world = [h.event for h in levies._charge(some(label="p"), rule(usd=5.0, to="world"), CASE, START)]
    assert world[1].counterparty == "world"


def subsidised(used=0.0, limit=None, **values):
    state = given().state
    policy = some(label="p", subsidy=[rule(usd_per_year=limit, **values)], levy=[])
    state.run.quotas["p"] = {levies._purse(0, START): used}
    return state, policy


@pytest.mark.parametrize(("used", "paid"), [(0.0, 200), (8.5, 150), (9.99, 1), (10.0, None), (11.0, None)])
def test_a_subsidy_pays_what_is_left_of_its_year(used, paid):
    state, policy = subsidised(used, 10.0, usd=2.0)
    out = [h.event for h in levies._pay(state, policy, 0, CASE, START)]
    assert [e.amount_usd_cents for e in out if hasattr(e, "amount_usd_cents")] == ([paid] * 2 if paid else [])
    if paid:
        assert next(e.value for e in out if hasattr(e, "value")) == pytest.approx(used + paid / 100)
    state, policy = subsidised(used, usd=2.0)
    assert [type(h.event).__name__ for h in levies._pay(state, policy, 0, CASE, START)] == [
        "SubsidyPaid",
        "PaymentMade",
    ]


def test_what_an_org_owes_is_its_levies_less_its_subsidies_within_their_purse(monkeypatch):
    monkeypatch.setattr(levies, "any_holds", lambda *_: True)
    state = given().state
    state.run.quotas["p"] = {levies._purse(0, START): 9.0}
    policy = some(label="p", levy=[rule(usd=7.0), rule(usd=5.0, payer="counterparty")],
                  subsidy=[rule(usd=3.0, usd_per_year=10.0)])  # fmt: skip
    assert levies.owed_usd(state, [policy], "X", dict(CASE), START) == pytest.approx(7 - 1)
    assert levies.owed_usd(state, [policy], "Y", dict(CASE), START) == 0.0
    assert levies.owed_usd(state, [some(label="q", levy=[], subsidy=[])], "X", dict(CASE), START) == 0.0


# --- licences and quotas


def licensed(held=None, day=START, **values):
    usual = {"days": 30.0, "holds_days": 365.0, "fee_usd": 5.0, "by": ("org",), "granted_share": 0.5}
    licence = some(**{**usual, **values})
    policy = some(label="p", name="p", jurisdiction="US", permit=[some(licence=licence, reason="r")])
    state = given().state
    if held is not None:
        state.run.licences["p"] = {f"permit 0 {LAB}": held}
    return permits._under_licence(state, policy, 0, "PlaceOrder", {"org": LAB}, day), policy, state


def held(granted=None, due=START + 30, end=START + 395):
    return some(is_granted=granted, due_day=due, end_day=end, org=LAB, command="PlaceOrder")


def test_a_licence_is_sought_waited_for_held_and_sought_again():
    verdict, _, _ = licensed()
    (sought,) = verdict.noted
    assert (sought.due_day, sought.end_day) == (START + 30, START + 395)
    assert (verdict.barrier.wait_days, verdict.barrier.usd, verdict.barrier.is_pending) == (30.0, 5.0, False)
    waiting, _, _ = licensed(held())
    assert (waiting.barrier.wait_days, waiting.barrier.is_pending, waiting.noted) == (30.0, True, ())
    assert licensed(held(), START + 40)[0].barrier.wait_days == 0.0
    assert licensed(held(True), START + 394)[0].barrier is None
    assert licensed(held(True), START + 395)[0].noted
    denied = licensed(held(False), START + 394)[0].barrier
    assert math.isinf(denied.wait_days)


@pytest.mark.parametrize(("last", "decided"), [(29, 0), (30, 1)])
def test_a_licence_is_decided_on_its_day_by_a_draw(last, decided):
    _, policy, state = licensed(held(), granted_share=1.0)
    found = list(permits.decided(state, [policy], START + last - 6, START + last))
    assert len(found) == decided
    if decided:
        assert (found[0].day, found[0].event.share) == (START + 30, 1.0)
        _, policy, state = licensed(held(), granted_share=0.0)
        assert [h.event.share for h in permits.decided(state, [policy], START + 37, START + 43)] == [0.0]
        assert [h.day for h in permits.decided(state, [policy], START + 37, START + 43)] == [START + 37]
    _, policy, state = licensed(held(True))
    assert list(permits.decided(state, [policy], START, START + 99)) == []


@pytest.mark.parametrize(("gpus", "passes"), [(7, True), (8, False)])
def test_a_quota_is_taken_until_it_is_used(gpus, passes):
    state = given().state
    quota = some(by=("org",), of="gpus", per="year", share_of_output=None, limit=10.0)
    policy = some(label="p")
    name = f"permit 0 {LAB} {date.fromordinal(date(1970, 1, 1).toordinal() + START).year}"
    state.run.quotas["p"] = {name: 3.0}
    taken = permits._take(state, policy, quota, 0, {"org": LAB, "gpus": gpus}, START)
    assert (taken is not None) is passes
    if passes:
        assert (taken.value, taken.kind) == (10.0, name)
    each = some(by=("org",), of="commands", per="year", share_of_output=None, limit=4.0)
    assert permits._take(state, policy, each, 0, {"org": LAB, "gpus": 99}, START).value == 4.0


def test_a_report_tells_the_first_measure_that_a_command_has():
    command, policy, asked = some(actor=LAB), some(label="p"), some(reason="r")
    assert permits.filed(policy, asked, command, {"gpus": 5, "h100e": 7.0}).value == 5.0
    assert permits.filed(policy, asked, command, {"h100e": 7.0}).value == 7.0
    assert permits.filed(policy, asked, command, {}).value == 0.0
