"""Eight clients that write beside each other: durable here, in memory only in TinkerGraph, by turns in one run.

    python benchmarks/writes.py WORKDIR [--writers 8] [--turns 8] [--seconds 1.0]

Every client sends one addV after the other over a WebSocket of its own, always the same text, which is the best case of
both; so little is the client's that the servers are what is measured. Both are warmed up by some thousands of writes.
Prints writes a second, the server's processor time a write and the clients' own; then the same of a question that finds
nothing, which is what no write can be faster than. Ends with status 1 where Despina makes less than 0.8 of
TinkerGraph's writes. Needs Java 17 and Maven, as ``gremlin.py`` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil
from gremlin import Side, despina_service, gremlin_server_process

MIME = b"!application/vnd.gremlin-v3.0+json"
TEXT = "g.addV('noted').property('n', 1).iterate()"
NOTHING = "g.V({id}).iterate()"
WANTED = 0.8


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
        found = {TEXT: list[list[Turn]](), NOTHING: list[list[Turn]]()}
        for text, turns in found.items():
            for _ in range(arguments.turns):
                both = [(side.url, pids[side.name], text.format(id=nobody[side.name])) for side in (own, peer)]
                turns.append([turn(*asked, arguments.writers, arguments.seconds) for asked in both])
        for text, turns in found.items():
            print(text)
            for name, of_side in zip(pids, zip(*turns, strict=True), strict=True):
                rate, server, clients = (statistics.median(one) for one in zip(*of_side, strict=True))
                print(f"  {name}: {rate:.0f} a second, server {server:.0f} us each, clients {clients:.0f} us each")
        ratio = statistics.median(one.rate / other.rate for one, other in found[TEXT])
    print(f"ratio by turns: {ratio:.2f}")
    sys.exit(ratio < WANTED)


def process_on(side: Side) -> int:
    """The process that listens where a server does."""
    port = int(side.url.split(":")[2].split("/")[0])
    listening = psutil.net_connections("tcp")
    return next(one.pid for one in listening if one.status == "LISTEN" and one.laddr.port == port and one.pid)


if __name__ == "__main__":
    main()
