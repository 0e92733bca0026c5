"""Start a real MinIO S3 server, built from the Go module proxy.

    python minio_server.py WORKDIR --port 9000      stops on SIGTERM

Needs Go. The first start builds one binary into WORKDIR (minutes); later ones take half a second. Listens on loopback,
keeps its data below WORKDIR. Both keys are ``minioadmin``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

# the last commit of the archived repository
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"


def binary(workdir: Path) -> Path:
    """The server's binary; Go builds it the first time."""
    folder = workdir / f"bin-{VERSION}"
    if not folder.is_dir():
        partial = workdir / f"bin-{VERSION}.part"
        subprocess.run(
            ["go", "install", "-trimpath", "-ldflags=-s -w", f"github.com/minio/minio@{VERSION}"],
            check=True,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"GOBIN": str(partial)},
        )
        partial.rename(folder)
    return folder / "minio"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--port", type=int, default=9000)
    arguments = parser.parse_args()
    if shutil.which("go") is None:
        sys.exit("MinIO needs Go to be built, and there is none on the path")
    workdir = arguments.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    program = binary(workdir)
    os.environ.update(
        MINIO_ROOT_USER="minioadmin",
        MINIO_ROOT_PASSWORD="minioadmin",
        MINIO_BROWSER="off",
        MINIO_UPDATE="off",
        MINIO_CALLHOME_ENABLE="off",
    )
    address = f"--address=127.0.0.1:{arguments.port}"
    os.execv(program, [str(program), "server", str(workdir / "data"), address, f"--certs-dir={workdir / 'certs'}"])


if __name__ == "__main__":
    main()
