"""Engines give the same bytes, survive dead workers, and go on where they were cut short."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
from experiments.extras import needs

from market.experiments.design.plan import Plan
from market.experiments.engines import EngineUnusable, open_engine
from market.experiments.engines.base import WorkerUnable
from market.experiments.engines.drive import Progress
from market.experiments.experiment import ExperimentExists, Interrupted, run_experiment
from market.experiments.results.store import Store, StoreUnusable

Make = Callable[..., Plan]
DATA = ("long.parquet", "wide.parquet", "futures.parquet")


def _bytes(out: str | Path) -> list[bytes | None]:
    store = Store(str(out))
    return [store.read(name) for name in DATA]


@pytest.fixture
def serial(tiny_plan: Make, tmp_path: Path) -> Callable[..., list[bytes | None]]:
    """What the serial engine makes of a plan over the harmless world, under another world's name."""

    def make(plan: Plan) -> list[bytes | None]:
        from experiments.tiny_worlds import price

        from market.experiments.engines.worker import Job, Ready, perform
        from market.experiments.results.gather import gather
        from market.experiments.results.result import pack

        store = Store(str(tmp_path / "serial"))
        ready = Ready(Job.of(plan), price)
        for spec in plan.specs():
            store.write(f"runs/{spec.id}/result.msgpack", pack(perform(ready, spec, None)))
        gather(plan, store, {})
        return [store.read(name) for name in DATA[:2]]

    return make


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """An engine by its name, where its library is there."""
    name = str(request.param)
    if name.startswith("dask"):
        needs("distributed")
    return name


@pytest.mark.parametrize("engine", ["local:2", "dask:2"], indirect=True)
def test_every_engine_gives_the_bytes_of_the_serial_one(engine: str, tiny_plan: Make, tmp_path: Path) -> None:
    plan = tiny_plan(uncertainties={"price.margin": {"uniform": [0.3, 0.6]}}, futures=4)
    run_experiment(plan, engine="serial", out=str(tmp_path / "a"))
    run_experiment(plan, engine=engine, out=str(tmp_path / "b"))
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    a, b = (pq.read_table(tmp_path / side / "runs.parquet").drop(["cpu_s"]) for side in "ab")
    assert a.equals(b)


@pytest.mark.parametrize("engine", ["local:2", "dask:2"], indirect=True)
def test_200_runs_survive_a_killed_worker_with_results_in_a_bucket(
    engine: str, tiny_plan: Make, bucket: str, scratch: Path, serial: Callable[..., Any]
) -> None:
    plan = tiny_plan("one_death", seeds=100)
    done = run_experiment(plan, engine=engine, out=bucket)
    assert (done.runs, done.failed) == (200, {})
    assert (scratch / "death-0").exists(), "nobody died"
    assert _bytes(bucket)[:2] == serial(plan)


@pytest.mark.parametrize("engine", ["local:2", "dask:2"], indirect=True)
def test_a_run_that_always_dies_is_named_and_the_others_finish(
    engine: str, tiny_plan: Make, tmp_path: Path, scratch: Path
) -> None:
    plan = tiny_plan("deadly", seeds=20)
    done = run_experiment(plan, engine=engine, out=str(tmp_path / "x"))
    assert done.failed
    assert [text.split(":")[0] for text in done.failed.values()] == ["baseline, future 0, seed 7"]
    assert "killed its worker 3 times" in next(iter(done.failed.values()))
    assert len(list(scratch.iterdir())) == 3
    assert pq.read_table(tmp_path / "x" / "wide.parquet").num_rows == 39


def test_a_worker_killed_from_outside_is_replaced(tiny_plan: Make, tmp_path: Path, scratch: Path) -> None:
    from multiprocessing import active_children

    killed: list[int] = []

    def kill_once(now: Progress) -> None:
        if now.done >= 10 and not killed:
            pid = active_children()[0].pid
            assert pid is not None
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    plan = tiny_plan("slow", seeds=15)
    done = run_experiment(plan, engine="local:2", out=str(tmp_path / "x"), tell=kill_once)
    assert killed
    assert done.failed == {}
    assert pq.read_table(tmp_path / "x" / "wide.parquet").num_rows == 30


def test_a_run_that_raises_is_reported_with_the_place(tiny_plan: Make, tmp_path: Path) -> None:
    done = run_experiment(tiny_plan("faulty"), engine="serial", out=str(tmp_path / "x"))
    assert len(done.failed) == 2
    assert all("seed 3: ZeroDivisionError: nothing to share (tiny_worlds.py:" in text for text in done.failed.values())


@pytest.mark.parametrize("engine", ["serial", "local:2"])
def test_after_ctrl_c_only_the_missing_runs_run(engine: str, tiny_plan: Make, tmp_path: Path, scratch: Path) -> None:
    plan, out = tiny_plan("counted", seeds=20), str(tmp_path / "x")

    def stop(now: Progress) -> None:
        if now.done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run_experiment(plan, engine=engine, out=out, tell=stop)
    assert caught.value.total == 40
    marked = len(Store(out).done())
    assert 12 <= marked < 40
    with pytest.raises(ExperimentExists, match=r"holds \d+ of 40 runs; add --resume"):
        run_experiment(plan, engine=engine, out=out)
    before = len(list(scratch.iterdir()))
    done = run_experiment(plan, engine=engine, out=out, resume=True)
    assert done.reused == marked
    assert len(list(scratch.iterdir())) - before == 40 - marked
    again = run_experiment(plan, engine=engine, out=out)
    assert again.reused == 40


