"""What verify, diff and explain say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from market.layout import counted
from market.report.compared import Told, show_compared
from market.report.console import console, para
from market.report.explain import Explanation, Step
from market.report.listing import event_line
from market.report.sentences import inside
from market.runs.compare import Difference

TYPES_SHOWN = 20


def verified(found: dict[str, Any]) -> None:
    """Say whether a run holds."""
    out = console()
    state = (
        "complete" if found["complete"] else "not complete: continue it with `market run --resume --out` this folder"
    )
    out.print(f"{found['run']}: {found['events']:,} events in {found['commits']:,} commits, {found['bytes']:,} bytes")
    if found["ok"]:
        out.print(f"ok; {state}")
        _listed("checked", found["checked"])
    _listed("not checked", found["unchecked"])
    _listed("files that are none of the run's", found["strangers"])
    if not found["ok"]:
        out.print("not ok:")
    for problem in found["problems"]:
        at = f" commit {problem['commit']} byte {problem['offset']}" if problem["commit"] >= 0 else ""
        para(out, f"  {problem['segment']}{at}: {problem['reason']}", indent="    ")
    if found["more_problems"]:
        out.print(f"and {found['more_problems']:,} more")
    out.print(f"head {found['head']}")


def _listed(title: str, texts: list[str]) -> None:
    out = console()
    if texts:
        out.print(f"{title}:")
    for text in texts:
        para(out, f"  {text}", indent="    ")


def differs(a: Path, b: Path, found: Difference, told: Told | None) -> None:
    """Say where two runs part, what differs in quantities, and how many events of each type there are."""
    out = console()
    if found.same:
        total = sum(count["a"] for count in found.counts.values())
        out.print(f"the same {total:,} events")
        return
    out.print(f"the first {found.first:,} events are the same; then")
    for name, event in zip((a, b), found.events, strict=True):
        out.print(f"  {name}", markup=False)
        para(out, "    ends" if event is None else f"  {event_line(event)}", indent=" " * 6)
    if told is not None:
        out.print(f"\nquantities on {told.found.day} (a {a}, b {b}):", soft_wrap=True)
        show_compared(out, told)
    else:
        out.print("quantities are not compared: the states of one run do not replay")
    out.print("\nevents by type, where they differ:")
    apart = [(kind, n["a"], n["b"]) for kind, n in found.counts.items() if n["a"] != n["b"]]
    apart.sort(key=lambda row: (-abs(row[2] - row[1]), row[0]))
    for kind, one, two in apart[:TYPES_SHOWN]:
        out.print(f"  {kind:<22} {one:>9,} {two:>9,}  {two - one:+,}")


def because(found: Explanation) -> None:
    """Tell a chain of causes, the event first."""
    out = console()
    for depth, step in enumerate(found.chain):
        _tell(step, "because " if depth else "")
    back = len(found.chain) - 1
    out.print(f"No cause before that: {counted(back, 'cause')} back." if back else "Nothing led to it.")
    if found.policies:
        out.print("Policies that refused one of the parties in the half year before:")
        for step in found.policies:
            _tell(step, "  ")


def _tell(step: Step, lead: str) -> None:
    out = console()
    says = inside(step.type, step.says) if lead.strip() else step.says
    para(out, f"{step.seq:>8} {step.day}  {lead}{says}", indent=" " * 21)
    for left in step.rejected:
        text = f"left: {left['option']} ({left['terms']}){': ' + left['reason'] if left['reason'] else ''}"
        para(out, f"{'':>21}{text}", indent=" " * 23)


def in_short() -> str:
    """Say in three sentences how far to trust a figure of the model: past accuracy, assumptions, what it is not."""
    return f"{past_accuracy()} {_assumed()}. A conditional forecast of a model, not a prediction."


def sources_of_parameters() -> str:
    """Say how many of the model's parameters are assumptions, and where they are listed."""
    return f"{_assumed()}; the others carry a source. `market scenario show` lists them."


def _assumed() -> str:
    from market.catalogue.tables import table

    rows = table("parameters")
    assumed = sum(1 for row in rows if row.kind == "assumption")
    return f"Of {len(rows)} parameters of the model, {assumed} are assumptions"


def past_accuracy() -> str:
    """Say how the last back-test came out: how often its 80 % bands held what came, by kind of series."""
    from market.experiments.tell.wording import percent
    from market.truth.scores import BAND, GROUPS, scores, share_inside

    every = scores()
    if (whole := share_inside(every)) is None:
        return "No back-test of this model has been kept."
    by_series = {row.series: row for row in every}
    groups = {name: [by_series[s] for s in series if s in by_series] for name, series in GROUPS.items()}
    said = [f"{name} {percent(share)}" for name, rows in groups.items() if (share := share_inside(rows)) is not None]
    narrow = "levels are less certain than they look" if whole < BAND / 100 else "the bands hold what they promise"
    return (
        f"Back-test from {every[0].origins} past dates: bands for {BAND} % of what came held {percent(whole)} "
        f"of {sum(row.points for row in every)} figures ({', '.join(said)}); {narrow}."
    )
