"""Attack a service in more than three hundred ways and tell how long /health was kept waiting by each.

    python benchmarks/hostile.py [--only TEXT] [--again 2]

A process of its own asks /health fifty times a second while each attack runs. An attack that kept it waiting for more
than 250 ms is made again, for the machine may have been busy; one that always does is a failure. So is a service that
has ended. The exit status is 1 where there is a failure.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from hostile_more import BINARY, BOLT, CYPHER, GREMLIN, REQUESTS_4

MOST_MS = 250
VERSION_4 = ("Content-Type: application/json", "Accept: application/vnd.graphbinary-v4.0")
PATIENCE_S = 1.5

_ASK = """
import http.client, sys, time
port = int(sys.argv[1])
while True:
    began = time.time()
    try:
        one = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        one.request("GET", "/health")
        one.getresponse().read()
        one.close()
    except OSError:
        pass
    print(began, time.time() - began, flush=True)
    time.sleep(0.02)
"""
Attack = Callable[[int], None]


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def thrown(port: int, data: bytes, wait: bool = True) -> None:
    """Send bytes, and read what comes back for a while."""
    with connected(port) as one, contextlib.suppress(OSError):
        one.sendall(data)
        until = time.monotonic() + PATIENCE_S
        while wait and time.monotonic() < until and one.recv(1 << 20):
            pass


def posted(port: int, path: str, body: bytes, *headers: str) -> None:
    head = "\r\n".join(
        (f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}", *headers)
    )
    thrown(port, head.encode() + b"\r\n\r\n" + body)


def opened(port: int) -> socket.socket:
    one = connected(port)
    key = base64.b64encode(os.urandom(16)).decode()
    one.sendall(
        f"GET /gremlin HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    one.recv(4096)
    return one


def frame(opcode: int, data: bytes = b"", *, final: bool = True, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    told = bytes([0x80 | size]) if size < 126 else b"\xff" + struct.pack(">Q", size)
    return bytes([(0x80 if final else 0) | opcode]) + told + bytes(4) + data


def talked(port: int, *frames: bytes) -> None:
    """Send frames over a WebSocket, and read what comes back for a while."""
    with opened(port) as one, contextlib.suppress(OSError):
        for each in frames:
            one.sendall(each)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and one.recv(1 << 20):
            pass


def evaluated(text: str, bindings: str = "{}", timeout_ms: int = 1000) -> bytes:
    """A request of the Gremlin protocol; the bindings are JSON as it stands."""
    return (
        f'{{"requestId":"{uuid.uuid4()}","op":"eval","processor":"","args":{{"gremlin":{json.dumps(text)},'
        f'"bindings":{bindings},"evaluationTimeout":{timeout_ms},"aliases":{{"g":"g"}}}}}}'
    ).encode()


K = 100_000
TEXTS: dict[str, str] = {
    "parentheses": "(" * K,
    "brackets": "g.inject(" + "[" * K,
    "a number": "g.inject(" + "9" * K + ")",
    "a hexadecimal number": "g.inject(0x" + "f" * K + "n)",
    "a fraction": "g.inject(0." + "9" * K + "m)",
    "an exponent": "g.inject(1e999999999m).asNumber(GType.BIGINT)",
    "underscores": "g.inject(1" + "_" * K + "a)",
    "a quote without end": "g.inject('" + "a" * K,
    "backslashes": "g.inject('" + "\\" * K,
    "a text": "g.inject('" + "a" * K + "')",
    "emoji": "g.inject('" + "\U0001f6b2" * (K // 4) + "')",
    "escapes": "g.inject('" + "\\u00e9" * (K // 6) + "')",
    "blanks": " " * K + "g.V()",
    "line ends": "\n" * K,
    "comments": "/*a*/" * (K // 5) + "g.V()",
    "a comment without end": "/*" * (K // 2),
    "line comments": "//\n" * (K // 3),
    "semicolons": ";" * K,
    "statements": "g.inject(1);" * (K // 12),
    "steps": "g.inject(1)" + ".identity()" * (K // 11),
    "unions": "g.inject(1)" + ".union(identity(),identity())" * (K // 30),
    "arguments": "g.inject(" + "1," * (K // 2) + "1)",
    "a list": "g.inject([" + "1," * (K // 2) + "1])",
    "a map": "g.inject([" + ",".join(f"a{n}:1" for n in range(K // 8)) + "])",
    "equal keys": "g.inject([" + "a:1," * (K // 4) + "a:1])",
    "a set of sets": "g.inject(" + "[1," * 40 + "1" + "]" * 40 + ")",
    "nested calls": "g.V()" + ".where(__.out()" * 47 + ")" * 47,
    "too deep calls": "g.V()" + ".where(__.out()" * 3000,
    "names": "g." + "a" * K + "()",
    "dots": "g" + "." * K,
    "minus signs": "g.inject(" + "-" * K + "1)",
    "predicates": "g.V().has('a', " + "gt(1).and(" * 40 + "lt(2)" + ")" * 40 + ")",
    "within": "g.V().has('a', within(" + "1," * (K // 2) + "1))",
    "labels": "g.V().hasLabel(" + "'a'," * (K // 4) + "'a')",
    "ids": "g.V(" + "1," * (K // 2) + "1)",
    "aliases": "g.V()" + ".as('a')" * (K // 8),
    "by modulators": "g.V().order()" + ".by('a')" * (K // 8),
    "values": "g.V().values(" + "'a'," * (K // 4) + "'a')",
    "properties of one vertex": "g.addV('a')" + "".join(f".property('k{n}',1)" for n in range(4000)),
    "vertices": "g.addV('a')" + ".addV('a')" * (K // 10),
    "edges": "g.addV('a').as('a')" + ".addE('x').to('a').outV()" * (K // 25),
    "datetimes": "g.inject(" + "datetime('2024-01-01')," * (K // 23) + "1)",
    "strategies": "g.withStrategies(" + "ReadOnlyStrategy," * (K // 17) + "ReadOnlyStrategy).V()",
    "options": "g" + ".with('batchSize', 1)" * (K // 21) + ".V()",
    "zeros": "g.inject(" + "0" * K + ")",
    "not UTF-16": "g.inject('\\ud800')",
}
QUERIES: dict[str, str] = {
    "a backtracking pattern": "g.inject('" + "a" * 40 + "b').is(TextP.regex('^(a|a)*$'))",
    "a counted pattern": "g.inject('a').is(TextP.regex('((a{1,99}){1,99}){1,99}'))",
    "a doubling text": "g.inject('aaaaaaaaaa').repeat(concat(identity())).times(60)",
    "a text of replacements": "g.inject('aaaaaaaaaa')" + ".replace('a','aaaaaaaaaa')" * 12,
    "a product of lists": "g.inject([1,2,3,4,5,6,7,8]).repeat(product(identity())).times(10)",
    "a sack of thousands of digits": "g.withSack(9n).inject(1).repeat(sack(mult).by(sack())).times(60).sack()",
    "a power": "g.inject(9).math('_ ^ 999999999')",
    "a trillion": "g.inject(1).repeat(union(identity(),identity())).times(40).count()",
    "a trillion gathered": "g.inject(1).repeat(union(identity(),identity())).times(40).fold()",
    "a trillion vertices": "g.inject(1).repeat(union(identity(),identity())).times(40).addV('x')",
    "an endless loop": "g.inject(1).repeat(identity()).until(is(2))",
    "an endless loop of writes": "g.inject(1).repeat(addV('x')).until(__.hasLabel('y'))",
    "a sort of a million": "g.inject(1)" + ".union(identity(),identity())" * 20 + ".order().count()",
    "a million texts": "g.inject('a')" + ".union(identity(),identity())" * 20 + ".concat('b').dedup()",
    "a million paths": "g.inject('a')" + ".union(identity(),identity())" * 20 + ".path().count()",
    "a million groups": "g.inject('a')" + ".union(identity(),identity())" * 20 + ".group().by().by(count())",
    "splits": "g.inject('" + "a," * (K // 2) + "').split(',').unfold().count()",
    "splits of nothing": "g.inject('" + "a" * K + "').split('').unfold().count()",
    "lengths": "g.inject('" + "a" * K + "').repeat(reverse()).times(1000).length()",
    "formats": "g.inject(1).format('" + "%{" * (K // 2) + "')",
    "dates": "g.inject(datetime('2024-01-01')).repeat(dateAdd(DT.second, 1)).times(100000)",
    "numbers of texts": "g.inject('" + "9" * K + "').asNumber()",
    "a tree of everything": "g.V().repeat(both()).times(20).tree()",
    "all simple paths": "g.V().repeat(both().simplePath()).emit().path().count()",
    "a match of everything": "g.V().match(__.as('a').both().as('b'),__.as('b').both().as('a'))",
    "a page rank": "g.withComputer().V().pageRank().with('~tinkerpop.pageRank.times', 1000000)",
    "a drop of everything": "g.V().drop()",
}
VALUES: dict[str, str] = {
    "an integer": "9" * K,
    "an Int64": '{"@type":"g:Int64","@value":' + "9" * K + "}",
    "an Int64 as text": '{"@type":"g:Int64","@value":"' + "9" * K + '"}',
    "a BigInteger": '{"@type":"gx:BigInteger","@value":"' + "9" * K + '"}',
    "a BigDecimal": '{"@type":"gx:BigDecimal","@value":"' + "9" * K + '"}',
    "a BigDecimal of a huge scale": '{"@type":"gx:BigDecimal","@value":"1e999999999"}',
    "a Double": '{"@type":"g:Double","@value":' + "9" * 4000 + "}",
    "NaN": "NaN",
    "a Duration": '{"@type":"gx:Duration","@value":"PT' + "9" * K + 'S"}',
    "a Date": '{"@type":"g:Date","@value":' + "9" * 4000 + "}",
    "a UUID": '{"@type":"g:UUID","@value":"' + "a" * K + '"}',
    "a list of lists": "[" * 900 + "]" * 900,
    "a list too deep": "[" * K,
    "a flat list": "[" + "1," * (K // 2) + "1]",
    "a map": "{" + ",".join(f'"a{n}":1' for n in range(K // 10)) + "}",
    "a typed map": '{"@type":"g:Map","@value":[' + ",".join(f'"a{n}",1' for n in range(K // 10)) + "]}",
    "a map of maps as keys": '{"@type":"g:Map","@value":[{"@type":"g:Map","@value":[1,2]},1]}',
    "a set": '{"@type":"g:Set","@value":[' + "1," * (K // 2) + "1]}",
    "a BulkSet": '{"@type":"g:BulkSet","@value":["a",{"@type":"g:Int64","@value":9223372036854775807}]}',
    "a Traverser": '{"@type":"g:Traverser","@value":{"bulk":9223372036854775807,"value":1}}',
    "a Tree": '{"@type":"g:Tree","@value":[' * 200 + "]}" * 200,
    "a Bytecode": '{"@type":"g:Bytecode","@value":{"step":[' + '["V"],' * (K // 6) + '["V"]]}}',
    "a Lambda": '{"@type":"g:Lambda","@value":{"script":"' + "a" * K + '"}}',
    "a type that nobody knows": '{"@type":"x:y","@value":' + "1}",
    "half a surrogate": '"\\ud800"',
}
BODIES: dict[str, bytes] = {
    "open brackets": b"[" * (1 << 20),
    "open objects": b'{"a":' * (1 << 17),
    "digits": b'{"id": ' + b"9" * (1 << 20) + b"}",
    "fields": b"&".join(b"a%d=1" % n for n in range(1 << 16)),
    "percent signs": b"a=" + b"%41" * (1 << 18),
    "a long text": b'{"gremlin": "' + b"a" * (1 << 20) + b'"}',
    "no UTF-8": b"\xff" * (1 << 20),
    "NUL bytes": bytes(1 << 20),
}
PATHS = (
    "/gremlin",
    "/gremlin/explain",
    "/gremlin/profile",
    "/gremlin/status",
    "/openCypher",
    "/loader",
    "/ml/endpoints",
)
CHUNKED = b"POST /gremlin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def many(port: int, count: int, data: bytes, hold_s: float) -> None:
    """So many connections at once, each of which sends the same and waits."""
    with contextlib.ExitStack() as held:
        for _ in range(count):
            with contextlib.suppress(OSError):
                one = held.enter_context(connected(port))
                one.sendall(data)
        time.sleep(hold_s)


def greedy(port: int, count: int) -> None:
    """So many clients that ask for a large answer over a WebSocket and fetch none of it."""
    ask = frame(1, evaluated("g.inject('a')" + ".union(identity(),identity())" * 20, timeout_ms=2000))
    with contextlib.ExitStack() as held:
        for _ in range(count):
            held.enter_context(opened(port)).sendall(ask)
        time.sleep(PATIENCE_S)


def crowd(port: int, count: int, data: bytes) -> None:
    """So many clients over WebSockets that all send the same at the same moment, again and again."""
    with contextlib.ExitStack() as held:
        clients = [held.enter_context(opened(port)) for _ in range(count)]
        for _ in range(20):
            for one in clients:
                one.sendall(data)
        time.sleep(1)


def sockets() -> Iterator[tuple[str, Attack]]:
    """What is done to the protocols below the queries."""
    floods = {
        "fragments of one byte": frame(1, b"a", final=False) + frame(0, b"b", final=False) * 150_000,
        "empty fragments": frame(1, b"", final=False) + frame(0, b"", final=False) * 200_000,
        "pings": frame(9, bytes(125)) * 40_000,
        "empty pings": frame(9) * 200_000,
        "pongs": frame(10, bytes(125)) * 40_000,
        "empty messages": frame(1) * 100_000,
        "messages of one byte": frame(1, b"x") * 50_000,
        "closes": frame(8, struct.pack(">H", 1000)) * 1000,
        "a message that goes on": frame(1, b"a", final=False) + frame(1, b"b"),
        "an end without a beginning": frame(0, b"a"),
        "reserved bits": b"\xf1" + frame(1, b"a")[1:],
        "reserved opcodes": frame(7, b"a"),
        "no mask": b"\x81\x01a",
        "a length that never comes": frame(2, b"a", length=1 << 25),
        "a length beyond all": frame(2, b"a", length=1 << 62),
        "text that is no UTF-8": frame(1, b"\xff" * K),
        "random bytes": os.urandom(1 << 20),
        "a format that nobody knows": frame(2, bytes([200]) + b"a" * 200),
        "a message of thirty megabytes": frame(1, b" " * (30 << 20)),
        "a list of thirty megabytes": frame(1, b"[" + b"1," * (15 << 20) + b"1]"),
    }
    for name, data in floods.items():
        yield f"WebSocket: {name}", lambda port, data=data: talked(port, data)  # type: ignore[misc]
    heads = {
        "chunks of one byte": CHUNKED + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n",
        "chunk extensions": CHUNKED + b"1;" + b"a" * 5000 + b"\r\nx\r\n" * 100,
        "a chunk beyond all": CHUNKED + b"ffffffffffffffff\r\nx",
        "trailers": CHUNKED + b"0\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
        "headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 100_000,
        "a long header": b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * (1 << 20),
        "a long path": b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n",
        "line ends": b"\r\n" * 500_000,
        "requests one behind the other": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000,
        "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "length and chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"0\r\n\r\n",
        "a length below nothing": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(1000),
        "TLS": b"\x16\x03\x01" + bytes(500),
        "Bolt and no more": b"\x60\x60\xb0\x17",
        "Bolt and random bytes": b"\x60\x60\xb0\x17" + os.urandom(1 << 18),
        "Bolt and one chunk without end": b"\x60\x60\xb0\x17" + struct.pack(">I", 5) * 4 + b"\xff\xff" + bytes(1 << 20),
        "random bytes": os.urandom(1 << 20),
    }
    for name, data in heads.items():
        yield f"HTTP: {name}", lambda port, data=data: thrown(port, data)  # type: ignore[misc]
    yield "500 connections that say nothing", lambda port: many(port, 500, b"", 1)
    yield "300 halves of a request", lambda port: many(port, 300, b"POST /gremlin HTTP/1.1\r\nHost: a\r\n", 1)
    yield "200 halves of a body", lambda port: many(port, 200, CHUNKED + b"ffff\r\n" + bytes(60_000), 1)
    yield "20 bodies of a megabyte without end", lambda port: many(port, 20, CHUNKED + b"fffff\r\n" + bytes(1 << 20), 1)
    note, look = (frame(1, evaluated(text)) for text in ("g.addV('a').property('n', 1)", "g.V('a')"))
    yield "WebSocket: 20,000 notes in one breath", lambda port: talked(port, note * 20_000)
    yield "WebSocket: 20,000 looks in one breath", lambda port: talked(port, look * 20_000)
    yield "WebSocket: 300 clients that write at the same moment", lambda port: crowd(port, 300, note)
    yield "WebSocket: 300 clients that look at the same moment", lambda port: crowd(port, 300, look)
    yield "40 answers that nobody fetches", lambda port: greedy(port, 40)
    yield (
        "100 requests that hang up",
        lambda port: [thrown(port, evaluated("g.V()"), wait=False) for _ in range(100)].clear(),
    )


def attacks() -> Iterator[tuple[str, Attack]]:
    """Every attack by name."""
    for name, text in {**TEXTS, **QUERIES}.items():
        yield f"query: {name}", lambda port, text=text: talked(port, frame(1, evaluated(text)))  # type: ignore[misc]
    for name, value in VALUES.items():
        data = evaluated("g.inject(x)", f'{{"x": {value}}}')
        yield f"binding: {name}", lambda port, data=data: talked(port, frame(1, data))  # type: ignore[misc]
    for path in PATHS:
        for name, body in BODIES.items():
            yield f"{path}: {name}", lambda port, path=path, body=body: posted(port, path, body)  # type: ignore[misc]
    for name, text in GREMLIN.items():
        yield f"query: {name}", lambda port, text=text: talked(port, frame(1, evaluated(text)))  # type: ignore[misc]
    for name, text in CYPHER.items():
        body = b"query=" + urllib.parse.quote(text).encode()
        yield f"openCypher: {name}", lambda port, body=body: posted(port, "/openCypher", body)  # type: ignore[misc]
    for name, data in BOLT.items():
        yield f"Bolt: {name}", lambda port, data=data: thrown(port, data)  # type: ignore[misc]
    for name, data in BINARY.items():
        yield f"GraphBinary: {name}", lambda port, data=data: talked(port, frame(2, data))  # type: ignore[misc]
    for name, body in REQUESTS_4.items():
        yield f"TinkerPop 4: {name}", lambda port, body=body: posted(port, "/gremlin", body, *VERSION_4)  # type: ignore[misc]
    yield from sockets()


class Service:
    """A service that keeps nothing, and the process that asks after its health."""

    def __init__(self, folder: Path) -> None:
        self.log = (folder / "service.log").open("wb")
        command = [sys.executable, "-m", "workflow.cli", "serve", "--in-memory", "--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, cwd=Path(__file__).parents[1], text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rpartition(":")[2])
        self.asked = folder / "asked"
        with self.asked.open("wb") as out:
            self.asker = subprocess.Popen([sys.executable, "-c", _ASK, str(self.port)], stdout=out)

    def worst_ms(self, began: float, ended: float) -> float:
        """The longest that an answer took which was waited for between two moments."""
        time.sleep(0.1)
        # the last line may not be whole yet
        lines = self.asked.read_text().split("\n")[:-1]
        rows = [(float(at), float(took)) for at, took in map(str.split, lines)]
        return max((took * 1000 for at, took in rows if at + took >= began and at <= ended), default=0.0)

    def settled(self) -> None:
        """Wait until what the last attack has left is over."""
        with contextlib.suppress(OSError, ValueError):
            for _ in range(20):
                one = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                one.request("GET", "/gremlin/status")
                if not json.loads(one.getresponse().read())["runningQueryCount"]:
                    return
                time.sleep(0.2)

    def close(self) -> None:
        self.asker.kill()
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="attacks with this in their name")
    parser.add_argument("--again", type=int, default=2, help="how often an attack that delays is made again")
    arguments = parser.parse_args()
    chosen = [(name, attack) for name, attack in attacks() if arguments.only in name]
    failures, delays = [], []
    with tempfile.TemporaryDirectory(prefix="despina-hostile-") as place:
        service = Service(Path(place))
        try:
            time.sleep(1)
            for name, attack in chosen:
                worst = float("inf")
                for _ in range(1 + arguments.again):
                    began = time.time()
                    with contextlib.suppress(OSError):
                        attack(service.port)
                    worst = min(worst, service.worst_ms(began, time.time()))
                    service.settled()
                    if worst <= MOST_MS or service.process.poll() is not None:
                        break
                delays.append(worst)
                if service.process.poll() is not None:
                    print(f"{name}: the service has ended")
                    return 1
                if worst > MOST_MS:
                    failures.append(name)
                    print(f"{name}: /health waited for {worst:.0f} ms", flush=True)
        finally:
            service.close()
    print(f"{len(chosen)} attacks, {len(failures)} kept /health waiting for more than {MOST_MS} ms")
    median = sorted(delays)[len(delays) // 2]
    print(f"the longest wait of an attack: median {median:.0f} ms, most {max(delays):.0f} ms")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
