"""The training table of a horizon beside kumo-engine's: the same rows, in what time and memory; and what is learned.

    python benchmarks/horizons.py [--kumo ENVIRONMENT/bin/python] [--days 90] [--train]

asks of MovieLens how many films each person rates within so many days of a date, at every date that has as many days
before it, and prints processor time, clock and memory from the files to the table. With the Python of an environment
that has kumo-engine 1.0 (its pins conflict with ours) the same table is made there in the same run, and every row of
both is compared. With ``--train`` the question is whether a person rates any film, one model is trained on either
table, and the area under the curve of the people asked about at the date of test is printed beside the best floor's.
Training here ends after two minutes at the latest; kumo-engine trains in its own process without an account, by its
fast plan with one trial, without explanations and without compiling for a GPU.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ROOT, data_folder

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import GraphData
from training_scripts.graph_ml.judging.metrics import roc_auc

DATA = "movielens-latest-small"
LONG_AGO = "1990-01-01"
PEER = """
import sys, pathlib
import pandas as pd
from kumo.engine import Edge, FileConnector, Graph, PredictiveQuery, Table, TrainingTableOutputConfig, configure
folder, days = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rows = pd.read_csv(folder / "peer.csv")
rows["at"] = pd.to_datetime(rows["at"], unit="s")
data = folder / "data"
data.mkdir()
rows.to_parquet(data / "ratings.parquet")
for column in ("user", "film"):
    pd.DataFrame({column: sorted(rows[column].unique())}).to_parquet(data / f"{column}s.parquet")
(folder / "scratch").mkdir()
(folder / "table").mkdir()
configure(scratch_dir=str(folder / "scratch"))
files = FileConnector(root_dir=str(data))
tables = {"users": Table.from_source_table(files["users"], primary_key="user"),
          "films": Table.from_source_table(files["films"], primary_key="film"),
          "ratings": Table.from_source_table(files["ratings"], time_column="at")}
graph = Graph(tables=tables, edges=[Edge("ratings", "user", "users"), Edge("ratings", "film", "films")])
snapshot = graph.snapshot()
learn = sys.argv[3] == "True"
asked = f"COUNT(ratings.*, 0, {days}, days)" + (" > 0" if learn else "")
query = PredictiveQuery(graph, f"PREDICT {asked} FOR EACH users.user")
table = query.generate_training_table(snapshot)
table.export(TrainingTableOutputConfig(FileConnector(root_dir=str(folder / "table")), "rows"))
found = pd.concat(pd.read_parquet(part) for part in sorted((folder / "table" / "rows").glob("*.parquet")))
found["TIMESTAMP"] = found["TIMESTAMP"].astype("datetime64[s]").astype("int64")
found["TARGET1"] = found["TARGET1"].astype(float)
found[["ENTITY1", "TIMESTAMP", "TARGET1"]].to_csv(folder / "rows.csv", index=False)
if learn:
    from dataclasses import replace
    from kumo.engine import Trainer
    from kumoapi.model_plan import RunMode
    plan = query.suggest_model_plan(snapshot, run_mode=RunMode.FAST)
    job = replace(plan.training_job, num_experiments=1, disable_explain=True, disable_compilation=True)
    held = Trainer(replace(plan, training_job=job)).fit(table, snapshot=snapshot).holdout_df()
    held = held[held["TIMESTAMP"] == held["TIMESTAMP"].max()]
    held["TARGET"] = held["TARGET"].astype(str).isin(["True", "1", "1.0"]).astype(int)
    held["TIMESTAMP"] = held["TIMESTAMP"].astype("datetime64[s]").astype("int64")
    held[["ENTITY", "TIMESTAMP", "TARGET", "True_PROB"]].to_csv(folder / "held.csv", index=False)
