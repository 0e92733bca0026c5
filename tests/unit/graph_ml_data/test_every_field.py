"""Every field of a training configuration counts: changed, it changes what processing writes, or is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError, ProgressWriter
from training_scripts.graph_ml.features import text
from training_scripts.graph_ml.features.text_vectors.models import TextModel
from training_scripts.graph_ml.graph import dgl_file
from training_scripts.graph_ml.processing.job import ProcessingJob, process
from training_scripts.graph_ml.schemas.training_data import (
    ConfigurationPart,
    EdgeFile,
    FeatureSpec,
    GraphFiles,
    HistorySpec,
    HorizonSpec,
    LabelSpec,
    NodeFile,
    TrainingDataConfiguration,
)

Document = dict[str, Any]
Path_ = tuple[str | int, ...]

USERS = "~id,age,size,town,tags,born,bio,note,kind\n" + "".join(
    f"u{i},{i * i % 37 if i % 7 else ''},{i % 11},t{i % 3},a{i % 4};b|{i % 2},"
    f"20{10 + i % 9}-0{1 + i % 9}-1{i % 10}T1{i % 10}:00:00Z,"
    f"word{i % 5} the word{i % 3} and,n{i},c{i % 2};d{i % 3}\n"
    for i in range(40)
)
LIKES = "~id,~from,~to,how,other,at,when\n" + "".join(
    f"e{i},u{i},u{(i * 3 + 1) % 40},h{i % 2},u{i // 2},{i},{i * 7 % 40}\n" for i in range(40)
)


def feature(column: str, kind: str, **options: Any) -> Document:
    return {"feature": [column, column, kind], **options}


BASE: Document = {
    "version": "v2.0",
    "query_engine": "gremlin",
    "graph": {
        "nodes": [
            {
                "file_name": "users.csv",
                "separator": ",",
                "node": ["~id", "User"],
                "features": [
                    feature("age", "numerical", norm="min-max", imputer="mean"),
                    feature("size", "bucket_numerical", range=[0, 10], bucket_cnt=5, slide_window_size=0),
                    feature("tags", "category", separator=";"),
                    feature("born", "datetime", datetime_parts=["year"]),
                    feature("bio", "text_tfidf", ngram_range=[1, 1], min_df=2, max_features=5000),
                    feature("note", "text_fasttext", language="en", max_length=5),
                ],
                "labels": [
                    {"label": ["kind", "classification"], "separator": ";"},
                    {
                        "label": ["soon", "regression"],
                        "horizon": {"days": 5, "edge": ["User", "LIKES", "User"], "asks": "count"},
                    },
                ],
            }
        ],
        "edges": [
            {
                "file_name": "likes.csv",
                "separator": ",",
                "source": ["~from", "User"],
                "relation": ["", "LIKES"],
                "dest": ["~to", "User"],
                "time": "at",
                "features": [feature("how", "category")],
                "labels": [
                    {"label": ["", "link_prediction"], "split_rate": [0.5, 0.5, 0.0]},
                    {"label": ["when", "regression"], "history": {"windows": [3], "known_after": 1}},
                ],
            }
        ],
    },
    "warnings": [],
}
NODE: Path_ = ("graph", "nodes", 0)
EDGE: Path_ = ("graph", "edges", 0)
FEATURE, LABEL = (*NODE, "features"), (*NODE, "labels", 0)
HORIZON: Path_ = (*NODE, "labels", 1, "horizon")
SOON = BASE["graph"]["nodes"][0]["labels"][1]["horizon"]

# (class, field) → where it stands in the document, and another value
CHANGES: dict[tuple[type[ConfigurationPart], str], tuple[Path_, Any]] = {
    (TrainingDataConfiguration, "version"): (("version",), "v1.0"),
    (TrainingDataConfiguration, "query_engine"): (("query_engine",), "sparql"),
    (TrainingDataConfiguration, "graph"): (("graph",), [{"nodes": BASE["graph"]["nodes"]}]),
    (TrainingDataConfiguration, "warnings"): (("warnings",), ["careful"]),
    (GraphFiles, "nodes"): (("graph", "nodes"), []),
    (GraphFiles, "edges"): (("graph", "edges"), []),
    (GraphFiles, "rdfs"): (("graph", "rdfs"), [{}]),
    (NodeFile, "file_name"): ((*NODE, "file_name"), "others.csv"),
    (NodeFile, "separator"): ((*NODE, "separator"), "|"),
    (NodeFile, "node"): ((*NODE, "node"), ["note", "User"]),
    (NodeFile, "time"): ((*NODE, "time"), "age"),
    (NodeFile, "features"): (FEATURE, []),
    (NodeFile, "labels"): ((*NODE, "labels"), None),
    (EdgeFile, "file_name"): ((*EDGE, "file_name"), "others.csv"),
    (EdgeFile, "separator"): ((*EDGE, "separator"), "|"),
    (EdgeFile, "source"): ((*EDGE, "source"), ["other", "User"]),
    (EdgeFile, "relation"): ((*EDGE, "relation"), ["how", "LIKES"]),
    (EdgeFile, "dest"): ((*EDGE, "dest"), ["other", "User"]),
    (EdgeFile, "time"): ((*EDGE, "time"), "when"),
    (EdgeFile, "features"): ((*EDGE, "features"), None),
    (EdgeFile, "labels"): ((*EDGE, "labels"), None),
    (FeatureSpec, "feature"): ((*FEATURE, 0, "feature"), ["size", "age", "numerical"]),
    (FeatureSpec, "separator"): ((*FEATURE, 2, "separator"), "|"),
    (FeatureSpec, "range"): ((*FEATURE, 1, "range"), [0, 5]),
    (FeatureSpec, "bucket_cnt"): ((*FEATURE, 1, "bucket_cnt"), 4),
    (FeatureSpec, "slide_window_size"): ((*FEATURE, 1, "slide_window_size"), 4),
    (FeatureSpec, "norm"): ((*FEATURE, 0, "norm"), "none"),
    (FeatureSpec, "imputer"): ((*FEATURE, 0, "imputer"), "median"),
    (FeatureSpec, "language"): ((*FEATURE, 5, "language"), "fr"),
    (FeatureSpec, "max_length"): ((*FEATURE, 5, "max_length"), 1),
    (FeatureSpec, "ngram_range"): ((*FEATURE, 4, "ngram_range"), [1, 2]),
    (FeatureSpec, "min_df"): ((*FEATURE, 4, "min_df"), 20),
    (FeatureSpec, "max_features"): ((*FEATURE, 4, "max_features"), 2),
    (FeatureSpec, "datetime_parts"): ((*FEATURE, 3, "datetime_parts"), ["month"]),
    (LabelSpec, "label"): ((*LABEL, "label"), ["size", "regression"]),
    (LabelSpec, "split_rate"): ((*LABEL, "split_rate"), [0.5, 0.5, 0.0]),
    (LabelSpec, "split_dates"): ((*EDGE, "labels"), [{"label": ["", "link_prediction"], "split_dates": ["3", "9"]}]),
    (LabelSpec, "horizon"): ((*HORIZON[:-1], "horizon"), {**SOON, "days": 3}),
    (LabelSpec, "history"): ((*HORIZON[:-1], "history"), False),
    (HistorySpec, "windows"): ((*HORIZON[:-1], "history"), {"windows": [2]}),
    (HistorySpec, "labels"): ((*EDGE, "labels", 1, "history"), {"windows": [3], "labels": False}),
    (HistorySpec, "known_after"): ((*EDGE, "labels", 1, "history", "known_after"), 2),
    (HorizonSpec, "days"): ((*HORIZON, "days"), 4),
    (HorizonSpec, "edge"): ((*HORIZON, "edge"), ["User", "LOVES", "User"]),
    (HorizonSpec, "asks"): ((*HORIZON, "asks"), "first"),
    (HorizonSpec, "end"): ((*HORIZON, "end"), "target"),
    (HorizonSpec, "every"): ((*HORIZON, "every"), 2),
    (HorizonSpec, "dates"): ((*HORIZON, "dates"), 2),
    (LabelSpec, "separator"): ((*LABEL, "separator"), "|"),
    (LabelSpec, "custom_split_filenames"): ((*LABEL, "custom_split_filenames"), {"train": "chosen.csv"}),
}
FIELDS = [(part, name) for part in dict.fromkeys(part for part, _ in CHANGES) for name in part.model_fields]


def written(folder: Path, document: Document, name: str) -> str:
    """What processing writes for a configuration, without times; the sentence where it refuses."""
    (folder / f"{name}.json").write_text(json.dumps(document))
    job = ProcessingJob(input=folder, output=folder / name, config_file_name=f"{name}.json")
    try:
        process(job, ProgressWriter(folder / "progress.json"), lambda line: None)
    except JobError as error:
        return f"refused: {error}"
    manifest = json.loads((folder / name / "manifest.json").read_text())
    manifest.pop("info")
    return json.dumps([manifest, json.loads((folder / name / "encoders.json").read_text())])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def load(library: str, name: str, models: Path | None) -> TextModel:
        def embed(texts: Any, max_tokens: int | None) -> Any:
            return np.array([[len(one), max_tokens or 0] for one in texts], dtype=np.float32)

        return TextModel("fasttext", name, 2, embed)

    monkeypatch.setattr(text, "load_model", load)
    monkeypatch.setattr(text, "find_model", lambda kind, language, models: load("fasttext", str(language), models))
    monkeypatch.setattr(dgl_file, "available", lambda: False)
    for name, content in {
        "users.csv": USERS,
        "likes.csv": LIKES,
        "others.csv": USERS[:900].rpartition("\n")[0] + "\n",
        "chosen.csv": "~id\nu1\nu2\n",
    }.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_every_field_has_a_change() -> None:
    assert {*CHANGES} == {*FIELDS}
    assert {part for part, _ in CHANGES} == {*ConfigurationPart.__subclasses__()}


@pytest.mark.parametrize(("part", "field"), FIELDS, ids=[f"{part.__name__}.{name}" for part, name in FIELDS])
def test_a_changed_field_changes_what_is_written(part: type[ConfigurationPart], field: str, folder: Path) -> None:
    path, value = CHANGES[part, field]
    document = copy.deepcopy(BASE)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    assert place.get(path[-1]) != value
    place[path[-1]] = value
    before, after = written(folder, BASE, "before"), written(folder, document, "after")
    assert not before.startswith("refused")
    assert after != before


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_part_of_a_feature_counts(part: int, folder: Path) -> None:
    document = copy.deepcopy(BASE)
    spec = document["graph"]["nodes"][0]["features"][0]["feature"]
    spec[part] = ["size", "years", "category"][part]
    assert written(folder, document, "after") != written(folder, BASE, "before")


def test_the_first_version_divides_by_its_own_shares(folder: Path) -> None:
    manifest, _ = json.loads(written(folder, {**BASE, "version": "v1.0"}, "first"))
    sizes = [entry[part]["shape"][0] for entry in manifest["targets"][:1] for part in ("train", "valid", "test")]
    assert sizes == [28, 4, 8]  # 0.7, 0.1, 0.2 of 40
