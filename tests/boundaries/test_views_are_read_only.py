"""A hostile agent tries every member of its view and of all that it can reach; a curious one looks for others' affairs.

What only the interpreter's own back doors reach (names with two underscores, `gc`, frames) is not tried.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import pytest

from agents.investors import leader
from events.commands.chips import PlaceOrder
from events.commands.leases import AcceptQuote
from events.types.leases import LeaseRequested, LeaseSigned
from events.types.training import ComputeSplitSet
from market.policies.load import load_policies
from market.rng import Draws
from market.rules.policy import policy_hooks
from market.state import state_hash
from market.view import MarketView, NotVisible, Round, Shared
from market.view.base import may_see

PLAIN = (str, int, float, bool, type(None))
ROLES = ("lab", "cloud", "supplier", "oem", "investor", "rest")


@pytest.fixture(scope="module")
def state(short_run):
    return short_run.kernel.state


def arguments(state):
    """Values to call methods with, by the name of a parameter: others' ids among them."""
    desk, p = state.leases, list(state.run.parameters)
    orgs = list(state.run.orgs)
    sites, chips = list(state.sites.sites), list(state.chips.chips)
    return {
        "org": orgs, "lab": orgs, "lessee": orgs[:6], "lessor": orgs[:6], "role": ROLES, "chip": chips,
        "region": list(state.run.regions), "site": sites, "name": [*p[::9], *chips, *sites, "pue", "cash"],
        "request_id": list(desk.requests), "quote_id": list(desk.quotes), "lease_id": list(desk.leases),
        "but": orgs[:3], "kind": ["brownfield", "greenfield"], "kw": [1000], "off_kw": [0.0, 9e9],
        "extra_cents": [10**9], "default": [0.0],
        "on_site": [False, True], "is_firm": [False, True], "rate": [0.1], "gpus": [1000],
        "weeks": [52.0], "ready_weeks": [0.0, 26.0], "days": [364.0], "wait_weeks": [8.0],
        "stream": ["quote"], "about": ["", *orgs[:3]], "week": [None, -1, 3], "probability": [0.5],
        "day": [None], "today": [state.run.start_day], "event": ["ChipsAllocated"],
        "case": [{"chip": chips[0], "amount_usd": 1.0}],
        "command": [
            *(PlaceOrder(actor=org, because=org, chip=chips[0], gpus=1) for org in orgs[:3]),
            *(AcceptQuote(actor=orgs[0], because=name, quote_id=name) for name in desk.quotes),
        ],
    }  # fmt: skip


def calls(method, values):
    """What a method gives, for up to some hundred choices of arguments; refusals are no answer."""
    names = [p.name for p in inspect.signature(method).parameters.values()]
    assert set(names) <= set(values), f"no arguments to try {method.__qualname__}({', '.join(names)}) with"
    for chosen in itertools.islice(itertools.product(*(values[name] for name in names)), 400):
        try:
            yield method(*chosen)
        except (LookupError, ArithmeticError):
            continue


def reached(view, values):
    """Every object that can be reached from a view, each once."""
    seen, found, queue = set(), [], [view]
    while queue:
        thing = queue.pop()
        if isinstance(thing, PLAIN) or id(thing) in seen:
            continue
        seen.add(id(thing))
        found.append(thing)
        if isinstance(thing, Mapping):
            queue += [*thing.keys(), *thing.values()]
        elif isinstance(thing, tuple | list | set | frozenset):
            queue += thing
        elif inspect.ismethod(thing):
            queue += calls(thing, values)
        for name in () if inspect.isroutine(thing) or isinstance(thing, Mapping | tuple | frozenset) else dir(thing):
            if not name.startswith("__"):
                queue.append(getattr(thing, name))
    return found


def insides(thing):
    """Every object of the state that can be changed."""
    if isinstance(thing, msgspec.Struct):
        yield thing
        for name in thing.__struct_fields__:
            yield from insides(getattr(thing, name))
    elif isinstance(thing, dict | list):
        yield thing
        for value in thing.values() if isinstance(thing, dict) else thing:
            yield from insides(value)


def attack(thing):
    """Try to change an object; give back what let itself be changed."""
    for name in (name for name in dir(thing) if not name.startswith("__")):
        for change in (lambda name=name: setattr(thing, name, 10**9), lambda name=name: delattr(thing, name)):
            try:
                change()
            except (AttributeError, TypeError):
                continue
            yield name


@pytest.fixture(scope="module")
def sights(state):
    """What each org can reach."""
    hooks = policy_hooks(load_policies(["export-controls:from=2024-07-01", "chip-tariff:from=2024-07-01"]))
    shared, values = Shared(state, hooks), arguments(state)
    return {org: reached(MarketView(shared, org), values) for org in state.run.orgs}


def test_a_hostile_agent_changes_nothing(state, sights):
    before, tried = state_hash(state), 0
    for found in sights.values():
        for thing in found:
            if not inspect.isroutine(thing):
                assert list(attack(thing)) == [], thing
                tried += 1
    assert state_hash(state) == before
    assert tried > 5000


def test_nothing_of_the_state_is_reached_and_all_that_is_reached_is_frozen(state, sights):
    private = {id(thing) for thing in insides(state)}
    for org, found in sights.items():
        for thing in found:
            assert id(thing) not in private, (org, thing)
            assert not isinstance(thing, dict | list | set | Shared), (org, thing)
            if isinstance(thing, msgspec.Struct):
                assert thing.__struct_config__.frozen, (org, thing)
            else:
                assert inspect.isroutine(thing) or isinstance(thing, MarketView | Draws | tuple | MappingProxyType), (
                    thing
                )


def test_draws_cannot_be_changed_either():
    assert list(attack(Draws(3, "xai", 4))) == []


