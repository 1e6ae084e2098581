"""Every event has its case, every field of the state is in its hash, and evolve says what it cannot apply."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from given import CLOUD, FUND, LAB, RESELLER, RIVAL, START, given, handed, lease

from events import EVENTS
from events.terms import LeaseTerms
from events.types import (
    chips,
    clearing,
    contracts,
    demand,
    estates,
    finance,
    leases,
    policy,
    run,
    sites,
    training,
    vendors,
)
from market import state as state_module
from market.evolve import APPLIERS, evolve
from market.state import FAMILIES, State, next_id, state_hash


def test_every_event_has_a_case_and_only_events_have():
    assert set(APPLIERS) == set(EVENTS.values())


def test_what_is_no_event_is_not_applied():
    with pytest.raises(KeyError):
        evolve(State(), object(), START)  # type: ignore[arg-type]


def full() -> State:
    """A small world in which every kind of thing is there."""
    world = given()
    signed = lease(RESELLER)
    world.happened(
        chips.OrderPlaced(
            order_id="lab/order/1", org=LAB, supplier="nvidia", chip="H100", gpus=5, price_usd_per_gpu=25_000.0
        ),
        chips.ShipmentSent(
            shipment_id="lab/shipment/1",
            order_id="lab/order/1",
            org=LAB,
            counterparty="oem",
            chip="H100",
            gpus=5,
            due_day=START + 9,
        ),
        chips.ShipmentSent(
            shipment_id="cloud/shipment/1",
            order_id="cloud/order/1",
            org=CLOUD,
            counterparty="oem",
            chip="H100",
            gpus=5,
            due_day=START,
        ),
        chips.ShipmentDelivered(
            shipment_id="cloud/shipment/1", order_id="cloud/order/1", org=CLOUD, chip="H100", gpus=5
        ),
        chips.GpusWaitForPower(org=CLOUD, chip="H100", gpus=5, reason="power"),
        clearing.MechanismChosen(kind="chips", mechanism="pro-rata"),
        chips.SlotsExpanded(supplier="nvidia", value=1001.0),
        chips.InputExpanded(kind="memory", value=1e6),
        chips.InputBound(supplier="nvidia", kind="memory", share=0.5),
        chips.InputBound(supplier="cloud", kind="shells", share=0.5),
        sites.EnergyPriced(region="texas", value=1.1, power_kw_it=100),
        sites.CapacityCleared(value=270.0, start_day=START, power_kw_facility=100),
        sites.BuildingStarted(
            building_id="field/building/1",
            site="field",
            org=LAB,
            region="texas",
            kind="next",
            power_kw_it=100,
            start_day=START,
            due_day=START + 90,
        ),
        sites.PowerQueued(
            building_id="field/building/1",
            site="field",
            org=LAB,
            region="texas",
            power_kw_it=100,
            power_kw_facility=125,
        ),
        sites.PlantPermitted(
            building_id="hall/building/0", site="hall", org=CLOUD, region="texas", kind="temporary", power_kw_it=100,
            end_day=START + 364,
        ),
        signed,
        handed(signed),
        leases.LeaseRequested(
            request_id="lab/request/1",
            lessee=LAB,
            lessor=CLOUD,
            h100e=9.0,
            due_day=START,
            duration_days=364,
            price_usd_per_h100e_hour=3.0,
            kind="serving",
        ),
        leases.QuoteGiven(
            quote_id="cloud/quote/1",
            request_id="lab/request/1",
            parent_lease_id=None,
            lessor=CLOUD,
            lessee=LAB,
            chip="H100",
            site="hall",
            gpus=9,
            start_day=START,
            end_day=START + 9,
            price_usd_per_gpu_hour=2.0,
        ),
        contracts.ContractSigned(
            contract_id="rival/contract/1",
            quote_id=None,
            lessor=CLOUD,
            lessee=RIVAL,
            kind="frontier",
            chip="H100",
            site="",
            region="texas",
            gpus=9,
            start_day=START + 90,
            end_day=START + 900,
            price_usd_per_gpu_hour=2.0,
            site_choice="listed",
        ),
        contracts.TrancheScheduled(
            contract_id="rival/contract/1",
            tranche=1,
            lessor=CLOUD,
            lessee=RIVAL,
            gpus=9,
            start_day=START + 90,
            end_day=START + 900,
        ),
        leases.LetterSigned(deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, h100e=9.0, due_day=START + 90),
        training.TrainingStarted(
            run_id="lab/run/1",
            org=LAB,
            model="lab/model/1",
            site="field",
            chip="H100",
            gpus=9,
            flop=1e25,
            params=1e11,
            tokens=1e13,
            experts=0,
            effective_flop=1e25,
            mfu=0.4,
            goodput=0.9,
            plan="",
            start_day=START,
            due_day=START + 90,
        ),
        training.ProjectProposed(run_id="lab/project/1", org=LAB, h100e=9.0, work_h100e_weeks=99.0, worth=1.0),
        training.ProjectStarted(run_id="lab/project/1", org=LAB, h100e=9.0, start_day=START, end_day=START + 84),
        training.ProjectProposed(run_id="lab/project/2", org=LAB, h100e=9.0, work_h100e_weeks=99.0, worth=1.0),
        training.ClusterFormed(org=CLOUD, site="hall", chip="H100", gpus=4608, kind="new", racks=None),
        finance.LoanGranted(
            deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=100, value=0.1, end_day=START + 900
        ),
        finance.RoundSought(org=LAB, amount_usd_cents=100, duration_days=50),
        finance.RoundClosed(
            deal_id="lab/deal/2",
            org=LAB,
            counterparty=FUND,
            amount_usd_cents=100,
            valuation_usd_cents=1000,
            kind="equity",
        ),
        leases.OnDemandRepriced(lessor=CLOUD, kind="cut", spot_usd_per_h100e_hour=3.0),
        demand.TailSigned(lessor=CLOUD, h100e=9.0, duration_days=364, price_usd_per_h100e_hour=2.0),
        leases.PriceMoved(
            price_usd_per_h100e_hour=2.0, spot_usd_per_h100e_hour=3.0, tightness=1.0, lead_time_weeks=9.0
        ),
        demand.TailSigned(lessor=CLOUD, h100e=9.0, duration_days=364, price_usd_per_h100e_hour=2.0),
        policy.PolicyEnacted(policy="rule", kind="A rule"),
        policy.QuotaUsed(policy="rule", org=LAB, kind="permit 0", value=5.0),
        policy.LicenceSought(
            org=LAB, policy="rule", kind="PlanSite", reason="permit 0 lab", due_day=START, end_day=START + 9
        ),
        run.ExogenousShock(kind="demand", value=1.5),
        run.OrgAnnounced(
            org="newcomer", role="lab", country="US", kind="lab", parent_org=None, due_day=START + 90,
            amount_usd_cents=9, valuation_usd_cents=90, value=9.0,
        ),
        vendors.WarrantsGranted(
            deal_id="cloud/deal/2", org=CLOUD, counterparty="nvidia", gpus=9, amount_usd_cents=90, end_day=START + 90
        ),
        estates.WindUpFiled(org=LAB, counterparty=LAB),
        lease(RIVAL),
        leases.LeaseEnded(
            lease_id="rival/lease/1", lessor=CLOUD, lessee=RIVAL, chip="H100", site="hall", gpus=0, reason="rejected"
        ),
        estates.EstateOpened(
            estate_id="rival/estate/1", org=RIVAL, kind="liquidation", amount_usd_cents=9, due_day=START + 182
        ),
        estates.ClaimFiled(
            claim_id="rival/claim/1", estate_id="rival/estate/1", org=RIVAL, counterparty=CLOUD, rank="unsecured",
            amount_usd_cents=9, contract_id="rival/lease/1",
        ),
        estates.LotOffered(
            lot_id="rival/lot/1", estate_id="rival/estate/1", org=RIVAL, kind="chips", site="", chip="H100", gpus=9,
            amount_usd_cents=9,
        ),
        estates.BidPlaced(lot_id="rival/lot/1", org=CLOUD, amount_usd_cents=9),
    )  # fmt: skip
    passed = lease(LAB, gpus=9, lease_id="lab/lease/9")
    world.happened(passed, handed(passed))
    world.day += 3
    world.happened(
        leases.LeaseEnded(
            lease_id="lab/lease/9", lessor=CLOUD, lessee=LAB, chip="H100", site="hall", gpus=9, reason="term"
        )
    )
    return world.state


def changes(value: Any) -> Iterator[Any]:
    """Values of the same type that differ."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, float):
        yield 2 * value + 1.0
    elif isinstance(value, str):
        yield value + "x"
    elif value is None:
        yield "x"
    elif isinstance(value, tuple):
        yield (*value, "x")


