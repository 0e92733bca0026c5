"""Train one model: ``python train.py --model pair-ranker --num-hidden 64 …`` in the folders of a training container."""

from __future__ import annotations

import sys
from pathlib import Path

from graph_ml import container
from graph_ml.training.run import run


def main() -> int:
    """Run the trial; 0, or 1 with the reason in ``output/failure``."""
    return container.run(lambda box: run(box, sys.argv[1:], Path(__file__).resolve().parent))


if __name__ == "__main__":
    raise SystemExit(main())
