"""Campaigns go on where they stopped."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import Verdict, arguments, outcomes, over_seeds


def test_what_was_run_is_kept_and_only_what_is_missing_is_run(tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []

    def run(name: str) -> object:
        return lambda seed: ran.append((name, seed)) or {"found": 10 * seed}

    def campaign(*words: str) -> object:
        asked = arguments("laws", None, 2).parse_args(["--kept", str(tmp_path / "kept"), *words])
        return outcomes(asked, {name: run(name) for name in ("base", "cut")})

    expected = [{"base": {"found": 10 * seed}, "cut": {"found": 10 * seed}} for seed in (0, 1, 2)]
    assert campaign() == expected[:2]
    assert ran == [("base", 0), ("cut", 0), ("base", 1), ("cut", 1)]
    assert campaign("--first", "1") == expected[1:]
    assert ran[4:] == [("base", 2), ("cut", 2)]


def test_a_law_is_told_with_its_seeds_median_and_range() -> None:
    told = over_seeds([Verdict(True, 1.0), Verdict(False, 4.0), Verdict(True, 2.0)])
    assert told.split() == ["2", "of", "3", "2", "[1,", "4]"]
