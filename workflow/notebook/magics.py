"""``%despina``: what graph-notebook's magics lack."""

from __future__ import annotations

import argparse
import difflib
import html
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import HTML, display

from workflow.client.connection import Connection
from workflow.client.job import Job, Stage
from workflow.client.workflow import Workflow
from workflow.errors import InvalidParameter, WorkflowError
from workflow.neptune.progress import progress_note, steps_done, trial_notes
from workflow.notebook.graph_notebook import point_graph_notebook_at


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
        raise InvalidParameter(f"{message}\n{self.format_usage()}")


#: what follows each verb, and what it does
VERBS: dict[str, tuple[str, str]] = {
    "connect": ("[URL]", "speak to another service, or say how this one is"),
    "jobs": ("", "all jobs and endpoints"),
    "wait": ("ID", "follow a job to its end"),
    "logs": ("ID [-n N] [-f]", "its last lines; with -f live, with its progress, until it ends"),
    "report": ("ID", "its report, in place"),
    "stop": ("ID", "stop a job, or delete an endpoint"),
    "endpoint": ("list | stop ID", "the endpoints, or stop one"),
}


def _help() -> str:
    """The verbs, one a line."""
    return "\n".join(f"%despina {f'{verb} {rest}':<26}{does}" for verb, (rest, does) in VERBS.items())


def _words(line: str) -> list[str]:
    """The words of a line, the first of them a verb. Raises InvalidParameter."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidParameter(f"{line!r} cannot be read: {error}") from error
    if words and words[0] not in (*VERBS, "help", "-h", "--help"):
        close = difflib.get_close_matches(words[0], VERBS, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else "."
        raise InvalidParameter(f"There is no verb {words[0]!r}{guess}\n\n{_help()}")
    return words


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="%despina", add_help=False)
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs = {verb: subparsers.add_parser(verb, add_help=False) for verb in VERBS}
    verbs["connect"].add_argument("url", nargs="?")
    for verb in ("wait", "logs", "report", "stop"):
        verbs[verb].add_argument("id")
    verbs["logs"].add_argument("-n", type=int, default=30)
    verbs["logs"].add_argument("-f", "--follow", action="store_true")
    verbs["endpoint"].add_argument("action", choices=["list", "stop"])
    verbs["endpoint"].add_argument("id", nargs="?")
    return parser


@magics_class
class DespinaMagics(Magics):
    """The magic and the service it speaks to."""

    def __init__(self, shell: Any, url: str) -> None:
        super().__init__(shell)
        self.workflow = Workflow(Connection(url))

    @line_magic
    def despina(self, line: str) -> Any:
        """What graph-notebook lacks; alone, it lists its verbs."""
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
            words = _words(line)
            if not words or words[0] in ("help", "-h", "--help"):
                return _show(f"<pre>{html.escape(_help())}</pre>")
            asked = _parser().parse_args(words)
            return verbs[asked.verb](asked)
        except WorkflowError as error:
            _show(f'<pre style="white-space: pre-wrap"><b>despina:</b> {html.escape(error.message)}</pre>')
            return None

    def _connect(self, asked: argparse.Namespace) -> None:
        if asked.url:
            other = Workflow(Connection(asked.url))
            other.connection.call("get_engine_status")  # one that does not answer takes no place
            self.workflow = other

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
        job = self.workflow.wait(self._find(asked.id), watch=lambda stage, now: line.show(_progress(stage, now)))
        if job.warnings:
            _show("<ul>" + "".join(f"<li>{html.escape(warning)}</li>" for warning in job.warnings) + "</ul>")
        return job.status

    def _logs(self, asked: argparse.Namespace) -> None:
        job = self._find(asked.id)
        if not asked.follow:
            _show(_tails(job, asked.n))
            return
        line = _Line()

        def show(stage: Stage, now: Mapping[str, Any]) -> None:
            line.show(_progress(stage, now) + _tails(replace(job, detail=now), asked.n))

        self.workflow.wait(job, watch=show)

    def _report(self, asked: argparse.Namespace) -> None:
        """The report of a finished stage, in place; of a training, the winner's own below it."""
        job = self._find(asked.id)
        if job.status != "Completed":
            raise InvalidParameter(f"{job.stage} {job.id} is {job.status} and has no report.")
        display(self.workflow.report(job))  # type: ignore[no-untyped-call]

    def _stop(self, asked: argparse.Namespace) -> str:
        job = self._find(asked.id)
        return self.workflow.stop(job.stage, job.id)

    def _endpoint(self, asked: argparse.Namespace) -> Any:
        if asked.action == "list":
            return self.workflow.jobs("endpoint")
        if asked.id is None:
            raise InvalidParameter("Name the endpoint to stop: %despina endpoint stop ID.")
        return self.workflow.stop("endpoint", asked.id)


def _progress(stage: Stage, now: Mapping[str, Any]) -> str:
    """A bar where the service tells how far it is, and what it does."""
    progress = now.get("progress") or {}
    total, step = progress.get("total") or 0, steps_done(progress)
    bar = f'<progress max="{total}" value="{step:g}"></progress> ' if total else ""
    note = progress_note(progress)
    lines = [f"{stage} {now['status']}{': ' + note if note else ''}", *trial_notes(progress)]
    return bar + "<br>".join(map(html.escape, lines))


def _tails(job: Job, lines: int) -> str:
    """The last lines of every log of a job; of a log that lies elsewhere, its address."""
    shown = []
    for name, address in job.logs:
        path = Path(unquote(urlsplit(address).path))
        if urlsplit(address).scheme == "file" and path.exists():
            tail = "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            shown.append(f'<b>{html.escape(name)}</b><pre style="white-space: pre-wrap">{html.escape(tail)}</pre>')
        else:
            shown.append(html.escape(address))
    return "".join(shown)
