"""The longest stretch in which a query over many rows cannot be ended, and in which it lets no other thread run.

    python benchmarks/stretches.py [--vertices 200000] [--edges 600000] [--limit 1.0] [--most 250] [--only TEXT]

Every query runs in a thread of its own for at most ``limit`` seconds of its processor. A stretch is the processor time
between two looks at the clock and the cancellation ("check"), and that which passes between two turns of a thread that
wants one every millisecond ("turn"). Both are processor time, so a busy machine changes little. "gc" is the longest
collection of Python's garbage, which is part of both. Prints the longest of each query, in milliseconds, the longest
first. Ends with status 1 where one is above ``most``.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from workflow.cypher.engine import CypherEngine
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.transaction import StoreTransaction
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.text_block import Texts
from workflow.gremlin.engine import Engine
from workflow.gremlin.engine import QueryOptions as GremlinOptions
from workflow.gremlin.lang import parse
from workflow.process import SWITCH_S
from workflow.queries import run as running
from workflow.queries.garbage import ShortCollections

GREMLIN = """
g.V().order().by('age')
g.V().order().by('name', desc).limit(5)
g.V().order().by(out().count()).limit(5)
g.E().order().by('weight')
g.V().values('name').order()
g.V().values('age').fold()
g.V().fold().count(local)
g.V().id().fold()
g.V().aggregate('x').cap('x')
g.V().values('name').dedup()
g.V().dedup().by('age').by('name')
g.V().group().by('name')
g.V().group().by('age').by(count())
g.V().groupCount().by('name')
g.V().groupCount().by('age').order(local).by(values)
g.E().groupCount().by(label)
g.E().group().by('weight').by(count())
g.V().out().out().count()
g.V().out().dedup().count()
g.V().out().path()
g.V().both().both().simplePath().count()
g.V().repeat(out()).times(3).dedup().count()
g.V().as('a').out().as('b').select('a', 'b').by('name')
g.V().match(__.as('a').out().as('b'), __.as('b').out().as('c')).count()
g.V().where(out().count().is(gt(2))).count()
g.V().as('a').out().where(eq('a')).count()
g.V().has('name', containing('99')).count()
g.V().has('age', gt(30)).values('name')
g.V().valueMap(true)
g.V().elementMap()
g.V().project('a', 'b').by('name').by(out().count())
g.V().sample(1000)
g.V().tail(1000)
g.V().range(100000, 199999).count()
g.V().barrier().out().count()
g.V().store('x').count()
g.V().subgraph('x').cap('x')
g.E().subgraph('x').cap('x')
g.V().out().tree()
g.V().values('age').sum()
g.E().values('weight').mean()
g.E().values('weight').max()
g.V().union(out(), __.in()).count()
g.V().coalesce(out(), identity()).count()
g.V().optional(out()).count()
g.V().pageRank().values('pr')
g.V().connectedComponent().count()
g.V().shortestPath().limit(5)
g.V().property(single, 'n', 1).iterate()
g.V().property('list', 1).iterate()
g.V().drop().iterate()
g.E().drop().iterate()
g.V().outE().property('x', 1).iterate()
g.V().addE('made').to(__.V('v1')).iterate()
g.inject(1).repeat(identity()).times(200000).addV('x').iterate()
g.V().addV('copy').property('of', __.values('name')).iterate()
g.mergeV([name: 'name5']).iterate()
g.V().limit(200000).mergeE([(T.label): 'm', (from): 'v1', (to): 'v2']).iterate()
g.V().fold().unfold().fold().combine([1]).count(local)
g.V().values('name').fold().concat('x')
g.V().values('name').fold().conjoin(',')
g.V().values('age').fold().order(local)
g.V().values('age').fold().reverse()
g.V().values('age').fold().sum(local)
g.V().values('age').fold().dedup(local)
g.V().id().fold().as('x').V().where(within('x')).by(id).by().count()
"""

CYPHER = """
MATCH (n) RETURN n ORDER BY n.age
MATCH (n) RETURN n.name ORDER BY n.name LIMIT 5
MATCH (n) RETURN DISTINCT n.name
MATCH (n) RETURN collect(n.name)
MATCH (n) RETURN n.age, count(*) ORDER BY n.age
MATCH (n) RETURN n.name, count(*)
MATCH (n) RETURN percentileCont(n.age, 0.5), stDev(n.age), avg(n.age)
MATCH (a)-[r]->(b) RETURN count(*)
MATCH (a)-[r]->(b) RETURN a.name, b.name, r.weight
MATCH (a)-[r]->(b) RETURN sum(r.weight)
MATCH (a)-[r]->(b)-[s]->(c) RETURN count(*)
MATCH (a)-[*1..3]->(b) RETURN count(*)
MATCH (a), (b) WHERE a.name = b.name RETURN count(*)
MATCH (a)-[r]->(b) WITH a, collect(b) AS bs RETURN size(bs)
MATCH (n) WITH collect(n) AS all UNWIND all AS m RETURN count(m)
MATCH (n) WHERE n.name CONTAINS '99' RETURN n
MATCH (n) WHERE NOT (n)-->() RETURN count(n)
MATCH (n) OPTIONAL MATCH (n)-[r]->(m {age: 20}) RETURN n.name, count(m)
UNWIND range(1, 1000000) AS x RETURN sum(x)
UNWIND range(1, 1000000) AS x WITH x ORDER BY x DESC RETURN collect(x)
WITH range(1, 1000000) AS xs RETURN [x IN xs WHERE x % 2 = 0 | x * 2]
WITH range(1, 1000000) AS xs RETURN reduce(s = 0, x IN xs | s + x)
WITH range(1, 1000000) AS xs RETURN all(x IN xs WHERE x > 0)
MATCH (n) SET n.n = 1
MATCH (n) SET n += {a: 1, b: 2}
MATCH (n) DETACH DELETE n
MATCH ()-[r]->() DELETE r
MATCH (n) REMOVE n.name
MATCH (n) CREATE (m:copy {name: n.name})
UNWIND range(1, 200000) AS x CREATE (:made {x: x})
UNWIND range(1, 200000) AS x MERGE (:made {x: x})
MATCH (a)-[r]->(b) CREATE (b)-[:back {w: r.weight}]->(a)
MATCH (n) FOREACH (x IN [1, 2] | SET n.x = x)
MATCH (n) RETURN n.name UNION MATCH (m) RETURN m.name AS `n.name`
MATCH p = shortestPath((a {name: 'name1'})-[*]->(b {name: 'name2'})) RETURN p
"""


WRITES = re.compile(r"property\(|drop\(|add[VE]\(|merge[VE]\(|SET|DELETE|CREATE|MERGE|REMOVE")


def graph_of(vertices: int, edges: int) -> EmbeddedGraph:
    """A random graph in memory: names, ages, weights, one label of edges."""
    rng = np.random.default_rng(5)
    ids = Texts.of(f"v{row}" for row in range(vertices))
    columns = {
        "name": ColumnData([f"name{row}" for row in range(vertices)]),
        "age": ColumnData(rng.integers(18, 90, vertices), int),
    }
    nodes = ElementBatch(ids, np.zeros(vertices, dtype=np.int32), ["person"], columns)
    weights = {"weight": ColumnData(rng.random(edges), float)}
    links = ElementBatch(
        Texts.of(f"e{row}" for row in range(edges)), np.zeros(edges, dtype=np.int32), ["knows"], weights
    )
    source, target = (rng.integers(0, vertices, edges).astype(np.int32) for _ in range(2))
    graph = EmbeddedGraph()
    graph.load(Batch(nodes, links, ids, source, target))
    return graph


class Watch:
    """The longest stretches of one query."""

    def __init__(self) -> None:
        self.check_s = self.turn_s = self.collected_s = 0.0
        self.where = ""
        self._last = self._collecting = 0.0
        self._limit_s = 0.0

    def measure(self, work: Callable[[], Any], limit_s: float) -> None:
        self._limit_s = limit_s
        gc.callbacks.append(self.collection)
        thread = threading.Thread(target=self._run, args=(work,))
        last, going = time.process_time(), True
        thread.start()
        while going:
            going = thread.is_alive()
            time.sleep(0.001)
            now = time.process_time()
            self.turn_s, last = max(self.turn_s, now - last), now
        gc.callbacks.remove(self.collection)

    def collection(self, phase: str, info: dict[str, int]) -> None:
        """Python looks for unreachable objects, or has done so."""
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self.collected_s = max(self.collected_s, time.thread_time() - self._collecting)

    def check(self) -> None:
        now = time.thread_time()
        if now - self._last > self.check_s:
            frame = sys._getframe(2)
            self.check_s, self.where = (
                now - self._last,
                f"{frame.f_code.co_filename.split('workflow/')[-1]}:{frame.f_lineno}",
            )
        self._last = now
        if now > self._limit_s:
            raise TimeoutError

    def _run(self, work: Callable[[], Any]) -> None:
        self._last = time.thread_time()
        self._limit_s += self._last
        with suppress(TimeoutError, WorkflowError):
            work()
        self._limit_s = float("inf")
        self.check()


@contextmanager
def rolled_back(graph: EmbeddedGraph, text: str) -> Iterator[StoreTransaction | None]:
    """A transaction for what writes; None for what reads."""
    transaction = graph.begin() if WRITES.search(text) else None
    try:
        yield transaction
    finally:
        if transaction is not None:
            transaction.rollback()


def works(graph: EmbeddedGraph, only: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each query, and what runs it and takes all results."""
    gremlin, cypher = Engine(graph, "neptune"), CypherEngine(graph, "neptune")

    def of_gremlin(text: str) -> None:
        with rolled_back(graph, text) as transaction:
            for _ in gremlin.run(parse(text)[0].traversal, GremlinOptions(), transaction):
                pass

    def of_cypher(text: str) -> None:
        with rolled_back(graph, text) as transaction:
            for _ in cypher.run(text, transaction=transaction).rows:
                pass

    for texts, ask in ((GREMLIN, of_gremlin), (CYPHER, of_cypher)):
        for text in texts.strip().splitlines():
            if only in text:
                yield text, lambda text=text, ask=ask: ask(text)  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vertices", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=600_000)
    parser.add_argument("--limit", type=float, default=1.0)
    parser.add_argument("--most", type=float, default=250.0)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    graph = graph_of(arguments.vertices, arguments.edges)
    ShortCollections().begin()
    found = []
    for text, work in works(graph, arguments.only):
        watch = Watch()
        running.Run.check = lambda self, watch=watch: watch.check()  # type: ignore[method-assign,misc]
        watch.measure(work, arguments.limit)
        found.append((1000 * watch.check_s, 1000 * watch.turn_s, 1000 * watch.collected_s, watch.where, text))
    print(f"{'check ms':>10}{'turn ms':>10}{'gc ms':>10}  before, query")
    for check_ms, turn_ms, collected_ms, where, text in sorted(found, reverse=True):
        print(f"{check_ms:10.0f}{turn_ms:10.0f}{collected_ms:10.0f}  {where}  {text}")
    sys.exit(max(max(times[:2]) for times in found) > arguments.most)


if __name__ == "__main__":
    main()
