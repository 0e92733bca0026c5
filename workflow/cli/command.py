"""The program ``despina``: until its modules are read, Ctrl-C ends it as quietly as later."""

from __future__ import annotations

import sys


def main() -> None:
    """Read the command line's modules, then run it."""
    try:
        from workflow.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
