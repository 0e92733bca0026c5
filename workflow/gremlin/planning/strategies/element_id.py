"""ElementIdStrategy: a property stands for the id of every element."""

from __future__ import annotations

import uuid
from typing import Any

from workflow.graphs.elements import Element
from workflow.gremlin.planning.strategies.rewriting import Chain, modulated_end, transform
from workflow.gremlin.semantics.values import ReferenceEdge, ReferenceVertex, T
from workflow.gremlin.traversal import Instruction, P, Strategy, Traversal

DEFAULT_KEY = "__id"


class ElementIds:
    """The rewriting for one configuration."""

    def __init__(self, strategy: Strategy) -> None:
        self.key = str(strategy.configuration.get("idPropertyKey") or DEFAULT_KEY)

    def apply(self, traversal: Traversal) -> Traversal:
        """The traversal with ids read from and written to the property."""
        return transform(traversal, self._rewrite)

    def _rewrite(self, chain: Chain) -> Chain:
        out: Chain = []
        position = 0
        while position < len(chain):
            step = chain[position]
            end = modulated_end(chain, position) if step.name in ("addV", "addE") else position + 1
            group = chain[position:end]
            if step.name in ("addV", "addE"):
                out += self._added(group)
            elif position == 0 and step.name in ("V", "E") and _plain_ids(step.args):
                out += [Instruction(step.name), self._within(step.args)]
            else:
                out.append(self._plain(step))
            position = end
        return out

    def _plain(self, step: Instruction) -> Instruction:
        if step.name == "has" and step.args and step.args[0] is T.id:
            return Instruction("has", (self.key, *step.args[1:]))
        if step.name == "hasId":
            if len(step.args) == 1 and isinstance(step.args[0], P):
                return Instruction("has", (self.key, step.args[0]))
            return self._within(step.args)
        if step.name == "id":
            return Instruction("values", (self.key,))
        return step

    def _within(self, ids: tuple[Any, ...]) -> Instruction:
        flat = [one for id in ids for one in (id if isinstance(id, (list, tuple, set)) else (id,))]
        return Instruction("has", (self.key, P("within", (flat,))))

    def _added(self, group: Chain) -> Chain:
        out: Chain = []
        named = False
        for step in group:
            if step.name == "property" and step.args and step.args[0] in (T.id, self.key):
                named = True
                step = Instruction("property", (self.key, *step.args[1:]))
            out.append(step)
        if not named:
            out.insert(1, Instruction("property", (self.key, str(uuid.uuid4()))))
        return out


def _plain_ids(args: tuple[Any, ...]) -> bool:
    return bool(args) and not isinstance(args[0], (Element, ReferenceVertex, ReferenceEdge))
