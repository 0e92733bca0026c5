"""Better plans for the same answers: folded tests, unrolled repeats, top-k, merged traversers, vectorised begins."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import pairwise

from workflow.graphs.elements import Edge, Vertex
from workflow.gremlin.columns.table import has_form
from workflow.gremlin.planning.batched import batched
from workflow.gremlin.planning.compile import Plan
from workflow.gremlin.planning.vectorised import (
    Dedup,
    Ends,
    Filter,
    Finish,
    GroupCount,
    IdFilter,
    Labels,
    MaskedGraphStep,
    Ordered,
    RowCount,
    RowHop,
    RowOperation,
    RowReduction,
    VectorisedStep,
)
from workflow.gremlin.running.by import IDENTITY, ByChild, ByKey, ByToken
from workflow.gremlin.running.step import Step
from workflow.gremlin.semantics.predicates import compile_predicate, members
from workflow.gremlin.semantics.values import Order, T
from workflow.gremlin.steps.branching.repeat import RepeatStep
from workflow.gremlin.steps.choosing.filters import DedupStep, IdentityStep
from workflow.gremlin.steps.choosing.has import HasContainer, HasKeyStep, HasStep
from workflow.gremlin.steps.choosing.ranges import RangeStep
from workflow.gremlin.steps.gathering.group import GroupCountStep, GroupStep
from workflow.gremlin.steps.gathering.order import OrderStep
from workflow.gremlin.steps.gathering.reduce import CountStep, ExtremeStep, MeanStep, SumStep
from workflow.gremlin.steps.gathering.side_effects import BarrierStep
from workflow.gremlin.steps.moving.adjacent import AdjacentStep, EndsStep, IncidentStep
from workflow.gremlin.steps.moving.sources import GraphStep
from workflow.gremlin.steps.shaping.elements import TokenStep, ValuesStep

MERGE_SIZE = 2_500
MOST_TURNS = 64
Hopping = (AdjacentStep, IncidentStep, EndsStep)


def optimised(plan: Plan, without: Set[str] = frozenset()) -> tuple[Step, ...]:
    """The steps of a plan, rewritten. ``without`` names strategies that were switched off."""
    steps = list(plan.steps)
    if "RepeatUnrollStrategy" not in without:
        steps = _unrolled(steps)
    _limited(steps)
    steps = [_counting(step) for step in steps]
    in_batches = "BatchStrategy" not in without and not plan.mutates
    if plan.full_path:
        return tuple(_masked(batched(steps) if in_batches else steps))
    vectorised = _vectorised(steps)
    if vectorised is not None:
        return tuple(vectorised)
    steps = steps if "LazyBarrierStrategy" in without else _merging(steps)
    return tuple(_masked(batched(steps) if in_batches else steps))


# -- repeat(…).times(n)


def _unrolled(steps: list[Step]) -> list[Step]:
    out: list[Step] = []
    for step in steps:
        if isinstance(step, RepeatStep) and _unrollable(step) and step.body is not None and step.times is not None:
            body: list[Step] = []
            for turn in range(step.times):
                if turn:
                    body.append(BarrierStep(MERGE_SIZE))
                body.extend(step.body.steps)
            if step.tracked:
                body.append(_named(step))
            out.extend(body)
        else:
            out.append(step)
    return out


def _unrollable(step: RepeatStep) -> bool:
    body = step.body
    return (
        step.times is not None
        and 1 <= step.times <= MOST_TURNS
        and step.emit is None
        and body is not None
        and bool(body.steps)
        and all(isinstance(s, (*Hopping, HasStep, HasKeyStep)) for s in body.steps)
    )


def _named(step: Step) -> Step:
    out = IdentityStep()
    out.labels, out.tracked = step.labels, step.tracked
    return out


# -- order().limit(n)


def _limited(steps: Sequence[Step]) -> None:
    for step, following in pairwise(steps):
        if isinstance(step, OrderStep) and isinstance(following, RangeStep) and following.high >= 0:
            step.limit = following.high


# -- group().by(x).by(count())


def _counting(step: Step) -> Step:
    """A groupCount() for a group() whose values are counts."""
    if type(step) is not GroupStep or step.value.folded or not isinstance(step.value.by, ByChild):
        return step
    inner = step.value.by.child.steps
    if len(inner) != 1 or not inner[0].counts:
        return step
    out = GroupCountStep()
    out.by = step.key_by
    out.name, out.labels, out.tracked = "groupCount", step.labels, step.tracked
    return out


# -- merging equal traversers


def _merging(steps: list[Step]) -> list[Step]:
    """A barrier before the third hop and every later one: there traversers begin to meet."""
    out: list[Step] = []
    hops = 0
    for step in steps:
        if step.requires & {"path", "labels"} or step.tracked:
            return steps
        if isinstance(step, Hopping) and not isinstance(step, EndsStep):
            hops += 1
            if hops > 2 and not isinstance(out[-1], BarrierStep):
                out.append(BarrierStep(MERGE_SIZE))
        elif isinstance(step, RangeStep):
            hops = -MOST_TURNS
        out.append(step)
    return out


# -- the vectorised plan


def _vectorised(steps: list[Step]) -> list[Step] | None:
    """The plan with its begin on arrays, or None where it has no begin that ends in a step which takes all."""
    if not steps or not isinstance(steps[0], GraphStep) or steps[0].tracked:
        return None
    source = steps[0]
    kind: type[Vertex] | type[Edge] = source.kind
    operations: list[RowOperation] = [op for c in source.containers for op in _filters(c, source)]
    at = 1
    while at < len(steps):
        step = steps[at]
        finish, taken = _finish(steps, at, operations, kind)
        if finish is not None:
            behind = steps[at + taken - 1]
            if behind.tracked:
                return None
            slow, rest = tuple(steps[: at + taken]), steps[at + taken :]
            if isinstance(finish, Ordered) and finish.limit is None and any(map(_goes_far, rest)):
                return None  # all that is ordered goes on: in morsels
            return [VectorisedStep(slow, source, operations, finish, not isinstance(finish, Ordered)), *rest]
        if step.tracked:
            return None
        if isinstance(step, (AdjacentStep, IncidentStep)) and kind is Vertex:
            hop = RowHop(step.way, step.edge_labels, isinstance(step, IncidentStep))
            if any(label is None for label in step.edge_labels):
                return None
            operations.append(hop)
            kind = Edge if hop.to_edges else Vertex
        elif isinstance(step, EndsStep) and kind is Edge:
            operations.append(Ends(step.way))
            kind = Vertex
        elif isinstance(step, HasStep):
            for container in step.containers:
                operations.extend(_filters(container, None))
        elif isinstance(step, DedupStep) and step.by is IDENTITY and not step.names:
            operations.append(Dedup())
        elif not isinstance(step, (BarrierStep, IdentityStep)):
            return None
        at += 1
    return None


def _goes_far(step: Step) -> bool:
    """Whether a step behind an order gains from morsels."""
    return has_form(step) and not isinstance(step, (ValuesStep, TokenStep, RangeStep))


def _masked(steps: list[Step]) -> list[Step]:
    """The source with masks for its tests of properties, where it has to look at everything."""
    if not steps or type(steps[0]) is not GraphStep or steps[0].ids is not None or steps[0].lookups:
        return steps
    operations = [op for c in steps[0].containers if isinstance(c.key, str) for op in _filters(c, None)]
    filters = [op for op in operations if isinstance(op, Filter)]
    return [MaskedGraphStep(steps[0], filters), *steps[1:]] if filters else steps


def _filters(container: HasContainer, source: GraphStep | None) -> list[RowOperation]:
    """The mask of one test; none where the source's rows already satisfy it."""
    if source is not None and container.key is T.label and source.labels_wanted is not None:
        wanted = members(container.predicate) if container.predicate.name == "within" else container.predicate.args
        if container.predicate.name in ("eq", "within") and tuple(dict.fromkeys(wanted)) == source.labels_wanted:
            by_label = source.ids is None and (not source.lookups or len(source.labels_wanted) == 1)
            if by_label:
                return []
    if isinstance(container.key, str):
        value_test = compile_predicate(container.predicate)
        return [Filter(container.test, container.key, container.predicate, value_test)]
    return [IdFilter(container.test, container.predicate) if container.key is T.id else Filter(container.test)]


