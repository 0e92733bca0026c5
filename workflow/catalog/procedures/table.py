"""All rows of one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from workflow.catalog.owners import EVERYBODY
from workflow.catalog.procedures.aggregation import GraphFromRows
from workflow.catalog.procedures.algorithms import AlgorithmProcedures
from workflow.catalog.procedures.deploying import Deploy, DeployProcedure
from workflow.catalog.procedures.functions import Functions
from workflow.catalog.procedures.graphs import GraphProcedures
from workflow.catalog.procedures.models import ModelProcedures
from workflow.catalog.procedures.pipelines import PipelineProcedures
from workflow.catalog.procedures.queries import QueryProjection
from workflow.catalog.service import GraphAnalytics
from workflow.cypher.planning.procedures import LibraryRow, NamedAggregation, Procedure


def catalog_rows(analytics: GraphAnalytics, database: str, deploy: Deploy | None = None) -> list[LibraryRow]:
    """Every procedure, function and aggregation; ``gds.list`` names them all.

    Args:
        deploy: brings up the endpoint of a model; without it there is no procedure for that.
    """
    own: dict[str, dict[tuple[type, str], LibraryRow]] = {}  # the rows of each user's catalogs

    def of(user: str, row: LibraryRow) -> Any:
        if user not in own:
            rows = _rows(analytics.of(user), database, deploy)
            own[user] = {(type(one), one.name): one for one in rows}
        return own[user][type(row), row.name]

    def of_whoever_asks(row: LibraryRow) -> LibraryRow:
        """The same row, which does its work in the catalogs of the user whose query calls it."""
        if isinstance(row, Procedure):
            return replace(row, call=lambda run, *given: of(_whose(run, row, given), row).call(run, *given))
        if isinstance(row, NamedAggregation):
            return replace(row, make=lambda run: of(run.user, row).make(run))
        if not row.function.contextual:
            return row
        return replace(
            row, function=replace(row.function, call=lambda run, *given: of(run.user, row).function.call(run, *given))
        )

    found = [of_whoever_asks(row) for row in _rows(analytics, database, deploy)]
    shown = sorted(((one.name, one) for one in found), key=lambda pair: pair[0])

    def listed(run: object) -> Iterator[tuple[str, str, str, str]]:
        for name, one in shown:
            kind = "procedure" if isinstance(one, Procedure) else "function"
            yield name, one.description, one.signature if isinstance(one, Procedure) else name, kind

    columns = (("name", "string"), ("description", "string"), ("signature", "string"), ("type", "string"))
    return [*found, Procedure("gds.list", (), columns, listed)]


def _whose(run: Any, procedure: Procedure, given: tuple[Any, ...]) -> str:
    """The user in whose catalogs a procedure works: the one it names, since all have equal rights, or who asks."""
    if not run.user:
        return EVERYBODY
    for argument, value in zip(procedure.arguments, given, strict=True):
        named = value if argument.name == "username" else value.get("username") if isinstance(value, Mapping) else None
        if isinstance(named, str) and named:
            return named
    return str(run.user)


def _rows(analytics: GraphAnalytics, database: str, deploy: Deploy | None) -> list[LibraryRow]:
    """The rows over what one user sees."""
    return [
        *GraphProcedures(analytics, database).rows(),
        NamedAggregation("gds.graph.project", lambda run: GraphFromRows(analytics.graphs), 2, 6, "map"),
        *QueryProjection(analytics.graphs).rows(),
        *AlgorithmProcedures(analytics).rows(),
        *PipelineProcedures(analytics).rows(),
        *ModelProcedures(analytics.models).rows(),
        *Functions(analytics).rows(),
        *(DeployProcedure(analytics, deploy).rows() if deploy is not None else ()),
    ]
