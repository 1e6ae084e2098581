"""Packages of others: imported only where a scenario names them, named when they fail, their code in run.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line.asking import ask, complaint, simulate

from market.scenario import check

PATIENT = """\
from agents.labs import Lab
class Patient:
    def act(self, view, draws):
        return Lab().act(view, draws)
"""
RAISES = """\
from agents.labs import Lab
class Patient:
    def act(self, view, draws):
        if view.week >= 12: raise RuntimeError("no idea [/x]")
        return Lab().act(view, draws)
"""
SCENARIO = """\
name: patient
title: A lab of another package
extends: frontier-2024
orgs: {anthropic: {behaviour: patient-lab}}
"""
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module with entry points; the scenario that names its behaviour."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def make(code: str, module: str, group: str = "market.behaviours", name: str = "patient-lab") -> Path:
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:Patient\n")
        check._installed.cache_clear()
        (tmp_path / "patient.yaml").write_text(SCENARIO)
        return tmp_path / "patient.yaml"

    yield make
    check._installed.cache_clear()


def test_the_hash_of_a_plugins_code_stands_in_run_json(install: Install, tmp_path: Path) -> None:
    scenario = install(PATIENT, "patient_ok")
    run = simulate(tmp_path / "run", scenario)
    packages = json.loads((run / "run.json").read_text())["packages"]
    assert packages["market.behaviours:patient-lab"].startswith("patient_ok 1.0 sha256:")
    assert ask("verify", run, "--deep").exit_code == 0
    (tmp_path / "patient_ok.py").write_text(PATIENT + "# changed\n")
    assert "market.behaviours:patient-lab patient_ok 1.0" in complaint("verify", run, "--deep", code=1)


def test_a_plugin_that_raises_ends_the_run_naming_org_and_week_and_the_log_can_be_resumed(
    install: Install, tmp_path: Path
) -> None:
    scenario = install(RAISES, "patient_raises")
    words = ("run", scenario, "--years", "0.3", "--out", "r", "--quiet")
    said = complaint(*words, code=1)
    for word in ("patient-lab", "anthropic", "week 12", "RuntimeError: no idea [/x]", "--resume"):
        assert word in said
    assert ask("verify", "r", "--bytes").exit_code == 0
    assert "patient-lab" in complaint(*words, "--resume", code=1)


def test_a_broken_package_ends_only_the_runs_that_name_it(install: Install, tmp_path: Path) -> None:
    scenario = install("import nothing_of_this_name", "patient_broken")
    simulate(tmp_path / "other")
    said = complaint("run", scenario, "--years", "0.3", "--out", "r", "--quiet", code=1)
    assert "'patient-lab' of the package patient_broken cannot be imported: ModuleNotFoundError" in said
    assert not (tmp_path / "r").exists()
    doctor = ask("doctor")
    assert doctor.exit_code == 1
    assert "BAD behaviour" in doctor.stdout


def test_broken_policies_of_a_package_are_named_by_doctor_and_end_no_run(install: Install, tmp_path: Path) -> None:
    install("import nothing_of_this_name", "policies_broken", "market.policies", "levies")
    simulate(tmp_path / "run", "--policy", "demand-shock:from=2024-08-01")
    assert "BAD policies" in ask("doctor").stdout
    assert ask("policy", "list").exit_code == 0


def test_doctor_lists_what_other_packages_bring(install: Install) -> None:
    install(PATIENT, "patient_listed")
    assert "patient-lab from patient_listed 1.0 (sha256 " in ask("doctor").stdout


GENEROUS = """\
from market.clearing import Allotment, Cleared
def Patient(of):
    return Cleared(tuple(Allotment(b.id, 0, of.lots[0].site, of.lots[0].chip, 10**6, 0.0) for b in of.bids), ())
"""
BOOK = """\
{"supply": [{"site": "s", "chip": "c", "gpus": 1, "reserve_usd_per_gpu": 0}],
 "bids": [{"id": "b", "alternatives": [{"gpus": 1, "value_usd": 1}]}]}
"""


@pytest.mark.parametrize(
    ("code", "module", "said"),
    [
        ("def Patient(of): raise RuntimeError('no idea')", "mechanism_raises", "'mine' raised RuntimeError: no idea"),
        (
            "import nothing_of_this_name",
            "mechanism_broken",
            "of the package mechanism_broken cannot be imported",
        ),
        (GENEROUS, "mechanism_generous", "'mine' answers what the book does not allow: b: 1,000,000 units"),
    ],
)
def test_a_mechanism_of_another_package_is_named_when_it_fails(
    install: Install, tmp_path: Path, code: str, module: str, said: str
) -> None:
    install(code, module, "market.mechanisms", "mine")
    (tmp_path / "book.json").write_text(BOOK)
    assert said in complaint("clear", "book.json", "-m", "mine", code=1)
    assert ask("clear", "book.json").exit_code == 0
    assert f"mine from {module} 1.0" in ask("doctor").stdout
