"""What each way to get compute costs, how long it takes and which gates it passes: sums over plain facts."""

from __future__ import annotations

import math

import pytest
from given import START
from seen import A100, GB200, H100, Seen, lab, nothing, rented, signed, some
from test_amounts_of_a_builder import building, site
from test_what_a_lessor_offers import Normal, quote

from agents import execution, means, options, permission
from agents.decision import Option, Target, Way, Weights, decide, divide, score
from agents.means import Build, Offered
from events.commands.sites import PlanSite

YEAR_HOURS = 8760


def wish(**values):
    terms = {"kind": "serving", "h100e": 100.0, "due_day": START, "years": 1.0, "worth_usd_per_h100e_hour_max": 9.0}
    return Target(**{**terms, **values})


FLEET, MACHINE = {"kind": "capacity"}, {"kind": "frontier", "chip": "H100"}


# --- slips


@pytest.mark.parametrize("weeks", [4.1, 30.0, 100.0])
def test_a_slip_counts_as_often_and_as_long_as_a_lognormal_wait_says(weeks):
    """Against numerical integration over the factor by which a wait grows."""
    sd, n = 0.4, 20_001
    share = late = 0.0
    for number in range(n):
        z = -8 + 16 * number / (n - 1)
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * 16 / (n - 1)
        grown = weeks * math.exp(sd * z)
        if grown > weeks + 13:
            share, late = share + density, late + density * (grown - weeks)
    found = means.slip(Seen({"sites.slip_sd": sd}), weeks)
    assert found.slip_share == pytest.approx(share, abs=2e-3)
    assert found.late_weeks == pytest.approx(late, rel=0.02, abs=2e-3)


def test_what_is_near_does_not_slip():
    assert means.slip(Seen({"sites.slip_sd": 3.0}), 4.0) == (0.0, 0.0)
    assert means.slip(Seen({"sites.slip_sd": 3.0}), 4.001).slip_share > 0


# --- chips


def test_a_chip_in_volume_waits_its_queue_and_one_that_is_not_its_start_its_ramp_and_its_backlog():
    terms = {"supply.ramp_lag_weeks": 6.0, "shipping.weeks": 4.0}
    seen = Seen(terms, outlook={"GB200": 100})
    assert means.queue_weeks(seen, H100) == 10.0
    assert means.chip_weeks(seen, H100) == 14.0
    first = 100 / 7 + 6

    def new(**values):
        return some(**{"name": "GB200", "in_volume": False, "start_day": START + 100, "backlog_gpus": 0, **values})

    assert means.queue_weeks(seen, new()) == pytest.approx(first)
    assert means.queue_weeks(seen, new(backlog_gpus=500)) == pytest.approx(first + 5)
    assert means.queue_weeks(seen, new(backlog_gpus=50_000)) == pytest.approx(first + 52)
    assert means.queue_weeks(seen, new(start_day=START - 9)) == 6.0
    assert means.queue_weeks(Seen(terms, outlook={}), new(backlog_gpus=500)) == pytest.approx(first)


def on_sale(**facts):
    usual = {
        "outlook_usd": ((H100, 30.0), (GB200, 10.0)), "may_buy": True, "own_cost": {"H100": 2.0, "GB200": 1.0}.get,
        "outlook": {"GB200": 1}, "chips": (H100, GB200, A100), "lab": None, **facts,
    }  # fmt: skip
    terms = {"orders.ahead_days": 180.0, "choice.chip_temperature": 0.5, "choice.chip_wait_weight": 0.0}
    return Seen({**terms, "supply.ramp_lag_weeks": 0.0, "shipping.weeks": 4.0, **usual.pop("terms", {})}, **usual)


def test_chips_are_offered_by_their_part_of_what_makers_promise_until_an_order_of_today_is_due():
    one, two = means.offers(on_sale())
    assert one == Offered(H100, 2.0, 10.0, 0.75)
    assert (two.chip.name, two.wait_weeks, two.share) == ("GB200", pytest.approx(100 / 7), 0.25)
    assert len(means.offers(on_sale(terms={"orders.ahead_days": 100.0}))) == 2
    (only,) = means.offers(on_sale(terms={"orders.ahead_days": 99.0}))
    assert only.share == 0.75
    (allowed,) = means.offers(on_sale(may_buy={"GB200": True}.get))
    assert (allowed.chip.name, allowed.share) == ("GB200", 1.0)
    slow = some(**{name: getattr(H100, name) for name in H100.__struct_fields__} | {"lead_time_weeks": 99.0})
    assert means.offers(on_sale(outlook_usd=((slow, 1.0),)))[0].wait_weeks == 52


