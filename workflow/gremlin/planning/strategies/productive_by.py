"""ProductiveByStrategy: a by() that finds nothing gives null and does not drop its traverser."""

from __future__ import annotations

from workflow.gremlin.planning.strategies.rewriting import Chain, steps, transform
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, Strategy, Traversal

_NAME = "~productive"  # no side effect of a user is called so


class ProductiveBy:
    """The rewriting for one configuration; keys known to be productive are left as they are."""

    def __init__(self, strategy: Strategy) -> None:
        self.productive_keys = frozenset(strategy.configuration.get("productiveKeys") or ())

    def apply(self, traversal: Traversal) -> Traversal:
        """The traversal with every by() made to give something."""
        return transform(traversal, self._rewrite)

    def _rewrite(self, chain: Chain) -> Chain:
        out: Chain = []
        bys = 0  # behind group(), whose second by() collects values into lists
        for step in chain:
            if step.name == "group":
                bys = 1
            elif step.name == "by" and bys:
                bys += 1
            elif step.name != "as":
                bys = 0
            out.append(self._by(step, collects=bys == 3) if step.name == "by" and step.args else step)
        return out

    def _by(self, step: Instruction, collects: bool) -> Instruction:
        given, *rest = step.args
        if isinstance(given, str) and given not in self.productive_keys:
            # project() reads a key of elements and of maps alike, and leaves it out where there is none
            found = steps(("project", _NAME), ("by", given), ("select", _NAME))
            tail = [("fold",)] if collects else []
        elif isinstance(given, Traversal) and given.steps and facts_of(given.steps[-1].name).reduces == "no":
            found, tail = given, []
        else:
            return step
        return Instruction("by", (steps(("coalesce", found, steps(("constant", None))), *tail), *rest))
