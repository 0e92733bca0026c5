"""Processes that work on projected graphs, so that the service's own does no heavy work.

A process serves one request at a time and waits for the next: starting Python costs more than most requests. It ends
when its input closes, which happens however the service ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from training_scripts.graph_ml.schemas.catalog.requests import (
    ANSWER_FILE,
    AnalysisAnswer,
    AnalysisDone,
    AnalysisRequest,
)
from workflow.catalog.errors import ProcedureRefused
from workflow.errors import InternalFailure

POLL_S: Final = 0.05
KEPT: Final = 2
"""Idle processes that wait for the next request."""


class AnalysisFailed(InternalFailure):
    """Work on a projected graph ended by a fault of this software, or its process was killed."""


class AnalysisWorkers:
    """Runs requests, each in a process that has no other at the time. Safe to share between threads.

    Args:
        script: ``analyse.py`` of the training scripts.
        log: gets what the processes print, appended.
        environment: all that they see.
    """

    def __init__(self, script: Path, log: Path, environment: Mapping[str, str], python: str = sys.executable) -> None:
        self.script, self.log, self.python = script, log, python
        threads = dict.fromkeys(
            ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(os.cpu_count() or 1)
        )
        # threads that wait for their part of a product sleep soon: beside others that compute they would spin for long
        waiting = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
        self.environment = {**environment, **threads, **waiting}
        self._idle: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()  # guards the idle processes
        self._closed = False

    def run(self, request: AnalysisRequest, check: Callable[[], None]) -> AnalysisAnswer:
        """The answer to a request.

        ``check`` is called while the work runs; whatever it raises stops the work at once. Raises ProcedureRefused with
        the reason of a request that cannot be fulfilled, and AnalysisFailed.
        """
        process = self._taken()
        try:
            line = self._asked(process, request, check)
        except BaseException:
            _end(process)
            raise
        if not line:
            code = _end(process)
            raise AnalysisFailed(f"The process that ran this ended with {code}; its log: {self.log}")
        self._put_back(process)
        done = AnalysisDone.model_validate_json(line)
        if done.failure is not None:
            if done.defect:
                raise AnalysisFailed(f"{done.failure}; its log: {self.log}")
            raise ProcedureRefused(done.failure)
        return AnalysisAnswer.load(Path(request.output) / ANSWER_FILE)

    def _asked(self, process: subprocess.Popen[bytes], request: AnalysisRequest, check: Callable[[], None]) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request.model_dump_json().encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return b""
        while not select.select([process.stdout], [], [], POLL_S)[0]:
            check()
        return process.stdout.readline()

    def _taken(self) -> subprocess.Popen[bytes]:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    return process
                _end(process)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own script, a list of arguments
                [self.python, str(self.script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.log.parent,
                env=self.environment,
                start_new_session=True,
            )

    def _put_back(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < KEPT:
                self._idle.append(process)
                return
        _end(process)

    def close(self) -> None:
        """End the idle processes; one that works is ended by whoever waits for it."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a process and its pipes; its exit code, negative for a signal."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    process.kill()
    return process.wait()