@pytest.mark.parametrize(
    ("terms", "best"),
    [({}, "GB200"), ({"choice.chip_temperature": 1.0}, "H100"), ({"choice.chip_wait_weight": 2.0}, "H100")],
)
def test_most_of_an_order_goes_to_the_chip_that_is_cheap_plentiful_and_soon(terms, best):
    """GB200 costs half as much, there is a third as much of it, and it comes four weeks later."""
    assert means.best_chip(on_sale(terms=terms)).name == best
    assert means.best_chip(on_sale(outlook_usd=())) is None


def test_a_merit_is_what_is_there_less_what_it_costs_and_how_late_it_comes():
    seen = Seen({"choice.chip_temperature": 0.5})
    found = means._merit(seen, Offered(H100, 2.0, 0.0, 0.25), 0.8, 13.0)
    assert found == pytest.approx(0.5 * math.log(0.25) - math.log(2) - 0.8 * 13 / 26)


def test_the_chip_for_a_target_is_the_one_asked_for_or_for_a_run_of_the_maker_that_the_lab_computes_on():
    assert means.chip_for(on_sale(), wish(chip="A100")) is A100
    assert means.chip_for(on_sale(may_buy=lambda name: name != "A100"), wish(chip="A100", **FLEET)) is GB200
    assert means.chip_for(on_sale(), wish(chip="B300", **FLEET)) is GB200
    assert means.chip_for(on_sale(), wish(**FLEET)) is GB200
    other = some(**{name: getattr(GB200, name) for name in GB200.__struct_fields__} | {"supplier": "amd"})
    sold = {"outlook_usd": ((H100, 30.0), (other, 10.0)), "lab": lab(), "makers_h100e": {"nvidia": 9.0}}
    assert means.chip_for(on_sale(**sold), wish(urgency=0.0)).name == "H100"
    assert means.chip_for(on_sale(**{**sold, "lab": None}), wish(urgency=0.0)).name == "GB200"
    assert means.chip_for(on_sale(**{**sold, "makers_h100e": {}}), wish(urgency=0.0)).name == "GB200"
    assert means.chip_for(on_sale(**{**sold, "outlook_usd": ((other, 1.0),)}), wish(urgency=0.0)) is None


def test_a_lab_computes_on_the_maker_of_most_of_its_compute():
    assert means.supplier_of(Seen(makers_h100e={"nvidia": 3.0, "amd": 2.7})) == "nvidia"
    assert means.supplier_of(Seen(makers_h100e={"nvidia": 3.0, "amd": 3.0})) == "nvidia"
    assert means.supplier_of(Seen(makers_h100e={"nvidia": 3.0, "amd": 3.3})) == "amd"
    assert means.supplier_of(Seen(makers_h100e={})) is None
    assert means.h100e_of_kw(GB200, 40.0) == 50.0


# --- shells and power

WORKS = {
    "sites.next_days_min": 70.0, "sites.next_days_max": 210.0, "sites.slip_median": 1.5, "sites.greenfield_days": 700.0,
    "sites.hall_grid_kw": 10.0, "sites.power_lead_days": 90.0, "build.shell_usd_per_kw": 100.0,
    "shipping.server_cost_share": 0.1, "build.leased_usd_per_kw_year": 876.0, "sites.leased_days": 70.0,
    "sites.patience_weeks": 5.0, "sites.pool_place_kw": 50.0,
}  # fmt: skip


def test_a_shell_takes_its_days_with_the_usual_slip_as_fast_as_permits_are():
    seen = Seen(WORKS, shell_time_factor={"texas": 1.0, "utah": 0.5}.get)
    assert means.shell_weeks(seen, "greenfield", "texas") == pytest.approx(150)
    assert means.shell_weeks(seen, "greenfield", "utah") == pytest.approx(75)
    assert means.shell_weeks(seen, "next", "texas") == pytest.approx(30)
    assert means.shell_weeks(seen, "next", "texas") == pytest.approx(30)


def grid(queue=140.0, firm=70.0, loose=7.0):
    def firm_days(region, kind, on_site, kw):
        return 14.0 if on_site else firm

    return Seen(WORKS, power_days=firm_days, non_firm_days=loose, region_param=queue, shell_time_factor=1.0)


@pytest.mark.parametrize(
    ("build", "kw", "weeks"),
    [(("greenfield", False), 99.0, 10.0), (("greenfield", True), 99.0, 2.0), (("brownfield", False), 10.0, 10.0),
     (("brownfield", False), 10.1, 10.0 + 90 / 7), (("brownfield", True), 99.0, 2.0), (("leased", False), 99.0, 10.0)],
)  # fmt: skip
def test_more_than_a_halls_own_connection_waits_for_a_study_on_top(build, kw, weeks):
    kind, on_site = build
    assert means.power_weeks(grid(), Build(kind, "texas", on_site), kw) == pytest.approx(weeks)
    loose = means.power_weeks(grid(), Build(kind, "texas", on_site, is_firm=False), kw)
    assert loose == 1.0


