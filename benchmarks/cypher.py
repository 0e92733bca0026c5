"""openCypher over Bolt, beside a real Neo4j in the same run: the same graph, the same questions, the same driver.

    python benchmarks/cypher.py WORKDIR [--vertices 100000] [--edges 1000000] [--skip-server] [--neo4j bolt://…]
        [--ladybug]

Both ends of every edge are drawn alike. Despina loads its graph by the bulk loader, Neo4j by UNWIND in batches of
10,000; what is compared is the processor time of the server a question (Linux counts it in steps of 10 ms, so that
questions are repeated), beside the median that the client sees. Answers must be equal. Empties the Neo4j of --neo4j.
Memory is what each server holds resident after all of that; a Neo4j that is started here has the heap, the collector
and the page cache that it and Java choose for the machine, as one that is installed and started. With --ladybug the
same questions go to LadybugDB too, which has no server: it runs in a process of its own, its figures stand beside.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.peers.peer import peer, python_with

BATCH, SEED = 10_000, 42
REST_S = 5  # nobody asks anything before memory is read
WANTED: dict[str, float] = {
    "look-up": 1, "one hop": 1, "two-hop count": 20, "three-hop count": 10, "group by": 10, "shortest path": 1,
    "stream": 2, "UNWIND create": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A question; ``parameters`` makes those of one turn."""

    text: str
    turns: int
    parameters: Callable[[random.Random, int], dict[str, Any]] = lambda chance, size: {}


def one_node(chance: random.Random, size: int) -> dict[str, Any]:
    return {"id": chance.randrange(size)}


QUESTIONS = {
    "look-up": Asked("MATCH (n:Node {id: $id}) RETURN n.grp", 300, one_node),
    "one hop": Asked(
        "MATCH (n:Node {id: $id})-[:LINK]->(m:Node) RETURN m.id",
        300,
        lambda chance, size: {"id": chance.randrange(size)},
    ),
    "two-hop count": Asked("MATCH (a:Node)-[:LINK]->(b:Node)-[:LINK]->(c:Node) RETURN count(*)", 3),
    "three-hop count": Asked(
        "MATCH (a:Node)-[:LINK]->(b:Node)-[:LINK]->(c:Node)-[:LINK]->(d:Node) WHERE a.id IN $ids RETURN count(*)",
        20,
        lambda chance, size: {"ids": [chance.randrange(size) for _ in range(10)]},
    ),
    "group by": Asked("MATCH (n:Node) RETURN n.grp AS g, count(*) AS c, avg(n.x) AS m ORDER BY g", 20),
    "scan": Asked("MATCH (n:Node) WHERE n.x > 0.99 RETURN count(*)", 20),
    "shortest path": Asked(
        "MATCH p = shortestPath((a:Node {id: $id})-[:LINK*..15]-(b:Node {id: $to})) RETURN length(p)",
        50,
        lambda chance, size: {"id": chance.randrange(size), "to": chance.randrange(size)},
    ),
    "stream": Asked("MATCH (n:Node) RETURN n.id, n.x", 3),
    "top ten": Asked("MATCH (n:Node) RETURN n.id ORDER BY n.x DESC LIMIT 10", 20),
}


CREATE = "UNWIND $rows AS r CREATE (:Bulk {id: r.id, name: r.name})"
OF_LADYBUG = {
    "shortest path": "MATCH p = (a:Node {id: $id})-[:LINK* SHORTEST 1..15]-(b:Node {id: $to}) RETURN length(p)",
}
"""Questions that LadybugDB has in other words. It counts walks, not ways along different relationships."""


def batches(count: int) -> Iterator[dict[str, Any]]:
    """The parameters of CREATE for so many nodes."""
    for first in range(0, count, BATCH):
        yield {"rows": [{"id": number, "name": f"n{number}"} for number in range(first, min(first + BATCH, count))]}


