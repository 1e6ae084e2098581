"""Imports go down the layers and never round in a circle, late ones included; no new file stands outside the layers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments.extras import needs

grimp = needs("grimp")
ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "market", "events")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The packages' code and the contracts, to be broken."""
    folder = tmp_path_factory.mktemp("code")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=lambda at, names: [
            n for n in names if (not n.endswith(".py") and not (Path(at) / n).is_dir()) or n == "__pycache__"
        ])  # fmt: skip
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})
    return done.returncode, " ".join(done.stdout.split())


def test_the_code_keeps_its_contracts(copy):
    code, said = lint(copy)
    assert code == 0, said


@pytest.mark.parametrize("package", PACKAGES)
def test_a_new_file_in_any_package_has_to_be_given_its_layer(copy, package):
    new = copy / package / "newcomer.py"
    new.write_text('"""Stands nowhere."""\n')
    try:
        code, said = lint(copy)
    finally:
        new.unlink()
    assert code == 1
    assert f"not listed as layers: - {package}.newcomer" in said


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("market/rules/newcomer.py", "import market.view", "Layers of the market"),
        ("market/rules/newcomer.py", "def late(): import market.evolve.chips", "Rules never write"),
        ("market/analytics/newcomer.py", "import market.units", "Layers of the market"),
        ("market/evolve/newcomer.py", "import market.rules.chips", "Evolve holds no rule"),
        ("events/types/newcomer.py", "import events.log", "Layers of the log"),
        ("events/types/newcomer.py", "import market.units", "Layers: agents over market"),
    ],
)
def test_a_file_below_that_imports_upwards_is_refused(copy, file, line, contract):
    new = copy / file
    new.write_text(f'"""Looks up."""\n\n{line}\n')
    try:
        code, said = lint(copy)
    finally:
        new.unlink()
    assert code == 1
    assert contract in said.partition("Broken contracts")[2]


def circles(graph):
    """Groups of modules that import each other, by Tarjan's algorithm."""
    index, low, stack, found = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph.modules):
        if module not in index:
            visit(module)
    return found


def test_no_circle_of_imports_late_ones_included():
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True)
    assert circles(graph) == []
    assert "cli" not in graph.modules  # nothing imports the command line
