"""The routes of the page; every fragment is plain HTML from a template, escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from workflow import __version__
from workflow.errors import InvalidParameter, MLResourceNotFound, WorkflowError
from workflow.graphs.naming import Naming, vertex_of
from workflow.jobs.service import JobService
from workflow.neptune import Kind
from workflow.predictions.reports import ids_in_report, named_report
from workflow.server.access.auth import AUTHENTICATED
from workflow.server.services import Services
from workflow.server.ui.examples import EXAMPLES
from workflow.server.ui.query import BoxQuery, as_file, run_query
from workflow.server.ui.rows import MODEL_REPORT, REPORT, STAGES, endpoint_rows, job_rows, log_tail, output_of
from workflow.storage.uri import S3Uri

HERE = Path(__file__).parent
MAX_QUERY_BYTES = 100_000
MAX_FIELDS = 8
NEWEST = 10  # of the jobs are seen at once
MAX_ASKING = 8  # queries at once; the other routes have the other threads
LOG_LINES = 2000
# scripts and styles come from this origin alone, as files
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# a report is a finished page of one job: nothing in it runs, and it reaches nothing
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox"
)
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def routes(services: Services) -> list[BaseRoute]:
    """The page, its fragments, the reports and logs of jobs, and the vendored scripts."""
    page = _Page(services)
    return [
        Route("/", page.index, methods=["GET"]),
        Route("/ui/jobs", page.jobs, methods=["GET"]),
        Route("/ui/endpoints", page.endpoints, methods=["GET"]),
        Route("/ui/query", page.query, methods=["POST"]),
        Route("/ui/query/stop", page.stop_query, methods=["POST"]),
        Route("/ui/download", page.download, methods=["POST"]),
        Route("/ui/stop/{kind}/{id}", page.stop, methods=["POST"]),
        Route("/ui/report/{kind}/{id}/{name}", page.report, methods=["GET"]),
        Route("/ui/log/{kind}/{id}", page.log, methods=["GET"]),
        Mount("/ui/static", StaticFiles(directory=HERE / "static")),
    ]


class _Page:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._asking = CapacityLimiter(MAX_ASKING)
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )

    async def index(self, request: Request) -> Response:
        return self._html(
            "page.html",
            profile=self._services.settings.profile,
            version=__version__,
            sources=list(self._services.engines),
            examples=EXAMPLES,
            display=" ".join(self._services.settings.display),
        )

    async def jobs(self, request: Request) -> Response:
        found = await to_thread.run_sync(partial(job_rows, self._services))
        busy = sum(row.tone == "busy" for row in found)
        return self._html("jobs.html", rows=found, newest=NEWEST, busy=busy, graphs=self._graphs())

    async def endpoints(self, request: Request) -> Response:
        found = await to_thread.run_sync(partial(endpoint_rows, self._services))
        return self._html("endpoints.html", rows=found)

    def _graphs(self) -> list[tuple[str, int, int]]:
        """(traversal source, vertices, edges) of every graph; ``g`` is another name of the first."""
        graphs = self._services.graphs
        named = {source: graph for source, graph in graphs.items() if source != "g"} or graphs
        return [(source, graph.vertex_count(), graph.edge_count()) for source, graph in named.items()]

    async def query(self, request: Request) -> Response:
        form = await _form(request)
        asked = self._asked(request, form)
        if not asked.text.strip():
            return self._html(
                "answer.html", error="Write a query first, such as g.V().count() or MATCH (n) RETURN count(n)."
            )
        try:
            answer = await to_thread.run_sync(partial(run_query, self._services, asked), limiter=self._asking)
        except WorkflowError as error:
            return self._html("answer.html", error=error.message)
        return self._html("answer.html", answer=answer)

    def _asked(self, request: Request, form: Mapping[str, str]) -> BoxQuery:
        page = form.get("page", "1")
        return BoxQuery(
            form.get("gremlin", ""),
            form.get("source", "g"),
            form.get("query"),
            max(1, int(page)) if page.isdecimal() and len(page) < 7 else 1,
            naming=self._naming(form.get("display")),
            user=str(request.scope.get(AUTHENTICATED, "")),
        )

    def _naming(self, asked: str | None) -> Naming:
        """By which properties vertices are called: those of the request, else of the settings."""
        return Naming.of(asked) if asked else Naming(self._services.settings.display)

    async def download(self, request: Request) -> Response:
        """The whole answer to a query as a file."""
        form = await _form(request)
        format: Literal["csv", "json"] = "json" if form.get("format") == "json" else "csv"
        try:
            work = partial(as_file, self._services, self._asked(request, form), format)
            content = await to_thread.run_sync(work, limiter=self._asking)
        except WorkflowError as error:
            return self._html("message.html", error.status, message=error.message)
        name = {**_SAFE, "Content-Disposition": f'attachment; filename="answer.{format}"'}
        return Response(content, headers=name, media_type={"csv": "text/csv", "json": "application/json"}[format])

    async def stop_query(self, request: Request) -> Response:
        id = (await _form(request)).get("query", "")
        for registry in (self._services.queries, self._services.cypher_queries):
            registry.cancel(id)
        return Response(status_code=204)

    async def stop(self, request: Request) -> Response:
        """Stop what runs, or delete an endpoint, and answer the list as it is then."""
        kind, id = str(request.path_params["kind"]), str(request.path_params["id"])
        await to_thread.run_sync(partial(self._stop, kind, id))
        return await (self.endpoints if kind == "endpoints" else self.jobs)(request)

    def _stop(self, kind: str, id: str) -> None:
        services = self._services
        if kind == "load" and services.loads is not None:
            services.loads.cancel(id)
        elif kind == "export" and services.exports is not None:
            services.exports.cancel(id)
        else:
            self._ml_jobs(kind).stop(_kind(kind), id, clean=False)

    async def report(self, request: Request) -> Response:
        kind, id, name = (str(request.path_params[part]) for part in ("kind", "id", "name"))
        try:
            naming = self._naming(request.query_params.get("display"))
            content = await to_thread.run_sync(partial(self._report, kind, id, name, naming))
        except WorkflowError as error:
            return self._html("message.html", error.status, message=error.message)
        return HTMLResponse(content, headers={**_SAFE, "Content-Security-Policy": REPORT_POLICY})

    def _report(self, kind: str, id: str, name: str, naming: Naming) -> str:
        location = output_of(self._ml_jobs(kind).get(_kind(kind), id).to_json())
        if location is None:
            raise MLResourceNotFound(f"the job {id!r} has no output yet")
        if name not in (REPORT, MODEL_REPORT):
            raise MLResourceNotFound(f"{name!r} is no report; there are {REPORT} and {MODEL_REPORT}")
        page = self._services.storage.read(S3Uri.parse(location) / name).decode()
        graph = self._services.graphs.get("g")
        found = [] if graph is None else [(id, vertex_of(graph, id)) for id in ids_in_report(page)]
        return named_report(page, {id: naming.name(vertex) for id, vertex in found if vertex is not None})

    async def log(self, request: Request) -> Response:
        """The last lines of a log, as text."""
        kind, id = str(request.path_params["kind"]), str(request.path_params["id"])
        try:
            text = await to_thread.run_sync(partial(self._log, kind, id))
        except WorkflowError as error:
            return self._html("message.html", error.status, message=error.message)
        return PlainTextResponse(text, headers={**_SAFE, "Content-Security-Policy": REPORT_POLICY})

    def _log(self, kind: str, id: str) -> str:
        status = self._ml_jobs(kind).get(_kind(kind), id).to_json()
        return log_tail(status, LOG_LINES) or "Nothing has been printed yet.\n"

    def _ml_jobs(self, kind: str) -> JobService:
        if self._services.jobs is None or kind not in get_args(Kind):
            raise MLResourceNotFound(f"{kind!r} is no kind of job; there are {', '.join((*STAGES, 'endpoints'))}")
        return self._services.jobs

    def _html(self, template: str, status: int = 200, **values: Any) -> Response:
        content = self._templates.get_template(template).render(**values)
        return HTMLResponse(content, status, headers={**_SAFE, "Content-Security-Policy": POLICY})


def _kind(text: str) -> Kind:
    return next(kind for kind in get_args(Kind) if kind == text)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, refused before it is read to its end where it is too long. Raises InvalidParameter."""
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > MAX_QUERY_BYTES:
            raise InvalidParameter(f"the query is longer than {MAX_QUERY_BYTES:,} bytes")
    try:
        fields = parse_qs(read.decode(), max_num_fields=MAX_FIELDS)
    except ValueError as error:  # no UTF-8, or too many fields
        raise InvalidParameter(f"the form cannot be read: {error}") from error
    return {name: values[0] for name, values in fields.items()}
