"""Every error that a user can meet has one exit code, in one table."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from command_line.asking import WITH_CHARTS, ask
from experiments.extras import needs

import agents
import cli
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


READERS = (
    "clear BAD", "score BAD --observed OBSERVED", "score FORECAST --observed BAD", "forecast BAD --out F",
    "forecast --out F --questions BAD", "run BAD", "run --policy BAD", "scenario show BAD", "scenario check BAD",
    "decide BAD --gpus 9 --chip H100 --by 2025-01-01", "policy show BAD", "policy check BAD", "experiment BAD",
    "experiment --policy BAD --runs 2", "experiment show BAD", "replay BAD", "events BAD", "query BAD SELECT",
    "leases BAD", "runs BAD", "verify BAD", "diff BAD BAD", "compare BAD BAD", "explain BAD 1",
    "fork BAD --at 2025-01-01", "report BAD", "plot compute BAD --out p.svg", "export BAD --out e", "serve BAD",
    "cluster --grid BAD", "cluster --chip BAD --gpus 8 --model gpt-3", "cluster --chip H100 --gpus 8 --model BAD",
)  # fmt: skip
"""Every way in which a command reads a file or a folder that it is given."""
BAD = {
    "words": b"hello\n", "bytes": bytes(range(256)), "deep": b"[" * 100_000,
    "digits": b'{"gpus": ' + b"9" * 5_000 + b"}", "nowhere": None,
}  # fmt: skip
WITHOUT_FILES = {"backtest", "calibrate", "claims", "doctor"}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("words", READERS)
def test_a_bad_file_is_refused_by_every_command_that_reads_one(words, bad, tmp_path, monkeypatch):
    if words.split()[0] in WITH_CHARTS:
        needs("altair")
    monkeypatch.chdir(tmp_path)
    name = f"{bad}.{'csv' if '--grid' in words else 'json'}"
    if BAD[bad] is not None:
        (tmp_path / name).write_bytes(BAD[bad])
    (tmp_path / "o.csv").write_text("series,quarter,value\n")
    (tmp_path / "f.json").write_text('{"series": [], "start": "2024-07-15", "questions": [], "dates": []}')
    given = {"BAD": name, "OBSERVED": "o.csv", "FORECAST": "f.json"}
    found = ask(*(given.get(word, word) for word in words.split()))
    assert found.exit_code == 2, (found.output, found.exception)
    assert "Traceback" not in found.output
    assert name in found.stderr


def test_every_command_that_reads_a_file_is_tried_with_a_bad_one():
    assert {words.split()[0] for words in READERS} | WITHOUT_FILES == set(cli.main.commands)
