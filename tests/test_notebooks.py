"""The notebooks of the documentation run from their first cell to their last."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

import pytest
from experiments.extras import needs

FOLDER = Path(__file__).parents[1] / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    cells = json.loads(path.read_text())["cells"]
    if any("image/svg+xml" in output.get("data", {}) for cell in cells for output in cell.get("outputs", ())):
        needs("altair")
    kept = [[output["output_type"] for output in cell.get("outputs", ())] for cell in cells]
    script = runpy.run_path(str(FOLDER / "__main__.py"), run_name="notebooks")
    script["execute"](cells)
    assert [[output["output_type"] for output in cell.get("outputs", ())] for cell in cells] == kept
    text, _ = script["page"](path.stem, cells)
    assert text.count("```python") == sum(cell["cell_type"] == "code" for cell in cells) > 3


def test_the_tutorial_shows_charts_with_marks() -> None:
    cells = json.loads((FOLDER / "tutorial.ipynb").read_text())["cells"]
    charts = ["".join(o["data"]["image/svg+xml"]) for cell in cells for o in cell.get("outputs", ())
              if "image/svg+xml" in o.get("data", {})]  # fmt: skip
    assert len(charts) == 2
    assert all(chart.count("<path") > 5 for chart in charts)
