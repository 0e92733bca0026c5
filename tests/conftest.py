"""Fixtures every test may use: a service on a free port, a clean environment, the bundled graphs."""

from __future__ import annotations

import gc
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pytest

from training_scripts.graph_ml import drawing
from training_scripts.graph_ml.quick_imports import quick_imports
from workflow.client.connection import Connection
from workflow.client.service import local_service
from workflow.client.workflow import Workflow
from workflow.settings import Settings

# a run starts hundreds of processes; each would compile the product anew where an environment lets nothing be kept.
# Where lines change while tests run nothing may be kept: a second is the finest that Python tells two files apart by.
if os.environ.get("PYTHONDONTWRITEBYTECODE") != "changed lines":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


# Modules that take more than ten seconds, the longest first; a whole run lasts as long as whichever begins last.
LONG_MODULES = (
    "e2e/test_targets.py",
    "contracts/test_model_families.py",
    "e2e/test_notebooks.py",
    "e2e/test_five_tasks.py",
    "e2e/test_run.py",
    "contracts/test_held_out.py",
    "integration/test_cloud_faults.py",
    "e2e/test_custom_models.py",
    "integration/test_survival.py",
    "contracts/test_runners.py",
    "e2e/test_demo.py",
    "e2e/test_readme.py",
    "unit/graph_ml_models/test_what_decides.py",
    "unit/cypher/test_arrays.py",
    "unit/graph_ml_data/test_streaming.py",
    "contracts/test_storage.py",
    "unit/graph_ml_data/test_every_field.py",
    "unit/graph_ml_models/test_link_training.py",
    "unit/graph_ml_models/test_memory_limit.py",
    "integration/test_emulator.py",
    "conformance/test_early_ends.py",
    "unit/graphs/test_ids.py",
    "e2e/test_mistakes.py",
    "unit/gremlin/test_morsels.py",
    "integration/test_ml_service.py",
    "unit/runners/test_local_runner.py",
    "unit/graph_ml_models/test_processes.py",
    "unit/graph_ml_models/test_baselines.py",
    "integration/test_data_plane.py",
    "unit/graph_ml_models/test_time.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Workers take modules in the order of ``LONG_MODULES``, not in that of how many tests they have."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long modules first, the others as they were found."""
    here = Path(__file__).parent
    place = {str(here / module): number for number, module in enumerate(LONG_MODULES)}
    items.sort(key=lambda item: place.get(str(item.path), len(place)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What collecting imports stays until the run ends: no search for garbage, then or later, walks it."""
    with quick_imports():
        import hypothesis  # noqa: F401 - looks for who refers to generators, and finds nobody among what is set aside

        return (yield)


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


@pytest.fixture(scope="session", autouse=True)
def plain_drawings() -> Iterator[Callable[[str], list[str]]]:
    """Reports made in the tests' own process name their charts; the real engine takes longer than such a job.

    It is for the whole run, so that fixtures of modules and classes do without the engine too; gives the real one.
    """
    real = drawing.drawn_apart
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "drawn_apart", _named)
        yield real


@pytest.fixture
def real_drawings(plain_drawings: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of the drawings themselves."""
    monkeypatch.setattr(drawing, "drawn_apart", plain_drawings)


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
    if not gc.get_freeze_count():  # a service in this process has taken back what was set aside
        gc.freeze()


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
