"""Every error that a user can meet has one exit code, in one table."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from experiments.extras import needs

import agents
import events
import market
from market.commands.errors import EXIT_CODES

DEFECTS = {  # of this program or of a plug-in: they keep their traceback, or end as a BehaviourFault
    "market.kernel.UnknownCause",
    "market.view.settable.NotVisible",
}


def errors():
    """Every class of errors of ours by its qualified name."""
    for package in (agents, events, market):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if issubclass(kind, BaseException) and kind.__module__ == module.__name__:
                    yield f"{kind.__module__}.{kind.__qualname__}", kind


def test_every_error_of_ours_has_an_exit_code_or_is_named_as_a_defect():
    for module in ("altair", "starlette"):  # files of reports import them
        needs(module)
    without = set()
    for name, kind in errors():
        codes = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__} & set(EXIT_CODES)
        if not codes and not hasattr(kind, "exit_code"):  # a complaint of the command line brings its own
            without.add(name)
    assert without == DEFECTS


def test_every_name_in_the_table_is_a_class_of_errors():
    for name in EXIT_CODES:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), BaseException), name


@pytest.mark.parametrize("code", sorted(set(EXIT_CODES.values())))
def test_every_code_is_explained(code):
    from command_line.test_cli_page import PAGE

    assert f"| {code} |" in PAGE.partition("## Exit codes")[2]
