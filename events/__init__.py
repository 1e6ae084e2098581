"""Commands, events, and the log that keeps them.

Heavy libraries load when the first event is written or read, not at import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from events.disk import Disk
    from events.errors import (
        CodeChanged,
        EventInvalid,
        LogComplete,
        LogDamaged,
        LogError,
        LogExists,
        LogForeign,
        LogLocked,
        LogMissing,
        LogNewer,
        Problem,
        WriteFailed,
    )
    from events.log import LogWriter
    from events.manifest import Manifest, Parent, Segment
    from events.memory import Log, MemoryLog
    from events.reader import LogReader, open_log
    from events.recovery import clear, resume, seal
    from events.rows import Rows
    from events.types import EVENTS, Batch, Entry, Event
    from events.verification import Report, Verification, verify

_HOME = {
    "disk": ("Disk",),
    "errors": (
        "CodeChanged",
        "EventInvalid",
        "LogComplete",
        "LogDamaged",
        "LogError",
        "LogExists",
        "LogForeign",
        "LogLocked",
        "LogMissing",
        "LogNewer",
        "Problem",
        "WriteFailed",
    ),
    "types": ("EVENTS", "Batch", "Entry", "Event"),
    "log": ("LogWriter",),
    "memory": ("Log", "MemoryLog"),
    "manifest": ("Manifest", "Parent", "Segment"),
    "reader": ("LogReader", "open_log"),
    "recovery": ("clear", "resume", "seal"),
    "rows": ("Rows",),
    "verification": ("Report", "Verification", "verify"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _MODULE:
        raise AttributeError(f"module 'events' has no attribute {name!r}")
    return getattr(import_module(f"events.{_MODULE[name]}"), name)


__all__ = [
    "EVENTS",
    "Batch",
    "CodeChanged",
    "Disk",
    "Entry",
    "Event",
    "EventInvalid",
    "Log",
    "LogComplete",
    "LogDamaged",
    "LogError",
    "LogExists",
    "LogForeign",
    "LogLocked",
    "LogMissing",
    "LogNewer",
    "LogReader",
    "LogWriter",
    "Manifest",
    "MemoryLog",
    "Parent",
    "Problem",
    "Report",
    "Rows",
    "Segment",
    "Verification",
    "WriteFailed",
    "clear",
    "open_log",
    "resume",
    "seal",
    "verify",
]
