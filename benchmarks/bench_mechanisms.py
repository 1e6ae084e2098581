"""How long each mechanism takes on books of 200 packages, how far greedy and the program are from the bound.

    uv run python benchmarks/bench_mechanisms.py [BOOKS [MECHANISM ...]]

CPU time of one process, one thread (OMP_NUM_THREADS=1). The books are those of tests/clearing/books.py: 12 sites in
four regions, three chips, 52 weeks, 200 bids with one to three alternatives each. `milp` runs whatever is named: the
others are measured by it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from clearing.books import large

from market.clearing import Book, Clearing, clear
from market.clearing.registry import OURS


def timed(mechanism: str, of: Book) -> tuple[Clearing, float]:
    """A clearing, and the CPU seconds that it took."""
    start = time.process_time()
    found = clear(mechanism, of)
    return found, time.process_time() - start


def spread(values: Sequence[float], form: str, *, is_best_high: bool = False) -> str:
    """Median, 95th percentile, worst."""
    ordered = sorted(values, reverse=is_best_high)
    return " / ".join(format(ordered[int(q * (len(ordered) - 1))], form) for q in (0.5, 0.95, 1.0))


def main(books: int, names: Sequence[str]) -> None:
    """Print a row a mechanism."""
    clear("milp", large(0, bids=3))  # imports SciPy
    if unknown := set(names) - set(OURS):
        sys.exit(f"unknown mechanism {', '.join(sorted(unknown))}; there are {', '.join(OURS)}")
    wanted = [name for name in OURS if name in (*names, "milp")]
    seconds: dict[str, list[float]] = {name: [] for name in wanted}
    surplus: dict[str, list[float]] = {name: [] for name in wanted}
    below, regret = list[float](), list[float]()
    for seed in range(books):
        of = large(seed)
        for name in wanted:
            found, took = timed(name, of)
            seconds[name].append(took)
            surplus[name].append(found.account.surplus_usd)
        assert found.mechanism == "milp"
        below.append(found.cleared.gap or 0.0)
        regret.append(found.account.regret_usd / found.account.surplus_usd)
    print(f"{books} books; median / 95th percentile / worst")
    for name in wanted:
        part = [a / b for a, b in zip(surplus[name], surplus["milp"], strict=True)]
        worth = spread(part, ".3f", is_best_high=True)
        print(f"{name:<15} CPU s {spread(seconds[name], '5.2f')}   surplus over milp's {worth}")
    print(
        f"milp: gap to the bound {spread(below, '.3f')}   regret of bids left out over surplus {spread(regret, '.3f')}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, sys.argv[2:] or list(OURS))
