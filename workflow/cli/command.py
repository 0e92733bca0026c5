"""The program ``despina``: until its modules are read, Ctrl-C ends it as quietly as later."""

from __future__ import annotations

import gc
import sys

from training_scripts.graph_ml.quick_imports import quick_imports


def main() -> None:
    """Read the command line's modules, then run it."""
    try:
        with quick_imports():
            from workflow.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        run()
    finally:
        gc.freeze()  # what is left ends with the process: half a second less than a last search through it for garbage
