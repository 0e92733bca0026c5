"""The embedded store and its engine beside TinkerGraph in a real Gremlin Server, in one run.

    python benchmarks/gremlin.py WORKDIR [--vertices 100000] [--edges 1000000] [--repeats 5] [--skip-server]

Makes one random graph as CSV (skewed in-degrees, two edge labels), loads it into both, and asks both the same questions
through gremlinpython over WebSocket. Despina loads over /loader, durably. TinkerGraph, in memory only, is loaded twice:
by statements of its language, all a client of it has, and by a Groovy script that reads the same files inside the
server and calls Java, which only its operator may. Memory is the resident size of our
process, and the live heap of the Java machine after a collection. WORKDIR keeps the server's jars (needs Java, Maven).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from gremlin_python.driver.client import Client

from workflow.client.service import LocalService, start_service

SERVER = Path(__file__).parents[1] / "tests" / "peers" / "gremlin_server.py"

GROOVY_LOAD = """
def rows = new HashMap();
new File('{folder}/nodes.csv').eachLine {{ line, n -> if (n > 1) {{
  def c = line.split(',');
  def v = graph.addVertex(T.id, c[0].substring(1) as int, T.label, c[1], 'name', c[2], 'age', c[3] as int);
  rows.put(c[0], v) }} }};
new File('{folder}/edges.csv').eachLine {{ line, n -> if (n > 1) {{
  def c = line.split(',');
  rows.get(c[1]).addEdge(c[3], rows.get(c[2]), T.id, c[0].substring(1) as int, 'weight', c[4] as double) }} }};
[graph.vertices.size(), graph.edges.size()]
"""
BATCH, IN_FLIGHT = 200, 4
HEAP = "System.gc(); Thread.sleep(500); System.gc(); def r = Runtime.getRuntime(); r.totalMemory() - r.freeMemory()"

# name, traversal with {v} for the id of a vertex, most repeats
QUESTIONS: list[tuple[str, str, int]] = [
    ("two-hop count", "g.V().hasLabel('person').has('age', 30).out().out().count()", 20),
    ("two hops, limit 8", "g.V().hasLabel('person').has('age', 30).out().out().limit(8).values('name')", 20),
    ("three-hop count", "g.V().out().out().out().count()", 1),
    ("V(id) with properties", "g.V({v}).valueMap(true)", 3000),
    ("V(id), two hops, dedup", "g.V({v}).out().out().dedup().count()", 1000),
    ("groupCount by age", "g.V().groupCount().by('age')", 10),
    ("edges by weight", "g.E().has('weight', gt(0.5)).count()", 3),
    ("order by age, limit 10", "g.V().order().by('age', desc).limit(10).values('name')", 5),
    ("one write", "g.addV('noted').property('n', 1).iterate()", 500),
]


def make_files(folder: Path, vertices: int, edges: int) -> None:
    """The same graph for the same numbers."""
    rng = random.Random(5)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "nodes.csv").open("w") as file:
        file.write("~id,~label,name:String(single),age:Int(single)\n")
        for row in range(vertices):
            file.write(f"v{row},person,name{row},{rng.randrange(18, 90)}\n")
    with (folder / "edges.csv").open("w") as file:
        file.write("~id,~from,~to,~label,weight:Double\n")
        for row in range(edges):
            target = int(vertices * rng.random() ** 2)
            label = "knows" if rng.random() < 0.7 else "likes"
            file.write(f"e{row},v{rng.randrange(vertices)},v{target},{label},{rng.random():.6f}\n")


class Side:
    """One of the two: how to ask it, and what loading it cost."""

    def __init__(self, name: str, url: str, vertex: str) -> None:
        self.name = name
        self.url = url
        self.vertex = vertex
        self.statements_s = self.load_s = self.memory_mb = 0.0
        self.limit_ms = 600_000
        self.client = Client(url, "g", pool_size=1, max_content_length=1 << 26)

    def ask(self, text: str) -> list[Any]:
        return list(self.client.submit(text, request_options={"evaluationTimeout": self.limit_ms}).all().result())

    def time_ms(self, text: str, repeats: int) -> float:
        """The median, after as many calls to warm up (Java compiles what it has run often)."""
        times = []
        for _ in range(2 * repeats if repeats > 1 else 1):
            start = time.perf_counter()
            self.ask(text)
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times[-repeats:])


@contextlib.contextmanager
def despina_service(home: Path, *options: str) -> Iterator[tuple[Side, LocalService]]:
    """A service of its own with nothing in it."""
    service = start_service(home, *options)
    try:
        side = Side("despina", service.url.replace("http", "ws").rstrip("/") + "/gremlin", "'v17'")
        yield side, service
        side.client.close()
    finally:
        service.stop()


@contextlib.contextmanager
def despina(files: Path, home: Path) -> Iterator[Side]:
    with despina_service(home) as (side, service):
        print(f"despina at start: {psutil.Process(service.pid).memory_info().rss / 1e6:.0f} MB", flush=True)
        lake = home / "s3" / "bench"
        lake.mkdir(parents=True)
        for name in ("nodes.csv", "edges.csv"):
            (lake / name).write_bytes((files / name).read_bytes())
        start = time.perf_counter()
        _load(service.url)
        side.load_s = side.statements_s = time.perf_counter() - start
        memory = psutil.Process(service.pid).memory_info()
        side.memory_mb = memory.rss / 1e6
        yield side
        print(f"despina after all questions: {psutil.Process(service.pid).memory_info().rss / 1e6:.0f} MB", flush=True)


def _load(url: str) -> None:
    def call(path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(url.rstrip("/") + path, data) as answer:
            return json.load(answer)["payload"]

    load_id = call("/loader", {"source": "s3://bench", "format": "csv", "failOnError": True})["loadId"]
    while (status := call(f"/loader/{load_id}")["overallStatus"]["status"]) in (
        "LOAD_NOT_STARTED",
        "LOAD_IN_QUEUE",
        "LOAD_IN_PROGRESS",
    ):
        time.sleep(0.05)
    if status != "LOAD_COMPLETED":
        raise SystemExit(f"the load ended as {status}")


@contextlib.contextmanager
def gremlin_server_process(workdir: Path) -> Iterator[Side]:
    """A Gremlin Server of its own, its graph empty."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (workdir / "gremlin-server.log").open("wb")
    command = [sys.executable, str(SERVER), str(workdir), "--port", str(port), "--heap", "4g"]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        side = _answering(port)
        yield side
        side.client.close()
    finally:
        process.terminate()
        process.wait()
        log.close()