def _finish(
    steps: list[Step], at: int, operations: list[RowOperation], kind: type[Vertex] | type[Edge]
) -> tuple[Finish | None, int]:
    """The finish that begins at a step, and how many steps it stands for."""
    step = steps[at]
    if isinstance(step, CountStep):
        last = operations[-1] if operations else None
        if isinstance(last, RowHop):
            operations.pop()
            return RowCount(last), 1
        return RowCount(), 1
    if type(step) is GroupCountStep:
        if step.by is None or step.by is IDENTITY:
            return GroupCount(), 1
        if isinstance(step.by, ByKey):
            return GroupCount(step.by.key), 1
        if isinstance(step.by, ByToken) and step.by.token is T.label:
            return GroupCount(by_label=True), 1
    following = steps[at + 1] if at + 1 < len(steps) and not step.tracked else None
    if isinstance(step, ValuesStep) and len(step.keys) == 1 and following is not None:
        how = _reduction(following)
        if how is not None:
            return RowReduction(step.keys[0], how), 2
        if _counts_values(following):
            return GroupCount(step.keys[0]), 2
    if isinstance(step, TokenStep) and step.token is T.label and following is not None:
        if _counts_values(following):
            return GroupCount(by_label=True), 2
        if isinstance(following, DedupStep) and following.by is IDENTITY and not following.names:
            return Labels(), 2
    if (
        isinstance(step, OrderStep)
        and len(step.comparators.parts) == 1
        and not any(isinstance(op, (RowHop, Ends)) for op in operations)
    ):
        by, way = step.comparators.parts[0]
        if isinstance(by, ByKey) and way in (Order.asc, Order.desc):
            return Ordered(by.key, way, step.limit), 1
    return None, 0


def _counts_values(step: Step) -> bool:
    return type(step) is GroupCountStep and (step.by is None or step.by is IDENTITY)


def _reduction(step: Step) -> str | None:
    if isinstance(step, SumStep):
        return "sum"
    if isinstance(step, MeanStep):
        return "mean"
    return step.name if isinstance(step, ExtremeStep) and step.name in ("min", "max") else None


__all__ = ["optimised"]
