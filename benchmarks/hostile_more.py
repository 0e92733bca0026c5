"""What ``hostile.py`` does besides Gremlin's text: openCypher, Bolt, GraphBinary, TinkerPop 4, and more of Gremlin."""

from __future__ import annotations

import json
import os
import struct
import uuid
from typing import Final

K: Final = 100_000
TWICE: Final = ".union(identity(),identity())"

CYPHER: dict[str, str] = {
    "parentheses": "RETURN " + "(" * K,
    "brackets": "RETURN " + "[" * K,
    "braces": "RETURN " + "{a:" * (K // 3),
    "a number": "RETURN " + "9" * K,
    "a fraction": "RETURN 0." + "9" * K,
    "an exponent": "RETURN 1e" + "9" * K,
    "a text": "RETURN '" + "a" * K + "'",
    "a quote without end": "RETURN '" + "a" * K,
    "backslashes": "RETURN '" + "\\" * K,
    "escapes": "RETURN '" + "\\u00e9" * (K // 6) + "'",
    "blanks": " " * K + "RETURN 1",
    "comments": "/*a*/" * (K // 5) + "RETURN 1",
    "a comment without end": "/*" * (K // 2),
    "line comments": "//\n" * (K // 3) + "RETURN 1",
    "semicolons": ";" * K,
    "a name": "MATCH (" + "a" * K + ") RETURN 1",
    "a name in quotes": "MATCH (`" + "a" * K + "`) RETURN 1",
    "a pattern without end": "MATCH " + "(a)-->" * 3000 + "(b) RETURN 1",
    "labels": "MATCH (a" + ":L" * (K // 2) + ") RETURN a",
    "types": "MATCH ()-[:R" + "|S" * (K // 2) + "]->() RETURN 1",
    "unions": "RETURN 1 AS x" + " UNION RETURN 1 AS x" * 3000,
    "clauses": "WITH 1 AS x" + " WITH x AS x" * 3000 + " RETURN x",
    "columns": "RETURN " + ",".join(f"1 AS a{n}" for n in range(K // 10)),
    "sums": "RETURN 1" + " + 1" * (K // 4),
    "comparisons": "RETURN 1" + " < 1" * (K // 4),
    "negations": "RETURN " + "NOT " * (K // 4) + "true",
    "minus signs": "RETURN " + "- " * (K // 2) + "1",
    "cases": "RETURN " + "CASE WHEN true THEN " * 3000 + "1" + " END" * 3000,
    "indices": "RETURN [1]" + "[0]" * (K // 3),
    "a map": "RETURN {" + ",".join(f"a{n}:1" for n in range(K // 8)) + "}",
    "a list": "RETURN [" + "1," * (K // 2) + "1]",
    "subqueries": "RETURN " + "EXISTS { MATCH (a) WHERE " * 500 + "true" + " }" * 500,
    "a cube": "UNWIND range(1,10000) AS a UNWIND range(1,10000) AS b UNWIND range(1,10000) AS c RETURN count(*)",
    "a range of all": "RETURN range(1, 9223372036854775807)",
    "a range of a million": "RETURN size(range(1, 1000000))",
    "a doubling text": "RETURN reduce(s = 'a', x IN range(1, 60) | s + s)",
    "a doubling list": "RETURN reduce(s = [1], x IN range(1, 60) | s + s)",
    "a list of lists": "RETURN size([x IN range(1, 100000) | [y IN range(1, 1000) | y]])",
    "a backtracking pattern": "RETURN '" + "a" * 40 + "b' =~ '^(a|a)*$'",
    "a counted pattern": "RETURN 'a' =~ '((a{1,99}){1,99}){1,99}'",
    "a power": "RETURN 9 ^ 999999999",
    "a text of replacements": "RETURN " + "replace(" * 12 + "'aaaaaaaaaa'" + ",'a','aaaaaaaaaa')" * 12,
    "splits": "RETURN size(split('" + "a," * (K // 2) + "', ','))",
    "splits of nothing": "RETURN size(split('" + "a" * K + "', ''))",
    "texts padded": "RETURN " + "lpad(" * 5 + "'a'" + ", 1000000000, 'a')" * 5,
    "paths of any length": "MATCH (a)-[*]->(b) RETURN count(*)",
    "five of everything": "MATCH (a),(b),(c),(d),(e) RETURN count(*)",
    "ten million nodes": "UNWIND range(1, 10000000) AS x CREATE (:N {x: x})",
    "a loop of creations": "FOREACH (x IN range(1, 10000000) | CREATE (:N))",
    "a sort of a million": "UNWIND range(1, 1000000) AS x RETURN x ORDER BY x DESC LIMIT 3",
    "a million distinct": "UNWIND range(1, 1000000) AS x RETURN count(DISTINCT x)",
    "a million gathered": "UNWIND range(1, 1000000) AS x RETURN size(collect(toString(x)))",
    "a duration": "RETURN duration('P" + "9" * K + "D')",
    "a date": "RETURN date('" + "9" * K + "')",
    "properties of one node": "CREATE (n {" + ",".join(f"k{n}: 1" for n in range(4000)) + "})",
    "a deletion of everything": "MATCH (n) DETACH DELETE n",
}

GREMLIN: dict[str, str] = {
    "a million aggregated": "g.inject('a')" + TWICE * 20 + ".aggregate('x').cap('x').count(local)",
    "a million sampled": "g.inject('a')" + TWICE * 20 + ".sample(100000).count()",
    "a million tailed": "g.inject('a')" + TWICE * 20 + ".tail(500000).count()",
    "a million projected": "g.inject('a')" + TWICE * 19 + ".project('a','b').by().by().count()",
    "a million combined": "g.inject([1])" + TWICE * 18 + ".combine([2]).count()",
    "a million as numbers": "g.inject('1')" + TWICE * 19 + ".asNumber().sum()",
    "a million barriers": "g.inject('a')" + TWICE * 20 + ".barrier().count()",
    "a million with sacks": "g.withSack(1).inject(1)" + TWICE * 18 + ".sack(sum).by(sack()).sack().max()",
    "a million matched": "g.inject('a')" + TWICE * 18 + ".as('a').where(eq('a')).count()",
    "nested repeats": "g.inject(1).repeat(repeat(repeat(identity()).times(1000)).times(1000)).times(1000)",
    "a fold in a loop": "g.inject(1).repeat(fold()).times(100000)",
    "unions of folds": "g.inject(1).repeat(union(fold(),fold()).unfold()).times(40).count()",
    "a choice of thousands": "g.inject(1).choose(identity())" + ".option(1, identity())" * 4000,
    "coalesces": "g.inject(1)" + ".coalesce(identity(),identity())" * 3000,
    "selections": "g.inject(1).as('a')" + ".select('a')" * (K // 12),
    "side effects": "g.inject(1)" + ".store('a')" * (K // 12),
    "mergers": "g.inject([a:1])" + TWICE * 12 + ".mergeV()",
    "an io of nothing": "g.io('/etc/passwd').read()",
    "a call of nothing": "g.call('" + "a" * K + "')",
}


def _bolt(*messages: bytes, version: bytes = b"\x00\x00\x04\x04") -> bytes:
    """A handshake, and messages in chunks."""
    data = b"\x60\x60\xb0\x17" + version + bytes(12)
    for message in messages:
        for begin in range(0, len(message), 65_535):
            part = message[begin : begin + 65_535]
            data += struct.pack(">H", len(part)) + part
        data += b"\x00\x00"
    return data


_HELLO: Final = b"\xb1\x01\xa1\x8auser_agent\x81a"
_LOGGED_IN: Final = (_HELLO,)
PULL: Final = b"\xb1\x3f\xa1\x81n\xff"


def _run(text: bytes, parameters: bytes = b"\xa0") -> bytes:
    return b"\xb3\x10\xd2" + struct.pack(">I", len(text)) + text + parameters + b"\xa0"


BOLT: dict[str, bytes] = {
    "a greeting of lists": _bolt(b"\xb1\x01" + b"\x91" * K),
    "a greeting of maps": _bolt(b"\xb1\x01" + b"\xa1\x81a" * K),
    "a greeting of many names": _bolt(
        b"\xb1\x01\xda" + struct.pack(">I", 10_000) + b"".join(b"\x85%05d\x01" % n for n in range(10_000))
    ),
    "a text longer than the message": _bolt(b"\xb1\x01\xd2\x7f\xff\xff\xff"),
    "a list longer than the message": _bolt(b"\xb1\x01\xd6\x7f\xff\xff\xff"),
    "a map longer than the message": _bolt(b"\xb1\x01\xda\x7f\xff\xff\xff"),
    "a structure that nobody knows": _bolt(*_LOGGED_IN, b"\xb1\x7f\x01"),
    "a query before a greeting": _bolt(_run(b"RETURN 1")),
    "a query of lists": _bolt(*_LOGGED_IN, _run(b"RETURN $x", b"\xa1\x81x" + b"\x91" * K + b"\x90")),
    "a list of a million": _bolt(
        *_LOGGED_IN, _run(b"RETURN size($x)", b"\xa1\x81x\xd6" + struct.pack(">I", 1_000_000) + b"\x01" * 1_000_000)
    ),
    "a map of equal names": _bolt(
        *_LOGGED_IN, _run(b"RETURN $x", b"\xa1\x81x\xda" + struct.pack(">I", 100_000) + b"\x81a\x01" * 100_000)
    ),
    "texts that are no UTF-8": _bolt(*_LOGGED_IN, _run(b"\xff" * K)),
    "a long query": _bolt(*_LOGGED_IN, _run(b"RETURN " + b"(" * (1 << 20))),
    "resets": _bolt(*_LOGGED_IN, *[b"\xb0\x0f"] * 50_000),
    "queries one behind the other": _bolt(*_LOGGED_IN, *[_run(b"RETURN 1"), PULL] * 5000),
    "begins": _bolt(*_LOGGED_IN, *[b"\xb1\x11\xa0"] * 5000),
    "routes": _bolt(*_LOGGED_IN, *[b"\xb3\x66\xa0\x90\xa0"] * 5000),
    "empty chunks": b"\x60\x60\xb0\x17\x00\x00\x04\x04" + bytes(12) + bytes(400_000),
    "chunks of one byte": b"\x60\x60\xb0\x17\x00\x00\x04\x04" + bytes(12) + b"\x00\x01\x91" * 200_000,
    "versions that nobody knows": b"\x60\x60\xb0\x17" + b"\x00\x00\x09\x7f" * 4,
    "versions from all to none": b"\x60\x60\xb0\x17" + b"\x00\xff\xff\xff" * 4 + os.urandom(1000),
    "a query that never ends": _bolt(
        *_LOGGED_IN,
        _run(b"UNWIND range(1,10000000) AS a UNWIND range(1,10000000) AS b RETURN b"),
        b"\xb1\x3f\xa1\x81n\xff",
    ),
}


def _binary(value: bytes) -> bytes:
    """A request in GraphBinary whose binding is the value; the value stands behind all that is known."""
    text = b"g.inject(x)"
    args = struct.pack(">i", 2) + b"\x03\x00" + struct.pack(">i", 7) + b"gremlin"
    args += b"\x03\x00" + struct.pack(">i", len(text)) + text
    args += b"\x03\x00" + struct.pack(">i", 8) + b"bindings" + b"\x0a\x00" + struct.pack(">i", 1)
    args += b"\x03\x00" + struct.pack(">i", 1) + b"x" + value
    head = b"\x81" + uuid.UUID(int=7).bytes + struct.pack(">i", 4) + b"eval" + struct.pack(">i", 0)
    return bytes([32]) + b"application/vnd.graphbinary-v1.0" + head + args


_MOST: Final = struct.pack(">i", (1 << 31) - 1)
BINARY: dict[str, bytes] = {
    "lists in lists": _binary((b"\x09\x00" + struct.pack(">i", 1)) * K),
    "maps in maps": _binary((b"\x0a\x00" + struct.pack(">i", 1) + b"\x01\x00\x00\x00\x00\x01") * (K // 2)),
    "a list longer than the message": _binary(b"\x09\x00" + _MOST),
    "a map longer than the message": _binary(b"\x0a\x00" + _MOST),
    "a set longer than the message": _binary(b"\x0b\x00" + _MOST),
    "a text longer than the message": _binary(b"\x03\x00" + _MOST),
    "a list of fewer than none": _binary(b"\x09\x00\xff\xff\xff\xff"),
    "a text of fewer than none": _binary(b"\x03\x00\x80\x00\x00\x00"),
    "a BigInteger of a megabyte": _binary(b"\x23\x00" + struct.pack(">i", 1 << 20) + b"\x7f" * (1 << 20)),
    "a BigDecimal of a huge scale": _binary(b"\x22\x00" + _MOST + struct.pack(">i", 1) + b"\x01"),
    "a list of a million nulls": _binary(b"\x09\x00" + struct.pack(">i", 1_000_000) + b"\xfe\x01" * 1_000_000),
    "a list of a million ints": _binary(b"\x09\x00" + struct.pack(">i", 500_000) + b"\x01\x00\0\0\0\1" * 500_000),
    "bytes": _binary(b"\x25\x00" + struct.pack(">i", 1 << 20) + bytes(1 << 20)),
    "a type that nobody knows": _binary(b"\x7f\x00\x01"),
    "a type of its own": _binary(b"\x00\x00" + _MOST),
    "a Bytecode of steps": _binary(b"\x15\x00" + struct.pack(">i", K) + (struct.pack(">i", 1) + b"V" + bytes(4)) * K),
    "a BulkSet": _binary(b"\x2a\x00" + struct.pack(">i", 1) + b"\x01\x00\0\0\0\1" + b"\x7f" + b"\xff" * 7),
    "a Path in Paths": _binary((b"\x0e\x00\x09\x00" + struct.pack(">i", 1)) * (K // 8)),
    "a Tree in Trees": _binary((b"\x2b\x00" + struct.pack(">i", 1) + b"\x01\x00\0\0\0\1") * (K // 12)),
    "a UUID that ends early": _binary(b"\x0c\x00\x01"),
    "random bytes": _binary(os.urandom(1 << 20)),
}

REQUESTS_4: dict[str, bytes] = {
    name: json.dumps(body).encode()
    for name, body in {
        "a text": {"gremlin": "g.inject('" + "a" * (1 << 20) + "')"},
        "parentheses": {"gremlin": "(" * K},
        "a trillion": {"gremlin": "g.inject(1)" + TWICE * 40 + ".fold()", "timeoutMs": 1000},
        "a list of lists": {"gremlin": "g.inject(x)", "bindings": "[x:" + "[" * K},
        "bindings": {"gremlin": "g.inject(x)", "bindings": {f"a{n}": n for n in range(K // 10)}},
        "no query": {"gremlin": None},
        "a transaction that nobody knows": {"gremlin": "g.V()", "transactionId": "a" * K},
        "a language that nobody knows": {"gremlin": "g.V()", "language": "a" * K},
        "a graph that nobody knows": {"gremlin": "g.V()", "g": "a" * K},
        "a batch of nothing": {"gremlin": "g.inject(1)", "batchSize": -1},
    }.items()
}
