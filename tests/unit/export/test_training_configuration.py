"""Targets, features and jobs: what is written, what is warned of, what is refused."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest

from workflow.errors import InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.export import parse_request

EVERY_VALUE = {
    "text": "x",
    "flag": True,
    "whole": 1,
    "real": 0.5,
    "at": datetime(2024, 1, 1),
    "texts": ["a", "b"],
    "reals": [0.5, 1.5],
    "ats": [datetime(2024, 1, 1), datetime(2024, 1, 2)],
}


def _features(export: Any, *overrides: dict[str, Any], **ml: Any) -> list[dict[str, Any]]:
    out = export([export.node("1", "N", **EVERY_VALUE)], ml={"features": list(overrides), **ml})
    found: list[dict[str, Any]] = out.configuration["graph"]["nodes"][0]["features"]
    return found


def test_features_without_override_follow_the_type_found(export: Any) -> None:
    assert _features(export) == [
        {"feature": ["text", "text", "auto"]},
        {"feature": ["flag", "flag", "auto"]},
        {"feature": ["whole", "whole", "numerical"], "norm": "min-max", "imputer": "median"},
        {"feature": ["real", "real", "numerical"], "norm": "min-max", "imputer": "median"},
        {"feature": ["at", "at", "datetime"], "datetime_parts": ["year", "month", "weekday", "hour"]},
        {"feature": ["texts", "texts", "auto"], "separator": ";"},
        {"feature": ["reals", "reals", "auto"], "separator": ";", "imputer": "median"},
        {"feature": ["ats", "ats", "auto"], "separator": ";"},
    ]


@pytest.mark.parametrize(
    ("override", "entry"),
    [
        ({"type": "category", "separator": ";"}, {"feature": ["p", "p", "category"], "separator": ";"}),
        ({"type": "numerical"}, {"feature": ["p", "p", "numerical"], "norm": "min-max"}),
        (
            {"type": "numerical", "norm": "standard", "imputer": "mean", "separator": "|"},
            {"feature": ["p", "p", "numerical"], "separator": "|", "norm": "standard", "imputer": "mean"},
        ),
        (
            {"type": "auto", "separator": "|", "norm": "min-max", "imputer": "mean"},
            {"feature": ["p", "p", "auto"], "separator": "|", "imputer": "mean"},
        ),
        (
            {"type": "bucket_numerical", "range": [90, 10], "num_buckets": 8},
            {"feature": ["p", "p", "bucket_numerical"], "range": [10, 90], "bucket_cnt": 8, "slide_window_size": 0},
        ),
        (
            {"type": "datetime", "datetime_parts": ["year", "hour"]},
            {"feature": ["p", "p", "datetime"], "datetime_parts": ["year", "hour"]},
        ),
        (
            {"type": "datetime"},
            {"feature": ["p", "p", "datetime"], "datetime_parts": ["hour", "weekday", "month", "year"]},
        ),
        (
            {"type": "text_fasttext", "language": "fr", "max_length": 64},
            {"feature": ["p", "p", "text_fasttext"], "language": "fr", "max_length": 64},
        ),
        ({"type": "text_sbert"}, {"feature": ["p", "p", "text_sbert"]}),
        ({"type": "text_sbert128"}, {"feature": ["p", "p", "text_sbert128"]}),
        ({"type": "text_sbert512"}, {"feature": ["p", "p", "text_sbert512"]}),
        ({"type": "word2vec"}, {"feature": ["p", "p", "text_word2vec"], "language": ["en_core_web_lg"]}),
        (
            {"type": "text_tfidf", "ngram_range": [1, 2], "min_df": 3, "max_features": 500},
            {"feature": ["p", "p", "text_tfidf"], "ngram_range": [1, 2], "min_df": 3, "max_features": 500},
        ),
        ({"type": "none"}, {"feature": ["p", "p", "none"]}),
    ],
)
def test_each_override_writes_the_published_entry(export: Any, override: dict[str, Any], entry: dict[str, Any]) -> None:
    out = export([export.node("1", "N", p="x")], ml={"features": {"node": "N", "property": "p", **override}})
    assert out.configuration["graph"]["nodes"][0]["features"] == [entry]
    assert list(out.configuration["graph"]["nodes"][0]["features"][0]) == list(entry)


def test_numerical_category_and_auto_overrides_come_last(export: Any) -> None:
    names = [
        entry["feature"][0]
        for entry in _features(
            export,
            {"node": "N", "properties": ["text", "flag"], "type": "category"},
            {"node": "N", "property": "real", "type": "none"},
        )
    ]
    assert names == ["whole", "real", "at", "texts", "reals", "ats", "text", "flag"]


def test_feature_encoding_none_keeps_explicit_overrides(export: Any) -> None:
    features = _features(export, {"node": "N", "property": "real", "type": "numerical"}, feature_encoding="none")
    assert [entry["feature"][2] for entry in features] == ["none"] * 8 + ["numerical"]


def test_an_auto_override_on_an_edge_is_ignored(export: Any) -> None:
    a = export.node("1", "N")
    out = export(
        [a],
        [export.edge("e", "L", a, a, w=1)],
        ml={"features": [{"edge": ["N", "L", "N"], "property": "w", "type": "auto", "imputer": "mean"}]},
    )
    assert out.configuration["graph"]["edges"][0]["features"] == [
        {"feature": ["w", "w", "numerical"], "norm": "min-max", "imputer": "median"}
    ]


def test_escaped_columns_are_called_so_in_the_configuration_too(export: Any) -> None:
    target = {"node": "N", "property": "b:c", "type": "classification"}
    out = export([export.node("1", "N", **{"a:b": "x", "b:c": "y"})], ml={"targets": target}, escapeCsvHeaders=True)
    (entry,) = out.configuration["graph"]["nodes"]
    assert out.text("nodes/N.consolidated.csv").splitlines()[0] == r"~id,~label,a\:b,b\:c"
    assert entry["features"] == [{"feature": [r"a\:b", r"a\:b", "auto"]}]
    assert entry["labels"][0]["label"] == [r"b\:c", "classification"]


def test_disabled_edge_features_leave_no_key(export: Any) -> None:
    a = export.node("1", "N")
    out = export([a], [export.edge("e", "L", a, a, w=1)], ml={"disableEdgeFeatures": True})
    assert "features" not in out.configuration["graph"]["edges"][0]


def test_warnings_have_the_exporters_words(export: Any) -> None:
    out = export(
        [export.node("1", "N", many=["a", "b"], ats=EVERY_VALUE["ats"], age=3, bio="x", label="y")],
        ml={
            "targets": [
                {"node": "N", "property": "credit", "type": "classification"},
                {"node": "N", "property": "label", "type": "classification"},
                {"node": "N", "property": "debt", "type": "regression"},
            ],
            "features": [
                {"node": "N", "property": "many", "type": "text_sbert"},
                {"node": "N", "property": "age", "type": "bucket_numerical", "range": [0, 9], "bucket_cnt": 3},
                {"node": "N", "property": "bio", "type": "text_fasttext", "language": "xx"},
                {"node": "N", "property": "label", "type": "category"},
                {"node": "N", "property": "gone", "type": "text_sbert"},
            ],
        },
    )
    assert out.configuration["warnings"] == [
        "text_sbert feature does not support multi-value properties. Auto-inferring a feature for 'many'.",
        "Unable to add datetime feature for 'ats'. Multi-value datetime features not currently supported. "
        "Adding an auto feature instead.",
        "'imputer' value missing for bucket_numerical feature for 'age'. Preprocessing will exit when it encounters "
        "an missing value.",
        "Unsupported language for text_fasttext feature for 'bio': 'xx'. Supported languages are: 'en', 'zh', 'hi', "
        "'es', 'fr'. The output embedding is not guaranteed to be valid if you supply another language.",
        # the exporter passes over a missing property of a special type in silence
        "Unable to add text_sbert feature override (Label: N, Property: gone). Property is missing, or is being used "
        "to label the node.",
        "Unable to add category feature override (Label: N, Property: label). Property is missing, or is being used "
        "to label the node.",
        "Unrecognized node classification property (Label: N, Property: credit).",
        "Unrecognized node classification property (Label: N, Property: debt).",
    ]
    assert out.configuration["graph"]["nodes"][0]["labels"] == [
        {"label": ["label", "classification"], "split_rate": [0.9, 0.1, 0.0]}
    ]
    assert list(out.outcome.warnings) == out.configuration["warnings"]


def test_all_five_kinds_of_target_are_written(export: Any) -> None:
    paper = export.node("p", "Paper", field="db", tags=["a", "b"])
    author = export.node("a", ("Staff", "Author"), salary=3.0)
    out = export(
        [paper, author],
        [
            export.edge("1", "WROTE", author, paper, role="lead"),
            export.edge("2", "REVIEWED", author, paper, score=1.0),
            export.edge("3", "CITES", paper, paper, weight=2),
        ],
        ml={
            "split_rate": [0.7, 0.2, 0.1],
            "targets": [
                {"node": "Paper", "property": "field", "type": "classification", "split_rate": [0.8, 0.1, 0.1]},
                {"node": "Paper", "property": "tags", "type": "classification"},
                {"node": ["Author", "Staff"], "property": "salary", "type": "regression"},
                {"edge": ["Author;Staff", "WROTE", "Paper"], "property": "role", "type": "classification",
                 "separator": "|"},
                {"edge": [["Staff", "Author"], "REVIEWED", "Paper"], "property": "score", "type": "regression"},
                {"edge": ["Paper", "CITES", "Paper"], "type": "link_prediction", "split_rate": [1, 0, 0]},
            ],
        },
    )  # fmt: skip
    graph = out.configuration["graph"]
    assert [entry.get("labels") for entry in (*graph["nodes"], *graph["edges"])] == [
        [
            {"label": ["field", "classification"], "split_rate": [0.8, 0.1, 0.1]},
            {"label": ["tags", "classification"], "split_rate": [0.7, 0.2, 0.1], "separator": ";"},
        ],
        [{"label": ["salary", "regression"], "split_rate": [0.7, 0.2, 0.1]}],
        [{"label": ["role", "classification"], "split_rate": [0.7, 0.2, 0.1], "separator": "|"}],
        [{"label": ["score", "regression"], "split_rate": [0.7, 0.2, 0.1]}],
        [{"label": ["", "link_prediction"], "split_rate": [1.0, 0.0, 0.0]}],
    ]
    assert graph["nodes"][0]["features"] == []  # both properties are labels
    assert graph["edges"][2]["features"][0]["feature"] == ["weight", "weight", "numerical"]


def test_times_of_edges_are_named_by_a_target_or_beside_it(export: Any) -> None:
    paper, author = export.node("p", "Paper", year=2024), export.node("a", "Author")
    wrote, cites = export.edge("1", "WROTE", author, paper, since="2024-01-01"), export.edge("2", "CITES", paper, paper)
    out = export(
        [paper, author],
        [wrote, cites],
        ml={
            "targets": [
                {"edge": ["Author", "WROTE", "Paper"], "type": "link_prediction", "time": "since",
                 "split_dates": ["2023-01-01", "2024-01-01"]},
            ],
            "times": [
                {"node": "Paper", "property": "year"},
                {"edge": ["Paper", "CITES", "Paper"], "property": "year"},
                {"edge": ["Paper", "READS", "Paper"], "property": "at"},
            ],
        },
    )  # fmt: skip
    entries = {entry["relation"][1]: entry for entry in out.configuration["graph"]["edges"]}
    assert entries["WROTE"]["time"] == "since"
    assert entries["WROTE"]["labels"] == [
        {"label": ["", "link_prediction"], "split_dates": ["2023-01-01", "2024-01-01"]}
    ]
    assert "time" not in entries["CITES"]
    assert [entry.get("time") for entry in out.configuration["graph"]["nodes"]] == ["year", None]
    assert sorted(out.configuration["warnings"]) == [
        "Unable to tell times (Label: [Paper, CITES, Paper], Property: year). Property is missing.",
        "Unable to tell times (Label: [Paper, READS, Paper], Property: at). The export has no edge of that label.",
    ]


def test_a_horizon_is_written_as_it_was_asked_for(export: Any) -> None:
    paper, author = export.node("p", "Paper", year=2024), export.node("a", "Author")
    wrote = export.edge("1", "WROTE", author, paper, since="2024-01-01")
    horizon = {"days": 30, "edge": ["Author", "WROTE", "Paper"], "asks": "exists"}
    out = export(
        [paper, author],
        [wrote],
        ml={
            "targets": [
                {"node": "Author", "property": "writes", "type": "classification", "horizon": horizon,
                 "split_dates": ["2023-01-01", "2023-06-01"], "history": {"windows": [7]}},
                {"edge": ["Author", "WROTE", "Paper"], "type": "link_prediction", "time": "since",
                 "horizon": {"days": 7}},
            ],
        },
    )  # fmt: skip
    labels = {
        entry["file_name"].split("/")[0]: entry["labels"]
        for part in ("nodes", "edges")
        for entry in out.configuration["graph"][part]
        if "labels" in entry
    }
    assert labels["nodes"] == [
        {"label": ["writes", "classification"], "horizon": {**horizon, "days": 30.0},
         "split_dates": ["2023-01-01", "2023-06-01"], "history": {"windows": [7.0]}}
    ]  # fmt: skip
    assert labels["edges"] == [{"label": ["", "link_prediction"], "horizon": {"days": 7.0}}]
    assert out.configuration["warnings"] == []


def test_a_target_without_nodes_names_the_label_sets_there_are(export: Any) -> None:
    nodes = [export.node("1", ("Admin", "Person")), export.node("2", "Robot")]
    with pytest.raises(InvalidParameter, match=r"labelled 'Person'.*these exist: Admin;Person, Robot"):
        export(nodes, ml={"targets": [{"node": "Person", "property": "x", "type": "classification"}]})


def test_a_target_without_edges_names_the_edge_types_there_are(export: Any) -> None:
    a = export.node("1", "User")
    with pytest.raises(InvalidParameter, match=r"edges \[User, LIKES, User\].*these exist: \[User, FRIEND, User\]"):
        export(
            [a],
            [export.edge("e", "FRIEND", a, a)],
            ml={"targets": [{"edge": ["User", "LIKES", "User"], "type": "link_prediction"}]},
        )


def test_several_jobs_write_several_configurations(export: Any) -> None:
    jobs = [{}, {"name": "regions"}, {}]
    for ml in ({"jobs": jobs}, jobs):
        out = export([export.node("1", "N")], ml=ml)
        assert out.outcome.configurations == (
            "training-data-configuration.json",
            "regions.json",
            "training-data-configuration-3.json",
        )


BUCKET = {"node": "P", "property": "x", "type": "bucket_numerical", "range": [0, 1], "bucket_cnt": 2}
SPLIT = "Error parsing 'split_rate' field for {}. Expected an array with 3 double values that add up to 1.0."


@pytest.mark.parametrize(
    ("ml", "text"),
    [
        ({"jobs": [{"name": "a"}, {"name": "a"}]}, "Training data configuration names must be unique: [a]"),
        ({"split_rate": [0.5, 0.1, 0.1]}, SPLIT.format("config")),
        ({"split_rate": [0.5, 0.5]}, SPLIT.format("config")),
        ({"split_rate": "0.9"}, SPLIT.format("config")),
        ({"split_rate": [math.nan, 0.5, 0.5]}, SPLIT.format("config")),
        ({"split_rate": [math.inf, 0.5, 0.5]}, SPLIT.format("config")),
        ({"split_rate": [10**400, 0, 0]}, SPLIT.format("config")),
        *(
            (
                {"features": [{**BUCKET, "range": [0, bound]}]},
                "Error parsing 'range' field for bucket_numerical "
                "feature (Label: P, Property: x). Expected an array with 2 numeric values.",
            )
            for bound in (math.nan, -math.inf, 10**400)
        ),
        (
            {"features": [{**BUCKET, "bucket_cnt": 10**400}]},
            "Error parsing 'bucket_cnt' field for bucket_numerical feature (Label: P, Property: x). "
            "Expected an integer.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "category", "separator": ""}]},
            "Error parsing 'separator' field for node feature (Label: P, Property: x). "
            "Expected a string of one character.",
        ),
        (
            {"targets": [{"node": "P", "property": "c", "type": "classification", "split_rate": [2, -1, 0]}]},
            SPLIT.format("node label (Label: P, Property: c)"),
        ),
        ({"targets": [{"property": "x"}]}, "Illegal target element. Expected 'node' or 'edge' field."),
        (
            {"targets": [{"edge": "knows", "type": "link_prediction"}]},
            "Error parsing 'edge' field for edge label. Expected an array with 3 values.",
        ),
        (
            {"targets": [{"node": "P", "property": "x", "type": "regression", "time": 5}]},
            "Error parsing 'time' field for the time of P. Expected the name of a property.",
        ),
        (
            {"times": [{"edge": ["A", "e", "B"]}]},
            "Error parsing 'property' field for the time of [A, e, B]. Expected the name of a property.",
        ),
        (
            {"targets": [{"edge": ["A", "e", "B"], "type": "link_prediction", "split_dates": ["2023", "2024"]}]},
            "The 'split_dates' of [A, e, B] need a time: name the property under 'targets' as 'time', or "
            "under 'times'.",
        ),
        (
            {"targets": [{"edge": ["A", "e", "B"], "type": "link_prediction", "time": "t", "split_dates": ["2023"]}]},
            "Error parsing 'split_dates' field for edge label (Label: [A, e, B]). Expected an array with 2 dates.",
        ),
        (
            {
                "targets": [
                    {
                        "node": "P",
                        "property": "x",
                        "type": "regression",
                        "horizon": {"days": 5, "edge": ["P", "e", "Q"], "asks": "count"},
                    }
                ]
            },
            "The 'horizon' of P asks when edges [P, e, Q] come: name their property of time under 'times'.",
        ),
        (
            {"targets": [{"node": "P", "property": "x", "type": "regression", "horizon": {"days": -1}}]},
            "Error parsing 'horizon.days' field for node label (Label: P, Property: x). "
            "Input should be greater than 0.",
        ),
        (
            {"targets": [{"node": "P", "property": "x", "type": "regression", "horizon": {"days": 1}}]},
            "Error parsing 'horizon' field for node label (Label: P, Property: x). the 'horizon' of 'x' needs 'edge'.",
        ),
        (
            {
                "targets": [
                    {
                        "node": "P",
                        "property": "x",
                        "type": "regression",
                        "split_rate": [1, 0, 0],
                        "horizon": {"days": 1},
                    }
                ]
            },
            "Error parsing 'split_rate' field for node label (Label: P, Property: x). A 'horizon' is split by dates; "
            "'split_dates' name those of validation and test.",
        ),
        (
            {"targets": [{"edge": ["A", "e", "B"], "type": "classification"}]},
            "Missing or empty 'property' field for edge classification specification (Label: [A, e, B]).",
        ),
        (
            {"targets": [{"node": "Person", "type": "classification"}]},
            "Error parsing 'property' field for node label (Label: Person). "
            "Expected a 'property' field with a string value.",
        ),
        (
            {"targets": [{"node": "P", "property": "x", "type": "link_prediction"}]},
            "Invalid 'type' value for node label (Label: P, Property: x): 'link_prediction'. "
            "Valid values are: 'classification', 'regression'.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "embedding"}]},
            "Illegal feature type: 'embedding'. Supported values are: 'bucket_numerical', 'text_word2vec', "
            "'text_fasttext', 'text_sbert', 'text_sbert128', 'text_sbert512', 'category', 'numerical', 'text_tfidf', "
            "'datetime', 'auto', 'none'.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "text_tfidf", "ngram_range": 3}]},
            "Error parsing 'ngram_range' field for text_tfidf feature (Label: P, Property: x). "
            "Expected an array with 2 numeric values.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "text_tfidf", "min_df": "2"}]},
            "Error parsing 'min_df' field for text_tfidf feature (Label: P, Property: x). Expected an integer value.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "bucket_numerical", "range": [1]}]},
            "Error parsing 'range' field for bucket_numerical feature (Label: P, Property: x). "
            "Expected an array with 2 numeric values.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "bucket_numerical", "range": [1, 2]}]},
            "Error parsing 'bucket_cnt' field for bucket_numerical feature (Label: P, Property: x). "
            "Expected an integer.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "bucket_numerical", "separator": ";"}]},
            "Invalid 'separator' field for bucket_numerical feature. "
            "Bucket numerical feature property cannot contain multiple values.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "category", "imputer": "mean"}]},
            "Invalid 'imputer' field for node feature.",
        ),
        (
            {"features": [{"edge": ["A", "e", "B"], "property": "x", "type": "category", "imputer": "mean"}]},
            "Invalid 'imputer' field for edge feature.",
        ),
        (
            {"targets": [{"node": "P", "property": "x"}]},
            "Error parsing 'type' field for node label (Label: P, Property: x). "
            "Expected one of the following values: 'classification', 'regression'.",
        ),
        (
            {"features": [{"node": "P", "type": "numerical"}]},
            "Expected a 'property' field with a string value, or a 'properties' field with an array value "
            "for node feature (Label: P).",
        ),
        (
            {"features": [{"node": "P", "properties": ["x"], "type": "text_sbert"}]},
            "Error parsing 'property' field for text_sbert feature (Label: P). "
            "Expected a 'property' field with a string value.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "text_fasttext"}]},
            "Error parsing 'language' field for text_fasttext feature. "
            "Expected one of the following values: 'en', 'zh', 'hi', 'es', 'fr'.",
        ),
        (
            {"features": [{"node": "P", "property": "x", "type": "numerical", "norm": "l2"}]},
            "Invalid 'norm' value for node feature (Label: P, Property: x): 'l2'. "
            "Valid values are: 'none', 'min-max', 'standard'.",
        ),
        ({"name": "stats"}, "Error parsing 'name' field for config. stats.json is a file of the export itself."),
        ({"name": "../x"}, "Error parsing 'name' field for config. Expected a plain file name, found '../x'."),
    ],
)
def test_wrong_specifications_get_the_exporters_messages(ml: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_request({"outputS3Path": "s3://b/x", "additionalParams": {"neptune_ml": ml}})
    assert caught.value.message == text


def test_split_rates_that_only_round_off_are_taken() -> None:
    request = parse_request(
        {"outputS3Path": "s3://b/x", "additionalParams": {"neptune_ml": {"targets": {
            "edge": ["A", "e", "B"], "type": "link_prediction", "split_rate": [0.7, 0.2, 0.1]}}}}
    )  # fmt: skip
    assert request.jobs[0].targets[0].split_rate == (0.7, 0.2, 0.1)


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        ({"outputS3Path": ""}, MissingParameter, "'outputS3Path' is missing"),
        ({"outputS3Path": "/tmp/x"}, InvalidParameter, "must start with s3://"),
        ({"command": "export-rdf"}, UnsupportedOperation, "'export-rdf' is not supported"),
        ({"command": "drop"}, InvalidParameter, "'drop' is not known"),
        ({"command": "export-pg-from-config"}, MissingParameter, "needs 'params.filterConfigFile'"),
        ({"command": "create-pg-config"}, UnsupportedOperation, "'export-pg' writes config.json"),
        ({"command": "export-pg-from-queries"}, UnsupportedOperation, "choose what of it by 'gremlinNodeFilter'"),
        ({"params": {"sparql": "SELECT"}}, UnsupportedOperation, "'params.sparql' is not supported: .*'export-pg'"),
        ({"params": {"gremlinFilter": 3}}, InvalidParameter, "'gremlinFilter' must be a text, found 3"),
        ({"params": {"limit": 0}}, InvalidParameter, "'limit' must be a positive integer, found 0"),
        ({"params": {"skip": -1}}, InvalidParameter, "'skip' must be an integer from 0, found -1"),
        ({"params": {"limit": 10**400}}, InvalidParameter, "'limit' must be a positive integer, found 1000000000"),
        ({"params": {"limit": math.nan}}, InvalidParameter, "'limit' must be a positive integer, found nan"),
        ({"params": {"multiValueSeparator": ""}}, InvalidParameter, "'multiValueSeparator' must be a text other"),
        ({"params": {"multiValueSeparator": "\\"}}, InvalidParameter, "'multiValueSeparator' must be a text other"),
        ({"params": {"tag": "../x"}}, InvalidParameter, "'tag' must be letters"),
        (
            {"params": {"filterConfigFile": "https://elsewhere/c.json"}},
            InvalidParameter,
            "'filterConfigFile' must be an s3:// address",
        ),
        (
            {"configFileS3Path": "s3://lab/c.json", "params": {"filter": {"nodes": []}}},
            InvalidParameter,
            "'configFileS3Path' and 'filter' exclude each other",
        ),
        (
            {"params": {"filter": {"nodes": [{"label": "A", "properties": "x"}]}}},
            InvalidParameter,
            "'properties' of 'filter.nodes' must be an array of names",
        ),
        ({"params": {"nodelabels": ["A"]}}, InvalidParameter, "unknown params 'nodelabels', did you mean 'nodeLabels'"),
        ({"queriesFileS3Path": "s3://lab/q.json"}, UnsupportedOperation, "'queriesFileS3Path' is not supported"),
        ({"params": {"format": "json"}}, UnsupportedOperation, "format 'json' is not supported"),
        ({"params": {"scope": "half"}}, InvalidParameter, "Valid values are: 'all', 'nodes', 'edges'"),
        ({"params": {"endpoint": "a", "clusterId": "b"}}, InvalidParameter, "exclude each other"),
        ({"params": {"concurrency": 0}}, InvalidParameter, "must be a positive integer"),
        ({"params": []}, InvalidParameter, "'params' must be an object"),
        ({"params": {"profile": "other"}}, InvalidParameter, "profile 'other' is not known"),
    ],
)
def test_wrong_requests_say_what_is_possible(body: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        parse_request({"outputS3Path": "s3://b/x", **body})


def test_what_only_concerns_the_cluster_is_accepted() -> None:
    request = parse_request(
        {
            "command": "export-pg",
            "outputS3Path": "s3://b/x",
            "jobSize": "SMALL",
            "params": {"endpoint": "h", "profile": "neptune_ml", "useIamAuth": True, "cloneCluster": False,
                       "concurrency": 50},
        }
    )  # fmt: skip
    assert request.for_training
    assert (request.endpoint, request.concurrency) == ("h", 8)
