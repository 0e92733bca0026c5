"""The routes of the page; every fragment is plain HTML from a template, escaped."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from anyio import to_thread
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from workflow import __version__
from workflow.api import Kind
from workflow.errors import InvalidParameter, MLResourceNotFound, WorkflowError
from workflow.gremlin.values import T
from workflow.jobs.service import JobService
from workflow.server.gremlin_execution import Query, QueryRunner
from workflow.server.services import Services
from workflow.server.ui.drawing import drawing
from workflow.server.ui.jobs import STAGES, Row, row
from workflow.storage.uri import S3Uri

HERE = Path(__file__).parent
MAX_ROWS = 200
MAX_JOBS = 50
MAX_QUERY_BYTES = 100_000
EXAMPLE = "g.V().limit(25).outE().limit(50).inV().path()"
# scripts and styles come from this origin alone; the graph library sets styles on its own elements
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
# a report is a finished page of one job: its inlined scripts may draw, and reach nothing
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-scripts"
)


def routes(services: Services) -> list[BaseRoute]:
    """The page, its fragments, the reports of jobs and the vendored scripts."""
    page = _Page(services)
    return [
        Route("/", page.index, methods=["GET"]),
        Route("/ui/jobs", page.jobs, methods=["GET"]),
        Route("/ui/endpoints", page.endpoints, methods=["GET"]),
        Route("/ui/query", page.query, methods=["POST"]),
        Route("/ui/report/{kind}/{id}", page.report, methods=["GET"]),
        Mount("/ui/static", StaticFiles(directory=HERE / "static")),
    ]


class _Page:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)

    async def index(self, request: Request) -> Response:
        graph = self._services.graphs.get("g")
        counts = "" if graph is None else f"{graph.vertex_count():,} vertices, {graph.edge_count():,} edges"
        return self._html(
            "page.html",
            graph_counts=counts,
            profile=self._services.settings.profile,
            version=__version__,
            sources=list(self._services.engines),
            example=EXAMPLE,
        )

    async def jobs(self, request: Request) -> Response:
        found = await to_thread.run_sync(partial(self._rows, tuple(STAGES)))
        return self._html("jobs.html", jobs=found)

    async def endpoints(self, request: Request) -> Response:
        found = await to_thread.run_sync(partial(self._rows, ("endpoints",)))
        return self._html("endpoints.html", endpoints=found)

    def _rows(self, kinds: tuple[Kind, ...]) -> list[Row]:
        jobs = self._services.jobs
        if jobs is None:
            return []
        return [row(kind, jobs.get(kind, id).to_json()) for kind in kinds for id in jobs.newest(kind, MAX_JOBS)]

    async def query(self, request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > MAX_QUERY_BYTES:
            raise InvalidParameter(f"the query is longer than {MAX_QUERY_BYTES} bytes")
        fields = parse_qs((await request.body()).decode(), max_num_fields=4)
        text, source = fields.get("gremlin", [""])[0], fields.get("source", ["g"])[0]
        return await to_thread.run_sync(partial(self._answer, text, source))

    def _answer(self, text: str, source: str) -> Response:
        settings = self._services.settings
        runner = QueryRunner(
            self._services.engines, settings.profile, self._services.queries, settings.query_timeout_ms
        )
        running = self._services.queries.accept(text)
        began = time.perf_counter()
        try:
            found = runner.results(Query(text, aliases={"g": source}), running)
            unbulked = (traverser.value for traverser in found for _ in range(min(traverser.bulk, MAX_ROWS + 1)))
            results = list(islice(unbulked, MAX_ROWS + 1))
            found.close()  # type: ignore[attr-defined]  # a generator; closing it ends the query
            cut, results = len(results) > MAX_ROWS, results[:MAX_ROWS]
            drawn = drawing(results).as_json()
            columns, rows = _table(results)
        except WorkflowError as error:
            return self._html("answer.html", error=error.message)
        finally:
            self._services.queries.finish(running)
        return self._html(
            "answer.html",
            columns=columns,
            rows=rows,
            cut=cut,
            drawing=json.dumps(drawn) if len(drawn["vertices"]) > 1 else "",
            milliseconds=round((time.perf_counter() - began) * 1000, 1),
        )

    async def report(self, request: Request) -> Response:
        kind, id = str(request.path_params["kind"]), str(request.path_params["id"])
        jobs = self._services.jobs
        if kind not in STAGES or jobs is None:
            raise MLResourceNotFound(f"{kind!r} is no kind of job that has a report")
        content = await to_thread.run_sync(partial(self._report, jobs, kind, id))
        return HTMLResponse(content, headers={"Content-Security-Policy": REPORT_POLICY})

    def _report(self, jobs: JobService, kind: Kind, id: str) -> bytes:
        status: Mapping[str, Any] = jobs.get(kind, id).to_json()
        resources = [value for value in status.values() if isinstance(value, Mapping)]
        location = next((r["outputLocation"] for r in resources if r.get("outputLocation")), None)
        if location is None:
            raise MLResourceNotFound(f"the job {id!r} has no output yet")
        return self._services.storage.read(S3Uri.parse(location) / "report.html")

    def _html(self, template: str, **values: Any) -> Response:
        content = self._templates.get_template(template).render(**values)
        return HTMLResponse(content, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})


def _table(results: list[Any]) -> tuple[list[str], list[list[str]]]:
    """Maps with the same keys become columns; anything else is one column."""
    if results and all(isinstance(result, Mapping) for result in results):
        keys = list(dict.fromkeys(key for result in results for key in result))
        return [_text(key) for key in keys], [[_text(result.get(key, "")) for key in keys] for result in results]
    return ["result"], [[_text(result)] for result in results]


def _text(value: Any) -> str:
    return str(value.value) if isinstance(value, T) else str(value)
