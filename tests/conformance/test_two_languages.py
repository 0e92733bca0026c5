"""The same question in Gremlin and in openCypher, of the same graph: both languages answer alike.

Hops are clauses of their own: a relationship may come twice in a traversal, and not in one MATCH. The graphs have
no loops, which Gremlin meets twice from both sides.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from workflow.cypher.engine import CypherEngine
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse

QUESTIONS, QUESTIONS_A_GRAPH = 2500, 50
LABELS, TYPES = "ABC", "RST"


@dataclass(frozen=True)
class Pair:
    """One question in both."""

    gremlin: str
    cypher: str


def graph(chance: random.Random) -> str:
    """A CREATE of a graph without loops."""
    count = chance.randint(4, 12)
    parts = []
    for number in range(count):
        labels = "".join(f":{label}" for label in LABELS if chance.random() < 0.5) or ":C"
        text = f", k: {chance.randint(0, 4)}" if chance.random() < 0.8 else ""
        parts.append(f"(n{number}{labels} {{i: {number}{text}, s: '{chance.choice('abc')}'}})")
    for number in range(chance.randint(3, 25)):
        source, target = chance.sample(range(count), 2)
        parts.append(f"(n{source})-[:{chance.choice(TYPES)} {{i: {number}, w: {chance.randint(0, 3)}}}]->(n{target})")
    return "CREATE " + ", ".join(parts)


def question(chance: random.Random) -> Pair:
    """A walk with conditions, and what is wanted of where it ends."""
    gremlin, at = "g.V()", 0
    label = chance.choice(LABELS)
    gremlin, cypher = f"g.V().hasLabel('{label}')", f"MATCH (n0:{label})"
    if chance.random() < 0.3:
        gremlin, cypher = "g.V()", "MATCH (n0)"
    for _ in range(chance.randint(0, 3)):
        kinds = chance.sample(TYPES, chance.randint(1, 2))
        step, left, right = chance.choice((("out", "-", "->"), ("in", "<-", "-"), ("both", "-", "-")))
        gremlin += f".{step}({', '.join(map(repr, kinds))})"
        cypher += f" MATCH (n{at}){left}[:{'|'.join(kinds)}]{right}(n{at + 1})"
        at += 1
        if chance.random() < 0.4:
            more_gremlin, more_cypher = condition(chance, f"n{at}")
            gremlin, cypher = gremlin + more_gremlin, cypher + " WHERE " + more_cypher
    end = f"n{at}"
    if chance.random() < 0.2:
        gremlin, cypher = gremlin + ".dedup()", f"{cypher} WITH DISTINCT {end}"
    finish = chance.choice(ENDS)
    return Pair(gremlin + finish.gremlin, cypher + finish.cypher.replace("END", end))


def condition(chance: random.Random, name: str) -> tuple[str, str]:
    """On one vertex."""
    number, label, kind = chance.randint(0, 4), chance.choice(LABELS), chance.choice(TYPES)
    return chance.choice(
        (
            (f".has('k', {number})", f"{name}.k = {number}"),
            (f".has('k', gt({number}))", f"{name}.k > {number}"),
            (f".has('k', within({number}, 1))", f"{name}.k IN [{number}, 1]"),
            (".hasNot('k')", f"{name}.k IS NULL"),
            (f".hasLabel('{label}')", f"{name}:{label}"),
            (f".not(hasLabel('{label}'))", f"NOT {name}:{label}"),
            (f".where(out('{kind}'))", f"({name})-[:{kind}]->()"),
            (f".not(in('{kind}'))", f"NOT ({name})<-[:{kind}]-()"),
            (f".where(outE('{kind}').has('w', gte(2)))", f"EXISTS {{ ({name})-[r:{kind}]->() WHERE r.w >= 2 }}"),
            (".has('s', startingWith('a'))", f"{name}.s STARTS WITH 'a'"),
        )
    )


ENDS = (
    Pair(".count()", " RETURN count(*) AS x"),
    Pair(".values('i')", " RETURN END.i AS x"),
    Pair(".values('k')", " WITH END.k AS x WHERE x IS NOT NULL RETURN x"),
    Pair(
        ".values('k').sum()",
        " WITH END.k AS k WHERE k IS NOT NULL WITH sum(k) AS x, count(*) AS c WHERE c > 0 RETURN x",
    ),
    Pair(".values('k').max()", " WITH max(END.k) AS x WHERE x IS NOT NULL RETURN x"),
    Pair(".values('k').mean()", " WITH avg(END.k) AS x WHERE x IS NOT NULL RETURN x"),
    Pair(".groupCount().by('s').unfold().select(values)", " RETURN END.s AS s, count(*) AS x"),
    Pair(".outE().values('w')", " MATCH (END)-[r]->() RETURN r.w AS x"),
    Pair(".order().by('i', desc).values('i').limit(3)", " RETURN END.i AS x ORDER BY x DESC LIMIT 3"),
    Pair(".both().dedup().count()", " OPTIONAL MATCH (END)--(z) RETURN count(DISTINCT z) AS x"),
    Pair(".project('a', 'b').by('i').by(out().count()).select('b')", " RETURN COUNT { (END)-->() } AS x"),
    Pair(".local(out().count())", " RETURN COUNT { (END)-->() } AS x"),
)


def test_both_languages_answer_the_same_questions_alike() -> None:
    differences = []
    rows = 0
    for seed in range(QUESTIONS // QUESTIONS_A_GRAPH):
        chance = random.Random(seed)
        store = EmbeddedGraph("g", "neptune")
        gremlin, cypher = Engine(store, "neptune"), CypherEngine(store, "neptune")
        list(cypher.run(graph(chance)).rows)
        for _ in range(QUESTIONS_A_GRAPH):
            pair = question(chance)
            said: list[Any] = [
                one.value for one in gremlin.run(parse(pair.gremlin)[0].traversal) for _ in range(one.bulk)
            ]
            found = [row["x"] for row in cypher.run(pair.cypher).rows]
            rows += len(found)
            if Counter(said) != Counter(found):
                differences.append((pair, said, found))
    assert differences == []
    assert rows > 2 * QUESTIONS  # they do ask something
