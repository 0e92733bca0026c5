"""SubgraphStrategy: a query sees only the vertices, edges and vertex properties that pass the criteria.

The criteria are put as filters behind every step that reaches an element; steps inside a criterion see everything.
"""

from __future__ import annotations

from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.planning.strategies.rewriting import (
    Chain,
    is_adjacent,
    modulated_end,
    options_end,
    steps,
    transform,
)
from workflow.gremlin.semantics.values import Direction, GType
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, P, Strategy, Traversal

_OPPOSITE = {"out": "inV", "in": "outV", "both": "otherV", "OUT": "inV", "IN": "outV", "BOTH": "otherV"}


class SubgraphRewriting:
    """The rewriting for one configuration."""

    def __init__(self, strategy: Strategy) -> None:
        conf = strategy.configuration
        self.vertices: Traversal | None = conf.get("vertices")
        self.edges: Traversal | None = conf.get("edges")
        self.vertex_properties: Traversal | None = conf.get("vertexProperties")
        self.check_adjacent = bool(conf.get("checkAdjacentVertices", True))
        if not (self.vertices or self.edges or self.vertex_properties):
            raise QueryFailed("A subgraph must be filtered by an edge or vertex criterion")

    def apply(self, traversal: Traversal) -> Traversal:
        """The traversal as it runs on the subgraph."""
        return transform(traversal, self._rewrite)

    def _rewrite(self, chain: Chain) -> Chain:
        out: Chain = []
        position = 0
        while position < len(chain):
            step = chain[position]
            adding = step.name in ("addV", "addE")
            end = modulated_end(chain, position) if adding else options_end(chain, position)
            group = chain[position:end]
            out += self._step(step, group, out, chain)
            position = end
        return out

    def _step(self, step: Instruction, group: Chain, before: Chain, chain: Chain) -> Chain:
        if is_adjacent(step, chain):
            return self._adjacent(step) if len(group) == 1 else [*group, *self._reached_otherwise()]
        if facts_of(step.name).walks == "incident" or step.name in ("E", "addE"):
            return [*group, *self._edge_filter(step)]
        if facts_of(step.name).walks == "end" or step.name in ("V", "addV"):
            return [*group, *_as_filter(self.vertices)]
        if self.vertex_properties and _source_of(before) != "edge":
            if step.name in ("properties", "values"):
                visible = self._properties(step)
                return [visible[0], *group[1:], *visible[1:]]
            if step.name in ("valueMap", "propertyMap", "elementMap"):
                return self._map(step, before)
            if step.name == "by" and step.args and isinstance(step.args[0], str):
                inner = Traversal((*self._properties(Instruction("values", step.args[:1])),))
                return [Instruction("by", (inner, *step.args[1:]))]
        return group

    def _adjacent(self, step: Instruction) -> Chain:
        if self.edges is None:
            return [step, *_as_filter(self.vertices)]
        way = step.args[0].value if step.name == "to" else step.name
        labels = step.args[1:] if step.name == "to" else step.args
        walked = Instruction({"to": "toE"}.get(step.name, step.name + "E"), step.args if step.name == "to" else labels)
        return [walked, *_as_filter(self.edges), Instruction(_OPPOSITE[way]), *_as_filter(self.vertices)]

    def _reached_otherwise(self) -> Chain:
        """What a vertex must pass that the hop's options lead to: never in line, where it would belong to them."""
        return [] if self.vertices is None else [Instruction("filter", (self.vertices,))]

    def _edge_filter(self, step: Instruction) -> Chain:
        found = _as_filter(self.edges)
        if not (self.check_adjacent and self.vertices) or step.name == "addE":
            return found
        ends = {"outE": ("inV",), "inE": ("outV",)}.get(step.name, ("inV", "outV"))
        if step.name == "toE" and step.args and isinstance(step.args[0], Direction):
            ends = {"OUT": ("inV",), "IN": ("outV",)}.get(step.args[0].value, ends)
        return found + [Instruction("filter", (steps((end,), ("filter", self.vertices)),)) for end in ends]

    def _properties(self, step: Instruction) -> Chain:
        other = steps(("not", steps(("is", P("typeOf", (GType.VPROPERTY,))))))
        found = Instruction("filter", (steps(("or", other, self.vertex_properties)),))
        tail = [Instruction("value")] if step.name == "values" else []
        return [Instruction("properties", step.args), found, *tail]

    def _map(self, step: Instruction, before: Chain) -> Chain:
        plain = all(isinstance(arg, str) for arg in step.args) and _source_of(before) == "vertex"
        if step.name == "elementMap" or not plain:
            raise QueryFailed(
                f"SubgraphStrategy with vertexProperties reaches into valueMap() and propertyMap() of keys right behind"
                f" vertices, and not into this {step.name}(); use properties()"
            )
        value = steps(("value",), ("fold",)) if step.name == "valueMap" else steps(("fold",))
        grouped = (Instruction("group"), Instruction("by", (steps(("key",)),)), Instruction("by", (value,)))
        visible = self._properties(Instruction("properties", step.args))
        return [Instruction("local", (Traversal((*visible, *grouped)),))]


def _as_filter(criterion: Traversal | None) -> Chain:
    if criterion is None:
        return []
    if all(facts_of(step.name).tests and not _has_children(step.args) for step in criterion.steps):
        return list(criterion.steps)  # in line, where an index can answer them
    return [Instruction("filter", (criterion,))]


def _has_children(args: tuple[Any, ...]) -> bool:
    return any(isinstance(arg, Traversal) for arg in args)


def _source_of(before: Chain) -> str | None:
    for step in reversed(before):
        facts = facts_of(step.name)
        if facts.gives:
            return facts.gives
        if not facts.keeps:
            return None
    return None
