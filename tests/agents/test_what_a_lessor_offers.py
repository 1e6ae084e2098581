"""What a lessor offers: from the shelf, passed on, to be built; at which price, from when, and what it concedes."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from given import START
from seen import GB200, H100, ME, Seen, held, nothing, rented, signed, some
from test_amounts_of_a_builder import building, site

from agents import lessors, means, places, rights, shelf
from agents.means import Build
from agents.places import Plan
from agents.shelf import Offer
from events.commands.leases import BreakTalks, GiveQuote
from events.terms import LeaseTerms, terms_of
from market import rng
from market.view import GIVEN, Quote

TERMS = {
    "desk.part_min": 0.5, "desk.lead_weeks": 4.0, "price.need_slack_weeks": 26.0, "chains.depth_max": 3.0,
    "chains.term_days_min": 90.0, "price.signed_sd": 0.1, "contracts.days_min": 730.0,
    "contracts.ask_min_h100e": 1_000.0, "desk.room": 0.2,
}  # fmt: skip


def asked(**values):
    terms = {
        "request_id": "lab/request/1", "lessee": "lab", "lessor": ME, "h100e": 100.0, "due_day": START + 60,
        "duration_days": 364, "kind": "bridge", "chip": "", "region": "", "rounds": 0,
        "price_limit_usd_per_h100e_hour": 9.0,
    }  # fmt: skip
    return some(**{**terms, **values})


class Normal:
    """Draws that are all one number, in standard deviations."""

    def __init__(self, z=0.0, u=0.5):
        self.z, self.u, self.asked = z, u, []

    def normal(self, *_, **__):
        return self.z

    def uniform(self, *_, **__):
        return self.u

    def chance(self, share, *_):
        self.asked.append(share)
        return self.u < share


def shop(terms=(), **facts):
    """A cloud with 1,000 free H100 of 4,000, nobody's before."""
    usual = nothing(
        holdings=(held("H100", 4_000),), free=1_000, captive_share=0.0, cost=1.5, work_h100e={"H100": 1.2}.get,
        quotes_by_me=(), org=some(roles=("cloud",)), requests_to_me=(), draws=Normal(),
        rent=lambda chip, days, wait: 2.0 + days / 1_000 + wait / 100, site=site, may=GIVEN,
    )  # fmt: skip
    return Seen({**TERMS, **dict(terms)}, **{**usual, **facts})


def shelved(request, used=(), **facts):
    return list(shelf.shelf(shop(**facts), request, dict(used)))


# --- the shelf


def test_what_is_free_is_offered_up_to_the_need_at_the_cost_of_the_work_that_it_does():
    (one,) = shelved(asked(h100e=99.5))
    assert one == Offer("H100", "hall", 100, START + 28, None, pytest.approx(1.5 * 1.2))


@pytest.mark.parametrize(("h100e", "gpus"), [(1_000.0, 1_000), (2_000.0, 1_000), (2_000.5, None)])
def test_less_than_a_part_of_what_is_asked_for_is_no_offer(h100e, gpus):
    assert [one.gpus for one in shelved(asked(h100e=h100e))] == ([gpus] if gpus else [])


def test_within_a_group_any_gpu_is_an_offer():
    inside = {"kind": "internal", "h100e": 1e9}
    assert [one.gpus for one in shelved(asked(**inside), free=1)] == [1]
    assert shelved(asked(**inside), free=0) == []
    assert shelved(asked(**inside), used={("H100", "hall", None): 999}.items())[0].gpus == 1
    assert shelved(asked(**inside), used={("H100", "hall", None): 1_000}.items()) == []


@pytest.mark.parametrize(("due", "first"), [(-9, 7), (7, 7), (20, 20), (28, 28), (99, 28)])
def test_what_stands_free_begins_when_it_is_wanted_in_a_week_at_least_and_soon(due, first):
    assert shelved(asked(due_day=START + due))[0].start_day == START + first


def test_another_chip_than_the_one_asked_for_is_no_offer():
    assert shelved(asked(chip="GB200")) == []
    assert len(shelved(asked(chip="H100"))) == 1


@pytest.mark.parametrize(
    ("free", "captive", "owned", "gpus"),
    [(1_000, 0.0, 4_000, 1_000), (1_000, 0.2, 4_000, 200), (1_000, 0.25, 4_000, None), (5_000, 0.0, 4_000, 4_000),
     (5, 0.0, 0, None)],
)  # fmt: skip
def test_an_org_leases_out_own_gpus_beside_what_its_users_keep(free, captive, owned, gpus):
    seen = shop(holdings=(held("H100", owned),), free=free, captive_share=captive)
    assert shelf.standing_free(seen) == (((H100, "hall", gpus),) if gpus else ())


# --- what is passed on


def passed_on(request=None, used=(), terms=(), lease=(), **facts):
    lease = rented(**{"lease_id": "me/lease/1", "kind": "capacity", "gpus": 200, **dict(lease)})
    seen = shop(terms, **{"rented": (lease,), "lease": lease, **facts})
    return list(shelf.resale(seen, request or asked(), dict(used)))


def test_what_a_cloud_rents_and_has_not_passed_on_is_offered_at_the_rent_that_it_pays():
    (one,) = passed_on()
    assert one == Offer("H100", "hall", 100, START + 7, "me/lease/1", 2.0)
    assert passed_on(asked(h100e=300.0))[0].gpus == 200
    assert passed_on(asked(h100e=400.0))[0].gpus == 200
    assert passed_on(asked(h100e=400.5)) == []
    assert passed_on(asked(h100e=300.0), lease={"subleased": 50})[0].gpus == 150
    quotes = (some(parent_lease_id="me/lease/1", gpus=20), some(parent_lease_id="me/lease/2", gpus=900))
    assert passed_on(asked(h100e=300.0), quotes_by_me=quotes)[0].gpus == 180
    assert passed_on(asked(h100e=300.0), used={("H100", "hall", "me/lease/1"): 30}.items())[0].gpus == 170


def test_what_is_not_rented_to_be_passed_on_is_not():
    assert passed_on(lease={"kind": "serving"}) == []
    assert passed_on(asked(kind="internal")) == []


