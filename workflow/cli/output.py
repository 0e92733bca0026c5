"""Everything the command prints: tables and progress for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from workflow.neptune.progress import progress_note, size, span, steps_done

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from workflow.client.job import Job


#: characters that a column needs with its border, below which words are folded to letters
NARROWEST = 12


@cache
def _console(*, stderr: bool = False) -> Console:
    """What draws for people; a service, which says a line or two, starts without it."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def say(text: str) -> None:
    """A line for people; ``[bold]markup[/bold]`` is rich's."""
    _console().print(text, soft_wrap=True)


def plain(text: str) -> None:
    """Text as it stands, such as a document; nothing in it is markup."""
    _console().print(text, soft_wrap=True, markup=False)


def announce(text: str) -> None:
    """A line a program may wait for: unstyled, unwrapped, flushed."""
    print(text, flush=True)


def fail(text: str) -> None:
    """The last words of a command that failed."""
    _tell("[bold red]error[/bold red]", text)


def warn(text: str) -> None:
    """Something that was not done as somebody may have meant it."""
    _tell("[bold yellow]warning[/bold yellow]", text)


def _tell(word: str, text: str) -> None:
    from rich.markup import escape

    _console(stderr=True).print(f"{word} {escape(text)}", soft_wrap=True)


def as_json(value: Any) -> None:
    """A whole answer for programs."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under a title; numbers keep four significant digits, long words are folded and never cut."""
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(header_style="bold")
    for place, name in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        # an id is there to be copied: other columns give way to it
        drawn.add_column(
            str(name), justify="right" if numbers else "left", overflow="fold", no_wrap=name in ("id", "status")
        )
    for row in rows:
        drawn.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
    say(f"\n{title}")
    _console().print(drawn)


def jobs(title: str, found: Sequence[Job]) -> None:
    """Two lines a job: what it is, then when it ran, how long, how much it wrote, and a note.

    A table of as many columns would be folded to letters in a window of 80.
    """
    from rich.markup import escape

    say(f"\n[bold]{title}[/bold]")
    widest = max((len(job.stage) for job in found), default=0), max((len(job.status) for job in found), default=0)
    for job in found:
        say(f"{job.stage:<{widest[0]}}  {job.status:<{widest[1]}}  [bold]{escape(job.id)}[/bold]")
        parts = [_when(job), "" if job.size_bytes is None else size(job.size_bytes), job.note]
        if any(parts):
            say(f"    [dim]{escape(', '.join(part for part in parts if part))}[/dim]")


def _when(job: Job) -> str:
    """``2026-11-30 14:41:44 to 14:43:50 UTC, 2 min``; of what still runs since when, and for how long."""
    if job.started is None:
        return ""
    began = f"{job.started:%Y-%m-%d %H:%M:%S}"
    if job.took_s is None or job.ended is None:
        return f"since {began} UTC" + ("" if job.took_s is None else f", for {span(job.took_s)}")
    same_day = job.ended.date() == job.started.date()
    return f"{began} to {job.ended:{'%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S'}} UTC, {span(job.took_s)}"


def answer(title: str, records: Sequence[Any]) -> None:
    """The whole answer to a query: a column a key of its records, or the one column ``value``.

    Where so many keys do not fit beside each other, as those of a ``groupCount``, each record is a table, a row a key.
    """
    rows = [record if isinstance(record, Mapping) and record else {"value": record} for record in records]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if not rows:
        say(f"\n{title}\n0 results")
    elif NARROWEST * len(columns) <= _console().width:
        table(title, columns, [[row.get(column, "") for column in columns] for row in rows])
    else:
        for number, row in enumerate(rows, 1):
            table(title if len(rows) == 1 else f"{title}, {number} of {len(rows)}", ["key", "value"], list(row.items()))


class StageProgress:
    """One line a stage: a spinner, what it is doing, how far it is, the metric it last reported."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, detail: Mapping[str, Any]) -> None:
        """Show what a status answer says; the shape ``Workflow.wait`` hands to its watcher."""
        from rich.markup import escape

        status = str(detail.get("status", ""))
        reported = detail.get("progress") or {}
        total, step = reported.get("total"), steps_done(reported)
        task = self._tasks.get(stage)
        if task is None:
            task = self._tasks[stage] = self._progress.add_task(stage, total=None, note=status)
        final = status in ("Completed", "InService", "succeeded", "LOAD_COMPLETED")
        note = status if final or not reported else progress_note(reported) or "working"
        if status.lower() in ("failed", "stopped") or status.startswith(("LOAD_FAILED", "LOAD_CANCELLED")):
            self._progress.update(task, total=1, completed=0, note=f"[red]{escape(status)}[/red]")
            self._progress.stop_task(task)
        elif final:
            self._progress.update(task, total=1, completed=1, note=f"[green]{escape(note)}[/green]")
            self._progress.stop_task(task)
        else:
            self._progress.update(task, total=total or None, completed=step, note=escape(note))


@contextmanager
def stage_progress() -> Iterator[StageProgress]:
    """Live lines on a terminal; elsewhere the final state of each."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:<15}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=_console(),
    ) as progress:
        yield StageProgress(progress)