def test_a_study_takes_no_longer_than_the_queue_and_a_fleet_has_applied_ahead():
    hall = Build("brownfield", "texas", False)
    assert means.power_weeks(grid(queue=35.0), hall, 99.0) == pytest.approx(15)
    assert means.fleet_power_weeks(grid(), hall, 99.0) == 10.0


def built(levy=0.0, **facts):
    usual = {
        "levy_on_chips": 0.2, "plant_usd_per_kw": 400.0, "region_param": 1.25, "curtailed_share": 0.0, "levy": levy,
    }  # fmt: skip
    return Seen(WORKS, **{**usual, **facts})


def test_a_bill_is_chips_with_servers_and_levies_a_shell_and_own_plant():
    chips = 10 * 40_000 * 1.3
    assert means.bill_usd(built(), GB200, 10, None) == pytest.approx(chips)
    assert means.bill_usd(built(), GB200, 10, Build("greenfield", "texas", False)) == pytest.approx(chips + 2_000)
    own = means.bill_usd(built(), GB200, 10, Build("greenfield", "texas", True))
    assert own == pytest.approx(chips + 20 * (100 + 400 * 1.25))
    assert means.bill_usd(built(), GB200, 10, Build("leased", "texas", False)) == pytest.approx(chips)


def test_levies_and_hours_without_power_add_to_a_building():
    hall = Build("greenfield", "texas", False)
    taxed = built(levy=7.0, is_regulated=True)
    assert means.works_usd(taxed, hall, 20.0) == pytest.approx(2_000 + 7)
    loose = built(curtailed_share=0.1, chips=(H100,))
    assert means.works_usd(loose, hall, 14.0) == pytest.approx(1_400 + 0.1 * (1_400 + 10 * 25_000))


def test_a_developers_shell_is_paid_by_the_hour():
    assert means.shell_rent_usd(Seen(WORKS), Build("leased", "texas", False), 20.0) == pytest.approx(2.0)
    assert means.shell_rent_usd(Seen(WORKS), Build("greenfield", "texas", False), 20.0) == 0.0


@pytest.mark.parametrize(("borrows", "income", "has"), [(0.0, 0.0, False), (1.0, 0.0, True), (0.0, 1.0, True)])
def test_developers_lease_to_who_lives_on_contracts_or_has_other_business(borrows, income, has):
    traits = {"borrows": borrows, "income_usd_per_year": income}
    assert means.has_tenants_credit(Seen(None, traits)) is has


def ways(halls=(), only="", traits=(), **facts):
    usual = {"home_regions": ("texas", "utah"), "non_firm_kw": 0.0, "power_days": 0.0, "shell_time_factor": 1.0}
    seen = Seen(WORKS, dict(traits), **{**usual, **facts})
    return [tuple(build) for build in means.ways_to_build(seen, halls, 10.0, only)]


def test_ways_to_build_are_new_land_everywhere_halls_where_there_are_and_shells_for_tenants():
    def land(region):
        return [("greenfield", region, False, True), ("greenfield", region, True, True)]

    assert ways() == land("texas") + land("utah")
    assert ways(only="utah") == land("utah")
    hall = ("brownfield", "utah", False, True)
    assert ways(halls=("utah",), only="utah") == [*land("utah"), hall]
    own = {"on_site_power": 1.0}.items()
    assert ways(halls=("utah",), only="utah", traits=own) == [*land("utah"), hall, ("brownfield", "utah", True, True)]
    shell = ("leased", "utah", False, True)
    assert ways(only="utah", traits={"borrows": 1.0}.items()) == [shell, *land("utah")]
    loose = ways(halls=("utah",), only="utah", non_firm_kw=1.0)
    assert [each for each in loose if not each[3]] == [
        ("greenfield", "utah", False, False),
        ("brownfield", "utah", False, False),
    ]
    assert all(each[3] for each in ways(non_firm_kw=0.0))


def test_developers_have_a_shell_where_its_power_comes_before_patience_ends():
    longest = 70 * 1.5 / 7 + 5
    for weeks, has in ((longest, True), (longest + 0.01, False)):
        seen = Seen(WORKS, power_days=7 * weeks, shell_time_factor=1.0)
        assert means.has_shell(seen, Build("leased", "texas", False), 9.0) is has


def test_a_machine_stands_in_a_pool_up_to_the_largest_known_hall():
    assert means.holds(Seen(WORKS), site(kind="pool"), 50.0)
    assert not means.holds(Seen(WORKS), site(kind="pool"), 50.1)
    assert means.holds(Seen(WORKS), site(kind="greenfield"), 1e9)


