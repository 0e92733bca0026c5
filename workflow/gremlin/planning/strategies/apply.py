"""Collecting the strategies of a traversal source and applying them, rewrites first, refusals last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.planning.strategies.element_id import ElementIds
from workflow.gremlin.planning.strategies.partition import Partition
from workflow.gremlin.planning.strategies.productive_by import ProductiveBy
from workflow.gremlin.planning.strategies.subgraph import SubgraphRewriting
from workflow.gremlin.planning.strategies.verification import verify_edge_labels, verify_read_only, verify_reserved_keys
from workflow.gremlin.traversal import Strategy, Traversal, UnboundVariable

# in the order they apply, whatever order they were given in
REWRITES: dict[str, Callable[[Strategy], Any]] = {
    "ElementIdStrategy": ElementIds,
    "SubgraphStrategy": SubgraphRewriting,
    "PartitionStrategy": Partition,
    "ProductiveByStrategy": ProductiveBy,
}
VERIFICATIONS: dict[str, Callable[[Strategy, Traversal], None]] = {
    "ReadOnlyStrategy": verify_read_only,
    "ReservedKeysVerificationStrategy": verify_reserved_keys,
    "EdgeLabelVerificationStrategy": verify_edge_labels,
}
# accepted: what they do is done anyway, or changes no answer here
ACCEPTED = frozenset(
    {
        "AdjacentToIncidentStrategy",
        "ByModulatorOptimizationStrategy",
        "ComputerFinalizationStrategy",
        "ComputerVerificationStrategy",
        "ConnectiveStrategy",
        "CountStrategy",
        "EarlyLimitStrategy",
        "EventStrategy",
        "FilterRankingStrategy",
        "GValueReductionStrategy",
        "GraphFilterStrategy",
        "HaltedTraverserStrategy",
        "IdentityRemovalStrategy",
        "IncidentToAdjacentStrategy",
        "InlineFilterStrategy",
        "LambdaRestrictionStrategy",
        "LazyBarrierStrategy",
        "MatchAlgorithmStrategy",
        "MatchPredicateStrategy",
        "MessagePassingReductionStrategy",
        "OptionsStrategy",
        "OrderLimitStrategy",
        "PathProcessorStrategy",
        "PathRetractionStrategy",
        "ProfileStrategy",
        "ReferenceElementStrategy",
        "RemoteStrategy",
        "RepeatUnrollStrategy",
        "RequirementsStrategy",
        "SackStrategy",
        "SeedStrategy",
        "SideEffectStrategy",
        "StandardVerificationStrategy",
        "TinkerGraphCountStrategy",
        "TinkerGraphStepStrategy",
        "VertexProgramRestrictionStrategy",
        "VertexProgramStrategy",
    }
)


def _is_names(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(name, str) for name in value)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_FLAGS = {"logWarning": _is(bool), "throwException": _is(bool)}
# what the settings of strategies may be, null aside; settings that nobody reads may be anything
_CONFIGURATIONS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "ElementIdStrategy": {"idPropertyKey": _is(str)},
    "SubgraphStrategy": {
        **dict.fromkeys(("vertices", "edges", "vertexProperties"), _is(Traversal)),
        "checkAdjacentVertices": _is(bool),
    },
    "PartitionStrategy": {
        **dict.fromkeys(("partitionKey", "writePartition"), _is(str)),
        "readPartitions": _is_names,
        "includeMetaProperties": _is(bool),
    },
    "ProductiveByStrategy": {"productiveKeys": _is_names},
    "ReservedKeysVerificationStrategy": {**_FLAGS, "keys": _is_names},
    "EdgeLabelVerificationStrategy": _FLAGS,
    "SeedStrategy": {"seed": lambda value: isinstance(value, int) and not isinstance(value, bool)},
}


def _check_configuration(name: str, strategy: Strategy) -> None:
    for key, holds in _CONFIGURATIONS.get(name, {}).items():
        value = strategy.configuration.get(key)
        if value is not None and not holds(value):
            raise QueryFailed(f"{name} can not have {value!r} as its {key}")


@dataclass(frozen=True)
class StrategySet:
    """What is left of the strategies of a source for the engine to do.

    ``strategies`` are all that are on, by simple name; ``without`` those switched off; ``options`` come from
    OptionsStrategy; ``seed`` is SeedStrategy's.
    """

    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None

    @property
    def read_only(self) -> bool:
        """Whether ReadOnlyStrategy is on."""
        return "ReadOnlyStrategy" in self.strategies

    @property
    def computer(self) -> bool:
        """Whether the source asks for a graph computer."""
        return "VertexProgramStrategy" in self.strategies


NO_STRATEGIES = StrategySet()


def apply_strategies(traversal: Traversal) -> tuple[Traversal, StrategySet]:
    """Take the strategies out of a traversal's source and apply them.

    Raises:
        QueryFailed: a strategy that does not exist, lacks configuration, or refuses the traversal.
    """
    if not traversal.source:
        return traversal, NO_STRATEGIES
    strategies, without = _collected(traversal)
    kept = tuple(
        instruction
        for instruction in traversal.source
        if instruction.name not in ("withStrategies", "withoutStrategies")
    )
    result = replace(traversal, source=kept)
    for name, rewrite in REWRITES.items():
        if name in strategies:
            result = rewrite(strategies[name]).apply(result)
    for name, verify in VERIFICATIONS.items():
        if name in strategies:
            verify(strategies[name], traversal)
    computer = any(instruction.name == "withComputer" for instruction in kept) or "VertexProgramStrategy" in strategies
    if computer and "VertexProgramRestrictionStrategy" in strategies:
        raise QueryFailed("The TraversalSource does not allow the use of a GraphComputer")
    options = dict(strategies["OptionsStrategy"].configuration) if "OptionsStrategy" in strategies else {}
    seed = strategies["SeedStrategy"].configuration.get("seed") if "SeedStrategy" in strategies else None
    if "SeedStrategy" in strategies and seed is None:
        raise QueryFailed("SeedStrategy configuration requires a 'seed' value")
    return result, StrategySet(strategies, without, options, None if seed is None else int(seed))


def _collected(traversal: Traversal) -> tuple[dict[str, Strategy], frozenset[str]]:
    found: dict[str, Strategy] = {}
    without: set[str] = set()
    for instruction in traversal.source:
        if instruction.name == "withStrategies":
            for arg in instruction.args:
                strategy = arg if isinstance(arg, Strategy) else Strategy(_name(arg))
                name = _name(strategy)
                if name not in REWRITES and name not in VERIFICATIONS and name not in ACCEPTED:
                    raise QueryFailed(f"Unknown strategy: {name}")
                _check_configuration(name, strategy)
                found[name] = strategy
                without.discard(name)
        elif instruction.name == "withoutStrategies":
            for arg in instruction.args:
                found.pop(_name(arg), None)
                without.add(_name(arg))
    return found, frozenset(without)


def _name(strategy: Any) -> str:
    name = strategy.name if isinstance(strategy, (Strategy, UnboundVariable)) else str(strategy)
    return name.rpartition(".")[2]
