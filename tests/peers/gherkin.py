"""Read TinkerPop's Gherkin scenarios out of the published jar ``gremlin-test``; nothing of them is kept here."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.peers.maven import published_jar

VERSION = "3.8.1"
FEATURES = "org/apache/tinkerpop/gremlin/test/features/"
GRATEFUL = "org/apache/tinkerpop/gremlin/structure/io/graphson/grateful-dead-v3.json"


def jar(*, fetch: bool = True) -> zipfile.ZipFile:
    """The jar. Raises PeerMissing without it."""
    artifact = f"org.apache.tinkerpop:gremlin-test:{VERSION}"
    return published_jar(artifact, "TinkerPop's scenarios", fetch=fetch)


@dataclass
class Step:
    """A Given, When or Then, with the text block or table below it."""

    text: str
    doc: str = ""
    table: list[list[str]] = field(default_factory=list)


@dataclass
class Scenario:
    """One scenario; ``name`` starts with its feature's file, so that it is unique."""

    name: str
    tags: frozenset[str]
    steps: list[Step] = field(default_factory=list)

    @property
    def graph(self) -> str:
        """The toy graph it runs on, or ``empty``."""
        found = (re.match(r"the (\w+) graph$", step.text) for step in self.steps)
        return next((match.group(1) for match in found if match), "empty")


def scenarios(source: zipfile.ZipFile) -> list[Scenario]:
    """Every scenario of every feature, in the jar's order."""
    names = [name for name in source.namelist() if name.startswith(FEATURES) and name.endswith(".feature")]
    return [s for name in sorted(names) for s in _parse(source.read(name).decode(), name.removeprefix(FEATURES))]


_KEYWORD = re.compile(r"(?:Given|When|Then|And|But)\s+(.*)$")


def _parse(text: str, file: str) -> Iterator[Scenario]:
    """The part of Gherkin the features use: tags, scenarios, steps, text blocks, tables."""
    feature_tags: frozenset[str] = frozenset()
    pending: list[str] = []
    current: Scenario | None = None
    lines = iter(text.splitlines())
    for raw in lines:
        line = raw.strip()
        if line.startswith("@"):
            pending += [tag[1:] for tag in line.split() if tag.startswith("@")]
        elif line.startswith("Feature:"):
            feature_tags, pending = frozenset(pending), []
        elif line.startswith("Scenario:"):
            if current is not None:
                yield current
            current = Scenario(f"{file}: {line[9:].strip()}", feature_tags | frozenset(pending))
            pending = []
        elif current is None or not line or line.startswith("#"):
            continue
        elif line.startswith('"""'):
            current.steps[-1].doc = _block(lines)
        elif line.startswith("|"):
            current.steps[-1].table.append(_cells(line))
        elif match := _KEYWORD.match(line):
            current.steps.append(Step(match.group(1).strip()))
    if current is not None:
        yield current


def _block(lines: Iterator[str]) -> str:
    body: list[str] = []
    for raw in lines:
        if raw.strip().startswith('"""'):
            break
        body.append(raw.strip())
    return " ".join(filter(None, body))


def _cells(line: str) -> list[str]:
    parts = re.findall(r"((?:\\.|[^|\\])*)\|", line[1:])
    return [re.sub(r"\\([|\\n])", lambda m: "\n" if m[1] == "n" else m[1], part.strip()) for part in parts]
