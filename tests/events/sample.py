"""Made-up runs of any length that hold every event type, from a seed; values mean nothing, types and nulls do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from events import EVENTS, Entry, Event, LogWriter, Manifest, MemoryLog
from events.types.base import optional_fields
from events.vocabulary import VOCABULARY

SCENARIO = "name: sample\n"
START_DAY = 19919  # 2024-07-15
ORGS = [f"org{n}" for n in range(40)]
ONCE = ("RunStarted", "RunEnded", "WeekClosed")

type Week = list[Entry]


def event(kind: type[Event], draw: random.Random, day: int = START_DAY) -> Event:
    """Draw an event of a type."""
    optional = optional_fields(kind)
    return kind(**{name: _value(name, draw, day, name in optional) for name in kind.__struct_fields__})


def _value(name: str, draw: random.Random, day: int, is_optional: bool) -> object:
    if is_optional and draw.random() < 0.5:
        return None
    field = VOCABULARY[name]
    if field.type == "bool":
        return draw.random() < 0.5
    if field.type == "float64":
        return round(draw.random() * 10, 3)
    if field.type != "utf8":
        return day + draw.randrange(700) if name.endswith("_day") else draw.randrange(1, 2000)
    if name.endswith("_id"):
        return f"{draw.choice(ORGS)}/{name[:-3]}/{draw.randrange(3000)}"
    if name == "state_hash":
        return f"{draw.getrandbits(256):064x}"
    return f"{name}-{draw.randrange(15)}{draw.choice(['', '', '', ' é', ' 算'])}"


def run(weeks: int, events_a_week: int, seed: int = 0) -> list[Week]:
    """Draw a whole run, RunStarted to RunEnded, that goes through all event types in turn."""
    draw = random.Random(seed)
    kinds = [kind for name, kind in EVENTS.items() if name not in ONCE]
    turn, seq, found = 0, 0, []
    for week in range(weeks):
        day = START_DAY + 7 * week
        events = [] if week else [event(EVENTS["RunStarted"], draw, day)]
        while len(events) < events_a_week - 1:
            events.append(event(kinds[turn % len(kinds)], draw, day))
            turn += 1
        events.append(event(EVENTS["WeekClosed"], draw, day))
        if week == weeks - 1:
            events.append(event(EVENTS["RunEnded"], draw, day))
        found.append([_entry(at, day, draw, one) for at, one in enumerate(events, seq)])
        seq += len(events)
    return found


def _entry(seq: int, day: int, draw: random.Random, one: Event) -> Entry:
    cause = -1 if seq == 0 or draw.random() < 0.1 else draw.randrange(max(0, seq - 300), seq)
    return Entry(seq, day, draw.choice(ORGS), cause, seq if cause < 0 else draw.randrange(cause + 1), one)


def manifest(seed: int = 0) -> Manifest:
    """Describe a sample run."""
    return Manifest.describe(SCENARIO, seed)


def feed(
    log: LogWriter | MemoryLog, weeks: list[Week], acknowledged: Callable[[], None] = lambda: None, finish: bool = True
) -> None:
    """Append what a log lacks of a run, week by week, as the kernel does."""
    for week in weeks:
        if week[-1].seq < log.next_seq:
            continue
        for entry in week:
            log.append(entry)
        log.close_week()
        acknowledged()
    if finish:
        log.finish()
        acknowledged()


def entries(weeks: list[Week]) -> Iterator[Entry]:
    """All entries of a run."""
    for week in weeks:
        yield from week
