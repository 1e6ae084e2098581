"""How CPU time and memory grow with the number of orgs: `python -m benchmarks.growth [--orgs N ...] [--weeks W]`.

Each size is simulated in a process of its own, the default scenario with a synthetic tail (`population:`), its log on
disk, and without it the scenario's own orgs. The exponent is the slope of log CPU time over log orgs, by least squares
over all sizes and between neighbours. `--audit` derives the findings of the auditor from each log (none is right),
`--plot FILE` draws the picture, `--json FILE` keeps the figures, `--draw FILE` draws kept ones again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import peak_mib
from benchmarks.picture import growth_svg

SIZES = (50, 100, 250, 500, 1000)
NAMED = 42  # orgs of the default scenario itself
SHARES = {"labs": 0.5, "clouds": 0.2, "others": 0.3}


def tail_of(orgs: int) -> dict[str, str]:
    """Settings of a population that makes so many orgs in all: half labs, a fifth clouds."""
    tail = max(0, orgs - NAMED)
    counts = {part: int(tail * share) for part, share in SHARES.items()}
    counts["others"] += tail - sum(counts.values())
    return {f"population.{part}": str(count) for part, count in counts.items()} if tail else {}


def measure(orgs: int, weeks: int, *, audited: bool) -> dict[str, Any]:
    """Simulate one size in this process: CPU seconds of its phases, events, leases, memory."""
    from agents.simulation import Simulation
    from market.runs.drive import start
    from market.runs.question import Question, checked
    from market.scenario.load import load_scenario

    marks = [time.process_time()]
    scenario = load_scenario("frontier-2024", {"years": str((7 * weeks + 0.5) / 365.25), **tail_of(orgs)}).scenario
    marks.append(time.process_time())
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        state = start(checked(Question(scenario, 0)), run, Simulation, lambda week, events: tell(orgs, week, events))
        marks.append(time.process_time())
        found = {
            "orgs": len(scenario.orgs),
            "weeks": weeks,
            "load_cpu_s": round(marks[1] - marks[0], 2),
            "run_cpu_s": round(marks[2] - marks[1], 2),
            "events": events_of(run),
            "active_leases": len(state.leases.leases),
            "log_mb": round(sum(file.stat().st_size for file in run.rglob("*") if file.is_file()) / 1e6, 1),
            "peak_mib": round(peak_mib()),
        }
        if audited:
            found |= audit_of(run)
    return found


def tell(orgs: int, week: int, events: int) -> None:
    """Say now and then how far a large run is."""
    if week % 13 == 0:
        print(
            f"{orgs} orgs, week {week}: {events:,} events, {time.process_time():.0f} CPU-s", file=sys.stderr, flush=True
        )


def events_of(run: Path) -> int:
    """Events of a sealed log."""
    from market import open_run

    return open_run(run).reader.summary.events


def audit_of(run: Path) -> dict[str, Any]:
    """Findings of the auditor over a log, its CPU seconds, and memory with it."""
    from market import open_run
    from market.analytics.audit import audit

    began = time.process_time()
    findings = len(list(audit(open_run(run).log)))
    return {
        "findings": findings,
        "audit_cpu_s": round(time.process_time() - began, 2),
        "audit_peak_mib": round(peak_mib()),
    }


def exponent(rows: list[dict[str, Any]]) -> float:
    """Slope of log CPU time over log orgs."""
    sizes, taken = (np.log([row[key] for row in rows]) for key in ("orgs", "run_cpu_s"))
    return float(np.polyfit(sizes, taken, 1)[0])


def table(rows: list[dict[str, Any]]) -> str:
    """Write figures as a table in Markdown."""
    lines = ["| " + " | ".join(rows[-1]) + " |", "|" + "---|" * len(rows[-1])]
    lines += [
        "| " + " | ".join(f"{row.get(key, ''):,}" if key in row else "" for key in rows[-1]) + " |" for row in rows
    ]
    return "\n".join(lines)


def measured(orgs: int, weeks: int, *, audited: bool) -> dict[str, Any]:
    """Measure one size in a new process."""
    line = [sys.executable, "-m", "benchmarks.growth", "--one", str(orgs), "--weeks", str(weeks)]
    done = subprocess.run([*line, *(["--audit"] if audited else [])], stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def main() -> None:
    """Measure all sizes and print them with their exponents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orgs", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--audit", action="store_true")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--draw", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.weeks, audited=asked.audit)))
        return
    rows = json.loads(asked.draw.read_text()) if asked.draw else []
    for orgs in () if rows else asked.orgs:
        rows.append(measured(orgs, asked.weeks, audited=asked.audit))
        print(rows[-1], flush=True)
        if asked.json:
            asked.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))
    if len(rows) > 1:
        steps = ", ".join(f"{a['orgs']}-{b['orgs']}: {exponent([a, b]):.2f}" for a, b in pairwise(rows))
        print(f"exponent of CPU time over orgs: {exponent(rows):.2f} over all; {steps}")
    if asked.plot:
        asked.plot.write_text(growth_svg(rows, exponent(rows)), encoding="utf-8")


if __name__ == "__main__":
    main()
