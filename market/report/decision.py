"""A decision that was asked for, as a table: every option, its terms, and what it was left for."""

from __future__ import annotations

from typing import Any

COLUMNS = (
    ("option", "{option:<44.44}"),
    ("USD/h", "{cost_usd_per_h100e_hour:>6.2f}"),
    ("weeks", "{wait_weeks:>6.0f}"),
    ("slip", "{slip_share:>5.0%}"),
    ("score", "{score:>6.2f}"),
)


def decision(found: dict[str, Any]) -> str:
    """Write a decision for a person."""
    target = found["target"]
    where = f" in {target['region']}" if target["region"] else ""
    lines = [
        f"{found['org']} on {found['day']} ({found['scenario']}): {target['gpus']:,} {target['chip']} by {target['by']}"
        f"{where}, for {target['years']:g} years.",
        f"{'option':<44} {'USD/h':>6} {'weeks':>6} {'slip':>5} {'score':>6}  left for",
    ]
    for row in found["options"]:
        left = "(taken)" if row["reason"] is None else row["reason"]
        lines.append(" ".join(text.format(**row) for _, text in COLUMNS) + f"  {left}")
    lines.append("USD/h: an H100 equivalent for an hour that is used, levies and the owner's capital in it.")
    return "\n".join(lines) + "\n"
