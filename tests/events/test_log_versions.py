"""Logs of every released version read as events of today."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from events import EVENTS, LogForeign, LogNewer, open_log, upcast, verify, vintage
from events.manifest import Manifest, schema_hash, vocabulary_hash
from events.upcast import Upcast, gaps, lift
from events.vocabulary import ENVELOPE, VOCABULARY
from tests.events.golden import FIRST, PRESENT, golden_entries
from tests.events.sample import manifest


@pytest.mark.parametrize("folder", [FIRST, PRESENT], ids=["version 1", "version 2"])
def test_a_golden_log_verifies_and_reads_as_the_events_that_were_written(folder: Path) -> None:
    found = verify(folder)
    assert found.problems == []
    assert found.complete
    assert list(open_log(folder).entries()) == golden_entries()


def test_the_first_golden_log_is_older_in_event_and_in_vocabulary() -> None:
    table = open_log(FIRST).scan().collect()
    made = table.filter(table["type"] == "OutputMade")
    assert made["version"].to_list() == [1, 1, 1]
    assert made["lead_time_weeks"].null_count() == 3
    assert "term_risk" not in table.columns


def test_released_columns_are_still_there_with_their_types() -> None:
    present = {name: field.type for name, field in {**ENVELOPE, **VOCABULARY}.items()}
    for path in vintage.SCHEMAS.glob("*.json"):
        columns = msgspec.json.decode(path.read_bytes(), type=list[tuple[str, str]])
        assert schema_hash(columns) == path.stem
        assert {name: present.get(name) for name, _ in columns} == dict(columns), path.name


def test_every_old_version_reaches_the_present() -> None:
    assert gaps() == []
    assert set(upcast.UPCASTS) >= {("OutputMade", 1)}


def test_a_gap_in_the_upcasts_is_found_at_start() -> None:
    class Third(EVENTS["ComputeSplitSet"]):  # type: ignore[valid-type,misc,name-defined]
        version = 3

    step = Upcast(("org", "share"), lambda columns: columns)
    assert gaps({"Third": Third}, {("Third", 2): step}) == ["Third v1 has no upcast to v2"]
    assert gaps({"Third": Third}, {("Third", 1): step, ("Third", 2): step}) == []
    assert gaps({}, {("Third", 1): step}) == ["upcast of Third v1 leads nowhere"]


def test_upcasts_chain() -> None:
    def rename(old: str, new: str) -> Upcast:
        return Upcast((old,), lambda columns: {new: columns[old]})

    steps = {("Event", 1): rename("a", "b"), ("Event", 2): rename("b", "c")}
    assert lift("Event", 1, {"a": [1, 2]}, steps) == {"c": [1, 2]}
    assert lift("Event", 3, {"c": [3]}, steps) == {"c": [3]}


def test_an_unknown_vocabulary_is_refused() -> None:
    strange = msgspec.structs.replace(manifest(), vocabulary="0" * 64)
    with pytest.raises(LogForeign, match="vocabulary 000000000000 is unknown"):
        vintage.schema_of(b"", strange)
    assert vintage.released("../../etc/passwd") is None
    assert vintage.released(vocabulary_hash()) is not None


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    newer: Manifest = msgspec.structs.replace(manifest(), format=2)
    (tmp_path / "run.json").write_bytes(newer.to_json())
    with pytest.raises(LogNewer, match="format 2, this program reads up to 1; install a newer one"):
        open_log(tmp_path)
