"""Where an experiment is kept: a local folder, or a bucket behind S3's protocol, through `pyarrow.fs`.

out/experiment.json           what was asked, all of it
out/futures.parquet           values of the uncertain parameters by future
out/runs/<id>/                a run; where its log is kept, as `market replay` reads it
out/runs/<id>/result.msgpack  its metrics; written last, whole or not at all: the mark that the run is done
out/bundles/                  results of thousands of runs each, while the tables are written
out/long.parquet wide.parquet runs.parquet
out/hashes.json               sha256 of these tables, written last; each result carries its own
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

RESULT = "result.msgpack"
READERS = 16  # an object store answers slowly, so ask for many at once
OPTIONS = ("endpoint_override", "scheme", "region", "anonymous")
SECONDS_TO_CONNECT, SECONDS_TO_ANSWER, TRIES = 5, 30, 3


class StoreUnusable(Exception):
    """A place that cannot be written or read; the text says why in one line."""


class StoreFailed(StoreUnusable):
    """A folder that the system cannot write: a full disk, a file system that is read-only."""


class Store:
    """Files under one root, written whole: a reader sees all of a file or none of it."""

    def __init__(self, url: str) -> None:
        self.url = shown(url)
        self.given = url
        self.is_remote = url.startswith("s3://")
        self.fs, self.root = _open(url)

    @property
    def address(self) -> str:
        """The same place, said so that it does not hang on the current folder of who opens it."""
        return self.given if self.is_remote else self.root

    def path(self, name: str) -> str:
        """Path of a file for `self.fs`."""
        return f"{self.root}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole."""
        if self.is_remote:  # an object appears when it is complete
            with self.fs.open_output_stream(self.path(name)) as stream:
                stream.write(data)
            return
        Path(self.path(name)).parent.mkdir(parents=True, exist_ok=True)
        with self._part(name) as part:
            part.write_bytes(data)

    @contextmanager
    def stream(self, name: str) -> Iterator[Any]:
        """Open a large file for writing; it appears whole at the end, or not at all."""
        if self.is_remote:
            with self.fs.open_output_stream(self.path(name)) as stream:
                yield stream
            return
        with self._part(name) as part, part.open("wb") as file:
            yield file

    @contextmanager
    def _part(self, name: str) -> Iterator[Path]:
        """Give a file to write beside its place; it takes its name when all of it is written, or is gone."""
        target = Path(self.path(name))
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        try:
            yield part
            part.replace(target)
        except BaseException as error:
            if isinstance(error, OSError):
                error.filename = str(target)  # an error of writing names no file
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> bytes | None:
        """Read a file; None when there is none."""
        try:
            if not self.is_remote:
                return Path(self.path(name)).read_bytes()
            with self.fs.open_input_stream(self.path(name)) as stream:
                return bytes(stream.read())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def first(self, name: str) -> bytes | None:
        """Read a file as the first thing that is asked of a place; StoreUnusable when it does not answer."""
        try:
            return self.read(name)
        except OSError as error:
            raise StoreUnusable(f"{self.url}: cannot be read: {_reason(error)}") from None

    def exists(self, name: str) -> bool:
        """Whether a file is there with something in it: a power cut may leave a name without content."""
        from pyarrow.fs import FileType

        info = self.fs.get_file_info(self.path(name))
        return bool(info.type == FileType.File and info.size)

    def put_folder(self, name: str, local: Path) -> None:
        """Store a local folder, in place of what an earlier attempt left there."""
        for file in sorted(local.rglob("*")):
            if file.is_file():
                self.write(f"{name}/{file.relative_to(local).as_posix()}", file.read_bytes())

    def done(self) -> set[str]:
        """Ids of the runs that have their mark."""
        from pyarrow.fs import FileSelector

        found = self.fs.get_file_info(FileSelector(self.path("runs"), allow_not_found=True, recursive=True))
        return {info.path.split("/")[-2] for info in found if info.base_name == RESULT and info.size}

    def is_empty(self) -> bool:
        """Whether nothing is kept under the root yet; parts of files and probes that a fault left are nothing."""
        from pyarrow.fs import FileSelector

        found = self.fs.get_file_info(FileSelector(self.root, allow_not_found=True))
        return all(info.base_name.startswith(".") for info in found)

    def check(self) -> None:
        """Write, read and delete a small file; raise StoreUnusable when that fails."""
        name = f".probe-{uuid.uuid4().hex[:12]}"
        is_new = not self.is_remote and not Path(self.root).exists()
        try:
            self.write(name, b"probe")
            came_back = self.read(name)
            self.delete(name)
        except OSError as error:
            if is_new:
                shutil.rmtree(self.root, ignore_errors=True)
            kind = StoreUnusable if self.is_remote else StoreFailed
            raise kind(f"{self.url}: cannot be written: {_reason(error)}") from None
        if came_back != b"probe":
            raise StoreUnusable(f"{self.url}: gives back other bytes than were written")

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.fs.delete_file(self.path(name))


def _reason(error: OSError) -> str:
    text = str(error).replace("\n", " ")
    if "ACCESS_DENIED" in text or "credentials" in text.lower() or "InvalidAccessKeyId" in text or "FORBIDDEN" in text:
        return f"no valid credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({text[:160]})"
    return error.strerror or text[:240]


def shown(url: str) -> str:
    """Write an address without what may be a secret: no user, no password, of the options only those that are known."""
    if not url.startswith("s3://"):
        return url
    parts = urlsplit(url)
    options = "&".join(f"{k}={v if k in OPTIONS else '...'}" for k, v in parse_qsl(parts.query))
    return f"s3://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if options else ''}{options}"


def _open(url: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import LocalFileSystem

    if url.startswith("s3://"):
        return _open_s3(url)
    if "://" in url:
        raise StoreUnusable(f"{url}: name a folder, or s3://bucket/prefix")
    return LocalFileSystem(), str(Path(url).resolve())


def _open_s3(url: str) -> tuple[FileSystem, str]:
    """Open `s3://bucket/prefix?endpoint_override=host:port&scheme=http&region=...`."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    unknown = set(options) - set(OPTIONS)
    if "@" in parts.netloc:
        text = "an address holds no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise StoreUnusable(f"{shown(url)}: {text}")
    if unknown or not parts.netloc:
        what = f"unknown option {', '.join(sorted(unknown))}" if unknown else "names no bucket"
        raise StoreUnusable(f"{shown(url)}: {what}; write s3://bucket/prefix?endpoint_override=host:port&scheme=http")
    try:
        fs = S3FileSystem(
            **{k: v for k, v in options.items() if k != "anonymous"},
            anonymous=options.get("anonymous") == "true",
            connect_timeout=SECONDS_TO_CONNECT,
            request_timeout=SECONDS_TO_ANSWER,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=TRIES),
        )
    except OSError as error:
        raise StoreUnusable(f"{shown(url)}: {_reason(error)}") from None
    return fs, f"{parts.netloc}{parts.path}".rstrip("/")