def test_a_chain_of_leases_is_no_longer_than_the_longest():
    assert len(passed_on(lease={"depth": 2})) == 1
    assert passed_on(lease={"depth": 3}) == []


def test_what_ends_too_soon_or_begins_too_late_is_not_passed_on():
    assert len(passed_on(lease={"end_day": START + 97})) == 1
    assert passed_on(lease={"end_day": START + 96}) == []
    late = START + 60 + 7 * 26
    assert passed_on(lease={"start_day": late, "end_day": late + 900})[0].start_day == late
    assert passed_on(lease={"start_day": late + 1, "end_day": late + 900}) == []


def test_a_sublease_that_a_policy_refuses_is_no_offer():
    assert passed_on(may=some(is_given=False)) == []


# --- what has yet to be ordered


def forward(monkeypatch, request=None, used=(), chip=H100, weeks=10.0, **facts):
    monkeypatch.setattr(shelf, "best_chip", lambda _: chip)
    monkeypatch.setattr(shelf, "chip_weeks", lambda *_: weeks)
    usual = {"sites": (site(spare_w=280_000),), "promised_kw": 0.0}
    return shelf.forward(shop(**{**usual, **facts}), request or asked(), dict(used))


def test_chips_are_sold_forward_for_power_that_is_free(monkeypatch):
    one = forward(monkeypatch)
    assert one == Offer("H100", "alpha", 100, START + 70, None, pytest.approx(1.8))
    assert forward(monkeypatch, asked(due_day=START + 90)).start_day == START + 90
    assert forward(monkeypatch, asked(h100e=400.0)).gpus == 200
    assert forward(monkeypatch, asked(h100e=401.0)) == "power"
    assert forward(monkeypatch, asked(h100e=300.0), promised_kw=28.0).gpus == 180
    assert forward(monkeypatch, asked(h100e=300.0), warehouse={"H100": 30}).gpus == 170
    assert forward(monkeypatch, asked(h100e=300.0), used={("H100", "alpha", None): 40}.items()).gpus == 160
    assert forward(monkeypatch, chip=None) == "chips"


def test_power_that_is_to_come_counts_from_its_day(monkeypatch):
    works = (building(power_kw=140, due_day=START + 100),)
    assert forward(monkeypatch, asked(h100e=200.0), buildings=works).start_day == START + 70
    late = forward(monkeypatch, asked(h100e=201.0), buildings=works)
    assert (late.gpus, late.start_day) == (201, START + 100)


def test_what_comes_half_a_year_too_late_is_no_offer(monkeypatch):
    assert forward(monkeypatch, asked(due_day=START), weeks=26.0).start_day == START + 182
    assert forward(monkeypatch, asked(due_day=START - 1), weeks=26.0) == "too late"


def test_of_several_sites_the_soonest_then_the_largest_is_offered(monkeypatch):
    works = (building(power_kw=1_000, due_day=START + 99),)
    places = (site(), site("beta", spare_w=280_000), site("gamma", spare_w=210_000))
    assert forward(monkeypatch, asked(h100e=300.0), sites=places, buildings=works).site == "beta"
    assert forward(monkeypatch, asked(h100e=300.0), sites=places[::-1], buildings=works).site == "beta"


# --- which of them


def test_the_most_compute_is_offered_and_of_as_much_the_cheapest():
    seen = Seen()
    big, cheap, few = (
        Offer("H100", s, n, START, None, usd) for s, n, usd in (("a", 9, 2.0), ("b", 9, 1.0), ("c", 8, 0))
    )
    assert shelf.best_of([few, big, cheap], seen) is cheap
    denser = Offer("GB200", "d", 4, START, None, 9.0)
    assert shelf.best_of([big, denser], seen) is denser
    assert shelf.best_of([], seen) is None


def test_of_offers_that_cost_the_same_the_one_with_the_cheapest_energy_is_made_and_no_name_comes_first(energy):
    offers = [Offer("H100", name, 9, START, None, 2.0) for name in ("a", "b", "c")]
    seeds = [Seen(draws=rng.Draws(seed, ME, 0)) for seed in range(60)]
    for pick in (
        lambda seen: shelf.best_of(offers, seen),
        lambda seen: min(offers, key=lambda o: shelf._sooner(seen, o)),
    ):
        energy["c"] = 0.1
        found = Counter(pick(seen).site for seen in seeds)
        assert set(found) == {"a", "b"}
        assert min(found.values()) > 15
        energy["a"] = energy["b"] = 0.2
        assert all(pick(seen).site == "c" for seen in seeds)
        energy.clear()


@pytest.mark.parametrize(("due", "where"), [(START + 182, "hall"), (START + 183, "alpha")])
def test_what_stands_free_serves_who_wants_it_soon_and_a_lab_leases_out_nothing_else(monkeypatch, due, where):
    monkeypatch.setattr(shelf, "forward", lambda *_: Offer("H100", "alpha", 1, START, None, 0.0))
    assert shelf.find_offer(shop(), asked(due_day=due), {}).site == where
    private = shop(org=some(roles=("lab",)))
    assert shelf.find_offer(private, asked(due_day=due), {}).site == "hall"
    assert shelf.find_offer(private, asked(h100e=1e9), {}) == "capacity"


def answered(*requests, **facts):
    return list(shelf.answer_requests(shop(requests_to_me=requests, **facts)))


def test_each_request_that_is_new_is_quoted_and_no_gpu_twice():
    first, second = asked(h100e=800.0), asked(request_id="lab/request/2", h100e=300.0)
    one, two = answered(first, second)
    assert (one.terms.gpus, two.terms.gpus) == (800, 200)
    (third, fourth) = answered(asked(h100e=900.0), asked(request_id="lab/request/2", h100e=300.0), org=some(roles=()))
    assert (type(third), type(fourth), fourth.reason) == (GiveQuote, BreakTalks, "capacity")
    assert answered(asked(rounds=1)) == []
    assert answered(first, quotes_by_me=(some(request_id=first.request_id, parent_lease_id=None, gpus=1),)) == []
    assert answered(asked(duration_days=800, h100e=5_000.0, kind="frontier", chip="H100")) == []


