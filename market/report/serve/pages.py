"""The pages of `market serve`: the form, a what-if and how far it is. All names in them are text."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files

from market.report.figures import Figure
from market.report.serve.bands import Answer
from market.report.serve.jobs import Progress
from market.report.serve.questions import RUNS_MAX, WhatIf

STYLE = files("market.report").joinpath("assets/page.css").read_text(encoding="utf-8")
SCRIPT = files("market.report").joinpath("assets/serve.js").read_text(encoding="utf-8")
SAID = {
    "new": "not started", "waiting": "waits for another what-if", "running": "running", "done": "done",
    "stopped": "stopped; what was done is kept", "failed": "failed",
}  # fmt: skip


def _text(text: object) -> str:
    return html.escape(str(text), quote=True)


def page(title: str, body: str) -> str:
    """Put a body into a document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{_text(title)}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def problem(line: str) -> str:
    """A page that says in one line what is wrong."""
    return page("Not possible", f'<h1>Not possible</h1><p role="alert">{_text(line)}</p><p><a href="/">Back</a></p>')


def home(
    scenario: str,
    run: str | None,
    policies: Mapping[str, str],
    asked: WhatIf | None,
    jobs: Sequence[tuple[WhatIf, Progress]],
) -> str:
    """The form of a what-if, and the what-ifs asked so far."""
    boxes = "".join(
        f'<li><label><input type="checkbox" name="policy" value="{_text(name)}"'
        f"{' checked' if asked and name in asked.policies else ''}> {_text(name)}: {_text(title)}</label></li>"
        for name, title in policies.items()
    )
    sets = asked.sets if asked else ()
    fields = "".join(
        f'<p><label>Another value, KEY=VALUE <input name="set" value="{_text(text)}"></label></p>'
        for text in (*sets, "", "")[:2]
    )
    about = f'<p><a href="/run">The run {_text(run)}</a></p>' if run else ""
    rows = "".join(
        f'<li><a href="/what-if?{_text(question.query)}">{_text(describe(question))}</a>: {_text(SAID[found.state])}'
        f"{f', {found.done} of {found.total} runs' if found.total else ''}</li>"
        for question, found in jobs
    )
    return page(
        f"What if, in {scenario}?",
        f"<h1>What if, in {_text(scenario)}?</h1>{about}"
        '<form action="/what-if" method="get">'
        f"<fieldset><legend>Policies, each against the world without it</legend><ul>{boxes}</ul></fieldset>"
        '<p><label>In force from <input name="from" type="date" '
        f'value="{_text(asked.since if asked else "")}"></label> '
        f"(left empty: each from its own date)</p>{fields}"
        f'<p><label>Seeds <input name="runs" type="number" min="2" max="{RUNS_MAX}" '
        f'value="{asked.runs if asked else 20}"></label> '
        f'<label>Years <input name="years" type="number" min="0.1" max="10" step="any" '
        f'value="{asked.years if asked else 2:g}"></label></p>'
        '<p><button type="submit">Ask</button></p></form>'
        f"<h2>Asked so far</h2>{f'<ul>{rows}</ul>' if rows else '<p>Nothing yet.</p>'}",
    )


def describe(question: WhatIf) -> str:
    """Say a what-if in a line."""
    what = ", ".join((*question.policies, *question.sets)) or "the world as it is"
    what += f" from {question.since}" if question.since else ""
    return f"{what}, {question.runs} seeds, {question.years:g} year{'' if question.years == 1 else 's'}"


def _fans(query: str, figures: Sequence[Figure]) -> str:
    """Pictures with their findings, in the look of the reader's screen; `query` is escaped."""
    parts = []
    for number, figure in enumerate(figures):
        address = f"/fan?{query}&amp;number={number}"
        parts.append(
            f"<figure><h3>{_text(figure.title)}</h3><picture>"
            f'<source media="(prefers-color-scheme: dark)" srcset="{address}&amp;look=dark">'
            f'<img class="fan" src="{address}&amp;look=light" alt="{_text(f"{figure.title}. {figure.alt}")}"></picture>'
            f"<figcaption>{_text(figure.note)}</figcaption></figure>"
        )
    return f'<div class="figures">{"".join(parts)}</div>' if parts else ""


def answer(question: WhatIf, found: Progress, answered: Answer | None = None) -> str:
    """How far a what-if is, and once it is done its pictures and where its report is."""
    done = found.state == "done"
    query = _text(question.query)
    links = (
        f'<p><a href="/report?{query}">Report</a> · <a href="/report?{query}&amp;download=1" download>save it</a> · '
        f'<a href="/data?{query}">data (Parquet)</a></p>'
    )
    go = "Start" if found.state == "new" else "Go on"
    start = f'<form method="post" action="/start?{query}"><button type="submit">{go}</button></form>'
    stop = f'<form method="post" action="/stop?{query}"><button type="submit">Stop</button></form>'
    body = (
        links + answered.first + _fans(query, answered.figures)
        if answered
        else stop
        if found.state in ("waiting", "running")
        else start
    )
    bar = f'<progress id="bar" max="{max(1, found.total)}" value="{found.done}" aria-label="runs done"></progress>'
    return page(
        describe(question),
        f'<p class="question">What if, in {_text(question.scenario)}?</p><h1>{_text(describe(question))}</h1>'
        f'<p id="said" aria-live="polite">{_text(SAID[found.state])}'
        f"{f', {found.done} of {found.total} runs' if found.total else ''}</p>"
        f"{f'<p role=alert>{_text(found.why)}</p>' if found.why else ''}{'' if done else bar}{body}"
        f'<p><a href="/?{query}">Change the question</a></p>'
        f'<script src="/serve.js" data-events="/events?{query}" data-state="{found.state}" id="live"></script>',
    )
