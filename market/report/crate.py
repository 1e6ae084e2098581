"""Everything of a run in one folder or archive that others can read without this program.

Tables as Parquet or CSV, their data dictionary, the scenario, the log and its hashes, described by an RO-Crate
(https://w3id.org/ro/crate/1.1).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl

from market.analytics import TABLES
from market.analytics.dictionary import dictionary
from market.report.listing import as_text
from market.runs.files import whole
from market.runs.reading import Run, Usage

Form = Literal["parquet", "csv"]
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
MADE = (1980, 1, 1, 0, 0, 0)  # the one date of every member of an archive: the same run gives the same bytes
MEDIA = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".arrow": "application/vnd.apache.arrow.file",
    ".json": "application/json",
    ".yaml": "application/yaml",
}


def export(run: Run, out: Path, form: Form = "parquet") -> list[Path]:
    """Write a run's tables, data dictionary, scenario, log and metadata into a new folder, or into a `.zip`.

    Gives the files written, relative to the folder or archive. Raises Usage where `out` is there already.
    """
    if out.exists():
        raise Usage(f"{out}: is there already; name another place")
    home = out.resolve().parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as scratch:
            folder = Path(scratch) / "folder"
            written = _fill(run, folder, form)
            made = _packed(folder, written) if out.suffix == ".zip" else folder
            made.replace(out)
    except OSError as error:
        error.filename = str(out)
        raise
    return written


def _packed(folder: Path, written: list[Path]) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in written:
            packed.writestr(zipfile.ZipInfo(path.as_posix(), MADE), (folder / path).read_bytes(),
                            compress_type=zipfile.ZIP_DEFLATED)  # fmt: skip
    return archive


def _fill(run: Run, folder: Path, form: Form) -> list[Path]:
    log = run.log.collect().lazy()
    (folder / "tables").mkdir(parents=True)
    for name, make in TABLES.items():
        _write(make(log).collect(), folder / "tables" / f"{name}.{form}", form)
    _write(dictionary(log), folder / "dictionary.csv", "csv")
    for source in (run.folder / "run.json", run.folder / "scenario.yaml"):
        shutil.copyfile(source, folder / source.name)
    (folder / "log").mkdir()
    for segment in sorted((run.folder / "log").glob("*.arrow")):
        shutil.copyfile(segment, folder / "log" / segment.name)
    written = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    crate = folder / "ro-crate-metadata.json"
    crate.write_text(json.dumps(_metadata(run, log, folder, written), indent=1) + "\n", encoding="utf-8")
    return [*written, crate.relative_to(folder)]


def _write(frame: pl.DataFrame, path: Path, form: Form) -> None:
    with whole(path) as part:
        if form == "parquet":
            frame.write_parquet(part, compression="zstd")
        else:
            as_text(frame).write_csv(part)


def _metadata(run: Run, log: pl.LazyFrame, folder: Path, written: list[Path]) -> dict[str, Any]:
    begun = log.filter(pl.col("type") == "RunStarted").select("kind", "seed", "start_day").collect().row(0)
    last = log.select(pl.col("day").max()).collect().item()
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{begun[0]}, seed {begun[1]}: a run of a simulation of the market for AI compute",
        "description": "Simulated, not observed: a conditional forecast under the assumptions of scenario.yaml. "
        "dictionary.csv describes every column; log/ holds every event; run.json its hashes.",
        "temporalCoverage": f"{_iso(begun[2])}/{_iso(last)}",
        "identifier": run.reader.head,
        "hasPart": [{"@id": path.as_posix()} for path in written],
        "creator": {"@id": "#program"},
        "license": {"@id": "https://spdx.org/licenses/MIT"},
    }
    about = {
        "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }  # fmt: skip
    program = {
        "@id": "#program", "@type": "SoftwareApplication", "name": "market",
        "softwareVersion": run.reader.manifest.code, "softwareRequirements": run.reader.manifest.packages,
    }  # fmt: skip
    return {"@context": CONTEXT, "@graph": [about, root, program, *_files(folder, written)]}


def _files(folder: Path, written: list[Path]) -> Iterator[dict[str, Any]]:
    for path in written:
        yield {"@id": path.as_posix(), "@type": "File", "contentSize": (folder / path).stat().st_size,
               "encodingFormat": MEDIA.get(path.suffix, "application/octet-stream")}  # fmt: skip


def _iso(day: int) -> str:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()
