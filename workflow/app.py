"""The composition root: builds the service from its settings."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow import datasets
from workflow.drivers import (
    check_choices,
    open_database,
    open_endpoint_host,
    open_observers,
    open_runner,
    open_source,
    open_storage,
)
from workflow.endpoints.service import Endpoints
from workflow.errors import InvalidParameter, WorkflowError
from workflow.gateway.engine import GatewayEngine
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.folder import FolderFiles
from workflow.graphs.source import OpenSource
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.export_filter import opener
from workflow.gremlin.wire.client import GraphSONMessages
from workflow.jobs.execution import Execution
from workflow.jobs.export_sources import OWN_HOSTS, ExportSources
from workflow.jobs.exports import ExportService
from workflow.jobs.load_folders import LoadFolders
from workflow.jobs.loads import LoadService
from workflow.jobs.observers.observing import Observing
from workflow.jobs.retention import Retention
from workflow.jobs.service import JobService, Place
from workflow.jobs.store import JobStore
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.service import EndpointService
from workflow.queries.engines import EnginesOnDemand
from workflow.queries.memory_watch import MemoryWatch, memory
from workflow.queries.running import QueryRegistry
from workflow.runners.base import Capacity
from workflow.server.access.auth import Policy, credentials_of
from workflow.server.app import create_app
from workflow.server.services import Services
from workflow.settings import Settings
from workflow.storage import S3Uri, Storage

if TYPE_CHECKING:
    from workflow.cypher.engine import CypherEngine


class HomeUnusable(WorkflowError):
    """The home folder cannot be used."""

    code = "PreconditionsFailedException"
    status = 400

    def __init__(self, home: Path, reason: str) -> None:
        super().__init__(f"cannot use the home folder {home}: {reason}, or choose another with --home")


class Application:
    """A built service: its parts, its HTTP face, and how to start and stop it."""

    def __init__(
        self,
        services: Services,
        retention: Retention,
        closers: list[Callable[[], None]],
        starters: list[Callable[[], None]],
        leavers: list[Callable[[], None]],
    ) -> None:
        self.services, self.retention = services, retention
        self._closers = closers
        self._leavers = leavers
        self._starters = starters
        self._closed = False

    def asgi(self) -> Any:
        """The ASGI application."""
        return create_app(self.services)

    def start(self) -> None:
        """Take up what an earlier run left: unfinished jobs, endpoints in service."""
        for starter in self._starters:
            starter()
        self.services.ready.set()

    def leave(self) -> None:
        """Tell everything that runs to stop, and wait for none of it. Leaving twice is fine."""
        self.services.stopping.set()
        for leaver in self._leavers:
            leaver()

    def end_queries(self) -> None:
        """Cancel the queries that run; each tells its client."""
        for running in (self.services.queries, self.services.cypher_queries):
            running.cancel_all()

    def close(self) -> None:
        """Stop everything that was started and flush everything that is kept. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self.leave()
        for closer in reversed(self._closers):
            closer()


def build(settings: Settings) -> Application:
    """Put the parts together; nothing runs before ``start``.

    Raises BadSetting, HomeInUse, and what an unreadable store raises.
    """
    closers: list[Callable[[], None]] = []
    try:
        return _build(settings, closers)
    except BaseException:
        for closer in reversed(closers):
            closer()
        raise


def _build(settings: Settings, closers: list[Callable[[], None]]) -> Application:
    check_choices(settings)
    if settings.in_memory:
        # jobs are programs over folders: "keeps nothing" means a home that goes away with the service
        folder = tempfile.TemporaryDirectory(prefix="despina-", ignore_cleanup_errors=True)
        closers.append(folder.cleanup)
        settings = replace(settings, home=Path(folder.name))
    closers.append(_claim(settings.home))
    storage = open_storage(settings)
    store = JobStore(settings.home / "jobs.sqlite")
    closers.append(store.close)
    if observers := open_observers(settings, store, storage):
        observing = Observing(observers)
        store.listener = observing
        closers.append(observing.close)
    jobs = _jobs(settings, store, storage)
    closers.append(jobs.close)
    prediction = EndpointService(jobs.endpoints, default_endpoint=settings.default_endpoint)
    closers.append(prediction.close)
    extension = PredictionExtension(prediction)
    graphs = {} if settings.gremlin_url else _open_graphs(settings, closers)
    files = FolderFiles(settings.io_folder) if settings.io_folder else None
    engines = {
        source: Engine(graph, settings.profile, extension=extension, files=files) for source, graph in graphs.items()
    }
    openers = {source: opener(engines[source], graph) for source, graph in graphs.items()}
    remote: dict[str, OpenSource] = {}
    if settings.gremlin_url:
        sign_region = settings.region if settings.gremlin_sign else None
        database = open_database(settings.gremlin_url, GraphSONMessages(), sign_region)
        engines["g"] = GatewayEngine(database, settings.profile, extension=extension)
        reader = open_source(settings.gremlin_url, sign_region)
        remote[reader.host] = reader.open
        closers.extend((database.close, reader.close))
    queries, cypher_queries = QueryRegistry(), QueryRegistry(language="opencypher")
    cypher = _cypher(settings, graphs, prediction, cypher_queries, jobs, closers)
    watch = MemoryWatch(queries, cypher_queries)
    closers.extend((watch.close, queries.cancel_all, cypher_queries.cancel_all))
    exports = _exports(settings, store, storage, openers, remote)
    closers.append(exports.close)
    loads = _loads(settings, store, storage, graphs)
    closers.append(loads.close)
    services = Services(
        settings=settings,
        storage=storage,
        engines=engines,
        graphs=graphs,
        jobs=jobs,
        loads=loads,
        exports=exports,
        prediction=prediction,
        queries=queries,
        cypher=cypher,
        cypher_queries=cypher_queries,
        credentials=credentials_of(Policy.of(settings)),
        started_ms=int(time.time() * 1000),
    )
    retention = Retention(store, {**jobs.work, "export": exports}, storage, settings.home)
    closers.append(retention.close)
    starters = [jobs.start_work, exports.start_work, loads.start_work, watch.start]
    if settings.retention_days is not None:
        starters.append(partial(retention.start, settings.retention_days))
    leavers = [jobs.leave, exports.leave, loads.leave]
    return Application(services, retention, closers, starters, leavers)


