"""Changes as they are kept: what a committed transaction did, by ids, in a form that can be replayed and listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from workflow.graphs.store.journal.encoding import decode, decode_cell, decode_cells, encode, encode_cell, encode_cells
from workflow.graphs.store.versions.cells import MISSING, VALUE_IDS, Cells
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.records import Added, AddedMany, Change, Put, Relabelled, Removed
from workflow.graphs.store.versions.state import State
from workflow.values.numbers import Byte, Char, Float, Long, Short

Operation = list[Any]
"""One of:
["+v" | "-v", id, label] · ["+vs", ids, label, [[key, cells], …]] for many · ["lv", id, old label, new label] ·
["+e" | "-e", id, label, source, target] · ["pv" | "pe", id, key, old cell, new cell]."""


class Record(NamedTuple):
    """One line of the change log, as a stream reader sees it."""

    op: Literal["ADD", "REMOVE"]
    data: dict[str, Any]


def describe(state: State, changes: Sequence[Change]) -> list[Operation]:
    """A transaction's changes by ids. A removed element lists the properties that went with it first."""
    operations: list[Operation] = []
    for change in changes:
        if isinstance(change, AddedMany) and change.edge:
            operations += _new_edges(state, change)
            continue
        if isinstance(change, AddedMany):
            cells = [[key, encode_cells(held)] for key, held in change.cells.items()]
            operations.append(["+vs", encode_cells(change.ids), change.label, cells])
            continue
        elements = state.edges if change.edge else state.vertices
        id = encode(elements.ids[change.row])
        if isinstance(change, Put):
            cells = [encode_cell(change.old), encode_cell(change.new)]
            operations.append(["pe" if change.edge else "pv", id, change.key, *cells])
            continue
        if isinstance(change, Relabelled):
            operations.append(["lv", id, change.old, change.new])
            continue
        label = elements.label_names[elements.label[change.row]]
        sign = "+" if isinstance(change, Added) else "-"
        if isinstance(change, Removed):
            # its cells stay as they were when it went, since nobody can write to it
            for key in elements.keys_of(elements.label[change.row]):
                cell = elements.columns[key].get(change.row)
                if cell is not MISSING:
                    operations.append(["pe" if change.edge else "pv", id, key, encode_cell(cell), []])
        if change.edge:
            ids = state.vertices.ids
            ends = [encode(ids[state.source[change.row]]), encode(ids[state.target[change.row]])]
            operations.append([f"{sign}e", id, label, *ends])
        else:
            operations.append([f"{sign}v", id, label])
    return operations


def _new_edges(state: State, change: AddedMany) -> Iterator[Operation]:
    """Many edges one by one, the values of each behind it."""
    ids, sources, targets = state.vertices.ids, state.source, state.target
    for place, row in enumerate(range(change.row, change.row + len(change.ids))):
        id = encode(change.ids[place])
        yield ["+e", id, change.label, encode(ids[sources[row]]), encode(ids[targets[row]])]
        for key, held in change.cells.items():
            if held[place] is not MISSING:
                yield ["pe", id, key, [], encode_cell(held[place])]


def each(operations: Iterable[Operation]) -> Iterator[Operation]:
    """The operations with one for each element: many new vertices one by one, the values of each behind it."""
    for operation in operations:
        if operation[0] != "+vs":
            yield operation
            continue
        _, ids, label, keyed = operation
        keys = [key for key, _ in keyed]
        for id, *cells in zip(map(encode, decode_cells(ids)), *(decode_cells(held) for _, held in keyed), strict=True):
            yield ["+v", id, label]
            for key, cell in zip(keys, cells, strict=True):
                if cell is not MISSING:
                    yield ["pv", id, key, [], encode_cell(cell)]


def count(operations: Sequence[Operation]) -> int:
    """How many operations there are with one for each element, at most."""
    many = [operation for operation in operations if operation[0] == "+vs"]
    return len(operations) + sum(len(decode_cells(one[1])) * (1 + len(one[3])) - 1 for one in many)


