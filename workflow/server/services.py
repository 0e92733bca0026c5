"""Everything a route may call, as one value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow.settings import Settings

if TYPE_CHECKING:
    from workflow.graphs.base import WritableGraph
    from workflow.inference.base import PredictionService
    from workflow.storage import Storage


@dataclass(frozen=True)
class Services:
    """What ``app.build`` puts together and every route module reads.

    ``engines`` and ``graphs`` are by traversal source (``g``, ``gmodern`` …); two sources may share one graph.
    ``jobs``, ``loads``, ``exports`` and ``queries`` are the JobService, LoadService, ExportService and QueryRegistry;
    each is None until its room exists. ``credentials`` checks a user and a password, None lets everybody in;
    ``stopping`` is set when the service has begun to stop.
    """

    settings: Settings
    storage: Storage
    engines: Mapping[str, Any]
    graphs: Mapping[str, WritableGraph]
    jobs: Any = None
    loads: Any = None
    exports: Any = None
    prediction: PredictionService | None = None
    queries: Any = None
    credentials: Callable[[str, str], bool] | None = None
    started_ms: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
