"""Orgs enter on their day or by command, leave when they are wound up; behaviours, Mesa and replay follow the state."""

from __future__ import annotations

from datetime import timedelta

import pytest
from given import CLOUD, FUND, LAB, RIVAL, START, given
from worlds import as_table

from agents.model import MarketModel
from agents.simulation import Simulation, begin
from events import MemoryLog
from events.commands.entry import FoundOrg, WindUp
from events.types import estates as events
from events.types import run
from events.types.finance import OrgDefaulted, PaymentMade
from market.analytics.audit import audit
from market.kernel import Kernel, replay
from market.rules import entry, insolvency
from market.scenario.check import problems_of
from market.scenario.load import load_scenario
from market.scenario.schema import Org, Scenario
from market.state import state_hash

WEEKS = 30
ENTRY_WEEK = 4


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The default world with a lab that enters in its fifth week."""
    world = load_scenario("frontier-2024").scenario
    newcomer = Org(
        title="Newcomer", roles=["lab"], country="US", behaviour="lab", cash_usd=4e9, valuation_usd=3e10,
        enters=world.start + timedelta(7 * ENTRY_WEEK + 2), traits=world.orgs["xai"].traits,
    )  # fmt: skip
    return world.model_copy(update={"orgs": {**world.orgs, "newcomer": newcomer}})


@pytest.fixture(scope="module")
def lived(scenario):
    """A model of that world after some weeks, amid which a subsidiary is founded and another lab wound up."""
    model = MarketModel(scenario, rng=0)
    seen = []
    for week in range(WEEKS):
        if week == 6:
            model.kernel.day = model.state.run.start_day + 7 * week - 1
        model.step()
        if week == 6:
            for command in (
                FoundOrg(
                    actor="aws", because="aws", org="aws-lab", role="lab", country="US", behaviour="lab",
                    amount_usd_cents=10**11, subsidiary=True,
                ),
                WindUp(actor="cohere", because="cohere", org="cohere"),
            ):  # fmt: skip
                model.kernel.clock(model.state.run.week + 1)
                model.kernel.answer(command)
                model.kernel.clear()
                model.kernel.close()
        seen.append({agent.org for agent in model.agents})
    return model, seen


def test_who_enters_is_there_from_its_day_and_trades(lived):
    model, seen = lived
    assert "newcomer" not in seen[ENTRY_WEEK - 1]
    assert "newcomer" in seen[ENTRY_WEEK]
    asked = {type(e.event).__name__ for e in model.kernel.log.entries() if e.actor == "newcomer"}
    assert {"OrgRegistered", "LeaseRequested", "PlanAdopted"} <= asked
    assert any(lease.lessee == "newcomer" for lease in model.state.leases.leases.values())
    assert model.state.training.labs["newcomer"].demand_usd_per_year > 0


def test_mesas_agents_are_the_orgs_of_the_state_every_week(lived):
    model, seen = lived
    assert seen[-1] == set(model.state.run.orgs)
    assert "aws-lab" in seen[-1]
    assert "cohere" in seen[6]
    assert "cohere" not in seen[-1]


def test_replay_follows_entries_and_exits_and_the_auditor_agrees(lived):
    model, _ = lived
    entries = list(model.kernel.log.entries())
    *_, (_, state) = replay(entries)
    assert state_hash(state) == state_hash(model.state)
    assert audit(as_table(entries).lazy()) == []


def test_a_run_goes_on_from_the_past_of_another_with_the_same_orgs(scenario):
    whole, log = begin(scenario, 1), MemoryLog()
    for _ in range(ENTRY_WEEK - 1):
        whole.step()
    entries = list(whole.kernel.log.entries())
    for entry_ in entries:
        log.append(entry_)
    *_, (_, past) = replay(entries)
    rest = Simulation(Kernel(log, None, past))
    for simulation in (whole, rest):
        for _ in range(4):
            simulation.step()
    assert "newcomer" in rest.behaviours
    assert state_hash(rest.state) == state_hash(whole.state)


# --- the commands


def found(**other):
    terms = {"org": "newcomer", "role": "lab", "country": "US", "behaviour": "lab", "amount_usd_cents": 5}
    return FoundOrg(**{"actor": FUND, "because": FUND, **terms, **other})


def test_an_org_is_founded_with_money_for_equity():
    world = given()
    before = world.state.finance.ledger.accounts[FUND]
    world.when(found())
    assert world.state.run.orgs["newcomer"].roles == ("lab",)
    assert world.state.finance.ledger.accounts[FUND] == before - 5
    assert world.state.finance.stakes["newcomer"][FUND].invested_cents == 5


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"org": "No Name"}, "no name"),
        ({"org": LAB}, "name taken"),
        ({"role": "supplier"}, "unknown role or behaviour"),
        ({"behaviour": "gifted"}, "unknown role or behaviour"),
        ({"country": "XX"}, "unknown country"),
        ({"actor": "oem"}, "no founder"),
        ({"amount_usd_cents": 10**18}, "cash"),
    ],
)
def test_an_org_that_cannot_be_founded_says_why(other, reason):
    world = given()
    (refused,) = world.when(found(**other))
    assert (type(refused), refused.reason) == (events.EntryRefused, reason)


def test_an_org_is_wound_up_by_itself_or_its_owner_alone():
    world = given()
    (refused,) = world.when(WindUp(actor=LAB, because=LAB, org=RIVAL))
    assert refused.reason == "not the actor's"
    assert world.when(WindUp(actor=RIVAL, because=RIVAL, org=RIVAL)) == [
        events.WindUpFiled(org=RIVAL, counterparty=RIVAL)
    ]
    assert world.when(WindUp(actor=RIVAL, because=RIVAL, org=RIVAL))[0].reason == "under way"
    opened = world.after(insolvency.forced(world.state, world.day))
    assert [e.reason for e in opened if isinstance(e, OrgDefaulted)] == ["wound up"]
    assert world.state.finance.estates[RIVAL].plan == "liquidation"
    assert world.when(WindUp(actor=CLOUD, because=CLOUD, org="google"))[0].reason == "of no such role"


def test_who_was_announced_enters_once_with_what_was_announced():
    world = given()
    world.happened(
        run.OrgAnnounced(
            org="newcomer", role="lab", country="US", kind="lab", parent_org=None, due_day=START + 3,
            amount_usd_cents=7, valuation_usd_cents=70, value=9.0,
        )
    )  # fmt: skip
    assert world.after(entry.enter(world.state, START - 1)) == []
    entered = world.after(entry.enter(world.state, START + 6))
    assert [e.amount_usd_cents for e in entered if isinstance(e, PaymentMade)] == [7]
    books = world.state.finance.books["newcomer"]
    assert (books.valuation_cents, books.budget_usd_per_year) == (70, 9.0)
    assert world.after(entry.enter(world.state, START + 13)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [({"revenue_usd_per_year": 5.0}, "has revenue before it enters"), ({"roles": ["oem"]}, "is there from the start")],
)
def test_who_enters_late_has_nothing_before(scenario, change, said):
    class Nowhere:
        top = "x.yaml:1:1"

        def place(self, path, *, key=False):
            return "x.yaml:1:1"

        def later(self, path):
            return None

    org = scenario.orgs["newcomer"].model_copy(update=change)
    world = scenario.model_copy(update={"orgs": {**scenario.orgs, "newcomer": org}})
    assert any(said in problem.message for problem in problems_of(world, Nowhere()))
