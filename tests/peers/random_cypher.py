"""Random queries over random small graphs, in the part of openCypher whose answer no order of rows decides."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

LABELS, TYPES = "ABC", "RST"
TEXTS = ("'a'", "'b'", "'ab'", "''", "'B'")
PARTS = ("STARTS WITH", "ENDS WITH", "CONTAINS")


@dataclass(frozen=True)
class Question:
    """A query; ``loose`` where lists in its answer have no order."""

    text: str
    loose: bool = False


@dataclass
class _Scope:
    names: dict[str, str] = field(default_factory=dict)

    def of(self, kind: str) -> list[str]:
        return [name for name, found in self.names.items() if found == kind]


class QueryMaker:
    """Makes the graph and the queries of a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._count = 0
        self._loose = self._changing = False
        self._listing = True

    def graph(self) -> str:
        """One CREATE. ``i`` tells nodes and relationships apart."""
        chance = self.random
        nodes = chance.randint(3, 7)
        parts = []
        for number in range(nodes):
            labels = "".join(f":{label}" for label in LABELS if chance.random() < 0.4)
            parts.append(f"(n{number}{labels} {{i: {number}{self._values()}}})")
        for number in range(chance.randint(2, 10)):
            ends = chance.randrange(nodes), chance.randrange(nodes)
            weight = f", w: {chance.randint(0, 3)}" if chance.random() < 0.7 else ""
            kind = chance.choice(TYPES)
            parts.append(f"(n{ends[0]})-[:{kind} {{i: {number + 100}{weight}}}]->(n{ends[1]})")
        return "CREATE " + ", ".join(parts)

    def _values(self) -> str:
        made = {
            "k": lambda: str(self.random.randint(0, 4)),
            "s": lambda: self.random.choice(TEXTS),
            "l": lambda: str([self.random.randint(0, 3) for _ in range(self.random.randint(0, 3))]),
            "f": lambda: str(self.random.randint(0, 6) / 2),
            "b": lambda: self.random.choice(("true", "false")),
        }
        return "".join(f", {key}: {value()}" for key, value in made.items() if self.random.random() < 0.6)

    # -- questions

    def question(self) -> Question:
        """One that only reads."""
        self._count, self._loose, self._changing = 0, False, False
        scope = _Scope()
        clauses = [self._match(scope) if self.random.random() < 0.9 else self._unwind(scope)]
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            clause = self.random.choice((self._match, self._optional, self._unwind, self._with, self._with))
            clauses += [clause(scope)]
        clauses.append(self._projection(scope, "RETURN"))
        text = " ".join(clauses)
        if self.random.random() < 0.05:
            text += " UNION " + self.random.choice(("", "ALL ")) + text
        return Question(text, self._loose)

    def _fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _match(self, scope: _Scope, *, optional: bool = False) -> str:
        # a path of a bound node alone is no null in Neo4j where the rest of an OPTIONAL MATCH is
        patterns = [self._pattern(scope, optional=optional) for _ in range(1 if self.random.random() < 0.8 else 2)]
        # Neo4j drops rows where a list of a pattern stands in the condition of an OPTIONAL MATCH
        self._listing = not optional
        where = f" WHERE {self.boolean(scope, 2)}" if self.random.random() < 0.6 else ""
        self._listing = True
        return f"MATCH {', '.join(patterns)}{where}"

    def _optional(self, scope: _Scope) -> str:
        return f"OPTIONAL {self._match(scope, optional=True)}"

    def _pattern(self, scope: _Scope, *, optional: bool) -> str:
        long = False
        text = self._node(scope)
        for _ in range(self.random.choice((0, 1, 1, 1, 2))):
            relationship, many = self._relationship(scope)
            long = long or many
            text += relationship + self._node(scope)
        if self.random.random() < 0.15 and not optional:
            name = self._fresh("p")
            text = f"{name} = {text}"
            scope.names[name] = "path"
        return text

    def _node(self, scope: _Scope) -> str:
        known = scope.of("node")
        if known and self.random.random() < 0.3:
            return f"({self.random.choice(known)})"
        inner = ""
        new = None
        if self.random.random() < 0.8:
            new = inner = self._fresh("n")
        if self.random.random() < 0.4:
            inner += ":" + self.random.choice((*LABELS, "A&B", "A|B", "!C"))
        if self.random.random() < 0.15:
            inner += f" {{k: {self.random.randint(0, 4)}}}"
        if new is not None:
            scope.names[new] = "node"
        return f"({inner})"

    def _relationship(self, scope: _Scope) -> tuple[str, bool]:
        inner = ""
        many = self.random.random() < 0.15
        if self.random.random() < 0.5:
            inner = self._fresh("r")
            scope.names[inner] = "relationships" if many else "relationship"
        if self.random.random() < 0.5:
            inner += ":" + self.random.choice((*TYPES, "R|S", "S|T"))
        if many:
            inner += self.random.choice(("*1..2", "*0..2", "*..3", "*2", "*0..1"))
        elif self.random.random() < 0.1:
            inner += f" {{w: {self.random.randint(0, 3)}}}"
        left, right = self.random.choice((("-", "->"), ("<-", "-"), ("-", "-")))
        return f"{left}[{inner}]{right}", many

    def _unwind(self, scope: _Scope) -> str:
        source = self.list(scope, 2)
        name = self._fresh("x")
        scope.names[name] = "integer"
        return f"UNWIND {source} AS {name}"

    def _with(self, scope: _Scope) -> str:
        return self._projection(scope, "WITH")

    def _projection(self, scope: _Scope, word: str) -> str:
        chance = self.random
        grouped = chance.random() < 0.35
        items: list[tuple[str, str, str]] = []  # text, name, kind
        for _ in range(chance.randint(1, 3)):
            elements = [*scope.of("node"), *scope.of("relationship")]
            if elements and chance.random() < (0.5 if word == "WITH" else 0.25):
                name = chance.choice(elements)
                if all(name != one for _, one, _ in items):
                    items.append((name, name, scope.names[name]))
                continue
            kind = chance.choice(("integer", "integer", "text", "boolean", "list"))
            items.append((self.value(scope, kind, 2), self._fresh("x"), kind))
        if grouped or not items:
            for _ in range(chance.randint(1, 2)):
                text, kind = self._aggregate(scope)
                items.append((text, self._fresh("x"), kind))
        distinct = "DISTINCT " if chance.random() < 0.2 else ""
        shown = ", ".join(text if text == name else f"{text} AS {name}" for text, name, _ in items)
        end = ""
        scalar = all(kind in ("integer", "text", "boolean") for _, _, kind in items)
        if scalar and chance.random() < 0.4:
            # by every column: rows that are equal may change places
            names = [f"{name}{chance.choice(('', ' DESC'))}" for _, name, _ in items]
            end = f" ORDER BY {', '.join(names)}"
            end += f" SKIP {chance.randint(0, 2)}" if chance.random() < 0.3 else ""
            end += f" LIMIT {chance.randint(0, 4)}" if chance.random() < 0.6 else ""
        scope.names = {name: kind for _, name, kind in items}
        if word == "WITH" and chance.random() < 0.4:
            end += f" WHERE {self.boolean(scope, 1)}"
        return f"{word} {distinct}{shown}{end}"

    def _aggregate(self, scope: _Scope) -> tuple[str, str]:
        chance = self.random
        distinct = chance.choice(("", "", "DISTINCT "))
        number = self.value(scope, "integer", 1)
        name = chance.choice(("count(*)", "count", "sum", "min", "max", "avg", "collect"))
        if name == "count(*)":
            return name, "integer"
        if name == "collect":
            self._loose = True
            return f"collect({distinct}{number})", "unordered"
        return f"{name}({distinct}{number})", "number" if name == "avg" else "integer"

    # -- expressions of a kind, never deeper than ``depth``

    def value(self, scope: _Scope, kind: str, depth: int) -> str:
        return {"integer": self.integer, "text": self.text, "boolean": self.boolean, "list": self.list}[kind](
            scope, depth
        )

    def _property(self, scope: _Scope, key: str) -> str | None:
        nodes = scope.of("node")
        return f"{self.random.choice(nodes)}.{key}" if nodes else None

    def integer(self, scope: _Scope, depth: int) -> str:
        """An integer or null."""
        leaves = [str(self.random.randint(-2, 5)), *scope.of("integer")]
        leaves += [one for key in ("k", "i") if (one := self._property(scope, key))]
        leaves += [f"{name}.w" for name in scope.of("relationship")[:1]]
        leaves += [f"length({name})" for name in scope.of("path")] + [
            f"size({name})" for name in scope.of("relationships")
        ]
        if depth <= 0 or self.random.random() < 0.5:
            return self.random.choice(leaves)
        a, b = self.integer(scope, depth - 1), self.integer(scope, depth - 1)
        return self.random.choice(
            (
                f"({a} {self.random.choice('+-*')} {b})", f"{a} % 3", f"{a} / 2", f"-({a})", f"abs({a})",
                f"coalesce({a}, {b})", f"size({self.list(scope, depth - 1)})", f"sign({a})",
                f"CASE WHEN {self.boolean(scope, depth - 1)} THEN {a} ELSE {b} END",
                f"CASE {a} WHEN {b} THEN 1 WHEN 0 THEN {b} END",
                f"reduce(t = 0, y IN {self.list(scope, depth - 1)} | t + y)",
                f"head({self.list(scope, depth - 1)})",
                f"({self.list(scope, depth - 1)})[{self.random.randint(-2, 2)}]",
                f"toInteger({self.text(scope, depth - 1)})",
                *self._counted(scope),
            )
        )  # fmt: skip

    def _counted(self, scope: _Scope) -> list[str]:
        nodes = scope.of("node")
        if not nodes or self._changing:
            return []  # what a change reads must not be what it changes at another row
        name = self.random.choice(nodes)
        return [
            f"COUNT {{ ({name})-[:{self.random.choice(TYPES)}]-() }}",
            *([f"size([({name})-->(z) WHERE z.k > 1 | z.i])"] if self._listing else ()),
            f"size(labels({name}))",
            f"size(keys({name}))",
        ]

    def text(self, scope: _Scope, depth: int) -> str:
        """A text or null."""
        leaves = [self.random.choice(TEXTS), *scope.of("text")]
        leaves += [one for one in (self._property(scope, "s"),) if one]
        leaves += [f"type({name})" for name in scope.of("relationship")[:1]]
        if depth <= 0 or self.random.random() < 0.5:
            return self.random.choice(leaves)
        a = self.text(scope, depth - 1)
        return self.random.choice(
            (
                f"{a} + {self.text(scope, depth - 1)}", f"toUpper({a})", f"reverse({a})", f"substring({a}, 1)",
                f"left({a}, 1)", f"toString({self.integer(scope, depth - 1)})", f"trim({a})",
                f"replace({a}, 'a', 'cc')",
                f"toString({self.boolean(scope, depth - 1)})",
            )
        )  # fmt: skip

    def list(self, scope: _Scope, depth: int) -> str:
        """A list of integers, or null."""
        some = ", ".join(self.integer(scope, 0) for _ in range(self.random.randint(0, 3)))
        leaves = [f"[{some}]", f"range(0, {self.random.randint(-1, 3)})", *scope.of("list")]
        leaves += [one for one in (self._property(scope, "l"),) if one]
        if depth <= 0 or self.random.random() < 0.5:
            return self.random.choice(leaves)
        a = self.list(scope, depth - 1)
        return self.random.choice(
            (
                f"{a} + {self.list(scope, depth - 1)}", f"({a})[{self.random.randint(-1, 1)}..2]", f"tail({a})",
                f"[y IN {a} WHERE y > {self.integer(scope, 0)} | y * 2]", f"[y IN {a} WHERE y IS NOT NULL]",
                f"{a} + {self.integer(scope, 0)}",
                *(f"[m IN nodes({name}) | m.i]" for name in scope.of("path")),
                *(f"[e IN {name} | e.i]" for name in scope.of("relationships")),
            )
        )  # fmt: skip

    def boolean(self, scope: _Scope, depth: int) -> str:
        """True, false or null."""
        chance = self.random
        nodes = scope.of("node")
        compare = chance.choice(("=", "<>", "<", "<=", ">", ">="))
        leaves = [
            f"{self.integer(scope, depth - 1)} {compare} {self.integer(scope, depth - 1)}",
            f"{self.text(scope, depth - 1)} {compare} {self.text(scope, depth - 1)}",
            f"{self.text(scope, depth - 1)} {chance.choice(PARTS)} {self.text(scope, 0)}",
            f"{self.integer(scope, depth - 1)} IN {self.list(scope, depth - 1)}",
            f"{self.integer(scope, depth - 1)} IS {chance.choice(('', 'NOT '))}NULL",
            f"{self.list(scope, depth - 1)} {chance.choice(('=', '<>'))} {self.list(scope, depth - 1)}",
            f"{chance.choice(('any', 'all', 'none', 'single'))}(y IN {self.list(scope, depth - 1)} WHERE y > 1)",
            *scope.of("boolean"),
        ]
        if nodes:
            name, other = chance.choice(nodes), chance.choice(nodes)
            leaves += [
                f"{name}:{chance.choice(LABELS)}", f"{name}.b", f"{name} = {other}", f"{name} <> {other}",
                f"EXISTS {{ ({name})-[:{chance.choice(TYPES)}]->() }}", f"NOT exists(({name})<--())",
                f"EXISTS {{ MATCH ({name})--(z) WHERE z.k > {self.integer(scope, 0)} }}",
            ]  # fmt: skip
        if depth <= 0 or chance.random() < 0.6:
            return chance.choice(leaves)
        a, b = self.boolean(scope, depth - 1), self.boolean(scope, depth - 1)
        return chance.choice((f"({a} AND {b})", f"({a} OR {b})", f"NOT ({a})", f"({a} XOR {b})"))

    # -- changes

    def _rows(self) -> str:
        """A list of maps: of nodes that are there or not, some of them twice."""
        chance = self.random
        made = []
        for _ in range(chance.randint(0, 5)):
            more = {"k": str(chance.randint(0, 4)), "s": chance.choice(TEXTS), "l": "[1, 2]", "b": "null"}
            held = "".join(f", {key}: {value}" for key, value in more.items() if chance.random() < 0.6)
            made.append(f"{{i: {chance.randint(0, 7)}, to: {chance.randint(0, 6)}{held}}}")
        return f"[{', '.join(made)}]"

    def change(self) -> Question:
        """One that writes; every row changes something of its own, or all the same."""
        self._count, self._loose, self._changing = 0, False, True
        chance, scope = self.random, _Scope({"n": "node"})
        label, other = chance.choice(LABELS), chance.choice(LABELS)
        kind, number = chance.choice(TYPES), chance.randint(0, 4)
        where = self.boolean(scope, 1)
        return Question(
            chance.choice(
                (
                    f"CREATE (m:{label} {{k: {number}, s: {chance.choice(TEXTS)}}}) RETURN m",
                    f"CREATE (:{label})-[:{kind} {{w: {number}}}]->(m:{other}:{label}) RETURN m",
                    f"MATCH (n), (m:{label}) WHERE {where} CREATE (n)-[r:{kind} {{w: {number}}}]->(m) RETURN r, n",
                    f"MERGE (m:{label} {{k: {number}}}) ON CREATE SET m.s = 'new' ON MATCH SET m.s = 'old' RETURN m",
                    f"MATCH (n:{label}) WHERE {where} MERGE (n)-[r:{kind}]->(m:{other} {{k: {number}}}) "
                    "ON CREATE SET r.w = 9 ON MATCH SET r.w = 8",
                    f"MATCH (n {{i: {number}}}), (m:{label}) MERGE (n)-[r:{kind}]-(m) RETURN count(r) AS c",
                    f"UNWIND [1, {number}, null, 2] AS x MERGE (m:{label} {{k: coalesce(x, 3)}}) RETURN count(*) AS c",
                    f"MATCH (n) WHERE {where} SET n.k = {self.integer(scope, 1)}, n:{label}",
                    f"MATCH (n:{label}) WHERE {where} SET n += {{s: {self.text(scope, 1)}, b: null}} RETURN n",
                    f"MATCH (n) WHERE {where} SET n = {{i: n.i, l: {self.list(scope, 1)}}}",
                    f"MATCH (n:{label}) REMOVE n.k, n:{label}",
                    f"MATCH (n)-[r:{kind}]->() WHERE {where} SET r.w = {self.integer(scope, 1)}",
                    f"MATCH (n)-[r:{kind}]->() WHERE {where} DELETE r RETURN count(*) AS c",
                    f"MATCH (n:{label}) WHERE {where} DETACH DELETE n RETURN count(*) AS c",
                    f"MATCH (n:{label}) WHERE {where} DELETE n",
                    f"MATCH (n)-[r:{kind}]->(m) WHERE {where} DELETE r, n",
                    f"UNWIND {self._rows()} AS r MATCH (a {{i: r.i}}) MATCH (b {{i: r.to}}) "
                    f"CREATE (a)-[e:{kind} {{w: r.k, s: r.s}}]->(b) RETURN count(e) AS c",
                    f"UNWIND {self._rows()} AS r MATCH (a {{i: r.i}}), (b:{label} {{i: r.to}}) "
                    f"MERGE (a)-[e:{kind}]->(b) ON CREATE SET e.w = r.k ON MATCH SET e += {{w: 7, s: r.s}} "
                    "RETURN count(e) AS c",
                    f"UNWIND {self._rows()} AS r MATCH (a {{i: r.i}}) "
                    f"CREATE (a)<-[:{kind} {{w: r.k}}]-(m:{other} {{k: r.k}})-[e:{kind}]->(a) SET e = r RETURN m, e",
                    f"UNWIND {self._rows()} AS r MATCH (n {{i: r.i}}) SET n += r RETURN n",
                    f"UNWIND {self._rows()} AS r MATCH (n {{i: r.i}}) SET n = r",
                    f"UNWIND {self._rows()} AS r MATCH (n:{label} {{i: r.i}}) "
                    "SET n.k = r.k, n.s = r.s, n.b = null RETURN n",
                    f"UNWIND {self._rows()} AS r CREATE (n:{label}) SET n = r, n.f = 1.5 RETURN n",
                    f"UNWIND {self._rows()} AS r MERGE (n:{label} {{i: r.i}}) SET n += r RETURN count(n) AS c",
                    f"MATCH (n:{label})-[r:{kind}]->(m) WHERE {where} SET r += {{w: {number}, s: 'x'}} RETURN r",
                    f"MATCH (n:{label}) WHERE {where} SET n = {{i: n.i, k: {number}}} RETURN n",
                    f"FOREACH (x IN {self.list(_Scope(), 1)} | CREATE (:{label} {{k: x}}))",
                    f"MATCH (n:{label}) FOREACH (x IN n.l | SET n.s = toString(x))",
                    f"MATCH (n:{label}) WITH collect(n) AS all FOREACH (m IN all | SET m:{other})",
                    f"MATCH (n) WHERE {where} WITH n CALL {{ WITH n CREATE (m:{label} {{k: n.i}}) RETURN m }} RETURN m",
                )
            )
        )  # fmt: skip
