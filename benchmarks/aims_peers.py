"""Other models beside ours: what a week of an org, a bid or a question of a cluster costs in each."""

from __future__ import annotations

import json
import sys

from benchmarks.aims_run import default_run
from benchmarks.measured import Line, child, medians, script


def mesa(rounds: int) -> list[Line]:
    """A year of ours with its log on disk beside a small lease market in Mesa, org by org and week by week."""
    ours = default_run(rounds)
    theirs = medians(child("benchmarks.peer_mesa", "42", "156") for _ in range(rounds))
    ours_us, theirs_us = (1e6 * one["cpu_s"] / (42 * 156) for one in (ours, theirs))
    said = f"{ours_us:,.0f} us against {theirs_us:,.1f}: {ours_us / theirs_us:,.0f} times"
    an_event = 1e6 * ours["cpu_s"] / ours["events"]
    return [
        Line("an org's week, beside a bare lease market in Mesa", "", f"{said}; {an_event:.0f} us an event of ours")
    ]


def assume(rounds: int) -> list[Line]:
    """A unit's day of ASSUME (24 hourly bids, one auction) beside an org's week of ours (all it does, one clearing)."""
    ours = default_run(rounds)
    theirs = medians(script("benchmarks/peer_assume.py", "42", "60") for _ in range(rounds))
    ours_us, theirs_us = 1e6 * ours["cpu_s"] / (42 * 156), 1e6 * theirs["cpu_s"] / theirs["rounds"]
    said = f"{ours_us:,.0f} us against {theirs_us:,.0f}: {ours_us / theirs_us:.2f} times"
    return [Line("an org's week, beside a unit's day of ASSUME", "", said)]


def llm_analysis(rounds: int) -> list[Line]:
    """A full answer of the cluster core in a table, and alone, beside one training question of llm-analysis."""
    pairs = [(child("benchmarks.aims_peers"), script("benchmarks/peer_llm_analysis.py")) for _ in range(rounds)]
    ours, theirs = medians(pair[0] for pair in pairs), medians(pair[1] for pair in pairs)
    rate = 1 / theirs["cpu_s"]
    said = f"{ours['answers_per_s']:,.0f} against {rate:,.0f} a CPU-second: {ours['answers_per_s'] / rate:.0f} times"
    return [Line("full answers of the cluster core in a table, beside llm-analysis", "", said)]


def _answers() -> dict[str, float]:
    from benchmarks.bench_cluster import drain, seconds, table

    cases = table(131_072)
    drain(cases)
    return {"answers_per_s": 131_072 / seconds(lambda: drain(cases), 3)}


if __name__ == "__main__":
    print(json.dumps(_answers()), file=sys.stdout)
