"""The protocol page names tests and parameters that exist."""

from __future__ import annotations

import re
from pathlib import Path

from given import catalogue

from market.week import table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/odd.md").read_text()


def test_every_test_that_the_protocol_names_exists():
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 50
    assert named - written == set()


def test_every_file_that_the_protocol_names_exists():
    named = set(re.findall(r"`((?:tests|market|agents)/[\w/]+(?:\.py)?)`", PAGE))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_parameter_that_the_protocol_names_is_in_the_catalogue():
    families = {name.split(".")[0] for name in catalogue()}
    named = [n for n in re.findall(r"`([a-z_]+\.[a-z_0-9]+)`", PAGE) if n.split(".")[0] in families]
    assert len(named) > 20
    assert [name for name in named if name not in catalogue()] == []


def test_all_twenty_mechanisms_have_their_place():
    assert [int(n) for n in re.findall(r"^#### (\d+) ", PAGE, re.M)] == list(range(1, 21))


def test_the_order_of_a_week_is_the_one_that_runs():
    assert table() in PAGE