def test_a_quote_lasts_the_term_and_a_sublease_no_longer_than_its_lease():
    (one,) = answered(asked())
    assert (one.terms.start_day, one.terms.end_day, one.terms.region) == (START + 28, START + 28 + 364, "texas")
    assert one.terms.price_usd_per_gpu_hour == pytest.approx(2.0 + 0.364 + 0.04)
    lease = rented(kind="capacity", gpus=2_000, end_day=START + 200)
    (other,) = answered(asked(h100e=1_500.0), rented=(lease,), lease=lease, holdings=())
    assert (other.parent_lease_id, other.terms.end_day) == ("me/lease/1", START + 200)


def test_inside_a_group_rent_is_the_cost_and_to_others_that_of_the_market_with_the_spread_of_talks():
    offer = Offer("H100", "hall", 9, START + 70, None, 1.1)
    assert lessors.quote_price(shop(), asked(kind="internal"), offer) == 1.1
    assert lessors.quote_price(shop(), asked(), offer) == pytest.approx(2.0 + 0.364 + 0.1)
    keen = lessors.quote_price(shop(draws=Normal(-2.0)), asked(), offer)
    assert keen == pytest.approx((2.0 + 0.364 + 0.1) * math.exp(-0.2))
    before = Offer("H100", "hall", 9, START - 70, None, 1.1)
    assert lessors.quote_price(shop(), asked(), before) == pytest.approx(2.0 + 0.364)


def countered(price, **values):
    quote = LeaseTerms(
        chip="H100", site="hall", gpus=10, start_day=START + 70, end_day=START + 434, price_usd_per_gpu_hour=2.5
    )
    terms = {
        "quote_id": "me/quote/1", "request_id": "lab/request/1", "countered": "price", "form": "lease", "chip": "H100",
        "site": "hall", "gpus": 10, "start_day": quote.start_day, "end_day": quote.end_day, "parent_lease_id": None,
        "asked_price_usd_per_gpu_hour": price, **values,
    }  # fmt: skip
    return list(shelf.answer_counters(shop(quotes_by_me=(some(**terms),), request=asked())))


def test_a_counter_offer_is_met_down_to_the_floor_of_the_rent():
    floor = (2.0 + 0.364 + 0.1) * 0.8
    (met,) = countered(floor * (1 + 1e-12))
    assert (type(met), met.terms.price_usd_per_gpu_hour) == (GiveQuote, pytest.approx(floor))
    assert (met.terms.start_day, met.terms.gpus) == (START + 70, 10)
    (left,) = countered(floor * 0.999)
    assert (type(left), left.reason, left.request_id) == (BreakTalks, "price", "lab/request/1")
    assert countered(9.0, form="contract") == []
    assert countered(9.0, countered="") == []
    (past,) = countered(9.0, start_day=START - 5)
    assert past.terms.start_day == START


# --- capacity to be built: what it is, who can carry it


@pytest.mark.parametrize(
    ("change", "is_so"),
    [({}, True), ({"duration_days": 729}, False), ({"kind": "internal"}, False), ({"kind": "bridge"}, False),
     ({"h100e": 999.0}, False), ({"due_day": START + 182}, False), ({"due_day": START, "chip": "H100"}, True)],
)  # fmt: skip
def test_capacity_is_built_for_who_wants_much_of_it_for_years_and_later_or_as_a_machine(change, is_so):
    request = asked(**{"duration_days": 730, "kind": "frontier", "h100e": 1_000.0, "due_day": START + 183, **change})
    assert lessors.is_for_contract(shop(), request) == is_so


@pytest.mark.parametrize(("gpus", "left"), [(0, 1_000.0), (700, 300.0), (5_000, 0.0)])
def test_a_lessor_builds_for_a_multiple_of_what_it_runs_less_what_it_signed(gpus, left):
    mine = (signed((gpus, START), chip="GB200", lessor=ME), signed((9_000, START)))
    seen = Seen({"contracts.backlog_max": 2.0}, **nothing(sites=(site(running_kw=1_000),), contracts=mine))
    assert lessors.buildable_gpus(seen, GB200) == pytest.approx(left)


def earning(coverage=math.inf, **facts):
    usual = nothing(coverage=lambda cents: coverage if cents == 0 else 1e9, income_usd_per_year=0.0)
    return lessors.earned_usd_per_year(Seen({"finance.income_share": 0.5}, **{**usual, **facts}))


def test_an_org_earns_other_income_and_rents_after_service_of_its_debt_and_rents_paid():
    assert earning(income_usd_per_year=100.0) == 50.0
    assert earning(monthly_kept_cents=1_000) == 130.0
    assert earning(4.0, monthly_kept_cents=1_000) == pytest.approx(97.5)
    assert earning(1.0, monthly_kept_cents=1_000) == 0.0
    assert earning(0.5, monthly_kept_cents=1_000) == 0.0
    assert earning(0.0, monthly_kept_cents=1_000) == 0.0  # debt, and nothing to pay it from
    assert earning(monthly_kept_cents=1_000, monthly_rent_cents=300) == 91.0
    assert earning(monthly_rent_cents=300) == 0.0


@pytest.fixture
def bills(monkeypatch):
    """A GPU with what is built for it: 100 USD, 80 in Utah, 200 with own plant."""

    def bill(_, chip, gpus, build):
        return gpus * (200.0 if build.on_site else 80.0 if build.region == "utah" else 100.0)

    monkeypatch.setattr(means, "bill_usd", bill)


def carrying(cents=100_000, income=0.0, borrows=0.0, **facts):
    terms = {"contracts.raise_years_max": 2.0, "finance.loan_share": 0.75, "finance.income_share": 1.0}
    usual = nothing(
        cash_cents=cents,
        income_usd_per_year=income,
        coverage=math.inf,
        home_regions=("texas", "utah"),
        bond_room_cents=0,
    )
    return Seen(terms, {"borrows": borrows}, **{**usual, **facts})


