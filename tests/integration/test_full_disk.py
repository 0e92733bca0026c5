"""A service whose disk is really full: it starts, answers reads, loses nothing, and says what it could not do.

The disk is a small file system in memory that a process mounts for itself; where the system lets nobody do that, the
unit tests of commits, compactions, exports, storage and the job store, whose writes fail one by one, have to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import FAKE_SCRIPTS, ROOT
from tests.waiting import until

SIZE = 16 << 20
LEFT = 96 << 10
"""Room for the log and the job store to write a little, and for no snapshot of the graph."""
ROWS = 4000
SERVE = """
import os, pathlib, sys
from workflow.graphs.store import persistence
from workflow.process import serve
from workflow.settings import Settings
persistence.LEAST_LIMIT_BYTES, persistence.PER_SNAPSHOT = 1, 1 << 40  # every commit makes a snapshot
persistence.FIRST_PAUSE_S = 0.0
serve(Settings(home=pathlib.Path(sys.argv[1]), port=0, scripts=pathlib.Path(sys.argv[2])),
      lambda host, port: print(port, os.getpid(), flush=True))
"""
MOUNTED = 'mount -t tmpfs -o size=$1 tmpfs "$2" && echo mounted && while read -r line; do "$3" -c "$4" "$2" "$5"; done'


class SmallDisk:
    """A service on a disk of its own, started again and again on the same one."""

    def __init__(self, folder: Path) -> None:
        arguments = [str(SIZE), str(folder), sys.executable, SERVE, str(FAKE_SCRIPTS)]
        self._shell = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c", MOUNTED, "sh", *arguments],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.mounted = self._line() == "mounted"
        self.root = Path(f"/proc/{self._shell.pid}/root{folder}")
        self.url, self.pid = "", 0

    def _line(self) -> str:
        assert self._shell.stdout is not None
        return self._shell.stdout.readline().strip()

    def start(self) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write("go\n")
        self._shell.stdin.flush()
        port, pid = self._line().split()
        self.url, self.pid = f"http://127.0.0.1:{port}", int(pid)

    def kill(self) -> None:
        subprocess.run(["kill", "-9", str(self.pid)], check=True)

    def close(self) -> None:
        if self.mounted and self.pid:
            subprocess.run(["kill", "-9", str(self.pid)], check=False, stderr=subprocess.DEVNULL)
        self._shell.communicate(timeout=60)

    def fill(self, left: int = 0) -> None:
        """Leave so many bytes free."""
        with (self.root / "filler").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                size = file.seek(0, 2)
                file.truncate(max(0, size - left))

    def make_room(self) -> None:
        (self.root / "filler").unlink()

    def call(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def ask(self, text: str) -> Any:
        """The first value of an answer, or its code where it is an error."""
        status, answer = self.call("/gremlin", {"gremlin": text})
        return answer["result"]["data"][0] if status == 200 else answer["code"]

    def add(self) -> bool:
        """Whether a vertex more was acknowledged; where it was not, it was the disk's."""
        answer = self.ask("g.addV('T').count()")
        assert answer in (1, "InternalFailureException")
        return bool(answer == 1)

    def troubles(self) -> list[str]:
        settings = self.call("/status")[1]["settings"]
        return [value for name, value in settings.items() if name.startswith("trouble.")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        disk = SmallDisk(tmp_path)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if not disk.mounted or not disk.root.is_dir():
        disk.close()
        pytest.skip("nobody may mount a file system here")
    yield disk
    disk.close()


def test_on_a_full_disk_reads_are_answered_nothing_acknowledged_is_lost_and_what_failed_says_so(
    disk: SmallDisk,
) -> None:
    disk.start()
    lake = disk.root / "s3" / "lake"
    (lake / "in").mkdir(parents=True)
    (lake / "in" / "v.csv").write_text("~id,~label,name:String\n" + "".join(f"v{n},T,{n:060}\n" for n in range(ROWS)))
    (lake / "more").mkdir()
    (lake / "more" / "v.csv").write_text("~id,~label\n" + "".join(f"w{n},T\n" for n in range(50_000)))
    (lake / "training-data-configuration.json").write_text("{}")
    load = {"source": "s3://lake/in", "format": "csv", "failOnError": True}

    def loaded(body: dict[str, Any]) -> str:
        status, answer = disk.call("/loader", body)
        if status != 200:
            return str(answer["code"])
        id = answer["payload"]["loadId"]

        def ended() -> bool:
            state = disk.call(f"/loader/{id}")[1]["payload"]["overallStatus"]["status"]
            return state not in ("LOAD_NOT_STARTED", "LOAD_IN_QUEUE", "LOAD_IN_PROGRESS")

        until(ended)
        return str(disk.call(f"/loader/{id}")[1]["payload"]["overallStatus"]["status"])

    assert loaded(load) == "LOAD_COMPLETED"
    # the second snapshot lets go of the file that was loaded, whose bytes are free only then
    folder = disk.root / "graphs" / "g"
    (first,) = until(lambda: list(folder.glob("snapshot-*.npz")))
    until(lambda: disk.add() and not first.exists() and len(list(folder.glob("log-*"))) == 1)

    # nearly full: a commit has room, the snapshot it asks for has not
    disk.fill(LEFT)
    (trouble,) = until(lambda: disk.add() and disk.troubles())
    assert "no new snapshot could be made" in trouble
    assert "No space left on device" in trouble
    until(lambda: not list(folder.glob("*.tmp")) and len(list(folder.glob("snapshot-*"))) == 1)

    # full: what would write is refused or fails in a sentence, and what reads goes on; the log's last page has room
    disk.fill()
    until(lambda: not disk.add())
    acknowledged = disk.ask("g.V().count()")
    assert loaded({**load, "source": "s3://lake/more"}) != "LOAD_COMPLETED"
    status, answer = disk.call("/neptune-export", {"command": "export-pg", "outputS3Path": "s3://lake/out"})
    if status == 200:
        path = f"/neptune-export/{answer['jobId']}"
        until(lambda: disk.call(path)[1]["status"] in ("failed", "succeeded"))
        answer = disk.call(path)[1]
        assert answer["status"] == "failed"
    assert "disk" in json.dumps(answer)
    status, answer = disk.call(
        "/ml/dataprocessing", {"inputDataS3Location": "s3://lake", "processedDataS3Location": "s3://lake/processed"}
    )
    assert (status, answer["code"]) == (400, "PreconditionsFailedException")
    assert "disk" in answer["detailedMessage"]
    assert disk.ask("g.V().count()") == acknowledged

    # it starts on a full disk, with all that was acknowledged
    disk.kill()
    disk.start()
    assert disk.ask("g.V().count()") == acknowledged
    until(lambda: not disk.add())

    # and once there is room all is well without another start
    disk.make_room()
    until(lambda: disk.add() and not disk.troubles())
    assert loaded({**load, "source": "s3://lake/more"}) == "LOAD_COMPLETED"
