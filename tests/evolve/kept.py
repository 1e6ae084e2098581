"""What evolve writes, field by field, as kept in `written.json`: of a small world that holds every kind of thing, of a
run by an earlier program, and of a state before any event.

    python -m tests.evolve.kept        writes the file anew, and says which fields changed: only where that is meant
"""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from market.runs.reading import open_run
from market.state import FAMILIES, State, state_form, state_hash
from tests.events.golden_world import WORLD

FILE = Path(__file__).parent / "written.json"
OTHERS = ("run.parameters", "run.baseline")  # the catalogue's, not evolve's


def leaves(thing: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every value with the fields that lead to it; keys of mappings and places in lists are `*`, their text a value."""
    if isinstance(thing, msgspec.Struct):
        for name in thing.__struct_fields__:
            yield from leaves(getattr(thing, name), f"{path}.{name}")
    elif isinstance(thing, dict):
        for key in sorted(thing, key=str):
            yield f"{path}.*", str(key)
            yield from leaves(thing[key], f"{path}.*")
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from leaves(each, f"{path}.*")
    else:
        yield path, f"{thing:.12g}" if isinstance(thing, float) else repr(thing)


def digests(state: State) -> dict[str, str]:
    """A digest of all values of each field of a state."""
    found: dict[str, list[str]] = defaultdict(list)
    for family in FAMILIES:
        for path, value in leaves(getattr(state, family), family):
            if not path.startswith(OTHERS):
                found[path].append(value)
    fields = {path: hashlib.sha256("\n".join(values).encode()).hexdigest()[:8] for path, values in found.items()}
    return {**fields, f"hash in form {state_form()}": _hashed(state)}


def _hashed(state: State) -> str:
    """The hash by which a log of before replays, the catalogue's numbers left out."""
    bare = copy.deepcopy(state)
    bare.run.parameters, bare.run.baseline = {}, {}
    return state_hash(bare)[:8]


def written() -> dict[str, dict[str, str]]:
    """The digests of each state."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest finds the small world
    from tests.evolve.test_state_and_evolve import full

    return {"small": digests(full()), "old run": digests(open_run(WORLD).replay().state), "nothing": digests(State())}


def main() -> None:
    """Write the file anew."""
    before = json.loads(FILE.read_text()) if FILE.exists() else {}
    now = written()
    for name, fields in now.items():
        old = before.get(name, {})
        for field in sorted({*fields, *old}):
            if fields.get(field) != old.get(field):
                print(f"{name}: {field}")
    FILE.write_text(json.dumps(now, indent=0, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
