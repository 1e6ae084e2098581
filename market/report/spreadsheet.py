"""Text that a spreadsheet would run as a formula is made text."""

from __future__ import annotations

import polars as pl

FORMULA = r"^[=+\-@\t\r]"  # OWASP, "CSV Injection"


def defused(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before text cells that begin as a formula does."""
    text = pl.col(pl.String)
    return frame.with_columns(pl.when(text.str.contains(FORMULA)).then("'" + text).otherwise(text).name.keep())
