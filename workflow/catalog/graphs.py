"""The catalog of projected graphs."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

import numpy as np

from training_scripts.graph_ml.schemas.catalog.projection import ProjectedGraphDescription, PropertyColumn
from workflow.catalog.errors import NameMissing, NameTaken, checked_name
from workflow.catalog.owners import EVERYBODY, Owned
from workflow.catalog.projected import ALL_LABELS, ProjectedGraph
from workflow.catalog.projecting import GraphDraft

KIND: Final = "A graph"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


class KeepsRows(Protocol):
    """What a catalog needs of the graph whose nodes its projections name by their rows."""

    def version(self) -> tuple[int, int]:
        """The first number is another after every reset."""

    def hold_rows(self) -> None:
        """From now on give no row again that an element has had."""

    def let_rows_go(self) -> None:
        """Take back one ``hold_rows``."""


class _Projections(Owned[ProjectedGraph]):
    """Of one database, and between which two of its resets they were projected."""

    epoch = 0


class GraphCatalog:
    """Projected graphs by name, each in a folder of its own, as one user sees them.

    They end with the service, and with a reset of the database: ids change then. While there is one, the database gives
    no id of a deleted node to another.

    Args:
        folder: emptied at the start.
        database: whose nodes are projected.
        clock: milliseconds since 1970.
    """

    def __init__(self, folder: Path, database: KeepsRows, clock: Callable[[], int] = now_ms) -> None:
        self.folder, self.database, self.clock = folder, database, clock
        shutil.rmtree(folder, ignore_errors=True)
        self._graphs = _Projections()
        self._lock = threading.RLock()  # guards the table of names; taken before the order of commits
        self.user = EVERYBODY

    def of(self, user: str) -> GraphCatalog:
        """The same as another user sees it."""
        twin = copy(self)
        twin.user = user
        return twin

    def _current(self) -> _Projections:
        """The table, without what was projected before a reset."""
        epoch = self.database.version()[0]
        if self._graphs and epoch != self._graphs.epoch:
            with self._lock:
                if self._graphs and epoch != self._graphs.epoch:
                    for gone in self._graphs.every():
                        shutil.rmtree(gone.folder, ignore_errors=True)
                    self._graphs.clear()
                    self.database.let_rows_go()
        return self._graphs

    def project(self, name: str, draft: GraphDraft, configuration: dict[str, Any]) -> ProjectedGraph:
        """Write a draft and give it its name. Raises ProcedureRefused."""
        self.check_free(name)
        folder = self.folder / uuid4().hex
        try:
            draft.write(folder, name)
            return self.add(name, folder, configuration)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def add(self, name: str, folder: Path, configuration: dict[str, Any]) -> ProjectedGraph:
        """Give a written folder its name. Raises NameTaken."""
        now = self.clock()
        made = ProjectedGraph(name, folder, configuration, now, now)
        with self._lock:
            known = self._current()
            if known.has(self.user, name):
                raise NameTaken(KIND, name)
            if not known:
                # the query that projects still has its version, so none of that version's rows was given again
                self.database.hold_rows()
                known.epoch = self.database.version()[0]
            known.put(self.user, name, made)
        return made

    def check_free(self, name: str) -> None:
        """Raise ProcedureRefused for a name that is blank or taken."""
        if self._current().has(self.user, checked_name(KIND, name)):
            raise NameTaken(KIND, name)

    def get(self, name: str) -> ProjectedGraph:
        """The graph of a name. Raises NameMissing."""
        found = self._current().find(self.user, checked_name(KIND, name))
        if found is None:
            raise NameMissing(KIND, name)
        return found

    def find(self, name: str) -> ProjectedGraph | None:
        """The graph of a name, None where there is none."""
        return self._current().find(self.user, name)

    def list(self) -> list[ProjectedGraph]:
        """All graphs, in the order they were projected."""
        return list(self._current().seen_by(self.user).values())

    def drop(self, name: str, *, fail_if_missing: bool = True) -> ProjectedGraph | None:
        """Forget a graph; its folder is the caller's to remove. Raises NameMissing."""
        with self._lock:
            known = self._current()
            found = known.pop(self.user, checked_name(KIND, name))
            if found is not None and not known:
                self.database.let_rows_go()
        if found is None and fail_if_missing:
            raise NameMissing(KIND, name)
        return found

    def close(self) -> None:
        """Remove all folders."""
        shutil.rmtree(self.folder, ignore_errors=True)


def schema_of(description: ProjectedGraphDescription, *, oriented: bool = False) -> dict[str, Any]:
    """Labels, types and their properties, as lists of graphs show them.

    Args:
        oriented: each type with its direction, and its properties apart.
    """
    nodes: dict[str, Any] = {label: {} for label in description.labels}
    for name, column in description.node_properties.items():
        for label in column.labels or nodes:
            nodes.setdefault(label, {})[name] = _shown(column)
    types: dict[str, Any] = {}
    for name, one in description.relationships.items():
        properties = {key: _shown(column) for key, column in one.properties.items()}
        direction = "UNDIRECTED" if one.orientation == "UNDIRECTED" else "DIRECTED"
        types[name] = {"direction": direction, "properties": properties} if oriented else properties
    return {"nodes": nodes, "relationships": types, "graphProperties": {}}


def _shown(column: PropertyColumn) -> str:
    default = column.default
    if default is None:
        text = "DefaultValue(NaN)" if column.value_type == "Float" else "DefaultValue(null)"
        text = "DefaultValue(-9223372036854775808)" if column.value_type == "Integer" else text
    else:
        text = f"DefaultValue({default})"
    return f"{column.value_type} ({text}, {column.state})"


def degree_distribution(graph: ProjectedGraph) -> dict[str, float]:
    """Least, mean and greatest degree of the nodes, and percentiles by nearest rank."""
    degrees = np.zeros(graph.node_count, dtype=np.int64)
    for one in graph.description.relationships.values():
        degrees += np.bincount(graph.array(one.source), minlength=graph.node_count)
    degrees.sort()
    if not len(degrees):
        degrees = np.zeros(1, dtype=np.int64)
    found: dict[str, float] = {"min": int(degrees[0]), "mean": float(degrees.mean()), "max": int(degrees[-1])}
    for percent in (50, 75, 90, 95, 99, 99.9):
        place = max(0, int(np.ceil(percent / 100 * len(degrees))) - 1)
        found[f"p{str(percent).replace('.', '')}"] = int(degrees[place])
    return found


def density(graph: ProjectedGraph) -> float:
    """Relationships for each ordered pair of different nodes."""
    count = graph.node_count
    return graph.relationship_count / (count * (count - 1)) if count > 1 else 0.0


def shown_labels(labels: list[str]) -> list[str]:
    """Labels as users know them, without the one that stands for all."""
    return [label for label in labels if label != ALL_LABELS]
