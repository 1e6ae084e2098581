"""Run the tests that reach a mutant, in children of one warm process that holds the libraries and not the code."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.mutation.mutate import Mutant

LIBRARIES = ("click", "hypothesis", "msgspec", "numpy", "polars", "pyarrow", "pydantic", "pytest", "rich", "yaml")
LEAST_S, FACTOR = 30.0, 10.0
POLL_S = 0.02
FEW, MORE = 12, 150  # tests that are tried first, and then: most mutants meet no others, whose files need no reading


class Tests(NamedTuple):
    """Tests by file and line, and the CPU seconds that each takes."""

    covered: dict[str, dict[str, list[str]]]
    seconds: dict[str, float]

    def of(self, path: Path, mutant: Mutant) -> list[str]:
        """Tests that reach what was changed, or all where that runs at import; the quickest first."""
        lines, wanted = self.covered.get(str(path), {}), range(mutant.line, mutant.last + 1)
        found = set(self.seconds) if mutant.is_global else {t for line in wanted for t in lines.get(str(line), ())}
        return sorted(found & self.seconds.keys(), key=lambda test: (self.seconds[test], test))


class Trial:
    """A tree of files whose mutants are tried one by one."""

    def __init__(self, tree: Path, tests: Tests) -> None:
        self.tree, self.tests, self.number = tree, tests, 0
        for name in LIBRARIES:
            __import__(name)
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}

    def killer(self, path: Path, mutant: Mutant) -> str:
        """The first test that notices, `time` where the tests did not end; empty where none does."""
        chosen = self.tests.of(path, mutant)
        if not chosen:
            return ""
        at, was = self.tree / path, (self.tree / path).read_text(encoding="utf-8")
        at.write_text(mutant.source, encoding="utf-8")
        try:
            parts = chosen[:FEW], chosen[FEW:MORE], chosen[MORE:]
            return next(filter(None, (self._run(part) for part in parts if part)), "")
        finally:
            at.write_text(was, encoding="utf-8")

    def _run(self, chosen: list[str]) -> str:
        self.number += 1
        said = self.tree / f"said-{self.number}"
        seconds = LEAST_S + FACTOR * sum(self.tests.seconds[test] for test in chosen)
        if (child := os.fork()) == 0:
            os.setpgid(0, 0)
            _child(self.tree, said, chosen)
        ended = _waited(child, seconds)
        failed = said.read_text().splitlines()[:1] if said.exists() else []
        shutil.rmtree(self.tree.parent / f"tmp-{said.name}", ignore_errors=True)
        if ended is None:
            return "time"
        return (failed or ["the tests as a whole"])[0] if ended else ""


def _child(tree: Path, said: Path, chosen: list[str]) -> None:
    """Run pytest on the tree's own code, and leave."""
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.chdir(tree)
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "market", "events", "agents")]:
            del sys.modules[name]
        sys.path[:] = [str(tree), *(path for path in sys.path if path and not _is_ours(path))]
        sys.dont_write_bytecode = True
        import pytest

        class Said:
            def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
                if report.failed:
                    said.write_text(report.nodeid)

        temporary = tree.parent / f"tmp-{said.name}"
        line = ["-q", "-x", "-n", "0", "-o", "addopts=-p no:benchmark -p no:cacheprovider", f"--basetemp={temporary}"]
        code = int(pytest.main([*line, *chosen], plugins=[Said()]))
    finally:
        os._exit(code)


def _is_ours(path: str) -> bool:
    return (Path(path) / "cli.py").exists() or Path(path).name == "tests"


def _waited(child: int, seconds: float) -> int | None:
    """Exit status of a child; one that takes more CPU time or far more time than its tests is ended."""
    until = time.monotonic() + 4 * seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
