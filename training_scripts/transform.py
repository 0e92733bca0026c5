"""Refresh a model on a new graph: ``processing/model`` and ``processing/input`` become ``processing/output``."""

from __future__ import annotations

import sys
from pathlib import Path

from graph_ml.quick_imports import quick_imports

with quick_imports():
    from graph_ml import container
    from graph_ml.training.refresh import transform


def main() -> int:
    """Run the job; 0, or 1 with the reason in ``output/failure``."""
    return container.run(lambda box: transform(box, Path(__file__).resolve().parent, sys.argv[1:]))


if __name__ == "__main__":
    raise SystemExit(main())
