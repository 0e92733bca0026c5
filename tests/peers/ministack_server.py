"""Start MiniStack, an emulator of AWS's services, from the Python package index.

    python ministack_server.py WORKDIR --port 4567      stops on SIGTERM

The first start makes an environment of its own below WORKDIR; later ones take a second. Accepts any key pair.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

VERSION = "1.5.33"


def program(workdir: Path) -> Path:
    """The server's command, in an environment that is made the first time."""
    home = workdir / f"venv-{VERSION}"
    done = home / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", f"ministack=={VERSION}"]
        subprocess.run(install, check=True, stdin=subprocess.DEVNULL)
        done.touch()
    return home / "bin" / "ministack"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--port", type=int, default=4567)
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    command = program(workdir)
    os.environ.update(GATEWAY_PORT=str(arguments.port), MINISTACK_HOST="127.0.0.1", LOG_LEVEL="WARNING")
    os.chdir(workdir)
    os.execv(command, [str(command)])


if __name__ == "__main__":
    main()
