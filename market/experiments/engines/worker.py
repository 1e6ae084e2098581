"""What a worker does: run specs one after the other, and keep each result whole before the next begins."""

from __future__ import annotations

import gc
import pickle
import shutil
import tempfile
import time
import traceback
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from events.log import LogWriter
from events.manifest import Manifest
from events.memory import Log
from market.experiments.design.paths import with_values
from market.experiments.design.plan import Plan, Simulate, Spec
from market.experiments.engines.past import Past, Pasts, Seen, goes_on, shared_weeks
from market.experiments.results.measure import measure
from market.experiments.results.result import Result, pack
from market.experiments.results.store import RESULT, Store
from market.experiments.results.tally import Tally
from market.kernel import Kernel
from market.policies.schema import Policy
from market.rules.policy import PolicyHooks
from market.runs.question import plugins
from market.scenario.dump import dump_yaml
from market.scenario.schema import Scenario
from market.state import state_form, state_hash

Batch = tuple[Spec, ...]


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended, as its caller learns of it."""

    id: str
    status: Literal["done", "failed"]
    error: str = ""


class Job(msgspec.Struct, frozen=True):
    """The part of an experiment that every run shares, as `experiment.json` keeps it for workers."""

    scenario: dict[str, Any]
    levers: dict[str, list[dict[str, Any]]]
    metrics: tuple[str, ...]
    weeks: tuple[int, ...]

    @classmethod
    def of(cls, plan: Plan) -> Job:
        """Take the shared part of a plan."""
        levers = {
            lever.name: [policy.model_dump(mode="json", by_alias=True) for policy in lever.policies]
            for lever in plan.levers
        }
        return cls(plan.scenario.model_dump(mode="json"), levers, plan.metrics, plan.weeks)


class Ready:
    """A job with its parts read, and the function that runs a scenario."""

    def __init__(self, job: Job, simulate: Simulate) -> None:
        self.job, self.simulate = job, simulate
        self.scenario = Scenario.model_validate(job.scenario)
        self.levers = {
            name: tuple(Policy.model_validate(policy) for policy in policies) for name, policies in job.levers.items()
        }
        self.shared = {name: shared_weeks(self.scenario, policies) for name, policies in self.levers.items()}
        self.pasts = Pasts({weeks for weeks in self.shared.values() if weeks} if goes_on(simulate) else ())


@cache
def _ready(url: str, digest: str, simulate: bytes) -> tuple[Store, Ready]:
    """Read an experiment once in the life of a worker; `digest` tells experiments in one place apart."""
    store = Store(url)
    store.check()
    data = store.read("experiment.json")
    if data is None:
        raise FileNotFoundError(f"{url}: experiment.json is not there; can this worker reach the folder?")
    ready = Ready(msgspec.convert(msgspec.json.decode(data)["job"], Job), pickle.loads(simulate))
    gc.freeze()  # what stays for good need not be looked at again
    return store, ready


def work(url: str, digest: str, simulate: bytes, batch: Batch) -> list[Outcome]:
    """Run a batch for the experiment at `url`; what has its mark already is not run again.

    `simulate` is pickled, a reference to a module's function: a worker that lacks the module fails here, with a reason.
    """
    store, job = _ready(url, digest, simulate)
    return [_one(store, job, spec) for spec in batch]


def _one(store: Store, job: Ready, spec: Spec) -> Outcome:
    name = f"runs/{spec.id}/{RESULT}"
    if store.exists(name):
        return Outcome(spec.id, "done")
    try:
        result = _kept(store, job, spec) if spec.keep_log else perform(job, spec, None)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return Outcome(spec.id, "failed", text)
    store.write(name, pack(result))
    return Outcome(spec.id, "done")


def _kept(store: Store, job: Ready, spec: Spec) -> Result:
    """Run with a log on a local disk, and store the log before the result."""
    scenario = with_values(job.scenario, spec.values)
    text = dump_yaml(scenario)
    labels = [policy.label for policy in job.levers[spec.lever]]
    folder = Path(tempfile.mkdtemp(prefix="market-run-")) / spec.id
    try:
        writer = LogWriter.create(
            folder, Manifest.describe(text, spec.seed, labels, state_form=state_form(), plugins=plugins(scenario)), text
        )
        try:
            result = perform(job, spec, writer)
        finally:
            writer.close()
        store.put_folder(f"runs/{spec.id}", folder)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    return result


def perform(job: Ready, spec: Spec, log: Log | None) -> Result:
    """Simulate one run and read its metrics at the weeks that the experiment asks for.

    It goes on from the past that it shares with a run of the same future and seed, where that is at hand; a run whose
    log is kept says its events from the start.
    """
    began = time.process_time()
    weeks, names = set(job.job.weeks), job.job.metrics
    shared, pasts = job.shared[spec.lever], job.pasts.of(spec)
    past = pasts.latest(shared) if shared and log is None else None
    tally, seen = (past.tally, past.seen) if past else (Tally(log), Seen())

    def look(week: int, kernel: Kernel) -> None:
        closed = week + 1
        if closed in weeks:
            seen[closed] = tuple(measure(kernel.state, tally, names))
        if log is None and pasts.wants(closed, shared):
            pasts.keep(closed, Past(kernel.state, tally, seen))

    policies = job.levers[spec.lever]
    kernel = job.simulate(
        with_values(job.scenario, spec.values),
        spec.seed,
        log=tally,
        hooks=PolicyHooks(policies) if policies else None,
        progress=look,
        **({"past": past.state} if past else {}),
    )
    return Result(
        id=spec.id,
        lever=spec.lever,
        future=spec.future,
        seed=spec.seed,
        weeks=tuple(seen),
        values=tuple(seen.values()),
        state_hash=state_hash(kernel.state),
        head=tally.head,
        events=tally.next_seq,
        cpu_s=round(time.process_time() - began, 3),
    )
