"""What a started service has imported: what nobody has asked for yet is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

LATER = {
    # openCypher, over HTTP and Bolt, comes with its first query
    "workflow.opencypher", "workflow.catalog", "workflow.cypher.engine", "workflow.cypher.lang",
    "workflow.cypher.functions", "workflow.predictions.cypher",
    # what other commands and other choices of the settings need
    "workflow.cli.demo", "workflow.cli.run", "workflow.cli.stages", "workflow.client",
    "workflow.emulator", "rich",
    "workflow.runners.sagemaker", "workflow.endpoints.sagemaker", "workflow.storage.s3", "workflow.graphs.sources",
    # libraries of single commands, questions and jobs
    "altair", "boto3", "botocore", "gremlin_python", "moto", "neo4j", "optuna", "pandas", "polars", "pyarrow", "regex",
    "scipy", "sklearn", "torch", "yaml",
}  # fmt: skip

STARTED = """
import json, sys, tempfile
from pathlib import Path
import workflow.cli.main, workflow.cli.operations.serve, workflow.process, uvicorn
from workflow.app import build
from workflow.server.access.sockets import PatientSocket
from workflow.server.bolt.connections import protocol_with_bolt
from workflow.server.bolt.service import BoltService
from workflow.settings import Settings
application = build(Settings(home=Path(tempfile.mkdtemp()), in_memory=True, bolt_port=0))
try:
    application.asgi()
    bolt = BoltService(application.services)
    protocol_with_bolt(bolt)
    application.start()
    bolt.database("neo4j")
    before = sorted(sys.modules)
    application.services.cypher["g"]
    print(json.dumps([before, sorted(sys.modules)]))
finally:
    application.close()
"""


@pytest.fixture(scope="module")
def modules() -> tuple[set[str], set[str]]:
    """Those of a service that has started and one that was then asked in openCypher."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    return set(before), set(after)


def test_a_service_that_nobody_asked_has_imported_nothing_for_questions(modules: tuple[set[str], set[str]]) -> None:
    before, _ = modules
    assert sorted(name for name in before if any(name == one or name.startswith(f"{one}.") for one in LATER)) == []


def test_the_first_look_at_open_cypher_imports_the_language(modules: tuple[set[str], set[str]]) -> None:
    before, after = modules
    assert {"workflow.opencypher", "workflow.catalog.service", "workflow.cypher.lang"} <= after - before
