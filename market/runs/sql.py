"""What a query may be: one SELECT over the run's own tables. No file, no network, nothing that changes a table."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BEGINNING = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*(\w*)", re.DOTALL)
_FILE_FUNCTION = re.compile(r"\b(?:read|scan)_\w+", re.IGNORECASE)
_FILE_SCAN = re.compile(r"\bSCAN \[(?!\d+ in-mem bytes)", re.IGNORECASE)


def fault_of_text(sql: str, tables: Iterable[str]) -> str:
    """Say why a statement is not answered, or nothing.

    Functions that read files are refused by name wherever the name stands, in a comment or a string too: what counts
    as a comment is for the SQL parser to say.
    """
    first = _BEGINNING.match(sql)
    word = first[1].upper() if first else ""
    if word not in ("SELECT", "WITH"):
        return f"{word or 'this'} is no SELECT: a query only reads; tables are {', '.join(tables)}"
    if (found := _FILE_FUNCTION.search(sql)) is not None:
        return f"{found[0]}: a query reads the tables of its run alone ({', '.join(tables)}), no files and no addresses"
    return ""


def fault_of_plan(plan: str) -> str:
    """Say why a plan is not carried out, or nothing: a log is scanned from memory, so a file is none of the run's."""
    return "it reads a file; a query reads the tables of its run alone" if _FILE_SCAN.search(plan) else ""


def named_in(sql: str, table: str) -> bool:
    """Whether a statement may read a table: its name stands somewhere in it as a word."""
    return re.search(rf"\b{re.escape(table)}\b", sql, re.IGNORECASE) is not None
