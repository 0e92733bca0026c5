"""Gremlin filters of an export: what they may say, and the part of an embedded graph that they keep.

A filter is a chain of steps such as ``has('created', gt(datetime('2024-01-01')))`` that stands behind ``V()`` or
``E()``. Source: the ``gremlinFilter`` fields of the user guide's page of export parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any, Literal

from workflow.errors import InvalidParameter, MalformedQuery, WorkflowError
from workflow.graphs.source import GraphPart, GraphSource, OpenSource
from workflow.graphs.store.snapshot import VersionSnapshot
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.lang.tokens import tokenize
from workflow.gremlin.planning.compile import Compiler
from workflow.gremlin.steps.facts import FACTS, facts_of, is_by_chance, leaves_something
from workflow.gremlin.traversal import Instruction, Traversal, instructions_of

TIMEOUT_S = 600.0
"""Most seconds for one filter on the embedded graph."""


def checked_filter(steps: str, begin: Literal["V", "E"]) -> Traversal:
    """The traversal that gives what a filter keeps. InvalidParameter for whatever is no filter, before anything runs.

    Args:
        steps: with or without ``__.`` in front.
        begin: ``V`` for nodes, ``E`` for edges.
    """
    written = bare_steps(steps)
    try:
        traversal = parse(f"g.{begin}().{written}")[0].traversal
        # one more step shows that the filter is one chain, which ends where its text ends: no comment, no terminal
        longer = _parsed_alone(f"g.{begin}().{written}.count()")
        if longer != Traversal((*traversal.steps, Instruction("count"))):
            raise InvalidParameter("It must be one chain of steps, such as has('age', gt(30))")
        _refuse_effects(traversal)
        for step in traversal.steps[1:]:
            if not facts_of(step.name).keeps:
                keeping = [name for name, facts in FACTS.items() if facts.keeps]
                raise InvalidParameter(
                    f"{step.name}() does not only keep or drop; a filter is made of {', '.join(keeping)}, and may have "
                    "other steps inside where()"
                )
        Compiler().compile(traversal)
    except WorkflowError as error:
        raise InvalidParameter(f"Invalid Gremlin filter: {steps}. {error.message}") from error
    return traversal


def _parsed_alone(text: str) -> Traversal | None:
    """The one traversal of a text; None where it does not parse to one."""
    try:
        scripts = parse(text)
    except MalformedQuery:
        return None
    return scripts[0].traversal if len(scripts) == 1 else None


def checked_for_remote(steps: str, begin: Literal["V", "E"]) -> str:
    """The text of a filter that a remote database may be sent. Raises InvalidParameter.

    Groovy replaces ``$`` inside double quotes, and characters written as ``\\u`` even before it looks for quotes, so
    what reaches the database has neither.
    """
    if not steps:
        return ""
    traversal = checked_filter(steps, begin)
    if "\\u" in steps or any(token.text.startswith('"') and "$" in token.text for token in tokenize(steps)):
        raise InvalidParameter(
            f"Invalid Gremlin filter: {steps}. Write texts that hold a '$' in single quotes, and characters as "
            "themselves"
        )
    for step in filter(is_by_chance, instructions_of(traversal.steps)):
        raise InvalidParameter(
            f"Invalid Gremlin filter: {steps}. {step.name}() gives a remote database's every page another answer; "
            "use limit()"
        )
    return bare_steps(steps)


def bare_steps(steps: str) -> str:
    """A filter without what may stand around it: white space and ``__.``."""
    return steps.strip().removeprefix("__.")


def _refuse_effects(traversal: Traversal) -> None:
    """Raise InvalidParameter for a step, however deep, that does more than read what is asked about."""
    for step in instructions_of(traversal.steps):
        if step.name in FACTS and (facts_of(step.name).may_write or leaves_something(step)):
            raise InvalidParameter(
                f"Invalid operator: '{step.name}'. Gremlin filter cannot contain side effect or mutating step."
            )


def opener(engine: Engine, graph: EmbeddedGraph) -> OpenSource:
    """Opens an embedded graph whole, or the part of it that was asked for."""

    def open_source(part: GraphPart) -> GraphSource:
        return FilteredGraph(engine, graph, part) if part.nodes or part.edges else graph

    return open_source


class FilteredGraph:
    """A GraphSource over what Gremlin filters keep of an embedded graph: filters and copy are of one moment."""

    def __init__(self, engine: Engine, graph: EmbeddedGraph, part: GraphPart) -> None:
        """Raises InvalidParameter."""
        self._engine, self._graph = engine, graph
        self._options = QueryOptions(timeout_s=TIMEOUT_S, read_only=True, cancelled=part.broken_off)
        nodes, edges = part.texts("gremlin")
        self._nodes = checked_filter(nodes, "V") if nodes else None
        self._edges = checked_filter(edges, "E") if edges else None

    @contextmanager
    def snapshot(self) -> Iterator[VersionSnapshot]:
        with self._graph.reading() as version, self._graph.snapshot(version) as whole:
            engine = self._engine.on(version)
            yield whole.only(self._kept(engine, self._nodes), self._kept(engine, self._edges))

    def _kept(self, engine: Engine, traversal: Traversal | None) -> Set[Any] | None:
        if traversal is None:
            return None
        return {traverser.value.id for traverser in engine.run(traversal, self._options)}
