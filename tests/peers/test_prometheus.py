"""Prometheus itself scrapes a service, and its own checker has nothing to say of the metrics.

Needs Debian's package ``prometheus``.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.peers.peer import MISSING
from tests.waiting import until
from workflow.client.service import local_service
from workflow.client.workflow import Workflow


@pytest.fixture
def prometheus() -> str:
    """The program; with its checker it is one package."""
    program = shutil.which("prometheus")
    if program is None or shutil.which("promtool") is None:
        MISSING["prometheus"] = "it is not installed; Debian has it as the package prometheus"
        pytest.skip(MISSING["prometheus"])
    return program


def scraped(port: int, query: str) -> list[Any]:
    """What Prometheus has for a query, waited for."""
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"

    def result() -> list[Any]:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return list(json.load(answer)["data"]["result"])
        except OSError:
            return []  # it is starting

    return until(result, f"{query} to be scraped")


def test_prometheus_scrapes_the_service_and_promtool_is_content(prometheus: str, tmp_path: Path) -> None:
    with local_service(tmp_path / "home") as url:
        Workflow(url).query("g.addV('P').iterate()")
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            text = answer.read()
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        target = url.removeprefix("http://")
        (tmp_path / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s"},
                    "scrape_configs": [{"job_name": "despina", "static_configs": [{"targets": [target]}]}],
                }
            )
        )
        command = [
            prometheus, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                (vertices,) = scraped(port, 'despina_graph_elements{element="vertex"}')
                assert vertices["value"][1] == "1"
                assert scraped(port, 'up{job="despina"}')[0]["value"][1] == "1"
                assert scraped(port, "despina_http_request_seconds_bucket")
                assert scraped(port, "process_resident_memory_bytes")
            finally:
                process.terminate()
