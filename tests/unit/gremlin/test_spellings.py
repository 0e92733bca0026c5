"""explain() says why a look-up finds nothing where the graph spells the id otherwise."""

from __future__ import annotations

import io

import pytest

from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.settings import Profile


def noted(engine: Engine, text: str) -> list[str]:
    lines = engine.explain(parse(text)[0].traversal).splitlines()
    return [line.split(maxsplit=1)[1] for line in lines if line.startswith("Note ")]


@pytest.mark.parametrize("profile", ["neptune", "tinkerpop"])
@pytest.mark.parametrize("text", ["g.V(1)", "g.V(1L).out()", "g.V().hasId(1)", "g.V().out().hasId(1)", "g.V(7,1)"])
def test_a_number_is_told_that_the_id_is_a_text(profile: Profile, text: str) -> None:
    graph = EmbeddedGraph(profile=profile)
    CsvLoad(graph).load(io.BytesIO(b"~id,~label\n1,a\nx,a\n"), "f.csv", LoadRules(number_ids=False))
    assert noted(Engine(graph, profile), text) == ["V(1) finds nothing: the id here is the text '1'"]


def test_edges_and_children_are_told_too() -> None:
    graph = EmbeddedGraph(profile="neptune")
    CsvLoad(graph).load(io.BytesIO(b"~id,~label\n1,a\n"), "v.csv", LoadRules())
    CsvLoad(graph).load(io.BytesIO(b"~id,~label,~from,~to\n5,e,1,1\n"), "e.csv", LoadRules())
    engine = Engine(graph, "neptune")
    assert noted(engine, "g.E(5)") == ["E(5) finds nothing: the id here is the text '5'"]
    assert noted(engine, "g.V('1').where(V(1))") == ["V(1) finds nothing: the id here is the text '1'"]


@pytest.mark.parametrize("text", ["g.V('1')", "g.V(8)", "g.V('y')", "g.V()", "g.V(true)", "g.V('01')"])
def test_nothing_is_noted_of_ids_that_are_found_or_are_nowhere(text: str) -> None:
    graph = EmbeddedGraph(profile="neptune")
    CsvLoad(graph).load(io.BytesIO(b"~id,~label\n1,a\n"), "f.csv", LoadRules())
    assert noted(Engine(graph, "neptune"), text) == []
