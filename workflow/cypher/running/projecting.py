"""WITH and RETURN: what is made of every row or group, in which order, and which of it is left."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import islice
from typing import Any, Final

from workflow.cypher.errors import CypherSyntaxError
from workflow.cypher.functions.aggregates import Aggregate
from workflow.cypher.lang import tree as t
from workflow.cypher.planning.procedures import Library
from workflow.cypher.running.expressions import Evaluator, Expressions
from workflow.cypher.running.patterns import Pattern
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.running.tables import TopRows
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.relations import equivalence_key, order_key
from workflow.queries.columns.sorting import sorted_in_parts

Operator = Callable[[CypherRun, Iterator[Row]], Iterator[Row]]
"""One clause, from rows to rows."""


class Projections:
    """Makes the operators of projections.

    Args:
        expressions: makes evaluators.
        library: what may be called, and which of it are aggregations.
        text: of the statement, for errors that are found while it runs.
    """

    def __init__(self, expressions: Expressions, library: Library, text: str) -> None:
        self._expressions, self._library, self._text = expressions, library, text

    def operator(self, projection: t.Projection, *, keep: bool = False, projected: bool = False) -> Operator:
        """WITH and RETURN; ``keep`` hands on the row before in a column of its own.

        ``projected``: rows come as they are projected, and only their order and number are to be seen to.
        """
        grouped = any(self._library.has_aggregation(item.value) for item in projection.items)
        project = self._grouping(projection) if grouped else self._plain(projection)
        if projected:
            project = _as_it_is
        order = self._order(projection, grouped=grouped)
        skip = None if projection.skip is None else self.number(projection.skip, "SKIP")
        limit = None if projection.limit is None else self.number(projection.limit, "LIMIT")
        distinct = projection.distinct
        late = frozenset[str]() if grouped or projected or limit is None else _late(projection)
        first = self._plain(projection, late) if late else project
        items = [(item.name, self._expressions.of(item.value)) for item in projection.items] if late else []

        def run_projection(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            start = 0 if skip is None else skip(run)
            end = None if limit is None else start + limit(run)
            # where the query writes, values are those of the moment at which a row comes
            waits = bool(late) and run.attempt.transaction is None
            pairs = (first if waits else project)(run, rows)
            if distinct:
                pairs = _distinct_pairs(run, pairs)
            if order is not None:
                pairs = iter(order(run, pairs, end))
            if start or end is not None:
                pairs = islice(pairs, start, end)
            for before, after in pairs:
                if waits:
                    after = {name: after[name] if name in after else value(run, before) for name, value in items}
                if keep:
                    after[BEFORE] = before
                yield after

        return run_projection

    def _plain(
        self, projection: t.Projection, late: Container[str] = ()
    ) -> Callable[[CypherRun, Iterator[Row]], Iterator[Pair]]:
        """Every row with what is made of it, but for what comes ``late``."""
        items = [(item.name, self._expressions.of(item.value)) for item in projection.items if item.name not in late]
        everything = projection.everything

        def project(run: CypherRun, rows: Iterator[Row]) -> Iterator[Pair]:
            for row in rows:
                run.tick()
                out = _named(row) if everything else {}
                for name, value in items:
                    out[name] = value(run, row)
                yield row, out

        return project

    def _grouping(self, projection: t.Projection) -> Callable[[CypherRun, Iterator[Row]], Iterator[Pair]]:
        columns = {shape: f"\0agg{at}" for at, shape in enumerate(_aggregates(projection, self._library))}
        nodes = _aggregates(projection, self._library)
        known = self._expressions.knowing(columns)
        keys = [
            (item.name, self._expressions.of(item.value))
            for item in projection.items
            if not self._library.has_aggregation(item.value)
        ]
        mixed = [
            (item.name, known.of(item.value)) for item in projection.items if self._library.has_aggregation(item.value)
        ]
        order = [item.name for item in projection.items]
        inputs = [(columns[shape], _Input(node, self._expressions, self._library)) for shape, node in nodes.items()]
        everything = projection.everything

        def project(run: CypherRun, rows: Iterator[Row]) -> Iterator[Pair]:
            groups: dict[Any, tuple[Row, Row, list[_Gathered]]] = {}
            for row in rows:
                run.tick()
                values = _named(row) if everything else {}
                for name, value in keys:
                    values[name] = value(run, row)
                key = tuple(map(equivalence_key, values.values()))
                group = groups.get(key)
                if group is None:
                    group = groups[key] = row, values, [one.gathering(run) for _, one in inputs]
                    run.hold(len(groups))
                for (_, one), gathered in zip(inputs, group[2], strict=True):
                    one.take(run, row, gathered)
            if not groups and not keys and not everything:
                groups[()] = {}, {}, [one.gathering(run) for _, one in inputs]
            for row, values, states in groups.values():
                results = {name: one.aggregate.result() for (name, _), one in zip(inputs, states, strict=True)}
                before = {**row, **results}
                for name, value in mixed:
                    values[name] = value(run, before)
                out = values if everything else {name: values[name] for name in order}
                yield before, out

        return project

    def _order(
        self, projection: t.Projection, *, grouped: bool
    ) -> Callable[[CypherRun, Iterable[Pair], int | None], list[Pair]] | None:
        """Sorts rows, of which only those up to a place may be wanted; equal ones stay as they came."""
        if not projection.order:
            return None
        known: dict[object, str] = {t.shape(item.value): item.name for item in projection.items}
        if grouped:
            known = {
                **{shape: f"\0agg{at}" for at, shape in enumerate(_aggregates(projection, self._library))},
                **known,
            }
        expressions = self._expressions.knowing(known)
        keys = [(expressions.of(sort.value), sort.descending) for sort in projection.order]

        def keyed_rows(run: CypherRun, pairs: Iterable[Pair]) -> Iterator[tuple[list[Any], Pair]]:
            for before, after in pairs:
                row = {**before, **after}
                yield [order_key(key(run, row)) for key, _ in keys], (before, after)

        def place(one: tuple[list[Any], Pair]) -> list[Any]:
            return [_Falling(key) if falls else key for key, (_, falls) in zip(one[0], keys, strict=True)]

        def order(run: CypherRun, pairs: Iterable[Pair], end: int | None) -> list[Pair]:
            if end is not None and end <= FEW_WANTED:
                return [pair for _, pair in nsmallest(end, keyed_rows(run, pairs), place)]
            keyed: list[tuple[list[Any], Pair]] = []
            for one in keyed_rows(run, pairs):
                keyed.append(one)
                if not len(keyed) & 1023:
                    run.hold(len(keyed))
            for at in range(len(keys) - 1, -1, -1):
                keyed = sorted_in_parts(run, keyed, lambda one, at=at: one[0][at], descending=keys[at][1])  # type: ignore[misc]
            return [pair for _, pair in keyed]

        return order

    def number(self, e: t.Expression, word: str) -> Callable[[CypherRun], int]:
        """What a SKIP or LIMIT says. Raises CypherSyntaxError when it is asked and no number from 0 on."""
        value = self._expressions.of(e)

        def number(run: CypherRun) -> int:
            found = value(run, {})
            if not isinstance(found, int) or isinstance(found, bool):
                raise CypherSyntaxError(
                    f"{word} takes an integer, not {kind_of(found)}", "InvalidArgumentType", self._text, e.at
                )
            if found < 0:
                raise CypherSyntaxError(f"{word} takes no negative number", "NegativeIntegerArgument", self._text, e.at)
            return int(found)

        return number

    def top_rows(
        self, pattern: Pattern, following: t.Clause | None
    ) -> tuple[TopRows, Callable[[CypherRun], int]] | None:
        """What decides which rows of a pattern are left by the limit behind it; None where all may be looked at."""
        if not isinstance(following, t.With | t.Return) or following.projection.limit is None:
            return None
        projection = following.projection
        values = {item.name: item.value for item in projection.items}
        if projection.distinct or projection.everything or not projection.order or not all(map(_safe, values.values())):
            return None
        keys = [
            values.get(sort.value.name, sort.value) if isinstance(sort.value, t.Variable) else sort.value
            for sort in projection.order
        ]
        first = keys[0]
        if not all(map(_safe, keys)) or not isinstance(first, t.PropertyAccess):
            return None
        if not isinstance(first.subject, t.Variable) or first.key == "~id":
            return None
        name = first.subject.name
        hidden = name in values and values[name] != first.subject and first is projection.order[0].value
        if hidden or name not in pattern.names:
            return None
        skip = None if projection.skip is None else self.number(projection.skip, "SKIP")
        limit = self.number(following.projection.limit, "LIMIT")
        top = TopRows(name, first.key, projection.order[0].descending)
        return top, lambda run: limit(run) + (0 if skip is None else skip(run))


def _late(projection: t.Projection) -> frozenset[str]:
    """Names of a projection that need not be worked out before its rows are sorted: most are cut off then.

    They are properties of the row's own names, or the first of several that is there, and no part of the order.
    """
    if not projection.order or projection.distinct or projection.everything:
        return frozenset()
    sorted_by = {t.shape(part) for sort in projection.order for part in t.walk(sort.value)}
    named = {name for sort in projection.order for name in variables_of(sort.value)}
    return frozenset(
        item.name
        for item in projection.items
        if _read(item.value) and t.shape(item.value) not in sorted_by and item.name not in named
    )


def _read(value: t.Expression) -> bool:
    """Whether an expression only reads properties of names, which cannot fail on nodes and relationships."""
    if isinstance(value, t.Call):
        return value.name.lower() == "coalesce" and all(map(_read, value.arguments))
    return isinstance(value, t.PropertyAccess) and isinstance(value.subject, t.Variable)


def _safe(value: t.Expression) -> bool:
    """Whether an expression cannot fail, wherever its names are nodes and relationships or null."""
    return _read(value) or isinstance(value, t.Variable | t.Constant)


def variables_of(node: t.Node) -> frozenset[str]:
    """The names in a clause; those of queries and lists inside of it are their own."""
    if isinstance(node, t.Variable):
        return frozenset({node.name})
    if isinstance(node, t.Subquery | t.PatternComprehension | t.ListComprehension | t.Quantifier | t.Reduce):
        return frozenset()
    return frozenset(name for child in t.children(node) for name in variables_of(child))


def _named(row: Row) -> Row:
    """What ``*`` stands for: every name that a query can write, in the order of the alphabet."""
    return {name: row[name] for name in sorted(row) if name[:1] != "\0"}


FEW_WANTED: Final = 10_000
"""So many rows of a sorted answer are kept while the others go by."""


class _Falling:
    """A key of DESC: the larger one comes first."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Falling) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Falling) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]


