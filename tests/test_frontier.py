"""How seeds are put beside the record; `python -m tests.frontier --seeds 20` runs them."""

from __future__ import annotations

from typing import Any

from tests import frontier

AS_OBSERVED: dict[str, Any] = {
    "series": {name: {"2024Q4": 250_000.0, "2025Q4": 640_000.0} for name in (f"{lab}_h100e" for lab in frontier.LABS)}
    | {name: {frontier.END: frontier.recorded(name, frontier.END)} for name in frontier.SERIES[:3]}
    | {"oracle_rpo": {quarter: frontier.recorded("oracle_rpo", quarter) for quarter in (frontier.START, frontier.END)}},
    "large": 3,
    "posted": {"2025-09": 2.4, "2025-10": 2.3, "2025-11": 2.2},
    "yearly": {"2025-10": 1.7},
    "waiting": 0.0,
}


def changed(**series: dict[str, float]) -> dict[str, Any]:
    return AS_OBSERVED | {"series": AS_OBSERVED["series"] | series}


def test_what_was_observed_agrees_with_the_record():
    assert frontier.nvidia(AS_OBSERVED).figure == 0
    for series, factor in (("coreweave_backlog", 3), ("oracle_rpo", 3), ("coreweave_active_power", 1.4)):
        assert frontier.within_factor(series, factor)(AS_OBSERVED) == (True, 1.0)
    assert frontier.year_of_h100(AS_OBSERVED).holds
    assert frontier.inside("xai", "2025")(AS_OBSERVED).holds


def test_what_is_far_from_the_record_does_not_agree():
    half = changed(nvda_dc_revenue={"2025Q4": frontier.recorded("nvda_dc_revenue", "2025Q4") / 2})
    assert not frontier.nvidia(half).holds
    assert not frontier.within_factor("coreweave_backlog", 3)(changed(coreweave_backlog={})).holds
    assert not frontier.inside("openai", "2024")(changed(openai_h100e={"2024Q4": 500_000.0})).holds


def test_gpus_that_wait_for_power_are_counted_where_it_is_said():
    half = changed(xai_h100e={"2024Q4": 130_000.0}) | {"waiting": 75_000.0}
    assert not frontier.inside("xai", "2024")(half).holds
    assert frontier.inside("xai", "2024", "waiting")(half) == (True, 205_000.0)


def test_a_price_that_stands_still_in_most_months_does_not_move():
    assert frontier.moves(AS_OBSERVED).figure == 1
    assert not frontier.moves(AS_OBSERVED | {"posted": {"2025-09": 2.4, "2025-10": 2.4, "2025-11": 2.2}}).holds


def test_each_line_of_the_table_counts_the_seeds_in_which_it_holds():
    lines = frontier.table([AS_OBSERVED, AS_OBSERVED | {"large": 0}]).splitlines()
    assert len(lines) == len(frontier.LAWS)
    assert any(line.startswith("  1 of 2") and line.endswith("three years") for line in lines)
