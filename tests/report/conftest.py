"""What the tests of pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from report.browsing import CHROMIUM, FLAGS


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "CI must install Chromium"
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
