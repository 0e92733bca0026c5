"""Ten million edges in Despina, in TinkerGraph and in Neo4j, one after the other in one run.

    python benchmarks/large_graph.py WORKDIR [--vertices 1000000] [--edges 10000000] [--only despina,tinkergraph,neo4j]

One random graph in CSV files. Each server loads them by the fastest way its operator has: Despina over /loader,
durably; TinkerGraph, which keeps nothing, by a Groovy script inside the Gremlin Server; Neo4j by ``neo4j-admin
database import`` of its stopped server, and an index of the ids. Then all are asked the same, and Despina and Neo4j are
stopped, started and asked again. Prints seconds of the clock and of the processor, memory (resident; of Java's live
heap for TinkerGraph after the load), bytes on disk and the median of each question. Answers must be equal. Ends with
status 1 where Despina answers later than 2 s after its restart, or a peer loads in less of the processor. Needs Java 17
and Maven.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import polars as pl
import psutil
from gremlin import GROOVY_LOAD, HEAP, SERVER, Side, _answering, _load

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.peers import neo4j_server
from tests.peers.peer import cache, free_port
from workflow.client.service import start_service

FIRST_S = 2.0
# name, Gremlin, openCypher, how often; {v} is the id of a vertex
QUESTIONS = [
    ("look-up by id", "g.V({v}).values('name')", "MATCH (n:person {{vid: {v}}}) RETURN n.name", 200),
    ("two hops, distinct", "g.V({v}).out().out().dedup().count()",
     "MATCH (:person {{vid: {v}}})-->()-->(m) RETURN count(DISTINCT m)", 50),
    ("edges counted", "g.E().count()", "MATCH ()-[r]->() RETURN count(r)", 3),
    ("grouped by age", "g.V().groupCount().by('age').unfold().count()",
     "MATCH (n:person) WITH n.age AS age, count(*) AS c RETURN count(age)", 3),
    ("edges by weight", "g.E().has('weight', gt(0.5)).count()",
     "MATCH ()-[r]->() WHERE r.weight > 0.5 RETURN count(*)", 2),
    ("two hops from 1 in 72", "g.V().has('age', 30).out().out().count()",
     "MATCH (n:person {{age: 30}})-->()-->() RETURN count(*)", 2),
    ("one write", "g.addV('noted').property('n', 1).iterate()", "CREATE (:noted {{n: 1}})", 50),
]  # fmt: skip
Figures = dict[str, float]


def make_files(folder: Path, vertices: int, edges: int) -> None:
    """``nodes.csv`` and ``edges.csv`` with Neptune's headers; the same graph for the same numbers."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True)
    numbers = pl.int_range(vertices, eager=True).cast(pl.String)
    nodes = {"~id": "v" + numbers, "~label": ["person"] * vertices, "name:String(single)": "name" + numbers}
    pl.DataFrame({**nodes, "age:Int(single)": rng.integers(18, 90, vertices)}).write_csv(folder / "nodes.csv")
    ends = rng.integers(0, vertices, edges), (vertices * rng.random(edges) ** 2).astype(np.int64)
    pl.DataFrame(
        {
            "~id": "e" + pl.int_range(edges, eager=True).cast(pl.String),
            "~from": "v" + pl.Series(ends[0]).cast(pl.String),
            "~to": "v" + pl.Series(ends[1]).cast(pl.String),
            "~label": pl.Series(rng.random(edges) < 0.7).replace_strict({True: "knows", False: "likes"}),
            "weight:Double": np.round(rng.random(edges), 6),
        }
    ).write_csv(folder / "edges.csv")


def spent(pid: int) -> float:
    """Seconds of the processor that a process and its children have taken."""
    root = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (root, *root.children(recursive=True)))


def listening(port: int) -> int:
    """The process that listens on a port."""
    return next(
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == "LISTEN" and one.laddr.port == port and one.pid
    )


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def asked(ask: Callable[[str], Any], which: int, vertex: str, found: Figures) -> dict[str, Any]:
    """Medians of all questions into ``found``; gives the answers, by question."""
    answers = {}
    for question in QUESTIONS:
        name, text, turns = question[0], question[which].format(v=vertex), question[3]
        answers[name], times = ask(text), []
        for _ in range(turns):
            began = time.perf_counter()
            ask(text)
            times.append(1000 * (time.perf_counter() - began))
        found[f"{name} (ms)"] = statistics.median(times)
    return answers


