"""A workflow file with mistakes is refused before any work: all at once, each with its place and the likely word."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.client.workflow_file.description import WorkflowFile, check_graph
from workflow.errors import InvalidParameter

GOOD = """\
name: social
load: social
export:
  targets:
  - {node: User, property: city, type: classification}
  features:
  - {node: User, property: age, type: numerical, norm: min-max}
training:
  trials: 2
  trainingInstanceType: ml.p3.2xlarge
queries:
  who: g.V().limit(1)
"""


def complaints(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "w.yaml").write_text(text)
    with pytest.raises(InvalidParameter) as refused:
        WorkflowFile.read(tmp_path / "w.yaml")
    return refused.value.message.replace(f"{tmp_path}/", "").splitlines()


def test_a_file_without_mistakes_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(GOOD)
    assert WorkflowFile.read(tmp_path / "w.yaml").training.trials == 2


def test_all_mistakes_are_told_at_once_with_line_and_column(tmp_path: Path) -> None:
    text = GOOD.replace("queries:", "querys:").replace("trials: 2", "trails: 2").replace("norm:", "norn:")
    text = text.replace("name: social", "name: so cial")
    told = complaints(tmp_path, text)
    assert told[0].startswith("w.yaml, line 1, column 1: name is 'so cial'")
    assert "w.yaml, line 11, column 1: querys is no member of the file; did you mean 'queries'?" in told
    assert "w.yaml, line 9, column 3: training.trails is no member of training; did you mean 'trials'?" in told
    assert any("line 3, column 1: export" in line and "'norn'" in line and "'norm'" in line for line in told)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("load: social", "load: social\nload: other", "line 3, column 1: load is named a second time"),
        ("  trials: 2", "  trials: two", "line 9, column 3: training.trials is 'two', and must be a whole number"),
        ("  trials: 2", "  trials: 0", "training.trials is 0, and must be 1 or more"),
        ("  trials: 2", "  dataProcessingJobId: x", "training.dataProcessingJobId is chosen by the run"),
        ("type: classification", "type: clasification", "line 3, column 1: export"),
        ("name: social\n", "", "name is missing"),
        ("export:", "export: [", "is not YAML"),
    ],
)
def test_a_mistake_is_named_in_our_words(tmp_path: Path, old: str, new: str, told: str) -> None:
    lines = complaints(tmp_path, GOOD.replace(old, new))
    assert any(told in line for line in lines), lines
    assert not any("pydantic" in line or "Input should" in line for line in lines)


SUMMARY = {
    "nodeLabels": ["User", "Movie"],
    "edgeLabels": ["RATED"],
    "nodeProperties": [{"city": 3}, {"age": 2}],
    "edgeProperties": [{"stars": 4}],
}


def test_labels_and_properties_are_compared_with_the_graph_and_all_are_named() -> None:
    described = WorkflowFile(
        name="a",
        export={
            "targets": [
                {"node": "Usr", "property": "citty"},
                {"edge": ["User", "RATES", "Movie"], "property": "star"},
            ],
            "features": [{"node": "User", "property": "age"}],
        },
    )
    with pytest.raises(InvalidParameter) as refused:
        check_graph(described, SUMMARY)
    assert refused.value.message.splitlines() == [
        "export: a target names the node label 'Usr', which the graph has not; did you mean 'User'?",
        "export: a target names the node property 'citty', which no node has; did you mean 'city'?",
        "export: a target names the edge label 'RATES', which the graph has not; did you mean 'RATED'?",
        "export: a target names the edge property 'star', which no edge has; did you mean 'stars'?",
    ]


def test_a_service_that_tells_of_no_graph_is_believed() -> None:
    check_graph(WorkflowFile(name="a", export={"targets": [{"node": "X", "property": "y"}]}), {})
