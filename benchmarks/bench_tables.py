"""What the tables of `market.analytics` take: CPU time and memory over a run, and over a log of many million events.

`python -m benchmarks.bench_tables RUN [--events 10000000] [--tables NAME ...]` repeats the weeks of a run one after the
other until the log is as long, with ids of their own in each repetition, writes it as segments of Arrow IPC files in a
temporary folder, and derives each table in a process of its own. Of a run it is the least of three.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks.measured import peak_mib
from market.analytics import TABLES
from market.runs.reading import open_run

SEGMENT_EVENTS = 1_000_000


def repeated(log: pl.DataFrame, events: int) -> Iterator[pl.DataFrame]:
    """Give the log, then its weeks after the first day again and again, `events` events in all."""
    first, last = int(log["day"].min()), int(log["day"].max())  # type: ignore[call-overload]
    weeks = int(log["week"].max()) + 1  # type: ignore[call-overload]
    body = log.filter(pl.col("day") > first)
    ids = [name for name in log.columns if name.endswith("_id")]
    yield log
    done, number = log.height, 0
    while done < events:
        number += 1
        yield body.head(events - done).with_columns(
            (pl.col("day") + (last - first) * number).cast(pl.Int32),
            (pl.col("week") + weeks * number).cast(pl.Int32),
            pl.col("seq") + done,
            *(pl.format("{}#{}", pl.col(name), pl.lit(number)).alias(name) for name in ids),
            *(
                (pl.col(name) + (last - first) * number).cast(pl.Int32)
                for name in ("start_day", "end_day", "due_day")
                if name in log.columns
            ),
        )
        done += body.height


def written(log: pl.DataFrame, events: int, folder: Path) -> int:
    """Write a long log as segments; give its bytes."""
    parts: list[pl.DataFrame] = []
    size, batch = 0, log.height // log["week"].n_unique()  # a week, as a log commits them

    def seal() -> int:
        path = folder / f"{len(list(folder.iterdir())):08}.arrow"
        pl.concat(parts).write_ipc(path, compression="zstd", record_batch_size=batch)
        parts.clear()
        return path.stat().st_size

    for part in repeated(log, events):
        parts.append(part)
        if sum(one.height for one in parts) >= SEGMENT_EVENTS:
            size += seal()
    return size + (seal() if parts else 0)


def derive(name: str, folder: Path) -> None:
    """Derive one table and print its rows, CPU seconds, and peak memory in MiB."""
    log = pl.concat([pl.scan_ipc(path) for path in sorted(folder.iterdir())])
    begun = time.process_time()
    rows = TABLES[name](log).collect().height
    print(f"{rows:>12,} {time.process_time() - begun:>8.2f} {peak_mib():>8,.0f}")


def run_ms(name: str, log: pl.LazyFrame) -> float:
    """Give the least CPU time of three, in milliseconds."""
    found = []
    for _ in range(3):
        begun = time.process_time()
        TABLES[name](log).collect()
        found.append(time.process_time() - begun)
    return 1000 * min(found)


def main() -> None:
    """Measure every table, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--derive", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.derive:
        derive(asked.derive, asked.run)
        return
    run = open_run(asked.run).log
    frame = run.collect()
    print(f"{'table':<14} {'run, ms CPU':>12} {'rows':>12} {'CPU s':>8} {'MiB':>8}  over {asked.events:,} events")
    with tempfile.TemporaryDirectory() as folder:
        size = written(frame, asked.events, Path(folder))
        for name in asked.tables:
            line = [sys.executable, "-m", "benchmarks.bench_tables", folder, "--derive", name]
            said = subprocess.run(line, capture_output=True, text=True, check=False)
            rest = said.stdout.rstrip() or f" failed: {said.stderr.strip().splitlines()[-1:] or said.returncode}"
            print(f"{name:<14} {run_ms(name, run):>12.0f} {rest}", flush=True)
    print(f"the long log has {size / 1e6:,.0f} MB on disk; a run's tables are read from its log as it is kept")


if __name__ == "__main__":
    main()
