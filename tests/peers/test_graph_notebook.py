"""graph-notebook 5.3.0, unmodified and in an environment of its own, from an empty service to a predicted link."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peers import test_more_clients
from tests.peers.peer import MISSING, cache
from tests.unit.client import test_predictions
from workflow.client.predictions.artefacts import ModelArtefacts
from workflow.client.service import LocalService, start_service
from workflow.datasets import dataset

VERSION = "5.3.0"
# what the extension needs besides graph-notebook; Despina itself comes from this checkout
EXTRA = ("jinja2", "narwhals", "psutil", "pyarrow", "pydantic", "pyyaml", "regex", "starlette", "uvicorn", "websockets")
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


model = test_predictions.model  # a fixture


def test_the_published_helper_reads_what_is_exported(jupyter: Path, model: ModelArtefacts, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    model.export(folder)
    (folder / "eval_metrics_info.json").write_text('{"accuracy": 0.5}')  # training writes it there
    script = Path(__file__).with_name("published_helper_check.py")
    done = subprocess.run(
        [str(jupyter), str(script), str(folder), "train"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["embeddings"] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [row.index(max(row)) for row in told["predictions"]] == told["classes"] == [0, 1, 0]
    assert told["metrics"] == {"accuracy": 0.5}


certificate, secure = test_more_clients.certificate, test_more_clients.secure  # fixtures


def test_own_certificates_work_in_every_magic(
    jupyter: Path, secure: str, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    told = Notebook(jupyter, f"https://{secure}", tmp_path).value(
        "%status --store-to status",
        "%%gremlin --silent --store-to counted\ng.V().count()",
        "%%oc --silent --store-to rows\nRETURN 1 AS one",
        "%despina connect",
        "[status['status'], counted, rows['results']]",
    )
    assert (told[0], told[2]) == ("healthy", [{"one": 1}])
    assert len(told[1]) == 1


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

    def run(self, *cells: str, may_fail: bool = False) -> list[dict[str, Any]]:
        """Run cells after loading the extension; fails on the first cell that failed, unless its error is wanted."""
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
            assert may_fail or result["failure"] is None, f"{code}\n{result}"
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
LOAD = "%load -s s3://lab/graph -f csv --run --store-to load"
GRAPH_TAB = "Force(network="  # what draws a graph, beside the table


def test_the_everyday_magics_work(jupyter: Path, home: Path) -> None:
    service = start_service(home)
    try:
        put_bundled_graph(home)
        book = notebook(jupyter, service)
        answers = book.value(
            "%status --silent --store-to status",
            LOAD,
            "%%gremlin --silent --store-to names\ng.V().has('name', 'Henry').both('FRIEND').values('name')",
            "%gremlin_status --silent --store-to queries",
            "%load_ids --silent --store-to loads",
            "%load_status {load['payload']['loadId']} --details --silent --store-to loaded",
            "%statistics --silent --store-to statistics",
            "%statistics gremlin -m refresh --silent --store-to refreshed",
            "%summary --detailed --silent --store-to summary",
            "%db_reset -y",
            "%%gremlin --silent --store-to left\ng.V().count()",
            "[status, sorted(names), queries, loaded, statistics, refreshed, summary, left]",
        )
    finally:
        service.stop()
    status, names, queries, loaded, statistics, refreshed, summary, left = answers
    assert status["status"] == "healthy"
    # f16 Alistair, f20 Charlie, f21 Mary, f23 Gary, f25 Arnold
    assert names == ["Alistair", "Arnold", "Charlie", "Gary", "Mary"]
    assert queries["runningQueryCount"] == 0
    assert loaded["payload"]["overallStatus"]["status"] == "LOAD_COMPLETED"
    assert statistics["payload"]["signatureInfo"]["instanceCount"] == 20
    assert refreshed["payload"]["statisticsId"]
    assert summary["payload"]["graphSummary"]["numNodes"] == 20
    assert summary["payload"]["graphSummary"]["nodeStructures"]
    assert left == [0]


def test_loads_are_cancelled_and_errors_of_inference_are_told_in_neptunes_words(jupyter: Path, home: Path) -> None:
    service = start_service(home)
    put_bundled_graph(home)
    (home / "s3/lab/large").mkdir()
    rows = "".join(f"n{number},P,{number}\n" for number in range(400_000))
    (home / "s3/lab/large/nodes.csv").write_text(f"~id,~label,age:Int\n{rows}")
    start = (
        "import requests\n"
        f"def start(source): return requests.post('{service.url}/loader', json={{'source': source, 'format': 'csv', "
        "'iamRoleArn': 'arn:aws:iam::123456789012:role/r', 'region': 'us-east-1', 'queueRequest': 'TRUE'})"
        ".json()['payload']['loadId']\n"
        "running, queued, single = start('s3://lab/large'), start('s3://lab/graph'), start('s3://lab/graph')"
    )
    book = notebook(jupyter, service)
    try:
        found = book.run(
            start,
            "%cancel_load {single} --store-to one",
            "%cancel_load --all-in-queue --store-to rest",
            "%cancel_load --all-in-queue",
            "print(one[single]['status'], rest[queued]['status'])",
            "%load_status {queued} --silent --store-to told",
            "print(told['payload']['overallStatus']['status'])",
            "%%gremlin\ng.with('Neptune#ml.endpoint','nobody').V('u19').out('FRIEND')"
            ".with('Neptune#ml.prediction').hasLabel('User')",
            "%%gremlin\ng.V('u19').out('FRIEND').with('Neptune#ml.prediction').hasLabel('User')",
            "%%gremlin\ng.with('Neptune#ml.endpiont','x').V('u19')",
            may_fail=True,
        )
    finally:
        service.stop()
    texts = [result["text"] for result in found]
    assert "Cancelled successfully." in texts[1]
    assert "Cancelled successfully." in texts[2]
    assert "No cancellable load jobs were found." in texts[3]
    assert texts[4].split() == ["200", "OK", "200", "OK"]
    assert texts[6].strip() == "LOAD_CANCELLED_BY_USER"
    failures = [str(result["failure"] or result["text"]) for result in found[-3:]]
    assert "Endpoint nobody not found" in failures[0]
    assert "No endpoint provided for external service query" in failures[1]
    assert "did you mean Neptune#ml.endpoint?" in failures[2]


@pytest.mark.parametrize("protocol", ["websockets", "http"])
def test_answers_are_shown_as_table_graph_plan_and_profile(jupyter: Path, home: Path, protocol: str) -> None:
    service = start_service(home)
    try:
        put_bundled_graph(home)
        configuration = "%%graph_notebook_config --silent\n" + json.dumps(configured(service, protocol))
        shown = notebook(jupyter, service).run(
            configuration,
            LOAD,
            "%graph_notebook_config",
            "%%gremlin\ng.V().outE().inV().path().limit(5)",
            "%%gremlin\ng.V().limit(3).elementMap()",
            "%%gremlin\ng.V().values('name').limit(3)",
            "%%gremlin explain\ng.V().has('name', gt('A')).out().count()",
            "%%gremlin profile --profile-no-results --profile-indexOps\ng.V().out().count()",
        )
    finally:
        service.stop()
    config, paths, maps, names, explained, profiled = (result["text"] for result in shown[2:])
    assert protocol in config
    assert GRAPH_TAB in paths
    assert GRAPH_TAB in maps
    assert GRAPH_TAB not in names
    assert re.search(r"# of results\s+\| 3", names)
    assert re.search(r"Query mode\s+\| explain", explained)
    assert re.search(r"# of predicates\s+\| 1", explained)
    assert "Neptune Gremlin Explain" in downloaded(explained)
    assert re.search(r"# of results\s+\| 1", profiled)
    assert re.search(r"# of statement index ops\s+\| 0", profiled)
    assert "Neptune Gremlin Profile" in downloaded(profiled)


def configured(service: LocalService, protocol: str) -> dict[str, Any]:
    """A configuration cell for the service, which the extension has made known as a Neptune host."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    plain = {"host": host, "port": int(port), "ssl": False, "auth_mode": "DEFAULT", "aws_region": "us-east-1"}
    role = "arn:aws:iam::000000000000:role/Load"
    return plain | {"load_from_s3_arn": role, "gremlin": {"connection_protocol": protocol}}


