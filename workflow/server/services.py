"""Everything a route may call, as one value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workflow.queries.running import QueryRegistry
from workflow.server.access.budget import Budget
from workflow.settings import Settings

if TYPE_CHECKING:
    from workflow.cypher.engine import CypherEngine
    from workflow.graphs.protocols import WritableGraph
    from workflow.gremlin.engine import Engine
    from workflow.jobs.exports import ExportService
    from workflow.jobs.loads import LoadService
    from workflow.jobs.service import JobService
    from workflow.predictions.endpoint import PredictionService
    from workflow.storage import Storage


@dataclass(frozen=True)
class Services:
    """What ``app.build`` puts together and every route module reads.

    ``engines``, ``cypher`` and ``graphs`` are by traversal source (``g``, ``gmodern`` …); two sources may share one
    graph. Each language has its own list of running queries.
    What is None is not there: its routes are missing, or say so. ``credentials`` checks a user and a password, None
    lets everybody in; ``budget`` is of what all connections keep in memory; ``ready`` is set once it has taken up its
    work, ``stopping`` when it has begun to stop.
    """

    settings: Settings
    storage: Storage
    engines: Mapping[str, Engine]
    graphs: Mapping[str, WritableGraph]
    jobs: JobService | None = None
    loads: LoadService | None = None
    exports: ExportService | None = None
    prediction: PredictionService | None = None
    queries: QueryRegistry = field(default_factory=QueryRegistry)
    cypher: Mapping[str, CypherEngine] = field(default_factory=dict)
    cypher_queries: QueryRegistry = field(default_factory=QueryRegistry)
    credentials: Callable[[str, str], bool] | None = None
    started_ms: int = 0
    budget: Budget = field(default_factory=Budget)
    ready: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