@pytest.mark.parametrize("u", [0.1, 0.5, 0.9])
def test_a_hall_is_found_after_an_exponential_wait(u):
    wait = -70 * math.log(1 - u)
    for days, found in ((math.ceil(wait), True), (math.floor(wait), False)):
        seen = Seen({"talks.hall_weeks": 10.0}, draws=Normal(u=u))
        assert means.has_hall(seen, START - days) is found


# --- money


def test_other_costs_are_a_years_rents_and_what_goes_with_them_less_what_is_earned():
    terms = {"finance.spend_burn": 1.5, "finance.revenue_margin": 0.5}

    def burn(revenue=0.0, income=0.0):
        seen = Seen(terms, income_usd_per_year=income, monthly_rent_cents=1_000,
                    lab=lab(revenue_usd_per_year=revenue))  # fmt: skip
        return means.other_burn_usd(seen)

    assert burn() == pytest.approx(195)
    assert burn(revenue=100.0, income=45.0) == pytest.approx(100)
    assert burn(revenue=1e9) == 0.0
    without = Seen(terms, lab=None, monthly_rent_cents=1_000, income_usd_per_year=0.0)
    assert means.other_burn_usd(without) == pytest.approx(195)


def test_contracts_that_begin_within_a_year_are_paid_in_part_from_cash():
    terms = {"labs.race_money_share": 0.25}
    mine, later, other = signed((10, START + 364)), signed((10, START + 365)), signed((10, START), lessee="another")
    seen = Seen(terms, contracts=(mine, later, other))
    assert means.kept_for_contracts_usd(seen) == pytest.approx(0.25 * 20 * YEAR_HOURS)


def test_a_quote_must_find_its_deposits_its_prepayment_and_for_a_machine_a_part_of_a_year():
    def first(target=None, **values):
        terms = {"labs.race_money_share": 0.5, "finance.spend_burn": 1.0, "finance.revenue_margin": 1.0}
        seen = Seen(terms, lab=None, monthly_rent_cents=10_000, income_usd_per_year=0.0)
        return means.paid_first_usd(seen, target or wish(), quote(**values))

    worth, deposit = 10 * 2.0 * 24 * 1_000, 10 * 2.0 * 24 * 30
    assert first() == 0.0
    assert first(deposit_days=30) == deposit
    assert first(prepaid_share=0.1) == pytest.approx(0.1 * worth + 1_300)
    assert first(prepaid_share=0.1, deposit_days=30) == pytest.approx(0.1 * worth + 1_300 + deposit)
    assert first(form="lease", prepaid_share=0.1, deposit_days=30) == deposit
    machine = wish(**MACHINE)
    assert first(machine) == pytest.approx(0.5 * 20 * YEAR_HOURS)
    assert first(machine, prepaid_share=0.5, deposit_days=30) == pytest.approx(0.5 * worth + deposit)


def test_deposits_of_tranches_within_a_year_are_due_before():
    def due(ramp):
        return means.deposits_usd(Seen(), quote(deposit_days=30, tranches=2, ramp_days=ramp, start_day=START))

    half = 5 * 2.0 * 24 * 30
    assert (due(364), due(365)) == (2 * half, half)


# --- options


def buildable(monkeypatch, target=None, way=("greenfield", "texas", False, True), terms=(), traits=(), **facts):
    """One way to build for a target: shell 30 weeks, power 20, chips 10; a bill of 100 USD an H100e."""
    monkeypatch.setattr(options, "chip_for", lambda *_: GB200)
    monkeypatch.setattr(options, "ways_to_build", lambda *_: iter([Build(*way)]))
    monkeypatch.setattr(options, "bill_usd", lambda _, chip, gpus, build: gpus * 250.0)
    monkeypatch.setattr(options, "chip_weeks", lambda *_: facts.get("chips_weeks", 10.0))
    monkeypatch.setattr(options, "works_usd", lambda *_: facts.get("works", 0.0))
    monkeypatch.setattr(options, "shell_weeks", lambda *_: facts.get("shell", 30.0))
    monkeypatch.setattr(options, "power_weeks", lambda *_: facts.get("power", 20.0))
    monkeypatch.setattr(options, "fleet_power_weeks", lambda *_: facts.get("fleet_power", 20.0))
    monkeypatch.setattr(options, "upkeep_usd", lambda *_: (0.0, 0.0))
    monkeypatch.setattr(options, "hour_usd", lambda usd, share, upkeep: usd)
    monkeypatch.setattr(options, "shell_rent_usd", lambda _, build, kw: kw if build.kind == "leased" else 0.0)
    monkeypatch.setattr(options, "spare_usd_per_year", lambda _: facts.get("raised", 0.0))
    monkeypatch.setattr(options, "has_hall", lambda *_: facts.get("hall", True))
    monkeypatch.setattr(options, "ready_usd", lambda _: facts.get("money", 1e12))
    monkeypatch.setattr(permission, "to_build", lambda *_, **__: facts.get("may", some(
        is_worth_asking=True, wait_days=0, usd=0.0)))  # fmt: skip
    values = {"talks.bill_share": 0.5, "sites.patience_weeks": 5.0, "talks.hall_weeks": 9.0, "sites.slip_sd": 0.3,
              **dict(terms)}  # fmt: skip
    seen = Seen(values, dict(traits), **nothing(
        home_regions=("texas", "utah"), lab=facts.get("lab"), is_regulated="may" in facts, work_h100e=5.0, draws=None,
        training_yield=facts.get("rate", 1.0),
        sites=facts.get("sites", ()), regions=("texas", "utah"),
    ))  # fmt: skip
    monkeypatch.setattr(options, "hall_region", lambda *_: "texas")
    return options.every_build(seen, target or wish(), START)


