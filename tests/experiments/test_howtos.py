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


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is committed or to be, in which the README's first command was run, for fewer years."""
    if shutil.which("uv") is None and not os.environ.get("CI"):
        pytest.skip("uv is not on the path")
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    first = re.search(r"^    (python3 -m pip install .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert first is not None
    done = subprocess.run(
        ["bash", "-c", first[1].replace("--years 3", "--years 0.1")], cwd=folder, env=outside(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def outside() -> dict[str, str]:
    """The environment without that of the tests: no virtual environment of theirs, no module path."""
    ours = str(Path(sys.executable).parent)
    path = ":".join(folder for folder in os.environ["PATH"].split(":") if folder != ours)
    dropped = ("VIRTUAL_ENV", "PYTHON", "COVERAGE", "UV_RUN", "UV_INTERNAL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PATH": path, "NO_COLOR": "1", "UV_COMPILE_BYTECODE": "0"}


def run_page(name: str, clone: Path) -> Path:
    """Run a page in the clone, with ports that are free here."""
    script = script_of((PAGES / name).read_text(), clone)
    for port in ("8786", "5555"):
        script = script.replace(port, free_port())
    done = subprocess.run(
        ["bash", "-c", f". .venv/bin/activate\n{script}"],
        cwd=clone,
        env=outside(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return clone


def test_a_policy_in_five_minutes(clone: Path) -> None:
    work = run_page("policy-in-five-minutes.md", clone)
    assert (work / "second" / "wide.parquet").exists()


def test_a_thousand_futures(clone: Path) -> None:
    work = run_page("a-thousand-futures.md", clone)
    assert "6 futures times 1 seed" in (work / "from-bucket.txt").read_text()


def test_your_own_policy(clone: Path) -> None:
    run_page("write-your-own-policy.md", clone)


def test_your_own_lab(clone: Path) -> None:
    run_page("write-your-own-lab.md", clone)


def test_your_own_mechanism(clone: Path) -> None:
    work = run_page("compare-mechanisms.md", clone)
    assert "market.mechanisms:name-queue" in (work / "queue" / "run.json").read_text()


def test_the_example_of_a_lab_is_the_one_on_its_page(tmp_path: Path) -> None:
    script_of((PAGES / "write-your-own-lab.md").read_text(), tmp_path)
    example = ROOT / "docs" / "examples" / "patient-lab"
    assert (tmp_path / "patient.yaml").read_text().split("\n", 1)[1] == (example / "patient.yaml").read_text()
    page = (tmp_path / "patient-lab" / "patient_lab" / "__init__.py").read_text()
    shipped = (example / "patient_lab" / "__init__.py").read_text()
    for line in page.splitlines()[1:]:
        assert line in shipped, line
