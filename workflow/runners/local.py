"""The runner of a laptop: jobs are child processes of this machine, in folders below a working folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from workflow.runners.base import Capacity, Control, Ended, JobCancelled, JobFailed, Task, Tuned, Tuning
from workflow.runners.bundle import unpack
from workflow.runners.container import prepare_processing
from workflow.runners.failures import explain
from workflow.runners.local_tuning import LocalTuning
from workflow.runners.process import run_guarded
from workflow.runners.publishing import publish_model
from workflow.storage import S3Uri, Storage

_log = logging.getLogger(__name__)

BASE = "ml"  # a job's /opt/ml, below its working folder


@dataclass(frozen=True)
class LocalRunner:
    """Runs programs of a scripts folder as children of this process.

    Attributes:
        scripts: the folder of ``process.py``, ``train.py`` …
        work: a folder a job while it runs.
        logs: a file a job, kept.
        environment: what children see beside the container's own variables.
        python: the interpreter that runs the scripts.
    """

    scripts: Path
    work: Path
    logs: Path
    storage: Storage
    environment: Mapping[str, str]
    region: str = "us-east-1"
    python: str = sys.executable

    def run(self, task: Task, control: Control) -> Ended:
        folder = self.work / task.name
        base = folder / BASE
        arguments = flags(task.arguments)
        folder.mkdir(parents=True, exist_ok=True)
        container = prepare_processing(
            base, task.name, {}, {place: str(uri) for place, uri in task.outputs.items()}, arguments, self.region
        )
        for place, uri in task.inputs.items():
            self.bring(uri, base / place)
        for place, uri in task.archives.items():
            self._bring_archive(uri, base / place)
        (base / "processing" / "output").mkdir(parents=True, exist_ok=True)
        log = self.log_path(task.name)
        ending = run_guarded(
            self.command(task.script, arguments),
            self.child_environment(container, share=1),
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
            if self.storage.upload(base / place, uri) == 0:
                raise JobFailed(f"{task.script} succeeded but wrote nothing below {place}; its log: {log}")
        if task.model_output is not None:
            publish_model(base / "processing" / "output", self.scripts, self.storage, task.model_output)
        return Ended(ending.wall_s, ending.peak_memory_bytes, _message(base))

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        return LocalTuning(self, tuning, control).run()

    def progress(self, name: str) -> Mapping[str, Any] | None:
        folder = self.work / name
        for path in (folder / "progress.json", folder / BASE / "output" / "progress.json"):
            try:
                document = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            return document if isinstance(document, dict) else None
        return None

    def log_url(self, name: str) -> str | None:
        path = self.log_path(name)
        return path.as_uri() if path.exists() else None

    def capacity(self) -> Capacity:
        self.work.mkdir(parents=True, exist_ok=True)
        return Capacity(psutil.virtual_memory().total, shutil.disk_usage(self.work).free)

    def discard(self, name: str) -> None:
        shutil.rmtree(self.work / name, ignore_errors=True)

    def log_path(self, name: str) -> Path:
        """The log of a job or trial."""
        return (self.logs / f"{name}.log").absolute()

    def command(self, script: str, arguments: Sequence[str]) -> list[str]:
        """The command line of a training script."""
        return [self.python, str(self.scripts / script), *arguments]

    def child_environment(self, container: Mapping[str, str], share: int) -> dict[str, str]:
        """All that a child sees; ``share`` children run at once and divide the processors."""
        threads = str(max(1, (os.cpu_count() or 1) // max(1, share)))
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        # threads that spin while they wait take seven times as long on a machine that does other things as well
        limits |= {"POLARS_MAX_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
        return {**self.environment, **limits, **container}

    def bring(self, uri: S3Uri, place: Path) -> None:
        """Show the objects of a prefix in a folder: linked where storage is a folder of this machine, else copied."""
        source = self.storage.local_path(uri)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source is not None and source.is_dir():
            place.symlink_to(source.absolute(), target_is_directory=True)
        else:
            place.mkdir(parents=True, exist_ok=True)
            self.storage.download(uri, place)

    def _bring_archive(self, uri: S3Uri, place: Path) -> None:
        local = self.storage.local_path(uri)
        if local is not None:
            with self.storage.open(uri):  # says so, naming the address, when there is none
                pass
            unpack(local, place)
            return
        began = time.monotonic()
        download = place.with_name(place.name + ".download")
        self.storage.download(uri, download)
        unpack(download / uri.name, place)
        shutil.rmtree(download, ignore_errors=True)
        _log.debug("brought %s in %.1f s", uri, time.monotonic() - began)


def flags(arguments: Mapping[str, str]) -> list[str]:
    """``--name value`` for each, in order."""
    return [part for name, value in arguments.items() for part in (f"--{name}", value)]


def _message(base: Path) -> str | None:
    path = base / "output" / "message"
    return path.read_text(errors="replace")[:1024] if path.is_file() else None
