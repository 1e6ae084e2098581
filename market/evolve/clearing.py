"""How events of clearing change the state."""

from __future__ import annotations

from events.types import clearing as events
from market.state import State


def mechanism_chosen(state: State, event: events.MechanismChosen, day: int) -> None:
    state.run.mechanisms[event.kind] = event.mechanism


APPLY = {events.MechanismChosen: mechanism_chosen}
INERT = (events.ChipsCleared, events.RentsCleared)