Pair = tuple[Row, Row]
"""A row before a projection, and the projected one."""

BEFORE: Final = "\0before"
"""The column in which a projection hands on the row before, where it is asked to."""


def _as_it_is(run: CypherRun, rows: Iterator[Row]) -> Iterator[Pair]:
    """Rows that are projected already."""
    return ((row, row) for row in rows)


def distinct_rows(run: CypherRun, rows: Iterable[Row]) -> Iterator[Row]:
    """Of rows that DISTINCT takes for one the first."""
    seen: set[Any] = set()
    for row in rows:
        key = tuple(map(equivalence_key, row.values()))
        if key not in seen:
            seen.add(key)
            run.hold(len(seen)) if not len(seen) & 1023 else None
            yield row


def _distinct_pairs(run: CypherRun, pairs: Iterable[Pair]) -> Iterator[Pair]:
    seen: set[Any] = set()
    for before, after in pairs:
        key = tuple(map(equivalence_key, after.values()))
        if key not in seen:
            seen.add(key)
            run.hold(len(seen)) if not len(seen) & 1023 else None
            yield before, after


def _aggregates(projection: t.Projection, library: Library) -> Mapping[object, t.Node]:
    """The aggregations of a projection by their shape, each once."""
    found: dict[object, t.Node] = {}

    def look(node: t.Node) -> None:
        if library.aggregates(node):
            found.setdefault(t.shape(node), node)
        elif not isinstance(node, t.Subquery):
            for child in t.children(node):
                look(child)

    for item in projection.items:
        look(item.value)
    return found


