"""The pages over HTTP, for this machine alone: Starlette's routes, host check and headers."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from market.experiments.results.dataset import ResultMissing, open_results
from market.experiments.results.store import Store
from market.report.page import render
from market.report.pages import page_of
from market.report.serve import bands, pages
from market.report.serve.bands import Answer
from market.report.serve.jobs import Asked, Jobs, Plan
from market.report.serve.questions import Unclear, WhatIf, what_if

HOSTS = ["127.0.0.1", "localhost", "[::1]"]
EVERY_S = 0.5  # between looks at a job that runs
AGAIN_MS = 2_000  # until a page asks again about a job that does not
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends its own forms without their origin
    "Cache-Control": "no-store",
}
DATA = ("experiment.json", "futures.parquet", "long.parquet", "wide.parquet", "runs.parquet")


@dataclass
class Served:
    """What a server answers about.

    scenario : name or file that what-ifs are asked of. run : a run's folder, or None. policies : name -> title.
    plan : checks a design's flags and names the folder of its answer; its errors are one line each.
    """

    scenario: str
    run: str | None
    policies: dict[str, str]
    plan: Plan
    jobs: Jobs
    asked: dict[str, WhatIf] = field(default_factory=dict)
    drawn: dict[str, Answer] = field(default_factory=dict)

    def answer(self, folder: str) -> Answer:
        """What a finished experiment found, read once: what is finished does not change."""
        if folder not in self.drawn:
            self.drawn[folder] = bands.answer(open_results(folder))
        return self.drawn[folder]

    def read(self, request: Request) -> WhatIf:
        """Read the question of a link."""
        found = parse_qs(request.url.query, max_num_fields=50)
        return what_if(found, self.scenario, tuple(self.policies))

    async def find(self, request: Request) -> tuple[WhatIf, Asked]:
        """Read the question of a link and name the folder of its answer."""
        question = self.read(request)
        folder = await run_in_threadpool(self.plan, question.design())
        asked = Asked(question.words, folder)
        self.asked[asked.key] = question
        return question, asked


Endpoint = Callable[[Served, Request], Awaitable[Response]]


async def home(served: Served, request: Request) -> Response:
    question = served.read(request) if request.url.query else None
    jobs = []
    for key, one in served.asked.items():
        folder = str(Path("experiments") / key)
        jobs.append((one, served.jobs.progress(Asked(one.words, folder))))
    return HTMLResponse(pages.home(served.scenario, served.run, served.policies, question, jobs))


async def question_page(served: Served, request: Request) -> Response:
    question, asked = await served.find(request)
    now = served.jobs.progress(asked)
    found = await run_in_threadpool(served.answer, asked.folder) if now.state == "done" else None
    return HTMLResponse(pages.answer(question, now, found))


async def fan_picture(served: Served, request: Request) -> Response:
    _, asked = await served.find(request)
    figures = (await run_in_threadpool(served.answer, asked.folder)).figures
    number, look = request.query_params.get("number", ""), request.query_params.get("look", "light")
    if number not in map(str, range(len(figures))) or look not in bands.INK:
        return HTMLResponse(pages.problem("there is no such picture"), status_code=404)
    svg = await run_in_threadpool(bands.drawn, figures[int(number)], look)
    return Response(svg, media_type="image/svg+xml")


async def start(served: Served, request: Request) -> Response:
    question, asked = await served.find(request)
    served.jobs.start(asked)
    return RedirectResponse(f"/what-if?{question.query}", status_code=303)


async def stop(served: Served, request: Request) -> Response:
    question, asked = await served.find(request)
    served.jobs.stop(asked.key)
    return RedirectResponse(f"/what-if?{question.query}", status_code=303)


async def events(served: Served, request: Request) -> Response:
    _, asked = await served.find(request)

    async def follow() -> AsyncIterator[bytes]:
        yield f"retry: {AGAIN_MS}\n\n".encode()
        while not await request.is_disconnected():
            now = served.jobs.progress(asked)
            yield b"data: " + msgspec.json.encode(now.as_json()) + b"\n\n"
            if now.state not in ("waiting", "running"):
                return
            await asyncio.sleep(EVERY_S)

    return StreamingResponse(follow(), media_type="text/event-stream")


async def report(served: Served, request: Request) -> Response:
    _, asked = await served.find(request)
    text = await run_in_threadpool(lambda: render(page_of(asked.folder)))
    extra = (
        {"Content-Disposition": f'attachment; filename="{asked.key}.html"'}
        if "download" in request.query_params
        else {}
    )
    return HTMLResponse(text, headers=extra | {"Content-Security-Policy": ""})  # the page says its own


async def data(served: Served, request: Request) -> Response:
    _, asked = await served.find(request)
    if not Store(asked.folder).exists("runs.parquet"):
        raise ResultMissing(f"{asked.key}: is not finished")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in DATA:
            archive.write(Path(asked.folder) / name, name)
    disposition = {"Content-Disposition": f'attachment; filename="{asked.key}.zip"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=disposition)


async def run_page(served: Served, request: Request) -> Response:
    if served.run is None:
        return HTMLResponse(pages.problem("this server was started for a scenario, not for a run"), status_code=404)
    run = served.run
    return HTMLResponse(await run_in_threadpool(lambda: render(page_of(run))), headers={"Content-Security-Policy": ""})


async def style(served: Served, request: Request) -> Response:
    return PlainTextResponse(pages.STYLE, media_type="text/css")


async def script(served: Served, request: Request) -> Response:
    return PlainTextResponse(pages.SCRIPT, media_type="text/javascript")


ROUTES: tuple[tuple[str, Endpoint, str], ...] = (
    ("/", home, "GET"), ("/what-if", question_page, "GET"), ("/start", start, "POST"), ("/stop", stop, "POST"),
    ("/events", events, "GET"),
    ("/fan", fan_picture, "GET"), ("/report", report, "GET"), ("/data", data, "GET"), ("/run", run_page, "GET"),
    ("/page.css", style, "GET"), ("/serve.js", script, "GET"),
)  # fmt: skip


Said = Callable[[Exception], tuple[str, int] | None]


def make_app(served: Served, said: Said) -> Starlette:
    """Build the application; `said` gives the line and exit code of an error that a user can mend, or None."""

    def route(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            if request.method == "POST" and not _same_origin(request):
                return HTMLResponse(pages.problem("this form was sent from another page"), status_code=403)
            try:
                response = await endpoint(served, request)
            except Exception as error:
                found = (str(error), 2) if isinstance(error, Unclear) else said(error)
                if found is None:
                    raise
                response = HTMLResponse(pages.problem(found[0]), status_code=400 if found[1] == 2 else 500)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            if not response.headers["Content-Security-Policy"]:
                del response.headers["Content-Security-Policy"]
            return response

        return answered

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(served.jobs.close)

    routes = [Route(path, route(endpoint), methods=[method]) for path, endpoint, method in ROUTES]
    return Starlette(
        routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)], lifespan=lifespan
    )


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host')}"


def serve(
    served: Served, port: int, said: Callable[[Exception], tuple[str, int] | None], started: Callable[[str], Any]
) -> None:
    """Serve on 127.0.0.1 until Ctrl-C; `started` is called with the address."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: Sequence[Any] | None = None) -> None:
            await super().startup(list(sockets) if sockets else None)
            bound = self.servers[0].sockets[0].getsockname()[1] if self.started else port
            started(f"http://127.0.0.1:{bound}/")

    config = uvicorn.Config(
        make_app(served, said), host="127.0.0.1", port=port, log_level="warning", server_header=False
    )
    Server(config).run()
