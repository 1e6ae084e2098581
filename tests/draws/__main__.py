"""Run the default world under parameters drawn within 30 %: `python -m tests.draws --count 200 --weeks 156`.

Outcomes go to a file of JSON lines as they come; a command that was cut short goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from statistics import quantiles

from tests.draws.trial import Outcome, outcome


def main() -> int:
    """Run what is missing, print what went wrong and the spread of what held; exit with 1 when something did."""
    parser = argparse.ArgumentParser(prog="python -m tests.draws", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="size of the design: another size, other draws")
    parser.add_argument("--weeks", type=int, default=156)
    parser.add_argument("--first", type=int, default=0, help="first draw, to share the work between processes")
    parser.add_argument("--last", type=int, default=None, help="last draw")
    parser.add_argument("--out", type=Path, default=Path("runs/draws.jsonl"), help="where outcomes are kept")
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    design, found = [asked.count, asked.weeks], []
    lines = asked.out.read_text().splitlines() if asked.out.exists() else []
    known = {line[1][0]: Outcome(*line[1]) for line in map(json.loads, lines) if line[0] == design}
    last = asked.count - 1 if asked.last is None else asked.last
    with asked.out.open("a") as file:
        for number in range(asked.first, last + 1):
            if number not in known:
                known[number] = outcome(number, asked.count, asked.weeks)
                file.write(json.dumps([design, known[number]]) + "\n")
                file.flush()
            found.append(known[number])
            if found[-1].kind != "held":
                print(f"draw {number}: {found[-1].kind}: {found[-1].text}", flush=True)
    print(dict(Counter(each.kind for each in found)))
    held = [each for each in found if each.kind == "held"]
    for name in ("index_usd", "energised_gw") if len(held) > 1 else ():
        low, *_, high = quantiles([getattr(each, name) for each in held], n=10)
        print(f"{name} after {asked.weeks} weeks: 80 % of draws within {low:.3g} and {high:.3g}")
    return int(len(held) < len(found))


if __name__ == "__main__":
    sys.exit(main())
