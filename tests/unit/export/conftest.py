"""A graph made of records, and the shortest way to an export of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.record_graph import RecordGraph
from tests.waiting import until
from workflow.export import ExportOutcome, parse_request, write_export
from workflow.graphs.source import EdgeRecord, NodeRecord
from workflow.jobs.export_sources import ExportSources
from workflow.jobs.exports import ExportService
from workflow.jobs.store import JobStore
from workflow.storage.local import LocalStorage


def node(id: str, labels: str | tuple[str, ...], **properties: Any) -> NodeRecord:
    several = {name: value if isinstance(value, list) else [value] for name, value in properties.items()}
    return NodeRecord(id, (labels,) if isinstance(labels, str) else labels, several)


def edge(id: str, label: str, source: NodeRecord, target: NodeRecord, **properties: Any) -> EdgeRecord:
    several = {name: value if isinstance(value, list) else [value] for name, value in properties.items()}
    return EdgeRecord(id, label, source.id, target.id, source.labels, target.labels, several)


class Exported:
    """A finished export in a folder."""

    def __init__(self, folder: Path, outcome: ExportOutcome) -> None:
        self.folder, self.outcome = folder, outcome

    def text(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def json(self, path: str) -> Any:
        return json.loads(self.text(path))

    @property
    def configuration(self) -> Any:
        return self.json("training-data-configuration.json")

    @property
    def files(self) -> list[str]:
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file())


class Exporter:
    """Makes graphs and exports them."""

    node = staticmethod(node)
    edge = staticmethod(edge)
    Graph = RecordGraph

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        nodes: list[NodeRecord] | RecordGraph,
        edges: list[EdgeRecord] | None = None,
        ml: Mapping[str, Any] | list[Any] | None = None,
        **params: Any,
    ) -> Exported:
        body: dict[str, Any] = {"command": "export-pg", "outputS3Path": "s3://b/x", "params": params}
        if ml is not None:
            body["additionalParams"] = {"neptune_ml": ml}
        graph = nodes if isinstance(nodes, RecordGraph) else RecordGraph(nodes, edges or [])
        return Exported(self._folder, write_export(graph, parse_request(body), self._folder))


@pytest.fixture
def export(tmp_path: Path) -> Exporter:
    return Exporter(tmp_path / "out")


MOMENT = datetime(2026, 1, 5, 10, 0, 0)


class Bench:
    """A service over one graph in a temporary home, which can be started again."""

    def __init__(self, home: Path, graph: Any) -> None:
        self.home, self.graph = home, graph
        self.storage = LocalStorage(home / "s3")
        self.sources = ExportSources({"g": lambda reading: self.graph, "gother": lambda reading: graph})
        self.service = self.open()

    def open(self) -> ExportService:
        self.store = JobStore(self.home / "jobs.sqlite")
        self.service = ExportService(self.store, self.storage, self.sources, self.home / "work", now=lambda: MOMENT)
        return self.service

    def close(self) -> None:
        self.service.close()
        self.store.close()

    def wait(self, job_id: str) -> dict[str, Any]:
        until(lambda: self.service.status(job_id)["status"] in ("succeeded", "failed"), "the end of the export")
        return self.service.status(job_id)


@pytest.fixture
def graph(export: Any) -> Any:
    return export.Graph([export.node("1", "A", x=1)], [])


@pytest.fixture
def bench(tmp_path: Path, graph: Any) -> Iterator[Bench]:
    bench = Bench(tmp_path, graph)
    yield bench
    bench.close()
