"""What /loader makes of CSV files is what a real Gremlin Server holds when every row is added to it by hand."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from gremlin_python.driver.client import Client

from workflow.client.service import start_service
from workflow.datasets import DATASETS
from workflow.neptune.literals import literal

SAMPLE = 1500  # rows of a large file; the server takes them one statement at a time
BATCH = 50
QUERIES = (
    "g.V().count()",
    "g.E().count()",
    "g.V().groupCount().by(label)",
    "g.E().groupCount().by(label)",
    "g.V().values('name', 'country').order()",
    "g.V().has('interests').order().by('key').project('key', 'name', 'interests').by('key').by('name').by('interests')",
    "g.V().order().by('key').limit(20)"
    ".project('key', 'out', 'in').by('key').by(out().values('key').order().fold()).by(inE().count())",
    "g.E().order().by('key').limit(20).project('key', 'label', 'from', 'to')"
    ".by('key').by(label).by(outV().values('key')).by(inV().values('key'))",
    "g.V().out().out().count()",
    "g.V().both().groupCount().by('key').order(local).by(keys).unfold().limit(10)",
    "g.V().has('country', 'c3').both().values('country').groupCount()",
)


def rows(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.DictReader(io.StringIO(text)))


def sample(name: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Some nodes of a bundled graph, and the edges among them; ``key`` repeats the id.

    The server under comparison takes whole numbers as ids, ours text, so that is what the two are asked by.
    """
    folder = DATASETS[name].folder
    node_file, edge_file = (folder / file for file in DATASETS[name].files)
    nodes = rows(node_file)[:SAMPLE]
    kept = {row["~id"] for row in nodes}
    edges = [row for row in rows(edge_file) if {row["~from"], row["~to"]} <= kept]
    return [{**row, "key:String(single)": row["~id"]} for row in nodes], [{**row, "key": row["~id"]} for row in edges]


def written(table: Sequence[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue().encode()


def number(id: str) -> int:
    return int(id.lstrip("uf"))


def add_by_hand(client: Client, nodes: Sequence[dict[str, str]], edges: Sequence[dict[str, str]]) -> None:
    """Statements of the language, a batch a request; every property of these files is one string."""
    statements = []
    for row in nodes:
        held = [(key.split(":")[0], value) for key, value in row.items() if not key.startswith("~") and value]
        properties = "".join(f".property({literal(key)},{literal(value)})" for key, value in held)
        statements.append(f".addV({literal(row['~label'])}).property(id,{number(row['~id'])}){properties}")
    for row in edges:
        ends = f".from(__.V({number(row['~from'])})).to(__.V({number(row['~to'])}))"
        statements.append(f".addE({literal(row['~label'])}).property('key',{literal(row['~id'])}){ends}")
    for start in range(0, len(statements), BATCH):
        text = "g" + "".join(statements[start : start + BATCH]) + ".count()"
        client.submit(text, request_options={"language": "gremlin-lang"}).all().result()


@pytest.fixture(scope="module")
def real(gremlin_port: int) -> Iterator[Client]:
    client = Client(f"ws://127.0.0.1:{gremlin_port}/gremlin", "g")
    yield client
    client.submit("g.V().drop()").all().result()
    client.close()


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_loaded_graph_answers_as_one_that_was_added_by_hand(real: Client, tmp_path: Path, name: str) -> None:
    nodes, edges = sample(name)
    real.submit("g.V().drop()").all().result()
    add_by_hand(real, nodes, edges)
    service = start_service(tmp_path / "home")
    try:
        ours = service.workflow("s3://lab")
        ours.storage.write(ours.bucket / "graph" / "nodes.csv", written(nodes))
        ours.storage.write(ours.bucket / "graph" / "edges.csv", written(edges))
        ours.wait(ours.load(str(ours.bucket / "graph")))
        for query in QUERIES:
            expected = real.submit(query, request_options={"language": "gremlin-lang"}).all().result()
            assert ours.connection.query(query) == expected, query
    finally:
        service.stop()
