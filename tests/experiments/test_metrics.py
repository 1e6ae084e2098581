"""Metrics say what the state and the events say."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from events import LogWriter
from events.memory import MemoryLog
from events.types.chips import ChipsAllocated
from events.types.run import WeekClosed
from events.types.sites import BuildingStarted
from market.experiments.design.metrics import DEFAULT, METRICS, TO_POWER_WEEKS, describe, metric_names, select
from market.experiments.results.measure import herfindahl, measure
from market.experiments.results.tally import Begun, Tally
from market.runs.question import Question
from market.runs.reading import open_run

if TYPE_CHECKING:
    from market.kernel import Kernel
    from market.scenario.schema import Scenario


@pytest.fixture(scope="module")
def run(frontier: Scenario) -> tuple[Kernel, Tally, MemoryLog]:
    """26 weeks with a tally before a log."""
    from agents.simulation import simulate

    log = MemoryLog()
    tally = Tally(log)
    kernel = simulate(frontier.model_copy(update={"years": 0.5}), 1, log=tally)
    return kernel, tally, log


@pytest.fixture(scope="module")
def values(run: tuple[Kernel, Tally, MemoryLog], frontier: Scenario) -> dict[str, float]:
    names = metric_names(frontier)
    return dict(zip(names, measure(run[0].state, run[1], names), strict=True))


def test_every_metric_that_is_named_is_measured_and_has_a_unit(values: dict[str, float], frontier: Scenario) -> None:
    assert set(values) == set(metric_names(frontier))
    assert all(isinstance(value, float) and value == value for value in values.values())
    assert all(describe(name).unit for name in values)
    assert {describe(name) for name in values} == set(METRICS.values())
    assert select(DEFAULT, values)


def test_flows_agree_with_the_events(run: tuple[Kernel, Tally, MemoryLog], values: dict[str, float]) -> None:
    kinds: Counter[str] = Counter()
    gpus = raised = 0
    for entry in run[2].entries():
        if entry.cause_seq >= 0:
            event: Any = entry.event
            kinds[type(event).__name__] += 1
            gpus += event.gpus if type(event).__name__ == "LeaseSigned" else 0
            raised += event.amount_usd_cents if type(event).__name__ == "RoundClosed" else 0
    assert kinds["LeaseSigned"] > 0
    assert values["leases.signed"] == kinds["LeaseSigned"]
    assert values["leases.signed_gpus"] == gpus
    assert values["leases.talks_failed"] == kinds["LeaseTalksFailed"]
    assert values["models.released"] == kinds["ModelReleased"]
    assert values["finance.raised_usd"] == pytest.approx(raised / 100, rel=1e-8)
    assert run[1].next_seq == run[2].next_seq


def test_parts_add_up(values: dict[str, float], frontier: Scenario) -> None:
    def total(head: str, field: str) -> float:
        return sum(v for k, v in values.items() if k.startswith(f"{head}.") and k.endswith(f".{field}"))

    assert total("regions", "energised_kw") == values["power.energised_kw"]
    assert total("regions", "waiting_kw") == values["power.waiting_kw"]
    assert total("regions", "own_plant_kw") == values["power.own_plant_kw"]
    assert total("countries", "owned_h100e") == pytest.approx(values["supply.installed_h100e"])
    assert total("labs", "cash_usd") == pytest.approx(values["finance.labs_cash_usd"])
    assert values["power.used_kw"] <= values["power.energised_kw"]
    shares = [values[f"labs.{n}.h100e"] for n, org in frontier.orgs.items() if "lab" in org.roles]
    assert values["concentration.hhi"] == pytest.approx(10_000 * sum((x / sum(shares)) ** 2 for x in shares))
    assert values["concentration.top_share"] == pytest.approx(max(shares) / sum(shares))


def test_readings_of_buildings_plant_and_imports_are_those_of_the_log(
    run: tuple[Kernel, Tally, MemoryLog], values: dict[str, float]
) -> None:
    state, weeks = run[0].state, 0
    begun: Counter[str] = Counter()
    imported: Counter[str] = Counter()
    for entry in run[2].entries():
        event: Any = entry.event
        weeks += isinstance(event, WeekClosed)
        if isinstance(event, BuildingStarted) and event.start_day == entry.day:
            begun[event.region] += event.power_kw_it
        elif isinstance(event, ChipsAllocated) and entry.day > state.run.start_day:
            buyer, maker = (state.run.orgs[name].country for name in (event.org, event.supplier))
            imported[buyer] += event.gpus * state.chips.chips[event.chip].h100e if buyer != maker else 0.0
    assert weeks == 26
    assert begun
    assert all(values[f"regions.{name}.begun_kw"] == begun[name] for name in state.run.regions)
    assert values["power.begun_kw"] == sum(begun.values())
    assert values["countries.CN.imported_h100e"] == pytest.approx(imported["CN"])
    assert imported["CN"] > 0 == values["power.weeks_to_power"]  # nothing was begun two years ago
    plant = [permit.power_kw_it for permit in state.sites.permits.values() if permit.is_running]
    assert values["power.own_plant_kw"] == sum(plant) > 0


def test_what_has_no_power_yet_counts_with_the_longest_time_and_what_is_young_not_at_all(
    run: tuple[Kernel, Tally, MemoryLog],
) -> None:
    kernel, tally = run[0], Tally()
    last = kernel.state.run.start_day + 26 * 7 - 1
    limit = 7 * TO_POWER_WEEKS
    tally.begun = {
        "soon": Begun("greenfield", "us-texas", 1, last - limit, last - limit + 70),
        "late": Begun("brownfield", "us-texas", 1, last - limit - 70),
        "young": Begun("greenfield", "us-texas", 1, last - limit + 1, last - limit + 8),
    }
    names = ("power.weeks_to_power", "power.weeks_to_power_greenfield")
    assert measure(kernel.state, tally, names) == [(10 + TO_POWER_WEEKS) / 2, 10]


def test_what_a_lab_can_use_is_what_it_owns_and_rents_less_what_it_lets(
    run: tuple[Kernel, Tally, MemoryLog], values: dict[str, float], frontier: Scenario
) -> None:
    state = run[0].state
    for name in (n for n, org in frontier.orgs.items() if org.roles == ["lab"]):
        let = sum(
            h.leased_out * state.chips.chips[h.chip].h100e for h in state.chips.holdings.values() if h.org == name
        )
        owned, rented = values[f"labs.{name}.owned_h100e"], values[f"labs.{name}.rented_h100e"]
        assert values[f"labs.{name}.h100e"] == pytest.approx(owned + rented - let)


def test_an_org_that_has_left_the_market_has_nothing(run: tuple[Kernel, Tally, MemoryLog]) -> None:
    state = copy.deepcopy(run[0].state)
    del state.run.orgs["coreweave"]
    assert measure(state, run[1], ["clouds.coreweave.owned_h100e", "labs.gone.cash_usd"]) == [0.0, 0.0]
    for name in ("clouds.coreweave.owned", "regions.nowhere.energised_kw", "power.kw"):
        with pytest.raises(KeyError):
            measure(state, run[1], [name])


def test_a_log_that_is_read_says_what_was_counted_while_it_was_written(frontier: Scenario, tmp_path: Path) -> None:
    from agents.simulation import simulate
    from market.experiments.results.pair import Side, last_day, tally_of

    scenario = frontier.model_copy(update={"years": 0.3})
    question = Question(scenario, 2)
    with LogWriter.create(tmp_path / "run", question.manifest(), question.text()) as writer:
        passed = Tally(writer)
        kernel = simulate(scenario, 2, log=passed)
    written = open_run(tmp_path / "run")
    read = tally_of(Side(written, kernel.state, last_day(written)))
    assert (read.begun, read.allocated, read.countries) == (passed.begun, passed.allocated, passed.countries)
    assert (read.counts, read.sums, read.foreseen) == (passed.counts, passed.sums, passed.foreseen)
    assert read.begun
    assert read.allocated
    names = metric_names(frontier)
    assert measure(kernel.state, read, names) == measure(kernel.state, passed, names)


def test_herfindahl_counts_as_competition_authorities_do() -> None:
    assert herfindahl([5.0]) == 10_000
    assert herfindahl([1.0, 1.0, 1.0, 1.0]) == 2_500
    assert herfindahl([]) == herfindahl([0.0, -1.0]) == 0


def test_counting_changes_nothing(run: tuple[Kernel, Tally, MemoryLog], frontier: Scenario) -> None:
    from agents.simulation import simulate
    from market.state import state_hash

    plain = simulate(frontier.model_copy(update={"years": 0.5}), 1)
    assert state_hash(plain.state) == state_hash(run[0].state)
