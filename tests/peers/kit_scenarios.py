"""Read the scenarios of openCypher's compatibility kit out of its published jar; nothing of them is kept here."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tests.peers.maven import published_jar

ARTIFACT = "org.opencypher:tck:1.0.0-M23"
IGNORED = "@ignore"


def kit_jar(*, fetch: bool = True) -> zipfile.ZipFile:
    """The jar. Raises PeerMissing without it."""
    return published_jar(ARTIFACT, "openCypher's scenarios", fetch=fetch)


@dataclass(frozen=True)
class KitStep:
    """A Given, When or Then; ``rows`` are the cells of the table below it."""

    text: str
    block: str = ""
    rows: tuple[tuple[str, ...], ...] = ()

    def filled(self, values: Mapping[str, str]) -> KitStep:
        """With the values of one example."""
        rows = tuple(tuple(_filled(cell, values) for cell in row) for row in self.rows)
        return KitStep(_filled(self.text, values), _filled(self.block, values), rows)


@dataclass(frozen=True)
class KitScenario:
    """One scenario, or one example of an outline; ``name`` is unique and begins with its feature."""

    name: str
    tags: frozenset[str]
    steps: tuple[KitStep, ...]

    @property
    def feature(self) -> str:
        return self.name.partition(":")[0]


def kit_scenarios(source: zipfile.ZipFile) -> Iterator[KitScenario]:
    """All of them, in the order of the features' names."""
    for name in sorted(source.namelist()):
        if name.endswith(".feature"):
            yield from _FeatureReader(name.partition("features/")[2].removesuffix(".feature"), source.read(name)).read()


def kit_graph(source: zipfile.ZipFile, name: str) -> list[str]:
    """The statements that make one of the kit's graphs."""
    text = source.read(f"graphs/{name}/{name}.cypher").decode()
    return [part.strip() for part in text.split(";") if part.strip()]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"<(\w+)>", lambda found: values.get(found[1], found[0]), text)


class _FeatureReader:
    """The part of Gherkin that the kit uses."""

    def __init__(self, feature: str, data: bytes) -> None:
        self._feature = feature
        self._lines = iter(data.decode().splitlines())
        self._background: list[KitStep] = []
        self._tags: list[str] = []

    def read(self) -> Iterator[KitScenario]:
        title, tags, steps, tables = "", frozenset[str](), self._background, list[list[tuple[str, ...]]]()
        in_examples = False
        for raw in self._lines:
            line = raw.strip()
            keyword, _, rest = line.partition(":")
            if line.startswith("@"):
                self._tags += line.split()
            elif keyword in ("Scenario", "Scenario Outline"):
                yield from self._scenarios(title, tags, steps, tables)
                title, tags, steps, tables = rest.strip(), frozenset(self._tags), [], []
                self._tags, in_examples = [], False
            elif keyword == "Examples":
                tables.append([])
                self._tags, in_examples = [], True
            elif line.startswith('"""'):
                steps[-1] = replace(steps[-1], block=self._block(len(raw) - len(raw.lstrip())))
            elif line.startswith("|") and in_examples:
                tables[-1].append(_cells(line))
            elif line.startswith("|"):
                steps[-1] = replace(steps[-1], rows=(*steps[-1].rows, _cells(line)))
            elif found := re.match(r"(?:Given|When|Then|And|But) (.*)", line):
                steps.append(KitStep(found[1].strip()))
            elif keyword == "Feature":
                self._tags = []
        yield from self._scenarios(title, tags, steps, tables)

    def _scenarios(
        self, title: str, tags: frozenset[str], steps: list[KitStep], tables: list[list[tuple[str, ...]]]
    ) -> Iterator[KitScenario]:
        if not title:
            return
        every = (*self._background, *steps)
        if not tables:
            yield KitScenario(f"{self._feature}: {title}", tags, every)
        examples = [dict(zip(table[0], row, strict=True)) for table in tables for row in table[1:]]
        for number, values in enumerate(examples, 1):
            filled = tuple(step.filled(values) for step in every)
            yield KitScenario(f"{self._feature}: {_filled(title, values)} #{number}", tags, filled)

    def _block(self, indent: int) -> str:
        lines: list[str] = []
        for raw in self._lines:
            if raw.strip() == '"""':
                break
            lines.append(raw[indent:] if not raw[:indent].strip() else raw)
        return "\n".join(lines)


def _cells(line: str) -> tuple[str, ...]:
    escapes = {"n": "\n", "|": "|", "\\": "\\"}
    cells = re.findall(r"((?:\\.|[^|\\])*)\|", line[1:])
    return tuple(re.sub(r"\\([n|\\])", lambda found: escapes[found[1]], cell.strip()) for cell in cells)
