"""Endpoints as child processes: ready when they answer, gone when the service is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.errors import EndpointStartFailed
from workflow.predictions.local import LocalEndpointHost

SERVER = """
import argparse, http.server, os, signal, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--model-dir")
folder = parser.parse_args().model_dir
mode = open(os.path.join(folder, "mode")).read()
print("serving", mode, flush=True)
if mode == "broken":
    print("no weights here", flush=True)
    sys.exit(3)
if mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
started = time.monotonic()
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        slow = mode == "slow" and time.monotonic() - started < 0.3
        global asked
        asked += 1
        faltering = mode == "faltering" and asked in (2, 3)
        ended = mode == "ended" and asked > 1
        self.send_response(503 if slow or faltering or ended or mode == "never" else 200)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever(0.05)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "serve.py"
    path.write_text(SERVER)
    return path


@pytest.fixture
def host(tmp_path: Path, script: Path) -> Iterator[LocalEndpointHost]:
    host = LocalEndpointHost(tmp_path / "logs", script, start_timeout_s=20)
    yield host
    host.close()


def _model(tmp_path: Path, mode: str) -> Path:
    folder = tmp_path / f"model-{mode}"
    folder.mkdir(exist_ok=True)
    (folder / "mode").write_text(mode)
    return folder


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("mode", ["good", "slow"])
def test_start_returns_when_the_endpoint_answers(host: LocalEndpointHost, tmp_path: Path, mode: str) -> None:
    process = host.start(_model(tmp_path, mode), "ep")
    assert host.is_healthy(process)
    assert process.log.read_text() == f"serving {mode}\n"
    host.stop(process)
    assert not host.is_healthy(process)
    assert not _lives(process.pid)
    host.stop(process)


def test_an_endpoint_that_falters_is_sound_and_one_that_stays_silent_is_not(
    host: LocalEndpointHost, tmp_path: Path
) -> None:
    assert host.is_healthy(host.start(_model(tmp_path, "faltering"), "ep"))
    assert not host.is_healthy(host.start(_model(tmp_path, "ended"), "ep"))


def test_two_processes_may_serve_one_name_during_an_update(host: LocalEndpointHost, tmp_path: Path) -> None:
    first, second = (host.start(_model(tmp_path, "good"), "ep") for _ in range(2))
    assert first.url != second.url
    host.stop(first)
    assert host.is_healthy(second)


def test_a_failed_start_gives_exit_code_and_log(host: LocalEndpointHost, tmp_path: Path) -> None:
    with pytest.raises(EndpointStartFailed, match=r"exit code 3\nserving broken\nno weights here"):
        host.start(_model(tmp_path, "broken"), "ep")


def test_a_killed_start_names_the_signal(host: LocalEndpointHost, tmp_path: Path) -> None:
    with pytest.raises(EndpointStartFailed, match="ended by SIGKILL; the machine may be out of memory"):
        host.start(_model(tmp_path, "killed"), "ep")


def test_a_start_that_never_answers_is_given_up_and_stopped(tmp_path: Path, script: Path) -> None:
    host = LocalEndpointHost(tmp_path / "logs", script, start_timeout_s=0.5)
    with pytest.raises(EndpointStartFailed, match=r"no answer within 0\.5 s"):
        host.start(_model(tmp_path, "never"), "ep")
    assert not host._running
    host.close()


def test_a_missing_model_folder_is_named(host: LocalEndpointHost, tmp_path: Path) -> None:
    with pytest.raises(EndpointStartFailed, match="no model folder"):
        host.start(tmp_path / "nothing", "ep")


def test_a_process_that_ignores_the_polite_request_is_killed(
    host: LocalEndpointHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.predictions.local.STOP_TIMEOUT_S", 0.2)
    process = host.start(_model(tmp_path, "stubborn"), "ep")
    host.stop(process)
    assert not _lives(process.pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux kills children with their parent")
def test_an_endpoint_dies_with_a_service_that_is_killed(tmp_path: Path, script: Path) -> None:
    model = _model(tmp_path, "good")
    program = f"""
import os, signal, threading
from pathlib import Path
from workflow.predictions.local import LocalEndpointHost
host = LocalEndpointHost(Path({str(tmp_path / "logs")!r}), Path({str(script)!r}))
started = []
def start():
    started.append(host.start(Path({str(model)!r}), "ep"))
thread = threading.Thread(target=start)  # the thread that asks may end, the endpoint must not
thread.start()
thread.join()
import time
time.sleep(0.3)
print(started[0].pid, host.is_healthy(started[0]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    out = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=os.getcwd(), check=False)
    pid, healthy = int(out.stdout.split()[0]), out.stdout.split()[1]
    assert healthy == b"True"
    deadline = time.monotonic() + 10
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(pid)
    assert (tmp_path / "logs/ep.log").read_text() == "serving good\n"
