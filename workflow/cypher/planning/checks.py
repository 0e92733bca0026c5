"""Whether a query means something, found before anything runs, so also on an empty graph.

Walks the tree with the names that each clause sees and what is known of their values. The words of its errors are those
of openCypher's compatibility kit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from workflow.cypher.errors import ParameterMissing, ProcedureError
from workflow.cypher.lang import tree as t
from workflow.cypher.planning import types
from workflow.cypher.planning.expression_checks import ExpressionChecks, Scope
from workflow.cypher.planning.procedures import Library, Procedure
from workflow.cypher.planning.types import ANY, INTEGER, NODE, PATH, RELATIONSHIP, Type


def check(statement: t.Statement, library: Library, parameters: Collection[str] = ()) -> tuple[str, ...]:
    """The columns of a statement's answer.

    Args:
        statement: as it was read.
        library: what it may call beside the functions of the language.
        parameters: the names of those that were given, which stand in for arguments that a procedure is not given.

    Raises CypherSyntaxError and its kin for whatever no graph and no parameter could make right.
    """
    return _Checker(statement.text, library, parameters).query(statement.query, {}) or ()


class _Checker(ExpressionChecks):
    def __init__(self, text: str, library: Library, parameters: Collection[str]) -> None:
        super().__init__(text, library)
        self.parameters = parameters

    # -- queries and clauses

    def query(self, query: t.Query, scope: Scope) -> tuple[str, ...] | None:
        """The columns; None where the query ends without RETURN."""
        columns: list[tuple[str, ...] | None] = [self.part(part, dict(scope)) for part in query.parts]
        if any(one != columns[0] for one in columns):
            self.refuse(query, "DifferentColumnsInUnion", "All parts of a UNION need the same columns")
        return columns[0]

    def part(self, clauses: Sequence[t.Clause], scope: Scope) -> tuple[str, ...] | None:
        for clause in clauses:
            match clause:
                case t.Return():
                    return tuple(self.projection(clause.projection, scope, returns=True))
                case t.With():
                    scope = self.with_(clause, scope)
                case t.Match():
                    self.match_(clause, scope)
                case t.Unwind():
                    source = self.type_of(clause.source, scope)
                    self.bind(clause.variable, source.item or ANY if source.name == "list" else ANY, scope)
                case t.CallProcedure():
                    columns = self.call(clause, scope, alone=len(clauses) == 1)
                    if len(clauses) == 1:
                        return columns
                case t.CallSubquery():
                    self.subquery(clause, scope)
                case _:
                    self.update(clause, scope)
        return None

    def match_(self, clause: t.Match, scope: Scope) -> None:
        self.patterns(clause.patterns, scope, "match")
        if clause.condition is not None:
            self.predicate(clause.condition, scope)

    def with_(self, clause: t.With, scope: Scope) -> Scope:
        projected = self.projection(clause.projection, scope, returns=False)
        if clause.condition is not None:
            hides = clause.projection.distinct or any(
                self.library.has_aggregation(item.value) for item in clause.projection.items
            )
            shapes = {
                t.shape(item.value): item
                for item in clause.projection.items
                if not self.library.has_aggregation(item.value)
            }
            if hides and any(t.shape(node) in shapes for node in t.walk(clause.condition)):
                self.sorted_projection(clause.condition, shapes, projected)
            else:
                self.predicate(clause.condition, projected if hides else {**scope, **projected})
        return projected

    def subquery(self, clause: t.CallSubquery, scope: Scope) -> None:
        inner: Scope = {}
        if clause.imports is not None:
            inner = {one.name: self.type_of(one, scope) for one in clause.imports}
        else:
            first = clause.query.parts[0][0]
            if isinstance(first, t.With):
                inner = scope
        for column in self.query(clause.query, inner) or ():
            self.bind(t.Variable(clause.at, column), ANY, scope)

    def update(self, clause: t.Clause, scope: Scope) -> None:
        match clause:
            case t.Create():
                self.patterns(clause.patterns, scope, "create")
            case t.MergePattern():
                self.patterns((clause.pattern,), scope, "merge")
                for item in (*clause.on_create, *clause.on_match):
                    self.set_item(item, scope)
            case t.Set():
                for item in clause.items:
                    self.set_item(item, scope)
            case t.Remove():
                for removed in clause.items:
                    self.type_of(removed.variable if isinstance(removed, t.SetLabels) else removed, scope)
            case t.Delete():
                for value in clause.values:
                    self.deleted(value, scope)
            case t.Foreach():
                source = self.type_of(clause.source, scope)
                inner = {**scope, clause.variable.name: source.item or ANY}
                for one in clause.clauses:
                    self.update(one, inner)

    def set_item(self, item: t.SetItem, scope: Scope) -> None:
        if isinstance(item, t.SetProperty):
            self.type_of(item.target, scope)
            self.type_of(item.value, scope)
            return
        self.type_of(item.variable, scope)
        if isinstance(item, t.SetProperties):
            self.type_of(item.value, scope)

    def deleted(self, value: t.Expression, scope: Scope) -> None:
        if isinstance(value, t.HasLabels):
            self.refuse(value, "InvalidDelete", "DELETE removes elements, REMOVE their labels")
        found = self.type_of(value, scope)
        if found.known and found.name not in ("node", "relationship", "path", "list", "map"):
            self.refuse(value, "InvalidArgumentType", f"DELETE takes nodes, relationships and paths, not {found.name}")

    def call(self, clause: t.CallProcedure, scope: Scope, *, alone: bool) -> tuple[str, ...]:
        procedure = self.library.procedures.get(clause.name)
        if procedure is None:
            raise ProcedureError(f"There is no procedure {clause.name!r}", "ProcedureNotFound")
        self.arguments(clause, procedure, scope, alone=alone)
        names = [name for name, _ in procedure.columns]
        if clause.yields is None and names and not alone:
            self.refuse(clause, "UndefinedVariable", f"YIELD what {clause.name} gives: {', '.join(names)}")
        yields = clause.yields or ()
        if clause.yields is None or clause.everything:
            yields = tuple(t.Yield(clause.at, name, None) for name in names)
        kinds = dict(procedure.columns)
        for one in yields:
            if one.column not in kinds:
                self.refuse(one, "UndefinedVariable", f"{clause.name} gives {', '.join(names)}, and no {one.column}")
            self.bind(one.alias or t.Variable(one.at, one.column), ANY, scope)
        if clause.condition is not None:
            self.predicate(clause.condition, scope)
        return tuple(one.alias.name if one.alias else one.column for one in yields)

    def arguments(self, clause: t.CallProcedure, procedure: Procedure, scope: Scope, *, alone: bool) -> None:
        wanted = procedure.arguments
        if clause.arguments is None:
            if not alone:
                self.refuse(clause, "InvalidArgumentPassingMode", "Inside a query a procedure needs its arguments")
            for one in wanted:
                if not one.optional and one.name not in self.parameters:
                    raise ParameterMissing(one.name)
            return
        least = sum(not one.optional for one in wanted)
        if not least <= len(clause.arguments) <= len(wanted):
            self.refuse(clause, "InvalidNumberOfArguments", f"{clause.name} takes {len(wanted)} arguments, not so many")
        for value, argument in zip(clause.arguments, wanted, strict=False):
            found = self.type_of(value, scope)
            if found.known and not _fits(found.name, argument.kind):
                self.refuse(value, "InvalidArgumentType", f"{argument.name} is {argument.kind}, not {found.name}")

    # -- projections

    def projection(self, projection: t.Projection, scope: Scope, *, returns: bool) -> Scope:
        """The names behind WITH or RETURN."""
        out: Scope = {}
        if projection.everything:
            if not scope and returns:
                self.refuse(projection, "NoVariablesInScope", "RETURN * needs at least one name")
            out.update((name, scope[name]) for name in sorted(scope))
        for item in projection.items:
            self.aggregating = True
            kind = self.type_of(item.value, scope)
            self.aggregating = False
            if item.name in out:
                self.refuse(item, "ColumnNameConflict", f"Two columns have the name {item.name!r}")
            out[item.name] = kind
        grouped = any(self.library.has_aggregation(item.value) for item in projection.items)
        if grouped:
            for item in projection.items:
                if self.library.has_aggregation(item.value):
                    self.grouped(item.value, _keys(projection, scope, self.library))
        self.order(projection, scope, out, grouped=grouped)
        for item in projection.items:
            if not returns and item.alias is None and not isinstance(item.value, t.Variable):
                self.refuse(item, "NoExpressionAlias", f"Give {item.text!r} a name with AS")
        for count, word in ((projection.skip, "SKIP"), (projection.limit, "LIMIT")):
            if count is not None:
                self.count(count, word)
        return out

    def grouped(self, node: t.Node, keys: _Keys) -> None:
        """Beside an aggregation only what is one value for the group may stand."""
        if self.library.aggregates(node) or isinstance(node, t.Subquery):
            return
        if isinstance(node, t.PropertyAccess) and keys.has(node):
            return
        if isinstance(node, t.Variable) and not keys.has(node):
            self.refuse(
                node,
                "AmbiguousAggregationExpression",
                f"{node.name} beside an aggregation is not grouped by; project it",
            )
        own = {one.name for one in _own_variables(node)}
        inner = keys.without(own) if own else keys
        for child in t.children(node):
            self.grouped(child, inner)

    def order(self, projection: t.Projection, scope: Scope, out: Scope, *, grouped: bool) -> None:
        shapes = {t.shape(item.value): item for item in projection.items}
        for sort in projection.order:
            if t.shape(sort.value) in shapes:
                continue
            if self.library.has_aggregation(sort.value):
                if not grouped:
                    self.refuse(sort, "InvalidAggregation", "ORDER BY aggregates only where the projection does")
                self.sorted_group(sort.value, shapes, out)
                continue
            visible = out if projection.distinct or grouped else {**scope, **out}
            if projection.distinct or grouped:
                self.sorted_projection(sort.value, shapes, visible)
            else:
                self.type_of(sort.value, visible)

    def sorted_group(self, node: t.Node, shapes: Mapping[object, t.Item], out: Scope) -> None:
        item = shapes.get(t.shape(node))
        if item is not None:
            if not isinstance(node, t.Variable | t.PropertyAccess) and not self.library.aggregates(node):
                self.refuse(
                    node, "AmbiguousAggregationExpression", f"Give {item.text!r} a name, and order by that name"
                )
            return
        if isinstance(node, t.Variable) and node.name not in out:
            self.refuse(node, "UndefinedVariable", f"The name {node.name} is not projected")
        for child in t.children(node):
            self.sorted_group(child, shapes, out)

    def sorted_projection(self, node: t.Node, shapes: Mapping[object, t.Item], visible: Scope) -> None:
        if t.shape(node) in shapes:
            return
        if isinstance(node, t.Variable) and node.name not in visible:
            self.refuse(node, "UndefinedVariable", f"The name {node.name} is not projected")
        own = {one.name: ANY for one in _own_variables(node)}
        if isinstance(node, t.Subquery | t.PatternComprehension):
            shapes = {}  # a query of its own, which knows names and no columns
        for child in t.children(node):
            self.sorted_projection(child, shapes, {**visible, **own})

    def count(self, value: t.Expression, word: str) -> None:
        for node in t.walk(value):
            if isinstance(node, t.Variable | t.PatternExpression | t.Subquery):
                self.refuse(value, "NonConstantExpression", f"{word} takes what is the same for every row")
        found = self.type_of(value, {})
        if found.known and found != INTEGER:
            self.refuse(value, "InvalidArgumentType", f"{word} takes an integer, not {found.name}")
        if isinstance(value, t.Constant) and isinstance(value.value, int) and value.value < 0:
            self.refuse(value, "NegativeIntegerArgument", f"{word} takes no negative number")

    # -- patterns

    def bind(self, variable: t.Variable, kind: Type, scope: Scope) -> None:
        """A new name."""
        if variable.name in scope:
            self.refuse(variable, "VariableAlreadyBound", f"The name {variable.name} is taken")
        scope[variable.name] = kind

    def patterns(self, patterns: Iterable[t.PathPattern], scope: Scope, mode: str) -> None:
        seen: set[str] = set()
        for path in patterns:
            self.pattern(path, scope, mode, seen)

    def pattern(self, path: t.PathPattern, scope: Scope, mode: str, seen: set[str]) -> None:
        """The names of a pattern, then what is said about its elements.

        Args:
            mode: ``match``, ``create``, ``merge``, or ``test`` for one that binds nothing.
            seen: the relationships that the clause has named so far.
        """
        alone = not path.relationships
        for at, node in enumerate(path.nodes):
            self.node(node, scope, mode, alone=alone)
            if at < len(path.relationships):
                self.relationship(path.relationships[at], scope, mode, seen)
        if path.variable is not None:
            self.bind(path.variable, PATH, scope)
        elements: tuple[t.NodePattern | t.RelationshipPattern, ...] = (*path.nodes, *path.relationships)
        for element in elements:
            if isinstance(element.properties, t.Parameter) and mode in ("match", "merge"):
                self.refuse(element, "InvalidParameterUse", "A pattern names its properties one by one: {key: $value}")
            if element.properties is not None:
                self.type_of(element.properties, scope)
            if element.condition is not None:
                self.predicate(element.condition, scope)

    def node(self, node: t.NodePattern, scope: Scope, mode: str, *, alone: bool) -> None:
        if node.variable is None:
            return
        name = node.variable.name
        if name not in scope:
            if mode == "test":
                self.refuse(node, "UndefinedVariable", f"The name {name} is not known here")
            scope[name] = NODE
            return
        if scope[name].known and scope[name] != NODE:
            self.refuse(node, "VariableTypeConflict", f"{name} is {scope[name].name}, and no node")
        if mode in ("create", "merge") and (alone or node.labels is not None or node.properties is not None):
            self.refuse(node, "VariableAlreadyBound", f"The node {name} is there already")

    def relationship(self, one: t.RelationshipPattern, scope: Scope, mode: str, seen: set[str]) -> None:
        named = one.variable
        if mode in ("create", "merge"):
            if named is not None and named.name in scope and scope[named.name] in (RELATIONSHIP, ANY):
                self.refuse(one, "VariableAlreadyBound", f"The relationship {named.name} is there already")
            if one.length is not None:
                self.refuse(one, "CreatingVarLength", "A relationship of any length cannot be created")
            if not isinstance(one.types, t.Label) or one.types.name is None:
                self.refuse(one, "NoSingleRelationshipType", "A relationship is created with exactly one type")
            if mode == "create" and one.way == "both":
                self.refuse(one, "RequiresDirectedRelationship", "A relationship is created with a direction")
        if named is None:
            return
        name = named.name
        if name in seen:
            self.refuse(one, "RelationshipUniquenessViolation", f"The relationship {name} stands in the pattern twice")
        seen.add(name)
        kind = RELATIONSHIP if one.length is None else types.RELATIONSHIPS
        if name not in scope:
            if mode == "test":
                self.refuse(one, "UndefinedVariable", f"The name {name} is not known here")
            scope[name] = kind
            return
        bound = scope[name]
        fits = bound == kind or (
            bound.name == "list" and kind.name == "list" and (bound.item or ANY) in (ANY, RELATIONSHIP)
        )
        if bound.known and not fits:
            self.refuse(one, "VariableTypeConflict", f"{name} is {bound.name}, and no relationship of this pattern")


class _Keys:
    """What the rows of a group have in common: names that are projected by themselves, and other projected keys."""

    def __init__(self, shapes: frozenset[object], names: frozenset[str]) -> None:
        self._shapes, self._names = shapes, names

    def has(self, node: t.Variable | t.PropertyAccess) -> bool:
        """Whether it is one value for the group."""
        if t.shape(node) in self._shapes:
            return True
        if isinstance(node, t.Variable):
            return node.name in self._names
        return isinstance(node.subject, t.Variable) and node.subject.name in self._names

    def without(self, names: set[str]) -> _Keys:
        """Where these names are an expression's own, and one value each time they are looked at."""
        return _Keys(self._shapes, self._names | names)


