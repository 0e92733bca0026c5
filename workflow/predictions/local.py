"""Endpoints as child processes of the service: ``serve.py`` on a loopback port, one process a model."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from workflow.errors import EndpointStartFailed
from workflow.predictions.base import EndpointProcess

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
PATIENCE = 3  # unanswered pings that make an endpoint unhealthy
_TAIL_BYTES = 2000

# The child asks the kernel for SIGKILL when the service dies, then becomes the server. (A preexec_fn would run between
# fork and exec of a process with many threads, where a lock held by another thread can hang it for good.)
_LAUNCH = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
except (OSError, AttributeError):
    pass
if os.getppid() != parent:
    sys.exit(1)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class LocalEndpointHost:
    """The EndpointHost of one machine.

    All processes are started from one thread that lives as long as the host: Linux delivers the death signal when the
    *thread* that forked ends, not when the process does.
    """

    def __init__(
        self,
        logs: Path,
        script: Path,
        *,
        environ: Mapping[str, str] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """
        Args:
            logs: a folder; the log of an endpoint is ``<name>.log`` in it, appended to at every start.
            script: ``serve.py`` of the training scripts.
            environ: what the processes see beside their own variables; by default only what a process needs to run.
        """
        self._logs, self._script, self._start_timeout_s = logs, script, start_timeout_s
        self._environ = _needed_environ() if environ is None else dict(environ)
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="endpoint-starter")
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def start(self, model_dir: Path, name: str) -> EndpointProcess:
        if not model_dir.is_dir():
            raise EndpointStartFailed(name, f"there is no model folder {model_dir}")
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        port = _free_port()
        with log.open("ab") as stream:
            began_at = stream.tell()
            child = self._starter.submit(self._launch, model_dir, port, stream).result()
        process = EndpointProcess(name, f"http://127.0.0.1:{port}", child.pid, log)
        with self._lock:
            self._running[child.pid] = child
        deadline = time.monotonic() + self._start_timeout_s
        while not _answers(port):
            code = child.poll()
            if code is not None or time.monotonic() > deadline:
                self.stop(process)
                reason = f"no answer within {self._start_timeout_s:g} s" if code is None else _exit_reason(code)
                raise EndpointStartFailed(name, reason, _tail(log, began_at))
            time.sleep(0.02)
        return process

    def stop(self, process: EndpointProcess) -> None:
        with self._lock:
            child = self._running.pop(process.pid, None)
        if child is None:  # stopped before, or started by an earlier run of the service and gone with it
            return
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def is_healthy(self, process: EndpointProcess) -> bool:
        with self._lock:
            child = self._running.get(process.pid)
        port = int(process.url.rpartition(":")[2])
        # a busy machine may keep a sound endpoint from answering once
        return any(child is not None and child.poll() is None and _answers(port) for _ in range(PATIENCE))

    def close(self) -> None:
        with self._lock:
            children = list(self._running.values())
            self._running.clear()
        for child in children:
            child.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for child in children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._starter.shutdown()

    def _launch(self, model_dir: Path, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        environ = {
            **self._environ,
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_BASE_DIR": str(model_dir.parent),
            "SM_MODEL_DIR": str(model_dir),
            "PYTHONUNBUFFERED": "1",
            # several requests at once ask for more threads than there are processors; those that wait must not spin
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        command = [str(self._script), "--model-dir", str(model_dir)]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-S", "-c", _LAUNCH, str(os.getpid()), *command],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at a terminal is for the service, which then stops its endpoints
        )


def _needed_environ() -> dict[str, str]:
    """Not the whole environment: a model's process has no business with the credentials of the service."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
            "OMP_NUM_THREADS", "SYSTEMROOT")  # fmt: skip
    return {name: os.environ[name] for name in kept if name in os.environ}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _exit_reason(code: int) -> str:
    if code >= 0:
        return f"the process ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
    hint = "; the machine may be out of memory" if name == "SIGKILL" else ""
    return f"the process was ended by {name}{hint}"


def _tail(log: Path, began_at: int) -> str:
    with log.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(began_at, end - _TAIL_BYTES))
        return stream.read().decode("utf-8", "replace").strip()
