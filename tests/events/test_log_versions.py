"""Logs of every earlier version read as events of today."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner

import cli
import events.table
from events import EVENTS, Event, LogForeign, LogNewer, LogWriter, open_log, registry, upcast, verify, vintage
from events.field import Field
from events.manifest import Manifest
from events.registry import Key, Registry, breaks, known_shapes, merged, present
from events.types.base import Retired
from events.upcast import UPCASTS, Columns, Upcast, gaps, lift
from events.vocabulary import VOCABULARY
from market.analytics import TABLES
from market.runs.reading import open_run
from market.state import State, state_form
from market.state.form import form_of
from tests.events.golden import FIRST, PRESENT, golden_entries
from tests.events.golden_world import QUANTITIES, WORLD, quantities
from tests.events.sample import SCENARIO, manifest, run


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let the caches of what is known forget what a test changed."""
    caches = (registry.known_columns, registry.known_shapes, registry.retired, vintage._old_schema)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


@pytest.mark.parametrize("folder", [FIRST, PRESENT], ids=["version 1", "version 2"])
def test_a_golden_log_verifies_and_reads_as_the_events_that_were_written(folder: Path) -> None:
    found = verify(folder)
    assert found.problems == []
    assert found.complete
    assert list(open_log(folder).entries()) == golden_entries()


def test_the_first_golden_log_is_older_in_event_and_in_vocabulary_and_its_table_is_todays() -> None:
    (slabs,) = open_log(FIRST).batches()
    batch = slabs.whole
    kinds = zip(batch.column("type").to_pylist(), batch.column("version").to_pylist(), strict=True)
    made = [version for name, version in kinds if name == "OutputMade"]
    assert made == [1, 1, 1]
    assert "term_risk" not in batch.schema.names
    first, second = (open_log(folder).scan().collect() for folder in (FIRST, PRESENT))
    assert first.equals(second)


# --- the world as an earlier program made it


def test_a_run_of_the_first_program_verifies() -> None:
    found = verify(WORLD)
    assert (found.problems, found.complete, found.events) == ([], True, 17325)


def test_a_run_of_the_first_program_replays_to_its_quantities_and_says_that_no_hash_was_compared() -> None:
    replayed = open_run(WORLD).replay()
    assert replayed.mismatch == ""
    assert replayed.unchecked == f"hashes not replayed: state form 1, now {state_form()}"
    assert quantities(replayed.state) == json.loads(QUANTITIES.read_text(encoding="utf-8"))


def test_a_run_of_the_first_program_answers_every_query() -> None:
    run = open_run(WORLD)
    assert run.query("SELECT count(*) AS n FROM log WHERE type = 'LeaseSigned'")["n"].item() > 10
    for name in TABLES:
        assert run.table(name).collect().is_empty() == (name in {"clearings", "contracts", "estates", "segments"}), name


def test_replay_of_an_old_run_succeeds_on_the_command_line_and_says_what_it_did_not_check() -> None:
    found = CliRunner().invoke(cli.main, ["replay", str(WORLD), "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["matches"] is None
    assert f"hashes not replayed: state form 1, now {state_form()}" in found.stderr


# --- the registry


def test_every_shape_and_column_is_registered() -> None:
    assert breaks(registry.registry(), present()) == []
    stale = "run `python -m events.registry` and commit events/registry.json"
    assert registry.FILE.read_text(encoding="utf-8") == registry.text(merged(registry.registry(), present())), stale


def test_a_field_that_may_be_null_is_added_without_a_new_version() -> None:
    before = Registry({}, {("Sold", 1): {"org": False}})
    assert breaks(before, Registry({}, {("Sold", 1): {"org": True, "chip": True}})) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"org": False, "chip": False}, "Sold: chip is new and cannot be null; raise its version to 2"),
        ({"chip": True}, "Sold: org is gone; raise its version to 2"),
        ({"org": False, "site": False}, "Sold: site could be null, and no longer can; raise its version to 2"),
    ],
)
def test_any_other_change_needs_a_version(now: dict[str, bool], said: str) -> None:
    before = {"org": False, "site": True} if "site" in now else {"org": False}
    (found,) = breaks(Registry({}, {("Sold", 1): before}), Registry({}, {("Sold", 1): now}))
    assert found.startswith(said)
    assert breaks(Registry({}, {("Sold", 1): before}), Registry({}, {("Sold", 2): now})) == []


def test_a_column_keeps_its_type() -> None:
    (found,) = breaks(Registry({"gpus": "int64"}, {}), Registry({"gpus": "float64"}, {}))
    assert found.startswith("column gpus: was int64, now float64")


