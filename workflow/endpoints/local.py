"""Endpoints as child processes of the service: ``serve.py`` on a loopback port, one process a model."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from training_scripts.graph_ml.schemas import files
from workflow.endpoints.host import Deployment
from workflow.errors import EndpointStartFailed
from workflow.runners.base import Resources
from workflow.runners.bundle import unpack
from workflow.storage import S3Uri, Storage

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


@dataclass(frozen=True)
class _Serving:
    """A process of this host: its name, the folder of its model, its port and log."""

    name: str
    child: subprocess.Popen[bytes]
    model: Path
    port: int
    log: Path
    began_at: int  # the log's length when it was started


class LocalEndpointHost:
    """The EndpointHost of one machine: endpoints are children of the service and end with it.

    All processes are started from one thread that lives as long as the host: Linux delivers the death signal when the
    *thread* that forked ends, not when the process does. Of the resources that a request names it takes
    the device.
    """

    chosen = False

    def __init__(
        self,
        storage: Storage,
        folder: Path,
        logs: Path,
        script: Path,
        *,
        environ: Mapping[str, str] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """
        Args:
            folder: a folder an endpoint in it, with its unpacked models.
            logs: a folder; the log of an endpoint is ``<name>.log`` in it, appended to at every start.
            script: ``serve.py`` of the training scripts.
            environ: what the processes see beside their own variables; by default only what a process needs to run.
        """
        self._storage, self._folder, self._logs, self._script = storage, folder, logs, script
        self._start_timeout_s = start_timeout_s
        self._environ = _needed_environ() if environ is None else dict(environ)
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="endpoint-starter")
        self._running: dict[str, _Serving] = {}
        self._lock = threading.Lock()  # guards _running

    def deploy(self, name: str, archive: S3Uri, resources: Resources) -> Deployment:
        model = self._folder / name / sha256(str(archive).encode()).hexdigest()[:16] / "model"
        if not model.exists():
            self._bring(archive, model)
        serving = self._start(name, model, resources.device)
        try:
            self._wait(serving)
        except EndpointStartFailed:
            self._end(str(serving.child.pid))
            raise
        url = f"http://127.0.0.1:{serving.port}"
        return Deployment(name, url, archive, str(serving.child.pid), str(serving.log), described(model))

    def withdraw(self, deployment: Deployment) -> None:
        self._end(deployment.handle)

    def remove(self, name: str) -> None:
        with self._lock:
            handles = [handle for handle, serving in self._running.items() if serving.name == name]
        for handle in handles:
            self._end(handle)
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def look_up(self, name: str) -> Deployment | None:
        return None  # a child of this service is one that it has deployed

    def is_healthy(self, deployment: Deployment) -> bool:
        with self._lock:
            serving = self._running.get(deployment.handle)
        # a busy machine may keep a sound endpoint from answering once
        return serving is not None and any(
            serving.child.poll() is None and _answers(serving.port) for _ in range(PATIENCE)
        )

    def _bring(self, archive: S3Uri, model: Path) -> None:
        model.parent.mkdir(parents=True, exist_ok=True)
        local = self._storage.local_path(archive)
        if local is None:
            self._storage.download(archive, model.parent / "download")
            local = model.parent / "download" / archive.name
        else:
            self._storage.open(archive).close()  # says so, naming the address, when there is none
        unpack(local, model)
        shutil.rmtree(model.parent / "download", ignore_errors=True)

    def _start(self, name: str, model: Path, device: str | None) -> _Serving:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        port = _free_port()
        with log.open("ab") as stream:
            began_at = stream.tell()
            child = self._starter.submit(self._launch, model, port, stream, device).result()
        serving = _Serving(name, child, model, port, log, began_at)
        with self._lock:
            self._running[str(child.pid)] = serving
        return serving

    def _wait(self, serving: _Serving) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while not _answers(serving.port):
            code = serving.child.poll()
            if code is not None or time.monotonic() > deadline:
                reason = f"no answer within {self._start_timeout_s:g} s" if code is None else _exit_reason(code)
                raise EndpointStartFailed(serving.name, reason, _tail(serving.log, serving.began_at))
            time.sleep(0.02)

    def _end(self, handle: str) -> None:
        """Ask politely, then kill; the model's folder goes where another model serves under the name."""
        with self._lock:
            serving = self._running.pop(handle, None)
            models = {other.model for other in self._running.values() if serving and other.name == serving.name}
        if serving is None:  # ended before, or started by an earlier run of the service and gone with it
            return
        serving.child.terminate()
        try:
            serving.child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            serving.child.kill()
            serving.child.wait()
        if models and serving.model not in models:
            shutil.rmtree(serving.model.parent, ignore_errors=True)

    def close(self) -> None:
        with self._lock:
            children = [serving.child for serving in self._running.values()]
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

    def _launch(self, model_dir: Path, port: int, log: IO[bytes], device: str | None) -> subprocess.Popen[bytes]:
        environ = {
            **self._environ,
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_BASE_DIR": str(model_dir.parent),
            "SM_MODEL_DIR": str(model_dir),
            "PYTHONUNBUFFERED": "1",
            # several requests at once ask for more threads than there are processors; those that wait must not spin
            "OMP_WAIT_POLICY": "PASSIVE",
            **({} if device is None else {"DESPINA_DEVICE": device}),
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


def described(model: Path) -> Mapping[str, Any]:
    """The description of a model, ``model.json`` of its folder; ``{}`` where it cannot be read."""
    try:
        document = json.loads((model / files.MODEL).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


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