def replay(state: State, operations: Sequence[Operation]) -> None:
    """Do again what ``describe`` told of; KeyError when an id is unknown."""
    for operation in each(operations):
        verb, id = operation[0], decode(operation[1])
        if type(id) is Long:
            # a number once given out is not given again
            state.numbers.skip_to(id + 1)
        if verb == "+v":
            state.vertices.add(id, operation[2])
        elif verb == "+e":
            source, target = (_row(state.vertices, decode(end)) for end in operation[3:5])
            state.add_edge(id, operation[2], source, target)
        elif verb == "-v":
            state.vertices.kill(_row(state.vertices, id))
        elif verb == "-e":
            state.kill_edge(_row(state.edges, id))
        elif verb == "lv":
            state.vertices.relabel(_row(state.vertices, id), operation[3])
        else:
            elements = state.vertices if verb == "pv" else state.edges
            cell = decode_cell(operation[4])
            if type(cell) is Cells:
                state.numbers.skip_to(max(one.id + 1 - VALUE_IDS for one in cell))
            elements.put(operation[2], _row(elements, id), cell)


def _row(elements: Elements, id: Any) -> int:
    row = elements.find(id)
    if row is None:
        raise KeyError(id)
    return row


def records_of(operations: Sequence[Operation]) -> Iterator[Record]:
    """The change log's lines for a transaction."""
    for operation in each(operations):
        verb, id = operation[0], decode(operation[1])
        if verb[0] in "+-":
            op: Literal["ADD", "REMOVE"] = "ADD" if verb[0] == "+" else "REMOVE"
            if verb[1] == "e":
                yield Record(op, line(id, "e", "label", operation[2], decode(operation[3]), decode(operation[4])))
            else:
                for label in operation[2].split("::"):
                    yield Record(op, line(id, "vl", "label", label))
            continue
        if verb == "lv":
            before, after = operation[2].split("::"), operation[3].split("::")
            yield from (Record("REMOVE", line(id, "vl", "label", part)) for part in before if part not in after)
            yield from (Record("ADD", line(id, "vl", "label", part)) for part in after if part not in before)
            continue
        kind = "vp" if verb == "pv" else "ep"
        old, new = values_of(decode_cell(operation[3])), values_of(decode_cell(operation[4]))
        for value in old:
            if value not in new:
                yield Record("REMOVE", line(id, kind, operation[2], value))
        for value in new:
            if value not in old:
                yield Record("ADD", line(id, kind, operation[2], value))


def values_of(cell: Any) -> list[Any]:
    """What a cell holds: no value, one, or several."""
    if cell is MISSING:
        return []
    return [one.value for one in cell] if type(cell) is Cells else [cell]


def line(id: Any, kind: str, key: str, value: Any, source: Any = None, target: Any = None) -> dict[str, Any]:
    """The ``data`` of a record; ``kind`` is Neptune's: vl, vp, e or ep."""
    line: dict[str, Any] = {"id": str(id), "type": kind, "key": key, "value": typed(value)}
    if kind == "e":
        line |= {"from": str(source), "to": str(target)}
    return line


def typed(value: Any) -> dict[str, Any]:
    """A value as the change log writes it: JSON beside the name of its type."""
    name = _TYPE_NAMES.get(type(value))
    if name is None:
        return {"value": value.isoformat() if hasattr(value, "isoformat") else str(value), "dataType": _other(value)}
    return {"value": value, "dataType": name}


def _other(value: Any) -> str:
    return "Date" if hasattr(value, "isoformat") else "String"


_TYPE_NAMES: dict[type, str] = {
    str: "String",
    Char: "String",
    bool: "Boolean",
    Byte: "Byte",
    Short: "Short",
    int: "Integer",
    Long: "Long",
    Float: "Float",
    float: "Double",
}
