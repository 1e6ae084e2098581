"""How far an experiment is: a bar on a terminal, one line at the end elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from market.experiments.engines.drive import Progress, Tell


class Pace:
    """Prints the pace of an experiment to stderr; entering it gives the function that the driver calls."""

    bar: Any
    last: Progress | None

    def __init__(self, is_quiet: bool) -> None:
        self.is_quiet, self.bar, self.last = is_quiet, None, None

    def __enter__(self) -> Tell:
        if not self.is_quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            words = TextColumn("{task.fields[pace]}")
            self.bar = Progress(BarColumn(), words, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("runs", total=None, pace="starting workers")
        return self._tell

    def _tell(self, now: Progress) -> None:
        self.last = now
        if self.bar is not None:
            pace = f"{now.done + now.failed:,} of {now.total:,} runs · {now.per_minute:.0f} a minute"
            pace += f" · {now.left_s / 60:.1f} min left"
            if now.failed:
                pace += f" · {now.failed} failed"
            self.bar.update(self.task, completed=now.done + now.failed, total=now.total, pace=pace)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
        if self.last is not None and not self.is_quiet:
            now = self.last
            failed = f", {now.failed} failed" if now.failed else ""
            print(f"{now.done:,} runs{failed} in {now.elapsed_s:.0f} s, {now.per_minute:.0f} a minute", file=sys.stderr)
