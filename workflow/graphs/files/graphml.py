"""GraphML as TinkerPop reads and writes it: ``labelV`` and ``labelE`` hold the labels, ``key`` elements the types.

GraphML has no several values and no meta-properties: of several the first is written. A document type is refused, so
that no entity is ever expanded and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from workflow.errors import IllegalArgument
from workflow.graphs.files.draft import Draft, Value
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.views import StoredGraph
from workflow.values.numbers import Float, Long

_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "boolean": lambda text: text.strip().lower() == "true",
    "int": int,
    "long": Long,
    "float": Float,
    "double": float,
    "string": str,
}
_NAMES: Final[dict[type, str]] = {bool: "boolean", int: "int", Long: "long", Float: "float", float: "double"}


def read_graphml(graph: EmbeddedGraph, stream: IO[bytes]) -> tuple[int, int]:
    """Add the graph of a file; returns how many vertices and edges. IllegalArgument, with the line, when it is none."""
    reader = _Reader(Draft(graph))
    try:
        reader.parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise IllegalArgument(f"the file is no XML: {error}") from error
    return reader.draft.load()


class _Reader:
    """Follows the elements of a document."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        # key id -> (property name, type)
        self._keys: dict[str, tuple[str, Callable[[str], Any]]] = {}
        self._element: dict[str, str] | None = None
        self._data: dict[str, Any] = {}
        self._key: str | None = None
        self._held: list[str] = []
        self._edges = 0

    def _doctype(self, *_: Any) -> None:
        raise IllegalArgument("the file has a document type, which is not read; remove the <!DOCTYPE> line")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "key":
            kind = attributes.get("attr.type", "string")
            if kind not in _TYPES or "id" not in attributes:
                raise self._wrong(f"a key of type {kind!r}")
            self._keys[attributes["id"]] = (attributes.get("attr.name", attributes["id"]), _TYPES[kind])
        elif name in ("node", "edge"):
            if self._element is not None:
                raise self._wrong(f"a {name} inside another element")
            self._element, self._data = attributes, {}
        elif name == "data" and self._element is not None:
            self._key, self._held = attributes.get("key"), []
            if self._key is None:
                raise self._wrong("a data element without a key")

    def _text(self, text: str) -> None:
        if self._key is not None:
            self._held.append(text)

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name == "data" and self._key is not None:
            self._data[self._key], self._key = "".join(self._held), None
        elif name in ("node", "edge") and self._element is not None:
            (self._node if name == "node" else self._edge)(self._element)
            self._element = None

    def _node(self, attributes: dict[str, str]) -> None:
        if "id" not in attributes:
            raise self._wrong("a node without an id")
        label = self._data.pop("labelV", "vertex")
        properties: dict[str, list[Value]] = {key: [(value, None)] for key, value in self._typed().items()}
        self.draft.add_vertex(attributes["id"], label, properties)

    def _edge(self, attributes: dict[str, str]) -> None:
        if not {"source", "target"} <= attributes.keys():
            raise self._wrong("an edge without source or target")
        self._edges += 1
        label = self._data.pop("labelE", "edge")
        id = attributes.get("id", f"edge-{self._edges}")
        self.draft.add_edge(id, label, attributes["source"], attributes["target"], self._typed())

    def _typed(self) -> dict[str, Any]:
        found = {}
        for key, text in self._data.items():
            name, read = self._keys.get(key, (key, str))
            try:
                found[name] = read(text)
            except ValueError as error:
                raise self._wrong(f"{text[:80]!r} in {name!r}: {error}") from error
        return found

    def _wrong(self, what: str) -> IllegalArgument:
        return IllegalArgument(f"line {self.parser.CurrentLineNumber}: {what}")


def write_graphml(graph: EmbeddedGraph, stream: IO[bytes]) -> None:
    """Write the graph as it stands at one moment."""
    with graph.reading() as version:
        for line in _lines(version):
            stream.write(line.encode() + b"\n")


def _lines(graph: StoredGraph) -> Any:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    yield '<key id="labelV" for="node" attr.name="labelV" attr.type="string"/>'
    yield '<key id="labelE" for="edge" attr.name="labelE" attr.type="string"/>'
    vertices = [(row, _first_values(graph, row)) for row in graph.vertices()]
    edges = [(row, graph.edge_values(row)) for row in graph.edges()]
    for kind, rows in (("node", vertices), ("edge", edges)):
        for key, name in _kinds(rows).items():
            yield f'<key id={quoteattr(_key(kind, key))} for="{kind}" attr.name={quoteattr(key)} attr.type="{name}"/>'
    yield '<graph id="G" edgedefault="directed">'
    for row, held in vertices:
        yield f"<node id={quoteattr(str(graph.vertex_id(row)))}>"
        yield f'<data key="labelV">{escape(graph.vertex_label(row))}</data>'
        yield from _data("node", held)
        yield "</node>"
    for row, held in edges:
        ends = graph.vertex_id(graph.edge_source(row)), graph.vertex_id(graph.edge_target(row))
        source, target = (quoteattr(str(end)) for end in ends)
        yield f"<edge id={quoteattr(str(graph.edge_id(row)))} source={source} target={target}>"
        yield f'<data key="labelE">{escape(graph.edge_label(row))}</data>'
        yield from _data("edge", held)
        yield "</edge>"
    yield "</graph></graphml>"


def _first_values(graph: StoredGraph, row: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in graph.vertex_properties(row):
        found.setdefault(one.key, one.value)
    return found


def _kinds(rows: list[tuple[int, dict[str, Any]]]) -> dict[str, str]:
    """The type of every key: that of its values where they agree, else text."""
    found: dict[str, str] = {}
    for _, held in rows:
        for key, value in held.items():
            name = _NAMES.get(type(value), "string")
            if found.setdefault(key, name) != name:
                found[key] = "string"
    return found


def _key(kind: str, key: str) -> str:
    # a property may bear one name on vertices and edges with two types, or the name of a label
    return f"{kind}.{key}"


def _data(kind: str, held: dict[str, Any]) -> Any:
    for key, value in held.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield f"<data key={quoteattr(_key(kind, key))}>{escape(text)}</data>"
