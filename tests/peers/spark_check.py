"""Runs in an environment with PySpark: processes exports by Polars and by Spark, and prints which files differ.

python spark_check.py SCRIPTS MASTER FOLDER [--kill] NAME…

Each export lies in ``FOLDER/NAME``. With ``--kill`` the first task that looks ids up ends its whole executor.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

arguments = sys.argv[1:]
kill = "--kill" in arguments
scripts, master, folder, *names = [one for one in arguments if one != "--kill"]
sys.path.insert(0, scripts)

from graph_ml.processing import report, workspace  # noqa: E402
from graph_ml.processing.engines import engine_of, spark  # noqa: E402
from graph_ml.processing.engines.local import PolarsEngine  # noqa: E402
from graph_ml.processing.job import ProcessingJob, process  # noqa: E402

SAME = {".npy", ".arrow", ".json"}
report.draw = lambda charts: [""] * len(charts)
# every column is long, and every array large
workspace.MOST_ROWS, workspace.FEWEST_ROWS, workspace.PARKED_BYTES = 7, 7, 1
spark.MOST_COLLECTED = 64  # what is longer comes back in several parts
found = spark._pairs


def killing(batches: Iterator[Any]) -> Iterator[Any]:
    """The first process that comes here ends its executor: the parent of the daemon that is its own parent."""
    try:
        os.close(os.open(f"{folder}/killed", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        yield from found(batches)
        return
    daemon = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
    os.kill(int(daemon[1]), signal.SIGKILL)
    raise RuntimeError("the executor has gone")


def tree(output: Path) -> dict[str, bytes]:
    """What was written, but for times and measured memory."""
    files = [path for path in output.rglob("*") if path.suffix in SAME]
    return {str(f.relative_to(output)): f.read_bytes() for f in files if f.name != "train_instance_recommendation.json"}


if kill:
    spark._pairs = killing
shared = engine_of("spark", master=master)
for name in names:
    trees = []
    for engine in (PolarsEngine(), shared):
        output = Path(folder) / f"{name}-{type(engine).__name__}"
        job = ProcessingJob(input=Path(folder) / name, output=output, seed=3, engine=engine)
        process(job, lambda *_: None, lambda _: None)  # type: ignore[arg-type]
        trees.append(tree(output))
    one, other = trees
    differing = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
    sys.stdout.write(json.dumps({"name": name, "files": len(one), "differ": differing}) + "\n")
    sys.stdout.flush()
shared.close()
