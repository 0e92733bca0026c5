"""Whatever writes many elements looks at its deadline and its cancellation on the way, and then leaves nothing."""

from __future__ import annotations

import pytest

from workflow.errors import CancelledByUser
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse

MANY = 5000


class SetAtTheThirdLook:
    """What others set to end a run, here while it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks >= 3


@pytest.fixture(scope="module")
def graph() -> EmbeddedGraph:
    graph = EmbeddedGraph("g", "tinkerpop")
    tx = graph.begin()
    rows = [tx.add_vertex(None, "T") for _ in range(MANY)]
    for row in rows:
        tx.set_vertex_property(row, "n", row, "single")
        tx.set_edge_property(tx.add_edge(None, "e", row, rows[0]), "w", row)
    tx.commit()
    return graph


@pytest.mark.parametrize(
    "text",
    [
        "g.V().addV('U')",
        "g.V().as('a').addE('f').to('a')",
        "g.V().property('n', 2)",
        "g.V().property(list, 'n', 2)",
        "g.E().property('w', 2)",
        "g.V().properties('n').drop()",
        "g.E().properties('w').drop()",
        "g.E().drop()",
        "g.V().drop()",
        "g.V().mergeV([(T.label): 'U', 'm': 1])",
        "g.inject(1).repeat(addV('U')).times(5000)",
    ],
)
def test_a_query_that_writes_much_ends_when_it_is_asked_to_and_leaves_nothing(graph: EmbeddedGraph, text: str) -> None:
    before = graph.vertex_count(), graph.edge_count(), graph.version()
    engine, flag = Engine(graph, "tinkerpop"), SetAtTheThirdLook()
    with pytest.raises(CancelledByUser):
        for _ in engine.run(parse(text)[-1].traversal, QueryOptions(cancelled=flag)):
            pass
    assert (graph.vertex_count(), graph.edge_count(), graph.version()) == before
