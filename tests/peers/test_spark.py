"""Data processing by Spark beside Polars: the published wheel in one process, on a cluster, by ``spark-submit``."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.peers.peer import python_with
from tests.unit.graph_ml_data.conftest import ExportFolder, features
from training_scripts.graph_ml.graph import EdgeType

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "training_scripts"
SPARK = ("pyspark==4.3.0", "polars", "pyarrow", "numpy", "narwhals", "pandas", "pydantic", "scipy", "scikit-learn")
DRAWING = ("jinja2", "altair", "vl-convert-python", "safetensors")
LIMIT_S = 1200
LOCAL = {"SPARK_LOCAL_IP": "127.0.0.1"}
LINKS = [{"label": ["", "link_prediction"], "split_rate": [0.6, 0.2, 0.2]}]
KNOWS = EdgeType("Person", "KNOWS", "Person")


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter with PySpark."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs java, and there is none on the path")
    return python_with("spark", *SPARK, *DRAWING, "-c", str(ROOT / "constraints.txt"), timeout_s=900)


def people(export: ExportFolder) -> None:
    """Two files of vertices that share some, edges in two files, a class to learn."""
    asked = features(("age", "numerical", {"imputer": "mean"}), ("tags", "category", {"separator": ";"}))
    label = [{"label": ["kind", "classification"], "split_rate": [0.6, 0.2, 0.2]}]
    rows = [f"p{i},{i * i % 37 if i % 7 else ''},a{i % 4};b{i % 2},c{i % 2}\n" for i in range(50)]
    for name, part in (("people.csv", rows[:40]), ("more.csv", rows[30:])):
        export.node("~id,age,tags,kind\n" + "".join(part), "Person", name, features=asked, labels=label)
    for name, begin, end in (("knows.csv", 0, 60), ("again.csv", 60, 80)):
        ends = "".join(f"e{i},p{i % 50},p{(i * 7 + 1) % 50}\n" for i in range(begin, end))
        export.edge("~id,~from,~to\n" + ends, KNOWS, name)


def names(export: ExportFolder) -> None:
    """Vertices that only edges name, by odd texts."""
    odd = ["a", "A", "Ä", "日本", '"x, y"', '"two\nlines"', "' '", "b c", '"say ""so"""', "𝔸"]
    export.edge("~from,~to\n" + "".join(f"{odd[i * 3 % 10]},{odd[i * 7 % 9]}\n" for i in range(40)), KNOWS)


def relations(export: ExportFolder) -> None:
    """Several edge types in one packed file, with a number each."""
    export.node("~id\n" + "".join(f"p{i}\n" for i in range(30)), "Person")
    rows = "".join(f"{'xyz'[i % 3]},p{i % 30},p{i * 3 % 30},{i}\n" for i in range(45))
    export.edge(
        gzip.compress(f"relation,~from,~to,score\n{rows}".encode(), mtime=0),
        KNOWS,
        "several.csv.gz",
        relation=["relation", "is"],
        features=features(("score", "bucket_numerical", {"range": [0, 45], "bucket_cnt": 4})),
        labels=LINKS,
    )


def dated(export: ExportFolder) -> None:
    """Links to learn that are split by their time."""
    born = features(("born", "datetime", {}))
    rows = "".join(f"p{i},20{10 + i % 9}-0{1 + i % 9}-11\n" for i in range(30))
    export.node("~id,born\n" + rows, "Person", features=born)
    ends = "".join(f"p{i % 30},p{(i * 11 + 2) % 30},2024-01-{1 + i % 28:02}\n" for i in range(90))
    export.edge("~from,~to,since\n" + ends, KNOWS, time="since", labels=LINKS)


EXPORTS = {"people": people, "names": names, "relations": relations, "dated": dated}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all exports."""
    folder = tmp_path_factory.mktemp("exports")
    for name, make in EXPORTS.items():
        export = ExportFolder(folder / name)
        make(export)
        export.configure()
    return folder


def checked(python: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [str(python), str(ROOT / "tests/peers/spark_check.py"), str(SCRIPTS), *arguments]
    environ = {**os.environ, **LOCAL}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_four_exports_give_the_bytes_that_polars_writes(python: Path, exports: Path) -> None:
    told = checked(python, "local[2]", str(exports), *EXPORTS)
    assert [(one["name"], one["differ"]) for one in told] == [(name, []) for name in EXPORTS]
    assert all(one["files"] > 15 for one in told)


def test_an_executor_that_is_killed_in_the_middle_changes_no_byte(python: Path, exports: Path, tmp_path: Path) -> None:
    shutil.copytree(exports / "people", tmp_path / "people")
    told = checked(python, "local-cluster[2,1,1024]", str(tmp_path), "--kill", "people")
    assert told == [{"name": "people", "files": told[0]["files"], "differ": []}]
    assert (tmp_path / "killed").exists()


def test_the_same_file_runs_under_spark_submit(python: Path, exports: Path, tmp_path: Path) -> None:
    trees = []
    for engine, command in (("polars", [python]), ("spark", [python.parent / "spark-submit", "--master", "local[2]"])):
        base = tmp_path / engine
        (base / "processing").mkdir(parents=True)
        (base / "processing/input").symlink_to(exports / "people")
        environ = {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(base),
            "PYSPARK_PYTHON": str(python),
            **LOCAL,
        }
        run = [*map(str, command), str(SCRIPTS / "process.py"), "--engine", engine, "--seed", "3"]
        done = subprocess.run(run, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        output = base / "processing/output"
        files = [path for path in output.rglob("*") if path.suffix in (".npy", ".arrow")]
        trees.append({str(path.relative_to(output)): path.read_bytes() for path in files})
    assert trees[0] == trees[1]
    assert len(trees[0]) > 15