def _cypher(
    settings: Settings,
    graphs: Mapping[str, EmbeddedGraph],
    prediction: EndpointService,
    running: QueryRegistry,
    jobs: JobService,
    closers: list[Callable[[], None]],
) -> Mapping[str, CypherEngine]:
    """The engines of openCypher, imported and built at the first query; what an earlier run left is removed now."""
    for left in ("answers", "graphs"):
        shutil.rmtree(settings.home / "catalog" / left, ignore_errors=True)

    def build() -> Mapping[str, CypherEngine]:
        from workflow.opencypher import open_engines

        return open_engines(settings, graphs, prediction, running, jobs, closers)

    return EnginesOnDemand(graphs, build)


def _loads(settings: Settings, store: JobStore, storage: Storage, graphs: Mapping[str, EmbeddedGraph]) -> LoadService:
    bundled = Path(datasets.__file__).parent
    folders = LoadFolders(storage, (settings.s3_root, bundled, *settings.allowed_folders))
    loaders = {source: CsvLoad(graph) for source, graph in graphs.items()}

    def free() -> Capacity:
        disk = None if settings.in_memory else shutil.disk_usage(settings.home).free
        return Capacity(memory().free, disk)

    return LoadService(store, folders, loaders, free)


def _jobs(settings: Settings, store: JobStore, storage: Storage) -> JobService:
    runner = open_runner(settings, storage)
    custom_code = tuple(S3Uri.parse(place) for place in settings.custom_code)
    execution = Execution(store, storage, runner, settings.scripts, settings.seed, settings.reuse, custom_code)
    endpoints = Endpoints(store, open_endpoint_host(settings, storage))
    place = Place(settings.region, settings.account)
    return JobService(store, storage, runner, execution, endpoints, place, settings.max_parallel_jobs)


def _exports(
    settings: Settings,
    store: JobStore,
    storage: Storage,
    graphs: Mapping[str, OpenSource],
    remote: Mapping[str, OpenSource],
) -> ExportService:
    sources = ExportSources(graphs, remote, own_hosts=(settings.host, *OWN_HOSTS))
    return ExportService(store, storage, sources, settings.home / "exporting")


def _claim(home: Path) -> Callable[[], None]:
    """Make the home ours alone, so that two services do not run one job store; returns how to give it up."""
    try:
        # for its owner alone: graphs, jobs and logs of theirs lie in it
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(home / "service.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeUnusable(home, error.strerror or str(error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise HomeUnusable(home, "another service uses it; stop that one") from error
    return partial(os.close, handle)


def traversal_sources(graphs: tuple[str, ...]) -> dict[str, str]:
    """Traversal source name to graph name: ``g<name>`` each, the first also ``g``; a graph ``g`` is just ``g``."""
    sources = {"g": graphs[0]}
    for name in graphs:
        sources["g" if name == "g" else f"g{name}"] = name
    return sources


def _open_graphs(settings: Settings, closers: list[Callable[[], None]]) -> dict[str, EmbeddedGraph]:
    opened: dict[str, EmbeddedGraph] = {}
    for name in dict.fromkeys(settings.graphs or ("g",)):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,47}", name):
            raise InvalidParameter(f"graph name {name!r}: letters, digits and underscores, beginning with a letter")
        if settings.in_memory:
            opened[name] = EmbeddedGraph(name, settings.profile)
        else:
            opened[name] = open_graph(settings.home / "graphs" / name, name, settings.profile)
        closers.append(opened[name].close)
    return {source: opened[name] for source, name in traversal_sources(tuple(opened)).items()}
