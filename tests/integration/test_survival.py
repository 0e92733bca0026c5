"""What was accepted survives ``kill -9`` of the service, and nothing outlives the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.sync.client import connect

from tests.waiting import until

ENDLESS = "g.inject(1).repeat(identity()).until(is(0)).iterate()"


def children(service: Any) -> list[psutil.Process]:
    return psutil.Process(service.process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def finished_trials(service: Any, id: str) -> int:
    progress = service.call("GET", f"/ml/modeltraining/{id}")[1].get("progress")
    return progress["step"] if progress else 0


def test_a_training_job_goes_on_after_kill_9_and_keeps_its_finished_trials(new_service: Any, tmp_path: Path) -> None:
    service = new_service()
    service.process_data("dp", service.export(behaviour={"train": {"sleep_s": 1.0}}))
    service.start_training("train", "dp", trials=4)
    until(lambda: finished_trials(service, "train") >= 2)
    before = children(service)
    service.kill(signal.SIGKILL)
    until(lambda: all_gone(before))
    records = sorted((tmp_path / "home" / "work").glob("*/trials/*.json"))
    kept = {path.name: path.stat().st_mtime_ns for path in records}
    assert len(kept) >= 2

    again = new_service(tmp_path / "home")
    assert again.call("GET", "/ml/modeltraining/train")[1]["status"] == "InProgress"
    assert finished_trials(again, "train") >= 2
    answer = again.wait("modeltraining", "train")
    assert answer["status"] == "Completed"
    assert [trial["state"] for trial in answer["details"]["trials"]] == ["Completed"] * 4


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_processing_job_is_run_again_after_the_service_ended(new_service: Any, tmp_path: Path, ending: int) -> None:
    service = new_service()
    body = {"id": "dp", "inputDataS3Location": service.export(behaviour={"process": {"sleep_s": 1.5}})}
    service.call("POST", "/ml/dataprocessing", {**body, "processedDataS3Location": "s3://lab/processed"})
    until(lambda: len(children(service)) >= 2)
    before = children(service)
    service.kill(ending)
    until(lambda: all_gone(before))
    again = new_service(tmp_path / "home")
    assert again.wait("dataprocessing", "dp")["status"] == "Completed"


def test_a_stop_that_was_answered_holds_after_kill_9(new_service: Any, tmp_path: Path) -> None:
    service = new_service()
    body = {
        "id": "dp",
        "inputDataS3Location": service.export(behaviour={"process": {"sleep_s": 60, "ignore_sigterm": True}}),
    }
    service.call("POST", "/ml/dataprocessing", {**body, "processedDataS3Location": "s3://lab/processed"})
    until(lambda: len(children(service)) >= 2)
    assert service.call("DELETE", "/ml/dataprocessing/dp")[0] == 200
    service.kill(signal.SIGKILL)
    again = new_service(tmp_path / "home")
    assert again.wait("dataprocessing", "dp")["status"] == "Stopped"


def test_an_accepted_job_is_there_after_kill_9_at_once(new_service: Any, tmp_path: Path) -> None:
    service = new_service()
    body = {"id": "dp", "inputDataS3Location": service.export(), "processedDataS3Location": "s3://lab/processed"}
    assert service.call("POST", "/ml/dataprocessing", body)[0] == 200
    service.kill(signal.SIGKILL)
    again = new_service(tmp_path / "home")
    assert again.wait("dataprocessing", "dp")["status"] == "Completed"


def test_sigterm_ends_cleanly_and_leaves_nothing_running(new_service: Any) -> None:
    service = new_service()
    service.process_data("dp", service.export(behaviour={"train": {"sleep_s": 600, "spawn": True}}))
    service.start_training("train", "dp")
    until(lambda: len(children(service)) >= 4)
    before = children(service)
    assert service.kill(signal.SIGTERM) == 0
    until(lambda: all_gone(before), 10)


def test_sigterm_ends_cleanly_whatever_is_going_on_and_loses_nothing_acknowledged(
    new_service: Any, tmp_path: Path
) -> None:
    # an open session, a query that never ends over either transport, a load, an export and a job; beyond 18 s the
    # service would end itself, with another status
    service = new_service()
    mime = b"!application/vnd.gremlin-v3.0+json"

    def asked(socket: Any, text: str, processor: str = "", **more: str) -> None:
        args = {"gremlin": text, "language": "gremlin-lang", **more}
        body = {"requestId": str(uuid.uuid4()), "op": "eval", "processor": processor, "args": args}
        socket.send(mime + json.dumps(body).encode())

    ended: list[Any] = []

    def over_http() -> None:
        ended.append(service.call("POST", "/gremlin", {"gremlin": ENDLESS}))

    address = service.url.replace("http", "ws") + "/gremlin"
    with connect(address) as session, connect(address) as endless:
        asked(session, "g.addV('kept').property(id, 'kept')")
        assert json.loads(next(iter(session)))["status"]["code"] == 200
        asked(session, "g.addV('lost').property(id, 'lost')", "session", session="one")
        assert json.loads(next(iter(session)))["status"]["code"] == 200
        asked(endless, ENDLESS)
        thread = threading.Thread(target=over_http)
        thread.start()
        rows = "".join(f"v{n},T,{n}\n" for n in range(20_000))
        service.put("s3://lake/in/v.csv", "~id,~label,n:Int\n" + rows)
        load = {"source": "s3://lake/in", "format": "csv"}
        assert service.call("POST", "/loader", load)[0] == 200
        export = {"command": "export-pg", "outputS3Path": "s3://lake/out"}
        assert service.call("POST", "/neptune-export", export)[0] == 200
        job = service.export(behaviour={"process": {"sleep_s": 600}})
        body = {"id": "dp", "inputDataS3Location": job, "processedDataS3Location": "s3://lab/processed"}
        assert service.call("POST", "/ml/dataprocessing", body)[0] == 200
        until(lambda: service.call("GET", "/gremlin/status")[1]["runningQueryCount"] == 2)
        until(lambda: len(children(service)) >= 2)
        before = children(service)
        assert service.kill(signal.SIGTERM) == 0
        thread.join()
    until(lambda: all_gone(before))
    ((status, answer),) = ended
    assert (status, answer["code"]) == (500, "CancelledByUserException")
    assert answer["detailedMessage"] == "The query was cancelled, because the service stops"

    again = new_service(tmp_path / "home")
    found = again.call("POST", "/gremlin", {"gremlin": "g.V('kept', 'lost').id()"})[1]
    assert found["result"]["data"] == ["kept"]
    state = again.call("GET", "/ml/dataprocessing/dp")[1]["status"]
    assert state == "InProgress"


HANGS = {
    "a part that never closes": "Application.close = lambda self: time.sleep(600)",
    "a thread that holds the interpreter": (
        "import re, sys\nsys.setswitchinterval(600)\nApplication.close = lambda self: re.match('(a|a)*b', 'a' * 60)"
    ),
}
STUCK = """
import pathlib, sys, time
from workflow import process
from workflow.app import Application
from workflow.settings import Settings
process.END_S = 1.0
{hang}
process.serve(Settings(home=pathlib.Path(sys.argv[1]), port=0), lambda host, port: print(port, flush=True))
"""


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS)
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_hangs_while_it_stops_ends_and_says_where(tmp_path: Path, hang: str, ending: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.format(hang=hang), str(tmp_path / "home")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdecimal()
    process.send_signal(ending)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Timeout (0:00:01)!" in log
    assert "workflow/process.py" in log


def with_endpoint(service: Any) -> dict[str, Any]:
    service.process_data("dp", service.export())
    service.start_training("train", "dp")
    service.wait("modeltraining", "train", "Completed")
    assert service.call("POST", "/ml/endpoints", {"id": "ep", "mlModelTrainingJobId": "train"})[0] == 200
    return service.wait("endpoints", "ep", "InService", "Failed")  # type: ignore[no-any-return]


def endpoint_process(service: Any) -> psutil.Process | None:
    for process in children(service):
        try:
            if any(part.endswith("serve.py") for part in process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None


def test_an_endpoint_serves_again_after_kill_9_of_the_service(new_service: Any, tmp_path: Path) -> None:
    service = new_service()
    assert with_endpoint(service)["status"] == "InService"
    before = children(service)
    service.kill(signal.SIGKILL)
    until(lambda: all_gone(before))
    again = new_service(tmp_path / "home")
    assert again.wait("endpoints", "ep", "InService", "Failed")["status"] == "InService"
    assert endpoint_process(again) is not None


def test_an_endpoint_that_crashes_is_started_again(new_service: Any) -> None:
    service = new_service()
    with_endpoint(service)
    first = until(lambda: endpoint_process(service))
    os.kill(first.pid, signal.SIGKILL)
    second = until(lambda: (found := endpoint_process(service)) and found.pid != first.pid and found)
    service.wait("endpoints", "ep", "InService")
    port = next(c.laddr.port for c in second.net_connections() if c.status == psutil.CONN_LISTEN)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping") as answer:
        assert answer.status == 200


def test_an_update_that_fails_keeps_the_old_model_serving_and_says_why(new_service: Any, tmp_path: Path) -> None:
    service = new_service()
    with_endpoint(service)
    service.start_training("worse", "dp", trials=3)
    place = service.wait("modeltraining", "worse", "Completed")["processingJob"]["outputLocation"]
    (service.home / "s3" / place.removeprefix("s3://") / "model.tar.gz").write_bytes(b"no archive")
    first = endpoint_process(service)
    assert first is not None
    assert (
        service.call("POST", "/ml/endpoints", {"id": "ep", "update": "true", "mlModelTrainingJobId": "worse"})[0] == 200
    )
    until(lambda: "failureReason" in service.call("GET", "/ml/endpoints/ep")[1]["endpoint"])
    answer = service.wait("endpoints", "ep", "InService")
    assert "model.tar.gz cannot be unpacked" in answer["endpoint"]["failureReason"]
    second = endpoint_process(service)
    assert second is not None
    assert second.pid == first.pid
    service.kill(signal.SIGKILL)
    again = new_service(tmp_path / "home")
    again.wait("endpoints", "ep", "InService")


def test_an_endpoint_that_cannot_start_has_failed_with_its_log_lines_and_can_be_deleted(new_service: Any) -> None:
    service = new_service()
    service.process_data("dp", service.export())
    service.start_training("train", "dp")
    place = service.wait("modeltraining", "train", "Completed")["processingJob"]["outputLocation"]
    archive = service.home / "s3" / place.removeprefix("s3://") / "model.tar.gz"
    model = service.home / "broken"
    model.mkdir()
    (model / "model.json").write_text(json.dumps({"broken": True}))
    from workflow.runners.bundle import pack

    pack(model, archive)
    service.call("POST", "/ml/endpoints", {"id": "ep", "mlModelTrainingJobId": "train"})
    answer = service.wait("endpoints", "ep", "InService", "Failed")
    assert answer["status"] == "Failed"
    assert "this model cannot be loaded" in answer["endpoint"]["failureReason"]
    assert service.call("DELETE", "/ml/endpoints/ep")[0] == 200
    until(lambda: service.call("GET", "/ml/endpoints/ep")[0] == 404)


def test_a_killed_trial_tells_signal_log_lines_and_what_to_change(new_service: Any) -> None:
    service = new_service()
    service.process_data("dp", service.export(behaviour={"train": {"print": "epoch 7", "kill": 9}}))
    service.start_training("train", "dp")
    answer = service.wait("modeltraining", "train")
    assert answer["status"] == "Failed"
    reason = answer["processingJob"]["failureReason"]
    for part in (
        "None of 2 training jobs succeeded",
        "SIGKILL",
        "epoch 7",
        "start the job again",
        "peak memory",
    ):
        assert part in reason


def test_two_services_do_not_share_a_home(new_service: Any, tmp_path: Path) -> None:
    new_service()
    with pytest.raises(RuntimeError):
        new_service(tmp_path / "home")
    assert "another service uses it" in (tmp_path / "home-service.log").read_text()
