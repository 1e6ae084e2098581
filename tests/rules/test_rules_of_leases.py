"""Talks, quotes that hold GPUs, subleases, handover, the end of leases."""

from __future__ import annotations

import pytest
from given import CLOUD, FIELD, LAB, RESELLER, RIVAL, SITE, START, SUPPLIER, YEAR, given, handed, invariants, lease

from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote, GiveQuote, RequestLease
from events.terms import LeaseTerms
from events.types import chips as chip_events
from events.types import leases as events
from events.types.sites import BuildingStarted, PowerEnergised
from events.types.training import TrainingStarted
from market.rules import handover, leases
from market.rules.free import free_gpus

ENDLESS = float("inf")


def ask(lessee=LAB, lessor=CLOUD, **terms):
    values = {
        "h100e": 1000.0, "due_day": START + 60, "duration_days": YEAR, "price_usd_per_h100e_hour": 3.0,
        "kind": "frontier",
    }  # fmt: skip
    return RequestLease(actor=lessee, because=lessee, lessor=lessor, **{**values, **terms})


def offer(request="lab/request/1", lessor=CLOUD, **terms):
    values = {
        "chip": "H100", "site": SITE, "gpus": 1000, "start_day": START, "end_day": START + YEAR,
        "price_usd_per_gpu_hour": 2.5,
    }  # fmt: skip
    parent = terms.pop("parent_lease_id", None)
    terms = LeaseTerms(**{**values, **terms})
    return GiveQuote(actor=lessor, because=request, request_id=request, parent_lease_id=parent, terms=terms)


def answer(clause="price", quote="cloud/quote/1", **terms):
    values = {
        "chip": "H100", "site": SITE, "gpus": 1000, "start_day": START, "end_day": START + YEAR,
        "price_usd_per_gpu_hour": 2.0,
    }  # fmt: skip
    return CounterQuote(
        actor=LAB, because=quote, quote_id=quote, clause=clause, terms=LeaseTerms(**{**values, **terms})
    )


def take(quote="cloud/quote/1", lessee=LAB):
    return AcceptQuote(actor=lessee, because=quote, quote_id=quote)


def asked(*lessees, lessor=CLOUD, **parameters):
    world = given(**parameters)
    for lessee in lessees or (LAB,):
        world.when(ask(lessee, lessor))
    return world


def refusal(world, command):
    (refused,) = world.when(command)
    assert isinstance(refused, events.RequestRefused | events.QuoteRefused | events.LeaseRefused), refused
    return refused.reason


# --- requests


def test_a_request_opens_talks():
    (opened,) = given().when(ask())
    assert opened == events.LeaseRequested(
        request_id="lab/request/1",
        lessee=LAB,
        lessor=CLOUD,
        h100e=1000.0,
        due_day=START + 60,
        duration_days=YEAR,
        price_usd_per_h100e_hour=3.0,
        kind="frontier",
    )


def test_a_second_request_to_the_same_lessor_is_refused_and_one_to_another_is_not():
    world = asked(LAB)
    assert refusal(world, ask()) == "talks already open"
    assert isinstance(world.when(ask(lessor=RESELLER))[0], events.LeaseRequested)


def test_a_machine_is_talked_about_beside_a_part_of_a_fleet():
    world = asked(LAB)
    machine = ask(chip="H100")
    assert isinstance(world.when(machine)[0], events.LeaseRequested)
    world.happened(*world.when(machine))
    assert refusal(world, machine) == "talks already open"
    assert refusal(world, ask()) == "talks already open"


@pytest.mark.parametrize("lessor", ["nobody", LAB, SUPPLIER])
def test_only_another_cloud_or_lab_can_be_asked(lessor):
    assert refusal(given(), ask(lessor=lessor)) == "unknown lessor"


@pytest.mark.parametrize("terms", [{"h100e": 0.0}, {"h100e": float("nan")}, {"h100e": ENDLESS}, {"duration_days": 0}])
def test_a_request_for_nothing_is_refused(terms):
    assert refusal(given(), ask(**terms)) == "nothing asked"


