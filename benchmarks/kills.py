"""Whether a training that is killed anywhere, and started again, ends in the same bytes.

    python benchmarks/kills.py [--kills 100] [--seed 0] [--only "rgcn node_class"]

Small trials of several families are trained once without interruption. Then, in turn, each is started in a process of
its own, killed with SIGKILL up to three times, and left to end; its weights, arrays and history must be those of the
first. Most are killed at a random moment after they wrote a checkpoint, which is what a next start goes on from; one in
five at any moment since its start. Prints a line a model, at the end one a trial, and exits
with 1 where one differs.
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
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
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
    "rgcn node_class": {"dropout": "0.3", "num-epochs": "40"},
    "gat edge_regression": {"dropout": "0.3"},
    "gprgnn node_regression": {"num-epochs": "40"},
    "rgcn link_prediction": {"dropout": "0.2"},
    "graphsage link_prediction": {"dropout": "0.2"},
    "lightgcn link_prediction": {},
    "complex link_prediction": {},
    "rotate link_prediction": {},
    "pair-ranker link_prediction": {},
    "stack link_prediction": {},
}
MOST_KILLS = 3
#: the share that is killed at any moment, and not after a checkpoint
ANYWHERE = 0.2


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
        os.dup2(quiet, 2)
        work()
        code = 0
    finally:  # nothing may leave the copy of the process
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
    ended_well(os.waitpid(child, 0)[1])


def ended_well(status: int) -> None:
    """Leave where a training that ended by itself failed."""
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("a training failed; run it alone to see why")


def digest(folder: Path) -> str:
    """Weights, arrays and figures of a model, not the time at which it was made."""
    found = sha256(str(ModelFolder(folder).metrics.history).encode())
    for path in sorted([folder / "weights.safetensors", *(folder / "arrays").rglob("*.npy")]):
        found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


@dataclass
class Tally:
    """One trial: what it ends in without interruption, how long it takes, and what became of it after kills.

    ``first_s`` and ``all_s`` are seconds until the first checkpoint and until the end. ``resumed`` are starts that
    found a checkpoint of a killed one, ``from_nothing`` those that found none.
    """

    base: Path
    asked: dict[str, str]
    wanted: str
    first_s: float
    all_s: float
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, name: str, more: dict[str, str], base: Path) -> Tally:
        """Train a trial once, and say when it wrote its first checkpoint."""
        model, _, task = name.partition(" ")
        asked = {"model": model, **SMALL, **more, "checkpoint-seconds": "0.02"}
        ended(written(next(one for one in TASKS if one == task), base / "graph"))
        began = time.monotonic()
        child = begun(base, asked)
        first = wait_for_checkpoint(child, base, {})
        first_s = time.monotonic() - began
        if not first:
            raise SystemExit(f"{name} ended before it wrote a checkpoint; give it more epochs")
        ended(child)
        return cls(base, asked, digest(base / "model"), first_s, time.monotonic() - began)

    def kill(self, base: Path, chance: random.Random) -> bool:
        """Start the trial in a folder and kill it; whether it was killed, and had not ended before."""
        before = kept(base)
        child = begun(base, self.asked)
        if chance.random() < ANYWHERE:
            time.sleep(self.all_s * chance.random())
        elif wait_for_checkpoint(child, base, before):
            time.sleep((self.all_s - self.first_s) * chance.random())
        else:
            return False
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            ended_well(status)
            return False
        self.counts["kills"] += 1
        self.counts["resumed" if kept(base) else "from_nothing"] += 1
        return True

    def model(self, base: Path, chance: random.Random) -> None:
        """Kill and start until a model is there, and compare it."""
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir()
        (base / "graph").symlink_to(self.base / "graph")
        if all(self.kill(base, chance) for _ in range(chance.randint(1, MOST_KILLS))):
            ended(begun(base, self.asked))
        self.counts["models"] += 1
        self.counts["differ"] += digest(base / "model") != self.wanted


def kept(base: Path) -> dict[str, int]:
    """The finished checkpoint files of a training, each with the time of its writing in nanoseconds."""
    found = {}
    for path in (base / "checkpoints").glob("*.safetensors"):
        try:
            found[path.name] = path.stat().st_mtime_ns
        except FileNotFoundError:  # a finished part of a ranker is removed when it is needed no more
            continue
    return found


def wait_for_checkpoint(child: int, base: Path, before: dict[str, int]) -> bool:
    """Wait until a training has written a checkpoint; False where it ended without, and was waited for."""
    while kept(base).items() <= before.items():
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            ended_well(status)
            return False
        time.sleep(0.001)
    return True


def main() -> None:
    """Kill as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[*TRIALS], help="one trial")
    given = parser.parse_args()
    torch.set_num_threads(1)
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        names = [given.only] if given.only else [*TRIALS]
        trials = {name: Tally.of(name, TRIALS[name], place / name) for name in names}
        while sum(trial.counts["kills"] for trial in trials.values()) < given.kills:
            for name, trial in trials.items():
                trial.model(place / "again", chance)
                print(told(name, trial.counts), flush=True)
    print("in all:")
    total = Counter[str]()
    for name, trial in trials.items():
        print(told(name, trial.counts))
        total.update(trial.counts)
    print(told("all", total))
    if total["differ"]:
        raise SystemExit(1)


def told(name: str, counts: Counter[str]) -> str:
    """What became of a trial, in one line."""
    return (
        f"{name:<28} {counts['kills']:>4} kills, after which {counts['resumed']} starts went on from a checkpoint and "
        f"{counts['from_nothing']} from nothing; of {counts['models']} models {counts['differ']} differ"
    )


if __name__ == "__main__":
    main()