def test_every_old_version_reaches_the_present() -> None:
    assert gaps() == []
    assert ("OutputMade", 1) in UPCASTS


def test_a_gap_in_the_upcasts_is_found_at_start() -> None:
    class Third(EVENTS["ComputeSplitSet"]):  # type: ignore[valid-type,misc,name-defined]
        version = 3

    step = Upcast(lambda columns: columns)
    shapes: dict[tuple[str, int], dict[str, bool]] = {("Third", version): {} for version in (1, 2, 3)}
    assert gaps(shapes, {"Third": Third}, {("Third", 2): step}) == ["Third v1 has no upcast"]
    assert gaps(shapes, {"Third": Third}, {("Third", 1): step, ("Third", 2): step}) == []
    assert gaps({}, {}, {("Third", 1): step}) == ["upcast of Third v1 leads nowhere"]
    assert gaps(shapes, {}, {("Third", 1): step, ("Third", 2): step}) == []  # written no more


def test_upcasts_chain_and_may_rename_the_event() -> None:
    def rename(old: str, new: str) -> Upcast:
        return Upcast(lambda columns: {new: columns[old]})

    steps = {("Event", 1): rename("a", "b"), ("Event", 2): rename("b", "c")}
    assert lift(("Event", 1), {"a": [1, 2]}, steps) == (("Event", 3), {"c": [1, 2]})
    assert lift(("Event", 3), {"c": [3]}, steps) == (("Event", 3), {"c": [3]})
    steps["Event", 3] = Upcast(lambda columns: columns, becomes=("Other", 1))
    assert lift(("Event", 2), {"b": [1]}, steps) == (("Other", 1), {"c": [1]})


def test_a_clause_that_came_after_a_log_reads_as_its_default() -> None:
    old = {"chip": ["H100", "H100"], "prepaid_share": [0.2, None]}
    key, columns = lift(("LeaseSigned", 3), old)
    assert (key, columns["prepaid_share"], columns["exit_share"]) == (("LeaseSigned", 3), [0.2, 0.0], [1.0, 1.0])
    assert lift(("LeaseLate", 1), {"gpus": [1]})[1] == {"gpus": [1]}
    table = open_log(WORLD).scan().collect()
    assert table.filter(table["type"] == "LeaseSigned")["walk_days"].to_list()[:2] == [0, 0]
    assert table.filter(table["type"] == "LeaseLate")["walk_days"].null_count() == (table["type"] == "LeaseLate").sum()


def test_a_table_lifts_only_what_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lifted = []

    def watched(key: Key, columns: Columns) -> tuple[Key, Columns]:
        lifted.append(key)
        return lift(key, columns)

    log = open_log(WORLD).scan()
    monkeypatch.setattr(events.table, "lift", watched)
    log.select("seq", "day", "org", "amount_usd_cents").collect()
    log.filter(pl.col("type") == "PaymentMade").select("seq", "type", "kind").collect()
    assert lifted == []
    log.select("is_firm").collect()
    assert {key[0] for key in lifted} == {"BuildingStarted"}


def test_old_events_are_lifted_where_they_stand() -> None:
    log = open_log(WORLD).scan().collect()
    assert log["seq"].to_list() == list(range(log.height))
    assert {(name, EVENTS[name].version) for name in log["type"].unique() if name in EVENTS} >= set(
        log.filter(pl.col("type").is_in(list(EVENTS))).select("type", "version").unique().rows()
    )


# --- changes of tomorrow, made today


def _written(folder: Path, skip: tuple[str, ...] = ()) -> list[Any]:
    entries = [entry for week in run(2, 120) for entry in week]
    with LogWriter.create(folder, manifest(), SCENARIO) as writer:
        for entry in entries:
            writer.append(entry)
        writer.finish()
    return entries


def test_yesterdays_log_is_read_after_a_column_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    entries = _written(tmp_path / "run")
    monkeypatch.setitem(VOCABULARY, "phase_of_the_moon", Field("float64", "", "for this test"))
    monkeypatch.setattr(vintage, "vocabulary_hash", lambda: "0" * 64)  # no longer that of the log
    assert verify(tmp_path / "run").problems == []
    assert list(open_log(tmp_path / "run").entries()) == entries


