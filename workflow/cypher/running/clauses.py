"""Clauses become functions from rows to rows, and a query a chain of them.

A query that writes runs each clause to its end before the next one begins, so that no clause sees what a later one
changes; a query that reads hands on row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from workflow.cypher.lang import tree as t
from workflow.cypher.planning.plan import PlanStep, source
from workflow.cypher.planning.procedures import Library
from workflow.cypher.running.array_plan import array_plan
from workflow.cypher.running.arrays import NotAsArrays, array_blocks, array_groups
from workflow.cypher.running.blocks import single_rows
from workflow.cypher.running.expressions import Expressions
from workflow.cypher.running.patterns import Pattern
from workflow.cypher.running.projecting import BEFORE, Operator, Projections, distinct_rows, variables_of
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.running.tables import FIRST_BATCH, MOST_BATCH, BestSoFar, table_graph
from workflow.cypher.running.writing import Change, Together, Writing, delete_condemned

if TYPE_CHECKING:
    from workflow.graphs.protocols import ColumnarGraph

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
        self._projections = Projections(self._expressions, library, text)
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
            return distinct_rows(run, found) if distinct else found

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
        self._visible = bound | variables_of(clause)
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
                return self._projections.operator(clause.projection)
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
        top = None if optional or not grows else self._projections.top_rows(pattern, following)

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
            return self._projections.operator(clause.projection)
        hides = clause.projection.distinct or any(
            self._library.has_aggregation(item.value) for item in clause.projection.items
        )
        keep = not hides and not (clause.projection.skip or clause.projection.limit)
        project = self._projections.operator(clause.projection, keep=keep)
        known = {
            t.shape(item.value): item.name
            for item in clause.projection.items
            if not self._library.has_aggregation(item.value)
        }
        condition = self._expressions.knowing(known if hides else {}).condition(clause.condition)

        def with_(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
            for row in project(run, rows):
                before = row.pop(BEFORE, None)
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
            t.shape(one.value) not in shapes and not variables_of(one.value) <= names for one in projection.order
        ):
            return None
        finish = self._projections.operator(projection, projected=True)
        skip = None if projection.skip is None else self._projections.number(projection.skip, "SKIP")
        limit = None if projection.limit is None else self._projections.number(projection.limit, "LIMIT")
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
    return bound | variables_of(clause)


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
