"""How far a stage is, shown while a program waits for it: a line of the terminal, or a line below a notebook's cell."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from workflow.client.job import Job, Stage

ERASE = "\r\x1b[K"  # back to the start of the line, and clear it


@contextmanager
def shown() -> Iterator[Any]:
    """Gives what is called with the stage and its answer at each look; shows nothing where nobody can see it."""
    cell = _cell()
    if cell is None and not sys.stderr.isatty():
        yield None
        return
    line = ""

    def show(stage: Stage, detail: Mapping[str, Any]) -> None:
        nonlocal line
        told = described(stage, detail)
        if told == line:
            return
        line = told
        if cell is None:
            sys.stderr.write(ERASE + told)
            sys.stderr.flush()
        else:
            cell.update({"text/plain": told}, raw=True)

    try:
        yield show
    finally:
        if cell is None and line:
            sys.stderr.write("\n")


def described(stage: Stage, detail: Mapping[str, Any]) -> str:
    """One line: the stage, its state and how far it is."""
    id = str(detail.get("id") or detail.get("jobId") or "")
    job = Job(stage, id, str(detail["status"]), detail)
    return " · ".join(part for part in (f"{stage} {id}".strip(), job.status, job.note) if part)


def _cell() -> Any:
    """The output of the cell that runs, where a notebook shows one; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display({"text/plain": ""}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
