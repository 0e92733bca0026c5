"""Whatever a training configuration says without effect is in the warnings of its job, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.graph_ml_data.conftest import FRIENDS, USERS, ExportFolder, Processed, features
from training_scripts.graph_ml.container import JobError

Run = Callable[..., Processed]
TOWN = {"label": ["town", "classification"], "split_rate": [0.5, 0.5, 0.0]}
AGE = {"label": ["age", "regression"], "split_rate": [0.5, 0.5, 0.0]}
FRIEND = {"label": ["", "link_prediction"], "split_rate": [1.0, 0.0, 0.0]}


def warnings(export: ExportFolder, run: Run, node: dict[str, Any], edge: dict[str, Any], **options: Any) -> list[str]:
    export.node(USERS, **node)
    export.edge(FRIENDS, **edge)
    done = run(**options)
    assert list(done.graph.warnings) == done.json("manifest.json")["warnings"]
    return [text for text in done.graph.warnings if "have no value" not in text]


def test_a_configuration_of_which_all_counts_says_nothing(export: ExportFolder, run: Run) -> None:
    spec = features(("age", "numerical", {"norm": "min-max", "imputation": "mean"}))
    assert warnings(export, run, {"features": spec, "labels": [TOWN]}, {}) == []


@pytest.mark.parametrize(
    ("node", "edge", "sentence"),
    [
        ({"feature": []}, {}, "'feature' is not known and was ignored; did you mean 'features'?"),
        ({}, {"directed": True}, "'directed' is not known and was ignored"),
        (
            {"features": features(("age", "numerical", {"imputer": "mean", "normalise": True}))},
            {},
            "feature 'age': 'normalise' is not known and was ignored",
        ),
        (
            {"features": features(("age", "category", {"norm": "standard", "imputer": "mean"}))},
            {},
            "feature 'age': 'imputer', 'norm' had no effect on type 'category'",
        ),
        (
            {"labels": [{**TOWN, "split_rates": [1, 0, 0]}]},
            {},
            "label 'town': 'split_rates' is not known and was ignored",
        ),
        (
            {"labels": [TOWN, {**TOWN, "split_rate": [1, 0, 0]}]},
            {},
            "User: label 'town' of nodes/User.consolidated.csv ",
        ),
        ({"labels": [{**AGE, "separator": ";"}]}, {}, "label 'age': 'separator' had no effect; only a classification"),
        (
            {},
            {"labels": [{**FRIEND, "label": ["since", "link_prediction"]}]},
            "label 'since': the column had no effect",
        ),
        ({"labels": [AGE]}, {"labels": [FRIEND]}, "several tasks, of which a model learns one: node_regression comes"),
    ],
)
def test_what_has_no_effect_is_named(
    export: ExportFolder, run: Run, node: dict[str, Any], edge: dict[str, Any], sentence: str
) -> None:
    labels = {} if node.get("labels") or edge.get("labels") else {"labels": [TOWN]}
    found = [text for text in warnings(export, run, {**node, **labels}, edge) if "classes for" not in text]
    assert len(found) == 1
    assert sentence in found[0]


def test_a_second_target_of_a_task_is_refused_with_what_to_do(export: ExportFolder, run: Run) -> None:
    export.node(USERS, labels=[TOWN, {"label": ["~id", "classification"]}])
    export.edge(FRIENDS)
    with pytest.raises(JobError, match="2 targets of the task node_class") as refused:
        run()
    for words in ("node_class of User.town", "node_class of User.~id", "several 'jobs' in additionalParams.neptune_ml"):
        assert words in str(refused.value)


@pytest.mark.parametrize("key", ["graphs", "query_engin"])
def test_a_key_beside_the_graph_is_named(export: ExportFolder, run: Run, key: str) -> None:
    export.node(USERS, labels=[TOWN])
    export.edge(FRIENDS)
    assert f"'{key}' is not known and was ignored; did you mean" in " ".join(run(configuration={key: 1}).graph.warnings)


def test_another_version_is_named(export: ExportFolder, run: Run) -> None:
    export.node(USERS, labels=[TOWN])
    export.edge(FRIENDS)
    assert "'version' is 'v3.0'" in " ".join(run(configuration={"version": "v3.0"}).graph.warnings)


def test_the_features_that_kge_does_not_use_are_named(export: ExportFolder, run: Run) -> None:
    spec = features(("age", "numerical", {"imputer": "mean"}), ("town", "category", {}))
    said = warnings(export, run, {"features": spec}, {"labels": [FRIEND]}, model_type="kge")
    assert said == ["modelType 'kge' learns from the edges alone: 2 features are used by no model of that kind"]


def test_a_model_type_for_links_is_named_where_no_links_are_learned(export: ExportFolder, run: Run) -> None:
    (said,) = warnings(export, run, {"labels": [TOWN]}, {}, model_type="kge")
    assert "modelType 'kge' had no effect" in said


def test_loops_are_counted(export: ExportFolder, run: Run) -> None:
    export.node(USERS)
    export.edge(FRIENDS + '"4","FRIEND","a","a",4\n', labels=[FRIEND])
    assert "1 edges lead from a vertex to itself; they are not learned" in run().graph.warnings[0]


def test_a_feature_that_two_files_describe_differently_is_named(export: ExportFolder, run: Run) -> None:
    export.node(USERS, labels=[TOWN], features=features(("town", "category", {})))
    export.node(USERS.replace('"a"', '"z"'), name="more.csv", features=features(("town", "text_sbert", {})))
    export.edge(FRIENDS)
    assert "User: feature 'town' of more.csv differs from an earlier file's, which counts" in run().graph.warnings


@pytest.mark.parametrize(
    ("column", "task", "sentence"),
    [
        ("town", "classification", "node_class of User.town: there is one class only ('t'); there is nothing to tell"),
        ("size", "regression", "node_regression of User.size: every value is 7; there is nothing to tell apart"),
    ],
)
def test_a_label_that_says_the_same_of_all_is_named(
    export: ExportFolder, run: Run, column: str, task: str, sentence: str
) -> None:
    rows = "".join(f"u{i},User,t,7\n" for i in range(10))
    export.node("~id,~label,town,size\n" + rows, labels=[{"label": [column, task]}])
    (said,) = run().graph.warnings
    assert said.startswith(sentence)


@pytest.mark.parametrize(("last", "named"), [("9000000", True), ("900", False)])
def test_a_number_to_predict_of_which_a_few_lie_far_out_is_named(
    export: ExportFolder, run: Run, last: str, named: bool
) -> None:
    rows = "".join(f"u{i},User,{last if i == 39 else i}\n" for i in range(40))
    export.node("~id,~label,size\n" + rows, labels=[{"label": ["size", "regression"]}])
    # nine tenths of 0 to 38 lie within 1.95 and 37.05
    assert ["a few values lie far out, 0 to 9e+06" in text for text in run().graph.warnings] == [True] * named


@pytest.mark.parametrize(("last", "named"), [("1.0", True), ("01x", False)])
def test_classes_that_are_one_number_are_named(export: ExportFolder, run: Run, last: str, named: bool) -> None:
    rows = "".join(f"u{i},User,{last if i == 19 else i % 3}\n" for i in range(20))
    export.node("~id,~label,kind\n" + rows, labels=[{"label": ["kind", "classification"]}])
    wanted = "node_class of User.kind: classes '1' and '1.0' are one number; write it in one way"
    assert (wanted in run().graph.warnings) is named
