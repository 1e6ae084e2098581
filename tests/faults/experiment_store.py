"""The store of an experiment through the command line: calls fail, power cuts leave names without content, bits flip.

What must hold: `market experiment` ends as it would have, or with an exit code and a line; and `--resume` goes on to
the same tables. The runs are a world of a few lines: what is tried is where they are kept.
"""

from __future__ import annotations

import errno
import itertools
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import Any

from agents import simulation
from market.experiments.results import store
from tests.experiments.tiny_worlds import price
from tests.faults.campaigns import Result
from tests.faults.commands import Answer, Harm, Killed, ask, in_a_line

CALLS = ("mkdir", "write_bytes", "read_bytes", "replace", "open", "unlink")
TABLES = ("long.parquet", "wide.parquet", "futures.parquet")
POLICY = "name: dearer\ntitle: Dearer\ndescription: For tests.\nfrom: 2024-07-15\nset: {price.margin: {add: 0.1}}\n"


@contextmanager
def harmed_store(harm: Harm) -> Iterator[Harm]:
    """Let the store's calls on files pass through a harm, and make the runs of a tiny world."""

    class HarmedPath(PosixPath):
        """A path whose calls fail as planned."""

    def through(name: str) -> Any:
        real = getattr(PosixPath, name)

        def call(path: Any, *given: Any, **named: Any) -> Any:
            if not harm.strikes():
                return real(path, *given, **named)
            if harm.kind == "short" and name == "write_bytes":
                real(path, given[0][: len(given[0]) // 2])
                raise OSError(errno.ENOSPC, "planned by the test")
            if harm.kind == "short" and name == "read_bytes":
                data = real(path)
                return data[: len(data) // 2]
            return real(path, *given, **named) if harm.kind == "short" else harm.strike(real, path)

        return call

    for name in CALLS:
        setattr(HarmedPath, name, through(name))
    before, simulate = store.Path, simulation.simulate
    store.Path, simulation.simulate = HarmedPath, price  # type: ignore[assignment]
    try:
        yield harm
    finally:
        store.Path, simulation.simulate = before, simulate


def experiment(policy: Path, out: Path, *words: str) -> Answer:
    """Compare a policy with the baseline over four seeds of a quarter."""
    line = ["experiment", "--policy", policy, "--runs", "4", "--years", "0.25", "--metric", "prices.h100_contract"]
    return ask(*line, "--engine", "serial", "--quiet", "--json", "--out", out, *words)


def tables(out: Path) -> dict[str, bytes]:
    """The tables that hang on no clock."""
    return {name: (out / name).read_bytes() for name in TABLES if (out / name).exists()}


def _whole(scratch: Path) -> tuple[Path, Path, int]:
    """A policy, an experiment that nothing happened to, and how many calls it took."""
    policy, out = scratch / "dearer.yaml", scratch / "whole"
    policy.write_text(POLICY)
    with harmed_store(Harm()) as count:
        assert experiment(policy, out).exit_code == 0
    assert set(tables(out)) == set(TABLES)
    return policy, out, count.calls


def _goes_on(result: Result, name: str, policy: Path, out: Path, goal: dict[str, bytes]) -> None:
    with harmed_store(Harm()):
        again = experiment(policy, out, "--resume")
    result.check(again.exit_code == 0, f"{name}: cannot go on: {again.stderr[:200]!r} {again.exception!r}")
    result.check(tables(out) == goal, f"{name}: ends in other tables")


def failing_store(scratch: Path, step: int = 1) -> Result:
    """Fail every `step`-th call on the store, or end the process there; then resume."""
    result = Result("market experiment: a call of its store fails")
    policy, whole, calls = _whole(scratch)
    goal, kinds = tables(whole), itertools.cycle(itertools.product((errno.EIO, "short", "memory", "kill"), (0, 1)))
    for at, (kind, for_good) in zip(range(1, calls + 1, step), kinds, strict=False):
        result.tried += 1
        name, out = f"call {at} {kind}", scratch / f"out-{at}"
        try:
            with harmed_store(Harm(at, kind, bool(for_good))):
                answer = experiment(policy, out)
            wrong = "" if answer.exit_code in (0, 4) else in_a_line(answer)
            result.check(not wrong, f"{name}: {wrong}")
        except Killed:
            pass
        shown = ask("experiment", "show", out, "--json")
        result.check(shown.exit_code == 0 or not in_a_line(shown), f"{name}: show: {in_a_line(shown)}")
        _goes_on(result, name, policy, out, goal)
        shutil.rmtree(out, ignore_errors=True)
    return result


def damaged_store(scratch: Path, times: int, seed: int = 0) -> Result:
    """Flip a bit, cut or empty a file of a finished experiment; resume gives the same tables or refuses in a line."""
    result, draw = Result("an experiment's files are damaged"), random.Random(seed)
    policy, whole, _ = _whole(scratch)
    goal = tables(whole)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    for turn in range(times):
        result.tried += 1
        out, file = scratch / f"damaged-{turn}", draw.choice(files)
        shutil.copytree(whole, out)
        data, way = bytearray((out / file).read_bytes()), draw.choice(("flip", "cut", "empty"))
        if way == "flip":
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        (out / file).write_bytes(data[: {"flip": len(data), "cut": draw.randrange(len(data)), "empty": 0}[way]])
        name = f"{file} {way}"
        with harmed_store(Harm()):
            shown, again = ask("experiment", "show", out, "--json"), experiment(policy, out, "--resume")
        result.check(shown.exit_code == 0 or not in_a_line(shown), f"{name}: show: {in_a_line(shown)}")
        wrong = "" if again.exit_code == 0 else in_a_line(again)
        result.check(not wrong, f"{name}: {wrong}")
        if again.exit_code == 0:
            result.check(tables(out) == goal, f"{name}: ends in other tables")
        shutil.rmtree(out)
    return result
