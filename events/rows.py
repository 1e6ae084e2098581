"""Many events of one type on one day, placed in the log: the column form of `Entry`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from events.types.base import Entry, Event, by_position


class Rows(msgspec.Struct, frozen=True):
    """Events of one type with their envelope, all columns of equal length [n].

    kind : event type.
    first_seq : seq of the first row; the others follow without a gap.
    day : day on which all take effect, days since 1970-01-01.
    actor, cause_seq, root_seq : [n].
    columns : field name -> values [n]; lists, NumPy or Arrow arrays; every field of `kind`.
    """

    kind: type[Event]
    first_seq: int
    day: int
    actor: list[str]
    cause_seq: list[int]
    root_seq: list[int]
    columns: dict[str, Any]

    def __len__(self) -> int:
        return len(self.actor)

    def events(self) -> list[Event]:
        """The same events one by one, without their envelope."""
        return list(map(by_position(self.kind), *self._columns()))

    def values(self) -> Iterator[tuple[Any, ...]]:
        """The fields of each event, in the order in which its type has them."""
        return zip(*self._columns(), strict=True)

    def _columns(self) -> list[list[Any] | tuple[Any, ...]]:
        return [plain(self.columns[name]) for name in self.kind.__struct_fields__]

    def entries(self) -> Iterator[Entry]:
        """The same events one by one."""
        places = zip(self.actor, self.cause_seq, self.root_seq, self.events(), strict=True)
        for seq, (actor, cause, root, event) in enumerate(places, self.first_seq):
            yield Entry(seq, self.day, actor, cause, root, event)


def plain(values: Any) -> list[Any] | tuple[Any, ...]:
    """Python objects of a list, a tuple, a NumPy or an Arrow array."""
    if isinstance(values, (list, tuple)):
        return values
    convert = getattr(values, "to_pylist", None) or values.tolist
    listed: list[Any] = convert()
    return listed
