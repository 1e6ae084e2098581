"""What is read is what was verified: no pattern, no second look at the disk, no circle among the modules."""

from __future__ import annotations

import ast
import sys
import weakref
from collections import deque
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import events
from events import EVENTS, Disk, Entry, LogWriter, Verification, decode, open_log, resume, unpack, validate
from events.layout import strangers
from events.vocabulary import ENVELOPE
from tests.events.sample import SCENARIO, feed, manifest, run

WEEKS = run(6, 40)


def written(folder: Path, weeks: int, seed: int = 0) -> Path:
    """Write the first weeks of a run in commits of a week and segments of two."""
    with LogWriter.create(folder, manifest(seed), SCENARIO) as log:
        log.commit_events, log.segment_commits = 39, 2
        feed(log, WEEKS[:weeks], finish=weeks == len(WEEKS))
    return folder


@pytest.mark.parametrize("name", ["r[2]", "r*", "r?", "{r,r2}", "~r", "r2 "])
def test_a_folder_whose_name_looks_like_a_pattern_is_read_itself(tmp_path: Path, name: str) -> None:
    written(tmp_path / "r2", 2)
    written(tmp_path / "r", 2)
    own = written(tmp_path / name, 6)
    assert open_log(own).scan().collect().height == sum(map(len, WEEKS))


