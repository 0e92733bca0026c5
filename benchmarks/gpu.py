"""Whether every family learns the same on a GPU as on the processor, and how much faster: for whoever has a GPU.

    python benchmarks/gpu.py                 # the first CUDA device against the processor
    python benchmarks/gpu.py --device mps
    python benchmarks/gpu.py --device cpu    # no GPU: each check against itself, the processes over gloo

Every family trains on small graphs with the same seeds on both, without dropout, whose draws differ between devices;
its losses and validation figures must agree. So must: vectors of a transform, answers of an endpoint, training in mixed
precision, tables of learned vectors that stay on the host, and two processes over nccl where there are two GPUs (one
GPU meets itself over nccl). Then one larger training of each kind says how many times faster the device is. Prints a
line a check, exits with 1 where one disagrees, and takes less than eight minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "training_scripts"
sys.path.insert(0, str(SCRIPTS))

from graph_ml import devices  # noqa: E402
from graph_ml.artifacts import ModelFolder  # noqa: E402
from graph_ml.container import Container  # noqa: E402
from graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target  # noqa: E402
from graph_ml.models.families import families, family  # noqa: E402
from graph_ml.models.family import RankingFamily  # noqa: E402
from graph_ml.predict import load_predictor  # noqa: E402
from graph_ml.schemas import EndpointRequest, TaskType  # noqa: E402
from graph_ml.training.refresh import transform  # noqa: E402
from graph_ml.training.run import run  # noqa: E402

KNOWS, WORKS = EdgeType("Person", "knows", "Person"), EdgeType("Person", "works", "Firm")
TASKS: tuple[TaskType, ...] = ("node_class", "node_regression", "edge_class", "edge_regression", "link_prediction")
#: what both sides of a comparison are trained with
SAME = {"num-epochs": "3", "dropout": "0", "input-dropout": "0", "num-hidden": "32", "enable-early-stop": "false"}
#: how far losses may be apart, as a share, in float32 and with products in bfloat16; figures differ by so much
EXACT, ROUGH, FIGURES = 0.01, 0.08, 0.06
WANTED_S = 480


def community_graph(task: TaskType, people: int = 400, friends: int = 10, seed: int = 0) -> GraphData:
    """People of four kinds who mostly know their own, and work for firms of their kind."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, people)
    by_kind = [np.flatnonzero(kind == number) for number in range(4)]
    source = np.repeat(np.arange(people), friends // 2)
    own = rng.random(len(source)) < 0.8
    near = np.array([by_kind[kind[person]][rng.integers(len(by_kind[kind[person]]))] for person in source])
    target = np.where(own, near, rng.integers(0, people, len(source)))
    pairs = np.unique(np.sort(np.stack([source, target], axis=1)[source != target], axis=1), axis=0)
    ties = EdgeList(pairs[:, 0].copy(), pairs[:, 1].copy())
    firms = EdgeList(np.arange(people), kind * 5 + rng.integers(0, 5, people))
    same = kind[ties.source] == kind[ties.target]
    labels = {
        "node_class": Labels("class", kind.astype(np.int64), ("a", "b", "c", "d")),
        "node_regression": Labels("number", kind.astype(np.float32)),
        "edge_class": Labels("class", same.astype(np.int64), ("far", "near")),
        "edge_regression": Labels("number", (kind[ties.source] + kind[ties.target]).astype(np.float32)),
    }
    of_nodes = task.startswith("node")
    order = rng.permutation(people if of_nodes else len(ties))
    tenth = len(order) // 10
    split = Split(np.sort(order[2 * tenth :]), np.sort(order[:tenth]), np.sort(order[tenth : 2 * tenth]))
    goal = Target(task, "Person" if of_nodes else KNOWS, "" if task == "link_prediction" else "label")
    return GraphData(
        node_ids={"Firm": [f"f{i}" for i in range(20)], "Person": [f"p{i}" for i in range(people)]},
        num_nodes={"Firm": 20, "Person": people},
        edges={KNOWS: ties, WORKS: firms},
        edge_ids={KNOWS: [f"k{i}" for i in range(len(ties))]},
        features={"Person": {"noise": rng.normal(size=(people, 8)).astype(np.float32)}},
        labels={goal: labels[task]} if task in labels else {},
        splits={goal: split},
        seed=seed,
    )


@dataclass(frozen=True)
class Trained:
    """A model folder, what its training said after each epoch, and the seconds it took."""

    folder: Path
    losses: list[float]
    figures: list[float]
    seconds: float


def trained(graph: GraphData, base: Path, asked: dict[str, str]) -> Trained:
    """One trial in this process, its output kept to itself."""
    graph.write(base / "graph")
    container = Container(base, {"SM_CHANNEL_TRAIN": str(base / "graph")})
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        run(container, [part for name, value in asked.items() for part in (f"--{name}", value)], SCRIPTS)
    return read(container.model, time.perf_counter() - began)


def read(folder: Path, seconds: float = 0.0) -> Trained:
    """A trained model from its folder."""
    metrics = ModelFolder(folder).metrics
    figures = [value for entry in metrics.history for name, value in entry.items() if name not in ("epoch", "loss")]
    # rankers have no epochs: their figures are those of the finished model
    figures = figures or [metrics.splits["valid"][name] for name in ("mrr", "auc")]
    return Trained(folder, [entry["loss"] for entry in metrics.history], figures, seconds)


def apart(ours: list[float], theirs: list[float]) -> float:
    """The largest difference of two lists of figures, as a share of the second where that is above 1."""
    if len(ours) != len(theirs):
        return float("inf")
    return max((abs(a - b) / max(abs(b), 1.0) for a, b in zip(ours, theirs, strict=True)), default=0.0)


class Checks:
    """The checks of one device, each a line; ``failed`` are those that disagree."""

    def __init__(self, device: str, scratch: Path) -> None:
        self.device, self.scratch, self.number = device, scratch, 0
        self.failed: list[str] = []

    def place(self) -> Path:
        """An empty folder."""
        self.number += 1
        return self.scratch / str(self.number)

    def say(self, name: str, good: bool, what: str) -> None:
        """Print one line."""
        print(f"{'ok' if good else 'NO':<4}{name:<44}{what}", flush=True)
        if not good:
            self.failed.append(name)

    def same(self, name: str, ours: Trained, theirs: Trained, losses: float = EXACT) -> None:
        """Whether two trainings went alike."""
        of_losses, of_figures = apart(ours.losses, theirs.losses), apart(ours.figures, theirs.figures)
        good = of_losses <= losses and of_figures <= FIGURES
        times = theirs.seconds / max(ours.seconds, 1e-9)
        told = f"losses {of_losses:.1e} apart, figures {of_figures:.1e}"
        self.say(name, good, f"{told}; {times:.1f} times as fast" if ours.seconds else told)

    def both(self, name: str, graph: GraphData, asked: dict[str, str]) -> tuple[Trained, Trained]:
        """Train on the device and on the processor, and compare."""
        ours = trained(graph, self.place(), {**asked, "device": self.device})
        theirs = trained(graph, self.place(), {**asked, "device": "cpu"})
        self.same(name, ours, theirs)
        return ours, theirs


def asked_of(name: str) -> dict[str, str]:
    """The hyperparameters of a comparison."""
    return {"model": name, **SAME, "num-negs": "64", "eval-edges": "200"}


def every_family(checks: Checks) -> None:
    """Each family, graph networks at two tasks of vertices and edges in turn, so that all five are covered."""
    for position, one in enumerate(families()):
        able = [task for task in TASKS if task in one.tasks]
        labels = [task for task in able if task != "link_prediction"]
        links = [task for task in able if task == "link_prediction"]
        for task in [*labels[position % max(1, len(labels)) :][:1], *links]:
            # rankers look at all pairs of their sources, whatever computes their scorer
            graph = community_graph(task, people=150 if isinstance(one, RankingFamily) else 400)
            checks.both(f"{one.title}, {task.replace('_', ' ')}", graph, asked_of(one.name))


def mixed_precision(checks: Checks) -> None:
    """Products of matrices in bfloat16 learn about the same, on the device against float32 on the processor."""
    for name in ("rgcn", "gat"):
        graph = community_graph("node_class")
        ours = trained(graph, checks.place(), {**asked_of(name), "device": checks.device, "mixed-precision": "true"})
        exact = trained(graph, checks.place(), {**asked_of(name), "device": "cpu"})
        checks.same(f"{family(name).title}, mixed precision", ours, exact, losses=ROUGH)


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """No table of learned vectors fits on the device."""
    kept, devices.TABLE_SHARE = devices.TABLE_SHARE, 0.0
    try:
        yield
    finally:
        devices.TABLE_SHARE = kept


def tables_on_the_host(checks: Checks) -> None:
    """Learned vectors that stay on the host are trained as those on the device."""
    for name in ("complex", "rotate", "rgcn"):
        graph = community_graph("link_prediction")
        with no_room():
            ours = trained(graph, checks.place(), {**asked_of(name), "device": checks.device})
        theirs = trained(graph, checks.place(), {**asked_of(name), "device": "cpu"})
        checks.same(f"{family(name).title}, table on the host", ours, theirs)


def served(checks: Checks) -> None:
    """A model trained on the processor is transformed and answers on the device as on the processor."""
    for name, task in (("graphsage", "link_prediction"), ("gatv2", "node_class")):
        graph = community_graph(task)
        model = trained(graph, checks.place(), {**asked_of(name), "device": "cpu"})
        vectors = {}
        for device in (checks.device, "cpu"):
            base = checks.place()
            graph.write(base / "input")
            (base / "processing").mkdir(parents=True)
            (base / "processing" / "model").symlink_to(model.folder)
            (base / "processing" / "input").symlink_to(base / "input")
            container = Container(base, {})
            with contextlib.redirect_stdout(io.StringIO()):
                transform(container, SCRIPTS, ["--device", device])
            vectors[device] = ModelFolder(container.processing("output")).array("embeddings")
        gap = float(np.abs(vectors[checks.device] - vectors["cpu"]).max())
        checks.say(f"{family(name).title}, transform", gap < 1e-3, f"vectors {gap:.1e} apart")
        scores = [answer(load_predictor(model.folder, device), task) for device in (checks.device, "cpu")]
        checks.say(f"{family(name).title}, endpoint", apart(*scores) < 1e-3, f"scores {apart(*scores):.1e} apart")


def answer(predictor: Any, task: TaskType) -> list[float]:
    """The scores of an endpoint for a person that has come since."""
    graph = {
        "nodes": [{"nodeId": "new", "nodeType": "Person", "properties": {}}, {"nodeId": "p1", "nodeType": "Person"}],
        "edges": [{"edgeType": list(KNOWS), "headNodeId": "new", "tailNodeId": "p1"}],
    }
    data: dict[str, Any] = {"graph": graph, "globalParameters": {"topk": 5, "property": "label"}}
    if task == "link_prediction":
        data["globalParameters"] = {"topk": 5, "edgeType": "knows"}
        data["edges"] = [{"headNodeId": "new"}]
    else:
        data["nodes"] = [{"nodeId": "new"}]
    mode = "predict_tail" if task == "link_prediction" else None
    request = EndpointRequest.model_validate({"mode": mode, "data": data})
    output = predictor.answer(request).output
    found = [item for items in (output.nodes, output.edges) for item in items or []]
    return [one.score or 0.0 for item in found for one in item.results]


def processes(checks: Checks, gpus: int) -> None:
    """Two processes, each with a GPU, train as one does; a single GPU meets itself over nccl."""
    if checks.device.startswith("cuda") and gpus < 2:
        alone = "import torch, torch.distributed as d; d.init_process_group('nccl', init_method='tcp://127.0.0.1:0', "
        alone += (
            "rank=0, world_size=1); t = torch.ones(3, device='cuda'); d.all_reduce(t); assert t.tolist() == [1] * 3"
        )
        done = subprocess.run([sys.executable, "-c", alone], check=False, capture_output=True, text=True)
        checks.say("nccl with one GPU", done.returncode == 0, done.stderr.strip().rpartition("\n")[2])
        return
    if checks.device == "mps":
        return
    for name, task in (("rgcn", "node_class"), ("graphsage", "link_prediction"), ("complex", "link_prediction")):
        graph, base = community_graph(task), checks.place()
        graph.write(base / "graph")
        asked = {**asked_of(name), "device": checks.device.partition(":")[0]}
        environ = {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "SM_CHANNEL_TRAIN": str(base / "graph")}
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command += [str(SCRIPTS / "train.py"), *(part for key, value in asked.items() for part in (f"--{key}", value))]
        done = subprocess.run(
            command, env=environ | {"OMP_NUM_THREADS": "1"}, check=False, capture_output=True, text=True
        )
        title = f"{family(name).title}, two processes"
        if done.returncode:
            checks.say(title, False, done.stderr.strip()[-400:])
            continue
        checks.same(title, read(base / "model"), trained(graph, checks.place(), {**asked, "device": checks.device}))


def speed(checks: Checks) -> None:
    """Larger trainings of three kinds, on the device and on the processor; figures are compared too."""
    wide = {"num-hidden": "256", "num-epochs": "1"}
    for name, task, more in (
        ("complex", "link_prediction", {"num-negs": "1024", "batch-size": "1024"}),
        ("rgcn", "link_prediction", {"batch-size": "2048"}),
        ("gat", "node_class", {}),
    ):
        graph = community_graph(task, people=8_000, friends=20)
        checks.both(f"{family(name).title}, 8,000 people", graph, {**asked_of(name), **wide, **more})


def main() -> None:
    """Run all checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:N, mps or cpu")
    parser.add_argument("--only", default="", help="comma-separated: families, mixed, host, served, processes, speed")
    given = parser.parse_args()
    device, gpus = str(devices.device_of(given.device)), torch.cuda.device_count()
    print(f"torch {torch.__version__}; {device}; GPUs: {gpus}; threads: {torch.get_num_threads()}", flush=True)
    parts: dict[str, Callable[[Checks], None]] = {
        "families": every_family,
        "mixed": mixed_precision,
        "host": tables_on_the_host,
        "served": served,
        "processes": lambda checks: processes(checks, gpus),
        "speed": speed,
    }
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        checks = Checks(device, Path(scratch))
        for name in given.only.split(",") if given.only else parts:
            parts[name](checks)
    seconds = time.monotonic() - began
    print(f"{checks.number} trainings and more in {seconds:.0f} s; {len(checks.failed)} disagree")
    if checks.failed or seconds > WANTED_S:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