def despina(files: Path, workdir: Path) -> tuple[Figures, dict[str, Any]]:
    home = workdir / f"home-{time.time_ns()}"
    lake = home / "s3" / "bench"
    lake.mkdir(parents=True)
    for name in ("nodes.csv", "edges.csv"):
        os.link(files / name, lake / name)
    found: Figures = {}

    @contextlib.contextmanager
    def served() -> Iterator[tuple[Side, int]]:
        service = start_service(home, timeout_s=120)
        side = Side("Despina", service.url.replace("http", "ws").rstrip("/") + "/gremlin", "'v17'")
        try:
            yield side, service.pid
        finally:
            side.client.close()
            service.stop()

    with served() as (side, pid):
        began, before = time.perf_counter(), spent(pid)
        _load(side.url.replace("ws", "http", 1).removesuffix("/gremlin"))
        found["load (s)"], found["load, processor (s)"] = time.perf_counter() - began, spent(pid) - before
        found["memory after it (MB)"] = psutil.Process(pid).memory_info().rss / 1e6
        answers = asked(lambda text: side.ask(text), 1, "'v17'", found)
        found["memory after all (MB)"] = psutil.Process(pid).memory_info().rss / 1e6
        # what was loaded is folded into a snapshot beside the service; on a busy machine a restart could come before
        for _ in range(3000):
            if list(home.glob("graphs/*/snapshot-*.npz")):
                break
            time.sleep(0.1)
    found["disk (MB)"] = size_mb(home / "graphs")
    began = time.perf_counter()
    with served() as (side, _):
        side.ask("g.V('v17').values('name')")
        found["first answer after a restart (s)"] = time.perf_counter() - began
    return found, answers


