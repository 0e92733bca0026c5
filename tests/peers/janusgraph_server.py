"""Start a real JanusGraph server with an empty graph in memory, from Maven Central.

    python janusgraph_server.py WORKDIR --port 8183 [--version 1.1.0] [--heap 1g]      stops on SIGTERM

Needs Java 17 and Maven. The first start resolves about 120 jars into WORKDIR (20 s); later ones take some 5 s. Listens
on loopback, traversal source ``g``. Vertex ids are longs; edge ids are of a type of its own, RelationIdentifier.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

# commons-lang3 is named because the one JanusGraph brings lacks a method that commons-configuration2 calls
ARTIFACTS = {
    "org.janusgraph:janusgraph-server": None,
    "org.janusgraph:janusgraph-inmemory": None,
    "org.apache.commons:commons-lang3": "3.17.0",
    "org.slf4j:slf4j-simple": "1.7.36",
}

# its serializers reach into the JDK
OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.io", "java.net", "java.nio", "java.math", "java.text", "java.time"),
)
TINKERPOP = "org.apache.tinkerpop.gremlin"
REGISTRY = "org.janusgraph.graphdb.tinkerpop.JanusGraphIoRegistry"
GRAPH = "\n".join(
    ["gremlin.graph=org.janusgraph.core.JanusGraphFactory", "storage.backend=inmemory", "cluster.max-partitions=4"]
)
INIT = "def globals = [:]\nglobals << [g: traversal().withEmbedded(graph)]\nglobals\n"


def project(version: str) -> str:
    """A Maven project that depends on the server and its store."""
    lines = ["<project><modelVersion>4.0.0</modelVersion>"]
    lines.append("<groupId>peers</groupId><artifactId>janusgraph</artifactId><version>1</version><dependencies>")
    for name, fixed in ARTIFACTS.items():
        group, artifact = name.split(":")
        coordinates = f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        lines.append(f"<dependency>{coordinates}<version>{fixed or version}</version></dependency>")
    return "\n".join([*lines, "</dependencies></project>"])


def server(port: int) -> str:
    """The server's configuration. Groovy cannot read class files of a newer Java unless asmResolving is off."""
    compiler = "{compilerConfigurationOptions: {OptimizationOptions: {asmResolving: false}}}"
    kinds = ("GraphBinaryMessageSerializerV1", "GraphSONMessageSerializerV3")
    return "\n".join(
        [
            "host: 127.0.0.1",
            f"port: {port}",
            "evaluationTimeout: 30000",
            "graphs: {graph: conf/g.properties}",
            "scriptEngines:",
            "  gremlin-lang: {}",
            "  gremlin-groovy:",
            "    plugins:",
            "      org.janusgraph.graphdb.tinkerpop.plugin.JanusGraphGremlinPlugin: {}",
            f"      {TINKERPOP}.server.jsr223.GremlinServerGremlinPlugin: {{}}",
            f"      {TINKERPOP}.groovy.jsr223.GroovyCompilerGremlinPlugin: {compiler}",
            f"      {TINKERPOP}.jsr223.ImportGremlinPlugin: {{classImports: [java.lang.Math]}}",
            f"      {TINKERPOP}.jsr223.ScriptFileGremlinPlugin: {{files: [conf/init.groovy]}}",
            "serializers:",
            *(
                f"  - {{className: {TINKERPOP}.util.ser.{kind}, config: {{ioRegistries: [{REGISTRY}]}}}}"
                for kind in kinds
            ),
            "processors:",
            f"  - {{className: {TINKERPOP}.server.op.session.SessionOpProcessor, config: {{sessionTimeout: 600000}}}}",
            f"  - {{className: {TINKERPOP}.server.op.standard.StandardOpProcessor, config: {{}}}}",
            f"channelizer: {TINKERPOP}.server.channel.WsAndHttpChannelizer",
            "maxContentLength: 104857600",
        ]
    )


def jars(workdir: Path, version: str) -> Path:
    """The folder with the server's jars; Maven resolves them the first time."""
    folder = workdir / f"jars-{version}"
    if not folder.is_dir():
        maven = workdir / "maven"
        maven.mkdir(parents=True, exist_ok=True)
        (maven / "pom.xml").write_text(project(version))
        partial = workdir / f"jars-{version}.part"
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
        subprocess.run(command, cwd=maven, check=True, stdin=subprocess.DEVNULL)
        partial.rename(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--version", default="1.1.0")
    parser.add_argument("--port", type=int, default=8183)
    parser.add_argument("--heap", default="1g")
    arguments = parser.parse_args()
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            sys.exit(f"JanusGraph needs {program}, and there is none on the path")
    workdir = arguments.workdir.resolve()
    folder = jars(workdir, arguments.version)
    run = workdir / f"run-{arguments.port}"
    (run / "conf").mkdir(parents=True, exist_ok=True)
    (run / "conf" / "g.properties").write_text(GRAPH)
    (run / "conf" / "init.groovy").write_text(INIT)
    (run / "conf" / "server.yaml").write_text(server(arguments.port))
    os.chdir(run)
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    program = "org.janusgraph.graphdb.server.JanusGraphServer"
    os.execvp("java", ["java", f"-Xmx{arguments.heap}", *opened, "-cp", f"{folder}/*", program, "conf/server.yaml"])


if __name__ == "__main__":
    main()
