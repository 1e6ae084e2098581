"""Execute the notebooks of the documentation and keep what their cells show: `python docs/notebooks [NAME ...]`.

A cell's last expression is shown as a notebook would: frames as text, charts as SVG. Each runs in a folder of its own.
The documentation shows them as pages, docs/notebook-NAME.md, which are written here too.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))


def execute(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the code cells of a notebook in order, keep their outputs in them, and give back their names."""
    names: dict[str, Any] = {}
    count = 0
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        count += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            shown = _run("".join(cell["source"]), names)
        cell["execution_count"] = count
        cell["outputs"] = [*_stream(printed.getvalue()), *_result(shown, count)]
    return names


def _run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; give back the value of its last line where that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def _stream(text: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []


def _result(shown: Any, count: int) -> list[dict[str, Any]]:
    if shown is None:
        return []
    data: dict[str, Any] = {"text/plain": repr(shown).splitlines(keepends=True)}
    if hasattr(shown, "to_dict") and hasattr(shown, "save"):  # an Altair chart
        picture = io.StringIO()
        shown.save(picture, format="svg")
        data = {"text/plain": ["a chart"], "image/svg+xml": picture.getvalue().splitlines(keepends=True)}
    return [{"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}]


def page(name: str, cells: list[dict[str, Any]]) -> tuple[str, dict[str, str]]:
    """Lay an executed notebook out as a page; give it, and its charts by file name."""
    parts: list[str] = []
    pictures: dict[str, str] = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/svg+xml" in data:
                file = f"{name}-{len(pictures) + 1}.svg"
                pictures[file] = "".join(data["image/svg+xml"])
                parts.append(f"![What the cell above draws](images/{file})")
            else:
                parts.append("```text\n" + "".join(output.get("text") or data["text/plain"]).strip("\n") + "\n```")
    note = f"(Written by `python docs/notebooks` from `docs/notebooks/{name}.ipynb`.)"
    return "\n\n".join([*parts, note]) + "\n", pictures


def main(names: list[str]) -> None:
    """Execute all notebooks, or those named."""
    here = Path.cwd()
    for path in sorted(HERE.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        content = json.loads(path.read_text())
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                execute(content["cells"])
            finally:
                os.chdir(here)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        text, pictures = page(path.stem, content["cells"])
        (HERE.parent / f"notebook-{path.stem}.md").write_text(text, encoding="utf-8")
        for file, picture in pictures.items():
            (HERE.parent / "images" / file).write_text(picture, encoding="utf-8")
        print(f"{path.stem}: {sum(cell['cell_type'] == 'code' for cell in content['cells'])} cells")


if __name__ == "__main__":
    main(sys.argv[1:])
