"""Small exports written by hand, and a way to process them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from training_scripts.graph_ml.container import ProgressWriter
from training_scripts.graph_ml.graph import EdgeType, GraphData, Target, dgl_file
from training_scripts.graph_ml.processing.job import ProcessingJob, process

FRIEND = EdgeType("User", "FRIEND", "User")
USERS = '~id,~label,age,town\n"a","User",10,x\n"b","User",20,y\n"c","User",50,x\n"d","User",,\n'
FRIENDS = '~id,~label,~from,~to,since\n"1","FRIEND","a","b",1\n"2","FRIEND","b","c",2\n"3","FRIEND","c","d",3\n'


@dataclass
class ExportFolder:
    """An export on disk: files by name, node entries and edge entries of its configuration."""

    folder: Path
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)

    def file(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def node(self, text: str | bytes, kind: str = "User", name: str | None = None, **entry: Any) -> None:
        name = name or f"nodes/{kind}.consolidated.csv"
        self.file(name, text)
        self.nodes.append({"file_name": name, "separator": ",", "node": ["~id", kind], **entry})

    def edge(self, text: str | bytes, kind: EdgeType = FRIEND, name: str | None = None, **entry: Any) -> None:
        name = name or f"edges/%28{kind.source}%29-{kind.relation}-%28{kind.target}%29.consolidated.csv"
        self.file(name, text)
        base = {"source": ["~from", kind.source], "relation": ["", kind.relation], "dest": ["~to", kind.target]}
        self.edges.append({"file_name": name, "separator": ",", **base, "features": [], **entry})

    def configure(self, name: str = "training-data-configuration.json", **document: Any) -> None:
        graph = {"nodes": self.nodes, "edges": self.edges}
        text = json.dumps({"version": "v2.0", "query_engine": "gremlin", "graph": graph, "warnings": [], **document})
        self.file(name, text)


@dataclass
class Processed:
    """What a job left."""

    graph: GraphData
    output: Path
    log: list[str]

    def text(self, name: str) -> str:
        return (self.output / name).read_text()

    def json(self, name: str) -> Any:
        return json.loads(self.text(name))

    def split(self, target: Target) -> tuple[list[int], list[int], list[int]]:
        split = self.graph.splits[target]
        return split.train.tolist(), split.valid.tolist(), split.test.tolist()


@pytest.fixture
def export(tmp_path: Path) -> ExportFolder:
    """An empty export."""
    return ExportFolder(tmp_path / "input")


@pytest.fixture
def without_dgl(monkeypatch: pytest.MonkeyPatch) -> None:
    """graph.bin takes seconds of torch; one test has it."""
    monkeypatch.setattr(dgl_file, "available", lambda: False)


@pytest.fixture
def run(export: ExportFolder, tmp_path: Path, without_dgl: None) -> Callable[..., Processed]:
    """Write the configuration and process the export."""

    def go(output: str = "output", configuration: Mapping[str, Any] | None = None, **options: Any) -> Processed:
        export.configure(**(configuration or {}))
        log: list[str] = []
        job = ProcessingJob(input=export.folder, output=tmp_path / output, **options)
        graph = process(job, ProgressWriter(tmp_path / "progress.json"), log.append)
        return Processed(graph, tmp_path / output, log)

    return go


def features(*specs: Sequence[Any]) -> list[dict[str, Any]]:
    """Feature entries from (column, type, options) rows."""
    return [{"feature": [column, column, kind], **options} for column, kind, options in specs]
