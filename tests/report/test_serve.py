"""The page of what-ifs: it runs in the background, goes on after a stop or a kill, and trusts nobody's words."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from experiments.extras import needs

httpx = needs("httpx")
needs("starlette")
needs("altair")

from command_line.asking import simulate  # noqa: E402
from report.browsing import breaches, needs_browser  # noqa: E402

from market.report.serve.jobs import Asked, Jobs, how_far  # noqa: E402
from market.report.serve.questions import Unclear, what_if  # noqa: E402

ASKED = "scenario=frontier-2024&runs=2&years=0.3&policy=chip-tariff&from=2024-08-01"
PATIENCE_S = 240


def until(holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 15 weeks."""
    return simulate(tmp_path_factory.mktemp("served") / "world")


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[str]:
    """The address of a server for the run, in a process of its own; Ctrl-C ends it."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import cli; cli.main()", "serve", str(run), "--port", "0"],
        cwd=run.parent, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().strip().rstrip("/")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (0, 130, -signal.SIGINT)


def state(server: str) -> dict[str, object]:
    """The first thing that the stream of events says."""
    with httpx.stream("GET", f"{server}/events?{ASKED}", timeout=60) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                return json.loads(line[6:])
    raise AssertionError("the stream said nothing")


def see_the_bands(server: str) -> None:
    """The page of a what-if that is done has pictures of its bands, light and dark, drawn by the server."""
    page = httpx.get(f"{server}/what-if?{ASKED}", timeout=60).text
    pictures = [html.unescape(found) for found in re.findall(r'src="(/fan\?[^"]*)"', page)]
    assert len(pictures) >= 3
    assert "does not change under chip-tariff" in page or "under chip-tariff (95 % interval" in page
    for look, ink in (("light", "#1b1b1b"), ("dark", "#ececec")):
        picture = httpx.get(f"{server}{pictures[0].replace('look=light', f'look={look}')}", timeout=60)
        assert picture.headers["content-type"] == "image/svg+xml"
        assert picture.text.count("mark-area") == 4 or picture.text.count('aria-roledescription="area') == 4
        assert ink in picture.text
        assert "In force from 2024-08-01" in picture.text
    for wrong in ("number=99&look=light", "number=0&look=pink", "number=-1&look=light"):
        assert httpx.get(f"{server}/fan?{ASKED}&{wrong}", timeout=60).status_code == 404


def test_a_what_if_runs_while_five_sessions_look_on_and_ends_in_a_report_and_data(server):
    page = httpx.get(f"{server}/what-if?{ASKED}", timeout=60)
    assert page.status_code == 200
    assert "not started" in page.text
    assert httpx.post(f"{server}/start?{ASKED}", timeout=60).status_code == 303
    seen: list[list[int]] = [[] for _ in range(5)]

    def look(at: int) -> None:
        with httpx.stream("GET", f"{server}/events?{ASKED}", timeout=PATIENCE_S) as stream:
            seen[at] += [json.loads(line[6:])["done"] for line in stream.iter_lines() if line.startswith("data: ")]

    sessions = [threading.Thread(target=look, args=(at,)) for at in range(5)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join(PATIENCE_S)
    assert all(counts == sorted(counts) and counts[-1] == 4 for counts in seen), seen
    assert state(server) == {"state": "done", "done": 4, "total": 4, "why": ""}
    see_the_bands(server)
    report = httpx.get(f"{server}/report?{ASKED}", timeout=60)
    assert "chip-tariff" in report.text
    archive = zipfile.ZipFile(BytesIO(httpx.get(f"{server}/data?{ASKED}", timeout=60).content))
    assert {"wide.parquet", "long.parquet", "experiment.json"} <= set(archive.namelist())
    assert "2 seeds" in httpx.get(server, timeout=60).text  # and the home page lists it


@needs_browser
def test_a_browser_asks_starts_and_sees_the_answer_on_pages_that_break_no_rule(browser, server):
    page = browser.new_page(viewport={"width": 420, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(server)
    assert breaches(page) == ""
    page.check('input[value="placebo"]')
    page.fill("input[name='runs']", "2")
    page.fill('input[name="years"]', "0.1")
    page.fill('input[name="from"]', "2024-07-29")
    page.click("text=Ask")
    assert breaches(page) == ""
    other = browser.new_page()
    other.goto(page.url)
    page.click('button:has-text("Start")')  # a browser says the origin of its own forms
    for one in (page, other):  # the session that only looks on follows too
        one.wait_for_selector("text=done, 4 of 4 runs", timeout=PATIENCE_S * 1000)
    page.wait_for_selector("table.grid")
    assert "How far to trust it" in page.inner_text("main")
    drawn = "[...document.querySelectorAll('img.fan')].every(image => image.naturalWidth > 0)"
    until(lambda: page.evaluate(drawn), 30)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert breaches(page) == ""
    page.goto(f"{server}/what-if?policy=nonsense")
    assert breaches(page) == ""
    assert [text for text in said if "400" not in text] == []  # the browser reports the status of the last page
    page.close()
    other.close()


def test_the_run_has_its_report(server):
    assert "Who can use how much compute" in httpx.get(f"{server}/run", timeout=60).text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example"])
def test_another_host_is_refused(server, host):
    assert httpx.get(server, headers={"host": host}, timeout=60).status_code == 400


def test_a_form_of_another_page_is_refused(server):
    answer = httpx.post(f"{server}/start?{ASKED}", headers={"origin": "http://evil.example"}, timeout=60)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "query",
    ["policy=<script>alert(1)</script>", "runs=many", "runs=100000", "years=nan", "set=x", "scenario=/etc/passwd",
     "set=no.such.number=1", "from=yesterday", "policy=../../etc/passwd"],
)  # fmt: skip
def test_a_question_that_cannot_be_asked_gets_one_line_and_no_trace(server, query):
    answer = httpx.get(f"{server}/what-if?{quote(query, safe='=&')}", timeout=60)
    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert "<script>alert" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_damaged_log_gives_a_clear_page(run, tmp_path):
    import shutil

    from starlette.testclient import TestClient

    from events import LogDamaged
    from market.report.serve.app import Served, make_app

    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    (segment,) = (broken / "log").glob("*.arrow")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    served = Served("frontier-2024", str(broken), {}, lambda design: "", Jobs([]))
    said = lambda error: (str(error), 3) if isinstance(error, LogDamaged) else None  # noqa: E731
    answer = TestClient(make_app(served, said), base_url="http://127.0.0.1").get("/run")
    assert answer.status_code == 500
    assert "Not possible" in answer.text


SLOW = """
import json, pathlib, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
(out / "runs").mkdir(parents=True, exist_ok=True)
(out / "experiment.json").write_text(json.dumps({"levers": [0, 1], "futures": 1, "seeds": [0, 3]}))
for n in range(6):
    mark = out / "runs" / str(n) / "result.msgpack"
    if mark.exists():
        continue
    time.sleep(0.3)
    mark.parent.mkdir(exist_ok=True)
    mark.write_bytes(b"x")
