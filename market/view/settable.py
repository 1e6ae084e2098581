"""Settable numbers by who may read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn


class NotVisible(LookupError):
    """An org asked for what it may not see."""


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise TypeError("settable numbers are not set here: policies change them")


class Readable(dict[str, float]):
    """Settable numbers that one org may read: those that are nobody's own, and its own; set when it is made."""

    __slots__ = ("me",)
    me: str

    def __init__(self, me: str, *readable: Mapping[str, float]) -> None:
        for numbers in readable:
            super().update(numbers)
        self.me = me

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __missing__(self, name: str) -> float:
        if name.startswith("orgs.") and not name.startswith(f"orgs.{self.me}."):
            raise NotVisible(f"{name} is not {self.me}'s to know")
        raise KeyError(name)


class Settable:
    """Settable numbers that are no org's own, and by org its own: by their whole names, and by those of traits."""

    def __init__(
        self, public: dict[str, float], own: dict[str, dict[str, float]], traits: dict[str, dict[str, float]]
    ) -> None:
        self.public, self.own, self.traits = public, own, traits
        self._by_org: dict[str, tuple[Callable[[str], float], Mapping[str, float]]] = {}

    def readers(self, org: str) -> tuple[Callable[[str], float], Mapping[str, float]]:
        """What reads the numbers that an org may read by their whole names, and its traits."""
        found = self._by_org.get(org)
        if found is None:
            readable = Readable(org, self.public, self.own.get(org, {}))
            traits = MappingProxyType(self.traits.get(org, {}))
            found = self._by_org[org] = readable.__getitem__, traits
        return found


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