def test_the_table_is_made_of_the_bytes_that_were_verified(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", 6)
    table = open_log(folder).scan()
    for path in (folder / "log").iterdir():
        path.write_bytes(b"changed behind the reader's back")
    assert table.collect()["seq"].to_list() == list(range(sum(map(len, WEEKS))))


def test_every_segment_is_read_once_for_a_table(tmp_path: Path) -> None:
    seen = []

    class Watched(Disk):
        def read(self, path: Path, limit: int) -> bytes:
            data = super().read(path, limit)
            seen.append(path.name)
            return data

    folder = written(tmp_path / "run", 6)
    open_log(folder, Watched()).scan().collect()
    assert sorted(name for name in seen if "arrow" in name) == sorted(path.name for path in (folder / "log").iterdir())


def test_what_was_validated_is_not_validated_again_for_a_table_and_what_came_since_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def noted(slabs: unpack.Slabs, number: int, first_seq: int, seen: validate.Seen) -> str:
        looked.append(number)
        return fault(slabs, number, first_seq, seen)

    fault = validate.fault
    monkeypatch.setattr(validate, "fault", noted)
    log = open_log(written(tmp_path / "run", 4))
    table = log.scan().collect()
    assert looked == [0, 1, 2, 3]
    assert log.scan().collect().equals(table)
    assert looked == [0, 1, 2, 3]
    with resume(tmp_path / "run") as writer:
        writer.commit_events, writer.segment_commits = 39, 2
        feed(writer, WEEKS)
    before = len(looked)
    assert log.scan().collect().height == sum(map(len, WEEKS))
    assert looked[before:] == [4, 5]


def test_one_segment_is_held_at_a_time(tmp_path: Path) -> None:
    held = []

    class Watched(Disk):
        last: bytes | None = None

        def read(self, path: Path, limit: int) -> bytes:
            if ".arrow" in path.name and self.last is not None:
                held.append(sys.getrefcount(self.last))
            data = super().read(path, limit)
            self.last = data if ".arrow" in path.name else self.last
            return data

    folder = written(tmp_path / "run", 6)
    deque(open_log(folder, Watched()).entries(), maxlen=0)
    deque(Verification(folder, Watched()).batches(), maxlen=0)
    assert len(held) > 4
    assert set(held) == {2}  # by whom it was read, and by the question


def test_an_open_segment_is_part_of_the_table(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", 3)
    assert [path.suffix for path in sorted((folder / "log").iterdir())] == [".arrow", ".live"]
    assert open_log(folder).scan().collect().height == sum(map(len, WEEKS[:3]))


def test_files_that_are_none_of_a_runs_are_told_apart() -> None:
    ours = ["run.json", "run.json.new", "scenario.yaml", "scenario.yaml.new", "LOCK", "log"]
    torn = "00000001.arrow.live.torn-64-0123456789abcdef"
    log = ["00000000.arrow", "00000001.arrow.live", "00000001.arrow.live.new", torn, f"{torn}.new"]
    assert strangers(ours, log) == []
    assert strangers([*ours, "notes.txt"], [*log, "0.arrow", "00000000.arrow.bak"]) == [
        "log/0.arrow",
        "log/00000000.arrow.bak",
        "notes.txt",
    ]


def test_no_module_of_the_log_imports_in_a_circle_late_imports_included() -> None:
    home = Path(events.__file__).parent
    graph = {}
    for path in home.rglob("*.py"):
        name = ".".join(path.relative_to(home.parent).with_suffix("").parts).removesuffix(".__init__")
        if name != "events":  # the table of public names, which loads each when it is asked for
            graph[name] = _imports(ast.parse(path.read_text(encoding="utf-8")), home)
    TopologicalSorter(graph).prepare()  # CycleError


def _imports(tree: ast.AST, home: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "events":
            base = home.parent / str(node.module).replace(".", "/")
            below = [f"{node.module}.{one.name}" for one in node.names if (base / f"{one.name}.py").exists()]
            found |= set(below) or {str(node.module)}
    return found


def test_a_commit_that_was_read_is_not_kept_by_the_walk(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", 6)
    for batches in (Verification(folder).batches(), open_log(folder).batches()):
        batch = next(batches)
        known = weakref.ref(batch)
        del batch
        assert known() is None


def test_a_commit_split_by_type_holds_no_column_that_its_types_leave_empty(tmp_path: Path) -> None:
    for batch in open_log(written(tmp_path / "run", 6)).batches():
        typed = decode.by_type(batch)
        assert sum(each.batch.num_rows for each in typed) == batch.num_rows
        for each in typed:
            fields = EVENTS[each.type].__struct_fields__
            assert set(each.batch.schema.names) == {*ENVELOPE, *fields}
            assert each.batch.column("type").unique().to_pylist() == [each.type]


def test_columns_of_a_large_commit_are_decoded_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "run", 6)
    whole = [slabs.whole for slabs in open_log(folder).batches()]
    monkeypatch.setattr(unpack, "SLAB_BYTES", 2_000)
    parted = list(open_log(folder).batches())
    for one, slabs in zip(whole, parted, strict=True):
        widths = [len(batch.schema.names) for batch in slabs]
        assert len(widths) > 3
        assert sum(widths) == len(one.schema.names)
        assert set(ENVELOPE) <= set(slabs.envelope.schema.names)
        assert slabs.whole.to_pydict() == one.to_pydict()
        assert [each.batch.to_pydict() for each in decode.by_type(slabs)] == [
            each.batch.to_pydict() for each in decode.by_type(unpack.Slabs.of(one))
        ]
    assert Verification(folder).report().problems == []
    assert list(open_log(folder).entries()) == [entry for week in WEEKS for entry in week]


def test_a_large_commit_is_decoded_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "run", 6)
    whole = list(open_log(folder).entries())
    in_order, sizes = decode.in_order, list[int]()

    def noted(part: list[decode.Typed]) -> list[Entry]:
        found = in_order(part)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(decode, "in_order", noted)
    assert list(open_log(folder).entries()) == whole
    assert sizes == []
    monkeypatch.setattr(decode, "PART_ROWS", 7)
    assert list(open_log(folder).entries()) == whole == [entry for week in WEEKS for entry in week]
    assert max(sizes) == 7
    assert sum(sizes) == len(whole)
    last = WEEKS[2][-1].day
    assert list(open_log(folder).entries(until_day=last)) == [entry for entry in whole if entry.day <= last]
