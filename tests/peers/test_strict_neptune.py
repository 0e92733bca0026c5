"""A cluster that verifies signatures: driven by a workflow file, and as the graph of models that run on SageMaker.

No server of another maker is needed; it stands here because it takes a minute. The cluster is our own service in its
strict mode, SageMaker is the emulator, the training scripts are the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_run import run
from tests.integration.test_signed_neptune import CREDENTIALS, PEOPLE, socket_of, strict
from workflow.client.cloud import LocalCloud, start_cloud
from workflow.client.connection import Connection
from workflow.client.service import LocalService
from workflow.storage import S3Uri

__all__ = ["strict"]

FILE = """
name: people
bucket: s3://lab
export:
  targets: [{edge: [person, knows, person], type: link_prediction, split_rate: [0.8, 0.2, 0.0]}]
training: {trials: 1, parallel: 1, modelName: rgcn, hyperparameters: {num-epochs: 2, num-hidden: 16}}
queries:
  friends: >-
    g.with("Neptune#ml.endpoint", "{endpoint}").with("Neptune#ml.limit", 2)
    .V("p7").out("knows").with("Neptune#ml.prediction").hasLabel("person").id()
"""

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture
def cloud(strict: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    cloud = start_cloud(tmp_path, "--gremlin", socket_of(strict), "--gremlin-sign")
    cloud.client("s3").create_bucket(Bucket="lab")
    yield cloud
    cloud.stop()


def test_the_graph_stays_in_the_cluster_and_predictions_are_in_its_gremlin(
    strict: LocalService, cloud: LocalCloud
) -> None:
    workflow = cloud.workflow("s3://lab")
    target = {"edge": ["person", "knows", "person"], "type": "link_prediction", "split_rate": [0.8, 0.2, 0.0]}
    exported = workflow.wait(workflow.export(params={"concurrency": 4}, targets=[target]))
    files = [info.uri for info in workflow.storage.list(S3Uri.parse(str(exported.output)))]
    rows = dict.fromkeys(("nodes", "edges"), 0)
    for uri in files:
        kind = uri.key.split("/")[-2]
        if kind in rows:
            rows[kind] += len(workflow.storage.read(uri).splitlines()) - 1
    assert rows == {"nodes": PEOPLE, "edges": 300}  # as the cluster counts them
    processed = workflow.wait(workflow.dataprocessing(exported))
    few = {"num-epochs": 2, "num-hidden": 16}
    trained = workflow.wait(
        workflow.training(processed, trials=1, parallel=1, hyperparameters=few, modelName="rgcn"), timeout_s=600
    )
    endpoint = workflow.wait(workflow.endpoint(trained, id="friends"))
    text = (
        "g.with('Neptune#ml.endpoint','friends').with('Neptune#ml.limit',2).V('p7').out('knows')"
        ".with('Neptune#ml.prediction').hasLabel('person')"
    )
    found = workflow.connection.query(f"{text}.id()")
    assert len(set(found)) == 2
    # what follows a prediction is the cluster's again: its own properties of the predicted vertices
    ages = workflow.connection.query(f"{text}.values('age')")
    cluster = Connection(strict.url, sign=True)
    assert ages == [cluster.query(f"g.V('{id}').values('age')")[0] for id in found]
    assert {cost.kind for cost in cloud.costs()} == {"endpoint", "training", "processing"}
    workflow.stop("endpoint", endpoint.id)


def test_a_workflow_file_drives_a_cluster_that_verifies_signatures(
    strict: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "workflow.yaml"
    file.write_text(FILE)
    exports = f"{strict.url}/neptune-export"
    done = run(file, tmp_path, "--neptune", strict.url, "--export-service", exports, timeout_s=600)
    stages = {stage["stage"]: stage["status"] for stage in done["stages"]}
    assert stages == {
        "export": "succeeded", "dataprocessing": "Completed", "modeltraining": "Completed", "endpoint": "InService",
    }  # fmt: skip
    assert len(done["answers"]["friends"]) == 2
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(AssertionError, match=r"(?i)sign|credential|denied"):
        run(file, tmp_path, "--neptune", strict.url, "--export-service", exports)
