"""Drivers of other versions and languages, each in an environment of its own, against a running service."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.peer import MISSING, python_with
from workflow.client.service import local_service

pytestmark = pytest.mark.peers
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_service(tmp_path_factory.mktemp("home"), "--in-memory", "--profile", "tinkerpop") as url:
        yield url.removeprefix("http://")


def absent(name: str, reason: str) -> None:
    """Skip aloud: the closing summary names the judge that was missing."""
    MISSING[name] = reason
    pytest.skip(f"{name}: {reason}")


def python_of(package: str) -> str:
    """The interpreter of an environment that holds one version of gremlinpython."""
    # drivers before 3.7.5 use async-timeout without asking for it on newer Pythons
    return str(python_with(package.replace("==", "-"), package, "async-timeout<5"))


def result_of(*command: str) -> Any:
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("package", ["gremlinpython==3.7.2", "gremlinpython==3.8.2"])
def test_gremlinpython_connects_queries_commits_and_rolls_back(address: str, package: str) -> None:
    found = result_of(python_of(package), "-W", "ignore", str(HERE / "driver_check.py"), f"ws://{address}/gremlin")
    for form in ("graphbinary", "graphson3", "graphson2"):
        assert found[form] == {
            "text": [1, "a", [1, 2]],
            "batches": 256,
            "error": "597",
            "rollback": 0,
            "commit": 1,
            "values": ["x"],
            "date": "2024-02-29 01:02:03",
            "uuid": 5,
        }


def test_gremlinpython_4_speaks_http(address: str) -> None:
    python = python_of("gremlinpython==4.0.0b3")
    found = result_of(python, "-W", "ignore", str(HERE / "driver_check_4.py"), f"http://{address}/gremlin")
    assert found == {
        "text": [1, "a", [1, 2]],
        "batches": 256,
        "error": "400",
        "rollback": 0,
        "commit": 1,
        "values": ["x"],
    }