def test_a_build_is_late_by_the_last_of_shell_power_chips_and_licence(monkeypatch):
    def weeks(target=None, **facts):
        return buildable(monkeypatch, target, **facts)[0].wait_weeks

    assert weeks() == 30.0
    assert weeks(power=40.0) == 40.0
    assert weeks(chips_weeks=50.0) == 50.0
    assert weeks(may=some(is_worth_asking=True, wait_days=70, usd=0.0)) == 40.0
    assert weeks(may=some(is_worth_asking=False, wait_days=70, usd=0.0)) == 30.0
    paid = wish(is_funded=True, **FLEET)
    assert weeks(paid, power=99.0, fleet_power=32.0) == 32.0
    hall = ("brownfield", "texas", False, True)
    assert weeks(way=hall) == 30.0
    assert weeks(way=hall, hall=False) == 39.0


def test_a_hall_that_is_not_found_yet_is_a_hope_and_a_refused_one_no_option(monkeypatch):
    hall = ("brownfield", "texas", False, True)
    (hope,) = buildable(monkeypatch, way=hall, hall=False)
    (found,) = buildable(monkeypatch, way=hall)
    (land,) = buildable(monkeypatch, hall=False)
    assert [hope.is_executable, found.is_executable, land.is_executable] == [False, True, True]
    (refused,) = buildable(monkeypatch, may=some(is_worth_asking=False, wait_days=0, usd=0.0))
    assert refused.failed == ("permission",)
    assert land.failed == ()
    (fleet,) = buildable(monkeypatch, wish(**FLEET), way=hall, hall=False)
    assert fleet.is_executable


def test_a_build_costs_its_bill_over_the_work_that_is_paid_for(monkeypatch):
    def cost(target=None, **facts):
        return buildable(monkeypatch, target, **facts)[0].cost_usd_per_h100e_hour

    assert cost(wish(**MACHINE)) == pytest.approx(100)  # a machine trains: by what the chip is rated at
    assert cost() == pytest.approx(100 * 2.5 / 5.0)  # a fleet serves: a GPU does the work of five H100
    assert cost(wish(**MACHINE), works=100.0) == pytest.approx(101)
    assert cost(wish(**MACHINE), may=some(is_worth_asking=True, wait_days=0, usd=300.0)) == pytest.approx(103)
    leased = ("leased", "texas", False, True)
    assert cost(wish(**MACHINE), way=leased) == pytest.approx(100 + 80 / 100)
    waiting_chips = wish(chips_wait=True, is_funded=True, **FLEET)
    assert cost(waiting_chips, works=100.0) == pytest.approx(1 * 2.5 / 5.0)


def test_gpus_are_whole_and_enough(monkeypatch):
    assert buildable(monkeypatch, wish(h100e=100.0))[0].h100e == 100.0
    assert buildable(monkeypatch, wish(h100e=100.1))[0].h100e == 102.5


def test_a_build_must_be_paid_in_part_by_who_has_not_been_asked_within_its_means(monkeypatch):
    def failed(target=None, **facts):
        return buildable(monkeypatch, target, **facts)[0].failed

    assert failed(money=5_000.0) == ()
    assert failed(money=4_999.0) == ("finance",)
    assert failed(wish(is_funded=True, **FLEET), money=0.0) == ()
    grows = wish(**FLEET)  # a fleet is paid for as it comes: 30 weeks of 52
    assert failed(grows, money=4_000.0) == ("finance",)
    assert failed(grows, money=4_000.0, raised=2_000 * 52 / 30) == ()
    assert failed(grows, money=4_000.0, raised=1_999 * 52 / 30) == ("finance",)
    assert failed(money=4_000.0, raised=1e9) == ("finance",)