class _Gathered:
    """The aggregation of one group, and what DISTINCT has seen."""

    __slots__ = ("aggregate", "seen")

    def __init__(self, aggregate: Aggregate, seen: set[Any] | None) -> None:
        self.aggregate = aggregate
        self.seen = seen


class _Input:
    """What an aggregation takes of every row."""

    def __init__(self, node: t.Node, expressions: Expressions, library: Library) -> None:
        self._node, self._library = node, library
        self._distinct = isinstance(node, t.Call) and node.distinct
        self._arguments: list[Evaluator] | None = None
        if isinstance(node, t.Call):
            self._arguments = [expressions.of(one) for one in node.arguments]

    def gathering(self, run: CypherRun) -> _Gathered:
        """For a new group."""
        return _Gathered(self._library.gathering(self._node, run), set() if self._distinct else None)

    def take(self, run: CypherRun, row: Row, gathered: _Gathered) -> None:
        """One row; nulls are left out."""
        if self._arguments is None:
            gathered.aggregate.add(None)
            return
        values = [argument(run, row) for argument in self._arguments]
        if values[0] is None:
            return
        if gathered.seen is not None:
            key = equivalence_key(values[0])
            if key in gathered.seen:
                return
            gathered.seen.add(key)
        gathered.aggregate.add(*values)
