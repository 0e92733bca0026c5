"""Fixtures every test may use: a service on a free port, a clean environment, the bundled graphs."""

from __future__ import annotations

import gc
import json
import os
import sys
import warnings
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from workflow.client.connection import Connection
from workflow.client.service import local_service
from workflow.client.workflow import Workflow
from workflow.settings import Settings

# a run starts hundreds of processes; each would compile the product anew where an environment lets nothing be kept.
# Where lines change while tests run nothing may be kept: a second is the finest that Python tells two files apart by.
if os.environ.get("PYTHONDONTWRITEBYTECODE") != "changed lines":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's machine decides a test; boto3 finds credentials that open nothing."""
    for name in list(os.environ):
        if name.startswith(("DESPINA_", "AWS_", "SAGEMAKER_", "SM_")) and name != "DESPINA_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if "boto3" in sys.modules:  # its session keeps the credentials it has found first
        monkeypatch.setattr(sys.modules["boto3"], "DEFAULT_SESSION", None)


@pytest.fixture
def real_drawings() -> None:
    """For tests of the drawings themselves."""


@pytest.fixture(autouse=True)
def plain_drawings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports made in the tests' own process name their charts; the real engine takes longer than such a job."""
    drawing = sys.modules.get("training_scripts.graph_ml.drawing")
    if drawing is not None and "real_drawings" not in request.fixturenames:
        monkeypatch.setattr(drawing, "drawn_apart", _named)


def _named(charts: str) -> list[str]:
    return [f"<svg>{escape(json.dumps(chart))}</svg>" for chart in json.loads(charts)]


@pytest.fixture(scope="module", autouse=True)
def settled() -> Iterator[None]:
    """What gremlinpython leaves to the garbage collector goes before another module runs, not within its event loop."""
    yield
    if "gremlin_python" in sys.modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def service(home: Path) -> Iterator[str]:
    """The address of a service of its own, stopped at the end of the test."""
    with local_service(home) as url:
        yield url


@pytest.fixture
def workflow_client(service: str, home: Path) -> Workflow:
    from workflow.drivers import open_storage

    return Workflow(Connection(service), bucket="s3://tests", storage=open_storage(Settings(home=home)))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Data sets beside the checkout, named by DESPINA_DATA; tests that need one are skipped where it is missing."""
    folder = Path(os.environ.get("DESPINA_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}; name their folder in DESPINA_DATA")
    return folder
