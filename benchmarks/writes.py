"""Eight clients that write beside each other: durable here, in memory only in TinkerGraph, by turns in one run.

    python benchmarks/writes.py WORKDIR [--writers 8] [--turns 8] [--seconds 1.0]

Every client sends one addV after the other over a WebSocket of its own, always the same text, which is the best case of
both; so little is the client's that the servers are what is measured. Both are warmed up by some thousands of writes.
Prints writes a second and the server's processor time a write. Ends with status 1 where Despina makes less than 0.8 of
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

import aiohttp
import psutil
from gremlin import Side, despina_service, gremlin_server_process

MIME = b"!application/vnd.gremlin-v3.0+json"
TEXT = "g.addV('noted').property('n', 1).iterate()"
WANTED = 0.8


def message() -> bytes:
    """A request as gremlinpython frames it."""
    args = {"@type": "g:Map", "@value": ["gremlin", TEXT, "language", "gremlin-lang"]}
    id = {"@type": "g:UUID", "@value": str(uuid.uuid4())}
    return MIME + json.dumps({"requestId": id, "op": "eval", "processor": "", "args": args}).encode()


async def written(url: str, writers: int, seconds: float) -> float:
    """Writes a second, of all writers together."""

    async def writer() -> int:
        async with session.ws_connect(url) as socket:
            count, until = 0, time.perf_counter() + seconds
            while time.perf_counter() < until:
                await socket.send_bytes(message())
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
        pids = {own.name: service.pid, peer.name: process_on(peer)}
        rates: dict[str, list[float]] = {own.name: [], peer.name: []}
        costs: dict[str, list[float]] = {own.name: [], peer.name: []}
        for side in (own, peer):
            done = 0.0
            while done < arguments.warm_up:
                done += asyncio.run(written(side.url, arguments.writers, 1.0))
        for _ in range(arguments.turns):
            for side in (own, peer):
                before = processor_s(pids[side.name])
                rate = asyncio.run(written(side.url, arguments.writers, arguments.seconds))
                rates[side.name].append(rate)
                costs[side.name].append((processor_s(pids[side.name]) - before) / (rate * arguments.seconds))
        for name, found in rates.items():
            print(
                f"{name}: {statistics.median(found):.0f} a second, {1000 * statistics.median(costs[name]):.2f} ms each"
            )
        ratio = statistics.median(one / other for one, other in zip(*rates.values(), strict=True))
    print(f"ratio by turns: {ratio:.2f}")
    sys.exit(ratio < WANTED)


def process_on(side: Side) -> int:
    """The process that listens where a server does."""
    port = int(side.url.split(":")[2].split("/")[0])
    listening = psutil.net_connections("tcp")
    return next(one.pid for one in listening if one.status == "LISTEN" and one.laddr.port == port and one.pid)


if __name__ == "__main__":
    main()
