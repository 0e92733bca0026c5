"""Clauses become functions from rows to rows, and a query a chain of them.

A query that writes runs each clause to its end before the next one begins, so that no clause sees what a later one
changes; a query that reads hands on row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from workflow.cypher.errors import CypherSyntaxError
from workflow.cypher.functions.aggregates import Aggregate
from workflow.cypher.lang import tree as t
from workflow.cypher.planning.plan import PlanStep, source
from workflow.cypher.planning.procedures import Library
from workflow.cypher.running.array_plan import array_plan
from workflow.cypher.running.arrays import NotAsArrays, array_blocks, array_groups
from workflow.cypher.running.blocks import single_rows
from workflow.cypher.running.expressions import Evaluator, Expressions
from workflow.cypher.running.patterns import Pattern
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.running.tables import FIRST_BATCH, MOST_BATCH, BestSoFar, TopRows, table_graph
from workflow.cypher.running.writing import Change, Together, Writing, delete_condemned
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.relations import equivalence_key, order_key
from workflow.queries.columns.sorting import sorted_in_parts

if TYPE_CHECKING:
    from workflow.graphs.protocols import ColumnarGraph

Operator = Callable[[CypherRun, Iterator[Row]], Iterator[Row]]

_WRITES = (t.Create, t.MergePattern, t.Set, t.Remove, t.Delete, t.Foreach)


class Planner:
    """Makes the operators of one statement.

    Args:
        text: of the statement, for errors that are found while it runs.
        library: what it may call beside the functions of the language.
    """

    def __init__(self, text: str, library: Library) -> None:
        self._text = text
        self._library = library
        self._count = 0
        self._steps: list[list[PlanStep]] = [[]]  # of the clause that is being planned, and of those around it
        self._bound: frozenset[str] = frozenset()
        self._visible: frozenset[str] = frozenset()  # to queries inside of an expression
        self._ways: tuple[str, ...] = ()
        self._numbered = 0
        self._expressions = Expressions(self._matching, self._querying, library.functions)
        self._writing = Writing(self._expressions, self._fresh)

    @property
    def steps(self) -> tuple[PlanStep, ...]:
        """The plan of what was planned, as people read it."""
        return tuple(self._steps[0])

    def _fresh(self) -> str:
        self._count += 1
        return f"\0{self._count}"

    def _matching(
        self, path: t.PathPattern, condition: t.Expression | None
    ) -> Callable[[CypherRun, Row], Iterator[Row]]:
        return Pattern((path,), condition, self._expressions, self._fresh).rows

    def _querying(self, query: t.Query) -> Callable[[CypherRun, Row], Iterator[Row]]:
        bound, self._bound = self._bound, self._visible
        operator = self.query(query)
        self._bound = bound
        return lambda run, row: operator(run, iter((dict(row),)))

    # -- queries

    def query(self, query: t.Query, *, outermost: bool = False) -> Operator:
        """A query: its parts one after the other, each on the same rows.

        ``outermost``: it is the statement; where the run takes them, it may give blocks of rows in place of rows.
        """
        writes = writing(query, self._library)
        bound, parts = self._bound, []
        for at, part in enumerate(query.parts):
            self._bound = bound
            end = query.parts[at + 1][0].at if at + 1 < len(query.parts) else len(self._text)
            parts.append(self.chain(part, eager=writes, end=end, last=outermost and len(query.parts) == 1))
        if len(parts) == 1:
            return parts[0]
        distinct = query.distinct

        def union(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            given = list(rows)
            found = (row for part in parts for row in part(run, iter([dict(one) for one in given])))
            return _distinct(run, found) if distinct else found

        return union

    def chain(self, clauses: Sequence[t.Clause], *, eager: bool, end: int, last: bool) -> Operator:
        """Clauses one after the other; ``end`` is where the last one ends in the text."""
        ends_at = [clause.at for clause in clauses[1:]] + [end]
        operators = [
            self._planned(clause, ends_at[at], alone=len(clauses) == 1, following=(*clauses[at + 1 :], None)[0])
            for at, clause in enumerate(clauses)
        ]
        ends = isinstance(clauses[-1], t.Return) or (isinstance(clauses[-1], t.CallProcedure) and len(clauses) == 1)

        around = self._as_arrays(clauses, last=last) if not eager and len(clauses) > 1 else None
        if around is not None:
            operators[:2] = [around(_in_turn(*operators[:2]))]

        def run_all(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for operator in operators:
                rows = operator(run, rows)
                if eager:
                    rows = iter(list(rows))
            return rows

        if ends or not any(isinstance(clause, _WRITES) for clause in clauses):
            return run_all

        def write(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            """Runs to its end at once, and has no columns."""
            for _ in run_all(run, rows):
                pass
            return iter(())

        return write

    def _planned(self, clause: t.Clause, end: int, *, alone: bool, following: t.Clause | None) -> Operator:
        """One clause, and its step of the plan."""
        self._steps.append([])
        self._ways = ()
        bound = self._bound
        self._visible = bound | _variables(clause)
        operator = self.clause(clause, alone=alone, following=following)
        self._bound = _bound_after(clause, bound)
        children = self._steps.pop()
        self._numbered += 1
        number = self._numbered
        name = "OptionalMatch" if isinstance(clause, t.Match) and clause.optional else type(clause).__name__
        text = source(self._text, clause.at, end)
        self._steps[-1].append(PlanStep(number, name, text, self._ways, tuple(children)))

        def run_step(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            found = operator(run, rows)
            return found if run.outcome.costs is None else run.outcome.measured(number, found)

        return run_step

    def clause(self, clause: t.Clause, *, alone: bool, following: t.Clause | None) -> Operator:
        """One clause; ``following`` is the one behind it."""
        match clause:
            case t.Match():
                return self._match(clause, following)
            case t.Unwind():
                return self._unwind(clause)
            case t.With():
                return self._with(clause)
            case t.Return():
                return self._projection(clause.projection)
            case t.CallProcedure():
                return self._call(clause, alone=alone)
            case t.CallSubquery():
                return self._subquery(clause)
            case t.MergePattern():
                return self._merge(clause)
            case t.Create():
                together = self._writing.created_together(clause.patterns, self._bound)
                return _each(self._change(clause), together)
            case t.Set():
                return _each(self._change(clause), self._writing.set_together(clause.items))
            case _:
                return _each(self._change(clause))

    # -- clauses that read

    def _match(self, clause: t.Match, following: t.Clause | None) -> Operator:
        pattern = Pattern(clause.patterns, clause.condition, self._expressions, self._fresh)
        self._ways = pattern.ways(self._bound)
        names, optional = pattern.names, clause.optional
        grows = pattern.grows(self._bound)
        top = None if optional or not grows else self._top_rows(pattern, following)

        def run_tables(run: CypherRun, graph: ColumnarGraph, rows: Iterator[Row]) -> Iterator[Row]:
            size = FIRST_BATCH
            end = None if top is None else top[1](run)
            best = None if top is None or end is None else BestSoFar(top[0], end)
            while given := list(islice(rows, size)):
                met = -1  # the last of them that was found
                for parent, match in pattern.rows_of(run, graph, given, best):
                    if optional and parent > met + 1:
                        yield from ({**dict.fromkeys(names), **row} for row in given[met + 1 : parent])
                    met = parent
                    yield match
                if optional:
                    yield from ({**dict.fromkeys(names), **row} for row in given[met + 1 :])
                size = min(4 * size, MOST_BATCH)

        def run_match(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            graph = table_graph(run) if grows else None
            if graph is not None:
                yield from run_tables(run, graph, rows)
                return
            for row in rows:
                found = False
                for match in pattern.rows(run, row):
                    found = True
                    yield match
                if optional and not found:
                    yield {**dict.fromkeys(names), **row}

        return run_match

    def _top_rows(
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
        skip = None if projection.skip is None else self._number(projection.skip, "SKIP")
        limit = self._number(following.projection.limit, "LIMIT")
        top = TopRows(name, first.key, projection.order[0].descending)
        return top, lambda run: limit(run) + (0 if skip is None else skip(run))

    def _unwind(self, clause: t.Unwind) -> Operator:
        source, name = self._expressions.of(clause.source), clause.variable.name

        def unwind(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for row in rows:
                values = source(run, row)
                if values is None:
                    continue
                for value in values if isinstance(values, list | tuple) else [values]:
                    run.tick()
                    yield {**row, name: value}

        return unwind

    def _with(self, clause: t.With) -> Operator:
        if clause.condition is None:
            return self._projection(clause.projection)
        hides = clause.projection.distinct or any(
            self._library.has_aggregation(item.value) for item in clause.projection.items
        )
        keep = not hides and not (clause.projection.skip or clause.projection.limit)
        project = self._projection(clause.projection, keep=keep)
        known = {
            t.shape(item.value): item.name
            for item in clause.projection.items
            if not self._library.has_aggregation(item.value)
        }
        condition = self._expressions.knowing(known if hides else {}).condition(clause.condition)

        def with_(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for row in project(run, rows):
                before = row.pop(_BEFORE, None)
                if condition(run, row if before is None else {**before, **row}):
                    yield row

        return with_

    def _call(self, clause: t.CallProcedure, *, alone: bool) -> Operator:
        procedure = self._library.procedures[clause.name]
        given = None if clause.arguments is None else [self._expressions.of(part) for part in clause.arguments]
        columns = [name for name, _ in procedure.columns]
        names = dict(zip(columns, columns, strict=True))
        if clause.yields is not None and not clause.everything:
            names = {part.column: part.alias.name if part.alias else part.column for part in clause.yields}
        condition = None if clause.condition is None else self._expressions.condition(clause.condition)

        def values(run: CypherRun, row: Row) -> list[Any]:
            if given is None:
                return [run.parameters.get(part.name, part.default) for part in procedure.arguments]
            arguments = [part(run, row) for part in given]
            arguments += [part.default for part in procedure.arguments[len(arguments) :]]
            return [
                float(value) if argument.kind == "float" and isinstance(value, int) else value
                for value, argument in zip(arguments, procedure.arguments, strict=True)
            ]

        many = procedure.call_many

        def answered(run: CypherRun, rows: Iterator[Row]) -> Iterator[tuple[Row, Iterable[tuple[Any, ...]]]]:
            if many is None:
                for row in rows:
                    yield row, procedure.call(run, *values(run, row))
                return
            batch = list(islice(rows, procedure.gathers))
            if not batch:
                many(run, [])  # it may say why there is no answer
            while batch:
                yield from zip(batch, many(run, [tuple(values(run, row)) for row in batch]), strict=True)
                batch = list(islice(rows, procedure.gathers))

        def call(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for row, answers in answered(run, rows):
                if not columns:
                    for _ in answers:
                        pass
                    if not alone:
                        yield row
                    continue
                for answer in answers:
                    cells = dict(zip(columns, answer, strict=True))
                    out = {**row, **{alias: cells[column] for column, alias in names.items()}}
                    if condition is None or condition(run, out):
                        yield out

        return call

    def _subquery(self, clause: t.CallSubquery) -> Operator:
        operator = self.query(clause.query)
        imports = None if clause.imports is None else [one.name for one in clause.imports]
        returns = any(isinstance(part[-1], t.Return) for part in clause.query.parts)

        def run_subquery(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for row in rows:
                inner = dict(row) if imports is None else {name: row[name] for name in imports}
                found = operator(run, iter((inner,)))
                if returns:
                    for one in found:
                        yield {**row, **one}
                else:
                    for _ in found:
                        pass
                    yield row

        return run_subquery

    # -- projections

    def _as_arrays(self, clauses: Sequence[t.Clause], *, last: bool) -> Callable[[Operator], Operator] | None:
        """The first two clauses as one operator over arrays, around those it stands for; None where they are not so.

        ``last``: what the last clause gives is the answer of the statement, and may be handed on in blocks.
        """
        first, second = clauses[:2]
        if not isinstance(first, t.Match) or not isinstance(second, t.With | t.Return):
            return None
        projection = second.projection
        if isinstance(second, t.With) and second.condition is not None:
            return None
        plan = array_plan(first, projection, self._expressions)
        if plan is None:
            return None
        shapes, names = {t.shape(item.value) for item in projection.items}, {item.name for item in projection.items}
        sorts = plan.grouped or plan.order is None
        if sorts and any(
            t.shape(one.value) not in shapes and not _variables(one.value) <= names for one in projection.order
        ):
            return None
        finish = self._projection(projection, projected=True)
        skip = None if projection.skip is None else self._number(projection.skip, "SKIP")
        limit = None if projection.limit is None else self._number(projection.limit, "LIMIT")
        matched, number = (step.number for step in self._steps[-1][-len(clauses) :][:2])
        hands_on = last and len(clauses) == 2

        def found(run: CypherRun) -> Iterator[Any]:
            if plan.grouped:
                return finish(run, array_groups(plan, run, matched))
            if plan.order is None:
                return finish(run, single_rows(array_blocks(plan, run, matched, 0, None)))
            start = 0 if skip is None else skip(run)
            blocks = array_blocks(plan, run, matched, start, None if limit is None else start + limit(run))
            return blocks if hands_on and run.takes_blocks else single_rows(blocks)

        def around(ordinary: Operator) -> Operator:
            def run_arrays(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
                given = list(islice(rows, 2))
                if len(given) != 1 or given[0]:
                    return ordinary(run, chain(given, rows))
                try:
                    answers = found(run)
                except NotAsArrays:
                    return ordinary(run, iter(given))
                return answers if run.outcome.costs is None else run.outcome.measured(number, answers)

            return run_arrays

        return around

    def _projection(self, projection: t.Projection, *, keep: bool = False, projected: bool = False) -> Operator:
        """WITH and RETURN; ``keep`` hands on the row before in a column of its own.

        ``projected``: rows come as they are projected, and only their order and number are to be seen to.
        """
        grouped = any(self._library.has_aggregation(item.value) for item in projection.items)
        project = self._grouping(projection) if grouped else self._plain(projection)
        if projected:
            project = _as_it_is
        order = self._order(projection, grouped=grouped)
        skip = None if projection.skip is None else self._number(projection.skip, "SKIP")
        limit = None if projection.limit is None else self._number(projection.limit, "LIMIT")
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
                    after[_BEFORE] = before
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

    def _number(self, e: t.Expression, word: str) -> Callable[[CypherRun], int]:
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

    # -- clauses that write

    def _change(self, clause: t.Clause) -> Change:
        match clause:
            case t.Create():
                return self._writing.created(clause.patterns)
            case t.Set():
                return self._writing.set_items(clause.items)
            case t.Remove():
                return self._writing.removed(clause.items)
            case t.Delete():
                return self._writing.deleted(clause)
            case t.Foreach():
                return self._foreach(clause)
            case _:
                assert isinstance(clause, t.MergePattern)
                merge = self._merge(clause)

                def change(run: CypherRun, row: Row) -> None:
                    for _ in merge(run, iter((row,))):
                        pass

                return change

    def _foreach(self, clause: t.Foreach) -> Change:
        source, name = self._expressions.of(clause.source), clause.variable.name
        changes = [self._change(one) for one in clause.clauses]

        def change(run: CypherRun, row: Row) -> None:
            for value in source(run, row) or ():
                run.tick()
                inner = {**row, name: value}
                for one in changes:
                    one(run, inner)

        return change

    def _merge(self, clause: t.MergePattern) -> Operator:
        pattern = Pattern((clause.pattern,), None, self._expressions, self._fresh)
        self._ways = pattern.ways(self._bound)
        create = self._writing.created((clause.pattern,), merging=True)
        on_create, on_match = self._writing.set_items(clause.on_create), self._writing.set_items(clause.on_match)

        def merge(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for row in rows:
                run.tick()
                run.writer()
                found = list(pattern.rows(run, row))
                for match in found:
                    on_match(run, match)
                    yield match
                if not found:
                    made_row = dict(row)
                    create(run, made_row)
                    on_create(run, made_row)
                    yield made_row

        return merge


def _bound_after(clause: t.Clause, bound: frozenset[str]) -> frozenset[str]:
    """The names that are bound behind a clause."""
    if isinstance(clause, t.With | t.Return):
        named = frozenset(item.name for item in clause.projection.items)
        return bound | named if clause.projection.everything else named
    return bound | _variables(clause)


def _late(projection: t.Projection) -> frozenset[str]:
    """Names of a projection that need not be worked out before its rows are sorted: most are cut off then.

    They are properties of the row's own names, or the first of several that is there, and no part of the order.
    """
    if not projection.order or projection.distinct or projection.everything:
        return frozenset()
    sorted_by = {t.shape(part) for sort in projection.order for part in t.walk(sort.value)}
    named = {name for sort in projection.order for name in _variables(sort.value)}
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


def _variables(node: t.Node) -> frozenset[str]:
    """The names in a clause; those of queries and lists inside of it are their own."""
    if isinstance(node, t.Variable):
        return frozenset({node.name})
    if isinstance(node, t.Subquery | t.PatternComprehension | t.ListComprehension | t.Quantifier | t.Reduce):
        return frozenset()
    return frozenset(name for child in t.children(node) for name in _variables(child))


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

_BEFORE = "\0before"


def writing(query: t.Query, library: Library) -> bool:
    """Whether a query may change the graph."""
    for node in t.walk(query):
        if isinstance(node, _WRITES):
            return True
        if (
            isinstance(node, t.CallProcedure)
            and (found := library.procedures.get(node.name)) is not None
            and found.writes
        ):
            return True
    return False


def _as_it_is(run: CypherRun, rows: Iterator[Row]) -> Iterator[Pair]:
    """Rows that are projected already."""
    return ((row, row) for row in rows)


def _in_turn(first: Operator, second: Operator) -> Operator:
    return lambda run, rows: second(run, first(run, rows))


def _each(change: Change, together: Together | None = None) -> Operator:
    """A clause that does something for each row, or for all of them together, and hands it on."""

    def run_each(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
        if together is not None:
            given = list(rows)
            if len(given) > 1 and together(run, given):
                yield from given
                delete_condemned(run)
                return
            rows = iter(given)
        for row in rows:
            run.tick()
            change(run, row)
            yield row
        delete_condemned(run)

    return run_each


def _distinct(run: CypherRun, rows: Iterable[Row]) -> Iterator[Row]:
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
