"""Draw the pictures of README and docs/gallery.md: `python docs/pictures.py` in the project's folder.

The run is `market run --years 3`; every picture is what `market plot NAME RUN` draws.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

IMAGES = Path(__file__).parent / "images"
GALLERY = Path(__file__).parent / "gallery.md"
HEAD = """# Gallery

Every figure of a run of the default scenario, seed 0, three years. One run is one possible history, not a forecast.
`market plot NAME RUN -o picture.svg` draws one, `market report RUN` all of them with their data, and
`python docs/pictures.py` made this page.
"""


def main() -> None:
    """Simulate the default run, draw every figure, and write the gallery."""
    from click.testing import CliRunner

    import cli
    from market.report.figures import FIGURES
    from market.runs.reading import open_run

    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        made = CliRunner().invoke(cli.main, ["run", "--years", "3", "--out", str(run), "--quiet"])
        assert made.exit_code == 0, made.output
        log, parts = open_run(run).log.collect().lazy(), [HEAD]
        for name, make in FIGURES.items():
            figure = make(log)
            if figure.chart is None:  # nothing to draw in this run: no older picture of it stays
                (IMAGES / f"{name}.svg").unlink(missing_ok=True)
                continue
            drawn = CliRunner().invoke(cli.main, ["plot", name, str(run), "--out", str(IMAGES / f"{name}.svg")])
            assert drawn.exit_code == 0, drawn.output
            parts.append(f"## {name}\n\n{figure.title}.\n\n![{figure.alt}](images/{name}.svg)\n\n{figure.note}\n")
    GALLERY.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