def test_a_request_of_an_unknown_kind_is_refused():
    assert refusal(given(), ask(kind="gift")) == "unknown kind"


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), ENDLESS])
def test_a_request_at_no_price_is_refused(price):
    assert refusal(given(), ask(price_usd_per_h100e_hour=price)) == "no price"


# --- quotes


def test_a_quote_holds_its_gpus():
    world = asked()
    (quote,) = world.when(offer())
    assert (quote.quote_id, quote.lessee, quote.gpus) == ("cloud/quote/1", LAB, 1000)
    assert free_gpus(world.state, CLOUD, "H100", SITE) == 9_000


def test_gpus_in_one_quote_cannot_be_quoted_to_another():
    world = asked(LAB, RIVAL)
    world.when(offer(gpus=6_000))
    assert refusal(world, offer("rival/request/1", gpus=4_001)) == "capacity"
    assert isinstance(world.when(offer("rival/request/1", gpus=4_000))[0], events.QuoteGiven)


def test_a_new_quote_for_the_same_request_replaces_the_old_one():
    world = asked()
    world.when(offer(gpus=6_000))
    world.when(offer(gpus=10_000))
    assert [q.gpus for q in world.state.leases.quotes.values()] == [10_000]


def test_gpus_that_train_are_owed_or_let_cannot_be_quoted():
    world = asked(RIVAL)
    owed = lease(gpus=3_000)
    world.happened(owed, lease(lease_id="lab/lease/2", gpus=2_000))
    world.happened(handed(owed))
    run = TrainingStarted(
        run_id="cloud/run/1",
        org=CLOUD,
        model="m",
        site=SITE,
        chip="H100",
        gpus=1_000,
        flop=1e25,
        params=1.0,
        tokens=1.0,
        experts=0,
        effective_flop=1e25,
        mfu=0.4,
        goodput=0.9,
        plan="",
        start_day=START,
        due_day=START + 90,
    )
    world.happened(run)
    assert free_gpus(world.state, CLOUD, "H100", SITE) == 4_000
    assert refusal(world, offer("rival/request/1", gpus=4_001)) == "capacity"


def test_nobody_quotes_for_talks_that_are_not_its_own():
    assert refusal(asked(), offer(lessor=RESELLER)) == "no such request"
    assert refusal(asked(), offer("lab/request/9")) == "no such request"


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"chip": "B9000"}, "unknown chip or site"),
        ({"site": "nowhere"}, "unknown chip or site"),
        ({"gpus": 0}, "empty term"),
        ({"end_day": START}, "empty term"),
        ({"start_day": START - 1}, "empty term"),
        ({"price_usd_per_gpu_hour": 0.0}, "no price"),
        ({"price_usd_per_gpu_hour": float("nan")}, "no price"),
        ({"price_usd_per_gpu_hour": ENDLESS}, "no price"),
        ({"site": FIELD}, "not the actor's site"),
    ],
)
def test_a_quote_that_makes_no_sense_is_refused(terms, reason):
    assert refusal(asked(), offer(**terms)) == reason


def test_gpus_still_to_come_can_be_quoted_for_later_as_far_as_power_will_carry_them():
    world = asked()
    later = {"start_day": START + 100}
    spare = (20_000_000 - 10_000 * 1400) // 1400
    assert refusal(world, offer(gpus=10_000 + spare + 1, **later)) == "power"
    assert isinstance(world.when(offer(gpus=10_000 + spare, **later))[0], events.QuoteGiven)


def test_a_building_under_way_carries_later_quotes():
    world = asked()
    world.happened(
        BuildingStarted(
            building_id="hall/building/1",
            site=SITE,
            org=CLOUD,
            region="texas",
            kind="next",
            power_kw_it=14_000,
            start_day=START - 100,
            due_day=START + 90,
        )
    )
    assert isinstance(world.when(offer(gpus=24_000, start_day=START + 100))[0], events.QuoteGiven)


def test_power_promised_to_one_lease_is_not_promised_to_another():
    world = asked(LAB, RIVAL)
    world.when(offer(gpus=14_000, start_day=START + 100))
    assert refusal(world, offer("rival/request/1", gpus=1_000, start_day=START + 100)) == "power"
    world.when(take())
    assert refusal(world, offer("rival/request/1", gpus=1_000, start_day=START + 100)) == "power"


