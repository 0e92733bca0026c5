"""Eight clients that write beside each other: durable here, in memory only in TinkerGraph, by turns in one run.

    python benchmarks/writes.py WORKDIR [--writers 8] [--turns 8] [--seconds 1.0]

First as people write: eight processes with a gremlinpython connection each, one addV after the other with a number
that no other write has. Then over bare WebSockets that always send the same text, so little the client's that servers
are measured and hardly anything else, and a question that finds nothing, which is what no write can be faster than.
All are warmed up by some thousands of writes. Prints writes a second, and the processor time of one, the server's and
the clients'. Ends with status 1 where Despina makes less than 0.8 of the writes that people make in TinkerGraph.
Needs Java 17 and Maven, as ``gremlin.py`` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import time
import uuid
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil
from gremlin import Side, despina_service, gremlin_server_process
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal

MIME = b"!application/vnd.gremlin-v3.0+json"
TEXT = "g.addV('noted').property('n', 1).iterate()"
PEOPLE = "gremlinpython: g.add_v('noted').property('n', number).iterate()"
NOTHING = "g.V({id}).iterate()"
WANTED = 0.8
APART = 10_000_000  # numbers of a writer: no two write the same, or a server that knows a message again had it easy


def message(text: str) -> bytes:
    """A request as gremlinpython frames it."""
    args = {"@type": "g:Map", "@value": ["gremlin", text, "language", "gremlin-lang"]}
    id = {"@type": "g:UUID", "@value": str(uuid.uuid4())}
    return MIME + json.dumps({"requestId": id, "op": "eval", "processor": "", "args": args}).encode()


async def written(url: str, writers: int, seconds: float, text: str = TEXT) -> float:
    """Answers a second, of all writers together."""

    async def writer() -> int:
        async with session.ws_connect(url) as socket:
            count, until = 0, time.perf_counter() + seconds
            while time.perf_counter() < until:
                await socket.send_bytes(message(text))
                answer = json.loads((await socket.receive()).data)
                if answer["status"]["code"] not in (200, 204):
                    raise SystemExit(f"{url}: {answer['status']}")
                count += 1
            return count

    async with aiohttp.ClientSession() as session:
        begin = time.perf_counter()
        counts = await asyncio.gather(*(writer() for _ in range(writers)))
        return sum(counts) / (time.perf_counter() - begin)


def processor_s(pid: int) -> float:
    """Of a process and its children."""
    root = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (root, *root.children(recursive=True)))


class Turn(NamedTuple):
    """Answers a second, and microseconds of the processor for one: the server's, and the clients'."""

    rate: float
    server_us: float
    clients_us: float


def writer(url: str, asked: Connection, number: int) -> None:
    """A process that writes through gremlinpython for as many seconds as it is asked, until it is asked for none.

    What it writes are the numbers after ``number``.
    """
    remote = DriverRemoteConnection(url, "g")
    g = traversal().with_(remote)
    while seconds := asked.recv():
        count, began, until = 0, time.process_time(), time.perf_counter() + seconds
        while time.perf_counter() < until:
            number, count = number + 1, count + 1
            g.add_v("noted").property("n", number).iterate()
        asked.send((count, time.process_time() - began))
    remote.close()


class Writers:
    """Processes that write to one server through gremlinpython; for use in ``with``."""

    def __init__(self, url: str, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(number)]
        self.ends = [end for end, _ in pipes]
        self.processes = [
            context.Process(target=writer, args=(url, other, place * APART), daemon=True)
            for place, (_, other) in enumerate(pipes)
        ]

    def __enter__(self) -> Writers:
        for one in self.processes:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for end, one in zip(self.ends, self.processes, strict=True):
            end.send(0.0)
            one.join()

    def turn(self, pid: int, seconds: float) -> Turn:
        """One turn of all writers beside each other."""
        server = processor_s(pid)
        for end in self.ends:
            end.send(seconds)
        counts, clients = zip(*(end.recv() for end in self.ends), strict=True)
        each = 1e6 / sum(counts)
        return Turn(sum(counts) / seconds, each * (processor_s(pid) - server), each * sum(clients))


def turn(url: str, pid: int, text: str, writers: int, seconds: float) -> Turn:
    """One turn of one side."""
    server, clients = processor_s(pid), time.process_time()
    rate = asyncio.run(written(url, writers, seconds, text))
    each = 1e6 / (rate * seconds)
    return Turn(rate, each * (processor_s(pid) - server), each * (time.process_time() - clients))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--warm-up", type=int, default=5000, help="writes before the first turn")
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        own, service = stack.enter_context(despina_service(workdir / f"home-{time.time_ns()}"))
        peer = stack.enter_context(gremlin_server_process(workdir))
        nobody = {own.name: "'nobody'", peer.name: "-1"}
        pids = {own.name: service.pid, peer.name: process_on(peer)}
        for side in (own, peer):
            done = 0.0
            while done < arguments.warm_up:
                done += asyncio.run(written(side.url, arguments.writers, 1.0))
        people = [stack.enter_context(Writers(side.url, arguments.writers)) for side in (own, peer)]
        for of_side, side in zip(people, (own, peer), strict=True):
            of_side.turn(pids[side.name], 2 * arguments.seconds)
        found = {PEOPLE: list[list[Turn]](), TEXT: list[list[Turn]](), NOTHING: list[list[Turn]]()}
        for text, turns in found.items():
            for _ in range(arguments.turns):
                turns.append([])
                for side, of_side in zip((own, peer), people, strict=True):
                    asked = pids[side.name], text.format(id=nobody[side.name]), arguments.writers, arguments.seconds
                    one = of_side.turn(asked[0], arguments.seconds) if text is PEOPLE else turn(side.url, *asked)
                    turns[-1].append(one)
        for text, turns in found.items():
            print(text)
            for name, of_side in zip(pids, zip(*turns, strict=True), strict=True):
                rate, server, clients = (statistics.median(one) for one in zip(*of_side, strict=True))
                print(f"  {name}: {rate:.0f} a second, server {server:.0f} us each, clients {clients:.0f} us each")
            ratios = [one.rate / other.rate for one, other in turns]
            print(f"  ratio by turns: {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
        ratio = statistics.median(one.rate / other.rate for one, other in found[PEOPLE])
    sys.exit(ratio < WANTED)


def process_on(side: Side) -> int:
    """The process that listens where a server does."""
    port = int(side.url.split(":")[2].split("/")[0])
    listening = psutil.net_connections("tcp")
    return next(one.pid for one in listening if one.status == "LISTEN" and one.laddr.port == port and one.pid)


if __name__ == "__main__":
    main()
