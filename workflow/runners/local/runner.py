"""The runner of a laptop: jobs are child processes of this machine, in folders below a working folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from workflow.runners.base import Capacity, Control, Ended, JobCancelled, JobFailed, Task, Tuning
from workflow.runners.container import prepare_processing
from workflow.runners.failures import explain
from workflow.runners.local.children import BASE, Children
from workflow.runners.local.trials import TRAIN, LocalTrials
from workflow.runners.process import run_guarded
from workflow.runners.publishing import publish_model
from workflow.runners.search import Site, run_search
from workflow.storage import Storage
from workflow.tuning.loop import PROGRESS, read_progress
from workflow.tuning.results import Tuned


class LocalRunner:
    """Runs programs of a scripts folder as children of this process; see ``Children`` for what it is given.

    It has one machine: of the resources that a task names it takes none.
    """

    def __init__(
        self,
        scripts: Path,
        work: Path,
        logs: Path,
        storage: Storage,
        environment: Mapping[str, str],
        region: str = "us-east-1",
        python: str = sys.executable,
    ) -> None:
        self.children = Children(scripts, work, logs, storage, environment, region, python)

    def run(self, task: Task, control: Control) -> Ended:
        children = self.children
        folder = children.work / task.name
        base = folder / BASE
        folder.mkdir(parents=True, exist_ok=True)
        command = children.command(task.script, task.arguments)
        outputs = {place: str(uri) for place, uri in task.outputs.items()}
        container = prepare_processing(base, task.name, {}, outputs, command[2:], children.region)
        for place, uri in task.inputs.items():
            children.bring(uri, base / place)
        for place, uri in task.archives.items():
            children.bring_archive(uri, base / place)
        (base / "processing" / "output").mkdir(parents=True, exist_ok=True)
        log = children.log_path(task.name)
        ending = run_guarded(
            command,
            children.all_variables(container, share=1),
            folder,
            log,
            timeout_s=task.timeout_s,
            cancelled=control.cancelled,
        )
        if ending.outcome == "cancelled":
            raise JobCancelled(task.name)
        if not ending.succeeded:
            field = "processingTimeOutInSeconds"
            raise JobFailed(explain(task.script, ending, base / "output" / "failure", log, task.timeout_s, field))
        for place, uri in task.outputs.items():
            if children.storage.upload(base / place, uri) == 0:
                raise JobFailed(f"{task.script} succeeded but wrote nothing below {place}; its log: {log}")
        if task.model_output is not None:
            publish_model(base / "processing" / "output", children.scripts, children.storage, task.model_output)
        return Ended(ending.wall_s, ending.peak_memory_bytes, _message(base))

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        children = self.children
        # more trials at once than processors only take memory and make each other slow
        parallel = max(1, min(tuning.parallel, tuning.trials, os.cpu_count() or 1))
        folder = children.work / tuning.folder_name
        site = Site(folder, children.scripts, children.storage, children.log_path)
        launcher = LocalTrials(children, tuning, folder, parallel)
        return run_search(tuning, parallel, launcher, site, control, prunes=tuning.script == TRAIN)

    def progress(self, name: str) -> Mapping[str, Any] | None:
        folder = self.children.work / name
        return read_progress(folder / PROGRESS) or read_progress(folder / BASE / "output" / PROGRESS)

    def log_url(self, name: str) -> str | None:
        path = self.children.log_path(name)
        return path.as_uri() if path.exists() else None

    def capacity(self) -> Capacity:
        work = self.children.work
        work.mkdir(parents=True, exist_ok=True)
        return Capacity(psutil.virtual_memory().total, shutil.disk_usage(work).free, processors=os.cpu_count())

    def discard(self, name: str) -> None:
        shutil.rmtree(self.children.work / name, ignore_errors=True)


def _message(base: Path) -> str | None:
    path = base / "output" / "message"
    return path.read_text(errors="replace")[:1024] if path.is_file() else None
