"""A load in a service that is killed goes on after the restart, ends honestly, and brings nothing twice."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from workflow.client.service import LocalService, start_service
from workflow.jobs.loads import UNFINISHED

FILES, ROWS = 12, 20_000


def call(service: LocalService, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(service.url.rstrip("/") + path, data, timeout=60) as answer:
        return json.load(answer)["payload"]


@pytest.mark.parametrize("after_s", [0.0, 0.15, 0.6])
def test_a_load_cut_off_by_a_kill_is_finished_after_the_restart(tmp_path: Path, after_s: float) -> None:
    lake = tmp_path / "s3" / "lake"
    lake.mkdir(parents=True)
    for number in range(FILES):
        rows = "".join(f"v{number}-{row},T,{row}\n" for row in range(ROWS))
        (lake / f"{number:02d}.csv").write_text("~id,~label,n:Int\n" + rows)
    service = start_service(tmp_path)
    load_id = call(service, "/loader", {"source": "s3://lake", "format": "csv"})["loadId"]
    time.sleep(after_s)
    os.kill(service.pid, signal.SIGKILL)
    service.stop()
    again = start_service(tmp_path)
    try:

        def ended() -> Any:
            payload = call(again, f"/loader/{load_id}?details=true&errors=true")
            return None if payload["overallStatus"]["status"] in UNFINISHED else payload

        payload = until(ended, "the end of the load")
        overall = payload["overallStatus"]
        assert overall["status"] == "LOAD_COMPLETED"
        assert payload["feedCount"] == [{"LOAD_COMPLETED": FILES}]
        assert payload["errors"]["errorLogs"] == []
        assert overall["totalRecords"] == FILES * ROWS
        # at most the file in work was read twice; its rows were then known
        assert overall["totalDuplicates"] in (0, ROWS)
        summary = call(again, "/pg/statistics/summary")["graphSummary"]
        assert (summary["numNodes"], summary["totalNodePropertyValues"]) == (FILES * ROWS, FILES * ROWS)
    finally:
        again.stop()
