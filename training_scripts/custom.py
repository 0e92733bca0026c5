"""Run a custom model's own scripts in the folders of a training or a processing container.

Training: ``training.py`` with the hyperparameters, then ``transform.py``. Transform: ``transform.py`` alone, on a newer
graph. Their names come as ``--_training-script`` and ``--_transform-script``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from graph_ml.quick_imports import quick_imports

with quick_imports():
    from graph_ml import container
    from graph_ml.training.custom_trial import run


def main() -> int:
    """Run the job; 0, or 1 with the reason in ``output/failure``."""
    code: int = container.run(lambda box: run(box, sys.argv[1:], Path(__file__).resolve().parent))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
