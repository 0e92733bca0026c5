"""Start a real ArcadeDB, an embedded one with a Java of its own: Bolt on loopback, one database ``lab``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = "arcadedb-embedded"
USER, PASSWORD, DATABASE = "root", "playwithdata", "lab"
SERVE = """
import os, socket, sys
import arcadedb_embedded as arcade
home, port = sys.argv[1], int(sys.argv[2])
with socket.create_server(("127.0.0.1", 0)) as probe:
    other = probe.getsockname()[1]
os.chdir(home)  # it writes its log where it is
server = arcade.create_server(root_path=home, root_password=%r, config={
    "host": "127.0.0.1", "http_port": other, "bolt_host": "127.0.0.1", "bolt_port": port,
    "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin"})
server.start()
server.create_database(%r)
sys.stdin.read()
os._exit(0)  # Java does not survive the end of Python
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--port", type=int, default=7687)
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    packages = workdir / "packages"
    if not (packages / "arcadedb_embedded").is_dir():
        command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(packages), PACKAGE]
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
            sys.exit("ArcadeDB could not be installed")
    home = workdir / f"run-{arguments.port}"
    home.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()  # whose other end stays open for as long as this process lives
    os.dup2(reading, 0)
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    program = SERVE % (PASSWORD, DATABASE)
    os.set_inheritable(writing, True)
    os.execve(sys.executable, [sys.executable, "-c", program, str(home), str(arguments.port)], environment)


if __name__ == "__main__":
    main()