def test_a_quote_lapses_after_a_week_and_frees_its_gpus():
    world = asked()
    world.when(offer(gpus=9_000))
    assert list(leases.due(world.state, START + 1, START + 7)) == []
    (lapse,) = leases.due(world.state, START + 7, START + 13)
    assert isinstance(lapse.event, events.QuoteLapsed)
    assert lapse.day == START + 8
    world.happened(lapse.event)
    assert free_gpus(world.state, CLOUD, "H100", SITE) == 10_000
    assert refusal(world, take()) == "quote lapsed"


# --- answers


def test_an_accepted_quote_becomes_a_lease_on_its_terms():
    world = asked(LAB, RIVAL)
    (quote,) = world.when(offer())
    (signed,) = world.when(take())
    assert signed == events.LeaseSigned(
        lease_id="lab/lease/1",
        parent_lease_id=None,
        quote_id=quote.quote_id,
        lessor=CLOUD,
        lessee=LAB,
        chip="H100",
        site=SITE,
        gpus=1000,
        start_day=START,
        end_day=START + YEAR,
        price_usd_per_gpu_hour=2.5,
        kind="frontier",
        depth=1,
    )
    assert list(world.state.leases.requests) == ["rival/request/1"]
    assert world.state.leases.quotes == {}


def test_only_the_addressee_can_accept():
    world = asked()
    world.when(offer())
    assert refusal(world, take(lessee=RIVAL)) == "not the addressee"
    assert refusal(world, take("cloud/quote/9")) == "quote lapsed"


def test_a_counter_offer_is_lower_comes_once_and_waits_for_a_new_quote():
    world = asked()
    world.when(offer())
    for price in (2.5, 0.0, float("nan")):
        counter = answer(price_usd_per_gpu_hour=price)
        assert refusal(world, counter) == "no lower price"
    counter = answer(price_usd_per_gpu_hour=2.0)
    assert isinstance(world.when(counter)[0], events.QuoteCountered)
    assert refusal(world, counter) == "a counter-offer is open"
    assert refusal(world, take()) == "a counter-offer is open"
    world.when(offer(price_usd_per_gpu_hour=2.2))
    assert world.when(take("cloud/quote/2"))[0].price_usd_per_gpu_hour == 2.2


def test_a_counter_offer_to_nothing_is_refused():
    assert refusal(given(), answer()) == "quote lapsed"


def test_either_side_ends_talks_with_a_reason_and_the_gpus_are_free_again():
    for side in (LAB, CLOUD):
        world = asked()
        world.when(offer())
        (failed,) = world.when(
            BreakTalks(actor=side, because="lab/request/1", request_id="lab/request/1", reason="price")
        )
        assert (failed.reason, failed.h100e) == ("price", 1000.0)
        assert free_gpus(world.state, CLOUD, "H100", SITE) == 10_000
    stranger = BreakTalks(actor=RIVAL, because="lab/request/1", request_id="lab/request/1", reason="price")
    assert refusal(asked(), stranger) == "no such talks"


def test_talks_without_a_word_for_three_weeks_are_over():
    world = asked()
    assert list(leases.due(world.state, START, START + 20)) == []
    (silent,) = leases.due(world.state, START + 15, START + 21)
    assert (silent.event.reason, silent.day) == ("no answer", START + 21)


def test_every_quote_gives_talks_a_week_more():
    world = asked()
    world.when(offer())
    world.happened(events.QuoteLapsed(quote_id="cloud/quote/1", request_id="lab/request/1", lessor=CLOUD, lessee=LAB))
    assert list(leases.due(world.state, START + 21, START + 27)) == []
    assert len(list(leases.due(world.state, START + 28, START + 34))) == 1


# --- subleases


def rented(gpus=1000):
    """A reseller that rents from the cloud, and a lab that asks it."""
    world = given()
    parent = lease(RESELLER, gpus=gpus, kind="capacity")
    world.happened(parent, handed(parent))
    world.when(ask(LAB, RESELLER))
    return world, parent


def resale(parent, **terms):
    return offer(**{"lessor": RESELLER, "parent_lease_id": parent.lease_id, "gpus": 600, **terms})


