"""The event log against other ways to keep events, in one run: append, replay with apply, verify, size.

`python -m benchmarks.bench_log [--events N] [--rounds N] [--run FOLDER]` prints two tables. Figures are events per
second of CPU time (user and system, syncs included), medians over the rounds. All keep the same events, 4,096 a commit,
synced to disk, and apply them to the same small state. The events are made up, of every type in turn, or those of
`--run`. Only the event log keeps a chain. The peers need the packages of the group `bench`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from benchmarks.log_state import COMMIT, State
from benchmarks.measured import cpu_s
from events import EVENTS, Entry, LogWriter, Rows, open_log, verify
from tests.events.sample import SCENARIO, START_DAY, entries, manifest, run


class Ours:
    """This project's log."""

    name = "the event log (chained)"

    def append(self, folder: Path, events: list[Entry]) -> None:
        writer = LogWriter.create(folder / "run", manifest(), SCENARIO)
        with writer:
            for index, entry in enumerate(events):
                writer.append(entry)
                if index % COMMIT == COMMIT - 1:
                    writer.close_week()
            writer.finish()

    def replay(self, folder: Path) -> State:
        state = State()
        for entry in open_log(folder / "run").entries():
            state.apply(entry.day, entry.actor, type(entry.event).__name__)
        return state

    def verify(self, folder: Path) -> None:
        assert verify(folder / "run").ok


def peers() -> list[Any]:
    """Ours first, then those whose packages are there."""
    try:
        from benchmarks.log_peer_eventsourcing import Bare, Documented
        from benchmarks.log_peers import Lines, Sqlite
    except ImportError as error:
        print(f"peers are left out: {error}; install the group `bench`", file=sys.stderr)
        return [Ours()]
    return [Ours(), Documented(), Bare(), Sqlite(), Lines()]


def speeds(events: list[Entry], rounds: int) -> dict[str, dict[str, float]]:
    """Events per CPU second of append, replay and verify of all, in turns, and bytes an event."""
    taken: dict[str, dict[str, list[float]]] = {}
    sizes, all_peers = {}, peers()
    for _ in range(rounds):
        for peer in all_peers:
            times = taken.setdefault(peer.name, {})
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                times.setdefault("append", []).append(cpu_s(peer.append, folder, events))
                times.setdefault("replay", []).append(cpu_s(peer.replay, folder))
                if hasattr(peer, "verify"):
                    times.setdefault("verify", []).append(cpu_s(peer.verify, folder))
                sizes[peer.name] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        name: {key: len(events) / statistics.median(spent) for key, spent in times.items()}
        | {"bytes": sizes[name] / len(events)}
        for name, times in taken.items()
    }


def compare(events: list[Entry], rounds: int) -> None:
    """Print how fast all are."""
    print(f"{'':24}{'append/s':>12}{'replay/s':>12}{'verify/s':>12}{'bytes/event':>12}")
    for name, found in speeds(events, rounds).items():
        told = [f"{found[key]:12,.0f}" if key in found else " " * 12 for key in KEYS]
        print(f"{name:24}{''.join(told)}{found['bytes']:12.1f}")


KEYS = ("append", "replay", "verify")


def column_batches(rows: int, batches: int, rounds: int) -> float:
    """Events per CPU second of ready columns: `batches` commits of `rows` payments each."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            found.append(rows * batches / payments_writer(Path(scratch) / "run", rows, batches))
    return statistics.median(found)


def payments_writer(folder: Path, rows: int, batches: int) -> float:
    """Write a log of payments by columns; CPU seconds of it, the columns ready made."""
    draw = np.random.default_rng(1)
    orgs = np.array([f"org{n}" for n in range(60)], dtype=object)
    columns = {
        "org": orgs[draw.integers(0, 60, rows)].tolist(),
        "counterparty": orgs[draw.integers(0, 60, rows)].tolist(),
        "amount_usd_cents": draw.integers(1, 10**9, rows),
        "kind": ["rent"] * rows,
        "contract_id": [f"org{n % 60}/lease/{n // 60}" for n in range(rows)],
    }
    cause = [0] * rows
    writer = LogWriter.create(folder, manifest(), SCENARIO)
    writer.append(next(entries(run(1, 3))))
    writer.commit_events = 1
    writer.close_week()  # RunStarted in a commit of its own
    payments = Rows(EVENTS["PaymentMade"], 0, START_DAY, columns["org"], cause, cause, columns)
    return cpu_s(write_columns, writer, payments, batches)


def write_columns(writer: LogWriter, rows: Rows, times: int) -> None:
    """Append the same rows again and again, a commit each."""
    for _ in range(times):
        writer.append_rows(msgspec.structs.replace(rows, first_seq=writer.next_seq))
        writer.close_week()
    writer.finish()


def chain_speed(rounds: int) -> float:
    """Megabytes per CPU second of the hash that the chain is made of."""
    data = os.urandom(32_000_000)
    return statistics.median(32 / cpu_s(lambda: hashlib.sha256(data).digest()) for _ in range(rounds))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10 * COMMIT)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--run", type=Path, help="take the events of this run")
    asked = parser.parse_args()
    events = list(open_log(asked.run).entries()) if asked.run else list(entries(run(asked.events // COMMIT, COMMIT)))
    print(f"{len(events):,} events, pyarrow {pa.__version__}, {asked.rounds} rounds")
    compare(events, asked.rounds)
    print(f"columns, 4,096 rows a commit  {column_batches(4096, 20, asked.rounds):12,.0f} events/s")
    print(f"columns, 100,000 rows a commit{column_batches(100_000, 2, asked.rounds):12,.0f} events/s")
    print(f"the chain's hash              {chain_speed(asked.rounds):12,.0f} MB/s")


if __name__ == "__main__":
    main()
