"""Every call of the log on the file system, in one object: what a test replaces to make the disk fail."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

from events.errors import LogForeign, LogLocked, Problem, SystemUnfit

try:
    import fcntl
except ImportError as error:
    raise SystemUnfit(
        "this system lacks the POSIX file locks (fcntl) that a run's log needs; use Linux, macOS, or WSL on Windows"
    ) from error


class Disk:
    """System calls on files of a run folder. No call follows a symbolic link in its last part."""

    def mkdir(self, path: Path) -> None:
        """Make one folder."""
        path.mkdir()

    def lock(self, path: Path) -> int:
        """Take the writer's lock and keep it until the descriptor is closed; LogLocked when it is held."""
        for wait_s in (0.01, 0.02, 0.04, 0.0):  # a reader that looks whether a writer is at work holds it an instant
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(path, descriptor):
                    return descriptor
            except BlockingIOError:
                time.sleep(wait_s)
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise LogLocked(
            f"{path.parent}: another process writes a run here; wait until it is over, or take another folder"
        )

    def is_locked(self, path: Path) -> bool:
        """Whether a writer is at work."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def open_new(self, path: Path) -> int:
        """Open for writing a file that must not be there yet."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def open_end(self, path: Path) -> int:
        """Open a file to write behind its last byte."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write once; give how many bytes were taken."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Wait until the file's data is on disk."""
        os.fdatasync(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Wait until the folder's names are on disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, in one step."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Delete a file; one that is gone stays gone."""
        path.unlink(missing_ok=True)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def read(self, path: Path, limit: int) -> bytes:
        """Read a plain file of at most `limit` bytes; a link, a pipe, a device or a larger file is refused."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise LogForeign(Problem(str(path), -1, -1, "a symbolic link where a plain file belongs")) from None
            raise
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise LogForeign(Problem(str(path), -1, -1, "no plain file"))
            if status.st_size > limit:
                raise LogForeign(Problem(str(path), -1, -1, f"{status.st_size} bytes, at most {limit} are read"))
            return file.read(limit)

    def is_folder(self, path: Path) -> bool:
        """Whether a folder has this name."""
        return path.is_dir()

    def names(self, path: Path) -> list[str]:
        """Names in a folder, sorted; a link in its place is refused."""
        if path.is_symlink():
            raise LogForeign(Problem(str(path), -1, -1, "a symbolic link where a folder belongs"))
        return sorted(os.listdir(path))

    def exists(self, path: Path) -> bool:
        """Whether something has this name."""
        return os.path.lexists(path)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether a path names the file that is open: another process may have removed it before it was locked."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False
