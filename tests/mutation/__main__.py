"""Change the program in small ways and see whether its fast tests notice.

    python -m tests.mutation events --count 25 --seed 1

draws mutants of a package by a seed, runs the package's tests against each in a copy of the tree, and prints those that
no test killed. A mutant that means the same counts as alive: the score is a lower bound.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutation.mutate import Mutant, mutants

HOME = Path(__file__).parent.parent.parent
PACKAGES = {
    "events": (("events",), ("tests/events", "tests/faults/test_hostile.py")),
    "evolve": (("market/evolve", "market/state"), ("tests/evolve", "tests/kernel/test_the_walk.py")),
    "kernel": (("market/kernel.py", "market/week.py"), ("tests/kernel", "tests/evolve")),
    "view": (("market/view",), ("tests/boundaries", "tests/agents", "tests/kernel/test_the_walk.py")),
}
TIMEOUT_S = 240
KEPT = ("agents", "cli.py", "docs", "events", "market", "pyproject.toml", "README.md", "tests")


def drawn(sources: tuple[str, ...], count: int, seed: int) -> list[tuple[Path, Mutant]]:
    """Draw mutants of all files, each equally likely."""
    found = []
    for source in sources:
        path = HOME / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found += [(file.relative_to(HOME), one) for one in mutants(file.read_text(encoding="utf-8"))]
    return random.Random(seed).sample(found, min(count, len(found)))


def is_killed(tree: Path, tests: list[str]) -> bool:
    """Run the tests in a tree; a run that hangs notices too."""
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        "0",
        "-o",
        "addopts=-p no:benchmark -p no:cacheprovider",
        *tests,
    ]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        found = subprocess.run(line, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return True
    return found.returncode != 0


def _copy(tree: Path) -> None:
    tree.mkdir()
    for name in KEPT:
        if (HOME / name).is_dir():
            shutil.copytree(HOME / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(HOME / name, tree / name)


def main() -> int:
    """Run the campaign and print the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sources, tests = PACKAGES[asked.package]
    present = [name for name in tests if (HOME / name).exists()]
    killed, chosen = 0, drawn(sources, asked.count, asked.seed)
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        tree = Path(scratch) / "tree"
        _copy(tree)
        if is_killed(tree, present):
            sys.exit("the tests fail without any change")
        for path, mutant in chosen:
            (tree / path).write_text(mutant.source, encoding="utf-8")
            dead = is_killed(tree, present)
            shutil.copyfile(HOME / path, tree / path)
            killed += dead
            print(f"{'killed' if dead else 'ALIVE ':6} {path}:{mutant.line}  {mutant.text}", flush=True)
    print(f"{killed} of {len(chosen)} killed ({killed / len(chosen):.0%}), {asked.package}, seed {asked.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
