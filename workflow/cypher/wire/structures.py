"""Values of queries as structures of Bolt, and back. Source: the Bolt specification, structure semantics."""

from __future__ import annotations

from typing import Any, Final

from workflow.cypher.semantics.elements import labels_of, properties_of
from workflow.cypher.semantics.paths import CypherPath
from workflow.cypher.wire.packstream import BadPackStream, Structure
from workflow.graphs.elements import Edge, Vertex
from workflow.values.moments import Date, Duration, LocalDateTime, LocalTime, ZonedDateTime, ZonedTime

_SECOND: Final = 1_000_000_000
_DAY_S: Final = 86_400


class Structures:
    """Values in the form of one version.

    Args:
        element_ids: elements carry a text as id too, as from 5.0 on.
        utc: date-times count from 1970 in UTC, as from 5.0 on and in 4.4 where it was agreed; else in local time.
    """

    def __init__(self, *, element_ids: bool, utc: bool) -> None:
        self._element_ids = element_ids
        self._utc = utc

    def of(self, value: Any) -> Any:
        """What PackStream can write, for a value that it cannot. Texts stand for what only other languages make."""
        match value:
            case Vertex():
                return self._node(value)
            case Edge():
                ends = (value.out_vertex, value.in_vertex)
                ids = (str(value.id), *(str(one.id) for one in ends)) if self._element_ids else ()
                rows = tuple(one.row for one in ends)
                return Structure(0x52, (value.row, *rows, value.label, properties_of(value), *ids))
            case CypherPath():
                return self._path(value)
            case Date():
                return Structure(0x44, (value.day,))
            case ZonedTime():
                return Structure(0x54, (value.nanosecond, value.offset))
            case LocalTime():
                return Structure(0x74, (value.nanosecond,))
            case LocalDateTime():
                return Structure(0x64, divmod(value.total(), _SECOND))
            case ZonedDateTime():
                return self._date_time(value)
            case Duration():
                return Structure(0x45, (value.months, value.days, value.seconds, value.nanoseconds))
            case set() | frozenset():
                return list(value)
        return str(value)

    def _node(self, node: Vertex) -> Structure:
        ids = (str(node.id),) if self._element_ids else ()
        return Structure(0x4E, (node.row, labels_of(node), properties_of(node), *ids))

    def _path(self, path: CypherPath) -> Structure:
        """Distinct nodes and relationships, and the steps as pairs of their places."""
        nodes = list(dict.fromkeys(path.nodes))
        edges = list(dict.fromkeys(path.relationships))
        places: list[int] = []
        for edge, start, end in zip(path.relationships, path.nodes, path.nodes[1:], strict=False):
            number = edges.index(edge) + 1
            places += (number if edge.out_vertex == start else -number, nodes.index(end))
        unbound = [
            Structure(0x72, (one.row, one.label, properties_of(one), *((str(one.id),) if self._element_ids else ())))
            for one in edges
        ]
        return Structure(0x50, ([self._node(one) for one in nodes], unbound, places))

    def _date_time(self, value: ZonedDateTime) -> Structure:
        total = value.instant() + (0 if self._utc else value.offset * _SECOND)
        seconds, rest = divmod(total, _SECOND)
        if value.zone is None:
            return Structure(0x49 if self._utc else 0x46, (seconds, rest, value.offset))
        return Structure(0x69 if self._utc else 0x66, (seconds, rest, value.zone))

    def built(self, structure: Structure) -> Any:
        """The value that a client sent. Raises BadPackStream for what is no parameter."""
        try:
            return self._built(structure.tag, structure.fields)
        except (ValueError, TypeError) as error:
            raise BadPackStream(f"The fields of the structure {structure.tag:#04x} are wrong: {error}") from error

    def _built(self, tag: int, fields: tuple[Any, ...]) -> Any:
        match tag, fields:
            case 0x44, (day,):
                return Date(day)
            case 0x54, (nanosecond, offset):
                return ZonedTime(nanosecond, offset)
            case 0x74, (nanosecond,):
                return LocalTime(nanosecond)
            case 0x64, (seconds, nanosecond):
                day, rest = divmod(seconds, _DAY_S)
                return LocalDateTime(day, rest * _SECOND + nanosecond)
            case 0x45, (months, days, seconds, nanoseconds):
                return Duration.of(months, days, seconds, nanoseconds)
            case 0x49, (seconds, nanosecond, offset):
                return ZonedDateTime.then(seconds * _SECOND + nanosecond, None, offset)
            case 0x69, (seconds, nanosecond, zone):
                return ZonedDateTime.then(seconds * _SECOND + nanosecond, zone)
            case 0x46, (seconds, nanosecond, offset):
                return ZonedDateTime.then((seconds - offset) * _SECOND + nanosecond, None, offset)
            case 0x66, (seconds, nanosecond, zone):
                day, rest = divmod(seconds, _DAY_S)
                return ZonedDateTime.local(day, rest * _SECOND + nanosecond, zone)
        raise BadPackStream(f"A structure {tag:#04x} with {len(fields)} fields is no value of a parameter")
