"""The report that is mailed: it draws, asks for nothing, hides nobody, and its slider agrees with replay."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from experiments.extras import needs

needs("altair")
needs("vl_convert")

from command_line.asking import answer, ask, complaint, simulate  # noqa: E402
from report.browsing import Seen, needs_browser  # noqa: E402

from market.analytics.power import power  # noqa: E402
from market.report.figures import FIGURES  # noqa: E402
from market.report.figures.base import Figure  # noqa: E402
from market.report.page import Number, Page, Section, render  # noqa: E402
from market.report.web import lease_web  # noqa: E402
from market.runs.reading import open_run  # noqa: E402


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of half a year; nobody may change it."""
    return simulate(tmp_path_factory.mktemp("report") / "world", years="0.5")


@pytest.fixture(scope="module")
def page_file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    out = tmp_path_factory.mktemp("pages") / "report.html"
    found = answer("report", run, "-o", out)
    assert found["bytes"] == out.stat().st_size < 2_000_000
    return out


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (420, "light")])
def test_every_figure_draws_marks_without_a_request_or_a_complaint(browser, page_file, run, width, scheme):
    seen = Seen(browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme))
    page = seen.open(page_file)
    log = open_run(run).log
    drawn = [name for name, make in FIGURES.items() if make(log).chart is not None]
    counts = {
        name: page.locator(
            ", ".join(f"#{name} svg .role-mark.mark-{mark} path" for mark in ("line", "rect", "bar", "symbol"))
        ).count()
        for name in drawn
    }
    assert set(FIGURES) - set(drawn) <= {"recoveries", "training"}  # nobody defaults, no run need begin
    assert all(count >= 1 for count in counts.values()), counts
    assert counts["compute"] == 9  # the eight largest and all others
    assert seen.requests == [page_file.as_uri()]
    assert seen.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@needs_browser
def test_the_slider_shows_the_leases_that_replay_gives(browser, page_file, run):
    page = Seen(browser.new_page()).open(page_file)
    days = page.evaluate("JSON.parse(document.getElementById('report-data').textContent).web.days")
    for index in (3, 15, len(days) - 1):
        slider = page.locator("#web-date")
        slider.evaluate("(node, at) => { node.value = at; node.dispatchEvent(new Event('input')); }", index)
        shown = page.eval_on_selector_all(
            "#web-rows tr", "rows => rows.map(row => [row.dataset.lease, Number(row.dataset.gpus)])"
        )
        state = open_run(run).state(until=date(1970, 1, 1) + timedelta(days[index]))
        held = {lease.lease_id: lease.delivered for lease in state.leases.leases.values() if lease.delivered}
        assert dict(shown) == held
    page.close()


def in_use(web: dict[str, Any], day: int) -> dict[str, int]:
    """GPUs that each lease gives on a day, leases without any left out: what the page's slider shows."""
    return {
        lease["id"]: gpus
        for lease in web["leases"]
        if lease["signed"] <= day and (lease["ended"] is None or day < lease["ended"])
        if (gpus := sum(n for at, n in lease["moves"] if at <= day))
    }


def test_the_web_of_leases_agrees_with_replay_without_a_browser(run):
    opened = open_run(run)
    web = lease_web(opened.log)
    for index in (0, 10, 20, len(web["days"]) - 1):
        state = opened.state(until=date(1970, 1, 1) + timedelta(web["days"][index]))
        held = {lease.lease_id: lease.delivered for lease in state.leases.leases.values() if lease.delivered}
        assert in_use(web, web["days"][index]) == held


def test_power_announced_is_at_least_contracted_and_that_at_least_energised(run):
    table = power(open_run(run).log).collect()
    assert table.height
    assert table.filter(pl.col("announced_kw") < pl.col("contracted_kw")).height == 0
    assert table.filter(pl.col("contracted_kw") < pl.col("energised_kw")).height == 0


def hostile(text: str) -> Page:
    frame = pl.DataFrame({"org": [text], "gpus": [1]})
    figure = Figure("names", text, None, frame, text, text)
    return Page(text, text, [text], [Number(text, text)], [Section(text, [figure])], [text], [text])


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", '"&<>'])
def test_names_are_text(text):
    page = render(hostile(text))
    assert text not in page.replace("<!doctype html>", "") or text == "<!--"
    data = page.split('id="report-data">')[1].split("</script>")[0]
    assert json.loads(data)["figures"]["names"]["table"]["rows"] == [[text, 1]]


def test_plots_are_written_in_every_form_and_an_unknown_name_is_refused(run, tmp_path):
    for suffix, begins in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".json", b"{")):
        out = tmp_path / f"prices{suffix}"
        assert ask("plot", "prices", run, "-o", out).exit_code == 0
        assert out.read_bytes().startswith(begins)
    assert "compute" in complaint("plot", "computer", run, "-o", tmp_path / "x.svg", code=2)
    assert ".svg" in complaint("plot", "prices", run, "-o", tmp_path / "x.doc", code=2)


def test_a_notebook_shows_the_figures_of_a_run(run):
    from market import open_run as opened

    plots = opened(run).plot
    assert "lead_time" in dir(plots)
    assert plots.lead_time().to_dict()["title"]["text"].startswith("Chips are ordered")


def test_a_figure_says_its_finding_its_units_and_what_it_shows(run):
    log = open_run(run).log
    for name, make in FIGURES.items():
        figure = make(log)
        assert figure.name == name
        assert len(figure.title.split()) >= 3
        if figure.chart is not None:
            assert figure.table.height
            assert figure.note
            assert figure.alt


