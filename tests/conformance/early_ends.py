"""Texts that write and stop reading early, and what a graph holds afterwards: one table for every transport."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

THREE = "g.addV('x').addV('x').addV('x').iterate()"


@dataclass(frozen=True)
class Write:
    """A traversal that writes once for each of three traversers, which ``held`` counts afterwards."""

    before: str | None
    steps: str
    held: str


WRITES = {
    "addV": Write(None, "inject(1,2,3).addV('n')", "g.V().hasLabel('n').count()"),
    "addE": Write(THREE, "V().addE('e').to(__.V().limit(1))", "g.E().count()"),
    "property": Write(THREE, "V().property('p',1)", "g.V().has('p').count()"),
    "mergeV": Write(None, "inject([k:1],[k:2],[k:3]).mergeV(__.identity())", "g.V().count()"),
    "mergeE": Write(
        "g.addV('x').property(id,{id}).iterate()",
        "inject(1,2,3).mergeE([(T.label):'e',(Direction.OUT):{id},(Direction.IN):{id}])"
        ".property('n',__.V().count()).addV('n')",
        "g.V().hasLabel('n').count()",
    ),
    "map": Write(None, "inject(1,2,3).map(__.addV('n'))", "g.V().hasLabel('n').count()"),
    "sideEffect": Write(None, "inject(1,2,3).sideEffect(__.addV('n'))", "g.V().hasLabel('n').count()"),
    "drop": Write(THREE, "V().sideEffect(__.addV('n')).drop()", "g.V().hasLabel('n').count()"),
}

# how many of three traversers each way to read pulls; None is to the end
TERMINALS: dict[str, int | None] = {
    "": None, "next()": 1, "tryNext()": 1, "hasNext()": 1, "next(0)": 0, "next(2)": 2, "next(9)": None,
    "toList()": None, "toSet()": None, "toBulkSet()": None, "iterate()": None,
}  # fmt: skip

Ask = Callable[[str], list[Any]]


def stored(ask: Ask, write: Write, terminal: str, id: str, commit: Ask | None = None) -> tuple[bool, int]:
    """Whether a graph that begins empty answers the text with success, and how many writes it holds then.

    Args:
        ask: gives the results of a text, and raises what its client raises.
        id: of a vertex, as the graph's ids are written.
        commit: ends what ``ask`` began, where that is a session.
    """
    end = commit or ask
    end("g.V().drop().iterate()")
    if write.before is not None:
        end(write.before.replace("{id}", id))
    succeeded = True
    try:
        ask(f"g.{write.steps.replace('{id}', id)}" + (f".{terminal}" if terminal else ""))
    except Exception:
        succeeded = False
    return succeeded, int(end(write.held)[0])


def expected(name: str, terminal: str) -> tuple[bool, int]:
    """The rule: what was pulled has been written, and what is answered as an error has not."""
    pulled = TERMINALS[terminal]
    if name == "drop":  # it gives nothing, so one pull goes to its end
        return (False, 0) if terminal == "next()" else (True, 0 if pulled == 0 else 3)
    return True, 3 if pulled is None else pulled
