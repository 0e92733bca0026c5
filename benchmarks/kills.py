"""Whether a training that is killed anywhere, and started again, ends in the same bytes.

    python benchmarks/kills.py [--kills 100] [--seed 0]

Small trials of several families are trained once without interruption. Then, in turn, each is started in a process of
its own, killed with SIGKILL after a random share of the time that it takes, up to three times, and left to end; its
weights, arrays and history must be those of the first. Prints a line a family, and exits with 1 where one differs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from gpu import SCRIPTS, TASKS, community_graph
from graph_ml.artifacts import ModelFolder
from graph_ml.container import Container
from graph_ml.schemas import TaskType
from graph_ml.training.run import run

SMALL = {"num-epochs": "8", "num-hidden": "16", "num-negs": "32", "batch-size": "128", "eval-edges": "50"}
TRIALS = {
    "rgcn node_class": {"dropout": "0.3"},
    "gat edge_regression": {"dropout": "0.3"},
    "gprgnn node_regression": {},
    "graphsage link_prediction": {"dropout": "0.2"},
    "lightgcn link_prediction": {},
    "complex link_prediction": {},
    "rotate link_prediction": {},
    "pair-ranker link_prediction": {},
    "stack link_prediction": {},
}
MOST_KILLS = 3


def copied(work: Callable[[], None]) -> int:
    """Start something in a copy of this process, which has the libraries already; its number.

    This process itself does nothing that starts threads, for a copy would not have them.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may leave the copy of the process
        traceback.print_exc()
    finally:
        os._exit(code)


def begun(base: Path, asked: dict[str, str]) -> int:
    """Start a training; the number of its process."""
    arguments = [part for name, value in asked.items() for part in (f"--{name}", value)]
    container = Container(base, {"SM_CHANNEL_TRAIN": str(base / "graph"), "OMP_NUM_THREADS": "1"})
    return copied(lambda: run(container, arguments, SCRIPTS))


def written(task: TaskType, place: Path) -> int:
    """Start writing a graph; the number of the process."""
    return copied(lambda: community_graph(task, people=200).write(place))


def ended(child: int) -> None:
    """Wait until a training has ended by itself; leaves where it failed."""
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise SystemExit("a training failed; run it alone to see why")


def digest(folder: Path) -> str:
    """Weights, arrays and figures of a model, not the time at which it was made."""
    found = sha256(str(ModelFolder(folder).metrics.history).encode())
    for path in sorted([folder / "weights.safetensors", *(folder / "arrays").rglob("*.npy")]):
        found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def main() -> None:
    """Kill as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    chance, kills, resumed, differ = random.Random(given.seed), Counter[str](), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        whole: dict[str, tuple[str, float, dict[str, str]]] = {}
        for name, more in TRIALS.items():
            model, _, task = name.partition(" ")
            base, asked = Path(scratch) / name, {"model": model, **SMALL, **more, "checkpoint-seconds": "0.02"}
            ended(written(next(one for one in TASKS if one == task), base / "graph"))
            began = time.monotonic()
            ended(begun(base, asked))
            whole[name] = digest(base / "model"), time.monotonic() - began, asked
        while kills.total() < given.kills:
            for name, (wanted, seconds, asked) in whole.items():
                base = Path(scratch) / "again"
                shutil.rmtree(base, ignore_errors=True)
                base.mkdir()
                (base / "graph").symlink_to(Path(scratch) / name / "graph")
                for _ in range(chance.randint(1, MOST_KILLS)):
                    child = begun(base, asked)
                    time.sleep(seconds * chance.random())
                    os.kill(child, signal.SIGKILL)
                    kills[name] += os.WIFSIGNALED(os.waitpid(child, 0)[1])
                resumed[name] += (base / "checkpoints").is_dir()
                ended(begun(base, asked))
                differ[name] += digest(base / "model") != wanted
    for name in whole:
        print(f"{name:<30} {kills[name]:>4} kills, {resumed[name]} models from a checkpoint, {differ[name]} differ")
    print(f"{kills.total()} kills, {differ.total()} models differ")
    if differ.total():
        raise SystemExit(1)


if __name__ == "__main__":
    main()