def mutations(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Change one leaf after the other in place; yield while it is changed, then put it back."""
    if isinstance(thing, msgspec.Struct):
        items = [(name, getattr(thing, name)) for name in thing.__struct_fields__]
        put = lambda name, value: setattr(thing, name, value)  # noqa: E731
    elif isinstance(thing, dict):
        assert thing, f"{path} is empty: this test would not see it"
        name, value = next(iter(thing.items()))
        items, put = [(name, value)], thing.__setitem__
        gone = thing.pop(name)
        yield f"{path}: one less", None
        thing[name] = gone
    else:
        assert thing, f"{path} is empty: this test would not see it"
        items, put = list(enumerate(thing)), thing.__setitem__
    for name, value in items:
        where = f"{path}.{name}"
        if isinstance(value, (msgspec.Struct, dict, list)):
            yield from mutations(value, where)
            continue
        for other in changes(value):
            put(name, other)
            yield where, None
            put(name, value)


def test_the_hash_changes_when_any_field_of_any_family_changes():
    state = full()
    before, seen = state_hash(state), set()
    for family in FAMILIES:
        for where, _ in mutations(getattr(state, family), family):
            assert state_hash(state) != before, where
            seen.add(where)
    assert state_hash(state) == before
    assert len(seen) > 150


def test_the_small_state_holds_every_kind_of_thing():
    def kinds(thing: Any) -> set[type]:
        if isinstance(thing, msgspec.Struct):
            return {type(thing)}.union(*(kinds(getattr(thing, name)) for name in thing.__struct_fields__))
        if isinstance(thing, dict | list):
            things = thing.values() if isinstance(thing, dict) else thing
            return set().union(*(kinds(value) for value in things)) if thing else set()
        return set()

    modules = [getattr(state_module, name) for name in (*FAMILIES, "ledger", "estates")]
    declared = {
        kind for module in modules for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in (msgspec.Struct, LeaseTerms)
    }  # fmt: skip
    assert declared - kinds(full()) == set()


def test_every_family_of_the_state_is_hashed_and_what_only_finds_things_is_not():
    assert set(State.__struct_fields__) - set(FAMILIES) == {"index", "trail"}
    state = State()
    before = state_hash(state)
    state.trail["somebody"] = (1, 0)
    assert state_hash(state) == before


def test_the_hash_does_not_depend_on_the_order_in_which_things_came():
    one, other = full(), full()
    turned = 0
    for family in (getattr(other, name) for name in FAMILIES):
        for name in family.__struct_fields__:
            if isinstance(entries := getattr(family, name), dict):
                setattr(family, name, dict(reversed(entries.items())))
                turned += len(entries) > 1
    assert state_hash(one) == state_hash(other)
    assert turned > 5


def test_a_copy_has_the_same_hash():
    state = full()
    assert state_hash(copy.deepcopy(state)) == state_hash(state)


def test_ids_are_counted_by_owner_and_family():
    state = full()
    assert next_id(state, LAB, "order") == "lab/order/2"
    assert next_id(state, CLOUD, "order") == "cloud/order/1"
    assert next_id(state, LAB, "deal") == "lab/deal/3"


def test_events_that_only_tell_leave_the_state_alone():
    state = full()
    before = state_hash(state)
    evolve(state, chips.OrderRefused(org=LAB, supplier="nvidia", chip="H100", gpus=5, reason="end of life"), START)
    evolve(state, policy.LevyCharged(policy="rule", org=LAB, amount_usd_cents=5, contract_id=LAB), START)
    evolve(
        state,
        run.OptionChosen(
            org=LAB, kind="plan", option="wait", term_price=0.0, term_time=0.0, term_control=0.0, term_risk=0.0
        ),
        START,
    )
    assert state_hash(state) == before


def test_a_policy_that_ends_is_forgotten_and_the_run_ends():
    state = full()
    evolve(state, policy.PolicyRepealed(policy="rule", kind="A rule"), START)
    evolve(state, run.RunEnded(week=5, reason="end"), START)
    assert state.run.policies == {}
    assert state.run.ended


def test_a_posted_price_is_what_was_last_said():
    state = full()
    evolve(state, leases.OnDemandRepriced(lessor=CLOUD, kind="cut", spot_usd_per_h100e_hour=1.25), START)
    assert state.leases.posted[CLOUD] == 1.25
