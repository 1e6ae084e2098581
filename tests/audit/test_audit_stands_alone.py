"""The auditor shares no code with what it audits, and is quick."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import market.analytics.audit as package
from market.analytics.audit import AT_END, BY_PART, audit

FILES = sorted(Path(package.__file__).parent.glob("*.py"))
ALLOWED = ("__future__", "collections.abc", "functools", "typing", "polars", "events.terms", "market.analytics.audit")


def test_the_auditor_imports_polars_the_names_of_clauses_and_itself():
    imported = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    assert imported
    assert {name for name in imported if not name.startswith(ALLOWED)} == set()


def test_every_check_of_every_file_is_run():
    written = [
        (path.stem, node.name)
        for path in FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or ast.Constant(0)) == "list[Finding]"
        and [a.arg for a in node.args.args] == ["book"] and not node.name.startswith("_")
    ]  # fmt: skip
    run = [(check.__module__.rsplit(".", 1)[-1], check.__name__) for check in (*BY_PART, *AT_END)]
    assert sorted(run) == sorted(written)


def test_a_year_is_audited_in_a_fraction_of_a_second(year_run):
    audit(year_run.frame.lazy())
    begun = time.process_time()
    audit(year_run.frame.lazy())
    assert time.process_time() - begun < 2.0  # a fifth of that on an idle machine
