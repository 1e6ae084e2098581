"""Mesa for real: agents of orgs to look at, selections, data collected, batches; and no way to change orgs by hand."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from datetime import date

import mesa
import pytest
from mesa.batchrunner import batch_run
from worlds import WORLD

from agents.model import MarketModel, OrgAgent
from agents.simulation import begin
from events import LogWriter, Manifest
from market.rules.base import fleets_h100e
from market.state import state_hash


@pytest.fixture(scope="module")
def model():
    """Five weeks of the default world, as Mesa knows it."""
    model = MarketModel(WORLD, rng=3, years=0.1)
    model.run_model()
    return model


def test_a_model_runs_to_its_end_and_stops(model):
    assert (model.running, model.steps, model.date) == (False, 5, date(2024, 8, 18))
    assert model.state.run.ended
    with pytest.raises(RuntimeError, match="no week is left"):
        model.step()


def test_mesa_simulates_what_a_plain_run_does(model, frontier):
    plain = begin(frontier.model_copy(update={"years": 0.1}), 3)
    while not plain.is_over:
        plain.step()
    plain.kernel.end()
    assert state_hash(plain.state) == state_hash(model.state)


def test_agents_are_the_orgs_and_show_what_is_true_of_them(model):
    assert {agent.org for agent in model.agents} == set(model.state.run.orgs)
    xai = model.agent("xai")
    assert (xai.roles, xai.country, xai.behaviour, xai.parent) == (("lab",), "US", "lab", None)
    assert xai.fleet_h100e == fleets_h100e(model.state)["xai"] > 0
    assert sum(xai.fleet.values()) > 0
    assert xai.cash_usd == model.state.finance.ledger.accounts["xai"] / 100
    assert xai.revenue_usd_per_year > 0 == model.agent("nvidia").revenue_usd_per_year
    wanted, due = xai.plan
    assert wanted > 0
    assert due > model.date
    assert model.agent("nvidia").plan is None


def test_sets_of_agents_are_selected_grouped_and_summed(model):
    labs = model.agents.select(lambda agent: "lab" in agent.roles)
    assert 5 < len(labs) < len(model.agents)
    assert model.agents.agg("fleet_h100e", sum) == pytest.approx(model.h100e)
    assert model.agents.groupby("country").count()["CN"] > 1


def test_data_are_collected_every_week(model):
    prices = model.datacollector.get_model_vars_dataframe()
    assert list(prices.columns) == ["price_usd_per_h100e_hour", "spot_usd_per_h100e_hour", "h100e"]
    assert len(prices) == 5
    assert prices["price_usd_per_h100e_hour"].iloc[-1] == model.state.leases.price_usd_per_h100e_hour
    orgs = model.datacollector.get_agent_vars_dataframe()
    assert len(orgs) == 5 * len(model.agents)
    assert set(orgs["org"]) == set(model.state.run.orgs)


def test_a_batch_runs_over_seeds_and_parameters():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sets = [{}, {"price.start_usd_per_h100e_hour": "3.0"}]
        grid = {"world": WORLD, "years": 0.05, "parameters": sets}
        rows = batch_run(MarketModel, grid, rng=[0, 1], number_processes=1, display_progress=False)
    assert {row["RunId"] for row in rows} == {0, 1, 2, 3}
    prices = {row["RunId"]: row["price_usd_per_h100e_hour"] for row in rows}
    assert prices[1] != prices[0]


def test_nobody_is_added_or_removed_by_hand(model):
    someone = model.agent("xai")
    for change in (
        lambda: OrgAgent(model, "newcomer"),
        lambda: mesa.Agent(model),
        someone.remove,
        model.remove_all_agents,
        lambda: model.register_agent(someone),
        lambda: model.deregister_agent(someone),
    ):
        with pytest.raises(TypeError, match="orgs enter and leave by commands that become events"):
            change()
    assert {agent.org for agent in model.agents} == set(model.state.run.orgs)


def test_what_an_agent_shows_cannot_be_set(model):
    for name in ("roles", "fleet_h100e", "cash_usd", "plan"):
        with pytest.raises(AttributeError):
            setattr(model.agent("xai"), name, 1)


def test_a_model_with_an_open_log_on_disk_is_not_pickled_and_one_in_memory_is(tmp_path, frontier):
    with LogWriter.create(tmp_path / "run", Manifest.describe("name: x", 0, []), "name: x") as log:
        writing = MarketModel(frontier, rng=0, log=log)
        with pytest.raises(TypeError, match="writes a log to disk is not pickled"):
            pickle.dumps(writing)
    model = MarketModel(frontier, rng=0, years=0.05)
    model.step()
    copy = pickle.loads(pickle.dumps(model))
    copy.run_model()
    model.run_model()
    assert state_hash(copy.state) == state_hash(model.state)


def test_a_run_loads_nothing_of_mesa():
    code = (
        "import sys; from agents.simulation import begin; from market.scenario.load import load_scenario; "
        "begin(load_scenario('frontier-2024').scenario, 0).step(); "
        "print(sorted({'mesa', 'pandas', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
