"""What a view tells is what the state holds: all of an org's own affairs, no less and no more."""

from __future__ import annotations

import math

import pytest

from market.view import MarketView, Shared
from market.view.settable import Readable

AFFAIRS = {  # reading of a view: the state's records, their ids, and the fields that name who has them
    "orders": (lambda s: s.chips.orders.values(), "order_id", ("org",)),
    "buildings": (lambda s: s.sites.buildings.values(), "building_id", ("org",)),
    "rented": (lambda s: s.leases.leases.values(), "lease_id", ("lessee",)),
    "let": (lambda s: s.leases.leases.values(), "lease_id", ("lessor",)),
    "requests_by_me": (lambda s: s.leases.requests.values(), "request_id", ("lessee",)),
    "requests_to_me": (lambda s: s.leases.requests.values(), "request_id", ("lessor",)),
    "quotes_to_me": (lambda s: s.leases.quotes.values(), "quote_id", ("lessee",)),
    "quotes_by_me": (lambda s: s.leases.quotes.values(), "quote_id", ("lessor",)),
    "contracts": (lambda s: s.contracts.open.values(), "contract_id", ("lessee", "lessor")),
    "runs": (lambda s: s.training.runs.values(), "run_id", ("org",)),
}


@pytest.fixture(scope="module")
def state(short_run):
    return short_run.kernel.state


@pytest.fixture(scope="module")
def views(state):
    shared = Shared(state)
    return {org: MarketView(shared, org) for org in state.run.orgs}


@pytest.mark.parametrize("reading", AFFAIRS)
def test_an_org_is_told_all_of_its_affairs_and_no_others(state, views, reading):
    records, key, fields = AFFAIRS[reading]
    told = 0
    for org, view in views.items():
        own = {getattr(each, key) for each in records(state) if org in {getattr(each, field) for field in fields}}
        seen = [getattr(each, key) for each in getattr(view, reading)()]
        assert len(seen) == len(set(seen))
        assert set(seen) == own
        told += len(own)
    assert told or reading in ("contracts", "quotes_to_me", "quotes_by_me")


def test_fleets_are_what_orgs_hold_by_the_table_of_chips(state, views):
    chips = state.chips.chips
    for org, view in views.items():
        owned = math.fsum(h.owned * chips[h.chip].h100e for h in state.chips.holdings.values() if h.org == org)
        held = math.fsum(h.held * chips[h.chip].h100e for h in state.chips.holdings.values() if h.org == org)
        assert view.fleet_owned_by(org) == pytest.approx(owned)
        assert view.fleet_h100e == pytest.approx(held)
        assert {(h.chip, h.site): h.held for h in view.holdings()} == {
            (h.chip, h.site): h.held for h in state.chips.holdings.values() if h.org == org
        }


def test_the_part_of_power_that_an_org_uses_is_what_its_gpus_draw_over_what_is_energised(state, views):
    shares = set()
    for org, view in views.items():
        sites = [site for site in state.sites.sites.values() if site.owner == org]
        energised, installed = sum(s.energised_kw for s in sites), sum(s.installed_w for s in sites) / 1000
        share = view.used_share()
        assert 0 <= share <= 1
        assert share == pytest.approx(min(1, installed / energised) if energised else 1)
        shares.add(round(share, 3))
    assert len(shares) > 3


def test_prices_and_the_weeks_of_backlog_are_those_of_the_latest_week(state, views):
    view = views["xai"]
    assert view.price == state.leases.price_usd_per_h100e_hour
    assert view.spot == state.leases.spot_usd_per_h100e_hour
    assert view.tightness == state.demand.tightness
    assert view.lead_time_weeks == state.chips.lead_times[-1] > 0
    assert (view.week, view.day) == (state.run.week + 1, state.run.start_day + 7 * (state.run.week + 1) + 6)


def test_energy_is_dearer_for_who_leaves_power_unused_only_where_a_minimum_take_is_due(state, views):
    for org, view in views.items():
        if "cloud" in state.run.orgs[org].roles:
            for region in state.run.regions:
                assert 0 < view.energy_usd_per_mwh(region) < 1000


def test_orgs_of_a_role_trade_until_they_are_in_default(state, views):
    view = views["xai"]
    for role in ("lab", "cloud", "supplier", "oem", "investor"):
        wanted = {name for name, org in state.run.orgs.items() if role in org.roles} - set(state.finance.estates)
        assert set(view.orgs(role)) == wanted
    assert all(state.run.orgs[name].roles == ("investor",) and not view.is_lender(name) for name in view.funds())
    assert all(view.same_bloc(org) == ((state.run.orgs[org].country == "CN") is False) for org in state.run.orgs)


def test_money_is_the_ledgers_and_rent_is_that_of_four_weeks(state, views):
    for org, view in views.items():
        assert view.cash_cents == state.finance.ledger.accounts.get(org, 0)
        hours = 28 * 24
        rent = sum(
            lease.delivered * lease.price_usd_per_gpu_hour * hours * 100
            for lease in state.leases.leases.values() if lease.lessee == org
        )  # fmt: skip
        if rent and not any(lease.parent_lease_id or lease.contract_id for lease in view.rented()):
            assert view.monthly_rent_cents() == pytest.approx(rent, rel=0.35)


def test_letters_and_projects_are_the_orgs_own(state, views):
    for org, view in views.items():
        assert all(letter.org == org for letter in view.letters())
        waiting = state.training.waiting.get(org, {}), state.training.projects.get(org, {})
        assert len(view.projects()) == sum(map(len, waiting))


@pytest.mark.parametrize("change", ["clear", "pop", "popitem", "setdefault", "update", "__setitem__", "__delitem__"])
def test_settable_numbers_that_an_org_reads_are_set_by_no_reader(change):
    readable = Readable("lab", {"price.margin": 0.1}, {"orgs.lab.build": 1.0})
    with pytest.raises(TypeError, match="policies change them"):
        getattr(readable, change)("price.margin", 0.2)
    assert (readable["price.margin"], readable["orgs.lab.build"]) == (0.1, 1.0)