@dataclass
class Engine:
    """A server under test."""

    name: str
    driver: neo4j.Driver
    process: psutil.Process
    cpu_ms: dict[str, float] = field(default_factory=dict)
    median_ms: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    memory_mb: int = 0

    def spent_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def ask(self, name: str, asked: Asked, size: int) -> None:
        chance = random.Random(SEED)
        turns = []
        with self.driver.session() as session:
            first = session.run(asked.text, asked.parameters(random.Random(SEED), size))
            self.answers[name] = answer(record.values() for record in first)  # also warms up
            began = self.spent_s()
            for _ in range(asked.turns):
                parameters = asked.parameters(chance, size)
                at = time.perf_counter()
                for _ in session.run(asked.text, parameters):
                    pass
                turns.append(1000 * (time.perf_counter() - at))
            self.cpu_ms[name] = 1000 * (self.spent_s() - began) / asked.turns
        self.median_ms[name] = statistics.median(turns)

    def create(self, count: int) -> None:
        """UNWIND create of so many nodes, a transaction a batch."""
        began, at = self.spent_s(), time.perf_counter()
        with self.driver.session() as session:
            for parameters in batches(count):
                session.run(CREATE, parameters).consume()
        self.cpu_ms["UNWIND create"] = 1000 * (self.spent_s() - began)
        self.median_ms["UNWIND create"] = 1000 * (time.perf_counter() - at)


def graph(vertices: int, edges: int) -> tuple[Any, Any, Any, Any]:
    """Sources, targets, groups and numbers: arrays of the lengths edges, edges, vertices, vertices."""
    chance = np.random.default_rng(SEED)
    ends = chance.integers(0, vertices, edges), chance.integers(0, vertices, edges)
    return (*ends, chance.integers(0, 20, vertices), chance.random(vertices))


@contextmanager
def despina(workdir: Path, vertices: int, edges: int) -> Iterator[Engine]:
    """Our service with the graph loaded."""
    from workflow.client.service import start_service

    home = workdir / "despina"
    folder = home / "s3" / "lab" / "load"
    folder.mkdir(parents=True, exist_ok=True)
    source, target, groups, numbers = graph(vertices, edges)
    with (folder / "1-nodes.csv").open("w") as file:
        file.write("~id,~label,id:Long(single),grp:Long(single),x:Double(single)\n")
        file.writelines(f"n{at},Node,{at},{groups[at]},{numbers[at]}\n" for at in range(vertices))
    with (folder / "2-edges.csv").open("w") as file:
        file.write("~id,~from,~to,~label\n")
        file.writelines(
            f"e{at},n{one},n{other},LINK\n" for at, (one, other) in enumerate(zip(source, target, strict=True))
        )
    service = start_service(home)
    try:
        client = service_client(service.url)
        load = client.start_loader_job(
            source="s3://lab/load", format="csv", s3BucketRegion="us-east-1", iamRoleArn="none"
        )
        at = time.perf_counter()
        while (status := client.get_loader_job_status(loadId=load["payload"]["loadId"])["payload"]["overallStatus"])[
            "status"
        ] in ("LOAD_IN_QUEUE", "LOAD_IN_PROGRESS", "LOAD_NOT_STARTED"):
            time.sleep(0.2)
        print(f"Despina: {status['totalRecords']} records loaded in {time.perf_counter() - at:.1f} s")
        with neo4j.GraphDatabase.driver(service.url.replace("http", "bolt", 1)) as driver:
            yield Engine("Despina", driver, listening(service.url))
    finally:
        service.stop()


def answer(rows: Iterable[Sequence[Any]]) -> Any:
    """Rows to compare: all of them in an order, or of many their number and a sum."""
    found = sorted(tuple(round(one, 9) if isinstance(one, float) else one for one in row) for row in rows)
    return found if len(found) < 1000 else (len(found), sum(row[0] for row in found))


