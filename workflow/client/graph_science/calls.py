"""One call of a procedure, and its answer as Python has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workflow.client.connection import Connection

if TYPE_CHECKING:
    import pandas as pd

Result = dict[str, Any]
"""One row by column."""


def camel_case(name: str) -> str:
    """``mutate_property`` as ``mutateProperty``; other names stay."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments as options of a procedure; what is None is left out."""
    return {camel_case(name): value for name, value in given.items() if value is not None}


class Procedures:
    """The procedures of a service."""

    def __init__(self, connection: Connection, graph: str = "g") -> None:
        self.connection, self.graph = connection, graph

    def rows(self, name: str, arguments: Sequence[Any], returns: str = "") -> list[Result]:
        """Call a procedure.

        Args:
            returns: what is made of its columns, such as ``YIELD a RETURN a``.
        """
        parameters = {f"a{place}": value for place, value in enumerate(arguments)}
        text = f"CALL {name}({', '.join('$' + key for key in parameters)}) {returns}"
        return self.connection.cypher(text, parameters, self.graph)

    def one(self, name: str, *arguments: Any) -> Result:
        """The only row of an answer."""
        (row,) = self.rows(name, arguments)
        return row

    def frame(self, name: str, arguments: Sequence[Any], returns: str = "") -> pd.DataFrame:
        """The rows of an answer as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows(name, arguments, returns))


def with_node_ids(columns: Mapping[str, str]) -> str:
    """Columns by the names they get; ``nodeId``, ``node1`` and ``node2`` as the database's ids instead of numbers."""
    shown = ", ".join(
        f"elementId(gds.util.asNode({one})) AS {name}" if re.fullmatch(r"node(Id|\d)", one) else f"{one} AS {name}"
        for one, name in columns.items()
    )
    return f"YIELD {', '.join(columns)} RETURN {shown}"
