"""The how-to pages do what they say: their files are written, their commands run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from experiments.extras import needs

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "howto"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS_MAX = 600


def script_of(page: str, folder: Path) -> str:
    """Write the files of a page into a folder; give back its commands as a script."""
    lines: list[str] = []
    for kind, text in BLOCK.findall(page):
        name = re.match(r"# (\S+\.\w+)\n", text)
        if kind == "console":
            lines += [line.removeprefix("$ ") for line in text.splitlines()]
        elif name:
            path = folder / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return "\n".join(["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *lines, ""])


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `market`, `python` and `pip install` are those of the page's reader."""
    tools = tmp_path / "tools"
    tools.mkdir()
    plugged = tmp_path / "plugged"
    uv = shutil.which("uv")
    install = f'exec {uv} pip install -q --no-deps --python {sys.executable} --target "{plugged}" "$2"'
    for name, line in {
        "market": f'exec {sys.executable} -c "from cli import main; main(prog_name=\'market\')" "$@"',
        "python": f'exec {sys.executable} "$@"',
        "pip": install if uv else f'exec {sys.executable} -m pip install -q --no-deps --target "{plugged}" "$2"',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    return os.environ | {
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{plugged}:{ROOT}",
        "EXAMPLES": str(ROOT / "docs" / "examples"),
        "NO_COLOR": "1",
    }


def run_page(name: str, folder: Path, environment: dict[str, str]) -> Path:
    """Run a page in an empty folder, with ports that are free here."""
    work = folder / "work"
    work.mkdir()
    script = script_of((PAGES / name).read_text(), work)
    for port in ("8786", "5555"):
        script = script.replace(port, free_port())
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return work


def test_a_policy_in_five_minutes(tmp_path: Path, shell: dict[str, str]) -> None:
    work = run_page("policy-in-five-minutes.md", tmp_path, shell)
    assert (work / "second" / "wide.parquet").exists()


def test_a_thousand_futures(tmp_path: Path, shell: dict[str, str]) -> None:
    needs("moto")
    needs("distributed")
    work = run_page("a-thousand-futures.md", tmp_path, shell)
    assert "6 futures times 1 seed" in (work / "from-bucket.txt").read_text()


def test_your_own_policy(tmp_path: Path, shell: dict[str, str]) -> None:
    run_page("write-your-own-policy.md", tmp_path, shell)


def test_your_own_lab(tmp_path: Path, shell: dict[str, str]) -> None:
    run_page("write-your-own-lab.md", tmp_path, shell)


def test_the_example_of_a_lab_is_the_one_on_its_page(tmp_path: Path) -> None:
    script_of((PAGES / "write-your-own-lab.md").read_text(), tmp_path)
    example = ROOT / "docs" / "examples" / "patient-lab"
    assert (tmp_path / "patient.yaml").read_text().split("\n", 1)[1] == (example / "patient.yaml").read_text()
    page = (tmp_path / "patient_lab" / "__init__.py").read_text()
    shipped = (example / "patient_lab" / "__init__.py").read_text()
    for line in page.splitlines()[1:]:
        assert line in shipped, line
