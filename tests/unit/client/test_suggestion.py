"""A suggested workflow file can be read, and names what the graph has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workflow.client.workflow_file.description import WorkflowFile
from workflow.client.workflow_file.suggestion import suggested_file, suggested_targets
from workflow.errors import InvalidParameter
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse


def asker(text: str) -> Any:
    engine = Engine(EmbeddedGraph(), "neptune")

    def ask(query: str) -> list[Any]:
        (script,) = parse(query)
        return [traverser.value for traverser in engine.run(script.traversal) for _ in range(traverser.bulk)]

    ask(text)
    return ask


def test_links_come_first_then_properties_that_repeat_themselves(tmp_path: Path) -> None:
    people = "".join(
        f".addV('User').property(id,'u{n}').property('name','n{n}').property('city','c{n % 2}').property('age',{n})"
        for n in range(30)
    )
    ask = asker(f"g{people}.addV('Movie').property(id,'m').addE('RATED').from(__.V('u0')).to(__.V('m'))")
    targets = suggested_targets(ask)
    assert targets == [
        {"edge": ["User", "RATED", "Movie"], "type": "link_prediction"},
        {"node": "User", "property": "age", "type": "regression"},
        {"node": "User", "property": "city", "type": "classification"},
    ]
    file = tmp_path / "workflow.yaml"
    file.write_text(suggested_file(targets, "my new_graph!"))
    read = WorkflowFile.read(file)
    assert (read.name, read.export["targets"]) == ("my-new-graph", targets[:1])
    # another target is taken by its comment sign
    file.write_text(file.read_text().replace("  # - {node: User, property: city", "  - {node: User, property: city"))
    assert WorkflowFile.read(file).export["targets"] == [targets[0], targets[2]]


def test_an_empty_graph_is_told_what_to_load() -> None:
    with pytest.raises(InvalidParameter, match="The graph is empty; load one with `despina load social`"):
        suggested_targets(lambda text: [])
    with pytest.raises(InvalidParameter, match="nothing that repeats itself"):
        suggested_file([], "x")
