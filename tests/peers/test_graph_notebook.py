"""graph-notebook 5.3.0, unmodified and in an environment of its own, from an empty service to a predicted link."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peers.peer import MISSING, cache
from workflow.client.service import LocalService, start_service
from workflow.datasets import dataset

VERSION = "5.3.0"
# what the extension needs besides graph-notebook; Despina itself comes from this checkout
EXTRA = ("jinja2", "narwhals", "psutil", "pyarrow", "pydantic", "pyyaml", "starlette", "uvicorn", "websockets")
REPOSITORY = Path(__file__).parents[2]

EXPORT = {
    "command": "export-pg",
    "outputS3Path": "s3://lab/export",
    "params": {"endpoint": "localhost", "profile": "neptune_ml"},
    "additionalParams": {
        "neptune_ml": {
            "version": "v2.0",
            "targets": [{"edge": ["User", "FRIEND", "User"], "type": "link_prediction", "split_rate": [0.8, 0.2, 0.0]}],
            "features": [{"node": "User", "property": "interests", "type": "category", "separator": ";"}],
        }
    },
}


@pytest.fixture(scope="session")
def jupyter() -> Path:
    """Python of an environment that has graph-notebook; made the first time."""
    home = cache() / f"graph-notebook-{VERSION}"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(python)]
    if subprocess.run([*install, f"graph-notebook=={VERSION}", *EXTRA], check=False).returncode != 0:
        MISSING["graph-notebook"] = "its environment could not be installed"
        pytest.skip(MISSING["graph-notebook"])
    return python


class Notebook:
    """A kernel a call: cells in, what they said out."""

    def __init__(self, python: Path, url: str, home: Path) -> None:
        self._python = python
        self._environment = {
            **os.environ,
            "DESPINA_URL": url,
            "DESPINA_HOME": str(home),
            "PYTHONPATH": str(REPOSITORY),
            "GRAPH_NOTEBOOK_CONFIG": str(home / "no-such-configuration.json"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *cells: str) -> list[dict[str, Any]]:
        """Run cells after loading the extension; fails on the first cell that failed."""
        everything = ["%load_ext workflow.notebook", *cells]
        done = subprocess.run(
            [str(self._python), str(Path(__file__).with_name("kernel_driver.py"))],
            input=json.dumps(everything),
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        results = list(json.loads(done.stdout))
        for code, result in zip(everything, results, strict=True):
            assert result["error"] is None, f"{code}\n{result}"
            assert result["failure"] is None, f"{code}\n{result}"
        return results[1:]

    def value(self, *cells: str) -> Any:
        """What the last cell, an expression, is: as JSON."""
        *before, last = cells
        results = self.run(*before, f"import json; print('VALUE' + json.dumps({last}, default=str))")
        return json.loads(results[-1]["text"].split("VALUE")[1])


def notebook(python: Path, service: LocalService) -> Notebook:
    return Notebook(python, service.url, service.home)


def put_bundled_graph(home: Path) -> None:
    folder = home / "s3" / "lab" / "graph"
    folder.mkdir(parents=True)
    for name in dataset("social").files:
        (folder / name).write_bytes((dataset("social").folder / name).read_bytes())


FOLLOW = "--wait --wait-interval 1 --store-to job"
LOAD = "%load -s s3://lab/graph -f csv -l arn:aws:iam::000000000000:role/Load --run --store-to load"


def test_the_everyday_magics_work(jupyter: Path, home: Path) -> None:
    service = start_service(home)
    try:
        put_bundled_graph(home)
        book = notebook(jupyter, service)
        answers = book.value(
            "%status --silent --store-to status",
            LOAD,
            "%%gremlin --silent --store-to names\ng.V().has('name', 'Henry').both('FRIEND').values('name')",
            "%%gremlin\ng.V().outE().inV().path().limit(5)",
            "%%gremlin explain\ng.V().out().count()",
            "%%gremlin profile\ng.V().out().count()",
            "%gremlin_status --silent --store-to queries",
            "%load_ids --silent --store-to loads",
            "%statistics --silent --store-to statistics",
            "%summary --silent --store-to summary",
            "%db_reset -y",
            "%%gremlin --silent --store-to left\ng.V().count()",
            "[status, sorted(names), queries, summary, left]",
        )
    finally:
        service.stop()
    status, names, queries, summary, left = answers
    assert status["status"] == "healthy"
    # f16 Alistair, f20 Charlie, f21 Mary, f23 Gary, f25 Arnold
    assert names == ["Alistair", "Arnold", "Charlie", "Gary", "Mary"]
    assert queries["runningQueryCount"] == 0
    assert summary["payload"]["graphSummary"]["numNodes"] == 20
    assert left == [0]


def test_seeding_a_published_data_set_fills_the_graph(jupyter: Path, home: Path) -> None:
    service = start_service(home)
    try:
        seed = "%seed --model propertygraph --language gremlin --dataset epl --run"
        count = notebook(jupyter, service).value(seed, "%%gremlin --silent --store-to n\ng.V().count()", "n")
    finally:
        service.stop()
    assert count[0] > 0


def test_every_stage_runs_from_magics_though_the_service_is_killed_between_any_two(jupyter: Path, home: Path) -> None:
    service = start_service(home)
    put_bundled_graph(home)

    def stage(*cells: str) -> Any:
        """Run cells, then kill the service and start it again."""
        nonlocal service
        value = notebook(jupyter, service).value(*cells)
        os.kill(service.pid, signal.SIGKILL)
        service.stop()
        service = start_service(home)
        return value

    try:
        assert stage(LOAD, "%%gremlin --silent --store-to n\ng.V().count()", "n") == [20]
        address = service.url.removeprefix("http://")
        exported = stage(
            f"export = {EXPORT!r}",
            f"%%neptune_ml export start --export-url {address} --export-no-ssl {FOLLOW}\n${{export}}",
            "job",
        )
        assert exported["status"] == "succeeded"
        source = exported["outputS3Uri"]
        processed = stage(
            f"%neptune_ml dataprocessing start --job-id dp --s3-input-uri {source} "
            f"--s3-processed-uri s3://lab/dp {FOLLOW}",
            "job",
        )
        assert processed["status"] == "Completed"
        trained = stage(
            "%neptune_ml training start --job-id train --data-processing-id dp --s3-output-uri s3://lab/train "
            f"--max-hpo-number 2 --max-hpo-parallel 2 --instance-type ml.c5.xlarge {FOLLOW}",
            "job",
        )
        assert trained["status"] == "Completed"
        endpoint = stage(f"%neptune_ml endpoint create --id ep --model-training-job-id train {FOLLOW}", "job")
        assert endpoint["status"] == "InService"
        likely = notebook(jupyter, service).value(
            f"%neptune_ml endpoint status --id ep {FOLLOW}",
            "endpoint = job['endpoint']['name']",
            "%%gremlin --silent --store-to names\n"
            'g.with("Neptune#ml.endpoint","${endpoint}").with("Neptune#ml.limit",8).V().has("name","Henry")'
            '.out("FRIEND").with("Neptune#ml.prediction").hasLabel("User").values("name")',
            "names",
        )
        assert len(likely) == 8
        stopped = notebook(jupyter, service).run("%despina jobs", "%despina report train", "%despina endpoint stop ep")
        assert "train" in stopped[0]["text"]
        assert "<iframe" in stopped[1]["text"]
    finally:
        service.stop()