def test_money_in_hand_and_earned_until_the_first_day_carries_a_contract(bills):
    assert lessors.carried_gpus(carrying(), H100, START) == pytest.approx(1_000 / 80)
    assert lessors.carried_gpus(carrying(bond_room_cents=60_000), H100, START) == pytest.approx(1_600 / 80)
    assert lessors.carried_gpus(carrying(cents=-100, bond_room_cents=60_000), H100, START) == pytest.approx(600 / 80)
    assert lessors.carried_gpus(carrying(), H100, START, Build("greenfield", "texas", False)) == pytest.approx(10)
    assert lessors.carried_gpus(carrying(), H100, START, Build("greenfield", "texas", True)) == pytest.approx(5)
    for days, years in ((-9, 0.0), (365, 1.0), (730, 2.0), (999, 2.0)):
        carried = lessors.carried_gpus(carrying(income=400.0), H100, START + days)
        assert carried == pytest.approx((1_000 + 400 * years) / 80)


def test_lenders_carry_their_part_for_who_borrows_and_own_parts_of_contracts_signed_come_first(bills):
    assert lessors.carried_gpus(carrying(borrows=1.0), H100, START) == pytest.approx(4 * 1_000 / 80)
    mine = (signed((4, START), lessor=ME), signed((900, START)))
    assert lessors.own_means(carrying(contracts=mine)) == (1_000 - 400, 0.0, 1.0)
    assert lessors.own_means(carrying(contracts=mine, borrows=1.0)) == (1_000 - 100, 0.0, 0.25)
    many = (signed((40, START), lessor=ME),)
    assert lessors.carried_gpus(carrying(contracts=many), H100, START) == 0.0


# --- places


@pytest.fixture
def waits(monkeypatch):
    """Weeks that power, shells and chips take; of power by the load too, so that what is asked for is told apart."""
    known = {"power": 30.0, "plant": 20.0, "shell": 40.0, "next": 25.0, "leased": 10.0, "chips": 5.0, "per_mw": 0.0}

    def power(_, build, kw):
        return known["plant" if build.on_site else "power"] + known["per_mw"] * kw / 1_000

    def shell(_, kind, region):
        return known.get(kind, known["shell"])

    monkeypatch.setattr(means, "power_weeks", power)
    monkeypatch.setattr(means, "shell_weeks", shell)
    monkeypatch.setattr(means, "chip_weeks", lambda *_: known["chips"])
    monkeypatch.setattr(places, "spoken_for_kw", lambda _: {"texas": known.get("spoken", 0.0)})
    return known


def planned(lead=0.0, kw=1_000.0, sites=(), regions=("texas",), **traits):
    found = places.plans(Seen(None, traits, **nothing()), lead, kw, (list(regions), sites))
    return {(p.build.kind, p.build.on_site, p.site): p.weeks for p in found}


def test_new_land_waits_for_shell_power_and_chips_and_takes_own_plant_where_that_is_sooner(waits):
    assert planned() == {("greenfield", False, ""): 40.0}
    assert planned(lead=50.0) == {("greenfield", False, ""): 50.0}
    waits["power"] = 60.0
    assert planned() == {("greenfield", False, ""): 60.0, ("greenfield", True, ""): 40.0}
    waits["plant"] = 50.0
    assert planned() == {("greenfield", False, ""): 60.0, ("greenfield", True, ""): 50.0}
    waits["plant"] = 60.0
    assert planned() == {("greenfield", False, ""): 60.0}
    assert planned(regions=()) == {}


def test_another_building_of_the_main_campus_is_sooner(waits):
    places = (site("alpha", energised_kw=9), site("beta", energised_kw=10), site("far", region="utah", energised_kw=99))
    assert planned(sites=places)["brownfield", False, "beta"] == 30.0
    waits["power"] = 1.0
    assert planned(sites=places)["brownfield", False, "beta"] == 25.0
    assert planned(sites=places, lead=28.0)["brownfield", False, "beta"] == 28.0


def test_own_users_have_asked_for_power_first_and_stand_in_no_line_for_a_developers_shell(waits):
    waits |= {"per_mw": 10.0, "spoken": 3_000.0, "plant": 1e3}
    found = planned(kw=2_000.0, borrows=1.0)
    assert found == {("greenfield", False, ""): 30.0 + 10 * 5, ("leased", False, ""): 30.0 + 10 * 2}
    waits |= {"power": -100.0}
    assert planned(kw=2_000.0, borrows=1.0)["leased", False, ""] == 10.0
    assert planned(kw=2_000.0, borrows=1.0, lead=12.0)["leased", False, ""] == 12.0


def at_wish(region="texas", **facts):
    seen = Seen(**nothing(home_regions=("texas",), **facts))
    return places.at_wish(seen, H100, 100, region)


def test_the_lessees_own_place_is_offered_where_the_grid_is_there_with_the_hall(waits):
    assert at_wish() == Plan("", Build("brownfield", "texas", False), "texas", 40.0)
    waits["power"] = 40.0
    assert at_wish().weeks == 40.0
    waits["power"] = 40.1
    assert at_wish() is None
    waits |= {"power": 1.0, "chips": 60.0}
    assert at_wish().weeks == 60.0
    assert at_wish("utah") is None
    refused = some(is_worth_asking=False)
    assert at_wish(is_regulated=True, sites=(), may=refused) is None


def placed(monkeypatch, waits, due_weeks, standing, **request):
    monkeypatch.setattr(places, "standing_plans", lambda *_: [Plan(name, None, "texas", w) for name, w in standing])
    monkeypatch.setattr(places, "at_wish", lambda *_: Plan("wish", None, "utah", 99.0))
    monkeypatch.setattr(places, "own_usd", lambda *_: 1.0)
    seen = Seen({"choice.presence_weight": 0.0}, **nothing(home_regions=("texas",), regions=("texas",), draws=Normal()))
    wish = asked(due_day=START + round(7 * due_weeks), **request)
    return places.place_for(seen, H100, 100, wish)