def test_a_fleet_waits_for_power_behind_its_shell_no_longer_than_patience(monkeypatch):
    def failed(target, **facts):
        return buildable(monkeypatch, target, **facts)[0].failed

    assert failed(wish(**FLEET), power=35.0) == ()
    assert failed(wish(**FLEET), power=35.1) == ("power",)
    assert failed(wish(), power=99.0) == ()
    assert failed(wish(chips_wait=True, **FLEET), power=99.0) == ()
    both = failed(wish(**FLEET), power=99.0, may=some(is_worth_asking=False, wait_days=0, usd=0.0))
    assert both == ("power", "permission")


def test_a_region_is_away_for_a_fleet_that_has_sites_elsewhere(monkeypatch):
    def away(target, *sites):
        return buildable(monkeypatch, target, sites=sites)[0].is_away

    assert away(wish(**FLEET), site(region="utah"))
    assert not away(wish(**FLEET), site(region="texas"))
    assert not away(wish(**FLEET))
    assert not away(wish(), site(region="utah"))


def test_who_does_not_build_has_no_build(monkeypatch):
    assert buildable(monkeypatch, lab=lab()) == []
    assert len(buildable(monkeypatch, lab=lab(), traits={"build": 1.0}.items())) == 1


@pytest.mark.parametrize(
    ("build", "name"),
    [((False, True), "greenfield texas"), ((True, True), "greenfield texas with own plant"),
     ((False, False), "greenfield texas not firm")],
)  # fmt: skip
def test_a_build_is_named_by_its_power(monkeypatch, build, name):
    (one,) = buildable(monkeypatch, way=("greenfield", "texas", *build))
    assert (one.name, one.on_site_power, one.is_firm, one.is_owned) == (name, *build, True)


def test_what_is_ready_is_cash_and_bonds_beside_custom_owed_and_a_year_of_other_costs():
    terms = {"finance.spend_burn": 1.0}
    seen = Seen(terms, **nothing(cash_cents=100_000, duty_cents=20_000, bond_room_cents=5_000, monthly_rent_cents=1_000,
                                 lab=None))  # fmt: skip
    assert options.ready_usd(seen) == pytest.approx(1_000 - 200 + 50 - 130)


def at_home(monkeypatch, target=None, sites=None, works=(), money=1e12, promised=0.0, rate=1.0):
    monkeypatch.setattr(options, "chip_for", lambda *_: GB200)
    monkeypatch.setattr(options, "chip_weeks", lambda *_: 10.0)
    monkeypatch.setattr(options, "bill_usd", lambda _, chip, gpus, build: gpus * 250.0)
    monkeypatch.setattr(options, "owning_usd", lambda _, bill, what, place, rate: bill / (what[1] * 2.5))
    monkeypatch.setattr(options, "ready_usd", lambda _: money)
    sites = (site(spare_w=80_000),) if sites is None else sites
    seen = Seen(
        {"desk.part_min": 0.5, "talks.bill_share": 0.5, "sites.pool_place_kw": 60.0}, **nothing(
            sites=sites, buildings=works, promised_kw=promised, work_h100e=5.0, training_yield=rate, price=1.0,
        )
    )  # fmt: skip
    return options.own_sites(seen, target or wish(h100e=100.0))


def test_an_order_for_own_power_is_as_large_as_its_power_and_waits_for_both(monkeypatch):
    (one,) = at_home(monkeypatch)
    assert (one.h100e, one.wait_weeks, one.site, one.way) == (100.0, 10.0, "alpha", Way.OWN_SITE)
    assert one.cost_usd_per_h100e_hour == pytest.approx(100 * 2.5 / 5.0)
    assert at_home(monkeypatch, wish(**MACHINE))[0].cost_usd_per_h100e_hour == pytest.approx(100.0)
    assert at_home(monkeypatch, promised=40.0)[0].h100e == 50.0
    assert at_home(monkeypatch, promised=40.1) == []
    later = (building(power_kw=40, due_day=START + 140),)
    assert at_home(monkeypatch, promised=40.1, works=later)[0].wait_weeks == 20.0
    assert at_home(monkeypatch, sites=()) == []
    (poor,) = at_home(monkeypatch, money=4_999.0)
    assert poor.failed == ("finance",)


def test_a_machine_wants_one_place(monkeypatch):
    pool = (site(kind="pool", spare_w=80_000),)
    assert at_home(monkeypatch, wish(**MACHINE), sites=pool) == []
    assert len(at_home(monkeypatch, sites=pool)) == 1
    small = wish(**{**MACHINE, "h100e": 75.0})
    assert len(at_home(monkeypatch, small, sites=pool)) == 1


