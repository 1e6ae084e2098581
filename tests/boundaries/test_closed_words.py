"""Kinds and reasons are words of closed sets, and none carries a second meaning."""

from __future__ import annotations

from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from events import kinds
from events.types import EVENTS
from events.upcast import lift

FREE = {  # what scenarios, policies and behaviours name
    "RunStarted.kind", "OrgRegistered.kind", "ExogenousShock.kind", "PolicyEnacted.kind", "PolicyRepealed.kind",
    "CommandForbidden.kind", "CommandForbidden.reason", "QuotaUsed.kind", "OptionChosen.kind", "OptionRejected.kind",
    "LicenceSought.kind", "LicenceSought.reason", "LicenceDecided.kind", "LicenceDecided.reason", "ReportFiled.kind",
    "ReportFiled.reason", "PolicyAdopted.kind", "PolicyAdopted.reason", "TradeRefused.kind", "OrgAnnounced.kind",
}  # fmt: skip
CLOSED = {
    (event, field): frozenset(get_args(hint))
    for event, kind in EVENTS.items()
    for field, hint in get_type_hints(kind).items()
    if get_origin(hint) is Literal
}


def test_every_kind_and_reason_is_a_closed_set_or_names_something_of_the_input():
    said = {(e, f) for e, kind in EVENTS.items() for f in ("kind", "reason") if f in kind.__struct_fields__}
    assert {f"{event}.{field}" for event, field in said - set(CLOSED)} == FREE


def test_a_run_says_no_word_outside_its_set(short_run):
    told = set()
    for entry in short_run.entries:
        name = type(entry.event).__name__
        for field in ("kind", "reason"):
            if (name, field) in CLOSED:
                word = getattr(entry.event, field)
                assert word in CLOSED[name, field], entry
                told.add((name, field, word))
    assert len(told) > 40


def test_no_word_is_two_words_of_its_set_joined():
    for words in CLOSED.values():
        assert not [word for word in words for other in words if word != other and word.startswith(f"{other} with ")]
        assert not [word for word in words if word.endswith("on-site") and word != "on-site"]


def test_old_buildings_and_cancellations_are_read_with_one_meaning_a_field():
    _, new = lift(("BuildingStarted", 1), {"kind": ["next on-site", "greenfield"]})
    assert new["kind"] == ["next", "greenfield"]
    assert (new["on_site_power"], new["is_firm"]) == ([True, False], [True, True])
    _, new = lift(("OrderCancelled", 1), {"reason": ["takes H100", "buyer"]})
    assert new["reason"] == ["takes another chip", "buyer"]


@pytest.mark.parametrize("roles", [("lab",), ("lab", "cloud"), ("cloud", "lab", "supplier")])
def test_roles_are_read_as_they_were_written(roles):
    assert kinds.roles_of(kinds.roles_text(roles)) == roles
