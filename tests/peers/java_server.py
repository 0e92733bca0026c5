"""What the starters of Gremlin servers in Java share: jars from Maven Central, the configuration, the start."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TINKERPOP = "org.apache.tinkerpop.gremlin"
# the serializers reach into the JDK
OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.io", "java.net", "java.nio", "java.math", "java.text", "java.time"),
)


@dataclass(frozen=True)
class JavaServer:
    """One maker's server.

    Attributes:
        artifacts: ``group:artifact`` → a version of its own, None for the server's.
        program: the class to run.
        files: its configuration below ``conf/``, by name, beside ``server.yaml``.
        graphs, plugins, serializers: lines of ``server.yaml``; plugins come before those that every server has.
    """

    name: str
    version: str
    port: int
    artifacts: Mapping[str, str | None]
    program: str
    files: Mapping[str, str]
    graphs: str
    plugins: Sequence[str]
    serializers: Sequence[str]

    def main(self, description: str | None) -> None:
        """Read the command line and become the server."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("workdir", type=Path)
        parser.add_argument("--version", default=self.version)
        parser.add_argument("--port", type=int, default=self.port)
        parser.add_argument("--heap", default="1g")
        arguments = parser.parse_args()
        for program in ("java", "mvn"):
            if shutil.which(program) is None:
                sys.exit(f"{self.name} needs {program}, and there is none on the path")
        workdir = arguments.workdir.resolve()
        folder = self.jars(workdir, arguments.version)
        conf = workdir / f"run-{arguments.port}" / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        for name, text in {**self.files, "server.yaml": self.configuration(arguments.port)}.items():
            (conf / name).write_text(text)
        os.chdir(conf.parent)
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        command = ["java", f"-Xmx{arguments.heap}", *opened, "-cp", f"{folder}/*", self.program, "conf/server.yaml"]
        os.execvp("java", command)

    def jars(self, workdir: Path, version: str) -> Path:
        """The folder with the server's jars; Maven resolves them the first time."""
        folder = workdir / f"jars-{version}"
        if not folder.is_dir():
            maven = workdir / "maven"
            maven.mkdir(parents=True, exist_ok=True)
            (maven / "pom.xml").write_text(self.project(version))
            partial = workdir / f"jars-{version}.part"
            command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
            subprocess.run(command, cwd=maven, check=True, stdin=subprocess.DEVNULL)
            partial.rename(folder)
        return folder

    def project(self, version: str) -> str:
        """A Maven project that depends on the server and its graph."""
        lines = ["<project><modelVersion>4.0.0</modelVersion>"]
        lines.append("<groupId>peers</groupId><artifactId>server</artifactId><version>1</version><dependencies>")
        for name, fixed in self.artifacts.items():
            group, artifact = name.split(":")
            coordinates = f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            lines.append(f"<dependency>{coordinates}<version>{fixed or version}</version></dependency>")
        return "\n".join([*lines, "</dependencies></project>"])

    def configuration(self, port: int) -> str:
        """``server.yaml``. Groovy cannot read class files of a newer Java unless asmResolving is off."""
        compiler = "{compilerConfigurationOptions: {OptimizationOptions: {asmResolving: false}}}"
        plugins = (
            *self.plugins,
            f"{TINKERPOP}.server.jsr223.GremlinServerGremlinPlugin: {{}}",
            f"{TINKERPOP}.groovy.jsr223.GroovyCompilerGremlinPlugin: {compiler}",
            f"{TINKERPOP}.jsr223.ImportGremlinPlugin: {{classImports: [java.lang.Math]}}",
            f"{TINKERPOP}.jsr223.ScriptFileGremlinPlugin: {{files: [conf/init.groovy]}}",
        )
        processors = f"{TINKERPOP}.server.op"
        return "\n".join(
            [
                "host: 127.0.0.1",
                f"port: {port}",
                "evaluationTimeout: 30000",
                f"graphs: {{{self.graphs}}}",
                "scriptEngines:",
                "  gremlin-lang: {}",
                "  gremlin-groovy:",
                "    plugins:",
                *(f"      {plugin}" for plugin in plugins),
                "serializers:",
                *(f"  - {serializer}" for serializer in self.serializers),
                "processors:",
                f"  - {{className: {processors}.session.SessionOpProcessor, config: {{sessionTimeout: 600000}}}}",
                f"  - {{className: {processors}.standard.StandardOpProcessor, config: {{}}}}",
                f"channelizer: {TINKERPOP}.server.channel.WsAndHttpChannelizer",
                "maxContentLength: 104857600",
            ]
        )


def serializer(kind: str, registry: str) -> str:
    """One line of ``serializers``."""
    return f"{{className: {TINKERPOP}.util.ser.{kind}, config: {{ioRegistries: [{registry}]}}}}"