def weighed(target=None, traits=(), rents=(), terms=(), rate=1.0, **facts):
    values = {
        "talks.switching_share": 0.1, "finance.loan_share": 0.75, "labs.race_money_share": 0.5,
        "finance.spend_burn": 1.0, "sites.slip_sd": 0.3, "shipping.server_cost_share": 0.0, **dict(terms),
    }  # fmt: skip
    paper = {name: facts.pop(name) for name in list(facts) if hasattr(quote(), name)}
    usual = {"cash_cents": 10**12, "training_yield": rate, "work_h100e": 4.0, "lab": None, "rented": rents}
    return options.quoted(Seen(values, dict(traits), **nothing(**{**usual, **facts})), target or wish(), quote(**paper))


def test_a_quote_costs_its_rent_over_the_work():
    assert weighed().cost_usd_per_h100e_hour == pytest.approx(2.0 / 4.0)
    assert weighed(wish(**MACHINE)).cost_usd_per_h100e_hour == pytest.approx(2.0)
    late = weighed(rebate_share=0.2)
    assert late.cost_usd_per_h100e_hour == pytest.approx(0.5 * (1 - 0.2 * late.late_weeks / (1_000 / 7)))
    assert late.late_weeks > 0


def test_a_machine_costs_its_bill_or_its_rent_over_what_it_trains_however_it_is_got(monkeypatch):
    machine = wish(**MACHINE)
    for rate in (0.4, 1.6):  # useful work of an H100e of many GPUs that train together
        for option, each in ((weighed, 2.0), (buildable, 100.0), (at_home, 100.0)):
            found = weighed(machine, rate=rate) if option is weighed else option(monkeypatch, machine, rate=rate)[0]
            assert found.cost_usd_per_h100e_hour == pytest.approx(each / rate)
    assert weighed(rate=0.4).cost_usd_per_h100e_hour == weighed().cost_usd_per_h100e_hour  # it serves


def test_to_change_its_lessor_costs_a_part_of_the_rent():
    mine, other = rented(lessor=quote().lessor), rented(lessor="another")
    assert weighed(rents=(other,)).cost_usd_per_h100e_hour == pytest.approx(0.55)
    assert weighed(rents=(other, mine)).cost_usd_per_h100e_hour == pytest.approx(0.5)


def test_a_quote_whose_first_day_slipped_costs_its_wait_and_fails_nothing():
    slipped = weighed(first_start_day=START - 900)
    assert (slipped.failed, slipped.wait_weeks) == ((), pytest.approx(100 / 7))


def test_the_wait_for_a_quote_is_until_its_first_day():
    assert weighed().wait_weeks == pytest.approx(100 / 7)
    assert weighed(start_day=START - 9).wait_weeks == 0.0


def test_a_quote_whose_first_payment_is_not_there_fails_on_money():
    deposit = 10 * 2.0 * 24 * 30

    def failed(usd, **facts):
        return weighed(deposit_days=30, cash_cents=round(100 * usd), **facts).failed

    assert failed(deposit) == ()
    assert failed(deposit - 1) == ("finance",)
    assert failed(deposit + 9, duty_cents=900) == ()
    assert failed(deposit + 8, duty_cents=900) == ("finance",)
    order = (some(chip="H100", gpus=1, price_usd_per_gpu=400.0),)
    assert failed(deposit + 400, orders=order) == ()
    assert failed(deposit + 399, orders=order) == ("finance",)
    assert failed(deposit + 100, orders=order, traits={"borrows": 1.0}.items()) == ()
    nothing_first = weighed(cash_cents=-1)
    assert nothing_first.failed == ("finance",)
    assert weighed(cash_cents=-1, form="lease").failed == ()


@pytest.mark.parametrize(
    ("paper", "way"),
    [({"form": "contract"}, Way.CONTRACT), ({"form": "lease"}, Way.LEASE),
     ({"form": "lease", "parent_lease_id": "x"}, Way.SUBLEASE)],
)  # fmt: skip
def test_a_quote_is_a_contract_a_lease_or_a_sublease(paper, way):
    assert weighed(**{"parent_lease_id": None, **paper}).way == way


def test_others_could_lease_out_at_the_rent_of_the_term_and_the_day(monkeypatch):
    monkeypatch.setattr(options, "chip_for", lambda *_: GB200)
    seen = Seen(work_h100e=4.0, rent=lambda chip, days, wait: 8.0 + days / 365 + wait / 10)
    hope = options.from_others(seen, wish(due_day=START + 70, years=2.0))
    assert (hope.wait_weeks, hope.is_executable) == (10.0, False)
    assert hope.cost_usd_per_h100e_hour == pytest.approx(11 / 4)
    assert options.from_others(seen, wish(due_day=START - 70)).wait_weeks == 0.0


