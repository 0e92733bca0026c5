"""Readers, writers and sessions side by side on one graph: nobody crashes, nobody sees half a change."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from workflow.errors import ConcurrentModification
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang.parser import parse

RUN_S = 3.0


@pytest.fixture(params=["memory", "folder"])
def graph(request: Any, tmp_path: Path) -> Any:
    graph = EmbeddedGraph() if request.param == "memory" else open_graph(tmp_path, log_limit_bytes=200_000)
    yield graph
    graph.close()


def ask(engine: Engine, text: str) -> list[Any]:
    (script,) = parse(text)
    return [t.value for t in engine.run(script.traversal, QueryOptions(timeout_s=30)) for _ in range(t.bulk)]


def test_pairs_written_together_are_always_read_together(graph: EmbeddedGraph) -> None:
    """Every change adds or removes a pair that points at each other; a reader who sees one sees both."""
    engine = Engine(graph, "neptune")
    ask(engine, "g.addV('hub').property(id, 'hub').iterate()")
    stop, failures = threading.Event(), []

    def guarded(work: Callable[[Random], None], seed: int) -> Callable[[], None]:
        def run() -> None:
            rng = Random(seed)
            try:
                while not stop.is_set():
                    with suppress(ConcurrentModification):  # refused as a whole, which is what this is about
                        work(rng)
            except BaseException as error:
                failures.append(error)
                stop.set()

        return run

    def write(rng: Random) -> None:
        name = f"p{rng.randrange(40)}"
        if rng.random() < 0.5:
            ask(
                engine,
                f"g.addV('pair').property('n', '{name}').as('a').addV('pair').property('n', '{name}').as('b')"
                ".addE('to').from('a').to('b').addE('to').from('b').to('a').iterate()",
            )
        else:
            ask(engine, f"g.V().has('pair', 'n', '{name}').drop().iterate()")

    def roll_back(rng: Random) -> None:
        session = engine.session()
        (script,) = parse("g.addV('pair').property('n', 'never').addE('to').to(__.V('hub'))")
        list(session.run(script.traversal, QueryOptions(timeout_s=30)))
        time.sleep(rng.random() * 0.002)
        session.rollback()

    def load(rng: Random) -> None:
        number = rng.randrange(1 << 40)
        text = f"~id,~label,n\nl{number},pair,load\nr{number},pair,load\n"
        report = CsvLoad(graph).load(io.BytesIO(text.encode()), "n.csv", LoadRules())
        assert report.failures == 0
        time.sleep(0.01)

    def read(rng: Random) -> None:
        counts, edges, never = ask(
            engine,
            "g.inject(0).union(__.V().hasLabel('pair').count(), __.V().hasLabel('pair').outE('to').count(), "
            "__.V().has('pair', 'n', 'never').count())",
        )
        assert counts % 2 == 0
        assert edges % 2 == 0
        assert never == 0
        grouped = ask(engine, "g.V().hasLabel('pair').groupCount().by('n')")[0]
        assert all(count % 2 == 0 for count in grouped.values())
        walked = ask(engine, "g.V().hasLabel('pair').where(__.out('to')).out('to').out('to').count()")[0]
        assert walked % 2 == 0

    workers = [write, write, roll_back, load, read, read, read]
    threads = [threading.Thread(target=guarded(work, seed)) for seed, work in enumerate(workers)]
    for thread in threads:
        thread.start()
    stop.wait(RUN_S)
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    if failures:
        raise failures[0]
    assert ask(engine, "g.V().hasLabel('pair').count()")[0] % 2 == 0
