"""Neo4j's drivers of other languages and other versions, unmodified, against a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bolt_server import BoltServers
from tests.peers.peer import MISSING, cache, packages_at

HERE = Path(__file__).parent
SCHEMES = ("bolt", "neo4j")
UNAUTHORIZED = "Neo.ClientError.Security.Unauthorized"
SYNTAX = "Neo.ClientError.Statement.SyntaxError"


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    with BoltServers(tmp_path_factory.mktemp("home")) as servers:
        port = servers.begin(users={"ada": "lovelace"}).port
        yield [f"{scheme}://127.0.0.1:{port}" for scheme in SCHEMES]


def missing(name: str, why: str) -> None:
    MISSING[name] = why
    pytest.skip(why)


def ran(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, (done.stderr or done.stdout)[:3000]
    return str(done.stdout)


# 5.23 and older do without the manifest, 4.4 speaks no Bolt 5
@pytest.mark.parametrize("version", ["5.28.2", "5.23.1", "4.4.12"])
def test_python(urls: list[str], version: str) -> None:
    folder = packages_at(f"neo4j-python-{version}", "neo4j", f"neo4j=={version}")
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); import runpy; sys.argv = {['x', *urls]!r}; "
    program += f"runpy.run_path({str(HERE / 'bolt_driver_check.py')!r})"
    found = json.loads(ran([sys.executable, "-W", "ignore", "-c", program]))
    assert found.pop("version") == version
    assert found.keys() == set(SCHEMES)
    for told in found.values():
        assert told == {
            "node": [["A"], 1], "relationship": ["R", 0.5], "date": "2024-02-29", "moment": "2024-01-01T00:00:00",
            "sum": 2500 * 2501 // 2, "error": SYNTAX, "rollback": 0, "refused": UNAUTHORIZED,
        }  # fmt: skip


def test_javascript(urls: list[str]) -> None:
    folder = cache() / "neo4j-javascript"
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        missing("neo4j-driver of npm", "Node and npm are not installed")
    if not (folder / "node_modules" / "neo4j-driver").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            str(npm),
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            "neo4j-driver@5.28",
        ]
        if subprocess.run(command, capture_output=True, timeout=600, check=False).returncode:
            missing("neo4j-driver of npm", "npm could not fetch it")
    found = json.loads(ran(["node", str(HERE / "bolt_driver_check.js"), ",".join(urls), str(folder)]))
    assert found.keys() == set(SCHEMES)
    for told in found.values():
        assert told.pop("node")[:2] == [["A"], 1]
        assert told == {
            "protocol": "5.8", "relationship": ["R", 0.5], "path": 1, "date": "2024-02-29", "created": 2,
            "sum": 2500 * 2501 // 2, "error": SYNTAX, "rollback": 0, "commit": 1, "managed": 7, "refused": UNAUTHORIZED,
        }  # fmt: skip


def test_java(urls: list[str], tmp_path: Path) -> None:
    folder = jars("neo4j-java", "org.neo4j.driver:neo4j-java-driver:5.28.5")
    ran(["javac", "-cp", f"{folder}/*", "-d", str(tmp_path), str(HERE / "BoltDriverCheck.java")])
    lines = ran(["java", "-cp", f"{folder}/*:{tmp_path}", "BoltDriverCheck", *urls]).splitlines()
    assert lines == 2 * [
        "node [A] 1", "relationship R", "date 2024-02-29", "created 2", f"sum {2500 * 2501 // 2}", f"error {SYNTAX}",
        "managed 0", f"refused {UNAUTHORIZED}",
    ]  # fmt: skip


def test_cypher_shell(urls: list[str]) -> None:
    folder = jars("cypher-shell", "org.neo4j:cypher-shell:5.26.0")
    command = ["java", "-cp", f"{folder}/*", "org.neo4j.shell.Main", "-u", "ada", "-p", "lovelace", "--format", "plain"]
    text = "UNWIND [1, 2] AS n RETURN n, 'x' AS t;\n:begin\nCREATE (:Shell);\n:rollback\n"
    text += "MATCH (s:Shell) RETURN count(s);\n"
    for url in urls:
        assert ran([*command, "-a", url], input=text).split("\n") == ["n, t", '1, "x"', '2, "x"', "count(s)", "0", ""]


def jars(name: str, artifact: str) -> Path:
    """The folder with an artifact and what it needs; Maven resolves them the first time."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        missing(name, "it needs a JDK and Maven")
    folder = cache() / name / artifact.replace(":", "-")
    if not folder.is_dir():
        maven = cache() / name / "maven"
        maven.mkdir(parents=True, exist_ok=True)
        group, one, version = artifact.split(":")
        wanted = f"<groupId>{group}</groupId><artifactId>{one}</artifactId><version>{version}</version>"
        (maven / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>peers</groupId><artifactId>jars</artifactId>"
            f"<version>1</version><dependencies><dependency>{wanted}</dependency></dependencies></project>"
        )
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        if subprocess.run(command, cwd=maven, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode:
            shutil.rmtree(folder, ignore_errors=True)
            missing(name, "Maven could not fetch it")
    return folder
