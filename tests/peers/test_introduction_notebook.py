"""AWS's introduction to Neptune ML runs as published, against the service and the emulator.

What only AWS's bucket holds is stood in for: five small models, trained here, lie in a bucket of its name.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.integration.test_cloud_service import CloudService
from tests.integration.test_serving import self_signed
from tests.peers.test_graph_notebook import jupyter  # a fixture
from workflow.client.connection import Connection
from workflow.client.workflow import Workflow
from workflow.drivers import open_s3_at
from workflow.emulator.records import ENDPOINT
from workflow.runners.bundle import pack
from workflow.storage import S3Uri

__all__ = ["jupyter"]
# a connection over TLS is closed by its loop, which may end first
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).with_name("introduction_check.py")
THEIRS = S3Uri("aws-neptune-customer-samples", "v2/neptune-ml/pretrained-models/v2")
RATED = ["user", "rated", "movie"]
MODELS: dict[str, dict[str, Any]] = {
    "node-classification": {"node": "movie", "property": "genre", "type": "classification"},
    "node-regression": {"node": "rating", "property": "score", "type": "regression"},
    "link-prediction": {"edge": RATED, "type": "link_prediction", "split_rate": [0.8, 0.2, 0.0]},
    "edge-classification": {"edge": RATED, "property": "scale", "type": "classification"},
    "edge-regression": {"edge": RATED, "property": "score", "type": "regression"},
}
TITLES = {1: "Forrest Gump (1994)", 28: "Apollo 13 (1995)", 69: "Sleepless (1993)"}


def movies(folder: Path) -> list[Path]:
    """A small graph in the form that the notebook makes of MovieLens."""
    chance = random.Random(7)
    folder.mkdir()
    genre = {movie: ("Drama", "Comedy")[movie % 2] for movie in range(1, 91)}
    rows: dict[str, list[str]] = {
        "movie_vertex": ["~id,~label,title:String,genre:String"],
        "user_vertex": ["~id,~label,age:Int"],
        "genre_vertex": ["~id,~label,name:String", "Drama,genre,Drama", "Comedy,genre,Comedy"],
        "rating_vertex": ["~id,~label,score:Int"],
        "edges": ["~id,~from,~to,~label,score:Int,scale:String"],
    }
    for movie, kind in genre.items():
        # of three movies the notebook's helper drops the genre anyway
        rows["movie_vertex"].append(f"movie_{movie},movie,{TITLES.get(movie, f'Movie {movie}')},{kind}")
        rows["edges"].append(f"movie_{movie}-in,movie_{movie},{kind},included_in,,")
    for user in range(1, 41):
        rows["user_vertex"].append(f"user_{user},user,{20 + user % 40}")
        for movie in chance.sample(sorted(genre), 12):
            score = 4 if (movie + user) % 2 else 2
            name, scale = f"u{user}m{movie}", "Love" if score == 4 else "Dislike"
            rows["edges"].append(f"{name},user_{user},movie_{movie},rated,{score},{scale}")
            if movie % 3 == 0:
                rows["rating_vertex"].append(f"r{name},rating,{score}")
                rows["edges"].append(f"w{name},user_{user},r{name},wrote,,")
                rows["edges"].append(f"a{name},r{name},movie_{movie},about,,")
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return sorted(folder.glob("*.csv"))


class SecureService(CloudService):
    """A service that speaks TLS, as the notebook's helper insists, and runs the real training scripts."""

    def start(self) -> SecureService:
        super().start()
        self.url = self.url.replace("http://127.0.0.1", "https://localhost")
        return self


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecureService]:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    self_signed(key, certificate)
    for name, value in {
        "DESPINA_TLS_CERTIFICATE": certificate,
        "DESPINA_TLS_KEY": key,
        "SSL_CERT_FILE": certificate,
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, str(value))
    with emulated.emulator(tmp_path / "cloud") as emulator:
        service = SecureService(tmp_path / "home", emulator)
        service.scripts = ROOT / "training_scripts"
        try:
            yield service.start()
        finally:
            service.stop()
            service.clients.close()


def trained(workflow: Workflow, target: dict[str, Any], name: str) -> S3Uri:
    """The archive of a small model."""
    exported = workflow.wait(workflow.export(targets=[target]), watch=None)
    processed = workflow.wait(workflow.dataprocessing(exported, id=f"dp-{name}"), watch=None)
    small = {"num-epochs": 2, "num-hidden": 16, "num-layer": 1}
    training = workflow.training(
        processed, id=f"tr-{name}", trials=1, parallel=1, hyperparameters=small, modelName="rgcn"
    )
    return S3Uri.parse(str(workflow.wait(training, watch=None).output)) / "model.tar.gz"


def test_the_introduction_runs_as_published(jupyter: Path, service: SecureService, tmp_path: Path) -> None:
    certificate = os.environ["SSL_CERT_FILE"]
    storage = open_s3_at(service.emulator.url, emulated.REGION)
    workflow = Workflow(Connection(service.url), bucket="s3://lab", storage=storage)
    os.environ["AWS_CA_BUNDLE"] = certificate
    workflow.wait(workflow.load(workflow.upload(movies(tmp_path / "graph"), "movies")), watch=None)
    service.clients.get("s3").create_bucket(Bucket=THEIRS.bucket)
    for name, target in MODELS.items():
        archive = trained(workflow, target, name)
        folder = tmp_path / "models" / name
        storage.download(archive, folder / "packed")
        with tarfile.open(folder / "packed" / "model.tar.gz") as tar:
            tar.extractall(folder / "model", filter="data")
        # the name by which the helper asks for the code
        shutil.copy(folder / "model/code/inference.py", folder / "model/code/infer_entry_point.py")
        pack(folder / "model", folder / "again" / "model.tar.gz")
        storage.upload(folder / "again", THEIRS / name)

    home = tmp_path / "notebook"
    home.mkdir()
    port = int(service.url.rpartition(":")[2])
    (home / "graph_notebook_config.json").write_text(
        json.dumps({"host": "localhost", "port": port, "auth_mode": "IAM"})
    )
    (home / ".bashrc").write_text(f"export NEPTUNE_ML_ROLE_ARN={emulated.ROLE}\n")
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": emulated.REGION}
    done = subprocess.run(
        [str(jupyter), "-W", "ignore", str(CHECK), "s3://lab/notebook"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ENDPOINT_URL": service.emulator.url,
            "REQUESTS_CA_BUNDLE": certificate,
            **keys,
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert "ANSWERS" in done.stdout, done.stdout[-2000:] + done.stderr[-3000:]
    assert "is configured to use Neptune ML" in done.stdout
    answers = json.loads(done.stdout.rpartition("ANSWERS")[2])
    refused = [one for found in answers.values() for one in found if isinstance(one, dict) and "refused" in one]
    assert refused == []
    assert {variable: len(found) for variable, found in answers.items()} == {
        "node_classification_endpoint": 5,
        "node_regression_endpoint": 2,
        "link_prediction_endpoint": 3,
        "edge_classification_endpoint": 3,
        "edge_regression_endpoint": 2,
    }
    assert answers["node_classification_endpoint"][0][0] in ("Drama", "Comedy"), answers
    assert all(answers["link_prediction_endpoint"])
    assert answers["edge_regression_endpoint"][0]
    # nothing serves afterwards: the notebook has deleted what it made
    assert {end["EndpointStatus"] for end in service.jobs(ENDPOINT)} <= {"Deleting"}
