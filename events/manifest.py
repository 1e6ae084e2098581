"""`run.json`: what a run is, who wrote it, and which segments are sealed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from events.errors import CodeChanged, LogDamaged, LogForeign, LogNewer, Problem
from events.layout import file_name
from events.plugins import origin_of
from events.vocabulary import ENVELOPE, VOCABULARY

if TYPE_CHECKING:
    from events.segment import Commit

FORMAT = 2  # 1 named no state_form
FIRST_FORM = "1"
LIBRARIES = ("mesa", "msgspec", "numpy", "polars", "pyarrow", "scipy")
HASH = re.compile(r"[0-9a-f]{64}")


class Parent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The run that a fork came from: its folder's name, the last week taken over, and its head."""

    run: str
    week: int
    head: str


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sealed segment: its file and bytes, its events, and the chain before and after it."""

    file: str
    bytes: int
    sha256: str
    first_seq: int
    last_seq: int
    chain_in: str
    chain_out: str


def listing(file: str, data: bytes, commits: Sequence[Commit], chain_in: str) -> Segment:
    """List a sealed segment: its bytes, what it holds, and the chain before and after it."""
    first, last = commits[0], commits[-1]
    return Segment(
        file=file,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        first_seq=first.first_seq,
        last_seq=last.first_seq + last.rows - 1,
        chain_in=chain_in,
        chain_out=last.chain,
    )


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `run.json`."""

    format: int
    scenario: str  # sha256 of scenario.yaml
    seed: int
    policies: list[str]
    parent: Parent | None
    code: str
    vocabulary: str
    packages: dict[str, str]  # versions of libraries; `group:name` of plug-ins with the hash of their code
    platform: str
    segments: list[Segment]
    state_form: str = FIRST_FORM  # what the state hashes presuppose

    @classmethod
    def describe(
        cls,
        scenario_text: str,
        seed: int,
        policies: list[str] | None = None,
        parent: Parent | None = None,
        state_form: str = FIRST_FORM,
        plugins: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Describe a new run by this code, these libraries and plug-ins (`events.plugins.used`), and this machine."""
        return cls(
            format=FORMAT,
            scenario=hashlib.sha256(scenario_text.encode()).hexdigest(),
            seed=seed,
            policies=list(policies or []),
            parent=parent,
            code=code_hash(),
            vocabulary=vocabulary_hash(),
            packages=packages() | dict(plugins or {}),
            platform=f"{platform.system()} {platform.machine()} Python {platform.python_version()}",
            segments=[],
            state_form=state_form,
        )

    def genesis(self) -> str:
        """First value of the chain: what was asked, not by which code or where."""
        asked = {
            "format": self.format,
            "scenario": self.scenario,
            "seed": self.seed,
            "policies": self.policies,
            "parent": self.parent.head if self.parent else None,
        }
        return hashlib.sha256(canonical(asked)).hexdigest()

    def to_json(self) -> bytes:
        """Readable JSON whose last key is the sha256 of the rest."""
        return signed(msgspec.to_builtins(self))

    def check_same_code(self, doing: str) -> None:
        """Raise CodeChanged unless this code and these libraries wrote the run."""
        if self.code != code_hash():
            codes = f"{self.code[:12]}, now {code_hash()[:12]}"
            raise CodeChanged(
                f"cannot {doing}: the run was written by other code ({codes}); use the code that wrote it"
            )
        now = packages() | {key: origin_of(key) or "none" for key in self.packages if ":" in key}
        names = [name for name in sorted({*now, *self.packages}) if now.get(name) != self.packages.get(name)]
        changed = [f"{name} {_short(self.packages.get(name))} (now {_short(now.get(name))})" for name in names]
        if changed:
            raise CodeChanged(f"cannot {doing}: the run was written with {', '.join(changed)}; install those versions")


def parse(data: bytes, where: str) -> Manifest:
    """Read `run.json`; refuse a newer format, a foreign file, an edited or damaged one."""
    try:
        content = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise LogDamaged(Problem("run.json", -1, -1, f"no JSON: {error}")) from None
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise LogForeign(Problem(f"{where}/run.json", -1, -1, "it names no format"))
    if content["format"] > FORMAT:
        raise LogNewer(
            f"{where}: written in format {content['format']}, this program reads up to {FORMAT}; install a newer one"
        )
    digest = content.pop("sha256", None)
    if signed(content) != data:
        raise LogDamaged(Problem("run.json", -1, -1, f"its content does not match its sha256 {str(digest)[:12]}"))
    try:
        manifest = msgspec.convert(content, Manifest)
    except msgspec.ValidationError as error:
        raise LogForeign(Problem(f"{where}/run.json", -1, -1, str(error))) from None
    _check_segments(manifest, where)
    return manifest


def _check_segments(manifest: Manifest, where: str) -> None:
    for index, segment in enumerate(manifest.segments):
        if segment.file != file_name(index) or not HASH.fullmatch(segment.sha256):
            raise LogForeign(Problem(f"{where}/run.json", -1, -1, f"segment {index} is {segment.file[:80]!r}"))


def canonical(content: Any) -> bytes:
    """JSON with sorted keys and no spaces."""
    return msgspec.json.encode(content, order="deterministic")


def signed(content: Any) -> bytes:
    """Readable JSON whose last key is the sha256 of the rest."""
    with_hash = content | {"sha256": hashlib.sha256(canonical(content)).hexdigest()}
    return msgspec.json.format(msgspec.json.encode(with_hash), indent=2) + b"\n"


@cache
def vocabulary_hash() -> str:
    """Name of the present schema: sha256 over the names and types of its columns, in order."""
    return schema_hash([(name, field.type) for name, field in {**ENVELOPE, **VOCABULARY}.items()])


def schema_hash(columns: list[tuple[str, str]]) -> str:
    """Sha256 over names and types of columns."""
    return hashlib.sha256(canonical(columns)).hexdigest()


@cache
def code_hash() -> str:
    """Sha256 over our Python, catalogue, scenario and policy files, by path."""
    home = Path(__file__).resolve().parent.parent
    files: list[tuple[str, ...]] = [("cli.py",)]
    for package in ("agents", "events", "market"):
        for folder, _, names in os.walk(home / package):
            within = Path(folder).relative_to(home).parts
            files += [(*within, name) for name in names if name.endswith((".py", ".csv", ".json", ".yaml"))]
    digest = hashlib.sha256()
    for parts in sorted(files):
        path = home.joinpath(*parts)
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{'/'.join(parts)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _short(version: str | None) -> str:
    """Cut the hash of a plug-in to twelve digits."""
    head, _, digest = str(version).partition(" sha256:")
    return f"{head} {digest[:12]}".rstrip()


@cache
def packages() -> dict[str, str]:
    """Versions of the libraries that a run's bytes depend on."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
