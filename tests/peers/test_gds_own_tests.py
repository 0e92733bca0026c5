"""The tests that Neo4j's Graph Data Science client has of its own pipelines, run as they are against a running service.

They are fetched, never kept: a shallow clone in the cache. What is left out needs GraphSAGE, which is not offered here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.peer import MISSING, cache, packages_at

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]
REPOSITORY = "https://github.com/neo4j/graph-data-science-client"
#: connects the tests of the second version, which would start a container; theirs has the same name and does the same
CONNECTED = """
import os
import pytest
from graphdatascience.query_runner.neo4j_query_runner import Neo4jQueryRunner

@pytest.fixture(scope="session")
def query_runner():
    found = Neo4jQueryRunner.create_for_db(os.environ["NEO4J_URI"], ("neo4j", "password"))
    found.set_database("neo4j")
    yield found
    found.close()
"""
FIRST = ("pipeline_object", "pipeline_ops", "training_pipeline", "prediction_models")
SECOND = "tests/integration/procedure_surface/cypher"


def fetched_tests(version: str, tag: str) -> Path:
    """The folder with the client's tests; skips aloud where they cannot be fetched."""
    folder = cache() / f"graphdatascience-tests-{version}"
    if not (folder / "tests").is_dir():
        partial = folder.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        command = ["git", "clone", "-q", "--depth", "1", "--branch", tag, REPOSITORY, str(partial)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            MISSING[f"tests of graphdatascience {version}"] = why = f"they could not be fetched: {error}"[:300]
            pytest.skip(why)
        partial.rename(folder)
    return folder


def client_of(version: str) -> Path:
    """The folder with the client; skips aloud where it cannot be installed."""
    return packages_at(f"graphdatascience-{version}", "graphdatascience", f"graphdatascience=={version}")


def passed(service: str, client: Path, tree: Path, *targets: str) -> int:
    """How many of the client's tests pass; one that fails is an error."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(client),
        "NEO4J_URI": service.replace("http", "bolt"),
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tree)]
    done = subprocess.run(
        [*command, *targets], cwd=tree, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout.count(".") - done.stdout.splitlines()[-1].count(".")


def test_the_pipelines_of_the_first_version(service: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(fetched_tests("1.19", "1.19") / "tests", tree / "tests")
    targets = [f"tests/integration/test_{name}.py" for name in FIRST]
    assert passed(service, client_of("1.19"), tree, *targets, "-k", "not graphsage") >= 60


def test_the_pipelines_and_models_of_the_second_version(service: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    found = fetched_tests("2.2", "main") / SECOND
    for name in ("pipeline", "cypher_graph_helper.py"):
        place = tree / SECOND / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (found / name).is_dir() else shutil.copyfile)(found / name, place)
    for folder in (tree / SECOND, *(tree / SECOND).relative_to(tree).parents):
        (tree / folder / "__init__.py").touch()
    (tree / "__init__.py").unlink()
    (tree / "tests" / "integration" / "conftest.py").write_text(CONNECTED)
    assert passed(service, client_of("2.2"), tree, SECOND) >= 15
