"""Check equals run, in full: `python -m tests.variants --count 300 --weeks 156`.

Outcomes go to a file of JSON lines as they come; a command that was cut short goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from tests.variants.make import Variant, variants
from tests.variants.run import Outcome, answered


def main() -> int:
    """Print every fault and how many ran and were refused; exit with 1 when there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.variants", description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--weeks", type=int, default=156)
    parser.add_argument("--seed", type=int, default=0, help="another order, other pairs")
    parser.add_argument("--only", default="", help="part of the names to try")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("variants.jsonl"), help="where outcomes are kept")
    asked = parser.parse_args()
    known = _known(asked.out)
    wanted = list(islice((v for v in islice(variants(asked.seed), 20_000) if asked.only in v.name), asked.count))
    todo = [(each, asked.weeks) for each in wanted if _id(each, asked.weeks) not in known]
    with asked.out.open("a") as file, get_context("spawn").Pool(asked.jobs) as pool:
        for (each, weeks), found in zip(todo, pool.imap(answered, todo), strict=True):
            known[_id(each, weeks)] = found
            file.write(json.dumps([_id(each, weeks), *found]) + "\n")
            file.flush()
            if found.kind == "fault":
                print(f"{found.name}: {found.text}", flush=True)
    return _tell([known[_id(each, asked.weeks)] for each in wanted])


def _id(each: Variant, weeks: int) -> str:
    return blake2b(f"{weeks}|{each.text}".encode(), digest_size=8).hexdigest()


def _known(path: Path) -> dict[str, Outcome]:
    """Outcomes of an earlier command that hold still: faults are tried again."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("]")]
    return {id_: Outcome(*rest) for id_, *rest in found if rest[1] != "fault"}


def _tell(outcomes: list[Outcome]) -> int:
    counts = Counter(found.kind for found in outcomes)
    print(f"{len(outcomes)} variants: {counts['ran']} ran, {counts['refused']} refused, {counts['fault']} faults")
    return 1 if counts["fault"] else 0


if __name__ == "__main__":
    sys.exit(main())
