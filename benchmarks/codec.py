"""How fast results are encoded, beside gremlinpython's own writers: ratios, best of several rounds in one process.

python benchmarks/codec.py [--count 10000] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gremlin_python.statics import long
from gremlin_python.structure import graph as gp
from gremlin_python.structure.io.graphbinaryV1 import GraphBinaryWriter as PythonBinaryWriter
from gremlin_python.structure.io.graphsonV3d0 import GraphSONWriter as PythonGraphSONWriter

from workflow.gremlin.semantics.values import GList, Long, ReferenceEdge, ReferenceVertex, T
from workflow.gremlin.wire import BINARY_V1, GRAPHSON_V3, Codec, Dialect
from workflow.gremlin.wire.codecs import CODECS


@dataclass(frozen=True)
class Row:
    """One kind of result: milliseconds for all of them, and how many times faster ours is."""

    results: str
    format: str
    ours_ms: float
    gremlinpython_ms: float
    ratio: float


def sets(count: int) -> dict[str, tuple[list[Any], list[Any]]]:
    """The same results as our values and as gremlinpython's."""
    vertices = [ReferenceVertex(f"v{n}", "person") for n in range(count)]
    edges = [ReferenceEdge(f"e{n}", "knows", vertices[n], vertices[n - 1]) for n in range(count)]
    theirs = [gp.Vertex(f"v{n}", "person") for n in range(count)]
    their_edges = [gp.Edge(f"e{n}", theirs[n], "knows", theirs[n - 1]) for n in range(count)]
    return {
        "vertices": (vertices, theirs),
        "edges": (edges, their_edges),
        "value maps": (
            [{"name": GList([f"name {n}"]), "age": GList([n % 90]), "score": GList([n / 7])} for n in range(count)],
            [{"name": [f"name {n}"], "age": [n % 90], "score": [n / 7]} for n in range(count)],
        ),
        "longs": ([Long(n) for n in range(count)], [long(n) for n in range(count)]),
        "doubles": ([n / 7 for n in range(count)], [n / 7 for n in range(count)]),
        "strings": ([f"value {n}" for n in range(count)], [f"value {n}" for n in range(count)]),
        "element maps": (
            [{T.id: f"v{n}", T.label: "person", "name": "x", "age": n % 90} for n in range(count)],
            [{"id": f"v{n}", "label": "person", "name": "x", "age": n % 90} for n in range(count)],
        ),
    }


def best(work: Callable[[], object], rounds: int) -> float:
    """The shortest of several runs, in milliseconds."""
    times = []
    for _ in range(rounds):
        gc.collect()
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return min(times)


def encode_ours(codec: Codec, values: list[Any]) -> None:
    """As the server does it: into one message after the other."""
    items = codec.items(Dialect())
    for value in values:
        if items.count >= 64:
            items.take()
        items.add(value)
    items.take()


def encode_theirs(write: Callable[[list[Any]], Any], values: list[Any]) -> None:
    for start in range(0, len(values), 64):
        write(values[start : start + 64])


def measure(count: int, rounds: int) -> list[Row]:
    rows = []
    their_binary, their_graphson = PythonBinaryWriter(), PythonGraphSONWriter()
    writers: list[tuple[str, Codec, Callable[[Any], Any]]] = [
        ("GraphBinary 1", CODECS[BINARY_V1], lambda value: their_binary.to_dict(value, bytearray())),
        ("GraphSON 3", CODECS[GRAPHSON_V3], their_graphson.write_object),
    ]
    for name, (ours, theirs) in sets(count).items():
        for form, codec, write in writers:
            mine = best(partial(encode_ours, codec, ours), rounds)
            other = best(partial(encode_theirs, write, theirs), rounds)
            rows.append(Row(name, form, round(mine, 2), round(other, 2), round(other / mine, 1)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = measure(options.count, options.rounds)
    print(f"{'results':<14}{'format':<15}{'ours ms':>9}{'gremlinpython ms':>18}{'times faster':>14}")
    for row in rows:
        print(f"{row.results:<14}{row.format:<15}{row.ours_ms:>9.2f}{row.gremlinpython_ms:>18.2f}{row.ratio:>14.1f}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
