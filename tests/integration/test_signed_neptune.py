"""A graph that takes signed requests only, as a Neptune cluster with IAM authentication: driven, read and exported."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.client.connection import Connection, ServiceError
from workflow.client.service import LocalService, start_service
from workflow.client.workflow import Workflow
from workflow.drivers import open_database, open_source, open_storage
from workflow.errors import AccessDenied
from workflow.graphs.source import GraphPart
from workflow.graphs.sources.sigv4 import signer
from workflow.settings import Settings
from workflow.storage import S3Uri

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

PEOPLE = 5200  # three pages and more


CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDSTRICT",
    "AWS_SECRET_ACCESS_KEY": "a/secret+of=ours",
    "AWS_REGION": "us-east-1",
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A service that verifies every signature, with a graph in it."""
    accepts = {"DESPINA_ACCESS_KEYS": "AKIDSTRICT:a/secret+of=ours"}
    service = start_service(tmp_path_factory.mktemp("strict"), environ=accepts)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        _fill(Connection(service.url, sign=True))
    yield service
    service.stop()


def _fill(connection: Connection) -> None:
    for begin in range(0, PEOPLE, 400):
        added = ".".join(
            f"addV('person').property(id,'p{n}').property('age',{n % 90})" for n in range(begin, begin + 400)
        )
        connection.query(f"g.{added}.count()")
    ring = ".".join(f"V('p{n}').addE('knows').to(__.V('p{n + 1}'))" for n in range(300))
    connection.query(f"g.{ring}.count()")


def socket_of(service: LocalService) -> str:
    return f"ws{service.url.removeprefix('http')}/gremlin"


def test_an_unsigned_or_wrongly_signed_connection_is_refused(
    strict: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned = open_database(socket_of(strict))
    with pytest.raises(AccessDenied, match=r"refused the connection.*--gremlin-sign"):
        unsigned.text("g.V().count()")
    unsigned.close()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    wrong = open_database(socket_of(strict), sign_region="us-east-1")
    with pytest.raises(AccessDenied, match=r"refused the connection.*--gremlin-sign"):
        wrong.text("g.V().count()")
    wrong.close()


def test_without_credentials_it_is_said_that_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessDenied, match="no AWS credentials"):
        signer("us-east-1")("wss://cluster:8182/gremlin")


def test_a_signed_export_reads_ranges_in_parallel_and_its_counts_agree(strict: LocalService) -> None:
    driver = open_source(socket_of(strict), "us-east-1")
    with driver.open(GraphPart(None, None, 4)).snapshot() as snapshot:
        assert sum(snapshot.node_counts().values()) == PEOPLE
        ids = [node.id for node in snapshot.nodes()]
        edges = list(snapshot.edges())
    driver.close()
    assert len(ids) == len(set(ids)) == PEOPLE
    assert len(edges) == 300


def test_a_gateway_signs_what_it_forwards_and_exports_through_itself(strict: LocalService, tmp_path: Path) -> None:
    gateway = start_service(tmp_path / "gateway", "--gremlin", socket_of(strict), "--gremlin-sign")
    try:
        connection = Connection(gateway.url)
        assert connection.query("g.V('p7').out('knows').id()") == ["p8"]
        storage = open_storage(Settings(home=tmp_path / "gateway"))
        client = Workflow(connection, bucket="s3://lab", storage=storage)
        exported = client.wait(
            client.export(
                params={"concurrency": 4}, targets=[{"edge": ["person", "knows", "person"], "type": "link_prediction"}]
            )
        )
        place = S3Uri.parse(str(exported.output))
        nodes = next(info.uri for info in storage.list(place / "nodes"))
        rows = list(csv.reader(storage.read(nodes).decode().splitlines()))
        assert len(rows) - 1 == PEOPLE
    finally:
        gateway.stop()


def test_the_stages_run_against_a_cluster_that_verifies_signatures(strict: LocalService) -> None:
    storage = open_storage(Settings(home=strict.home))
    with pytest.raises(ServiceError):
        Workflow(Connection(strict.url), bucket="s3://lab", storage=storage).jobs()
    client = Workflow(Connection(strict.url, sign=True), bucket="s3://lab", storage=storage)
    target = {"edge": ["person", "knows", "person"], "type": "link_prediction"}
    exported = client.wait(client.export(targets=[target]))
    processed = client.wait(client.dataprocessing(exported, id="signed-dp"))
    assert processed.status == "Completed"
