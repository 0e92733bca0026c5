"""Start a real Gremlin Server with TinkerGraph, from Maven Central.

    python gremlin_server.py WORKDIR --port 8182 [--version 3.8.1] [--heap 1g]      stops on SIGTERM

Needs Java 17 and Maven. The first start resolves about 70 jars into WORKDIR (20 s); later ones take some 4 s.
Listens on loopback. Sources: gmodern, gclassic, gcrew, ggrateful, gsink (filled), ggraph and g (both the same empty,
writable graph) and gtx (transactional).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ARTIFACTS = {
    "org.apache.tinkerpop:gremlin-server": None,
    "org.apache.tinkerpop:tinkergraph-gremlin": None,
    "org.slf4j:slf4j-simple": "1.7.25",
}

# its serializers reach into the JDK
OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.io", "java.net", "java.nio", "java.math", "java.text", "java.time"),
)

CLASSES = "org.apache.tinkerpop.gremlin"
GRAPHS = ("graph", "classic", "modern", "crew", "grateful", "sink")


def project(version: str) -> str:
    """A Maven project that depends on the server and its graph."""
    lines = ["<project><modelVersion>4.0.0</modelVersion>"]
    lines.append("<groupId>peers</groupId><artifactId>gremlin-server</artifactId><version>1</version><dependencies>")
    for name, fixed in ARTIFACTS.items():
        group, artifact = name.split(":")
        coordinates = f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        lines.append(f"<dependency>{coordinates}<version>{fixed or version}</version></dependency>")
    return "\n".join([*lines, "</dependencies></project>"])


def properties(kind: str) -> str:
    """The configuration of one graph; ids are integers, as in the toy graphs."""
    return "\n".join(
        [
            f"gremlin.graph={CLASSES}.tinkergraph.structure.Tinker{kind}Graph",
            "gremlin.tinkergraph.vertexIdManager=INTEGER",
            "gremlin.tinkergraph.edgeIdManager=INTEGER",
            "gremlin.tinkergraph.vertexPropertyIdManager=LONG",
            f"gremlin.tinkergraph.service={CLASSES}.tinkergraph.services.TinkerTextSearchFactory",
            f"gremlin.tinkergraph.service={CLASSES}.tinkergraph.services.TinkerDegreeCentralityFactory",
        ]
    )


def serializers() -> list[str]:
    """GraphBinary 1 and GraphSON 2 and 3, typed and untyped."""
    registry = f"{CLASSES}.tinkergraph.structure.TinkerIoRegistry"
    kinds = {
        "GraphBinaryMessageSerializerV1": "V3",
        "GraphSONMessageSerializerV3": "V3",
        "GraphSONUntypedMessageSerializerV3": "V3",
        "GraphSONMessageSerializerV2": "V2",
    }
    return [
        f"  - {{className: {CLASSES}.util.ser.{kind}, config: {{ioRegistries: [{registry}{version}]}}}}"
        for kind, version in kinds.items()
    ]


def server(port: int) -> str:
    """The server's configuration. Groovy cannot read class files of a newer Java unless asmResolving is off."""
    compiler = "{compilerConfigurationOptions: {OptimizationOptions: {asmResolving: false}}}"
    graphs = ", ".join([*(f"{name}: conf/g.properties" for name in GRAPHS), "tx: conf/tx.properties"])
    return "\n".join(
        [
            "host: 127.0.0.1",
            f"port: {port}",
            "evaluationTimeout: 30000",
            f"graphs: {{{graphs}}}",
            "scriptEngines:",
            "  gremlin-lang: {}",
            "  gremlin-groovy:",
            "    plugins:",
            f"      {CLASSES}.server.jsr223.GremlinServerGremlinPlugin: {{}}",
            f"      {CLASSES}.tinkergraph.jsr223.TinkerGraphGremlinPlugin: {{}}",
            f"      {CLASSES}.groovy.jsr223.GroovyCompilerGremlinPlugin: {compiler}",
            f"      {CLASSES}.jsr223.ImportGremlinPlugin: {{classImports: [java.lang.Math]}}",
            f"      {CLASSES}.jsr223.ScriptFileGremlinPlugin: {{files: [conf/init.groovy]}}",
            "serializers:",
            *serializers(),
            "processors:",
            f"  - {{className: {CLASSES}.server.op.session.SessionOpProcessor, config: {{sessionTimeout: 600000}}}}",
            f"  - {{className: {CLASSES}.server.op.standard.StandardOpProcessor, config: {{}}}}",
            f"channelizer: {CLASSES}.server.channel.WsAndHttpChannelizer",
            "maxContentLength: 104857600",
        ]
    )


def start_script() -> str:
    """The Groovy script that fills the toy graphs and names the traversal sources."""
    makers = {"Classic": "classic", "Modern": "modern", "TheCrew": "crew", "GratefulDead": "grateful"}
    makers["KitchenSink"] = "sink"
    fill = "\n".join(f"  TinkerFactory.generate{maker}({graph})" for maker, graph in makers.items())
    sources = {f"g{name}": name for name in GRAPHS} | {"g": "graph", "gtx": "tx"}
    named = "\n".join(f"globals << [{name}: traversal().withEmbedded({graph})]" for name, graph in sources.items())
    return (
        f"def globals = [:]\nglobals << [hook: [onStartUp: {{ ctx ->\n{fill}\n}}] as LifeCycleHook]\n{named}\nglobals\n"
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
    parser.add_argument("--version", default="3.8.1")
    parser.add_argument("--port", type=int, default=8182)
    parser.add_argument("--heap", default="1g")
    arguments = parser.parse_args()
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            sys.exit(f"Gremlin Server needs {program}, and there is none on the path")
    workdir = arguments.workdir.resolve()
    folder = jars(workdir, arguments.version)
    run = workdir / f"run-{arguments.port}"
    (run / "conf").mkdir(parents=True, exist_ok=True)
    (run / "conf" / "g.properties").write_text(properties(""))
    (run / "conf" / "tx.properties").write_text(properties("Transaction"))
    (run / "conf" / "init.groovy").write_text(start_script())
    (run / "conf" / "server.yaml").write_text(server(arguments.port))
    os.chdir(run)
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    program = f"{CLASSES}.server.GremlinServer"
    os.execvp("java", ["java", f"-Xmx{arguments.heap}", *opened, "-cp", f"{folder}/*", program, "conf/server.yaml"])


if __name__ == "__main__":
    main()