def _keys(projection: t.Projection, scope: Scope, library: Library) -> _Keys:
    single = [item.value for item in projection.items if not library.has_aggregation(item.value)]
    names = {one.name for one in single if isinstance(one, t.Variable)}
    if projection.everything:
        names |= scope.keys()
    return _Keys(frozenset(map(t.shape, single)), frozenset(names))


def _own_variables(node: t.Node) -> list[t.Variable]:
    """The names that an expression makes for itself."""
    if isinstance(node, t.Reduce):
        return [node.variable, node.accumulator]
    if isinstance(node, t.ListComprehension | t.Quantifier):
        return [node.variable]
    if isinstance(node, t.PatternComprehension):
        return [one for one in t.walk(node.pattern) if isinstance(one, t.Variable)]
    if isinstance(node, t.Subquery):
        makers = (t.PathPattern, t.NodePattern, t.RelationshipPattern, t.Unwind)
        made = [one.variable for one in t.walk(node) if isinstance(one, makers)]
        made += [one.alias for one in t.walk(node) if isinstance(one, t.Item | t.Yield)]
        return [one for one in made if one is not None]
    return []


def _fits(kind: str, wanted: str) -> bool:
    if wanted in ("any", kind):
        return True
    return wanted in ("float", "number") and kind in types.NUMERIC
