"""A workflow file with mistakes is refused before any work: all at once, each with its place and the likely word."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.client.checks.exports import problems_of_export
from workflow.client.checks.graph import problems_of_graph
from workflow.client.workflow_file.description import WorkflowFile
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
    assert told == [
        "w.yaml, line 1, column 1: name is 'so cial'; write at most 24 letters, digits and single hyphens",
        "w.yaml, line 7, column 50: export.features[0].norn is not known; did you mean 'norm'?",
        "w.yaml, line 9, column 3: training.trails is no such member; did you mean 'trials'?",
        "w.yaml, line 11, column 1: querys is no member of the file; did you mean 'queries'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("load: social", "load: social\nload: other", "line 3, column 1: load is named a second time"),
        ("load: social", "load: social\nsource: social", "line 3, column 1: source is another word for load; give one"),
        ("load: social", "load: social\nbucket: lab", "line 3, column 1: bucket is 'lab'; write s3://NAME"),
        (
            "load: social",
            "source: bolt://h:1\nwrite: {limit: 5}",
            "line 3, column 9: write.limit is of predicted links",
        ),
        (
            "  targets:\n  - {node: User, property: city, type: classification}\n  features:\n"
            "  - {node: User, property: age, type: numerical, norm: min-max}\n",
            "  jobs:\n  - {name: a, targets: [{node: User, property: city, type: classification}]}\n"
            "  - {name: b, targets: [{node: User, property: age, type: regression}]}\n",
            "line 4, column 3: export.jobs are 2, and a run trains on one; say which with dataprocessing",
        ),
        ("  trials: 2", "  trials: two", "line 9, column 3: training.trials is 'two', and must be a whole number"),
        ("  trials: 2", "  trials: 0", "training.trials is 0, and must be 1 or more"),
        ("  trials: 2", "  dataProcessingJobId: x", "training.dataProcessingJobId is chosen by the run"),
        ("type: classification", "type: clasification", "line 5, column 34: export.targets[0].type: Invalid 'type'"),
        ("type: classification", "type: link_prediction", "line 5, column 34: export.targets[0].type: Invalid 'type'"),
        (
            "{node: User, property: city, type",
            "{nod: User, property: city, type",
            "line 5, column 5: export.targets[0]",
        ),
        ("norm: min-max", "norm: minmax", "line 7, column 50: export.features[0].norm"),
        ("norm: min-max", "range: [0, 9]", "line 7, column 50: export.features[0].range has no effect on this type"),
        ("  features:", "  params: {nodeLables: [User]}\n  features:", "line 6, column 12: export.params.nodeLables"),
        ("  features:", "  split_rate: [0.9, 0.2, 0.1]\n  features:", "line 6, column 3: export.split_rate"),
        ("export:", "dataprocessing: {modelType: kgee}\nexport:", "line 3, column 18: dataprocessing.modelType"),
        ("ml.p3.2xlarge", "p3", "line 10, column 3: training.trainingInstanceType: Invalid ML instance type"),
        ("trainingInstanceType: ml.p3.2xlarge", "modelName: rotate", "training.modelName 'rotate' does not learn"),
        (
            "trainingInstanceType: ml.p3.2xlarge",
            "customModelTrainingParameters: {sourceS3Directory: s3://a/b}",
            "training.customModelTrainingParameters.sourceS3Directory is no such member; did you mean 'sourceS3Direc",
        ),
        (
            "load: social",
            "load: socail",
            "load is 'socail', which is neither a folder nor a graph that comes along; did",
        ),
        (
            "g.V().limit(1)",
            "g.V().limt(1)",
            "line 12, column 3: queries.who has the step limt(), which Gremlin has not",
        ),
        ("g.V().limit(1)", "MATCH (n) RETURN n", "that looks like openCypher"),
        ("g.V().limit(1)", "g.with('Neptune#ml.endpiont', 'x').V()", "did you mean Neptune#ml.endpoint?"),
        ("name: social\n", "", "name is missing"),
        ("export:", "export: [", "is not YAML"),
    ],
)
def test_a_mistake_is_named_in_our_words(tmp_path: Path, old: str, new: str, told: str) -> None:
    lines = complaints(tmp_path, GOOD.replace(old, new))
    assert any(told in line for line in lines), lines
    assert not any("pydantic" in line or "Input should" in line for line in lines)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("num-hiden: 64", "num-hiden is no hyperparameter of this search; did you mean 'num-hidden'?"),
        ("lr: fast", "lr cannot be set: 'fast' is not of type float"),
        ("lr: -0.1", "lr is -0.1; it must be above 0"),
        ("num-layer: 0..2", "num-layer is 0..2; it must be at least 1"),
        ("num-hidden: 64..16", "num-hidden cannot be set: the range ends before it begins"),
        ("gamma: 12", "gamma is no hyperparameter of this search"),  # of distances alone, and links
        ("model: gatt", "model names 'gatt', which learns nothing of the kind; did you mean 'gat'?"),
    ],
)
def test_hyperparameters_are_compared_with_what_the_families_of_the_task_declare(
    tmp_path: Path, wish: str, told: str
) -> None:
    text = GOOD.replace("  trials: 2", f"  trials: 2\n  hyperparameters: {{dropout: 0.2, {wish}}}")
    (line,) = complaints(tmp_path, text)
    assert line.startswith("w.yaml, line 10, column 35: training.hyperparameters.")
    assert told in line


def test_a_hyperparameter_that_one_family_has_is_taken_where_that_family_is_asked_for(tmp_path: Path) -> None:
    wish = "  modelName: rotate\n  hyperparameters: {gamma: 6..12}"
    text = GOOD.replace(
        "{node: User, property: city, type: classification}", "{edge: [A, R, B], type: link_prediction}"
    )
    (tmp_path / "w.yaml").write_text(text.replace("  trials: 2", wish))
    assert WorkflowFile.read(tmp_path / "w.yaml").training.model_dump()["modelName"] == "rotate"


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
        described.check_graph(SUMMARY)
    assert refused.value.message.splitlines() == [
        "export.targets[0].node names the node label 'Usr', which the graph has not; did you mean 'User'?",
        "export.targets[0].property names the node property 'citty', which no node has; did you mean 'city'?",
        "export.targets[1].edge[1] names the edge label 'RATES', which the graph has not; did you mean 'RATED'?",
        "export.targets[1].property names the edge property 'star', which no edge has; did you mean 'stars'?",
    ]


def test_what_the_graph_lacks_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(GOOD.replace("city", "citty"))
    with pytest.raises(InvalidParameter, match=r"w\.yaml, line 5, column 18: export\.targets\[0\]\.property names"):
        WorkflowFile.read(tmp_path / "w.yaml").check_graph(SUMMARY)


def test_a_property_of_other_vertices_and_a_text_for_a_number_are_told_by_asking_the_graph() -> None:
    answers = {
        "g.V().hasLabel('User').values('city').limit(50)": ["Paris"],
        "g.V().hasLabel('Movie').values('age').limit(50)": [],
        "g.V().hasLabel('Movie').limit(50).properties().key().dedup()": ["title"],
    }
    targets = [
        {"node": "User", "property": "city", "type": "regression"},
        {"node": "Movie", "property": "age", "type": "regression"},
    ]
    told = [one.told() for one in problems_of_graph({"targets": targets}, SUMMARY, answers.__getitem__)]
    assert told == [
        "targets[0].property 'city' is no number: User has 'Paris', for one; predict it with type classification",
        "targets[1].property names 'age', which no Movie has; there are title",
    ]


def test_a_service_that_tells_of_no_graph_is_believed() -> None:
    WorkflowFile(name="a", export={"targets": [{"node": "X", "property": "y"}]}).check_graph({})


def test_a_horizon_names_what_is_predicted_and_edges_that_are_there() -> None:
    horizon = {"days": 30, "edge": ["User", "RATED", "Movie"], "asks": "exists"}
    target = {"node": "User", "property": "rates soon", "type": "classification", "horizon": horizon}
    assert problems_of_graph({"targets": [target]}, SUMMARY) == []
    wrong = {**target, "horizon": {**horizon, "edge": ["User", "RATES", "Movie"]}}
    (problem,) = problems_of_graph({"targets": [wrong]}, SUMMARY)
    assert problem.place == ("targets", 0, "horizon", "edge", 1)


@pytest.mark.parametrize("named", ["beside", "at another target"])
def test_the_times_that_a_target_needs_may_be_named_elsewhere(named: str) -> None:
    edge = ["User", "FRIEND", "User"]
    horizon = {"days": 3, "edge": edge, "asks": "count"}
    target = {"node": "User", "property": "x", "type": "regression", "horizon": horizon}
    assert [one.place for one in problems_of_export({"targets": [target]})] == [("targets", 0, "horizon")]
    if named == "beside":
        assert problems_of_export({"targets": [target], "times": [{"edge": edge, "property": "since"}]}) == []
    else:
        other = {"edge": edge, "type": "link_prediction", "time": "since"}
        assert problems_of_export({"targets": [target, other]}) == []
