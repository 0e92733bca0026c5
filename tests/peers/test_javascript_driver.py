"""The JavaScript driver from npm against a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.peer import MISSING, cache
from workflow.client.service import local_service

pytestmark = pytest.mark.peers
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_service(tmp_path_factory.mktemp("home"), "--in-memory", "--profile", "tinkerpop") as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="module")
def driver() -> Path:
    """The folder that holds the driver's ``node_modules``; a skip that says why where Node or npm is missing."""
    folder = cache() / "gremlin-javascript"
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        MISSING["gremlin-javascript"] = "Node and npm are not installed"
        pytest.skip(MISSING["gremlin-javascript"])
    if not (folder / "node_modules" / "gremlin").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "gremlin@3.8"]
        done = subprocess.run(command, capture_output=True, timeout=600, check=False)
        if done.returncode:
            MISSING["gremlin-javascript"] = (done.stderr or done.stdout).decode()[-300:]
            pytest.skip(MISSING["gremlin-javascript"])
    return folder


def test_it_connects_queries_commits_and_rolls_back(address: str, driver: Path) -> None:
    command = ["node", str(HERE / "driver_check.js"), f"ws://{address}/gremlin", str(driver)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    for found in json.loads(done.stdout).values():
        assert found == {
            "text": [1, "a", [1, 2]],
            "batches": 256,
            "error": "597",
            "rollback": 0,
            "commit": 1,
            "values": ["x"],
            "date": "2024-02-29T01:02:03.000Z",
        }
