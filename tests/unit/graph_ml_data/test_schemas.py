"""The JSON artefacts: every spelling is read, one is written."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from training_scripts.graph_ml.schemas import (
    EdgeType,
    EndpointRequest,
    EndpointResponse,
    FeatureSpec,
    ModelHpoConfiguration,
    TargetName,
    TrainingDataConfiguration,
)

NODE = {"file_name": "nodes/User.csv", "node": ["~id", "User"]}
EDGE = {"file_name": "e.csv", "source": ["~from", "User"], "relation": ["", "F"], "dest": ["~to", "User"]}


def read(document: Any) -> TrainingDataConfiguration:
    return TrainingDataConfiguration.model_validate(document)


# the whole configuration of the guide's book example, as the exporter writes it
BOOKS = {
    "version": "v2.0",
    "query_engine": "gremlin",
    "graph": {
        "nodes": [
            {
                "file_name": "nodes/Book.consolidated.csv",
                "separator": ",",
                "node": ["~id", "Book"],
                "features": [
                    {"feature": ["blurb", "blurb", "text_sbert"]},
                    {"feature": ["pages", "pages", "numerical"], "norm": "min-max", "imputer": "median"},
                    {
                        "feature": ["price", "price", "bucket_numerical"],
                        "range": [0, 100],
                        "bucket_cnt": 10,
                        "slide_window_size": 5,
                        "imputer": "median",
                    },
                ],
                "labels": [{"label": ["genre", "classification"], "split_rate": [0.8, 0.1, 0.1], "separator": "|"}],
            }
        ],
        "edges": [
            {
                "file_name": "edges/%28Reader%29-RATED-%28Book%29.consolidated.csv",
                "separator": ",",
                "source": ["~from", "Reader"],
                "relation": ["", "RATED"],
                "dest": ["~to", "Book"],
                "features": [
                    {"feature": ["at", "at", "datetime"], "datetime_parts": ["year", "month", "weekday", "hour"]}
                ],
            }
        ],
    },
    "warnings": [],
}


def test_what_the_exporter_writes_comes_back_as_it_was() -> None:
    assert json.loads(read(BOOKS).to_json()) == BOOKS
    assert list(json.loads(read(BOOKS).to_json())) == ["version", "query_engine", "graph", "warnings"]


def test_the_graph_may_be_an_array_with_warnings_inside() -> None:
    document = {"graph": [{"nodes": [NODE], "warnings": ["careful"]}, {"edges": [EDGE]}]}
    configuration = read(document)
    assert [entry.node[1] for entry in configuration.graph.nodes] == ["User"]
    assert [entry.relation[1] for entry in configuration.graph.edges] == ["F"]
    assert configuration.warnings == ["careful"]


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"imputer": "most_frequent"}, "imputer", "most-frequent"),
        ({"imputation": "mean"}, "imputer", "mean"),
        ({"norm": "standard"}, "norm", "standard"),
    ],
)
def test_options_are_read_in_either_spelling(given: dict[str, Any], field: str, value: str) -> None:
    assert getattr(FeatureSpec.model_validate({"feature": ["a", "a", "numerical"], **given}), field) == value


def test_buckets_may_be_counted_by_another_name_and_the_range_reversed() -> None:
    spec = FeatureSpec.model_validate({"feature": ["a", "a", "bucket_numerical"], "range": [90, 10], "num_buckets": 8})
    assert (spec.range, spec.bucket_cnt) == ((10, 90), 8)


@pytest.mark.parametrize("missing", ["range", "bucket_cnt"])
def test_buckets_without_range_or_count_are_refused(missing: str) -> None:
    whole = {"feature": ["a", "a", "bucket_numerical"], "range": [0, 1], "bucket_cnt": 2}
    with pytest.raises(ValueError, match="needs 'range' and 'bucket_cnt'"):
        FeatureSpec.model_validate({key: value for key, value in whole.items() if key != missing})


def test_word2vec_is_the_same_under_its_short_name() -> None:
    spec = FeatureSpec.model_validate({"feature": ["a", "a", "word2vec"], "language": "en_core_web_lg"})
    assert spec.type == "text_word2vec"


@pytest.mark.parametrize("rates", [[0.7, 0.2, 0.1], [1, 0, 0], [0.6, 0.3, 0.1]])
def test_split_rates_add_up_with_a_tolerance(rates: list[float]) -> None:
    label = {"label": ["", "link_prediction"], "split_rate": rates}
    configuration = read({"graph": {"edges": [{**EDGE, "labels": [label]}]}})
    assert configuration.graph.edges[0].labels is not None
    assert configuration.graph.edges[0].labels[0].split_rate == tuple(rates)


@pytest.mark.parametrize(
    "rates",
    [
        [0.9, 0.2, 0.0],
        [1.2, -0.2, 0.0],
        [0.5, 0.5],
        ["0.9", "0.1", "0"],
        "all",
        [True, 0, 0],
        [math.nan, 0.5, 0.5],
        [10**400, 0, 0],
    ],
    ids=lambda rates: str(rates)[:20],
)
def test_split_rates_that_do_not_add_up_are_refused(rates: object) -> None:
    label = {"label": ["", "link_prediction"], "split_rate": rates}
    with pytest.raises(ValueError, match="Expected an array with 3 double values that add up to 1"):
        read({"graph": {"edges": [{**EDGE, "labels": [label]}]}})


@pytest.mark.parametrize("wrong", [{"range": [0, math.nan]}, {"range": [math.inf, 0]}, {"slide_window_size": math.nan}])
def test_the_span_of_buckets_is_of_numbers(wrong: dict[str, Any]) -> None:
    feature = {"feature": ["age", "age", "bucket_numerical"], "range": [0, 9], "bucket_cnt": 3, **wrong}
    with pytest.raises(ValueError, match="finite number"):
        read({"graph": {"nodes": [{**NODE, "features": [feature]}]}})


@pytest.mark.parametrize("where", ["file", "feature", "label"])
def test_an_empty_separator_is_refused(where: str) -> None:
    parts = {
        "file": {"separator": ""},
        "feature": {"features": [{"feature": ["a", "a", "category"], "separator": ""}]},
        "label": {"labels": [{"label": ["a", "classification"], "separator": ""}]},
    }
    with pytest.raises(ValueError, match="at least 1 character"):
        read({"graph": {"nodes": [{**NODE, **parts[where]}]}})


def test_a_split_is_given_in_one_way_only() -> None:
    label = {"label": ["a", "regression"], "split_rate": [1.0, 0.0, 0.0], "custom_split_filenames": {"train": "t.csv"}}
    with pytest.raises(ValueError, match="exclude each other"):
        read({"graph": {"nodes": [{**NODE, "labels": [label]}]}})


def test_a_bad_file_is_described_in_one_line_with_every_place(tmp_path: Path) -> None:
    path = tmp_path / "training-data-configuration.json"
    path.write_text(json.dumps({"graph": {"nodes": [{"node": ["~id"]}]}}))
    with pytest.raises(
        ValueError, match=r"cannot be used: graph\.nodes\.0\.file_name: Field required; graph\.nodes\.0"
    ):
        TrainingDataConfiguration.load(path)


def test_a_tuning_file_holds_exactly_one_model() -> None:
    model = {"model": "rgcn", "task_type": "link_predict", "eval_metric": {"metric": "mrr"}}
    assert ModelHpoConfiguration.model_validate({"models": [model]}).model.task_type == "link_prediction"
    with pytest.raises(ValueError, match="must hold exactly one model, not 2"):
        ModelHpoConfiguration.model_validate({"models": [model, model]})


def test_a_tuning_file_is_written_with_the_tiers_in_the_services_words() -> None:
    model = {
        "model": "rgcn",
        "task_type": "node_class",
        "eval_metric": {"metric": "acc"},
        "eval_frequency": {"type": "evaluate_every_epoch", "value": 1},
        "1-tier-param": [{"param": "num-hidden", "type": "int", "range": [16, 128], "inc_strategy": "power2"}],
        "2-tier-param": [],
        "3-tier-param": [],
        "fixed-param": [{"param": "low-mem", "type": "bool", "default": True}],
    }
    assert json.loads(ModelHpoConfiguration.model_validate({"models": [model]}).to_json()) == {"models": [model]}


def test_a_request_keeps_the_names_of_the_services_client() -> None:
    body = {
        "version": "v1",
        "mode": "predict_tail",
        "data": {
            "globalParameters": {"topk": 8, "edgeType": "FRIEND", "tailNodeType": "User", "exclude_flag": "mask"},
            "edges": [{"headNodeId": "u1"}],
        },
    }
    assert json.loads(EndpointRequest.model_validate(body).to_json()) == body


def test_an_answer_keeps_its_order_and_its_names() -> None:
    body = {
        "version": "v1",
        "model": {"id": "m", "created_ms": 1},
        "output": {
            "task": "link_prediction",
            "nodes": [{"nodeId": "u1", "results": [{"nodeId": "u5", "score": 0.9}]}, {"nodeId": "x", "results": []}],
        },
    }
    assert json.loads(EndpointResponse.model_validate(body).to_json()) == body


@pytest.mark.parametrize("written", [["a", "b", "c"], {"source": "a", "relation": "b", "target": "c"}])
def test_an_edge_type_is_read_from_an_array_or_its_names_and_written_as_an_array(written: object) -> None:
    target = TargetName.model_validate({"edge_type": written})
    assert target.edge_type == EdgeType("a", "b", "c") == ("a", "b", "c")
    assert str(target.edge_type) == "(a)-b-(c)"
    assert json.loads(target.to_json())["edge_type"] == ["a", "b", "c"]


def test_schemas_bring_nothing_but_pydantic() -> None:
    script = (
        "import sys; import training_scripts.graph_ml.schemas\n"
        "heavy = {'numpy', 'torch', 'polars', 'narwhals', 'pandas', 'pyarrow', 'scipy', 'dgl', 'workflow'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
