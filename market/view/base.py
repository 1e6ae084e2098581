"""What every view is: read-only, of one org, in one week; and who may see which event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.types import Event
from market.rng import Draws
from market.state import State
from market.state.run import Org
from market.view.records import Chip
from market.view.settable import NotVisible
from market.view.shared import Shared

__all__ = ["NotVisible", "View", "may_see", "shared_of", "state_of"]


def may_see(kind: type[Event], me: str, *parties: str) -> bool:
    """Whether an org may see an event that names these parties, the first of them its actor (`Event.sees`)."""
    if kind.sees == "public":
        return True
    return me in parties if kind.sees == "parties" else me == parties[0]


class View:
    """One org's sight of a week. Its attributes cannot be set, and none leads to the state.

    Attributes
    ----------
    me : the org.
    week, day : the week that begins, and its last day.
    param : reads a settable number by name; of orgs only the own ones. NotVisible for another's, KeyError for none.
    chip : reads one chip by name, as its supplier tells the market.
    draws : the own draws of the week that begins; an org draws for nobody else.
    is_regulated : whether any policy acts or will; where none does, nothing is refused and nothing is levied.
    """

    __slots__ = ("_shared", "_state", "_traits", "chip", "day", "draws", "is_regulated", "me", "param", "week")
    me: str
    week: int
    day: int
    param: Callable[[str], float]  # these two are no methods of ours: behaviours ask hundreds of thousands of times
    chip: Callable[[str], Chip]
    draws: Draws
    is_regulated: bool

    def __init__(self, shared: Shared, me: str) -> None:
        _SHARED.__set__(self, shared)
        _STATE.__set__(self, shared.state)
        param, traits = shared.parameters.readers(me)
        _TRAITS.__set__(self, traits)
        _set(self, "me", me)
        _set(self, "week", shared.week)
        _set(self, "day", shared.day)
        _set(self, "param", param)
        _set(self, "chip", shared.chips.__getitem__)
        _set(self, "draws", Draws(shared.state.run.seed, me, shared.week))
        _set(self, "is_regulated", shared.hooks is not None)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a view is read-only: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a view is read-only: {name}")

    def trait(self, name: str, default: float = 0.0) -> float:
        """Read an own trait."""
        traits: Mapping[str, float] = _TRAITS.__get__(self)
        return traits.get(name, default)

    @property
    def org(self) -> Org:
        """The own registration."""
        return shared_of(self).orgs[self.me]


_set = object.__setattr__  # a view's own refuses

# These slots stay and lose their names on the class: no attribute of a view leads to them, only these readers do.
_SHARED: Any = View.__dict__["_shared"]
_STATE: Any = View.__dict__["_state"]
_TRAITS: Any = View.__dict__["_traits"]
delattr(View, "_shared")
delattr(View, "_state")
delattr(View, "_traits")
shared_of: Callable[[View], Shared] = _SHARED.__get__  # for the methods of views alone
state_of: Callable[[View], State] = _STATE.__get__
