"""A browser for pages: found on this machine, or installed by CI, which never skips."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here; CI installs one and never skips"
)


class Seen:
    """A page as a browser shows it, with what it asked for and complained of."""

    def __init__(self, page) -> None:
        self.page, self.requests, self.complaints = page, [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, file: Path):
        """Open a report and wait until it is drawn."""
        self.page.goto(file.as_uri())
        self.page.wait_for_function("document.body.dataset.drawn", timeout=60_000)
        return self.page


def breaches(page) -> str:
    """What breaks the rules of accessibility at levels A and AA on an open page; empty where nothing does."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    return found.generate_report() if found.violations_count else ""
