"""Start a real Neo4j, Community edition, from Maven Central: Bolt on loopback, nobody is asked for a password."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "5.26.30"
PAGE_CACHE = "server.memory.pagecache.size"
SETTINGS = {
    "server.default_listen_address": "127.0.0.1",
    "server.http.enabled": "false",
    "server.https.enabled": "false",
    PAGE_CACHE: "128m",
    "dbms.security.auth_enabled": "false",
    "dbms.usage_report.enabled": "false",
    "db.tx_log.preallocate": "false",
}
OPENED = ("java.nio", "java.io", "sun.nio.ch")


def jars(workdir: Path, version: str) -> Path:
    """The folder with the server's jars; Maven resolves them the first time."""
    folder = workdir / f"jars-{version}"
    if not folder.is_dir():
        maven = workdir / "maven"
        maven.mkdir(parents=True, exist_ok=True)
        wanted = "".join(
            f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
            for group, name in (("org.neo4j.app", "neo4j-server"), ("org.neo4j", "neo4j"))
        )
        (maven / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>peers</groupId><artifactId>neo4j</artifactId>"
            f"<version>1</version><dependencies>{wanted}</dependencies></project>"
        )
        partial = workdir / f"jars-{version}.part"
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
        subprocess.run(command, cwd=maven, check=True, stdin=subprocess.DEVNULL)
        partial.rename(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--version", default=VERSION)
    parser.add_argument("--port", type=int, default=7687)
    parser.add_argument("--heap", default="1g", help="default: what Neo4j and Java choose for this machine")
    arguments = parser.parse_args()
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            sys.exit(f"Neo4j needs {program}, and there is none on the path")
    workdir = arguments.workdir.resolve()
    folder = jars(workdir, arguments.version)
    home = workdir / f"run-{arguments.port}"
    (home / "conf").mkdir(parents=True, exist_ok=True)
    chosen = arguments.heap == "default"
    kept = {name: value for name, value in SETTINGS.items() if not (chosen and name == PAGE_CACHE)}
    settings = {**kept, "server.bolt.listen_address": f"127.0.0.1:{arguments.port}"}
    (home / "conf" / "neo4j.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    os.chdir(home)
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    program = ["org.neo4j.server.CommunityEntryPoint", "--home-dir", str(home), "--config-dir", str(home / "conf")]
    memory = [] if chosen else [f"-Xmx{arguments.heap}", "-XX:+UseSerialGC"]
    os.execvp("java", ["java", *memory, *opened, "-cp", f"{folder}/*", *program])


if __name__ == "__main__":
    main()
