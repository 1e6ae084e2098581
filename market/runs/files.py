"""Files that commands write for their users: whole or not at all, and never in a run's folder."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from market.runs.folders import outside_runs

OF_SYSTEM = re.compile(r"\(os error (\d+)\)")  # how Polars tells a fault of the disk


def write_whole(out: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    with whole(out) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """Give a file to write, which takes its place when all of it is written; a pipe or a device is written as it is.

    Raises OSError that names the file; Usage where it would lie in a run's folder. Nothing is left of a file that is
    not whole, not even after an interrupt.
    """
    place = outside_runs(out).resolve()
    part = place if place.exists() and not place.is_file() else place.with_name(f".{os.getpid()}.part")
    try:
        if place.is_file() and not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        yield part
        if part is not place:
            if place.exists():
                shutil.copymode(place, part)
            part.replace(place)
    except BaseException as error:
        if part is not place:
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(out)
        elif found := OF_SYSTEM.search(str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(out)) from None
        raise
