"""What a database over Bolt holds becomes tables that can be loaded."""

from __future__ import annotations

from pathlib import Path

from tests.bolt_server import BoltServers
from workflow.client.frames import write_neptune_csv
from workflow.client.tables import database_tables
from workflow.client.workflow_file.description import WorkflowFile
from workflow.drivers import open_bolt


def test_labels_types_and_whole_numbers_are_kept(tmp_path: Path) -> None:
    with BoltServers(tmp_path) as servers:
        url = f"bolt://127.0.0.1:{servers.begin().port}"
        database = open_bolt(url)
        text = "CREATE (a:A:B {`~id`: 'a', n: 1, v: [1.5, 2.5]}), (b:C {`~id`: 'b'}), (c:C {`~id`: 'c', m: 2}), "
        list(database.rows(text + "(a)-[:R {`~id`: 'e', w: 0.5}]->(b)"))
        database.close()
        nodes, edges = database_tables(url)
    written = [write_neptune_csv(frame, kind="nodes").decode() for frame in nodes]
    assert sorted(written) == [
        "~id,~label,m:Long\nb,C,\nc,C,2\n",
        "~id,~label,n:Long,v:Double[]\na,A;B,1,1.5;2.5\n",
    ]
    (edge,) = (write_neptune_csv(frame, kind="edges").decode() for frame in edges)
    assert edge == "~id,~from,~to,~label,w:Double\ne,a,b,R,0.5\n"


def test_source_is_another_word_for_load() -> None:
    described = WorkflowFile.model_validate({"name": "x", "source": "bolt://localhost:7687", "export": {}})
    assert described.load == "bolt://localhost:7687"
