"""How long point reads, writes and time limits take beside a long read, a long write and an open session.

    python benchmarks/latency.py WORKDIR [--vertices 20000] [--edges 200000] [--calls 100] [--long-write 30]

One service, one client that measures, and others beside it: nobody; one that asks five-second reads without a pause;
the same reads in a process of their own, which is the most that worker processes could give; one whose session has
written and is left open; one whose write takes half a minute. Prints medians and how many times those alone they are,
and what came of a time limit of 500 ms. Ends with status 1 where a median is more than 4 times that alone, or a limit
is missed by more than 100 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gremlin import Side, despina, make_files
from gremlin_python.driver.client import Client
from gremlin_python.driver.protocol import GremlinServerError
from stretches import graph_of

from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse

READ, WRITE = "g.V('v17').valueMap(true)", "g.V('v18').property(single, 'n', {n}).iterate()"
LONG_READ = "g.V().limit({size}).local(both().both().values('age').sum()).sum()"
LONG_WRITE = "g.V().range(1000, {stop}).property(single, 'reach', both().both().values('age').sum()).iterate()"
LIMIT_MS, SLACK_MS, MOST_TIMES = 500, 100, 4.0
LONG_READ_S = 5.0


class Beside:
    """Another client, in a thread."""

    def __init__(self, url: str) -> None:
        self.client = Client(url, "g", pool_size=1)
        self.stop = threading.Event()
        self.ends = 0

    def again_and_again(self, text: str) -> None:
        while not self.stop.is_set():
            self.client.submit(text, request_options={"evaluationTimeout": 600_000}).all().result()
            self.ends += 1

    def once(self, text: str) -> None:
        self.client.submit(text, request_options={"evaluationTimeout": 600_000}).all().result()
        self.ends += 1


@contextlib.contextmanager
def nobody(side: Side) -> Iterator[Callable[[], bool]]:
    yield lambda: True


def asking(text: str, *, once: bool) -> Callable[[Side], contextlib.AbstractContextManager[Callable[[], bool]]]:
    """Somebody who asks; gives whether they are still at it."""

    @contextlib.contextmanager
    def beside(side: Side) -> Iterator[Callable[[], bool]]:
        other = Beside(side.url)
        thread = threading.Thread(target=other.once if once else other.again_and_again, args=(text,))
        thread.start()
        time.sleep(0.5)
        yield thread.is_alive
        other.stop.set()
        thread.join()
        other.client.close()

    return beside


@contextlib.contextmanager
def open_session(side: Side) -> Iterator[Callable[[], bool]]:
    client = Client(side.url, "g", pool_size=1, session="left-open")
    client.submit("g.V('v19').property(single, 'n', 0).iterate()").all().result()
    yield lambda: True
    client.close()


def read_again_and_again(vertices: int, edges: int, text: str, begun: Any) -> None:
    """In a process of its own, on a graph of its own."""
    engine, traversal = Engine(graph_of(vertices, edges), "neptune"), parse(text)[-1].traversal
    begun.set()
    while True:
        list(engine.run(traversal))


def elsewhere(
    vertices: int, edges: int, text: str
) -> Callable[[Side], contextlib.AbstractContextManager[Callable[[], bool]]]:
    """Somebody who computes the same beside the service, and not in it."""

    @contextlib.contextmanager
    def beside(side: Side) -> Iterator[Callable[[], bool]]:
        context = multiprocessing.get_context("spawn")
        begun = context.Event()
        other = context.Process(target=read_again_and_again, args=(vertices, edges, text, begun), daemon=True)
        other.start()
        begun.wait()
        yield other.is_alive
        other.kill()
        other.join()

    return beside


def median_ms(side: Side, text: str, calls: int, going_on: Callable[[], bool]) -> float:
    """Of as many calls as were made while the other was at it."""
    times: list[float] = []
    for number in range(calls):
        begin = time.perf_counter()
        side.ask(text.format(n=number))
        if not going_on():
            break
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times) if times else float("nan")


def limit_ms(side: Side, text: str) -> float:
    """When the answer to a read came that may take 500 ms."""
    begin = time.perf_counter()
    try:
        side.client.submit(text, request_options={"evaluationTimeout": LIMIT_MS}).all().result()
    except GremlinServerError:
        return 1000 * (time.perf_counter() - begin)
    return float("nan")


def sized(side: Side, text: Callable[[int], str], seconds: float) -> str:
    """The text that takes about so long; asked with more and more until it shows."""
    size = 50
    while True:
        begin = time.perf_counter()
        side.ask(text(size))
        took = time.perf_counter() - begin
        if took > 0.5:
            return text(int(size * seconds / took))
        size *= 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=20_000)
    parser.add_argument("--edges", type=int, default=200_000)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--long-write", type=float, default=30.0)
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    files = workdir / f"graph-{arguments.vertices}-{arguments.edges}"
    if not files.is_dir():
        make_files(files, arguments.vertices, arguments.edges)
    missed = False
    logging.disable(logging.ERROR)  # the client tells of every time limit
    with despina(files, workdir / f"home-{time.time_ns()}") as side:
        long_read = sized(side, lambda size: LONG_READ.format(size=size), LONG_READ_S)
        long_write = sized(side, lambda size: LONG_WRITE.format(stop=1000 + size), arguments.long_write)
        cases: list[tuple[str, Any]] = [
            ("alone", nobody),
            ("beside long reads", asking(long_read, once=False)),
            ("beside those in a process", elsewhere(arguments.vertices, arguments.edges, long_read)),
            ("beside an open session", open_session),
            ("beside a long write", asking(long_write, once=True)),
        ]
        alone: list[float] = []
        print(f"{'':27}{'read p50':>12}{'times':>8}{'write p50':>12}{'times':>8}{'500 ms limit':>14}")
        for name, beside in cases:
            with beside(side) as going_on:
                found = [median_ms(side, text, arguments.calls, going_on) for text in (READ, WRITE)]
                ended = limit_ms(side, long_read)
                seen = going_on()
            alone = alone or found
            times = [one / before for one, before in zip(found, alone, strict=True)]
            told = "".join(f"{one:9.2f} ms{ratio:8.1f}" for one, ratio in zip(found, times, strict=True))
            print(f"{name:27}{told}{ended:11.0f} ms" + ("" if seen else "  (the other ended first)"), flush=True)
            missed |= not (max(times) <= MOST_TIMES and abs(ended - LIMIT_MS) <= SLACK_MS)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
