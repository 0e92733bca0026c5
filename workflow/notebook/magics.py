"""``%despina``: what graph-notebook's magics lack."""

from __future__ import annotations

import argparse
import html
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import HTML, display

from workflow.client.connection import Connection
from workflow.client.workflow import Job, Stage, Workflow
from workflow.errors import InvalidParameter, WorkflowError
from workflow.storage.uri import S3Uri

REPORT_HEIGHT_PX = 900


def _page(markup: str) -> Any:
    """Markup to be displayed; in a box, since IPython fetches what begins with http, and warns of bare frames."""
    return HTML(f"<div>{markup}</div>")  # type: ignore[no-untyped-call]


def _show(markup: str) -> None:
    display(_page(markup))  # type: ignore[no-untyped-call]


class _Line:
    """One line of output that is replaced by the next."""

    def __init__(self) -> None:
        self._handle: Any = display(_page(""), display_id=True)  # type: ignore[no-untyped-call]

    def show(self, markup: str) -> None:
        self._handle.update(_page(markup))


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the kernel."""

    def error(self, message: str) -> Any:
        raise InvalidParameter(f"%despina: {message}\n{self.format_usage()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="%despina", add_help=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("connect", add_help=False).add_argument("url", nargs="?")
    verbs.add_parser("jobs", add_help=False)
    for verb in ("wait", "report", "stop"):
        verbs.add_parser(verb, add_help=False).add_argument("id")
    logs = verbs.add_parser("logs", add_help=False)
    logs.add_argument("id")
    logs.add_argument("-n", type=int, default=30)
    endpoint = verbs.add_parser("endpoint", add_help=False)
    endpoint.add_argument("action", choices=["list", "stop"])
    endpoint.add_argument("id", nargs="?")
    return parser


@magics_class
class DespinaMagics(Magics):
    """The magic and the service it speaks to."""

    def __init__(self, shell: Any, url: str) -> None:
        super().__init__(shell)
        self.workflow = Workflow(Connection(url))

    @line_magic
    def despina(self, line: str) -> Any:
        """Verbs: connect [URL], jobs, wait ID, logs ID [-n N], report ID, stop ID, endpoint list, endpoint stop ID."""
        verbs: Mapping[str, Callable[[argparse.Namespace], Any]] = {
            "connect": self._connect,
            "jobs": lambda _: self.workflow.jobs(),
            "wait": self._wait,
            "logs": self._logs,
            "report": self._report,
            "stop": self._stop,
            "endpoint": self._endpoint,
        }
        try:
            asked = _parser().parse_args(shlex.split(line))
            return verbs[asked.verb](asked)
        except WorkflowError as error:
            _show(f"<b>despina:</b> {html.escape(error.message)}")
            return None

    def _connect(self, asked: argparse.Namespace) -> None:
        if asked.url:
            self.workflow = Workflow(Connection(asked.url))
            from workflow.notebook.extension import point_graph_notebook_at

            if self.shell is not None and "graph_notebook_config" in self.shell.magics_manager.magics["cell"]:
                point_graph_notebook_at(self.shell, asked.url)
        status = self.workflow.connection.call("get_engine_status")
        _show(f"{html.escape(self.workflow.connection.url)} is <b>{html.escape(str(status['status']))}</b>")

    def _find(self, id: str) -> Job:
        """The job or endpoint of that id; training first, because its report and logs are asked for most."""
        return min(self.workflow.find(id), key=lambda job: job.stage != "modeltraining")

    def _wait(self, asked: argparse.Namespace) -> str:
        """Follow a job with a live line; returns its final status."""
        line = _Line()

        def show(stage: Stage, detail: Mapping[str, Any]) -> None:
            progress = detail.get("progress") or {}
            total, step = progress.get("total") or 0, progress.get("step") or 0
            bar = f'<progress max="{total}" value="{step}"></progress> ' if total else ""
            text = html.escape(f"{stage} {detail['status']} {progress.get('phase') or ''}")
            line.show(f"{bar}{text}")

        return self.workflow.wait(self._find(asked.id), watch=show).status

    def _logs(self, asked: argparse.Namespace) -> None:
        job = self._find(asked.id)
        for name, address in job.logs:
            path = Path(unquote(urlsplit(address).path))
            if urlsplit(address).scheme == "file" and path.exists():
                tail = "\n".join(path.read_text(errors="replace").splitlines()[-asked.n :])
                _show(f"<b>{html.escape(name)}</b><pre>{html.escape(tail)}</pre>")
            else:
                _show(html.escape(address))

    def _report(self, asked: argparse.Namespace) -> None:
        """The report of a stage, in a frame of its own: its styles stay there, and nothing in it may run."""
        job = self._find(asked.id)
        if job.output is None:
            raise InvalidParameter(f"{job.stage} {job.id} is {job.status} and has no report yet.")
        page = self.workflow.storage.read(S3Uri.parse(job.output) / "report.html").decode()
        frame = (
            f'<iframe sandbox srcdoc="{html.escape(page)}" width="100%" height="{REPORT_HEIGHT_PX}" frameborder="0">'
            "</iframe>"
        )
        _show(frame)

    def _stop(self, asked: argparse.Namespace) -> str:
        job = self._find(asked.id)
        return self.workflow.stop(job.stage, job.id)

    def _endpoint(self, asked: argparse.Namespace) -> Any:
        if asked.action == "list":
            jobs = self.workflow.jobs()
            return jobs[jobs["stage"] == "endpoint"].reset_index(drop=True)
        if asked.id is None:
            raise InvalidParameter("Name the endpoint to stop: %despina endpoint stop ID.")
        return self.workflow.stop("endpoint", asked.id)
