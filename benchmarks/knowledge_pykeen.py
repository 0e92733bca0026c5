"""The trainings of ``knowledge.py`` by PyKEEN in this process, which needs nothing but that package.

    python benchmarks/knowledge_pykeen.py FOLDER --model complex --dim 256 --negatives 256 --batch 256 --seconds 20

FOLDER has ``train.npy`` and ``test.npy``, (head, relation, tail) as int64, (n, 3) each. Prints a JSON object: questions
that are learned from and questions that are ranked a CPU second, on one thread. A question is a triple asked from one
end against so many negatives, as in PyKEEN's training of negative samples (``slcwa``), or against every entity
(``lcwa``); the first batch does not count.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import ComplEx, DistMult, RotatE, TransE
from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop, TrainingCallback
from pykeen.triples import CoreTriplesFactory

MODELS = {"complex": ComplEx, "distmult": DistMult, "rotate": RotatE, "transe": TransE}
#: questions at once where each meets every entity, which takes gigabytes for some hundred
SMALL = 32
#: batches that do not count
FIRST = 1


class Enough(Exception):
    """So many seconds are measured."""


class Clock(TrainingCallback):
    """Counts questions, and ends training after some seconds of the processor."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.batches, self.questions, self.began, self.took = seconds, 0, 0, 0.0, 0.0

    def post_batch(self, epoch: int, batch: object, **given: object) -> None:
        """See PyKEEN: called after a step of the optimiser."""
        self.batches += 1
        if self.batches == FIRST:
            self.began = time.process_time()
        elif self.batches > FIRST:
            self.questions += size_of(batch)
            self.took = time.process_time() - self.began
            if self.took > self.seconds:
                raise Enough


def size_of(batch: object) -> int:
    """The positives of a batch; of pairs with several answers each answer is one."""
    if isinstance(batch, (tuple, list)):
        pairs, targets = batch
        return int(targets.sum()) if targets.is_floating_point() else len(pairs)
    if isinstance(batch, dict):
        targets = batch.get("targets")
        return int(targets.sum()) if targets is not None else len(batch["positives"])
    return len(batch.positives)


def main() -> None:
    """Train and rank for some seconds each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=list(MODELS), default="complex")
    parser.add_argument("--training", choices=["slcwa", "lcwa"], default="slcwa")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--negatives", type=int, default=256)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--ranked", type=int, default=256, help="triples that are ranked from both ends")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train, test = (torch.from_numpy(np.load(given.folder / f"{part}.npy")) for part in ("train", "test"))
    entities = 1 + int(max(train[:, [0, 2]].max(), test[:, [0, 2]].max()))
    factory = CoreTriplesFactory(train, num_entities=entities, num_relations=1 + int(train[:, 1].max()))
    loss = "crossentropy"
    model = MODELS[given.model](triples_factory=factory, embedding_dim=given.dim, loss=loss, random_seed=0)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    if given.training == "lcwa":
        loop = LCWATrainingLoop(model=model, triples_factory=factory, optimizer=optimizer)
    else:
        sampler = {"num_negs_per_pos": given.negatives}
        loop = SLCWATrainingLoop(
            model=model, triples_factory=factory, optimizer=optimizer, negative_sampler_kwargs=sampler
        )
    clock = Clock(given.seconds)
    with contextlib.suppress(Enough):
        size = SMALL if given.training == "lcwa" else given.batch
        loop.train(factory, num_epochs=100, batch_size=size, callbacks=[clock], use_tqdm=False)
    ranked = test[: given.ranked]
    evaluator, began = RankBasedEvaluator(filtered=True), time.process_time()
    evaluator.evaluate(model, ranked, additional_filter_triples=[train, test], batch_size=SMALL, use_tqdm=False)
    took = time.process_time() - began
    print(json.dumps({"learned": clock.questions / clock.took, "ranked": 2 * len(ranked) / took}))


if __name__ == "__main__":
    main()
