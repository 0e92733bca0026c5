"""Start LocalStack's core without Docker, from the Python package index.

    python localstack_server.py WORKDIR --port 4566      stops on SIGTERM

Its last release wants Python 3.13, which is looked for on the path. The first start makes an environment of its own
below WORKDIR (a minute, 500 MB); later ones take two seconds. Keeps nothing after a stop; accepts any key pair.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "2026.3.0"
# left open by the runtime extra: newer ones of the first two break it, the third is missing
PINNED = ["cbor2<6", "pyopenssl<26", "service-identity"]


def python_3_13() -> str | None:
    """A Python of that version or later that really runs; a version manager's shim may not."""
    for name in ("python3.13", "python3.14"):
        found = shutil.which(name)
        candidates = [found] if found else []
        candidates += [
            str(p) for p in sorted(Path.home().glob(f".pyenv/versions/{name.removeprefix('python')}*/bin/python"))
        ]
        for candidate in candidates:
            if subprocess.run([candidate, "-c", "pass"], capture_output=True, check=False).returncode == 0:
                return candidate
    return None


def interpreter(workdir: Path, base: str) -> Path:
    """Python of the environment LocalStack is installed in; made the first time."""
    home = workdir / f"venv-{VERSION}"
    python = home / "bin" / "python"
    done = home / "complete"
    if not done.exists():
        subprocess.run([base, "-m", "venv", "--clear", str(home)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", f"localstack-core[runtime]=={VERSION}", *PINNED]
        subprocess.run(install, check=True, stdin=subprocess.DEVNULL)
        done.touch()
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--port", type=int, default=4566)
    arguments = parser.parse_args()
    base = python_3_13()
    if base is None:
        sys.exit("LocalStack needs Python 3.13 or later, and there is none on the path")
    workdir = arguments.workdir.resolve()
    files = workdir / "files"
    files.mkdir(parents=True, exist_ok=True)
    python = interpreter(workdir, base)
    # its default server ignores the host and listens everywhere; outside a container it must be told where to write
    os.environ.update(
        GATEWAY_LISTEN=f"127.0.0.1:{arguments.port}",
        GATEWAY_SERVER="hypercorn",
        OVERRIDE_IN_DOCKER="0",
        FILESYSTEM_ROOT=str(files),
        TMPDIR=str(files),
        XDG_CACHE_HOME=str(files),
        DISABLE_EVENTS="1",
        SKIP_SSL_CERT_DOWNLOAD="1",
        DNS_ADDRESS="0",
    )
    os.chdir(workdir)
    os.execv(python, [str(python), "-m", "localstack.runtime.main"])


if __name__ == "__main__":
    main()