def test_the_wish_comes_first_then_own_power_in_time_then_the_soonest(monkeypatch, waits):
    assert placed(monkeypatch, waits, 9, [("a", 1.0)], region="utah").site == "wish"
    assert placed(monkeypatch, waits, 50, [("a", 50.0), ("b", 50.1)]).site == "a"
    assert placed(monkeypatch, waits, 60, [("a", 50.0), ("b", 45.0)]).site == "b"
    assert placed(monkeypatch, waits, 30, [("a", 50.0), ("b", 39.0)]).site == "b"
    assert placed(monkeypatch, waits, 30, [("a", 50.0)]).weeks == 40.0
    assert placed(monkeypatch, waits, 30, [("a", 40.0)]).site == "a"  # as soon and as dear: what stands is taken first


def soonest(monkeypatch, costs, away=0.0, sites=(), draws=None):
    """The region where a plan is that comes as soon in all of some, by what it costs there."""
    monkeypatch.setattr(places, "own_usd", lambda view, chip, gpus, plan: costs[plan.region])
    facts = nothing(sites=[some(region=region) for region in sites], regions=tuple(costs), draws=draws or Normal())
    seen = Seen({"choice.presence_weight": away, "decision.noise": 0.05}, **facts)
    found = [Plan("", Build("greenfield", region, True), region, 90.0) for region in costs if region != "late"]
    found.append(Plan("", Build("greenfield", "late", True), "late", 90.1))
    return places.soonest(seen, (H100, 100, asked()), found).region


def test_plant_that_comes_as_soon_everywhere_is_built_where_it_costs_least_whatever_the_regions_are_called(monkeypatch):
    for names in (("alberta", "iowa", "wyoming"), ("wyoming", "iowa", "alberta"), ("iowa", "alberta", "wyoming")):
        assert soonest(monkeypatch, dict(zip(names, (1.0, 1.2, 1.1), strict=True)) | {"late": 0.1}) == names[0]


def test_of_places_that_come_as_soon_the_one_where_the_org_is_comes_first_unless_another_is_much_cheaper(monkeypatch):
    costs = {"alberta": 1.0, "iowa": 1.2, "late": 0.1}
    assert soonest(monkeypatch, costs, away=0.3, sites=["iowa"]) == "iowa"
    assert soonest(monkeypatch, costs | {"alberta": 0.8}, away=0.3, sites=["iowa"]) == "alberta"


def test_places_that_cost_the_same_are_all_taken_by_some_lessees(monkeypatch):
    costs = dict.fromkeys(("alberta", "iowa", "wyoming", "late"), 1.0)
    taken = Counter(soonest(monkeypatch, costs, draws=rng.Draws(seed, ME, 9)) for seed in range(60))
    assert set(taken) == {"alberta", "iowa", "wyoming"}
    assert min(taken.values()) > 8


def test_standing_power_waits_for_chips_and_only_where_the_machine_can_stand(monkeypatch):
    class Room:
        def __init__(self, name, weeks):
            self.site, self.region, self.weeks = name, "texas", weeks

        def weeks_until(self, _, kw):
            return self.weeks if kw == 7.0 else None

    monkeypatch.setattr(places, "rooms", lambda _: (Room("alpha", 3.0), Room("beta", 30.0), Room("no", None)))
    found = places.standing_plans(Seen(), 9.0, 7.0, (site(), site("no")))
    assert [(plan.site, plan.weeks) for plan in found] == [("alpha", 9.0)]
    assert [plan.weeks for plan in places.standing_plans(Seen(), 9.0, 7.0, (site("beta"),))] == [30.0]


# --- the first offer


def offering(monkeypatch, plan, request=(), traits=(), terms=(), carried=1e9, built=1e9, own=1.0, shell_rent=0.0):
    carry = carried if callable(carried) else lambda *_: carried
    monkeypatch.setattr(means, "chip_for", lambda *_: H100)
    monkeypatch.setattr(lessors, "place_for", lambda *_: plan)
    monkeypatch.setattr(lessors, "carried_gpus", carry)
    monkeypatch.setattr(lessors, "buildable_gpus", lambda *_: built)
    monkeypatch.setattr(means, "bill_usd", lambda *_: 1.0)
    monkeypatch.setattr(means, "shell_rent_usd", lambda _, build, kw: shell_rent * kw / 1.4)
    monkeypatch.setattr(places.owning, "owning_usd", lambda *_: own)
    values = {
        "labs.race_least_share": 0.9, "contracts.raise_years_max": 2.0, "contracts.ahead_days_max": 700.0,
        "talks.quote_factor": 1.1, "price.entry_floor": 1.2, "contracts.fleet_tranches": 4.0,
        "contracts.tranches": 2.0, "contracts.fleet_ramp_days": 300.0, "contracts.ramp_days": 60.0,
        "contracts.take_or_pay_share": 0.8, "contracts.prepaid_share": 0.15, **dict(terms),
    }  # fmt: skip
    seen = shop(values, chips=(H100,))
    seen._traits = dict(traits)
    return lessors.offer(seen, asked(**{"h100e": 1_000.0, "duration_days": 1_000, **dict(request)}))


LAND = Plan("", Build("greenfield", "texas", False), "texas", 50.0)


def test_a_machine_is_one_firms_of_a_group(monkeypatch):
    group = {"largest_firm_share": 0.25}
    assert offering(monkeypatch, LAND, {"chip": "H100"}, group, carried=3_000.0) == "finance"
    assert offering(monkeypatch, LAND, {"chip": "H100"}, group, carried=4_000.0, built=3_000.0) == "power"
    assert offering(monkeypatch, LAND, {"chip": "H100"}, group, carried=4_000.0, built=4_000.0).gpus == 1_000
    assert offering(monkeypatch, LAND, {"chip": "H100"}, carried=1_000.0).gpus == 1_000
    assert offering(monkeypatch, LAND, {}, {**group}, {"desk.part_min": 0.5}, carried=1_000.0).gpus == 1_000


def test_an_offer_begins_with_its_place_and_not_before_it_is_wanted(monkeypatch):
    terms = offering(monkeypatch, LAND)
    assert (terms.gpus, terms.start_day, terms.end_day) == (1_000, START + 350, START + 1_350)
    assert (terms.site, terms.region, terms.site_choice, terms.chip_choice) == ("", "texas", "listed", "listed")
    assert offering(monkeypatch, LAND, {"due_day": START + 351}).start_day == START + 351
    assert offering(monkeypatch, LAND, {"due_day": START + 350}).start_day == START + 350
    assert offering(monkeypatch, LAND._replace(site="alpha")).site_choice == "fixed"