def test_a_cloud_passes_on_what_it_rents():
    world, parent = rented()
    assert isinstance(world.when(resale(parent))[0], events.QuoteGiven)
    (signed,) = world.when(take("reseller/quote/1"))
    assert (signed.parent_lease_id, signed.depth) == (parent.lease_id, 2)
    world.after(handover.hand_over(world.state, START))
    assert world.state.chips.holdings["lab", "H100", "hall"].held == 600
    assert world.state.chips.holdings["reseller", "H100", "hall"].held == 400
    invariants(world.state)


def test_an_offer_of_rented_gpus_is_withdrawn_when_the_lease_under_it_ends():
    world, parent = rented()
    world.when(resale(parent))
    end = world.state.leases.leases[parent.lease_id].end_day
    world.after(leases.terms_over(world.state, end))
    assert parent.lease_id not in world.state.leases.leases
    assert world.state.leases.quotes == {}
    invariants(world.state)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"gpus": 1001}, "capacity"),
        ({"end_day": START + YEAR + 1}, "outside the parent's term"),
        ({"chip": "GB200"}, "not what the parent lease holds"),
        ({"site": FIELD}, "not what the parent lease holds"),
        ({"parent_lease_id": "lab/lease/9"}, "not the actor's lease"),
    ],
)
def test_a_sublease_is_within_its_parent(terms, reason):
    world, parent = rented()
    assert refusal(world, resale(parent, **terms)) == reason


def test_nobody_rents_its_own_gpus_back():
    world, parent = rented()
    world.when(ask(CLOUD, RESELLER))
    assert refusal(world, resale(parent, request="cloud/request/1")) == "the lessee's own"


def test_nobody_rents_back_what_it_has_sublet_either():
    world, parent = rented()
    below = lease(
        RIVAL, RESELLER, 400, lease_id="rival/lease/1", parent_lease_id=parent.lease_id, depth=2, kind="capacity"
    )
    world.happened(below, handed(below))
    world.when(ask(RESELLER, RIVAL))
    back = offer(lessor=RIVAL, parent_lease_id=below.lease_id, gpus=400, request="reseller/request/1")
    assert refusal(world, back) == "the lessee's own"


def test_a_lease_that_would_end_before_it_is_signed_is_refused():
    world = given()
    world.when(ask(LAB, CLOUD))
    (quote,) = world.when(offer(gpus=100, end_day=START + 2))
    world.day += 7
    assert refusal(world, take(quote.quote_id)) == "empty term"
    assert world.state.leases.leases == {}


def test_a_sublease_does_not_start_before_its_parent():
    world = given().happened(lease(RESELLER, start_day=START + 30))
    world.when(ask(LAB, RESELLER))
    assert refusal(world, resale(lease(RESELLER), start_day=START + 29)) == "outside the parent's term"


def test_what_is_sublet_or_quoted_once_is_not_sublet_again():
    world, parent = rented()
    world.when(ask(RIVAL, RESELLER))
    world.when(resale(parent))
    again = resale(parent, request="rival/request/1", gpus=401)
    assert refusal(world, again) == "capacity"
    world.when(take("reseller/quote/1"))
    assert refusal(world, again) == "capacity"


def test_a_chain_of_leases_has_a_longest_length():
    world = given(chains__depth_max=1).happened(lease(RESELLER))
    world.when(ask(LAB, RESELLER))
    assert refusal(world, resale(lease(RESELLER))) == "chain too long"


def test_a_quote_on_a_lease_that_ended_cannot_be_accepted():
    world, parent = rented()
    world.when(resale(parent))
    world.happened(
        events.LeaseEnded(
            lease_id=parent.lease_id, lessor=CLOUD, lessee=RESELLER, chip="H100", site=SITE, gpus=1000, reason="default"
        )
    )
    assert refusal(world, take("reseller/quote/1")) == "parent lease ended"


# --- handover


def told(world, day=START):
    return world.after(handover.hand_over(world.state, day))


def test_gpus_pass_over_when_the_term_begins():
    world = given().happened(lease(start_day=START + 7))
    assert told(world) == []
    (passed,) = told(world, START + 7)
    assert passed == events.GpusHandedOver(
        lease_id="lab/lease/1", lessor=CLOUD, lessee=LAB, chip="H100", site=SITE, gpus=1000
    )


