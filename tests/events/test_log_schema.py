"""Events to the wide table and back."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import EVENTS, Entry, EventInvalid, Rows, segment, unpack
from events.decode import decode
from events.schema import encode, log_schema
from events.types.base import optional_fields
from events.validate import Seen, fault
from events.vocabulary import DAY_MAX, DAY_MIN, DAYS, ENVELOPE, VOCABULARY
from tests.events.sample import START_DAY, event, run

PLACE = segment.Place("0" * 64, 0, 0)
LIMITS = {"int16": 2**15, "int32": 2**31, "int64": 2**63}


def through_bytes(batch: pa.RecordBatch) -> pa.RecordBatch:
    data, commit = segment.write_commit(batch, PLACE, 0)
    return unpack.Unpacker(pa.py_buffer(data), log_schema()).commit(commit).whole


def values(name: str, is_optional: bool) -> st.SearchStrategy[Any]:
    kind = VOCABULARY[name].type
    found: dict[str, st.SearchStrategy[Any]] = {
        "utf8": st.text(max_size=12),
        "float64": st.floats(allow_nan=False),
        "bool": st.booleans(),
    }
    limit = LIMITS.get(kind, 0)
    if name in DAYS:
        found["int32"] = st.integers(DAY_MIN, DAY_MAX)
    drawn = found[kind] if kind in found else st.integers(-limit, limit - 1)
    return st.none() | drawn if is_optional else drawn


@st.composite
def entry_lists(draw: st.DrawFn) -> list[Entry]:
    kinds = draw(st.lists(st.sampled_from([kind for name, kind in EVENTS.items() if name != "RunEnded"]), min_size=1))
    entries = []
    for seq, kind in enumerate(kinds):
        names, optional = kind.__struct_fields__, optional_fields(kind)
        one = kind(**{name: draw(values(name, name in optional)) for name in names})
        cause = draw(st.integers(-1, seq - 1))
        entries.append(Entry(seq, START_DAY + seq // 3, draw(st.text(max_size=5)), cause, seq if cause < 0 else 0, one))
    return entries


@pytest.mark.parametrize("day", [DAY_MIN - 1, DAY_MAX + 1, 2**31 - 1, -(2**31)])
def test_a_day_outside_1900_to_2200_is_not_written(day: int) -> None:
    slipped = EVENTS["VolumeSlipped"](chip="c", supplier="s", due_day=day, duration_days=1, reason="r")
    with pytest.raises(EventInvalid, match=f"due_day {day} is no day from 1900 to 2200"):
        encode([[Entry(0, START_DAY, "world", -1, 0, slipped)]], 0, 0)
    with pytest.raises(EventInvalid, match=f"day {day} is no day"):
        encode([[Entry(0, day, "world", -1, 0, msgspec.structs.replace(slipped, due_day=0))]], 0, 0)


@settings(deadline=None, max_examples=60)
@given(entry_lists())
def test_any_events_come_back_as_they_were(entries: list[Entry]) -> None:
    batch = through_bytes(encode([entries], 0, 0))
    assert fault(unpack.Slabs.of(batch), 0, 0, Seen()) == ""
    assert decode(batch) == entries


def test_every_event_has_fields_of_the_vocabulary_and_the_envelope_is_not_in_it() -> None:
    for kind in EVENTS.values():
        assert set(kind.__struct_fields__) <= set(VOCABULARY), kind
    assert not set(ENVELOPE) & set(VOCABULARY)
    assert len(VOCABULARY) <= 128


def columns_of(entries: list[Entry], convert: Any) -> dict[str, Any]:
    kind = type(entries[0].event)
    return {name: convert([getattr(entry.event, name) for entry in entries], name) for name in kind.__struct_fields__}


def as_numpy(listed: list[Any], name: str) -> Any:
    return listed if VOCABULARY[name].type == "utf8" else np.array(listed)


def as_arrow(listed: list[Any], name: str) -> Any:
    return pa.array(listed)


def as_slice(listed: list[Any], name: str) -> Any:
    """A part of a longer array, whose buffers begin and end elsewhere."""
    return pa.array([listed[-1], *listed, listed[0]])[1:-1]


@pytest.mark.parametrize("convert", [lambda listed, name: listed, as_numpy, as_arrow, as_slice])
def test_a_column_batch_gives_the_bytes_of_the_same_events_one_by_one(convert: Any) -> None:
    draw = random.Random(1)
    before = Entry(0, START_DAY, "world", -1, 0, event(EVENTS["RunStarted"], draw))
    made = [Entry(n, START_DAY, f"org{n}", 0, 0, event(EVENTS["PaymentMade"], draw)) for n in range(1, 50)]
    rows = Rows(
        EVENTS["PaymentMade"], 1, START_DAY, [e.actor for e in made], [0] * 49, [0] * 49, columns_of(made, convert)
    )
    assert list(rows.entries()) == made
    assert encode([[before], rows], 0, 0) == encode([[before, *made]], 0, 0)
    one = segment.write_commit(encode([[before], rows], 0, 0), PLACE, 0)
    assert one == segment.write_commit(encode([[before, *made]], 0, 0), PLACE, 0)


def made(**changes: Any) -> Entry:
    one = event(EVENTS["OrderPlaced"], random.Random(2))
    return Entry(0, START_DAY, "org1", -1, 0, msgspec.structs.replace(one, **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price_usd_per_gpu": math.nan}, "price_usd_per_gpu is nan"),
        ({"gpus": None}, "OrderPlaced.gpus"),
        ({"gpus": 1.5}, "OrderPlaced.gpus"),
        ({"gpus": 2**63}, "OrderPlaced.gpus"),
        ({"gpus": "8"}, "OrderPlaced.gpus"),
        ({"chip": None}, "chip"),
        ({"chip": 7}, "chip"),
        ({"chip": "\ud800"}, "chip"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EventInvalid, match=said):
        encode([[made(**changes)]], 0, 0)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([(0, 10, -1, 0), (1, 9, 0, 0)], "day falls"),
        ([(0, 10, 0, 0)], "cause_seq 0"),
        ([(0, 10, -2, 0)], "cause_seq -2"),
        ([(0, 10, -1, 0), (1, 10, -1, 0)], "root_seq 0"),
    ],
)
def test_days_never_fall_and_causes_come_first(places: list[tuple[int, int, int, int]], said: str) -> None:
    entries = [Entry(seq, day, "a", cause, root, made().event) for seq, day, cause, root in places]
    with pytest.raises(EventInvalid, match=said):
        encode([entries], 0, 0)


def test_columns_that_are_not_those_of_the_event_are_refused() -> None:
    short = Rows(
        EVENTS["ComputeSplitSet"], 0, START_DAY, ["a", "b"], [-1, -1], [0, 1], {"org": ["a"], "share": [0.5, 1.0]}
    )
    with pytest.raises(EventInvalid, match="org has 1 values for 2 rows"):
        encode([short], 0, 0)
    stray = msgspec.structs.replace(short, columns={"org": ["a", "b"], "gpus": [1, 2]})
    with pytest.raises(EventInvalid, match="columns of ComputeSplitSet"):
        encode([stray], 0, 0)
    wide = msgspec.structs.replace(short, columns={"org": ["a", "b"], "share": np.array([1, 2**60 + 1])})
    with pytest.raises(EventInvalid, match="share"):
        encode([wide], 0, 0)


def test_a_commit_larger_than_readers_take_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = encode([run(1, 40)[0]], 0, 0)
    monkeypatch.setattr(segment, "ROWS_MAX", 39)
    with pytest.raises(EventInvalid, match="41 events"):
        segment.write_commit(batch, PLACE, 0)
    monkeypatch.setattr(segment, "ROWS_MAX", 41)
    monkeypatch.setattr(segment, "BODY_BYTES_MAX", 1000)
    with pytest.raises(EventInvalid, match="a commit of"):
        segment.write_commit(batch, PLACE, 0)


def test_an_event_class_that_the_record_does_not_know_is_refused() -> None:
    class Rumour(EVENTS["OrgDefaulted"]):  # type: ignore[valid-type,misc,name-defined]
        pass

    with pytest.raises(EventInvalid, match="Rumour is not an event"):
        encode([[Entry(0, START_DAY, "a", -1, 0, Rumour(org="a", amount_usd_cents=1, reason="b"))]], 0, 0)
