"""PartitionStrategy: what is written carries a partition, and only some partitions are read."""

from __future__ import annotations

from collections.abc import Mapping
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
from workflow.gremlin.semantics.values import Cardinality, GType
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.steps.writing.merge import EXTRA
from workflow.gremlin.traversal import CardinalityValue, Instruction, P, Strategy, Traversal


class Partition:
    """The rewriting for one configuration."""

    def __init__(self, strategy: Strategy) -> None:
        conf = strategy.configuration
        self.key = conf.get("partitionKey")
        self.written = conf.get("writePartition")
        self.read = list(conf.get("readPartitions") or ())
        self.with_meta = bool(conf.get("includeMetaProperties", False))
        if not self.key:
            raise QueryFailed("The partitionKey cannot be null or empty")

    def apply(self, traversal: Traversal) -> Traversal:
        """The traversal as it runs on the partitions."""
        return transform(traversal, self._rewrite)

    @property
    def _has(self) -> Instruction:
        return Instruction("has", (self.key, P("within", (self.read,))))

    def _rewrite(self, chain: Chain) -> Chain:
        out: Chain = []
        position = 0
        while position < len(chain):
            step = chain[position]
            adding = step.name in ("addV", "addE", "mergeV", "mergeE")
            end = modulated_end(chain, position) if adding else options_end(chain, position)
            group = chain[position:end]
            if step.name in ("V", "E") or facts_of(step.name).walks in ("incident", "end") or is_adjacent(step, chain):
                while end < len(chain) and facts_of(chain[end].name).tests:  # the partition comes last, as upstream
                    group.append(chain[end])
                    end += 1
                out += [*group, self._has]
            elif step.name in ("addV", "addE"):
                out += self._added(group)
            elif step.name in ("mergeV", "mergeE"):
                out += [*group, Instruction("with", (EXTRA, {self.key: self.written}))]
            elif self.with_meta:
                first, *others = self._meta(step)
                out += [first, *group[1:], *others]
            else:
                out += group
            position = end
        return out

    def _added(self, group: Chain) -> Chain:
        own = Instruction("property", (self.key, self.written))
        if not self.with_meta or group[0].name == "addE":
            return [group[0], own, *group[1:]]
        return [group[0], own, *(self._marked(step) if step.name == "property" else step for step in group[1:])]

    def _marked(self, step: Instruction) -> Instruction:
        args = step.args
        if args and isinstance(args[0], Mapping):
            return Instruction("property", args)
        if args and isinstance(args[0], str):
            value = args[1]
            if isinstance(value, CardinalityValue):
                return Instruction(
                    "property", (value.cardinality, args[0], value.value, *args[2:], self.key, self.written)
                )
            return Instruction("property", (Cardinality.single, *args, self.key, self.written))
        if args and isinstance(args[0], Cardinality):
            return Instruction("property", (*args, self.key, self.written))
        return step

    def _meta(self, step: Instruction) -> Chain:
        if step.name == "property":
            args = step.args
            plain = args and (isinstance(args[0], (str, Cardinality))) and not isinstance(args[-1], Mapping)
            return [Instruction("property", (*args, self.key, self.written))] if plain else [step]
        if step.name not in ("properties", "values", "valueMap", "propertyMap"):
            return [step]
        if self.key in step.args:
            raise QueryFailed("Cannot explicitly request the partitionKey in the traversal")
        if step.name in ("properties", "values"):
            return self._properties(step)
        return [self._map(step)]

    def _visible(self) -> Chain:
        vertex_property = steps(("is", P("typeOf", (GType.VPROPERTY,))))
        hidden = steps(("hasKey", self.key))
        return [
            Instruction("filter", (steps(("or", steps(("not", vertex_property)), Traversal((self._has,)))),)),
            Instruction("filter", (steps(("not", hidden)),)),
        ]

    def _properties(self, step: Instruction) -> Chain:
        tail = [Instruction("value")] if step.name == "values" else []
        return [Instruction("properties", step.args), *self._visible(), *tail]

    def _map(self, step: Instruction) -> Instruction:
        keys = tuple(arg for arg in step.args if isinstance(arg, str))
        if len(keys) < len(step.args):
            raise QueryFailed(f"PartitionStrategy with meta-properties takes {step.name}() of keys, without tokens")
        value: Any = steps(("value",), ("fold",)) if step.name == "valueMap" else steps(("fold",))
        grouped = (Instruction("group"), Instruction("by", (steps(("key",)),)), Instruction("by", (value,)))
        return Instruction("local", (Traversal((Instruction("properties", keys), *self._visible(), *grouped)),))
