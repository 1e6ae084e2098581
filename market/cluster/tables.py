"""Read the catalogue's small CSV tables with the standard library, so that importing the core stays quick."""

import csv
import difflib
import functools
from collections.abc import Iterable
from importlib import resources


class ClusterError(ValueError):
    """A case that cannot be answered: what was wrong, the value, the rule and the remedy."""


@functools.cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of `market/catalogue/<name>` as text fields, in file order."""
    text = resources.files("market").joinpath("catalogue", *name.split("/")).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def plain(name: str) -> str:
    """Fold a name for comparison: case, spaces, dots, hyphens and underscores do not matter."""
    return "".join(c for c in name.lower() if c not in " -_./()")


def unknown(what: str, name: object, known: Iterable[str]) -> ClusterError:
    """Build the error for a name that no table holds, with the closest names that one does."""
    names = sorted(known)
    by_lower = {n.lower(): n for n in names}
    close = difflib.get_close_matches(str(name)[:80].lower(), list(by_lower), n=4, cutoff=0.4)
    shown = [by_lower[n] for n in close] or names[:8]
    return ClusterError(f"{what}: must be a known {what}, was {str(name)[:80]!r}; close matches: {', '.join(shown)}")
