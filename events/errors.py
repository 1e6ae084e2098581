"""What can be wrong with a log."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong: which segment file and commit, at which byte of the file, and why.

    `commit` and `offset` are -1 where they do not apply.
    """

    segment: str
    commit: int
    offset: int
    reason: str

    def __str__(self) -> str:
        where = self.segment
        if self.commit >= 0:
            where += f", commit {self.commit}"
        if self.offset >= 0:
            where += f", byte {self.offset}"
        return f"{where}: {self.reason}"


class LogError(Exception):
    """A log cannot be used as asked; the message is one line: what, where, what to do."""


class LogDamaged(LogError):
    """Acknowledged bytes are not what was written."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem}; restore the run folder from a copy, or run again elsewhere")
        self.problem = problem


class LogLocked(LogError):
    """Another process writes to this run."""


class LogMissing(LogError):
    """There is no run in this folder."""


class LogExists(LogError):
    """A new run was to go where something else is."""


class LogForeign(LogError):
    """Not a log that this program may read: another schema, a size over the limits, an odd file."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem}; read it with the version of the program that wrote it")
        self.problem = problem


class LogNewer(LogError):
    """Written by a newer version of this program."""


class LogComplete(LogError):
    """A finished run cannot go on."""


class SystemUnfit(LogError, ImportError):
    """This operating system lacks what a log on disk needs."""


class CodeChanged(LogError):
    """The run was written by other code or library versions, so its bytes cannot be continued."""


class WriteFailed(LogError):
    """The disk refused; what was acknowledged before is kept and nothing more will be written."""


class EventInvalid(ValueError):
    """An event breaks the rules of the log: order, type of a value, null, nan."""