def test_an_offer_costs_the_rent_of_the_market_or_what_a_new_one_must_earn_with_room_for_talks(monkeypatch):
    market = 2.0 + 1.0 + 50 / 100
    assert offering(monkeypatch, LAND).price_usd_per_gpu_hour == pytest.approx(1.1 * market)
    assert offering(monkeypatch, LAND, own=5.0).price_usd_per_gpu_hour == pytest.approx(1.1 * 1.2 * 5.0)
    rent = offering(monkeypatch, LAND, own=5.0, shell_rent=0.5)
    assert rent.price_usd_per_gpu_hour == pytest.approx(1.1 * 1.2 * 5.5)


def test_a_fleet_comes_in_more_parts_than_a_machine(monkeypatch):
    fleet, machine = offering(monkeypatch, LAND), offering(monkeypatch, LAND, {"chip": "H100"})
    assert (fleet.tranches, fleet.ramp_days) == (4, 300)
    assert (machine.tranches, machine.ramp_days) == (2, 60)
    assert offering(monkeypatch, LAND, {"h100e": 3.0}).tranches == 3


def test_who_lives_on_contracts_alone_is_prepaid(monkeypatch):
    prepaid = {
        traits: offering(monkeypatch, LAND, traits=traits).prepaid_share
        for traits in ((), (("borrows", 1.0),), (("borrows", 1.0), ("income_usd_per_year", 1.0)))
    }
    assert list(prepaid.values()) == [0.0, 0.15, 0.0]


def test_a_part_is_offered_where_no_more_can_be_paid_for_or_built_and_no_part_that_is_too_small(monkeypatch):
    assert offering(monkeypatch, LAND, carried=700.9).gpus == 700
    assert offering(monkeypatch, LAND, built=600.9).gpus == 600
    assert offering(monkeypatch, LAND, carried=500).gpus == 500
    assert offering(monkeypatch, LAND, carried=499) == "finance"
    assert offering(monkeypatch, LAND, built=499) == "power"
    assert offering(monkeypatch, LAND, built=500).gpus == 500
    assert offering(monkeypatch, LAND, {"chip": "H100"}, carried=899) == "finance"
    assert offering(monkeypatch, LAND, {"chip": "H100"}, carried=900).gpus == 900


def test_what_money_carries_is_asked_for_the_first_day_and_the_last_by_which_it_could_grow(monkeypatch):
    days = []

    def carried(view, chip, day, build=None):
        days.append(day - START)
        return 1e9

    offering(monkeypatch, LAND, carried=carried)
    assert days == [730, 350]
    later = offering(monkeypatch, LAND, carried=lambda _, chip, day, build=None: 9_000 if day > START + 700 else 9)
    assert later == "finance"


def test_no_place_or_one_too_far_ahead_is_no_offer(monkeypatch):
    assert offering(monkeypatch, None) == "power"
    assert offering(monkeypatch, LAND._replace(weeks=100.0)).gpus == 1_000
    assert offering(monkeypatch, LAND._replace(weeks=100.1)) == "power"


# --- concessions


def quote(**values):
    known = {
        "chip": "H100", "site": "alpha", "gpus": 10, "start_day": START + 100, "end_day": START + 1_100,
        "price_usd_per_gpu_hour": 2.0,
    }  # fmt: skip
    fields = dict.fromkeys(Quote.__struct_fields__)
    usual = {**{name: getattr(LeaseTerms(**known), name) for name in LeaseTerms.__struct_fields__}}
    more = {
        "quote_id": "me/quote/1", "request_id": "lab/request/1", "form": "contract", "countered": "price",
        "first_price_usd_per_gpu_hour": 2.5, "first_start_day": START + 120, "slot_day": START,
        "slot_start_day": START + 120, "asked_region": "utah",
    }  # fmt: skip
    return Quote(**{**fields, **usual, **more, **values})


