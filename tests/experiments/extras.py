"""Optional libraries of tests."""

from __future__ import annotations

import os
from typing import Any

import pytest


def needs(module: str) -> Any:
    """Import an optional library; where it is missing the test is skipped, but never in CI."""
    return __import__(module) if os.environ.get("CI") else pytest.importorskip(module)
