"""The strategies of a traversal source: rewrites of the traversal, refusals, and flags for the engine."""

from workflow.gremlin.planning.strategies.apply import StrategySet, apply_strategies

__all__ = ["StrategySet", "apply_strategies"]