def test_a_lessor_hands_over_what_is_free_and_says_once_that_it_is_late():
    world = given().happened(lease(gpus=12_000))
    passed, late = told(world)
    assert (passed.gpus, late.gpus, late.reason) == (10_000, 2_000, "chips")
    assert told(world, START + 7) == []


def test_the_reason_of_lateness_is_power_when_chips_wait_in_the_warehouse():
    world = given()
    sent = chip_events.ShipmentSent(
        shipment_id="cloud/shipment/1",
        order_id="cloud/order/1",
        org=CLOUD,
        counterparty="oem",
        chip="H100",
        gpus=5,
        due_day=START,
    )
    world.happened(
        sent,
        chip_events.ShipmentDelivered(
            shipment_id="cloud/shipment/1", order_id="cloud/order/1", org=CLOUD, chip="H100", gpus=5
        ),
    )
    world.happened(lease(gpus=12_000))
    assert told(world)[-1].reason == "power"


def test_a_sublease_waits_for_its_parent():
    world = given()
    parent = lease(RESELLER, gpus=12_000)
    child = lease(LAB, RESELLER, 11_000, parent_lease_id=parent.lease_id, depth=2)
    world.happened(parent, child)
    by_lease = {(type(f).__name__, f.lessee): f for f in told(world)}
    assert by_lease["GpusHandedOver", LAB].gpus == 10_000
    assert by_lease["LeaseLate", LAB].reason == "parent late"
    assert world.state.chips.holdings["reseller", "H100", "hall"].held == 0
    invariants(world.state)


def test_the_earlier_term_is_served_first():
    world = given()
    world.happened(lease(gpus=8_000, start_day=START + 3), lease(RIVAL, gpus=8_000))
    passed = {f.lessee: f.gpus for f in told(world, START + 6) if isinstance(f, events.GpusHandedOver)}
    assert passed == {RIVAL: 8_000, LAB: 2_000}


# --- the end


def test_a_lease_ends_on_its_day_and_its_subleases_before_it():
    world, parent = rented()
    child = lease(LAB, RESELLER, 600, parent_lease_id=parent.lease_id, depth=2)
    world.happened(child, handed(child))
    assert list(leases.terms_over(world.state, START + YEAR - 1)) == []
    ended = world.after(leases.terms_over(world.state, START + YEAR))
    assert [(f.lease_id, f.gpus, f.reason) for f in ended] == [
        ("lab/lease/1", 600, "term"), ("reseller/lease/1", 1000, "term"),
    ]  # fmt: skip
    assert {h.held for h in world.state.chips.holdings.values()} == {0, 4_000, 10_000}
    invariants(world.state)


def test_a_lease_that_is_broken_off_takes_its_subleases_with_it():
    world, parent = rented()
    child = lease(LAB, RESELLER, 600, parent_lease_id=parent.lease_id, depth=2)
    grandchild = lease(RIVAL, LAB, 100, parent_lease_id=child.lease_id, depth=3)
    world.happened(child, handed(child), grandchild, handed(grandchild))
    top = world.state.leases.leases[parent.lease_id]
    ended = world.after(leases.end_lease(world.state, top, START, "default"))
    assert [(f.lease_id, f.reason) for f in ended] == [
        ("rival/lease/1", "parent ended"), ("lab/lease/1", "parent ended"), ("reseller/lease/1", "default"),
    ]  # fmt: skip
    assert world.state.leases.leases == {}
    invariants(world.state)


def test_a_lessor_of_another_chip_has_nothing_free():
    assert free_gpus(given().state, CLOUD, "GB200", SITE) == 0


def test_energised_power_makes_room_for_quotes():
    world = asked()
    world.happened(
        PowerEnergised(
            building_id="hall/building/1",
            site=SITE,
            org=CLOUD,
            region="texas",
            kind="grid",
            power_kw_it=14_000,
            power_kw_facility=17_500,
        )
    )
    assert isinstance(world.when(offer(gpus=24_000, start_day=START + 100))[0], events.QuoteGiven)
