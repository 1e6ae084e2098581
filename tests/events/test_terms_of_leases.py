"""Terms add up: tranches to the whole, rent to its worth, days to the term."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.registry import known_shapes, retired
from events.terms import CLAUSES, DEFAULTS, LeaseTerms, schedule, spread, terms_of
from events.types import EVENTS
from events.types.base import Retired


def terms(**values: Any) -> LeaseTerms:
    whole: dict[str, Any] = {
        "chip": "H100", "site": "hall", "gpus": 100, "start_day": 50, "end_day": 414, "price_usd_per_gpu_hour": 2.0,
    }  # fmt: skip
    return LeaseTerms(**(whole | values))


@given(st.integers(1, 10**6), st.integers(1, 40), st.integers(0, 900), st.integers(0, 30_000))
def test_tranches_are_equal_parts_of_the_whole_over_the_days_of_the_ramp(gpus: int, parts: int, ramp: int, day: int):
    found = list(schedule(terms(gpus=gpus, tranches=parts, ramp_days=ramp, start_day=day)))
    numbers, sizes, days = zip(*found, strict=True)
    assert numbers == tuple(range(1, parts + 1))
    assert sum(sizes) == gpus
    assert max(sizes) - min(sizes) <= 1
    assert list(sizes) == sorted(sizes, reverse=True)
    assert (days[0], days[-1]) == (day, day + ramp if parts > 1 else day)
    steps = [after - before for before, after in pairwise(days)]
    assert all(abs(step - ramp / (parts - 1)) <= 1 for step in steps)


def test_worth_and_deposit_are_rent_by_hours() -> None:
    some = terms(deposit_days=30)
    assert some.duration_days == 364
    assert some.worth_usd == 100 * 2.0 * 24 * 364
    assert some.deposit_usd(7) == 7 * 2.0 * 24 * 30
    assert terms().deposit_usd(7) == 0.0


def test_what_a_paper_does_not_say_is_what_papers_said_before_there_were_clauses() -> None:
    assert {name: getattr(terms(), name) for name in DEFAULTS} == DEFAULTS
    assert DEFAULTS == {
        "region": "", "chip_choice": "fixed", "site_choice": "fixed", "tranches": 1, "ramp_days": 0,
        "take_or_pay_share": 1.0, "prepaid_share": 0.0, "exit_share": 1.0, "walk_days": 0, "renew_days": 0,
        "renew_price": "fixed", "expand_gpus": 0, "expand_days": 0, "step_share": 0.0, "deposit_days": 0,
        "rebate_share": 0.0, "assigning": "never", "subleasing": "free", "cross_default": False,
    }  # fmt: skip


def test_terms_pass_whole_from_paper_to_paper() -> None:
    some = terms(tranches=3, prepaid_share=0.25, assigning="consent")
    assert set(spread(some)) == set(CLAUSES)
    assert terms_of(some) == some
    assert terms_of(EVENTS["QuoteGiven"](
        **spread(some), quote_id="q", request_id="r", parent_lease_id=None, lessor="a", lessee="b",
    )) == some  # type: ignore[arg-type]  # fmt: skip


def test_an_event_that_is_written_no_more_is_a_value_by_keyword() -> None:
    name, version = next(key for key in known_shapes() if key[0] not in EVENTS or EVENTS[key[0]].version != key[1])
    fields = list(known_shapes()[name, version])
    made: Any = retired(name, version)
    assert issubclass(made, Retired)
    assert made.version == version
    one = made(**dict.fromkeys(fields, "x"))
    assert [getattr(one, field) for field in fields] == ["x"] * len(fields)
    with pytest.raises(AttributeError):
        setattr(one, fields[0], "y")
    with pytest.raises(TypeError):
        made(*["x"] * len(fields))