def test_an_event_that_is_written_no_more_is_still_read_and_changes_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    from market.evolve import evolve

    entries = _written(tmp_path / "run")
    gone = EVENTS["ComputeSplitSet"]
    assert ("ComputeSplitSet", 1) in known_shapes()
    monkeypatch.delitem(EVENTS, "ComputeSplitSet")
    read = list(open_log(tmp_path / "run").entries())
    assert len(read) == len(entries)
    old = [(then.event, now.event) for then, now in zip(entries, read, strict=True) if type(then.event) is gone]
    assert old
    for then, now in old:
        assert isinstance(now, Retired)
        assert msgspec.structs.asdict(then) == msgspec.structs.asdict(now)
        evolve(State(), now, 0)


def test_columns_that_no_version_named_are_refused_by_name() -> None:
    assert "is not known" in vintage.columns_fault([*_present(), ("moon", "float64")])
    assert "is not known" in vintage.columns_fault([*_present()[:-1], (_present()[-1][0], "int16")])
    assert "twice" in vintage.columns_fault([*_present(), _present()[-1]])
    assert "envelope" in vintage.columns_fault(_present()[1:])
    assert vintage.columns_fault(_present()[:12]) == ""


def _present() -> list[tuple[str, str]]:
    return list(present().columns.items())


def test_a_log_whose_columns_are_not_those_that_run_json_names_is_refused() -> None:
    strange = msgspec.structs.replace(open_log(FIRST).manifest, vocabulary="0" * 64)
    head = next((FIRST / "log").glob("*.arrow")).read_bytes()
    from events.segment import read_preface

    with pytest.raises(LogForeign, match="not those of vocabulary 000000000000") as caught:
        vintage.schema_of(read_preface(head), strange)
    assert (caught.value.problem.commit, caught.value.problem.offset) == (-1, 8)
    with pytest.raises(LogForeign, match="its schema cannot be read"):
        vintage.schema_of(b"", strange)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    newer: Manifest = msgspec.structs.replace(manifest(), format=3)
    (tmp_path / "run.json").write_bytes(newer.to_json())
    with pytest.raises(LogNewer, match="format 3, this program reads up to 2; install a newer one"):
        open_log(tmp_path)


def test_the_registry_is_refreshed_by_a_command_that_refuses_what_breaks_old_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = present()
    kept = tmp_path / "registry.json"
    kept.write_text("")
    monkeypatch.setattr(registry, "FILE", kept)
    monkeypatch.setattr(registry, "registry", lambda: before)
    assert registry.main() == 0
    assert kept.read_text() == registry.text(before)
    less = {key: {name: x for name, x in shape.items() if name != "gpus"} for key, shape in before.shapes.items()}
    monkeypatch.setattr(registry, "present", lambda: Registry(before.columns, less))
    assert registry.main() == 1
    assert kept.read_text() == registry.text(before)
    said = capsys.readouterr().err.splitlines()
    assert "gpus is gone; raise its version to" in said[0]
    assert len(said) == sum("gpus" in shape for key, shape in before.shapes.items())


# --- the form of the state


def test_the_form_of_the_state_follows_its_fields_wherever_they_stand() -> None:
    class Leaf(msgspec.Struct):
        gpus: int

    def tree(field: str, kind: Any) -> Any:
        return msgspec.defstruct("Tree", [(field, kind)])

    assert form_of(tree("a", dict[str, Leaf]), 2) == form_of(tree("a", dict[str, Leaf]), 2)
    forms = {
        form_of(tree("a", dict[str, Leaf]), 2),
        form_of(tree("b", dict[str, Leaf]), 2),
        form_of(tree("a", list[Leaf]), 2),
        form_of(tree("a", dict[str, Leaf]), 3),
    }
    assert len(forms) == 4


def test_the_form_of_the_state_follows_the_fields_of_what_it_holds_however_deep() -> None:
    def tree(*fields: tuple[str, Any]) -> Any:
        leaf = msgspec.defstruct("Leaf", [*fields])
        branch = msgspec.defstruct("Branch", [("leaves", dict[str, list[leaf]])])  # type: ignore[valid-type]
        return msgspec.defstruct("Tree", [("branch", branch)])

    forms = [form_of(tree(*fields), 2) for fields in (
        [("gpus", int)], [("gpus", int), ("chip", str)], [("chip", str), ("gpus", int)], [("gpus", float)],
    )]  # fmt: skip
    assert len(set(forms)) == 4


def test_an_event_of_an_unknown_class_is_refused_by_evolve() -> None:
    from market.evolve import evolve

    class Strange(Event):
        pass

    with pytest.raises(KeyError):
        evolve(State(), Strange(), 0)


def test_the_table_of_upcasts_holds_only_steps_that_lead_somewhere() -> None:
    assert all(upcast.following(key, step) in known_shapes() for key, step in UPCASTS.items())