@pytest.mark.parametrize(("h100e", "tight", "there"), [(50.0, 1.0, True), (50.1, 1.0, False), (50.0, 1.01, False)])
def test_little_compute_is_there_by_the_hour_while_clouds_have_some_free(h100e, tight, there):
    seen = Seen({"contracts.ask_min_h100e": 50.0}, tightness=tight, spot=3.0)
    found = options.on_demand(seen, wish(h100e=h100e))
    assert [(one.cost_usd_per_h100e_hour, one.wait_weeks) for one in found] == ([(3.0, 0.0)] if there else [])


def test_a_fleet_may_be_others_where_the_org_has_users_of_its_own(monkeypatch):
    monkeypatch.setattr(options, "every_build", lambda *_, **__: ["build"])
    monkeypatch.setattr(options, "from_others", lambda *_: "others")
    assert options.fleet(Seen(captive_share=0.1), wish(), halls=True) == ["build", "others"]
    assert options.fleet(Seen(captive_share=0.0), wish(), halls=True) == ["build"]


# --- decisions


def way(name="a", cost=1.0, **values):
    terms = {"way": Way.CONTRACT, "h100e": 1.0, "wait_weeks": 0.0}
    return Option(name=name, cost_usd_per_h100e_hour=cost, **{**terms, **values})


def test_a_score_is_the_sum_of_its_terms():
    target, weights = wish(urgency=0.5, control=0.2), Weights(2.0, 3.0, away=0.1)
    one = way(cost=1.0, wait_weeks=13.0, late_weeks=2.0, is_owned=True, is_away=True, slip_share=0.3, counterparty="c")
    terms = score(target, one, weights, 0.07).terms
    assert terms.term_price == pytest.approx(math.log(2))
    assert terms.term_time == pytest.approx(-0.25)
    assert terms.term_risk == pytest.approx(-0.5 * 3 * 2 / 26)
    assert terms.term_control == pytest.approx(0.1)
    assert (terms.term_noise, terms.slip_share, terms.counterparty) == (0.07, 0.3, "c")
    plain = score(target, way(wait_weeks=-9.0), weights).terms
    assert (plain.term_time, plain.term_control, plain.term_noise) == (0.0, 0.0, 0.0)
    assert score(target, way(cost=0.0), weights).terms.term_price == pytest.approx(math.log(2e9))


def ranked(*ways, **target):
    return [s.option.name for s in decide(wish(**target), ways, Weights(1.0, 0.0)).ranked]


def test_gates_come_last_before_them_what_is_dearer_than_it_is_worth_and_ties_go_by_a_draw():
    assert ranked(way("b"), way("a")) == ["a", "b"]
    assert ranked(way("dear", 9.1), way("gated", 0.1, failed=("power",)), way("cheap")) == ["cheap", "dear", "gated"]
    assert ranked(way("at worth", 9.0)) == ["at worth"]
    drawn = decide(wish(), [way("a"), way("b")], Weights(1.0, 0.0), tie={"a": 0.1, "b": 0.9}.__getitem__)
    assert [s.option.name for s in drawn.ranked] == ["b", "a"]
    assert ranked(way("over", 9.1)) == ["over"]
    assert ranked(way("gated", failed=("power",))) == ["gated"]


def test_parts_are_as_available_and_as_good_as_their_options():
    found = decide(
        wish(), [way("a", 1.0), way("b", 2.0, available=0.5), way("c", failed=("power",))], Weights(1.0, 0.0)
    )
    parts = {scored.option.name: part for scored, part in divide(found, 0.5)}
    assert parts == pytest.approx({"a": 8 / 9, "b": 1 / 9})
    assert [scored.option.name for scored, _ in divide(found, 0.5)] == ["a", "b"]


def begun(kind, own=None, kw=9.9):
    taken = way(
        way={"brownfield": Way.BROWNFIELD, "leased": Way.LEASED_SHELL}.get(kind, Way.GREENFIELD), region="texas"
    )
    seen = Seen(sites=(own,) if own else ())
    return execution.begin(seen, taken, kw, "x", None)


def test_a_building_is_another_of_a_campus_that_has_power_a_hall_of_a_pool_or_a_site_of_its_own():
    campus, pool, bare = (site(energised_kw=5), site(kind="pool", energised_kw=5), site(energised_kw=0))
    assert [begun("brownfield", own).kind for own in (campus, pool, bare)] == ["next", "brownfield", "brownfield"]
    assert begun("greenfield", campus).kind == "greenfield"
    assert begun("leased", campus).kind == begun("leased").kind == "leased"
    assert isinstance(begun("leased", campus), PlanSite)
    assert begun("greenfield").power_kw_it == begun("greenfield", campus).power_kw_it == 9
