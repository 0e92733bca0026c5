"""A service as a real process, over the tiny stand-ins for the training scripts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.waiting import until

ROOT = Path(__file__).parents[2]
FAKE_SCRIPTS = ROOT / "tests" / "fake_scripts"

_LAUNCH = """
import sys, pathlib
from workflow.process import serve
from workflow.settings import Settings
serve(Settings(home=pathlib.Path(sys.argv[1]), port=0, scripts=pathlib.Path(sys.argv[2])),
      lambda host, port: print(port, flush=True))
"""


class Service:
    """One service over a home folder; it can be killed and started again."""

    def __init__(self, home: Path, scripts: Path = FAKE_SCRIPTS) -> None:
        self.home, self.scripts = home, scripts
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> Service:
        self.log = (self.home.parent / f"{self.home.name}-service.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(self.home), str(self.scripts)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        if not port:
            self.kill()
            raise RuntimeError("the service did not start; see its log")
        self.url = f"http://127.0.0.1:{port}"
        return self

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process.stdout.close()
        self.log.close()
        return code

    def stop(self) -> int:
        return self.kill(signal.SIGTERM) if self.process and self.process.poll() is None else 0

    @property
    def client(self) -> Any:
        """boto3's own client, unmodified."""
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        return boto3.client("neptunedata", endpoint_url=self.url, region_name="us-east-1", config=config)

    def call(self, method: str, path: str, body: bytes | Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Plain HTTP without a content type, as graph-notebook sends it; answers have our own members too."""
        data = json.dumps(body).encode() if isinstance(body, Mapping) else body
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_unredirected_header("Content-Type", "")
        request.add_header("Despina-Details", "true")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def put(self, address: str, content: str = "{}") -> None:
        path = self.home / "s3" / address.removeprefix("s3://")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def export(self, name: str = "export", behaviour: Mapping[str, Any] | None = None) -> str:
        """An export that the stand-ins accept; returns its address."""
        self.put(f"s3://lab/{name}/training-data-configuration.json", json.dumps({"name": name}))
        if behaviour is not None:
            self.put(f"s3://lab/{name}/behaviour.json", json.dumps(behaviour))
        return f"s3://lab/{name}"

    def wait(self, kind: str, id: str, *wanted: str) -> dict[str, Any]:
        """The status answer once the job has one of the states (or is in any final one, if none is named)."""
        final = wanted or ("Completed", "Failed", "Stopped", "InService")
        code, answer = 0, dict[str, Any]()

        def has_come() -> bool:
            nonlocal code, answer
            code, answer = self.call("GET", f"/ml/{kind}/{id}")
            assert code == 200, answer
            return answer["status"] in final

        until(has_come, f"{kind} {id} to be {' or '.join(final)}")
        return answer

    def process_data(self, id: str, export: str) -> dict[str, Any]:
        body = {"id": id, "inputDataS3Location": export, "processedDataS3Location": "s3://lab/processed"}
        code, answer = self.call("POST", "/ml/dataprocessing", body)
        assert code == 200, answer
        return self.wait("dataprocessing", id)

    def start_training(self, id: str, processing: str, trials: int = 2, **more: Any) -> dict[str, Any]:
        body = {"id": id, "dataProcessingJobId": processing, "trainModelS3Location": "s3://lab/models"}
        body |= {"maxHPONumberOfTrainingJobs": trials, "maxHPOParallelTrainingJobs": 2, **more}
        code, answer = self.call("POST", "/ml/modeltraining", body)
        assert code == 200, answer
        return answer  # type: ignore[no-any-return]


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services that are stopped with the test."""
    started: list[Service] = []

    def start(home: Path | None = None) -> Service:
        service = Service(home or tmp_path / "home").start()
        started.append(service)
        return service

    yield start
    for service in started:
        service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests of a module."""
    service = Service(tmp_path_factory.mktemp("service") / "home").start()
    yield service
    service.stop()