def downloaded(shown: str) -> str:
    """The report behind the download link of a cell."""
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", shown)
    assert found is not None, shown
    return base64.b64decode(found[1]).decode()


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
        exported = stage(
            f"export = {EXPORT!r}",
            # as the published notebooks say it
            "import workflow.notebook.neptune_ml_utils as neptune_ml",
            "%%neptune_ml export start --export-url {neptune_ml.get_export_service_host()} " + FOLLOW + "\n${export}",
            "job",
        )
        assert exported["status"] == "succeeded"
        address = service.url.removeprefix("http://")  # a new one after every restart
        again = (
            f"%neptune_ml export status --export-url {address} --export-no-ssl --job-id {exported['jobId']} {FOLLOW}"
        )
        assert stage(again, "job['outputS3Uri']") == exported["outputS3Uri"]
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
        transformed = stage(
            "%neptune_ml modeltransform start --job-id tf --data-processing-job-id dp --model-training-job-id train "
            "--s3-output-uri s3://lab/tf --store-to started",
            "%despina logs tf -f -n 3",
            "%neptune_ml modeltransform status --job-id tf --wait --store-to job",
            "%neptune_ml modeltransform list --store-to listed",
            "[started['id'], job['status'], listed['ids']]",
        )
        assert transformed == ["tf", "Completed", ["tf"]]
        endpoint = stage(f"%neptune_ml endpoint create --id ep --model-training-job-id train {FOLLOW}", "job")
        assert endpoint["status"] == "InService"
        likely = notebook(jupyter, service).value(
            f"%neptune_ml dataprocessing status --job-id dp {FOLLOW}",
            f"%neptune_ml training status --job-id train {FOLLOW}",
            f"%neptune_ml endpoint status --id ep {FOLLOW}",
            "endpoint = job['endpoint']['name']",
            "%%gremlin --silent --store-to names\n"
            'g.with("Neptune#ml.endpoint","${endpoint}").with("Neptune#ml.limit",8).V().has("name","Henry")'
            '.out("FRIEND").with("Neptune#ml.prediction").hasLabel("User").values("name")',
            "names",
        )
        assert len(likely) == 8
        told = notebook(jupyter, service).run(
            "%despina",
            "%despina connect",
            "%despina jobs",
            "%despina logs train -n 5",
            "%despina report train",
            "%despina endpoint list",
            "%despina endpoint stop ep",
        )
        verbs, healthy, jobs, logs, report, endpoints, _ = (result["text"] for result in told)
        assert "endpoint" in verbs
        assert "healthy" in healthy
        assert "train" in jobs
        assert "trial" in logs
        assert "<iframe" in report
        assert "InService" in endpoints
    finally:
        service.stop()
