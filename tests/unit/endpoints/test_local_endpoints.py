"""Endpoints as child processes: ready when they answer, gone when the service is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from workflow.endpoints.host import Deployment
from workflow.endpoints.local import LocalEndpointHost
from workflow.errors import EndpointStartFailed
from workflow.runners.base import Resources
from workflow.runners.bundle import pack
from workflow.storage import ObjectNotFound, S3Uri
from workflow.storage.local import LocalStorage

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


def new_host(tmp_path: Path, script: Path, **options: Any) -> LocalEndpointHost:
    storage = LocalStorage(tmp_path / "s3")
    return LocalEndpointHost(storage, tmp_path / "endpoints", tmp_path / "logs", script, **options)


@pytest.fixture
def host(tmp_path: Path, script: Path) -> Iterator[LocalEndpointHost]:
    host = new_host(tmp_path, script, start_timeout_s=20)
    yield host
    host.close()


def _model(tmp_path: Path, mode: str) -> S3Uri:
    folder = tmp_path / f"model-{mode}"
    folder.mkdir(exist_ok=True)
    (folder / "mode").write_text(mode)
    (folder / "model.json").write_text(json.dumps({"id": mode}))
    pack(folder, tmp_path / "s3" / "lab" / mode / "model.tar.gz")
    return S3Uri("lab", f"{mode}/model.tar.gz")


def _deploy(host: LocalEndpointHost, tmp_path: Path, mode: str) -> Deployment:
    return host.deploy("ep", _model(tmp_path, mode), Resources())


def _pid(deployment: Deployment) -> int:
    return int(deployment.handle)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("mode", ["good", "slow"])
def test_start_returns_when_the_endpoint_answers(host: LocalEndpointHost, tmp_path: Path, mode: str) -> None:
    serving = _deploy(host, tmp_path, mode)
    assert host.is_healthy(serving)
    assert serving.description == {"id": mode}
    assert Path(serving.log).read_text() == f"serving {mode}\n"
    host.withdraw(serving)
    assert not host.is_healthy(serving)
    assert not _lives(_pid(serving))
    host.withdraw(serving)


def test_an_endpoint_that_falters_is_sound_and_one_that_stays_silent_is_not(
    host: LocalEndpointHost, tmp_path: Path
) -> None:
    assert host.is_healthy(_deploy(host, tmp_path, "faltering"))
    assert not host.is_healthy(_deploy(host, tmp_path, "ended"))


def test_two_processes_may_serve_one_name_during_an_update(host: LocalEndpointHost, tmp_path: Path) -> None:
    first, second = (_deploy(host, tmp_path, "good") for _ in range(2))
    assert first.url != second.url
    host.withdraw(first)
    assert host.is_healthy(second)


def test_an_update_takes_the_folder_of_the_model_before_it_away(host: LocalEndpointHost, tmp_path: Path) -> None:
    first = _deploy(host, tmp_path, "good")
    _deploy(host, tmp_path, "slow")
    host.withdraw(first)
    (left,) = (tmp_path / "endpoints" / "ep").iterdir()
    assert (left / "model" / "mode").read_text() == "slow"


def test_a_broken_update_leaves_no_folder_behind(host: LocalEndpointHost, tmp_path: Path) -> None:
    first = _deploy(host, tmp_path, "good")
    with pytest.raises(EndpointStartFailed):
        _deploy(host, tmp_path, "broken")
    assert len(list((tmp_path / "endpoints" / "ep").iterdir())) == 1
    assert host.is_healthy(first)


def test_a_model_that_crashed_is_served_again_without_its_archive(host: LocalEndpointHost, tmp_path: Path) -> None:
    archive = _model(tmp_path, "good")
    first = host.deploy("ep", archive, Resources())
    (tmp_path / "s3" / archive.bucket / archive.key).unlink()
    host.withdraw(first)
    assert host.is_healthy(host.deploy("ep", archive, Resources()))
    host.remove("ep")
    with pytest.raises(ObjectNotFound, match="s3://lab/good/model"):
        host.deploy("ep", archive, Resources())


def test_a_failed_start_gives_exit_code_and_log(host: LocalEndpointHost, tmp_path: Path) -> None:
    with pytest.raises(EndpointStartFailed, match=r"exit code 3\nserving broken\nno weights here"):
        _deploy(host, tmp_path, "broken")


def test_a_killed_start_names_the_signal(host: LocalEndpointHost, tmp_path: Path) -> None:
    with pytest.raises(EndpointStartFailed, match="ended by SIGKILL; the machine may be out of memory"):
        _deploy(host, tmp_path, "killed")


def test_a_start_that_never_answers_is_given_up_and_stopped(tmp_path: Path, script: Path) -> None:
    host = new_host(tmp_path, script, start_timeout_s=0.5)
    with pytest.raises(EndpointStartFailed, match=r"no answer within 0\.5 s"):
        _deploy(host, tmp_path, "never")
    assert not host._running
    host.close()


def test_a_missing_archive_is_named(host: LocalEndpointHost) -> None:
    with pytest.raises(ObjectNotFound, match="s3://lab/nothing"):
        host.deploy("ep", S3Uri("lab", "nothing"), Resources())


def test_a_process_that_ignores_the_polite_request_is_killed(
    host: LocalEndpointHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.endpoints.local.STOP_TIMEOUT_S", 0.2)
    serving = _deploy(host, tmp_path, "stubborn")
    host.withdraw(serving)
    assert not _lives(_pid(serving))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux kills children with their parent")
def test_an_endpoint_dies_with_a_service_that_is_killed(tmp_path: Path, script: Path) -> None:
    model = _model(tmp_path, "good")
    program = f"""
import os, signal, threading
from pathlib import Path
from workflow.endpoints.local import LocalEndpointHost
from workflow.runners.base import Resources
from workflow.storage import S3Uri
from workflow.storage.local import LocalStorage
folder = Path({str(tmp_path)!r})
host = LocalEndpointHost(LocalStorage(folder / "s3"), folder / "endpoints", folder / "logs", Path({str(script)!r}))
started = []
def start():
    started.append(host.deploy("ep", S3Uri.parse({str(model)!r}), Resources()))
thread = threading.Thread(target=start)  # the thread that asks may end, the endpoint must not
thread.start()
thread.join()
import time
time.sleep(0.3)
print(started[0].handle, host.is_healthy(started[0]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    out = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=os.getcwd(), check=False)
    pid, healthy = int(out.stdout.split()[0]), out.stdout.split()[1]
    assert healthy == b"True"
    until(lambda: not _lives(pid), "the endpoint to end with its service")
    assert (tmp_path / "logs/ep.log").read_text() == "serving good\n"
