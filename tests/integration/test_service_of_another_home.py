"""A client whose own home is not that of the service it speaks to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from workflow.cli.run import _place
from workflow.client.connection import Connection
from workflow.client.service import local_service
from workflow.client.service_storage import NotSeenByService
from workflow.client.workflow import Workflow
from workflow.datasets import dataset
from workflow.drivers import open_storage
from workflow.settings import Settings
from workflow.storage import S3Uri


def test_local_files_are_loaded_through_the_storage_of_the_service(home: Path, tmp_path: Path) -> None:
    with local_service(home) as url:
        done = subprocess.run(
            [sys.executable, "-m", "workflow.cli", "load", "social", "--url", url, "--json"],
            env={**os.environ, "DESPINA_HOME": str(tmp_path / "mine")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["overallStatus"]["status"] == "LOAD_COMPLETED"
        assert Workflow(url).query("g.V().count()").iloc[0, 0] == 20
    assert not (tmp_path / "mine").exists()


def test_a_run_takes_its_files_from_the_home_of_the_service_too(home: Path, tmp_path: Path) -> None:
    with local_service(home) as url, ExitStack() as stack:
        place = _place(Connection(url), "local", tmp_path / "mine", "s3://lab", stack)
        place.storage.write(S3Uri.parse("s3://lab/x"), b"1")
    assert (home / "s3/lab/x").read_bytes() == b"1"


def test_files_where_the_service_cannot_see_them_are_told_with_both_places(home: Path, tmp_path: Path) -> None:
    files = [dataset("social").folder / name for name in dataset("social").files]
    with local_service(home) as url:
        mine = Workflow(url, storage=open_storage(Settings(home=tmp_path / "mine")))
        source = mine.upload(files)
        with pytest.raises(NotSeenByService) as caught:
            mine.load(source)
        with pytest.raises(Exception, match="there is nothing to load at s3://despina/never"):
            mine.load("s3://despina/never")
    assert url in caught.value.message
    assert str(tmp_path / "mine" / "s3" / source.removeprefix("s3://")) in caught.value.message
    assert "DESPINA_HOME" in caught.value.message