def values_in(found):
    """The plain values in what was reached."""
    for thing in found:
        if isinstance(thing, Mapping):
            yield from (value for pair in thing.items() for value in pair)
        elif isinstance(thing, tuple):
            yield from thing
        elif not inspect.isroutine(thing):
            yield from (getattr(thing, name) for name in dir(thing) if not name.startswith("__"))


SEED = 7_000_000_000_000_000_003


@pytest.fixture(scope="module")
def seeded(state):
    """What each org reaches where the seed is a number that nothing else is."""
    run, values = copy.deepcopy(state), arguments(state)
    run.run.seed = SEED
    run.finance.books["xai"].sought_cents = run.finance.books["openai"].sought_cents = 10**12
    return run, {org: reached(MarketView(Shared(run), org), values) for org in run.run.orgs}


def test_no_org_reaches_the_seed(seeded):
    for org, found in seeded[1].items():
        for value in values_in(found):
            assert value != SEED, org


def test_an_org_draws_for_itself_alone_whatever_it_names(seeded):
    run, _ = seeded
    words = ["", *run.run.orgs, *(f"{org} azure" for org in run.run.orgs), "quote", "week of 4"]
    shared, places = Shared(run), list(itertools.product(("quote", "letter"), words, (-1, 3)))
    draws = {org: MarketView(shared, org).draws for org in run.run.orgs}
    drawn = {org: {each.uniform(*place) for place in places} for org, each in draws.items()}
    assert sum(map(len, drawn.values())) == len(set().union(*drawn.values()))


def test_investors_agree_who_leads_a_round_and_no_other_org_hears_of_it(seeded):
    run, found = seeded
    sought = {name for name, books in run.finance.books.items() if books.sought_cents}
    leads = set()
    for org, held in found.items():
        told = [thing for thing in held if isinstance(thing, Round)]
        assert {one.org for one in told} == (sought if {"investor", "cloud"} & set(run.run.orgs[org].roles) else set())
        leads |= {(one.org, leader(MarketView(Shared(run), org), one)) for one in told}
    assert len(leads) == len(sought) >= 2


# --- who sees what

PARTIES = {  # records that are not public, and the fields that name who may see them
    "Order": ("org",), "Holding": ("org",), "Books": ("org",), "Lab": ("org",), "Building": ("org",),
    "Letter": ("org",), "Project": ("org",), "TrainingRun": ("org",), "Request": ("lessee", "lessor"),
    "Contract": ("lessee", "lessor"),
    "Quote": ("lessee", "lessor"), "Lease": ("lessee", "lessor"),
}  # fmt: skip
PUBLIC = {"Chip", "LabMachine", "LabSeen", "Org", "Permission", "PlantPermit", "Site"}
BY_ROLE = {  # what an org of a role alone can reach beyond what is public, in 26 weeks of the default world
    "lab": {
        "Books",
        "Lab",
        "Holding",
        "Order",
        "Building",
        "Lease",
        "Letter",
        "Project",
        "Request",
        "Quote",
        "Machine",
        "TrainingRun",
        "Contract",
        "Tranche",
    },
    "cloud": {
        "Books",
        "Holding",
        "Order",
        "Building",
        "Lease",
        "Request",
        "Quote",
        "Letter",
        "Round",
        "Contract",
        "Tranche",
    },
    "supplier": {"Books"},
    "oem": {"Books"},
    "investor": {"Books", "Round"},
    "rest": {"Books", "Holding", "Order", "Building"},
}


def kinds(found):
    """Names of the types of records among what was reached."""
    named = (t for t in found if isinstance(t, msgspec.Struct) or hasattr(t, "_fields"))
    return {type(thing).__name__ for thing in named}


def test_an_org_reaches_no_affair_of_others(sights):
    looked = set()
    for org, found in sights.items():
        for thing in found:
            if fields := PARTIES.get(type(thing).__name__):
                assert org in {getattr(thing, field) for field in fields}, (org, thing)
                looked.add(type(thing).__name__)
    assert {"Request", "Lease", "Order", "Books", "Lab"} <= looked


def test_every_kind_of_record_is_public_or_has_its_parties(sights):
    everything = set().union(*map(kinds, sights.values()))
    assert everything - set(PARTIES) - PUBLIC <= {"Round", "Machine", "Tranche"}


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_can_reach(state, sights, role):
    orgs = [name for name, org in state.run.orgs.items() if org.roles == (role,)]
    assert set().union(*(kinds(sights[org]) for org in orgs)) - PUBLIC <= BY_ROLE[role]


def test_rivals_limit_prices_and_own_numbers_stay_closed(state):
    shared = Shared(state)
    request = next(iter(state.leases.requests.values()))
    other = next(org for org in state.run.orgs if org not in (request.lessee, request.lessor))
    view = MarketView(shared, other)
    with pytest.raises(NotVisible):
        view.request(request.request_id)
    with pytest.raises(NotVisible):
        view.param(f"orgs.{request.lessee}.captive_share")
    assert not hasattr(view.labs()["openai"], "inference_share")
    assert not hasattr(view.chip("H100"), "stock_gpus")
    maker = next(name for name, org in state.run.orgs.items() if org.roles == ("supplier",))
    with pytest.raises(NotVisible, match=f"{maker} is none"):
        MarketView(shared, maker).rounds_sought()
    assert MarketView(shared, request.lessor).request(request.request_id) == MarketView(shared, request.lessee).request(
        request.request_id
    )


def test_who_may_see_an_event_stands_with_its_type():
    assert may_see(LeaseSigned, "anybody", "a", "b")
    assert [may_see(LeaseRequested, me, "a", "b") for me in ("a", "b", "c")] == [True, True, False]
    assert [may_see(ComputeSplitSet, me, "a", "b") for me in ("a", "b", "c")] == [True, False, False]