CONCEDE = {
    "talks.concession_share": 0.5, "talks.price_floor_share": 0.6, "talks.wait_floor_share": 0.5,
    "talks.price_per_wait": 0.4, "talks.slot_weeks": 20.0, "talks.slot_lost_weeks": 3.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def energy(monkeypatch):
    """What energy costs at each site: the same where a test says nothing else."""
    known = Counter()
    monkeypatch.setattr(shelf, "energy_usd", lambda view, offer: known[offer.site])
    return known


@pytest.fixture(autouse=True)
def cost(monkeypatch):
    """What capacity under talks costs its owner, with its margin: nothing where a test says nothing else."""
    least = {"usd": 0.0}
    monkeypatch.setattr(lessors, "least_usd", lambda *_: least["usd"])
    return least


def conceded(**values):
    return lessors.conceded(Seen(CONCEDE, home_regions=(), rent=falling), quote(**values), lessors.least_usd())


def falling(chip, days, weeks):
    """Rent that falls by a part of it for each week of wait."""
    assert (chip, days) == ("H100", 1_000)
    return 3.0 * 0.99**weeks


def test_a_price_moves_by_a_part_of_its_room_and_never_up():
    assert conceded().price_usd_per_gpu_hour == pytest.approx(2.0 - 0.5 * (2.0 - 1.5))
    assert conceded(price_usd_per_gpu_hour=1.4).price_usd_per_gpu_hour == 1.4
    assert (conceded().start_day, conceded().end_day) == (START + 100, START + 1_100)


def test_the_room_in_a_price_ends_at_what_the_capacity_costs_its_owner(cost):
    cost["usd"] = 1.8
    assert conceded().price_usd_per_gpu_hour == pytest.approx(2.0 - 0.5 * (2.0 - 1.8))
    cost["usd"] = 2.1
    assert conceded().price_usd_per_gpu_hour == 2.0


def came_back(draws=None, **values):
    """The price that a lessor comes back with."""
    seen = Seen(CONCEDE, quotes_by_me=(quote(**values),), rent=falling, home_regions=())
    (answer,) = lessors.concessions(seen, draws or Normal(u=0.9))
    return answer.terms.price_usd_per_gpu_hour


@pytest.mark.parametrize("countered", ["price", "date", "hold"])
def test_what_capacity_costs_is_worked_out_once_for_an_offer_of_the_same_place(countered, monkeypatch):
    asked = []
    monkeypatch.setattr(lessors, "least_usd", lambda view, quote, terms: asked.append(terms.region) or 1.8)
    assert came_back(countered=countered) >= 1.8
    assert len(asked) == 1


def test_a_slot_that_is_sold_lets_no_price_fall_below_cost_nor_rise_to_it(cost):
    sold = Normal(u=0.0)
    cost["usd"] = 1.99
    assert came_back(sold, countered="hold") == 1.99
    cost["usd"] = 2.1
    assert came_back(sold, countered="hold") == 2.0


def test_another_site_is_offered_for_what_it_costs_its_owner_there_also_where_that_is_dearer(cost, monkeypatch):
    monkeypatch.setattr(lessors, "at_wish", lambda *_: Plan("", Build("brownfield", "utah", False), "utah", 9.0))
    cost["usd"] = 2.6
    assert came_back(countered="site") == 2.6
    monkeypatch.setattr(lessors, "at_wish", lambda *_: None)
    assert came_back(countered="site") == 2.0


def test_days_are_sold_for_a_price():
    sooner = conceded(countered="date")
    days = 0.5 * (100 - 60)
    assert (sooner.start_day, sooner.end_day) == (START + 100 - days, START + 1_100 - days)
    assert sooner.price_usd_per_gpu_hour == pytest.approx(2.0 * (1 + 0.4 * days / 100))
    none = conceded(countered="date", start_day=START + 50)
    assert (none.start_day, none.price_usd_per_gpu_hour) == (START + 50, 2.0)
    past = conceded(countered="date", slot_day=START - 200, slot_start_day=START - 200)
    assert past.start_day == START


def test_another_site_begins_when_it_is_ready_and_where_none_is_the_terms_stay(monkeypatch):
    monkeypatch.setattr(lessors, "at_wish", lambda *_: Plan("", Build("brownfield", "utah", False), "utah", 9.0))
    moved = conceded(countered="site")
    assert (moved.region, moved.site, moved.start_day, moved.end_day) == ("utah", "", START + 63, START + 1_063)
    assert moved.price_usd_per_gpu_hour == pytest.approx(2.0 * 0.99 ** ((63 - 100) / 7))
    monkeypatch.setattr(lessors, "at_wish", lambda *_: None)
    assert conceded(countered="site").site == "alpha"


@pytest.mark.parametrize(("u", "late"), [(0.09, 21), (0.11, 0)])
def test_while_parties_talk_a_slot_may_be_sold_and_then_it_comes_later_at_the_rent_of_that_day(u, late):
    draws = Normal(u=u)
    seen = Seen(CONCEDE, quotes_by_me=(quote(), quote(form="lease"), quote(countered="")), rent=falling)
    (answer,) = lessors.concessions(seen, draws)
    assert draws.asked == [0.1]
    assert (answer.terms.start_day, answer.terms.end_day) == (START + 100 + late, START + 1_100 + late)
    assert answer.terms.price_usd_per_gpu_hour == pytest.approx(1.75 * 0.99 ** (late / 7))


def test_rents_that_rise_make_what_comes_later_dearer_and_the_same_day_costs_the_same():
    seen = Seen(CONCEDE, rent=lambda chip, days, weeks: 2.0 * 1.01**weeks)
    paper = terms_of(quote())
    assert lessors.from_day(seen, paper, paper.start_day) == paper
    later = lessors.from_day(seen, paper, paper.start_day + 70)
    assert later.price_usd_per_gpu_hour == pytest.approx(2.0 * 1.01**10)
    assert lessors.from_day(seen, later, paper.start_day).price_usd_per_gpu_hour == pytest.approx(2.0)


# --- clauses

CLAUSES = {
    "talks.switching_share": 0.1, "estates.relet_weeks": 13.0, "clauses.expand_days": 180.0,
    "clauses.rebate_share": 0.2, "clauses.default_per_year": 0.05, "clauses.recovery_share": 0.4,
    "means.capital_rate_lab": 0.3, "means.capital_rate_parent": 0.1, "labs.near_weeks": 26.0,
    "labs.ask_min_h100e": 10.0,
}  # fmt: skip


def written(terms=(), traits=(), gpus=10, late=None, kind="serving", start=START + 70, lessee="lab", prepaid=0.0):
    seen = Seen({**CLAUSES, **dict(terms)}, dict(traits), labs={"lab": 1, "owned": 1}, parent_of={"owned": "g"}.get)
    paper = LeaseTerms(
        chip="H100", site="hall", gpus=gpus, start_day=start, end_day=start + 364, price_usd_per_gpu_hour=2.0,
        prepaid_share=prepaid,
    )  # fmt: skip
    return rights.with_clauses(seen, asked(kind=kind, lessee=lessee), paper, 10, late_weeks=late)


def test_what_goes_on_may_be_renewed_where_to_change_costs_either_side_something():
    assert (written().renew_days, written().renew_price) == (364, "index")
    for cost in ("talks.switching_share", "estates.relet_weeks"):
        other = ({"talks.switching_share", "estates.relet_weeks"} - {cost}).pop()
        assert written({other: 0.0}).renew_days == 364
    assert written({"talks.switching_share": 0.0, "estates.relet_weeks": 0.0}).renew_days == 0
    assert written(kind="bridge") == written(kind="internal")
    assert written(kind="bridge").renew_days == written(kind="bridge").deposit_days == 0


def test_the_rest_of_what_was_asked_may_be_taken_later():
    assert (written(gpus=7).expand_gpus, written(gpus=7).expand_days) == (3, 180)
    assert written(gpus=10).expand_gpus == 0


def test_a_deposit_is_held_where_a_default_costs_more_than_money_is_dearer_to_the_lessee():
    def gain(**traits):
        seen = Seen(CLAUSES, traits, labs={"lab": 1, "owned": 1}, parent_of={"owned": "g"}.get)
        return rights.deposit_gain_per_year(seen, "lab")

    assert gain() == pytest.approx(0.05 * 0.6)
    assert gain(income_usd_per_year=1.0) == pytest.approx(0.05 * 0.6 + 0.1 - 0.3)
    assert written().deposit_days == 91
    assert written(traits={"income_usd_per_year": 1.0}).deposit_days == 0
    assert written(prepaid=0.1).deposit_days == 0
    assert written(lessee="owned").deposit_days == written(lessee="cloud").deposit_days == 0
    assert written({"clauses.default_per_year": 0.0}).deposit_days == 0


def test_a_rebate_costs_what_the_lessor_expects_to_pay_where_the_lessee_fears_more():
    feared = means.slip(Seen(CLAUSES), 52.0).late_weeks
    sure = written(late=feared / 2, start=START + 364)
    assert sure.rebate_share == 0.2
    assert sure.price_usd_per_gpu_hour == pytest.approx(2.0 * (1 + 0.2 * feared / 2 / 52))
    assert written(late=feared, start=START + 364).rebate_share == 0.0
    assert written(start=START + 364).rebate_share == 0.0
    assert rights.rebated(sure, 5.0) == pytest.approx(1 - 0.2 * 5 / 52)


def option(**values):
    terms = {"renew_days": 0, "renews": False, "expand_gpus": 0, "expand_days": 0, "kind": "serving", **values}
    return rented(**terms)


def test_a_lease_is_up_for_renewal_once_when_it_ends_within_the_plan():
    seen = Seen(CLAUSES)
    ends = {"end_day": START + 181, "renew_days": 364}
    assert rights.can_renew(seen, option(**ends))
    no = [{"end_day": START + 182}, {"renew_days": 0}, {"renews": True}, {"kind": "bridge"}]
    assert not any(rights.can_renew(seen, option(**{**ends, **each})) for each in no)


def test_a_lease_may_grow_until_the_last_day_of_the_option():
    seen = Seen(CLAUSES)
    assert rights.can_grow(seen, option(expand_gpus=1, expand_days=5, start_day=START - 5))
    assert not rights.can_grow(seen, option(expand_gpus=1, expand_days=4, start_day=START - 5))
    assert not rights.can_grow(seen, option(expand_gpus=0, expand_days=9))


def used(gap, *leases, free=1_000, price=2.0, index=2.0, rent=2.0):
    seen = Seen(
        {**CLAUSES, "desk.part_min": 0.5}, **nothing(
            rented=leases, may_take=free, work_h100e={"H100": 1.0, "GB200": 3.0}.get, rent=rent, contract_price=index,
        )
    )  # fmt: skip
    return [(c.kind, c.lease_id, c.gpus) for c in rights.use_options(seen, gap, price)]


def test_what_ends_is_renewed_in_order_while_a_part_of_it_is_wanted():
    first, second = (
        option(lease_id=name, end_day=START + day, renew_days=364, gpus=100) for name, day in (("b", 20), ("a", 30))
    )
    assert used(50.0, second, first) == [("renew", "b", 0)]
    assert used(49.9, second, first) == []
    assert used(150.0, second, first) == [("renew", "b", 0), ("renew", "a", 0)]
    assert used(149.9, second, first) == [("renew", "b", 0)]


def test_a_lease_is_renewed_where_the_index_is_no_dearer_than_another_and_the_change():
    ends = option(end_day=START + 20, renew_days=364)
    assert used(100.0, ends, index=2.2, rent=2.0) == [("renew", "me/lease/1", 0)]
    assert used(100.0, ends, index=2.21, rent=2.0) == []


def test_more_is_taken_cheapest_first_by_what_is_lacking_free_and_no_dearer_than_a_new_lease():
    cheap = option(lease_id="z", expand_gpus=50, expand_days=9, price_usd_per_gpu_hour=1.0)
    dear = option(lease_id="a", expand_gpus=50, expand_days=9, price_usd_per_gpu_hour=2.0)
    assert used(15.0, dear, cheap) == [("expand", "z", 15)]
    assert used(15.0, dear, cheap, free=12) == [("expand", "z", 12)]
    assert used(25.0, dear, cheap, free=12) == [("expand", "z", 12), ("expand", "a", 12)]
    assert used(9.9, cheap) == []
    assert used(10.0, cheap) == [("expand", "z", 10)]
    assert used(15.0, dear, price=1.99) == []
    assert used(-15.0, dear) == []
    dense = option(lease_id="g", expand_gpus=50, expand_days=9, price_usd_per_gpu_hour=6.0, chip="GB200")
    assert used(15.0, dense) == [("expand", "g", 6)]


def test_options_bring_the_gpus_of_a_lease_that_goes_on_or_those_that_are_taken():
    leases = {"a": rented(gpus=10, chip="GB200"), "b": rented(gpus=900)}
    seen = Seen(lease=leases.get)
    assert rights.taken_h100e(seen, [some(lease_id="a", gpus=0), some(lease_id="b", gpus=7)]) == 25 + 7


def test_a_cloud_uses_options_for_what_its_users_lack_once_what_ends_has_ended(monkeypatch):
    asked_for = []
    monkeypatch.setattr(rights, "target_h100e", lambda _, weeks: 1_000.0 + weeks)
    monkeypatch.setattr(rights, "position_h100e", lambda _: 900.0)
    monkeypatch.setattr(rights, "use_options", lambda _, gap, price: asked_for.append((gap, price)) or ())
    ends, stays = option(end_day=START + 20, renew_days=364, gpus=30, chip="GB200"), option()
    facts = nothing(rented=(ends, stays), contract_price=lambda days, weeks: days + weeks)
    list(rights.options_of_cloud(Seen({**CLAUSES, "desk.lead_weeks": 4.0}, **facts)))
    assert asked_for == [(100 + 26 + 75, 365 + 4)]
    list(rights.options_of_cloud(Seen(CLAUSES, **{**facts, "rented": (stays,)})))
    assert len(asked_for) == 1
