"""Change the program in small ways and see whether its fast tests notice.

    python -m tests.mutation events evolve kernel view --count 100 --seed 1

draws mutants of packages by a seed and runs a package's fast tests against each in a copy of the tree: those that
reach the changed line, the quickest first, up to the first that fails. It prints the mutants that no test killed. What
is known is kept in a file: a command that was cut short goes on, and a survivor is tried again when tests have changed.

No mutants are made of what no test could notice (see `mutate`): texts of messages, docstrings, what is raised, types,
sizes of caches, `strict=` of zip, calls of the garbage collector, and code that compiles to the same bytecode. Any
other mutant that means the same counts as alive: the score is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from tests.mutation.mutate import Mutant, mutant, places
from tests.mutation.trial import Tests, Trial

HOME = Path(__file__).parent.parent.parent
EVENTS = ("tests/events", "tests/faults/test_hostile.py")
WALK = (
    "tests/evolve", "tests/kernel/test_the_walk.py", "tests/kernel/test_the_steps.py", "tests/kernel/test_resume.py",
    "tests/boundaries/test_who_may_ask.py", "tests/rules/test_rules_of_the_week.py",
)  # fmt: skip
PACKAGES = {
    "events": (("events",), EVENTS),
    "evolve": (("market/evolve", "market/state"), (*WALK, "tests/rules", "tests/events/test_log_versions.py")),
    "kernel": (("market/kernel.py", "market/week.py"), WALK),
    "view": (("market/view",), ("tests/boundaries", "tests/agents", "tests/kernel/test_the_walk.py")),
    "rules": (("market/rules",), ("tests/rules", "tests/kernel")),
    "agents": (("agents",), ("tests/agents", "tests/boundaries")),
}
KEPT = ("agents", "cli.py", "docs", "events", "forecasts", "market", "pyproject.toml", "README.md", "tests")
SLOW_S = 5.0


def drawn(sources: tuple[str, ...], count: int, seed: int) -> list[tuple[Path, Mutant]]:
    """Draw mutants of all files, each place that can be changed equally likely."""
    texts, found = {}, []
    for source in sources:
        path = HOME / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            texts[file.relative_to(HOME)] = file.read_text(encoding="utf-8")
    everywhere = [(file, place) for file, text in texts.items() for place in range(places(text))]
    random.Random(seed).shuffle(everywhere)
    for file, place in everywhere:
        if len(found) < count and (one := mutant(texts[file], place)) is not None:
            found.append((file, one))
    return found


def digest(*texts: str) -> str:
    """Name what was tried."""
    return blake2b("\0".join(texts).encode(), digest_size=12).hexdigest()


def of_files(names: tuple[str, ...]) -> str:
    """Digest of all Python files under some paths."""
    files = [path for name in names for path in sorted((HOME / name).rglob("*.py")) or [HOME / name]]
    return digest(*(path.read_text(encoding="utf-8") for path in files if path.exists()))


def copy(tree: Path) -> None:
    """Copy what the tests need."""
    tree.mkdir()
    for name in KEPT:
        if (HOME / name).is_dir():
            shutil.copytree(HOME / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(HOME / name, tree / name)


def covering(tree: Path, sources: tuple[str, ...], paths: tuple[str, ...], kept: Path) -> Tests:
    """Which tests reach which lines; made once for a state of code and tests."""
    if not kept.exists():
        line = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-o", "addopts=-p no:benchmark -p no:cacheprovider"]
        line += ["-p", "tests.mutation.covered", "--covered", str(kept), *(f"--covering={name}" for name in sources)]
        environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([*line, *paths], cwd=tree, env=environment, capture_output=True, text=True)
        if not kept.exists():
            sys.exit(f"the tests cannot be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = json.loads(kept.read_text())
    for name in found["failed"]:
        print(f"left out, fails without any change: {name}", flush=True)
    quick = {name: s for name, s in found["seconds"].items() if s <= SLOW_S and name not in found["failed"]}
    return Tests(found["covered"], quick)


def tried(package: str, chosen: list[tuple[Path, Mutant]], folder: Path) -> Iterator[tuple[Path, Mutant, str]]:
    """What became of each mutant: the test that killed it, or nothing."""
    sources, paths = PACKAGES[package]
    code, tests = of_files((*sources, "market", "events", "agents")), of_files(paths)
    log = folder / f"{package}.jsonl"
    known = dict(json.loads(line) for line in log.read_text().splitlines()) if log.exists() else {}
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch, log.open("a", encoding="utf-8") as file:
        tree = Path(scratch) / "tree"
        copy(tree)
        trial = Trial(tree, covering(tree, sources, paths, folder / f"{package}-{digest(code, tests)}.json"))
        for path, one in chosen:
            killed, alive = digest(str(path), one.source), digest(str(path), one.source, tests)
            if killed not in known and alive not in known:
                by = trial.killer(path, one)
                known[killed if by else alive] = by
                file.write(json.dumps([killed if by else alive, by]) + "\n")
                file.flush()
            yield path, one, known.get(killed, "")


def main() -> int:
    """Run the campaign and print the score, of each package and of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("packages", choices=PACKAGES, nargs="+")
    parser.add_argument("--count", type=int, default=100, help="mutants of all packages together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".mutation"), help="folder in which outcomes are kept")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(asked.packages))
    chosen = drawn(tuple(source for name in names for source in PACKAGES[name][0]), asked.count, asked.seed)
    scores = {}
    for name in names:
        mine = [each for each in chosen if any(each[0].is_relative_to(source) for source in PACKAGES[name][0])]
        scores[name] = (told(name, mine, asked.out.resolve()), len(mine))
    if len(scores) > 1:
        scores["all"] = (sum(killed for killed, _ in scores.values()), len(chosen))
    for name, (killed, count) in scores.items():
        print(f"{killed} of {count} killed ({killed / max(1, count):.0%}), {name}, seed {asked.seed}")
    return 0


def told(package: str, chosen: list[tuple[Path, Mutant]], out: Path) -> int:
    """Print what became of each mutant of a package; how many were killed."""
    killed = 0
    for path, one, by in tried(package, chosen, out):
        killed += bool(by)
        print(f"{'killed' if by else 'ALIVE ':6} {path}:{one.line}  {one.text}", flush=True)
    return killed


if __name__ == "__main__":
    sys.exit(main())
