"""How much a job is thought to need, before it begins."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData
from training_scripts.graph_ml.processing.sizing import (
    MB,
    Need,
    Sample,
    processing_need,
    recommend,
    refuse_if_too_large,
)
from training_scripts.graph_ml.schemas import FeatureSpec, TrainingDataConfiguration

NONE = np.empty(0, dtype=np.int64)


def spec(column: str, kind: str, **options: Any) -> FeatureSpec:
    return FeatureSpec(feature=(column, column, kind), **options)


def write(path: Path, rows: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("~id,town:String,name\n" + "".join(f"u{i:07d},{'xyz'[i % 3]},n{i:07d}\n" for i in range(rows)))
    return path


def test_rows_are_counted_by_the_length_of_the_first_lines(tmp_path: Path) -> None:
    sample = Sample.of(write(tmp_path / "a.csv", 50_000), ",")
    assert sample.rows == pytest.approx(50_000, rel=0.01)


def test_few_values_that_repeat_are_all_there_are(tmp_path: Path) -> None:
    sample = Sample.of(write(tmp_path / "a.csv", 50_000), ",")
    assert sample.width(spec("town", "category")) == 3
    assert sample.width(spec("name", "category")) == 100
    assert sample.width(spec("town", "text_tfidf")) == 100
    assert sample.width(spec("name", "numerical")) == 1
    assert sample.width(spec("name", "bucket_numerical", range=(0, 1), bucket_cnt=7)) == 7


def test_an_unreadable_file_is_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x" * 100)[:-9])
    (tmp_path / "b.csv").write_bytes(b"")
    assert Sample.of(tmp_path / "a.csv.gz", ",").rows == 0
    assert Sample.of(tmp_path / "b.csv", ",").rows == 0


def test_a_wide_feature_makes_the_job_larger(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 50_000)

    def need(*features: FeatureSpec) -> Need:
        entry = {"file_name": "a.csv", "node": ("~id", "User"), "features": [f.model_dump() for f in features]}
        return processing_need(tmp_path, TrainingDataConfiguration.model_validate({"graph": {"nodes": [entry]}}))

    plain, wide = need(), need(spec("name", "category"))
    # 50,000 rows of 100 numbers of 4 bytes are 20 MB, twice while they are made
    assert wide.memory - plain.memory == pytest.approx(40_000_000, rel=0.02)
    assert wide.disk - plain.disk == pytest.approx(40_000_000, rel=0.02)


def test_edges_take_disk_for_both_their_ends_and_for_adjacency_both_ways(tmp_path: Path) -> None:
    size = write(tmp_path / "a.csv", 50_000).stat().st_size
    entry = {"file_name": "a.csv", "source": ("~id", "A"), "relation": ("", "r"), "dest": ("name", "A")}
    need = processing_need(tmp_path, TrainingDataConfiguration.model_validate({"graph": {"edges": [entry]}}))
    # the copy, and of each edge six numbers of 8 bytes: two ends, and an end and a number by target and by source
    assert need.disk - 1.5 * size - 16 * MB == pytest.approx(50_000 * 48, rel=0.02)


def test_a_small_graph_is_thought_to_take_little_disk() -> None:
    kind = EdgeType("a", "r", "a")
    graph = GraphData(node_ids={"a": ["1"] * 1000}, num_nodes={"a": 1000}, edges={kind: EdgeList(NONE, NONE)})
    recommended = recommend(graph, Need(MB, MB), disk_used=200_000)
    assert recommended.estimated is not None
    # a copy of 0.2 MB, embeddings of 1000 x 128 x 4 bytes and the files of a model, twice
    assert recommended.estimated["training_disk"] == 2 * (200_000 + 512_000 + 4 * MB) < 10 * MB
    assert recommended.disk_size == 1


def test_a_full_disk_is_refused_with_what_is_free(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"takes about 1048576\.0 GB of disk, and .* GB are free"):
        refuse_if_too_large(Need(MB, 1 << 50), tmp_path)


def test_edges_count_for_a_batch_of_their_rows_and_for_their_split(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 1_000)
    with (tmp_path / "b.csv").open("w") as file:
        file.write("~from,~to\n")
        file.write("u0000001,u0000002\n" * 3_000_000)
    node = {"file_name": "a.csv", "node": ("~id", "User"), "labels": [{"label": ["town", "classification"]}]}
    edge = {"file_name": "b.csv", "source": ("~from", "User"), "relation": ("", "KNOWS"), "dest": ("~to", "User")}

    def need(**more: Any) -> Need:
        graph = {"nodes": [node], "edges": [{**edge, **more}]}
        return processing_need(tmp_path, TrainingDataConfiguration.model_validate({"graph": graph}))

    plain, learned = need(), need(labels=[{"label": ["", "link_prediction"]}])
    # 1,048,576 of three million rows of 18 bytes, three times, and what libraries take
    assert plain.memory == pytest.approx(360 * MB + 3 * 1_048_576 * 18, rel=0.02)
    # 24 bytes for each of three million edges
    assert learned.memory - plain.memory == pytest.approx(72_000_000, rel=0.02)
    assert plain.graph_file == pytest.approx(650 * MB + 64 * 3_000_000, rel=0.02)


def test_a_job_with_a_bound_of_memory_is_not_refused_for_the_memory_of_the_machine(tmp_path: Path) -> None:
    refuse_if_too_large(Need(1 << 50, MB), tmp_path, memory=500 * MB)
    with pytest.raises(JobError, match=r"takes about 1048576\.0 GB of memory"):
        refuse_if_too_large(Need(1 << 50, MB), tmp_path)
