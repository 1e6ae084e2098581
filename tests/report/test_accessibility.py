"""No page breaks a rule of accessibility (WCAG 2.1, levels A and AA), light or dark, wide or narrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments.extras import needs

needs("altair")
needs("vl_convert")

from command_line.asking import answer, ask, simulate  # noqa: E402
from report.browsing import Seen, breaches, needs_browser  # noqa: E402

PAGES = ("run", "fork", "experiment", "decision")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind of page."""
    folder = tmp_path_factory.mktemp("pages")
    run, fork, experiment = simulate(folder / "run"), folder / "fork", folder / "experiment"
    policy = ("--policy", "chip-tariff:from=2024-09-02")
    assert ask("fork", run, "--at", "2024-09-01", *policy, "--out", fork, "--quiet").exit_code == 0
    words = ("--runs", 2, "--years", "0.3", "--engine", "serial", "--out", experiment, "--quiet")
    assert ask("experiment", "--policy", "chip-tariff:from=2024-08-01", *words).exit_code == 0
    files = {name: folder / f"{name}.html" for name in PAGES}
    for name, source in (("run", run), ("fork", fork), ("experiment", experiment)):
        assert answer("report", source, "-o", files[name])["bytes"] < 2_000_000
    asked = ("--gpus", 100000, "--chip", "GB300", "--by", "2026-06-01")
    answer("decide", *asked, "-o", files["decision"])
    return files


@needs_browser
@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        *((name, 1280, "light") for name in PAGES),
        *((name, *look) for name in PAGES if name != "fork" for look in ((1280, "dark"), (420, "light"))),
    ],
)
def test_no_page_breaks_a_rule_asks_for_anything_or_is_wider_than_its_screen(browser, pages, name, width, scheme):
    seen = Seen(browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme))
    page = seen.open(pages[name])
    assert (seen.requests, seen.complaints) == ([pages[name].as_uri()], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if (
        width > 1000 and scheme == "light"
    ):  # with every table open; the other looks without, which is a fifth of the time
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert breaches(page) == ""
    page.close()


def test_the_report_of_a_fork_stands_beside_the_run_that_it_left(pages):
    text = pages["fork"].read_text()
    assert "run, as it went" in text
    assert "change since the fork under chip-tariff" in text
    assert "Where the load goes" in text
    assert "as it went" not in pages["run"].read_text()