def tinkergraph(files: Path, workdir: Path) -> tuple[Figures, dict[str, Any]]:
    port = free_port()
    jars = workdir / "gremlin"
    jars.mkdir(exist_ok=True)
    lent(cache() / "gremlin", jars)
    command = [sys.executable, str(SERVER), str(jars), "--port", str(port), "--heap", "10g"]
    with (workdir / "gremlin-server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    found: Figures = {}
    try:
        side = _answering(port)
        pid = listening(port)
        groovy: dict[str, Any] = {"language": "gremlin-groovy", "evaluationTimeout": 900_000}
        began, before = time.perf_counter(), spent(pid)
        side.client.submit(GROOVY_LOAD.format(folder=files), request_options=groovy).all().result()
        found["load (s)"], found["load, processor (s)"] = time.perf_counter() - began, spent(pid) - before
        (heap,) = side.client.submit(HEAP, request_options=groovy).all().result()
        found["memory after it (MB)"] = heap / 1e6
        answers = asked(lambda text: side.ask(text), 1, "17", found)
        found["memory after all (MB)"] = psutil.Process(pid).memory_info().rss / 1e6
        side.client.close()
    finally:
        process.terminate()
        process.wait()
    return found, answers


def lent(of: Path, to: Path) -> None:
    """Let a folder of jars that was resolved before be used here."""
    for jars in of.glob("jars-*") if of.is_dir() else ():
        if jars.is_dir() and not (to / jars.name).exists():
            (to / jars.name).symlink_to(jars)


def neo4j_database(files: Path, workdir: Path) -> tuple[Figures, dict[str, Any]]:
    port = free_port()
    folder = workdir / "neo4j"
    folder.mkdir(exist_ok=True)
    lent(cache() / "neo4j", folder)
    home = folder / f"run-{port}"
    (home / "conf").mkdir(parents=True)
    found: Figures = {}
    data = headless(files, folder)
    importing = ["java", "-cp", f"{neo4j_server.jars(folder, neo4j_server.VERSION)}/*", "org.neo4j.cli.AdminTool"]
    importing += ["database", "import", "full", "neo4j", "--overwrite-destination"]
    importing += [
        f"--report-file={workdir / 'neo4j-import.report'}",
        f"--nodes={data / 'nodes.header'},{data / 'nodes'}",
        f"--relationships={data / 'edges.header'},{data / 'edges'}",
    ]
    own = {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    began, before = time.perf_counter(), os.times()
    with (workdir / "neo4j-import.log").open("wb") as log:
        subprocess.run(importing, env=own, check=True, stdout=log, stderr=subprocess.STDOUT)
    after = os.times()
    load_s, load_cpu_s = time.perf_counter() - began, sum(after[2:4]) - sum(before[2:4])

    @contextlib.contextmanager
    def served() -> Iterator[tuple[Callable[[str], Any], int]]:
        starter = [sys.executable, neo4j_server.__file__, str(folder), "--port", str(port), "--heap", "default"]
        with (workdir / "neo4j.log").open("ab") as log:
            process = subprocess.Popen(starter, stdout=log, stderr=subprocess.STDOUT)
        driver = neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{port}")
        try:
            for _ in range(1200):
                with contextlib.suppress(neo4j.exceptions.DriverError, OSError):
                    driver.verify_connectivity()
                    break
                time.sleep(0.1)

            def ask(text: str) -> Any:
                with driver.session() as session:
                    return [record.values() for record in session.run(text)]

            yield ask, process.pid
        finally:
            driver.close()
            process.terminate()
            process.wait()

    with served() as (ask, pid):
        began, before_s = time.perf_counter(), spent(pid)
        ask("CREATE CONSTRAINT FOR (n:person) REQUIRE n.vid IS UNIQUE")
        ask("CALL db.awaitIndexes(600)")
        found["load (s)"] = load_s + time.perf_counter() - began
        found["load, processor (s)"] = load_cpu_s + spent(pid) - before_s
        found["memory after it (MB)"] = psutil.Process(pid).memory_info().rss / 1e6
        answers = asked(ask, 2, "'v17'", found)
        found["memory after all (MB)"] = psutil.Process(pid).memory_info().rss / 1e6
    found["disk (MB)"] = size_mb(home / "data")
    began = time.perf_counter()
    with served() as (ask, _):
        ask("MATCH (n:person {vid: 'v17'}) RETURN n.name")
        found["first answer after a restart (s)"] = time.perf_counter() - began
    return found, answers


def headless(files: Path, folder: Path) -> Path:
    """The same rows as Neo4j's importer reads them: headers in files of their own."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (data / "nodes.header").write_text("vid:ID,:LABEL,name,age:int\n")
    (data / "edges.header").write_text("eid,:START_ID,:END_ID,:TYPE,weight:double\n")
    for name in ("nodes", "edges"):
        with (files / f"{name}.csv").open("rb") as source, (data / name).open("wb") as out:
            source.readline()
            shutil.copyfileobj(source, out, 1 << 20)
    return data


SIDES = {"despina": despina, "tinkergraph": tinkergraph, "neo4j": neo4j_database}


def count_of(answer: Any) -> Any:
    while isinstance(answer, (list, tuple)) and answer:
        answer = answer[0]
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--only", default=",".join(SIDES))
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    files = workdir / f"large-{arguments.vertices}-{arguments.edges}"
    if not files.is_dir():
        make_files(files, arguments.vertices, arguments.edges)
    columns: dict[str, Figures] = {}
    known: dict[str, Any] = {}
    for name in arguments.only.split(","):
        began = time.perf_counter()
        columns[name], answers = SIDES[name](files, workdir)
        print(f"{name}: {time.perf_counter() - began:.0f} s in all", flush=True)
        for question, answer in answers.items():
            value = count_of(answer)
            if question != "one write" and known.setdefault(question, value) != value:
                raise SystemExit(f"{question}: {name} says {value}, and another {known[question]}")
    names = list(dict.fromkeys(figure for found in columns.values() for figure in found))
    print(f"{'':36}" + "".join(f"{name:>16}" for name in columns))
    for figure in names:
        print(f"{figure:36}" + "".join(f"{found.get(figure, float('nan')):16.2f}" for found in columns.values()))
    own = columns.get("despina", {})
    late = own.get("first answer after a restart (s)", 0.0) > FIRST_S
    cpu = "load, processor (s)"
    sys.exit(late or any(found[cpu] < own[cpu] for name, found in columns.items() if own and name != "despina"))


if __name__ == "__main__":
    main()