def ladybug(workdir: Path, vertices: int, edges: int) -> dict[str, Any]:
    """What LadybugDB says to the questions: ``cpu_ms`` and ``answers`` by name, and ``memory_mb``."""
    folder = workdir / "ladybug"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ladybug.db").unlink(missing_ok=True)
    source, target, groups, numbers = graph(vertices, edges)
    with (folder / "nodes.csv").open("w") as file:
        file.writelines(f"{at},{groups[at]},{numbers[at]}\n" for at in range(vertices))
    with (folder / "edges.csv").open("w") as file:
        file.writelines(f"{one},{other}\n" for one, other in zip(source, target, strict=True))
    questions = []
    for name, asked in QUESTIONS.items():
        chance = random.Random(SEED)
        turns = [asked.parameters(chance, vertices) for _ in range(asked.turns)]
        questions.append([name, OF_LADYBUG.get(name, asked.text), turns])
    questions.append(["UNWIND create", CREATE, list(batches(vertices))])
    python = python_with("ladybug-0.22", "ladybug==0.22.0")
    command = [str(python), str(Path(__file__).with_name("cypher_ladybug.py")), str(folder)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def service_client(url: str) -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(signature_version=UNSIGNED)
    return boto3.client("neptunedata", endpoint_url=url, region_name="us-east-1", config=config)


def listening(url: str) -> psutil.Process:
    """The process that listens at an address."""
    port = int(url.rpartition(":")[2])
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return psutil.Process(connection.pid)
    raise SystemExit(f"nobody listens at {url}")


@contextmanager
def neo4j_engine(url: str | None, vertices: int, edges: int) -> Iterator[Engine]:
    """A Neo4j with the graph loaded."""
    with peer("neo4j", "--heap", "default") if url is None else given(url) as port:
        address = f"bolt://127.0.0.1:{port}"
        with neo4j.GraphDatabase.driver(address) as driver:
            source, target, groups, numbers = graph(vertices, edges)
            at = time.perf_counter()
            with driver.session() as session:
                session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
                session.run("CREATE INDEX node_id IF NOT EXISTS FOR (n:Node) ON (n.id)").consume()
                for first in range(0, vertices, BATCH):
                    rows = [
                        {"id": one, "grp": int(groups[one]), "x": float(numbers[one])}
                        for one in range(first, min(first + BATCH, vertices))
                    ]
                    session.run("UNWIND $rows AS r CREATE (n:Node) SET n = r", rows=rows).consume()
                pairs = np.stack((source, target), axis=1).tolist()
                text = "UNWIND $rows AS r MATCH (a:Node {id: r[0]}) MATCH (b:Node {id: r[1]}) CREATE (a)-[:LINK]->(b)"
                for first in range(0, edges, BATCH):
                    session.run(text, rows=pairs[first : first + BATCH]).consume()
            print(f"Neo4j: loaded in {time.perf_counter() - at:.1f} s")
            yield Engine("Neo4j", driver, listening(address))


@contextmanager
def given(url: str) -> Iterator[int]:
    yield int(url.rpartition(":")[2])


def measured(engine: Engine, vertices: int) -> Engine:
    for name, asked in QUESTIONS.items():
        engine.ask(name, asked, vertices)
        print(f"{engine.name:8} {name:16} {engine.cpu_ms[name]:10.2f} ms cpu {engine.median_ms[name]:10.2f} ms median")
    engine.create(vertices)
    name = "UNWIND create"
    print(f"{engine.name:8} {name:16} {engine.cpu_ms[name]:10.2f} ms cpu {engine.median_ms[name]:10.2f} ms in all")
    time.sleep(REST_S)
    engine.memory_mb = engine.process.memory_info().rss >> 20
    print(f"{engine.name:8} memory {engine.memory_mb} MB")
    return engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--skip-server", action="store_true", help="do without Neo4j")
    parser.add_argument("--neo4j", metavar="URL", help="one that runs already on this machine; it is emptied")
    parser.add_argument("--ladybug", action="store_true", help="ask LadybugDB, too")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with despina(arguments.workdir, arguments.vertices, arguments.edges) as engine:
        ours = measured(engine, arguments.vertices)
    if arguments.skip_server:
        return
    with neo4j_engine(arguments.neo4j, arguments.vertices, arguments.edges) as engine:
        theirs = measured(engine, arguments.vertices)
    failed = [name for name in QUESTIONS if ours.answers[name] != theirs.answers[name]]
    bug = ladybug(arguments.workdir, arguments.vertices, arguments.edges) if arguments.ladybug else None
    print(f"\n{'':16} {'Despina':>10} {'Neo4j':>10} {'times':>8}   ms of the server's processor")
    for name, cost in ours.cpu_ms.items():
        times = theirs.cpu_ms[name] / max(cost, 0.01)
        beside = f"   LadybugDB {bug['cpu_ms'][name]:.2f}" if bug else ""
        print(
            f"{name:16} {cost:10.2f} {theirs.cpu_ms[name]:10.2f} {times:8.1f}   wanted {WANTED.get(name, 1):2}{beside}"
        )
    part = ours.memory_mb / theirs.memory_mb
    beside = f"   LadybugDB {bug['memory_mb']}" if bug else ""
    print(f"{'memory':16} {ours.memory_mb:10} {theirs.memory_mb:10} {part:8.2f}   wanted .25 at most, in MB{beside}")
    if bug is not None:
        other = [name for name, rows in bug["answers"].items() if answer(rows) != ours.answers[name]]
        print(f"LadybugDB answers otherwise: {', '.join(other) or 'nothing'}")
    if failed:
        sys.exit(f"different answers: {', '.join(failed)}")


if __name__ == "__main__":
    main()
