"""LDBC's complex and short reads over Bolt, beside a real Neo4j in the same run: the same graph, the same Cypher.

    python benchmarks/social_network.py ldbc-snb-tiny [--repeats 3]

What is compared is the processor time of the server for all parameters of a read, the least of some repeats after one
to warm up; that the answers are equal is shown by ``tests/peers/test_social_network.py``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import neo4j
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cypher import listening
from tests.peers import social_network as network
from tests.peers.peer import peer
from workflow.client.service import start_service

SOME = 12  # people and messages that the short reads are asked of


@contextmanager
def despina() -> Iterator[str]:
    """The address of our service."""
    service = start_service()
    try:
        yield service.url.replace("http", "bolt", 1)
    finally:
        service.stop()


@contextmanager
def other() -> Iterator[str]:
    """The address of a Neo4j."""
    with peer("neo4j", "--heap", "default") as port:
        yield f"bolt://127.0.0.1:{port}"


def filled(session: neo4j.Session, folder: Path, *, indexed: bool) -> None:
    """Put the social network in, with an index on the id of every label where the server needs them."""
    session.run("MATCH (n) DETACH DELETE n").consume()
    for labels in network.NODES.values() if indexed else ():
        for label in labels.split(":"):
            session.run(f"CREATE INDEX {label}_id IF NOT EXISTS FOR (n:{label}) ON (n.id)").consume()
    for load in network.loads(folder):
        session.run(load.text, rows=load.rows).consume()


def asked(session: neo4j.Session, folder: Path) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Name, text and all parameters of every read."""
    for number, text in network.COMPLEX.items():
        yield f"complex {number}", text, network.parameters(folder, number)
    for number, text in network.SHORT.items():
        label, key = ("Person", "personId") if number <= 3 else ("Message", "messageId")
        ids = [row[0] for row in session.run(f"MATCH (n:{label}) RETURN n.id ORDER BY n.id")]
        yield f"short {number}", text, [{key: id} for id in ids[:: len(ids) // SOME]]


def measured(url: str, folder: Path, repeats: int, *, indexed: bool) -> dict[str, tuple[float, float]]:
    """Milliseconds of the server's processor and of waiting, a question, by read."""
    process: psutil.Process = listening(url)
    found = {}
    options: dict[str, Any] = {"notifications_min_severity": "OFF"}
    with neo4j.GraphDatabase.driver(url, **options) as driver, driver.session() as session:
        filled(session, folder, indexed=indexed)
        for name, text, given in list(asked(session, folder)):
            turns = []
            for _ in range(repeats + 1):
                spent, began = sum(process.cpu_times()[:2]), time.perf_counter()
                for parameters in given:
                    session.run(text, parameters).consume()
                waited = time.perf_counter() - began
                turns.append((sum(process.cpu_times()[:2]) - spent, waited))
            cpu, waited = (1000 * min(column) / len(given) for column in zip(*turns[1:], strict=True))
            found[name] = cpu, waited
    return found


def main() -> None:
    """Print a line a read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with despina() as url:
        ours = measured(url, arguments.folder, arguments.repeats, indexed=False)
    with other() as url:
        theirs = measured(url, arguments.folder, arguments.repeats, indexed=True)
    print(f"{'':12} {'processor, ms a question':>34}   {'waiting, ms':>22}")
    print(f"{'read':12} {'Despina':>12} {'Neo4j':>12} {'times':>8}   {'Despina':>10} {'Neo4j':>10}")
    for name, (cpu, waited) in ours.items():
        other_cpu, other_waited = theirs[name]
        times = other_cpu / max(cpu, 0.01)
        print(f"{name:12} {cpu:12.2f} {other_cpu:12.2f} {times:8.1f}   {waited:10.2f} {other_waited:10.2f}")


if __name__ == "__main__":
    main()
