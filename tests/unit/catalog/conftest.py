"""A database with openCypher and its procedures, over a graph in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from workflow.catalog.graphs import GraphCatalog
from workflow.catalog.models import ModelCatalog
from workflow.catalog.pipelines import PipelineCatalog
from workflow.catalog.procedures import catalog_rows
from workflow.catalog.service import GraphAnalytics
from workflow.catalog.workers import AnalysisWorkers
from workflow.cypher.engine import CypherEngine
from workflow.cypher.planning.procedures import library
from workflow.cypher.running.options import CypherOptions
from workflow.graphs.store.store import EmbeddedGraph

ROOT = Path(__file__).resolve().parents[3]

PEOPLE = """
CREATE
  (alice:Person {name: 'Alice', numberOfPosts: 38}),
  (michael:Person {name: 'Michael', numberOfPosts: 67}),
  (karin:Person {name: 'Karin', numberOfPosts: 30}),
  (chris:Person {name: 'Chris', numberOfPosts: 132}),
  (will:Person {name: 'Will', numberOfPosts: 6}),
  (mark:Person {name: 'Mark', numberOfPosts: 32}),
  (greg:Person {name: 'Greg', numberOfPosts: 29}),
  (veselin:Person {name: 'Veselin', numberOfPosts: 3}),
  (alice)-[:KNOWS]->(michael),
  (michael)-[:KNOWS]->(karin),
  (michael)-[:KNOWS]->(chris),
  (michael)-[:KNOWS]->(greg),
  (will)-[:KNOWS]->(michael),
  (will)-[:KNOWS]->(chris),
  (mark)-[:KNOWS]->(michael),
  (mark)-[:KNOWS]->(will),
  (greg)-[:KNOWS]->(chris),
  (veselin)-[:KNOWS]->(chris),
  (karin)-[:KNOWS]->(veselin),
  (chris)-[:KNOWS]->(karin);
"""
PROJECT = """
CALL gds.graph.project(
  'myGraph',
  {Person: {properties: ['numberOfPosts']}},
  {KNOWS: {orientation: 'UNDIRECTED'}}
)
"""


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnalysisWorkers]:
    log = tmp_path_factory.mktemp("analysis") / "analysis.log"
    made = AnalysisWorkers(ROOT / "training_scripts" / "analyse.py", log, {"PATH": os.environ["PATH"]}, sys.executable)
    yield made
    made.close()


class Database:
    """Statements in, rows out; ``folder`` is what a restart would find."""

    def __init__(self, folder: Path, workers: AnalysisWorkers, free: int = 1 << 40) -> None:
        self.graph = EmbeddedGraph("g", "tinkerpop")
        self.pipelines, self.models = PipelineCatalog(folder / "pipelines"), ModelCatalog(folder / "models")
        graphs = GraphCatalog(folder / "graphs", self.graph)
        self.free = free
        self.analytics = GraphAnalytics(
            graphs, self.pipelines, self.models, workers, folder / "answers", lambda: self.free
        )
        self.engine = CypherEngine(self.graph, "tinkerpop", library(*catalog_rows(self.analytics, "g")))

    def __call__(self, text: str, parameters: Mapping[str, Any] | None = None, user: str = "") -> list[dict[str, Any]]:
        """The rows of an answer."""
        result = self.engine.run(text, CypherOptions(parameters or {}, ids="integer", user=user))
        return list(result.rows)

    def one(self, text: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The only row of an answer."""
        (row,) = self(text, parameters)
        return row


@pytest.fixture
def empty(tmp_path: Path, workers: AnalysisWorkers) -> Database:
    return Database(tmp_path, workers)


@pytest.fixture
def people(empty: Database) -> Database:
    """The eight people of the manual, projected as ``myGraph``."""
    empty(PEOPLE)
    empty(PROJECT)
    return empty
