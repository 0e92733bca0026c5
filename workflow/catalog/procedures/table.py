"""All rows of one database."""

from __future__ import annotations

from collections.abc import Iterator

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
    found: list[LibraryRow] = [
        *GraphProcedures(analytics, database).rows(),
        NamedAggregation("gds.graph.project", lambda run: GraphFromRows(analytics.graphs), 2, 6, "map"),
        *QueryProjection(analytics.graphs).rows(),
        *AlgorithmProcedures(analytics).rows(),
        *PipelineProcedures(analytics).rows(),
        *ModelProcedures(analytics.models).rows(),
        *Functions(analytics).rows(),
        *(DeployProcedure(analytics, deploy).rows() if deploy is not None else ()),
    ]
    shown = sorted(((one.name, one) for one in found), key=lambda pair: pair[0])

    def listed(run: object) -> Iterator[tuple[str, str, str, str]]:
        for name, one in shown:
            kind = "procedure" if isinstance(one, Procedure) else "function"
            yield name, one.description, one.signature if isinstance(one, Procedure) else name, kind

    columns = (("name", "string"), ("description", "string"), ("signature", "string"), ("type", "string"))
    return [*found, Procedure("gds.list", (), columns, listed)]