(out / "runs.parquet").write_bytes(b"x")
"""


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_job_that_was_stopped_or_killed_goes_on_where_it_was(tmp_path, how):
    program = tmp_path / "slow.py"
    program.write_text(SLOW)
    asked = Asked((), str(tmp_path / "experiments" / "x"))
    jobs = Jobs([sys.executable, str(program)])
    assert jobs.progress(asked).state == "new"
    jobs.start(asked)
    until(lambda: jobs.progress(asked).done >= 2, 60)
    if how == "stop":
        jobs.stop(asked.key)
    else:
        jobs._jobs[asked.key].process.kill()
    assert jobs._jobs[asked.key].ended.wait(30)
    left = jobs.progress(asked)
    assert left.state == ("stopped" if how == "stop" else "failed")
    assert 2 <= left.done < 6
    jobs.start(asked)
    until(lambda: jobs.progress(asked).state == "done", 60)
    assert how_far(asked.folder) == (6, 6, True)


def test_a_question_survives_its_link():
    query = {
        "policy": ["a", "b"],
        "runs": ["7"],
        "years": ["1.5"],
        "set": ["x.y=3"],
        "from": ["2025-01-01"],
        "scenario": ["s"],
    }
    question = what_if(query, "s", ("a", "b"))
    from urllib.parse import parse_qs

    assert what_if(parse_qs(question.query), "s", ("a", "b")) == question
    assert question.words[:2] == ("--scenario", "s")
    with pytest.raises(Unclear, match="none of the library"):
        what_if({"policy": ["c"]}, "s", ("a",))
