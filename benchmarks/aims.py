"""The aims of speed and scale, each measured by one command: `python -m benchmarks.aims [NAME ...] [--rounds 5]`.

CPU seconds (user and system) are medians of five rounds; each peer is measured in the same process of this command, in
turn with ours. `python -m benchmarks.aims --list` names the parts. Peers that the project does not install are run by
`uv run --script`. Libraries are kept to one thread. `--json FILE` keeps the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ |= {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}

from benchmarks import aims_log, aims_peers, aims_run
from benchmarks.measured import Line

PARTS: dict[str, Callable[[int], list[Line]]] = {
    "run": aims_run.three_years,
    "start": aims_run.first_output,
    "read": aims_run.commands_that_read,
    "loader": aims_run.loader,
    "experiments": aims_run.experiments,
    "install": aims_run.install,
    "log": aims_log.against_peers,
    "long-log": aims_log.ten_million,
    "mesa": aims_peers.mesa,
    "assume": aims_peers.assume,
    "llm-analysis": aims_peers.llm_analysis,
}


def main() -> None:
    """Measure the parts that are asked for, all of them where none is named, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(PARTS))
        return
    if unknown := set(asked.names) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    kept = []
    print("| what | aim | measured | reached |\n|---|---|---|---|")
    for name in asked.names or PARTS:
        try:
            lines = PARTS[name](asked.rounds)
        except Exception as error:  # a peer that does not install must not lose what was measured
            print(f"{name}: not measured: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        for line in lines:
            kept.append(line._asdict())
            print(f"| {line.what} | {line.aim} | {line.measured} | {line.verdict} |", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