@pytest.mark.parametrize("engine", ["local:1", "dask:1"], indirect=True)
def test_a_worker_that_can_do_no_run_stops_the_experiment_with_a_reason(
    engine: str, tiny_plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_here = ModuleType("only_here")  # a module that no worker can import
    exec("def simulate(*_, **__): ...", only_here.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", only_here)
    plan = replace(tiny_plan(), simulate=only_here.simulate)
    with pytest.raises(WorkerUnable, match=r"a worker cannot work: .*only_here"):
        run_experiment(plan, engine=engine, out=str(tmp_path / "x"))


def test_a_function_that_no_worker_could_import_is_refused(tiny_plan: Make) -> None:
    with pytest.raises(ValueError, match="must be a function of a module"):
        replace(tiny_plan(), simulate=lambda *_, **__: None)


def test_a_scheduler_without_workers_is_refused(
    tiny_plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = needs("distributed")
    monkeypatch.setattr("market.experiments.engines.dask.SECONDS_TO_JOIN", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp:")
        with pytest.raises(EngineUnusable, match="has no workers; start some"):
            run_experiment(tiny_plan(), engine=f"dask:{address}", out=str(tmp_path / "x"))


@pytest.mark.parametrize("left", [0, 20])
def test_a_half_written_result_is_run_again(left: int, tiny_plan: Make, tmp_path: Path) -> None:
    plan, out = tiny_plan(), tmp_path / "x"
    run_experiment(plan, engine="serial", out=str(out))
    before = _bytes(out)
    id_ = next(plan.specs()).id
    broken = out / "runs" / id_ / "result.msgpack"
    broken.write_bytes(broken.read_bytes()[:left])
    (out / "runs.parquet").unlink()
    done = run_experiment(plan, engine="serial", out=str(out), resume=True)
    assert (done.reused, done.failed) == (plan.size - 1, {})
    assert _bytes(out) == before


@pytest.mark.parametrize("name", ["runs/{id}/result.msgpack", "wide.parquet", "long.parquet"])
def test_resume_mends_what_is_not_what_was_written(name: str, tiny_plan: Make, tmp_path: Path) -> None:
    plan, out = tiny_plan(), tmp_path / "x"
    run_experiment(plan, engine="serial", out=str(out))
    before = _bytes(out)
    changed = out / name.format(id=next(plan.specs()).id)
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    done = run_experiment(plan, engine="serial", out=str(out), resume=True)
    assert done.failed == {}
    assert done.reused == plan.size - (1 if "runs" in name else 0)
    assert _bytes(out) == before


def test_another_experiment_in_the_folder_is_not_mixed_up(tiny_plan: Make, tmp_path: Path) -> None:
    run_experiment(tiny_plan(), engine="serial", out=str(tmp_path / "x"))
    with pytest.raises(ExperimentExists, match="holds another experiment"):
        run_experiment(tiny_plan(seeds=6), engine="serial", out=str(tmp_path / "x"), resume=True)
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "thesis.tex").touch()
    with pytest.raises(ExperimentExists, match="contains other files"):
        run_experiment(tiny_plan(), engine="serial", out=str(tmp_path / "y"))


def test_engines_and_places_that_cannot_work_are_refused_before_any_run(
    tiny_plan: Make, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("distributed")
    plan = tiny_plan("counted")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    monkeypatch.setattr("market.experiments.engines.dask.SECONDS_TO_CONNECT", 1)
    for engine, text in [
        ("cluster", "no engine 'cluster'"),
        ("local:none", "names no number of workers"),
        (f"dask://127.0.0.1:{closed}", "no Dask scheduler answers"),
    ]:
        with pytest.raises(EngineUnusable, match=text):
            run_experiment(plan, engine=engine, out=str(tmp_path / "x"))
    for out, text in [
        ("ftp://a/b", "name a folder, or s3"),
        ("s3://", "names no bucket"),
        ("s3://lab/x?endpoint=1", "unknown option endpoint"),
        ("/proc/nowhere", "cannot be written"),
    ]:
        with pytest.raises(StoreUnusable, match=text):
            run_experiment(plan, engine="serial", out=out)
    with pytest.raises(ValueError, match="must be all, none or sample:N"):
        run_experiment(plan, engine="serial", out=str(tmp_path / "x"), keep_logs="some")
    assert not list(scratch.iterdir())


@pytest.fixture
def closed_door() -> Iterator[str]:
    """An object store that answers nobody."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_HEAD = do_PUT = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"s3://lab/x?endpoint_override=127.0.0.1:{server.server_port}&scheme=http&region=us-east-1"
    server.shutdown()


def test_a_bucket_that_refuses_our_credentials_is_said_before_any_run(
    closed_door: str, tiny_plan: Make, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "wrong")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreUnusable, match="no valid credentials; set AWS_ACCESS_KEY_ID"):
        run_experiment(tiny_plan("counted"), engine="serial", out=closed_door)
    assert not list(scratch.iterdir())


def test_never_more_workers_than_cores() -> None:
    cores = len(os.sched_getaffinity(0))
    assert open_engine(f"local:{cores}").workers == cores
    with pytest.raises(EngineUnusable, match="more workers than this machine has cores"):
        open_engine("local:999")