@contextlib.contextmanager
def gremlin_server(files: Path, workdir: Path) -> Iterator[Side]:
    with gremlin_server_process(workdir) as side:
        groovy: dict[str, Any] = {"language": "gremlin-groovy", "evaluationTimeout": 600_000}
        start = time.perf_counter()
        _load_by_statements(side.url, files)
        side.statements_s = time.perf_counter() - start
        side.client.submit("graph.clear(); 0", request_options=groovy).all().result()
        start = time.perf_counter()
        side.client.submit(GROOVY_LOAD.format(folder=files), request_options=groovy).all().result()
        side.load_s = time.perf_counter() - start
        (heap,) = side.client.submit(HEAP, request_options=groovy).all().result()
        side.memory_mb = heap / 1e6
        yield side


def _load_by_statements(url: str, files: Path) -> None:
    """Batches of addV and addE as text, several requests in flight."""
    client = Client(url, "g", pool_size=IN_FLIGHT)
    for name, statement in (("nodes.csv", _add_vertex), ("edges.csv", _add_edge)):
        waiting: list[Any] = []
        with (files / name).open() as file:
            next(file)
            while batch := list(islice(file, BATCH)):
                text = "g" + "".join(statement(line.rstrip().split(",")) for line in batch) + ".iterate()"
                waiting.append(client.submit_async(text, request_options={"language": "gremlin-lang"}))
                if len(waiting) >= IN_FLIGHT:
                    waiting.pop(0).result().all().result()
        for answer in waiting:
            answer.result().all().result()
    client.close()


def _add_vertex(cells: list[str]) -> str:
    id, label, name, age = cells
    return f".addV('{label}').property(id,{id[1:]}).property('name','{name}').property('age',{age})"


def _add_edge(cells: list[str]) -> str:
    id, source, target, label, weight = cells
    ends = f".from(__.V({source[1:]})).to(__.V({target[1:]}))"
    return f".addE('{label}'){ends}.property(id,{id[1:]}).property('weight',{weight}d)"


def _answering(port: int) -> Side:
    """Once the server speaks; the first start resolves its jars."""
    for _ in range(600):
        time.sleep(0.5)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return Side("TinkerGraph in Gremlin Server", f"ws://127.0.0.1:{port}/gremlin", "17")
    raise SystemExit("Gremlin Server did not start; see gremlin-server.log")


def measure(side: Side, repeats: int) -> dict[str, float]:
    found = {
        "load, as clients can (s)": side.statements_s,
        "load, script in the server (s)": side.load_s,
        "memory (MB)": side.memory_mb,
    }
    for name, text, most in QUESTIONS:
        found[f"{name} (ms)"] = side.time_ms(text.format(v=side.vertex), max(1, most * repeats // 5))
        print(f"  {side.name}: {name} {found[f'{name} (ms)']:.2f} ms", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5, help="5 asks each question as often as it is listed")
    parser.add_argument("--skip-server", action="store_true", help="measure Despina alone")
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    files = workdir / f"graph-{arguments.vertices}-{arguments.edges}"
    if not files.is_dir():
        make_files(files, arguments.vertices, arguments.edges)
    home = workdir / f"home-{time.time_ns()}"
    sides: list[Callable[[], contextlib.AbstractContextManager[Side]]] = [lambda: despina(files, home)]
    if not arguments.skip_server:
        sides.append(lambda: gremlin_server(files, workdir))
    columns = []
    for opened in sides:
        with opened() as side:
            columns.append((side.name, measure(side, arguments.repeats)))
    report(columns)


def report(columns: list[tuple[str, dict[str, float]]]) -> None:
    """A line a measurement; the ratio says how many times less Despina took."""
    print(f"{'':32}" + "".join(f"{name:>32}" for name, _ in columns) + f"{'ratio':>10}")
    for name, ours in columns[0][1].items():
        others = [found[name] for _, found in columns[1:]]
        ratio = f"{others[0] / ours:10.1f}" if others and ours else ""
        print(f"{name:32}" + "".join(f"{value:32.2f}" for value in [ours, *others]) + ratio)


if __name__ == "__main__":
    main()