"""


def timed(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Run a command; seconds of clock and of processor, and MB at its peak."""
    began = time.monotonic()
    child = subprocess.Popen(command, env={**os.environ, "SAGEMAKER_BASE_DIR": str(folder)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command[:3])} failed: {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def write(folder: Path, days: int, learn: bool) -> None:
    """The export, with a horizon at every date from the end of the data backwards; and the rows for the peer."""
    with gzip.open(data_folder() / DATA / "ratings.csv.gz", "rt") as file:
        rows = [(int(r["userId"]), int(r["movieId"]), int(r["timestamp"])) for r in csv.DictReader(file)]
    export = folder / "processing" / "input"
    export.mkdir(parents=True)
    people, films = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    tables: dict[Path, list[tuple[Any, ...]]] = {
        export / "users.csv": [("~id", "since"), *((f"u{one}", LONG_AGO) for one in people)],
        export / "films.csv": [("~id",), *((f"f{one}",) for one in films)],
        export / "ratings.csv": [("~from", "~to", "at"), *((f"u{u}", f"f{f}", at) for u, f, at in rows)],
        folder / "peer.csv": [("user", "film", "at"), *rows],
    }
    for path, lines in tables.items():
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(lines)
    test = max(row[2] for row in rows) - days * 86_400
    valid = test - days * 86_400
    dates = [datetime.fromtimestamp(when, UTC).isoformat() for when in (valid, test)]
    # back to where as many days lie before a date as are asked about behind it
    reach = valid - days * 86_400 - min(row[2] for row in rows) - days * 86_400
    rated = ["User", "RATED", "Film"]
    label = {
        "label": ["rates", "classification" if learn else "regression"],
        "horizon": {
            "days": days,
            "edge": rated,
            "asks": "exists" if learn else "count",
            "dates": reach // (days * 86_400) + 1,
        },
        "split_dates": dates,
    }
    nodes = [
        {"file_name": "users.csv", "node": ["~id", "User"], "time": "since", "labels": [label]},
        {"file_name": "films.csv", "node": ["~id", "Film"]},
    ]
    edge = {"file_name": "ratings.csv", "source": ["~from", "User"], "relation": ["", "RATED"], "dest": ["~to", "Film"]}
    document = {"graph": {"nodes": nodes, "edges": [{**edge, "time": "at"}]}}
    (export / "training-data-configuration.json").write_text(json.dumps(document))


def rows_of(folder: Path) -> dict[tuple[int, int], int]:
    """The table that processing made: (user, date) → how many."""
    graph = GraphData.read(folder / "processing" / "output")
    (target,) = graph.targets
    horizon, ids = graph.horizons[target], graph.node_ids["User"]
    assert horizon.times is not None
    keys = zip(graph.asked(target).tolist(), np.asarray(horizon.times).tolist(), strict=True)
    counts = np.asarray(graph.labels[target].values).astype(int).tolist()
    return {(int(ids[node][1:]), int(when)): count for (node, when), count in zip(keys, counts, strict=True)}


def learned(folder: Path) -> None:
    """Train the default model on the processed graph, and print its figures at the date of test."""
    command = [sys.executable, str(ROOT / "training_scripts" / "train.py"), "--max-seconds", "120"]
    os.environ["SM_CHANNEL_TRAIN"] = str(folder / "processing" / "output")
    cost = timed(command, folder)
    metrics = ModelFolder(folder / "model").metrics
    floors = {name: figures["roc_auc"] for name, figures in metrics.floors["test"].items() if "roc_auc" in figures}
    best = max(floors, key=lambda name: floors[name])
    print(f"despina, trained: {cost[0]:.1f} s, {cost[1]:.1f} CPU s, {cost[2]:.0f} MB")
    print(f"  roc_auc {metrics.splits['test']['roc_auc']:.4f}; {best} {floors[best]:.4f}")
    for warning in metrics.warnings:
        print(f"  {warning}")


def main() -> None:
    """Make the table here, and with ``--kumo`` there, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kumo", type=Path, help="the Python of an environment with kumo-engine")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--train", action="store_true", help="ask whether, and learn it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="horizons-") as place:
        folder = Path(place)
        write(folder, arguments.days, arguments.train)
        process = str(ROOT / "training_scripts" / "process.py")
        ours = timed([sys.executable, process], folder)
        mine = rows_of(folder)
        print(f"load {os.getloadavg()[0]:.1f}")
        print(f"despina: {len(mine)} rows; {ours[0]:.1f} s, {ours[1]:.1f} CPU s, {ours[2]:.0f} MB")
        if arguments.train:
            learned(folder)
        if arguments.kumo is None:
            return
        told = [str(folder), str(arguments.days), str(arguments.train)]
        theirs = timed([str(arguments.kumo), "-c", PEER, *told], folder)
        with (folder / "rows.csv").open() as file:
            peer = {(int(r["ENTITY1"]), int(r["TIMESTAMP"])): int(float(r["TARGET1"])) for r in csv.DictReader(file)}
        print(f"kumo-engine: {len(peer)} rows; {theirs[0]:.1f} s, {theirs[1]:.1f} CPU s, {theirs[2]:.0f} MB")
        both = mine.keys() & peer.keys()
        equal = sum(mine[key] == peer[key] for key in both)
        apart = [key for key in both if mine[key] != peer[key]]
        print(f"rows of the same person and date: {len(both)}, with the same count: {equal}")
        for key in sorted(apart)[:5]:
            print(f"  user {key[0]} at {datetime.fromtimestamp(key[1], UTC)}: {mine[key]} here, {peer[key]} there")
        if arguments.train:
            with (folder / "held.csv").open() as file:
                held = [(int(r["TIMESTAMP"]), int(r["TARGET"]), float(r["True_PROB"])) for r in csv.DictReader(file)]
            dates, truth, said = (np.array(column) for column in zip(*held, strict=True))
            print(
                f"kumo-engine at {datetime.fromtimestamp(dates[0], UTC)}: {len(truth)} rows, {truth.sum()} of them true"
            )
            print(f"  roc_auc {roc_auc(said, truth):.4f}")
            return
        print(f"processor time {theirs[1] / ours[1]:.2f} times, memory {theirs[2] / ours[2]:.2f} times as much there")


if __name__ == "__main__":
    main()
