"""Settable numbers by who may read them."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple


class Settable(NamedTuple):
    """Settable numbers that are no org's own, and by org its own: by their whole names, and by those of traits."""

    public: dict[str, float]
    own: dict[str, dict[str, float]]
    traits: dict[str, dict[str, float]]


_latest: list[tuple[dict[str, float], Settable]] = []


def settable(parameters: dict[str, float]) -> Settable:
    """Part settable numbers by who may read them: anew only where any of them is another, which is seldom."""
    for known, parted in _latest:
        if known == parameters:
            return parted
    parted = _parted(parameters)
    _latest[:] = [(dict(parameters), parted)]
    return parted  # another run in the same process may have replaced the latest by now


def _parted(parameters: dict[str, float]) -> Settable:
    public: dict[str, float] = {}
    own: dict[str, dict[str, float]] = defaultdict(dict)
    traits: dict[str, dict[str, float]] = defaultdict(dict)
    for name, x in parameters.items():
        if name.startswith("orgs."):
            _, org, trait = name.split(".", 2)
            own[org][name] = traits[org][trait] = x
        else:
            public[name] = x
    return Settable(public, dict(own), dict(traits))
