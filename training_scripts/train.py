"""Train one model: ``python train.py --model pair-ranker --num-hidden 64 …`` in the folders of a training container.

``torchrun --nproc-per-node 2 train.py …`` trains it in two processes that share every batch; a SageMaker job of several
instances or GPUs does so by itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from graph_ml.quick_imports import quick_imports

with quick_imports():
    from graph_ml import container
    from graph_ml.training.launch import torchrun
    from graph_ml.training.run import run


def main() -> int:
    """Run the trial; 0, or 1 with the reason in ``output/failure``."""

    def train(box: container.Container) -> None:
        command = torchrun(box, Path(__file__).resolve(), sys.argv[1:])
        if command is not None:
            os.execv(command[0], command)  # noqa: S606 - our own interpreter and script
        run(box, sys.argv[1:], Path(__file__).resolve().parent)

    return container.run(train)


if __name__ == "__main__":
    raise SystemExit(main())
