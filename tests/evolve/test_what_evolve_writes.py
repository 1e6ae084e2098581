"""What evolve writes is what it wrote: who means to change a field refreshes what is kept (`tests.evolve.kept`)."""

from __future__ import annotations

import json

import pytest
from evolve.kept import FILE, written

KEPT = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def now():
    return written()


@pytest.mark.parametrize("of", KEPT)
def test_every_field_of_a_state_is_as_it_was_written(of, now):
    wrong = [field for field, digest in KEPT[of].items() if now[of].get(field) != digest]
    assert wrong == [], f"of the {of}; where that is meant: python -m tests.evolve.kept"
    assert len(KEPT["small"]) > 200