@pytest.fixture(scope="module")
def experiment_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small experiment."""
    folder = tmp_path_factory.mktemp("experiment")
    asked = ask(
        "experiment", "--policy", "chip-tariff:from=2024-08-01", "--runs", 3, "--years", "0.5", "--engine", "serial",
        "--out", folder / "e", "--quiet",
    )  # fmt: skip
    assert asked.exit_code == 0, asked.output
    assert answer("report", folder / "e", "-o", folder / "e.html")["bytes"] < 2_000_000
    return folder / "e.html"


def test_the_report_of_an_experiment_says_question_answer_numbers_and_trust_first(experiment_file):
    text = experiment_file.read_text().split("<main>")[1]
    order = [
        "What does chip-tariff",
        "<h1>",
        'class="grid"',
        "change by chip-tariff",
        "Where the load goes",
        "Who loses, who gains",
        "How far to trust it",
        "<h2>What chip-tariff",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    for said in (
        "95 % interval",
        "chip-tariff (from 2024-08-01)",
        "Back-test from",
        "are assumptions; the others carry a source",
        "n = 3 pairs",
        "market experiment show",
    ):
        assert said in text


@needs_browser
def test_the_report_of_an_experiment_draws_without_a_request_or_a_complaint(browser, experiment_file):
    seen = Seen(browser.new_page())
    page = seen.open(experiment_file)
    fans = page.evaluate("[...document.querySelectorAll('.chart')].map(c => c.id).filter(id => id.includes('-time-'))")
    assert len(fans) >= 3
    for fan in fans:
        assert page.locator(f"#{fan} svg .mark-area path").count() == 4  # two bands for two policies
        assert page.locator(f"#{fan} svg .role-mark.mark-rule line").count() == 3  # the day of the policy, two leaders
        assert "In force from 2024-08-01" in page.locator(f"#{fan}").inner_html()
    first = page.locator("dl.brief").bounding_box()
    assert first["y"] + first["height"] <= page.viewport_size["height"]
    assert page.locator("#p0-changes svg .mark-rule line").count() >= 2
    assert (seen.requests, seen.complaints) == ([experiment_file.as_uri()], [])
    page.close()


@pytest.fixture(scope="module")
def decision_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a decision."""
    out = tmp_path_factory.mktemp("decision") / "decide.html"
    asked = ("memphis-2024", "--gpus", 100000, "--chip", "H100", "--by", "2024-11-01", "--set", "orgs.xai.cash_usd=9e9")
    found = answer("decide", *asked, "-o", out)
    first = found["options"][0]
    assert first["usd_per_gpu_hour"] == pytest.approx(first["cost_usd_per_h100e_hour"])  # a H100 is one equivalent
    assert first["months_to_power"] * 30.44 / 7 == pytest.approx(first["wait_weeks"], rel=1e-3)
    assert "its own plant" in first["hangs_on"]
    assert out.stat().st_size < 2_000_000
    return out


def test_the_page_of_a_decision_says_cost_months_risk_and_what_it_hangs_on_first(decision_file):
    text = decision_file.read_text().split("<main>")[1]
    first = text.split("<h2>")[0]
    for said in ("How could xai get 100,000 H100", "USD per H100-hour", "Months until", "quarter late", "hangs on"):
        assert said in first
    assert "market decide memphis-2024 --gpus 100000" in text
    assert "--set orgs.xai.cash_usd=9e9" in text


def test_a_decision_in_which_everything_fails_has_a_page_that_says_so(tmp_path):
    out = tmp_path / "poor.html"
    found = answer("decide", "memphis-2024", "--gpus", 100000, "--chip", "H100", "--by", "2024-11-01", "-o", out)
    assert {row["hangs_on"] for row in found["options"]} == {"more money"}
    assert f"Every one of {len(found['options'])} options fails for xai" in out.read_text()


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (420, "light")])
def test_the_page_of_a_decision_draws_every_option_without_a_request(browser, decision_file, width, scheme):
    seen = Seen(browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme))
    page = seen.open(decision_file)
    options = json.loads(page.evaluate("document.getElementById('report-data').textContent"))["figures"]["waits"]
    assert page.locator("#waits svg .mark-rect path").count() == len(options["table"]["rows"]) >= 9
    assert (seen.requests, seen.complaints) == ([decision_file.as_uri()], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_pictures_of_power_keep_announced_over_contracted_over_energised_at_every_date_of_any_seed(seed, tmp_path):
    log = open_run(simulate(tmp_path / "world", "--seed", seed, years="0.4")).log
    steps = FIGURES["power"](log).table.pivot(on="step", index="date", values="power_gw")
    assert steps.height > 4
    for more, less in (("announced", "under contract"), ("under contract", "energised")):
        assert steps.filter(pl.col(more) < pl.col(less) - 1e-9).height == 0
    parts = FIGURES["regions"](log).table
    assert parts.filter(pl.col("power_gw") < -1e-9).height == 0  # what is left of a greater level is never negative


def test_recoveries_are_said_once_an_org_defaults_and_drawn_once_something_is_paid(tmp_path):
    forced = ("--policy", "org-default:org=coreweave,from=2024-08-05")
    figure = FIGURES["recoveries"](open_run(simulate(tmp_path / "world", *forced, years="0.4")).log)
    paid = figure.table["recovered_percent"].sum()
    assert figure.table.height
    assert (figure.chart is not None, "secured" in figure.title, "nothing" in figure.title) == (
        paid > 0, paid > 0, paid == 0,
    )  # fmt: skip
    shares = figure.table.group_by("claims").agg(pl.col("recovered_percent").sum())
    assert shares.filter((pl.col("recovered_percent") < 0) | (pl.col("recovered_percent") > 100 + 1e-6)).height == 0
