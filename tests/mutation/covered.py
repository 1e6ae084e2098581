"""Which tests run which lines: a plugin of pytest that notes them, so that a mutant meets only tests that reach it.

    python -m pytest -p tests.mutation.covered --covered FILE --covering market/evolve tests/evolve

Lines that a fixture runs belong to every test that asks for it; lines run at import to all tests.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

type Covered = dict[str, dict[str, list[str]]]  # file -> line -> names of tests


class Noting:
    """Switches the context of coverage with each fixture and test, and writes down what ran where."""

    def __init__(self, out: Path, sources: list[str]) -> None:
        self.out, self.items, self.seconds = out, {}, {}  # type: tuple[Path, dict[str, set[str]], dict[str, float]]
        self.failed: set[str] = set()
        files = [f"{source}/*" if Path(source).is_dir() else source for source in sources]
        self.coverage = coverage.Coverage(
            data_file=None, config_file=False, include=[str(Path(file).resolve()) for file in files]
        )
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """Lines of a fixture that is made."""
        before = self._now
        self._switch(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self._switch(before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Lines and seconds of a test."""
        self.items[item.nodeid] = set(getattr(item, "fixturenames", ()))
        self._switch(item.nodeid)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began
            self._switch("")

    def _switch(self, context: str) -> None:
        self._now = context
        self.coverage.switch_context(context)

    _now = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Leave out a test that fails without any change."""
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        self.coverage.stop()
        data, found = self.coverage.get_data(), {}
        users = defaultdict(list)
        for test, fixtures in self.items.items():
            for name in fixtures:
                users[f"fixture {name}"].append(test)
        for file in sorted(data.measured_files()):
            lines = found[str(Path(file).relative_to(Path.cwd()))] = {}
            for line, contexts in data.contexts_by_lineno(file).items():
                tests = {name for each in contexts for name in users.get(each, [each] if each in self.items else [])}
                lines[str(line)] = sorted(self.items) if "" in contexts and not tests else sorted(tests)
        self.out.write_text(json.dumps({"covered": found, "seconds": self.seconds, "failed": sorted(self.failed)}))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the plugin."""
    parser.addoption("--covered", type=Path)
    parser.addoption("--covering", action="append", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Begin to note."""
    if config.getoption("--covered"):
        config.pluginmanager.register(Noting(config.getoption("--covered"), config.getoption("--covering")))
