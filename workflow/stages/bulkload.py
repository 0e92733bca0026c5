"""The bulk load stage: a loader request, and in what order its files are to be loaded. No input or output.

Source: the Neptune user guide, "Neptune Loader Command"; clients write booleans as ``TRUE`` and leave fields empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from workflow.errors import BadRequest, InvalidParameter, MissingParameter, UnsupportedOperation

Mode = Literal["NEW", "RESUME", "AUTO"]
MOST_DEPENDENCIES: Final = 64
MODES: Final = ("NEW", "RESUME", "AUTO")
PARALLELISM: Final = ("LOW", "MEDIUM", "HIGH", "OVERSUBSCRIBE")
FORMATS: Final = ("csv",)
OTHER_FORMATS: Final = ("opencypher", "ntriples", "nquads", "rdfxml", "turtle")


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A load as it was asked for.

    ``parallelism`` is checked and kept: it says how many threads a load may take at most, and one is what it takes.
    """

    source: str
    format: str = "csv"
    mode: Mode = "AUTO"
    fail_on_error: bool = True
    parallelism: str = "HIGH"
    update_single: bool = False
    queue: bool = False
    dependencies: tuple[str, ...] = ()
    edge_only: bool = False
    keep_empty_strings: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)


def parse_load(body: Mapping[str, Any]) -> LoadRequest:
    """Read a request body. Raises MissingParameter, InvalidParameter, BadRequest or UnsupportedOperation."""
    source = _text(body, "source")
    if not source:
        raise MissingParameter("source is required: an s3:// address, or a folder on the service's machine")
    if not (source.lower().startswith("s3://") or source.startswith("/")):
        raise InvalidParameter(f"source {source[:200]!r} must begin with s3:// or /")
    format_name = _text(body, "format").lower()
    if not format_name:
        raise MissingParameter("format is required; this service reads csv")
    if format_name in OTHER_FORMATS:
        raise UnsupportedOperation(f"format {format_name!r} is not read by this service; convert the data to csv")
    if format_name not in FORMATS:
        raise InvalidParameter(f"format {format_name!r} is unknown; this service reads csv")
    parser = body.get("parserConfiguration") or {}
    if not isinstance(parser, Mapping):
        raise InvalidParameter("parserConfiguration must be an object")
    request = LoadRequest(
        source,
        format_name,
        _one_of(body, "mode", MODES, "AUTO"),
        _flag(body, "failOnError", True),
        _one_of(body, "parallelism", PARALLELISM, "HIGH"),
        _flag(body, "updateSingleCardinalityProperties", False),
        _flag(body, "queueRequest", False),
        _dependencies(body),
        _flag(body, "edgeOnlyLoad", False),
        _flag(parser, "allowEmptyStrings", False),
        {key: value for key, value in body.items() if isinstance(value, str | bool | int | list | dict)},
    )
    if request.dependencies and not request.queue:
        raise BadRequest("dependencies need queueRequest set to TRUE")
    return request


def in_order(files: Iterable[tuple[str, Literal["vertices", "edges"] | None]], edge_only: bool) -> list[str]:
    """Files in the order to load them: vertices first, unless the request says that it brings edges only."""
    listed = list(files)
    if edge_only:
        return [name for name, _ in listed]
    return [name for name, kind in listed if kind != "edges"] + [name for name, kind in listed if kind == "edges"]


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 4096 or "\0" in value:
        raise InvalidParameter(f"{name} must be text of at most 4096 characters")
    return value.strip()


def _one_of(body: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> Any:
    value = _text(body, name).upper() or default
    if value not in known:
        raise InvalidParameter(f"{name} {value[:80]!r} is unknown; use one of {', '.join(known)}")
    return value


def _flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise InvalidParameter(f"{name} must be TRUE or FALSE")


def _dependencies(body: Mapping[str, Any]) -> tuple[str, ...]:
    value = body.get("dependencies") or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidParameter("dependencies must be a list of load ids")
    if len(value) > MOST_DEPENDENCIES:
        raise InvalidParameter(f"at most {MOST_DEPENDENCIES} dependencies")
    return tuple(item for item in dict.fromkeys(value) if item)
