"""Workers bundle results before the tables are written; a worker that is killed changes nothing of what comes out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from experiments.extras import needs

from agents.simulation import simulate
from market.experiments.design.plan import Plan
from market.experiments.engines import open_engine
from market.experiments.engines.drive import Progress, batch_size
from market.experiments.experiment import Interrupted, plan_experiment, run_experiment
from market.experiments.results import bundle as bundles
from market.experiments.results.store import Store

Make = Callable[..., Plan]
TABLES = ("long.parquet", "wide.parquet", "hashes.json")


def _tables(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in TABLES[:2]]


@pytest.mark.parametrize("runs", [3, 16, 4096])
def test_tables_are_the_same_bytes_however_many_runs_a_bundle_holds(
    runs: int, tiny_plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, read = tiny_plan(seeds=20), []
    run_experiment(plan, engine="serial", out=str(tmp_path / "serial"))
    monkeypatch.setattr(bundles, "BUNDLE_RUNS", runs)
    whole = Store.read
    monkeypatch.setattr(Store, "read", lambda store, name: read.append(name) or whole(store, name))
    needs("distributed")
    run_experiment(plan, engine="dask:1", out=str(tmp_path / "dask"))
    assert _tables(tmp_path / "dask") == _tables(tmp_path / "serial")
    assert not [name for name in read if name.startswith("runs/")], "who gathers asks for bundles alone"
    assert not list((tmp_path / "dask" / "bundles").iterdir())


def test_a_bundle_that_does_not_hold_is_read_run_by_run(tiny_plan: Make, tmp_path: Path) -> None:
    plan, out = tiny_plan(seeds=3), tmp_path / "x"
    run_experiment(plan, engine="serial", out=str(out))
    made = bundles.Bundles(Store(str(out)), plan.specs)
    with open_engine("serial") as engine:
        made.make(engine)
    before = list(made.read())
    (file,) = (out / "bundles").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert list(made.read()) == before
    file.unlink()
    assert list(made.read()) == before
    assert all(result is not None for _, results in before for result in results)


def test_with_many_workers_batches_are_longer_so_that_handing_them_out_keeps_up() -> None:
    assert [batch_size(1.0, 10**7, workers) for workers in (1, 100, 1000, 4000)] == [2, 2, 10, 40]
    assert batch_size(1.0, 8000, 1000) == 2, "the last batches are short, so that no worker waits long for another"


def test_the_market_gives_the_same_tables_after_a_killed_dask_worker_and_a_cut(tmp_path: Path) -> None:
    distributed = needs("distributed")
    late = {"policies": ["demand-shock:from=2024-08-05"], "years": 0.1, "seeds": 3, "metrics": ["*"]}
    plan = plan_experiment(simulate, None, late)
    run_experiment(plan, engine="serial", out=str(tmp_path / "serial"))
    killed: list[int] = []

    def kill_then_stop(now: Progress) -> None:
        if now.done and not killed:
            pids = distributed.get_client().run(os.getpid).values()
            killed.append(next(iter(pids)))
            os.kill(killed[0], signal.SIGKILL)
        elif now.done > 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_experiment(plan, engine="dask:2", out=str(tmp_path / "dask"), tell=kill_then_stop)
    assert killed
    done = run_experiment(plan, engine="dask:2", out=str(tmp_path / "dask"), resume=True)
    assert done.reused > 1
    assert done.failed == {}
    assert _tables(tmp_path / "dask") == _tables(tmp_path / "serial")
