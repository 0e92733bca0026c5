"""Published jars of other makers, found in Maven's own repository and fetched the first time."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.peers.peer import MISSING, PeerMissing


def published_jar(artifact: str, what: str, *, fetch: bool = True) -> zipfile.ZipFile:
    """The jar of ``group:artifact:version``. Raises PeerMissing without Maven, or the jar; ``what`` names it there."""
    group, name, version = artifact.split(":")
    path = Path.home() / ".m2/repository" / group.replace(".", "/") / name / version / f"{name}-{version}.jar"
    if not path.exists() and not fetch:
        raise PeerMissing(f"NOT TESTED WITH {what}: they are not on this machine; `make test-peers` fetches them")
    if not path.exists():
        if shutil.which("mvn") is None:
            MISSING[what] = "Maven is not on the path"
            raise PeerMissing(MISSING[what])
        command = ["mvn", "-q", "-B", "dependency:get", f"-Dartifact={artifact}", "-Dtransitive=false"]
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode != 0 or not path.exists():
            MISSING[what] = f"Maven could not fetch {name} {version}"
            raise PeerMissing(MISSING[what])
    return zipfile.ZipFile(path)
