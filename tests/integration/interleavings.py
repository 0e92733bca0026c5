"""Transactions beside each other, by seed, against the same ones after each other.

A round draws a small graph and two to five transactions: sessions of several statements, single requests that are read
half and go on later, and bulk loads. A seed also decides who makes the next step. Afterwards an order of the committed
ones is searched in which a plain model, statement by statement, gives every answer that was given and ends as the graph
did. A transaction may also have been refused; then it must have left nothing.

    python -m tests.integration.interleavings [ROUNDS] [FIRST SEED]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from random import Random
from typing import Any, Literal

import numpy as np

from workflow.errors import ConcurrentModification, ConstraintViolation, IllegalArgument
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.gremlin.engine import Engine, QueryOptions, Session
from workflow.gremlin.lang import parse
from workflow.queries.attempts import Occupied

NAMES = [f"v{number}" for number in range(4)]
LABELS = ["a", "b"]
Kind = Literal["session", "request", "load"]


@dataclass
class Model:
    """The graph in plain dictionaries."""

    vertices: dict[str, tuple[str, int]] = field(default_factory=dict)
    edges: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def copy(self) -> Model:
        return Model(dict(self.vertices), dict(self.edges))


@dataclass(frozen=True)
class Statement:
    """One statement, in Gremlin and for the model."""

    verb: str
    name: str = ""
    other: str = ""
    label: str = "a"
    number: int = 0
    edge: str = ""

    def text(self, seen: int) -> str:
        """Gremlin; ``seen`` is the sum of what the transaction was told before."""
        v, n = f"g.V('{self.name}')", self.number
        return {
            "read": f"{v}.values('n')",
            "set": f"{v}.property(single, 'n', {n})",
            "add what was seen": f"{v}.property(single, 'n', {seen + n})",
            "only if nothing was seen": f"{v}.property(single, 'n', {n})" if not seen else f"{v}.count()",
            "count": f"g.V().hasLabel('{self.label}').count()",
            "count all": "g.V().count()",
            "sum": f"g.V().hasLabel('{self.label}').values('n').fold()",
            "look up": f"g.V().has('{self.label}', 'n', {n}).id()",
            "look up of all": f"g.V().has('n', {n}).id()",
            "add": f"g.addV('{self.label}').property(id, '{self.name}').property(single, 'n', {n})",
            "drop": f"{v}.drop()",
            "upsert": f"{v}.fold().coalesce(unfold(), addV('{self.label}').property(id, '{self.name}'))"
            f".property(single, 'n', {n})",
            "link": f"{v}.as('s').V('{self.other}').addE('x').from('s').property(id, '{self.edge}').property('w', {n})",
            "unlink": f"g.E('{self.edge}').drop()",
            "weigh": f"g.E('{self.edge}').property('w', {n})",
            "weight": f"g.E('{self.edge}').values('w')",
            "out": f"{v}.out('x').id()",
            "degree": f"{v}.both('x').count()",
            "edges": "g.E().count()",
            "weights": "g.E().hasLabel('x').values('w').fold()",
        }[self.verb]

    def model(self, graph: Model, seen: int) -> list[Any]:
        """The answer, sorted; IllegalArgument for a taken id."""
        vertices, edges = graph.vertices, graph.edges
        here, n = vertices.get(self.name), self.number
        match self.verb:
            case "read":
                return [here[1]] if here else []
            case "set" | "add what was seen":
                return self._set(graph, n + (seen if self.verb != "set" else 0))
            case "only if nothing was seen":
                return self._set(graph, n) if not seen else [int(here is not None)]
            case "count":
                return [sum(label == self.label for label, _ in vertices.values())]
            case "count all":
                return [len(vertices)]
            case "sum":
                return sorted(value for label, value in vertices.values() if label == self.label)
            case "look up":
                return sorted(id for id, held in vertices.items() if held == (self.label, n))
            case "look up of all":
                return sorted(id for id, held in vertices.items() if held[1] == n)
            case "add":
                if here:
                    raise IllegalArgument("taken")
                vertices[self.name] = (self.label, n)
                return [self.name]
            case "drop":
                if vertices.pop(self.name, None):
                    for id in [id for id, (source, target, _) in edges.items() if self.name in (source, target)]:
                        del edges[id]
                return []
            case "upsert":
                vertices.setdefault(self.name, (self.label, n))
                return self._set(graph, n)
            case "link":
                if not here or self.other not in vertices:
                    return []
                if self.edge in edges:
                    raise IllegalArgument("taken")
                edges[self.edge] = (self.name, self.other, n)
                return [self.edge]
            case "unlink":
                edges.pop(self.edge, None)
                return []
            case "weigh":
                if self.edge not in edges:
                    return []
                edges[self.edge] = (*edges[self.edge][:2], n)
                return [self.edge]
            case "weight":
                return [edges[self.edge][2]] if self.edge in edges else []
            case "out":
                return sorted(target for source, target, _ in edges.values() if source == self.name)
            case "degree":
                return [sum((source == self.name) + (target == self.name) for source, target, _ in edges.values())]
            case "edges":
                return [len(edges)]
            case "weights":
                return sorted(weight for _, _, weight in edges.values())
        raise ValueError(self.verb)

    def _set(self, graph: Model, value: int) -> list[Any]:
        held = graph.vertices.get(self.name)
        if held is None:
            return []
        graph.vertices[self.name] = (held[0], value)
        return [self.name]


READS = [
    "read",
    "count",
    "count all",
    "sum",
    "look up",
    "look up of all",
    "weight",
    "out",
    "degree",
    "edges",
    "weights",
]
WRITES = ["set", "add what was seen", "only if nothing was seen", "add", "drop", "upsert", "link", "unlink", "weigh"]


@dataclass
class Work:
    """One transaction: what it does, what it was told, how it ended."""

    kind: Kind
    statements: list[Statement]
    rolls_back: bool = False
    at_once: bool = False
    told: list[list[Any]] = field(default_factory=list)
    end: str = ""


def draw_statement(rng: Random, writes: bool, serial: str) -> Statement:
    return Statement(
        rng.choice(WRITES if writes else READS),
        rng.choice(NAMES),
        rng.choice(NAMES),
        rng.choice(LABELS),
        rng.randrange(3),
        f"e{rng.randrange(3)}" if rng.random() < 0.7 else f"e-{serial}",
    )


def draw(rng: Random) -> tuple[Model, list[Work]]:
    """A graph to begin with, and transactions."""
    model = Model()
    for name in NAMES[: rng.randrange(2, 5)]:
        model.vertices[name] = (rng.choice(LABELS), rng.randrange(3))
    for number in range(rng.randrange(3)):
        ends = [rng.choice(list(model.vertices)) for _ in "st"]
        model.edges[f"e{number}"] = (ends[0], ends[1], rng.randrange(3))
    works = []
    for place in range(rng.randrange(2, 6)):
        kind: Kind = rng.choices(["session", "request", "load"], [8, 2, 1])[0]
        # a session reads and then writes something else, as whoever decides by what they see
        writes = [False, rng.random() < 0.3, rng.random() < 0.5, True] if kind == "session" else [rng.random() < 0.8]
        statements = [draw_statement(rng, one, f"{place}-{n}") for n, one in enumerate(writes)]
        if kind == "load":
            names = rng.sample([*NAMES, f"l{place}"], 2)
            statements = [Statement("add", name, label="a", number=rng.randrange(3)) for name in names]
        rolls_back = kind == "session" and rng.random() < 0.05
        works.append(Work(kind, statements, rolls_back, at_once=kind == "request" and rng.random() < 0.7))
    return model, works


def fill(graph: EmbeddedGraph, model: Model) -> None:
    tx = graph.begin()
    rows = {id: tx.add_vertex(id, label) for id, (label, _) in model.vertices.items()}
    for id, (_, value) in model.vertices.items():
        tx.set_vertex_property(rows[id], "n", value, "single")
    for id, (source, target, weight) in model.edges.items():
        tx.set_edge_property(tx.add_edge(id, "x", rows[source], rows[target]), "w", weight)
    tx.commit()


def held(graph: EmbeddedGraph) -> Model:
    """What a graph holds now."""
    found = Model()
    for row in graph.vertices():
        (value,) = graph.vertex_values(row, "n")
        found.vertices[graph.vertex_id(row)] = (graph.vertex_label(row), value)
    for row in graph.edges():
        ends = graph.vertex_id(graph.edge_source(row)), graph.vertex_id(graph.edge_target(row))
        found.edges[graph.edge_id(row)] = (*ends, graph.edge_values(row)["w"])
        assert row in graph.incident(graph.edge_source(row), "out")
        assert row in graph.incident(graph.edge_target(row), "in")
    return found


def plain(values: list[Any]) -> list[Any]:
    """Answers as the model gives them."""
    flat: list[Any] = []
    for value in values:
        flat += value if isinstance(value, list) else [value]
    return sorted(value.id if hasattr(value, "id") else value for value in flat)


def seen_in(told: list[list[Any]]) -> int:
    return sum(value for answer in told for value in answer if isinstance(value, int))


def steps(engine: Engine, work: Work) -> Iterator[None]:
    """Do a transaction; stops wherever others may come in between."""
    try:
        if work.kind == "load":
            size = len(work.statements)
            vertices = ElementBatch(
                [one.name for one in work.statements],
                np.zeros(size, dtype=np.int32),
                ["a"],
                {"n": ColumnData(np.array([one.number for one in work.statements]), int)},
            )
            engine.graph.load(Batch(vertices))  # type: ignore[attr-defined]
            work.told = [[one.name] for one in work.statements]
        elif work.kind == "request":
            traversal = parse(work.statements[0].text(0))[0].traversal
            soon: list[Callable[[], None]] | None = [] if work.at_once else None
            answers: list[Any] = []
            for traverser in engine.run(traversal, QueryOptions(soon=soon)):
                answers += [traverser.value] * traverser.bulk
                if not work.at_once:
                    yield
            for settle in soon or ():
                yield  # committed, and neither durable nor seen by readers
                settle()
            work.told.append(plain(answers))
        else:
            yield from session_steps(engine.session(), work)
        work.end = work.end or "committed"
    except (ConcurrentModification, Occupied):
        work.end = "refused"
    except (IllegalArgument, ConstraintViolation):
        work.end = "taken"


def session_steps(session: Session, work: Work) -> Iterator[None]:
    try:
        for statement in work.statements:
            traversal = parse(statement.text(seen_in(work.told)))[0].traversal
            work.told.append(plain([t.value for t in session.run(traversal) for _ in range(t.bulk)]))
            yield
        if work.rolls_back:
            work.end = "rolled back"
        else:
            session.commit()
    finally:
        session.rollback()


def explains(begin: Model, committed: list[Work], end: Model) -> bool:
    """Whether there is an order in which they give, one after the other, the same answers and the same graph."""
    return any(_explains(begin, order, end) for order in permutations(committed))


def _explains(begin: Model, order: tuple[Work, ...], end: Model) -> bool:
    graph = begin.copy()
    for work in order:
        told: list[list[Any]] = []
        for statement in work.statements:
            try:
                told.append(statement.model(graph, seen_in(told) if work.kind == "session" else 0))
            except IllegalArgument:
                return False
        if told != work.told:
            return False
    return graph == end


def one_round(seed: int, graph: EmbeddedGraph | None = None) -> Counter[str]:
    """How the transactions of one seed ended; AssertionError where no order explains it."""
    rng = Random(seed)
    begin, works = draw(rng)
    graph = EmbeddedGraph("g", "neptune") if graph is None else graph
    fill(graph, begin)
    engine = Engine(graph, "neptune")
    running = [steps(engine, work) for work in works]
    while running:
        one = rng.choice(running)
        try:
            next(one)
        except StopIteration:
            running.remove(one)
    committed = [work for work in works if work.end == "committed"]
    end = held(graph)
    if not explains(begin, committed, end):
        told = "\n".join(f"{w.kind} {w.end}: {list(zip(w.statements, w.told))}" for w in works)  # noqa: B905
        raise AssertionError(f"seed {seed}: no order explains\n{begin}\n{told}\n{end}")
    return Counter(work.end for work in works)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    ends: Counter[str] = Counter()
    for seed in range(first, first + rounds):
        ends += one_round(seed)
    sys.stdout.write(f"{rounds} rounds: {dict(ends)}\n")


if __name__ == "__main__":
    main()
